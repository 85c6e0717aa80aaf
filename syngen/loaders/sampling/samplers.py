"""What the field draws from a dataset: combinations of factors, and interventions.

Everything is drawn from what a view has. Where a grid is incomplete, a combination that is not there is an
error or is passed over; none is made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen._values import is_whole
from syngen.errors import FactorError, ParameterError
from syngen.factors import FactorGrid
from syngen.loaders.sampling.lookup import Lookup

if TYPE_CHECKING:
    from syngen._typing import IntArray, RandomState

__all__ = [
    "Interventions",
    "Population",
    "check_population",
    "chosen_positions",
    "draw_integers",
    "draw_interventions",
    "generator_of",
    "missing_combinations",
]


@dataclass(frozen=True)
class Population:
    """What is drawn from.

    Attributes
    ----------
    grid : FactorGrid
    indices : ndarray of int64, shape (n,)
        Grid point of each observation.
    lookup : Lookup
        From grid points to observations.
    level_column : callable
        Returns the levels of a factor, given its name: ndarray of int, shape (n,).
    """

    grid: FactorGrid
    indices: IntArray
    lookup: Lookup
    level_column: Callable[[str], IntArray]

    def __len__(self) -> int:
        return len(self.indices)

    def varying(self) -> IntArray:
        """Return the positions of the factors that have more than one level here."""
        columns = [self.level_column(name) for name in self.grid.names]
        return np.array([j for j, c in enumerate(columns) if len(c) and c.min() < c.max()], dtype=np.int64)


@dataclass(frozen=True)
class Interventions:
    """Batches in each of which one factor has one level, while all others vary.

    Attributes
    ----------
    positions : ndarray of int64, shape (num, size)
        ``ds.batch(interventions.positions[0])`` has the waveforms of the first batch.
    factors : ndarray of int64, shape (num,)
        Which factor is fixed, as its position in the grid.
    levels : ndarray of int64, shape (num,)
        At which level.
    """

    positions: IntArray
    factors: IntArray
    levels: IntArray


def draw_integers(random_state: RandomState, high: int, n: int) -> IntArray:
    """Draw `n` whole numbers below `high`: int64, shape (n,).

    Raises
    ------
    ParameterError
        If `random_state` is neither a RandomState nor a Generator nor a whole number.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.asarray(random_state.randint(high, size=n), dtype=np.int64)
    return np.asarray(generator_of(random_state).integers(high, size=n), dtype=np.int64)


def generator_of(random_state: RandomState) -> np.random.Generator:
    """Return a generator; one of NumPy's older kind gives the seed of another, and advances.

    Raises
    ------
    ParameterError
        If `random_state` is neither a RandomState nor a Generator nor a whole number.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):  # which advances, as its owner expects
        return np.random.default_rng(random_state.randint(2**31, size=4).tolist())
    if not is_whole(random_state, 0):
        raise ParameterError(
            f"random_state {random_state!r}; a RandomState, a Generator or a whole number is needed"
        )
    return np.random.default_rng(int(random_state))


def draw_interventions(
    population: Population, num: int, *, size: int, factor: str | None, random_state: RandomState
) -> Interventions:
    """Draw batches with one factor fixed; see `FactorDataset.sample_interventions`."""
    rng, grid = generator_of(random_state), population.grid
    if num < 0 or size < 1 or not len(population):
        raise ParameterError(f"{num} batches of {size} of a view of {len(population)} observations")
    varying = population.varying()
    names = ", ".join(grid.names[j] for j in varying) or "none"
    if factor is None and not len(varying):
        raise ParameterError(f"no factor varies in this view of {len(population)} observations")
    if factor is not None and grid.position(factor) not in varying:
        raise ParameterError(
            f"factor {factor!r} has one level in this view, so fixing it changes nothing; those that vary: "
            f"{names}"
        )
    chosen = varying if factor is None else np.array([grid.position(factor)])
    factors = chosen[rng.integers(len(chosen), size=num)]
    levels = np.zeros(num, dtype=np.int64)
    positions = np.zeros((num, size), dtype=np.int64)
    for j in np.unique(factors):
        column = np.asarray(population.level_column(grid.names[j]))
        order = np.argsort(column, kind="stable")
        counts = np.bincount(column, minlength=grid.sizes[j])
        starts = np.cumsum(counts) - counts
        batches = np.flatnonzero(factors == j)
        levels[batches] = drawn = column[rng.integers(len(column), size=len(batches))]
        places = rng.integers(np.repeat(counts[drawn][:, None], size, axis=1))
        positions[batches] = order[starts[drawn][:, None] + places]
    return Interventions(positions, factors, levels)


def chosen_positions(lookup: Lookup, wanted: IntArray, random_state: RandomState) -> IntArray:
    """Return a position of each grid point, -1 where there is none; of several one is drawn."""
    first, counts = lookup.counts(wanted)
    turn = np.zeros(len(wanted), dtype=np.int64)
    if len(counts) and counts.max() > 1:
        shares = draw_integers(random_state, 1 << 31, len(wanted)) / float(1 << 31)
        turn = np.floor(shares * counts).astype(np.int64)
    there = counts > 0
    result = np.full(len(wanted), -1, dtype=np.int64)
    result[there] = lookup.order[(first + turn)[there]]
    return result


def check_population(num: int, n: int) -> None:
    """Refuse to draw a negative number of combinations, or any of nothing."""
    if num < 0 or not n:
        raise ParameterError(f"{num} combinations of a view of {n} observations")


def missing_combinations(grid: FactorGrid, wanted: IntArray, positions: IntArray, n: int) -> FactorError:
    """Return the error for grid points of which a view has no observation."""
    missing = np.flatnonzero(positions < 0)
    values = grid.values_of(int(wanted[missing[0]]))
    return FactorError(
        f"{len(missing)} of {len(wanted)} combinations are not among these {n} observations, first {values}"
    )
