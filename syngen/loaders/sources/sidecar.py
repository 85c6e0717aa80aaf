"""The columns of a large manifest that a loader needs, as memory-mapped arrays in the cache folder.

Parquet has to be decoded as a whole before the first row can be found. Of a manifest of ten million rows
that takes seconds and gigabytes, in every process; mapped arrays take neither. A sidecar belongs to the
files as they were when the sidecar was made: another size, time or footer makes another sidecar.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from syngen.errors import FactorError, ManifestError
from syngen.io.cache import cached_folder
from syngen.io.workspace import remove
from syngen.storage.tables.arrays import arrow_array, mapped_file, numpy_array
from syngen.storage.tables.columns import integers
from syngen.storage.tables.manifest import ROWS_PER_GROUP, Vocabulary, vocabulary_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import IntArray

__all__ = ["LARGE", "Sidecar", "open_sidecar"]

LARGE = 200_000
"""Rows from which on a manifest gets a sidecar."""

_FOOTER = 1 << 16
_VERSION = 1


@dataclass(frozen=True)
class Sidecar:
    """Columns of a manifest, in row order; arrays are mapped, of the narrowest types, and read-only.

    Attributes
    ----------
    schema : pyarrow.Schema
        Of the manifest.
    shards : list of str
        Names, in the order of their first rows.
    index, offset : ndarray of int64
    size, n_samples, shard : ndarray of int32
        ``shard`` is a position in `shards`.
    levels : tuple of ndarray of unsigned int
        One array for each factor.
    splits : mapping of str to ndarray of uint8 or uint16
        By column: positions among the splits of the scheme.
    shard_rows : ndarray of int64
        Rows of each of `shards`.
    """

    schema: pa.Schema
    shards: list[str]
    index: IntArray
    offset: IntArray
    size: NDArray[np.int32]
    n_samples: NDArray[np.int32]
    shard: NDArray[np.int32]
    levels: tuple[NDArray[Any], ...]
    splits: Mapping[str, NDArray[Any]]
    shard_rows: IntArray


def open_sidecar(manifests: Sequence[Path]) -> Sidecar | None:
    """Map the sidecar of a manifest, and make it first if it is not there.

    Parameters
    ----------
    manifests : sequence of Path
        The files of the manifest, in row order.

    Returns
    -------
    Sidecar or None
        None where the cache folder cannot be written: a reader then does without.

    Raises
    ------
    ManifestError
        If the manifest is missing, damaged or no dataset's.
    """
    schemas = []
    for path in manifests:
        try:
            with mapped_file(path) as source:
                schemas.append(pq.read_schema(source))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ManifestError(f"{path} cannot be read: {error}") from error
    schema = schemas[0]
    place, content = _names(manifests)
    vocabulary = vocabulary_of(schema)
    missing = set(vocabulary.dataset_schema().names) - set(schema.names)
    if missing:
        raise ManifestError(f"manifest.parquet lacks the columns {', '.join(sorted(missing))}")
    try:
        folder = cached_folder("sidecars", f"{place}-{content}", lambda f: _make(manifests, vocabulary, f))
        _remove_earlier(folder, place)
        return _mapped(folder, schema, vocabulary)
    except (ManifestError, FactorError):
        raise
    except (OSError, ValueError, KeyError):  # a full disk, or somebody else's file in its place
        return None


def _names(manifests: Sequence[Path]) -> tuple[str, str]:
    """Return what stands for the place of the files, and what for their content."""
    content = hashlib.sha256(b"%d\n" % _VERSION)
    for path in manifests:
        status = os.stat(path)
        with open(path, "rb") as file:
            file.seek(max(0, status.st_size - _FOOTER))
            footer = file.read()
        content.update(f"{status.st_size} {status.st_mtime_ns} {status.st_ino}\n".encode() + footer)
    place = hashlib.sha256(os.fsencode(manifests[0].resolve())).hexdigest()
    return place[:24], content.hexdigest()[:24]


def _remove_earlier(folder: Path, place: str) -> None:
    """Remove sidecars of what the manifest was before; who has them mapped keeps them."""
    for other in folder.parent.glob(f"{place}-*"):
        if other != folder:
            with contextlib.suppress(OSError):
                remove(other)


def _mapped(folder: Path, schema: pa.Schema, vocabulary: Vocabulary) -> Sidecar:
    content = json.loads((folder / "shards.json").read_text("utf-8"))

    def column(name: str) -> NDArray[Any]:
        mapped: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return mapped.view(np.ndarray)

    return Sidecar(
        schema=schema,
        shards=list(content["names"]),
        shard_rows=np.array(content["rows"], dtype=np.int64),
        index=column("index"),
        offset=column("offset"),
        size=column("size"),
        n_samples=column("n_samples"),
        shard=column("shard"),
        levels=tuple(column(f"level-{j}") for j in range(len(vocabulary.grid))),
        splits={name: column(f"split-{k}") for k, name in enumerate(vocabulary.split_columns)},
    )


def _make(manifests: Sequence[Path], vocabulary: Vocabulary, folder: Path) -> None:
    """Fill `folder` with the columns of a manifest, a part of its rows at a time."""
    plain = ("index", "offset", "size", "n_samples", "shard")
    columns = [*plain, *vocabulary.split_columns]
    writer = _Writer(folder, vocabulary, sum(map(_rows_in, manifests)))
    for path in manifests:
        try:
            with (
                mapped_file(path) as source,
                pq.ParquetFile(source, page_checksum_verification=True) as file,
            ):
                for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=columns):
                    writer.add(batch)
        except FactorError as error:
            raise ManifestError(
                f"the manifest and its grid disagree: {error}; run syngen verify"
            ) from error
        except (ValueError, KeyError, pa.ArrowException) as error:
            raise ManifestError(f"{path} cannot be read: {error}") from error
    writer.finish()


def _rows_in(manifest: Path) -> int:
    with mapped_file(manifest) as source:
        return int(pq.read_metadata(source).num_rows)


class _Writer:
    """Appends rows to the arrays of a sidecar."""

    def __init__(self, folder: Path, vocabulary: Vocabulary, n_rows: int) -> None:
        self._folder, self._vocabulary, self._done = folder, vocabulary, 0
        kinds: dict[str, Any] = {"index": np.int64, "offset": np.int64}
        kinds |= dict.fromkeys(("size", "n_samples", "shard"), np.int32)
        for j, size in enumerate(vocabulary.grid.sizes):
            kinds[f"level-{j}"] = np.min_scalar_type(size - 1)
        for k, names in enumerate(vocabulary.schemes.values()):
            kinds[f"split-{k}"] = np.min_scalar_type(len(names))
        self._columns = {
            name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=kind, shape=(n_rows,))
            for name, kind in kinds.items()
        }
        self._shards: dict[str, int] = {}
        self._counts: list[int] = []

    def add(self, batch: pa.RecordBatch) -> None:
        rows = slice(self._done, self._done + batch.num_rows)
        for name in ("index", "offset", "size", "n_samples"):
            self._columns[name][rows] = integers(batch, name)
        levels = self._vocabulary.grid.levels_of(self._columns["index"][rows])
        for j in range(levels.shape[1]):
            self._columns[f"level-{j}"][rows] = levels[:, j]
        schemes = zip(self._vocabulary.split_columns, self._vocabulary.schemes.values(), strict=True)
        for k, (column, names) in enumerate(schemes):
            codes = pc.index_in(batch.column(column), arrow_array(names, pa.string()))
            # of a split that the vocabulary does not name, which readers refuse
            self._columns[f"split-{k}"][rows] = numpy_array(codes.fill_null(len(names)))
        self._columns["shard"][rows] = self._numbers_of(batch.column("shard"))
        self._done += batch.num_rows

    def _numbers_of(self, names: pa.Array) -> IntArray:
        encoded = names.dictionary_encode()
        local = np.asarray(numpy_array(encoded.indices), dtype=np.int64)
        numbers = []
        for name, count in zip(encoded.dictionary.to_pylist(), np.bincount(local), strict=True):
            number = self._shards.setdefault(name, len(self._shards))
            if number == len(self._counts):
                self._counts.append(0)
            self._counts[number] += int(count)
            numbers.append(number)
        return np.array(numbers, dtype=np.int64)[local]

    def finish(self) -> None:
        for column in self._columns.values():
            with contextlib.suppress(AttributeError):
                column.flush()
        content = {"names": list(self._shards), "rows": self._counts}
        (self._folder / "shards.json").write_text(json.dumps(content), "utf-8")
