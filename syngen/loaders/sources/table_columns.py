"""What the columns of anybody's table mean: files, factors, splits."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.types as is_type

from syngen._values import is_whole
from syngen.errors import FactorError, ParameterError, suggestion
from syngen.factors import MAX_GRID_SIZE, Factor
from syngen.io.files import inside
from syngen.io.names import check_names, checked_name, twins_in
from syngen.storage.tables.columns import source_name
from syngen.storage.tables.kinds import KINDS, kind_of
from syngen.tabular.plain import PlainColumn, plain_column
from syngen.tabular.texts import numbers_of

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import IntArray

__all__ = [
    "check_columns",
    "factor_names",
    "factors_in",
    "file_column",
    "file_names",
    "is_file_column",
    "is_split_column",
    "lengths_in",
    "schemes_in",
    "shown_name",
    "texts_by_name",
    "with_named_index",
]

_FILE_COLUMNS = ("file_name", "file", "path", "filename", "audio_filepath")
_OWN_COLUMNS = ("index", "row", "n_samples", "shard", "offset", "size")
_INDEX_NAMES = ("", "Unnamed: 0")  # of the first column, as pandas writes and reads an index
_STORED_INDEX = "__index_level_0__"  # as pandas calls it in Parquet files
_MOST_NUMERIC = 8  # columns of numbers that are factors if nobody says which are
_MOST_SAMPLES = 2**31 - 1
_USUAL_SPLITS = ("train", "validation", "test")


def is_file_column(name: str, wanted: str | None) -> bool:
    """Return whether a column may name audio files: the one that is wanted, or each of the usual ones."""
    return name in _FILE_COLUMNS if wanted is None else name == wanted


def is_split_column(name: str) -> bool:
    """Return whether a column says which split a row is in."""
    return name == "split" or name.startswith("split_")


def with_named_index(table: pa.Table) -> pa.Table:
    """Return a table in which what pandas wrote of an index is the column ``index``, which is no factor."""
    names = table.column_names
    for position, name in enumerate(names):
        if name == _STORED_INDEX or (position == 0 and name in _INDEX_NAMES):
            index = "index" if "index" not in names else source_name("index", names)
            return table.rename_columns([*names[:position], index, *names[position + 1 :]])
    return table


def texts_by_name(option: str, given: Any) -> Mapping[str, str]:
    """Return an option that says something of each factor.

    Raises
    ------
    ParameterError
        If it is no mapping of texts to texts.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(
        isinstance(t, str) for item in given.items() for t in item
    ):
        raise ParameterError(f"{option} is {given!r}; a mapping of names of factors to texts is needed")
    return given


def file_column(table: pa.Table, wanted: str | None) -> str:
    """Return the column that names the audio files: the one that is wanted, or the first of the usual ones.

    Raises
    ------
    ParameterError
        If there is none.
    """
    names = table.column_names
    if wanted is not None:
        if wanted not in names:
            raise ParameterError(
                f"the table has no column {wanted!r}{suggestion(wanted, names)}; it has {', '.join(names)}"
            )
        return wanted
    found = [name for name in _FILE_COLUMNS if name in names]
    if not found:
        raise ParameterError(
            f"the table has none of the columns {', '.join(_FILE_COLUMNS)}; say with file=... which of "
            f"{', '.join(names)} names the audio files"
        )
    return found[0]


def file_names(folder: Path, table: pa.Table, wanted: str | None) -> list[str]:
    """Return the name of each row's audio file, relative to the folder.

    Raises
    ------
    ParameterError
        If one is missing, or leads out of the folder.
    """
    column = file_column(table, wanted)
    cells: list[Any] = table.column(column).to_pylist()
    # names that are no UTF-8 are bytes
    files = [os.fsdecode(cell) if isinstance(cell, bytes) else cell for cell in cells]
    for row, name in enumerate(files):
        if not isinstance(name, str):
            raise ParameterError(f"row {row}: {column} is {name!r}; the name of an audio file is needed")
        try:
            inside(folder, name)
        except ParameterError as error:
            raise ParameterError(f"row {row}: {error}; audio files must lie in the folder") from error
    return files


