"""Bins, information, areas and neighbours, against plain definitions and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import mutual_info_score

from syngen.evaluation.information import binning
from syngen.evaluation.information import derived as relations
from syngen.evaluation.information.mutual_information import entropy, information_matrix
from syngen.evaluation.metrics import explicitness, infomec, irs


def test_bins_of_equal_width_are_those_of_numpy(rng: np.random.Generator) -> None:
    for column in (rng.normal(size=500), np.round(rng.normal(size=500), 1), np.arange(25.0)):
        expected = np.digitize(column, np.histogram(column, 20)[1][:-1])
        found = binning.width_bins(column, n_bins=20)
        assert len(set(zip(expected, found, strict=True))) == len(set(expected)) == found.max() + 1


def test_bins_of_equal_count_are_symmetric_and_hold_equally_many(rng: np.random.Generator) -> None:
    assert np.bincount(binning.quantile_bins(rng.random(1_000), n_bins=20)).tolist() == [50] * 20
    for n_values in (3, 30, 300):
        ties = rng.integers(n_values, size=151).astype(float)
        bins = binning.quantile_bins(ties, n_bins=8)
        np.testing.assert_array_equal(bins.max() - binning.quantile_bins(-ties, n_bins=8), bins)
        assert (np.diff(bins[np.argsort(ties)]) >= 0).all()


def test_columns_keep_few_values_only() -> None:
    column = np.array([5.0, 1.0, 5.0, 3.0])
    kept = binning.levels_if_few(column, most=3)
    assert kept is not None
    assert kept.tolist() == [2, 0, 2, 1]
    assert binning.levels_if_few(column, most=2) is None
    signed = binning.levels_if_few(np.array([0.0, -0.0, 1.0]), most=2)
    assert signed is not None
    assert signed.tolist() == [0, 0, 1]


def test_levels_with_rounding_noise_are_levels_and_real_numbers_are_not(rng: np.random.Generator) -> None:
    levels = rng.integers(40, size=4_000)
    for noise, scale in ((1e-9, 1.0), (1e-6, -3e8), (1e-5, 1e-20)):
        column = scale * (levels + noise * rng.normal(size=4_000))
        found = binning.levels_if_few(column, most=200, closeness=binning.CLOSENESS)
        assert found is not None
        np.testing.assert_array_equal(found, levels if scale > 0.0 else 39 - levels)
    for column in (levels + 0.1 * rng.normal(size=4_000), rng.normal(size=4_000), rng.random(4_000) ** 9):
        assert binning.levels_if_few(column, most=200, closeness=binning.CLOSENESS) is None
    # so many that each is within the distance of the next
    crowd = np.linspace(0.0, 1.0, 40_000)
    assert binning.levels_if_few(crowd, most=2_000, closeness=binning.CLOSENESS) is None


def test_a_wild_row_is_no_end_of_the_middle(rng: np.random.Generator) -> None:
    for n in (3, 20, 99, 100, 101, 5_000):
        column = rng.random(n)
        column[0] = 1e12
        assert binning.middle_range(column)[1] <= 1.0
    assert binning.middle_range(np.array([1.0, 7.0])) == (1.0, 7.0)


@pytest.mark.parametrize("n", [2, 50, 3_000])
def test_information_is_that_of_scikit_learn(n: int, rng: np.random.Generator) -> None:
    codes = [binning.dense(rng.integers(size, size=n)) for size in (2, 20, 7)]
    factors = [binning.dense(rng.integers(size, size=n)) for size in (3, 1, 10, 25, 40)]
    expected = [[mutual_info_score(factor, code) for factor in factors] for code in codes]
    np.testing.assert_allclose(information_matrix(codes, factors), expected, atol=1e-12)


def test_very_many_levels_need_little_memory(rng: np.random.Generator) -> None:
    columns = [rng.permutation(20_000).astype(np.int32) for _ in range(2)]
    np.testing.assert_allclose(information_matrix(columns[:1], columns[1:]), np.log(20_000))


def test_one_level_has_no_entropy() -> None:
    assert entropy(np.array([7, 0])) == 0.0


def test_area_is_the_chance_that_a_positive_row_scores_above_a_negative_one(
    rng: np.random.Generator,
) -> None:
    score, positive = np.round(rng.random(300), 1), rng.random(300) < 0.3
    above = score[positive][:, np.newaxis] - score[~positive]
    found = explicitness.area_under_curve(score, positive)
    assert found == pytest.approx(np.mean((above > 0.0) + 0.5 * (above == 0.0)))
    assert explicitness.area_under_curve(score, np.ones(300, dtype=bool)) is None


def test_neighbours_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    levels = rng.integers(6, size=1_500)
    for code in (levels + 0.3 * rng.normal(size=1_500), rng.normal(size=1_500), levels + rng.random(1_500)):
        expected = mutual_info_classif(code[:, np.newaxis], levels, n_neighbors=10, random_state=0)[0]
        found = infomec.neighbour_information(code, levels, rng=rng)
        assert found == pytest.approx(expected, abs=2e-3)


def test_rows_alone_with_their_level_have_no_neighbours(rng: np.random.Generator) -> None:
    assert infomec.neighbour_information(rng.normal(size=9), np.arange(9), rng=rng) == 0.0


def test_robustness_is_the_plain_definition(rng: np.random.Generator) -> None:
    codes, factor = rng.normal(size=(211, 20)), rng.integers(5, size=211)
    matrix, deviations = irs.irs_matrix(codes, [factor])
    groups = [codes[factor == level] for level in range(5)]
    spread = np.mean([np.quantile(np.abs(g - g.mean(axis=0)), 0.99, axis=0) for g in groups], axis=0)
    np.testing.assert_allclose(deviations, np.abs(codes - codes.mean(axis=0)).max(axis=0))
    np.testing.assert_allclose(matrix[:, 0], 1.0 - spread / deviations)


def test_functions_of_factors_are_found_where_chance_cannot_make_them(rng: np.random.Generator) -> None:
    speaker = rng.integers(8, size=400)
    gender, style = (speaker >= 5).astype(int), rng.integers(3, size=400)
    assert relations.derived_factors([gender, speaker, style]) == {0: 1}
    assert relations.derived_factors([speaker, speaker[::-1], 7 - speaker]) == {2: 0}
    assert relations.derived_factors([np.arange(400), speaker, style]) == {}
    noisy = np.where(np.arange(400) == 17, 1 - gender, gender)
    assert relations.derived_factors([noisy, speaker]) == {}
