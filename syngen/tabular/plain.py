"""A column as plain values: truth values, whole numbers, numbers or texts, by one stated rule.

* Truth values, and whole numbers that 64 bits hold with a sign, stay what they are. Other whole numbers are
  texts of their digits.
* Numbers of any width, decimal ones too, are float64, or texts where float64 would lose digits. A time span
  is its number of seconds.
* Texts stay what they are. Dates and times are texts by ISO 8601, with the zone if they have one.
* A categorical column has the values of its categories; if it is ordered, in their order.
* A column with missing or infinite values, lists, mappings or bytes is refused, with their number.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syngen.errors import FactorError, SyngenError
from syngen.tabular.arrays import arrow_column
from syngen.tabular.cells import as_text, counted, is_missing, number_array, same_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import IntArray, Value

__all__ = ["PlainColumn", "plain_array", "plain_column"]

_EXACT_UP_TO = 2**53  # whole numbers that float64 has without gaps


@dataclass(frozen=True, eq=False)
class PlainColumn:
    """A column by its different values.

    Attributes
    ----------
    distinct : tuple of bool, int, float or str
        All of one type, sorted, or in the order of their categories.
    codes : ndarray of int64, shape (n,)
        Position of each row's value among them.
    is_ordered : bool
        Whether they have an order of their own: that of an ordered categorical column.
    """

    distinct: tuple[Value, ...]
    codes: IntArray
    is_ordered: bool = False


def plain_column(
    name: str, column: pa.Array | pa.ChunkedArray, *, error: type[SyngenError] = FactorError
) -> PlainColumn:
    """Return a column as plain values.

    Parameters
    ----------
    name : str
        Of the factor.
    column : pyarrow.Array or pyarrow.ChunkedArray, of length n
    error : type
        What is raised.

    Raises
    ------
    SyngenError
        If values are missing, infinite, or of no type that a factor has, with their number.

    Examples
    --------
    >>> found = plain_column("id", pa.array([2**64 - 1, 7, 7], pa.uint64()))
    >>> found.distinct, found.codes.tolist()
    (('18446744073709551615', '7'), [0, 1, 1])
    """
    try:
        cells, codes, is_ordered = _encoded(column)
    except (pa.ArrowException, ValueError, OverflowError, UnicodeDecodeError) as reason:
        raise error(f"factor {name!r} of type {column.type} cannot be read: {reason}") from reason
    counts = np.bincount(codes, minlength=len(cells))
    _check_cells(name, cells, counts, codes, error)
    # categories that no row has are no levels
    values = _plain_values([cell if n else None for cell, n in zip(cells, counts.tolist(), strict=True)])
    used = np.flatnonzero(counts).tolist()
    if not is_ordered:
        used.sort(key=values.__getitem__)
    distinct = tuple(dict.fromkeys(values[position] for position in used))  # two forms of one value are one
    level = {value: number for number, value in enumerate(distinct)}
    level_of = np.array([level.get(value, -1) for value in values], dtype=np.int64)
    return PlainColumn(distinct, level_of[codes], is_ordered)


def plain_array(name: str, column: Any, *, error: type[SyngenError] = FactorError) -> NDArray[Any]:
    """Return a column of any library as an array of truth values, numbers or texts, shape (n,).

    What NumPy has as numbers already stays as it is, unless it is whole numbers that float64 does not tell
    apart: those are texts. Ordered categories are their positions.

    Parameters
    ----------
    name : str
        Of the factor.
    column : array_like or pandas.Series, of length n
    error : type
        What is raised.

    Raises
    ------
    SyngenError
        See `plain_column`.

    Examples
    --------
    >>> plain_array("id", np.array([2**64 - 1, 2**64 - 2], dtype=np.uint64))
    array(['18446744073709551615', '18446744073709551614'], dtype='<U20')
    """
    if isinstance(getattr(column, "dtype", None), np.dtype) and not np.ma.is_masked(column):
        values = np.asarray(column)
        if values.dtype.kind in "iu" and len(values):
            is_exact = int(values.min()) >= -_EXACT_UP_TO and int(values.max()) <= _EXACT_UP_TO
            return values if is_exact else values.astype(str)
        if values.dtype.kind in "bfUS":
            return values
    found = plain_column(name, arrow_column(name, column), error=error)
    if found.is_ordered:
        return found.codes
    distinct: NDArray[Any] = np.array(found.distinct)
    if distinct.dtype.kind in "iuO" and not all(map(same_number, found.distinct)):  # type: ignore[arg-type]
        distinct = distinct.astype(str)
    return np.asarray(distinct[found.codes])


def _encoded(column: Any) -> tuple[list[Any], IntArray, bool]:
    """Return the different cells of a column, each row's position among them, and whether in order."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(column, pa.ChunkedArray):  # it is longer than one array may be, or it has no chunk at all
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    is_ordered = pa.types.is_dictionary(kind) and bool(kind.ordered)
    if not pa.types.is_dictionary(kind):
        try:
            column = column.dictionary_encode(null_encoding="encode")
        except (pa.ArrowException, NotImplementedError):  # lists, mappings
            cells = column.to_pylist()
            return cells, np.arange(len(cells), dtype=np.int64), False
    cells = column.dictionary.to_pylist()
    indices = column.indices
    if indices.null_count:
        indices = pc.fill_null(indices.cast(pa.int64()), len(cells))
        cells.append(None)
    return cells, np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64), is_ordered


