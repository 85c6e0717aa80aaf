"""Scores survive what real codes do: wild rows, scales, curves, ties, classes as numbers, few rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syngen
from syngen.errors import ParameterError

SIZES = (4, 6, 9)


def levels_of(n: int, sizes: tuple[int, ...] = SIZES, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


FACTORS = levels_of(2_000)
CODES = (FACTORS - FACTORS.mean(axis=0)) / FACTORS.std(axis=0)
CODES = CODES + 0.05 * np.random.default_rng(1).normal(size=CODES.shape)
ROBUST = ["gaps", "sap", "modularity", "irs", "n_active", "infom", "infoc", "infoe", "explicitness"]


def with_wild_rows(columns: slice, value: float, rows: int = 1) -> np.ndarray:
    codes = CODES.copy()
    codes[7 : 7 + rows, columns] = value
    return codes


@pytest.fixture(scope="module")
def tame() -> syngen.Scores:
    return syngen.evaluate(CODES, FACTORS, metrics=ROBUST)


@pytest.mark.slow
@pytest.mark.parametrize(
    "codes",
    [
        with_wild_rows(slice(0, 1), 1e6),
        with_wild_rows(slice(0, 3), -1e12),
        with_wild_rows(slice(0, 3), 1e300),
        with_wild_rows(slice(0, 2), 1e4, rows=2),
    ],
)
def test_wild_rows_change_no_score(codes: np.ndarray, tame: syngen.Scores) -> None:
    scores = syngen.evaluate(codes, FACTORS, metrics=ROBUST)
    assert scores["n_active"] == 3.0
    assert dict(scores) == pytest.approx(dict(tame), abs=0.03)
    assert any("values far outside the middle 98 %" in warning for warning in scores.warnings)
    assert not any("values far outside" in warning for warning in tame.warnings)


@pytest.mark.slow
def test_curves_of_codes_change_no_score_of_ranks() -> None:
    keys = ["gaps", "modularity", "n_active", "dci", "infom", "infoc"]
    before, after = (syngen.evaluate(z, FACTORS, metrics=keys) for z in (CODES, np.exp(3.0 * CODES)))
    assert dict(after) == pytest.approx(dict(before), abs=1e-9)
    assert before["mig"] > 0.88


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-300, 1e-3, 0.01, 1e6, -1e200])
def test_scales_of_codes_change_no_score(scale: float) -> None:
    keys = ["model_free", "infomec", "votes"]
    before, after = (syngen.evaluate(z, FACTORS, metrics=keys) for z in (CODES, CODES * scale))
    assert dict(after) == pytest.approx(dict(before), abs=0.01)
    assert (after["factor_vae"], after["beta_vae"]) == (1.0, 1.0)


def test_perfect_codes_of_many_levels_have_an_adjusted_mig_of_one() -> None:
    factors = levels_of(4_000, (4, 20, 150))
    noise = np.random.default_rng(2).normal(size=(4_000, 7))
    for jitter in (0.0, 1e-6):
        codes = np.hstack([factors + jitter * noise[:, :3], noise])
        scores = syngen.evaluate(codes, factors, metrics=["mig", "mig_adjusted"])
        assert scores["mig_adjusted"] > 0.99
        assert scores["mig"] < 0.95
        assert not any("cannot exceed" in warning for warning in scores.warnings)


def test_bins_that_are_too_few_are_said_with_the_ceiling() -> None:
    factors = levels_of(4_000, (4, 60))
    codes = factors + 0.1 * np.random.default_rng(2).normal(size=(4_000, 2))
    scores = syngen.evaluate(codes, factors, metrics="mig")
    (warning,) = (each for each in scores.warnings if "cannot exceed" in each)
    assert "20 bins hold 3.00 of the 4.09 nats of factor v1: its MIG cannot exceed 0.73" in warning
    assert warning.endswith("take n_bins=60")
    assert scores.factors["mig"].iloc[1] <= 0.73
    enough = syngen.evaluate(codes, factors, metrics="mig", n_bins=60)
    assert not any("cannot exceed" in each for each in enough.warnings)
    assert enough.factors["mig"].iloc[1] > scores.factors["mig"].iloc[1] + 0.05


def test_columns_of_few_values_for_the_rows_keep_them() -> None:
    factors = levels_of(3_000, (3,))
    for n_values, n_bins in ((150, 150), (151, 20)):  # 3,000 / 20 at most
        code = np.random.default_rng(3).permutation(np.arange(3_000) % n_values)
        scores = syngen.evaluate(code, factors, metrics="mig")
        assert scores.codes["n_bins"].tolist() == [n_bins]


def test_classes_as_numbers_are_asked_about() -> None:
    order = np.random.default_rng(4).permutation(9)
    classes = np.stack([FACTORS[:, 0], order[FACTORS[:, 2]]], axis=1)
    names = ["level", "class"]
    codes = CODES[:, [0, 2]]
    scores = syngen.evaluate(codes, classes, factor_names=names, metrics="sap")
    assert scores.factors["sap"].iloc[1] < 0.7
    (question,) = (each for each in scores.warnings if "are they classes" in each)
    assert "factor class holds whole numbers and counts as ordinal, but z1 has its levels" in question
    assert "factor_kinds={'class': 'nominal'}" in question
    assert question in repr(scores)
    assert question in scores.to_markdown()
    for kinds in ({"class": "nominal"}, {"class": "ordinal"}):
        stated = syngen.evaluate(codes, classes, factor_names=names, factor_kinds=kinds, metrics="sap")
        assert not any("are they classes" in each for each in stated.warnings)
    named = syngen.evaluate(codes, classes, factor_names=names, factor_kinds="nominal", metrics="sap")
    assert named["sap"] > 0.97


@pytest.mark.parametrize("curve", [np.array, np.exp, np.tanh, lambda z: -(z**3)])
def test_levels_in_their_order_are_not_asked_about(curve: Any) -> None:
    noisy = curve(CODES) + 0.1 * np.random.default_rng(5).normal(size=CODES.shape)
    scores = syngen.evaluate(noisy, FACTORS, metrics="mig")
    assert not any("are they classes" in each for each in scores.warnings)


@pytest.mark.slow
def test_lasso_finds_classes_whatever_their_numbers() -> None:
    for factors in (FACTORS, np.stack([(5 * each) % 97 for each in FACTORS.T], axis=1)):
        scores = syngen.evaluate(CODES, factors, metrics="dci", dci_model="lasso", factor_kinds="nominal")
        assert min(scores["dci_d"], scores["dci_c"], scores["dci_i"]) > 0.97
        assert scores["dci_i_chance"] < 0.35


@pytest.mark.slow
def test_random_codes_are_as_informative_as_chance() -> None:
    rng = np.random.default_rng(6)
    skewed = np.stack([rng.random(2_000) < 0.03, rng.integers(5, size=2_000)], axis=1).astype(int)
    for model in ("forest", "lasso"):
        kinds = "nominal" if model == "lasso" else None
        scores = syngen.evaluate(
            rng.normal(size=(2_000, 5)), skewed, metrics="dci", dci_model=model, factor_kinds=kinds
        )
        assert scores["dci_i_chance"] == pytest.approx((0.97 + 0.2) / 2, abs=0.03)
        assert scores["dci_i"] == pytest.approx(scores["dci_i_chance"], abs=0.05)
    numbers = syngen.evaluate(CODES, CODES, factor_kinds="continuous", metrics="dci")
    assert numbers["dci_i_chance"] == 0.0


@pytest.mark.slow
def test_many_random_codes_of_few_rows_explain_nothing() -> None:
    for seed in range(3):
        codes = np.random.default_rng([seed, 1]).normal(size=(200, 100))
        scores = syngen.evaluate(codes, levels_of(200, (4, 10), seed), metrics="infoe")
        assert scores["infoe"] < 0.05
    perfect = syngen.evaluate(CODES[:, :2], FACTORS[:, :2], metrics="infoe")
    assert perfect["infoe"] > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("draw", ["normal", "standard_cauchy", "standard_exponential"])
@pytest.mark.parametrize("n", [50, 400])
def test_of_random_codes_none_is_active(draw: str, n: int) -> None:
    n_found = 0
    for seed in range(30):
        codes = getattr(np.random.default_rng([seed, 1]), draw)(size=(n, 10))
        scores = syngen.evaluate(codes, levels_of(n, (4, 10, 25), seed), metrics=["n_active", "infom"])
        n_found += scores["n_active"] > 0.0
        assert (scores["n_active"] == 0.0) == (scores.undefined.get("infom") == "no active codes")
    assert n_found <= 2


def test_codes_that_count_by_wish_alone_are_said() -> None:
    codes = np.random.default_rng(7).standard_cauchy(size=(600, 4))
    scores = syngen.evaluate(codes, levels_of(600), metrics=["irs", "jemmig"], active="all")
    assert any("4 of 4 codes know no more of any factor than chance" in each for each in scores.warnings)
    assert scores["irs"] < 0.5
    assert scores["jemmig"] < 0.1


def test_ties_and_signs_of_zero_change_nothing() -> None:
    rounded = CODES.astype(np.float16).astype(np.float64)
    scores, before = (syngen.evaluate(z, FACTORS, metrics="model_free") for z in (rounded, CODES))
    assert dict(scores) == pytest.approx(dict(before), abs=0.02)
    factors = (FACTORS[:, :1] - 1) * np.where(np.arange(2_000) % 2, 1.0, -1.0)[:, np.newaxis] ** 2
    negative = np.where(factors == 0.0, -0.0, factors)
    codes = np.where(CODES[:, :1] > 0.0, 0.0, -0.0) + (CODES[:, :1] > 1.0)
    one, other = (
        syngen.evaluate(z, v, metrics="mig") for z, v in ((codes, factors), (codes + 0.0, negative))
    )
    assert dict(one) == dict(other)
    assert one.factors["n_levels"].tolist() == other.factors["n_levels"].tolist() == [4]


def test_what_is_undefined_is_nan_and_counted_out() -> None:
    factors = np.hstack([FACTORS[:, :2], np.zeros((2_000, 1), dtype=int)])
    noise = np.random.default_rng(8).normal(size=(2_000, 3))
    codes = np.hstack([CODES[:, :2], noise, np.ones((2_000, 1))])
    scores = syngen.evaluate(codes, factors, metrics=["mig", "modularity", "n_active"])
    assert scores.left_out == {"mig": "1 of 3 factors", "modularity": "4 of 6 codes"}
    assert np.isnan(scores.factors["mig"].iloc[2])
    assert np.isnan(scores.nmi[:, 2]).all()
    assert "(without 4 of 6 codes)" in repr(scores)
    assert "(without 1 of 3 factors)" in scores.to_markdown()
    document = json.loads(scores.to_json())
    assert document["factors"][2]["mig"] is None
    assert document["left_out"] == scores.left_out
    nothing = syngen.evaluate(noise, np.zeros((2_000, 1)), metrics="all")
    assert np.isnan(list(nothing.values())).all()
    assert set(nothing.undefined.values()) <= {
        "no factor varies",
        "no code varies enough, or no two rows share a level",
    }
    assert "no factor varies" in repr(nothing)


def test_levels_that_do_not_occur_count_for_nothing() -> None:
    scores = syngen.evaluate(CODES, FACTORS * 50 - 7, metrics="model_free")
    assert dict(scores) == pytest.approx(dict(syngen.evaluate(CODES, FACTORS, metrics="model_free")))
    assert scores.factors["n_levels"].tolist() == list(SIZES)


def test_more_levels_than_rows_have_no_adjusted_mig() -> None:
    factors = np.random.default_rng(9).permutation(5_000)[:15]
    scores = syngen.evaluate(factors, factors, factor_kinds="nominal", metrics=["mig_adjusted", "dci"])
    assert scores.undefined["mig_adjusted"] == "every row has a level of its own"
    assert scores.undefined["dci_i"] == "no factor can be learnt from these rows"


MISSING = {
    "texts": pd.DataFrame({"x": pd.array(["a", "b", None] * 40, dtype="string")}),
    "dates": pd.DataFrame({"x": pd.to_datetime(["2024-01-01", "2024-01-02", None] * 40)}),
    "objects": pd.DataFrame({"x": np.array(["a", "b", pd.NaT] * 40, dtype=object)}),
    "whole numbers": pd.DataFrame({"x": pd.array([1, 2, None] * 40, dtype="Int64")}),
    "categories": pd.DataFrame({"x": pd.Categorical(["a", None, "b"] * 40)}),
    "a mask": np.ma.masked_equal(np.array([0, 1, -1] * 40), -1),
    "a series": pd.Series([0.5, None, 1.5] * 40, dtype="Float64"),
}


@pytest.mark.parametrize("factors", MISSING.values(), ids=MISSING)
def test_missing_values_of_every_type_are_refused_with_their_number(factors: Any) -> None:
    with pytest.raises(ParameterError, match=r"factor '\w+' has 40 missing values; leave those rows out"):
        syngen.evaluate(np.random.default_rng(0).random((120, 2)), factors, metrics="mig")


def test_columns_of_every_type_are_levels() -> None:
    positions = np.arange(120) % 4
    big = [2**63 + 1, 2**63 + 2, 2**63 + 3, 2**63 + 4]
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05", "2025-01-01"])[positions],
            "category": pd.Categorical(np.array(["d", "c", "b", "a"])[positions]),
            "size": pd.Categorical(
                np.array(list("SMLX"))[positions], categories=list("SMLX"), ordered=True
            ),
            "flag": positions > 1,
            "id": np.array(big, dtype=np.uint64)[positions],
            "mixture": np.array(["a", 1, 2.5, True], dtype=object)[positions],
        }
    )
    scores = syngen.evaluate(positions + 0.01 * np.random.default_rng(0).random(120), frame, metrics="mig")
    assert scores.factors["n_levels"].tolist() == [4, 4, 4, 2, 4, 4]
    kinds = ["nominal", "nominal", "ordinal", "nominal", "ordinal", "nominal"]
    assert scores.factors["kind"].tolist() == kinds
    rows = [[str(a), int(b)] for a, b in zip(frame["category"], positions, strict=True)]
    assert syngen.evaluate(positions, rows, metrics="mig").factors["kind"].tolist() == [
        "nominal",
        "ordinal",
    ]


@pytest.mark.parametrize(
    ("factors", "match"),
    [
        (pd.DataFrame([[1, 2]] * 9, columns=["x", "x"]), "two columns 'x'"),
        (pd.DataFrame({"x": [[1], [2]] * 9}), "values of type list"),
        (np.array([1 + 2j, 2] * 9), "values of type complex128"),
        ([[1, 2], [3]], "no array of shape"),
    ],
)
def test_what_has_no_levels_is_refused(factors: Any, match: str) -> None:
    n = len(factors)
    with pytest.raises(ParameterError, match=match):
        syngen.evaluate(np.random.default_rng(0).random((n, 2)), factors, metrics="mig")
