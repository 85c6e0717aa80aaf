"""A shard's part of the manifest and of the annotations: made, written, and found again.

Parts are what a manifest is put together from. They come from rendering, from the manifest of a
finished dataset, or, where nothing is spoken, from the shard itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from syngen._files import atomic_file, sha256_of
from syngen.elementary import log2
from syngen.errors import ShardError
from syngen.generation.plan import Plan, Shard
from syngen.storage.annotations import ANNOTATION_SCHEMA, annotation_table
from syngen.storage.codec import find_codec
from syngen.storage.layout import Layout, key_of
from syngen.storage.manifest import ManifestWriter, Vocabulary, factor_columns
from syngen.storage.shards import BLOCK, END, MemberText, header_of, padding_of
from syngen.synth.base import Spoken

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, PcmArray, Value

__all__ = [
    "Columns",
    "Item",
    "PartFiles",
    "annotations_of",
    "columns_in_shard",
    "item_of",
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


@dataclass(frozen=True, slots=True)
class Item:
    """An observation as it goes into a shard.

    Attributes
    ----------
    audio : bytes
        The encoded file.
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

    audio: bytes
    n_samples: int
    sha256: bytes
    peak: float
    mean_square: float
    rms_db: float | None = None
    spoken: Spoken | None = None


@dataclass(frozen=True)
class Columns:
    """Columns that are known once observations are in a shard."""

    nuisances: dict[str, list[Value]]
    offset: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    n_samples: list[int] = field(default_factory=list)
    sha256: list[bytes] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    mean_square: list[float] = field(default_factory=list)
    rms_db: list[float | None] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)

    def add(self, offset: int, item: Item) -> None:
        """Append a row."""
        self.offset.append(offset)
        self.size.append(len(item.audio))
        self.n_samples.append(item.n_samples)
        self.sha256.append(item.sha256)
        self.peak.append(item.peak)
        self.mean_square.append(item.mean_square)
        self.rms_db.append(item.rms_db)
        if item.spoken is not None:
            self.spoken.append(item.spoken)

    @property
    def n_read(self) -> int:
        """How many rows were read from a smaller dataset."""
        return int(np.count_nonzero(np.isnan(self.mean_square)))

    def levels(self) -> pa.Array:
        """Return the level of each row in dB, float32; null for silence."""
        computed = levels_db(np.nan_to_num(np.array(self.mean_square, dtype=np.float64)))
        if not np.isnan(self.mean_square).any():
            return computed
        known = zip(self.mean_square, self.rms_db, computed.to_pylist(), strict=True)
        return pa.array([read if np.isnan(ms) else level for ms, read, level in known], pa.float32())


def part_table(
    plan: Plan, vocabulary: Vocabulary, shard: Shard, indices: IntArray, columns: Columns
) -> pa.Table:
    """Return a shard's part of the manifest.

    Parameters
    ----------
    plan : Plan
    vocabulary : Vocabulary
        Of the plan's recipe.
    shard : Shard
    indices : ndarray of int64, shape (shard.n_rows,)
    columns : Columns
        Of every row.
    """
    resolved = plan.resolved
    levels = resolved.grid.levels_of(indices)
    codes = {s.name: resolved.split_codes(s, indices, levels) for s in resolved.schemes}
    content = factor_columns(vocabulary, indices, levels, codes, with_values=True)
    content |= {name: pa.array(values) for name, values in columns.nuisances.items()}
    content |= {
        "shard": pa.array([shard.name] * shard.n_rows),
        "offset": pa.array(columns.offset, pa.int64()),
        "size": pa.array(columns.size, pa.int64()),
        "n_samples": pa.array(columns.n_samples, pa.int32()),
        "pcm_sha256": pa.array(columns.sha256, pa.binary(32)),
        "peak": pa.array(columns.peak, pa.float32()),
        "rms_db": columns.levels(),
    }
    if vocabulary.speaks:
        content |= {
            "speech_start": pa.array([s.start for s in columns.spoken], pa.int32()),
            "speech_end": pa.array([s.end for s in columns.spoken], pa.int32()),
            "transcript": pa.array([s.transcript for s in columns.spoken], pa.string()),
        }
    return pa.table(content)


def annotations_of(shard: Shard, columns: Columns) -> pa.Table:
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
    part, sha256 = layout.part(name), ""
    with atomic_file(part) as file, ManifestWriter(file, vocabulary.dataset_schema()) as out:
        out.write(table)
    if annotations is not None:
        path = layout.annotations_part(name)
        with atomic_file(path) as file, ManifestWriter(file, ANNOTATION_SCHEMA) as out:
            out.write(annotations)
        sha256 = sha256_of(path)
    return PartFiles(part.stat().st_size, sha256_of(part), sha256)


def columns_in_shard(plan: Plan, shard: Shard, indices: IntArray, data: memoryview) -> Columns:
    """Read from a shard's bytes what its part of the manifest says. Nothing may be spoken in it.

    Raises
    ------
    ShardError
        If the bytes are not those of such a shard.
    """
    codec, resolved = find_codec(plan.codec), plan.resolved
    text_of = MemberText(resolved.grid)
    drawn = {n.name: plain(n.draw(resolved.recipe.seed, indices)) for n in resolved.nuisances}
    columns = Columns(drawn)
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
        columns.add(offset, item_of(audio, codec.decode(audio)))
        position = end
    if data[position:] != END:
        raise ShardError("the end of the archive is damaged")
    return columns


def item_of(audio: bytes, pcm: PcmArray, spoken: Spoken | None = None) -> Item:
    """Return the item of an encoded observation and its samples."""
    sha256 = hashlib.sha256(np.ascontiguousarray(pcm, dtype="<i2").data).digest()
    return Item(audio, len(pcm), sha256, peak_of(pcm), mean_square_of(pcm), None, spoken)


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


def levels_db(mean_squares: Sequence[float] | FloatArray) -> pa.Array:
    """Return levels in dB as float32, an RMS of 1.0 being 0 dB; null for digital silence."""
    squares = np.array(mean_squares, dtype=np.float64)
    is_silent = squares == 0.0
    levels = log2(np.where(is_silent, 1.0, squares)) * _DB_PER_DOUBLING
    return pa.array(levels.astype(np.float32), mask=is_silent)
