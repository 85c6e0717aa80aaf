"""What the field draws from a dataset: factors, pairs, interventions; from all of a grid or from a part."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.errors import FactorError, ParameterError
from syngen.loaders.dataset import FactorDataset

SPARSE = {
    "name": "sparse",
    "synthesizer": "tone",
    "seed": 3,
    "audio": {"sample_rate": 8000, "duration": 0.01},
    "factors": {
        "timbre": {"values": ["sine", "square", "sawtooth"]},
        "amplitude": {"linspace": {"start": 0.1, "stop": 0.9, "num": 9}},
        "frequency": {"geomspace": {"start": 110.0, "stop": 880.0, "num": 30}, "unit": "Hz"},
        "vibrato_depth": {"values": [0.0, 10.0, 20.0, 30.0], "unit": "cents"},
    },
    "settings": {"partial_limit": 3500.0},
    "sampling": {"size": 60},
}
"""Sixty of 3,240 grid points: most pairs that one could think of are not there."""


@pytest.fixture(scope="module")
def whole() -> FactorDataset:
    return syngen.render("syntone-tiny")


@pytest.fixture(scope="module")
def sparse() -> FactorDataset:
    return syngen.render(SPARSE)


def test_the_protocol_of_disentanglement_lib_is_met_to_the_letter(whole: FactorDataset) -> None:
    # disentanglement_lib/data/ground_truth/ground_truth_data.py, class GroundTruthData
    for name, arguments in {
        "sample_factors": ["num", "random_state"],
        "sample_observations_from_factors": ["factors", "random_state"],
        "sample": ["num", "random_state"],
        "sample_observations": ["num", "random_state"],
    }.items():
        assert list(inspect.signature(getattr(whole, name)).parameters) == arguments
    factors, observations = whole.sample(5, np.random.RandomState(0))
    state = np.random.RandomState(0)
    np.testing.assert_array_equal(factors, whole.sample_factors(5, state))
    np.testing.assert_array_equal(observations, whole.sample_observations_from_factors(factors, state))
    np.testing.assert_array_equal(observations, whole.sample_observations(5, np.random.RandomState(0)))
    assert observations.shape == (5, *whole.observation_shape)
    assert len(whole.factors_num_values) == whole.num_factors


def test_the_loop_of_the_betavae_score_runs(whole: FactorDataset) -> None:
    # disentanglement_lib/evaluation/metrics/beta_vae.py, _generate_training_sample
    state = np.random.RandomState(1)
    for _ in range(5):
        index = state.randint(whole.num_factors)
        factors1 = whole.sample_factors(8, state)
        factors2 = whole.sample_factors(8, state)
        factors2[:, index] = factors1[:, index]
        observation1 = whole.sample_observations_from_factors(factors1, state)
        observation2 = whole.sample_observations_from_factors(factors2, state)
        assert observation1.shape == observation2.shape == (8, 4000)


def test_combinations_that_are_not_there_are_said_and_not_invented(sparse: FactorDataset) -> None:
    drawn = sparse.sample_factors(500, 0)
    available = set(map(tuple, sparse.levels.tolist()))
    assert set(map(tuple, drawn.tolist())) == available
    mixed = drawn[:8].copy()
    mixed[:, 0] = (mixed[:, 0] + 1) % 3
    view = sparse[:]
    with pytest.raises(FactorError, match=r"8 of 8 combinations are not among these 60 .*first \{'timbre'"):
        view.sample_observations_from_factors(mixed, 0)


@pytest.mark.parametrize(
    ("dataset", "k", "mode"),
    [
        (dataset, k, mode)
        for dataset, n_factors in (("whole", 3), ("sparse", 4))
        for k in (1, 2, 3)
        for mode in ("change", "keep")
        if (k, mode) != (n_factors, "keep")  # where nothing would change
    ],
)
def test_pairs_differ_in_exactly_so_many_factors(
    dataset: str, k: int, mode: str, request: pytest.FixtureRequest
) -> None:
    ds: FactorDataset = request.getfixturevalue(dataset)
    pairs = ds.sample_pairs(200, k=k, mode=mode, random_state=0)  # type: ignore[arg-type]
    n_changed = k if mode == "change" else ds.num_factors - k
    assert pairs.first.shape == pairs.second.shape == (200,)
    np.testing.assert_array_equal(ds.levels[pairs.first] != ds.levels[pairs.second], pairs.changed)
    assert (pairs.changed.sum(axis=1) == n_changed).all()
    assert pairs.changed.any(axis=0).all()


def test_second_observations_of_a_pair_are_equally_likely(whole: FactorDataset) -> None:
    view = whole.select(timbre="sine", amplitude=-26.0)
    view = view.take([i for i in range(len(view)) if view.levels[i, 2] not in (3, 9)])
    pairs = view.sample_pairs(15_000, k=1, random_state=4)
    counts = np.bincount(pairs.second * 15 + pairs.first, minlength=225).reshape(15, 15)
    assert np.diag(counts).tolist() == [0] * 15
    others = counts[~np.eye(15, dtype=bool)]
    assert abs(others - others.mean()).max() < 5 * np.sqrt(others.mean())


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng, int])
def test_pairs_and_interventions_follow_the_seed(kind: Any, whole: FactorDataset) -> None:
    first, again, other = (whole.sample_pairs(50, k=2, random_state=kind(s)) for s in (7, 7, 8))
    np.testing.assert_array_equal(first.second, again.second)
    np.testing.assert_array_equal(first.changed, again.changed)
    assert not np.array_equal(first.first, other.first)
    first, again, other = (whole.sample_interventions(5, size=9, random_state=kind(s)) for s in (7, 7, 8))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions, other.positions)
    state = np.random.RandomState(0)
    drawn = [whole.sample_pairs(20, random_state=state).first for _ in range(2)]
    assert not np.array_equal(*drawn)


def test_a_view_without_such_pairs_says_so(whole: FactorDataset) -> None:
    view = whole.select(timbre="sine", amplitude=-26.0)
    with pytest.raises(ParameterError, match="2 factors shall change, but 1 vary in this view: frequency"):
        view.sample_pairs(3, k=2, random_state=0)
    diagonal = whole.take([whole.index_of(timbre="sine", amplitude=-26.0, frequency=110.0)])
    with pytest.raises(ParameterError, match="but 0 vary in this view: none"):
        diagonal.sample_pairs(3, random_state=0)
    values = whole.grid
    two = whole.take(
        [
            whole.index_of(
                timbre=values["timbre"].values[j],
                amplitude=values["amplitude"].values[j],
                frequency=values["frequency"].values[j],
            )
            for j in range(2)
        ]
    )
    assert two.sample_pairs(4, k=3, random_state=0).changed.all()
    with pytest.raises(ParameterError, match="no pairs: among these 2 observations no two were found"):
        two.sample_pairs(4, k=1, random_state=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k is 0; a whole number from 1 to 3"),
        ({"k": 4}, "k is 4; a whole number from 1 to 3"),
        ({"k": True}, "k is True"),
        ({"k": 1.0}, "k is 1.0"),
        ({"mode": "chang"}, r"mode 'chang' \(did you mean 'change'\?\)"),
        ({"k": 3, "mode": "keep"}, "0 factors shall change"),
        ({"random_state": None}, "a RandomState, a Generator or a whole number is needed"),
        ({"random_state": -1}, "random_state -1"),
        ({"num": -1}, "-1 pairs of a view of 408"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(
    options: dict[str, Any], message: str, whole: FactorDataset
) -> None:
    options = {"random_state": 0, **options}
    with pytest.raises(ParameterError, match=message):
        whole.sample_pairs(options.pop("num", 4), **options)


@pytest.mark.parametrize("factor", [None, "frequency"])
@pytest.mark.parametrize("dataset", ["whole", "sparse"])
def test_an_intervention_fixes_one_factor_and_lets_the_others_vary(
    dataset: str, factor: str | None, request: pytest.FixtureRequest
) -> None:
    ds: FactorDataset = request.getfixturevalue(dataset)
    drawn = ds.sample_interventions(60, size=40, factor=factor, random_state=2)
    assert drawn.positions.shape == (60, 40)
    for positions, j, level in zip(drawn.positions, drawn.factors, drawn.levels, strict=True):
        assert set(ds.levels[positions, j].tolist()) == {level}
    others = [np.ptp(ds.levels[p], axis=0) for p in drawn.positions]
    assert (np.array(others).max(axis=0) > 0).sum() >= ds.num_factors - 1
    fixed = set(drawn.factors.tolist())
    assert fixed == (set(range(ds.num_factors)) if factor is None else {ds.grid.position("frequency")})


def test_interventions_that_make_no_sense_are_refused(whole: FactorDataset) -> None:
    with pytest.raises(FactorError, match=r"no factor 'timber' \(did you mean 'timbre'\?\)"):
        whole.sample_interventions(1, size=2, factor="timber", random_state=0)
    with pytest.raises(ParameterError, match="1 batches of 0"):
        whole.sample_interventions(1, size=0, random_state=0)
    with pytest.raises(ParameterError, match="of a view of 0 observations"):
        whole[:0].sample_interventions(1, size=2, random_state=0)
