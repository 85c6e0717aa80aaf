"""Digests of values, such as what decides the samples of a recipe.

A number is hashed as its bytes: how a library, or another version of it, would write it down as text does
not matter.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["bytes_of", "digest_of"]


def digest_of(value: Any) -> str:
    """Return the SHA-256, in hexadecimal, of the bytes of a value.

    Parameters
    ----------
    value : None, bool, int, float, str, or lists and mappings of these
        See `bytes_of`.

    Raises
    ------
    TypeError, ValueError
        See `bytes_of`.
    """
    return hashlib.sha256(bytes_of(value)).hexdigest()


def bytes_of(value: Any) -> bytes:
    """Return bytes that stand for a value, and for no other.

    Parameters
    ----------
    value : None, bool, int, float, str, or lists and mappings of these
        A tuple is a list. The order of a mapping's keys, which are texts, does not matter.

    Returns
    -------
    bytes
        A letter for the type, then: of a float its eight bytes, little-endian (IEEE 754 binary64); of a
        text and of a whole number, which is written in decimal, the length of its UTF-8, eight bytes,
        little-endian, and the UTF-8; of a list and of a mapping the number of entries, and their bytes.

    Raises
    ------
    TypeError
        If a value is of another type.
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> bytes_of(1.0) == bytes_of(1), bytes_of((1, "a")) == bytes_of([1, "a"])
    (False, True)
    """
    if value is None or isinstance(value, bool):
        return {None: b"n", False: b"0", True: b"1"}[value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be part of a digest; a finite number is needed")
        return b"f" + struct.pack("<d", value)
    if isinstance(value, int | str):
        text = str(value).encode("utf-8", "surrogatepass")
        return (b"s" if isinstance(value, str) else b"i") + _length(len(text)) + text
    if isinstance(value, Mapping):
        items = sorted(value.items())
        return b"m" + _length(len(items)) + _joined(part for item in items for part in item)
    if isinstance(value, list | tuple):
        return b"l" + _length(len(value)) + _joined(value)
    raise TypeError(f"a {type(value).__name__} cannot be part of a digest: {value!r}")


def _length(n: int) -> bytes:
    return struct.pack("<Q", n)


def _joined(values: Iterable[Any]) -> bytes:
    return b"".join(map(bytes_of, values))
