"""What every source of a dataset gives: a table of factors, and samples by row."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.dsp.level import dequantise, dequantise_to
from syngen.errors import FactorError, ManifestError, ParameterError
from syngen.factors import FactorGrid
from syngen.identities import Identities
from syngen.storage.tables.columns import categories, integers
from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from syngen._typing import Float32Array, IntArray, Json, PcmArray
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["Source", "checked_length", "read_only"]

_ROWS_OF_NO_SHARD = 2_000


class Source(ABC):
    """Rows of a dataset: their factors as a table, and their samples."""

    vocabulary: Vocabulary

    @property
    @abstractmethod
    def table(self) -> pa.Table:
        """The manifest in row order."""

    @property
    @abstractmethod
    def n_samples(self) -> int:
        """Samples of every observation; 0 where they differ in length."""

    @property
    @abstractmethod
    def folder(self) -> Path | str | None:
        """Where the dataset is, if it is stored: a folder, or the URL of an object store."""

    @abstractmethod
    def pcm(self, rows: IntArray) -> list[PcmArray]:
        """Return the samples of rows: int16, each of shape (n_samples,).

        Raises
        ------
        ShardError
            If a shard is missing or damaged; the message names shard and row.
        """

    @abstractmethod
    def annotations(self, row: int) -> pa.Table:
        """Return the annotations of a row of speech, in the schema of `ANNOTATION_SCHEMA`."""

    @property
    def fingerprint(self) -> str:
        """What stands for every sample of the dataset."""
        return self.vocabulary.fingerprint

    @property
    def recipe(self) -> Json | None:
        """The document of the recipe; None of what no recipe describes."""
        return None

    def columns(self, rows: IntArray | None, names: Sequence[str]) -> pa.Table:
        """Return some columns of the manifest, of some rows or, in their order, of all."""
        table = self.table.select(list(names))
        return table if rows is None else table.take(rows)

    def resolve(self) -> ResolvedRecipe:
        """Return the recipe of the dataset, joined with the synthesizer that made its samples.

        Raises
        ------
        ParameterError
            If nothing was synthesized, or not by the synthesizer that is installed.
        """
        raise ParameterError(
            f"{self.vocabulary.name} consists of audio files, which no recipe describes; trajectories are "
            "known of what syngen synthesized: of a dataset from syngen.load or syngen.render"
        )

    def samples_key(self, rows: IntArray) -> str:
        """Return what stands for the samples of rows, in this order, in the names of caches.

        Of generated audio these are fingerprint and grid points: of two datasets that differ in size or
        splits a row may be another observation.
        """
        digest = hashlib.sha256(self.vocabulary.fingerprint.encode())
        digest.update(np.ascontiguousarray(self.indices[rows], dtype=np.int64).tobytes())
        return digest.hexdigest()

    @property
    def rows_at_once(self) -> int:
        """How many rows are read together: a few, so that samples do not stand in memory twice."""
        return 64

    @property
    def grid(self) -> FactorGrid:
        """The factor grid."""
        return self.vocabulary.grid

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indices)

    @property
    def lengths(self) -> IntArray:
        """Samples of every row: int64, shape (n_rows,).

        Raises
        ------
        ParameterError
            If they differ and are not known before the waveforms are there.
        """
        if not self.n_samples:
            raise ParameterError(
                f"{self.vocabulary.name} is rendered: its lengths are known when it has been generated, or "
                "batch by batch from padded()"
            )
        return np.full(self.n_rows, self.n_samples, dtype=np.int64)

    @property
    def shard_numbers(self) -> IntArray:
        """Which shard every row is in, counted from 0: int64, shape (n_rows,)."""
        return np.arange(self.n_rows) // _ROWS_OF_NO_SHARD

    def shard_path(self, number: int) -> Path | None:
        """Return the file of a shard of `shard_numbers`, where there are files."""
        del number
        return None

    def level_column(self, position: int) -> NDArray[Any]:
        """Return the levels of every row in one factor, given by its position in the grid."""
        column: NDArray[Any] = self.levels[:, position]
        return column

    def split_codes(self, column: str) -> NDArray[Any]:
        """Return each row's split in a scheme's column, as a position among the scheme's splits.

        Raises
        ------
        ManifestError
            If a row is in a split that the scheme does not have.
        """
        codes = self._split_codes(column)
        names = self.vocabulary.schemes[self.scheme_of(column)]
        if len(codes) and codes.max() == len(names):
            row = int(np.argmax(codes))
            raise ManifestError(
                f"the manifest of {self.vocabulary.name} is damaged: the split of row {row} is none of "
                f"{column}, which has {', '.join(names)}; run syngen verify"
            )
        return codes

    def _split_codes(self, column: str) -> NDArray[Any]:
        """Return the same, with the number of splits for a row that is in none of them."""
        names = self.vocabulary.schemes[self.scheme_of(column)]
        found, codes = categories(self.table, column)
        positions = [names.index(name) if name in names else len(names) for name in found]
        return np.array(positions, dtype=np.int64)[codes]

    def scheme_of(self, column: str) -> str:
        """Return the split scheme of a column."""
        return list(self.vocabulary.schemes)[self.vocabulary.split_columns.index(column)]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the manifest's columns, in their order."""
        return tuple(self.table.column_names)

    def audio(self, rows: IntArray) -> list[Float32Array]:
        """Return the waveforms of rows one by one: float32, each of shape (n_samples,)."""
        return [dequantise(samples) for samples in self.pcm(rows)]

    @cached_property
    def indices(self) -> IntArray:
        """Grid point of every row: int64, shape (n_rows,)."""
        return read_only(integers(self.table, "index"))

    @cached_property
    def levels(self) -> IntArray:
        """Levels of every row: int64, shape (n_rows, n_factors)."""
        try:
            return read_only(self.grid.levels_of(self.indices))
        except FactorError as error:
            raise ManifestError(
                f"the manifest and its grid disagree: {error}; run syngen verify"
            ) from error

    def identities(self, rows: IntArray | None) -> Identities:
        """Return what identifies the observations of `rows`, None being all."""
        indices = self.indices if rows is None else self.indices[rows]
        return Identities("grid", np.asarray(indices, dtype=np.int64), self.vocabulary.fingerprint)

    def waveforms(self, rows: IntArray) -> Float32Array:
        """Return the waveforms of rows: float32, shape (n, n_samples).

        Raises
        ------
        ParameterError
            If the observations differ in length.
        """
        result = np.empty((len(rows), checked_length(self.n_samples)), dtype=np.float32)
        for start in range(0, len(rows), self.rows_at_once):
            some = slice(start, start + self.rows_at_once)
            for waveform, samples in zip(result[some], self.pcm(rows[some]), strict=True):
                dequantise_to(waveform, samples)
        return result


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that is kept and handed out: nobody may change it for the others."""
    array.flags.writeable = False
    return array


def checked_length(n_samples: int) -> int:
    """Return the length of every observation; ParameterError where they differ in length."""
    if not n_samples:
        raise ParameterError(
            "the observations differ in length and do not fit into one array; padded() takes them, or take "
            "them one by one"
        )
    return n_samples
