"""What the rules of a recipe leave, and which splits get no point.

The walk through the grid is looked at first, as far as its first blocks. What it does not meet is small, or
not there: then its points are counted as a region of the grid, and looked at one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import FactorError, Issue, RecipeError
from syngen.factors import FactorGrid, Region
from syngen.resolving.compositions import lost_values
from syngen.sampling import BLOCK_SIZE, MAX_LISTED, Rows, Sampling
from syngen.splits import Scheme

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["check_reach"]

_BLOCKS_LOOKED_AT = 4


def check_reach(rows: Rows, schemes: Sequence[Scheme], *, seed: int, is_new: bool) -> None:
    """Refuse conditions that leave nothing, and rules that leave a split empty, whatever the size is.

    Parameters
    ----------
    rows : Rows
    schemes : sequence of Scheme
    seed : int
        Seed of the recipe.
    is_new : bool
        Whether a value that hold_out leaves to test alone is refused too.

    Raises
    ------
    RecipeError
        Saying how far was looked, where that is not everything.
    """
    whole = rows.sampling.region(rows.grid)
    issues: list[Issue] = []
    for scheme in schemes:
        search = _Search(rows.grid, rows.sampling, scheme, seed, whole)
        found = search.empty_splits()
        issues += found or (lost_values(scheme, rows.grid, whole) if is_new else [])
    if issues:
        raise RecipeError(issues)
    if rows.n_walked <= BLOCK_SIZE:  # what takes longer is found when the rows are counted
        _check_rows(rows)


def _check_rows(rows: Rows) -> None:
    """Refuse a size that the conditions do not leave."""
    try:
        _ = rows.split_sizes
    except FactorError as error:
        raise RecipeError([Issue(("sampling",), str(error))]) from error


class _Search:
    """The search for points of the splits of one scheme.

    Parameters
    ----------
    grid : FactorGrid
    sampling : Sampling
    scheme : Scheme
    seed : int
    whole : Region or None
        What `where` and `exclude` leave, if that could be computed.
    """

    def __init__(
        self, grid: FactorGrid, sampling: Sampling, scheme: Scheme, seed: int, whole: Region | None
    ) -> None:
        self._grid, self._sampling, self._scheme, self._seed = grid, sampling, scheme, seed
        self._whole = whole
        self._rows = Rows(
            grid,
            sampling,
            seed=seed,
            split_names=scheme.names,
            split_codes=partial(scheme.codes, seed=seed),
        )

    def empty_splits(self) -> list[Issue]:
        """Return what is to be said about splits without a point.

        Raises
        ------
        RecipeError
            If the conditions of the section sampling leave nothing at all.
        """
        regions = self._regions()
        found: set[str] = set()
        if not self._is_walked_whole:  # small sets are in none of the first blocks
            for name, _ in self._scheme.fixed:
                if name in regions and regions[name].n_points <= BLOCK_SIZE:
                    found |= self._splits_of(regions[name].points(BLOCK_SIZE)) & {name}
        found |= self._rows.reachable_splits(n_blocks=_BLOCKS_LOOKED_AT, besides=found)
        if self._is_walked_whole:
            if not found:
                raise _nothing_accepted("no point of the grid")
            return self._emptiness([name for name in self._scheme.names if name not in found], "empty")
        missing = [name for name in self._scheme.names if name not in found]
        if not found and self._whole is not None and not self._whole.n_points:
            raise _nothing_accepted("no point of the grid")
        empty: list[str] = []
        unmet: list[str] = []
        for name in missing:
            region = regions.get(name)
            if region is None:
                unmet.append(name)
            elif name not in self._splits_of(region.points(MAX_LISTED)):
                (empty if region.n_points <= MAX_LISTED else unmet).append(name)
        if not found and len(unmet) == len(missing):
            raise _nothing_accepted(f"none of the {self._n_looked_at:,} points that were looked at")
        looked_at = f"without a point among the {self._n_looked_at:,} that were looked at"
        return self._emptiness(empty, "empty") + self._emptiness(unmet, looked_at)

    @property
    def _is_walked_whole(self) -> bool:
        return self._rows.n_blocks <= _BLOCKS_LOOKED_AT

    @property
    def _n_looked_at(self) -> int:
        return min(_BLOCKS_LOOKED_AT * BLOCK_SIZE, self._rows.n_walked)

    def _regions(self) -> dict[str, Region]:
        """Return where the points of each split are, as far as that can be computed."""
        if self._whole is None:
            return {}
        regions: dict[str, Region] = {}
        rest = self._whole
        try:
            for name, conditions in self._scheme.fixed:
                inside, rest = rest.divided(conditions)
                regions[name] = inside
        except OverflowError:
            return {}
        for name, fraction in self._scheme.fractions:
            if fraction > 0:
                own = regions[name].boxes if name in regions else ()
                regions[name] = Region(self._grid, (*own, *rest.boxes))
        return regions

    def _splits_of(self, points: IntArray) -> set[str]:
        """Return the splits that those of some points are in which the section sampling accepts."""
        levels = self._grid.levels_of(points)
        kept = self._sampling.accepts(points, levels, sizes=self._grid.sizes, seed=self._seed)
        codes = self._scheme.codes(points[kept], levels[kept], seed=self._seed)
        return {self._scheme.names[code] for code in np.unique(codes)}

    def _emptiness(self, names: list[str], what: str) -> list[Issue]:
        if not names:
            return []
        splits = f"split{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
        message = f"the rule leaves {splits} {what}; relax it, or leave it out"
        return [Issue(("splits", self._scheme.name), message)]


def _nothing_accepted(what: str) -> RecipeError:
    message = f"where, exclude and correlations accept {what}; relax them"
    return RecipeError([Issue(("sampling",), message)])
