"""Factors of every type become columns of numbers, or are refused with what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.evaluation.factor_columns import tamed

MISSING = {
    "texts": pd.DataFrame({"x": pd.array(["a", "b", None] * 40, dtype="string")}),
    "dates": pd.DataFrame({"x": pd.to_datetime(["2024-01-01", "2024-01-02", None] * 40)}),
    "objects": pd.DataFrame({"x": np.array(["a", "b", pd.NaT] * 40, dtype=object)}),
    "whole numbers": pd.DataFrame({"x": pd.array([1, 2, None] * 40, dtype="Int64")}),
    "categories": pd.DataFrame({"x": pd.Categorical(["a", None, "b"] * 40)}),
    "a mask": np.ma.masked_equal(np.array([0, 1, -1] * 40), -1),
    "a series": pd.Series([0.5, None, 1.5] * 40, dtype="Float64"),
}


@pytest.mark.parametrize("factors", MISSING.values(), ids=MISSING)
def test_missing_values_of_every_type_are_refused_with_their_number(factors: Any) -> None:
    with pytest.raises(ParameterError, match=r"factor '\w+' has 40 missing values, the first in row"):
        syngen.evaluate(np.random.default_rng(0).random((120, 2)), factors, metrics="mig")


def test_columns_of_every_type_are_levels() -> None:
    positions = np.arange(120) % 4
    big = [2**63 + 1, 2**63 + 2, 2**63 + 3, 2**63 + 4]
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05", "2025-01-01"])[positions],
            "category": pd.Categorical(np.array(["d", "c", "b", "a"])[positions]),
            "size": pd.Categorical(
                np.array(list("SMLX"))[positions], categories=list("SMLX"), ordered=True
            ),
            "flag": positions > 1,
            "id": np.array(big, dtype=np.uint64)[positions],
            "mixture": np.array(["a", 1, 2.5, True], dtype=object)[positions],
        }
    )
    scores = syngen.evaluate(positions + 0.01 * np.random.default_rng(0).random(120), frame, metrics="mig")
    assert scores.factors["n_levels"].tolist() == [4, 4, 4, 2, 4, 4]
    kinds = ["nominal", "nominal", "ordinal", "nominal", "nominal", "nominal"]
    assert scores.factors["kind"].tolist() == kinds
    rows = [[str(a), int(b)] for a, b in zip(frame["category"], positions, strict=True)]
    assert syngen.evaluate(positions, rows, metrics="mig").factors["kind"].tolist() == [
        "nominal",
        "ordinal",
    ]


@pytest.mark.parametrize(
    ("factors", "match"),
    [
        (pd.DataFrame([[1, 2]] * 9, columns=["x", "x"]), "2 columns are called 'x'"),
        (pd.DataFrame({"x": [[1], [2]] * 9}), "values of type list"),
        (np.array([1 + 2j, 2] * 9), "of type complex128, complex numbers"),
        ([[1, 2], [3]], "a list that is no array"),
    ],
)
def test_what_has_no_levels_is_refused(factors: Any, match: str) -> None:
    n = len(factors)
    with pytest.raises(ParameterError, match=match):
        syngen.evaluate(np.random.default_rng(0).random((n, 2)), factors, metrics="mig")


def test_columns_of_any_size_are_brought_into_reach() -> None:
    shape = np.array([[0.0], [0.25], [1.0]])
    for scale, offset in ((1e300, 0.0), (1e-300, 0.0), (1e-3, 1e9), (1e200, -1e200)):
        found = tamed(shape * scale + offset)
        assert np.isfinite(np.square(found)).all()
        places = (found - found.min()) / np.ptp(found)
        np.testing.assert_allclose(places, shape, atol=1e-3)
    same = np.random.default_rng(0).normal(size=(5, 2))
    assert tamed(same) is same
