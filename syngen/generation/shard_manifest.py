"""A shard's part of the manifest and of the annotations: made, written, and found again.

Parts are what a manifest is put together from. They come from rendering, from the manifest of a
finished dataset, or, where nothing is spoken, from the shard itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from syngen.dsp.level import levels_db, mean_square_of, peak_of
from syngen.errors import ShardError
from syngen.io.atomic import write_atomic
from syngen.io.files import sha256_of
from syngen.resolving.vocabulary import recipe_columns
from syngen.storage.codec import find_codec, pcm_sha256
from syngen.storage.description import ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard
from syngen.storage.shards import BLOCK, END, MemberText, check_members, stated_size
from syngen.storage.tables.annotations import annotation_table
from syngen.storage.tables.arrays import arrow_array, nullable_array, numpy_array
from syngen.storage.tables.manifest import Vocabulary, write_table

if TYPE_CHECKING:
    from syngen._typing import IntArray, PcmArray
    from syngen.generation.plan import Plan
    from syngen.synth.plugin import Spoken

__all__ = [
    "ObservationStats",
    "ShardColumns",
    "annotations_of",
    "columns_in_shard",
    "facts_of",
    "part_table",
    "write_parts",
]


class ObservationStats(
    NamedTuple
):  # made for every observation: a frozen dataclass takes four times as long
    """What a manifest says of an observation that is not known before it is made.

    Attributes
    ----------
    n_samples : int
    sha256 : bytes
        Of the samples.
    peak : float
    mean_square : float
        Full scale being 1.0; NaN where only the level is known.
    rms_db : float or None
        The level, where it was read and not computed; None else, and for silence.
    spoken : Spoken or None
        What is said; its waveform is not there.
    """

    n_samples: int
    sha256: bytes
    peak: float
    mean_square: float
    rms_db: float | None = None
    spoken: Spoken | None = None


@dataclass(frozen=True)
class ShardColumns:
    """What is known once observations are in a shard.

    Attributes
    ----------
    offset, size : list of int
        Bytes of the audio member of each row.
    facts : list of ObservationStats
        Of each row.
    """

    offset: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    facts: list[ObservationStats] = field(default_factory=list)

    @property
    def n_samples(self) -> int:
        """Samples of audio in all rows."""
        return sum(facts.n_samples for facts in self.facts)

    @property
    def spoken(self) -> list[Spoken]:
        """What is said in each row, where something is."""
        return [facts.spoken for facts in self.facts if facts.spoken is not None]

    @property
    def n_read(self) -> int:
        """How many rows were read from a smaller dataset."""
        return sum(math.isnan(facts.mean_square) for facts in self.facts)

    def levels(self) -> pa.Array:
        """Return the level of each row in dB, float32; null for silence."""
        squares = np.array([facts.mean_square for facts in self.facts], dtype=np.float64)
        is_read = np.isnan(squares)
        levels, is_silent = levels_db(np.where(is_read, 0.0, squares))
        for row in np.flatnonzero(is_read).tolist():
            level = self.facts[row].rms_db
            levels[row], is_silent[row] = (0.0, True) if level is None else (level, False)
        return nullable_array(levels, pa.float32(), is_silent)


def part_table(
    plan: Plan, vocabulary: Vocabulary, shard: Shard, indices: IntArray, columns: ShardColumns
) -> pa.Table:
    """Return a shard's part of the manifest.

    Parameters
    ----------
    plan : Plan
    vocabulary : Vocabulary
        Of the plan's recipe.
    shard : Shard
    indices : ndarray of int64, shape (shard.n_rows,)
    columns : ShardColumns
        Of every row.
    """
    content = recipe_columns(plan.resolved, vocabulary, indices)
    content |= {
        "shard": arrow_array([shard.name] * shard.n_rows, pa.string()),
        "offset": arrow_array(columns.offset, pa.int64()),
        "size": arrow_array(columns.size, pa.int64()),
        "n_samples": arrow_array([f.n_samples for f in columns.facts], pa.int32()),
        "pcm_sha256": arrow_array([f.sha256 for f in columns.facts], pa.binary(32)),
        "peak": arrow_array([f.peak for f in columns.facts], pa.float32()),
        "rms_db": columns.levels(),
    }
    if vocabulary.speaks:
        content |= {
            "speech_start": arrow_array([s.start for s in columns.spoken], pa.int32()),
            "speech_end": arrow_array([s.end for s in columns.spoken], pa.int32()),
            "transcript": arrow_array([s.transcript for s in columns.spoken], pa.string()),
        }
    return pa.table(content)


def annotations_of(shard: Shard, columns: ShardColumns) -> pa.Table:
    """Return a shard's part of the annotations."""
    spans = [[(s.kind, s.text, s.start, s.end) for s in spoken.spans] for spoken in columns.spoken]
    return annotation_table(shard.row, spans)


def write_parts(
    layout: Layout,
    vocabulary: Vocabulary,
    shard: Shard,
    entry: ShardEntry,
    table: pa.Table,
    annotations: pa.Table | None,
    *,
    copied: int = 0,
) -> Receipt:
    """Write a shard's parts of the manifest and of the annotations, and at last its receipt.

    Parameters
    ----------
    layout : Layout
    vocabulary : Vocabulary
    shard : Shard
    entry : ShardEntry
        Of the shard's file.
    table : pyarrow.Table
        Part of the manifest.
    annotations : pyarrow.Table or None
        Part of the annotations, where something is spoken.
    copied : int
        Rows of a smaller dataset.
    """
    part, sha256 = layout.shard_manifest(shard.name), ""
    write_table(part, table, vocabulary.part_schema())
    if annotations is not None:
        path = layout.annotations_part(shard.name)
        write_table(path, annotations)
        sha256 = sha256_of(path)
    n_samples = int(numpy_array(table.column("n_samples")).sum(dtype=np.int64))
    n_bytes, part_sha256 = part.stat().st_size, sha256_of(part)
    receipt = Receipt(entry, shard.row, n_samples, n_bytes, part_sha256, sha256, copied)
    write_atomic(layout.receipt(shard.name), receipt.to_bytes())
    return receipt


def columns_in_shard(plan: Plan, shard: Shard, indices: IntArray, data: memoryview) -> ShardColumns:
    """Read from a shard's bytes what its part of the manifest says. Nothing may be spoken in it.

    Raises
    ------
    ShardError
        If the bytes are not those of such a shard.
    """
    codec, columns, position = find_codec(plan.codec), ShardColumns(), 0
    texts = MemberText(plan.resolved.grid).texts(indices, shard.split)
    for row, text in enumerate(texts, shard.row):
        size, offset = stated_size(data, position), position + BLOCK
        position = check_members(data, row=row, offset=offset, size=size, suffix=codec.name, text=text)
        audio = bytes(data[offset : offset + size])
        columns.offset.append(offset)
        columns.size.append(size)
        columns.facts.append(facts_of(codec.decode(audio)))
    if data[position:] != END:
        raise ShardError("the end of the archive is damaged")
    return columns


def facts_of(pcm: PcmArray) -> ObservationStats:
    """Return what a manifest says of samples."""
    return ObservationStats(len(pcm), pcm_sha256(pcm), peak_of(pcm), mean_square_of(pcm))
