"""One shard against the rows that a manifest gives it.

The manifest says where each member is, so every byte of a shard belongs to a row and is checked by
itself: one damaged header does not hide what follows it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.level import levels_db, mean_square_of, peak_of
from syngen.errors import ShardError
from syngen.io.files import sha256_of
from syngen.storage.codec import Codec, pcm_sha256
from syngen.storage.description import ShardEntry
from syngen.storage.layout import key_of
from syngen.storage.problems import Problem
from syngen.storage.shards import BLOCK, END, MemberError, MemberText, check_members
from syngen.storage.tables.columns import STORED
from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import PcmArray

__all__ = ["Row", "ShardCheck", "hash_problems", "rows_of"]


@dataclass(frozen=True)
class Row:
    """What the manifest says of one row's storage."""

    row: int
    index: int
    split: str
    levels: tuple[int, ...]
    offset: int
    size: int
    n_samples: int
    sha256: bytes
    peak: float
    rms_db: float | None


def rows_of(vocabulary: Vocabulary, table: pa.Table, start: int) -> Iterator[Row]:
    """Yield the rows of a part of a manifest, the first of which has the number `start`."""
    grid = vocabulary.grid
    levels = [table.column(f"{name}_level").to_pylist() for name in grid.names]
    names = ("index", "split", *(name for name in STORED if name != "shard"))
    columns = [table.column(name).to_pylist() for name in names]
    for i, (index, split, *rest) in enumerate(zip(*columns, strict=True)):
        yield Row(start + i, index, split, tuple(column[i] for column in levels), *rest)


@dataclass(frozen=True)
class ShardCheck:
    """Checks one shard against the rows that the manifest gives it.

    Attributes
    ----------
    entry : ShardEntry
        What the description, or the receipt, says of the shard.
    codec : Codec
    sample_rate : int
    text : MemberText
    source, manifest : str
        Names of the files that `entry` and the rows are from.
    """

    entry: ShardEntry
    codec: Codec
    sample_rate: int
    text: MemberText
    source: str = "dataset.json"
    manifest: str = "manifest.parquet"

    def problems(self, path: Path, rows: list[Row]) -> Iterator[Problem]:
        """Yield what is wrong, each with the row and the member or header."""
        name = f"shard {self.entry.name}"
        file = f"audio/{self.entry.name}.tar"
        try:
            n_bytes, content = _read(path, self.entry.bytes)
        except OSError as error:
            yield Problem(file, f"{name}: cannot be read: {error.strerror or error}")
            return
        if n_bytes != self.entry.bytes:
            yield Problem(file, f"{name}: {n_bytes} bytes, {self.source} says {self.entry.bytes}")
        is_right = hashlib.sha256(content).hexdigest() == self.entry.sha256
        data = memoryview(content)
        n_found = 0
        for text in self._row_problems(data, rows):
            n_found += 1
            # where the hash is right, it is the manifest that is wrong
            yield Problem(self.manifest if is_right else file, f"{name}: {text}")
        if not is_right and not n_found and n_bytes <= self.entry.bytes:
            yield from (Problem(file, f"{name}: {text}") for text in self._by_encoding_again(data, rows))

    def _row_problems(self, data: memoryview, rows: list[Row]) -> Iterator[str]:
        position: int | None = 0
        squares: list[tuple[Row, float]] = []
        for row in rows:
            if position is not None and row.offset != position + BLOCK:
                yield (
                    f"row {row.row}: the manifest puts it at byte {row.offset}, "
                    f"the rows before it end at {position + BLOCK}"
                )
            try:
                position = self._check_row(data, row, squares)
            except MemberError as error:
                position = error.end
                yield f"row {row.row}: {error}"
        # all at once: one by one, the logarithms take as long as the hashes
        levels, is_silent = levels_db(np.array([square for _, square in squares], dtype=np.float64))
        for (row, _), level, silent in zip(squares, levels.tolist(), is_silent.tolist(), strict=True):
            if row.rms_db != (None if silent else level):
                member = f"{key_of(row.row)}.{self.codec.name}"
                yield f"row {row.row}: member {member}: rms_db of the manifest does not fit the samples"
        if position is not None and bytes(data[position:]) != END:
            yield "the end of the archive, after the last row, is damaged"

    def _check_row(self, data: memoryview, row: Row, squares: list[tuple[Row, float]]) -> int:
        """Check header, audio, padding and JSON of a row; return where the next one starts."""
        for name, level, size in zip(self.text.grid.names, row.levels, self.text.grid.sizes, strict=True):
            if not 0 <= level < size:
                raise MemberError(f"the manifest gives {name} the level {level}, outside 0..{size - 1}")
        text = self.text.of(row.index, row.split, row.levels)
        suffix = self.codec.name
        end = check_members(data, row=row.row, offset=row.offset, size=row.size, suffix=suffix, text=text)
        audio_name = f"{key_of(row.row)}.{suffix}"
        try:
            pcm = self.codec.decode(data[row.offset : row.offset + row.size])
        except ShardError as error:
            raise MemberError(f"member {audio_name}: {error}", end) from error
        problem = _pcm_problem(pcm, row)
        if problem:
            raise MemberError(f"member {audio_name}: {problem}", end)
        if self.codec.name == "wav" and not self._has_rate(data, row):
            raise MemberError(f"member {audio_name}: another sampling rate", end)
        squares.append((row, mean_square_of(pcm)))
        return end

    def _has_rate(self, data: memoryview, row: Row) -> bool:
        return int.from_bytes(data[row.offset + 24 : row.offset + 28], "little") == self.sample_rate

    def _by_encoding_again(self, data: memoryview, rows: list[Row]) -> Iterator[str]:
        """Find damage that leaves every sample as it was, such as in a FLAC file's metadata."""
        n_found = 0
        for row in rows:
            stored = data[row.offset : row.offset + row.size]
            if self.codec.encode(self.codec.decode(stored), self.sample_rate) != stored:
                n_found += 1
                yield (
                    f"row {row.row}: member {key_of(row.row)}.{self.codec.name}: the samples are right, "
                    f"but {self.codec.library} would write other bytes"
                )
        if not n_found:
            yield f"every row is right, but the SHA-256 is not what {self.source} says"


def _pcm_problem(pcm: PcmArray, row: Row) -> str | None:
    if len(pcm) != row.n_samples:
        return f"{len(pcm)} samples, the manifest says {row.n_samples}"
    if pcm_sha256(pcm) != row.sha256:
        return "the samples have another SHA-256 than the manifest says"
    if peak_of(pcm) != row.peak:
        return "peak of the manifest does not fit the samples"
    return None


def hash_problems(entry: ShardEntry, path: Path, source: str) -> Iterator[Problem]:
    """Compare a shard with its hash only, where there is no manifest to look at its rows with."""
    file = f"audio/{entry.name}.tar"
    try:
        if not path.is_file():
            raise OSError(_reason(path))
        found = sha256_of(path)
    except OSError as error:
        yield Problem(file, f"shard {entry.name}: cannot be read: {error.strerror or error}")
        return
    if found != entry.sha256:
        yield Problem(
            file,
            f"shard {entry.name}: SHA-256 is {found[:16]}..., {source} says {entry.sha256[:16]}...",
        )


def _read(path: Path, most: int) -> tuple[int, bytes]:
    """Return a file's size and at most so many of its bytes."""
    if path.exists() and not path.is_file():  # a pipe would never end
        raise OSError(_reason(path))
    with open(path, "rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        return n_bytes, file.read(min(n_bytes, most))


def _reason(path: Path) -> str:
    return "it is a folder" if path.is_dir() else "no such file"
