"""Codes within fences: what wild rows, long tails and scales leave of them."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.evaluation.information.outliers import mean_ranks, within_fences


def test_tame_codes_are_standardised_and_nothing_else(rng: np.random.Generator) -> None:
    codes = rng.normal(3.0, 5.0, size=(10_000, 4))
    codes[:, 1] = rng.integers(3, size=10_000)
    codes[:, 2] = np.where(rng.random(10_000) < 0.2, 50.0, 0.01 * codes[:, 0])  # two clusters
    found, n_far = within_fences(codes)
    np.testing.assert_allclose(found, (codes - codes.mean(axis=0)) / codes.std(axis=0), atol=1e-9)
    assert not n_far.any()


@pytest.mark.parametrize("n", [20, 5_000])
@pytest.mark.parametrize("wild", [1e3, -1e12, 1e100])
def test_a_wild_row_hardly_moves_the_others(n: int, wild: float, rng: np.random.Generator) -> None:
    codes = rng.random((n, 2))
    before, _ = within_fences(codes)
    codes[7, 0] = wild
    after, n_far = within_fences(codes)
    assert n_far.tolist() == [1, 0]
    np.testing.assert_array_equal(after[:, 1], before[:, 1])
    others = np.arange(n) != 7
    assert np.corrcoef(after[others, 0], before[others, 0])[0, 1] == pytest.approx(1.0)
    assert np.abs(after[:, 0]).max() < 6.0


def test_rare_events_are_left_where_they_are() -> None:
    rare = np.zeros((1_000, 1))
    rare[:5] = 9.0
    found, n_far = within_fences(rare)
    assert n_far.tolist() == [0]
    assert len(np.unique(found)) == 2


def test_mean_ranks_do_not_change_with_rising_maps(rng: np.random.Generator) -> None:
    codes = np.round(rng.normal(size=(200, 2)), 1)
    np.testing.assert_array_equal(mean_ranks(np.exp(5.0 * codes)), mean_ranks(codes))
