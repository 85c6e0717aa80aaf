"""Columns of any library come in with what they have, and what is missing is missing in each of them."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from syngen.errors import FactorError, ParameterError
from syngen.tabular.arrays import arrow_column
from syngen.tabular.plain import PlainColumn, plain_array, plain_column

BERLIN = dt.timezone(dt.timedelta(hours=1))
NAT = np.datetime64("NaT")


def plain(column: Any) -> PlainColumn:
    return plain_column("x", arrow_column("x", column))


MISSING: dict[str, Any] = {
    "None among texts": ["a", None, "b"],
    "None among numbers": [1, None, 2],
    "NaN": [1.5, float("nan"), 2.5],
    "NaN of NumPy": np.array([1.5, np.nan, 2.5], dtype=np.float32),
    "objects": np.array([1, None, 2], dtype=object),
    "NA among objects": np.array(["a", pd.NA, "b"], dtype=object),
    "NaT among objects": np.array(["a", pd.NaT, "b"], dtype=object),
    "NaT of NumPy": np.array(["2024-01-01", "NaT", "2024-01-02"], dtype="datetime64[s]"),
    "NaT among scalars": [np.datetime64("2024-01-01"), NAT, np.datetime64("2024-01-02")],
    "time span": np.array([1, "NaT", 2], dtype="timedelta64[s]"),
    "Decimal": [Decimal("1.5"), Decimal("NaN"), Decimal("2.5")],
    "masked": np.ma.masked_equal(np.array([0, -1, 1]), -1),
    "masked floats": np.ma.masked_invalid(np.array([0.0, np.nan, 1.0])),
    "masked objects": np.ma.array(np.array(["a", "b", "c"], dtype=object), mask=[False, True, False]),
    "pandas texts": pd.Series(["a", None, "b"]),
    "pandas string": pd.Series(["a", None, "b"], dtype="string"),
    "pandas Int64": pd.Series([1, None, 2], dtype="Int64"),
    "pandas Float64": pd.Series([1.5, None, 2.5], dtype="Float64"),
    "pandas boolean": pd.Series([True, None, False], dtype="boolean"),
    "pandas dates": pd.Series(pd.to_datetime(["2024-01-01", None, "2024-01-02"])),
    "pandas dates with a zone": pd.Series(pd.to_datetime(["2024-01-01", None, "2024-01-02"], utc=True)),
    "pandas periods": pd.Series(pd.PeriodIndex(["2024-01", None, "2024-02"], freq="M")),
    "pandas categories": pd.Series(pd.Categorical(["a", None, "b"])),
    "bare categories": pd.Categorical(["a", None, "b"]),
    "Arrow-backed texts": pd.Series(["a", None, "b"], dtype=pd.ArrowDtype(pa.string())),
    "Arrow-backed numbers": pd.Series([1, None, 2], dtype=pd.ArrowDtype(pa.int16())),
    "Arrow": pa.chunked_array([[1, None], [2]]),
    "Arrow categories": pa.array(["a", None, "b"]).dictionary_encode(),
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_values_of_any_type_are_counted(case: str) -> None:
    with pytest.raises(FactorError, match=r"factor 'x' has 1 missing value, the first in row 1"):
        plain(MISSING[case])
    column = MISSING[case]
    if case != "NaN of NumPy":
        with pytest.raises(ParameterError, match="factor 'y' has 1 missing value"):
            plain_array("y", column, error=ParameterError)
    else:  # numbers of NumPy are looked at by whoever computes with them
        assert plain_array("y", column) is column


def test_a_column_without_any_value_has_only_missing_ones() -> None:
    for column in ([None] * 3, pd.Series([None] * 3), pa.nulls(3), np.full(3, np.nan)):
        with pytest.raises(FactorError, match="has 3 missing values, the first in row 0"):
            plain(column)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ([2**63, 1], ("1", "9223372036854775808")),
        (
            np.array([2**64 - 1, 2**64 - 2], dtype=np.uint64),
            ("18446744073709551614", "18446744073709551615"),
        ),
        (np.array([3, 1], dtype=np.uint64), (1, 3)),
        (pa.array([2**64 - 1], pa.uint64()), ("18446744073709551615",)),
        (pd.Series([2**64 - 1], dtype="UInt64"), ("18446744073709551615",)),
        ([2**60 + 1, 2**60], (2**60, 2**60 + 1)),
        ([2**60 + 1, 0.5], ("0.5", "1152921504606846977")),
        ([1, 0.5], (0.5, 1.0)),
        ([Decimal("1.5"), Decimal(2)], (1.5, 2.0)),
        ([Decimal("0.12345678901234567891"), Decimal(2)], ("0.12345678901234567891", "2")),
        (pa.array([Decimal("1.10"), Decimal("2.25")], pa.decimal128(5, 2)), (1.1, 2.25)),
        (np.array([0.5, 2], dtype=np.float16), (0.5, 2.0)),
        (np.array([1, 2], dtype=">i4"), (1, 2)),
        (np.array([1.5], dtype=np.longdouble), (1.5,)),
        (np.array([-0.0, 0.0]), (0.0,)),
        ([True, False, True], (False, True)),
        ([np.True_, False], (False, True)),
        (pd.Series([True, False], dtype="boolean"), (False, True)),
        ([1, "01", "a"], ("01", "1", "a")),
        ([1.5, "x"], ("1.5", "x")),
        ([True, "x"], ("True", "x")),
        (["", "a"], ("", "a")),
        (["nan", "None"], ("None", "nan")),
        (np.array([b"a", b"b"]), ("a", "b")),
        ([np.str_("b"), "a"], ("a", "b")),
        ([uuid.UUID(int=5)], ("00000000-0000-0000-0000-000000000005",)),
        ([Path("a/b")], (str(Path("a/b")),)),
        ([dt.date(2024, 5, 1), dt.date(2023, 5, 1)], ("2023-05-01", "2024-05-01")),
        ([dt.datetime(2024, 5, 1, 12, tzinfo=BERLIN)], ("2024-05-01T12:00:00+01:00",)),
        (
            [dt.datetime(2024, 5, 1, 12, tzinfo=BERLIN), dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)],
            ("2024-05-01T12:00:00+00:00", "2024-05-01T12:00:00+01:00"),
        ),
        ([dt.time(9, 30)], ("09:30:00",)),
        ([dt.timedelta(seconds=1.5), dt.timedelta(milliseconds=1)], (0.001, 1.5)),
        (
            np.array(["2024-05-01T00:00:00.000000001"], dtype="datetime64[ns]"),
            ("2024-05-01T00:00:00.000000001",),
        ),
        (np.array(["2024"], dtype="datetime64[Y]"), ("2024-01-01",)),
        (pd.Series(pd.to_timedelta(["1ns", "2s"])), (1e-09, 2.0)),
        (pd.Series(pd.period_range("2024-01", periods=2, freq="M")), ("2024-01", "2024-02")),
        (pd.Series(pd.arrays.SparseArray([0, 0, 1])), (0, 1)),
        (pd.Series([1, 2], dtype=pd.ArrowDtype(pa.int64())), (1, 2)),
        (range(3), (0, 1, 2)),
        ((n for n in (2, 1)), (1, 2)),
    ],
)
def test_values_come_in_unharmed(column: Any, values: tuple[Any, ...]) -> None:
    found = plain(column).distinct
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_each_row_keeps_its_value() -> None:
    found = plain(["b", "a", "b", "c"])
    assert [found.distinct[code] for code in found.codes] == ["b", "a", "b", "c"]
    sliced = plain_column("x", pa.chunked_array([[5, 3], [], [3, 4]]).slice(1))
    assert (sliced.distinct, sliced.codes.tolist()) == ((3, 4), [0, 0, 1])


def test_ordered_categories_keep_their_order() -> None:
    ordered = pd.Categorical(["lo", "hi", "lo"], categories=["lo", "mid", "hi"], ordered=True)
    for column in (ordered, pd.Series(ordered), arrow_column("x", ordered)):
        found = plain(column)
        assert (found.distinct, found.codes.tolist(), found.is_ordered) == (("lo", "hi"), [0, 1, 0], True)
    assert plain_array("x", ordered).tolist() == [0, 1, 0]
    unordered = plain(pd.Categorical([3, 1, 3]))
    assert (unordered.distinct, unordered.is_ordered) == ((1, 3), False)
    cut = plain(pd.Series(pd.cut([0.1, 0.5, 0.9, 10.0], [0.0, 0.6, 2.0, 20.0])))
    assert (cut.distinct, cut.is_ordered) == (("(0.0, 0.6]", "(0.6, 2.0]", "(2.0, 20.0]"), True)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([[1], [2]], "has 2 values of type list, the first in row 0; a text, a number"),
        ([(1,), (2,)], "has 2 values of type list"),
        ([{"a": 1}, {"a": 2}], "has 2 values of type dict"),
        ([np.zeros(2), np.ones(2)], "has 2 values of type list"),
        ([b"a"], "has 1 value of type bytes"),
        ([1.5, float("inf"), -np.inf], "has 2 infinite values, the first in row 1"),
        ([Decimal("Infinity")], "has 1 infinite value"),
    ],
)
def test_what_no_factor_has_is_refused_with_its_number(column: Any, message: str) -> None:
    with pytest.raises(FactorError, match=f"factor 'x' {message}"):
        plain(column)


def test_arrays_of_numbers_stay_what_they_are() -> None:
    for kind in (np.float32, np.int8, np.bool_):
        column = np.array([0, 1, 1], dtype=kind)
        assert plain_array("x", column) is column
    assert plain_array("x", np.array([2**60 + 1, 2**60])).tolist() == [str(2**60 + 1), str(2**60)]
    assert plain_array("x", pd.Series([2**60 + 1, 1], dtype="Int64")).dtype.kind == "U"
    assert plain_array("x", pd.Series([True, False], dtype="boolean")).dtype == np.bool_
