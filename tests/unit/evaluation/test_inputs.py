"""Factors whose values float64 would merge, and cells that are no values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import ParameterError

CODES = np.random.default_rng(4).normal(size=(40, 2))


def entropy(cells: Any, kind: str) -> float:
    scores = syngen.evaluate(CODES, pd.DataFrame({"f": cells}), factor_kinds=kind, metrics="mig")
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
    with pytest.raises(ParameterError, match=r"factor 'f' holds a \w+, .*; give one value a row"):
        entropy(cells, "nominal")
