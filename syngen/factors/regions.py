"""Regions: sets of grid points as disjoint boxes, whose size is known without looking at the points.

A box allows some levels of each factor. What is left of a box outside of another is again a few boxes, so
"where, but not exclude, and in test" is counted exactly, whatever the size of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.factors.conditions import Condition
from syngen.factors.grid import FactorGrid

if TYPE_CHECKING:
    from syngen._typing import BoolArray, FloatArray, IntArray

__all__ = ["MAX_BOXES", "Region", "points_of"]

MAX_BOXES = 4096

Box = Mapping[int, "BoolArray"]
"""Allowed levels by the position of the factor; a factor that is not mentioned has all of them."""


@dataclass(frozen=True)
class Region:
    """A set of grid points.

    Parameters
    ----------
    grid : FactorGrid
    boxes : tuple of mapping of int to ndarray of bool
        Disjoint, none of them empty; by default one, the whole grid.

    Examples
    --------
    >>> from syngen.factors import Factor
    >>> grid = FactorGrid([Factor("timbre", ("sine", "square")), Factor("octave", (3, 4, 5), "ordinal")])
    >>> inside, outside = Region(grid).divided([grid.condition({"timbre": ["sine"], "octave": [4]})])
    >>> inside.n_points, outside.n_points
    (1, 5)
    """

    grid: FactorGrid
    boxes: tuple[Box, ...] = ({},)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return sum(_size(box, self.grid) for box in self.boxes)

    def divided(self, conditions: Sequence[Condition]) -> tuple[Region, Region]:
        """Return the points that satisfy at least one of some conditions, and those that satisfy none.

        Raises
        ------
        OverflowError
            If more than `MAX_BOXES` boxes would be needed.
        """
        inside: list[Box] = []
        outside = list(self.boxes)
        for condition in conditions:
            left: list[Box] = []
            for box in outside:
                common = _common(box, condition)
                if common is None:
                    left.append(box)
                else:
                    inside.append(common)
                    left += _remainder(box, condition)
            outside = left
            if len(inside) + len(outside) > MAX_BOXES:
                raise OverflowError(f"more than {MAX_BOXES} boxes")
        return Region(self.grid, tuple(inside)), Region(self.grid, tuple(outside))

    def levels(self, position: int) -> BoolArray:
        """Return which levels of a factor occur: bool, shape (size of the factor,)."""
        found = np.zeros(self.grid.sizes[position], dtype=np.bool_)
        for box in self.boxes:
            found |= box.get(position, True)
        return found

    def counts(self, position: int) -> FloatArray:
        """Return how many points have each level of a factor: float64, exact below 2**53."""
        found = np.zeros(self.grid.sizes[position], dtype=np.float64)
        for box in self.boxes:
            table = box.get(position, np.ones(len(found), dtype=np.bool_))
            found[table] += _size(box, self.grid) // np.count_nonzero(table)
        return found

    def points(self, most: int) -> IntArray:
        """Return the indices of at most `most` points, box after box: int64, shape (n,)."""
        parts: list[IntArray] = []
        room = most
        for box in self.boxes:
            parts.append(_first_points(box, self.grid, room))
            room -= len(parts[-1])
            if not room:
                break
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def points_of(grid: FactorGrid, conditions: Sequence[Condition], most: int) -> IntArray | None:
    """Return the points that satisfy at least one of some conditions, in ascending order.

    Returns
    -------
    ndarray of int64, shape (n,), or None
        None if the conditions allow more than `most` points, those that satisfy several counted for each.
    """
    boxes = [box for box in (_common({}, condition) for condition in conditions) if box is not None]
    sizes = [_size(box, grid) for box in boxes]
    if sum(sizes) > most:
        return None
    found = [_first_points(box, grid, size) for box, size in zip(boxes, sizes, strict=True)]
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *found]))


def _size(box: Box, grid: FactorGrid) -> int:
    allowed = {position: int(np.count_nonzero(table)) for position, table in box.items()}
    return math.prod(allowed.get(position, size) for position, size in enumerate(grid.sizes))


def _common(box: Box, condition: Condition) -> Box | None:
    """Return what a box and a condition have in common, None if that is nothing."""
    common = dict(box)
    for position, table in condition.allowed:
        common[position] = table & common[position] if position in common else table
        if not common[position].any():
            return None
    return common


def _remainder(box: Box, condition: Condition) -> list[Box]:
    """Return what of a box does not satisfy a condition, as disjoint boxes."""
    left: list[Box] = []
    rest = dict(box)
    for position, table in condition.allowed:
        here = rest.get(position, np.ones(len(table), dtype=np.bool_))
        if (here & ~table).any():
            left.append({**rest, position: here & ~table})
        rest[position] = here & table
    return left


def _first_points(box: Box, grid: FactorGrid, most: int) -> IntArray:
    """Return the first points of a box, at most so many: int64, ascending."""
    number = np.arange(min(most, _size(box, grid)), dtype=np.int64)
    points = np.zeros(len(number), dtype=np.int64)
    for position in range(len(grid) - 1, -1, -1):
        table = box.get(position)
        levels = np.arange(grid.sizes[position]) if table is None else np.flatnonzero(table)
        rest = number // len(levels)
        points += levels[number - rest * len(levels)] * grid.strides[position]
        number = rest
    return points
