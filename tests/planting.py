"""Links, hard links, other users' files and files of the user's, planted where syngen works."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from syngen.errors import SyngenError
from tests.support import EVERY_CASE, digests_of, names_below

__all__ = ["MARK", "Planted", "attempt", "cases"]

MARK = "4711-0123456789abcdef"
"""Of a temporary file."""


def cases(*dimensions: Collection[str]) -> list[tuple[str, ...]]:
    """Return combinations of one value of each: every one with SYNGEN_EVERY_CASE, else a sample.

    In the sample, the values of the shortest dimension take turns among all combinations of the others. Of
    three dimensions, any two values of different ones are in it together.
    """
    if EVERY_CASE:
        return list(itertools.product(*dimensions))
    shortest = min(range(len(dimensions)), key=lambda k: len(dimensions[k]))
    turns = list(dimensions[shortest])
    others = [list(enumerate(values)) for k, values in enumerate(dimensions) if k != shortest]
    found = []
    for combination in itertools.product(*others):
        case = [value for _, value in combination]
        case.insert(shortest, turns[sum(place for place, _ in combination) % len(turns)])
        found.append(tuple(case))
    return found


class Planted:
    """What was planted at names, and what must not change because of it.

    Parameters
    ----------
    canary : Path
        A folder of the user's, made here, that links lead to.
    give : callable
        Lets a file or a folder belong to another user.
    """

    def __init__(self, canary: Path, give: Callable[[Path], None]) -> None:
        self._canary, self._give = canary, give
        self._watched: list[Path] = []
        (canary / "moved").mkdir(parents=True)
        (canary / "letter.txt").write_text("mine", "utf-8")

    def link(self, path: Path, *, is_folder: bool = False) -> None:
        """Let a name lead to what it had, which is among the user's files now."""
        path.parent.mkdir(parents=True, exist_ok=True)
        target = self._canary / "moved" / path.name
        if path.exists():
            path.rename(target)
        elif is_folder:
            target.mkdir()
        else:
            target.write_text("mine", "utf-8")
        if target.is_dir():
            for name in ("letter.txt", f".train-000000.tar.{MARK}.tmp", "train-000777.tar", "lock"):
                (target / name).write_text(f"mine: {name}", "utf-8")
        path.symlink_to(target)

    def dangling_link(self, path: Path, *, is_folder: bool = False) -> None:
        """Let a name lead to nothing in a folder of the user's."""
        del is_folder
        _cleared(path).symlink_to(self._canary / "not there")

    def hard_link(self, path: Path) -> None:
        """Let a file of the user's, which has what was there, have one more name."""
        content = path.read_bytes() if path.is_file() else b"mine"
        (self._canary / "moved" / path.name).write_bytes(content)
        _cleared(path).hardlink_to(self._canary / "moved" / path.name)

    def foreign_file(self, path: Path) -> None:
        """Let a file belong to another user."""
        if not path.is_file():
            _cleared(path).write_bytes(b"another's")
        self._give(path)
        self._watched.append(path)

    def foreign_folder(self, path: Path, *, is_folder: bool = True) -> None:
        """Let a folder belong to another user, who has a file in it."""
        del is_folder
        path.mkdir(parents=True, exist_ok=True)
        (path / "letter.txt").write_bytes(b"another's")
        self._give(path / "letter.txt")
        self._give(path)
        self._watched.append(path / "letter.txt")

    def file(self, path: Path) -> None:
        """Plant a file of the user's."""
        _cleared(path).write_bytes(b"mine")
        self._watched.append(path)

    def state(self) -> object:
        """Return what must stay the same."""
        kept = [(path.lstat().st_ino, path.read_bytes()) for path in self._watched if path.is_file()]
        return names_below(self._canary), digests_of(self._canary), len(self._watched), kept


def _cleared(path: Path) -> Path:
    """Make room for something at a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


def attempt(act: Callable[[], object]) -> str:
    """Return what a command that fails in order says, or nothing."""
    try:
        act()
    except SyngenError as error:
        return str(error)
    return ""
