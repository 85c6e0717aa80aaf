"""Datasets made of what a release has: of some of its observations, or in another codec.

The result is a folder like any other. Its rows are numbered from 0, its shards and their offsets are its
own; index, hashes and everything else that is known of an observation are those of the release, and every
waveform is compared with its hash on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from syngen.downloads.contents import Contents, refusing
from syngen.errors import DownloadError, DownloadMismatchError, ParameterError, ShardError
from syngen.generation.sources import RangeFile, StoredRows
from syngen.io.atomic import write_atomic
from syngen.io.workspace import working_folder
from syngen.storage.card import card_text
from syngen.storage.checksums import write_documents
from syngen.storage.codec import Codec
from syngen.storage.description import Description, PartOf, ShardEntry, json_bytes, read_json
from syngen.storage.layout import Layout, key_of, table_names
from syngen.storage.shard_ranges import Shard, ShardRanges
from syngen.storage.shards import ShardWriter
from syngen.storage.tables.annotations import ANNOTATION_SCHEMA
from syngen.storage.tables.columns import integers
from syngen.storage.tables.manifest import read_series, write_series

if TYPE_CHECKING:
    from syngen._typing import IntArray
    from syngen.downloads.transfers import Segment

__all__ = ["SubsetWriter", "chosen_rows", "segments_of", "whole_shards"]

_ROWS_AT_ONCE = 1 << 16
_GAP = 1 << 12
"""Bytes that are fetched although nobody needs them: a request of its own costs as much."""

Each: TypeAlias = Callable[[Sequence[Shard], Callable[[Shard], None]], None]


def chosen_rows(contents: Contents, rows: IntArray) -> IntArray:
    """Return rows of a release in ascending order, each once; refuses none at all.

    Raises
    ------
    ParameterError
    """
    found = np.unique(np.asarray(rows, dtype=np.int64))
    if not len(found):
        raise ParameterError(f"no observation of {contents.description.recipe['name']} is selected")
    return found


def whole_shards(contents: Contents) -> dict[str, RangeFile]:
    """Return the shards of a release by name."""
    return {
        entry.name: RangeFile(contents.layout.shard(entry.name), [(0, entry.bytes)])
        for entry in contents.description.shards
    }


def segments_of(offsets: IntArray, sizes: IntArray) -> list[Segment]:
    """Return the parts of a shard that hold some members, given in order; neighbours are one part."""
    segments: list[Segment] = []
    for offset, size in zip(offsets.tolist(), sizes.tolist(), strict=True):
        if segments and offset - segments[-1][1] <= _GAP:
            segments[-1] = (segments[-1][0], offset + size)
        else:
            segments.append((offset, offset + size))
    return segments


@dataclass(frozen=True)
class SubsetWriter:
    """Makes a dataset of rows of a release.

    Attributes
    ----------
    contents : Contents
        Of the release.
    rows : ndarray of int64, shape (n,)
        Rows of the release, in ascending order.
    files : mapping of str to RangeFile
        What came of the shards of the release, by name.
    codec : Codec
        Of the new dataset.
    part_of : PartOf or None
        What the description says of it; None for all rows.
    """

    contents: Contents
    rows: IntArray
    files: Mapping[str, RangeFile]
    codec: Codec
    part_of: PartOf | None

    def make(self, folder: Path, each: Each) -> Description:
        """Make the dataset in a folder.

        Parameters
        ----------
        folder : Path
            Absent or empty.
        each : callable
            Takes items and what to do with each, and does it for several at a time.

        Raises
        ------
        DownloadError
            If an observation is not what the manifest says.
        """
        layout = Layout(folder)
        working_folder(layout.audio, within=folder.parent, mode=0o777)
        n = len(self.rows)
        offsets, sizes = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        entries: dict[str, ShardEntry] = {}

        def one(shard: Shard) -> None:
            entries[shard.name] = self._write_shard(layout, shard, offsets, sizes)

        each(self.shards, one)
        return self._finish(layout, [entries[shard.name] for shard in self.shards], offsets, sizes)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows by split."""
        entries = self.contents.description.shards
        n_rows = np.bincount(self.contents.shard_numbers(self.rows), minlength=len(entries))
        counts = dict.fromkeys(self.contents.description.counts, 0)
        for entry, n in zip(entries, n_rows.tolist(), strict=True):
            counts[entry.split] += n
        return counts

    @property
    def shards(self) -> ShardRanges:
        """Its shards, none larger than those of the release."""
        entries = self.contents.description.shards
        return ShardRanges(self.counts, max((entry.rows for entry in entries), default=1))

    def _write_shard(self, layout: Layout, shard: Shard, offsets: IntArray, sizes: IntArray) -> ShardEntry:
        contents, rows = self.contents, self.rows[shard.row : shard.row + shard.n_rows]
        table = contents.table.take(rows)
        path = layout.shard(shard.name)
        codec = None if self.codec is contents.codec else self.codec
        rate = contents.vocabulary.sample_rate
        stored = StoredRows(table, rows.tolist(), self.files.__getitem__, contents.codec, rate)
        with open(path, "xb") as file, stored:
            writer = ShardWriter(file)
            for position, text in enumerate(contents.texts(table, shard.split)):
                try:
                    audio = stored.encoded(position, codec)
                except ShardError as error:
                    raise DownloadMismatchError(f"the release is refused: {error}") from error
                row = shard.row + position
                offsets[row] = writer.add(key_of(row), self.codec.name, audio, text)
                sizes[row] = len(audio)
            digest = writer.finish()
        return ShardEntry(shard.name, shard.split, shard.n_rows, writer.n_bytes, digest)

    def _finish(
        self, layout: Layout, entries: Sequence[ShardEntry], offsets: IntArray, sizes: IntArray
    ) -> Description:
        """Write everything beside the shards; the description comes last."""
        release, source = self.contents.description, self.contents.layout
        own = [name for name in release.tables if not name.startswith(("manifest", "annotations"))]
        is_spoken = "annotations" in release.tables
        tables = table_names(len(self.rows), is_spoken=is_spoken, own=own)
        n_samples = self._write_manifest(layout, tables, offsets, sizes)
        if is_spoken:
            self._write_annotations(layout, tables)
        for name in own:
            write_atomic(layout.table(name), source.table(name).read_bytes())
        versions = dict(release.versions)
        library = versions.pop(f"codec {release.codec}", self.codec.library)
        is_same = self.codec.name == release.codec
        versions[f"codec {self.codec.name}"] = library if is_same else self.codec.library
        description = replace(
            release,
            versions=versions,
            codec=self.codec.name,
            counts=self.counts,
            hours=n_samples / self.contents.vocabulary.sample_rate / 3600.0,
            shards=tuple(entries),
            tables=tables,
            release=None,  # what is made here was not published
            part_of=self.part_of,
        )
        write_atomic(layout.recipe, source.recipe.read_bytes())
        write_atomic(layout.plan, self._plan(description))
        card = card_text(description, self.contents.vocabulary)
        return write_documents(layout, description, {layout.card.name: card.encode("utf-8")})

    def _write_manifest(
        self, layout: Layout, tables: Sequence[str], offsets: IntArray, sizes: IntArray
    ) -> int:
        """Write the manifest and return how many samples it counts."""
        schema, n_samples = self.contents.vocabulary.dataset_schema(), 0
        names = [shard.name for shard in self.shards for _ in range(shard.n_rows)]

        def parts() -> Iterator[tuple[pa.Table, IntArray]]:
            nonlocal n_samples
            for start in range(0, len(self.rows), _ROWS_AT_ONCE):
                some = slice(start, start + _ROWS_AT_ONCE)
                table = self.contents.table.take(self.rows[some])
                n_samples += int(integers(table, "n_samples").sum())
                for name, values in (("shard", names), ("offset", offsets), ("size", sizes)):
                    table = _with_column(table, schema.field(name), values[some])
                yield table, np.arange(start, start + table.num_rows, dtype=np.int64)

        write_series(layout.series("manifest", tables), schema, parts())
        return n_samples

    def _write_annotations(self, layout: Layout, tables: Sequence[str]) -> None:
        source = self.contents.layout
        with refusing(source.folder):
            table = read_series(source.series("annotations", self.contents.description.tables))
        if not table.schema.equals(ANNOTATION_SCHEMA):
            raise DownloadError("annotations.parquet has other columns than annotations have")
        old = integers(table, "row")
        is_meant = np.isin(old, self.rows)
        rows = np.searchsorted(self.rows, old[is_meant])
        kept = _with_column(table.filter(pa.array(is_meant)), ANNOTATION_SCHEMA.field("row"), rows)
        write_series(layout.series("annotations", tables), ANNOTATION_SCHEMA, iter([(kept, rows)]))

    def _plan(self, description: Description) -> bytes:
        """Return the plan: that of the release, but for what is another one's."""
        with refusing(self.contents.layout.folder):
            content = read_json(self.contents.layout.plan)
        content |= {
            "rows": description.n_rows,
            "splits": description.counts,
            "codec": description.codec,
            "versions": description.versions,
            "tables": list(description.tables) or None,
            "release": None,
            "part_of": description.part_of,
        }
        return json_bytes({key: value for key, value in content.items() if value is not None})


def _with_column(table: pa.Table, field: pa.Field, values: Any) -> pa.Table:
    """Return a table with other values in one of its columns."""
    return table.set_column(table.column_names.index(field.name), field, pa.array(values, field.type))
