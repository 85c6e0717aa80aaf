"""IRS, the interventional robustness score: whether a code stays where it is while other factors change.

R. Suter, D. Miladinovic, B. Schoelkopf, S. Bauer, "Robustly Disentangled Causal Mechanisms: Validating Deep
Representations for Interventional Robustness", ICML 2019 (arXiv 1811.00007). In 0..1.

For each level of a factor the greatest distance of a code from its mean there is found (a quantile of the
distances, .99; the paper has the greatest), averaged over levels and divided by the code's greatest
distance from its overall mean. A code's score is 1 minus that, for its best factor, and not below 0; the
mean over codes is weighted by their greatest distances. Deviations: those weights depend on the scale of a
code, so codes are standardised first by default, with far values at a fence (`outliers.within_fences`); the
distance from the overall mean is the same quantile as that within a level, so that neither one wild row nor
noise (which has .4 in the reference) looks robust; constant codes take no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray

__all__ = ["QUANTILE", "irs_matrix", "irs_score"]

QUANTILE = 0.99
_CODES_AT_ONCE = 16


def irs_matrix(
    codes: FloatArray,
    factors: Sequence[NDArray[np.integer]],
    *,
    quantile: float = QUANTILE,
    whole: float = 1.0,
) -> tuple[FloatArray, FloatArray]:
    """Return the robustness of each code for each factor, and each code's deviation from its mean.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
        No column constant.
    factors : sequence of ndarray of int, shape (n,)
        Levels, numbered from 0 without gaps.
    quantile : float
        Of the distances from the mean of a level, in 0..1; 1 is the paper's.
    whole : float
        Of the distances from the mean of all rows, in 0..1; 1 is the greatest.

    Returns
    -------
    matrix : ndarray of float64, shape (n_codes, n_factors)
    deviations : ndarray of float64, shape (n_codes,)
    """
    n_codes = codes.shape[1]
    matrix, deviations = np.zeros((n_codes, len(factors))), np.zeros(n_codes)
    orders = [np.argsort(factor, kind="stable") for factor in factors]
    bounds = [np.concatenate([[0], np.cumsum(np.bincount(factor))]) for factor in factors]
    for start in range(0, n_codes, _CODES_AT_ONCE):
        some = slice(start, start + _CODES_AT_ONCE)
        block = np.ascontiguousarray(codes[:, some].T)
        deviations[some] = _row_quantile(np.abs(block - block.mean(axis=1, keepdims=True)), whole)
        for j, (order, bound) in enumerate(zip(orders, bounds, strict=True)):
            matrix[some, j] = _mean_spread(np.take(block, order, axis=1), bound, quantile)
    matrix /= np.where(deviations > 0.0, deviations, 1.0)[:, np.newaxis]
    return 1.0 - matrix, deviations


def _mean_spread(ordered: FloatArray, bounds: NDArray[np.integer], quantile: float) -> FloatArray:
    total = np.zeros(len(ordered))
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        group = ordered[:, first:last]
        total += _row_quantile(np.abs(group - group.mean(axis=1, keepdims=True)), quantile)
    return total / (len(bounds) - 1)


def _row_quantile(values: FloatArray, quantile: float) -> FloatArray:
    """Return `numpy.quantile` of each row, in place: linear between the two nearest ranks."""
    position = quantile * (values.shape[1] - 1)
    low = int(position)
    high = min(low + 1, values.shape[1] - 1)
    values.partition((low, high), axis=1)
    below, above, weight = values[:, low], values[:, high], position - low
    # the form that numpy takes, from the nearer side
    if weight < 0.5:
        return np.asarray(below + (above - below) * weight)
    return np.asarray(above - (above - below) * (1.0 - weight))


def irs_score(matrix: FloatArray, deviations: FloatArray) -> float:
    """Return the mean over codes of the best robustness, weighted by deviations."""
    if not matrix.size or not deviations.sum() > 0.0:
        return 0.0
    return float(np.clip(np.average(matrix.max(axis=1), weights=deviations), 0.0, 1.0))
