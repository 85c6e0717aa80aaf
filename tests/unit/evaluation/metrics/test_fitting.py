"""DCI, SAP and votes: what they say of codes whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from syngen.evaluation.metrics import dci, sap, votes

BATCH_SIZE = votes.BATCH_SIZE
Encode = Callable[[np.ndarray], np.ndarray]


def drawn(num: int, rng: np.random.Generator) -> np.ndarray:
    """Return levels of two factors, which are the observations too."""
    return rng.integers([4, 5], size=(num, 2))


def factor_vae_of(encode: Encode, rng: np.random.Generator, n: int) -> float:
    """Return the FactorVAE score as disentanglement_lib has it: each batch is drawn and encoded."""
    variances = encode(drawn(2_000, rng)).var(axis=0, ddof=1)
    train, test = np.zeros((2, len(variances))), np.zeros((2, len(variances)))
    for table in (train, test):
        for factor in rng.integers(2, size=n):
            levels = drawn(BATCH_SIZE, rng)
            levels[:, factor] = levels[0, factor]
            table[factor, np.argmin(encode(levels).var(axis=0, ddof=1) / variances)] += 1
    return test[train.argmax(axis=0), np.arange(len(variances))].sum() / n


def beta_vae_of(encode: Encode, rng: np.random.Generator, n: int) -> float:
    """Return the BetaVAE score as disentanglement_lib has it: each pair is drawn and encoded."""
    points, factors = [], rng.integers(2, size=2 * n)
    for factor in factors:
        first, second = drawn(BATCH_SIZE, rng), drawn(BATCH_SIZE, rng)
        second[:, factor] = first[:, factor]
        points.append(np.abs(encode(first) - encode(second)).mean(axis=0))
    return LogisticRegression().fit(points[:n], factors[:n]).score(points[n:], factors[n:])


def noisy(levels: np.ndarray) -> np.ndarray:
    return np.hstack([levels, np.random.default_rng(0).normal(size=(len(levels), 1))])


def mixed(levels: np.ndarray) -> np.ndarray:
    return levels @ np.array([[1.0, 0.6], [-0.6, 1.0]])


@pytest.mark.slow
def test_votes_of_an_encoder_are_those_of_stored_rows(rng: np.random.Generator) -> None:
    levels = drawn(2_000, rng)
    columns = [column.astype(np.int32) for column in levels.T]
    for encode in (noisy, mixed):
        stored = votes.factor_vae(encode(levels), columns, rng=rng, n_train=600, n_test=600)
        assert stored == pytest.approx(factor_vae_of(encode, rng, 600), abs=0.06)
        stored = votes.beta_vae(encode(levels), columns, rng=rng, n_train=300, n_test=300)
        assert stored == pytest.approx(beta_vae_of(encode, rng, 300), abs=0.06)


def test_random_codes_vote_by_chance(rng: np.random.Generator) -> None:
    levels = [rng.integers(size, size=5_000) for size in (4, 10, 25)]
    score = votes.factor_vae(rng.normal(size=(5_000, 6)), levels, rng=rng)
    assert score == pytest.approx(1 / 3, abs=0.06)


def test_nothing_votes_where_nothing_varies(rng: np.random.Generator) -> None:
    levels = [rng.integers(3, size=50)]
    assert votes.factor_vae(0.01 * rng.normal(size=(50, 2)), levels, rng=rng) is None
    assert votes.factor_vae(np.zeros((50, 2)), levels, rng=rng, least_std=0.0) is None
    assert votes.factor_vae(rng.normal(size=(50, 2)), [np.arange(50)], rng=rng) is None
    assert votes.beta_vae(rng.normal(size=(50, 2)), [np.arange(50)], rng=rng) is None


@pytest.mark.slow
@pytest.mark.parametrize("model", dci.DCI_MODELS)
@pytest.mark.parametrize("is_real", [False, True])
def test_every_model_finds_the_code_that_knows(model: str, is_real: bool, rng: np.random.Generator) -> None:
    codes = rng.normal(size=(1_200, 3))
    target = codes[:, 1] if is_real else (codes[:, 1] > 0.0).astype(int)
    task = dci.Task(codes[:1_000], codes[1_000:], target[:1_000], target[1_000:], is_real, not is_real)
    importance, quality = dci.fit_importance(task, model=model)
    assert importance[1] / importance.sum() > 0.9
    assert quality > 0.95


def test_importance_without_weight_is_no_disentanglement() -> None:
    nothing = np.zeros((3, 2))
    assert np.isnan([dci.disentanglement(nothing), dci.completeness(nothing)]).all()
    assert dci.disentanglement(np.eye(3)) == pytest.approx(1.0)
    assert dci.completeness(np.ones((4, 2))) == pytest.approx(0.0, abs=1e-9)
    one_code = np.array([[1.0, 1.0]])
    assert dci.completeness(one_code) == 1.0
    assert dci.disentanglement(one_code) == pytest.approx(0.0, abs=1e-9)


def test_a_level_between_two_others_is_found(rng: np.random.Generator) -> None:
    levels = rng.integers(5, size=2_000)
    codes = np.stack([levels + 0.01 * rng.normal(size=2_000), rng.normal(size=2_000)], axis=1)
    train, test = slice(0, 1_500), slice(1_500, None)
    found = sap.discriminant_accuracy(codes[train], levels[train], codes[test], levels[test])
    assert found[0] == 1.0
    assert found[1] < 0.05
    reference = sap.support_vector_accuracy(codes[train], levels[train], codes[test], levels[test])
    assert reference[0] < 0.7


def test_discriminant_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    levels = rng.choice(4, size=3_000, p=[0.4, 0.3, 0.2, 0.1])
    code = np.array([0.0, 2.0, 1.0, -1.0])[levels] + 0.7 * rng.normal(size=3_000)
    model = LinearDiscriminantAnalysis().fit(code[:2_000, None], levels[:2_000])
    accuracy = np.mean(model.predict(code[2_000:, None]) == levels[2_000:])
    chance = np.bincount(levels[2_000:]).max() / 1_000
    (found,) = sap.discriminant_accuracy(
        code[:2_000, None], levels[:2_000], code[2_000:, None], levels[2_000:]
    )
    assert found == pytest.approx((accuracy - chance) / (1.0 - chance), abs=3e-3)
