"""Files that are whole or not there: atomic writes, hashes, locks, safe names, sizes for people."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from syngen._names import fault_of
from syngen._workspace import (
    InTheWayError,
    check_folder,
    open_file,
    put_in_place,
    remove,
    user_folder,
    working_folder,
)
from syngen.errors import ParameterError

__all__ = [
    "atomic_file",
    "cache_folder",
    "cache_room",
    "exclusive_lock",
    "human_bytes",
    "inside",
    "is_locked",
    "is_temporary",
    "is_url",
    "lock_if_there",
    "name_without_mark",
    "new_folder",
    "scratch_folder",
    "sha256_of",
    "sync_folder",
    "temporary_beside",
    "write_atomic",
]

_TEMPORARY = re.compile(r"((?:[^/]+/)*)\.([^/]+)\.[0-9]+-[0-9a-f]{16}\.tmp")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*::)*[A-Za-z][A-Za-z0-9+.-]+://")
_CHUNK = 1 << 20
# neither is a link followed nor a pipe waited for
_LOOK = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_SCRATCH_PATIENCE_S = 60.0
_SCRATCH_NAME = re.compile(r"[0-9]+-[0-9a-f]{16}|tmp[a-z0-9_]{8}")  # the latter of earlier versions
_ROOMS = {
    "arrow",
    "datasets",
    "features",
    "releases",
    "scratch",
    "shards",
    "sidecars",
    "tables",
}
"""The folders in the cache folder."""


def temporary_beside(path: Path) -> Path:
    """Return a name in the folder of `path` that no other process and no earlier try uses."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.tmp")


def is_temporary(path: Path) -> bool:
    """Return whether a name is one that `temporary_beside` gives."""
    return _TEMPORARY.fullmatch(path.name) is not None


def name_without_mark(name: str) -> str:
    """Return the relative name that a temporary file is made for; another name as it is."""
    match = _TEMPORARY.fullmatch(name)
    return match[1] + match[2] if match else name


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the platform can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of `path` when the block ends without an error.

    The content is durable before the name appears, and the name before the block is left. After an
    error the temporary file is removed and `path` is what it was.
    """
    temporary = temporary_beside(path)
    try:
        with open(temporary, "xb", buffering=_CHUNK) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            remove(temporary)
        raise
    sync_folder(path.parent)


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`: readers see the old file or the new one, never a part."""
    with atomic_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `folder` when the block ends without an error.

    It is alone in a folder that nobody else looks into and that is removed in the end.

    Raises
    ------
    ParameterError
        If `folder` is not absent or empty, or nothing can be written there.
    """
    place = temporary_beside(folder.absolute())
    unfinished = place / folder.absolute().name
    try:
        if folder.is_symlink():
            raise ParameterError(f"{folder} is a link; choose another folder")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ParameterError(f"{folder} is not an empty folder; choose another")
        user_folder(place.parent)
        working_folder(place)  # nobody else gets at what is in it
        working_folder(unfinished, mode=0o777)
    except (OSError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{folder} cannot be written: {error}") from error
    try:
        yield unfinished
        put_in_place(unfinished, folder.absolute())
    except OSError as error:
        raise ParameterError(f"{folder} cannot be written: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            remove(place)
    sync_folder(folder.absolute().parent)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def inside(folder: Path, name: str) -> Path:
    """Return ``folder / name``, refusing a name that leads out of the folder.

    Raises
    ------
    ParameterError
        If `name` is absolute, has a drive or a NUL, or goes up with ``..``.
    """
    if fault_of(name, is_there=True) is not None:
        raise ParameterError(f"{name!r} leads out of {folder}")
    return folder / name


def is_url(place: str | os.PathLike[str]) -> bool:
    """Return whether a place is given by a URL, such as ``s3://bucket/folder``, and not by a path."""
    return isinstance(place, str) and _URL.match(place) is not None


def cache_folder() -> Path:
    """Return where syngen keeps what it can get again: ``SYNGEN_CACHE``, or the platform's cache folder."""
    given = os.environ.get("SYNGEN_CACHE", "")
    if given:
        return Path(given).expanduser().absolute()
    import pooch

    return Path(pooch.os_cache("syngen"))


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
            with contextlib.suppress(OSError, InTheWayError):
                if check_folder(path):
                    with lock_if_there(path / "lock") as is_mine:
                        if is_mine:
                            remove(path)


def human_bytes(n: float) -> str:
    """Return a number of bytes for people: ``1.08 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "bytes" else f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} TB"


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
