"""A dataset in shards on a disk."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syngen.errors import ManifestError, ParameterError, ShardError
from syngen.identities import HASH_BYTES, Identities
from syngen.loaders.sources.open_files import OpenFileCache
from syngen.loaders.sources.sidecar import LARGE, Sidecar, open_sidecar
from syngen.loaders.sources.source import Source, checked_length, read_only
from syngen.storage.codec import find_codec
from syngen.storage.description import Description, read_description
from syngen.storage.layout import Layout
from syngen.storage.tables.columns import categories, integers
from syngen.storage.tables.manifest import Vocabulary, read_series, vocabulary_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from syngen._typing import Float32Array, IntArray, Json, PcmArray
    from syngen.identities import HashArray
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["StoredSource", "hash_array"]

_OPEN_SHARDS = 128


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
    def recipe(self) -> Json:
        return self.description.recipe

    def columns(self, rows: IntArray | None, names: Sequence[str]) -> pa.Table:
        if self._sidecar is None:
            return super().columns(rows, names)
        table = read_series(self._manifests, columns=list(names))  # of a large manifest no others
        return table if rows is None else table.take(rows)

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
        return hash_array(self.columns(None, ["pcm_sha256"]).column(0))

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple((self.table if self._sidecar is None else self._sidecar).schema.names)

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
            return integers(self.table, name)
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
        names, numbers = categories(self.table, "shard")
        return names, read_only(numbers), integers(self.table, "offset"), integers(self.table, "size")

    @cached_property
    def _annotations(self) -> tuple[pa.Table, IntArray]:
        """All annotations, and the position of each row's first one."""
        table = read_series(self._layout.series("annotations", self.description.tables))
        rows = integers(table, "row")
        return table, np.searchsorted(rows, np.arange(self.n_rows + 1))

    def annotations(self, row: int) -> pa.Table:
        table, starts = self._annotations
        return table.slice(starts[row], starts[row + 1] - starts[row])

    def resolve(self) -> ResolvedRecipe:
        return self._resolved

    @cached_property
    def _resolved(self) -> ResolvedRecipe:
        from syngen.resolving.load import resolve_document
        from syngen.resolving.makers import check_maker
        from syngen.synth.request import NO_PERMISSIONS

        check_maker(self.folder, self.description.recipe, self.description.versions)
        return resolve_document(self.description.recipe, NO_PERMISSIONS)

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
    try:
        is_folder, is_there = folder.is_dir(), folder.exists()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise ParameterError(f"{folder!s:.200} cannot be opened: {error.strerror or error}") from error
    if not is_folder:
        what = "is a file" if is_there else "does not exist"
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
