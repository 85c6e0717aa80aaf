"""Digests of values: equal for equal values, and of bytes, not of what is printed."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syngen.storage.digests import bytes_of, digest_of

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=9,
)


def typed(value: Any) -> Any:
    """Return a value in a form in which equality looks at types, and at the sign of zero."""
    if isinstance(value, dict):
        return {key: typed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [typed(entry) for entry in value]
    return type(value), repr(value)


@given(PLAIN, PLAIN)
def test_different_values_have_different_bytes(first: Any, second: Any) -> None:
    assert (bytes_of(first) == bytes_of(second)) == (typed(first) == typed(second))


def test_the_form_is_as_documented() -> None:
    def counted(letter: bytes, n: int) -> bytes:
        return letter + struct.pack("<Q", n)

    wanted = (
        counted(b"m", 2)
        + (counted(b"s", 1) + b"a" + counted(b"l", 4))
        + (b"n" + b"1" + counted(b"i", 3) + b"-12" + b"f" + bytes.fromhex("000000000000f03f"))
        + (counted(b"s", 1) + b"b" + counted(b"s", 2) + "é".encode())
    )
    assert bytes_of({"b": "é", "a": [None, True, -12, 1.0]}) == wanted
    assert digest_of({"b": "é", "a": (None, True, -12, 1.0)}) == hashlib.sha256(wanted).hexdigest()


def test_neighbouring_numbers_differ_however_they_are_printed() -> None:
    assert digest_of(0.1) != digest_of(float(np.nextafter(0.1, 1.0)))
    assert digest_of(np.float64(0.1)) == digest_of(0.1), "whose repr differ since NumPy 2"
    assert digest_of(0.0) != digest_of(-0.0)
    assert digest_of(1) != digest_of(True)


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("inf")]])
def test_no_number_that_is_not_finite(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be part of a digest; a finite number is needed"):
        digest_of(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, np.arange(3), object()])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be part of a digest"):
        digest_of(value)
