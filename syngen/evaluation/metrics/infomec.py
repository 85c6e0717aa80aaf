"""InfoM, InfoC, InfoE: modularity, compactness and explicitness from mutual information.

K. Hsu, W. Dorrell, J. C. R. Whittington, J. Wu, C. Finn, "Disentanglement via Latent Quantization", NeurIPS
2023 (arXiv 2305.18378). All lie in 0..1.

The information of a code about a factor is estimated from nearest neighbours, k = 10: B. C. Ross, "Mutual
Information between Discrete and Continuous Data Sets", PLoS ONE 9 (2014), e87357, after A. Kraskov,
H. Stoegbauer, P. Grassberger, Physical Review E 69 (2004), 066138; divided by the entropy of the factor.
InfoM is, over codes, the mean share of the information that the best factor has, scaled from 1/K..1 to
0..1; InfoC the same over factors. InfoE is the share of a factor's entropy that a multinomial logistic
regression removes.

Deviations: neighbours are sought among ranks, so that monotone maps and wild rows change nothing, in one
dimension by sorting, exactly. A code with few different values is counted instead, less what shuffled rows
have; continuous factors are binned first. Inactive codes take no part in InfoM and know nothing in InfoC; a
code or a factor without any information has no share (the reference gives NaN) and is left out of the mean.
InfoE is that of held-out rows over their entropy given the frequencies of the training rows, and the
regression is penalised as much as is best for some of the training rows (`infoe_of`). The reference has an
unpenalised regression with balanced classes, takes the rows that it is fitted to, and divides by log K: 100
random codes of 200 rows have InfoE 1 (`reference_infoe_of`, under ``compat``). There, codes that range over
less than a twentieth of the widest code's range take no part in InfoM and InfoC; here only under
``compat``, because that depends on the scale of the codes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.metrics.fitting import ignore_convergence_warnings
from syngen.evaluation.probes.linear import Precision, softmax_regression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray, IntArray

__all__ = [
    "N_NEIGHBOURS",
    "concentration",
    "infoe_of",
    "neighbour_information",
    "reference_infoe_of",
    "wide_codes",
]

N_NEIGHBOURS = 10
_JITTER = 1e-10
_WIDEST_PART = 20.0
_NO_PENALTY = 1e12
_STRENGTHS = (1e-3, 1e-1, 1e1, 1e3, 1e5)
_LEARNING_SHARE = 0.75
_ROWS_PER_WEIGHT = 20
_PRECISION = Precision(gradient=1e-4, decrease=1e-7, iterations=200)
_CERTAIN = float(np.finfo(np.float64).eps)


def neighbour_information(
    code: FloatArray, levels: NDArray[np.integer], *, rng: np.random.Generator, k: int = N_NEIGHBOURS
) -> float:
    """Return Ross's estimate of the mutual information of a real code and a discrete factor, in nats.

    Parameters
    ----------
    code : ndarray of float64, shape (n,)
    levels : ndarray of int, shape (n,)
        Numbered from 0.
    rng : numpy.random.Generator
        Of the jitter of 1e-10 standard deviations that parts equal values.
    k : int
        Neighbours; fewer where a level has fewer rows. Rows that are alone with their level are left out.

    Returns
    -------
    float
        0 or more.

    Notes
    -----
    psi(n) + mean psi(k) - mean psi(rows of the level) - mean psi(m), m being how many rows are nearer
    than the k-th neighbour of the same level, the row itself among them.
    """
    from scipy.special import digamma

    counts = np.bincount(levels)
    kept = counts[levels] > 1
    if not kept.any():
        return 0.0
    x, y = code[kept], levels[kept]
    spread = x.std()
    x = x / spread if spread > 0.0 else x
    x = x + _JITTER * max(1.0, float(np.abs(x).mean())) * rng.standard_normal(len(x))
    in_order = np.sort(x)
    order = np.lexsort((x, y))
    x, y = x[order], y[order]
    radius, n_neighbours = np.empty(len(x)), np.empty(len(x))
    bounds = np.concatenate([[0], np.cumsum(counts[counts > 1])]).tolist()
    for first, last in pairwise(bounds):
        fewer = min(k, last - first - 1)
        radius[first:last] = _kth_distance(x[first:last], fewer)
        n_neighbours[first:last] = fewer
    # the k-th neighbour itself must stay outside, whatever x + radius is rounded to
    radius -= 2.0 * np.spacing(np.abs(x) + radius)
    near = np.searchsorted(in_order, x + radius, side="right") - np.searchsorted(in_order, x - radius)
    estimate = (
        digamma(len(x))
        + digamma(n_neighbours).mean()
        - digamma(counts[y]).mean()
        - digamma(np.maximum(near, 1)).mean()
    )
    return max(0.0, float(estimate))


def _kth_distance(x: FloatArray, k: int) -> FloatArray:
    """Return the distance of each of the sorted numbers to its k-th nearest neighbour."""
    n = len(x)
    padded = np.concatenate([np.full(k, -np.inf), x, np.full(k, np.inf)])
    best = np.full(n, np.inf)
    # the k neighbours of a number and itself are k + 1 numbers in a row
    for below in range(k + 1):
        farthest = np.maximum(x - padded[k - below : k - below + n], padded[2 * k - below :][:n] - x)
        np.minimum(best, farthest, out=best)
    return best


def wide_codes(codes: FloatArray) -> BoolArray:
    """Return which codes range over more than a twentieth of the widest code's range."""
    if not codes.shape[1]:
        return np.zeros(0, dtype=np.bool_)
    ranges = np.ptp(codes, axis=0)
    wide: BoolArray = ranges > ranges.max() / _WIDEST_PART
    return wide


