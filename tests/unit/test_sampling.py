from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

import syngen.sampling
from syngen.errors import FactorError
from syngen.factors import Factor, FactorGrid
from syngen.sampling import Correlation, Rows, Sampling
from syngen.splits import Scheme

SCHEME = Scheme("default", fractions=(("train", 0.6), ("validation", 0.1), ("test", 0.3)))
SEED = 7


@pytest.fixture
def grid() -> FactorGrid:
    return FactorGrid(
        [
            Factor("timbre", ("sine", "square", "pulse")),
            Factor("loudness", tuple(range(11)), "ordinal"),
            Factor("frequency", tuple(float(f) for f in range(100, 131)), "continuous", "Hz"),
        ]
    )


@pytest.fixture(params=["one block", "blocks of 64", "blocks of 7"])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "one block":
        monkeypatch.setattr(syngen.sampling, "BLOCK_SIZE", int(request.param.split()[-1]))
        # so small a block may well be empty, which says nothing about rarity
        monkeypatch.setattr(syngen.sampling, "_RAREST", 10**12)
    monkeypatch.setattr(syngen.sampling, "_BLOCKS_KEPT", 2)


def _rows(grid: FactorGrid, sampling: Sampling, *, scheme: Scheme = SCHEME, seed: int = SEED) -> Rows:
    return Rows(
        grid,
        sampling,
        seed=seed,
        split_names=scheme.names,
        split_codes=lambda indices, levels: scheme.codes(indices, levels, seed=seed),
    )


def _by_split(rows: Rows) -> dict[str, list[int]]:
    return {split: rows.indices(split, 0, count).tolist() for split, count in rows.split_sizes.items()}


def _accepted(grid: FactorGrid, sampling: Sampling, seed: int = SEED) -> list[int]:
    indices = np.arange(grid.size)
    kept = sampling.accepts(indices, grid.levels_of(indices), sizes=grid.sizes, seed=seed)
    return np.flatnonzero(kept).tolist()


def _samplings(grid: FactorGrid) -> Mapping[str, Sampling]:
    where = (grid.condition({"timbre": ["sine"]}), grid.condition({"loudness": {"min": 8}}))
    exclude = (grid.condition({"frequency": {"max": 104.0}}),)
    return {
        "everything": Sampling(),
        "where": Sampling(where=where),
        "exclude": Sampling(exclude=exclude),
        "both": Sampling(where=where, exclude=exclude),
        "correlated": Sampling(correlations=(Correlation(1, 2, 0.3, "loudness,frequency"),)),
        "all": Sampling(None, where, exclude, (Correlation(1, 2, 0.5, "loudness,frequency"),)),
    }


@pytest.mark.slow
@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("name", ["everything", "where", "exclude", "both", "correlated", "all"])
def test_rows_of_all_splits_are_the_accepted_points(grid: FactorGrid, name: str) -> None:
    sampling = _samplings(grid)[name]
    rows = _rows(grid, sampling)
    accepted = _accepted(grid, sampling)
    found = _by_split(rows)
    assert sorted(itertools.chain.from_iterable(found.values())) == accepted
    assert rows.size == len(accepted)
    assert rows.all_indices().tolist() == accepted
    assert 0 < len(accepted) <= grid.size


@pytest.mark.slow
@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("name", ["everything", "both", "correlated"])
def test_row_order_does_not_depend_on_the_block_size(
    grid: FactorGrid, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampling = _samplings(grid)[name]
    found = _by_split(_rows(grid, sampling))
    monkeypatch.setattr(syngen.sampling, "BLOCK_SIZE", 1 << 20)
    assert _by_split(_rows(grid, sampling)) == found


@pytest.mark.slow
@pytest.mark.usefixtures("_blocks")
def test_any_slice_of_rows_is_that_slice_of_the_whole(grid: FactorGrid, rng: np.random.Generator) -> None:
    sampling = Sampling(700, exclude=_samplings(grid)["exclude"].exclude)
    whole = _by_split(_rows(grid, sampling))
    rows = _rows(grid, sampling)  # fresh: slices are asked for before anything was counted
    for split, indices in whole.items():
        n = len(indices)
        cuts = [(0, 0), (0, n), (n - 1, n), (n, n + 5), (0, n + 100), (n - 2, n + 2)]
        cuts += [tuple(sorted(rng.integers(0, n + 1, 2).tolist())) for _ in range(40)]
        for start, stop in cuts:
            assert rows.indices(split, start, stop).tolist() == indices[start:stop]


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 500, 1023])
def test_dataset_has_exactly_the_size_asked_for(grid: FactorGrid, size: int) -> None:
    rows = _rows(grid, Sampling(size))
    assert rows.size == size
    assert sum(rows.split_sizes.values()) == size
    assert len(set(rows.all_indices().tolist())) == size


