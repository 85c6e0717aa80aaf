"""Conditions: sets of grid points, given by the levels that are allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import BoolArray, IntArray

__all__ = ["Condition", "any_holds"]


@dataclass(frozen=True)
class Condition:
    """A set of grid points: those whose level in each named factor is allowed.

    Parameters
    ----------
    allowed : tuple of (int, ndarray of bool)
        For each factor concerned its position in the grid and which of its levels are allowed.
    """

    allowed: tuple[tuple[int, BoolArray], ...]

    def holds(self, levels: IntArray) -> BoolArray:
        """Return which rows of `levels`, shape (n, n_factors), are in the set: bool, shape (n,)."""
        result = np.ones(len(levels), dtype=np.bool_)
        for position, table in self.allowed:
            result &= table[levels[:, position]]
        return result


def any_holds(conditions: Sequence[Condition], levels: IntArray) -> BoolArray:
    """Return which rows of `levels` satisfy at least one of `conditions`: bool, shape (n,)."""
    result = np.zeros(len(levels), dtype=np.bool_)
    for condition in conditions:
        result |= condition.holds(levels)
    return result
