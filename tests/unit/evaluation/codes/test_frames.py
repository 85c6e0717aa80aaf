"""Frames are brought together by their index, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.evaluation.codes.frames import ALIGNED

LEVELS = np.random.default_rng(0).integers(0, (4, 6), size=(400, 2))
CODES = LEVELS + np.random.default_rng(1).normal(0.0, 0.1, size=(400, 2))
FRAME = pd.DataFrame(LEVELS, columns=["a", "b"])
ORDER = np.random.default_rng(2).permutation(400)
NAMES = [f"clip-{k}" for k in range(400)]


def score(codes: Any, factors: Any) -> syngen.Scores:
    return syngen.evaluate(codes, factors, metrics=["mig", "mig_adjusted"])


@pytest.mark.parametrize("index", [range(400), NAMES, pd.date_range("2026-01-01", periods=400)])
def test_two_frames_are_brought_together_by_their_labels(index: Any) -> None:
    codes, factors = pd.DataFrame(CODES, index=index), FRAME.set_axis(index, axis=0)
    expected = score(codes, factors)
    assert expected["mig_adjusted"] > 0.9
    assert ALIGNED not in expected.warnings
    for one, other in ((codes, factors.iloc[ORDER]), (codes.iloc[ORDER], factors)):
        found = score(one, other)
        assert found["mig"] == pytest.approx(expected["mig"])
        assert ALIGNED in found.warnings


def test_equal_indexes_say_nothing_of_an_order() -> None:
    repeated = np.zeros(400, dtype=np.int64)
    found = score(pd.DataFrame(CODES, index=repeated), FRAME.set_axis(repeated, axis=0))
    assert found["mig_adjusted"] > 0.9


@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (CODES, FRAME.iloc[ORDER], "the index of the factors is in another order .*and the codes have no"),
        (pd.DataFrame(CODES).iloc[ORDER], LEVELS, "the index of the codes is in another order"),
        (CODES[:100], FRAME.iloc[ORDER[:100]], "the index of the factors is in another order"),
        (
            pd.DataFrame(CODES),
            FRAME.set_axis(np.arange(400) + 100, axis=0),
            r"100 of 400 labels in the index of the codes \(0, 1, 2\) are not in that of the factors",
        ),
        (
            pd.DataFrame(CODES, index=NAMES),
            FRAME.set_axis(["clip-0", *NAMES[:-1]], axis=0),
            "the index of the factors has 'clip-0' more than once",
        ),
        (
            pd.DataFrame(CODES, index=["clip-0", *NAMES[:-1]]),
            FRAME.set_axis(NAMES, axis=0),
            "the index of the codes has 'clip-0' more than once",
        ),
    ],
)
def test_rows_that_cannot_be_brought_together_are_refused(codes: Any, factors: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        score(codes, factors)


@pytest.mark.parametrize("index", [np.arange(400) * 3, NAMES[::-1], range(400)])
def test_an_array_goes_with_a_frame_that_is_in_order(index: Any) -> None:
    assert score(CODES, FRAME.set_axis(index, axis=0))["mig_adjusted"] > 0.9


def test_a_shuffled_series_and_codes_of_an_array_are_looked_at_too() -> None:
    with pytest.raises(ParameterError, match="in another order"):
        score(CODES, FRAME["a"].iloc[ORDER])
    with pytest.raises(ParameterError, match="in another order"):
        score(syngen.Codes(CODES, np.arange(400)), FRAME.iloc[ORDER])
