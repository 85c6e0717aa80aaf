"""Texts of CSV files are numbers only where nothing of a text is lost."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from syngen.tabular.texts import numbers_of, typed


def read(cells: list[Any], *, exact: bool = False) -> list[Any]:
    found: list[Any] = typed(pa.chunked_array([pa.array(cells, pa.string())]), exact=exact).to_pylist()
    return found


@pytest.mark.parametrize(
    "ids",
    [
        ["1", "01", "001"],
        ["007", "008"],
        ["1e3", "1000", "7"],
        ["2e5", "3e5"],
        ["+1", "1"],
        ["+1", "+2"],
        ["-0", "0"],
        ["1_000", "1000"],
        ["0x10", "16"],
        ["inf", "nan", "Infinity"],
        ["NA", "null"],
        ["12345678901234567890", "12345678901234567891"],
        ["1" * 30, "2"],
        ["9223372036854775808", "1"],
        ["9007199254740993", "0.5"],
        ["1.1", "1.10", "1.100"],
        ["1.9", "1.10"],
        ["1", "1.0"],
        ["0.1", "0.10000000000000001"],
        ["0.12345678901234567891", "0.5"],
        ["1e400", "0.5"],
        ["1", " 1"],
        ["1.", "2."],
        ["1,5", "2,5"],
        ["\u0661", "2"],
        ["True", "TRUE"],
        ["true", "1"],
        ["yes", "no"],
        ["2024-01-01", "2024-01-02"],
        ["12:30", "13:30"],
        ["a", "NA", "1"],
    ],
)
def test_what_a_number_would_lose_stays_text(ids: list[str]) -> None:
    assert read(ids) == ids
    assert read([*ids, ids[0], None]) == [*ids, ids[0], None]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "10", "-3", "0"], [1, 10, -3, 0]),
        (["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)]),
        (["0.5", "1", "-11.0"], [0.5, 1.0, -11.0]),
        (["0.50", "1.25", "1.00"], [0.5, 1.25, 1.0]),
        (["1e-05", "0.5", "1e+16"], [1e-05, 0.5, 1e16]),
        (["1.5e3", "2.0"], [1500.0, 2.0]),
        (["1.000000000000000000e+00", "5.000000000000000278e-02"], [1.0, 0.05]),
        (["0.10000000000000000555", "0.50000000000000000000"], [0.1, 0.5]),
        ([".5", "1.5"], [0.5, 1.5]),
        (["-0.0", "0.0", "0.5"], [0.0, 0.0, 0.5]),
        ([" 1", " 2"], [1, 2]),
        (["true", "false"], [True, False]),
        (["FALSE", "FALSE"], [False, False]),
        (["1", "NA", "3"], [1, None, 3]),
        (["1.5", "nan", None], [1.5, None, None]),
        (["1.5", "-inf"], [1.5, float("-inf")]),
        (["1", "inf"], [1.0, float("inf")]),
    ],
)
def test_what_programs_write_of_numbers_is_numbers(cells: list[str], values: list[Any]) -> None:
    found = read(cells)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_an_empty_column_stays_text() -> None:
    assert read([None, None]) == [None, None]
    assert read([]) == []


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2"], [1, 2]),
        (["1", "NA"], ["1", "NA"]),
        (["1.10", "2.20"], ["1.10", "2.20"]),
        (["1.1", "2.2"], [1.1, 2.2]),
        ([" 1", " 2"], [" 1", " 2"]),
        (["inf", "1.0"], ["inf", "1.0"]),
    ],
)
def test_names_are_numbers_only_if_they_are_written_as_numbers_are(
    cells: list[str], values: list[Any]
) -> None:
    assert read(cells, exact=True) == values


def test_texts_that_are_said_to_be_numbers_are_numbers() -> None:
    assert numbers_of(["1e3", "007", "+5"]) == [1000.0, 7.0, 5.0]
    assert all(isinstance(number, int) for number in numbers_of(["3", "-1"]))
    with pytest.raises(ValueError, match="'1' and '01' are one number"):
        numbers_of(["1", "01"])
    for odd in ("abc", "1_000", "nan", "inf", "0x1", ""):
        with pytest.raises(ValueError, match="is no number"):
            numbers_of(["1", odd])
