"""The grid that factors span.

The grid is the full product of all factors in mixed radix, the last factor fastest. Everything here is
arithmetic on indices and levels, vectorised; the grid itself is never built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import FactorError, suggestion
from syngen.factors.conditions import Condition
from syngen.factors.factor import Factor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from syngen._typing import IntArray, Kind, Value

__all__ = ["MAX_GRID_SIZE", "FactorGrid"]

MAX_GRID_SIZE = 2**62


class FactorGrid(Mapping[str, Factor]):
    """The full product of factors: index <-> levels <-> values.

    A mapping from factor name to `Factor`, in the grid's order.

    Parameters
    ----------
    factors : sequence of Factor
        The last one varies fastest.

    Raises
    ------
    FactorError
        If there is no factor, a name appears twice, or the grid has more than 2**62 points.

    Examples
    --------
    >>> grid = FactorGrid([Factor("timbre", ("sine", "square")), Factor("octave", (3, 4, 5), "ordinal")])
    >>> grid.size
    6
    >>> grid.levels_of([4]).tolist()
    [[1, 1]]
    >>> grid.values_of(4)
    {'timbre': 'square', 'octave': 4}
    """

    def __init__(self, factors: Sequence[Factor]) -> None:
        self._factors = {factor.name: factor for factor in factors}
        if not factors:
            raise FactorError("the grid has no factors; a recipe needs at least one")
        if len(self._factors) < len(factors):
            raise FactorError(f"two factors share a name: {[f.name for f in factors]}")
        self.sizes = tuple(factor.size for factor in factors)
        self.size = math.prod(self.sizes)
        if self.size > MAX_GRID_SIZE:
            raise FactorError(f"the grid has {self.size} points; at most 2**62 are possible")
        strides = [1]
        for size in self.sizes[:0:-1]:
            strides.append(strides[-1] * size)
        self.strides = tuple(reversed(strides))

    def __getitem__(self, name: str) -> Factor:
        try:
            return self._factors[name]
        except KeyError:
            raise FactorError(
                f"no factor {name!r}{suggestion(name, self._factors)}; "
                f"the grid has {', '.join(self._factors)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._factors

    def __iter__(self) -> Iterator[str]:
        return iter(self._factors)

    def __len__(self) -> int:
        return len(self._factors)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FactorGrid):
            return NotImplemented
        return self.factors == other.factors

    def __hash__(self) -> int:
        return hash((self.names, self.sizes))

    def __repr__(self) -> str:
        inner = ", ".join(f"{factor.name}: {factor.size}" for factor in self.factors)
        return f"FactorGrid({inner}; {self.size:,} points)"

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors in order."""
        return tuple(self._factors.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Factor names in order."""
        return tuple(self._factors)

    @property
    def kinds(self) -> dict[str, Kind]:
        """Kind by factor name."""
        return {factor.name: factor.kind for factor in self.factors}

    def position(self, name: str) -> int:
        """Return the position of the factor `name` in the grid's order."""
        return self.names.index(self[name].name)

    def levels_of(self, indices: ArrayLike) -> IntArray:
        """Return the levels of grid points.

        Parameters
        ----------
        indices : array_like of int, shape (n,)
            0 to size - 1.

        Returns
        -------
        ndarray of int64, shape (n, n_factors)

        Raises
        ------
        FactorError
            If an index is outside the grid.
        """
        rest = _whole_numbers(indices, "index").reshape(-1)
        bad = np.flatnonzero((rest < 0) | (rest >= self.size))
        if len(bad):
            raise FactorError(f"index {int(rest[bad[0]])} outside 0..{self.size - 1}")
        levels = np.empty((len(rest), len(self.sizes)), dtype=np.int64)
        for j, stride in enumerate(self.strides):
            quotient = rest // stride
            levels[:, j] = quotient
            rest = rest - quotient * stride
        return levels

    def indices_of(self, levels: ArrayLike) -> IntArray:
        """Return the indices of grid points given by their levels; the inverse of `levels_of`.

        Parameters
        ----------
        levels : array_like of int, shape (n, n_factors)

        Returns
        -------
        ndarray of int64, shape (n,)

        Raises
        ------
        FactorError
            If the shape is wrong or a level is outside its factor.
        """
        table = _whole_numbers(levels, "level")
        if table.ndim != 2 or table.shape[1] != len(self.sizes):
            raise FactorError(
                f"levels have shape {table.shape}; (n, {len(self.sizes)}) is needed, "
                f"one column for each of {', '.join(self.names)}"
            )
        indices = np.zeros(len(table), dtype=np.int64)
        for j, factor in enumerate(self.factors):
            column = table[:, j]
            bad = np.flatnonzero((column < 0) | (column >= factor.size))
            if len(bad):
                raise FactorError(
                    f"factor {factor.name!r}: level {int(column[bad[0]])} outside 0..{factor.size - 1}"
                )
            indices += column * self.strides[j]
        return indices

    def values_of(self, index: int) -> dict[str, Value]:
        """Return the values of the grid point `index` by factor name."""
        levels = self.levels_of([index])[0]
        return {f.name: f.values[level] for f, level in zip(self.factors, levels, strict=True)}

    def index_of(self, values: Mapping[str, Value]) -> int:
        """Return the index of the grid point that has these values.

        Parameters
        ----------
        values : mapping of str to str, int or float
            One for every factor.

        Raises
        ------
        FactorError
            If a factor has no value, or not this one.
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            raise FactorError(f"no value for {', '.join(missing)}; an index needs every factor")
        levels = [self[name].level_of(value) for name, value in values.items()]
        order = [levels[list(values).index(name)] for name in self.names]
        return int(self.indices_of([order])[0])

    def condition(self, wanted: Mapping[str, object]) -> Condition:
        """Compile a condition on grid points.

        Parameters
        ----------
        wanted : mapping of str to object
            Values or a range by factor name; see `Factor.levels_where`.

        Raises
        ------
        FactorError
            If there is no such factor, or it has no such value.
        """
        return Condition(
            tuple((self.position(name), self[name].levels_where(w)) for name, w in wanted.items())
        )


def _whole_numbers(numbers: ArrayLike, what: str) -> IntArray:
    array = np.asarray(numbers)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise FactorError(f"{what} of type {array.dtype}; whole numbers are needed")
    if array.dtype.kind == "u" and int(array.max()) >= 2**63:
        raise FactorError(f"{what} {int(array.max())} is too large for a grid")
    return array.astype(np.int64)
