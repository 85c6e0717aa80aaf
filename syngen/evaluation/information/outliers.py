"""Codes for metrics that look at distances: one scale for all, and no row that outweighs the others.

Squared distances let a single wild row decide a correlation, a standard deviation, a distance to the mean.
Values far outside the bulk of their column therefore count as its fence: Winsorising, J. W. Tukey, "The
Future of Data Analysis", Annals of Mathematical Statistics 33 (1962), 1-67. The fences lie one range of the
middle 98 % beyond its ends: seven standard deviations from the mean of a normal code, so that nothing but a
long tail or an accident is touched. Metrics of ranks, bins and trees do not need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.information.binning import middle_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray

__all__ = ["mean_ranks", "within_fences"]


def within_fences(codes: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return codes of mean 0 and standard deviation 1 whose far values count as the fence.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
        No column constant.

    Returns
    -------
    codes : ndarray of float64, shape (n, n_codes)
    n_far : ndarray of int, shape (n_codes,)
        How many values of each lay beyond a fence. A column of which 98 % are one value has no fences.

    Examples
    --------
    >>> codes, n_far = within_fences(np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [1e9]]))
    >>> codes.round(2).ravel().tolist(), n_far.tolist()
    ([-1.25, -0.81, -0.37, 0.07, 0.51, 1.84], [1])
    """
    limited, n_far = np.empty_like(codes), np.zeros(codes.shape[1], dtype=np.intp)
    for i in range(codes.shape[1]):
        column = codes[:, i]
        low, high = middle_range(column)
        if low < high:
            bottom, top = low - (high - low), high + (high - low)
            n_far[i] = np.count_nonzero((column < bottom) | (column > top))
            column = (np.clip(column, bottom, top) - low) / (high - low)
        limited[:, i] = _standardised(column)
    return limited, n_far


def _standardised(column: FloatArray) -> FloatArray:
    spread = column.std()
    centred = column - column.mean()
    return np.asarray(centred / spread) if spread > 0.0 else centred


def mean_ranks(codes: FloatArray) -> FloatArray:
    """Return the place of each value in its column, in 0..1, equal values sharing their mean place.

    Examples
    --------
    >>> mean_ranks(np.array([[3.0], [1e9], [3.0], [0.0]])).ravel().tolist()
    [0.5, 1.0, 0.5, 0.0]
    """
    from scipy.stats import rankdata

    return np.asarray((rankdata(codes, axis=0) - 1.0) / max(1, len(codes) - 1))
