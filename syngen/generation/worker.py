"""One shard: rendered, encoded, written, and acknowledged by a receipt.

A shard exists when its receipt does. The tar is streamed to a temporary name, made durable and renamed;
then the shard's part of the manifest; then the receipt. Whatever happens in between, nothing half-written
has a name that anybody reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import IO, TYPE_CHECKING

import numpy as np
import pyarrow as pa

from syngen._files import atomic_file, sha256_of, write_atomic
from syngen.elementary import log2
from syngen.errors import EngineError
from syngen.generation.plan import Plan, Shard, vocabulary_for
from syngen.storage.annotations import ANNOTATION_SCHEMA, annotation_table
from syngen.storage.codec import find_codec
from syngen.storage.description import ShardEntry, json_bytes, read_json, shard_entry
from syngen.storage.layout import Layout, key_of
from syngen.storage.manifest import ManifestWriter, factor_columns
from syngen.storage.shards import MemberText, ShardWriter
from syngen.synth.base import Spoken
from syngen.synth.rendering import Rendering

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, Json, PcmArray, Value

__all__ = ["Receipt", "ShardWorker", "levels_db", "mean_square_of", "peak_of", "read_receipt"]

_NOTHING = np.empty(0)  # a waveform that is written need not be kept
_DB_PER_DOUBLING = 3.010299956639812  # 10 log10(2)
# Squares of as many 16-bit samples sum far below 2**53; longer dot products would start the threads of
# BLAS, which compete with the other workers.
_DOT_SAMPLES = 1 << 13


@dataclass(frozen=True)
class Receipt:
    """What a worker leaves for a finished shard.

    Attributes
    ----------
    entry : ShardEntry
        The shard as the description will list it.
    row : int
        Row of its first observation.
    n_samples : int
        Samples of audio in it.
    part_bytes : int
        Size of its part of the manifest.
    part_sha256 : str
    annotations_sha256 : str
        Of its part of the annotations; empty where nothing is spoken.
    """

    entry: ShardEntry
    row: int
    n_samples: int
    part_bytes: int
    part_sha256: str
    annotations_sha256: str = ""

    def to_bytes(self) -> bytes:
        """Return the content of the receipt's file."""
        return json_bytes(asdict(self))


def read_receipt(layout: Layout, shard: Shard, *, is_checked: bool = True) -> Receipt | None:
    """Return the receipt of a shard, or None where there is none that fits what is on disk.

    The size of the shard is compared; its content is the business of verification. Unless it
    `is_checked`, only the receipt is looked at.
    """
    path = layout.receipt(shard.name)
    if not path.is_file():
        return None
    try:
        content: Json = read_json(path)
        receipt = Receipt(shard_entry(**content.pop("entry")), **content)
        _check_types(receipt)
        fits = (
            receipt.entry.name == shard.name
            and receipt.entry.split == shard.split
            and receipt.entry.rows == shard.n_rows
            and receipt.row == shard.row
        )
        fits = fits and (
            not is_checked
            or (
                layout.shard(shard.name).stat().st_size == receipt.entry.bytes
                # small, and read when the dataset is put together
                and sha256_of(layout.part(shard.name)) == receipt.part_sha256
                and (
                    not receipt.annotations_sha256
                    or sha256_of(layout.annotations_part(shard.name)) == receipt.annotations_sha256
                )
            )
        )
    except Exception:  # noqa: BLE001  # a receipt that cannot be read is no receipt: the shard is made again
        return None
    return receipt if fits else None


def _check_types(receipt: Receipt) -> None:
    """Refuse a receipt with text for numbers or numbers for text."""
    for field in fields(receipt):
        value = getattr(receipt, field.name)
        if not isinstance(value, {"int": int, "str": str, "ShardEntry": ShardEntry}[str(field.type)]):
            raise TypeError(f"{field.name} is {value!r}")


