"""What counts as a whole number is decided in one place."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import syngen
from syngen._values import KINDS, check_whole, is_whole, kind_of
from syngen.errors import ParameterError
from syngen.evaluation.probes.targets import Columns
from syngen.loaders.sources.table_columns import factors_in


@pytest.mark.parametrize("value", [0, -3, 2**70, np.int64(4), np.uint8(4), np.array(4)])
def test_whole_numbers_of_python_and_numpy_are_whole(value):
    assert is_whole(value)
    assert type(check_whole("n", value, -3)) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, [3], np.array([3]), 1j])
def test_nothing_else_is_whole(value):
    assert not is_whole(value)
    with pytest.raises(ParameterError, match=re.escape(f"n is {value!r}; a whole number from 0 on")):
        check_whole("n", value, 0)


def test_bounds_are_closed():
    assert [is_whole(n, 1, 3) for n in range(5)] == [False, True, True, True, False]
    with pytest.raises(ParameterError, match="n is 4; a whole number from 1 to 3 is needed"):
        check_whole("n", 4, 1, 3)


def test_no_other_module_tells_whole_numbers_from_truth_values_itself():
    either = r"(?:int|int \| np\.integer|\(int, np\.integer\))"
    own = re.compile(rf"isinstance\((\w+), bool\)\s+or not isinstance\(\1, {either}\)")
    root = Path(syngen.__file__).parent
    places = [path.name for path in sorted(root.rglob("*.py")) if own.search(path.read_text("utf-8"))]
    assert places == []


N = 60
FEW_FRACTIONS = np.tile([0.1, 0.2, 0.5], N // 3)
COLUMNS = {
    "whole": (np.arange(N) % 5, "ordinal"),
    "unsigned": ((np.arange(N) % 5).astype(np.uint8), "ordinal"),
    "few whole floats": ((np.arange(N) % 5).astype(np.float64), "ordinal"),
    "many whole floats": ((np.arange(N) % 20).astype(np.float64), "ordinal"),
    "few fractions": (FEW_FRACTIONS, "continuous"),
    "many fractions": ((np.arange(N) % 20) / 7.0, "continuous"),
    "texts": (np.array(["a", "b", "10"])[np.arange(N) % 3], "nominal"),
    "texts as objects": (np.array(["a", "b", "10"], dtype=object)[np.arange(N) % 3], "nominal"),
    "truth values": (np.arange(N) % 2 == 0, "nominal"),
    "truth values as objects": (np.array([True, False], dtype=object)[np.arange(N) % 2], "nominal"),
    "whole numbers as objects": (np.array([3, 4], dtype=object)[np.arange(N) % 2], "ordinal"),
    "fractions as objects": (np.array([3, 4.5], dtype=object)[np.arange(N) % 2], "continuous"),
}


@pytest.mark.parametrize(("column", "kind"), COLUMNS.values(), ids=COLUMNS)
def test_evaluate_probes_and_tables_agree_on_the_kind_of_a_column(column, kind):
    assert kind_of(column) == kind
    codes = np.random.default_rng(0).normal(size=(N, 2))
    scores = syngen.evaluate(codes, pd.DataFrame({"x": column}))
    assert scores.factors["kind"].tolist() == [kind]
    assert Columns.of(pd.DataFrame({"x": column, "x_level": column})).kinds == {"x": kind}
    (factor,), _ = factors_in(pa.table({"x": pa.array(column.tolist())}), ["x"], {}, {})
    assert factor.kind == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([2**70, -1], "ordinal"),
        ([Decimal("1.0"), Decimal(2)], "ordinal"),
        ([Fraction(1, 3), 2], "continuous"),
        ([1.0, "2"], "nominal"),
        ([1, True], "ordinal"),  # NumPy makes numbers of them
        (pd.Series([1, 2], dtype="Int64"), "ordinal"),
        (pd.Series(["1", "2"], dtype="category"), "nominal"),
        (pd.to_datetime(pd.Series(["2026-01-01", "2026-01-02"])), "nominal"),
    ],
)
def test_kinds_of_uncommon_columns(values, kind):
    assert kind_of(values) == kind
    assert kind in KINDS
