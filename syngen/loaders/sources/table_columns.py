"""What the columns of anybody's table mean: files, factors, splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._values import KINDS, is_whole, kind_of
from syngen.errors import FactorError, ParameterError, suggestion
from syngen.factors import Factor
from syngen.io.files import inside
from syngen.io.names import check_names, checked_name, twins_in

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import IntArray

__all__ = ["check_columns", "factor_names", "factors_in", "file_column", "file_names", "schemes_in"]

_FILE_COLUMNS = ("file_name", "file", "path", "filename", "audio_filepath")
_OWN_COLUMNS = ("index", "row", "n_samples", "shard", "offset", "size")
_BEYOND = 2**63  # the first number that is no int64
_MOST_SAMPLES = 2**31 - 1
_USUAL_SPLITS = ("train", "validation", "test")


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
    files: list[Any] = table.column(column).to_pylist()
    for row, name in enumerate(files):
        if not isinstance(name, str):
            raise ParameterError(f"row {row}: {column} is {name!r}; the name of an audio file is needed")
        try:
            inside(folder, name)
        except ParameterError as error:
            raise ParameterError(f"row {row}: {error}; audio files must lie in the folder") from error
    return files


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
    else:
        chosen = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in chosen:
        if name not in names:
            raise FactorError(
                f"no column {name!r}{suggestion(name, names)}; the table has {', '.join(map(str, names))}"
            )
        if name in (*_OWN_COLUMNS, "split") or name.startswith("split_"):
            raise FactorError(f"a factor cannot be called {name!r}; rename the column")
        if f"{name}_level" in chosen:
            raise FactorError(f"{name}_level is the column of the levels of {name!r}; rename the factor")
    if not chosen:
        raise FactorError(f"the table has no factors: nothing but {', '.join(names)}")
    return chosen


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
        If a row has no value, or there is no such kind.
    """
    for option, given in (("kinds", kinds), ("units", units)):
        for name in given:
            if name not in names:
                raise FactorError(f"{option} names {name!r}{suggestion(name, names)}, which is no factor")
    factors, levels = [], []
    for name in names:
        values = _values(name, table.column(name).to_pylist())
        order = sorted(set(values))
        kind = kinds.get(name) or kind_of(order)
        if kind not in KINDS:
            raise FactorError(f"kind {kind!r} of {name!r}{suggestion(kind, KINDS)}; {', '.join(KINDS)}")
        factors.append(Factor(name, tuple(order), kind, str(units.get(name, ""))))
        level_of = {value: level for level, value in enumerate(order)}
        levels.append(np.array([level_of[value] for value in values], dtype=np.int64))
    return factors, levels


def _values(name: str, cells: list[Any]) -> list[Any]:
    """Return the values of a factor as texts, whole numbers or real numbers, all of one type."""
    if all(map(is_whole, cells)):
        is_held = min(cells) >= -_BEYOND and max(cells) < _BEYOND
        return cells if is_held else [str(cell) for cell in cells]  # a manifest has int64
    for row, cell in enumerate(cells):
        if cell is None or (isinstance(cell, float) and not np.isfinite(cell)):
            raise FactorError(f"row {row}: factor {name!r} is {cell!r}; every row needs a value")
        if not isinstance(cell, (str, int, float)):
            raise FactorError(
                f"row {row}: factor {name!r} is a {type(cell).__name__}; a text or a number is needed"
            )
    if any(isinstance(cell, (str, bool)) for cell in cells):
        return [str(cell) for cell in cells]
    return [float(cell) for cell in cells]


def schemes_in(table: pa.Table) -> tuple[dict[str, tuple[str, ...]], list[IntArray]]:
    """Return the splits by scheme, and for each the code of every row: int64, shape (n_rows,).

    Raises
    ------
    ParameterError
        If a split, or a scheme, has a name that cannot be that of a file.
    """
    columns = [name for name in table.column_names if name == "split" or name.startswith("split_")]
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
        cells = table.column(column).to_pylist()
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
    """Refuse a table with two columns of one name, or with lengths that are none.

    Raises
    ------
    ParameterError
    """
    for position, name in enumerate(table.column_names):
        if name in table.column_names[:position]:
            raise ParameterError(f"the table has two columns {name!r}; rename one")
    if "n_samples" in table.column_names:
        for row, cell in enumerate(table.column("n_samples").to_pylist()):
            if not is_whole(cell, 0, _MOST_SAMPLES):
                raise ParameterError(
                    f"row {row}: n_samples is {cell!r:.50}; the samples of the file are needed, or no such "
                    "column"
                )
