"""From grid points to the observations that have them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from syngen.factors import FactorGrid
from syngen.loaders.sources.source import read_only

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["Lookup", "line_through"]


class Lookup:
    """Positions of observations by grid point. A point may have several, or none.

    Parameters
    ----------
    indices : ndarray of int64, shape (n,)
        Grid point of each observation.
    """

    def __init__(self, indices: IntArray) -> None:
        self.order = read_only(np.argsort(indices, kind="stable"))
        self.ordered = read_only(indices[self.order])

    @cached_property
    def most(self) -> int:
        """The largest number of observations that one grid point has, at least 1."""
        if not len(self.ordered):
            return 1
        starts = np.flatnonzero(np.concatenate(([True], self.ordered[1:] != self.ordered[:-1])))
        return int(np.diff(np.append(starts, len(self.ordered))).max())

    def counts(self, wanted: IntArray) -> tuple[IntArray, IntArray]:
        """Return for each grid point the first of its places in `order`, and how many it has.

        Parameters
        ----------
        wanted : ndarray of int64, shape (m,)
        """
        first = np.searchsorted(self.ordered, wanted, side="left")
        return first, np.searchsorted(self.ordered, wanted, side="right") - first

    def all(self, wanted: IntArray) -> IntArray:
        """Return every position of each grid point, in the order of `wanted`."""
        first, counts = self.counts(wanted)
        places = [np.arange(start, start + n) for start, n in zip(first, counts, strict=True)]
        return self.order[np.concatenate(places)] if places else np.empty(0, dtype=np.int64)


def line_through(grid: FactorGrid, index: int, factor: str) -> IntArray:
    """Return the grid points that differ from one in a factor, and the point itself: by level.

    Raises
    ------
    FactorError
        If there is no such factor.
    """
    position = grid.position(factor)
    levels = np.repeat(grid.levels_of([index]), grid.sizes[position], axis=0)
    levels[:, position] = np.arange(grid.sizes[position])
    return grid.indices_of(levels)
