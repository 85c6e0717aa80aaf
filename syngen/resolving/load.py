"""Recipes by name, by path or as documents, read and checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen.resolving.resolve import ResolvedRecipe

    RecipeLike: TypeAlias = str | Path | Mapping[str, Any] | ResolvedRecipe

__all__ = ["RecipeLike", "load_recipe"]


def load_recipe(
    recipe: RecipeLike, *, allow_other_audio: bool = False, allow_programs: Collection[str] = ()
) -> ResolvedRecipe:
    """Read a recipe and check every part of it.

    Parameters
    ----------
    recipe : str, Path or mapping
        Name of a shipped recipe, path of a YAML file, or the document itself.
    allow_other_audio : bool
        Whether a speech engine may be used that does not sound as the recorded one does; the recipe then
        has another fingerprint.
    allow_programs : collection of str
        Programs that the engine ``command`` may run. A recipe alone never runs one.

    Returns
    -------
    ResolvedRecipe
        With ``.grid``, ``.size``, ``.fingerprint`` and the document in ``.recipe``.

    Raises
    ------
    RecipeError
        With every problem, each at its line and column.

    Examples
    --------
    >>> import syngen
    >>> syngen.load_recipe("syntone-small").grid
    FactorGrid(timbre: 4, amplitude: 20, frequency: 400; 32,000 points)
    """
    from syngen.recipe.library import find_recipe
    from syngen.recipe.parse import parse_document, parse_recipe, read_text
    from syngen.resolving.resolve import ResolvedRecipe, resolve, resolve_draft
    from syngen.synth.plugin import Permissions

    if isinstance(allow_programs, str):
        raise ParameterError(f"allow_programs is a list of names, not {allow_programs!r}")
    permissions = Permissions(allow_other_audio, frozenset(allow_programs))
    if isinstance(recipe, ResolvedRecipe):
        is_new = permissions not in (Permissions(), recipe.request.permissions)
        return resolve(recipe.recipe, permissions=permissions) if is_new else recipe
    if isinstance(recipe, Mapping):
        return resolve_draft(parse_document(recipe), permissions=permissions)
    if not isinstance(recipe, (str, Path)):
        raise ParameterError(f"{recipe!r} is not a recipe: give a name, a path or a mapping")
    path = find_recipe(recipe)
    draft = parse_recipe(read_text(path), source=str(path), folder=path.absolute().parent)
    return resolve_draft(draft, permissions=permissions)
