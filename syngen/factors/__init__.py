"""Factors, the grid they span, conditions on it and regions of it."""

from syngen.factors.conditions import Condition, any_holds
from syngen.factors.factor import MAX_LEVELS, Factor
from syngen.factors.grid import MAX_GRID_SIZE, FactorGrid
from syngen.factors.regions import Region, points_of

__all__ = [
    "MAX_GRID_SIZE",
    "MAX_LEVELS",
    "Condition",
    "Factor",
    "FactorGrid",
    "Region",
    "any_holds",
    "points_of",
]
