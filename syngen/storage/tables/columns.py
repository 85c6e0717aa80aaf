"""Columns of a manifest: their names, their content as numbers, and what they are in exports."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from syngen.errors import ManifestError
from syngen.storage.tables.arrays import numpy_array

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = [
    "NULLABLE",
    "SPOKEN",
    "STORAGE",
    "STORED",
    "categories",
    "exported_names",
    "integers",
    "source_name",
    "table_digest",
]

STORED: dict[str, tuple[pa.DataType, str]] = {
    "shard": (pa.string(), "Name of the tar file in audio/, without its suffix."),
    "offset": (pa.int64(), "Byte of that file at which the audio begins."),
    "size": (pa.int64(), "Bytes of the audio."),
    "n_samples": (pa.int32(), "Samples of audio."),
    "pcm_sha256": (pa.binary(32), "SHA-256 of the samples, 16 bit, little-endian."),
    "peak": (pa.float32(), "Largest absolute sample, full scale being 1."),
    "rms_db": (pa.float32(), "Level in dB, a root mean square of 1 being 0 dB; null for silence."),
}
"""Type and meaning of what a manifest says of every stored observation, by column."""

SPOKEN: dict[str, tuple[pa.DataType, str]] = {
    "speech_start": (pa.int32(), "First sample of speech."),
    "speech_end": (pa.int32(), "Sample after the last one of speech."),
    "transcript": (pa.string(), "What is said."),
}
"""The same of what it says of speech only."""

NULLABLE = ("rms_db",)
"""Columns of either kind that may have nulls."""

STORAGE = ("shard", "offset", "size", "pcm_sha256")
"""Columns that say where the samples of a stored dataset are."""


def exported_names(columns: Sequence[str], own: Collection[str]) -> dict[str, str]:
    """Return what the columns of a manifest are called in an export that makes columns of its own.

    The columns of the export win. A column of the manifest with such a name, as a table that an earlier
    export made has it, is called ``source_<name>``.

    Parameters
    ----------
    columns : sequence of str
        Of the manifest.
    own : collection of str
        Columns that the export makes.

    Returns
    -------
    dict of str to str
        By name in the manifest, in its order; without the columns of the storage.

    Examples
    --------
    >>> exported_names(["row", "timbre", "file_name"], ["file_name", "row"])
    {'row': 'source_row', 'timbre': 'timbre', 'file_name': 'source_file_name'}
    """
    is_stored = set(STORAGE) <= set(columns)
    kept = [name for name in columns if not is_stored or name not in STORAGE]
    taken, names = {*own, *kept}, {}
    for name in kept:
        names[name] = source_name(name, taken) if name in own else name
        taken.add(names[name])
    return names


def source_name(name: str, taken: Collection[str]) -> str:
    """Return ``source_<name>``; where that is taken too, with ``source_`` before it once more.

    So a column that was renamed by an earlier export keeps its name in a later one.

    Examples
    --------
    >>> source_name("row", ["row", "source_row"])
    'source_source_row'
    """
    found = f"source_{name}"
    while found in taken:
        found = f"source_{found}"
    return found


def integers(table: pa.Table, name: str) -> IntArray:
    """Return a column of whole numbers: int64, shape (n_rows,), read-only where it is not a copy.

    Raises
    ------
    ManifestError
        If the column has nulls.
    """
    column = table.column(name)
    if column.null_count:
        raise ManifestError(f"column {name} has {column.null_count:,} nulls; run syngen verify")
    return np.asarray(numpy_array(column), dtype=np.int64)


def categories(table: pa.Table, name: str) -> tuple[list[Any], IntArray]:
    """Return the different values of a column, and for every row the position of its value among them.

    Returns
    -------
    list
        None among them stands for nulls.
    ndarray of int64, shape (n_rows,)
    """
    column = table.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary.to_pylist(), np.asarray(numpy_array(column.indices), dtype=np.int64)


def table_digest(table: pa.Table) -> str:
    """Return a SHA-256 of a table: of every cell, the names, order and types of its columns, and metadata.

    Equal digests mean equal tables. Equal tables have equal digests if they came about in the same way.
    """
    sink = _Digest()
    # as one chunk a column: how a table was read does not matter
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return sink.sha256.hexdigest()


class _Digest(io.RawIOBase):
    """Hashes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return len(data)
