"""A shard's part of the manifest and of the annotations: made, written, and found again.

Parts are what a manifest is put together from. They come from rendering, from the manifest of a
finished dataset, or, where nothing is spoken, from the shard itself.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from syngen.elementary import log2
from syngen.errors import ShardError
from syngen.generation.plan import Plan
from syngen.io.atomic import atomic_file
from syngen.io.files import sha256_of
from syngen.storage.annotations import ANNOTATION_SCHEMA, annotation_table
from syngen.storage.arrays import arrow_array, nullable_array
from syngen.storage.codec import find_codec
from syngen.storage.layout import Layout, key_of
from syngen.storage.manifest import ManifestWriter, Vocabulary, factor_columns, type_of
from syngen.storage.shard_ranges import Shard
from syngen.storage.shards import BLOCK, END, MemberText, header_of, padding_of
from syngen.synth.plugin import Spoken

if TYPE_CHECKING:
    from syngen._typing import BoolArray, Float32Array, FloatArray, IntArray, PcmArray, Value

__all__ = [
    "ObservationStats",
    "PartFiles",
    "ShardColumns",
    "annotations_of",
    "columns_in_shard",
    "facts_of",
    "levels_db",
    "mean_square_of",
    "part_table",
    "peak_of",
    "plain",
    "write_parts",
]

_DB_PER_DOUBLING = 3.010299956639812  # 10 log10(2)
# Squares of as many 16-bit samples sum far below 2**53; longer dot products would start the threads of
# BLAS, which compete with the other workers.
_DOT_SAMPLES = 1 << 13


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
    nuisances : dict of str to list
        What was drawn for each row.
    offset, size : list of int
        Bytes of the audio member of each row.
    facts : list of ObservationStats
        Of each row.
    """

    nuisances: dict[str, list[Value]]
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
    resolved = plan.resolved
    levels = resolved.grid.levels_of(indices)
    codes = {s.name: resolved.split_codes(s, indices, levels) for s in resolved.schemes}
    content = factor_columns(vocabulary, indices, levels, codes, with_values=True)
    content |= {name: arrow_array(values, type_of(values)) for name, values in columns.nuisances.items()}
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


@dataclass(frozen=True)
class PartFiles:
    """Size of a shard's part of the manifest, and hashes of its parts; empty without annotations."""

    part_bytes: int
    part_sha256: str
    annotations_sha256: str


def write_parts(
    layout: Layout,
    vocabulary: Vocabulary,
    name: str,
    table: pa.Table,
    annotations: pa.Table | None,
) -> PartFiles:
    """Write a shard's part of the manifest, and of the annotations where something is spoken."""
    part, sha256 = layout.shard_manifest(name), ""
    with atomic_file(part) as file, ManifestWriter(file, vocabulary.part_schema()) as out:
        out.write(table)
    if annotations is not None:
        path = layout.annotations_part(name)
        with atomic_file(path) as file, ManifestWriter(file, ANNOTATION_SCHEMA) as out:
            out.write(annotations)
        sha256 = sha256_of(path)
    return PartFiles(part.stat().st_size, sha256_of(part), sha256)


def columns_in_shard(plan: Plan, shard: Shard, indices: IntArray, data: memoryview) -> ShardColumns:
    """Read from a shard's bytes what its part of the manifest says. Nothing may be spoken in it.

    Raises
    ------
    ShardError
        If the bytes are not those of such a shard.
    """
    codec, resolved = find_codec(plan.codec), plan.resolved
    text_of = MemberText(resolved.grid)
    drawn = {n.name: plain(n.draw(resolved.recipe.seed, indices)) for n in resolved.nuisances}
    columns = ShardColumns(drawn)
    levels = resolved.grid.levels_of(indices).tolist()
    position = 0
    for row, (index, of_index) in enumerate(zip(indices.tolist(), levels, strict=True), shard.row):
        digits = bytes(data[position + 124 : position + 135])
        if not digits.isdigit():
            raise ShardError(f"row {row}: not the header of a member")
        size, offset = int(digits, 8), position + BLOCK
        text = text_of.of(index, shard.split, tuple(of_index))
        rest = b"".join(
            (
                padding_of(size),
                header_of(f"{key_of(row)}.json", len(text)),
                text,
                padding_of(len(text)),
            )
        )
        end = offset + size + len(rest)
        is_right = data[position:offset] == header_of(f"{key_of(row)}.{codec.name}", size)
        if not is_right or data[offset + size : end] != rest:
            raise ShardError(f"row {row}: its members are not those of the recipe")
        audio = bytes(data[offset : offset + size])
        columns.offset.append(offset)
        columns.size.append(size)
        columns.facts.append(facts_of(codec.decode(audio)))
        position = end
    if data[position:] != END:
        raise ShardError("the end of the archive is damaged")
    return columns


def facts_of(pcm: PcmArray) -> ObservationStats:
    """Return what a manifest says of samples."""
    sha256 = hashlib.sha256(np.ascontiguousarray(pcm, dtype="<i2").data).digest()
    return ObservationStats(len(pcm), sha256, peak_of(pcm), mean_square_of(pcm))


def plain(values: Iterable[Value]) -> list[Value]:
    """Return drawn values as Python's own."""
    return [value if isinstance(value, str | int) else float(value) for value in values]


def peak_of(pcm: PcmArray) -> float:
    """Return the largest absolute sample, full scale being 1.0."""
    return max(int(pcm.max()), -int(pcm.min())) / 32768.0


def mean_square_of(steps: PcmArray | FloatArray) -> float:
    """Return the mean square of samples given in 16-bit steps, full scale being 1.0.

    The sum of squares is a sum of integers below 2**53 held in float64, hence exact in any order.
    """
    total = 0
    for start in range(0, len(steps), _DOT_SAMPLES):
        samples = steps[start : start + _DOT_SAMPLES].astype(np.float64, copy=False)
        total += int(np.dot(samples, samples))
    return total / len(steps) / 2.0**30


def levels_db(mean_squares: FloatArray) -> tuple[Float32Array, BoolArray]:
    """Return levels in dB as float32, an RMS of 1.0 being 0 dB, and which are of digital silence.

    Both have the shape (n,), as what is given has.
    """
    is_silent = mean_squares == 0.0
    levels = log2(np.where(is_silent, 1.0, mean_squares)) * _DB_PER_DOUBLING
    return levels.astype(np.float32), is_silent
