"""The factors of all rows as columns of numbers, whatever they were given as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from syngen.errors import ParameterError
from syngen.evaluation.codes.arrays import array_of, names_of_columns
from syngen.evaluation.codes.matrix import check_finite
from syngen.storage.tables.kinds import kind_of
from syngen.tabular.arrays import is_frame, is_series
from syngen.tabular.plain import plain_array
from syngen.tabular.texts import numbers_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray, IntArray, Kind

__all__ = ["FactorColumn", "factor_column", "split_columns", "tamed"]

_SMALL, _LARGE, _DROWNED = 1e-100, 1e100, 1e-9
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")  # and no two are one number
_LEAST = float(np.finfo(np.float64).tiny)


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
    if is_series(factors):
        factors = factors.to_frame()
    if is_frame(factors):
        names = names_of_columns("factors", factors)
        columns = [factors.iloc[:, j] for j in range(factors.shape[1])]
    else:
        names = None
        columns = list(_matrix(factors).T)
    if not columns or not len(columns[0]):
        raise ParameterError("there are no factors; an array of shape (n, n_factors) is needed")
    return columns, names


def _matrix(factors: Any) -> NDArray[Any]:
    # masks are counted by column, see `factor_column`
    matrix = factors if isinstance(factors, np.ma.MaskedArray) else array_of("factors", factors)
    if matrix.dtype.kind in "US" and not hasattr(factors, "dtype"):
        # of [["a", 1], ["b", 2]] NumPy makes texts throughout
        matrix = np.array(factors, dtype=object)
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
        Read by the rule of `syngen.tabular.plain`, as columns of tables are.
    kind : str, optional
        As stated.

    Raises
    ------
    ParameterError
        If values are missing, are nothing that has levels, or are texts that are called ordered and are no
        numbers.
    """
    array = plain_array(name, column, error=ParameterError)
    if array.dtype.kind == "f":
        check_finite("factors", array.astype(np.float64)[:, np.newaxis], [name])
    is_category = getattr(column.dtype, "name", "") == "category"
    chosen = kind_of(column if is_category else array) if kind is None else cast("Kind", kind)
    distinct, positions = np.unique(array, return_inverse=True)
    if chosen == "nominal":
        return FactorColumn(name, chosen, positions.astype(np.float64))
    if array.dtype.kind in "US":
        values = _numbers(name, distinct.tolist(), chosen)[positions]
    else:
        values = tamed(array.astype(np.float64)[:, np.newaxis])[:, 0]
        if chosen == "ordinal" and len(np.unique(values)) < len(distinct):
            values = positions.astype(np.float64)  # float64 lacks numbers so near to each other
    return FactorColumn(name, chosen, values, is_guessed=kind is None and chosen == "ordinal")


def _numbers(name: str, texts: list[str], kind: str) -> FloatArray:
    """Return the numbers that texts are, as great whole numbers come; their ranks if they are ordinal."""
    try:
        # float64 would merge great ones
        is_whole = kind == "ordinal" and all(_WHOLE.fullmatch(text) for text in texts)
        found = [int(text) for text in texts] if is_whole else numbers_of(texts)
    except ValueError:
        raise ParameterError(
            f"factor {name!r} holds texts and is called {kind}; give its levels as numbers, or call it "
            "nominal"
        ) from None
    if kind == "continuous":
        return tamed(np.array(found, dtype=np.float64)[:, np.newaxis])[:, 0]
    return np.unique(np.array(found, dtype=object), return_inverse=True)[1].astype(np.float64)


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
