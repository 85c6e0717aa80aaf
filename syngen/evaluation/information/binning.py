"""From real numbers to bins: equal width as in the reference implementations, or equal count.

Everything returns whole numbers that count from 0 without gaps, so that counting is one ``bincount``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray

    BinArray = NDArray[np.int32]

__all__ = [
    "BINNINGS",
    "CLOSENESS",
    "dense",
    "levels_if_few",
    "middle_range",
    "quantile_bins",
    "scaled_width_bins",
    "width_bins",
]

BINNINGS = ("quantile", "width")
CLOSENESS = 1e-4
"""Levels with rounding noise are as near to each other as this, in parts of the range."""


def width_bins(column: FloatArray, *, n_bins: int) -> BinArray:
    """Return the bin of each value among `n_bins` of equal width between the least and the greatest.

    Parameters
    ----------
    column : ndarray of float64, shape (n,)
    n_bins : int
        2 or more.

    Returns
    -------
    ndarray of int32, shape (n,)
        Occupied bins only, numbered from 0.

    Notes
    -----
    Edges are those of `numpy.histogram`; a bin holds its lower edge, the last one also its upper edge, as
    in disentanglement_lib. A value that lies exactly on an edge may change its bin when the column is
    negated or rescaled.

    Examples
    --------
    >>> width_bins(np.array([0.0, 0.1, 0.5, 1.0]), n_bins=2).tolist()
    [0, 0, 1, 1]
    """
    edges = np.histogram_bin_edges(column, n_bins)
    return dense(np.searchsorted(edges[1:-1], column, side="right"))


def scaled_width_bins(column: FloatArray, *, n_bins: int) -> BinArray:
    """Return bins of equal width as the Ubisoft implementation makes them.

    The column is scaled to 0..1 and then compared with
    the edges of ``linspace(0, 1, n_bins + 1)``; values near an edge may fall on its other side than in
    `width_bins`.
    """
    from sklearn.preprocessing import minmax_scale

    edges = np.linspace(0.0, 1.0, n_bins + 1)[:-1]
    return dense(np.searchsorted(edges, minmax_scale(column), side="right"))


def quantile_bins(column: FloatArray, *, n_bins: int) -> BinArray:
    """Return the bin of each value among `n_bins` of equal count; equal values share a bin.

    Only the order of the values counts, so that strictly monotone maps, rising or falling, change
    nothing but the numbering. Ties are placed by their mean rank; one that straddles an edge goes to the
    side of the middle, and one that straddles the middle has a bin of its own.

    Examples
    --------
    >>> x = np.array([0.3, 5.0, 0.1, 0.2])
    >>> quantile_bins(x, n_bins=2).tolist(), quantile_bins(np.exp(x), n_bins=2).tolist()
    ([1, 1, 0, 0], [1, 1, 0, 0])
    """
    values, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    if len(values) <= n_bins:
        return inverse.astype(np.int32)
    # twice the place of a tie's middle, in whole numbers: no rounding decides about an edge
    middles = 2 * np.cumsum(counts) - counts
    bins, rest = np.divmod(middles * n_bins, 2 * len(column))
    on_edge = rest == 0
    # in halves, so that the bin of the middle fits between two
    side = np.sign(2 * bins - n_bins)
    bins = 2 * bins - np.where(on_edge, 1 + side, 0)
    return dense(bins)[inverse]


def dense(numbers: NDArray[np.integer]) -> BinArray:
    """Return the values numbered from 0 in their order, without those that do not occur."""
    low = int(numbers.min())
    shifted = numbers - low
    highest = int(shifted.max())
    if highest <= 4 * len(numbers):
        occurs = np.bincount(shifted, minlength=highest + 1) > 0
        numbered: BinArray = (np.cumsum(occurs) - 1).astype(np.int32)[shifted]
        return numbered
    inverse: BinArray = np.unique(shifted, return_inverse=True)[1].astype(np.int32)
    return inverse


def levels_if_few(column: FloatArray, *, most: int, closeness: float = 0.0) -> BinArray | None:
    """Return the values of a column as levels if there are at most `most`, otherwise None.

    Parameters
    ----------
    column : ndarray of float64, shape (n,)
    most : int
    closeness : float
        Values nearer to each other than this share of the range of the middle 98 % are one value, if every
        value then has others at that distance only: levels with rounding noise are levels. 0 or more.

    Returns
    -------
    ndarray of int32, shape (n,), or None

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 1.0 + 1e-9, 2.0])
    >>> levels_if_few(x, most=2), levels_if_few(x, most=2, closeness=CLOSENESS)
    (None, array([0, 1, 0, 1], dtype=int32))
    """
    low, high = middle_range(column)
    distance = closeness * (high - low)
    # a column of real numbers shows in its first rows that it has many values
    if np.count_nonzero(np.diff(np.sort(column[: 8 * most])) > distance) >= 2 * most:
        return None
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    is_first = np.diff(ordered, prepend=-np.inf) > distance
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], len(column)) - 1
    if len(firsts) > most or (ordered[lasts] - ordered[firsts] > 2.0 * distance).any():
        return None
    levels = np.empty(len(column), dtype=np.int32)
    levels[order] = np.cumsum(is_first) - 1
    return levels


def middle_range(column: FloatArray) -> tuple[float, float]:
    """Return the ends of the middle 98 % of the values, of which a single outlier is never one.

    Examples
    --------
    >>> middle_range(np.array([0.0, 1.0, 2.0, 1e9]))
    (1.0, 2.0)
    """
    skipped = min((len(column) + 99) // 100, (len(column) - 1) // 2)
    ordered = np.partition(column, (skipped, len(column) - 1 - skipped))
    return float(ordered[skipped]), float(ordered[len(column) - 1 - skipped])