def shown_name(name: str) -> str:
    r"""Return the name of a file as a text that is UTF-8: bytes that are none are written as ``\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def factor_names(table: pa.Table, wanted: Sequence[str] | None, file: str) -> list[str]:
    """Return the columns that are factors: those that are wanted, or all that are nothing else.

    Raises
    ------
    FactorError
        If one is no column, or cannot be called so.
    """
    names = table.column_names
    if wanted is None:
        others = {file, *_OWN_COLUMNS, "split"}
        chosen = [
            name
            for name in names
            if name not in others and not name.startswith("split_") and not _is_of_source(name)
        ]
        _check_not_too_many(table, chosen)
    else:
        chosen = [wanted] if isinstance(wanted, str) else _listed(wanted)
    for name in chosen:
        if name not in names:
            raise FactorError(
                f"no column {name!r}{suggestion(name, names)}; the table has {', '.join(map(str, names))}"
            )
        if name in _OWN_COLUMNS or is_split_column(name):
            raise FactorError(f"a factor cannot be called {name!r}; rename the column")
        if f"{name}_level" in chosen:
            raise FactorError(f"{name}_level is the column of the levels of {name!r}; rename the factor")
    if not chosen:
        raise FactorError(f"the table has no factors: nothing but {', '.join(names)}")
    return chosen


def _listed(wanted: Any) -> list[str]:
    names = list(wanted) if isinstance(wanted, Iterable) else [wanted]
    if not isinstance(wanted, Iterable) or not all(isinstance(name, str) for name in names):
        raise FactorError(f"factors is {wanted!r}; a list of columns is needed")
    return names


def _check_not_too_many(table: pa.Table, names: Sequence[str]) -> None:
    """Refuse to take a table of measurements for one of factors."""
    numeric = [name for name in names if _is_numeric(table.schema.field(name).type)]
    if len(numeric) > _MOST_NUMERIC:
        raise FactorError(
            f"the table has {len(numeric)} columns of numbers ({', '.join(numeric)}); factors are what a "
            "file was made from, not all that was measured of it: say with factors=[...] which of "
            f"{', '.join(names)} they are"
        )


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(is_type.is_integer(kind) or is_type.is_floating(kind) or is_type.is_decimal(kind))


def _is_of_source(name: str) -> bool:
    """Whether a column is what an export made of a file name or a number of the dataset that it is of."""
    before = name
    while before.startswith("source_"):
        before = before.removeprefix("source_")
    return before != name and before in (*_FILE_COLUMNS, *_OWN_COLUMNS)


def factors_in(
    table: pa.Table, names: list[str], kinds: Mapping[str, str], units: Mapping[str, str]
) -> tuple[list[Factor], list[IntArray]]:
    """Return factors, and for each the level of every row: int64, shape (n_rows,).

    Raises
    ------
    FactorError
        If rows have no value, or one that is none, there is no such kind, or the grid would be too large.
    """
    for option, given in (("kinds", kinds), ("units", units)):
        for name in given:
            if name not in names:
                raise FactorError(f"{option} names {name!r}{suggestion(name, names)}, which is no factor")
    factors, levels = [], []
    for name in names:
        column = plain_column(name, table.column(name))
        kind = kinds.get(name) or ("ordinal" if column.is_ordered else kind_of(column.distinct))
        if kind not in KINDS:
            raise FactorError(f"kind {kind!r} of {name!r}{suggestion(kind, KINDS)}; {', '.join(KINDS)}")
        if kind != "nominal" and not column.is_ordered and isinstance(column.distinct[0], str):
            column = _as_numbers(name, column, kind)
        factors.append(Factor(name, column.distinct, kind, str(units.get(name, ""))))
        levels.append(column.codes)
    _check_grid(factors)
    return factors, levels


def _as_numbers(name: str, column: PlainColumn, kind: str) -> PlainColumn:
    """Return texts that are said to be in an order as numbers, if they are numbers."""
    texts = [str(value) for value in column.distinct]
    try:
        numbers: Sequence[int | float] = numbers_of(texts)
    except ValueError as error:
        if kind == "ordinal":  # in the order of the alphabet
            return column
        raise FactorError(f"factor {name!r} is called {kind}, but {error}; call it nominal") from error
    order = np.argsort(numbers, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return PlainColumn(tuple(numbers[position] for position in order.tolist()), rank[column.codes])


def _check_grid(factors: Sequence[Factor]) -> None:
    size = math.prod(factor.size for factor in factors)
    if size > MAX_GRID_SIZE:
        sizes = ", ".join(f"{factor.name} has {factor.size:,}" for factor in factors)
        raise FactorError(
            f"{len(factors)} factors have 10^{int(math.log10(size))} combinations of values, and 2^62 are "
            f"possible ({sizes}); say with factors=[...] which columns are factors, or round their values"
        )


def lengths_in(table: pa.Table) -> IntArray | None:
    """Return the column ``n_samples``, if there is one: int64, shape (n_rows,).

    Raises
    ------
    ParameterError
        If it is not a whole number from 0 on in each row.
    """
    if "n_samples" not in table.column_names:
        return None
    cells = table.column("n_samples").to_pylist()
    for row, cell in enumerate(cells):
        is_length = (
            isinstance(cell, (int, float)) and not isinstance(cell, bool) and 0 <= cell <= _MOST_SAMPLES
        )
        if not is_length or cell != int(cell):
            raise ParameterError(
                f"row {row}: n_samples is {cell!r:.50}; a whole number is needed. Without that column, the "
                "files themselves are asked"
            )
    return np.array([int(cell) for cell in cells], dtype=np.int64)


def schemes_in(table: pa.Table) -> tuple[dict[str, tuple[str, ...]], list[IntArray]]:
    """Return the splits by scheme, and for each the code of every row: int64, shape (n_rows,).

    Raises
    ------
    ParameterError
        If a split, or a scheme, has a name that cannot be that of a file.
    """
    columns = [name for name in table.column_names if is_split_column(name)]
    by_scheme = {"default": "split"}
    for column in columns:
        scheme = "default" if column == "split" else column.removeprefix("split_")
        if by_scheme.setdefault(scheme, column) != column:
            raise ParameterError(f"{column!r} would be the column 'split'; rename the column")
    check_names(by_scheme, "the name of a split scheme, which is that of a column after split_,")
    schemes: dict[str, tuple[str, ...]] = {}
    codes = []
    for scheme, column in by_scheme.items():
        if column not in columns:
            schemes[scheme] = ("train",)
            codes.append(np.zeros(table.num_rows, dtype=np.int64))
            continue
        # numbers of folds are names too
        cells = [str(cell) if is_whole(cell) else cell for cell in table.column(column).to_pylist()]
        names = _splits_in(column, cells)
        schemes[scheme] = names
        code_of = {name: code for code, name in enumerate(names)}
        codes.append(np.array([code_of[cell] for cell in cells], dtype=np.int64))
    return schemes, codes


def _splits_in(column: str, cells: list[Any]) -> tuple[str, ...]:
    """Return the splits that a column names: the usual ones, then the others by name."""
    found: dict[str, int] = {}  # by name: its first row
    for row, cell in enumerate(cells):
        if not isinstance(cell, str):
            raise ParameterError(f"row {row}: {column} is {cell!r}; the name of a split is needed")
        found.setdefault(cell, row)
    for name, row in found.items():
        checked_name(name, f"row {row}: {column}")
    twins = twins_in(found)
    if twins is not None:
        raise ParameterError(
            f"row {found[twins[1]]}: {column} is {twins[1]!r}, and {twins[0]!r} in row {found[twins[0]]}; "
            "they are one name where case does not count: rename one"
        )
    usual = [name for name in _USUAL_SPLITS if name in found]
    return (*usual, *sorted(found.keys() - set(usual)))


def check_columns(table: pa.Table) -> None:
    """Refuse a table with two columns of one name.

    Raises
    ------
    ParameterError
    """
    for position, name in enumerate(table.column_names):
        if name in table.column_names[:position]:
            raise ParameterError(f"the table has two columns {name!r}; rename one")
