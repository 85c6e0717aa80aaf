"""One shard: rendered, encoded, written, and acknowledged by a receipt.

A shard exists when its receipt does. The tar is streamed to a temporary name, made durable and renamed;
then the shard's part of the manifest; then the receipt. Whatever happens in between, nothing half-written
has a name that anybody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from syngen.dsp.level import mean_square_of
from syngen.errors import EngineError, ShardError
from syngen.generation.plan import Plan
from syngen.generation.shard_manifest import (
    ObservationStats,
    ShardColumns,
    annotations_of,
    part_table,
    write_parts,
)
from syngen.generation.sources import DatasetSource, StoredRows, find_smaller
from syngen.io.atomic import atomic_file
from syngen.resolving.rendering import Rendered, Rendering
from syngen.storage.codec import find_codec, pcm_sha256
from syngen.storage.description import ShardEntry
from syngen.storage.layout import Layout, key_of
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard
from syngen.storage.shards import MemberText, ShardWriter

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["ShardRenderer", "check_versions"]

_NOTHING = np.empty(0)  # a waveform that is written need not be kept


class ShardRenderer:
    """Makes shards of one plan. Lives as long as its process: renderers keep caches.

    Parameters
    ----------
    plan : Plan
    beat : callable, optional
        Told the row that comes next: before the first observation of a shard, and after each.
    source : Path, optional
        Folder of a finished dataset with the same rows, whatever its shards and its codec: observations
        are then read there and not rendered.
    """

    def __init__(
        self, plan: Plan, *, beat: Callable[[int], None] | None = None, source: Path | None = None
    ) -> None:
        self._plan = plan
        self._beat = beat or _told_nobody
        self._codec = find_codec(plan.codec)
        self._rate = plan.resolved.audio.sample_rate
        self._source = None if source is None else DatasetSource(Layout(source), self._rate)
        self._rendering = Rendering(plan.resolved) if source is None else None  # else no engine is needed
        self._vocabulary = plan.vocabulary
        self._text = MemberText(plan.resolved.grid)

    def make(self, layout: Layout, shard: Shard, indices: IntArray) -> Receipt:
        """Write a shard, its part of the manifest and its receipt.

        Observations that a smaller dataset in the folder has are copied, the others rendered.

        Parameters
        ----------
        layout : Layout
            Of a folder that has the folders for shards and receipts.
        shard : Shard
        indices : ndarray of int64, shape (shard.n_rows,)
            Grid point of each row.
        """
        stored = (
            find_smaller(layout, shard, indices, self._codec, self._rate)
            if self._source is None
            else self._source.rows_of(shard, indices)
        )
        with atomic_file(layout.shard(shard.name)) as file, stored or nullcontext():
            writer = ShardWriter(file)
            columns = self._write_members(writer, shard, indices, self._observations(indices, stored))
            sha256 = writer.finish()
        table = part_table(self._plan, self._vocabulary, shard, indices, columns)
        annotations = annotations_of(shard, columns) if self._vocabulary.speaks else None
        entry = ShardEntry(shard.name, shard.split, shard.n_rows, writer.n_bytes, sha256)
        return write_parts(
            layout, self._vocabulary, shard, entry, table, annotations, copied=columns.n_read
        )

    def write_sample(self, file: IO[bytes], shard: Shard, indices: IntArray) -> int:
        """Write a shard to a stream and nothing else; return its samples of audio."""
        writer = ShardWriter(file)
        columns = self._write_members(writer, shard, indices, self._observations(indices, None))
        writer.finish()
        return columns.n_samples

    def _write_members(
        self,
        writer: ShardWriter,
        shard: Shard,
        indices: IntArray,
        made: Iterator[tuple[bytes, ObservationStats]],
    ) -> ShardColumns:
        columns, suffix = ShardColumns(), self._codec.name
        texts = self._text.texts(indices, shard.split)
        beat = self._beat
        beat(shard.row)
        for row, (text, (audio, facts)) in enumerate(zip(texts, made, strict=True), shard.row):
            columns.offset.append(writer.add(key_of(row), suffix, audio, text))
            columns.size.append(len(audio))
            columns.facts.append(facts)
            beat(row + 1)
        return columns

    def _observations(
        self, indices: IntArray, stored: StoredRows | None
    ) -> Iterator[tuple[bytes, ObservationStats]]:
        """Yield each observation: those with which a shard begins as they are stored, others rendered."""
        n_stored = 0 if stored is None else len(stored)
        if stored is not None:
            for position in range(n_stored):
                try:
                    observation = stored.encoded(position, self._codec), stored.stats(position)
                except ShardError:
                    if self._rendering is None:
                        raise
                    (observation,) = self._rendered(indices[position : position + 1])
                yield observation
        yield from self._rendered(indices[n_stored:])

    def _rendered(self, indices: IntArray) -> Iterator[tuple[bytes, ObservationStats]]:
        if self._rendering is None:
            return iter(())
        return map(self._encoded, self._rendering.observations(indices))

    def _encoded(self, observation: Rendered) -> tuple[bytes, ObservationStats]:
        pcm, spoken = observation.pcm, observation.spoken
        return self._codec.encode(pcm, self._rate), ObservationStats(
            len(pcm),
            pcm_sha256(pcm),
            observation.peak,
            mean_square_of(observation.steps),
            None,
            None if spoken is None else replace(spoken, waveform=_NOTHING),
        )


def _told_nobody(_: int) -> None:
    """Do nothing."""


def check_versions(plan: Plan, expected: dict[str, str], *, who: str = "this worker") -> None:
    """Refuse to work with other library versions than those that the plan was made with.

    Parameters
    ----------
    plan : Plan
    expected : dict of str to str
        What the process that started the run has.
    who : str
        Name of the worker.

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
        raise EngineError(f"{who} cannot take part: {'; '.join(differing)}")
