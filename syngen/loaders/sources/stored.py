"""Where a dataset's waveforms come from; here from shards on disk."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syngen.dsp.level import dequantise, dequantise_to
from syngen.errors import FactorError, ManifestError, ParameterError, ShardError
from syngen.factors import FactorGrid
from syngen.identities import HASH_BYTES, Identities
from syngen.loaders.sources.open_files import OpenFileCache
from syngen.loaders.sources.sidecar import LARGE, Sidecar, open_sidecar
from syngen.storage.codec import find_codec
from syngen.storage.description import Description, read_description
from syngen.storage.layout import Layout
from syngen.storage.manifest import Vocabulary, read_series, vocabulary_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from syngen._typing import Float32Array, IntArray, PcmArray
    from syngen.identities import HashArray

__all__ = ["Source", "StoredSource", "checked_length", "hash_array", "read_only"]

_OPEN_SHARDS = 128
_ROWS_OF_NO_SHARD = 2_000


class Source(ABC):
    """Rows of a dataset: their factors as a table, and their samples."""

    vocabulary: Vocabulary

    @property
    @abstractmethod
    def table(self) -> pa.Table:
        """The manifest in row order."""

    @property
    @abstractmethod
    def n_samples(self) -> int:
        """Samples of every observation; 0 where they differ in length."""

    @property
    @abstractmethod
    def folder(self) -> Path | str | None:
        """Where the dataset is, if it is stored: a folder, or the URL of an object store."""

    @abstractmethod
    def pcm(self, rows: IntArray) -> list[PcmArray]:
        """Return the samples of rows: int16, each of shape (n_samples,).

        Raises
        ------
        ShardError
            If a shard is missing or damaged; the message names shard and row.
        """

    @abstractmethod
    def annotations(self, row: int) -> pa.Table:
        """Return the annotations of a row of speech, in the schema of `ANNOTATION_SCHEMA`."""

    def samples_key(self, rows: IntArray) -> str:
        """Return what stands for the samples of rows, in this order, in the names of caches.

        Of generated audio these are fingerprint and grid points: of two datasets that differ in size or
        splits a row may be another observation.
        """
        digest = hashlib.sha256(self.vocabulary.fingerprint.encode())
        digest.update(np.ascontiguousarray(self.indices[rows], dtype=np.int64).tobytes())
        return digest.hexdigest()

    @property
    def rows_at_once(self) -> int:
        """How many rows are read together: a few, so that samples do not stand in memory twice."""
        return 64

    @property
    def grid(self) -> FactorGrid:
        """The factor grid."""
        return self.vocabulary.grid

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indices)

    @property
    def lengths(self) -> IntArray:
        """Samples of every row: int64, shape (n_rows,).

        Raises
        ------
        ParameterError
            If they differ and are not known before the waveforms are there.
        """
        if not self.n_samples:
            raise ParameterError(
                f"{self.vocabulary.name} is rendered: its lengths are known when it has been generated, or "
                "batch by batch from padded()"
            )
        return np.full(self.n_rows, self.n_samples, dtype=np.int64)

    @property
    def shard_numbers(self) -> IntArray:
        """Which shard every row is in, counted from 0: int64, shape (n_rows,)."""
        return np.arange(self.n_rows) // _ROWS_OF_NO_SHARD

    def shard_path(self, number: int) -> Path | None:
        """Return the file of a shard of `shard_numbers`, where there are files."""
        del number
        return None

    def level_column(self, position: int) -> NDArray[Any]:
        """Return the levels of every row in one factor, given by its position in the grid."""
        column: NDArray[Any] = self.levels[:, position]
        return column

    def split_codes(self, column: str) -> NDArray[Any]:
        """Return each row's split in a scheme's column, as a position among the scheme's splits.

        Raises
        ------
        ManifestError
            If a row is in a split that the scheme does not have.
        """
        codes = self._split_codes(column)
        names = self.vocabulary.schemes[self.scheme_of(column)]
        if len(codes) and codes.max() == len(names):
            row = int(np.argmax(codes))
            raise ManifestError(
                f"the manifest of {self.vocabulary.name} is damaged: the split of row {row} is none of "
                f"{column}, which has {', '.join(names)}; run syngen verify"
            )
        return codes

    def _split_codes(self, column: str) -> NDArray[Any]:
        """Return the same, with the number of splits for a row that is in none of them."""
        names = self.vocabulary.schemes[self.scheme_of(column)]
        codes = pc.index_in(self.table.column(column), pa.array(names, pa.string()))
        return np.asarray(codes.fill_null(len(names)).to_numpy())

    def scheme_of(self, column: str) -> str:
        """Return the split scheme of a column."""
        return list(self.vocabulary.schemes)[self.vocabulary.split_columns.index(column)]

    def audio(self, rows: IntArray) -> list[Float32Array]:
        """Return the waveforms of rows one by one: float32, each of shape (n_samples,)."""
        return [dequantise(samples) for samples in self.pcm(rows)]

    @cached_property
    def indices(self) -> IntArray:
        """Grid point of every row: int64, shape (n_rows,)."""
        return read_only(np.asarray(self.table.column("index").to_numpy(), dtype=np.int64))

    @cached_property
    def levels(self) -> IntArray:
        """Levels of every row: int64, shape (n_rows, n_factors)."""
        try:
            return read_only(self.grid.levels_of(self.indices))
        except FactorError as error:
            raise ManifestError(
                f"the manifest and its grid disagree: {error}; run syngen verify"
            ) from error

    def identities(self, rows: IntArray | None) -> Identities:
        """Return what identifies the observations of `rows`, None being all."""
        indices = self.indices if rows is None else self.indices[rows]
        return Identities("grid", np.asarray(indices, dtype=np.int64), self.vocabulary.fingerprint)

    def waveforms(self, rows: IntArray) -> Float32Array:
        """Return the waveforms of rows: float32, shape (n, n_samples).

        Raises
        ------
        ParameterError
            If the observations differ in length.
        """
        result = np.empty((len(rows), checked_length(self.n_samples)), dtype=np.float32)
        for start in range(0, len(rows), self.rows_at_once):
            some = slice(start, start + self.rows_at_once)
            for waveform, samples in zip(result[some], self.pcm(rows[some]), strict=True):
                dequantise_to(waveform, samples)
        return result


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that is kept and handed out: nobody may change it for the others."""
    array.flags.writeable = False
    return array


