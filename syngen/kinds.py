"""The one rule that says whether a column is nominal, ordinal or continuous.

`evaluate`, `probe` and `from_manifest` ask it whenever nobody has stated a kind:

==================================  ==========
texts, truth values, dates          nominal
categories                          nominal; ordinal if they are ordered
whole numbers, of any type          ordinal: levels are often stored as floats
other numbers                       continuous, however few values they have
anything else, or a mixture         nominal
==================================  ==========
"""

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
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "name", "") == "category":
        return "ordinal" if dtype.ordered else "nominal"  # type: ignore[union-attr]  # a dtype of pandas
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
