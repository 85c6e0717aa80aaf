"""`syngen.compare`: the same rows for both, Welch's test over seeds, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.evaluation.metrics.catalogue import METRICS, Metric, Outcome
from syngen.evaluation.metrics.metric_inputs import MetricInputs

LEVELS = np.random.default_rng(0).integers(0, (3, 5), size=(500, 2))
NOISE = np.random.default_rng(1).normal(size=(9, 500, 2))
A, B = LEVELS + 0.5 * NOISE[0], LEVELS + 0.9 * NOISE[1]


def compare(a: Any, b: Any, factors: Any = LEVELS, **options: Any) -> syngen.Comparison:
    return syngen.compare(a, b, factors, **{"metrics": "sap", "n_resamples": 100, **options})


def test_the_better_of_two_is_found_on_the_same_rows() -> None:
    found = compare(A, B)
    difference = found["sap"]
    scores = [syngen.evaluate(codes, LEVELS, metrics="sap")["sap"] for codes in (A, B)]
    assert (difference.a, difference.b) == tuple(scores)
    assert difference.value == scores[0] - scores[1]
    assert difference.low < difference.value < difference.high
    assert difference.low > 0.0
    assert difference.p < 0.001
    assert found.method == "bootstrap"
    assert found.n_rows == 500
    other = compare(B, A)["sap"]
    assert (other.value, other.low) == pytest.approx((-difference.value, -difference.high))
    assert math.isnan(difference.a_sd)


def test_pairing_makes_intervals_narrower() -> None:
    similar = A + 0.1 * NOISE[2]
    paired = compare(A, similar)["sap"]
    alone = [
        syngen.evaluate(codes, LEVELS, metrics="sap", intervals=True, n_resamples=100).intervals["sap"]
        for codes in (A, similar)
    ]
    independent = math.hypot(*(high - low for low, high in alone))
    assert paired.high - paired.low < 0.7 * independent


def test_equal_codes_do_not_differ() -> None:
    found = compare(A, A.copy(), metrics=["sap", "n_active"])
    assert found["sap"].value == found["sap"].low == found["sap"].high == 0.0
    assert found["sap"].p == found["sap"].p_holm == 1.0
    assert found["n_active"].value == 0.0
    assert math.isnan(found["n_active"].p)  # a count has no interval


def test_p_values_are_corrected_for_the_number_of_tests() -> None:
    found = compare(A, A + 0.3 * NOISE[3], metrics="core", n_refits=4, dci_model="lasso")
    tested = {key: each for key, each in found.items() if math.isfinite(each.p)}
    assert set(tested) == {key for key in found if METRICS[key].has_interval}
    least = min(tested.values(), key=lambda each: each.p)
    assert least.p_holm == pytest.approx(min(1.0, least.p * len(tested)))
    assert all(each.p <= each.p_holm <= 1.0 for each in tested.values())


def test_seeds_are_compared_by_welch() -> None:
    from scipy.stats import ttest_ind

    a = [A + 0.3 * each for each in NOISE[2:8]]
    b = {f"seed {k}": A + 0.4 * each for k, each in enumerate(NOISE[1:9])}
    found = compare(a, b)
    scores = [
        [syngen.evaluate(codes, LEVELS, metrics="sap")["sap"] for codes in side] for side in (a, b.values())
    ]
    expected = ttest_ind(*scores, equal_var=False)
    difference = found["sap"]
    assert found.method == "welch"
    assert difference.p == pytest.approx(expected.pvalue)
    assert (difference.low, difference.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert difference.a_sd == pytest.approx(np.std(scores[0], ddof=1))
    assert [each["training"] for each in found.seeds["b"]] == list(b)
    assert [each["sap"] for each in found.seeds["a"]] == scores[0]
    assert found.warnings == ()


@pytest.mark.parametrize(("n_a", "n_b"), [(5, 6), (6, 1), (1, 1), (6, None)])
def test_few_seeds_are_said_to_be_too_few(n_a: int, n_b: int | None) -> None:
    a = [A + 0.1 * each for each in NOISE[:n_a]]
    b: Any = B if n_b is None else [B + 0.1 * each for each in NOISE[:n_b]]
    found = compare(a, b)
    assert found.method == "none"
    assert math.isnan(found["sap"].p)
    assert math.isnan(found["sap"].low)
    assert found["sap"].value > 0.0
    (warning,) = found.warnings
    assert (
        f"{n_a} and {n_b or 1} seeds are too few for a test: 6 or more are needed on each side" in warning
    )
    assert warning in found.to_markdown()


def test_a_score_without_a_value_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(work: MetricInputs) -> Outcome:
        value = float(work.inputs.codes[:, 0].max())
        return Outcome(None if value < 100.0 else 0.5)

    monkeypatch.setitem(METRICS, "half", Metric("half", "Half", "halves", compute))
    found = compare(A, B + 200.0, metrics=["half", "sap"])
    assert math.isnan(found["half"].value)
    assert found["half"].b == 0.5
    assert found["sap"].p_holm == found["sap"].p
    assert found.warnings == ("half is not compared: it has no value for a",)
    records = {each["metric"]: each for each in json.loads(found.to_json())["differences"]}
    assert records["half"]["value"] is None
    by_seed = compare([A + 200.0] * 6 + [A], [B + 200.0] * 5 + [B], metrics=["half"])
    assert by_seed["half"].p == 1.0 or math.isnan(by_seed["half"].p)
    assert "half has no value for 1 of 7 trainings of a" in by_seed.warnings


def test_codes_of_a_dataset_are_compared_where_both_have_them() -> None:
    ds = syngen.render("syntone-tiny")
    whole, test = syngen.encode("mfcc", ds), syngen.encode("random", ds, split="test")
    n_test = len(ds.select(split="test"))
    for one, other in ((whole, test), (test, whole)):
        found = compare(one, other, ds)
        assert (found.n_rows, found.n_left_out) == (n_test, len(ds) - n_test)
        assert found.names == (one.encoder, other.encoder)
    expected = compare(whole, test, ds.select(split="test"))
    assert compare(whole, test, ds)["sap"] == expected["sap"]
    mask = np.arange(len(ds)) % 3 > 0
    with pytest.raises(ParameterError, match="there are no codes for 136 of 408 observations"):
        compare(whole, whole[mask], ds)
    shuffled = whole[np.random.default_rng(0).permutation(len(ds))]
    found = compare(shuffled, whole[mask], ds, common=True)
    assert found.n_rows == mask.sum()
    assert found["sap"].value == 0.0


def test_frames_are_brought_into_one_order() -> None:
    order = np.random.default_rng(7).permutation(500)
    a, b, factors = (pd.DataFrame(values) for values in (A, B, LEVELS))
    expected = compare(A, B)["sap"]
    found = compare(a.iloc[order], b, factors.set_axis(["x", "y"], axis=1))["sap"]
    assert (found.value, found.low) == pytest.approx((expected.value, expected.low))
    with pytest.raises(ParameterError, match="index of the codes is in another order"):
        compare(a.iloc[order], b, LEVELS)


def test_files_and_folders_are_read(tmp_path: Path, tiny_dataset: Path) -> None:
    ds = syngen.load(tiny_dataset)
    for name, scale in (("a", 0.1), ("b", 0.5)):
        (tmp_path / name).mkdir()
        for seed in range(6):
            noise = np.random.default_rng(seed).normal(size=ds.levels.shape)
            codes = syngen.Codes.of(ds.levels + scale * noise, ds, encoder=name)
            codes.save(tmp_path / name / f"seed-{seed}.npz")
    found = compare(tmp_path / "a", str(tmp_path / "b"), tiny_dataset)
    assert (found.method, found.names) == ("welch", ("a", "b"))
    assert found.seeds["a"][0]["training"] == "seed-0.npz"
    assert found["sap"].p < 0.05
    one = compare(tmp_path / "a" / "seed-0.npz", tmp_path / "b" / "seed-0.npz", str(tiny_dataset))
    assert (one.method, one.names) == ("bootstrap", ("seed-0 (a)", "seed-0 (b)"))
    listed = compare([tmp_path / "a" / "seed-0.npz"], [tmp_path / "b" / "seed-0.npz"], ds)
    assert listed.method == "none"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": []}, "a has no codes; give those of one encoder, or of one for each seed"),
        ({"b": {}}, "b has no codes"),
        ({"a": A[:400]}, "codes have 400 rows and factors have 500"),
        ({"a": [A, A[:400]]}, "codes have 400 rows"),
        ({"a": "nowhere.npz"}, r"no file nowhere\.npz"),
        ({"metrics": "mgi"}, "did you mean 'mig'"),
        ({"n_resample": 3}, r"compare has no option 'n_resample' \(did you mean 'n_resamples'\?\)"),
        ({"compat": "ubisoft"}, "compare has no option 'compat'"),
        ({"n_refits": 1}, "n_refits is 1"),
        ({"common": True}, "arrays do not say whose their rows are"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: dict[str, Any], message: str) -> None:
    arguments = {"a": A, "b": B, **change}
    with pytest.raises(ParameterError, match=message):
        compare(**arguments)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="has no codes by seed"):
        compare(tmp_path, B)


def test_few_rows_are_not_tested() -> None:
    found = compare(A[:15], B[:15], LEVELS[:15])
    assert found.method == "none"
    assert found.warnings[-1] == "15 rows are too few for a test: 20 or more are needed"


def test_reports_say_what_was_done() -> None:
    found = compare(syngen.Codes(A, np.arange(500), encoder="net"), B, metrics=["sap", "n_active"])
    text = found.to_markdown()
    assert "| metric " in text
    assert "| net " in text
    assert "500 rows; paired bootstrap over the same rows." in text
    assert list(found.frame.columns[:3]) == ["a", "b", "value"]
    assert found.frame.loc["sap", "value"] == found["sap"].value
    assert repr(found).startswith(
        "<Comparison of net with b, paired bootstrap over the same rows: sap: +0."
    )
    content = json.loads(found.to_json())
    assert content["names"] == ["net", "b"]
    assert {each["metric"]: each["p"] for each in content["differences"]}["n_active"] is None
    with pytest.raises(KeyError, match="was not compared"):
        _ = found["mig"]
    with pytest.raises(KeyError, match="did you mean 'mig'"):
        _ = found["mgi"]
