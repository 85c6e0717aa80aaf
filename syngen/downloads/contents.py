"""What is in a release, checked before anything is made of it: manifest, shards, and what they claim.

Hashes prove that a file is the one that the release lists, not that it is harmless. Here nothing is
unpacked: a shard must consist, byte for byte, of the members that the manifest gives it, so that no name,
link or device of an archive can ever have an effect, now or when another tool unpacks it.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from syngen.errors import (
    DownloadError,
    FactorError,
    ManifestError,
    ShardError,
)
from syngen.storage.codec import Codec, find_codec
from syngen.storage.description import Description, ShardEntry, read_description
from syngen.storage.layout import Layout, key_of
from syngen.storage.shards import BLOCK, END, MemberText, check_members
from syngen.storage.tables.arrays import mapped_file
from syngen.storage.tables.columns import integers
from syngen.storage.tables.manifest import Vocabulary, read_series, vocabulary_of

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import IntArray

__all__ = ["Contents", "known_layout", "read_contents", "refusing"]

MOST_SECONDS = 600
"""Of an observation; what a recipe may ask for."""

MOST_SAMPLE_RATE = 384_000

_MOST_MEMBER_OVERHEAD = 1 << 16
_MOST_TABLE_BYTES = 256 << 20
_MOST_ROW_BYTES = 1 << 13  # in memory, of the manifest
_MOST_SPOKEN_BYTES = 1 << 18  # of the annotations


class Contents:
    """Description and manifest of a release, which agree with each other.

    Parameters
    ----------
    layout : Layout
        Of a folder that has both.
    description : Description
    vocabulary : Vocabulary
    table : pyarrow.Table
        The manifest.
    """

    def __init__(
        self, layout: Layout, description: Description, vocabulary: Vocabulary, table: pa.Table
    ) -> None:
        self.layout, self.description, self.vocabulary, self.table = layout, description, vocabulary, table
        self.codec: Codec = find_codec(description.codec)
        self._text = MemberText(vocabulary.grid)
        counts = [0, *(entry.rows for entry in description.shards)]
        self.starts: list[int] = np.cumsum(counts).tolist()

    def rows_of(self, number: int) -> pa.Table:
        """Return the part of the manifest that belongs to a shard, given by its number."""
        return self.table.slice(self.starts[number], self.description.shards[number].rows)

    def shard_numbers(self, rows: IntArray) -> IntArray:
        """Return the number of the shard that each of some rows is in: int64, shape (n,)."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def check_shard(self, number: int, path: Path) -> None:
        """Compare a shard with what the manifest gives it.

        Raises
        ------
        DownloadError
            If it has any other byte beside the audio, or audio that says of itself that it has another
            length.
        """
        entry = self.description.shards[number]
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            problem = self._problem(entry, data, self.rows_of(number), self.starts[number])
        if problem:
            raise DownloadError(f"shard {entry.name} is refused: {problem}")

    def _problem(self, entry: ShardEntry, data: mmap.mmap, table: pa.Table, first: int) -> str | None:
        position, rate, suffix = 0, self.vocabulary.sample_rate, self.codec.name
        columns = (table.column(name).to_pylist() for name in ("offset", "size", "n_samples"))
        rows, texts = range(first, first + entry.rows), self.texts(table, entry.split)
        for row, text, offset, size, n_samples in zip(rows, texts, *columns, strict=True):
            if offset != position + BLOCK:
                return (
                    f"the manifest puts row {row} at byte {offset}, what comes before it ends at "
                    f"{position + BLOCK}"
                )
            try:
                position = check_members(data, row=row, offset=offset, size=size, suffix=suffix, text=text)
            except ShardError as error:
                return f"row {row}: {error}"
            if not self.codec.is_stated(data[offset : offset + 64], size, n_samples, rate):
                return (
                    f"member {key_of(row)}.{suffix} is no {suffix.upper()} of the {n_samples} samples of "
                    f"row {row}"
                )
        return None if data[position:] == END else "the end of the archive, after the last row, is damaged"

    def texts(self, table: pa.Table, split: str) -> Iterator[bytes]:
        """Return an iterator over the JSON members of rows of the manifest, all of one split."""
        try:
            return self._text.texts(integers(table, "index"), split)
        except FactorError as error:
            raise DownloadError(f"the manifest and its grid disagree: {error}") from error


@contextmanager
def refusing(folder: Path) -> Iterator[None]:
    """Say of what is wrong with a file that the release is refused.

    Parameters
    ----------
    folder : Path
        Where the file is; its name is that in the release.
    """
    try:
        yield
    except ManifestError as error:
        text = str(error).replace(f"{folder}{os.sep}", "")
        raise DownloadError(f"the release is refused: {text}") from error


