"""Factor manifests: which observations a recipe has, without their audio."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from syngen.errors import ParameterError
from syngen.io.atomic import atomic_file
from syngen.resolving.resolve import ResolvedRecipe
from syngen.resolving.vocabulary import recipe_columns, vocabulary_for
from syngen.storage.tables.manifest import ROWS_PER_GROUP, ManifestWriter

__all__ = ["write_factor_manifest"]


def write_factor_manifest(resolved: ResolvedRecipe, path: Path) -> int:
    """Write index, splits and levels of every observation, in index order.

    Parameters
    ----------
    resolved : ResolvedRecipe
    path : Path
        The Parquet file.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    ParameterError
        If the file cannot be written.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ParameterError(f"{path} cannot be written: give the name of a file in a folder that exists")
    vocabulary = vocabulary_for(resolved)
    indices = resolved.rows.all_indices()
    try:
        with (
            atomic_file(path) as file,
            ManifestWriter(file, vocabulary.factor_schema()) as manifest,
        ):
            for start in range(0, len(indices), ROWS_PER_GROUP):
                part = indices[start : start + ROWS_PER_GROUP]
                manifest.write(pa.table(recipe_columns(resolved, vocabulary, part, with_values=False)))
    except OSError as error:
        raise ParameterError(f"{path} cannot be written: {error.strerror or error}") from error
    return len(indices)
