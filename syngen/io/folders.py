"""Folders that were entered: names are looked up in them and never followed.

A folder is entered only if it is a folder, belongs to this user, and lies on the file system of the folder
that it is in. Where the platform can, names are looked up relative to open folders: nobody can put a link
in the place of a folder between the check and the act.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

from syngen.errors import ParameterError

__all__ = [
    "IS_LINK",
    "Folder",
    "InTheWayError",
    "check_plain",
    "entered",
    "is_folder",
    "is_own",
    "opened",
    "reached",
]

_HAS_DESCRIPTORS = os.scandir in os.supports_fd and os.supports_dir_fd.issuperset(
    {os.open, os.mkdir, os.stat, os.unlink, os.rmdir, os.rename}
)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_ENTER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW
_ANCHOR = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
# a pipe is not waited for, and Windows translates nothing
_FILE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _NO_FOLLOW
_LINK_TAGS = {0xA000000C, 0xA0000003}  # of Windows: symbolic link, junction

IS_LINK = "it is a link"
_NO_FOLDER = "it is not a folder"
_NO_FILE = "it is not a file"
_ELSEWHERE = "it is on another file system than the folder that it is in"

_owners: dict[int, int] = {}


class InTheWayError(ParameterError):
    """Something at a name that syngen needs, which syngen neither writes to nor removes."""

    def __init__(self, path: Path | str, what: str, remedy: str = "move it away") -> None:
        super().__init__(f"{path} is in the way: {what}; {remedy} and run the same command again")
        self.path, self.what, self.remedy = path, what, remedy

    def __reduce__(self) -> tuple[type[InTheWayError], tuple[Path | str, str, str]]:
        return type(self), (self.path, self.what, self.remedy)


class Folder(Protocol):
    """A folder that was entered; names are looked up in it and never followed."""

    path: Path

    def status(self, name: str = "") -> os.stat_result:
        """Return the status of what has a name in the folder; without one, that of the folder."""
        ...

    def enter(self, name: str) -> Folder: ...

    def entries(self) -> list[os.DirEntry[str]]: ...

    def make(self, name: str, mode: int) -> None: ...

    def limit(self, mode: int) -> None:
        """Take those permissions away from the folder that are not in `mode`."""
        ...

    def open(self, name: str, flags: int, mode: int) -> int: ...

    def unlink(self, name: str) -> None: ...

    def rmdir(self, name: str) -> None: ...

    def rename(self, name: str, target: Path) -> None: ...

    def close(self) -> None: ...


class _OpenFolder:
    """A folder by its descriptor, which stays that of the same folder whoever renames it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor

    def status(self, name: str = "") -> os.stat_result:
        if not name:
            return os.fstat(self._descriptor)
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def enter(self, name: str) -> Folder:
        return _OpenFolder(self.path / name, os.open(name, _ENTER, dir_fd=self._descriptor))

    def entries(self) -> list[os.DirEntry[str]]:
        with os.scandir(self._descriptor) as found:
            return list(found)

    def make(self, name: str, mode: int) -> None:
        os.mkdir(name, mode, dir_fd=self._descriptor)

    def limit(self, mode: int) -> None:
        found = stat.S_IMODE(os.fstat(self._descriptor).st_mode)
        if found & 0o777 & ~mode:
            os.fchmod(self._descriptor, found & ~(0o777 & ~mode))

    def open(self, name: str, flags: int, mode: int) -> int:
        return os.open(name, flags | _FILE, mode, dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        os.unlink(name, dir_fd=self._descriptor)

    def rmdir(self, name: str) -> None:
        os.rmdir(name, dir_fd=self._descriptor)

    def rename(self, name: str, target: Path) -> None:
        os.rename(name, target, src_dir_fd=self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class _NamedFolder:
    """A folder by its name, where the platform opens none: each act comes right after its check."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def status(self, name: str = "") -> os.stat_result:
        return os.lstat(self.path / name) if name else os.stat(self.path)

    def enter(self, name: str) -> Folder:
        if not is_folder(self.status(name)):
            raise NotADirectoryError(self.path / name)
        return _NamedFolder(self.path / name)

    def entries(self) -> list[os.DirEntry[str]]:
        with os.scandir(self.path) as found:
            return list(found)

    def make(self, name: str, mode: int) -> None:
        (self.path / name).mkdir(mode)

    def limit(self, mode: int) -> None:
        found = stat.S_IMODE(self.status().st_mode)
        if found & 0o777 & ~mode:
            self.path.chmod(found & ~(0o777 & ~mode))

    def open(self, name: str, flags: int, mode: int) -> int:
        return os.open(self.path / name, flags | _FILE, mode)

    def unlink(self, name: str) -> None:
        (self.path / name).unlink()

    def rmdir(self, name: str) -> None:
        (self.path / name).rmdir()

    def rename(self, name: str, target: Path) -> None:
        with contextlib.suppress(OSError):  # by a descriptor an empty folder is replaced
            target.rmdir()
        os.replace(self.path / name, target)

    def close(self) -> None:
        """Do nothing: nothing is open."""


def opened(path: Path) -> Folder:
    """Open a folder that the user named, by whatever links."""
    if _HAS_DESCRIPTORS:
        return _OpenFolder(path, os.open(path, _ANCHOR))
    os.scandir(path).close()  # raises what is wrong
    return _NamedFolder(path)


@contextlib.contextmanager
def reached(path: Path, within: Path | None, *, mode: int | None = None) -> Iterator[Folder]:
    """Enter `path` from `within`, by default from the folder that it is in, checking each folder.

    With a mode, folders that are missing are made.
    """
    anchor = path.parent if within is None else within
    with ExitStack() as stack:
        folder = stack.enter_context(closing(opened(anchor)))
        for name in path.relative_to(anchor).parts:
            if mode is not None:
                with contextlib.suppress(FileExistsError):
                    folder.make(name, mode)
            folder = stack.enter_context(entered(folder, name))
            if mode is not None:
                with contextlib.suppress(OSError):  # a file system that knows no permissions
                    folder.limit(mode)
        yield folder


@contextlib.contextmanager
def entered(folder: Folder, name: str) -> Iterator[Folder]:
    """Enter a folder in a folder, if it is one and no link, ours, and on the same file system."""
    path = folder.path / name
    try:
        inner = folder.enter(name)
    except FileNotFoundError:
        raise
    except OSError as error:
        status = folder.status(name)
        if is_folder(status) and is_own(folder, status):
            raise
        what = IS_LINK if _is_link(status) else _foreign(status) if is_folder(status) else _NO_FOLDER
        raise InTheWayError(path, what) from error
    with closing(inner):
        status = inner.status()
        if not is_own(folder, status):
            raise InTheWayError(path, _foreign(status))
        if status.st_dev != folder.status().st_dev:
            raise InTheWayError(path, _ELSEWHERE)
        yield inner


def check_plain(folder: Folder, name: str, status: os.stat_result) -> None:
    """Refuse what is not a plain file of this user's."""
    if _is_link(status):
        raise InTheWayError(folder.path / name, IS_LINK)
    if not stat.S_ISREG(status.st_mode):
        raise InTheWayError(folder.path / name, _NO_FILE)
    if not is_own(folder, status):
        raise InTheWayError(folder.path / name, _foreign(status))


def is_folder(status: os.stat_result) -> bool:
    """Whether a status is that of a folder, and of no link to one."""
    return stat.S_ISDIR(status.st_mode) and not _is_link(status)


def _is_link(status: os.stat_result) -> bool:
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) in _LINK_TAGS


def _foreign(status: os.stat_result) -> str:
    return f"it belongs to another user (number {status.st_uid})"


def is_own(folder: Folder, status: os.stat_result) -> bool:
    """Whether something in a folder belongs to this user, as far as the file system says."""
    if not hasattr(os, "geteuid"):  # Windows
        return True
    return status.st_uid == os.geteuid() or status.st_uid == _owner_given(folder)


def _owner_given(folder: Folder) -> int:
    """Return whom the file system names as the owner of what this user makes in a folder.

    Some network file systems name nobody, or the same user for all; a folder is made to find out.
    """
    device = folder.status().st_dev
    if device not in _owners:
        name = f".{secrets.token_hex(8)}"
        try:
            folder.make(name, 0o700)
            try:
                _owners[device] = folder.status(name).st_uid
            finally:
                folder.rmdir(name)
        except OSError:
            return os.geteuid()
    return _owners[device]
