"""One factor: its values, and the one comparison of values that conditions, splits and look-ups share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._values import is_whole
from syngen.errors import FactorError, suggestion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray, IntArray, Kind, Value

__all__ = ["MAX_LEVELS", "Factor"]

MAX_LEVELS = 10**6
_RELATIVE = 1e-9
_OF_LARGEST = 1e-14  # what rounding leaves of a zero in a linspace
_MOST_EXACT = 2**53


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

    Notes
    -----
    Two numbers count as equal if they differ by at most 1e-9 of the larger, or by 1e-14 of the largest
    value of the factor, which is more than rounding moves the values of a linspace. Whole numbers are
    compared exactly. This one comparison serves look-ups, selections, conditions of recipes and splits.
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
    def is_text(self) -> bool:
        """Whether the values are texts and no numbers."""
        return isinstance(self.values[0], str)

    @property
    def _has_truth_values(self) -> bool:
        return isinstance(self.values[0], bool)

    @property
    def is_sorted(self) -> bool:
        """Whether the values ascend, or have no numbers by which they could."""
        return self.is_text or list(self.values) == sorted(self.values, key=float)

    @cached_property
    def _level_by_value(self) -> dict[Value, int]:
        return {value: level for level, value in enumerate(self.values)}

    @cached_property
    def _are_whole(self) -> bool:
        return all(map(is_whole, self.values))

    @cached_property
    def _numbers(self) -> FloatArray:
        return np.array(self.values, dtype=np.float64)

    def compared_with(self, number: float) -> IntArray:
        """Return where the values lie of a number.

        Parameters
        ----------
        number : int or float
            Not NaN.

        Returns
        -------
        ndarray of int64, shape (size,)
            By level -1 if the value is below, 1 if it is above, 0 if it counts as equal (see Notes of the
            class).

        Raises
        ------
        FactorError
            If the values are texts.
        """
        if self.is_text:
            raise FactorError(f"factor {self.name!r} has no numbers to compare with {number!r}")
        if self._are_whole and _is_exact(number):
            fits = all(abs(int(value)) < 2**63 for value in self.values)
            exact: NDArray[Any] = np.array(self.values, dtype=np.int64 if fits else np.object_)
            whole = int(number)
            return (exact > whole).astype(np.int64) - (exact < whole).astype(np.int64)
        values, bound = self._numbers, float(number)
        sides = (values > bound).astype(np.int64) - (values < bound).astype(np.int64)
        if math.isfinite(bound):
            magnitudes = np.absolute(values)
            tolerance = np.maximum(
                _RELATIVE * np.maximum(magnitudes, abs(bound)), _OF_LARGEST * magnitudes.max()
            )
            sides[np.absolute(values - bound) <= tolerance] = 0
        return sides

    def level_of(self, value: Value, *, nearest: bool = False) -> int:
        """Return the level whose value is `value`; numbers match as in Notes of the class.

        Parameters
        ----------
        value : str, int, float or bool
        nearest : bool
            Whether a number that is no value stands for the nearest; of two as near, for the lower.

        Raises
        ------
        FactorError
            If no level has it; the message names the nearest.
        """
        is_truth = isinstance(value, (bool, np.bool_))
        if not isinstance(value, (str, int, float, np.generic)) or is_truth != self._has_truth_values:
            raise FactorError(f"factor {self.name!r}: {value!r} is a {type(value).__name__}, not a value")
        level = self._level_by_value.get(value)
        if level is not None and isinstance(value, str) == self.is_text:
            return level
        if isinstance(value, (int, float, np.integer, np.floating)):
            level = self._nearest_level(value.item() if isinstance(value, np.generic) else value)
            if level is not None:
                number = value.item() if isinstance(value, np.generic) else value
                if nearest or self.compared_with(number)[level] == 0:
                    return level
                near = self.values[level]
                raise FactorError(f"factor {self.name!r} has no value {value!r}; the nearest is {near!r}")
        raise FactorError(
            f"factor {self.name!r} has no value {value!r}"
            f"{suggestion(value, self.values[:1000])}; it has {self._abridged()}"
        )

    def levels_where(self, wanted: object, *, nearest: bool = False) -> BoolArray:
        """Return which levels a condition allows.

        Parameters
        ----------
        wanted : value, list of values, or mapping with ``min`` and ``max``
            One value, any of several, or a closed range in which either end may be missing.
        nearest : bool
            Whether numbers that are no values stand for the nearest ones; ends of a range do not.

        Returns
        -------
        ndarray of bool, shape (size,)

        Raises
        ------
        FactorError
            If a value is not one of the factor's, or a range is asked of values without order.
        """
        if isinstance(wanted, Mapping):
            if self.kind == "nominal" or self.is_text:
                raise FactorError(
                    f"factor {self.name!r} has no numbers to compare with a range; "
                    "name its values in a list"
                )
            low, high = self._bounds(wanted)
            inside = np.ones(self.size, dtype=np.bool_)
            if low is not None:
                inside &= self.compared_with(low) >= 0
            if high is not None:
                inside &= self.compared_with(high) <= 0
            return inside
        allowed = np.zeros(self.size, dtype=np.bool_)
        values: Any = wanted if isinstance(wanted, (list, tuple, np.ndarray)) else [wanted]
        for value in values:
            allowed[self.level_of(value, nearest=nearest)] = True
        return allowed

    def _bounds(self, wanted: Mapping[str, object]) -> tuple[float | None, float | None]:
        unknown = [key for key in wanted if key not in ("min", "max")]
        if unknown:
            raise FactorError(f"a range of {self.name!r} has min and max, not {unknown[0]!r}")
        bounds: list[float | None] = []
        for bound in (wanted.get("min"), wanted.get("max")):
            if bound is None:
                bounds.append(None)
            elif is_whole(bound):
                bounds.append(int(bound))
            elif isinstance(bound, (float, np.floating)) and not math.isnan(bound):
                bounds.append(float(bound))
            else:
                raise FactorError(f"a range of {self.name!r} ends at numbers or None, not {bound!r}")
        low, high = bounds
        if low is not None and high is not None and low > high:
            raise FactorError(f"the range of {self.name!r} is empty: {low:g} is above {high:g}")
        return low, high

    def _nearest_level(self, number: float) -> int | None:
        if self.is_text or self._has_truth_values or not math.isfinite(number):
            return None
        values: Any = self.values
        return min(range(self.size), key=lambda level: (abs(values[level] - number), values[level]))

    def _abridged(self) -> str:
        shown = ", ".join(repr(value) for value in self.values[:8])
        return shown if self.size <= 8 else f"{shown}, ... ({self.size} values)"


def _is_exact(number: float) -> bool:
    """Whether a number is whole and stands for itself alone."""
    return is_whole(number) or (float(number).is_integer() and abs(number) <= _MOST_EXACT)


def _first_repeated(values: tuple[Value, ...]) -> Value | None:
    seen: set[Value] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
