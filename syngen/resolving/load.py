"""Recipes by name, by path or as documents, read and checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from syngen.errors import Issue, ParameterError, RecipeError

if TYPE_CHECKING:
    from syngen.recipe.parse import Draft
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.synth.request import Permissions

    RecipeLike: TypeAlias = str | Path | Mapping[str, Any] | ResolvedRecipe

__all__ = ["RecipeLike", "load_recipe", "permissions_of", "resolve_document"]


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
        With every problem, each at its line and column; with one, if it is an earlier major version of a
        shipped recipe, which would not sound as it did.
    ParameterError
        If the recipe is neither a name, a path nor a mapping.

    Examples
    --------
    >>> import syngen
    >>> syngen.load_recipe("syntone-small").grid
    FactorGrid(timbre: 4, amplitude: 20, frequency: 400; 32,000 points)
    """
    from syngen.recipe.library import find_recipe
    from syngen.recipe.parse import parse_document, parse_recipe, read_text
    from syngen.resolving.resolve import ResolvedRecipe, resolve, resolve_draft
    from syngen.synth.request import Permissions

    permissions = permissions_of(allow_other_audio, allow_programs)
    if isinstance(recipe, ResolvedRecipe):
        is_new = permissions not in (Permissions(), recipe.request.permissions)
        return resolve(recipe.recipe, permissions=permissions) if is_new else recipe
    if isinstance(recipe, Mapping):
        draft = parse_document(recipe)
        _check_age(draft)
        return resolve_draft(draft, permissions=permissions, is_new=True)
    if not isinstance(recipe, (str, Path)):
        raise ParameterError(f"{recipe!r} is not a recipe: give a name, a path or a mapping")
    path = find_recipe(recipe)
    draft = parse_recipe(read_text(path), source=str(path), folder=path.absolute().parent)
    _check_age(draft)
    return resolve_draft(draft, permissions=permissions, is_new=True)


def _check_age(draft: Draft) -> None:
    """Refuse an earlier major version of a shipped recipe: its name would stand for other samples."""
    from syngen.recipe.library import recipe_names

    recipe = draft.recipe
    is_shipped = recipe is not None and recipe.name in recipe_names()
    if recipe is None or not is_shipped or "version" not in recipe.model_fields_set:
        return
    shipped = _shipped_version(recipe.name)
    if _major(recipe.version) < _major(shipped):
        message = (
            f"{recipe.name} {recipe.version} is an earlier recipe, whose samples are not made now; "
            f"take the shipped one, {shipped} (syngen recipe show {recipe.name}), or give yours another "
            "name, to render it as the synthesizers are now, or install the version of syngen that made "
            "datasets of it, which is in their dataset.json"
        )
        raise RecipeError([draft.located(Issue(("version",), message))])


@lru_cache(maxsize=64)
def _shipped_version(name: str) -> str:
    from syngen.recipe.library import recipe_path
    from syngen.recipe.parse import parse_recipe, read_text

    shipped = parse_recipe(read_text(recipe_path(name))).recipe
    return "0.0.0" if shipped is None else shipped.version


def _major(version: str) -> int:
    return int(version.split(".", 1)[0])


def permissions_of(allow_other_audio: bool, allow_programs: Collection[str]) -> Permissions:  # noqa: FBT001
    """Return what a recipe may do; see `load_recipe`."""
    from syngen.synth.request import Permissions

    if isinstance(allow_programs, str):
        raise ParameterError(f"allow_programs is a list of names, not {allow_programs!r}")
    return Permissions(allow_other_audio, frozenset(allow_programs))


def resolve_document(document: Mapping[str, Any], permissions: Permissions) -> ResolvedRecipe:
    """Check the recipe document of a dataset, and join it with its synthesizer.

    It is not held to rules that are younger than the dataset may be, such as ascending values.

    Parameters
    ----------
    document : mapping
        Content of a recipe, as ``plan.json`` and ``dataset.json`` hold it.
    permissions : Permissions
        What the recipe may do, as for `load_recipe`.

    Raises
    ------
    RecipeError
        With every problem.
    """
    from syngen.recipe.parse import parse_document
    from syngen.resolving.resolve import resolve_draft

    return resolve_draft(parse_document(document), permissions=permissions)