class ShardWorker:
    """Makes shards of one plan. Lives as long as its process: renderers keep caches.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._codec = find_codec(plan.codec)
        self._rendering = Rendering(plan.resolved)
        self._vocabulary = vocabulary_for(plan.resolved)
        self._text = MemberText(plan.resolved.grid)

    def make(self, layout: Layout, shard: Shard, indices: IntArray) -> Receipt:
        """Write a shard, its part of the manifest and its receipt.

        Parameters
        ----------
        layout : Layout
            Of a folder that has the folders for shards and receipts.
        shard : Shard
        indices : ndarray of int64, shape (shard.n_rows,)
            Grid point of each row.
        """
        with atomic_file(layout.shard(shard.name)) as file:
            writer = ShardWriter(file)
            stored = self._write_members(writer, shard, indices)
            sha256 = writer.finish()
        part = layout.part(shard.name)
        with (
            atomic_file(part) as file,
            ManifestWriter(file, self._vocabulary.dataset_schema()) as out,
        ):
            out.write(self._table(shard, indices, stored))
        annotations_sha256 = ""
        if self._vocabulary.speaks:
            annotations = layout.annotations_part(shard.name)
            with atomic_file(annotations) as file, ManifestWriter(file, ANNOTATION_SCHEMA) as out:
                out.write(annotation_table(shard.row, [_plain_spans(s) for s in stored.spoken]))
            annotations_sha256 = sha256_of(annotations)
        receipt = Receipt(
            entry=ShardEntry(shard.name, shard.split, shard.n_rows, writer.n_bytes, sha256),
            row=shard.row,
            n_samples=sum(stored.n_samples),
            part_bytes=part.stat().st_size,
            part_sha256=sha256_of(part),
            annotations_sha256=annotations_sha256,
        )
        write_atomic(layout.receipt(shard.name), receipt.to_bytes())
        return receipt

    def rehearse(self, file: IO[bytes], shard: Shard, indices: IntArray) -> int:
        """Write a shard to a stream and nothing else; return its samples of audio."""
        writer = ShardWriter(file)
        stored = self._write_members(writer, shard, indices)
        writer.finish()
        return sum(stored.n_samples)

    def _write_members(self, writer: ShardWriter, shard: Shard, indices: IntArray) -> _Stored:
        stored = _Stored([], [], [], [], [], [], {n: [] for n, _, _ in self._vocabulary.nuisances}, [])
        rate, suffix = self._plan.resolved.audio.sample_rate, self._codec.name
        for row, observation in enumerate(self._rendering.observations(indices), shard.row):
            pcm = observation.pcm
            audio = self._codec.encode(pcm, rate)
            text = self._text.of(observation.index, shard.split, observation.levels)
            stored.offset.append(writer.add(key_of(row), suffix, audio, text))
            stored.size.append(len(audio))
            stored.n_samples.append(len(pcm))
            stored.sha256.append(hashlib.sha256(pcm.astype("<i2", copy=False).data).digest())
            stored.peak.append(observation.peak)
            stored.mean_square.append(mean_square_of(observation.steps))
            for name, value in observation.nuisances.items():
                stored.nuisances[name].append(value)
            if observation.spoken is not None:
                stored.spoken.append(replace(observation.spoken, waveform=_NOTHING))
        return stored

    def _table(self, shard: Shard, indices: IntArray, stored: _Stored) -> pa.Table:
        resolved = self._plan.resolved
        levels = resolved.grid.levels_of(indices)
        codes = {s.name: resolved.split_codes(s, indices, levels) for s in resolved.schemes}
        columns = factor_columns(self._vocabulary, indices, levels, codes, with_values=True)
        columns |= {name: pa.array(values) for name, values in stored.nuisances.items()}
        columns |= {
            "shard": pa.array([shard.name] * shard.n_rows),
            "offset": pa.array(stored.offset, pa.int64()),
            "size": pa.array(stored.size, pa.int64()),
            "n_samples": pa.array(stored.n_samples, pa.int32()),
            "pcm_sha256": pa.array(stored.sha256, pa.binary(32)),
            "peak": pa.array(stored.peak, pa.float32()),
            "rms_db": levels_db(stored.mean_square),
        }
        if self._vocabulary.speaks:
            columns |= {
                "speech_start": pa.array([s.start for s in stored.spoken], pa.int32()),
                "speech_end": pa.array([s.end for s in stored.spoken], pa.int32()),
                "transcript": pa.array([s.transcript for s in stored.spoken], pa.string()),
            }
        return pa.table(columns)


@dataclass(frozen=True)
class _Stored:
    """Columns that are known once an observation is written."""

    offset: list[int]
    size: list[int]
    n_samples: list[int]
    sha256: list[bytes]
    peak: list[float]
    mean_square: list[float]
    nuisances: dict[str, list[Value]]
    spoken: list[Spoken]


def _plain_spans(spoken: Spoken) -> list[tuple[str, str, int, int]]:
    return [(span.kind, span.text, span.start, span.end) for span in spoken.spans]


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


def levels_db(mean_squares: Sequence[float]) -> pa.Array:
    """Return levels in dB as float32, an RMS of 1.0 being 0 dB; null for digital silence."""
    squares = np.array(mean_squares, dtype=np.float64)
    is_silent = squares == 0.0
    levels = log2(np.where(is_silent, 1.0, squares)) * _DB_PER_DOUBLING
    return pa.array(levels.astype(np.float32), mask=is_silent)


def check_versions(plan: Plan, expected: dict[str, str]) -> None:
    """Refuse to work with other library versions than those that the plan was made with.

    Raises
    ------
    EngineError
        Naming the versions that differ.
    """
    found = plan.versions()
    differing = [
        f"{name} is {found.get(name, 'missing')} here, {wanted} in the plan"
        for name, wanted in expected.items()
        if found.get(name) != wanted
    ]
    if differing:
        raise EngineError(f"this worker cannot take part: {'; '.join(differing)}")
