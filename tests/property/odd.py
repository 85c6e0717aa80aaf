"""Strategies for tables and arrays that nobody meant, and how an answer to them is judged."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import currently_in_test_context, event
from hypothesis import strategies as st

from syngen.errors import SyngenError

T = TypeVar("T")

NAMES = [
    *("a", "b", "speaker", "self", "cls", "split", "split_x", "split_", "index", "row", "a_level"),
    *("file", "n_samples", "transcript", "audio", "kinds", "", " ", "a.b", "{a}", "é", "A", "nul", "../x"),
    *("shard", "offset", "size", "pcm_sha256", "duration", "source_row", "all", "level", "values"),
]
"""Names of columns that mean something to some part of syngen, or to a library, or that are merely odd."""

WORDS = [
    "",
    "a",
    "A",
    "1",
    "01",
    "1.0",
    "1e3",
    "nan",
    "NA",
    "None",
    "null",
    "true",
    "é",
    "e\u0301",
    "a,b",
    "a\nb",
]
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
WHOLE_DTYPES = ["int8", "uint8", "int32", "uint32", "int64", "uint64"]


def answer(call: Callable[[], T]) -> T | None:
    """Return what a call gives; None where it refuses in syngen's own words. Everything else goes on."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy's warnings of overflow are foreign, too
        warnings.simplefilter("ignore", UserWarning)
        try:
            found = call()
        except SyngenError as error:
            if not str(error).strip():
                raise
            return None
        if currently_in_test_context():
            event("answered")  # seen with --hypothesis-show-statistics
        return found


def _cells(n: int) -> list[st.SearchStrategy[Any]]:
    """Return strategies for columns of n cells."""

    def some(cell: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
        # of a few values, so that they are repeated
        return st.lists(cell, min_size=1, max_size=4).flatmap(
            lambda few: st.lists(st.sampled_from(few), min_size=n, max_size=n)
        )

    texts = some(st.sampled_from(WORDS) | st.text(max_size=4))
    small, floats = some(st.integers(0, 3)), some(st.floats())
    gaps = some(st.none() | st.integers(0, 3))
    return [
        *(texts, small, floats, gaps, some(st.floats(-2.0, 2.0))),
        some(st.booleans()),
        some(st.booleans() | st.none()),
        some(st.text(max_size=2) | st.none() | st.just(float("nan"))),
        some(st.dates()),
        some(MOMENTS).map(pd.to_datetime),
        some(MOMENTS | st.none()).map(lambda cells: pd.Series(pd.to_datetime(cells))),
        some(MOMENTS).map(lambda cells: pd.Series(pd.to_datetime(cells)).dt.tz_localize("UTC")),
        some(st.timedeltas(dt.timedelta(-9), dt.timedelta(9))).map(
            lambda cells: pd.Series(pd.to_timedelta(cells))
        ),
        some(st.times()),
        some(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-99, max_value=99)),
        some(st.just(Decimal("NaN")) | st.just(Decimal(1))),
        texts.map(pd.Categorical),
        gaps.map(lambda cells: pd.Categorical(cells, ordered=True)),
        gaps.map(lambda cells: pd.array(cells, dtype="Int64")),
        some(st.none() | st.sampled_from(WORDS)).map(lambda cells: pd.array(cells, dtype="string")),
        some(st.none() | st.booleans()).map(lambda cells: pd.array(cells, dtype="boolean")),
        some(st.integers(0, 9)).map(
            lambda cells: pd.Series(
                pd.arrays.PeriodArray(np.array(cells, dtype=np.int64), dtype="period[M]")
            )
        ),
        some(st.integers(0, 9)).map(
            lambda cells: pd.arrays.IntervalArray.from_arrays(cells, [c + 1 for c in cells])
        ),
        some(st.integers(2**53 - 2, 2**53 + 2)),
        some(st.integers(2**63, 2**64 - 1)).map(lambda cells: np.array(cells, dtype=np.uint64)),
        some(st.integers(-(2**70), 2**70)),
        st.sampled_from(WHOLE_DTYPES).flatmap(
            lambda kind: small.map(lambda cells: np.array(cells, dtype=kind))
        ),
        some(st.floats(width=16)).map(lambda cells: np.array(cells, dtype=np.float16)),
        some(st.floats(width=32)).map(lambda cells: np.array(cells, dtype=np.float32)),
        some(st.complex_numbers()),
        some(st.binary(max_size=3)),
        some(st.lists(st.integers(0, 3), max_size=2)),
        some(st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), max_size=2)),
        some(st.tuples(st.integers(0, 3), st.text(max_size=1))),
        some(st.integers() | st.text(max_size=2) | st.booleans() | st.floats() | st.none()),
        some(st.just(pd.NaT) | st.just(pd.NA) | st.sampled_from("ab")),
        some(st.just(None)),
        some(
            st.sampled_from([object, print, ..., {1}, range(2), np.int8(1), np.str_("x"), np.bool_(True)])
        ),
        small.map(lambda cells: np.ma.masked_equal(np.array(cells), 0)),
    ]


