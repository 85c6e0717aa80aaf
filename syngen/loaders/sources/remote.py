"""Datasets in an object store: documents in the cache folder, observations by range reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import ManifestError, ParameterError, ShardError, StoreError
from syngen.io.atomic import temporary_beside
from syngen.io.cache import cache_folder, cached_folder
from syngen.io.files import sha256_of
from syngen.io.workspace import remove
from syngen.loaders.sources.shard_cache import ShardCache
from syngen.loaders.sources.source import Source
from syngen.loaders.sources.stored import StoredSource
from syngen.storage.checksums import parse_checksums
from syngen.storage.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import Float32Array, IntArray, PcmArray
    from syngen.io.object_store import Store
    from syngen.storage.description import ShardEntry

__all__ = ["RemoteSource", "merged"]

_NAMES = Layout(Path())
_GAP = 256 << 10  # bytes that are read for nothing sooner than asked for by a request of their own
_MOST_ROWS, _MOST_BYTES = 512, 64 << 20  # asked for together
_LONGEST = 16 << 20  # bytes of one request


class RemoteSource(StoredSource):
    """A finished dataset in an object store.

    Parameters
    ----------
    store : Store
    cache_bytes : int
        Bytes of whole shards to keep on this disk; with 0 only what is asked for is read.

    Raises
    ------
    ParameterError
        If there is no dataset at the URL, or `cache_bytes` is negative.
    ManifestError
        If the dataset is unfinished, or its manifest is not that of its checksums.
    StoreError
        If the store refuses or gives up.
    """

    def __init__(self, store: Store, *, cache_bytes: int = 0) -> None:
        self._store, self._cache_bytes = store, cache_bytes
        key, folder = _documents(store)
        self._cache = ShardCache(key, cache_bytes)
        self._cache.trim()
        super().__init__(folder)

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, (self._store, self._cache_bytes)

    @property
    def folder(self) -> str:
        return self._store.url

    @cached_property
    def _annotations(self) -> tuple[pa.Table, IntArray]:
        paths = _NAMES.series("annotations", self.description.tables)
        _fetch_checked(self._store, [path.name for path in paths], self._layout)
        return super()._annotations

    def shard_path(self, number: int) -> Path | None:
        del number  # there is no file on this machine
        return None

    @property
    def rows_at_once(self) -> int:
        n_bytes = 2 * max(1, self.n_samples)
        return min(_MOST_ROWS, max(1, _MOST_BYTES // n_bytes))

    @cached_property
    def _entries(self) -> dict[str, ShardEntry]:
        return {entry.name: entry for entry in self.description.shards}

    def pcm(self, rows: IntArray) -> list[PcmArray]:
        names, shards, offsets, sizes = self._places
        by_shard: dict[str, list[tuple[int, int, int]]] = {}
        for position, row in enumerate(rows.tolist()):
            place = (int(offsets[row]), int(sizes[row]), position)
            by_shard.setdefault(names[shards[row]], []).append(place)
        found: list[bytes] = [b""] * len(rows)
        remote: list[tuple[str, int, int, list[tuple[int, int, int]]]] = []
        for shard, places in by_shard.items():
            try:
                name = _NAMES.shard(shard).as_posix()
                path = self._cache.find(self._entries[shard], self._store, name)
            except (OSError, ShardError) as error:
                raise self._unreadable(int(rows[places[0][2]]), shard, error) from error
            if path is None or not _read_local(path, places, found):
                remote += [(shard, *run) for run in merged(places)]
        self._read_remote(remote, found, rows)
        return [self._decoded(int(row), data) for row, data in zip(rows, found, strict=True)]

    def waveforms(self, rows: IntArray) -> Float32Array:
        return Source.waveforms(self, rows)  # many rows at a time, for the sake of requests

    def _read_remote(
        self,
        runs: list[tuple[str, int, int, list[tuple[int, int, int]]]],
        found: list[bytes],
        rows: IntArray,
    ) -> None:
        ranges = [(_NAMES.shard(shard).as_posix(), start, stop) for shard, start, stop, _ in runs]
        try:
            pieces = self._store.ranges(ranges)
        except StoreError as error:
            shard, _, _, places = runs[0]
            raise self._unreadable(int(rows[places[0][2]]), shard, error) from error
        for (shard, start, _, places), data in zip(runs, pieces, strict=True):
            if data is None:
                missing = ShardError("there is no such object")
                raise self._unreadable(int(rows[places[0][2]]), shard, missing)
            for offset, size, position in places:
                found[position] = data[offset - start : offset - start + size]

    def _decoded(self, row: int, data: bytes) -> PcmArray:
        try:
            return self._codec.decode(data)
        except ShardError as error:
            names, shards, _, _ = self._places
            raise self._unreadable(row, names[shards[row]], error) from error

    def _unreadable(self, row: int, shard: str, error: Exception) -> ShardError:
        return ShardError(
            f"row {row}: shard {shard} in {self._store} cannot be read: {error}; run syngen verify to see "
            "what is damaged"
        )


def _read_local(path: Path, places: Iterable[tuple[int, int, int]], found: list[bytes]) -> bool:
    """Read places of a shard in the cache; return False if another process has just removed it."""
    try:
        with open(path, "rb") as file:
            for offset, size, position in places:
                file.seek(offset)
                found[position] = file.read(size)
    except FileNotFoundError:
        return False
    return True


def _reopened(store: Store, cache_bytes: int) -> RemoteSource:
    return RemoteSource(store, cache_bytes=cache_bytes)


def merged(
    places: Iterable[tuple[int, int, int]],
) -> list[tuple[int, int, list[tuple[int, int, int]]]]:
    """Return the byte ranges that cover places in one object, those of neighbours merged.

    Parameters
    ----------
    places : iterable of (int, int, int)
        Offset, size, and what the caller knows the place by.

    Returns
    -------
    list of (int, int, list)
        First byte, the byte after the last, and the places within.
    """
    runs: list[tuple[int, int, list[tuple[int, int, int]]]] = []
    for place in sorted(places):
        start, stop = place[0], place[0] + place[1]
        if runs and start - runs[-1][1] <= _GAP and stop - runs[-1][0] <= _LONGEST:
            first, last, within = runs[-1]
            runs[-1] = (first, max(last, stop), [*within, place])
        else:
            runs.append((start, stop, [place]))
    return runs


def _documents(store: Store) -> tuple[str, Path]:
    """Return the key of a dataset, and the folder of the cache that has its description and manifest."""
    content, plan, sums = store.ranges(
        [(path.as_posix(), 0, None) for path in (_NAMES.description, _NAMES.plan, _NAMES.checksums)]
    )
    if content is None:
        if plan is not None:
            raise ManifestError(
                f"{store} is not finished; run the same syngen generate command again to finish it"
            )
        raise ParameterError(
            f"{store} holds no dataset: there is no dataset.json; syngen generate RECIPE {store} makes one"
        )
    # dataset.json has no hash of the manifest, SHA256SUMS has
    key = hashlib.sha256(content + (sums or b"")).hexdigest()

    def fill(folder: Path) -> None:
        made = Layout(folder)
        made.checksums.write_bytes(sums or b"")
        tables = [name.removesuffix(".parquet") for name in _hashes(made)]
        _fetch_checked(store, [path.name for path in made.series("manifest", tables)], made)
        made.description.write_bytes(content)

    try:
        return key, cached_folder("datasets", key, fill)
    except StoreError:
        raise
    except OSError as error:
        raise ParameterError(
            f"{cache_folder() / 'datasets'} cannot be written ({error.strerror or error}); documents of "
            "remote datasets go there: set SYNGEN_CACHE to a folder that can be"
        ) from error


def _hashes(layout: Layout) -> dict[str, str]:
    try:
        return parse_checksums(layout.checksums.read_text("utf-8"))
    except (OSError, ValueError, ManifestError):
        return {}


def _fetch_checked(store: Store, names: Iterable[str], layout: Layout) -> None:
    """Get those documents that are not in the folder yet, and compare them with their hashes.

    Raises
    ------
    ManifestError
        If one is missing or is another.
    """
    missing = [name for name in names if not (layout.folder / name).is_file()]
    if not missing:
        return
    hashes, sizes = _hashes(layout), store.sizes_of(missing)
    for name in missing:
        path = layout.folder / name
        temporary = temporary_beside(path)
        if name not in sizes or not store.fetch(name, temporary, sizes[name]):
            raise ManifestError(f"{store}/{name} is missing; run syngen verify {store}")
        if hashes.get(name, "") not in ("", sha256_of(temporary)):
            remove(temporary)
            raise ManifestError(
                f"{store}/{name}: its SHA-256 is not what SHA256SUMS says; run syngen verify {store}"
            )
        temporary.replace(path)
