"""Intervals: from rows of train and test apart, of every metric, as wide as they should be."""

from __future__ import annotations

import math

import numpy as np
import pytest

import syngen
from syngen.evaluation.inputs import read_inputs
from syngen.evaluation.metrics.catalogue import METRICS, Metric, Outcome
from syngen.evaluation.metrics.intervals import Draws, resampled_scores, score_intervals
from syngen.evaluation.metrics.metric_inputs import MetricInputs
from syngen.evaluation.metrics.options import Options
from syngen.evaluation.significance import Spread

LEVELS = np.random.default_rng(0).integers(0, (3, 5), size=(600, 2))
CODES = LEVELS + np.random.default_rng(1).normal(0.0, 0.6, size=(600, 2))


def workspace(codes: np.ndarray, levels: np.ndarray = LEVELS, **options: int) -> MetricInputs:
    """Return a workspace; the metric named 'probe' of a test has no model."""
    chosen = {"n_resamples": 400, "n_refits": 20, "n_bins": 20, "seed": 0, **options}
    made = Options.of(
        compat=None,
        binning="quantile",
        active="null",
        dci_model=None,
        metrics=(),
        n_samples=None,
        test_size=0.25,
        intervals=True,
        **chosen,
    )
    return MetricInputs(read_inputs(codes, levels), made)


def enter(monkeypatch: pytest.MonkeyPatch, compute: object, **flags: bool) -> None:
    monkeypatch.setitem(METRICS, "probe", Metric("probe", "Probe", "probes", compute, **flags))  # type: ignore[arg-type]


def mean_of_first(work: MetricInputs) -> Outcome:
    return Outcome(float(work.inputs.codes[:, 0].mean()))


@pytest.mark.slow
def test_every_metric_but_counts_has_an_interval() -> None:
    scores = syngen.evaluate(CODES, LEVELS, metrics="all", intervals=True, n_resamples=6, n_refits=4)
    assert set(scores.intervals) == {
        key for key, metric in METRICS.items() if not metric.is_count and key not in scores.undefined
    }
    for key, (low, high) in scores.intervals.items():
        assert 0.0 <= low <= scores[key] <= high <= 1.0, key
    assert (scores.metadata["n_resamples"], scores.metadata["n_refits"]) == (6, 4)


@pytest.mark.parametrize("flags", [{}, {"needs_model": True}, {"sees_extremes": True}])
def test_no_row_is_twice_in_a_part_and_train_stays_apart_from_test(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool]
) -> None:
    rows = np.arange(600.0)
    seen: list[tuple[set[float], set[float]]] = []

    def compute(part: MetricInputs) -> Outcome:
        train, test = part.split
        values = part.inputs.codes[:, 0]
        assert len(train) + len(test) == part.n == len(np.unique(values))
        seen.append((set(values[train]), set(values[test])))
        return Outcome(0.5)

    enter(monkeypatch, compute, **flags)
    whole = workspace(np.stack([rows, CODES[:, 0]], axis=1), n_resamples=10, n_refits=4)
    resampled_scores(whole, ["probe"])
    train, test = (set(rows[part]) for part in whole.split)
    assert len(seen) == (4 if flags.get("needs_model") else 10)
    for of_train, of_test in seen:
        assert of_train < train
        assert of_test < test
    if flags.get("sees_extremes"):
        assert all((len(one), len(other)) == (360, 120) for one, other in seen)
        return
    for (train_1, test_1), (train_2, test_2) in zip(seen[::2], seen[1::2], strict=True):
        assert train_1 | train_2 == train
        assert test_1 | test_2 == test
        assert train_1.isdisjoint(train_2)
        assert test_1.isdisjoint(test_2)


