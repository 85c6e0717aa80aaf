"""What comes in: codes and factors as arrays, frames or datasets, checked before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from syngen._values import KINDS, kind_of
from syngen.errors import ParameterError, suggestion
from syngen.evaluation.codes.arrays import array_of, names_of_columns
from syngen.evaluation.codes.codes import Codes
from syngen.evaluation.codes.joining import NOT_COMMON, join
from syngen.evaluation.codes.matrix import check_finite, code_matrix

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from syngen._typing import DatasetView, FloatArray, IntArray, Kind

    Kinds: TypeAlias = str | Sequence[str] | Mapping[str, str]

__all__ = ["FactorColumn", "Inputs", "read_inputs"]

_SMALL, _LARGE, _DROWNED = 1e-100, 1e100, 1e-9
_INEXACT = 2.0**53  # from here on float64 lacks whole numbers
_CONTAINERS = (list, tuple, set, frozenset, dict, bytearray, np.ndarray)


@dataclass(frozen=True, eq=False)
class FactorColumn:
    """One factor of all rows.

    Attributes
    ----------
    name : str
    kind : {"nominal", "ordinal", "continuous"}
    values : ndarray of float64, shape (n,)
        Numbers as given; of a text the position among the sorted texts.
    """

    name: str
    kind: Kind
    values: FloatArray

    def take(self, rows: IntArray) -> FactorColumn:
        """Return some rows."""
        return FactorColumn(self.name, self.kind, self.values[rows])


@dataclass(frozen=True, eq=False)
class Inputs:
    """Codes and factors of the same rows.

    Attributes
    ----------
    codes : ndarray of float64, shape (n, n_codes)
    code_names : tuple of str
    factors : tuple of FactorColumn
    encoder, fingerprint : str
        Empty where they are not known.
    n_left_out : int
        Observations of the dataset that are not among these rows.
    note : str
        Why they are not.
    """

    codes: FloatArray
    code_names: tuple[str, ...]
    factors: tuple[FactorColumn, ...]
    encoder: str = ""
    fingerprint: str = ""
    n_left_out: int = 0
    note: str = ""

    def take(self, rows: IntArray) -> Inputs:
        """Return some rows."""
        factors = tuple(factor.take(rows) for factor in self.factors)
        return replace(self, codes=self.codes[rows], factors=factors)


def read_inputs(
    codes: ArrayLike | Codes,
    factors: ArrayLike | DatasetView,
    *,
    factor_names: Sequence[str] | None = None,
    factor_kinds: Kinds | None = None,
    common: bool = False,
) -> Inputs:
    """Check codes and factors and bring them into one form.

    Parameters
    ----------
    codes : array_like of float, shape (n, n_codes), DataFrame or Codes
    factors : array_like, shape (n, n_factors), DataFrame or DatasetView
        Numbers or texts. Of a dataset the levels, names and kinds of its grid are used.
    factor_names : sequence of str, optional
    factor_kinds : str, sequence or mapping by name, optional
        One for all, in column order, or by name; a mapping of all columns also names them, in its order,
        where nothing else does. By default texts and truth values are nominal, whole numbers ordinal,
        other numbers continuous.
    common : bool
        Whether observations of a dataset that have no codes are left out.

    Raises
    ------
    ParameterError
        With what is wrong, where, and how often.
    """
    n_left_out, note = 0, ""
    encoder = codes.encoder if isinstance(codes, Codes) else ""
    fingerprint = codes.fingerprint if isinstance(codes, Codes) else ""
    if _is_dataset(factors):
        joined = join(codes, cast("DatasetView", factors), common=common)
        codes, dataset = joined.values, joined.observations
        n_left_out, note = joined.n_left_out, joined.note
        factors = dataset.levels
        factor_names = dataset.grid.names if factor_names is None else factor_names
        factor_kinds = dataset.grid.kinds if factor_kinds is None else factor_kinds
        fingerprint = dataset.fingerprint
    elif common:
        raise ParameterError(NOT_COMMON)
    elif isinstance(codes, Codes):
        codes = codes.values
    values, code_names = code_matrix(codes)
    values = _tamed(values)
    columns, names = _columns(factors)
    if names is None:
        names = _names_of_kinds(factor_kinds, len(columns))
    names = _checked_names(factor_names, names, len(columns))
    n_rows = len(columns[0])
    _check_rows(values, n_rows)
    kinds = _kinds_by_column(factor_kinds, names)
    _warn_if_swapped(values, columns, kinds)
    made = tuple(_factor(*each) for each in zip(names, columns, kinds, strict=True))
    return Inputs(values, code_names, made, encoder, fingerprint, n_left_out, note)


def _is_dataset(thing: object) -> bool:
    return hasattr(thing, "grid") and hasattr(thing, "levels") and hasattr(thing, "fingerprint")


def _tamed(values: FloatArray) -> FloatArray:
    """Bring columns whose squares would overflow, vanish or drown in a great constant into reach."""
    low, high = values.min(axis=0), values.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    half_range = high / 2 - low / 2
    wild = (size > _LARGE) | ((high > low) & (half_range < np.maximum(_SMALL, _DROWNED * size)))
    if wild.any():
        values = values.copy()
        for i in np.flatnonzero(wild).tolist():
            scale = _LARGE / max(_LARGE, size[i])
            column = values[:, i] * scale
            values[:, i] = column - column.min() if half_range[i] > _SMALL else 0.0
    return values


def _columns(factors: Any) -> tuple[list[NDArray[Any]], tuple[str, ...] | None]:
    if hasattr(factors, "columns") and hasattr(factors, "iloc"):
        names = names_of_columns("factors", factors)
        columns = [array_of("factors", factors.iloc[:, j]) for j in range(factors.shape[1])]
    else:
        names = None
        matrix = array_of("factors", factors)
        if matrix.ndim == 1:
            matrix = matrix[:, np.newaxis]
        if matrix.ndim != 2:
            raise ParameterError(f"factors of shape {matrix.shape}; (n, n_factors) is needed")
        columns = list(matrix.T)
    if not columns or not len(columns[0]):
        raise ParameterError("there are no factors; an array of shape (n, n_factors) is needed")
    return columns, names


def _names_of_kinds(kinds: Kinds | None, n: int) -> tuple[str, ...] | None:
    """Return the names of a mapping such as ``ds.grid.kinds``, which is in column order."""
    is_grid = isinstance(kinds, Mapping) and len(kinds) == n and set(kinds).isdisjoint(_default_names(n))
    return tuple(kinds) if is_grid and kinds is not None else None


def _default_names(n: int) -> tuple[str, ...]:
    return tuple(f"v{j}" for j in range(n))


def _checked_names(given: Sequence[str] | None, found: tuple[str, ...] | None, n: int) -> tuple[str, ...]:
    if given is None:
        return found or _default_names(n)
    names = tuple(str(name) for name in given)
    if isinstance(given, str) or len(names) != n:
        raise ParameterError(f"factor_names {given!r} for {n} factors; {n} names are needed")
    if len(set(names)) < n:
        raise ParameterError(f"factor_names has a name twice: {', '.join(names)}")
    return names


def _check_rows(codes: FloatArray, n_rows: int) -> None:
    if len(codes) != n_rows:
        turned = codes.shape[1] == n_rows
        hint = (
            "; rows are observations here (disentanglement_lib's arrays are transposed)"
            if turned
            else "; give the factors of the rows that were encoded"
        )
        raise ParameterError(f"codes have {len(codes):,} rows and factors have {n_rows:,}{hint}")
    if n_rows < 2:
        raise ParameterError("there is a single row; nothing varies in it, give 2 or more")


def _kinds_by_column(kinds: Kinds | None, names: tuple[str, ...]) -> list[str | None]:
    if kinds is None:
        return [None] * len(names)
    if isinstance(kinds, Mapping):
        for name in kinds:
            if name not in names:
                raise ParameterError(
                    f"factor_kinds names {name!r}, which is no factor{suggestion(name, names)}; there are "
                    f"{', '.join(names)}"
                )
        found: list[str | None] = [kinds.get(name) for name in names]
    elif isinstance(kinds, str):
        found = [kinds] * len(names)
    else:
        found = list(kinds)
        if len(found) != len(names):
            raise ParameterError(f"{len(found)} factor_kinds for {len(names)} factors; give one for each")
    for kind in found:
        if kind is not None and kind not in KINDS:
            raise ParameterError(
                f"unknown kind {kind!r}{suggestion(kind, KINDS)}; there are {', '.join(KINDS)}"
            )
    return found


def _factor(name: str, column: NDArray[Any], kind: str | None) -> FactorColumn:
    if column.dtype.kind == "O":
        missing = int(sum(value is None or _is_nan(value) for value in column))
        if missing:
            raise ParameterError(f"factor {name!r} has {missing:,} missing values; leave those rows out")
        held = next((value for value in column if isinstance(value, _CONTAINERS)), None)
        if held is not None:
            raise ParameterError(
                f"factor {name!r} holds a {type(held).__name__}, {held!r:.50}; give one value a row"
            )
        if any(isinstance(value, str) for value in column):
            column = column.astype(str)
    if column.dtype.kind in "US":
        if kind not in (None, "nominal"):
            raise ParameterError(
                f"factor {name!r} holds texts and is called {kind}; give its levels as numbers, or call it "
                "nominal"
            )
        positions = np.unique(column, return_inverse=True)[1]
        return FactorColumn(name, "nominal", positions.astype(np.float64))
    try:
        values = column.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ParameterError(f"factor {name!r} of type {column.dtype}: {error}") from error
    check_finite("factors", values[:, np.newaxis], [name])
    chosen = kind_of(column) if kind is None else cast("Kind", kind)
    tamed = _tamed(values[:, np.newaxis])[:, 0]
    if chosen != "continuous" and (np.abs(values).max() >= _INEXACT or not np.array_equal(tamed, values)):
        # as numbers of float64 two levels could be one
        tamed = np.unique(column, return_inverse=True)[1].astype(np.float64)
    return FactorColumn(name, chosen, tamed)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and np.isnan(value)


def _warn_if_swapped(codes: FloatArray, columns: list[NDArray[Any]], kinds: list[str | None]) -> None:
    """Warn where codes look like labels and factors, not called continuous, like codes."""
    n_real = sum(
        kind != "continuous" and _looks_real(column) for column, kind in zip(columns, kinds, strict=True)
    )
    if 2 * n_real > len(columns) and all(_looks_labelled(code) for code in codes.T):
        warnings.warn(
            "codes and factors look swapped: every column of the first array holds few whole numbers, as "
            "labels do, and most columns of the second hold real numbers that hardly repeat, as codes do. "
            "The order is evaluate(codes, factors); call the factors continuous if this is what you mean",
            UserWarning,
            stacklevel=5,
        )


def _looks_real(column: NDArray[Any]) -> bool:
    if column.dtype.kind != "f":
        return False
    n_different = len(np.unique(column))
    return n_different > max(10, len(column) / 20) and bool(np.any(column != np.rint(column)))


def _looks_labelled(column: FloatArray) -> bool:
    head = column[:1_000]
    return bool(np.all(head == np.rint(head))) and len(np.unique(column)) <= len(column) / 4