@pytest.mark.slow
@pytest.mark.usefixtures("_blocks")
def test_smaller_dataset_is_the_beginning_of_each_split_of_a_larger(grid: FactorGrid) -> None:
    exclude = _samplings(grid)["exclude"].exclude
    small = _by_split(_rows(grid, Sampling(150, exclude=exclude)))
    large = _by_split(_rows(grid, Sampling(600, exclude=exclude)))
    for split, indices in small.items():
        assert indices
        assert large[split][: len(indices)] == indices


def test_observation_keeps_its_split_when_conditions_change(grid: FactorGrid) -> None:
    everything = _by_split(_rows(grid, Sampling()))
    split_of = {index: split for split, indices in everything.items() for index in indices}
    for split, indices in _by_split(_rows(grid, _samplings(grid)["all"])).items():
        assert {split_of[index] for index in indices} == {split}


def test_where_needs_one_of_its_conditions_and_exclude_none(grid: FactorGrid) -> None:
    kept = _rows(grid, _samplings(grid)["both"]).all_indices()
    for values in map(grid.values_of, kept.tolist()):
        assert values["timbre"] == "sine" or int(values["loudness"]) >= 8
        assert float(values["frequency"]) > 104.0


def test_rows_are_shuffled_by_the_seed(grid: FactorGrid) -> None:
    first = _rows(grid, Sampling()).indices("train", 0, 300)
    second = _rows(grid, Sampling(), seed=8).indices("train", 0, 300)
    assert first.tolist() != sorted(first.tolist())
    assert set(first.tolist()) != set(second.tolist())


def test_splits_are_in_the_order_of_their_names(grid: FactorGrid) -> None:
    rows = _rows(grid, Sampling(400))
    assert list(rows.split_sizes) == ["train", "validation", "test"]
    fractions = np.array(list(rows.split_sizes.values())) / 400
    assert np.abs(fractions - [0.6, 0.1, 0.3]).max() < 0.07


def test_blocks_hold_what_the_splits_hold(grid: FactorGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syngen.sampling, "BLOCK_SIZE", 100)
    rows = _rows(grid, Sampling(450))
    found: dict[str, list[int]] = {name: [] for name in rows.split_names}
    for indices, codes in rows.blocks():
        for index, code in zip(indices.tolist(), codes.tolist(), strict=True):
            found[rows.split_names[code]].append(index)
    assert found == _by_split(rows)


@pytest.mark.usefixtures("_blocks")
def test_reachable_splits_are_those_of_the_whole_grid(grid: FactorGrid) -> None:
    held = Scheme("default", fixed=(("test", (grid.condition({"timbre": ["pulse"]}),)),))
    rows = _rows(grid, Sampling(1), scheme=held)
    assert rows.reachable_splits(n_blocks=10**6) == {"train", "validation", "test"}
    without = Sampling(where=(grid.condition({"timbre": ["sine"]}),))
    assert "test" not in _rows(grid, without, scheme=held).reachable_splits(n_blocks=10**6)


def test_large_grid_is_sampled_without_being_built() -> None:
    grid = FactorGrid([Factor(f"f{i}", tuple(range(2**10)), "ordinal") for i in range(6)])
    sampling = Sampling(1000, where=(grid.condition({"f0": {"min": 512}}),))
    indices = _rows(grid, sampling).all_indices()
    assert len(np.unique(indices)) == 1000
    assert indices.min() >= 2**59
    assert indices.max() > 2**59 + 2**58


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_correlation_brings_levels_together(grid: FactorGrid, sigma: float) -> None:
    correlation = Correlation(1, 2, sigma, "loudness,frequency")
    levels = grid.levels_of(_rows(grid, Sampling(correlations=(correlation,))).all_indices())
    difference = np.abs(levels[:, 1] / 10.0 - levels[:, 2] / 30.0)
    everything = grid.levels_of(np.arange(grid.size))
    before = np.abs(everything[:, 1] / 10.0 - everything[:, 2] / 30.0)
    assert difference.mean() < 0.8 * before.mean()
    assert np.corrcoef(levels[:, 1], levels[:, 2])[0, 1] > 0.5
    # the factor that is not named stays as it was
    assert np.abs(np.bincount(levels[:, 0]) / len(levels) - 1 / 3).max() < 0.08


