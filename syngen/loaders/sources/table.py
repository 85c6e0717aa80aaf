"""Anybody's audio: files in a folder, and a table of the factors of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from syngen.dsp.level import to_pcm
from syngen.errors import ParameterError, ShardError
from syngen.factors import FactorGrid
from syngen.identities import Identities
from syngen.io.cache import cached_folder
from syngen.io.names import checked_name, is_name
from syngen.loaders.sources.file_hashes import content_hashes, row_marks
from syngen.loaders.sources.source import Source, read_only
from syngen.loaders.sources.table_columns import (
    check_columns,
    factor_names,
    factors_in,
    file_column,
    file_names,
    schemes_in,
)
from syngen.storage.digests import bytes_of
from syngen.storage.tables.columns import integers, source_name, table_digest
from syngen.storage.tables.manifest import Vocabulary, factor_columns

if TYPE_CHECKING:
    from syngen._typing import Float32Array, IntArray, Json, PcmArray

__all__ = ["TableSource", "read_table"]

_PROBED = 100


def read_table(folder: Path, table: Any) -> pa.Table:
    """Return a table as Arrow: a DataFrame, an Arrow table, a mapping of columns, or a file of one.

    Raises
    ------
    ParameterError
        If it is none of these, or the file is missing or unreadable.
    """
    if isinstance(table, pa.Table):
        return table
    if not isinstance(table, (str, Path)):
        try:
            if isinstance(table, Mapping):
                return pa.table(dict(table))
            return pa.Table.from_pandas(table, preserve_index=False)
        # ValueError and RuntimeError: doubled columns, columns of different lengths, tensors with gradients
        except (AttributeError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise ParameterError(
                f"a table of type {type(table).__name__} ({error}); a DataFrame, an Arrow table, a mapping "
                "of columns, or the path of a CSV or Parquet file is needed"
            ) from error
    path = Path(table) if Path(table).exists() else folder / table
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path, partitioning=None)
        from pyarrow import csv

        delimiter = {".csv": ",", ".tsv": "\t"}.get(path.suffix)
        if delimiter is None:
            raise ParameterError(f"{path}: a file named .csv, .tsv or .parquet is needed")
        return csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter))
    except (OSError, pa.ArrowException) as error:
        raise ParameterError(f"{path} cannot be read as a table: {error}") from error


class TableSource(Source):
    """Audio files with a table of factors. Files are opened when they are needed.

    Parameters
    ----------
    folder : Path
        What the names in the table are relative to.
    table : pyarrow.Table
    options : mapping
        ``file``, ``factors``, ``kinds``, ``units`` and ``name`` of `syngen.from_manifest`.

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
        self._files = file_names(folder, table, options["file"])
        names = factor_names(table, options["factors"], file_column(table, options["file"]))
        factors, levels = factors_in(table, names, options["kinds"] or {}, options["units"] or {})
        grid = FactorGrid(factors)
        self._table_levels = read_only(np.stack(levels, axis=1))
        self._table_indices = read_only(grid.indices_of(self._table_levels))
        schemes, self._codes = schemes_in(table)
        self.vocabulary = Vocabulary(
            name=_dataset_name(options["name"], self._folder),
            version="0",
            fingerprint=self._fingerprint(grid),
            grid=grid,
            nuisances=(),
            schemes=schemes,
            sample_rate=self._first_rate(),
        )

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        # a table of many rows would make every pickle large: it goes through the cache folder
        try:
            kept = cached_folder(
                "tables", self._digest[:40], lambda f: pq.write_table(self._given, f / "table.parquet")
            )
            return _reopened, (self._folder, kept / "table.parquet", self._options)
        except (OSError, pa.ArrowException):
            return TableSource, (self._folder, self._given, self._options)

    @cached_property
    def _digest(self) -> str:
        """What stands for the whole table as it was given."""
        return table_digest(self._given)

    def samples_key(self, rows: IntArray) -> str:
        digest = hashlib.sha256(f"{self.vocabulary.fingerprint} {self._digest}\n".encode())
        digest.update(os.fsencode(self._folder) + b"\0")  # names, sizes and times may be equal elsewhere
        digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
        return digest.hexdigest()

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
            if name not in columns:
                columns[name] = column
            # what the table says of splits and factors is said already
            elif name in made and columns[name].to_pylist() != column.to_pylist():
                columns[source_name(name, taken)] = column
        return pa.table(columns).replace_schema_metadata(self.vocabulary.metadata())

    @cached_property
    def lengths(self) -> IntArray:
        """Samples of every row; 0 where the file cannot be read: int64, shape (n_rows,)."""
        if "n_samples" in self._given.column_names:
            return read_only(integers(self._given, "n_samples"))
        return read_only(np.array([self._length_of(name) for name in self._files], dtype=np.int64))

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
        import soundfile

        name = self._files[row]
        path = self._folder / name
        try:
            _check_whole(path)
            waveform, rate = soundfile.read(path, dtype="float32")
        except (OSError, soundfile.SoundFileError, ShardError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise ShardError(f"row {row}: {name} in {self._folder} cannot be read: {reason}") from error
        if waveform.ndim != 1:
            raise ShardError(f"row {row}: {name} has {waveform.shape[1]} channels; one is needed")
        if rate != self.vocabulary.sample_rate:
            raise ShardError(
                f"row {row}: {name} has {rate} samples per second, the first file has "
                f"{self.vocabulary.sample_rate}; resample it"
            )
        found: Float32Array = waveform
        return found

    def _length_of(self, name: str) -> int:
        import soundfile

        try:
            _check_whole(self._folder / name)
            return int(soundfile.info(self._folder / name).frames)
        except (OSError, soundfile.SoundFileError, ShardError):
            return 0  # reading that row says what is wrong with it

    def _first_rate(self) -> int:
        import soundfile

        reason: Exception | None = None
        for name in self._files[:_PROBED]:
            try:
                return int(soundfile.info(self._folder / name).samplerate)
            except (OSError, soundfile.SoundFileError) as error:
                reason = reason or error
        raise ParameterError(f"no audio file of the table can be read; {self._files[0]}: {reason}")

    def _fingerprint(self, grid: FactorGrid) -> str:
        """Return what stands for the files, as far as names, sizes and times do, and for their factors."""
        digest = hashlib.sha256(b"syngen-table-2")
        factors = [[f.name, f.kind, f.unit, list(f.values)] for f in grid.factors]
        digest.update(bytes_of(factors))
        digest.update(self._table_indices.tobytes())
        for name in self._files:
            try:
                status = os.stat(self._folder / name)
                stamp = f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"
            except OSError:
                stamp = f"{name}\0\n"
            digest.update(stamp.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def _reopened(folder: Path, table: Path, options: Json) -> TableSource:
    return TableSource(folder, pq.read_table(table, partitioning=None), options)


def _check_whole(path: Path) -> None:
    """Refuse a WAV file that is shorter than it says; libsndfile takes what is there."""
    with open(path, "rb") as file:
        head = file.read(8)
        n_bytes = os.fstat(file.fileno()).st_size
    announced = int.from_bytes(head[4:8], "little")
    if head[:4] == b"RIFF" and announced != 0xFFFFFFFF and announced + 8 > n_bytes:
        raise ShardError("the file ends too early")


def _dataset_name(given: object, folder: Path) -> str:
    """Return the name of a dataset; that of a folder may be any, and is only taken if it is harmless."""
    if given:
        return checked_name(given, "name")
    return folder.name if is_name(folder.name) else "own-audio"
