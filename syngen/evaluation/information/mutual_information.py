"""Mutual information and entropy of discrete columns, in nats, by counting.

Plug-in estimates: T. M. Cover, J. A. Thomas, "Elements of Information Theory", 2nd edition, chapter 2.
They are biased upwards, by about (levels - 1)(bins - 1) / (2 n): G. A. Miller, "Note on the bias of
information estimates", 1955. What chance alone gives is measured in `permutation`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray

__all__ = [
    "Group",
    "entropies",
    "entropy",
    "grouped",
    "information_matrix",
    "joint_counts",
    "normalised",
    "size_of",
    "table_information",
]

_MOST_CELLS = 1 << 20


def entropy(counts: NDArray[np.integer]) -> float:
    """Return the entropy of a distribution given by counts, in nats.

    Examples
    --------
    >>> round(entropy(np.array([5, 5, 0])), 6)
    0.693147
    """
    positive = counts[counts > 0].astype(np.float64)
    if len(positive) < 2:
        return 0.0
    total = positive.sum()
    return float(max(0.0, np.log(total) - np.dot(positive, np.log(positive)) / total))


def entropies(columns: Sequence[NDArray[np.integer]]) -> FloatArray:
    """Return the entropy of each column of levels, in nats."""
    return np.array([entropy(np.bincount(column)) for column in columns], dtype=np.float64)


def joint_counts(
    first: NDArray[np.integer], second: NDArray[np.integer], shape: tuple[int, int]
) -> NDArray[np.integer]:
    """Return how often each pair of levels occurs, in any order; pairs that do not occur may be left out.

    Parameters
    ----------
    first, second : ndarray of int, shape (n,)
        Levels, numbered from 0.
    shape : tuple of int
        Number of levels of each.
    """
    cells = second.astype(np.intp)
    cells *= shape[0]
    cells += first
    if shape[0] * shape[1] <= max(_MOST_CELLS, 4 * len(cells)):
        return np.bincount(cells)
    return np.unique(cells, return_counts=True)[1]


def table_information(table: NDArray[np.integer]) -> float:
    """Return the mutual information of two columns from their joint counts, in nats.

    Parameters
    ----------
    table : ndarray of int, shape (n_first, n_second)
        How often each pair of levels occurs.

    Examples
    --------
    >>> round(table_information(np.array([[5, 0], [0, 5]])), 6)
    0.693147
    """
    of_first, of_second = entropy(table.sum(axis=1)), entropy(table.sum(axis=0))
    return min(max(0.0, of_first + of_second - entropy(table.reshape(-1))), of_first, of_second)


def information_matrix(
    codes: Sequence[NDArray[np.integer]], factors: Sequence[NDArray[np.integer]]
) -> FloatArray:
    """Return the mutual information of every code with every factor, in nats.

    Parameters
    ----------
    codes, factors : sequences of ndarray of int, shape (n,)
        Levels, numbered from 0.

    Returns
    -------
    ndarray of float64, shape (n_codes, n_factors)
        I = H(code) + H(factor) - H(code, factor), at least 0 and at most the lesser of both entropies.

    Examples
    --------
    >>> levels = np.array([0, 1, 0, 1])
    >>> information_matrix([levels, np.array([0, 0, 1, 1])], [levels]).round(6).tolist()
    [[0.693147], [0.0]]
    """
    factor_entropies = entropies(factors)
    varying = [j for j in range(len(factors)) if factor_entropies[j] > 0.0]
    matrix = np.zeros((len(codes), len(factors)))
    groups = grouped([factors[j] for j in varying])
    for i, narrow in enumerate(codes):
        of_code, size = entropy(np.bincount(narrow)), size_of(narrow)
        if of_code == 0.0:
            continue
        code = narrow.astype(np.intp)
        for group in groups:
            for place, counts in group.counts_with(code, size):
                j = varying[place]
                shared = of_code + factor_entropies[j] - entropy(counts)
                matrix[i, j] = min(max(0.0, shared), of_code, factor_entropies[j])
    return matrix


@dataclass(frozen=True, eq=False)
class Group:
    """Factors that are counted at once: every combination of their levels is a level of one column.

    Attributes
    ----------
    places : tuple of int
        Positions of the factors.
    sizes : tuple of int
        Levels of each.
    combined : ndarray of int, shape (n,)
    """

    places: tuple[int, ...]
    sizes: tuple[int, ...]
    combined: NDArray[np.intp]

    def counts_with(self, code: NDArray[np.intp], size: int) -> Iterator[tuple[int, NDArray[np.integer]]]:
        """Yield the place of each factor and how often each of its levels occurs with each bin."""
        n_levels = math.prod(self.sizes)
        if len(self.places) == 1:
            yield self.places[0], joint_counts(code, self.combined, (size, n_levels))
            return
        cells = self.combined * size
        cells += code
        table = np.bincount(cells, minlength=n_levels * size).reshape(*self.sizes, size)
        for axis, place in enumerate(self.places):
            others = tuple(other for other in range(len(self.sizes)) if other != axis)
            yield place, table.sum(axis=others).reshape(-1)


def grouped(factors: Sequence[NDArray[np.integer]]) -> list[Group]:
    """Return the factors in groups of one member, or of few combinations of levels for the rows."""
    most = max(1, len(factors[0]) // 40) if factors else 1
    groups: list[Group] = []
    for place in sorted(range(len(factors)), key=lambda j: size_of(factors[j])):
        column, size = factors[place].astype(np.intp), size_of(factors[place])
        last = groups[-1] if groups else None
        if last is not None and math.prod(last.sizes) * size <= most:
            combined = last.combined * size + column
            groups[-1] = Group((*last.places, place), (*last.sizes, size), combined)
        else:
            groups.append(Group((place,), (size,), column))
    return groups


def normalised(matrix: FloatArray, factor_entropies: FloatArray) -> FloatArray:
    """Divide each column by the entropy of its factor; of a factor without entropy the share is NaN."""
    positive = factor_entropies > 0.0
    result = np.full_like(matrix, np.nan)
    result[:, positive] = matrix[:, positive] / factor_entropies[positive]
    return result


def size_of(column: NDArray[np.integer]) -> int:
    """Return the number of levels of a column that counts from 0 without gaps."""
    return int(column.max()) + 1 if len(column) else 0