def test_correlation_accepts_as_often_as_the_gaussian_says() -> None:
    grid = FactorGrid(
        [
            Factor("a", (0, 1, 2), "ordinal"),
            Factor("b", (0, 1, 2), "ordinal"),
            Factor("c", tuple(range(20_000)), "ordinal"),
        ]
    )
    indices = np.arange(grid.size)
    levels = grid.levels_of(indices)
    accepted = Correlation(0, 1, 0.4, "a,b").accepts(indices, levels, sizes=grid.sizes, seed=SEED)
    for a in range(3):
        for b in range(3):
            rate = accepted[(levels[:, 0] == a) & (levels[:, 1] == b)].mean()
            expected = np.exp(-(((a - b) / 2 / 0.4) ** 2) / 2)
            assert abs(rate - expected) < 0.015
    assert accepted[levels[:, 0] == levels[:, 1]].all()


def test_factors_of_one_level_can_be_correlated() -> None:
    grid = FactorGrid([Factor("a", (5,), "ordinal"), Factor("b", (1, 2, 3), "ordinal")])
    rows = _rows(grid, Sampling(correlations=(Correlation(0, 1, 10.0, "a,b"),)))
    assert 0 < rows.size <= 3


def test_too_few_accepted_points_are_refused_with_their_number(grid: FactorGrid) -> None:
    sampling = Sampling(400, where=(grid.condition({"timbre": ["sine"]}),))
    with pytest.raises(
        FactorError, match="size is 400, but only 341 of the grid's 1023 points are accepted; lower"
    ):
        _rows(grid, sampling).indices("train", 0, 1000)


def test_size_that_is_just_accepted_works(grid: FactorGrid) -> None:
    sampling = Sampling(341, where=(grid.condition({"timbre": ["sine"]}),))
    assert len(_rows(grid, sampling).all_indices()) == 341


def test_conditions_that_accept_nothing_are_refused(grid: FactorGrid) -> None:
    condition = grid.condition({"timbre": ["sine"]})
    rows = _rows(grid, Sampling(where=(condition,), exclude=(condition,)))
    with pytest.raises(FactorError, match="none of the grid's 1023 points is accepted; relax"):
        rows.split_sizes  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize("size", [None, 10])
def test_one_point_in_more_than_a_million_is_refused(size: int | None) -> None:
    grid = FactorGrid([Factor(f"f{i}", tuple(range(2**12)), "ordinal") for i in range(4)])
    ties = (Correlation(0, 1, 1e-7, "f0,f1"), Correlation(2, 3, 1e-7, "f2,f3"))
    rows = _rows(grid, Sampling(size, correlations=ties))
    with pytest.raises(FactorError, match=r"only \d of the first 8388608 points .* one in 1000000"):
        rows.split_sizes  # noqa: B018


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("size", [None, 1, 40])
@pytest.mark.parametrize(
    ("where", "exclude"),
    [
        ([{"timbre": ["sine"], "loudness": {"min": 8}}], []),
        ([{"timbre": ["sine"], "loudness": [3, 5]}, {"frequency": [110.0, 111.0]}], [{"loudness": [3]}]),
        ([], [{"timbre": ["sine", "square"]}, {"loudness": {"max": 7}}]),
        ([{"timbre": ["pulse"]}], [{"frequency": {"max": 125.0}}]),
    ],
)
def test_few_points_give_the_rows_that_a_walk_gives(
    grid: FactorGrid,
    where: list[Mapping[str, object]],
    exclude: list[Mapping[str, object]],
    size: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tie = Correlation(1, 2, 0.6, "loudness,frequency")
    for correlations in ((), (tie,)):
        conditions = [tuple(map(grid.condition, given)) for given in (where, exclude)]
        sampling = Sampling(size, conditions[0], conditions[1], correlations)
        monkeypatch.setattr(syngen.sampling, "MAX_LISTED", 0)
        walked = _rows(grid, sampling)
        assert walked.n_walked == grid.size
        expected = _by_split(walked)
        monkeypatch.setattr(syngen.sampling, "MAX_LISTED", 200)
        listed = _rows(grid, sampling)
        assert _by_split(listed) == expected
        assert listed.n_walked < grid.size or size == 1
