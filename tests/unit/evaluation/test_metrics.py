"""The numbers of the reference implementations on stored representations, and our own beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.evaluation.metrics.irs import irs_matrix
from syngen.evaluation.metrics.votes import factor_vae

FOLDER = Path(__file__).resolve().parents[2] / "data" / "metrics"
EXPECTED = json.loads((FOLDER / "expected.json").read_text("utf-8"))
NAMES = sorted(EXPECTED)


def vector(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as loaded:
        return loaded["codes"].astype(np.float64), loaded["factors"].astype(np.int64)


def test_there_are_vectors() -> None:
    assert len(NAMES) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_disentanglement_lib_is_reproduced(name: str) -> None:
    codes, factors = vector(name)
    expected: dict[str, Any] = EXPECTED[name]["disentanglement_lib"]
    scores = syngen.evaluate(codes, factors, compat="disentanglement_lib")
    np.testing.assert_allclose(scores.mi, expected["mi"], atol=1e-9)
    for key in ("mig", "modularity", "sap", "irs"):
        assert scores[key] == pytest.approx(expected[key], abs=1e-9), key
    nominal = syngen.evaluate(
        codes, factors, compat="disentanglement_lib", metrics="sap", factor_kinds="nominal"
    )
    assert nominal["sap"] == pytest.approx(expected["sap_nominal"], abs=1e-9)
    matrix, _ = irs_matrix(codes, list(factors.T))
    np.testing.assert_allclose(matrix, expected["irs_matrix"], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_models_of_disentanglement_lib_are_reproduced_as_far_as_they_can_be(name: str) -> None:
    codes, factors = vector(name)
    expected = EXPECTED[name]["disentanglement_lib"]
    scores = syngen.evaluate(
        codes, factors, compat="disentanglement_lib", metrics=["explicitness", "votes"]
    )
    assert scores["explicitness"] == pytest.approx(expected["explicitness"], abs=0.005)
    for key in ("factor_vae", "beta_vae"):
        assert scores[key] == pytest.approx(np.mean(expected[key]), abs=0.02), key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("d20", {}),
        ("c20", {"factor_kinds": "continuous"}),
        ("c10", {"factor_kinds": "continuous", "n_bins": 10}),
    ],
)
def test_ubisoft_is_reproduced(name: str, suffix: str, options: dict[str, Any]) -> None:
    codes, factors = vector(name)
    expected = EXPECTED[name]["ubisoft"]
    scores = syngen.evaluate(codes, factors, compat="ubisoft", **options)
    for key in ("mig", "mig_sup", "dcimig", "jemmig", "modularity"):
        assert scores[key] == pytest.approx(expected[f"{key}_{suffix}"], abs=1e-9), key
    assert scores["sap"] == pytest.approx(expected["sap_regression"], abs=1e-9)
    if f"irs_{suffix}" in expected:
        assert scores["irs"] == pytest.approx(expected[f"irs_{suffix}"], abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_models_of_ubisoft_are_reproduced(name: str) -> None:
    codes, factors = vector(name)
    expected = EXPECTED[name]["ubisoft"]
    lasso = syngen.evaluate(codes, factors, compat="ubisoft", metrics="dci", factor_kinds="continuous")
    found = [lasso[key] for key in ("dci_d", "dci_c", "dci_i")]
    np.testing.assert_allclose(found, expected["dci_lasso"], atol=1e-6)
    ovr = syngen.evaluate(codes, factors, compat="ubisoft", metrics="explicitness")
    assert ovr["explicitness"] == pytest.approx(expected["explicitness1_d20"], abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_infomec_is_reproduced(name: str) -> None:
    codes, factors = vector(name)
    expected = EXPECTED[name]["infomec"]
    reference = syngen.evaluate(codes, factors, metrics="infomec", compat="disentanglement_lib")
    assert reference["infoc"] == pytest.approx(expected["infoc"], abs=0.02)
    assert reference["infoe"] == pytest.approx(expected["infoe"], abs=0.005)
    scores = syngen.evaluate(codes, factors, metrics="infomec")
    assert scores["infoc"] == pytest.approx(expected["infoc"], abs=0.02)
    # of held-out rows, and factors that are nearly uniform
    assert scores["infoe"] == pytest.approx(expected["infoe"], abs=0.02)
    assert scores["infoe"] <= reference["infoe"]
    assert 0.0 < scores["infom"] <= 1.0


@pytest.mark.slow
def test_forest_is_near_boosted_trees_and_has_their_order() -> None:
    found, expected = [], []
    for name in NAMES:
        scores = syngen.evaluate(*vector(name), metrics="dci")
        found.append([scores[key] for key in ("dci_d", "dci_c", "dci_i")])
        known = EXPECTED[name]["disentanglement_lib"]["dci_gbt"]
        expected.append([known[key] for key in ("dci_d", "dci_c", "dci_i")])
    np.testing.assert_allclose(found, expected, atol=0.1)
    np.testing.assert_array_equal(np.argsort(found, axis=0), np.argsort(expected, axis=0))


def test_our_own_rules_find_the_three_codes_that_know_something() -> None:
    for name in NAMES:
        scores = syngen.evaluate(*vector(name), metrics="n_active")
        assert scores["n_active"] == 3.0
        assert list(scores.codes["status"]) == ["active"] * 3 + ["inactive"] * 7


def test_factor_vae_saturates_where_two_factors_are_mixed() -> None:
    codes, factors = vector("06_partial")
    levels = [column.astype(np.int32) for column in factors.T]
    score = factor_vae(codes, levels, rng=np.random.default_rng(1))
    assert score is not None
    assert score > 0.99
    assert syngen.evaluate(codes, factors, metrics="mig")["mig"] < 0.4
