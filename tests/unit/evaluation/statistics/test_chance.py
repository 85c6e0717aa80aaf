"""What chance gives: tables that are drawn are those of shuffled rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from syngen.evaluation.information import permutation
from syngen.evaluation.information.mutual_information import table_information
from syngen.evaluation.statistics import chance
from syngen.evaluation.statistics.chance import shuffled_information
from syngen.evaluation.statistics.counting import joint_table


def test_information_of_a_table_is_that_of_its_rows(rng: np.random.Generator) -> None:
    first = rng.integers(6, size=400)
    second = np.where(rng.random(400) < 0.5, first, rng.integers(6, size=400))
    table = joint_table(first, second, (6, 6))
    assert table_information(table) == pytest.approx(mutual_info_score(first, second), abs=1e-12)
    assert table_information(np.full((3, 4), 5)) == pytest.approx(0.0, abs=1e-12)


def test_drawn_tables_have_the_distribution_of_shuffled_rows(rng: np.random.Generator) -> None:
    first, second = rng.integers(5, size=300), rng.integers(9, size=300) ** 2 // 9
    table = joint_table(first, second, (5, 10))
    drawn = shuffled_information(table, n_shuffles=2_000, rng=rng)
    shuffled = permutation.shuffled_information([first], [second], n_shuffles=2_000, rng=rng)
    assert drawn.mean() == pytest.approx(np.mean(shuffled), rel=0.03)
    assert np.quantile(drawn, 0.95) == pytest.approx(np.quantile(shuffled, 0.95), rel=0.05)


def test_independent_columns_are_above_the_quantile_one_time_in_twenty(rng: np.random.Generator) -> None:
    above = 0
    for _ in range(400):
        table = joint_table(rng.integers(4, size=200), rng.integers(6, size=200), (4, 6))
        shuffled = shuffled_information(table, n_shuffles=100, rng=rng)
        above += table_information(table) > np.quantile(shuffled, 0.95)
    assert 8 <= above <= 36  # 20 expected, standard deviation 4.4


def test_empty_levels_and_constant_columns_are_no_trouble(rng: np.random.Generator) -> None:
    table = np.array([[3, 0, 2], [0, 0, 0], [4, 0, 9]])
    found = shuffled_information(table, n_shuffles=50, rng=rng)
    assert found.shape == (50,)
    assert 0.0 < found.mean() < 0.2
    assert not shuffled_information(np.array([[3, 4]]), n_shuffles=50, rng=rng).any()


def test_few_tables_at_a_time_are_the_same_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.arange(12).reshape(3, 4)
    whole = shuffled_information(table, n_shuffles=30, rng=np.random.default_rng(1))
    monkeypatch.setattr(chance, "_CELLS_AT_ONCE", 40)
    parts = shuffled_information(table, n_shuffles=30, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(whole, parts)


def test_the_draws_are_those_that_cards_of_releases_were_made_with() -> None:
    """The same from NumPy 1.26 with SciPy 1.12 on; if they change, checks of older releases fail."""
    table = np.array([[10, 20, 5], [8, 2, 40], [1, 1, 13]])
    found = shuffled_information(table, n_shuffles=5, rng=np.random.default_rng([0, 0, 1]))
    np.testing.assert_allclose(found, PINNED, rtol=1e-12)


PINNED = [
    0.01082305003534545,
    0.0007525481554417901,
    0.027443655523864408,
    0.004012198958519342,
    0.014984292254121456,
]
