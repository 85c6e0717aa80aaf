"""Linear models whose strength of regularisation is found by cross-validation inside their rows.

They have the objectives and the minima of scikit-learn's ``LogisticRegression`` and ``Ridge``, and are not
those because one probe refits them some hundred times: the logistic one goes along a path from strong to
weak regularisation, each fit starting from the last, in coordinates in which correlated codes are no
obstacle; the ridge one has every penalty from one decomposition of the moments of a fold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import BoolArray, Float32Array, FloatArray, IntArray

__all__ = [
    "COARSE",
    "CS",
    "FINE",
    "PENALTIES",
    "Affine",
    "Precision",
    "fit_logistic",
    "fit_ridge",
    "softmax_regression",
]

CS: tuple[float, ...] = tuple(10.0**power for power in range(-3, 3))
"""Inverse penalties C that are tried, as in scikit-learn: C * sum of losses + |w|^2 / 2."""
PENALTIES: tuple[float, ...] = tuple(10.0**power for power in range(-7, 3))
"""Penalties of ridge regression that are tried, per row: sum of squares + n * penalty * |w|^2."""

_PATIENCE = 2
_NEGLIGIBLE = 1e-10


@dataclass(frozen=True)
class Precision:
    """When a fit is done.

    Attributes
    ----------
    gradient : float
        Largest slope left.
    decrease : float
        Of the objective in the last step, relative.
    iterations : int
        At most.
    """

    gradient: float
    decrease: float
    iterations: int


FINE = Precision(1e-4, 1e-9, 300)
COARSE = Precision(1e-3, 1e-5, 50)
"""Enough to compare penalties."""


@dataclass(frozen=True)
class Affine:
    """A linear model: one score per column.

    Attributes
    ----------
    weights : ndarray of float64, shape (d, k)
    offset : ndarray of float64, shape (k,)
    strength : float
        The C, or the penalty, that was chosen.
    """

    weights: FloatArray
    offset: FloatArray
    strength: float

    def scores(self, x: FloatArray) -> FloatArray:
        """Return one row of scores, shape (n, k), for each row of `x`, shape (n, d)."""
        return np.asarray(x @ self.weights + self.offset)


@dataclass(frozen=True)
class _Axes:
    """Principal axes of some rows, and their variances."""

    directions: FloatArray
    variances: FloatArray

    @classmethod
    def of(cls, x: FloatArray) -> _Axes:
        n, d = x.shape
        if d <= n:
            variances, directions = np.linalg.eigh(x.T @ x / n)
        else:
            _, singular, rows = np.linalg.svd(x, full_matrices=False)
            variances, directions = singular**2 / n, rows.T
        kept = variances > _NEGLIGIBLE * max(float(variances.max(initial=0.0)), 1e-300)
        return cls(np.ascontiguousarray(directions[:, kept]), variances[kept])


def softmax_regression(
    x: FloatArray | Float32Array,
    y: IntArray,
    n_classes: int,
    c: float,
    start: FloatArray,
    variances: FloatArray,
    *,
    precision: Precision = FINE,
) -> FloatArray:
    """Minimise C * sum of cross entropies + |weights|^2 / 2 over weights and offsets.

    Parameters
    ----------
    x : ndarray of float64 or float32, shape (n, d)
        Columns should be uncorrelated, or it takes longer.
    y : ndarray of int64, shape (n,)
        Classes from 0.
    n_classes : int
    c : float
        Inverse penalty. Offsets are free. Two classes have two columns of weights: what scikit-learn, which
        gives them one, calls C / 2.
    start : ndarray of float64, shape (d + 1, n_classes)
        Where to begin; the last row are the offsets.
    variances : ndarray of float64, shape (d,)
        Of the columns of `x`, to scale the steps.
    precision : Precision
        When to stop.

    Returns
    -------
    ndarray of float64, shape (d + 1, n_classes)
    """
    from scipy.optimize import minimize

    n, d = x.shape
    penalty = 1.0 / (c * n)
    scale = 1.0 / np.sqrt(variances[:, None] / n_classes + penalty)
    free = np.sqrt(n_classes)
    rows = np.arange(n)

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        theta = flat.reshape(d + 1, n_classes)
        weights = theta[:-1] * scale
        scores = x @ weights.astype(x.dtype, copy=False)
        scores += (theta[-1] * free).astype(x.dtype, copy=False)
        scores -= scores.max(axis=1, keepdims=True)
        of_truth = scores[rows, y]
        np.exp(scores, out=scores)
        sums = scores.sum(axis=1)
        value = float(np.mean(np.log(sums) - of_truth, dtype=np.float64)) + 0.5 * penalty * float(
            np.sum(weights**2)
        )
        scores /= sums[:, None]
        scores[rows, y] -= 1.0
        gradient = np.empty_like(theta)
        gradient[:-1] = (x.T @ scores / n + penalty * weights) * scale
        gradient[-1] = scores.mean(axis=0, dtype=np.float64) * free
        return value, gradient.ravel()

    begin = np.vstack([start[:-1] / scale, start[-1:] / free])
    found = minimize(
        loss,
        begin.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": precision.iterations, "gtol": precision.gradient, "ftol": precision.decrease},
    )
    theta = found.x.reshape(d + 1, n_classes)
    return np.vstack([theta[:-1] * scale, theta[-1:] * free])


def fit_logistic(x: FloatArray, y: IntArray, n_classes: int, inner: IntArray) -> Affine:
    """Fit a multinomial logistic regression whose C is the best on folds of its own rows.

    C goes up from 0.001 to 100 by decades. A larger C is taken only where it finds more rows by more than
    the standard error of their number, so that a fit is no weaker regularised than it need be; the search
    ends where two steps in a row have brought less, or every row is found.

    Parameters
    ----------
    x : ndarray of float64, shape (n, d)
        Standardised.
    y : ndarray of int64, shape (n,)
        Classes from 0; some may be missing.
    n_classes : int
    inner : ndarray of int64, shape (n,)
        Fold of each row.

    Returns
    -------
    Affine
        One score per class: the log of its probability, but for a constant.
    """
    axes = _Axes.of(x)
    turned = x @ axes.directions
    c, start = _best_c(turned, y, n_classes, inner, axes.variances)
    theta = softmax_regression(turned, y, n_classes, c, start, axes.variances)
    return Affine(axes.directions @ theta[:-1], theta[-1], c)


def _best_c(
    x: FloatArray, y: IntArray, n_classes: int, inner: IntArray, variances: FloatArray
) -> tuple[float, FloatArray]:
    """Return the C with the most hits on the inner folds, and the mean of the parameters found with it."""
    parts = [(inner != fold, inner == fold) for fold in np.unique(inner).tolist()]
    single = x.astype(np.float32)  # halves the time; the fit that counts is made in double precision
    data = [(single[train], y[train], single[test], y[test]) for train, test in parts]
    thetas = [np.zeros((x.shape[1] + 1, n_classes)) for _ in parts]
    best, start, most, waited = CS[0], thetas[0], -1, 0
    for c in CS:
        hits = 0
        for position, (train, y_train, test, y_test) in enumerate(data):
            theta = softmax_regression(
                train, y_train, n_classes, c, thetas[position], variances, precision=COARSE
            )
            thetas[position] = theta
            hits += int(np.sum(np.argmax(test @ theta[:-1] + theta[-1], axis=1) == y_test))
        if hits > most + math.sqrt(max(most, 0) * (1.0 - max(most, 0) / len(y))):
            best, start, most, waited = c, np.mean(thetas, axis=0), hits, 0
        else:
            waited += 1
        if waited == _PATIENCE or most == len(y):
            break
    return best, start


def fit_ridge(
    x: FloatArray, y: FloatArray, inner: IntArray, loss: Callable[[FloatArray, BoolArray], float]
) -> Affine:
    """Fit a ridge regression whose penalty is the best on folds of its own rows.

    Parameters
    ----------
    x : ndarray of float64, shape (n, d)
        Standardised.
    y : ndarray of float64, shape (n, k)
    inner : ndarray of int64, shape (n,)
        Fold of each row.
    loss : callable
        Takes scores, shape (m, k), and which of the rows they are for, bool, shape (n,); lower is better.

    Returns
    -------
    Affine
        Of equally good penalties the largest.
    """
    axes = _Axes.of(x)
    turned = x @ axes.directions
    folds = [inner == fold for fold in np.unique(inner).tolist()]
    losses = np.zeros(len(PENALTIES))
    for test in folds:
        path = _RidgePath(turned[~test], y[~test])
        losses += [loss(path.at(penalty).scores(turned[test]), test) for penalty in PENALTIES]
    best = PENALTIES[len(PENALTIES) - 1 - int(np.argmin(losses[::-1]))]
    model = _RidgePath(turned, y).at(best)
    return Affine(axes.directions @ model.weights, model.offset, best)


class _RidgePath:
    """Ridge regressions of the same rows with any penalty."""

    def __init__(self, x: FloatArray, y: FloatArray) -> None:
        self._n = len(x)
        self._centre, self._mean = x.mean(axis=0), y.mean(axis=0)
        centred = x - self._centre
        self._variances, self._axes = np.linalg.eigh(centred.T @ centred / self._n)
        self._projected = self._axes.T @ (centred.T @ (y - self._mean)) / self._n

    def at(self, penalty: float) -> Affine:
        """Return the regression with a penalty per row."""
        weights = self._axes @ (self._projected / (np.maximum(self._variances, 0.0) + penalty)[:, None])
        return Affine(weights, self._mean - self._centre @ weights, penalty)
