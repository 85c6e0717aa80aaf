"""What identifies audio files: the hash of their content.

A hash is computed once and kept in the cache folder. It is used again only while size, time of
modification, time of change and inode of the file are what they were before it was read: a file that took
the place of another one of equal size and time has another time of change.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from syngen.errors import ShardError
from syngen.identities import HASH_BYTES
from syngen.io.atomic import atomic_file
from syngen.io.cache import cache_room
from syngen.storage.digests import bytes_of

if TYPE_CHECKING:
    from syngen._typing import IntArray, Value
    from syngen.identities import HashArray

    Stamp: TypeAlias = tuple[int, int, int, int]

__all__ = ["NO_HASH", "content_hashes", "row_marks"]

NO_HASH = bytes(HASH_BYTES)
"""Stands for the hash of a file that cannot be read."""

_THREADS = 8
_SETTLED_NS = 2_000_000_000  # file systems keep times in steps of up to two seconds
_STAMP = ("size", "modified", "changed", "inode")


def content_hashes(folder: Path, names: Sequence[str], *, readable_only: bool = True) -> HashArray:
    """Return the SHA-256 of the content of files: uint8, shape (n, 32). A file named twice is read once.

    Parameters
    ----------
    folder : Path
        Absolute.
    names : sequence of str
        Relative to the folder.
    readable_only : bool
        Whether a file that cannot be read is an error; else its hash is zeros.

    Raises
    ------
    ShardError
        If a file cannot be read.
    """
    distinct = list(dict.fromkeys(names))
    numbers = {name: number for number, name in enumerate(distinct)}
    kept = _kept_hashes(folder)
    # hashing, reading and looking at files all let other threads run
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        found = list(pool.map(lambda name: _hash_of(folder, name, kept.get(name)), distinct))
    fresh = {
        name: (stamp, digest)
        for name, (stamp, digest) in zip(distinct, found, strict=True)
        if stamp is not None and isinstance(digest, bytes) and kept.get(name) != (stamp, digest)
    }
    if fresh:
        with contextlib.suppress(OSError):  # without a cache folder they are computed each time
            _keep_hashes(folder, {**kept, **fresh})
    unreadable = [digest for _, digest in found if isinstance(digest, ShardError)]
    if unreadable and readable_only:
        raise unreadable[0]
    content = b"".join(digest if isinstance(digest, bytes) else NO_HASH for _, digest in found)
    hashes = np.frombuffer(content, dtype=np.uint8).reshape(-1, HASH_BYTES)
    return hashes[[numbers[name] for name in names]]


def _hash_of(
    folder: Path, name: str, kept: tuple[Stamp, bytes] | None
) -> tuple[Stamp | None, bytes | ShardError]:
    """Return the stamp of a file, None where it may not be relied on, and the hash of its content.

    In place of the hash it may be the reason why there is none.
    """
    try:
        before = _stamp(folder / name)
        if kept is not None and kept[0] == before:
            return kept
        now = time.time_ns()
        with open(folder / name, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        # what was changed just now may be changed again within one step of the clock
        is_settled = _stamp(folder / name) == before and before[2] < now - _SETTLED_NS
        return (before if is_settled else None), digest
    except (OSError, ShardError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return None, ShardError(f"{name} in {folder} cannot be read: {reason}")


def _stamp(path: Path) -> Stamp:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise ShardError("it is no regular file")
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _place_of(folder: Path) -> Path:
    return cache_room("hashes") / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:40]}.arrow"


def _kept_hashes(folder: Path) -> dict[str, tuple[Stamp, bytes]]:
    """Return the stamps and hashes that were kept of the files of a folder, by name."""
    try:
        # not mapped: another process may put another file in its place
        table = pa.ipc.open_file(io.BytesIO(_place_of(folder).read_bytes())).read_all()
        stamps = zip(*(table.column(name).to_pylist() for name in _STAMP), strict=True)
        names, hashes = table.column("name").to_pylist(), table.column("sha256").to_pylist()
        return {
            os.fsdecode(name): ((size, modified, changed, inode), digest)
            for name, (size, modified, changed, inode), digest in zip(names, stamps, hashes, strict=True)
            if isinstance(digest, bytes) and len(digest) == HASH_BYTES
        }
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException):
        return {}


def _keep_hashes(folder: Path, hashes: Mapping[str, tuple[Stamp, bytes]]) -> None:
    stamps = [stamp for stamp, _ in hashes.values()]
    columns = {"name": pa.array([os.fsencode(name) for name in hashes], pa.binary())}
    for position, name in enumerate(_STAMP):
        kind = pa.uint64() if name == "inode" else pa.int64()
        columns[name] = pa.array([stamp[position] for stamp in stamps], kind)
    columns["sha256"] = pa.array([digest for _, digest in hashes.values()], pa.binary(HASH_BYTES))
    table = pa.table(columns)
    with atomic_file(_place_of(folder)) as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)


def row_marks(names: Iterable[str], values: Iterable[Sequence[Value]]) -> IntArray:
    """Return what stands for the file and the factors of each row of a table: int64, shape (n,).

    Parameters
    ----------
    names : iterable of str
        Of the files.
    values : iterable of sequence
        Of each row, one for each factor.
    """
    digests = [
        hashlib.sha256(bytes_of([name, *row])).digest()[:8] for name, row in zip(names, values, strict=True)
    ]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)
