"""Regions against a look at every point."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.factors import Condition, Factor, FactorGrid, Region, any_holds, points_of, regions


@pytest.fixture
def grid() -> FactorGrid:
    return FactorGrid(
        [
            Factor("a", tuple(range(4)), "ordinal"),
            Factor("b", ("x", "y", "z")),
            Factor("c", tuple(range(5)), "ordinal"),
        ]
    )


def some_conditions(grid: FactorGrid, rng: np.random.Generator, n: int) -> list[Condition]:
    """Return conditions on one to three factors, some of which allow nothing or everything."""
    found = []
    for _ in range(n):
        positions = rng.permutation(3)[: rng.integers(1, 4)]
        found.append(Condition(tuple((int(p), rng.random(grid.sizes[p]) < 0.6) for p in positions)))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_divided_regions_have_the_points_that_a_look_at_all_finds(grid: FactorGrid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (some_conditions(grid, rng, int(rng.integers(0, 5))) for _ in range(2))
    levels = grid.levels_of(np.arange(grid.size))
    holds, holds_too = any_holds(first, levels), any_holds(second, levels)
    inside, outside = Region(grid).divided(first)
    both, only = inside.divided(second)
    for region, expected in ((inside, holds), (outside, ~holds), (both, holds & holds_too)):
        points = region.points(grid.size)
        assert sorted(points.tolist()) == np.flatnonzero(expected).tolist()  # none of them twice
        assert region.n_points == expected.sum()
        for position in range(3):
            present = np.isin(np.arange(grid.sizes[position]), levels[expected, position])
            np.testing.assert_array_equal(region.levels(position), present)
    assert only.n_points + both.n_points == inside.n_points
    assert points_of(grid, first, grid.size * 9).tolist() == np.flatnonzero(holds).tolist()  # type: ignore[union-attr]


def test_no_more_points_are_listed_than_wanted(grid: FactorGrid) -> None:
    assert Region(grid).points(7).tolist() == list(range(7))
    assert points_of(grid, [grid.condition({"b": ["x"]})], 19) is None
    assert len(points_of(grid, [grid.condition({"b": ["x"]})], 20)) == 20  # type: ignore[arg-type]


def test_a_region_of_a_large_grid_is_counted_without_being_built() -> None:
    large = FactorGrid([Factor(f"f{i}", tuple(range(1000)), "ordinal") for i in range(6)])
    _, rest = Region(large).divided([large.condition({f"f{i}": [0] for i in range(6)})])
    assert rest.n_points == 10**18 - 1
    assert rest.points(3).tolist() == [10**15, 10**15 + 1, 10**15 + 2]


def test_too_many_boxes_are_given_up(monkeypatch: pytest.MonkeyPatch, grid: FactorGrid) -> None:
    monkeypatch.setattr(regions, "MAX_BOXES", 3)
    conditions = [grid.condition({"a": [i], "b": ["x"], "c": [i]}) for i in range(4)]
    with pytest.raises(OverflowError):
        Region(grid).divided(conditions)