def _check_cells(
    name: str, cells: list[Any], counts: Any, codes: IntArray, error: type[SyngenError]
) -> None:
    """Refuse what no factor can have, with its number and its first row."""
    missing = np.array([is_missing(cell) for cell in cells], dtype=np.bool_)
    infinite = np.array([_is_infinite(cell) for cell in cells], dtype=np.bool_)
    odd = np.array([not isinstance(cell, _SCALARS) for cell in cells], dtype=np.bool_) & ~missing
    for is_bad, what, remedy in (
        (missing, "missing value", "every row needs a value: fill them in, or leave those rows out"),
        (infinite, "infinite value", "finite numbers are needed: leave those rows out"),
        (odd, "value", "a text, a number, a truth value or a date is needed"),
    ):
        n = int(counts[is_bad].sum()) if len(cells) else 0
        if n:
            row = int(np.argmax(is_bad[codes]))
            kind = f" of type {type(cells[codes[row]]).__name__}" if is_bad is odd else ""
            raise error(f"factor {name!r} has {counted(n, what)}{kind}, the first in row {row}; {remedy}")


_SCALARS = (bool, int, float, Decimal, str, dt.date, dt.time, dt.timedelta)


def _is_infinite(cell: object) -> bool:
    return isinstance(cell, (float, Decimal)) and not is_missing(cell) and cell in (_INF, -_INF)


_INF = float("inf")


def _plain_values(cells: list[Any]) -> list[Any]:
    """Return cells of one Arrow type as truth values, numbers or texts; None for categories not in use."""
    known = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, (bool, str)) for cell in known):
        return cells
    if all(isinstance(cell, dt.timedelta) for cell in known):
        cells = [None if cell is None else _seconds(cell) for cell in cells]
        known = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, (int, float, Decimal)) for cell in known):
        # -0.0 is 0.0
        return [
            None if cell is None else cell + 0.0 if isinstance(cell, float) else cell
            for cell in number_array(cells).to_pylist()
        ]
    return [None if cell is None else as_text(cell) for cell in cells]


def _seconds(span: dt.timedelta) -> Decimal:
    """Return a time span in seconds, with the nanoseconds that those of pandas have."""
    nanoseconds = getattr(span, "nanoseconds", 0)
    micro = (span.days * 86_400 + span.seconds) * 10**6 + span.microseconds
    return Decimal(micro * 1000 + nanoseconds).scaleb(-9)
