"""Observations of a finished dataset, read to be stored in other shards and with another codec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from io import FileIO
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import ShardError
from syngen.generation.folder.reusable_shards import spoken_in
from syngen.generation.shard_manifest import ObservationStats
from syngen.storage.codec import find_codec, pcm_sha256
from syngen.storage.description import read_description
from syngen.storage.manifest import read_series

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import IntArray, PcmArray
    from syngen.storage.codec import Codec
    from syngen.storage.layout import Layout
    from syngen.storage.shard_ranges import Shard

__all__ = ["DatasetSource"]

_PLACES = ("index", "shard", "offset", "size", "n_samples", "pcm_sha256", "peak", "rms_db")
_MOST_BYTES = 1 << 31
_NAN = float("nan")
_SPOKEN = ("transcript", "speech_start", "speech_end")


class DatasetSource:
    """The observations of a dataset by row. Opened when the first is asked for.

    Parameters
    ----------
    layout : Layout
        Of a finished dataset.
    codec : Codec
        What they are encoded with, whatever they are stored as.
    sample_rate : int
    """

    def __init__(self, layout: Layout, codec: Codec, sample_rate: int) -> None:
        self._layout, self._codec, self._sample_rate = layout, codec, sample_rate
        self._opened: tuple[pa.Table, pa.Table | None, Codec] | None = None

    def observations(self, shard: Shard, indices: IntArray) -> Iterator[tuple[bytes, ObservationStats]]:
        """Yield the encoded audio of a shard's rows, and what a manifest says of each.

        Every observation is decoded and must have the samples that the manifest says.

        Parameters
        ----------
        shard : Shard
            Of the plan that the rows go into.
        indices : ndarray of int64, shape (shard.n_rows,)

        Raises
        ------
        ShardError
            If a row is missing or damaged, or is that of another grid point.
        """
        table, spans, stored_codec = self._tables()
        part = table.slice(shard.row, shard.n_rows)
        if not np.array_equal(part.column("index").to_numpy(), indices):
            raise ShardError(
                f"rows {shard.row}..: the manifest has other grid points than the recipe gives"
            )
        spoken = None if spans is None else spoken_in(part, _spans_of(spans, shard), shard.row)
        rows = zip(*(part.column(name).to_pylist() for name in _PLACES[1:]), strict=True)
        with closing(_ShardFiles(self._layout)) as files:
            for position, (name, offset, size, n_samples, sha256, peak, rms_db) in enumerate(rows):
                stored = files.read(name, offset, size)
                pcm = _checked(stored_codec, stored, n_samples, sha256, shard.row + position, name)
                said = None if spoken is None else spoken[position]
                audio = self._codec.encode(pcm, self._sample_rate)
                yield audio, ObservationStats(n_samples, sha256, peak, _NAN, rms_db, said)

    def pcm(self, row: int) -> PcmArray:
        """Return the samples of a row, int16 of shape (n_samples,); raises what `observations` raises."""
        table, _, codec = self._tables()
        _, name, offset, size, n_samples, sha256, *_ = (table.column(c)[row].as_py() for c in _PLACES)
        with closing(_ShardFiles(self._layout)) as files:
            stored = files.read(name, offset, size)
        return _checked(codec, stored, n_samples, sha256, row, name)

    def index(self, row: int) -> int:
        """Return the grid point of a row."""
        return int(self._tables()[0].column("index")[row].as_py())

    def _tables(self) -> tuple[pa.Table, pa.Table | None, Codec]:
        if self._opened is None:
            description = read_description(self._layout.description)
            speaks = "annotations" in description.tables
            columns = [*_PLACES, *(_SPOKEN if speaks else ())]
            table = read_series(self._layout.series("manifest", description.tables), columns=columns)
            spans = None
            if speaks:
                spans = read_series(self._layout.series("annotations", description.tables))
            self._opened = table, spans, find_codec(description.codec)
        return self._opened


class _ShardFiles:
    """Reads bytes of shards; the one that was asked for last stays open.

    They are read and not mapped: of a file that is read once, mapping costs more than copying.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._name = ""
        self._file: FileIO | None = None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return so many bytes of a shard, or fewer where it ends."""
        if self._file is None or self._name != name:
            self.close()
            path = self._layout.shard(name)
            try:
                if not path.is_file():
                    raise OSError("no such file")
                self._name, self._file = name, open(path, "rb", buffering=0)  # noqa: SIM115  # see close
            except OSError as error:
                raise ShardError(f"shard {name}: cannot be read: {error}") from error
        if offset < 0 or not 0 <= size <= _MOST_BYTES:
            return b""
        self._file.seek(offset)
        return self._file.read(size)


def _checked(codec: Codec, stored: bytes, n_samples: int, sha256: bytes, row: int, shard: str) -> PcmArray:
    """Return the samples of a row, if they are what the manifest says."""
    try:
        pcm = codec.decode(stored)
    except ShardError as error:
        raise ShardError(f"shard {shard}, row {row}: {error}") from error
    if len(pcm) != n_samples:
        raise ShardError(f"shard {shard}, row {row}: {len(pcm)} samples, the manifest says {n_samples}")
    if pcm_sha256(pcm) != sha256:
        raise ShardError(
            f"shard {shard}, row {row}: the samples have another SHA-256 than the manifest says"
        )
    return pcm


def _spans_of(spans: pa.Table, shard: Shard) -> pa.Table:
    rows = np.asarray(spans.column("row").to_numpy(), dtype=np.int64)
    start, stop = np.searchsorted(rows, [shard.row, shard.row + shard.n_rows]).tolist()
    return spans.slice(start, stop - start)
