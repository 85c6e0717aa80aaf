"""Open files of one process, a limited number, closed when nobody reads them any more."""

from __future__ import annotations

import mmap
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock

__all__ = ["OpenFile", "OpenFileCache"]


class OpenFile:
    """A file that is mapped until its last reference goes: a reader in another thread keeps it.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    content : memoryview
        What was in the file when it was opened.
    """

    __slots__ = ("content",)

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            is_empty = not os.fstat(file.fileno()).st_size  # of which there is no map
            mapped = b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.content = memoryview(mapped)


class OpenFileCache:
    """Opens files when they are needed, in each process for itself, and keeps the last used ones open.

    Parameters
    ----------
    path_of : callable
        Path by key.
    limit : int
        How many are kept open.
    """

    def __init__(self, path_of: Callable[[str], Path], limit: int) -> None:
        self._path_of, self._limit = path_of, limit
        self._start()

    def _start(self) -> None:
        self._files: OrderedDict[Hashable, OpenFile] = OrderedDict()
        self._lock = Lock()
        self._process = os.getpid()

    def open(self, key: str) -> OpenFile:
        """Return the open file of a key.

        Raises
        ------
        OSError
            If it cannot be opened.
        """
        if self._process != os.getpid():  # a fork has its parent's files, and its lock as it was
            self._start()
        found = self._files.get(key)
        if found is not None:
            return found
        file = OpenFile(self._path_of(key))
        with self._lock:
            self._files[key] = file
            while len(self._files) > self._limit:
                self._files.popitem(last=False)
        return file
