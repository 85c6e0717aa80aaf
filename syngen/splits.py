"""Which split an observation belongs to: a function of its index alone.

An observation keeps its split when the size of the dataset changes; how many a split has is therefore
approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import FactorError
from syngen.factors import Condition, Factor, FactorGrid, any_holds
from syngen.seeding import Shuffle, uniforms

if TYPE_CHECKING:
    from syngen._typing import BoolArray, IntArray

__all__ = [
    "EVERYTHING_TRAIN",
    "REST",
    "Scheme",
    "between_levels",
    "beyond_levels",
    "ordered_names",
    "whole_levels",
]

_FIRST = ("train", "validation", "test")
REST = (("train", 0.9), ("validation", 0.1))
"""Fractions of what a rule does not put into test."""


def ordered_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return split names in storage order: train, validation, test, then the others by name."""
    known = [name for name in _FIRST if name in names]
    return (*known, *sorted(name for name in set(names) if name not in _FIRST))


@dataclass(frozen=True)
class Scheme:
    """One way to split a dataset.

    Parameters
    ----------
    name : str
        ``default`` decides where an observation is stored; any other is a manifest column.
    fixed : tuple of (str, tuple of Condition)
        Splits given by conditions; the first that holds wins.
    fractions : tuple of (str, float)
        How what is left is shared out at random; they sum to 1.
    is_composition : bool
        Whether test is meant to have unseen combinations of values that train has.
    """

    name: str
    fixed: tuple[tuple[str, tuple[Condition, ...]], ...] = ()
    fractions: tuple[tuple[str, float], ...] = REST
    is_composition: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the splits in storage order."""
        given = [name for name, _ in self.fixed]
        return ordered_names([*given, *(name for name, fraction in self.fractions if fraction > 0)])

    def codes(self, indices: IntArray, levels: IntArray, *, seed: int) -> IntArray:
        """Return the split of each index as a position in `names`.

        Parameters
        ----------
        indices : ndarray of int64, shape (n,)
        levels : ndarray of int64, shape (n, n_factors)
            Levels of `indices`.
        seed : int
            Seed of the recipe.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        code = {name: position for position, name in enumerate(self.names)}
        shares = [(name, fraction) for name, fraction in self.fractions if fraction > 0]
        result = np.full(len(indices), code[shares[0][0]], dtype=np.int64)
        if len(shares) > 1:
            u = uniforms(seed, f"split/{self.name}", indices)
            bound = 0.0
            for (_, fraction), (following, _) in pairwise(shares):
                bound += fraction
                result[u >= bound] = code[following]
        for name, conditions in reversed(self.fixed):
            result[any_holds(conditions, levels)] = code[name]
        return result


EVERYTHING_TRAIN = Scheme("default", fractions=(("train", 1.0),))


def between_levels(factor: Factor, every: int) -> BoolArray:
    """Return which levels test interpolation: every `every`-th, never the first or the last.

    Parameters
    ----------
    factor : Factor
        Ordinal or continuous.
    every : int
        2 or more.

    Returns
    -------
    ndarray of bool, shape (factor.size,)

    Raises
    ------
    FactorError
        If the factor is nominal or too short to have a level in between.
    """
    _need_order(factor, "interpolation")
    level = np.arange(factor.size)
    chosen: BoolArray = (level % every == every - 1) & (level < factor.size - 1)
    if not chosen.any():
        raise FactorError(
            f"interpolation of every {every} levels leaves test empty: "
            f"factor {factor.name!r} has {factor.size} levels"
        )
    return chosen


def beyond_levels(factor: Factor, *, below: float | None, above: float | None) -> BoolArray:
    """Return which levels test extrapolation: values under `below` or over `above`.

    A value that counts as equal to a bound (see `Factor`) does not lie beyond it.

    Raises
    ------
    FactorError
        If the factor is nominal, or no value lies beyond the bounds, or all do.
    """
    _need_order(factor, "extrapolation")
    if factor.is_text:
        raise FactorError(
            f"extrapolation needs numbers, and the values of {factor.name!r} are text; use by_factor"
        )
    chosen = np.zeros(factor.size, dtype=np.bool_)
    if below is not None:
        chosen |= factor.compared_with(below) < 0
    if above is not None:
        chosen |= factor.compared_with(above) > 0
    if not chosen.any() or chosen.all():
        which = "test" if not chosen.any() else "train"
        raise FactorError(
            f"extrapolation leaves {which} empty: the values of {factor.name!r} go from "
            f"{factor.values[0]!r} to {factor.values[-1]!r}"
        )
    return chosen


def whole_levels(
    factor: Factor, shares: Sequence[tuple[str, float | Sequence[object]]], *, seed: int, name: str
) -> list[tuple[str, BoolArray]]:
    """Give whole values of a factor to splits, for example unseen speakers to test.

    Parameters
    ----------
    factor : Factor
    shares : sequence of (str, float or list of values)
        Per split the fraction of the factor's values, rounded and at least one, or the values.
    seed : int
        Seed of the recipe; fractions are filled in an order keyed by it.
    name : str
        Name of the scheme.

    Returns
    -------
    list of (str, ndarray of bool of shape (factor.size,))

    Raises
    ------
    FactorError
        If a value is given twice or no value is left for train.
    """
    order = Shuffle(factor.size, seed=seed, name=f"split/{name}")(np.arange(factor.size))
    taken = np.zeros(factor.size, dtype=np.bool_)
    result: list[tuple[str, BoolArray]] = []
    by_list = [(split, share) for split, share in shares if not isinstance(share, float)]
    by_fraction = [(split, share) for split, share in shares if isinstance(share, float)]
    for split, share in by_list:
        chosen = factor.levels_where(list(share))
        if (chosen & taken).any():
            level = int(np.flatnonzero(chosen & taken)[0])
            raise FactorError(f"by_factor gives {factor.values[level]!r} to two splits")
        result.append((split, chosen))
        taken |= chosen
    for split, fraction in by_fraction:
        free = order[~taken[order]]
        chosen = np.zeros(factor.size, dtype=np.bool_)
        chosen[free[: max(1, round(fraction * factor.size))]] = True
        result.append((split, chosen))
        taken |= chosen
    if taken.all():
        raise FactorError(
            f"by_factor leaves train empty: all {factor.size} values of {factor.name!r} are given away"
        )
    return result


def level_condition(grid: FactorGrid, factor: Factor, allowed: BoolArray) -> Condition:
    """Return the condition that `factor` has one of the allowed levels."""
    return Condition(((grid.position(factor.name), allowed),))


def _need_order(factor: Factor, rule: str) -> None:
    if not factor.is_ordered:
        raise FactorError(
            f"{rule} needs an order, and factor {factor.name!r} is nominal; use by_factor or hold_out"
        )
