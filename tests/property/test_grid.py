"""Index <-> levels <-> values, and conditions, for grids of every form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syngen.factors import MAX_GRID_SIZE, Factor, FactorGrid, any_holds

pytestmark = pytest.mark.slow

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3) + 0.0)


@st.composite
def factors(draw: st.DrawFn, name: str) -> Factor:
    kind = draw(st.sampled_from(["nominal", "ordinal", "continuous"]))
    if kind == "nominal":
        texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
        return Factor(name, tuple(draw(st.lists(texts, min_size=1, max_size=6, unique=True))))
    if kind == "ordinal":
        start, step = draw(st.integers(-100, 100)), draw(st.sampled_from([-3, 1, 7]))
        size = draw(st.integers(1, 40))
        return Factor(name, tuple(range(start, start + step * size, step)), "ordinal")
    values = draw(st.lists(NUMBERS, min_size=1, max_size=8, unique=True))
    return Factor(name, tuple(values), "continuous")


@st.composite
def grids(draw: st.DrawFn) -> FactorGrid:
    n_factors = draw(st.integers(1, 4))
    return FactorGrid([draw(factors(f"f{i}")) for i in range(n_factors)])


@st.composite
def large_grids(draw: st.DrawFn) -> FactorGrid:
    sizes = draw(st.lists(st.integers(1, 3000), min_size=1, max_size=8))
    kept, product = [], 1
    for size in sizes:
        if product * size <= MAX_GRID_SIZE:
            kept.append(size)
            product *= size
    return FactorGrid([Factor(f"f{i}", tuple(range(s))) for i, s in enumerate(kept)])


@st.composite
def conditions(draw: st.DrawFn, grid: FactorGrid) -> dict[str, object]:
    names = draw(st.lists(st.sampled_from(list(grid)), min_size=1, unique=True))
    wanted: dict[str, object] = {}
    for name in names:
        factor = grid[name]
        if factor.is_ordered and draw(st.booleans()):
            ends = draw(st.sampled_from([("min",), ("max",), ("min", "max")]))
            bound = st.one_of(st.sampled_from(factor.values), st.integers(-200, 400))
            wanted[name] = dict(zip(ends, sorted(draw(bound) for _ in ends), strict=True))
        else:
            wanted[name] = draw(st.lists(st.sampled_from(factor.values), min_size=1))
    return wanted


def _agrees(value: object, term: object) -> bool:
    if isinstance(term, Mapping):
        return bool(term.get("min", value) <= value <= term.get("max", value))
    assert isinstance(term, list)
    return value in term


@given(grids(), st.data())
def test_index_levels_and_values_are_one_point(grid: FactorGrid, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, grid.size - 1))
    (levels,) = grid.levels_of([index]).tolist()
    assert grid.indices_of([levels]).tolist() == [index]
    values = grid.values_of(index)
    assert list(values.values()) == [
        factor.values[level] for factor, level in zip(grid.factors, levels, strict=True)
    ]
    assert grid.index_of(values) == index


@given(large_grids(), st.data())
def test_points_of_large_grids_come_back(grid: FactorGrid, data: st.DataObject) -> None:
    points = st.integers(0, grid.size - 1)
    indices = np.array(data.draw(st.lists(points, min_size=1, max_size=20)), dtype=np.int64)
    levels = grid.levels_of(indices)
    np.testing.assert_array_equal(grid.indices_of(levels), indices)
    strides = [1]
    for size in grid.sizes[:0:-1]:
        strides.insert(0, strides[0] * size)
    by_hand = [sum(lv * s for lv, s in zip(row, strides, strict=True)) for row in levels.tolist()]
    assert by_hand == indices.tolist()


@given(grids(), st.data())
def test_condition_masks_agree_with_a_search(grid: FactorGrid, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(conditions(grid), max_size=3))
    indices = np.arange(min(grid.size, 500), dtype=np.int64)
    levels = grid.levels_of(indices)
    compiled = [grid.condition(one) for one in wanted]
    points = [grid.values_of(int(i)) for i in indices]
    for condition, one in zip(compiled, wanted, strict=True):
        expected = [all(_agrees(p[name], term) for name, term in one.items()) for p in points]
        assert condition.holds(levels).tolist() == expected
    expected = [
        any(all(_agrees(p[name], term) for name, term in one.items()) for one in wanted) for p in points
    ]
    assert any_holds(compiled, levels).tolist() == expected
