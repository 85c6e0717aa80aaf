"""What must not change a metric, and what must: as hypothesis tests on small representations."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import syngen

EXACT = ("mig", "mig_sup", "dcimig", "jemmig", "sap")
"""Plug-in estimates and correlations: rearranging, renaming or repeating rows cannot change them."""
KINDS = ("nominal", "ordinal", "ordinal")


@st.composite
def representations(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Codes that mix three factors by a random amount, and the factors."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(120, 400))
    sizes = [draw(st.integers(2, 7)) for _ in range(3)]
    factors = np.stack([rng.integers(size, size=n) for size in sizes], axis=1)
    mixing = np.eye(3) + draw(st.floats(0.0, 1.0)) * rng.normal(size=(3, 3))
    codes = factors @ mixing + draw(st.floats(0.01, 1.0)) * rng.normal(size=(n, 3))
    n_more = draw(st.integers(0, 3))
    return np.hstack([codes, rng.normal(size=(n, n_more))]), factors


def scored(codes: np.ndarray, factors: np.ndarray, **options: Any) -> syngen.Scores:
    defaults = {"factor_kinds": KINDS, "active": "all", "metrics": "model_free"}
    return syngen.evaluate(codes, factors, **{**defaults, **options})


def assert_same(one: syngen.Scores, other: syngen.Scores, keys: tuple[str, ...] = EXACT) -> None:
    for key in keys:
        assert other[key] == pytest.approx(one[key], abs=1e-9, nan_ok=True), key


few = settings(max_examples=15)


@pytest.mark.slow
@few
@given(representations(), st.randoms(use_true_random=False))
def test_order_of_codes_and_factors_changes_nothing(
    case: tuple[np.ndarray, np.ndarray], random: Any
) -> None:
    codes, factors = case
    columns = random.sample(range(codes.shape[1]), codes.shape[1])
    turn = random.sample(range(3), 3)
    before = scored(codes, factors)
    after = scored(codes[:, columns], factors[:, turn], factor_kinds=[KINDS[j] for j in turn])
    assert_same(before, after, (*EXACT, "irs", "modularity"))
    np.testing.assert_allclose(after.mi, before.mi[np.ix_(columns, turn)], atol=1e-12)


@few
@given(representations(), st.integers(0, 2**32 - 1))
def test_scale_offset_and_sign_of_codes_change_nothing(
    case: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    codes, factors = case
    rng = np.random.default_rng(seed)
    scale = rng.choice([-1.0, 1.0], codes.shape[1]) * np.exp(rng.normal(0.0, 2.0, codes.shape[1]))
    moved = codes * scale + rng.normal(0.0, 5.0, codes.shape[1])
    keys = (*EXACT, "modularity", "irs", "n_active")
    assert_same(scored(codes, factors, active="null"), scored(moved, factors, active="null"), keys)


@few
@given(representations(), st.booleans())
def test_monotone_maps_change_nothing_with_bins_of_equal_count(
    case: tuple[np.ndarray, np.ndarray], falls: bool
) -> None:
    codes, factors = case
    curved = np.exp(codes / np.abs(codes).max(axis=0)) * (-1.0 if falls else 1.0)
    before, after = (scored(z, factors) for z in (codes, curved))
    np.testing.assert_allclose(after.mi, before.mi, atol=1e-12)
    assert_same(before, after, ("mig", "mig_sup", "dcimig", "jemmig", "modularity"))


@pytest.mark.slow
@settings(max_examples=4)
@given(representations(), st.randoms(use_true_random=False))
def test_forests_see_neither_order_nor_monotone_maps_of_codes(
    case: tuple[np.ndarray, np.ndarray], random: Any
) -> None:
    codes, factors = case
    columns = random.sample(range(codes.shape[1]), codes.shape[1])
    curved = np.exp(codes / np.abs(codes).max(axis=0))[:, columns]
    before, after = (scored(z, factors, metrics="dci") for z in (codes, curved))
    assert_same(before, after, ("dci_d", "dci_c", "dci_i"))


@pytest.mark.slow
@few
@given(representations(), st.permutations(range(7)))
def test_names_of_nominal_levels_change_nothing(
    case: tuple[np.ndarray, np.ndarray], names: list[int]
) -> None:
    codes, factors = case
    renamed = factors.copy()
    renamed[:, 0] = np.array(names)[factors[:, 0]]
    assert_same(scored(codes, factors), scored(codes, renamed), (*EXACT, "irs"))
    texts = np.array([f"level {name}" for name in names])[factors[:, 0]]
    with_texts = np.column_stack([texts.astype(object), factors[:, 1:].astype(object)])
    assert_same(scored(codes, factors), scored(codes, with_texts), (*EXACT, "irs"))


@few
@given(representations())
def test_repeating_all_rows_changes_nothing(case: tuple[np.ndarray, np.ndarray]) -> None:
    codes, factors = case
    twice = scored(np.vstack([codes, codes]), np.vstack([factors, factors]), factor_kinds="ordinal")
    assert_same(scored(codes, factors, factor_kinds="ordinal"), twice)


@few
@given(representations(), st.floats(-1e3, 1e3), st.integers(0, 3))
def test_a_constant_code_changes_nothing(
    case: tuple[np.ndarray, np.ndarray], value: float, place: int
) -> None:
    codes, factors = case
    wider = np.insert(codes, place, value, axis=1)
    before, after = scored(codes, factors, active="null"), scored(wider, factors, active="null")
    assert after.undefined == before.undefined
    assert {key: after[key] for key in after if key not in after.undefined} == {
        key: before[key] for key in before if key not in before.undefined
    }
    assert after.metadata["pruned"]["constant"] == [f"z{place}"]


@few
@given(representations(), st.sampled_from([None, "disentanglement_lib", "ubisoft"]))
def test_scores_and_information_stay_in_bounds(
    case: tuple[np.ndarray, np.ndarray], compat: str | None
) -> None:
    scores = scored(*case, compat=compat)
    defined = {key: value for key, value in scores.items() if key not in (*scores.undefined, "n_active")}
    assert all(0.0 <= value <= 1.0 for value in defined.values())
    entropies = np.minimum.outer(scores.codes["entropy"].to_numpy(), scores.factors["entropy"].to_numpy())
    assert (scores.mi <= entropies + 1e-12).all()
    assert (scores.mi >= 0.0).all()
    np.testing.assert_allclose(scores.factor_mi, scores.factor_mi.T, atol=1e-12)


@few
@given(st.lists(st.integers(2, 6), min_size=1, max_size=4), st.integers(1, 3))
def test_perfect_codes_score_one(sizes: list[int], n_repeats: int) -> None:
    grid = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, len(sizes))
    rows = np.tile(grid, (n_repeats * 10, 1))
    for kind in ("nominal", "ordinal"):
        scores = scored(rows * 2.5 - 1.0, rows, factor_kinds=kind, n_samples=None, active="null")
        for key in (*EXACT, "modularity", "irs"):
            # on held-out rows a second code may find a nominal level by luck
            tolerance = 0.1 if (key, kind) == ("sap", "nominal") else 1e-6
            assert scores[key] == pytest.approx(1.0, abs=tolerance), (key, kind)
        assert scores["n_active"] == len(sizes)


@few
@given(representations(), st.integers(0, 2))
def test_a_copied_code_takes_its_factor_down(case: tuple[np.ndarray, np.ndarray], which: int) -> None:
    _, factors = case
    factors = np.vstack([factors, np.zeros((1, 3), int), np.ones((1, 3), int)])
    copied = np.hstack([factors, factors[:, [which]]]).astype(float)
    scores = scored(copied, factors, factor_kinds="ordinal")
    for key in ("mig", "sap"):
        assert scores.factors[key].iloc[which] == pytest.approx(0.0, abs=1e-12)


def random_codes(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    factors = np.stack([rng.integers(size, size=n) for size in (4, 10, 25)], axis=1)
    return rng.normal(size=(n, 10)), factors


@pytest.mark.slow
def test_random_codes_score_nothing_and_have_no_modularity() -> None:
    scores = syngen.evaluate(*random_codes(10_000), metrics=["model_free", "dci"])
    for key in ("mig", "mig_adjusted", "sap", "dcimig", "dci_d", "dci_c"):
        assert scores[key] < 0.01, key
    assert scores["n_active"] == 0.0
    assert scores.undefined["modularity"] == "no active codes"
    assert re.search(r"\| Modularity +\| no active codes +\|", scores.to_markdown())


@pytest.mark.slow
def test_a_copied_code_leaves_disentanglement_as_it_was() -> None:
    _, factors = random_codes(3_000)
    codes = factors + np.random.default_rng(1).normal(0.0, 0.1, size=factors.shape)
    before = syngen.evaluate(codes, factors, metrics="dci")
    after = syngen.evaluate(np.hstack([codes, codes[:, :1]]), factors, metrics="dci")
    assert after["dci_d"] == pytest.approx(before["dci_d"], abs=0.02)


@pytest.mark.slow
def test_rotation_orders_the_gap_metrics() -> None:
    _, factors = random_codes(4_000)
    rng = np.random.default_rng(3)
    clean = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    clean = clean + rng.normal(0.0, 0.05, size=clean.shape)
    found = []
    for degrees in (0.0, 25.0, 45.0):
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        first = np.eye(3)
        first[1:, 1:] = turn
        second = np.eye(3)
        second[:2, :2] = turn
        found.append(syngen.evaluate(clean @ first @ second, factors, metrics=["model_free", "dci"]))
    found.append(syngen.evaluate(rng.normal(size=clean.shape), factors, metrics=["model_free", "dci"]))
    for key in ("mig", "sap", "dci_d"):
        values = [scores[key] for scores in found]
        assert values == sorted(values, reverse=True), (key, values)
        assert len(set(values)) == 4
