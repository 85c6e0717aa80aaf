"""How a dataset is to be verified, and what finds files in it that are not its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from syngen._values import check_whole, is_whole
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.storage.layout import Layout
    from syngen.synth.request import Permissions

__all__ = ["MaterializeShard", "VerificationOptions", "already_local", "foreign_files"]

MaterializeShard: TypeAlias = Callable[[str], AbstractContextManager[None]]
"""Takes the name of a shard, whose files are in their places while the context is entered."""


def already_local(_: str) -> AbstractContextManager[None]:
    """Return a context in which the files of a shard are where they always are."""
    return nullcontext()


@dataclass(frozen=True)
class VerificationOptions:
    """What verification is told.

    Attributes
    ----------
    permissions : Permissions
        What the recipe of the dataset may do; see `load_recipe`.
    rerender : int
        Render so many observations again, chosen by `seed`, and compare their hashes.
    seed : int
    progress : callable or None
        Told after every shard.
    materialize_shard : callable
        The files of a shard need only be in the folder while its context is entered.

    Raises
    ------
    ParameterError
        If `rerender` is no whole number from 0 on, or `seed` is none.
    """

    permissions: Permissions
    rerender: int = 0
    seed: int = 0
    progress: Progress | None = None
    materialize_shard: MaterializeShard = already_local

    def __post_init__(self) -> None:
        check_whole("rerender", self.rerender, 0)
        if not is_whole(self.seed):
            raise ParameterError(f"seed is {self.seed!r}; a whole number is needed")


def foreign_files(layout: Layout, files: Iterable[Path], shards: Iterable[str]) -> Iterator[Path]:
    """Yield what lies in a folder and is none of a dataset's files or shards, ``.syngen`` aside.

    Parameters
    ----------
    layout : Layout
    files : iterable of Path
        Beside the shards.
    shards : iterable of str
        Names of the shards.
    """
    known = {path.name for path in files} | {layout.audio.name, layout.work.name}
    for folder, names in ((layout.audio, {f"{shard}.tar" for shard in shards}), (layout.folder, known)):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in names:
                yield path
