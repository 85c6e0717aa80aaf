"""Arrow arrays from numbers and text, and numbers from them, without importing pandas.

`pyarrow.array` and ``to_numpy`` ask whether what they get is pandas', and import pandas to ask: a third of
the time in which a worker, or a command that writes a manifest, starts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from syngen._typing import BoolArray

__all__ = ["arrow_array", "mapped_file", "nullable_array", "numpy_array"]

_MAX_TEXT_BYTES = 2**31 - 1
_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}


def mapped_file(path: Path) -> pa.MemoryMappedFile:
    """Open a file for Arrow, which would take a text for UTF-8, while a path may have any bytes.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    return pa.memory_map(str(path) if os.name == "nt" else os.fsencode(path))


def arrow_array(values: Sequence[Any] | np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
    """Return values as an Arrow array.

    Parameters
    ----------
    values : sequence or ndarray, of length n
        Numbers, texts or bytes, as the type has them; none of them None.
    kind : pyarrow.DataType
        An integer or floating type, boolean, string, or binary of a fixed size.

    Raises
    ------
    OverflowError
        If a number lies outside the type.
    ValueError
        If texts are longer than 2 GiB together, or bytes have another size than the type's.

    Examples
    --------
    >>> arrow_array(["a", "bc"], pa.string()).to_pylist()
    ['a', 'bc']
    >>> arrow_array([1, 2], pa.int16()).type
    DataType(int16)
    """
    if pa.types.is_string(kind):
        return _texts([str(value).encode() for value in values], kind)
    if pa.types.is_fixed_size_binary(kind):
        data = b"".join(values)
        if len(data) != len(values) * kind.byte_width or any(len(v) != kind.byte_width for v in values):
            raise ValueError(f"values of {kind.byte_width} bytes are wanted")
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(data)])
    if pa.types.is_boolean(kind):
        bits = np.packbits(np.asarray(values, dtype=bool), bitorder="little")
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(bits)])
    return _numbers(values, kind)


def nullable_array(values: np.ndarray[Any, Any], kind: pa.DataType, is_null: BoolArray) -> pa.Array:
    """Return numbers as an Arrow array, with nulls where `is_null` says so; both of shape (n,)."""
    array = _numbers(values, kind)
    valid = np.packbits(~is_null, bitorder="little")
    return pa.Array.from_buffers(kind, len(array), [pa.py_buffer(valid), array.buffers()[1]])


def numpy_array(column: pa.ChunkedArray | pa.Array) -> np.ndarray[Any, Any]:
    """Return a column of numbers as an array of the column's type, shape (n,); of one chunk it is no copy.

    Raises
    ------
    ValueError
        If values are missing, or none are numbers.

    Examples
    --------
    >>> numpy_array(arrow_array([1, 2], pa.int16()).slice(1))
    array([2], dtype=int16)
    """
    kind = column.type
    if column.null_count or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise ValueError(f"numbers are wanted, not {kind} with {column.null_count} missing")
    dtype = _dtype_of(kind)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype)[chunk.offset :][: len(chunk)] for chunk in chunks if chunk
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _numbers(values: Sequence[Any] | np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
    wanted, given = _dtype_of(kind), np.asarray(values)
    converted = np.ascontiguousarray(given, dtype=wanted)
    if wanted.kind in "iu" and given.dtype != wanted and not np.array_equal(converted, given):
        raise OverflowError(f"values between {given.min()} and {given.max()} are no {kind}")
    return pa.Array.from_buffers(kind, len(converted), [None, pa.py_buffer(converted)])


def _dtype_of(kind: pa.DataType) -> np.dtype[Any]:
    """Return NumPy's type of a number; asking Arrow for it imports pandas in versions that are allowed."""
    return np.dtype(_FLOATS.get(str(kind), str(kind)))


def _texts(encoded: Sequence[bytes], kind: pa.DataType) -> pa.Array:
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    if offsets[-1] > _MAX_TEXT_BYTES:
        raise ValueError(f"{offsets[-1]} bytes of text are more than a column holds")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(kind, len(encoded), buffers)
