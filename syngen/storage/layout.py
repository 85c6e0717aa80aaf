"""Every name in a dataset's folder, once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FORMAT", "Layout", "key_of", "shard_name", "split_of_shard"]

FORMAT = 1
"""Version of the format on disk. Readers accept every earlier one."""

_SHARD_PATTERN = re.compile(r"([a-z][a-z0-9_]*)-([0-9]{6,12})")


@dataclass(frozen=True)
class Layout:
    """Paths of a dataset in one folder.

    Parameters
    ----------
    folder : Path
    """

    folder: Path

    @property
    def plan(self) -> Path:
        """Everything that decides a byte of the folder; written first."""
        return self.folder / "plan.json"

    @property
    def description(self) -> Path:
        """What the dataset is; written last."""
        return self.folder / "dataset.json"

    @property
    def recipe(self) -> Path:
        """The recipe as given."""
        return self.folder / "recipe.yaml"

    @property
    def manifest(self) -> Path:
        """One row per observation."""
        return self.folder / "manifest.parquet"

    @property
    def annotations(self) -> Path:
        """Words and phones by row, of speech."""
        return self.folder / "annotations.parquet"

    @property
    def card(self) -> Path:
        """The dataset card."""
        return self.folder / "README.md"

    @property
    def checksums(self) -> Path:
        """SHA-256 of every other file."""
        return self.folder / "SHA256SUMS"

    @property
    def audio(self) -> Path:
        """Folder of the shards."""
        return self.folder / "audio"

    @property
    def work(self) -> Path:
        """Folder that exists while the dataset is unfinished."""
        return self.folder / ".syngen"

    @property
    def receipts(self) -> Path:
        """Folder of what the workers leave for each finished shard."""
        return self.work / "receipts"

    @property
    def lock(self) -> Path:
        """File that a run holds a lock on."""
        return self.work / "lock"

    @property
    def plan_lock(self) -> Path:
        """File that a member of a job array locks while it looks at the plan, or changes it."""
        return self.work / "plan-lock"

    @property
    def members(self) -> Path:
        """Folder of the locks of the members of job arrays."""
        return self.work / "members"

    @property
    def log(self) -> Path:
        """What the runs in this folder did, one JSON line an event."""
        return self.work / "log.jsonl"

    @property
    def scratch(self) -> Path:
        """Folder in which a repair makes things before it puts them in their places."""
        return self.work / "repair"

    @property
    def smaller(self) -> Path:
        """Folder of what a smaller dataset that grows had: one folder each, by number."""
        return self.work / "smaller"

    def copy(self, path: Path) -> Path:
        """Return where an unfinished dataset has a copy of its plan or its recipe."""
        return self.work / path.name

    def shard(self, name: str) -> Path:
        """Return the tar file of a shard."""
        return self.audio / f"{name}.tar"

    def receipt(self, name: str) -> Path:
        """Return the receipt of a shard."""
        return self.receipts / f"{name}.json"

    def part(self, name: str) -> Path:
        """Return the part of the manifest that belongs to a shard."""
        return self.receipts / f"{name}.parquet"

    def annotations_part(self, name: str) -> Path:
        """Return the part of the annotations that belongs to a shard."""
        return self.receipts / f"{name}.annotations.parquet"

    def table(self, name: str) -> Path:
        """Return a table that the synthesizer adds, such as that of the speakers."""
        return self.folder / f"{name}.parquet"

    def final_files(self, tables: Sequence[str] = ()) -> tuple[Path, ...]:
        """Return the files beside the shards, the description last.

        Parameters
        ----------
        tables : sequence of str
            Names of further Parquet tables.
        """
        return (
            self.plan,
            self.recipe,
            self.manifest,
            *(self.table(name) for name in tables),
            self.card,
            self.checksums,
            self.description,
        )


def shard_name(split: str, number: int) -> str:
    """Return the name of a shard: ``train-000000``."""
    return f"{split}-{number:06d}"


def split_of_shard(name: str) -> str | None:
    """Return the split of a shard name, or None if it is not one."""
    match = _SHARD_PATTERN.fullmatch(name)
    return match.group(1) if match else None


def key_of(row: int) -> str:
    """Return the key of a row in its shard: the row, zero-padded to at least nine digits."""
    return f"{row:09d}"
