"""Where the table of anybody's audio is, and how it is read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.io.files import local_path
from syngen.loaders.sources.table_columns import (
    is_file_column,
    is_split_column,
    texts_by_name,
    with_named_index,
)
from syngen.tabular.arrays import table_of
from syngen.tabular.files import read_table_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_table"]


def read_table(
    folder: Path, table: Any, *, file: str | None = None, kinds: Mapping[str, str] | None = None
) -> pa.Table:
    """Return a table as Arrow: a DataFrame, an Arrow table, columns, rows, or a file of one.

    Parameters
    ----------
    folder : Path
        Of the audio files.
    table : DataFrame, pyarrow.Table, mapping of columns, sequence of mappings, str or Path
    file : str, optional
        The column that names the audio files.
    kinds : mapping, optional
        Kind by factor: of a CSV file, names are not read as numbers that are written in another way.

    Warns
    -----
    UserWarning
        If a file of that name is beside the audio and another in the working folder: the former is read.

    Raises
    ------
    ParameterError
        If it is none of these, or the file is missing or unreadable.
    """
    names = [] if file is None else [file]

    def is_path(name: str) -> bool:
        return is_file_column(name, file)

    if not isinstance(table, (str, os.PathLike)):
        found = table_of(table, keep=names or _usual_files(table), is_path=is_path)
    else:
        nominal = [n for n, kind in texts_by_name("kinds", kinds).items() if kind == "nominal"]
        found = read_table_file(
            _table_path(folder, table), is_path=is_path, is_text=is_split_column, as_names=nominal
        )
    return with_named_index(found)


def _usual_files(frame: Any) -> list[str]:
    """Return the names of a DataFrame's index that are those of a column of files, if no column has one."""
    columns = [str(name) for name in getattr(frame, "columns", ())]
    index = [str(name) for name in getattr(getattr(frame, "index", None), "names", ())]
    return (
        []
        if any(is_file_column(name, None) for name in columns)
        else [name for name in index if is_file_column(name, None)]
    )


def _table_path(folder: Path, table: str | os.PathLike[str]) -> Path:
    """Return the file of a table: that beside the audio comes before that in the working folder."""
    given, here = os.fspath(table), local_path(table).absolute()
    beside = folder / given
    if here == beside or given.startswith("~") or not beside.exists():
        return here
    if here.exists() and not beside.samefile(here):
        warnings.warn(
            f"there are two tables {given}: {beside}, beside the audio, is read, and {here} is not; give "
            "the whole path of the one that is meant",
            UserWarning,
            stacklevel=4,
        )
    return beside
