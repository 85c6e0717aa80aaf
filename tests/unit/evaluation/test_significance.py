"""Welch's spread and Holm's correction beside independent formulas."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.evaluation.significance import holm, welch_spread


@pytest.mark.parametrize(("n_a", "n_b", "scale"), [(6, 6, 1.0), (6, 20, 5.0), (2, 2, 0.1)])
def test_welch_is_that_of_scipy(n_a: int, n_b: int, scale: float, rng: np.random.Generator) -> None:
    from scipy.stats import ttest_ind

    a, b = rng.normal(size=n_a), scale * rng.normal(size=n_b) + 1.0
    expected = ttest_ind(a, b, equal_var=False)
    spread = welch_spread(a, b)
    assert spread.freedom == pytest.approx(expected.df)
    assert spread.p_of(float(a.mean() - b.mean())) == pytest.approx(expected.pvalue)


def test_trainings_that_all_agree_differ_surely_or_not_at_all() -> None:
    spread = welch_spread(np.ones(6), np.ones(6))
    assert (spread.p_of(0.0), spread.p_of(0.5)) == (1.0, 0.0)


def test_holm_keeps_order_and_never_exceeds_one() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