def _series(cells: Any) -> pd.Series:
    if isinstance(cells, list):
        held = np.empty(len(cells), dtype=object)  # as they are: lists stay cells
        held[:] = cells
        return pd.Series(held).infer_objects()
    return pd.Series(cells)


def columns(n: int) -> st.SearchStrategy[pd.Series]:
    """Return a strategy for a column of n odd cells."""
    return st.one_of(_cells(n)).map(_series)


@st.composite
def frames(draw: st.DrawFn, n: int, *, doubled: bool = True, most: int = 4) -> pd.DataFrame:
    """Draw a data frame of n rows with odd columns of odd names, which may be doubled."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=most, unique=not doubled))
    found = pd.concat([draw(columns(n)) for _ in names], axis=1)
    found.columns = pd.Index(names, dtype=object)
    if draw(st.integers(0, 9)) == 0:
        found.columns = pd.Index(list(range(len(names))))
    if draw(st.integers(0, 4)) == 0:
        found.index = pd.Index(draw(st.permutations(range(n))))
    return found


def as_given(frame: pd.DataFrame, form: str) -> Any:
    """Return a frame as one of the things that a table may be; the frame where that cannot be."""
    if form == "dict" and frame.columns.is_unique:
        return {name: frame[name].tolist() for name in frame.columns}
    if form == "arrow":
        try:
            return pa.Table.from_pandas(frame, preserve_index=False)
        except (ValueError, TypeError, OverflowError, pa.ArrowException):
            return frame
    return frame


def sane(n: int) -> st.SearchStrategy[Any]:
    """Return a strategy for codes as they should be, so that what stands beside them is what is tried."""
    return st.integers(0, 99).map(lambda seed: np.random.default_rng(seed).normal(size=(n, 2)))


@st.composite
def arrays(draw: st.DrawFn, n: int) -> Any:
    """Draw an array, a nested list, a frame or something else in the place of an array with n rows."""
    d = draw(st.integers(1, 3))
    numbers = st.lists(st.floats(), min_size=n * d, max_size=n * d) | st.lists(
        st.floats(-9, 9) | st.integers(-3, 3), min_size=n * d, max_size=n * d
    )
    form = draw(st.sampled_from(["array", "array", "list", "frame", "odd frame", "column", "other"]))
    if form == "odd frame":
        return draw(frames(n))
    if form == "column":
        return draw(columns(n))
    if form == "other":
        return draw(
            st.sampled_from(
                [None, 3, "x", b"x", {}, {"a": 1}, [], [[]], [[1], [1, 2]], {1, 2}, object(), range(n)]
            )
            | st.just(np.zeros((n, d, 2)))
            | st.just(np.zeros((0, d)))
            | st.just(np.full((n, d), "x"))
            | st.just(np.array([["2024", "NaT"][:1]] * n, dtype="datetime64[s]"))
        )
    matrix = np.array(draw(numbers), dtype=object).reshape(n, d)
    kind = draw(st.sampled_from(["f8", "f8", "f4", "f2", "O", "c8", "i8", "?"]))
    if kind in ("i8", "?"):
        matrix = np.array([[int(value) if abs(value) < 9 else 0 for value in row] for row in matrix])
    with np.errstate(all="ignore"):
        found = matrix.astype(kind)
    if form == "list":
        return found.tolist()
    return pd.DataFrame(found) if form == "frame" else found
