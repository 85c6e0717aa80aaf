"""The folder for what can be made again: sidecars of manifests, features, tables of other libraries."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from syngen._files import cache_room, sync_folder, temporary_beside
from syngen._workspace import InTheWayError, check_folder, make_private, remove, working_folder

__all__ = ["cached_folder"]


def cached_folder(kind: str, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache that `make` has filled, now or in an earlier process.

    It appears as a whole or not at all; of several processes that make it at once, one wins and all use
    what it made. Nobody but the user may read it.

    Parameters
    ----------
    kind, name : str
        ``sidecars``, ``features``, ``arrow`` or ``tables``. The name stands for everything that decides the
        content.
    make : callable
        Given an empty folder to fill.

    Raises
    ------
    OSError
        If the cache cannot be written, or something else is at the name.
    """
    try:
        folder = cache_room(kind) / name
        if check_folder(folder):
            return folder
        unfinished = working_folder(temporary_beside(folder))
    except InTheWayError as error:
        raise OSError(str(error)) from error
    try:
        make(unfinished)
        make_private(unfinished)
        try:
            os.replace(unfinished, folder)
        except OSError:
            if not check_folder(folder):
                raise
    finally:
        with contextlib.suppress(OSError):
            remove(unfinished)
    sync_folder(folder.parent)
    return folder
