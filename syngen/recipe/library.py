"""The recipes and factor manifests that are shipped with the package."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from syngen.errors import Issue, RecipeError, suggestion

__all__ = ["find_recipe", "manifest_path", "recipe_names", "recipe_path"]


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
    path = Path(recipe)
    if path.exists():
        return path
    names = ", ".join(recipe_names())
    message = f"no shipped recipe and no file{suggestion(recipe, recipe_names())}; shipped: {names}"
    raise RecipeError([Issue((), message, str(recipe))])
