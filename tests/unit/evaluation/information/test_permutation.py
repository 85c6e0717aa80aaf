"""Shuffled rows: their information, which codes know more, and what is left when it is subtracted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from syngen.evaluation.information import binning, permutation
from syngen.evaluation.information.mutual_information import entropies, information_matrix


def columns(n: int, sizes: tuple[int, ...], rng: np.random.Generator) -> list[np.ndarray]:
    return [binning.dense(rng.integers(size, size=n)) for size in sizes]


@pytest.mark.parametrize("n", [2, 40, 3_000])
def test_information_of_shuffled_rows_is_that_of_rows_in_another_order(n: int) -> None:
    rng = np.random.default_rng(0)
    codes, factors = columns(n, (20, 1, 20, 70, 3), rng), columns(n, (4, 1, 10, 25, 60), rng)
    found = permutation.shuffled_information(codes, factors, n_shuffles=3, rng=np.random.default_rng(1))
    rng = np.random.default_rng(1)
    for matrix in found:
        order = rng.permutation(n)
        expected = information_matrix(codes, [factor[order] for factor in factors])
        np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_shuffled_rows_know_what_the_bias_says(rng: np.random.Generator) -> None:
    codes, factors = columns(10_000, (20,), rng), columns(10_000, (10,), rng)
    found = permutation.shuffled_information(codes, factors, rng=rng)
    assert found.mean() == pytest.approx(19 * 9 / 20_000, rel=0.03)


def test_nothing_is_known_of_constants(rng: np.random.Generator) -> None:
    constant, varying = np.zeros(30, dtype=np.int32), columns(30, (3,), rng)[0]
    for codes, factors in (
        ([constant], [varying]),
        ([varying], [constant]),
        ([], [varying]),
        ([varying], []),
    ):
        found = permutation.shuffled_information(codes, factors, n_shuffles=2, rng=rng)
        assert found.shape == (2, len(codes), len(factors))
        assert not found.any()
        information = information_matrix(codes, factors) if codes and factors else found[0]
        assert not permutation.beats_chance(information, found).any()


def test_codes_that_know_something_beat_chance_and_others_do_not(rng: np.random.Generator) -> None:
    factors = columns(400, (4, 40), rng)
    faint = np.where(rng.random(400) < 0.5, factors[0], rng.integers(4, size=400))
    codes = [*columns(400, (20, 90), rng), faint, factors[1]]
    shuffled = permutation.shuffled_information(codes, factors, rng=rng)
    found = permutation.beats_chance(information_matrix(codes, factors), shuffled)
    # a faint code of few values is found beside codes of many, whose bias is greater than all it knows
    assert found.tolist() == [False, False, True, True]


def test_a_level_for_every_row_is_known_to_nobody(rng: np.random.Generator) -> None:
    rows, code = np.arange(60, dtype=np.int32), columns(60, (5,), rng)[0]
    shuffled = permutation.shuffled_information([code], [rows], rng=rng)
    information = information_matrix([code], [rows])
    assert not permutation.beats_chance(information, shuffled).any()
    assert np.isnan(
        permutation.adjusted(information_matrix([rows], [rows]), np.log([[60]]), np.log([60]))
    ).all()


@pytest.mark.slow
def test_of_ten_codes_of_noise_none_beats_chance_in_95_of_100_draws() -> None:
    n_found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        factors = columns(50, (4, 10, 25), rng)
        codes = [binning.quantile_bins(rng.normal(size=50), n_bins=20) for _ in range(10)]
        shuffled = permutation.shuffled_information(codes, factors, rng=rng)
        n_found += bool(permutation.beats_chance(information_matrix(codes, factors), shuffled).any())
    assert n_found <= 5


def test_adjusted_information_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    factor = columns(300, (6,), rng)[0]
    code = np.where(rng.random(300) < 0.5, factor, rng.integers(6, size=300))
    shuffled = permutation.shuffled_information([code], [factor], n_shuffles=2_000, rng=rng)
    found = permutation.adjusted(
        information_matrix([code], [factor]), shuffled.mean(axis=0), entropies([factor])
    )
    # theirs divides by the greater of both entropies, which are nearly equal here
    assert found[0, 0] == pytest.approx(adjusted_mutual_info_score(factor, code), abs=0.01)
