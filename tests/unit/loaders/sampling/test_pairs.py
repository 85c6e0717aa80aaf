"""Pairs of incomplete grids: every factor changes as often as the others, every pair is as likely."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from syngen.errors import ParameterError
from syngen.factors import Factor, FactorGrid
from syngen.loaders.sampling.lookup import Lookup
from syngen.loaders.sampling.pairs import Pairs, draw_pairs
from syngen.loaders.sampling.samplers import Population, draw_interventions

GRID = FactorGrid(
    [Factor(name, tuple(range(size)), "ordinal") for name, size in zip("abc", (2, 3, 40), strict=True)]
)


def population(indices: np.ndarray, grid: FactorGrid = GRID) -> Population:
    levels = grid.levels_of(indices)
    return Population(grid, indices, Lookup(indices), lambda name: levels[:, grid.position(name)])


def check(population: Population, pairs: Pairs) -> None:
    """Assert that pairs differ where they say that they do."""
    first, second = (
        population.grid.levels_of(population.indices[at]) for at in (pairs.first, pairs.second)
    )
    np.testing.assert_array_equal(first != second, pairs.changed)


def possible(population: Population, changed: tuple[bool, ...]) -> list[tuple[int, int]]:
    """Return all pairs that differ in exactly some factors."""
    levels = population.grid.levels_of(population.indices)
    differ = (levels[:, None] != levels[None]) == np.array(changed)
    return [(int(i), int(j)) for i, j in np.argwhere(differ.all(axis=2))]


@pytest.mark.parametrize("n", [12, 40, 200])
@pytest.mark.parametrize("k", [1, 2])
def test_every_set_of_factors_changes_as_often(n: int, k: int) -> None:
    rng = np.random.default_rng(n)
    some = population(np.sort(rng.choice(GRID.size, n, replace=False)))
    pairs = draw_pairs(some, 6_000, k=k, mode="change", random_state=1)
    check(some, pairs)
    found = Counter(map(tuple, pairs.changed.tolist()))
    feasible = [c for c in found if possible(some, c)]
    assert sum(found.values()) == 6_000
    assert len(feasible) == len(found) >= 2
    assert stats.chisquare(list(found.values())).pvalue > 0.001


def test_firsts_with_a_partner_and_partners_are_equally_likely() -> None:
    # two observations share a grid point; (0, 0, 5) has partners in a only
    levels = [[0, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 3], [1, 0, 5], [0, 0, 5], [1, 2, 9]]
    some = population(GRID.indices_of(levels))
    pairs = draw_pairs(some, 30_000, k=1, mode="change", random_state=2)
    check(some, pairs)
    in_c = pairs.changed[:, 2]
    pairs_in_c = possible(some, (False, False, True))
    firsts = Counter(pairs.first[in_c].tolist())
    assert firsts.keys() == {first for first, _ in pairs_in_c}
    assert stats.chisquare(list(firsts.values())).pvalue > 0.001
    for first in firsts:
        seconds = Counter(pairs.second[in_c & (pairs.first == first)].tolist())
        assert seconds.keys() == {second for one, second in pairs_in_c if one == first}
        assert stats.chisquare(list(seconds.values())).pvalue > 0.001


def test_a_single_pair_among_many_observations_is_found() -> None:
    grid = FactorGrid([Factor(name, tuple(range(200)), "ordinal") for name in "abc"])
    levels = np.repeat(np.arange(200)[:, None], 3, axis=1)  # all differ in everything
    levels[7] = [7, 7, 0]
    levels[8] = [8, 0, 0]
    levels[9] = [9, 9, 0]
    some = population(grid.indices_of(np.vstack([levels, [7, 3, 4]])), grid)
    pairs = draw_pairs(some, 50, k=2, mode="change", random_state=0)
    check(some, pairs)
    changed = {tuple(row) for row in pairs.changed.tolist()}
    assert changed == {c for c in [(1, 1, 0), (1, 0, 1), (0, 1, 1)] if possible(some, c)}  # type: ignore[arg-type]


def test_a_factor_without_pairs_is_left_out() -> None:
    levels = [[0, 0, i] for i in range(6)] + [[1, 1, 20 + i] for i in range(6)]
    some = population(GRID.indices_of(levels))
    pairs = draw_pairs(some, 100, k=1, mode="change", random_state=0)
    assert pairs.changed[:, 2].all()
    with pytest.raises(ParameterError, match=r"no pairs: among these 2 .* exactly 1 factor;"):
        draw_pairs(
            population(GRID.indices_of([[0, 0, 0], [1, 1, 1]])), 3, k=1, mode="change", random_state=0
        )


def test_all_but_one_of_many_factors_change() -> None:
    grid = FactorGrid([Factor(f"f{i}", (0, 1, 2), "ordinal") for i in range(14)])
    rng = np.random.default_rng(0)
    some = population(rng.integers(0, grid.size, 2_000), grid)
    pairs = draw_pairs(some, 20, k=2, mode="keep", random_state=0)
    check(some, pairs)
    assert (pairs.changed.sum(axis=1) == 12).all()


def test_no_pairs_are_no_pairs() -> None:
    pairs = draw_pairs(population(np.arange(GRID.size)), 0, k=1, mode="change", random_state=0)
    assert pairs.changed.shape == (0, 3)


def test_interventions_fix_factors_that_vary() -> None:
    some = population(GRID.indices_of([[0, i % 3, i] for i in range(30)]))
    found = draw_interventions(some, 3_000, size=4, factor=None, random_state=0)
    counts = np.bincount(found.factors, minlength=3)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 0.001
    levels = GRID.levels_of(some.indices)[found.positions]
    for batch, factor, level in zip(levels, found.factors, found.levels, strict=True):
        assert set(batch[:, factor]) == {level}
    with pytest.raises(ParameterError, match="'a' has one level in this view.*those that vary: b, c"):
        draw_interventions(some, 3, size=4, factor="a", random_state=0)
    with pytest.raises(ParameterError, match="no factor varies in this view of 1"):
        draw_interventions(population(np.array([5])), 3, size=4, factor=None, random_state=0)
