"""What a dataset does by factor: finding, traversing, drawing, in the words of disentanglement_lib too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from syngen.factors import FactorGrid
from syngen.loaders.sampling.lookup import Lookup, line_through
from syngen.loaders.sampling.pairs import Pairs, draw_pairs
from syngen.loaders.sampling.samplers import (
    Interventions,
    Population,
    check_population,
    chosen_positions,
    draw_integers,
    draw_interventions,
    missing_combinations,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from syngen._typing import Float32Array, IntArray, RandomState, Value

__all__ = ["ByFactor"]


class ByFactor(ABC):
    """Observations found and drawn by their factors; what `FactorDataset` inherits."""

    @property
    @abstractmethod
    def grid(self) -> FactorGrid: ...

    @property
    @abstractmethod
    def n_samples(self) -> int: ...

    @property
    @abstractmethod
    def indices(self) -> IntArray: ...

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batch(self, positions: ArrayLike) -> Float32Array: ...

    @abstractmethod
    def take(self, positions: ArrayLike) -> Self: ...

    @abstractmethod
    def level_column(self, factor: str) -> IntArray: ...

    @property
    def _population(self) -> Population:
        return Population(self.grid, self.indices, self.lookup, self.level_column)

    @abstractmethod
    def _grid_point(self, position: int) -> int:
        """Return the grid point of an observation."""

    @abstractmethod
    def _waveforms_anywhere(self, indices: IntArray) -> Float32Array | None:
        """Return the waveforms of any grid points, where all of them can be made."""

    @cached_property
    def lookup(self) -> Lookup:
        """Where the observations of a grid point are in this view."""
        return Lookup(self.indices)

    def index_of(self, /, **values: Value) -> int:
        """Return where the observation with these values is: ``ds[ds.index_of(...)]``.

        Of several with the same values it is the first. The number of the grid point itself is
        ``ds.grid.index_of(values)``.

        Parameters
        ----------
        **values
            One for every factor; numbers match within 1e-9, relative.

        Returns
        -------
        int
            Position in this view.

        Raises
        ------
        FactorError
            If a factor is missing or unknown, a value is unknown, or the view lacks the combination.
        """
        wanted = np.array([self.grid.index_of(values)], dtype=np.int64)
        first, counts = self.lookup.counts(wanted)
        if not counts[0]:
            raise missing_combinations(self.grid, wanted, np.array([-1]), len(self))
        return int(self.lookup.order[first[0]])

    def neighbours(self, position: int, *, factor: str | None = None) -> IntArray:
        """Return where the observations are that differ from one in a single factor.

        Parameters
        ----------
        position : int
            Position in this view; a negative one counts from its end.
        factor : str, optional
            By default one after the other all factors.

        Returns
        -------
        ndarray of int64, shape (n,)
            Positions in this view, by level; what the view lacks is left out.

        See Also
        --------
        traversal : The same with the observation itself in its place, as a view.
        """
        index = self._grid_point(position)
        names = self.grid.names if factor is None else (factor,)
        lines = [line_through(self.grid, index, name) for name in names]
        return self.lookup.all(np.concatenate([line[line != index] for line in lines]))

    def traversal(self, position: int, *, factor: str) -> Self:
        """Return a view of an observation and all that differ from it in one factor only, by level.

        Parameters
        ----------
        position : int
            Position in this view; a negative one counts from its end.
        factor : str
        """
        line = line_through(self.grid, self._grid_point(position), factor)
        return self.take(self.lookup.all(line))

    @property
    def num_factors(self) -> int:
        """Number of factors, in disentanglement_lib's word."""
        return len(self.grid)

    @property
    def factors_num_values(self) -> list[int]:
        """Number of levels per factor, in disentanglement_lib's word."""
        return list(self.grid.sizes)

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one waveform."""
        return (self.n_samples,)

    @property
    def is_complete(self) -> bool:
        """Whether every grid point is in this view."""
        return len(self) == self.grid.size

    def sample_factors(self, num: int, random_state: RandomState) -> IntArray:
        """Draw combinations of levels that this view has, each observation equally likely.

        Parameters
        ----------
        num : int
        random_state : numpy.random.RandomState, numpy.random.Generator or int

        Returns
        -------
        ndarray of int64, shape (num, n_factors)
        """
        check_population(num, len(self))
        drawn = draw_integers(random_state, len(self), num)
        return self.grid.levels_of(self.indices[drawn])

    def sample_observations_from_factors(
        self, factors: ArrayLike, random_state: RandomState
    ) -> Float32Array:
        """Return the waveforms of combinations of levels.

        Parameters
        ----------
        factors : array_like of int, shape (n, n_factors)
            Levels.
        random_state : numpy.random.RandomState, numpy.random.Generator or int
            Of several observations with the same factors one is drawn. A generated dataset has one of
            each, and nuisances belong to it: nothing is drawn then.

        Returns
        -------
        ndarray of float32, shape (n, n_samples)

        Raises
        ------
        FactorError
            If a combination is not in this view. A rendered dataset has every combination.
        """
        wanted = self.grid.indices_of(factors)
        anywhere = self._waveforms_anywhere(wanted)
        if anywhere is not None:
            return anywhere
        positions = chosen_positions(self.lookup, wanted, random_state)
        if len(positions) and positions.min() < 0:
            raise missing_combinations(self.grid, wanted, positions, len(self))
        return self.batch(positions)

    def sample(self, num: int, random_state: RandomState) -> tuple[IntArray, Float32Array]:
        """Draw combinations of levels and return them with their waveforms, as disentanglement_lib does.

        Parameters
        ----------
        num : int
        random_state : numpy.random.RandomState, numpy.random.Generator or int

        Returns
        -------
        factors : ndarray of int64, shape (num, n_factors)
        observations : ndarray of float32, shape (num, n_samples)
        """
        factors = self.sample_factors(num, random_state)
        return factors, self.sample_observations_from_factors(factors, random_state)

    def sample_observations(self, num: int, random_state: RandomState) -> Float32Array:
        """Draw waveforms, as disentanglement_lib does.

        Parameters
        ----------
        num : int
        random_state : numpy.random.RandomState, numpy.random.Generator or int

        Returns
        -------
        ndarray of float32, shape (num, n_samples)
        """
        return self.sample(num, random_state)[1]

    def sample_pairs(
        self,
        num: int,
        *,
        k: int = 1,
        mode: Literal["change", "keep"] = "change",
        random_state: RandomState,
    ) -> Pairs:
        """Draw pairs of observations for weak supervision: k factors change, or all but k.

        Which factors change is drawn first, each set of those that vary in this view being equally likely;
        sets in which no two observations differ are left out. The first of a pair is any observation that
        has a partner, the second any that differs from it in exactly these factors.

        Parameters
        ----------
        num : int
        k : int
            1 to the number of factors.
        mode : {"change", "keep"}
            Whether `k` factors change and all others keep their levels, or the other way round.
        random_state : numpy.random.RandomState, numpy.random.Generator or int

        Returns
        -------
        Pairs
            With ``.first`` and ``.second``, positions, and ``.changed``.

        Raises
        ------
        ParameterError
            If `k` factors cannot change in this view, or no pairs are found.

        References
        ----------
        Locatello et al., "Weakly-Supervised Disentanglement Without Compromises", ICML 2020 (arXiv
        2002.02886); Shu et al., "Weakly Supervised Disentanglement with Guarantees", ICLR 2020 (arXiv
        1910.09772).

        Examples
        --------
        >>> import syngen
        >>> ds = syngen.render("syntone-tiny")
        >>> pairs = ds.sample_pairs(64, k=1, random_state=0)
        >>> bool((pairs.changed.sum(axis=1) == 1).all())
        True
        """
        return draw_pairs(self._population, num, k=k, mode=mode, random_state=random_state)

    def sample_interventions(
        self, num: int, *, size: int, factor: str | None = None, random_state: RandomState
    ) -> Interventions:
        """Draw batches in each of which one factor keeps one level, as the FactorVAE score needs them.

        Parameters
        ----------
        num : int
            Batches.
        size : int
            Observations in a batch, drawn with replacement.
        factor : str, optional
            The one that is fixed; by default drawn for each batch from those that vary in this view.
        random_state : numpy.random.RandomState, numpy.random.Generator or int

        Returns
        -------
        Interventions
            With ``.positions``, ``.factors`` and ``.levels``.

        Raises
        ------
        ParameterError
            If the factor, or every factor, has a single level in this view.

        References
        ----------
        Kim and Mnih, "Disentangling by Factorising", ICML 2018 (arXiv 1802.05983), section 4.
        """
        return draw_interventions(
            self._population, num, size=size, factor=factor, random_state=random_state
        )
