"""Recipes, and the manifests of their factors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syngen.io.files import local_path
from syngen.resolving.load import load_recipe

if TYPE_CHECKING:
    from syngen.resolving.load import RecipeLike

__all__ = ["expand"]


def expand(recipe: RecipeLike, path: str | Path) -> int:
    """Write the factor manifest of a recipe: index, splits and levels, in index order, no audio.

    Parameters
    ----------
    recipe : str, Path, mapping or ResolvedRecipe
        See `load_recipe`.
    path : str or Path
        The Parquet file to write; a file that is there is replaced.

    Returns
    -------
    int
        Number of rows.
    """
    from syngen.generation.factor_manifest import write_factor_manifest

    return write_factor_manifest(load_recipe(recipe), local_path(path))
