"""Cells of every Arrow type become plain values by the stated rule, or are refused with their column."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from syngen.errors import ParameterError
from syngen.exports.values import check_finite_numbers, plain_cells

MOMENT = dt.datetime(2024, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([dt.date(2024, 1, 2), None]), ["2024-01-02", None]),
        (pa.array([dt.date(2024, 1, 2)], pa.date64()), ["2024-01-02"]),
        (pa.array([MOMENT], pa.timestamp("s")), ["2024-01-02T03:04:05"]),
        (pa.array([1], pa.timestamp("ns", "UTC")), ["1970-01-01T00:00:00.000000001+00:00"]),
        (pa.array([dt.time(1, 2)], pa.time64("us")), ["01:02:00"]),
        (pa.array([dt.timedelta(minutes=1.5)]), [90.0]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.array([b"\x00\xff"]), ["00ff"]),
        (pa.array(["u", "v", "u"]).dictionary_encode(), ["u", "v", "u"]),
        (pa.array([True, None]), [True, None]),
        (pa.array([2**63], pa.uint64()), [2**63]),
        (pa.array([[dt.date(2024, 1, 2)], None]), [["2024-01-02"], None]),
        (pa.array([{"a": [1], "b": None}]), [{"a": [1], "b": None}]),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), [[["k", 1]]]),
        (pa.nulls(2), [None, None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_cells_are_what_json_holds(array: pa.Array, expected: list[Any]) -> None:
    found = plain_cells("x", pa.chunked_array([array]))
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


def test_times_that_python_cannot_hold_are_refused() -> None:
    far = pa.chunked_array([pa.array([2**45], pa.timestamp("s"))])
    with pytest.raises(
        ParameterError, match="column 'when' of the Arrow type timestamp.* cannot be written"
    ):
        plain_cells("when", far)


def test_json_has_null_for_nan_and_nothing_for_infinity() -> None:
    assert check_finite_numbers("x", [1.0, float("nan"), [float("nan")], {"a": 2}]) == [
        1.0,
        None,
        [None],
        {"a": 2},
    ]
    with pytest.raises(ParameterError, match="column 'snr' has 2 infinite numbers, which JSON cannot hold"):
        check_finite_numbers("snr", [float("inf"), 1.0, [{"a": float("-inf")}]])
