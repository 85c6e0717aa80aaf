"""The one rule for the kind of a column that does not come with one: nominal, ordinal or continuous."""

from __future__ import annotations

from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from syngen._typing import Kind

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KINDS", "kind_of"]

KINDS: tuple[Kind, ...] = get_args(Kind)


def kind_of(values: ArrayLike) -> Kind:
    """Return the kind that the values of a column suggest.

    Whole numbers are ordinal, whatever their type: levels are often stored as floats. Other real numbers
    are continuous. Texts, truth values and everything else are nominal.

    Parameters
    ----------
    values : array_like, shape (n,)
        A list, an array or a column of a data frame, without missing values.

    Returns
    -------
    {"nominal", "ordinal", "continuous"}

    Examples
    --------
    >>> kind_of([3.0, 1.0]), kind_of([0.5, 1.0]), kind_of(["1", "2"]), kind_of([True, False])
    ('ordinal', 'continuous', 'nominal', 'nominal')
    """
    column: NDArray[Any] = np.asarray(values)
    if column.dtype.kind == "O":
        types = {*map(type, column.tolist())}
        if bool in types:
            return "nominal"
        if all(issubclass(each, Integral) for each in types):
            return "ordinal"
        if not all(issubclass(each, (Real, Decimal)) for each in types):
            return "nominal"
        column = column.astype(np.float64)
    if column.dtype.kind == "f":
        return "ordinal" if np.array_equal(column, np.rint(column)) else "continuous"
    return "ordinal" if column.dtype.kind in "iu" else "nominal"
