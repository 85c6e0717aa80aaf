"""What values are: the one check of whole numbers."""

from __future__ import annotations

import operator
from typing import TypeGuard

from syngen.errors import ParameterError

__all__ = ["check_whole", "is_whole"]


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
