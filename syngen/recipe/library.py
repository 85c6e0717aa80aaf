"""The recipes and factor manifests that are shipped with the package."""

from __future__ import annotations

import contextlib
import re
from functools import lru_cache
from pathlib import Path

from syngen.errors import Issue, ParameterError, RecipeError, suggestion
from syngen.io.atomic import write_atomic
from syngen.io.files import local_path
from syngen.io.names import is_name
from syngen.recipe.fields import NAME_PATTERN

__all__ = ["find_recipe", "manifest_path", "recipe_names", "recipe_path", "write_template"]


@lru_cache(maxsize=1)
def _root() -> Path:
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_shipped"  # made when a wheel is built
    return shipped if shipped.is_dir() else package.parent


def recipe_names() -> tuple[str, ...]:
    """Return the names of the shipped recipes, sorted."""
    return tuple(sorted(path.stem for path in (_root() / "recipes").glob("*.yaml")))


def recipe_path(name: str) -> Path:
    """Return the file of a shipped recipe."""
    return _root() / "recipes" / f"{name}.yaml"


def manifest_path(name: str) -> Path:
    """Return the factor manifest of a shipped recipe."""
    return _root() / "manifests" / f"{name}.parquet"


def find_recipe(recipe: str | Path) -> Path:
    """Return the file that a name or a path means.

    A shipped name wins; a file of that name in the current folder is meant by ``./name``.

    Raises
    ------
    RecipeError
        If it is neither a shipped name nor a file.
    """
    if isinstance(recipe, str) and recipe in recipe_names():
        return recipe_path(recipe)
    path = local_path(recipe)
    with contextlib.suppress(OSError, ValueError):  # a name too long for a file, or with a NUL
        if path.exists():
            return path
    names = ", ".join(recipe_names())
    message = f"no shipped recipe and no file{suggestion(recipe, recipe_names())}; shipped: {names}"
    raise RecipeError([Issue((), message, str(recipe))])


def write_template(path: Path) -> None:
    """Write a commented recipe to start from; it is named after its file.

    Raises
    ------
    ParameterError
        If the file exists, cannot be written, or its name makes no name of a recipe.
    """
    if path.exists():
        raise ParameterError(f"{path} exists already; choose another name")
    if path.suffix not in (".yaml", ".yml"):
        raise ParameterError(f"{path} is no YAML file; choose a name such as {path.stem}.yaml")
    if not re.fullmatch(NAME_PATTERN, path.stem) or not is_name(path.stem):
        raise ParameterError(
            f"{path.stem!r} cannot be the name of a recipe; use lower-case letters, digits and -"
        )
    here = Path(__file__).resolve().parent
    text = (here / "template.yaml").read_text("utf-8")
    for mark, value in (
        ("@SCHEMA@", str(here / "schema.json")),
        ("@FILE@", path.name),
        ("@NAME@", path.stem),
    ):
        text = text.replace(mark, value)
    try:
        write_atomic(path, text.encode("utf-8"))
    except OSError as error:
        raise ParameterError(f"{path} cannot be written: {error.strerror or error}") from error
