"""Which linear model a target gets, and its fit to some rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.probes.linear import Affine, fit_logistic, fit_ridge

if TYPE_CHECKING:
    from syngen._typing import BoolArray, FloatArray, IntArray
    from syngen.evaluation.probes.targets import Target

__all__ = ["MODELS", "fit_target", "model_for"]

MODELS = ("logistic", "ridge")
MOST_LOGISTIC_CLASSES = 100
"""Above so many classes the ridge classifier is used."""


def model_for(target: Target, model: str) -> str:
    """Return the model that is fitted where `model` was asked for."""
    if target.is_continuous or target.n_levels > MOST_LOGISTIC_CLASSES:
        return "ridge"
    return model


def fit_target(target: Target, x: FloatArray, train: BoolArray, inner: IntArray, *, model: str) -> Affine:
    """Fit a model whose strength of regularisation is the best on inner folds.

    Parameters
    ----------
    target : Target
        Of all rows.
    x : ndarray of float64, shape (n_train, d)
        Standardised codes of the rows to learn from.
    train : ndarray of bool, shape (n,)
        Which rows those are.
    inner : ndarray of int64, shape (n_train,)
        Fold of each.
    model : {"logistic", "ridge"}
        See `model_for`.

    Returns
    -------
    Affine
        One score per class, or the number.
    """
    if not x.shape[1] or len(np.unique(inner)) < 2:
        return _constant(target, train, x.shape[1])
    if target.numbers is not None:
        numbers = target.numbers[train]
        return fit_ridge(
            x,
            numbers[:, None],
            inner,
            lambda scores, rows: float(np.sum((scores[:, 0] - numbers[rows]) ** 2)),
        )
    labels = target.labels[train]
    if model_for(target, model) == "logistic":
        return fit_logistic(x, labels, target.n_levels, inner)
    ones = np.where(labels[:, None] == np.arange(target.n_levels), 1.0, -1.0)
    return fit_ridge(
        x,
        ones,
        inner,
        lambda scores, rows: -float(np.sum(np.argmax(scores, axis=1) == labels[rows])),
    )


def _constant(target: Target, train: BoolArray, n_codes: int) -> Affine:
    """Return the model that always guesses the same: all there is where no code varies."""
    if target.numbers is not None:
        offset = np.array([target.numbers[train].mean()])
    else:
        offset = np.bincount(target.labels[train], minlength=target.n_levels).astype(np.float64)
    return Affine(np.zeros((n_codes, len(offset))), offset, 0.0)
