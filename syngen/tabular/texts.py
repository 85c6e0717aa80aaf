"""What the texts of a column of a CSV file are: truth values, numbers, or texts that stay as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa

__all__ = ["numbers_of", "typed"]

_TRUTH = ({"true": True, "false": False}, {"True": True, "False": False}, {"TRUE": True, "FALSE": False})
_WHOLE = re.compile(r"-?[1-9][0-9]*|0")
_REAL = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.([0-9]+))?|\.([0-9]+))(e[+-]?[0-9]+)?", re.IGNORECASE)
_ANY_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_UNKNOWN = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "nat"})
_MOST_DIGITS = 20  # of a whole number of 64 bits, with its sign
_EXACT_UP_TO = 2**53  # whole numbers that float64 has without gaps
_INFINITE = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})


def typed(texts: pa.ChunkedArray, *, exact: bool = False) -> pa.ChunkedArray | pa.Array:
    """Return a column of texts as what it says, if nothing of any text is lost; else as it is.

    It is read as

    * truth values, if all are ``true`` or ``false``, all in one of the spellings ``true``, ``True``,
      ``TRUE``;
    * whole numbers, if each is written as int64 writes it: no leading zero, no plus sign, no other digits;
    * numbers, if no two texts are the same number, float64 has every digit, and zeros at the end of
      fractions stand there because all fractions have the same number of digits (``0.50, 1.25``). An
      exponent needs a sign or a fraction before it, as all programs write it: ``1e-05`` is a number and
      ``1e3`` may be a name.

    In a column of numbers, words such as ``NA``, ``nan`` and ``null`` are missing values and ``inf`` is
    infinite; in others they are texts.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray of string
        With nulls where a cell is empty.
    exact : bool
        Whether the column is known to have names: it is only read as something else if each value is
        written as the text is.

    Examples
    --------
    >>> def read(*cells): return typed(pa.chunked_array([pa.array(cells)])).to_pylist()
    >>> read("1", "10"), read("1", "01"), read("1e3", "1000"), read("0.50", "1.25"), read("1", "NA")
    ([1, 10], ['1', '01'], ['1e3', '1000'], [0.5, 1.25], [1, None])
    >>> read("True", "False"), read("True", "TRUE")
    ([True, False], ['True', 'TRUE'])
    """
    encoded = texts.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    distinct: list[str] = encoded.dictionary.to_pylist()
    found = _values(distinct, exact=exact)
    if found is None:
        return texts
    # taken by position, None for a missing cell
    return found.take(encoded.indices)


def _values(distinct: Sequence[str], *, exact: bool) -> pa.Array | None:
    """Return what each text says, or None where they are texts."""
    for spelling in _TRUTH:
        if distinct and all(text in spelling for text in distinct):
            return pa.array([spelling[text] for text in distinct], pa.bool_())
    written = [text.strip() for text in distinct]
    is_unknown = np.array([text.casefold() in _UNKNOWN for text in written], dtype=np.bool_)
    is_infinite = np.array([text.casefold() in _INFINITE for text in written], dtype=np.bool_)
    is_word = is_unknown | is_infinite
    numbers = [text for text, is_no_number in zip(written, is_word, strict=True) if not is_no_number]
    if not numbers or (exact and (is_word.any() or written != list(distinct))):
        return None
    if not is_infinite.any() and all(map(_WHOLE.fullmatch, numbers)):
        if len(set(numbers)) < len(numbers) or not all(map(_fits, numbers)):
            return None
        cells = [None if missing else int(text) for text, missing in zip(written, is_unknown, strict=True)]
        return pa.array(cells, pa.int64())
    if not _are_real(numbers) or (exact and any(repr(float(text)) != text for text in numbers)):
        return None
    values = [0.0 if missing else float(text) for text, missing in zip(written, is_unknown, strict=True)]
    return pa.array(np.array(values), pa.float64(), mask=is_unknown)


def numbers_of(texts: Sequence[str]) -> list[int] | list[float]:
    """Return texts that are said to be numbers as numbers, in whatever form they are written.

    Raises
    ------
    ValueError
        With what is wrong, if one is no finite number, or two are one number.

    Examples
    --------
    >>> numbers_of(["1e3", "007"]), numbers_of(["1", "-2"])
    ([1000.0, 7.0], [1, -2])
    """
    found: dict[float, str] = {}
    for text in texts:
        if not _ANY_NUMBER.fullmatch(text.strip()) or not np.isfinite(float(text)):
            raise ValueError(f"{text!r} is no number")
        first = found.setdefault(float(text), text)
        if first != text:
            raise ValueError(f"{first!r} and {text!r} are one number")
    is_whole = all(_WHOLE.fullmatch(text) and _fits(text) for text in texts)
    return [int(text) for text in texts] if is_whole else [float(text) for text in texts]


def _fits(text: str) -> bool:
    return len(text) <= _MOST_DIGITS and -(2**63) <= int(text) < 2**63


def _are_real(texts: Sequence[str]) -> bool:
    """Return whether float64 has each number as it is written, and no two are the same."""
    n_digits, has_zeros = set(), False
    by_value: dict[float, str] = {}
    for text in texts:
        found = _REAL.fullmatch(text)
        if found is None:
            return False
        fraction, exponent = found[1] or found[2] or "", found[3]
        if exponent and not fraction and exponent[1] not in "+-":
            return False
        value = float(text)
        if not _is_exact(text, value, fraction, exponent):
            return False
        # 0.0 and -0.0 are one number, and stand side by side in many a table
        unsigned = text.removeprefix("-") if value == 0.0 and fraction else text
        if by_value.setdefault(value, unsigned) != unsigned:
            return False
        n_digits.add(len(fraction))
        has_zeros |= len(fraction) > 1 and fraction.endswith("0")
    return not (has_zeros and len(n_digits) > 1)


def _is_exact(text: str, value: float, fraction: str, exponent: str | None) -> bool:
    if not np.isfinite(value):
        return False
    if not fraction and not exponent:
        return len(text) <= _MOST_DIGITS and abs(int(text)) <= _EXACT_UP_TO
    if Decimal(repr(value)) == Decimal(text):
        return True
    # more digits than are needed, as "%.20f" and "%.18e" write them
    form = f".{len(fraction)}e" if exponent else f".{len(fraction)}f"
    return Decimal(format(value, form)) == Decimal(text)
