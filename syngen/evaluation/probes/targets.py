"""What of a manifest can be probed: its factors and derived factors, their kinds, and their groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import FactorError, ParameterError, suggestion
from syngen.storage.tables.columns import SPOKEN, STORED
from syngen.storage.tables.kinds import kind_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from syngen._typing import FloatArray, IntArray, Kind

__all__ = ["Columns", "Target", "group_numbers", "read_target"]

LEVEL = "_level"
_FEW_VALUES = 10  # that a column of whole numbers may have to be classes
_OF_SPEECH = {"speaker": "text", "text": "speaker", "style": "speaker"}
_NO_FACTORS = {"index", "split", *STORED, *SPOKEN}


@dataclass(frozen=True)
class Columns:
    """Which columns of a manifest are factors, and which derive from a factor.

    Attributes
    ----------
    kinds : dict of str to str
        Nominal, ordinal or continuous, by factor.
    derived : dict of str to str
        The factor that decides it, by derived factor.
    sizes : dict of str to int
        Levels in these rows, by factor.
    """

    kinds: dict[str, str]
    derived: dict[str, str]
    sizes: dict[str, int]

    @classmethod
    def of(cls, manifest: pd.DataFrame) -> Columns:
        """Read the manifest's own word (its ``attrs``), or conclude from its columns.

        A factor has a column of levels beside it; if no column has, every column is a factor that is not
        about storage. Of the others, a column that is constant within every level of a factor derives from
        it.
        """
        # lists and the like are no values of a factor
        names = [str(name) for name in manifest.columns if _is_hashable(manifest[name])]
        own = [name for name in names if name not in _NO_FACTORS and not name.startswith("split_")]
        with_levels = [name for name in own if f"{name}{LEVEL}" in names]
        candidates = [
            name for name in own if name.removesuffix(LEVEL) not in with_levels or name in with_levels
        ]
        derived = manifest.attrs.get("derived")
        if derived is None:
            derived = _derived(manifest, candidates, with_levels or candidates)
        factors = with_levels or [name for name in candidates if name not in derived]
        stated = manifest.attrs.get("kinds", {})
        kinds = {name: str(stated.get(name) or kind_of(manifest[name])) for name in factors}
        sizes = {name: int(manifest[name].nunique()) for name in factors}
        return cls(kinds, {k: f for k, f in derived.items() if k in names and f in factors}, sizes)

    @property
    def names(self) -> list[str]:
        """Factors, then derived factors."""
        return [*self.kinds, *self.derived]

    def default_group(self, target: str) -> str | None:
        """Return the factor whose values are held out when `target` is probed.

        What derives from a factor is tested on unseen values of that factor, always: codes that know
        speakers and nothing of gender would else be found to know it. Speaker is tested on unseen texts,
        text and style on unseen speakers, and any other factor on unseen values of the other factor that
        has the most levels here.
        """
        if target in self.derived:
            return self.derived[target]
        usual = _OF_SPEECH.get(target)
        if usual in self.kinds:
            return usual
        others = [name for name in self.kinds if name != target]
        return max(others, key=lambda name: self.sizes[name], default=None)


def _is_hashable(column: pd.Series) -> bool:
    if column.dtype.kind != "O":
        return True
    try:
        column.nunique()
    except TypeError:
        return False
    return True


def _derived(manifest: pd.DataFrame, candidates: Sequence[str], factors: Sequence[str]) -> dict[str, str]:
    """Return the factor that decides each candidate that is decided by one."""
    sizes = {name: int(manifest[name].nunique()) for name in {*candidates, *factors}}
    found: dict[str, str] = {}
    for position, name in enumerate(candidates):
        if sizes[name] < 2 or (name in factors and f"{name}{LEVEL}" in manifest.columns):
            continue
        for factor in factors:
            # of two columns that say the same, the first is the factor
            is_coarser = sizes[name] < sizes[factor] or factor in candidates[:position]
            if factor == name or factor in found or not is_coarser or sizes[factor] == len(manifest):
                continue
            by = manifest[factor]
            by = by.astype(np.float32) if by.dtype == np.float16 else by  # pandas groups by no float16
            if (manifest[name].groupby(by, sort=False).nunique() == 1).all():
                found[name] = factor
                break
    return found


@dataclass(frozen=True)
class Target:
    """What a probe is to find, row by row.

    Attributes
    ----------
    name : str
    classes : tuple of str
        Names of the classes; empty for numbers.
    labels : ndarray of int64, shape (n,)
        Class of each row; for numbers the number of the distinct value.
    numbers : ndarray of float64, shape (n,), or None
        Of a continuous factor: its levels, which are its values on the recipe's own scale (equal steps of
        a geomspace are equal intervals). Of another column of numbers: these.
    """

    name: str
    classes: tuple[str, ...]
    labels: IntArray
    numbers: FloatArray | None

    @property
    def is_continuous(self) -> bool:
        """Whether it is a number to be predicted, not a class to be found."""
        return self.numbers is not None

    @property
    def n_levels(self) -> int:
        """Number of distinct values."""
        return int(self.labels.max(initial=-1)) + 1


def read_target(manifest: pd.DataFrame, columns: Columns, name: str) -> Target:
    """Return a column of a manifest as something to be found.

    Raises
    ------
    FactorError
        If there is no such column, or it has one value only, or missing ones.
    """
    _check_column(manifest, columns, name, "target")
    kind = columns.kinds.get(name)
    has_levels = kind is not None and f"{name}{LEVEL}" in manifest.columns
    column = manifest[f"{name}{LEVEL}" if has_levels else name]
    n_missing = int(column.isna().sum())
    if n_missing:
        raise FactorError(f"target {name!r}: {n_missing} of {len(column)} values are missing")
    is_continuous = (kind or _kind_of_measurement(column)) == "continuous"
    values, labels = _distinct(column, f"target {name!r}")
    if len(values) < 2:
        only = manifest[name].iloc[0] if len(column) else "none"
        raise FactorError(
            f"target {name!r} has the same value in all {len(column)} rows ({only!r}); "
            "a probe needs two or more: choose other rows or another target"
        )
    labels = labels.astype(np.int64)
    if is_continuous:
        if column.dtype.kind not in "iuf":
            raise FactorError(f"target {name!r} is said to be continuous, but its values are no numbers")
        numbers = column.to_numpy(dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise FactorError(f"target {name!r} has infinite values")
        return Target(name, (), labels, numbers)
    _, first = np.unique(labels, return_index=True)
    names = tuple(str(manifest[name].iloc[position]) for position in first.tolist())
    return Target(name, names, labels, None)


def _kind_of_measurement(column: pd.Series) -> Kind:
    """Return the kind of a column that is no factor, such as n_samples: many whole numbers are counts."""
    kind = kind_of(column)
    return "continuous" if kind == "ordinal" and column.nunique() > _FEW_VALUES else kind


def group_numbers(manifest: pd.DataFrame, columns: Columns, names: Iterable[str]) -> tuple[IntArray, int]:
    """Return the group of each row, int64, shape (n,), and how many there are: one per combination.

    Raises
    ------
    FactorError
        If there is no such column, or it has missing values.
    ParameterError
        If no column is named.
    """
    keys = list(names)
    if not keys:
        raise ParameterError("group_by names no column; leave it out for the default groups")
    combined = np.zeros(len(manifest), dtype=np.int64)
    for name in keys:
        _check_column(manifest, columns, name, "group_by")
        if manifest[name].isna().any():
            raise FactorError(f"group_by {name!r} has missing values")
        _, numbers = _distinct(manifest[name], f"group_by {name!r}")
        _, combined = np.unique(combined * (int(numbers.max()) + 1) + numbers, return_inverse=True)
    return combined.astype(np.int64), int(combined.max()) + 1


def _distinct(column: pd.Series, what: str) -> tuple[NDArray[Any], IntArray]:
    """Return the distinct values of a column, in order, and the position of each row's among them."""
    try:
        column.nunique()  # which lists, that NumPy would put in order, do not pass
        if column.dtype.kind == "O" and any(isinstance(cell, frozenset) for cell in column):
            raise TypeError("of two sets neither need be the smaller one")
        values, positions = np.unique(column.to_numpy(), return_inverse=True)
    except (TypeError, ValueError) as error:
        raise FactorError(
            f"{what} holds values that cannot be put in order ({error}); turn them into texts or numbers"
        ) from error
    return values, positions.reshape(-1)


def _check_column(manifest: pd.DataFrame, columns: Columns, name: str, what: str) -> None:
    if name in manifest.columns:
        return
    options = columns.names or [str(column) for column in manifest.columns]
    others = [*options, *map(str, manifest.columns)]
    raise FactorError(
        f"{what} {name!r} is no column of the manifest{suggestion(name, others)}; "
        f"it has {', '.join(options)}"
    )
