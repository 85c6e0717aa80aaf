"""The folder in which a download comes together, beside the folder that it becomes.

It has the same name for every try, so that a killed download goes on, and a lock, so that there is one at a
time. Others may know its name: it is used only if it belongs to this user, and if nothing is in it but what
downloads put there. Only what was verified is in `Staging.verified`, which takes the target's place by one
rename.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from syngen.errors import DownloadIncompleteError, ManifestError, ParameterError
from syngen.io.atomic import sync_folder
from syngen.io.cache import cache_folder, cache_room
from syngen.io.locks import exclusive_lock
from syngen.io.workspace import (
    InTheWayError,
    check_file,
    check_folder,
    findings,
    make_private,
    put_in_place,
    remove,
    user_folder,
    working_folder,
)
from syngen.storage.checksums import parse_checksums
from syngen.storage.names import is_dataset_name

__all__ = ["Staging", "staged"]

_SUMS = "SHA256SUMS"
_PART = re.compile(rf"{_SUMS}|(?:piece-)?[0-9a-f]{{64}}")
_LEFTOVER = re.compile(r"(?:.*/)?tmp[a-z0-9_]{8}")  # of earlier versions that were killed


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
    def verified(self) -> Path:
        """Folder of verified files, by their names in the release."""
        return self.place / "whole"

    @property
    def parts(self) -> Path:
        """Folder of files that are not all there."""
        return self.place / "parts"

    @property
    def derived(self) -> Path:
        """Folder of a dataset that is made of what came."""
        return self.place / "made"

    @property
    def selected(self) -> Path:
        """Folder of some of the observations in `derived`."""
        return self.place / "part"

    @property
    def lock(self) -> Path:
        """File that a download holds a lock on."""
        return self.place / "lock"

    def prepare(self) -> None:
        """Refuse what no download has put there, and make the folders that every download needs.

        Raises
        ------
        InTheWayError
            With the first link, hard link, other user's file or unknown name.
        """
        try:
            self._check()
        except InTheWayError as error:
            remedy = f"remove {self.place}, in which nobody else should write,"
            raise InTheWayError(error.path, error.what, remedy) from error
        working_folder(self.verified, mode=0o777)
        working_folder(self.parts)

    def _check(self) -> None:
        listed = self._listed()

        def is_ours(name: str) -> bool:
            top, slash, rest = name.partition("/")
            if not slash:
                return name == self.lock.name
            if top == self.verified.name:
                return not rest or rest in listed or _LEFTOVER.fullmatch(rest) is not None
            if top == self.parts.name:
                return not rest or _PART.fullmatch(rest) is not None
            return top in (self.derived.name, self.selected.name) and (not rest or is_dataset_name(rest))

        for name, what in findings(self.place, is_ours):
            raise InTheWayError(self.place / name, what)

    def _listed(self) -> set[str]:
        """Return the names that earlier tries may have given, and those of their folders with a slash."""
        names, path = {_SUMS}, self.verified / _SUMS
        check_folder(self.verified)
        check_file(path)
        with contextlib.suppress(OSError, UnicodeDecodeError, ManifestError):
            names |= set(parse_checksums(path.read_text("utf-8")))
        return names | {f"{above}/" for name in names for above in Path(name).parents}

    def prune(self, names: Collection[str]) -> None:
        """Remove from `whole` what is not of the release, such as leftovers of a killed try."""
        remove(self.verified, within=self.place.parent, only=lambda name: name not in names)
        working_folder(self.verified, mode=0o777)

    def put_in_place(self, folder: Path, *, is_private: bool = False) -> None:
        """Let a folder of this place become the target, and remove the rest.

        Parameters
        ----------
        folder : Path
        is_private : bool
            Whether nobody else may look into the target.

        Raises
        ------
        ParameterError
            If there is something at the target by now.
        """
        if is_private:
            make_private(folder)
        for below, _, _ in os.walk(folder):
            sync_folder(Path(below))
        try:
            put_in_place(folder, self.target)
        except OSError as error:
            raise ParameterError(
                f"{self.target} cannot be put in place: {error.strerror or error}; it must be absent or "
                "empty"
            ) from error
        sync_folder(self.target.parent)
        self.remove()

    def clear(self, *folders: Path) -> None:
        """Remove folders of this place, as far as the file system lets it."""
        for folder in folders:
            with contextlib.suppress(OSError, InTheWayError):
                remove(folder, within=self.place.parent)

    def remove(self) -> None:
        """Remove everything."""
        with contextlib.suppress(OSError):
            remove(self.place)


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
        If the target cannot be written, another download into it is at work, or something that is not of a
        download is in the staging folder or at its name.
    DownloadIncompleteError
        If the disk refuses while something comes.
    """
    place = target.with_name(f".{target.name}.syngen-download")
    try:
        _make_parent(target)
        try:
            working_folder(place)
        except InTheWayError as error:
            remedy = "remove it, or choose another folder to download to,"
            raise InTheWayError(error.path, error.what, remedy) from error
    except OSError as error:
        raise ParameterError(f"{target} cannot be written: {error.strerror or error}") from error
    with exclusive_lock(Staging(place, target).lock, patience_s=patience_s) as is_mine:
        if not is_mine:
            raise ParameterError(f"another download to {target} is at work; wait for it, or end it")
        staging = Staging(place, target)
        try:
            staging.prepare()
            with _removed_if_empty(staging):
                yield staging
        except OSError as error:
            raise DownloadIncompleteError(
                f"{place} cannot be written: {error.strerror or error}; what came is kept, run the same "
                "command again to go on"
            ) from error


def _make_parent(target: Path) -> None:
    """Make the folder that a target is in; in the cache folder, nobody else may look into it."""
    cache = cache_folder()
    if target.parent.is_relative_to(cache):
        cache_room(*target.parent.relative_to(cache).parts)
    else:
        user_folder(target.parent)


@contextlib.contextmanager
def _removed_if_empty(staging: Staging) -> Iterator[None]:
    """Remove the staging folder in the end if nothing came."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            files = (path for path in staging.place.rglob("*") if path.is_file())
            if all(path == staging.lock for path in files):
                staging.remove()
