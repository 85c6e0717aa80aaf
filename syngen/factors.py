"""Factors, the grid they span, and conditions on it.

The grid is the full product of all factors in mixed radix, the last factor fastest. Everything here is
arithmetic on indices and levels, vectorised; the grid itself is never built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import FactorError, suggestion

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from syngen._typing import BoolArray, IntArray, Kind, Value

__all__ = ["MAX_GRID_SIZE", "MAX_LEVELS", "Condition", "Factor", "FactorGrid", "any_holds"]

MAX_GRID_SIZE = 2**62
MAX_LEVELS = 10**6
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Factor:
    """One generative variable.

    Parameters
    ----------
    name : str
        Name, unique in its grid.
    values : tuple of str, int, float or bool
        What the synthesizer receives, by level; all of one type, all different. Truth values are those of
        anybody's table.
    kind : {"nominal", "ordinal", "continuous"}
        Whether the levels have no order, an order, or an order and a distance.
    unit : str
        Unit of the values, empty where they have none.
    """

    name: str
    values: tuple[Value, ...]
    kind: Kind = "nominal"
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.values:
            raise FactorError(f"factor {self.name!r} has no values; give at least one")
        if len(self.values) > MAX_LEVELS:
            raise FactorError(
                f"factor {self.name!r} has {len(self.values)} values; at most {MAX_LEVELS} are possible"
            )
        if len({isinstance(value, str) for value in self.values}) > 1:
            raise FactorError(f"factor {self.name!r} mixes text and numbers; use one of the two")
        if len({isinstance(value, bool) for value in self.values}) > 1:
            raise FactorError(f"factor {self.name!r} mixes truth values and others; use one of the two")
        if len(self._level_by_value) < len(self.values):
            twice = _first_repeated(self.values)
            raise FactorError(f"factor {self.name!r} has the value {twice!r} more than once")

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.values)

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring levels are neighbours in meaning."""
        return self.kind != "nominal"

    @property
    def _has_truth_values(self) -> bool:
        return isinstance(self.values[0], bool)

    @cached_property
    def _level_by_value(self) -> dict[Value, int]:
        return {value: level for level, value in enumerate(self.values)}

    def level_of(self, value: Value) -> int:
        """Return the level whose value is `value`; numbers match within 1e-9, relative, whole ones exactly.

        Raises
        ------
        FactorError
            If no level has it; the message names the nearest.
        """
        is_truth = isinstance(value, (bool, np.bool_))
        if not isinstance(value, (str, int, float, np.generic)) or is_truth != self._has_truth_values:
            raise FactorError(f"factor {self.name!r}: {value!r} is a {type(value).__name__}, not a value")
        level = self._level_by_value.get(value)
        if level is not None and isinstance(value, str) == isinstance(self.values[0], str):
            return level
        if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
            level = self._nearest_level(float(value))
            if level is not None:
                near = self.values[level]
                are_whole = isinstance(near, int) and isinstance(value, (int, np.integer))  # numbers of ids
                if not are_whole and math.isclose(float(near), float(value), rel_tol=_TOLERANCE):
                    return level
                raise FactorError(f"factor {self.name!r} has no value {value!r}; the nearest is {near!r}")
        raise FactorError(
            f"factor {self.name!r} has no value {value!r}"
            f"{suggestion(value, self.values[:1000])}; it has {self._abridged()}"
        )

    def levels_where(self, wanted: object) -> BoolArray:
        """Return which levels a condition allows.

        Parameters
        ----------
        wanted : value, list of values, or mapping with ``min`` and ``max``
            One value, any of several, or a closed range in which either end may be missing.

        Returns
        -------
        ndarray of bool, shape (size,)

        Raises
        ------
        FactorError
            If a value is not one of the factor's, or a range is asked of values without order.
        """
        allowed = np.zeros(self.size, dtype=np.bool_)
        if isinstance(wanted, Mapping):
            if self.kind == "nominal" or isinstance(self.values[0], str):
                raise FactorError(
                    f"factor {self.name!r} has no numbers to compare with a range; "
                    "name its values in a list"
                )
            low, high = self._bounds(wanted)
            for level, value in enumerate(self.values):
                above = low is None or _at_least(value, low)
                allowed[level] = above and (high is None or _at_least(high, value))
            return allowed
        values: Any = wanted if isinstance(wanted, (list, tuple, np.ndarray)) else [wanted]
        for value in values:
            allowed[self.level_of(value)] = True
        return allowed

    def _bounds(self, wanted: Mapping[str, object]) -> tuple[float | None, float | None]:
        unknown = [key for key in wanted if key not in ("min", "max")]
        if unknown:
            raise FactorError(f"a range of {self.name!r} has min and max, not {unknown[0]!r}")
        bounds: list[float | None] = []
        for bound in (wanted.get("min"), wanted.get("max")):
            if bound is None:
                bounds.append(None)
                continue
            is_number = isinstance(bound, (int, float, np.integer, np.floating))
            if not is_number or isinstance(bound, bool) or math.isnan(float(bound)):  # type: ignore[arg-type]
                raise FactorError(f"a range of {self.name!r} ends at numbers or None, not {bound!r}")
            bounds.append(float(bound))  # type: ignore[arg-type]
        low, high = bounds
        if low is not None and high is not None and low > high:
            raise FactorError(f"the range of {self.name!r} is empty: {low:g} is above {high:g}")
        return low, high

    def _nearest_level(self, number: float) -> int | None:
        if isinstance(self.values[0], (str, bool)) or not math.isfinite(number):
            return None
        return min(range(self.size), key=lambda level: abs(float(self.values[level]) - number))

    def _abridged(self) -> str:
        shown = ", ".join(repr(value) for value in self.values[:8])
        return shown if self.size <= 8 else f"{shown}, ... ({self.size} values)"


def _first_repeated(values: tuple[Value, ...]) -> Value | None:
    seen: set[Value] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _at_least(value: Value, bound: Value) -> bool:
    """Whether value >= bound, where numbers equal within 1e-9 count as equal."""
    return float(value) >= float(bound) or math.isclose(float(value), float(bound), rel_tol=_TOLERANCE)


@dataclass(frozen=True)
class Condition:
    """A set of grid points: those whose level in each named factor is allowed.

    Parameters
    ----------
    allowed : tuple of (int, ndarray of bool)
        For each factor concerned its position in the grid and which of its levels are allowed.
    """

    allowed: tuple[tuple[int, BoolArray], ...]

    def holds(self, levels: IntArray) -> BoolArray:
        """Return which rows of `levels`, shape (n, n_factors), are in the set: bool, shape (n,)."""
        result = np.ones(len(levels), dtype=np.bool_)
        for position, table in self.allowed:
            result &= table[levels[:, position]]
        return result


def any_holds(conditions: Sequence[Condition], levels: IntArray) -> BoolArray:
    """Return which rows of `levels` satisfy at least one of `conditions`: bool, shape (n,)."""
    result = np.zeros(len(levels), dtype=np.bool_)
    for condition in conditions:
        result |= condition.holds(levels)
    return result


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
        self._strides = tuple(reversed(strides))

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
        for j, stride in enumerate(self._strides):
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
            indices += column * self._strides[j]
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
