"""Rows <-> indices: which grid points a dataset has, and in which order.

A keyed permutation of the grid is walked from its first position. Points that the conditions and the
correlations accept are taken until the dataset has its size; split by split, in the order of the walk,
they are its rows. The walk is cut into blocks of 2**20 positions whose accepted points are counted, so
that the index of any row is found without walking from the start again, and without building the grid.

Where `where` and `exclude` leave few points of a large grid, these are listed and put into the order of the
walk, which gives the same rows as walking past all the others.

Seed and size of the grid decide the walk, and nothing else does: recipes of one seed with grids of one size
take the same indices in the same order, whatever their factors are called. Give another seed for another
sample.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from syngen.elementary import LN2, exp2
from syngen.errors import FactorError
from syngen.factors import Condition, FactorGrid, Region, any_holds, points_of
from syngen.seeding import Shuffle, uniforms

if TYPE_CHECKING:
    from syngen._typing import BoolArray, IntArray

__all__ = ["BLOCK_SIZE", "MAX_LISTED", "MAX_ROWS", "Correlation", "Rows", "Sampling"]

BLOCK_SIZE = 1 << 20
MAX_LISTED = 1 << 22
"""Most points of a set that are looked at one by one."""
MAX_ROWS = 10**10
_RAREST = 10**6
_BLOCKS_BEFORE_GIVING_UP = 8
_BLOCKS_KEPT = 2


@dataclass(frozen=True)
class Correlation:
    """Ties two ordered factors: a point is accepted the less often the more their levels differ.

    Parameters
    ----------
    first, second : int
        Positions of the factors in the grid.
    sigma : float
        Width of the Gaussian by which acceptance falls, in units of the whole range of a factor.
    name : str
        Name of the pair, for its random stream.
    """

    first: int
    second: int
    sigma: float
    name: str

    def accepts(self, indices: IntArray, levels: IntArray, *, sizes: Sequence[int], seed: int) -> BoolArray:
        """Return which points are accepted: bool, shape (n,)."""
        difference = np.subtract(
            _normalised(levels[:, self.first], sizes[self.first]),
            _normalised(levels[:, self.second], sizes[self.second]),
        )
        scaled = np.divide(difference, self.sigma)
        # exp(-d^2 / (2 sigma^2)) as a power of two; below 2**-1000 it is never drawn
        exponent = np.maximum(np.multiply(np.multiply(scaled, scaled), -0.5 / LN2), -1000.0)
        return uniforms(seed, f"correlation/{self.name}", indices) < exp2(exponent)


def _normalised(levels: IntArray, size: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.divide(levels, float(max(1, size - 1)))


@dataclass(frozen=True)
class Sampling:
    """Which points of a grid belong to a dataset.

    Parameters
    ----------
    size : int, optional
        How many; without it all that are accepted.
    where : tuple of Condition
        If any are given, a point must satisfy at least one.
    exclude : tuple of Condition
        A point must satisfy none.
    correlations : tuple of Correlation
        Each must accept the point.
    """

    size: int | None = None
    where: tuple[Condition, ...] = ()
    exclude: tuple[Condition, ...] = ()
    correlations: tuple[Correlation, ...] = ()

    @property
    def is_filtered(self) -> bool:
        """Whether some points may be refused."""
        return bool(self.where or self.exclude or self.correlations)

    def region(self, grid: FactorGrid) -> Region | None:
        """Return the points that `where` and `exclude` leave, None if their conditions are too many."""
        region = Region(grid)
        try:
            if self.where:
                region, _ = region.divided(self.where)
            _, region = region.divided(self.exclude)
        except OverflowError:
            return None
        return region

    def few_points(self, grid: FactorGrid) -> IntArray | None:
        """Return the points that `where` and `exclude` leave, None if a walk is quicker."""
        most = MAX_LISTED
        if self.size is not None:  # of n points a walk past size * grid / n has enough, and is quicker
            most = min(most, math.isqrt(self.size * grid.size // 4))
        points = points_of(grid, self.where, most) if self.where else None
        if points is None:
            region = self.region(grid)
            if region is None or region.n_points > most:
                return None
            return np.sort(region.points(most))
        return points[~any_holds(self.exclude, grid.levels_of(points))]

    def accepts(self, indices: IntArray, levels: IntArray, *, sizes: Sequence[int], seed: int) -> BoolArray:
        """Return which points belong to the dataset if its size allows: bool, shape (n,)."""
        accepted = np.ones(len(indices), dtype=np.bool_)
        if self.where:
            accepted &= any_holds(self.where, levels)
        if self.exclude:
            accepted &= ~any_holds(self.exclude, levels)
        for correlation in self.correlations:
            accepted &= correlation.accepts(indices, levels, sizes=sizes, seed=seed)
        return accepted


@dataclass
class _Walk:
    """What is known of the walk so far: accepted points per block and split."""

    counts: list[IntArray] = field(default_factory=list)
    accepted: int = 0
    is_finished: bool = False


class Rows:
    """The rows of a dataset: split by split, inside a split in the order of the walk.

    Parameters
    ----------
    grid : FactorGrid
    sampling : Sampling
    seed : int
        Seed of the recipe; keys the permutation.
    split_names : sequence of str
        Names of the splits in storage order.
    split_codes : callable
        ``split_codes(indices, levels)`` gives each point's position in `split_names`.

    Raises
    ------
    FactorError
        While walking: if fewer than one point in a million is accepted, or fewer than
        ``sampling.size`` in all.
    """

    def __init__(
        self,
        grid: FactorGrid,
        sampling: Sampling,
        *,
        seed: int,
        split_names: Sequence[str],
        split_codes: Callable[[IntArray, IntArray], IntArray],
    ) -> None:
        self.grid = grid
        self.sampling = sampling
        self.split_names = tuple(split_names)
        self._seed = seed
        self._split_codes = split_codes
        self._permutation = Shuffle(grid.size, seed=seed, name="order")
        self._walk = _Walk()
        self._blocks: OrderedDict[int, tuple[IntArray, IntArray]] = OrderedDict()

    @cached_property
    def _listed(self) -> IntArray | None:
        """What `where` and `exclude` leave of a large grid, in the order of the walk, if it is little."""
        is_cut = self.sampling.where or self.sampling.exclude
        if not is_cut or self.grid.size <= MAX_LISTED:
            return None
        points = self.sampling.few_points(self.grid)
        return None if points is None else points[np.argsort(self._permutation.inverse(points))]

    @property
    def n_walked(self) -> int:
        """Number of points that a walk to its end looks at."""
        return self.grid.size if self._listed is None else len(self._listed)

    @property
    def n_blocks(self) -> int:
        """Number of blocks of the whole walk."""
        return -(-self.n_walked // BLOCK_SIZE)

    @property
    def size(self) -> int:
        """Number of rows; walks the grid only where conditions are given without a size."""
        if self.sampling.size is not None:
            return self.sampling.size
        if not self.sampling.is_filtered:
            return self.grid.size
        return sum(self.split_sizes.values())

    @property
    def split_sizes(self) -> dict[str, int]:
        """Rows per split, in storage order; walks as far as the dataset reaches."""
        while not self._walk.is_finished:
            self._count_block(len(self._walk.counts))
        totals = np.zeros(len(self.split_names), dtype=np.int64)
        for counts in self._walk.counts:
            totals = totals + counts
        return dict(zip(self.split_names, totals.tolist(), strict=True))

    def indices(self, split: str, start: int, stop: int) -> IntArray:
        """Return the indices of the rows `start` to `stop` of a split.

        Parameters
        ----------
        split : str
        start, stop : int
            Positions among the rows of this split; cut at its end.

        Returns
        -------
        ndarray of int64, shape (at most stop - start,)
        """
        code = self.split_names.index(split)
        parts: list[IntArray] = []
        before = block = 0
        while before < stop:
            if block == len(self._walk.counts):
                if self._walk.is_finished:
                    break
                self._count_block(block)
            count = int(self._walk.counts[block][code])
            if before + count > start:
                points, codes = self._block(block)
                mine = points[codes == code]
                parts.append(mine[max(0, start - before) : stop - before])
            before += count
            block += 1
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def all_indices(self) -> IntArray:
        """Return the indices of every row in ascending order, int64 of shape (size,)."""
        # filled block by block: a list of blocks would stand in memory beside their concatenation
        indices = np.empty(self.size, dtype=np.int64)
        start = 0
        for points, _ in self.blocks():
            indices[start : start + len(points)] = points
            start += len(points)
        indices.sort()
        return indices

    def blocks(self) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield (indices, split codes) of each block as far as the dataset reaches."""
        block = 0
        while True:
            if block == len(self._walk.counts):
                if self._walk.is_finished:
                    return
                self._count_block(block)
            yield self._block(block)
            block += 1

    def accepted(self, block: int) -> tuple[IntArray, IntArray]:
        """Return the points of a block that are accepted, whatever the size is, and their split codes.

        Parameters
        ----------
        block : int
            Below `n_blocks`.

        Returns
        -------
        points, codes : ndarray of int64, shape (n,)
        """
        start, end = block * BLOCK_SIZE, min((block + 1) * BLOCK_SIZE, self.n_walked)
        if self._listed is not None:
            points = self._listed[start:end]
        else:
            points = self._permutation(np.arange(start, end, dtype=np.int64))
        levels = self.grid.levels_of(points)
        if self.sampling.is_filtered:
            kept = self.sampling.accepts(points, levels, sizes=self.grid.sizes, seed=self._seed)
            points, levels = points[kept], levels[kept]
        return points, self._split_codes(points, levels)

    def reachable_splits(self, *, n_blocks: int, besides: Collection[str] = ()) -> set[str]:
        """Return the splits that get a point within the first blocks, whatever the size is.

        Parameters
        ----------
        n_blocks : int
        besides : collection of str
            Splits that are known to get one, and need not be met; they are returned too.
        """
        found = set(besides)
        for block in range(min(n_blocks, self.n_blocks)):
            _, codes = self.accepted(block)
            found.update(self.split_names[code] for code in np.unique(codes))
            if len(found) == len(self.split_names):
                break
        return found

    def _block(self, block: int) -> tuple[IntArray, IntArray]:
        """Return accepted points and their split codes, cut where the dataset is full."""
        if block not in self._blocks:
            points, codes = self.accepted(block)
            if self.sampling.size is not None:
                before = sum(int(np.add.reduce(c)) for c in self._walk.counts[:block])
                room = max(0, self.sampling.size - before)
                points, codes = points[:room], codes[:room]
            self._blocks[block] = points, codes
            while len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(block)
        return self._blocks[block]

    def _counts(self, block: int) -> IntArray:
        """Return how many points of a block belong to each split."""
        if len(self.split_names) == 1 and not self.sampling.is_filtered:  # all of them
            end = self.grid.size if self.sampling.size is None else min(self.sampling.size, self.grid.size)
            return np.array([max(0, min(BLOCK_SIZE, end - block * BLOCK_SIZE))], dtype=np.int64)
        _, codes = self._block(block)
        return np.bincount(codes, minlength=len(self.split_names))

    def _count_block(self, block: int) -> None:
        counts = self._counts(block)
        self._walk.counts.append(counts)
        self._walk.accepted += int(np.add.reduce(counts))
        wanted = self.sampling.size
        walked = min((block + 1) * BLOCK_SIZE, self.n_walked)
        if self._walk.accepted == wanted or walked == self.n_walked:
            self._walk.is_finished = True
        if self._walk.is_finished and wanted is not None and self._walk.accepted < wanted:
            raise FactorError(
                f"sampling.size is {wanted}, but only {self._walk.accepted} of the grid's "
                f"{self.grid.size} points are accepted; lower it or relax the conditions"
            )
        is_tried = block + 1 >= _BLOCKS_BEFORE_GIVING_UP
        if is_tried and not self._walk.is_finished and self._walk.accepted * _RAREST < walked:
            raise FactorError(
                f"only {self._walk.accepted} of the first {walked} points are accepted, fewer than "
                f"one in {_RAREST}; relax where, exclude or correlations"
            )
        if self._walk.is_finished and self._walk.accepted == 0:
            raise FactorError(
                f"none of the grid's {self.grid.size} points is accepted; "
                "relax where, exclude or correlations"
            )