@pytest.mark.parametrize("flags", [{}, {"sees_extremes": True}])
def test_the_spread_of_a_mean_is_its_standard_error(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool]
) -> None:
    enter(monkeypatch, mean_of_first, **flags)
    work = workspace(CODES)
    spread = resampled_scores(work, ["probe"])["probe"].spread
    assert spread is not None
    expected = CODES[:, 0].std(ddof=1) / math.sqrt(600)
    assert spread.deviation == pytest.approx(expected, rel=0.15)  # 400 draws: 5 % and more of chance
    assert spread.freedom >= 199
    intervals, notes = score_intervals(work, {"probe": 1.0})
    reach = intervals["probe"][1] - 1.0
    assert not notes
    assert reach == 0.0  # a score in 0..1 stays there
    assert 1.0 - intervals["probe"][0] == pytest.approx(1.97 * spread.deviation, rel=0.01)


def test_workspaces_of_the_same_rows_are_divided_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, mean_of_first)
    one, other = (
        resampled_scores(workspace(codes, n_resamples=20), ["probe"])["probe"]
        for codes in (CODES, CODES + 0.25)
    )
    np.testing.assert_allclose((other - one).values, 0.25, atol=1e-12)
    third = resampled_scores(workspace(CODES, n_resamples=20, seed=1), ["probe"])["probe"]
    assert (third.values != one.values).any()


def test_parts_without_a_score_are_left_out_or_make_the_interval_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = iter(range(1_000))

    def compute(part: MetricInputs) -> Outcome:
        number = next(calls)
        return Outcome(None if number < 2 else float("nan") if number < 4 else 0.5)

    enter(monkeypatch, compute)
    intervals, notes = score_intervals(workspace(CODES, n_resamples=40), {"probe": 0.5})
    assert (intervals, notes) == ({"probe": (0.5, 0.5)}, [])
    calls = iter(range(1_000))
    intervals, notes = score_intervals(workspace(CODES, n_resamples=8), {"probe": 0.5})
    assert intervals == {}
    assert notes == ["probe has no interval: it has a value in 2 of 4 divisions of the rows"]
    assert score_intervals(workspace(CODES), {"probe": math.nan}) == ({}, [])


def test_few_rows_have_no_intervals() -> None:
    scores = syngen.evaluate(CODES[:19], LEVELS[:19], metrics="mig", intervals=True)
    assert scores.intervals == {}
    assert any("19 rows are too few for intervals" in warning for warning in scores.warnings)


def test_a_factor_that_a_half_lacks_is_no_accident() -> None:
    rare = np.zeros(60, dtype=np.int64)
    rare[7] = 1
    scores = syngen.evaluate(
        CODES[:60],
        np.stack([rare, LEVELS[:60, 1]], axis=1),
        metrics="all",
        intervals=True,
        n_resamples=10,
        n_refits=4,
    )
    for low, high in scores.intervals.values():
        assert 0.0 <= low <= high <= 1.0


@pytest.mark.parametrize(
    ("values", "deviation"),
    [
        ([[1.0, 1.0], [1.0, 1.0]], 0.0),
        ([[0.0, 2.0], [2.0, 0.0]], math.sqrt((4.0 / 3.0 + 2.0 * 1.0) / 3.0)),
        ([[0.0], [1.0]], math.sqrt(0.5 * 4.0)),
    ],
)
def test_spreads_of_few_draws(values: list[list[float]], deviation: float) -> None:
    spread = Draws(np.array(values)).spread
    assert spread is not None
    assert spread.deviation == pytest.approx(deviation)


def test_too_few_draws_have_no_spread() -> None:
    assert Draws(np.array([[0.5]])).spread is None
    assert Draws(np.array([[0.5, math.nan], [0.5, 0.4]])).spread is None


def test_probabilities_are_those_of_student() -> None:
    from scipy.stats import ttest_1samp

    sample = np.array([0.1, 0.4, 0.2, 0.35, 0.05])
    spread = Spread(float(sample.std(ddof=1)) / math.sqrt(5), 4)
    expected = ttest_1samp(sample, 0.0)
    assert spread.p_of(float(sample.mean())) == pytest.approx(expected.pvalue)
    assert spread.interval(float(sample.mean())) == pytest.approx(tuple(expected.confidence_interval()))
    assert (Spread(0.0, 4).p_of(0.0), Spread(0.0, 4).p_of(-0.1)) == (1.0, 0.0)
