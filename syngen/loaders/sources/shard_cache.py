"""Whole shards of remote datasets, kept on this disk up to a limit.

Processes share the cache without talking: a shard appears under its name when it is whole, and the shards
that nobody has used for longest go first. Who has one open goes on reading it.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import ParameterError, ShardError
from syngen.io.atomic import is_temporary, name_without_mark, temporary_beside
from syngen.io.cache import cache_folder, cache_room
from syngen.io.files import sha256_of
from syngen.io.locks import exclusive_lock
from syngen.io.workspace import InTheWayError, remove
from syngen.storage.layout import split_of_shard

if TYPE_CHECKING:
    from syngen.io.object_store import Store
    from syngen.storage.description import ShardEntry

__all__ = ["ShardCache"]

_PATIENCE_S = 60.0
_STALE_S = 3600.0  # a download that has not grown for so long has nobody any more


class ShardCache:
    """Keeps shards of one dataset; its limit is that of all datasets together.

    Parameters
    ----------
    key : str
        Stands for the dataset: the SHA-256 of its description.
    limit : int
        Bytes that all shards in the cache may have; each process may have one more in hand.
    """

    def __init__(self, key: str, limit: int) -> None:
        if limit < 0:
            raise ParameterError(f"cache_bytes is {limit}; 0 (no cache) or more is needed")
        self._root = cache_folder() / "shards"
        self._folder, self.limit = self._root / key, limit

    def trim(self) -> None:
        """Remove what is beyond the limit; without one, nothing: the cache may be that of others."""
        if self.limit and self._root.is_dir():
            self._make_room(0)

    def find(self, entry: ShardEntry, store: Store, name: str) -> Path | None:
        """Return the local file of a shard, fetched if need be; None if it is larger than the cache.

        Parameters
        ----------
        entry : ShardEntry
        store : Store
        name : str
            Of the object.

        Raises
        ------
        ShardError
            If the object is missing or its content is not that of the dataset.
        """
        if entry.bytes > self.limit:
            return None
        path = self._folder / f"{entry.name}.tar"
        cache_room("shards", self._folder.name)
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_size == entry.bytes:
                _mark_used(path)
                return path
        self._make_room(entry.bytes)
        temporary = temporary_beside(path)
        try:
            if not store.fetch(name, temporary, entry.bytes):
                raise ShardError("there is no such object")
            if sha256_of(temporary) != entry.sha256:
                raise ShardError("its SHA-256 is not what dataset.json says")
            _mark_used(temporary)
            temporary.replace(path)
        finally:
            remove(temporary)
        self._make_room(0)
        return path

    def _make_room(self, n_bytes: int) -> None:
        """Remove what was not used for longest, until so many bytes more are within the limit."""
        cache_room("shards")
        with exclusive_lock(self._root / "lock", patience_s=_PATIENCE_S) as is_mine:
            if not is_mine:  # somebody else makes room
                return
            files = []
            for path in self._root.glob("*/*"):
                shard = Path(name_without_mark(path.name))
                with suppress(OSError):
                    status = path.lstat()
                    if shard.suffix == ".tar" and split_of_shard(shard.stem):
                        files.append((status.st_mtime_ns, status.st_size, path))
            total = n_bytes + sum(size for _, size, _ in files)
            for used, size, path in sorted(files):
                is_stale = is_temporary(path) and time.time() - used / 1e9 > _STALE_S
                if is_stale or (total > self.limit and not is_temporary(path)):
                    with suppress(OSError, InTheWayError):
                        remove(path, within=self._root)
                    total -= size


def _mark_used(path: Path) -> None:
    """Note that a file is used now: the clock of the file system may stand still for milliseconds."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))
