"""Anybody's codes as a matrix of finite numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError
from syngen.evaluation.codes.arrays import array_of, names_of_columns

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["check_finite", "code_matrix"]

_SHOWN = 5


def code_matrix(codes: Any) -> tuple[FloatArray, tuple[str, ...]]:
    """Return codes as an array of float64, shape (n, n_codes), and their names.

    Parameters
    ----------
    codes : array_like of float, shape (n,) or (n, n_codes), or DataFrame

    Raises
    ------
    ParameterError
        With what is wrong, where, and how often.
    """
    names = names_of_columns("codes", codes)
    matrix = array_of("codes", codes)
    if matrix.ndim == 1:
        matrix = matrix[:, np.newaxis]
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ParameterError(f"codes of shape {np.shape(codes)}; an array of shape (n, n_codes) is needed")
    if matrix.dtype.kind == "O":
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            matrix = matrix.astype(np.float64)
    if matrix.dtype.kind not in "fiub":
        raise ParameterError(
            f"codes of type {matrix.dtype}; numbers are needed (texts may only be factors)"
        )
    values = np.ascontiguousarray(matrix, dtype=np.float64)
    names = names or tuple(f"z{i}" for i in range(values.shape[1]))
    check_finite("codes", values, names)
    return values, names


def check_finite(what: str, values: FloatArray, names: Sequence[str]) -> None:
    """Refuse values that are no finite numbers.

    Raises
    ------
    ParameterError
        Naming the columns that have some, and how many.
    """
    if np.isfinite(values).all():
        return
    found = []
    for i, name in enumerate(names):
        column = values[:, i]
        n_nan, n_infinite = int(np.isnan(column).sum()), int(np.isinf(column).sum())
        if n_nan or n_infinite:
            counts = [f"{n_nan:,} NaN"] * bool(n_nan) + [f"{n_infinite:,} infinite"] * bool(n_infinite)
            found.append(f"column {i} ({name}) has {' and '.join(counts)}")
    more = f" and {len(found) - _SHOWN} more columns" if len(found) > _SHOWN else ""
    raise ParameterError(f"{what}: {'; '.join(found[:_SHOWN])}{more}; leave those rows out")
