"""Anything that is given as an array, as a NumPy array, or refused with what to give instead.

Tensors of PyTorch are taken where NumPy reads them. Those that carry gradients, lie on a device, are sparse
or of a type that NumPy lacks are refused with the call that helps: what to do is the caller's decision.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["array_of", "check_distinct_columns", "names_of_columns"]

_LACKING = ("bfloat16", "float8", "float4", "int4", "uint4", "int2", "uint2")  # as ml_dtypes, JAX name them


def array_of(what: str, values: Any) -> NDArray[Any]:
    """Return values as an array of numbers, texts or objects.

    Parameters
    ----------
    what : str
        What the message calls them, as in ``codes``.
    values : array_like
        Array, tensor, nested list, DataFrame or table.

    Raises
    ------
    ParameterError
        If no array can be made of them, they are complex or structured, or some are masked.
    """
    if hasattr(values, "toarray"):
        raise ParameterError(f"{what} are a sparse matrix; give {what}.toarray()")
    if getattr(values, "requires_grad", False) is True:
        raise ParameterError(f"{what} are a tensor with gradients; give {what}.detach().cpu().numpy()")
    n_masked = int(np.ma.getmaskarray(values).sum()) if isinstance(values, np.ma.MaskedArray) else 0
    if n_masked:
        raise ParameterError(f"{what} have {n_masked:,} masked values; leave those rows out, or fill them")
    try:
        array = np.asarray(values)
    # of tensors, of lists of lists that differ in length, and of whatever else has an __array__
    except (TypeError, ValueError, RuntimeError, OverflowError, AttributeError) as error:
        raise ParameterError(_no_array(what, values, error)) from error
    if array.dtype.kind == "c":
        raise ParameterError(
            f"{what} of type {array.dtype}, complex numbers; give real and imaginary parts as two columns"
        )
    if array.dtype.kind == "V":
        remedy = "give columns of numbers"
        if str(array.dtype).startswith(_LACKING):
            remedy = f'NumPy cannot compute with it: give {what}.astype("float32")'
        raise ParameterError(f"{what} of type {array.dtype}; {remedy}")
    return array


def _no_array(what: str, values: Any, error: Exception) -> str:
    if hasattr(values, "detach"):
        kind = str(getattr(values, "dtype", "")).removeprefix("torch.")
        is_sparse = "sparse" in str(getattr(values, "layout", ""))
        call = ".to_dense()" if is_sparse else ".detach().float().cpu().numpy()"
        return f"{what} are a tensor of {kind} that NumPy cannot read ({error}); give {what}{call}"
    if isinstance(values, (list, tuple)):
        return (
            f"{what} are a list that is no array: its parts differ in length, or are tensors that NumPy "
            f"cannot read ({error}); give an array of shape (n, d)"
        )
    return f"{what} of type {type(values).__name__} are no array: {error}; give an array of shape (n, d)"


def names_of_columns(what: str, values: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of a DataFrame or an Arrow table; None of an array.

    Raises
    ------
    ParameterError
        If two columns have one name.
    """
    if not hasattr(values, "columns"):
        return None
    names = tuple(str(name) for name in getattr(values, "column_names", values.columns))
    check_distinct_columns(what, names)
    return names


def check_distinct_columns(what: str, names: Any) -> None:
    """Refuse columns of which two have one name.

    Raises
    ------
    ParameterError
        With the name.
    """
    name, n = max(Counter(map(str, names)).items(), key=lambda pair: pair[1], default=("", 0))
    if n > 1:
        raise ParameterError(f"{what}: {n} columns are called {name!r}; rename all but one, or drop them")
