"""Manifests that other programs made: columns of lists, of mixed types, with names that are no texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import FactorError

LABELS = list("aab" * 4)
CODES = np.random.default_rng(3).normal(size=(12, 2))


def manifest(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"label": LABELS, "take": range(12), **columns})


def probed(codes: np.ndarray, frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    report = syngen.probe(codes, frame, **{"target": "label", "folds": 2, "model": "ridge", **options})
    return {name: result.accuracy for name, result in report.items()}


def test_columns_of_lists_beside_the_target_change_nothing() -> None:
    expected = probed(CODES, manifest())
    assert probed(CODES, manifest(tags=[[i] for i in range(12)], more=[{"x": 1}] * 12)) == expected


@pytest.mark.parametrize(
    "cells",
    [[[i] for i in range(12)], [1, "a", 2.5] * 4, [frozenset({1}), frozenset({2}), frozenset({1})] * 4],
    ids=["lists", "mixed", "sets"],
)
@pytest.mark.parametrize("role", ["target", "group_by"])
def test_values_without_an_order_are_refused_where_they_are_asked_for(role: str, cells: list[Any]) -> None:
    with pytest.raises(FactorError, match=f"{role} 'odd' holds values that cannot be put in order"):
        probed(CODES, manifest(odd=cells), **{role: "odd"})


def test_names_of_columns_may_be_numbers() -> None:
    frame = manifest()
    assert probed(CODES, frame.set_axis([0, 1], axis=1), target="0") == {
        "0": probed(CODES, frame)["label"],
    }


def test_codes_whose_squares_overflow_are_probed_as_their_shares_are() -> None:
    assert probed(CODES * 1e200, manifest()) == probed(CODES, manifest())


def test_half_precision_columns_are_columns_of_numbers() -> None:
    half = np.array([0.5, 0.25, 0.125] * 4, dtype=np.float16)
    expected = probed(CODES, manifest(half=half.astype(np.float32)), group_by="take")
    assert probed(CODES, manifest(half=half), group_by="take") == expected
