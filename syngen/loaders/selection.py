"""Views: which rows of a dataset are meant, as steps that are small, picklable, and taken when needed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from syngen._values import is_whole
from syngen.errors import FactorError, ParameterError, PositionError, suggestion

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from syngen._typing import BoolArray, IntArray
    from syngen.factors import FactorGrid
    from syngen.loaders.sources.source import Source

__all__ = [
    "Sliced",
    "Step",
    "Taken",
    "Where",
    "checked_positions",
    "checked_slice",
    "compiled",
    "conditions_in",
    "rows_after",
    "splits_in",
]

_CHUNK = 1 << 20
_NUMBER = r"[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]+)?"
_SPAN = re.compile(rf"\s*(?P<low>{_NUMBER})\s*(?:-|\u2013|\u2014|:|to|[.]{{3}})\s*(?P<high>{_NUMBER})\s*")
_COMPARISON = re.compile(r"(?P<name>[^<>=]+)(?P<sign>[<>])=?(?P<value>[^<>=]+)")
_USUAL_SPLITS = {
    **dict.fromkeys(("val", "valid", "dev", "development", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("tr", "training"), "train"),
    **dict.fromkeys(("tst", "testing", "held_out", "heldout"), "test"),
}
"""What others call them."""


@dataclass(frozen=True)
class Where:
    """Rows whose level, or split, is allowed.

    Attributes
    ----------
    name : str
        A factor, or a column of a split scheme.
    allowed : ndarray of bool
        By level; by position among the scheme's splits.
    """

    name: str
    allowed: BoolArray

    def holds(self, source: Source, rows: IntArray | None = None) -> BoolArray:
        """Return which of `rows`, None being all, are meant."""
        if self.name in source.vocabulary.split_columns:
            column = source.split_codes(self.name)
        else:
            column = source.level_column(source.grid.position(self.name))
        return _holds(column if rows is None else column[rows], self.allowed)

    def taken(self, source: Source, rows: IntArray | None) -> IntArray:
        """Return those of `rows`, None being all, that are meant."""
        holds = self.holds(source, rows)
        return np.flatnonzero(holds) if rows is None else rows[holds]


@dataclass(frozen=True)
class Sliced:
    """A slice of positions.

    Attributes
    ----------
    start, stop, step : int or None
    """

    start: int | None
    stop: int | None
    step: int | None

    def taken(self, source: Source, rows: IntArray | None) -> IntArray:
        """Return those of `rows`, None being all, that are meant."""
        if rows is None:
            n_rows = source.n_rows
            return np.arange(n_rows, dtype=np.int64)[slice(self.start, self.stop, self.step)]
        return rows[slice(self.start, self.stop, self.step)]


@dataclass(frozen=True)
class Taken:
    """Positions, in the order given.

    Attributes
    ----------
    positions : ndarray of int64
        Not negative.
    """

    positions: IntArray

    def taken(self, source: Source, rows: IntArray | None) -> IntArray:
        """Return those of `rows`, None being all, that are meant."""
        del source
        return self.positions if rows is None else rows[self.positions]


Step: TypeAlias = Where | Sliced | Taken


def rows_after(source: Source, steps: Sequence[Step]) -> IntArray | None:
    """Return the rows that are left after all steps; None means every row of the source."""
    first = list(takewhile(lambda step: isinstance(step, Where), steps))
    rows: IntArray | None = None
    if first:  # of all rows: as truth values, which take an eighth of the memory of row numbers
        mask = np.ones(source.n_rows, dtype=np.bool_)
        for step in first:
            mask &= step.holds(source)  # type: ignore[union-attr]
        rows = np.flatnonzero(mask)
    for step in steps[len(first) :]:
        rows = step.taken(source, rows)
    return rows


def splits_in(source: Source, steps: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    """Return the splits that steps allow, by column; columns that no step is about are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for step in steps:
        if isinstance(step, Where) and step.name in source.vocabulary.split_columns:
            names = source.vocabulary.schemes[source.scheme_of(step.name)]
            allowed = {names[position] for position in np.flatnonzero(step.allowed[: len(names)])}
            found[step.name] = tuple(name for name in found.get(step.name, names) if name in allowed)
    return found


def compiled(source: Source, conditions: Mapping[str, Any], *, nearest: bool = False) -> tuple[Where, ...]:
    """Check the conditions of `FactorDataset.select` and return them as steps.

    Raises
    ------
    FactorError
        If there is no such factor, value or split; the message names the nearest.
    ParameterError
        If `nearest` is neither True nor False.
    """
    if not isinstance(nearest, (bool, np.bool_)):
        raise ParameterError(f"nearest is {nearest!r}; True or False is needed")
    grid, columns = source.grid, source.vocabulary.split_columns
    steps = []
    for name, wanted in conditions.items():
        if name in columns:
            steps.append(Where(name, _splits(source, name, wanted)))
        elif name in grid:
            steps.append(Where(name, grid[name].levels_where(_as_condition(wanted), nearest=bool(nearest))))
        else:
            options = [*grid.names, *columns]
            raise FactorError(
                f"no factor {name!r}{suggestion(name, options)}; there are {', '.join(options)}"
            )
    return tuple(steps)


