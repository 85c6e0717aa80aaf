"""What identifies audio files: the hash of their content as it is now, never as a stamp says it was."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import ShardError
from syngen.identities import HASH_BYTES
from syngen.storage.digests import bytes_of

if TYPE_CHECKING:
    from syngen._typing import IntArray, Value
    from syngen.identities import HashArray

__all__ = ["content_hashes", "row_marks"]

_THREADS = 8


def content_hashes(folder: Path, names: Sequence[str]) -> HashArray:
    """Return the SHA-256 of the content of files: uint8, shape (n, 32). A file named twice is read once.

    Nothing is remembered between calls: a file of equal size and time may be another.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        Relative to the folder.

    Raises
    ------
    ShardError
        If a file cannot be read.
    """
    distinct = list(dict.fromkeys(names))
    numbers = {name: number for number, name in enumerate(distinct)}
    # hashing and reading both let other threads run
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        content = b"".join(pool.map(lambda name: _digest(folder, name), distinct))
    hashes = np.frombuffer(content, dtype=np.uint8).reshape(-1, HASH_BYTES)
    return hashes[[numbers[name] for name in names]]


def _digest(folder: Path, name: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(folder / name).st_mode):  # a pipe would be waited for
            raise ShardError("it is no regular file")
        with open(folder / name, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ShardError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ShardError(f"{name} in {folder} cannot be read: {reason}") from error


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
