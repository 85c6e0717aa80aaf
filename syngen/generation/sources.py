"""Stored observations as the rows of other shards: read, proven to be what the manifest says, and encoded.

A dataset that grows, a release that is built, and a part of a release consist of rows that another
dataset has: in shards of another size, with another codec, or in files of which only some bytes were
fetched.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import numpy as np

from syngen.errors import ManifestError, ShardError
from syngen.generation.shard_manifest import ObservationStats
from syngen.io.files import sha256_of
from syngen.storage.codec import find_codec, pcm_sha256
from syngen.storage.description import read_description
from syngen.storage.layout import Layout
from syngen.storage.names import is_work_name
from syngen.storage.receipts import has_parts, read_any_receipt
from syngen.storage.tables.annotations import annotations_of_rows
from syngen.storage.tables.columns import integers
from syngen.storage.tables.manifest import read_manifest, read_series
from syngen.synth.plugin import Span, Spoken

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import IntArray
    from syngen.storage.codec import Codec
    from syngen.storage.shard_ranges import Shard

__all__ = ["DatasetSource", "RangeFile", "StoredRows", "find_smaller", "smaller_layouts"]

_PLACES = ("shard", "offset", "size", "n_samples", "pcm_sha256", "peak", "rms_db")
_SPOKEN = ("transcript", "speech_start", "speech_end")
_SPANS = ("kind", "text", "start", "end")
_MOST_BYTES = 1 << 31
_NOTHING = np.empty(0)


class RangeFile:
    """Segments of a shard, one after the other in a file.

    Parameters
    ----------
    path : Path
    segments : sequence of (int, int)
        First byte of each in the shard, and the one after its last; by default all bytes are there.
    """

    def __init__(self, path: Path, segments: Sequence[tuple[int, int]] = ((0, 1 << 62),)) -> None:
        self.path, self.segments = path, segments
        self._starts = [start for start, _ in segments]
        self._places = [0, *accumulate(stop - start for start, stop in segments)]

    @property
    def n_bytes(self) -> int:
        """Bytes in all segments."""
        return self._places[-1]

    def place(self, offset: int) -> int:
        """Return where a byte of the shard lies in the file."""
        k = bisect_right(self._starts, offset) - 1
        return self._places[k] + offset - self._starts[k]


class StoredRows:
    """Rows of a manifest whose audio is in shards. A context that keeps the shard at hand open.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    numbers : sequence of int
        Number of each row, for messages.
    find_file : callable
        Takes the name of a shard and returns its file.
    codec : Codec
        What the rows are stored with.
    sample_rate : int
    spans : pyarrow.Table or None
        Annotations of the rows, which are then consecutive.
    is_sound : bool
        Whether the shards are known to be undamaged; else the samples of every row are proven.
    """

    def __init__(
        self,
        table: pa.Table,
        numbers: Sequence[int],
        find_file: Callable[[str], RangeFile],
        codec: Codec,
        sample_rate: int,
        *,
        spans: pa.Table | None = None,
        is_sound: bool = False,
    ) -> None:
        self._places = list(zip(*(table.column(name).to_pylist() for name in _PLACES), strict=True))
        self._spoken = None if spans is None else _spoken_in(table, spans, numbers[0])
        self._numbers, self._find_file = numbers, find_file
        self._codec, self._sample_rate, self._is_sound = codec, sample_rate, is_sound
        self._open: tuple[str, RangeFile, IO[bytes]] | None = None

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open[2].close()

    def stats(self, position: int) -> ObservationStats:
        """Return what the manifest says of a row."""
        *_, n_samples, sha256, peak, rms_db = self._places[position]
        spoken = None if self._spoken is None else self._spoken[position]
        return ObservationStats(n_samples, sha256, peak, float("nan"), rms_db, spoken)

    def encoded(self, position: int, codec: Codec | None = None) -> bytes:
        """Return the audio of a row, by default as it is stored.

        Parameters
        ----------
        position : int
            Of the row in `table`.
        codec : Codec, optional
            What it is encoded with, unless the shards are sound. The same codec mends damage that the
            samples do not show.

        Raises
        ------
        ShardError
            If the audio is missing, or its samples are not what the manifest says.
        """
        name, offset, size, n_samples, sha256, *_ = self._places[position]
        audio = self._read(name, offset, size)
        if self._is_sound:
            return audio
        try:
            if not self._codec.is_stated(audio[:64], len(audio), n_samples, self._sample_rate):
                raise ShardError(f"it is not {self._codec.name.upper()} that has {n_samples} samples")
            pcm = self._codec.decode(audio)
            if len(pcm) != n_samples or pcm_sha256(pcm) != sha256:
                raise ShardError("the samples have another SHA-256 than the manifest says")
        except ShardError as error:
            raise ShardError(f"shard {name}, row {self._numbers[position]}: {error}") from error
        return audio if codec is None else codec.encode(pcm, self._sample_rate)

    def _read(self, name: str, offset: int, size: int) -> bytes:
        """Return so many bytes of a shard, or fewer where it ends.

        They are read and not mapped: of a file that is read once, mapping costs more than copying.
        """
        if self._open is None or self._open[0] != name:
            self.__exit__()
            found = self._find_file(name)
            try:
                if not found.path.is_file():  # a pipe would never end
                    raise OSError("no such file")
                self._open = name, found, open(found.path, "rb", buffering=0)  # noqa: SIM115  # see __exit__
            except OSError as error:
                raise ShardError(f"shard {name}: cannot be read: {error}") from error
        if offset < 0 or not 0 <= size <= _MOST_BYTES:
            return b""
        _, found, file = self._open
        file.seek(found.place(offset))
        return file.read(size)


class DatasetSource:
    """The rows of a finished dataset.

    Parameters
    ----------
    layout : Layout
    sample_rate : int
    """

    def __init__(self, layout: Layout, sample_rate: int) -> None:
        description = read_description(layout.description)
        speaks = "annotations" in description.tables
        columns = ["index", *_PLACES, *(_SPOKEN if speaks else ())]
        self._table = read_series(layout.series("manifest", description.tables), columns=columns)
        self._spans = read_series(layout.series("annotations", description.tables)) if speaks else None
        self._layout, self._sample_rate = layout, sample_rate
        self._codec = find_codec(description.codec)

    def index(self, row: int) -> int:
        """Return the grid point of a row."""
        return int(self._table.column("index")[row].as_py())

    def rows(self, start: int, n_rows: int = 1) -> StoredRows:
        """Return consecutive rows."""
        return StoredRows(
            self._table.slice(start, n_rows),
            range(start, start + n_rows),
            _files_in(self._layout),
            self._codec,
            self._sample_rate,
            spans=None if self._spans is None else annotations_of_rows(self._spans, start, start + n_rows),
        )

    def rows_of(self, shard: Shard, indices: IntArray) -> StoredRows:
        """Return the rows of a shard of another plan.

        Parameters
        ----------
        shard : Shard
        indices : ndarray of int64, shape (shard.n_rows,)
            What that plan gives for them.

        Raises
        ------
        ShardError
            If the dataset has other grid points there.
        """
        part = self._table.slice(shard.row, shard.n_rows)
        if not np.array_equal(integers(part, "index"), indices):
            raise ShardError(
                f"rows {shard.row}..: the manifest has other grid points than the recipe gives"
            )
        return self.rows(shard.row, shard.n_rows)


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


def find_smaller(
    layout: Layout, shard: Shard, indices: IntArray, codec: Codec, sample_rate: int
) -> StoredRows | None:
    """Return the rows with which a shard begins that a smaller dataset has, if there is one.

    A dataset that grows keeps, in every split, its first rows in their order: shard for shard, the larger
    dataset begins with the observations of the smaller.

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
            is_sound = sha256_of(smaller.shard(shard.name)) == receipt.entry.sha256
        except (OSError, ManifestError):
            continue
        found = integers(table, "index")
        if len(found) <= shard.n_rows and np.array_equal(found, indices[: len(found)]):
            numbers = range(receipt.row, receipt.row + len(found))
            files = _files_in(smaller)
            return StoredRows(table, numbers, files, codec, sample_rate, spans=spans, is_sound=is_sound)
    return None


def _files_in(layout: Layout) -> Callable[[str], RangeFile]:
    return lambda name: RangeFile(layout.shard(name))


def _spoken_in(table: pa.Table, spans: pa.Table, row: int) -> list[Spoken]:
    """Return what is said in consecutive rows of a manifest, the first of which has the number `row`."""
    listed = [Span(*span) for span in zip(*(spans.column(n).to_pylist() for n in _SPANS), strict=True)]
    rows = integers(spans, "row")
    starts = np.searchsorted(rows, np.arange(row, row + table.num_rows + 1)).tolist()
    said = zip(*(table.column(name).to_pylist() for name in _SPOKEN), strict=True)
    return [
        Spoken(_NOTHING, transcript, tuple(listed[starts[i] : starts[i + 1]]), start, end)
        for i, (transcript, start, end) in enumerate(said)
    ]
