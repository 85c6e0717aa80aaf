"""Every name in a dataset's folder, once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FORMAT",
    "ROWS_PER_TABLE",
    "Layout",
    "end_of_table",
    "key_of",
    "row_of_key",
    "series_names",
    "shard_name",
    "split_of_shard",
    "table_names",
    "table_of_row",
]

FORMAT = 2
"""Version of the format on disk. Readers accept every earlier one.

1: the first. 2: ``dataset.json`` states ``shard_size``, and fingerprints hash numbers as bytes.
"""

ROWS_PER_TABLE = 1 << 22
"""Most observations in one file of a manifest or of annotations; 200 MB and more of a manifest."""

_SHARD_PATTERN = re.compile(r"([a-z][a-z0-9_]*)-([0-9]{6,12})")
_KEY = re.compile(r"[0-9]{9,18}")
_NUMBER = re.compile(r"_[0-9]{6,9}$")


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
        """One row per observation; of very many the first, and the rest in the files of `series`."""
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
    def previous_size(self) -> Path:
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

    def shard_manifest(self, name: str) -> Path:
        """Return the part of the manifest that belongs to a shard."""
        return self.receipts / f"{name}.parquet"

    def annotations_part(self, name: str) -> Path:
        """Return the part of the annotations that belongs to a shard."""
        return self.receipts / f"{name}.annotations.parquet"

    def table(self, name: str) -> Path:
        """Return a table that the synthesizer adds, such as that of the speakers."""
        return self.folder / f"{name}.parquet"

    def series(self, name: str, tables: Sequence[str]) -> tuple[Path, ...]:
        """Return the files of the manifest or the annotations, in row order.

        Parameters
        ----------
        name : str
            ``manifest`` or ``annotations``.
        tables : sequence of str
            Names of the dataset's tables, among which are those that go on where the first file ends.
        """
        further = [table for table in tables if _NUMBER.sub("", table) == name and table != name]
        return tuple(self.table(table) for table in (name, *sorted(further)))

    def final_files(self, tables: Sequence[str] = (), files: Sequence[str] = ()) -> tuple[Path, ...]:
        """Return the files beside the shards, the description last.

        Parameters
        ----------
        tables : sequence of str
            Names of further Parquet tables.
        files : sequence of str
            Names of the files that only a release has; the card may be among them.
        """
        own = (self.plan, self.recipe, self.manifest, *(self.table(name) for name in tables), self.card)
        further = (self.folder / name for name in files)
        return tuple(dict.fromkeys((*own, *further, self.checksums, self.description)))


def series_names(name: str, n_rows: int) -> tuple[str, ...]:
    """Return the tables that so many observations fill: ``manifest``, ``manifest_000001``, ..."""
    return (name, *(f"{name}_{number:06d}" for number in range(1, -(-n_rows // ROWS_PER_TABLE))))


def table_names(n_rows: int, *, is_spoken: bool, own: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all Parquet tables that so many observations have beside ``manifest.parquet``.

    Parameters
    ----------
    n_rows : int
    is_spoken : bool
        Whether there are annotations.
    own : iterable of str
        Tables of the synthesizer.
    """
    annotations = series_names("annotations", n_rows) if is_spoken else ()
    return (*series_names("manifest", n_rows)[1:], *annotations, *own)


def end_of_table(number: int) -> int:
    """Return the row after the last one that may be in a file of the manifest or the annotations."""
    return (number + 1) * ROWS_PER_TABLE


def table_of_row(name: str, row: int) -> str:
    """Return the file of the manifest or the annotations that a row is in."""
    number = row // ROWS_PER_TABLE
    return f"{name}_{number:06d}.parquet" if number else f"{name}.parquet"


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


def row_of_key(key: str) -> int | None:
    """Return the row whose key a name is, or None if it is not one that `key_of` gives."""
    return int(key) if _KEY.fullmatch(key) and key == key_of(int(key)) else None
