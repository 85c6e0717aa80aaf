"""Locks on files, held for as long as a process lives."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from syngen.errors import ParameterError
from syngen.io.workspace import (
    InTheWayError,
    check_folder,
    open_file,
    remove,
    working_folder,
)

__all__ = ["exclusive_lock", "is_locked", "lock_if_there", "remove_unheld"]

# neither is a link followed nor a pipe waited for
_LOOK = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@contextlib.contextmanager
def exclusive_lock(
    path: Path, *, patience_s: float = 0.0, is_shared: bool = False, folder_mode: int = 0o700
) -> Iterator[bool]:
    """Hold a lock on the file `path` for as long as the block runs, or as this process lives.

    Parameters
    ----------
    path : Path
        In a working folder, which is made if need be.
    patience_s : float
        How long to wait for a holder to let go, in seconds.
    is_shared : bool
        Whether others may hold it too, who say the same; the lock then excludes those who do not.
    folder_mode : int
        See `working_folder`.

    Yields
    ------
    bool
        False if another process holds the lock; nothing is locked then.

    Raises
    ------
    ParameterError
        If the file system knows no locks, or something else than a file of this user's is at `path`.
    """
    descriptor = _locked_descriptor(path, is_shared=is_shared, folder_mode=folder_mode)
    deadline, pause_s = time.monotonic() + patience_s, 0.02
    while descriptor is None and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, 0.5)  # many may wait, on a network file system
        descriptor = _locked_descriptor(path, is_shared=is_shared, folder_mode=folder_mode)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def lock_if_there(path: Path) -> Iterator[bool]:
    """Hold the lock of `exclusive_lock` if its file is there; create nothing.

    Yields
    ------
    bool
        False if another process holds the lock.
    """
    descriptor = None
    with contextlib.suppress(OSError):  # no file, hence no holder; or not ours to look at
        descriptor = os.open(path, _LOOK)
    try:
        yield descriptor is None or _try_lock(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove_unheld(folder: Path, lock: Path) -> None:
    """Remove a working folder unless the lock in it is held; what cannot be removed stays.

    Parameters
    ----------
    folder : Path
    lock : Path
        The file of `exclusive_lock`, in the folder or in one below it.
    """
    with contextlib.suppress(OSError, InTheWayError):
        if check_folder(lock.parent, within=folder.parent):
            with lock_if_there(lock) as is_mine:
                if is_mine:
                    remove(folder)


def is_locked(path: Path) -> bool | None:
    """Whether somebody holds the lock of `exclusive_lock` now; None where that cannot be known.

    Looking takes a shared lock for a moment, for which a run that is about to start has the patience.
    """
    try:
        import fcntl

        descriptor = os.open(path, _LOOK)
    except FileNotFoundError:
        return False
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _locked_descriptor(path: Path, *, is_shared: bool, folder_mode: int) -> int | None:
    while True:
        try:
            working_folder(path.parent, mode=folder_mode)
            descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:  # the last holder has just removed the folder
            if not path.parent.parent.is_dir():
                raise
            continue
        try:
            is_mine = _try_lock(descriptor, is_shared=is_shared)
        except OSError as error:  # a network file system without locks
            os.close(descriptor)
            raise ParameterError(
                f"{path} cannot be locked ({error.strerror or error}), and without a lock two runs could "
                "work in one folder; choose a folder on a local disk"
            ) from error
        if not is_mine:
            os.close(descriptor)
            return None
        # the last holder may have removed the file between our opening and our locking it
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
        os.close(descriptor)


def _try_lock(descriptor: int, *, is_shared: bool = False) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        if is_shared:
            raise OSError(errno.ENOTSUP, "locks cannot be shared on this system") from None

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
