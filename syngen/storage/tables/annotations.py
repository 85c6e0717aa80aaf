"""Annotations: words and phones of every observation of speech, by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from syngen.storage.layout import table_of_row
from syngen.storage.tables.arrays import arrow_array, numpy_array
from syngen.storage.tables.columns import integers

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["ANNOTATION_SCHEMA", "annotation_problems", "annotation_table", "annotations_of_rows"]

KINDS = ("word", "phone")
_MOST_PROBLEMS = 100

ANNOTATION_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
    ]
)
"""Row of the dataset; ``word`` or ``phone``; the word, or the phone in IPA, empty for silence; first
sample and the one after the last. Ordered by row, words before phones, then by start."""


def annotation_table(row: int, spans: Iterable[Sequence[tuple[str, str, int, int]]]) -> pa.Table:
    """Return the annotations of consecutive rows.

    Parameters
    ----------
    row : int
        Row of the first.
    spans : iterable of sequence of (kind, text, start, end)
        Those of each row.
    """
    rows: list[int] = []
    columns: tuple[list[Any], ...] = ([], [], [], [])
    for number, of_row in enumerate(spans, row):
        rows += [number] * len(of_row)
        for span in of_row:
            for column, value in zip(columns, span, strict=True):
                column.append(value)
    arrays = [arrow_array(c, f.type) for c, f in zip((rows, *columns), ANNOTATION_SCHEMA, strict=True)]
    return pa.table(arrays, schema=ANNOTATION_SCHEMA)


def annotations_of_rows(table: pa.Table, start: int, stop: int) -> pa.Table:
    """Return the annotations of the rows from `start` to before `stop`."""
    rows = integers(table, "row")
    first, end = np.searchsorted(rows, [start, stop]).tolist()
    return table.slice(first, end - first)


def annotation_problems(table: pa.Table, n_samples: IntArray) -> list[str]:
    """Return where words or phones do not cover their row from its first to its last sample.

    Parameters
    ----------
    table : pyarrow.Table
        All annotations.
    n_samples : ndarray of int64, shape (n_rows,)
        Length of each row.
    """
    if not table.schema.equals(ANNOTATION_SCHEMA):
        found = ", ".join(f"{field.name} {field.type}" for field in table.schema)
        return [f"annotations.parquet: its columns are not those of annotations, but {found}"]
    row, start, end = (integers(table, name) for name in ("row", "start", "end"))
    kind = table.column("kind").combine_chunks()
    import pyarrow.compute as pc  # which takes a tenth of the start of a worker

    order = numpy_array(pc.index_in(kind, arrow_array(KINDS, pa.string())).fill_null(len(KINDS)))
    key = row * len(KINDS) + order
    wanted = np.repeat(n_samples, len(KINDS))
    if len(key) == 0 or (order == len(KINDS)).any() or (np.diff(key) < 0).any():
        return ["annotations.parquet: its rows are not words and phones in the order of the manifest"]
    is_first = np.concatenate([[True], key[1:] != key[:-1]])
    is_last = np.concatenate([is_first[1:], [True]])
    begins = np.where(is_first, 0, np.concatenate([[0], end[:-1]]))
    wrong = np.flatnonzero((start != begins) | (end <= start))
    problems = [
        f"{_place(int(row[i]))}: a {KINDS[order[i]]} is at {start[i]}..{end[i]}, "
        f"the one before it ends at {begins[i]}"
        for i in wrong[:_MOST_PROBLEMS]
    ]
    ends = np.zeros(len(wanted), dtype=np.int64)
    inside = is_last & (key >= 0) & (key < len(wanted))
    ends[key[inside]] = end[inside]
    problems += [
        f"{_place(i // len(KINDS))}: its {KINDS[i % len(KINDS)]}s end at sample {ends[i]} of {wanted[i]}"
        for i in np.flatnonzero(ends != wanted)[:_MOST_PROBLEMS]
    ]
    if (key >= len(wanted)).any() or (key < 0).any():
        problems.append("annotations.parquet: it has rows that the manifest has not")
    return problems


def _place(row: int) -> str:
    return f"{table_of_row('annotations', row)}: row {row}"
