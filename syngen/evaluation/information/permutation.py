"""What chance alone gives: mutual information of shuffled rows, and which codes know more than that.

Shuffling keeps how often every bin and every level occurs, so the plug-in bias and the spread of each pair
are measured as they are. A single code beats chance if its information exceeds what the luckiest of all
pairs has in shuffled rows: P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing", 1993 (the
single-step maximum of standardised statistics). Of codes that know nothing none is then found, in 95 of 100
representations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.information.mutual_information import Group, entropies, grouped, size_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray

__all__ = ["LEVEL", "N_SHUFFLES", "adjusted", "beats_chance", "shuffled_information"]

N_SHUFFLES = 200
LEVEL = 0.95
_CONFIDENCE = 0.975
_CODES_AT_ONCE = 16
_STEADY = 1e-12


def shuffled_information(
    codes: Sequence[NDArray[np.integer]],
    factors: Sequence[NDArray[np.integer]],
    *,
    n_shuffles: int = N_SHUFFLES,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the mutual information of every code with every factor in shuffled rows, in nats.

    Parameters
    ----------
    codes, factors : sequences of ndarray of int, shape (n,)
        Levels, numbered from 0 without gaps.
    n_shuffles : int
        All factors of one are shuffled alike.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (n_shuffles, n_codes, n_factors)
    """
    of_codes, of_factors = entropies(codes), entropies(factors)
    drawn = np.zeros((n_shuffles, len(codes), len(factors)))
    varying = np.flatnonzero(of_factors > 0.0)
    if not len(varying) or not (of_codes > 0.0).any():
        return drawn
    blocks = list(_blocks([np.asarray(code) for code in codes], of_codes))
    groups = grouped([factors[j] for j in varying.tolist()])
    # x log x, and log x, of every count there can be
    counts = np.arange(len(factors[0]) + 1, dtype=np.float64)
    logs = np.log(np.maximum(counts, 1.0))
    for drawing in drawn:
        order = rng.permutation(len(factors[0]))
        for group in groups:
            levels = group.combined[order]
            for places, size, block in blocks:
                of_joint = _joint_entropies(block, size, levels, group, (counts * logs, logs))
                joint = np.ix_(places, varying[list(group.places)])
                drawing[joint] = of_codes[places][:, np.newaxis] + of_factors[joint[1]] - of_joint
    most = np.minimum.outer(of_codes, of_factors)
    return np.asarray(np.clip(drawn, 0.0, most))


def _blocks(
    codes: list[NDArray[np.integer]], code_entropies: FloatArray
) -> Iterator[tuple[NDArray[np.intp], int, NDArray[np.intp]]]:
    """Yield codes of one size that are counted at once: their positions, their size, their bins."""
    sizes = np.array([size_of(code) for code in codes])
    for size in np.unique(sizes[code_entropies > 0.0]).tolist():
        places = np.flatnonzero((sizes == size) & (code_entropies > 0.0))
        for start in range(0, len(places), _CODES_AT_ONCE):
            some = places[start : start + _CODES_AT_ONCE]
            yield some, size, np.stack([codes[i] for i in some]).astype(np.intp)


def _joint_entropies(
    block: NDArray[np.intp],
    size: int,
    levels: NDArray[np.intp],
    group: Group,
    tables: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Return H(code, factor) of some codes and the factors of a group, shape (n_codes, n_factors)."""
    (n_codes, n), n_levels = block.shape, int(np.prod(group.sizes))
    products, logs = tables
    cells = block + levels * size
    cells += (np.arange(n_codes) * (n_levels * size))[:, np.newaxis]
    found = np.bincount(cells.reshape(-1), minlength=n_codes * n_levels * size)
    if len(group.places) == 1:
        if n_levels * size > n:  # most cells are empty: sum over rows instead
            sums = logs[found[cells]].sum(axis=1)
        else:
            sums = products[found].reshape(n_codes, -1).sum(axis=1)
        return np.asarray(logs[n] - sums / n)[:, np.newaxis]
    table = found.reshape(n_codes, *group.sizes, size)
    axes = range(1, len(group.places) + 1)
    margins = [table.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes]
    sums = np.stack([products[margin].reshape(n_codes, -1).sum(axis=1) for margin in margins], axis=1)
    return np.asarray(logs[n] - sums / n)


def beats_chance(information: FloatArray, shuffled: FloatArray) -> BoolArray:
    """Return which codes know more of some factor than the luckiest code does in shuffled rows.

    Parameters
    ----------
    information : ndarray of float64, shape (n_codes, n_factors)
    shuffled : ndarray of float64, shape (n_shuffles, n_codes, n_factors)
        As `shuffled_information` returns it.

    Returns
    -------
    ndarray of bool, shape (n_codes,)

    Notes
    -----
    Every pair is in units of its own spread, and the maximum is over all pairs, of which the 95th
    percentile is taken. Of so few maxima the percentile itself is uncertain: its upper confidence bound
    decides (the 197th of 200).
    """
    from scipy.stats import binom

    if not information.size:
        return np.zeros(len(information), dtype=np.bool_)
    mean, spread = shuffled.mean(axis=0), shuffled.std(axis=0, ddof=1)
    is_steady = spread <= _STEADY  # every order of the rows says the same
    scale = np.where(is_steady, 1.0, spread)
    maxima = np.where(is_steady, 0.0, (shuffled - mean) / scale).max(axis=(1, 2))
    rank = min(len(maxima) - 1, int(binom.ppf(_CONFIDENCE, len(maxima), LEVEL)))
    threshold = max(float(np.sort(maxima)[rank]), _STEADY)
    lead = np.where(is_steady, 0.0, (information - mean) / scale)
    found: BoolArray = lead.max(axis=1) > threshold
    return found


def adjusted(information: FloatArray, expected: FloatArray, factor_entropies: FloatArray) -> FloatArray:
    """Return (I - E) / (H - E): 0 for what chance gives, 1 for all there is to be known.

    N. X. Vinh, J. Epps, J. Bailey, "Information Theoretic Measures for Clusterings Comparison", JMLR 11
    (2010), 2837-2854.

    Parameters
    ----------
    information, expected : ndarray of float64, shape (n_codes, n_factors)
        As measured, and the mean of shuffled rows.
    factor_entropies : ndarray of float64, shape (n_factors,)

    Returns
    -------
    ndarray of float64, shape (n_codes, n_factors)
        In 0..1. NaN where chance alone gives all there is: rows that have a level each.

    Examples
    --------
    >>> adjusted(np.array([[1.0, 0.2]]), np.array([[0.1, 0.2]]), np.array([1.0, 0.2])).tolist()
    [[1.0, nan]]
    """
    room = factor_entropies - expected
    is_known = room > 1e-9 * factor_entropies
    share = np.full_like(information, np.nan)
    np.divide(information - expected, room, out=share, where=is_known)
    return np.asarray(np.clip(share, 0.0, 1.0))
