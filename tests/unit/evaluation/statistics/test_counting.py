"""Tables of joint counts, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from syngen.evaluation.statistics import counting
from syngen.evaluation.statistics.counting import MOST_CELLS, coarsened, joint_table, run_lengths


@pytest.mark.parametrize("chunk", [7, 1 << 20])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64])
def test_joint_counts_are_those_of_pandas(
    chunk: int, kind: type, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_CHUNK", chunk)
    first, second = rng.integers(5, size=100).astype(kind), rng.integers(9, size=100).astype(kind)
    table = pd.crosstab(first, second).reindex(index=range(6), columns=range(10), fill_value=0)
    np.testing.assert_array_equal(joint_table(first, second, (6, 10)), table)


def test_runs_of_levels_add_up_what_they_hold(rng: np.random.Generator) -> None:
    first, second = rng.integers(200, size=5_000).astype(np.uint8), rng.integers(7, size=5_000)
    whole = joint_table(first, second, (200, 7))
    found = joint_table(first, second, (200, 7), runs=(3, 2))
    assert found.shape == (67, 4)
    expected = whole.reshape(-1, 7)[:198].reshape(66, 3, 7).sum(axis=1)
    expected = np.concatenate([expected, whole[198:].sum(axis=0, keepdims=True)])
    np.testing.assert_array_equal(found[:, :3], expected[:, :6].reshape(67, 3, 2).sum(axis=2))
    np.testing.assert_array_equal(found[:, 3], expected[:, 6])


@pytest.mark.parametrize(
    "sizes", [(1, 1), (256, 256), (257, 256), (20, 400), (3, 1_000_000), (1_000_000, 999), (70_000, 1)]
)
def test_tables_never_have_more_cells_than_allowed(sizes: tuple[int, int]) -> None:
    runs = run_lengths(sizes)
    shape = [-(-size // run) for size, run in zip(sizes, runs, strict=True)]
    assert shape[0] * shape[1] <= MOST_CELLS
    assert (runs == (1, 1)) is (sizes[0] * sizes[1] <= MOST_CELLS)
    # a factor of few levels keeps them
    assert all(run == 1 for size, run in zip(sizes, runs, strict=True) if size <= 256)


def test_a_coarse_table_has_the_same_sum(rng: np.random.Generator) -> None:
    table = rng.integers(9, size=(130, 64))
    found, runs = coarsened(table, most=64)
    assert (found.shape, runs) == ((44, 64), (3, 1))
    np.testing.assert_array_equal(found[1], table[3:6].sum(axis=0))
    np.testing.assert_array_equal(found[-1], table[129])
    assert found.sum() == table.sum()
