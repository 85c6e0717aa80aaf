"""Unseen combinations of seen values: every value that test has must be in train too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import Issue
from syngen.factors import Condition, FactorGrid, Region
from syngen.sampling import Sampling
from syngen.splits import Scheme

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["lost_values", "with_all_values"]

# a tenth of what is not held out is validation: that of more points none is in train happens to nobody
_FEW = 32


def with_all_values(scheme: Scheme, grid: FactorGrid, sampling: Sampling, *, seed: int) -> Scheme:
    """Return a scheme that gives train the values whose few other combinations chance gives to validation.

    Parameters
    ----------
    scheme : Scheme
        Made of hold_out; any other is returned as it is.
    grid : FactorGrid
    sampling : Sampling
    seed : int
        Seed of the recipe.
    """
    regions = _regions(scheme, sampling.region(grid))
    if regions is None:
        return scheme
    kept = []
    for position, size in enumerate(grid.sizes):
        test, rest = (region.counts(position) for region in regions)
        table = np.zeros(size, dtype=np.bool_)
        for level in np.flatnonzero((test > 0) & (rest > 0) & (rest <= _FEW)):
            here = np.arange(size) == level
            others, _ = regions[1].divided([Condition(((position, here),))])
            table[level] = not _has_train(scheme, grid, sampling, seed, others.points(_FEW))
        if table.any():
            kept.append(Condition(((position, table),)))
    return replace(scheme, fixed=(*scheme.fixed, ("train", tuple(kept)))) if kept else scheme


def lost_values(scheme: Scheme, grid: FactorGrid, whole: Region | None) -> list[Issue]:
    """Return what is to be said about values of which hold_out leaves no combination to train.

    Parameters
    ----------
    scheme : Scheme
    grid : FactorGrid
    whole : Region or None
        What `where` and `exclude` leave, if that could be computed.
    """
    regions = _regions(scheme, whole)
    issues = []
    for position, factor in enumerate(grid.factors if regions is not None else ()):
        test, rest = (region.levels(position) for region in regions or ())
        lost = np.flatnonzero(test & ~rest)
        if len(lost):
            values = ", ".join(repr(factor.values[level]) for level in lost[:3])
            more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
            message = (
                f"hold_out leaves train without {factor.name} {values}{more}: every combination with it is "
                "in test; hold out fewer combinations, or take by_factor if the whole value is to be unseen"
            )
            issues.append(Issue(("splits", scheme.name, "hold_out"), message))
    return issues


def _regions(scheme: Scheme, whole: Region | None) -> tuple[Region, Region] | None:
    """Return what hold_out gives to test, and the rest; None if that is unknown or there is none."""
    if not scheme.is_composition or whole is None:
        return None
    try:
        return whole.divided(scheme.fixed[0][1])
    except OverflowError:
        return None


def _has_train(scheme: Scheme, grid: FactorGrid, sampling: Sampling, seed: int, points: IntArray) -> bool:
    levels = grid.levels_of(points)
    kept = sampling.accepts(points, levels, sizes=grid.sizes, seed=seed)
    codes = scheme.codes(points[kept], levels[kept], seed=seed)
    return bool((codes == scheme.names.index("train")).any())
