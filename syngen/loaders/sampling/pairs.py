"""Pairs of observations that differ in some factors, and in no others.

Which factors change is drawn first, and kept: where few observations have a partner, the observation is
drawn among these. Otherwise factors with many levels, whose partners are found easily, would change more
often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from syngen._values import is_whole
from syngen.errors import ParameterError, suggestion
from syngen.loaders.sampling.samplers import Population, generator_of

if TYPE_CHECKING:
    from syngen._typing import BoolArray, IntArray, RandomState

    Finder: TypeAlias = Callable[[IntArray, np.random.Generator], IntArray]

__all__ = ["Pairs", "draw_pairs"]

_TRIES = 16  # of grid points, where most of the grid is there
_DENSE = 0.05
_WORTHWHILE = 0.3  # partners that one may expect
_ROUNDS = 4  # without a partner for anybody, before a surer way is taken
_MANY_ROUNDS = 10_000  # where partners cannot be counted
_MOST_COUNTED = 10  # factors, of which every subset is looked at
_MOST_SETS = 4096
_MOST_COMPARED = 16


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


def draw_pairs(
    population: Population,
    num: int,
    *,
    k: int,
    mode: Literal["change", "keep"],
    random_state: RandomState,
) -> Pairs:
    """Draw pairs that differ in exactly `k` factors, or all but `k`; see `FactorDataset.sample_pairs`."""
    rng = generator_of(random_state)
    eligible = population.varying()
    n_changed = _number_of_changes(population, num, k, mode, eligible)
    sets = _FactorSets(eligible, n_changed, rng)
    first, second = np.full((2, num), -1, dtype=np.int64)
    changed = np.zeros((num, len(population.grid)), dtype=np.bool_)
    drawn = sets.draw(num)
    open_ = np.arange(num)
    while len(open_):
        for factors, places in _grouped(drawn):
            pairs = _pairs_of_set(population, factors, len(places), rng)
            if pairs is None:
                sets.drop(factors)
                continue
            first[open_[places]], second[open_[places]] = pairs
            changed[np.ix_(open_[places], factors)] = True
        open_ = np.flatnonzero(second < 0)
        if len(open_) and sets.is_exhausted:
            raise ParameterError(
                f"no pairs: among these {len(population)} observations no two were found that differ in "
                f"exactly {n_changed} factor{'s' if n_changed > 1 else ''}; take another k, or a view with "
                "more of the grid"
            )
        drawn = sets.draw(len(open_))
    return Pairs(first, second, changed)


class _FactorSets:
    """Sets of factors of one size, all equally likely but those that no pair differs in.

    Parameters
    ----------
    eligible : ndarray of int64
        Positions of the factors.
    size : int
    rng : numpy.random.Generator
    """

    def __init__(self, eligible: IntArray, size: int, rng: np.random.Generator) -> None:
        self._eligible, self._size, self._rng = eligible, size, rng
        self._without_pairs: set[tuple[int, ...]] = set()
        n_sets = comb(len(eligible), size)
        self._listed = list(combinations(eligible.tolist(), size)) if n_sets <= _MOST_SETS else None

    def drop(self, factors: IntArray) -> None:
        """Draw a set no more."""
        self._without_pairs.add(tuple(factors.tolist()))
        if self._listed is not None:
            self._listed.remove(tuple(factors.tolist()))

    @property
    def is_exhausted(self) -> bool:
        """Whether no set is left, or of very many none of those looked at has pairs."""
        return not self._listed if self._listed is not None else len(self._without_pairs) >= _MOST_SETS

    def draw(self, n: int) -> IntArray:
        """Return `n` sets: int64, shape (n, size), each ascending."""
        if self._listed is not None:
            listed = np.array(self._listed, dtype=np.int64).reshape(-1, self._size)
            return listed[self._rng.integers(len(listed), size=n)] if n else listed[:0]
        places = np.argsort(self._rng.random((n, len(self._eligible))), axis=1)[:, : self._size]
        return np.sort(self._eligible[places], axis=1)


def _grouped(sets: IntArray) -> list[tuple[IntArray, IntArray]]:
    """Return each set of factors with the places at which it stands."""
    if not len(sets):
        return []
    distinct, which = np.unique(sets, axis=0, return_inverse=True)
    which = which.reshape(-1)
    return [(factors, np.flatnonzero(which == j)) for j, factors in enumerate(distinct)]


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


def _pairs_of_set(
    population: Population, factors: IntArray, n: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray] | None:
    """Return `n` pairs that differ in exactly some factors, or None if there is no such pair.

    The first of a pair is any observation that has a partner, the second any of its partners.
    """
    first, second = np.full((2, n), -1, dtype=np.int64)
    partners = _Partners(population, factors)
    for candidates, find, most_fruitless in partners.ways(n):
        n_fruitless = 0
        while len(candidates) and n_fruitless < most_fruitless:
            open_ = np.flatnonzero(second < 0)
            if not len(open_):
                return first, second
            first[open_] = candidates[rng.integers(len(candidates), size=len(open_))]
            second[open_] = find(first[open_], rng)
            n_fruitless = 0 if (second[open_] >= 0).any() else n_fruitless + 1
    return None


class _Partners:
    """Finds observations that differ from others in exactly some factors.

    Parameters
    ----------
    population : Population
    factors : ndarray of int64
        Positions of those factors.
    """

    def __init__(self, population: Population, factors: IntArray) -> None:
        self._population, self._factors = population, factors
        grid = population.grid
        columns = [population.level_column(grid.names[j]) for j in factors]
        self._columns = [np.asarray(column, dtype=np.int64) for column in columns]
        # the grid point without what those factors give it: alike where all others agree
        self._others = population.indices.astype(np.int64, copy=True)
        for j, column in zip(factors, self._columns, strict=True):
            self._others -= column * grid.strides[j]

    def ways(self, n: int) -> Iterator[tuple[IntArray, Finder, int]]:
        """Yield ways to find `n` pairs, from quick to sure.

        Each is the observations to begin with; a function that returns a partner of each of some of them,
        or -1; and how often it may find nothing. Every way leaves out none but observations without a
        partner, so all give the same distribution.
        """
        sizes = np.array(self._population.grid.sizes)[self._factors]
        density = len(self._population) / self._population.grid.size
        anyone = np.arange(len(self._population))
        if density >= _DENSE:
            yield anyone, self._tried, _ROUNDS
        if n <= _MOST_COMPARED and density * float(np.prod(sizes - 1.0)) >= _WORTHWHILE:
            yield anyone, self._compared, _ROUNDS
        if len(self._factors) <= _MOST_COUNTED:
            yield self._with_company, self._listed, _ROUNDS
            yield np.flatnonzero(self._counts() > 0), self._listed, 1
        else:
            yield self._with_company, self._listed, _MANY_ROUNDS

    def _tried(self, first: IntArray, rng: np.random.Generator) -> IntArray:
        """Draw points of the grid until one is there."""
        grid, lookup = self._population.grid, self._population.lookup
        partner = np.full(len(first), -1, dtype=np.int64)
        levels = grid.levels_of(self._population.indices[first])
        sizes = np.array(grid.sizes)[self._factors]
        for _ in range(_TRIES):
            open_ = np.flatnonzero(partner < 0)
            if not len(open_):
                break
            wanted = levels[open_]
            shifts = rng.integers(1, sizes, size=(len(open_), len(sizes)))
            wanted[:, self._factors] = (wanted[:, self._factors] + shifts) % sizes
            places, counts = lookup.counts(grid.indices_of(wanted))
            # a point with several observations is as many times as likely as one with a single one
            turn = rng.integers(lookup.most, size=len(open_))
            hit = turn < counts
            partner[open_[hit]] = lookup.order[(places + turn)[hit]]
        # who had no luck may have partners, and must not be passed over for those who have more
        open_ = np.flatnonzero(partner < 0)
        partner[open_] = self._listed(first[open_], rng)
        return partner

    def _compared(self, first: IntArray, rng: np.random.Generator) -> IntArray:
        """Compare each with all, which for a few takes less time than a sort."""
        partner = np.full(len(first), -1, dtype=np.int64)
        for j, i in enumerate(first):
            partner[j] = self._any_of(np.flatnonzero(self._others == self._others[i]), i, rng)
        return partner

    def _listed(self, first: IntArray, rng: np.random.Generator) -> IntArray:
        """Look among those that agree in all other factors: at some of them first, then at all."""
        partner = np.full(len(first), -1, dtype=np.int64)
        low = np.searchsorted(self._ordered, self._others[first], side="left")
        high = np.searchsorted(self._ordered, self._others[first], side="right")
        for _ in range(_TRIES):
            open_ = np.flatnonzero(partner < 0)
            if not len(open_):
                return partner
            found = self._order[rng.integers(low[open_], high[open_])]
            hit = np.ones(len(open_), dtype=np.bool_)
            for column in self._columns:
                hit &= column[found] != column[first[open_]]
            partner[open_[hit]] = found[hit]
        for j in np.flatnonzero(partner < 0):
            partner[j] = self._any_of(self._order[low[j] : high[j]], first[j], rng)
        return partner

    def _any_of(self, candidates: IntArray, i: int, rng: np.random.Generator) -> int:
        """Return one of those candidates that differ from an observation in every factor, or -1."""
        for column in self._columns:
            candidates = candidates[column[candidates] != column[i]]
        return int(candidates[rng.integers(len(candidates))]) if len(candidates) else -1

    @cached_property
    def _order(self) -> IntArray:
        return np.argsort(self._others, kind="stable")

    @cached_property
    def _ordered(self) -> IntArray:
        return self._others[self._order]

    @property
    def _with_company(self) -> IntArray:
        """The observations that are not alone in agreeing with themselves in all other factors."""
        is_same = self._ordered[1:] == self._ordered[:-1]
        has_company = np.zeros(len(self._ordered), dtype=np.bool_)
        has_company[1:] |= is_same
        has_company[:-1] |= is_same
        return self._order[has_company]

    def _counts(self) -> IntArray:
        """Return how many partners each observation has: int64, shape (n,).

        By inclusion and exclusion: of those that agree in all other factors, those that agree in one of
        these factors too do not count, those that agree in two were taken off twice, and so on.
        """
        strides = self._population.grid.strides
        counts = np.zeros(len(self._others), dtype=np.int64)
        for n_kept in range(len(self._factors) + 1):
            for kept in combinations(range(len(self._factors)), n_kept):
                keys = self._others.copy()
                for place in kept:
                    keys += self._columns[place] * strides[self._factors[place]]
                _, which, sizes = np.unique(keys, return_inverse=True, return_counts=True)
                counts += (-1) ** n_kept * sizes[which.reshape(-1)]
        return counts
