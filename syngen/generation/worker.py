"""One shard: rendered, encoded, written, and acknowledged by a receipt.

A shard exists when its receipt does. The tar is streamed to a temporary name, made durable and renamed;
then the shard's part of the manifest; then the receipt. Whatever happens in between, nothing half-written
has a name that anybody reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import IO, TYPE_CHECKING

import numpy as np

from syngen._files import atomic_file, write_atomic
from syngen.errors import EngineError
from syngen.generation.parts import (
    Columns,
    Item,
    annotations_of,
    mean_square_of,
    part_table,
    plain,
    write_parts,
)
from syngen.generation.plan import Plan, Shard, vocabulary_for
from syngen.generation.receipts import Receipt
from syngen.generation.stored import StoredShard, find_stored
from syngen.storage.codec import find_codec
from syngen.storage.description import ShardEntry
from syngen.storage.layout import Layout, key_of
from syngen.storage.shards import MemberText, ShardWriter
from syngen.synth.rendering import Rendered, Rendering

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["ShardWorker", "check_versions"]

_NOTHING = np.empty(0)  # a waveform that is written need not be kept


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

        Observations that a smaller dataset in the folder has are copied, the others rendered.

        Parameters
        ----------
        layout : Layout
            Of a folder that has the folders for shards and receipts.
        shard : Shard
        indices : ndarray of int64, shape (shard.n_rows,)
            Grid point of each row.
        """
        rate = self._plan.resolved.audio.sample_rate
        stored = find_stored(layout, shard, indices, codec=self._codec, sample_rate=rate)
        with atomic_file(layout.shard(shard.name)) as file:
            writer = ShardWriter(file)
            columns = self._write_members(writer, shard, indices, stored)
            sha256 = writer.finish()
        table = part_table(self._plan, self._vocabulary, shard, indices, columns)
        annotations = annotations_of(shard, columns) if self._vocabulary.speaks else None
        files = write_parts(layout, self._vocabulary, shard.name, table, annotations)
        receipt = Receipt(
            entry=ShardEntry(shard.name, shard.split, shard.n_rows, writer.n_bytes, sha256),
            row=shard.row,
            n_samples=sum(columns.n_samples),
            **asdict(files),
            copied=columns.n_read,
        )
        write_atomic(layout.receipt(shard.name), receipt.to_bytes())
        return receipt

    def rehearse(self, file: IO[bytes], shard: Shard, indices: IntArray) -> int:
        """Write a shard to a stream and nothing else; return its samples of audio."""
        writer = ShardWriter(file)
        columns = self._write_members(writer, shard, indices, None)
        writer.finish()
        return sum(columns.n_samples)

    def _write_members(
        self, writer: ShardWriter, shard: Shard, indices: IntArray, stored: StoredShard | None
    ) -> Columns:
        resolved = self._plan.resolved
        columns = Columns(
            {n.name: plain(n.draw(resolved.recipe.seed, indices)) for n in resolved.nuisances}
        )
        levels = map(tuple, resolved.grid.levels_of(indices).tolist())
        items = self._items(indices, stored)
        for row, (index, of_index, item) in enumerate(
            zip(indices.tolist(), levels, items, strict=True), shard.row
        ):
            text = self._text.of(index, shard.split, of_index)
            columns.add(writer.add(key_of(row), self._codec.name, item.audio, text), item)
        return columns

    def _items(self, indices: IntArray, stored: StoredShard | None) -> Iterator[Item]:
        """Yield each observation: as it is stored, or rendered."""
        n_stored = 0 if stored is None else len(stored)
        for position in range(n_stored):
            item = stored.item(position) if stored is not None else None
            if item is None:
                (observation,) = self._rendering.observations(indices[position : position + 1])
                item = self._item(observation)
            yield item
        yield from map(self._item, self._rendering.observations(indices[n_stored:]))

    def _item(self, observation: Rendered) -> Item:
        pcm, spoken = observation.pcm, observation.spoken
        return Item(
            audio=self._codec.encode(pcm, self._plan.resolved.audio.sample_rate),
            n_samples=len(pcm),
            sha256=hashlib.sha256(pcm.astype("<i2", copy=False).data).digest(),
            peak=observation.peak,
            mean_square=mean_square_of(observation.steps),
            spoken=None if spoken is None else replace(spoken, waveform=_NOTHING),
        )


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
