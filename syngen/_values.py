"""What values are: the one check of whole numbers, and the one rule for the kind of a column."""

from __future__ import annotations

import operator
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeGuard, get_args

from syngen._typing import Kind
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KINDS", "check_whole", "is_whole", "kind_of"]

KINDS: tuple[Kind, ...] = get_args(Kind)


def is_whole(value: object, least: int | None = None, most: int | None = None) -> TypeGuard[int]:
    """Return whether a value is a whole number of Python or NumPy, within bounds; truth values are not.

    Parameters
    ----------
    value : object
    least, most : int, optional
        Closed bounds.

    Examples
    --------
    >>> is_whole(3, 1), is_whole(0, 1), is_whole(3.0), is_whole(True), is_whole("3")
    (True, False, False, False, False)
    """
    if isinstance(value, bool):
        return False
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # whatever is no number has no index
    except TypeError:
        return False
    return (least is None or number >= least) and (most is None or number <= most)


def check_whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return a whole number within bounds as an int of Python.

    Parameters
    ----------
    name : str
        What the message calls it.
    value : object
    least, most : int
        Closed bounds; no upper one by default.

    Raises
    ------
    ParameterError
        If it is something else.

    Examples
    --------
    >>> check_whole("folds", 1, 2)
    Traceback (most recent call last):
        ...
    syngen.errors.ParameterError: folds is 1; a whole number from 2 on is needed
    """
    if not is_whole(value, least, most):
        bounds = f"from {least} on" if most is None else f"from {least} to {most}"
        raise ParameterError(f"{name} is {value!r}; a whole number {bounds} is needed")
    return operator.index(value)


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
    import numpy as np

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
