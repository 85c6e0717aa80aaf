"""Cells of a manifest as values that JSON and CSV can hold.

The rule: dates and times are ISO 8601 texts, durations seconds, decimals texts with all their digits,
categories their values, and bytes hexadecimal digits. JSON has no NaN, which becomes null, and nothing for
infinity, which is refused.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from syngen.errors import ParameterError

__all__ = ["check_finite_numbers", "plain_cells", "structures_as_text"]


def plain_cells(name: str, column: pa.ChunkedArray) -> list[Any]:
    """Return the cells of a column as texts, numbers, truth values, None, and lists and dicts of these.

    Parameters
    ----------
    name : str
        What the message calls the column.
    column : pyarrow.ChunkedArray

    Raises
    ------
    ParameterError
        If a cell is none of these and cannot be turned into one.
    """
    kind = column.type
    try:
        cells: list[Any] = column.to_pylist()
    # dates beyond the year 9999, times that end in nanoseconds
    except (ValueError, OverflowError, TypeError, pa.ArrowException) as error:
        raise ParameterError(
            f"column {name!r} of the Arrow type {kind} cannot be written as text: {error}; turn it into "
            "text yourself, or leave it out"
        ) from error
    is_plain = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return cells if is_plain else [_plain(name, cell) for cell in cells]


def _plain(name: str, cell: Any) -> Any:
    if cell is None or isinstance(cell, (str, bool, int, float)):
        return cell
    if isinstance(cell, (dt.date, dt.time)):  # a datetime is a date
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds()
    if isinstance(cell, Decimal):
        return str(cell)
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, (list, tuple)):
        return [_plain(name, each) for each in cell]
    if isinstance(cell, dict):
        return {str(key): _plain(name, each) for key, each in cell.items()}
    raise ParameterError(
        f"column {name!r} has a {type(cell).__name__}, which cannot be written as text; turn it into text "
        "yourself, or leave it out"
    )


def check_finite_numbers(name: str, cells: Iterable[Any]) -> list[Any]:
    """Return cells for JSON: NaN as None.

    Raises
    ------
    ParameterError
        If some are infinite, with how many.
    """
    found = [_without_nan(cell) for cell in cells]
    n_infinite = sum(map(_has_infinity, found))
    if n_infinite:
        raise ParameterError(
            f"column {name!r} has {n_infinite:,} infinite numbers, which JSON cannot hold; replace them, "
            "leave the column out, or export as wav or huggingface"
        )
    return found


def _without_nan(cell: Any) -> Any:
    if isinstance(cell, float):
        return None if math.isnan(cell) else cell
    if isinstance(cell, list):
        return [_without_nan(each) for each in cell]
    if isinstance(cell, dict):
        return {key: _without_nan(each) for key, each in cell.items()}
    return cell


def _has_infinity(cell: Any) -> bool:
    if isinstance(cell, list):
        return any(map(_has_infinity, cell))
    if isinstance(cell, dict):
        return any(map(_has_infinity, cell.values()))
    return isinstance(cell, float) and math.isinf(cell)


def structures_as_text(cell: Any, kinds: tuple[type, ...]) -> Any:
    """Return a list or a dict, where it is of one of some types, as JSON; any other cell as it is."""
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, kinds) else cell
