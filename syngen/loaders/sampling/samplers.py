"""What the field draws from a dataset: factors, pairs that differ in some factors, interventions.

Everything is drawn from what a view has. Where a grid is incomplete, a combination that is not there is an
error or is passed over; none is made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from syngen._values import is_whole
from syngen.errors import FactorError, ParameterError, suggestion
from syngen.factors import FactorGrid
from syngen.loaders.sampling.lookup import Lookup

if TYPE_CHECKING:
    from syngen._typing import BoolArray, IntArray, RandomState

__all__ = [
    "Interventions",
    "Pairs",
    "check_population",
    "chosen_positions",
    "draw_integers",
    "draw_interventions",
    "draw_pairs",
    "missing_combinations",
]

_TRIES = 16
_REDRAWS = 32


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


@dataclass(frozen=True)
class Pairs:
    """Pairs of observations of one dataset.

    Attributes
    ----------
    first, second : ndarray of int64, shape (num,)
        Positions: ``ds.batch(pairs.first)`` has the waveforms.
    changed : ndarray of bool, shape (num, n_factors)
        In which factors the two differ; exactly in these.
    """

    first: IntArray
    second: IntArray
    changed: BoolArray


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
    return np.asarray(_generator_of(random_state).integers(high, size=n), dtype=np.int64)


def _generator_of(random_state: RandomState) -> np.random.Generator:
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):  # which advances, as its owner expects
        return np.random.default_rng(random_state.randint(2**31, size=4).tolist())
    if not is_whole(random_state, 0):
        raise ParameterError(
            f"random_state {random_state!r}; a RandomState, a Generator or a whole number is needed"
        )
    return np.random.default_rng(int(random_state))


def draw_pairs(
    population: Population,
    num: int,
    *,
    k: int,
    mode: Literal["change", "keep"],
    random_state: RandomState,
) -> Pairs:
    """Draw pairs that differ in exactly `k` factors, or all but `k`; see `FactorDataset.sample_pairs`."""
    rng, n = _generator_of(random_state), len(population)
    eligible = _varying(population)
    n_changed = _number_of_changes(population, num, k, mode, eligible)
    first = np.zeros(num, dtype=np.int64)
    second = np.full(num, -1, dtype=np.int64)
    changed = np.zeros((num, len(population.grid)), dtype=np.bool_)
    fruitless = 0
    while fruitless < _REDRAWS:
        open_ = np.flatnonzero(second < 0)
        if not len(open_):
            return Pairs(first, second, changed)
        first[open_] = rng.integers(n, size=len(open_))
        chosen = np.argsort(rng.random((len(open_), len(eligible))), axis=1)[:, :n_changed]
        changed[open_] = False
        changed[open_[:, None], eligible[chosen]] = True
        second[open_] = _partners(population, first[open_], changed[open_], rng)
        fruitless = 0 if (second[open_] >= 0).any() else fruitless + 1
    found = int((second >= 0).sum())
    raise ParameterError(
        f"only {found} of {num} pairs: among these {n} observations hardly any two differ in exactly "
        f"{n_changed} factors; take another k, or a view with more of the grid"
    )


def _varying(population: Population) -> IntArray:
    """Return the factors that have more than one level in the population."""
    columns = [population.level_column(name) for name in population.grid.names]
    return np.array([j for j, c in enumerate(columns) if len(c) and c.min() < c.max()], dtype=np.int64)


def _number_of_changes(population: Population, num: int, k: int, mode: str, eligible: IntArray) -> int:
    n_factors = len(population.grid)
    if num < 0 or not len(population):
        raise ParameterError(f"{num} pairs of a view of {len(population)} observations")
    if mode not in ("change", "keep"):
        raise ParameterError(
            f"mode {mode!r}{suggestion(mode, ('change', 'keep'))}; k factors 'change', or k 'keep' theirs"
        )
    if not is_whole(k, 1, n_factors):
        raise ParameterError(f"k is {k!r}; a whole number from 1 to {n_factors}, the factors, is needed")
    n_changed = int(k) if mode == "change" else n_factors - int(k)
    if not 1 <= n_changed <= len(eligible):
        names = ", ".join(population.grid.names[j] for j in eligible) or "none"
        raise ParameterError(
            f"{n_changed} factors shall change, but {len(eligible)} vary in this view: {names}; "
            f"take another k"
        )
    return n_changed


def _partners(
    population: Population, first: IntArray, changed: BoolArray, rng: np.random.Generator
) -> IntArray:
    """Return for each observation one that differs from it in exactly the changed factors, or -1.

    Each of those that are there is equally likely: points of the grid are drawn until one is there, and
    where that takes too long the candidates are listed.
    """
    grid, lookup = population.grid, population.lookup
    partner = np.full(len(first), -1, dtype=np.int64)
    levels, sizes = grid.levels_of(population.indices[first]), np.array(grid.sizes)
    most = lookup.most
    for _ in range(_TRIES):
        open_ = np.flatnonzero(partner < 0)
        if not len(open_):
            return partner
        shifts = 1 + np.floor(rng.random((len(open_), len(sizes))) * (sizes - 1)).astype(np.int64)
        wanted = (levels[open_] + np.where(changed[open_], shifts, 0)) % sizes
        places, counts = lookup.counts(grid.indices_of(wanted))
        # a point with several observations is as many times as likely as one with a single one
        turn = np.floor(rng.random(len(open_)) * most).astype(np.int64)
        hit = turn < counts
        partner[open_[hit]] = lookup.order[(places + turn)[hit]]
    left = np.flatnonzero(partner < 0)
    for pattern in np.unique(changed[left], axis=0):
        of_pattern = left[(changed[left] == pattern).all(axis=1)]
        partner[of_pattern] = _listed_partners(population, first[of_pattern], pattern, rng)
    return partner


def _listed_partners(
    population: Population, first: IntArray, pattern: BoolArray, rng: np.random.Generator
) -> IntArray:
    """Return partners as `_partners` does, from a list of all, for one set of changed factors."""
    grid = population.grid
    names = [name for name, is_changed in zip(grid.names, pattern, strict=True) if is_changed]
    columns = np.stack(
        [np.asarray(population.level_column(name), dtype=np.int64) for name in names], axis=1
    )
    at_zero = np.zeros((len(columns), len(grid)), dtype=np.int64)
    at_zero[:, np.flatnonzero(pattern)] = columns
    others = population.indices - grid.indices_of(at_zero)
    order = np.argsort(others, kind="stable")
    low = np.searchsorted(others, others[first], side="left", sorter=order)
    high = np.searchsorted(others, others[first], side="right", sorter=order)
    partner = np.full(len(first), -1, dtype=np.int64)
    for j, (start, stop) in enumerate(zip(low, high, strict=True)):
        candidates = order[start:stop]
        candidates = candidates[(columns[candidates] != columns[first[j]]).all(axis=1)]
        if len(candidates):
            partner[j] = candidates[rng.integers(len(candidates))]
    return partner


def draw_interventions(
    population: Population, num: int, *, size: int, factor: str | None, random_state: RandomState
) -> Interventions:
    """Draw batches with one factor fixed; see `FactorDataset.sample_interventions`."""
    rng, grid = _generator_of(random_state), population.grid
    if num < 0 or size < 1 or not len(population):
        raise ParameterError(f"{num} batches of {size} of a view of {len(population)} observations")
    if factor is None:
        factors = rng.integers(len(grid), size=num)
    else:
        factors = np.full(num, grid.position(factor), dtype=np.int64)
    levels = np.zeros(num, dtype=np.int64)
    positions = np.zeros((num, size), dtype=np.int64)
    for j in np.unique(factors):
        column = np.asarray(population.level_column(grid.names[j]))
        order = np.argsort(column, kind="stable")
        counts = np.bincount(column, minlength=grid.sizes[j])
        starts = np.cumsum(counts) - counts
        batches = np.flatnonzero(factors == j)
        levels[batches] = drawn = column[rng.integers(len(column), size=len(batches))]
        places = np.floor(rng.random((len(batches), size)) * counts[drawn][:, None]).astype(np.int64)
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
