"""Datasets made of what a release has: of some of its observations, or in another codec.

The result is a folder like any other. Its rows are numbered from 0, its shards and their offsets are its
own; index, hashes and everything else that is known of an observation are those of the release, and every
waveform is compared with its hash on the way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, TypeAlias

import numpy as np
import pyarrow as pa

from syngen.downloads.contents import Contents
from syngen.errors import DownloadError, DownloadMismatchError, ManifestError, ShardError
from syngen.io.atomic import write_atomic
from syngen.io.files import sha256_of
from syngen.io.workspace import working_folder
from syngen.storage.annotations import ANNOTATION_SCHEMA
from syngen.storage.card import card_text
from syngen.storage.checksums import checksums_for
from syngen.storage.codec import Codec, pcm_sha256
from syngen.storage.description import Description, ShardEntry, json_bytes, read_json
from syngen.storage.layout import Layout, key_of, series_names, shard_name
from syngen.storage.manifest import read_series, write_series
from syngen.storage.shards import MemberText, ShardWriter

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json
    from syngen.downloads.transfers import Segment

__all__ = ["RangeFile", "ShardPlan", "SubsetWriter", "every_row", "segments_of", "some_rows"]

_ROWS_AT_ONCE = 1 << 16
_GAP = 1 << 12
"""Bytes that are fetched although nobody needs them: a request of its own costs as much."""

Each: TypeAlias = Callable[[Sequence[int], Callable[[int], None]], None]


@dataclass(frozen=True)
class ShardPlan:
    """A shard to be made.

    Attributes
    ----------
    name, split : str
    start, stop : int
        Its rows.
    """

    name: str
    split: str
    start: int
    stop: int


def every_row(description: Description) -> list[ShardPlan]:
    """Return the shards that a release has."""
    stops = list(accumulate(entry.rows for entry in description.shards))
    return [
        ShardPlan(entry.name, entry.split, stop - entry.rows, stop)
        for entry, stop in zip(description.shards, stops, strict=True)
    ]


def some_rows(contents: Contents, rows: IntArray) -> list[ShardPlan]:
    """Return shards, none larger than those of the release, for some of its rows in ascending order."""
    entries = contents.description.shards
    most = max(entry.rows for entry in entries)
    in_shard = np.searchsorted(contents.starts, rows, side="right") - 1
    plans: list[ShardPlan] = []
    for split in contents.description.counts:
        numbers = [number for number, entry in enumerate(entries) if entry.split == split]
        if not numbers:
            continue
        start, stop = np.searchsorted(in_shard, [numbers[0], numbers[-1] + 1]).tolist()
        for k, first in enumerate(range(start, stop, most)):
            plans.append(ShardPlan(shard_name(split, k), split, first, min(first + most, stop)))
    return plans


def segments_of(offsets: IntArray, sizes: IntArray) -> list[Segment]:
    """Return the parts of a shard that hold some members, given in order; neighbours are one part."""
    segments: list[Segment] = []
    for offset, size in zip(offsets.tolist(), sizes.tolist(), strict=True):
        if segments and offset - segments[-1][1] <= _GAP:
            segments[-1] = (segments[-1][0], offset + size)
        else:
            segments.append((offset, offset + size))
    return segments


class RangeFile:
    """Segments of a shard, one after the other in a file.

    Parameters
    ----------
    path : Path
    segments : sequence of Segment
    """

    def __init__(self, path: Path, segments: Sequence[Segment]) -> None:
        self.path, self.segments = path, segments
        self._starts = [start for start, _ in segments]
        self._places = [0, *accumulate(stop - start for start, stop in segments)]

    def place(self, offset: int) -> int:
        """Return where a byte of the shard lies in the file."""
        k = bisect_right(self._starts, offset) - 1
        return self._places[k] + offset - self._starts[k]


@dataclass(frozen=True)
class SubsetWriter:
    """Makes a dataset of rows of a release.

    Attributes
    ----------
    contents : Contents
        Of the release.
    rows : ndarray of int64, shape (n,)
        Rows of the release, in ascending order.
    plans : sequence of ShardPlan
    pieces : mapping of int to Piece
        What came of the shards of the release, by number.
    codec : Codec
        Of the new dataset.
    part_of : dict or None
        What the description says of it; None for all rows.
    """

    contents: Contents
    rows: IntArray
    plans: Sequence[ShardPlan]
    pieces: Mapping[int, RangeFile]
    codec: Codec
    part_of: Json | None

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
        entries: dict[int, ShardEntry] = {}

        def one(number: int) -> None:
            plan = self.plans[number]
            entries[number] = self._write_shard(layout, plan, offsets, sizes)

        each(range(len(self.plans)), one)
        return self._finish(layout, [entries[k] for k in range(len(self.plans))], offsets, sizes)

    def _write_shard(
        self, layout: Layout, plan: ShardPlan, offsets: IntArray, sizes: IntArray
    ) -> ShardEntry:
        contents, rows = self.contents, self.rows[plan.start : plan.stop]
        table = contents.table.take(rows)
        names = ("index", "offset", "size", "n_samples", "pcm_sha256")
        columns = (table.column(name).to_pylist() for name in names)
        numbers = (np.searchsorted(contents.starts, rows, side="right") - 1).tolist()
        levels = map(tuple, contents.levels_of(table).tolist())
        text = MemberText(contents.vocabulary.grid)
        path = layout.shard(plan.name)
        with open(path, "xb") as file, _Pieces(self.pieces) as pieces:
            writer = ShardWriter(file)
            for row, number, (index, offset, size, n_samples, sha256), of_row in zip(
                range(plan.start, plan.stop), numbers, zip(*columns, strict=True), levels, strict=True
            ):
                audio = pieces.read(number, offset, size)
                audio = self._checked(audio, int(self.rows[row]), n_samples, sha256)
                of_member = text.of(index, plan.split, of_row)
                offsets[row] = writer.add(key_of(row), self.codec.name, audio, of_member)
                sizes[row] = len(audio)
            digest = writer.finish()
        return ShardEntry(plan.name, plan.split, plan.stop - plan.start, path.stat().st_size, digest)

    def _checked(self, audio: bytes, row: int, n_samples: int, sha256: bytes) -> bytes:
        """Return the audio of a row in the codec that is wanted, its samples compared with their hash."""
        codec, rate = self.contents.codec, self.contents.vocabulary.sample_rate
        problem = None
        if not codec.is_stated(audio[:64], len(audio), n_samples, rate):
            problem = f"it is not {codec.name.upper()} that has {n_samples} samples"
        else:
            try:
                pcm = codec.decode(audio)
            except ShardError as error:
                problem = str(error)
            else:
                found = pcm_sha256(pcm)
                if len(pcm) == n_samples and found == sha256:
                    return audio if codec is self.codec else self.codec.encode(pcm, rate)
                problem = "its samples have another SHA-256 than the manifest says"
        raise DownloadMismatchError(f"row {row} of the release is refused: {problem}")

    def _finish(
        self, layout: Layout, entries: Sequence[ShardEntry], offsets: IntArray, sizes: IntArray
    ) -> Description:
        """Write everything beside the shards; the description comes last."""
        release, source = self.contents.description, self.contents.layout
        tables = self._tables()
        counts = dict.fromkeys(release.counts, 0)
        for entry in entries:
            counts[entry.split] += entry.rows
        n_samples = self._write_manifest(layout, tables, offsets, sizes)
        if "annotations" in tables:
            self._write_annotations(layout, tables)
        for name in tables:
            if not name.startswith(("manifest", "annotations")):
                write_atomic(layout.table(name), source.table(name).read_bytes())
        versions = {
            key: value for key, value in release.versions.items() if key != f"codec {release.codec}"
        } | {f"codec {self.codec.name}": self._library()}
        description = Description(
            recipe=release.recipe,
            recipe_text=release.recipe_text,
            fingerprint=release.fingerprint,
            versions=versions,
            codec=self.codec.name,
            counts=counts,
            hours=n_samples / self.contents.vocabulary.sample_rate / 3600.0,
            licence=release.licence,
            shards=tuple(entries),
            tables=tables,
            part_of=self.part_of,
        )
        write_atomic(layout.recipe, source.recipe.read_bytes())
        write_atomic(layout.plan, self._plan(description))
        card = card_text(description, self.contents.vocabulary)
        write_atomic(layout.card, card.encode("utf-8"))
        hashes = {
            path.name: sha256_of(path)
            for path in layout.final_files(tables)
            if path not in (layout.checksums, layout.description)
        }
        write_atomic(layout.checksums, checksums_for(description, hashes))
        write_atomic(layout.description, description.to_bytes())
        return description

    def _library(self) -> str:
        release = self.contents.description
        if self.codec.name == release.codec:
            return str(release.versions.get(f"codec {release.codec}", self.codec.library))
        return self.codec.library

    def _tables(self) -> tuple[str, ...]:
        """Return the tables that the new dataset has beside ``manifest.parquet``."""
        n, old = len(self.rows), self.contents.description.tables
        annotations = series_names("annotations", n) if "annotations" in old else ()
        own = [name for name in old if not name.startswith(("manifest", "annotations"))]
        return (*series_names("manifest", n)[1:], *annotations, *own)

    def _write_manifest(
        self, layout: Layout, tables: Sequence[str], offsets: IntArray, sizes: IntArray
    ) -> int:
        """Write the manifest and return how many samples it counts."""
        schema = self.contents.vocabulary.dataset_schema()
        shards = pa.array(
            [plan.name for plan in self.plans for _ in range(plan.stop - plan.start)], pa.string()
        )
        n_samples = 0

        def parts() -> Iterator[tuple[pa.Table, IntArray]]:
            nonlocal n_samples
            for start in range(0, len(self.rows), _ROWS_AT_ONCE):
                some = slice(start, start + _ROWS_AT_ONCE)
                table = self.contents.table.take(self.rows[some])
                n_samples += int(np.asarray(table.column("n_samples").to_numpy(), dtype=np.int64).sum())
                for name, values in (
                    ("shard", shards[some]),
                    ("offset", pa.array(offsets[some])),
                    ("size", pa.array(sizes[some])),
                ):
                    position = table.column_names.index(name)
                    table = table.set_column(position, schema.field(name), values)
                yield table, np.arange(start, start + table.num_rows, dtype=np.int64)

        write_series(layout.series("manifest", tables), schema, parts())
        return n_samples

    def _write_annotations(self, layout: Layout, tables: Sequence[str]) -> None:
        source = self.contents.layout
        try:
            table = read_series(source.series("annotations", self.contents.description.tables))
        except ManifestError as error:
            raise DownloadError(f"the release is refused: {error}") from error
        if not table.schema.equals(ANNOTATION_SCHEMA):
            raise DownloadError("annotations.parquet has other columns than annotations have")
        old = np.asarray(table.column("row").to_numpy(), dtype=np.int64)
        new = np.searchsorted(self.rows, old)
        is_meant = (new < len(self.rows)) & (self.rows[np.minimum(new, len(self.rows) - 1)] == old)
        kept = table.filter(pa.array(is_meant))
        rows = new[is_meant]
        position = kept.column_names.index("row")
        field = ANNOTATION_SCHEMA.field("row")
        kept = kept.set_column(position, field, pa.array(rows, field.type))
        write_series(layout.series("annotations", tables), ANNOTATION_SCHEMA, iter([(kept, rows)]))

    def _plan(self, description: Description) -> bytes:
        """Return the plan: that of the release, but for what is another one's."""
        try:
            content = read_json(self.contents.layout.plan)
        except ManifestError as error:
            raise DownloadError(f"the release is refused: {error}") from error
        content |= {
            "rows": description.n_rows,
            "splits": description.counts,
            "codec": description.codec,
            "versions": description.versions,
        }
        for key in ("tables", "release"):  # what is made here was not published
            content.pop(key, None)
        if description.tables:
            content["tables"] = list(description.tables)
        if description.part_of is not None:
            content["part_of"] = description.part_of
        return json_bytes(content)


class _Pieces:
    """Files of pieces, opened when they are needed."""

    def __init__(self, pieces: Mapping[int, RangeFile]) -> None:
        self._pieces = pieces
        self._files: dict[int, IO[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def read(self, number: int, offset: int, size: int) -> bytes:
        """Return bytes of a shard of the release."""
        piece = self._pieces[number]
        if number not in self._files:
            self.__exit__()  # rows come shard by shard
            self._files = {number: open(piece.path, "rb")}  # noqa: SIM115  # closed with the next one
        file = self._files[number]
        file.seek(piece.place(offset))
        return file.read(size)
