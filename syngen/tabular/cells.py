"""Cells of Python: which are missing, and what a column of them is in Arrow."""

from __future__ import annotations

import datetime as dt
import math
import os
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from syngen.errors import ParameterError

__all__ = [
    "array_of_cells",
    "as_text",
    "counted",
    "is_missing",
    "is_unicode",
    "number_array",
    "same_number",
]

_MISSING_TYPES = ("NAType", "NaTType", "MaskedConstant")
_TEMPORAL = (dt.date, dt.time, dt.timedelta)
_SCALARS = (bool, int, float, Decimal, str)
_WORDS = {
    "bool": "truth values",
    "int": "whole numbers",
    "float": "numbers",
    "Decimal": "numbers",
    "str": "texts",
}


def is_missing(cell: object) -> bool:
    """Return whether a cell says that nothing is known: None, NaN, ``NA``, ``NaT`` or masked, of any type.

    Examples
    --------
    >>> [is_missing(cell) for cell in (None, float("nan"), np.datetime64("NaT"), Decimal("NaN"), "", 0)]
    [True, True, True, True, False, False]
    """
    if cell is None or type(cell).__name__ in _MISSING_TYPES:
        return True
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(cell))
    if isinstance(cell, Decimal):
        return cell.is_nan()
    return isinstance(cell, (float, np.floating)) and math.isnan(cell)


def counted(n: int, one: str, more: str | None = None) -> str:
    """Return a number with its noun: ``1 value``, ``2,000 values``."""
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def array_of_cells(name: str, cells: Iterable[object], *, are_paths: bool = False) -> pa.Array:
    """Return a column of any Python objects as an Arrow array.

    Cells of one type keep it. Texts and numbers side by side become texts, each as Python writes it; so do
    numbers that no type of 64 bits holds without loss. Paths and UUIDs are texts.

    Parameters
    ----------
    name : str
        What messages call the column.
    cells : iterable of object
    are_paths : bool
        Whether texts may be paths that are no UTF-8, as `os.fsdecode` gives them; then they are bytes.

    Raises
    ------
    ParameterError
        If Arrow has no type for them, or two different cells would become one text.

    Examples
    --------
    >>> array_of_cells("id", ["a", None, 7]).to_pylist()
    ['a', None, '7']
    >>> array_of_cells("id", [2**64, 1]).to_pylist()
    ['18446744073709551616', '1']
    """
    plain = [None if is_missing(cell) else _plain(cell) for cell in cells]
    types = {type(cell) for cell in plain if cell is not None}
    if types <= {int, float, Decimal}:
        return number_array(plain)
    if types == {str}:
        return _texts(name, plain, are_paths=are_paths)
    if all(issubclass(each, (*_SCALARS, *_TEMPORAL)) for each in types):
        zones = {cell.tzinfo for cell in plain if isinstance(cell, dt.datetime)}
        if len(types) > 1 or len(zones) > 1:
            return _mixed(name, plain)
    try:
        return pa.array(plain, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        odd = Counter(type(cell).__name__ for cell in plain if cell is not None)
        kinds = ", ".join(f"{n:,} of type {kind}" for kind, n in odd.most_common(4))
        raise ParameterError(
            f"column {name!r} has values that no table holds ({kinds}); texts, numbers, truth values or "
            "dates are needed: convert them, or leave the column out"
        ) from error


def _plain(cell: Any) -> object:
    """Return a cell as what Python itself has for it."""
    if isinstance(cell, (str, bool, int, float)) and type(cell) in (str, bool, int, float):
        return cell
    if isinstance(cell, np.ndarray) and cell.ndim == 0:
        cell = cell[()]
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return _of_numpy_time(cell)
    if isinstance(cell, np.generic):
        return cell.item() if not isinstance(cell, np.longdouble) else float(cell)
    if isinstance(cell, os.PathLike):
        return os.fsdecode(cell)
    if isinstance(cell, (str, uuid.UUID)):  # subclasses of text too: np.str_, members of a StrEnum
        return str(getattr(cell, "value", cell))
    if isinstance(cell, Fraction):
        return float(cell)
    return cell


def _of_numpy_time(cell: np.datetime64 | np.timedelta64) -> object:
    found = cell.astype(object)
    # what Python's own types do not reach is a number of nanoseconds, or of years
    return found if isinstance(found, _TEMPORAL) else str(cell)


def number_array(cells: Sequence[Any]) -> pa.Array:
    """Return numbers, None where they are missing, in the narrowest form that loses none of them.

    That is int64, else float64, else text.
    """
    numbers = [cell for cell in cells if cell is not None]
    if all(isinstance(number, int) for number in numbers):
        if all(-(2**63) <= number < 2**63 for number in numbers):
            return pa.array(cells, pa.int64())
    elif all(same_number(number) for number in numbers):
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    return pa.array([None if cell is None else as_text(cell) for cell in cells], pa.string())


def same_number(number: int | float | Decimal) -> bool:
    """Return whether float64 has a number, or of decimal fractions the one that is written like it.

    Examples
    --------
    >>> same_number(2**53), same_number(2**53 + 1), same_number(Decimal("0.10"))
    (True, False, True)
    """
    if isinstance(number, float):
        return True
    try:
        near = float(number)
    except OverflowError:
        return False
    if isinstance(number, int):
        return int(near) == number
    return not number.is_finite() or Decimal(repr(near)) == number or Decimal(near) == number


def as_text(cell: object) -> str:
    """Return a cell as text: as Python writes it, dates and times by ISO 8601."""
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    return str(cell)


def _texts(name: str, cells: Sequence[Any], *, are_paths: bool = False) -> pa.Array:
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError as error:
        try:
            if are_paths:
                return pa.array(
                    [None if cell is None else os.fsencode(cell) for cell in cells], pa.binary()
                )
        except UnicodeEncodeError:  # half of a character that no path can have either
            pass
        odd = [cell for cell in cells if cell is not None and not is_unicode(cell)]
        raise ParameterError(
            f"column {name!r} has {counted(len(odd), 'text')} with half of a character, as {odd[0]!r}; "
            "read the table with its right encoding"
        ) from error


def is_unicode(text: str) -> bool:
    """Return whether a text can be written as UTF-8: whether no half of a character is in it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _mixed(name: str, cells: Sequence[Any]) -> pa.Array:
    """Return cells of several types as texts, if no two of them become one."""
    first_of: dict[str, object] = {}
    twins = []
    for cell in cells:
        if cell is not None:
            first = first_of.setdefault(as_text(cell), cell)
            if type(first) is not type(cell):
                twins.append((first, cell))
    if twins:
        kinds = sorted({_WORDS.get(type(cell).__name__, "dates") for cell in cells if cell is not None})
        raise ParameterError(
            f"column {name!r} mixes {' and '.join(kinds)}, and {counted(len(twins), 'row')} would become "
            f"the text of another value ({twins[0][0]!r} and {twins[0][1]!r}); give it one type, as with "
            ".astype(str) or .astype(int)"
        )
    return _texts(name, [None if cell is None else as_text(cell) for cell in cells])
