"""The cache folder: what can be made again, or fetched again, and scratch space."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from syngen.errors import ParameterError
from syngen.io.atomic import sync_folder, temporary_beside
from syngen.io.files import local_path
from syngen.io.locks import exclusive_lock, remove_unheld
from syngen.io.workspace import (
    InTheWayError,
    check_folder,
    make_private,
    remove,
    user_folder,
    working_folder,
)

__all__ = ["cache_folder", "cache_room", "cached_folder", "scratch_folder"]

_SCRATCH_PATIENCE_S = 60.0

_SCRATCH_NAME = re.compile(r"[0-9]+-[0-9a-f]{16}|tmp[a-z0-9_]{8}")  # the latter of earlier versions

_ROOMS = {
    "arrow",
    "datasets",
    "features",
    "hashes",
    "releases",
    "scratch",
    "shards",
    "sidecars",
    "tables",
}
"""The folders in the cache folder."""


def cached_folder(kind: str, name: str, make: Callable[[Path], None], *, patience_s: float = 0.0) -> Path:
    """Return a folder of the cache that `make` has filled, now or in an earlier process.

    It appears as a whole or not at all; of several processes that make it at once, one wins and all use
    what it made. Nobody but the user may read it.

    Parameters
    ----------
    kind, name : str
        ``datasets``, ``sidecars``, ``features``, ``arrow`` or ``tables``. The name stands for everything
        that decides the content.
    make : callable
        Given an empty folder to fill.
    patience_s : float
        How long to wait for another process, or thread, that is making the same, in seconds. It is made
        twice where that takes longer, or the file system knows no locks.

    Raises
    ------
    OSError
        If the cache cannot be written, or something else is at the name.
    """
    try:
        folder = cache_room(kind) / name
        if check_folder(folder):
            return folder
    except InTheWayError as error:
        raise OSError(str(error)) from error
    with _only_maker(folder, patience_s=patience_s):
        return _made_folder(folder, make)


def _made_folder(folder: Path, make: Callable[[Path], None]) -> Path:
    try:
        if check_folder(folder):  # made while we waited
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


@contextlib.contextmanager
def _only_maker(folder: Path, *, patience_s: float) -> Iterator[None]:
    """Wait until nobody else makes a folder; a maker that is killed holds up nobody."""
    if patience_s <= 0.0:
        yield
        return
    path = folder.parent / f".{folder.name}.lock"
    with contextlib.ExitStack() as lock:
        is_mine = False
        with contextlib.suppress(
            ParameterError, InTheWayError, OSError
        ):  # without locks it may be made twice
            is_mine = lock.enter_context(exclusive_lock(path, patience_s=patience_s))
        try:
            yield
        finally:
            if is_mine:
                with contextlib.suppress(OSError, InTheWayError):
                    remove(path)


def cache_folder() -> Path:
    """Return where syngen keeps what it can get again: ``SYNGEN_CACHE``, or the platform's cache folder."""
    given = os.environ.get("SYNGEN_CACHE", "")
    if given:
        return local_path(given).absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("syngen"))


def cache_room(*names: str) -> Path:
    """Return a folder in the cache folder that nobody else looks into, made if need be.

    The cache folder is made private too, and stays so; one that has other things in it is left as it is.

    Raises
    ------
    InTheWayError
        If another user's folder, a link or something else is there.
    OSError
        If the cache folder cannot be written.
    """
    root = cache_folder()
    try:
        real = root.resolve()  # which a link may lead to: it is the user's own
        if not real.exists():
            user_folder(real.parent)
        if not real.exists() or {path.name for path in real.iterdir()} <= _ROOMS:
            with contextlib.suppress(InTheWayError):  # one that is shared is looked at room by room
                working_folder(real)
        return working_folder(root.joinpath(*names), within=root)
    except InTheWayError as error:
        remedy = "move it away, or set SYNGEN_CACHE to another folder,"
        raise InTheWayError(error.path, error.what, remedy) from error


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder for the length of a block, in the cache folder.

    Each is locked by its process. What a killed process left is removed when the next folder is made.

    Raises
    ------
    ParameterError
        If the cache folder cannot be written.
    """
    root = cache_folder() / "scratch"
    lock = contextlib.ExitStack()
    try:
        cache_room("scratch")
        with exclusive_lock(root / "lock", patience_s=_SCRATCH_PATIENCE_S) as is_mine:
            if is_mine:
                _remove_left_behind(root)
            place = working_folder(root / f"{os.getpid()}-{secrets.token_hex(8)}")
            lock.enter_context(exclusive_lock(place / "lock"))
    except OSError as error:
        raise ParameterError(
            f"{root} cannot be written ({error.strerror or error}); temporary files go there: "
            "set SYNGEN_CACHE to a folder that can be"
        ) from error
    try:
        yield working_folder(place / "data")
    finally:
        with contextlib.suppress(OSError):
            remove(place)
        lock.close()


def _remove_left_behind(root: Path) -> None:
    """Remove the scratch folders that nobody holds. Call it under the lock of `root`."""
    for path in root.iterdir():
        if _SCRATCH_NAME.fullmatch(path.name):
            remove_unheld(path, path / "lock")
