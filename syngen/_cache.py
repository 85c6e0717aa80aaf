"""The folder for what can be made again: sidecars of manifests, features, tables of other libraries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from syngen._files import cache_folder, sync_folder, temporary_beside

__all__ = ["cached_folder"]


def cached_folder(kind: str, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache that `make` has filled, now or in an earlier process.

    It appears as a whole or not at all; of several processes that make it at once, one wins and all use
    what it made.

    Parameters
    ----------
    kind, name : str
        ``sidecars``, ``features`` or ``arrow``. The name stands for everything that decides the content.
    make : callable
        Given an empty folder to fill.

    Raises
    ------
    OSError
        If the cache cannot be written.
    """
    folder = cache_folder() / kind / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary_beside(folder)
    unfinished.mkdir()
    try:
        make(unfinished)
        try:
            os.replace(unfinished, folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    sync_folder(folder.parent)
    return folder
