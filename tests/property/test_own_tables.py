"""Whatever a table of one's own holds: no two values become one, and none becomes another."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from syngen.errors import SyngenError
from syngen.tabular.arrays import arrow_column
from syngen.tabular.plain import plain_column
from syngen.tabular.texts import typed

DIGITS = st.text("0123456789", min_size=1, max_size=22)
NUMBER_LIKE = st.builds(
    lambda sign, whole, point, fraction, exponent: f"{sign}{whole}{point}{fraction}{exponent}",
    st.sampled_from(["", "", "", "-", "+"]),
    DIGITS,
    st.sampled_from(["", "."]),
    st.text("0123456789", max_size=20),
    st.sampled_from(["", "", "", "e3", "e-05", "E+2", "_000"]),
)
OF_PROGRAMS = st.one_of(
    st.integers(-(2**64), 2**64).map(str),
    st.floats(allow_nan=False).map(repr),
    st.floats(-1e6, 1e6).map("{:.2f}".format),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.18e}".format),
)
WORDS = st.sampled_from(
    ["true", "false", "True", "nan", "NA", "inf", "1", "01", " 1", "a", "0x1", "1.0", "-0.0"]
)
UNKNOWN = {"nan", "na"}


@given(st.lists(st.one_of(NUMBER_LIKE, OF_PROGRAMS, WORDS), min_size=1, max_size=8))
@example(["1", "1.0"])
@example(["0.1", "0.10"])
@example(["9007199254740993", "9007199254740992", "0.5"])
def test_texts_that_become_numbers_are_the_same_numbers(texts: list[str]) -> None:
    values = typed(pa.chunked_array([pa.array(texts)])).to_pylist()
    if values == texts:
        return
    by_value: dict[Any, str] = {}
    for text, value in zip(texts, values, strict=True):
        if value is None:
            assert text.strip().casefold() in UNKNOWN
        elif isinstance(value, bool):
            assert str(value).casefold() == text.casefold()
        elif isinstance(value, int):
            assert str(value) == text.strip()
        else:
            assert value == float(text)
            assert "_" not in text
            assert "+" not in text[:1]
        if value is not None and value != 0:  # -0.0 is 0.0
            assert by_value.setdefault(value, text) == text


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.decimals(allow_infinity=False, places=2, min_value=-1000, max_value=1000),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None])),
    st.times(),
    st.lists(st.integers(), max_size=2),
    st.binary(max_size=2),
)


def _key(cell: Any, *, as_text: bool) -> Any:
    """Return what cells have in common that are one value, found in another way than the package does."""
    if as_text:
        return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)
    if isinstance(cell, float) and not cell.is_integer():
        return Fraction(repr(cell))  # a decimal fraction that is written like it is the same
    return Fraction(cell)


COLUMNS = st.one_of(
    st.lists(CELLS, min_size=1, max_size=6),
    st.sampled_from(
        [st.booleans(), st.integers(-9, 9), st.floats(0, 1), st.text(max_size=2), st.dates()]
    ).flatmap(lambda cells: st.lists(st.one_of(cells, cells, cells, st.none()), min_size=1, max_size=6)),
)


@given(COLUMNS, st.sampled_from(["list", "objects", "series", "categories"]))
def test_every_column_comes_in_unharmed_or_is_refused(cells: list[Any], form: str) -> None:
    column: Any = cells
    if form == "objects":
        column = np.empty(len(cells), dtype=object)
        column[:] = cells
    elif form == "series":
        column = pd.Series(cells, dtype=object)
    elif form == "categories" and all(isinstance(cell, (str, int, float, type(None))) for cell in cells):
        column = pd.Categorical(cells)
    try:
        found = plain_column("x", arrow_column("x", column))
    except SyngenError:
        return
    assert not any(np.ndim(cell) == 0 and pd.isna(cell) for cell in cells)
    keys = [_key(cell, as_text=isinstance(found.distinct[0], str)) for cell in cells]
    assert pd.factorize(found.codes)[0].tolist() == [[*dict.fromkeys(keys)].index(key) for key in keys]
    for cell, code in zip(cells, found.codes.tolist(), strict=True):
        value = found.distinct[code]
        if isinstance(cell, (bool, str)) and not isinstance(value, str):
            assert value is cell or value == cell
        elif isinstance(cell, str):
            assert value == cell
        elif isinstance(value, float):
            assert math.isfinite(value)
            assert value == float(cell)
