"""Modularity: whether each code knows one factor only.

K. Ridgeway, M. C. Mozer, "Learning Deep Disentangled Embeddings With the F-Statistic Loss", NeurIPS 2018
(arXiv 1802.05312). In 0..1; 1 if every code is informative of one factor at most.

Deviations: the published formula compares plug-in estimates of mutual information, whose bias favours the
factor with most levels, so that random codes reach .90. By default the information that shuffled rows have
is subtracted before, and codes that know no more than chance (`permutation.beats_chance`) take no part;
with none left there is no modularity. With a single factor an informative code is modular.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["modularity_per_code"]


def modularity_per_code(information: FloatArray) -> FloatArray:
    """Return 1 - sum of squared information of the other factors / ((K - 1) x greatest squared).

    Parameters
    ----------
    information : ndarray of float64, shape (n_codes, n_factors)
        Plain, or with the null subtracted; negative values count as 0.

    Returns
    -------
    ndarray of float64, shape (n_codes,)
        0 for a code without any information, as in disentanglement_lib.

    Examples
    --------
    >>> modularity_per_code(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]))
    array([1., 0., 0.])
    """
    squared = np.square(np.maximum(information, 0.0))
    n_codes, n_factors = squared.shape
    if n_factors == 0:
        return np.zeros(n_codes)
    best = squared.max(axis=1)
    others = squared.sum(axis=1) - best
    most = best * max(1, n_factors - 1)
    shared = np.divide(others, most, out=np.ones(n_codes), where=best > 0.0)
    return np.asarray(np.maximum(1.0 - shared, 0.0))
