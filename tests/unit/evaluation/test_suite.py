"""`syngen.evaluate` as a whole: what goes in, what is refused, what comes out."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.evaluation.metrics.catalogue import CORE, METRICS, MODEL_FREE, Metric, Outcome
from syngen.evaluation.metrics.metric_inputs import MetricInputs


def factors_of(n: int, sizes: tuple[int, ...] = (4, 6, 9), seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


FACTORS = factors_of(240)
CODES = FACTORS + np.random.default_rng(1).normal(0.0, 0.1, size=FACTORS.shape)
NOISE = np.random.default_rng(2).normal(size=(240, 4))
SPEAKER = np.random.default_rng(3).integers(12, size=240)
STYLE = np.random.default_rng(4).integers(3, size=240)

CASES: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "perfect": (FACTORS.astype(float), FACTORS),
    "rotated": (CODES @ np.linalg.qr(NOISE[:3, :3])[0], FACTORS),
    "redundant": (np.hstack([CODES, CODES]), FACTORS),
    "random": (NOISE, FACTORS),
    "monotone": (np.exp(CODES), FACTORS),
    "collapsed": (np.hstack([CODES[:, :1], 1e-7 * NOISE]), FACTORS),
    "constant codes": (np.hstack([CODES, np.ones((240, 2))]), FACTORS),
    "nothing but constants": (np.ones((240, 3)), FACTORS),
    "one code": (CODES[:, :1], FACTORS),
    "one factor": (CODES, FACTORS[:, :1]),
    "one of each": (CODES[:, :1], FACTORS[:, :1]),
    "more factors than codes": (CODES[:, :2], np.hstack([FACTORS, factors_of(240, (3, 5), seed=9)])),
    "a constant factor": (CODES, np.hstack([FACTORS, np.zeros((240, 1), int)])),
    "constant factors": (CODES, np.zeros((240, 2), int)),
    "continuous": (3.0 * NOISE, NOISE[:, :2] + 0.1 * NOISE[:, 2:]),
    "hierarchical": (
        np.stack([SPEAKER, SPEAKER % 2, STYLE], axis=1) * 1.0,
        np.stack([SPEAKER, SPEAKER % 2, STYLE], axis=1),
    ),
    "one row per level": (NOISE, np.arange(240)[:, np.newaxis]),
    "missing levels": (CODES, FACTORS * 7 - 3),
    "two rows": (NOISE[:2], np.array([[0, 1], [1, 1]])),
    "three rows": (NOISE[:3], np.array([[0, 1], [1, 1], [2, 0]])),
    "great numbers": (CODES * 1e300, FACTORS),
    "small numbers": (CODES * 1e-300, FACTORS),
    "a great offset": (1e15 + FACTORS, FACTORS),
}


@pytest.mark.slow
@pytest.mark.parametrize("compat", [None, "disentanglement_lib", "ubisoft"])
@pytest.mark.parametrize("name", CASES)
def test_every_score_is_a_number_in_its_range(name: str, compat: str | None) -> None:
    model = None if compat == "ubisoft" else "forest"
    some = [key for key, metric in METRICS.items() if metric.family != "votes"]
    scores = syngen.evaluate(*CASES[name], metrics=some, compat=compat, dci_model=model)
    document = json.loads(scores.to_json())
    for key, value in scores.items():
        if key in scores.undefined:
            assert np.isnan(value), key
            assert document["scores"][key] is None, key
            assert f"{key} has no value: {scores.undefined[key]}" in scores.warnings
            continue
        assert 0.0 <= value <= (len(scores.codes) if key == "n_active" else 1.0), key
    for matrix in (scores.mi, scores.factor_mi, scores.importance):
        assert matrix is not None
        assert np.isfinite(matrix).all()
    varies = scores.factors["entropy"].to_numpy() > 0.0
    np.testing.assert_array_equal(np.isfinite(scores.nmi), np.broadcast_to(varies, scores.nmi.shape))
    for frame in (scores.factors, scores.codes):
        assert not frame[[name for name in frame if name not in METRICS]].isna().any(axis=None)
        measured = frame[[name for name in frame if name in METRICS]].to_numpy(dtype=float)
        assert ((measured >= 0.0) & (measured <= 1.0) | np.isnan(measured)).all()
    assert document["metadata"]["rows"] == len(CASES[name][0])
    assert "nan" not in scores.to_markdown()


@pytest.mark.parametrize("name", ["perfect", "one code", "nothing but constants", "two rows", "collapsed"])
def test_votes_are_numbers_too(name: str) -> None:
    scores = syngen.evaluate(*CASES[name], metrics="votes")
    for key, value in scores.items():
        assert np.isnan(value) if key in scores.undefined else 0.0 <= value <= 1.0


def test_all_metrics_are_there() -> None:
    scores = syngen.evaluate(CODES, FACTORS, metrics="all")
    assert list(scores) == list(METRICS)
    assert tuple(syngen.evaluate(CODES, FACTORS)) == CORE
    assert min(scores[key] for key in ("factor_vae", "beta_vae", "explicitness", "dci_d")) > 0.95


def test_an_entry_is_all_that_a_metric_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(work: MetricInputs) -> Outcome:
        return Outcome(0.5, by_factor=np.full(work.n_factors, 0.5))

    monkeypatch.setitem(METRICS, "half", Metric("half", "One half", "halves", compute))
    for name in ("half", "halves"):
        scores = syngen.evaluate(CODES, FACTORS, metrics=["mig", name], intervals=True, n_resamples=3)
        assert scores["half"] == 0.5
        assert scores.intervals["half"] == (0.5, 0.5)
        assert list(scores.factors["half"]) == [0.5] * 3
        assert "| One half | 0.500 | 0.500 to 0.500 |" in scores.to_markdown()
    with pytest.raises(ParameterError, match="did you mean 'halves'"):
        syngen.evaluate(CODES, FACTORS, metrics="halv")


def test_only_what_was_asked_for_is_computed() -> None:
    scores = syngen.evaluate(CODES, FACTORS, metrics=["mig", "infoe"])
    assert {"mig"} == {*METRICS} & {*scores.factors.columns, *scores.codes.columns}


def test_derived_factors_are_reported_apart() -> None:
    codes, factors = CASES["hierarchical"]
    names = ["speaker", "gender", "style"]
    scores = syngen.evaluate(codes, factors, factor_names=names, metrics="model_free")
    assert scores.metadata["derived"] == {"gender": "speaker"}
    assert list(scores.factors["role"]) == ["headline", "derived", "headline"]
    assert scores["mig"] > 0.9
    assert scores["mig_sup"] > 0.9
    assert any("gender is a function of speaker" in warning for warning in scores.warnings)
    punished = syngen.evaluate(codes, factors, compat="disentanglement_lib")
    assert punished["mig"] < 0.7
    assert scores.factor_mi[0, 1] == pytest.approx(np.log(2.0), abs=0.01)


def test_names_of_rows_are_no_parents() -> None:
    rows = np.arange(240)[:, np.newaxis]
    scores = syngen.evaluate(CODES, np.hstack([FACTORS, rows]), factor_kinds="nominal")
    assert scores.metadata["derived"] == {}


def test_codes_with_few_values_keep_them() -> None:
    factors = factors_of(2_000, (25, 3))
    assert syngen.evaluate(factors.astype(float), factors)["mig"] > 0.98
    reference = syngen.evaluate(factors.astype(float), factors, compat="disentanglement_lib")
    assert reference.factors["mig"].iloc[0] < 0.95


def test_texts_are_nominal_and_frames_have_names() -> None:
    frame = pd.DataFrame({"style": np.array(["calm", "loud", "soft"])[STYLE], "speaker": SPEAKER})
    codes = pd.DataFrame({"a": STYLE + 0.01 * NOISE[:, 0], "b": SPEAKER + 0.01 * NOISE[:, 1]})
    scores = syngen.evaluate(codes, frame)
    assert list(scores.factors["kind"]) == ["nominal", "ordinal"]
    assert list(scores.factors["best_code"]) == ["a", "b"]
    assert scores["sap"] > 0.9
    only_texts = syngen.evaluate(codes, frame["style"].to_numpy())
    assert list(only_texts.factors["kind"]) == ["nominal"]


@pytest.mark.slow
def test_nominal_factors_are_never_numbers() -> None:
    names = np.array([2, 0, 1])[STYLE]  # another order of the same levels
    codes = (STYLE + 0.01 * NOISE[:, 0])[:, np.newaxis]
    for options in ({}, {"metrics": "dci", "dci_model": "lasso"}):
        one, other = (
            syngen.evaluate(codes, levels, factor_kinds="nominal", **options) for levels in (STYLE, names)
        )
        assert dict(one) == pytest.approx(dict(other), abs=1e-9)


def test_kinds_of_a_grid_name_the_columns_of_plain_levels() -> None:
    ds = syngen.render("syntone-tiny")
    scores = syngen.evaluate(ds.levels.astype(float), ds.levels, factor_kinds=ds.grid.kinds)
    assert dict(scores.factors["kind"]) == dict(ds.grid.kinds)


def test_kinds_may_be_given_by_name() -> None:
    kinds = {"v2": "continuous", "v1": "nominal"}
    scores = syngen.evaluate(CODES, FACTORS, factor_kinds=kinds)
    assert list(scores.factors["kind"]) == ["ordinal", "nominal", "continuous"]
    scores = syngen.evaluate(CODES, FACTORS, factor_kinds={**kinds, "v0": "nominal"})
    assert list(scores.factors["kind"]) == ["nominal", "nominal", "continuous"]


@pytest.mark.slow
def test_same_seed_is_the_same_result_and_rows_are_drawn() -> None:
    codes, factors = np.tile(CODES, (5, 1)), np.tile(FACTORS, (5, 1))
    one, other = (syngen.evaluate(codes, factors, n_samples=500, seed=3, metrics="all") for _ in range(2))
    assert one.to_json() == other.to_json()
    assert (one.metadata["rows"], one.metadata["rows_given"]) == (500, 1_200)


@pytest.mark.parametrize("compat", [None, "disentanglement_lib", "ubisoft"])
@pytest.mark.parametrize("name", CASES)
def test_intervals_hold_the_scores(name: str, compat: str | None) -> None:
    some = [key for key, metric in METRICS.items() if not metric.needs_model]
    scores = syngen.evaluate(*CASES[name], metrics=some, compat=compat, intervals=True, n_resamples=6)
    assert "n_active" not in scores.intervals
    for key, (low, high) in scores.intervals.items():
        assert 0.0 <= low <= scores[key] <= high <= 1.0, key
    assert ("95 % interval" in scores.to_markdown()) == bool(scores.intervals)
    if name == "perfect":
        assert set(scores.intervals) == {*some} - {"n_active"}


def test_core_is_what_to_report_and_with_a_reference_what_needs_no_model() -> None:
    reported = ["mig", "mig_adjusted", "sap", "n_active", "dci_d", "dci_c", "dci_i", "dci_i_chance"]
    assert list(CORE) == [*reported, "infom", "infoc", "infoe"]
    reference = syngen.evaluate(CODES, FACTORS, compat="disentanglement_lib")
    assert list(reference) == [key for key in MODEL_FREE if key != "mig_adjusted"]
    assert not any(METRICS[key].needs_model for key in MODEL_FREE)
    assert reference.metadata["binning"] == "width"


def test_quantile_bins_rescue_curved_codes() -> None:
    factors = factors_of(2_000, (10, 4))
    curved = np.exp(2.0 * (factors + np.random.default_rng(5).normal(0.0, 0.05, size=factors.shape)))
    width, quantile = (
        syngen.evaluate(curved, factors, binning=binning, metrics="mig")["mig"]
        for binning in ("width", None)
    )
    assert width < 0.6
    assert quantile > 0.8


def test_mixed_factors_are_said() -> None:
    tied = np.stack([STYLE, np.where(NOISE[:, 0] > -1.0, STYLE, 0)], axis=1)
    scores = syngen.evaluate(CODES, tied)
    assert any("share" in warning and "no code can separate" in warning for warning in scores.warnings)


def test_few_rows_for_dci_are_said() -> None:
    scores = syngen.evaluate(CODES, FACTORS, metrics="dci")
    assert any("240 rows" in warning and "1,000" in warning for warning in scores.warnings)


def test_scores_know_what_was_not_asked_for() -> None:
    scores = syngen.evaluate(CODES, FACTORS, metrics="mig")
    with pytest.raises(KeyError, match="was not asked for"):
        _ = scores["dci_d"]
    with pytest.raises(KeyError, match="did you mean 'mig'"):
        _ = scores["mgi"]
    assert scores.importance is None
    assert repr(scores).startswith("<Scores mig: 0.")


@pytest.mark.slow
def test_plots_have_four_panels(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for case, metrics in ((CASES["perfect"], ["core", "dci"]), (CASES["more factors than codes"], "core")):
        figure = syngen.evaluate(*case, metrics=metrics).plot()
        figure.savefig(tmp_path / "scores.png")
        assert (tmp_path / "scores.png").stat().st_size > 10_000
        assert len([axes for axes in figure.axes if axes.get_title()]) >= 3


def test_json_is_written_to_a_file(tmp_path: Path) -> None:
    scores = syngen.evaluate(CASES["nothing but constants"][0], FACTORS, metrics="model_free")
    text = scores.to_json(tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text("utf-8")) == json.loads(text)
    assert json.loads(text)["scores"]["modularity"] is None


def with_wrong_values() -> np.ndarray:
    codes = CODES.copy()
    codes[:3, 1] = np.nan
    codes[5, 2] = np.inf
    return codes


WRONG: list[tuple[Any, Any, dict[str, Any], str]] = [
    (CODES[:-1], FACTORS, {}, "codes have 239 rows and factors have 240"),
    (CODES.T, FACTORS, {}, r"rows are observations here \(disentanglement_lib's arrays are transposed\)"),
    (CODES[:1], FACTORS[:1], {}, "a single row"),
    (with_wrong_values(), FACTORS, {}, r"column 1 \(z1\) has 3 NaN; column 2 \(z2\) has 1 infinite"),
    (CODES, np.where(FACTORS == 0, np.nan, FACTORS), {}, r"column 0 \(v0\) has \d+ NaN"),
    (CODES, pd.DataFrame({"a": ["x", None] * 120}), {}, "'a' has 120 missing values"),
    (CODES[:, :0], FACTORS, {}, r"shape \(n, n_codes\) is needed"),
    (np.array([["a"]] * 240), FACTORS, {}, "numbers are needed"),
    (CODES, FACTORS, {"metrics": "mgi"}, "did you mean 'mig'"),
    (CODES, FACTORS, {"metrics": []}, "no metrics"),
    (CODES, FACTORS, {"binning": "quantil"}, "did you mean 'quantile'"),
    (CODES, FACTORS, {"compat": "disentanglementlib"}, "did you mean 'disentanglement_lib'"),
    (CODES, FACTORS, {"compat": "ubisoft", "binning": "quantile"}, "bins of equal width"),
    (CODES, FACTORS, {"active": "nul"}, "did you mean 'null'"),
    (CODES, FACTORS, {"dci_model": "forrest"}, "did you mean 'forest'"),
    (CODES, FACTORS, {"n_bins": 1}, "from 2 on"),
    (CODES, FACTORS, {"n_bins": 2.5}, "a whole number"),
    (CODES, FACTORS, {"test_size": 1.0}, "between 0 and 1"),
    (CODES, FACTORS, {"seed": -1}, "from 0 on"),
    (CODES, FACTORS, {"n_sample": 5}, "did you mean 'n_samples'"),
    (CODES, FACTORS, {"factor_kinds": ["ordinal"]}, "1 factor_kinds for 3 factors"),
    (CODES, FACTORS, {"factor_kinds": "ordinl"}, "did you mean 'ordinal'"),
    (CODES, FACTORS, {"factor_kinds": {"w0": "ordinal"}}, "which is no factor"),
    (CODES, FACTORS, {"factor_names": ["a"]}, "3 names are needed"),
    (CODES, np.array([["a"]] * 240), {"factor_kinds": "ordinal"}, "holds texts"),
]


@pytest.mark.parametrize(("codes", "factors", "options", "match"), WRONG)
def test_bad_input_is_refused_with_what_would_be_right(
    codes: Any, factors: Any, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(ParameterError, match=match):
        syngen.evaluate(codes, factors, **options)


def test_swapped_arguments_are_warned_about_with_the_reason() -> None:
    with pytest.warns(UserWarning, match="look swapped: every column of the first array holds few whole"):
        syngen.evaluate(FACTORS, CODES)
    with pytest.warns(UserWarning, match="look swapped"):
        syngen.evaluate(FACTORS, CODES.astype(np.float16), factor_kinds="nominal")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        syngen.evaluate(FACTORS, CODES, factor_kinds="continuous")
        syngen.evaluate(FACTORS, FACTORS)


def test_codes_of_a_dataset_find_their_rows_and_refuse_another(rng: np.random.Generator) -> None:
    ds = syngen.render("syntone-tiny")
    order = rng.permutation(len(ds))
    codes = syngen.Codes.of(ds.levels[order], ds.take(order), encoder="factors")
    scores = syngen.evaluate(codes, ds)
    assert scores["mig"] == pytest.approx(1.0)
    assert list(scores.factors.index) == list(ds.grid.names)
    assert list(scores.factors["kind"]) == [ds.grid.kinds[name] for name in ds.grid.names]
    assert (scores.metadata["encoder"], scores.metadata["fingerprint"]) == ("factors", ds.fingerprint)
    part = ds.select(split="test")
    assert syngen.evaluate(codes, part).metadata["rows"] == len(part)
    with pytest.raises(ParameterError, match="codes of another dataset"):
        syngen.evaluate(syngen.Codes(codes.values, codes.rows, "0" * 64, "x"), ds)
    few = syngen.Codes.of(codes.values[:9], ds.take(order[:9]))
    with pytest.raises(ParameterError, match="no codes for 399 of 408 observations; encode them too"):
        syngen.evaluate(few, ds)
    some = syngen.evaluate(few, ds, common=True)
    assert (some.metadata["rows"], some.metadata["left_out"]) == (9, 399)
    assert some.warnings[0] == "399 of 408 observations left out: there are no codes for them"
    with pytest.raises(ParameterError, match="an array does not say whose its rows are"):
        syngen.evaluate(codes.values, ds, common=True)
    with pytest.raises(ParameterError, match="an array does not say whose its rows are"):
        syngen.evaluate(codes, ds.levels, common=True)
