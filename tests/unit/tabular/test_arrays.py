"""Columns and tables of any library become those of Arrow, or are refused with the name of the column."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from syngen.errors import ParameterError
from syngen.tabular.arrays import arrow_column, table_of


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, "1"], r"mixes texts and whole numbers, and 1 row would become .* \(1 and '1'\)"),
        ([1.0, "1.0", "1.0"], "mixes numbers and texts, and 2 rows would become"),
        ([True, "True"], "mixes texts and truth values, and 1 row"),
        ([object(), 1], "has values that no table holds .*1 of type object"),
        ([1, [2]], "has values that no table holds"),
        (np.array([1j]), "has 1 value of type complex128"),
        (np.zeros((3, 2)), r"has the shape \(3, 2\); one value a row"),
        ("abc", "is a str; a list or an array"),
        (5, "is a int"),
        ({"a": 1}, "is a dict"),
        ({1, 2}, "is a set"),
        (["a\ud800"], "has 1 text with half of a character"),
        ([os.fsdecode(b"\xe9")], "has 1 text with half of a character"),
        (np.array([b"\xe9"]), "is no text in UTF-8"),
    ],
)
def test_what_no_table_holds_is_refused_by_name(column: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=f"column 'x'.*{message}"):
        arrow_column("x", column)


def test_only_paths_may_be_no_utf8() -> None:
    name = os.fsdecode(b"lat\xe9.wav")
    assert arrow_column("file", [name, None], are_paths=True).to_pylist() == [b"lat\xe9.wav", None]
    assert arrow_column("file", ["a.wav"], are_paths=True).to_pylist() == ["a.wav"]


def test_tables_of_any_library_are_one_table() -> None:
    expected = {"a": [1, 2], "b": ["x", "y"]}
    frame = pd.DataFrame(expected)
    rows = [{"a": 1, "b": "x"}, {"b": "y", "a": 2}]
    for table in (expected, frame, pa.table(expected), pa.RecordBatch.from_pydict(expected), rows):
        assert table_of(table).to_pydict() == expected
    assert table_of([{"a": 1}, {"b": 2}]).to_pydict() == {"a": [1, None], "b": [None, 2]}
    assert table_of(frame.set_index("a"), keep=["a"]).to_pydict() == expected
    assert table_of(frame.set_index("a")).to_pydict() == {"b": ["x", "y"]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [1], "b": [1, 2]}, "differ in length: a 1, b 2"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns 'a'"),
        (pd.DataFrame([[1, 2]], columns=[0, "0"]), "two columns '0'"),
        ({1: [1]}, "a column called 1"),
        ([{"a": 1}, 2], "row 1 of the table is a int"),
        (3, "a table of type int"),
        (None, "a table of type NoneType"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        table_of(table)
