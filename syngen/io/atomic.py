"""Files and folders that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from syngen.errors import ParameterError
from syngen.io.workspace import (
    put_in_place,
    remove,
    user_folder,
    working_folder,
)

__all__ = [
    "atomic_file",
    "is_temporary",
    "name_without_mark",
    "new_folder",
    "sync_folder",
    "temporary_beside",
    "write_atomic",
]

_TEMPORARY = re.compile(r"((?:[^/]+/)*)\.([^/]+)\.[0-9]+-[0-9a-f]{16}\.tmp")
_CHUNK = 1 << 20


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
