"""Columns of NumPy, pandas and Arrow, and tables of them, as Arrow has them: nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from syngen.errors import ParameterError
from syngen.tabular.cells import array_of_cells, counted, is_unicode

__all__ = ["arrow_column", "frame_columns", "is_frame", "is_series", "table_of"]

_NEEDED = (
    "a DataFrame, an Arrow table, a mapping of columns, a list of rows, or the path of a file is needed"
)


def is_frame(thing: object) -> bool:
    """Return whether something is a DataFrame of pandas, which is not imported to find out."""
    return hasattr(thing, "columns") and hasattr(thing, "iloc")


def is_series(thing: object) -> bool:
    """Return whether something is a column, or an index, of pandas."""
    return hasattr(thing, "dtype") and hasattr(thing, "to_numpy") and not hasattr(thing, "columns")


def arrow_column(name: str, column: Any, *, are_paths: bool = False) -> pa.Array | pa.ChunkedArray:
    """Return a column of any library as Arrow has it; what is missing, or masked, is null.

    Parameters
    ----------
    name : str
        What messages call the column.
    column : pyarrow.Array, pyarrow.ChunkedArray, pandas.Series, array_like or iterable, of length n
    are_paths : bool
        Whether texts may be paths that are no UTF-8; see `array_of_cells`.

    Raises
    ------
    ParameterError
        If it has not one value a row, or values that no table holds.
    """
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        return column
    if is_series(column):
        return _of_series(name, column, are_paths=are_paths)
    if isinstance(column, np.ndarray):
        return _of_numpy(name, column, are_paths=are_paths)
    if isinstance(column, (str, bytes, Mapping, set, frozenset)) or not isinstance(column, Iterable):
        raise ParameterError(
            f"column {name!r} is a {type(column).__name__}; a list or an array, a value a row, is needed"
        )
    if hasattr(column, "__array__") and not isinstance(column, Sequence):  # a tensor
        try:
            return _of_numpy(name, np.asarray(column))
        except (TypeError, ValueError, RuntimeError) as error:
            raise ParameterError(f"column {name!r} is a {type(column).__name__}: {error}") from error
    if _is_categorical(column):
        return _of_categories(name, column)
    return array_of_cells(name, column, are_paths=are_paths)


def _is_categorical(column: object) -> bool:
    return hasattr(column, "categories") and hasattr(column, "codes") and hasattr(column, "ordered")


def _of_series(name: str, series: Any, *, are_paths: bool) -> pa.Array | pa.ChunkedArray:
    if isinstance(series.dtype, np.dtype):
        return _of_numpy(name, series.to_numpy(), are_paths=are_paths)
    kind = str(series.dtype)
    if kind == "category":
        values = getattr(series, "array", series)
        return _of_categories(name, getattr(values, "_values", values))
    if kind.startswith(("period", "interval")):
        missing = series.isna()
        return pa.array([None if m else str(v) for v, m in zip(series, missing, strict=True)], pa.string())
    try:
        found = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError):
        return array_of_cells(name, list(series), are_paths=are_paths)
    return found


def _of_categories(name: str, column: Any) -> pa.DictionaryArray:
    """Return a Categorical of pandas with its categories in their order."""
    codes = np.asarray(column.codes, dtype=np.int32)
    categories = arrow_column(name, column.categories)
    if isinstance(categories, pa.ChunkedArray):
        categories = categories.combine_chunks()
    indices = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, categories, ordered=bool(column.ordered))


def _of_numpy(name: str, array: Any, *, are_paths: bool = False) -> pa.Array | pa.ChunkedArray:
    if array.ndim != 1:
        raise ParameterError(f"column {name!r} has the shape {array.shape}; one value a row is needed")
    mask = np.ma.getmaskarray(array) if np.ma.isMaskedArray(array) else None
    values = np.asarray(array)
    if values.dtype.kind in "cV":
        raise ParameterError(
            f"column {name!r} has {counted(len(values), 'value')} of type {values.dtype}; texts, numbers, "
            "truth values or dates are needed"
        )
    if values.dtype.kind == "S":
        values = np.array([_decoded(name, cell) for cell in values.tolist()], dtype=object)
    if values.dtype.kind in "OU":
        return array_of_cells(name, _unmasked(values, mask), are_paths=are_paths)
    if values.dtype == np.longdouble:
        values = values.astype(np.float64)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    try:
        return pa.array(values, mask=mask, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
        return array_of_cells(name, _unmasked(values, mask))


def _unmasked(values: Any, mask: Any) -> list[object]:
    """Return the cells of an array, None where they are masked."""
    if mask is None:
        return list(values)
    return [None if is_masked else cell for cell, is_masked in zip(values, mask, strict=True)]


def _decoded(name: str, cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParameterError(f"column {name!r}: {cell!r} is no text in UTF-8; decode the column") from error


def frame_columns(frame: Any, keep: Collection[str] = ()) -> dict[str, Any]:
    """Return the columns of a DataFrame by name, the levels of its index named in `keep` first.

    Raises
    ------
    ParameterError
        If two columns have one name.
    """
    names = [str(name) for name in frame.columns]
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise ParameterError(f"the table has two columns {twice!r}; rename one")
    indices = {
        str(name): frame.index.get_level_values(position)
        for position, name in enumerate(frame.index.names)
        if name is not None and str(name) in keep and str(name) not in names
    }
    return {**indices, **{name: frame.iloc[:, position] for position, name in enumerate(names)}}


def table_of(
    table: Any, *, keep: Collection[str] = (), is_path: Callable[[str], bool] = lambda name: False
) -> pa.Table:
    """Return a table of any library as an Arrow table.

    Parameters
    ----------
    table : DataFrame, pyarrow.Table, mapping of columns, or sequence of mappings
        The latter has a mapping of values for each row; a value that one lacks is missing.
    keep : collection of str
        Names of an index of a DataFrame that become columns.
    is_path : callable
        Whether the column of a name may have paths that are no UTF-8.

    Raises
    ------
    ParameterError
        If it is none of these, columns differ in length, or one has values that no table holds.
    """
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    if is_frame(table):
        columns = frame_columns(table, keep)
    elif isinstance(table, Mapping):
        columns = {_checked_name(name): column for name, column in table.items()}
    elif isinstance(table, Sequence) and not isinstance(table, (str, bytes)):
        columns = columns_of_rows(table)
    elif hasattr(table, "__arrow_c_stream__"):
        try:
            return pa.table(table)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise ParameterError(f"a table of type {type(table).__name__} ({error}); {_NEEDED}") from error
    else:
        raise ParameterError(f"a table of type {type(table).__name__}; {_NEEDED}")
    for name in columns:
        if not is_unicode(name):
            raise ParameterError(f"the name of the column {name!r} has half of a character; rename it")
    found = {name: arrow_column(name, column, are_paths=is_path(name)) for name, column in columns.items()}
    lengths = {name: len(column) for name, column in found.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {n:,}" for name, n in lengths.items())
        raise ParameterError(f"the columns of the table differ in length: {shown}")
    return pa.table(found)


def columns_of_rows(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Return rows, each a mapping, as columns; what a row lacks is None.

    Raises
    ------
    ParameterError
        If a row is no mapping.
    """
    odd = next((row for row, cells in enumerate(rows) if not isinstance(cells, Mapping)), None)
    if odd is not None:
        raise ParameterError(f"row {odd} of the table is a {type(rows[odd]).__name__}; {_NEEDED}")
    names = dict.fromkeys(_checked_name(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise ParameterError(f"the table has a column called {name!r}; the name of a column is a text")
    return name
