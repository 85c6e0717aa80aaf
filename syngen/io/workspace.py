"""Working folders: one function makes them, one removes them, and neither follows a link.

Others may write where syngen works, and what is unpacked from an archive brings links along. What is found
at a name that syngen needs is used only if it is a plain file or folder of this user's; anything else is
refused by name, and stays.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from syngen.io.folders import (
    IS_LINK,
    Folder,
    InTheWayError,
    check_plain,
    entered,
    is_folder,
    is_own,
    opened,
    reached,
)

__all__ = [
    "InTheWayError",
    "check_file",
    "check_folder",
    "findings",
    "make_private",
    "open_file",
    "put_in_place",
    "remove",
    "temporary_folder",
    "user_folder",
    "working_folder",
]

_MOST_LEVELS = 32  # of folders in a working folder; syngen's own have fewer than ten

_HARD_LINK = "it is a hard link to a file that has another name too"
_UNKNOWN = "syngen did not put it there"


def working_folder(path: Path, *, within: Path | None = None, mode: int = 0o700) -> Path:
    """Make a folder to work in, or check the one that is there; return its path.

    Parameters
    ----------
    path : Path
    within : Path, optional
        A folder that the user named, or that was checked before; by default the one that `path` is in. What
        is between the two is made and checked as `path` is.
    mode : int
        Most permissions; what a folder of that name has beyond them is taken away.

    Raises
    ------
    InTheWayError
        If there is no folder of this user's, but a link, or something on another file system.
    OSError
        If the file system refuses.
    """
    with reached(path, within, mode=mode):
        return path


def check_folder(path: Path, *, within: Path | None = None) -> bool:
    """Whether a folder is there that `working_folder` would take; changes nothing.

    Raises
    ------
    InTheWayError
        If something else is there.
    """
    try:
        with reached(path, within):
            return True
    except FileNotFoundError:
        return False


def check_file(path: Path) -> None:
    """Refuse what is not a plain file of this user's, if anything is there; changes nothing.

    Raises
    ------
    InTheWayError
    """
    if not path.exists() and not path.is_symlink():  # soon said, and said of most
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), closing(opened(path.parent)) as folder:
        check_plain(folder, path.name, folder.status(path.name))


def user_folder(path: Path) -> Path:
    """Make a folder where the user wants one, and those that it is in; links there are the user's own."""
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Give a folder among the temporary ones of the system for the length of a block."""
    path = working_folder(Path(tempfile.gettempdir()) / f"{prefix}{secrets.token_hex(8)}")
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            remove(path)


def remove(
    path: Path, *, within: Path | None = None, only: Callable[[str], bool] | None = None
) -> tuple[str, ...]:
    """Remove a file, a link, or a folder with all that is in it; never anything through a link.

    What belongs to another user or lies on another file system stays. As much is removed as can be.

    Parameters
    ----------
    path : Path
    within : Path, optional
        See `working_folder`.
    only : callable, optional
        Takes the name of something in the folder, relative to it and with a slash at the end of a folder's
        name, and says whether it may be removed.

    Returns
    -------
    tuple of str
        Relative names of what stayed, sorted; ``.`` is `path` itself.

    Raises
    ------
    InTheWayError
        If there is a link, or a folder of another user, between `within` and `path`.
    OSError
        The first that occurred, after everything else was removed.
    """
    removal = _Removal(only)
    with contextlib.suppress(FileNotFoundError), reached(path.parent, within or path.parent) as folder:
        removal.remove(folder, path.name, "")
    if removal.error is not None:
        raise removal.error
    return tuple(sorted(removal.left))


class _Removal:
    """Removes a tree, going on after errors."""

    def __init__(self, only: Callable[[str], bool] | None) -> None:
        self._only = only
        self.left: list[str] = []
        self.error: OSError | None = None

    def remove(self, folder: Folder, name: str, below: str, level: int = 0) -> None:
        """Remove what has a name in a folder; `below` is its name relative to the top of the tree."""
        try:
            if not self._remove(folder, name, below, level):
                self.left.append(below or ".")
        except FileNotFoundError:
            pass
        except OSError as error:
            self.error = self.error or error

    def _remove(self, folder: Folder, name: str, below: str, level: int) -> bool:
        """Return whether it is removed, or has told by itself what is left of it."""
        status = folder.status(name)
        is_tree = is_folder(status)
        is_meant = not below or self._only is None or self._only(f"{below}/" if is_tree else below)
        if not is_meant or not is_own(folder, status):
            return False
        if not is_tree:
            folder.unlink(name)
            return True
        if level == _MOST_LEVELS:
            return False
        n_left = len(self.left)
        try:
            with entered(folder, name) as inner:
                for entry in inner.entries():
                    self.remove(inner, entry.name, f"{below}/{entry.name}".lstrip("/"), level + 1)
        except InTheWayError:
            return False
        if len(self.left) == n_left:
            folder.rmdir(name)
        return True


def findings(
    path: Path, is_ours: Callable[[str], bool], *, is_thorough: bool = True
) -> Iterator[tuple[str, str]]:
    """Yield what is in a working folder and was not put there by syngen; changes nothing.

    Parameters
    ----------
    path : Path
    is_ours : callable
        Takes the name of something in the folder, relative to it and with a slash at the end of a folder's
        name, and says whether it is a name that syngen gives.
    is_thorough : bool
        Whether owner and further names of each file are looked at too.

    Yields
    ------
    tuple of (str, str)
        Relative name, and what is wrong with what has it.

    Raises
    ------
    InTheWayError
        If `path` itself is not a folder that `working_folder` would take.
    """
    with reached(path, None) as folder:
        yield from _findings(folder, "", is_ours, is_thorough=is_thorough)


def _findings(
    folder: Folder, below: str, is_ours: Callable[[str], bool], *, is_thorough: bool, level: int = 0
) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.entries(), key=lambda entry: entry.name):
        name = f"{below}{entry.name}"
        is_file = is_ours(name)
        if not is_file and not is_ours(f"{name}/"):
            yield name, IS_LINK if entry.is_symlink() else _UNKNOWN
            continue
        if is_file and not is_thorough and entry.is_file(follow_symlinks=False):
            continue
        try:
            if is_file:
                status = folder.status(entry.name)
                check_plain(folder, entry.name, status)
                if status.st_nlink > 1:
                    yield name, _HARD_LINK
            elif level < _MOST_LEVELS:
                with entered(folder, entry.name) as inner:
                    yield from _findings(
                        inner, f"{name}/", is_ours, is_thorough=is_thorough, level=level + 1
                    )
        except FileNotFoundError:  # gone meanwhile
            continue
        except InTheWayError as error:
            yield name, error.what


def put_in_place(path: Path, target: Path) -> None:
    """Let a working folder become `target`, which is absent or an empty folder, by one rename.

    Raises
    ------
    InTheWayError
        If `path`, or what it is in, is no longer a working folder.
    OSError
        If something is at the target by now.
    """
    with reached(path.parent, None) as folder, entered(folder, path.name):
        folder.rename(path.name, target)


def open_file(path: Path, flags: int) -> int:
    """Open a file in a working folder that is changed in place, such as a lock; return its descriptor.

    A new one can be read and written by whoever can read and write the folder, as far as the umask allows.

    Raises
    ------
    InTheWayError
        If it is not a plain file of this user's, or the folder is none.
    OSError
        If it cannot be opened.
    """
    with reached(path.parent, None) as folder:
        with contextlib.suppress(FileNotFoundError):
            check_plain(folder, path.name, folder.status(path.name))
        descriptor = folder.open(path.name, flags, stat.S_IMODE(folder.status().st_mode) & 0o666)
        try:
            check_plain(folder, path.name, os.fstat(descriptor))
        except InTheWayError:
            os.close(descriptor)
            raise
        return descriptor


def make_private(folder: Path) -> None:
    """Take every permission of others from a working folder and from all that is in it."""
    for place, _, names in os.walk(folder):
        Path(place).chmod(0o700)
        for path in (Path(place, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o600)