def read_contents(folder: Path) -> Contents:
    """Read description and manifest of a release.

    Raises
    ------
    DownloadError
        If they are damaged, contradict each other, or claim what cannot be.
    """
    layout = Layout(folder)
    with refusing(folder):
        description = read_description(layout.description)
        paths = layout.series("manifest", description.tables)
        _check_sizes(paths, description.n_rows, _MOST_ROW_BYTES, is_exact=True)
        if "annotations" in description.tables:
            spoken = layout.series("annotations", description.tables)
            _check_sizes(spoken, description.n_rows, _MOST_SPOKEN_BYTES, is_exact=False)
        table = read_series(paths)
        vocabulary = vocabulary_of(table.schema)
    contents = Contents(layout, description, vocabulary, table)
    _check_agreement(contents)
    return contents


def _check_sizes(paths: Sequence[Path], n_rows: int, most_row_bytes: int, *, is_exact: bool) -> None:
    """Refuse Parquet files that would become huge in memory, by what their footers say."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = n_bytes = 0
    for path in paths:
        try:
            with mapped_file(path) as source:
                footer = pq.read_metadata(source)
        except (OSError, pa.ArrowException) as error:
            raise ManifestError(f"{path.name} cannot be read: {error}") from error
        found += footer.num_rows
        n_bytes += sum(footer.row_group(k).total_byte_size for k in range(footer.num_row_groups))
    if is_exact and found != n_rows:
        raise ManifestError(f"{paths[0].name} has {found:,} rows, dataset.json counts {n_rows:,}")
    if n_bytes > _MOST_TABLE_BYTES + n_rows * most_row_bytes:
        raise ManifestError(
            f"{paths[0].name} would have {n_bytes:,} bytes in memory for {n_rows:,} observations"
        )


def _check_agreement(contents: Contents) -> None:
    description, vocabulary, table = contents.description, contents.vocabulary, contents.table
    rate = vocabulary.sample_rate
    if vocabulary.fingerprint != description.fingerprint or vocabulary.name != description.recipe.get(
        "name"
    ):
        raise DownloadError("manifest.parquet and dataset.json are not of one dataset")
    wanted = vocabulary.dataset_schema()
    for field in wanted:
        if field.name not in table.column_names or not table.schema.field(field.name).equals(field):
            raise DownloadError(
                f"manifest.parquet has no column {field.name} of the type that it must have"
            )
    if not 1 <= rate <= MOST_SAMPLE_RATE:
        raise DownloadError(
            f"the release has {rate:,} samples a second; 1 to {MOST_SAMPLE_RATE:,} are possible"
        )
    most = MOST_SECONDS * rate
    for name, limit in (("n_samples", most), ("size", 2 * most + _MOST_MEMBER_OVERHEAD)):
        column = integers(table, name)
        if len(column) and not 0 <= column.min() <= column.max() <= limit:
            found = int(column.max() if column.max() > limit else column.min())
            raise DownloadError(
                f"manifest.parquet gives an observation {name} {found:,}; 0 to {limit:,} are possible, "
                f"which is {MOST_SECONDS} seconds"
            )
    order = [list(description.counts).index(entry.split) for entry in description.shards]
    if order != sorted(order):
        raise DownloadError("dataset.json lists its shards in another order than their splits")
    for number, entry in enumerate(description.shards):
        rows = contents.rows_of(number)
        if set(rows.column("shard").unique().to_pylist()) != {entry.name}:
            raise DownloadError(
                f"manifest.parquet and dataset.json disagree about the rows of shard {entry.name}"
            )
        if set(rows.column("split").unique().to_pylist()) != {entry.split}:
            raise DownloadError(f"shard {entry.name} has rows of another split than {entry.split}")
        offsets, sizes = integers(rows, "offset"), integers(rows, "size")
        if (offsets < BLOCK).any() or (offsets + sizes > entry.bytes).any():
            raise DownloadError(f"manifest.parquet puts observations outside of shard {entry.name}")
        if (offsets[1:] < offsets[:-1] + sizes[:-1]).any():
            raise DownloadError(
                f"manifest.parquet puts observations of shard {entry.name} over one another"
            )


def known_layout(folder: Path) -> Layout | None:
    """Return where description and manifest of a release are, if a download got so far."""
    layout = Layout(folder)
    try:
        tables = read_description(layout.description).tables
    except ManifestError:
        return None
    return layout if all(path.is_file() for path in layout.series("manifest", tables)) else None
