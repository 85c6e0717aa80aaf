"""The kind of a column is decided in one place, which `evaluate`, `probe` and `from_manifest` ask."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import syngen
from syngen.evaluation.probes.targets import Columns, read_target
from syngen.kinds import KINDS, kind_of
from syngen.loaders.sources.table_columns import factors_in

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
        (pd.Series([1, 2], dtype="category"), "nominal"),
        (pd.Series(pd.Categorical(["b", "a"], categories=["b", "a"], ordered=True)), "ordinal"),
        (pd.to_datetime(pd.Series(["2026-01-01", "2026-01-02"])), "nominal"),
    ],
)
def test_kinds_of_uncommon_columns(values, kind):
    assert kind_of(values) == kind
    assert kind in KINDS


@pytest.mark.parametrize(
    ("column", "is_number"),
    [
        (FEW_FRACTIONS, True),
        (np.arange(N) % 5, False),
        (np.arange(N) % 20, True),  # a count, such as n_samples
        (np.arange(N) % 2 == 0, False),
        (np.array(["a", "b", "10"])[np.arange(N) % 3], False),
    ],
)
def test_probes_predict_measurements_as_their_kind_says(column, is_number):
    frame = pd.DataFrame({"x": np.arange(N) % 4, "x_level": np.arange(N) % 4, "measured": column})
    assert read_target(frame, Columns.of(frame), "measured").is_continuous == is_number
