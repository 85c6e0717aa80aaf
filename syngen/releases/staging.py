"""The folder in which a download comes together, beside the folder that it becomes.

It has the same name for every try, so that a killed download goes on, and a lock, so that there is one at a
time. Only what was verified is in `Staging.whole`, which takes the target's place by one rename.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from syngen._files import exclusive_lock, sync_folder
from syngen.errors import DownloadIncompleteError, ParameterError

__all__ = ["Staging", "staged"]


@dataclass(frozen=True)
class Staging:
    """Where a download comes together.

    Attributes
    ----------
    place : Path
        The folder of all of it.
    target : Path
        What it becomes.
    """

    place: Path
    target: Path

    @property
    def whole(self) -> Path:
        """Folder of verified files, by their names in the release."""
        return self.place / "whole"

    @property
    def parts(self) -> Path:
        """Folder of files that are not all there."""
        return self.place / "parts"

    @property
    def made(self) -> Path:
        """Folder of a dataset that is made of what came."""
        return self.place / "made"

    def prune(self, names: Collection[str]) -> None:
        """Remove from `whole` what is not of the release, such as leftovers of a killed try."""
        for folder, _, files in os.walk(self.whole, topdown=False):
            for file in files:
                path = Path(folder, file)
                if path.relative_to(self.whole).as_posix() not in names:
                    path.unlink()
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        self.whole.mkdir(exist_ok=True)

    def put_in_place(self, folder: Path) -> None:
        """Let a folder of this place become the target, and remove the rest.

        Raises
        ------
        ParameterError
            If there is something at the target by now.
        """
        for below, _, _ in os.walk(folder):
            sync_folder(Path(below))
        try:
            if self.target.is_dir() and not self.target.is_symlink():
                self.target.rmdir()  # an empty one
            os.rename(folder, self.target)  # noqa: PTH104  # one atomic system call
        except OSError as error:
            raise ParameterError(
                f"{self.target} cannot be put in place: {error.strerror or error}; it must be absent or "
                "empty"
            ) from error
        sync_folder(self.target.parent)
        self.remove()

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.place, ignore_errors=True)


@contextlib.contextmanager
def staged(target: Path, *, patience_s: float = 0.0) -> Iterator[Staging]:
    """Hold the staging folder of a target for the length of a block.

    Parameters
    ----------
    target : Path
    patience_s : float
        How long to wait for another download into it to end, in seconds.

    Raises
    ------
    ParameterError
        If the target cannot be written, or another download into it is at work.
    """
    place = target.with_name(f".{target.name}.syngen-download")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o755)
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise ParameterError(f"{place} is in the way; remove it, or download to another folder")
    except OSError as error:
        raise ParameterError(f"{target} cannot be written: {error.strerror or error}") from error
    with exclusive_lock(place / "lock", patience_s=patience_s) as is_mine:
        if not is_mine:
            raise ParameterError(f"another download to {target} is at work; wait for it, or end it")
        staging = Staging(place, target)
        try:
            staging.whole.mkdir(exist_ok=True)
            staging.parts.mkdir(exist_ok=True)
            yield staging
        except OSError as error:
            raise DownloadIncompleteError(
                f"{place} cannot be written: {error.strerror or error}; what came is kept, run the same "
                "command again to go on"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                if not any(path.is_file() for path in place.rglob("*") if path.name != "lock"):
                    staging.remove()