def concentration(shares: FloatArray) -> FloatArray:
    """Return how far the greatest of each row's values is all of the row, in 0..1.

    Parameters
    ----------
    shares : ndarray of float64, shape (n, k)
        Not negative.

    Returns
    -------
    ndarray of float64, shape (n,)
        (greatest / sum - 1/k) / (1 - 1/k); NaN for rows of zeros, else 1 where k is 1.

    Examples
    --------
    >>> concentration(np.array([[1.0, 0.0], [2.0, 2.0], [0.0, 0.0]]))
    array([ 1.,  0., nan])
    """
    n, k = shares.shape
    if k == 0:
        return np.full(n, np.nan)
    total = shares.sum(axis=1)
    best = np.divide(shares.max(axis=1), total, out=np.full(n, np.nan), where=total > 0.0)
    if k == 1:
        return np.asarray(best)
    return np.asarray(np.clip((best - 1.0 / k) / (1.0 - 1.0 / k), 0.0, 1.0))


def infoe_of(
    train: FloatArray,
    train_levels: NDArray[np.integer],
    test: FloatArray,
    test_levels: NDArray[np.integer],
    *,
    rng: np.random.Generator,
) -> float | None:
    """Return the share of a factor's entropy that a logistic regression removes on rows it has not seen.

    Parameters
    ----------
    train, test : ndarray of float64, shape (n, n_codes)
        Standardised.
    train_levels, test_levels : ndarray of int, shape (n,)
    rng : numpy.random.Generator
        Of the rows among `train` that decide about the penalty.

    Returns
    -------
    float or None
        In 0..1; None if the training rows have one level only, or no test row has a level of theirs.

    Notes
    -----
    With 20 training rows a weight or more, a penalty gains nothing and there is none. With fewer, penalties
    are tried from strong to weak, each fit starting from the last, until a quarter of the training rows is
    predicted worse. Test rows of a level that the training rows do not have are left out.
    """
    classes, y = np.unique(train_levels, return_inverse=True)
    is_known = np.isin(test_levels, classes)
    if len(classes) < 2 or not is_known.any():
        return None
    if not train.shape[1]:
        return 0.0
    asked = np.searchsorted(classes, test_levels[is_known])
    whole = _surprise(np.log(np.bincount(y) / len(y))[np.newaxis], asked)
    scores = _logistic_scores(train, y.astype(np.int64), test[is_known], len(classes), rng)
    left = _surprise(scores, asked)
    return float(np.clip((whole - left) / whole, 0.0, 1.0)) if whole > 0.0 else None


def _logistic_scores(
    x: FloatArray, y: IntArray, asked: FloatArray, n_classes: int, rng: np.random.Generator
) -> FloatArray:
    """Return scores of asked rows: logarithms of likelihoods, but for a constant in each row."""
    if len(x) >= _ROWS_PER_WEIGHT * (x.shape[1] + 1) * (n_classes - 1):
        from sklearn.linear_model import LogisticRegression

        with ignore_convergence_warnings():
            found = LogisticRegression(C=_NO_PENALTY).fit(x, y).decision_function(asked)
        return np.asarray(found if n_classes > 2 else np.stack([-found / 2, found / 2], axis=1))
    theta = _penalised(x, y, n_classes, rng)
    return np.asarray(asked @ theta[:-1] + theta[-1])


def _penalised(x: FloatArray, y: IntArray, n_classes: int, rng: np.random.Generator) -> FloatArray:
    """Return weights, the last row being offsets, with the penalty that predicts unseen rows best."""
    variances = np.maximum(x.var(axis=0), _CERTAIN)
    order = rng.permutation(len(x))
    some, others = np.split(order, [max(1, round(_LEARNING_SHARE * len(x)))])
    theta = np.zeros((x.shape[1] + 1, n_classes))
    theta[-1] = np.log(np.maximum(np.bincount(y[some], minlength=n_classes), 0.5) / len(some))
    best, least, best_c = theta, np.inf, _STRENGTHS[0]
    for c in _STRENGTHS:
        theta = softmax_regression(x[some], y[some], n_classes, c, theta, variances, precision=_PRECISION)
        found = _surprise(x[others] @ theta[:-1] + theta[-1], y[others]) if len(others) else 0.0
        if found >= least:
            break
        best, least, best_c = theta, found, c
    return softmax_regression(x, y, n_classes, best_c, best, variances, precision=_PRECISION)


def _surprise(scores: FloatArray, levels: NDArray[np.integer]) -> float:
    """Return the mean of -log likelihood of levels, in nats, of scores of each row or of all rows."""
    scores = np.broadcast_to(scores, (len(levels), scores.shape[1]))
    top = scores.max(axis=1)
    sums = np.log(np.exp(scores - top[:, np.newaxis]).sum(axis=1))
    return float(np.mean(sums + top - scores[np.arange(len(levels)), levels]))


def reference_infoe_of(codes: FloatArray, levels: NDArray[np.integer]) -> float:
    """Return the share of log K that the reference's regression removes on the rows it is fitted to.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
    levels : ndarray of int, shape (n,)

    Returns
    -------
    float
        In 0..1.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classes, inverse = np.unique(levels, return_inverse=True)
    if len(classes) < 2 or not np.ptp(codes, axis=0).any():
        return 0.0
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_NO_PENALTY, class_weight="balanced"))
    with ignore_convergence_warnings():
        model.fit(codes, inverse)
    found = model.predict_proba(codes)
    likelihood = np.clip(found[np.arange(len(codes)), inverse], _CERTAIN, 1.0)
    left = float(-np.log(likelihood).mean())
    # a regression without inputs and with balanced classes calls every level equally likely
    whole = float(np.log(len(classes)))
    return float(np.clip((whole - left) / whole, 0.0, 1.0))