def conditions_in(texts: Sequence[str], grid: FactorGrid) -> dict[str, Any]:
    """Read conditions of `FactorDataset.select` from texts: ``timbre=sine,square``, ``frequency=200..400``.

    Raises
    ------
    ParameterError
        If a text has another form, or two are about one factor.
    """
    conditions: dict[str, Any] = {}
    for text in texts:
        name, found, values = text.partition("=")
        bound = _COMPARISON.fullmatch(text)
        if bound is not None:
            value = bound["value"].strip()
            ends = f"..{value}" if bound["sign"] == "<" else f"{value}.."
            raise ParameterError(
                f"--where {text!r}: write {bound['name'].strip()}={ends}, a range to which its ends belong"
            )
        if not found or not values:
            raise ParameterError(f"--where {text!r}: FACTOR=VALUES is needed, as in timbre=sine")
        if name in conditions:
            raise ParameterError(f"--where names {name!r} twice; give all its values at once")
        conditions[name] = _condition(grid, name, values)
    return conditions


_TRUTH = {"true": True, "false": False}


def _condition(grid: FactorGrid, name: str, values: str) -> Any:
    if name not in grid or grid[name].is_text:
        return values.split(",")
    if isinstance(grid[name].values[0], bool):
        words = values.casefold().split(",")
        unknown = [word for word in words if word not in _TRUTH]
        if unknown:
            raise ParameterError(
                f"--where {name}={values}: {name} takes true and false, not {unknown[0]!r}"
            )
        return [_TRUTH[word] for word in words]
    low, is_range, high = values.partition("..")
    try:
        if is_range and not high.startswith("."):
            return (_number(low) if low else None, _number(high) if high else None)
        return [_number(value) for value in values.split(",")]
    except ValueError as error:
        span = _SPAN.fullmatch(values)
        hint = f"a range is written {name}={span['low']}..{span['high']}" if span else str(error)
        raise ParameterError(f"--where {name}={values}: {name} takes numbers: {hint}") from error


def _number(text: str) -> float:
    """Return the number of a text; a whole one of any size as it is."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _splits(source: Source, column: str, wanted: Any) -> BoolArray:
    names = source.vocabulary.schemes[source.scheme_of(column)]
    allowed = np.zeros(len(names) + 1, dtype=np.bool_)
    are_several = np.iterable(wanted) and not isinstance(wanted, (str, Mapping))
    for split in wanted if are_several else [wanted]:
        if not isinstance(split, str) or split not in names:
            raise FactorError(f"no split {split!r}{_meant(split, names)}; {column} has {', '.join(names)}")
        allowed[names.index(split)] = True
    return allowed


def _meant(split: object, names: Sequence[str]) -> str:
    """Return a suggestion, as `suggestion` does, that knows what others call the usual splits."""
    usual = _USUAL_SPLITS.get(str(split).casefold())
    return suggestion(usual, [usual]) if usual in names else suggestion(split, names)


def _as_condition(wanted: Any) -> Any:
    """Turn a (low, high) tuple into the range that a recipe would write."""
    if isinstance(wanted, tuple):
        if len(wanted) != 2:
            raise FactorError(f"{wanted!r} is not a range (low, high); use a list for values")
        return {"min": wanted[0], "max": wanted[1]}
    return wanted


def _holds(column: NDArray[Any], allowed: BoolArray) -> BoolArray:
    levels = np.flatnonzero(allowed)
    if not len(levels):
        return np.zeros(len(column), dtype=np.bool_)
    low, high = int(levels[0]), int(levels[-1])
    if high - low + 1 == len(levels):  # two comparisons are ten times faster than a look-up
        result: BoolArray = column >= low
        if high < len(allowed) - 1:
            result &= column <= high
        return result
    result = np.empty(len(column), dtype=np.bool_)
    for start in range(0, len(column), _CHUNK):
        part = slice(start, start + _CHUNK)
        np.take(allowed, column[part], out=result[part], mode="clip")
    return result


def checked_slice(position: slice) -> Sliced:
    """Return a slice as a step.

    Raises
    ------
    FactorError
        If its ends are not whole numbers, or its step is 0.
    """
    ends = []
    for end in (position.start, position.stop, position.step):
        if end is not None and not is_whole(end):
            raise FactorError(f"slice of {type(end).__name__} {end!r}; whole numbers are needed")
        ends.append(None if end is None else int(end))
    if ends[2] == 0:
        raise FactorError("a slice with the step 0 never ends; 1 takes every observation")
    return Sliced(*ends)


def checked_positions(positions: ArrayLike, n: int) -> IntArray:
    """Return positions among `n` observations as they count from the front: int64, shape (n_positions,).

    Raises
    ------
    FactorError
        If they are not whole numbers.
    PositionError
        If one is outside.
    """
    numbers = np.asarray(positions)
    if numbers.dtype.kind not in "iu" and numbers.size:
        raise FactorError(f"position of type {numbers.dtype}; whole numbers are needed")
    numbers = numbers.reshape(-1).astype(np.int64)
    outside = np.flatnonzero((numbers < -n) | (numbers >= n))
    if len(outside):
        raise PositionError(f"position {int(numbers[outside[0]])} outside 0..{n - 1} of {n} observations")
    return np.where(numbers < 0, numbers + n, numbers)
