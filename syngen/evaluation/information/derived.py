"""Factors that are functions of other factors, and codes that know no more of a factor than that function.

The gender of a speaker is such a factor. Codes that separate speakers perfectly cannot but know the gender
too; a metric that counts both as factors to be separated punishes them (a MIG of .79 for perfect codes).
Derived factors are therefore reported apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.information.mutual_information import joint_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray

__all__ = ["carries_derived_only", "derived_factors"]

_LEAST_EVIDENCE = 20.0  # in nats: what is less than that can be chance
_LEAST_KNOWN = 0.02
_MOST_BEYOND = 0.05


def derived_factors(factors: Sequence[NDArray[np.integer]]) -> dict[int, int]:
    """Return which factors are functions of which.

    Parameters
    ----------
    factors : sequence of ndarray of int, shape (n,)
        Levels, numbered from 0 without gaps.

    Returns
    -------
    dict of int to int
        Position of the factor it is a function of, by position of the derived factor. Of two factors that
        are functions of each other the later one is derived. A function must be seen on enough rows
        that agreement is no chance: with one row per level everything is a function of everything.

    Examples
    --------
    >>> speaker = np.arange(200) % 10
    >>> derived_factors([speaker, speaker % 2, np.arange(200) // 40])
    {1: 0}
    """
    sizes = [int(factor.max()) + 1 for factor in factors]
    found: dict[int, int] = {}
    for i, child in enumerate(factors):
        parents = [
            j
            for j, parent in enumerate(factors)
            if j != i
            and (sizes[j], -j) > (sizes[i], -i)
            and _is_function(child, parent, (sizes[i], sizes[j]))
        ]
        if sizes[i] > 1 and parents:
            found[i] = min(parents, key=lambda j: (sizes[j], j))
    return found


def _is_function(child: NDArray[np.integer], parent: NDArray[np.integer], shape: tuple[int, int]) -> bool:
    share = np.bincount(child) / len(child)
    evidence = -(len(child) - shape[1]) * np.log(np.square(share).sum())
    if evidence < _LEAST_EVIDENCE:
        return False
    # a look at the first rows settles most cases
    head = slice(0, 4 * shape[1])
    return all(
        np.count_nonzero(joint_counts(child[rows], parent[rows], shape))
        == np.count_nonzero(np.bincount(parent[rows]))
        for rows in (head, slice(None))
    )


def carries_derived_only(
    information: FloatArray, factor_entropies: FloatArray, derived: Mapping[int, int]
) -> BoolArray:
    """Return which codes know a factor only as far as a factor derived from it goes.

    Such a code is the derived factor's, and no rival of the code that knows the whole factor.

    Parameters
    ----------
    information : ndarray of float64, shape (n_codes, n_factors)
        With the null subtracted.
    factor_entropies : ndarray of float64, shape (n_factors,)
    derived : mapping of int to int
        As `derived_factors` returns it.

    Returns
    -------
    ndarray of bool, shape (n_codes, n_factors)
    """
    only = np.zeros(information.shape, dtype=np.bool_)
    for child, parent in derived.items():
        known = information[:, child]
        beyond = information[:, parent] - known
        only[:, parent] |= (known > _LEAST_KNOWN * factor_entropies[child]) & (
            beyond < _MOST_BEYOND * known
        )
    return only
