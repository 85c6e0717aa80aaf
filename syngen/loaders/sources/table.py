"""Anybody's audio: files in a folder, and a table of the factors of each."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.types as is_type

from syngen.dsp.level import to_pcm
from syngen.errors import ParameterError, ShardError
from syngen.factors import FactorGrid
from syngen.identities import Identities
from syngen.io.cache import cached_folder
from syngen.io.names import checked_name, is_name
from syngen.loaders.sources.audio_files import audio_length, audio_rate, checked_channel, read_audio
from syngen.loaders.sources.file_hashes import content_hashes, row_marks
from syngen.loaders.sources.source import Source, read_only
from syngen.loaders.sources.table_columns import (
    check_columns,
    factor_names,
    factors_in,
    file_column,
    file_names,
    lengths_in,
    schemes_in,
    shown_name,
    texts_by_name,
)
from syngen.storage.digests import bytes_of
from syngen.storage.tables.columns import source_name, table_digest
from syngen.storage.tables.manifest import Vocabulary, factor_columns

if TYPE_CHECKING:
    from syngen._typing import Float32Array, IntArray, Json, PcmArray

__all__ = ["TableSource"]

_PROBED = 100


class TableSource(Source):
    """Audio files with a table of factors. Files are opened when they are needed.

    Parameters
    ----------
    folder : Path
        What the names in the table are relative to.
    table : pyarrow.Table
    options : mapping
        ``file``, ``factors``, ``kinds``, ``units``, ``name`` and ``channel`` of `syngen.from_manifest`.

    Raises
    ------
    ParameterError
        If the table and the options do not fit each other, or a name leads out of the folder.
    """

    def __init__(self, folder: Path, table: pa.Table, options: Mapping[str, Any]) -> None:
        if not folder.is_dir():
            raise ParameterError(f"{folder} is not a folder; the audio files must lie in one")
        if not table.num_rows:
            raise ParameterError("the table has no rows; one for each audio file is needed")
        check_columns(table)
        self._folder, self._given, self._options = folder.absolute(), table, dict(options)
        self._channel = checked_channel(options["channel"])
        self._file_column = file_column(table, options["file"])
        self._files = file_names(folder, table, options["file"])
        self._given_lengths = lengths_in(table)
        names = factor_names(table, options["factors"], self._file_column)
        factors, levels = factors_in(
            table,
            names,
            texts_by_name("kinds", options["kinds"]),
            texts_by_name("units", options["units"]),
        )
        grid = FactorGrid(factors)
        self._table_levels = read_only(np.stack(levels, axis=1))
        self._table_indices = read_only(grid.indices_of(self._table_levels))
        schemes, self._codes = schemes_in(table)
        self.vocabulary = Vocabulary(
            name=_dataset_name(options["name"], self._folder),
            version="0",
            fingerprint=self._fingerprint_of(grid),
            grid=grid,
            nuisances=(),
            schemes=schemes,
            sample_rate=self._first_rate(),
        )

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        # a table of many rows would make every pickle large: it goes through the cache folder
        try:
            kept = cached_folder("tables", f"{self._digest[:40]}-arrow", self._write_table)
            return _reopened, (self._folder, kept / "table.arrow", self._options)
        except (OSError, pa.ArrowException):
            return TableSource, (self._folder, self._given, self._options)

    def _write_table(self, folder: Path) -> None:
        table = self._given.unify_dictionaries()  # Parquet would lose the order of categories
        with open(folder / "table.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)

    @cached_property
    def _digest(self) -> str:
        """What stands for the whole table as it was given."""
        return table_digest(self._given)

    def samples_key(self, rows: IntArray) -> str:
        # of the files as they are now, and not as they were when the dataset was opened
        names = [self._files[row] for row in rows.tolist()]
        digest = hashlib.sha256(f"{self.vocabulary.fingerprint} {self._digest}\n".encode())
        digest.update(content_hashes(self._folder, names, readable_only=False).tobytes())
        digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
        return digest.hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """What stands for every sample, and for the factors; to know it, all files are read once."""
        content = content_hashes(self._folder, self._files, readable_only=False)
        return hashlib.sha256(self.vocabulary.fingerprint.encode() + content.tobytes()).hexdigest()

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def n_rows(self) -> int:
        return len(self._files)

    @cached_property
    def indices(self) -> IntArray:
        return self._table_indices

    @cached_property
    def levels(self) -> IntArray:
        return self._table_levels

    @cached_property
    def table(self) -> pa.Table:
        codes = dict(zip(self.vocabulary.schemes, self._codes, strict=True))
        columns: dict[str, Any] = dict(
            factor_columns(self.vocabulary, self.indices, self.levels, codes, with_values=True)
        )
        made = {"index", *(f"{factor}_level" for factor in self.grid.names)}
        taken = {*columns, *self._given.column_names}
        for name in self._given.column_names:
            column = self._given.column(name)
            if name == self._file_column and is_type.is_binary(column.type):
                columns[name] = pa.array([shown_name(file) for file in self._files])
            elif name not in columns:
                columns[name] = column
            # what the table says of splits and factors is said already
            elif name in made and columns[name].to_pylist() != column.to_pylist():
                columns[source_name(name, taken)] = column
        return pa.table(columns).replace_schema_metadata(self.vocabulary.metadata())

    @cached_property
    def lengths(self) -> IntArray:
        """Samples of every row; 0 where the file cannot be read: int64, shape (n_rows,)."""
        if self._given_lengths is not None:
            return read_only(self._given_lengths)
        return read_only(
            np.array([audio_length(self._folder / name) for name in self._files], dtype=np.int64)
        )

    @cached_property
    def n_samples(self) -> int:
        readable = self.lengths[self.lengths > 0]
        return int(readable[0]) if len(readable) and (readable == readable[0]).all() else 0

    @cached_property
    def _marks(self) -> IntArray:
        columns = [
            np.array(factor.values, dtype=object)[self._table_levels[:, position]]
            for position, factor in enumerate(self.grid.factors)
        ]
        return row_marks(self._files, zip(*columns, strict=True))

    def identities(self, rows: IntArray | None) -> Identities:
        chosen = np.arange(self.n_rows) if rows is None else rows
        names = [self._files[row] for row in chosen.tolist()]
        return Identities.of_files(content_hashes(self._folder, names), self._marks[chosen])

    def annotations(self, row: int) -> pa.Table:
        raise ParameterError(f"{self.vocabulary.name} has no annotations, nor has row {row}")

    def pcm(self, rows: IntArray) -> list[PcmArray]:
        # 24 bits and floats are rounded to 16
        return [to_pcm(waveform) for waveform in self.audio(rows)]

    def audio(self, rows: IntArray) -> list[Float32Array]:
        return [self._read(int(row)) for row in rows]

    def waveforms(self, rows: IntArray) -> Float32Array:
        n_samples = self.n_samples
        if not n_samples:
            return super().waveforms(rows)  # which says what to do instead
        result = np.empty((len(rows), n_samples), dtype=np.float32)
        for row, out in zip(rows.tolist(), result, strict=True):
            waveform = self._read(row)
            if len(waveform) != n_samples:
                raise ShardError(
                    f"row {row}: {self._files[row]} has {len(waveform)} samples, not {n_samples}"
                )
            out[:] = waveform
        return result

    def _read(self, row: int) -> Float32Array:
        name = self._files[row]
        try:
            waveform, rate = read_audio(self._folder / name, self._channel)
        except ShardError as error:
            raise ShardError(f"row {row}: {name} in {self._folder} {error}") from error
        if rate != self.vocabulary.sample_rate:
            raise ShardError(
                f"row {row}: {name} has {rate} samples per second, the first file has "
                f"{self.vocabulary.sample_rate}; resample it"
            )
        return waveform

    def _first_rate(self) -> int:
        reason: Exception | None = None
        for name in self._files[:_PROBED]:
            try:
                return audio_rate(self._folder / name)
            except ShardError as error:
                reason = reason or error
        raise ParameterError(f"no audio file of the table can be read; {self._files[0]}: {reason}")

    def _fingerprint_of(self, grid: FactorGrid) -> str:
        """Return what stands for the factors of every file, and for how it is read."""
        digest = hashlib.sha256(b"syngen-table-3")
        factors = [[f.name, f.kind, f.unit, list(f.values)] for f in grid.factors]
        digest.update(bytes_of([factors, self._channel]))
        digest.update(self._table_indices.tobytes())
        for name in self._files:
            digest.update(os.fsencode(name) + b"\n")
        return digest.hexdigest()


def _reopened(folder: Path, table: Path, options: Json) -> TableSource:
    return TableSource(folder, pa.ipc.open_file(io.BytesIO(table.read_bytes())).read_all(), options)


def _dataset_name(given: object, folder: Path) -> str:
    """Return the name of a dataset; that of a folder may be any, and is only taken if it is harmless."""
    if given:
        return checked_name(given, "name")
    return folder.name if is_name(folder.name) else "own-audio"
