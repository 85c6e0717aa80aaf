"""Factors come into the metrics as what they are, or are refused with what is wrong of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.evaluation.inputs import FactorColumn, read_inputs

CODES = np.random.default_rng(0).normal(size=(300, 2))


def factor(column: Any, **options: Any) -> FactorColumn:
    return read_inputs(CODES, column, **options).factors[0]


MISSING: dict[str, Any] = {
    "string": pd.DataFrame({"x": pd.array(["a", "b", None] * 100, dtype="string")}),
    "str": pd.DataFrame({"x": ["a", "b", None] * 100}),
    "dates": pd.DataFrame({"x": pd.to_datetime(["2024-01-01", "2024-01-02", None] * 100)}),
    "NaT among objects": pd.DataFrame({"x": np.array(["a", "b", pd.NaT] * 100, dtype=object)}),
    "NA among objects": pd.DataFrame({"x": np.array([1, 2, pd.NA] * 100, dtype=object)}),
    "Int64": pd.DataFrame({"x": pd.array([1, 2, None] * 100, dtype="Int64")}),
    "boolean": pd.DataFrame({"x": pd.array([True, False, None] * 100, dtype="boolean")}),
    "categories": pd.DataFrame({"x": pd.Categorical(["a", "b", None] * 100)}),
    "objects": np.array([0, 1, None] * 100, dtype=object),
    "masked": np.ma.masked_equal(np.array([0, 1, -1] * 100), -1),
    "masked matrix": np.ma.masked_equal(np.array([[0, 1, -1] * 100]).T, -1),
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_values_of_every_type_are_refused_with_their_number(case: str) -> None:
    names = None if isinstance(MISSING[case], pd.DataFrame) else ["x"]
    with pytest.raises(ParameterError, match="factor 'x' has 100 missing values, the first in row 2"):
        read_inputs(CODES, MISSING[case], factor_names=names)


def test_a_mask_without_masked_values_is_none() -> None:
    assert (
        factor(np.ma.masked_equal(np.array([0, 1, 2] * 100), -1)).values.tolist() == [0.0, 1.0, 2.0] * 100
    )


@pytest.mark.parametrize(
    ("column", "kind", "levels"),
    [
        (np.array([2**63 + 1, 2**63 + 2] * 150, dtype=np.uint64), "nominal", 2),
        (pd.array([True, False] * 150, dtype="boolean"), "nominal", 2),
        (np.array([True, False] * 150, dtype=object), "nominal", 2),
        (pd.array([3, 1] * 150, dtype="Int64"), "ordinal", 2),
        (pd.array([0.5, 1.5] * 150, dtype="Float64"), "continuous", 2),
        (pd.to_datetime(["2024-01-01", "2023-01-01", "2025-01-01"] * 100), "nominal", 3),
        (pd.Categorical(["b", "a"] * 150), "nominal", 2),
        (np.array([1, "01", "001"] * 100, dtype=object), "nominal", 3),
    ],
)
def test_columns_of_any_type_keep_their_levels(column: Any, kind: str, levels: int) -> None:
    found = factor(pd.DataFrame({"x": column}))
    assert (found.kind, len(np.unique(found.values))) == (kind, levels)


def test_ordered_categories_are_ordinal_in_their_order() -> None:
    column = pd.Categorical(["lo", "hi", "mid"] * 100, categories=["lo", "mid", "hi"], ordered=True)
    found = factor(pd.DataFrame({"x": column}))
    assert found.kind == "ordinal"
    assert found.values[:3].tolist() == [0.0, 2.0, 1.0]


def test_lists_in_cells_are_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="factor 'x' has 300 values of type list"):
        factor(pd.DataFrame({"x": [[1]] * 300}))
    with pytest.raises(ParameterError, match=r"column 'x' mixes .* 150 rows would become"):
        factor(pd.DataFrame({"x": np.array([1, "1"] * 150, dtype=object)}))


def entropy(cells: Any, kind: str) -> float:
    scores = syngen.evaluate(CODES[:40], pd.DataFrame({"f": cells}), factor_kinds=kind, metrics="mig")
    return float(scores.factors["entropy"].iloc[0])


@pytest.mark.parametrize(
    "pair",
    [
        (2**53, 2**53 + 1),
        (2**63, 2**63 + 1),
        (-(2**62) - 1, -(2**62)),
        (2**70, 2**70 + 1),
        (0.0, 5e-324),
        (1e308, 1.0000000001e308),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["nominal", "ordinal"])
def test_levels_that_differ_stay_apart(pair: tuple[Any, Any], kind: str) -> None:
    assert entropy(list(pair) * 20, kind) == pytest.approx(np.log(2.0))


@pytest.mark.parametrize("cell", [[1], (1,), {1}, {"a": 1}, np.zeros(1)], ids=repr)
def test_cells_that_hold_several_values_are_refused(cell: Any) -> None:
    cells = pd.Series(["a", *[cell] * 39])
    with pytest.raises(ParameterError, match=r"column 'f' has values that no table holds \(39 of type"):
        entropy(cells, "nominal")
