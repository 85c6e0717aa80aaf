"""Observations of a smaller dataset that go into a larger one as they are stored.

A dataset that grows keeps, in every split, its first rows in their order: shard for shard, the larger
dataset begins with the observations of the smaller.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import ManifestError, ShardError
from syngen.generation.shard_manifest import ObservationStats
from syngen.storage.codec import pcm_sha256
from syngen.storage.layout import Layout
from syngen.storage.manifest import read_manifest
from syngen.storage.names import is_work_name
from syngen.storage.receipts import has_parts, read_any_receipt
from syngen.synth.plugin import Span, Spoken

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import IntArray
    from syngen.storage.codec import Codec
    from syngen.storage.shard_ranges import Shard

__all__ = ["StoredShard", "find_stored", "smaller_layouts", "spoken_in"]

_NOTHING = np.empty(0)


def smaller_layouts(layout: Layout) -> list[Layout]:
    """Return where smaller datasets of a growing one are kept, the largest first."""
    if not layout.previous_size.is_dir():
        return []
    found = (
        path
        for path in layout.previous_size.iterdir()
        if is_work_name(f"{layout.previous_size.name}/{path.name}/")
    )
    return [Layout(path) for path in sorted(found, reverse=True) if path.is_dir() and not path.is_symlink()]


class StoredShard:
    """The observations with which a shard of a larger plan begins. Use `find_stored`.

    Parameters
    ----------
    table : pyarrow.Table
        Part of the manifest of the smaller dataset.
    spans : pyarrow.Table or None
        Part of its annotations.
    data : bytes
        The shard of the smaller dataset.
    row : int
        Number of its first row there.
    is_sound : bool
        Whether the bytes have the hash that they should have; else each observation is checked.
    codec : Codec
    sample_rate : int
    """

    def __init__(
        self,
        table: pa.Table,
        spans: pa.Table | None,
        data: bytes,
        *,
        row: int,
        is_sound: bool,
        codec: Codec,
        sample_rate: int,
    ) -> None:
        names = ("offset", "size", "n_samples", "pcm_sha256", "peak", "rms_db")
        columns = (table.column(name).to_pylist() for name in names)
        self._rows = list(zip(*columns, strict=True))
        self._spoken = spoken_in(table, spans, row) if spans is not None else None
        self._data = memoryview(data)
        self._is_sound, self._codec, self._sample_rate = is_sound, codec, sample_rate

    def __len__(self) -> int:
        return len(self._rows)

    def observation(self, position: int) -> tuple[bytes, ObservationStats] | None:
        """Return the audio of an observation as it is stored; None where its bytes are damaged."""
        offset, size, n_samples, sha256, peak, rms_db = self._rows[position]
        audio = bytes(self._data[offset : offset + size])
        if not self._is_sound:
            checked = self._checked(audio, sha256)
            if checked is None:
                return None
            audio = checked
        spoken = self._spoken[position] if self._spoken is not None else None
        return audio, ObservationStats(n_samples, sha256, peak, float("nan"), rms_db, spoken)

    def _checked(self, audio: bytes, sha256: bytes) -> bytes | None:
        """Return the bytes of an observation whose samples are undamaged."""
        try:
            pcm = self._codec.decode(audio)
        except ShardError:
            return None
        if pcm_sha256(pcm) != sha256:
            return None
        # what is damaged may be what the samples do not show
        return self._codec.encode(pcm, self._sample_rate)


def find_stored(
    layout: Layout, shard: Shard, indices: IntArray, *, codec: Codec, sample_rate: int
) -> StoredShard | None:
    """Return what of a shard a smaller dataset has, if there is one.

    Parameters
    ----------
    layout : Layout
        Of the dataset that grows.
    shard : Shard
        Of the larger plan.
    indices : ndarray of int64, shape (shard.n_rows,)
    codec : Codec
    sample_rate : int
    """
    for smaller in smaller_layouts(layout):
        receipt = read_any_receipt(smaller, shard.name)
        if receipt is None or receipt.entry.split != shard.split or not has_parts(smaller, receipt):
            continue
        try:
            table = read_manifest(smaller.shard_manifest(shard.name))
            is_speech = bool(receipt.annotations_sha256)
            spans = read_manifest(smaller.annotations_part(shard.name)) if is_speech else None
            data = smaller.shard(shard.name).read_bytes()
        except (OSError, ManifestError):
            continue
        found = np.asarray(table.column("index").to_numpy(), dtype=np.int64)
        if len(found) <= shard.n_rows and np.array_equal(found, indices[: len(found)]):
            return StoredShard(
                table,
                spans,
                data,
                row=receipt.row,
                is_sound=hashlib.sha256(data).hexdigest() == receipt.entry.sha256,
                codec=codec,
                sample_rate=sample_rate,
            )
    return None


def spoken_in(table: pa.Table, spans: pa.Table, row: int) -> list[Spoken]:
    """Return what is said in the rows of a manifest from `row` on; `spans` are their annotations."""
    names = ("kind", "text", "start", "end")
    listed = [Span(*span) for span in zip(*(spans.column(n).to_pylist() for n in names), strict=True)]
    rows = np.asarray(spans.column("row").to_numpy(), dtype=np.int64)
    starts = np.searchsorted(rows, np.arange(row, row + table.num_rows + 1)).tolist()
    said = (table.column(name).to_pylist() for name in ("transcript", "speech_start", "speech_end"))
    return [
        Spoken(_NOTHING, transcript, tuple(listed[starts[i] : starts[i + 1]]), start, end)
        for i, (transcript, start, end) in enumerate(zip(*said, strict=True))
    ]
