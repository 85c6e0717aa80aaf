"""The factors of all rows as columns of numbers, whatever they were given as."""

from __future__ import annotations

import decimal
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from syngen.errors import ParameterError
from syngen.evaluation.codes.matrix import check_finite
from syngen.kinds import kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray, IntArray, Kind

__all__ = ["FactorColumn", "factor_column", "split_columns", "tamed"]

_SMALL, _LARGE, _DROWNED = 1e-100, 1e100, 1e-9
_LEAST = float(np.finfo(np.float64).tiny)
_EXACT = 2**53
"""Whole numbers beyond this are rounded by float64."""
_CONTAINERS = (list, tuple, dict, set, frozenset, np.ndarray)


@dataclass(frozen=True, eq=False)
class FactorColumn:
    """One factor of all rows.

    Attributes
    ----------
    name : str
    kind : {"nominal", "ordinal", "continuous"}
    values : ndarray of float64, shape (n,)
        Numbers as given; of a text, a date or a category its position among the sorted ones.
    is_guessed : bool
        Whether nobody has said that whole numbers are ordinal: they may be names of classes.
    """

    name: str
    kind: Kind
    values: FloatArray
    is_guessed: bool = False

    def take(self, rows: IntArray) -> FactorColumn:
        """Return some rows."""
        return FactorColumn(self.name, self.kind, self.values[rows], self.is_guessed)


def split_columns(factors: Any) -> tuple[list[Any], tuple[str, ...] | None]:
    """Return the columns of factors, and their names if they have some.

    Parameters
    ----------
    factors : array_like, shape (n,) or (n, n_factors), DataFrame or Series

    Returns
    -------
    columns : list of ndarray or Series, shape (n,)
    names : tuple of str, or None

    Raises
    ------
    ParameterError
        If there are none, or two have one name.
    """
    if hasattr(factors, "to_frame") and hasattr(factors, "iloc"):
        factors = factors.to_frame()
    if hasattr(factors, "columns") and hasattr(factors, "iloc"):
        names = tuple(str(name) for name in factors.columns)
        columns = [factors.iloc[:, j] for j in range(len(names))]
        twice = [name for position, name in enumerate(names) if name in names[:position]]
        if twice:
            raise ParameterError(f"factors have two columns {twice[0]!r}; rename or drop one")
    else:
        names = None
        matrix = _matrix(factors)
        columns = list(matrix.T)
    if not columns or not len(columns[0]):
        raise ParameterError("there are no factors; an array of shape (n, n_factors) is needed")
    return columns, names


def _matrix(factors: Any) -> NDArray[Any]:
    try:
        matrix: NDArray[Any] = np.asanyarray(factors)
        if matrix.dtype.kind in "US" and not hasattr(factors, "dtype"):
            # of [["a", 1], ["b", 2]] NumPy makes texts throughout
            matrix = np.array(factors, dtype=object)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ParameterError(f"factors are no array of shape (n, n_factors): {error}") from error
    if matrix.ndim == 1:
        matrix = matrix[:, np.newaxis]
    if matrix.ndim != 2:
        raise ParameterError(f"factors of shape {matrix.shape}; (n, n_factors) is needed")
    return matrix


def factor_column(name: str, column: Any, kind: str | None) -> FactorColumn:
    """Return a column as numbers, and its kind where nobody says it.

    Parameters
    ----------
    name : str
    column : ndarray or Series, shape (n,)
    kind : str, optional
        As stated.

    Raises
    ------
    ParameterError
        If values are missing, or are nothing that has levels.
    """
    _check_complete(name, column)
    guess = kind_of(column)
    array: NDArray[Any] = np.asarray(column)
    if getattr(column.dtype, "name", "") == "category" and column.dtype.ordered:
        array = np.asarray(column.cat.codes)
    elif array.dtype.kind == "O":
        array = _unboxed(name, array)
    if array.dtype.kind in "US":
        if kind not in (None, "nominal"):
            raise ParameterError(
                f"factor {name!r} holds texts and is called {kind}; give its levels as numbers, or call it "
                "nominal"
            )
        guess = "nominal"
    elif array.dtype.kind not in "fiubmM":
        raise ParameterError(
            f"factor {name!r} holds values of type {array.dtype}; numbers, texts or dates are needed"
        )
    elif array.dtype.kind == "f":
        check_finite("factors", array.astype(np.float64)[:, np.newaxis], [name])
    chosen = guess if kind is None else cast("Kind", kind)
    if chosen == "nominal":
        return FactorColumn(name, chosen, np.unique(array, return_inverse=True)[1].astype(np.float64))
    is_guessed = kind is None and chosen == "ordinal"
    return FactorColumn(name, chosen, tamed(_numbers(array)[:, np.newaxis])[:, 0], is_guessed)


def _check_complete(name: str, column: Any) -> None:
    """Refuse missing values, however they are spelt: None, NaN, NA, NaT or a mask."""
    missing = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else None
    if missing is None and (column.dtype.kind in "OmM" or not isinstance(column.dtype, np.dtype)):
        import pandas as pd

        missing = np.asarray(pd.isna(column))
    n_missing = 0 if missing is None else int(np.count_nonzero(missing))
    if n_missing:
        raise ParameterError(f"factor {name!r} has {n_missing:,} missing values; leave those rows out")


def _unboxed(name: str, column: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects as one of numbers or of texts."""
    types = {*map(type, column.tolist())}
    boxes = sorted(each.__name__ for each in types if issubclass(each, _CONTAINERS))
    if boxes:
        raise ParameterError(
            f"factor {name!r} holds values of type {', '.join(boxes)}; one number or text a row is needed"
        )
    if all(issubclass(each, (numbers.Real, decimal.Decimal, np.bool_)) for each in types):
        try:
            whole = all(issubclass(each, (numbers.Integral, np.bool_)) for each in types)
            return column.astype(np.int64 if whole else np.float64)
        except (OverflowError, TypeError, ValueError):  # whole numbers beyond 2^63
            return column.astype(np.float64)
    return column.astype(str)


def _numbers(column: NDArray[Any]) -> FloatArray:
    """Return numbers as float64; great whole numbers and dates count from the least, so that none merge."""
    if column.dtype.kind in "mM":
        column = column.astype(np.int64)
    if column.dtype.kind in "iu" and len(column) and max(-int(column.min()), int(column.max())) > _EXACT:
        least = np.uint64(int(column.min()) % 2**64)
        column = column.astype(np.uint64) - least  # modulo 2^64, as the difference needs
    return column.astype(np.float64)


def tamed(values: FloatArray) -> FloatArray:
    """Bring columns whose squares would overflow, vanish or drown in a great constant into reach.

    Parameters
    ----------
    values : ndarray of float64, shape (n, k)

    Returns
    -------
    ndarray of float64, shape (n, k)
        The same array where nothing is to be done.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    half_range = high / 2 - low / 2
    wild = (size > _LARGE) | ((high > low) & (half_range < np.maximum(_SMALL, _DROWNED * size)))
    if wild.any():
        values = values.copy()
        for i in np.flatnonzero(wild).tolist():
            column = values[:, i] * (_LARGE / max(_LARGE, size[i]))
            column -= column.min()
            spread = float(column.max())
            if spread < _SMALL:
                column = column / spread if spread >= _LEAST else np.zeros_like(column)
            values[:, i] = column
    return values
