"""Linear models with inner cross-validation, and the folds they are tested on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge

from syngen.evaluation.probes.folds import group_folds, is_constant_within
from syngen.evaluation.probes.linear import CS, Precision, fit_logistic, fit_ridge, softmax_regression


def separated(
    rng: np.random.Generator, n: int, d: int, n_classes: int, distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return correlated codes, standardised, and classes whose means differ."""
    y = rng.integers(n_classes, size=n)
    x = rng.standard_normal((n, d)) @ rng.standard_normal((d, d))
    x += distance * rng.standard_normal((n_classes, d))[y]
    return (x - x.mean(axis=0)) / x.std(axis=0), y


@pytest.mark.slow
@pytest.mark.parametrize("c", [0.01, 1.0])
def test_softmax_regression_is_that_of_scikit_learn(c: float, rng: np.random.Generator) -> None:
    x, y = separated(rng, 400, 6, 4, 1.0)
    exact = Precision(1e-9, 1e-15, 5000)
    found = softmax_regression(x, y, 4, c, np.zeros((7, 4)), x.var(axis=0), precision=exact)
    expected = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(found[:-1], expected.coef_.T, atol=1e-5)
    offsets = found[-1] - found[-1].mean()
    np.testing.assert_allclose(offsets, expected.intercept_ - expected.intercept_.mean(), atol=1e-5)


def test_ridge_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    x = rng.standard_normal((200, 5)) @ rng.standard_normal((5, 5)) + 3.0
    y = x @ rng.standard_normal((5, 2)) + rng.standard_normal((200, 2))
    found = fit_ridge(x, y, np.arange(200) % 3, lambda scores, rows: float(((scores - y[rows]) ** 2).sum()))
    expected = Ridge(alpha=200 * found.strength).fit(x - x.mean(axis=0), y)
    # the axes are those of the rows as they are: they span the same space
    np.testing.assert_allclose(found.weights, expected.coef_.T, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.scores(x), expected.predict(x - x.mean(axis=0)), rtol=1e-6, atol=1e-8)


def test_penalties_are_strong_for_noise_and_weak_for_what_is_exact(rng: np.random.Generator) -> None:
    x = rng.standard_normal((300, 20))
    inner = np.arange(300) % 3
    for y, is_weak in ((rng.standard_normal(300), False), (x[:, 0] - x[:, 1], True)):
        found = fit_ridge(
            x, y[:, None], inner, lambda scores, rows, y=y: float(((scores[:, 0] - y[rows]) ** 2).sum())
        )
        assert (found.strength < 1e-3) == is_weak


@pytest.mark.slow
def test_logistic_takes_no_larger_c_than_it_needs(rng: np.random.Generator) -> None:
    x, y = separated(rng, 600, 5, 3, 30.0)
    assert fit_logistic(x, y, 3, np.arange(600) % 3).strength == CS[0]
    curved = np.stack([np.sin(x[:, 0]), x[:, 1]], axis=1)
    # three classes along one line, the middle one narrow: a strong penalty cannot find it
    middle = np.digitize(curved[:, 0], [-0.3, 0.3])
    assert fit_logistic(curved, middle, 3, np.arange(600) % 3).strength > CS[0]


def test_more_codes_than_rows_and_missing_classes_are_fine(rng: np.random.Generator) -> None:
    x = rng.standard_normal((30, 80))
    y = np.arange(30) % 3
    x[:, 0] += 10.0 * y
    found = fit_logistic(x, 2 * y, 6, np.arange(30) % 2)
    assert found.weights.shape == (80, 6)
    assert set(np.argmax(found.scores(x), axis=1)) <= {0, 2, 4}


@given(
    sizes=st.lists(st.integers(1, 9), min_size=4, max_size=30),
    n_folds=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_groups_stay_together_and_no_fold_is_empty(sizes: list[int], n_folds: int, seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    folds = group_folds(groups, n_folds, np.random.default_rng(seed))
    assert is_constant_within(folds, groups)
    assert set(folds) == set(range(n_folds))
    rows = np.bincount(folds)
    assert rows.max() - rows.min() <= max(sizes)


def test_every_fold_has_groups_of_every_label(rng: np.random.Generator) -> None:
    groups = np.repeat(np.arange(20), 7)
    labels = (groups % 4 == 0).astype(np.int64)
    folds = group_folds(groups, 5, rng, labels=labels)
    counts = np.zeros((5, 2), dtype=int)
    np.add.at(counts, (folds, labels), 1)
    assert (counts == [[21, 7]] * 5).all()


def test_folds_do_not_depend_on_the_order_of_rows() -> None:
    groups = np.repeat(np.arange(12), 5)
    order = np.random.default_rng(3).permutation(60)
    first = group_folds(groups, 3, np.random.default_rng(1))
    second = group_folds(groups[order], 3, np.random.default_rng(1))
    assert (first[order] == second).all()