def checked_length(n_samples: int) -> int:
    """Return the length of every observation; ParameterError where they differ in length."""
    if not n_samples:
        raise ParameterError(
            "the observations differ in length and do not fit into one array; padded() takes them, or take "
            "them one by one"
        )
    return n_samples


class StoredSource(Source):
    """A finished dataset on disk. Files are opened when they are needed, per process.

    Parameters
    ----------
    folder : Path
        Of the dataset.

    Raises
    ------
    ManifestError
        If the folder holds no finished dataset, or its manifest and its description disagree.
    """

    def __init__(self, folder: Path) -> None:
        self._layout = Layout(folder)
        self.description = _description_of(self._layout)
        self._codec = find_codec(self.description.codec)
        self._files = OpenFileCache(self._layout.shard, _OPEN_SHARDS)
        is_large = self.description.n_rows >= LARGE
        self._manifests = self._layout.series("manifest", self.description.tables)
        self._sidecar = open_sidecar(self._manifests) if is_large else None
        schema = self.table.schema if self._sidecar is None else self._sidecar.schema
        self.vocabulary = vocabulary_of(schema)
        _check_agreement(self.description, self.vocabulary, schema, self._rows_by_shard)

    def __reduce__(self) -> tuple[object, ...]:
        return StoredSource, (self._layout.folder,)

    @cached_property
    def table(self) -> pa.Table:
        return read_series(self._manifests)

    @property
    def folder(self) -> Path | str:
        return self._layout.folder

    @property
    def n_rows(self) -> int:
        return self.description.n_rows

    @cached_property
    def indices(self) -> IntArray:
        return super().indices if self._sidecar is None else self._sidecar.index

    @cached_property
    def lengths(self) -> IntArray:
        return read_only(np.asarray(self._column("n_samples"), dtype=np.int64))

    @cached_property
    def n_samples(self) -> int:
        lengths = self._column("n_samples")
        low, high = (int(lengths.min()), int(lengths.max())) if len(lengths) else (0, 0)
        return low if low == high else 0

    @cached_property
    def _hashes(self) -> HashArray:
        # of a large manifest this column alone
        names = ["pcm_sha256"]
        is_read = self._sidecar is None
        table = self.table if is_read else read_series(self._manifests, columns=names)
        return hash_array(table.column(names[0]))

    def identities(self, rows: IntArray | None) -> Identities:
        found = super().identities(rows)
        hashes = self._hashes if rows is None else self._hashes[rows]
        return replace(found, hashes=hashes)

    @property
    def shard_numbers(self) -> IntArray:
        return self._places[1]

    def level_column(self, position: int) -> NDArray[Any]:
        return super().level_column(position) if self._sidecar is None else self._sidecar.levels[position]

    def _split_codes(self, column: str) -> NDArray[Any]:
        return super()._split_codes(column) if self._sidecar is None else self._sidecar.splits[column]

    def shard_path(self, number: int) -> Path | None:
        return self._layout.shard(self._places[0][number])

    def _column(self, name: str) -> NDArray[Any]:
        if self._sidecar is None:
            return np.asarray(self.table.column(name).to_numpy())
        column: NDArray[Any] = getattr(self._sidecar, name)
        return column

    def _rows_by_shard(self) -> dict[str, int]:
        if self._sidecar is not None:
            return dict(zip(self._sidecar.shards, self._sidecar.shard_rows.tolist(), strict=True))
        counted = pc.value_counts(self.table.column("shard")).to_pylist()
        return {entry["values"]: entry["counts"] for entry in counted}

    @cached_property
    def _places(self) -> tuple[list[str], IntArray, IntArray, IntArray]:
        if self._sidecar is not None:
            found: Sidecar = self._sidecar
            return found.shards, found.shard, found.offset, found.size  # type: ignore[return-value]
        shards = self.table.column("shard").combine_chunks().dictionary_encode()
        if isinstance(shards, pa.ChunkedArray):
            shards = shards.combine_chunks()
        return (
            shards.dictionary.to_pylist(),
            read_only(np.asarray(shards.indices.to_numpy(), dtype=np.int64)),
            np.asarray(self.table.column("offset").to_numpy(), dtype=np.int64),
            np.asarray(self.table.column("size").to_numpy(), dtype=np.int64),
        )

    @cached_property
    def _annotations(self) -> tuple[pa.Table, IntArray]:
        """All annotations, and the position of each row's first one."""
        table = read_series(self._layout.series("annotations", self.description.tables))
        rows = np.asarray(table.column("row").to_numpy(), dtype=np.int64)
        return table, np.searchsorted(rows, np.arange(self.n_rows + 1))

    def annotations(self, row: int) -> pa.Table:
        table, starts = self._annotations
        return table.slice(starts[row], starts[row + 1] - starts[row])

    def pcm(self, rows: IntArray) -> list[PcmArray]:
        found: list[PcmArray] = []
        self._each(rows, lambda _, data: found.append(self._codec.decode(data)))
        return found

    def waveforms(self, rows: IntArray) -> Float32Array:
        result = np.empty((len(rows), checked_length(self.n_samples)), dtype=np.float32)
        decode_to = self._codec.decode_to
        self._each(rows, lambda position, data: decode_to(result[position], data))
        return result

    def _each(self, rows: IntArray, take: Callable[[int, memoryview], None]) -> None:
        """Give position and stored bytes of every row to a function."""
        names, shards, offsets, sizes = self._places
        places = zip(
            rows.tolist(), shards[rows].tolist(), offsets[rows].tolist(), sizes[rows].tolist(), strict=True
        )
        contents: dict[int, memoryview] = {}  # of this call: looking at the open files takes longer
        for position, (row, number, offset, size) in enumerate(places):
            try:
                content = contents.get(number)
                if content is None:
                    content = contents[number] = self._files.open(names[number]).content
                data = content[offset : offset + size]
                if len(data) != size:
                    raise ShardError("the file ends too early")
                take(position, data)
            except (OSError, ShardError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise ShardError(
                    f"row {row}: shard {names[number]} in {self._layout.audio} cannot be read: {reason}; "
                    "run syngen verify to see what is damaged"
                ) from error


def hash_array(column: pa.ChunkedArray) -> HashArray:
    """Return a column of hashes as uint8, shape (n, 32).

    Raises
    ------
    ManifestError
        If it holds something else, or nothing in a row.
    """
    if column.type != pa.binary(HASH_BYTES) or column.null_count:
        raise ManifestError(
            f"the column pcm_sha256 of the manifest holds {column.type}, {column.null_count} missing; "
            f"{HASH_BYTES} bytes a row are needed: run syngen verify"
        )
    chunks = [
        np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, HASH_BYTES)[chunk.offset :][: len(chunk)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate([np.empty((0, HASH_BYTES), np.uint8), *chunks])


def _description_of(layout: Layout) -> Description:
    folder = layout.folder
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ParameterError(
            f"{folder} {what}; a dataset is a folder that syngen generate made: "
            f"syngen generate RECIPE {folder}"
        )
    if not layout.description.exists():
        if layout.plan.exists():
            raise ManifestError(
                f"{folder} is not finished; run the same syngen generate command again to finish it"
            )
        raise ManifestError(f"{folder} holds no dataset: there is no {layout.description.name}")
    return read_description(layout.description)


def _check_agreement(
    description: Description,
    vocabulary: Vocabulary,
    schema: pa.Schema,
    rows_by_shard: Callable[[], dict[str, int]],
) -> None:
    if vocabulary.fingerprint != description.fingerprint:
        raise ManifestError(
            "manifest.parquet and dataset.json have different fingerprints; they are not of one dataset"
        )
    missing = set(vocabulary.dataset_schema().names) - set(schema.names)
    if missing:
        raise ManifestError(f"manifest.parquet lacks the columns {', '.join(sorted(missing))}")
    found = rows_by_shard()
    listed = {shard.name: shard.rows for shard in description.shards}
    if found != listed:
        name = next(n for n in (*listed, *found) if found.get(n) != listed.get(n))
        raise ManifestError(
            f"manifest.parquet and dataset.json disagree: shard {name} has {found.get(name, 0)} rows "
            f"in the one and {listed.get(name, 0)} in the other; run syngen verify"
        )
