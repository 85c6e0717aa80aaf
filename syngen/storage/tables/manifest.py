"""Manifests: Parquet tables that say of every observation which factors made it and where it is.

The Arrow schema carries the vocabulary (every factor's values, kind and unit), so a manifest describes
its grid without the recipe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from syngen._distribution import DISTRIBUTION
from syngen._values import is_whole
from syngen.errors import FactorError, ManifestError
from syngen.factors import Factor, FactorGrid
from syngen.io.atomic import atomic_file
from syngen.io.names import check_names, checked_name
from syngen.storage.documents import parse_json
from syngen.storage.layout import FORMAT, end_of_table
from syngen.storage.tables.arrays import arrow_array, mapped_file
from syngen.storage.tables.columns import NULLABLE, SPOKEN, STORED

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json, Value

__all__ = [
    "ROWS_PER_GROUP",
    "ManifestWriter",
    "Vocabulary",
    "check_format",
    "factor_columns",
    "read_manifest",
    "read_series",
    "type_of",
    "vocabulary_of",
    "write_series",
    "write_table",
]

ROWS_PER_GROUP = 1 << 17
_METADATA_KEY = b"syngen"


@dataclass(frozen=True)
class Vocabulary:
    """What the columns of a manifest mean.

    Attributes
    ----------
    name, version : str
        Of the recipe.
    fingerprint : str
        Of the recipe.
    grid : FactorGrid
    nuisances : tuple of (str, str, bool)
        Name, unit, and whether the values are text.
    schemes : mapping of str to tuple of str
        Names of the splits by scheme, ``default`` first.
    sample_rate : int
    derived : tuple of (str, str, tuple)
        Name, factor, and one value per level of the factor.
    speaks : bool
        Whether there are transcripts, and annotations beside the manifest.
    format : int
        Of the files that say so; it makes no difference between two vocabularies.
    """

    name: str
    version: str
    fingerprint: str
    grid: FactorGrid
    nuisances: tuple[tuple[str, str, bool], ...]
    schemes: Mapping[str, tuple[str, ...]]
    sample_rate: int
    derived: tuple[tuple[str, str, tuple[Value, ...]], ...] = ()
    speaks: bool = False
    format: int = field(default=FORMAT, compare=False)

    def metadata(self) -> dict[bytes, bytes]:
        """Return the vocabulary as Arrow schema metadata."""
        content: Json = {
            "format": self.format,
            "name": self.name,
            "version": self.version,
            "fingerprint": self.fingerprint,
            "sample_rate": self.sample_rate,
            "factors": [
                {"name": f.name, "kind": f.kind, "unit": f.unit, "values": list(f.values)}
                for f in self.grid.factors
            ],
            "nuisances": [
                {"name": name, "unit": unit, "is_text": is_text} for name, unit, is_text in self.nuisances
            ],
            "schemes": {name: list(splits) for name, splits in self.schemes.items()},
        }
        if self.derived:
            content["derived"] = [
                {"name": name, "factor": factor, "values": list(values)}
                for name, factor, values in self.derived
            ]
        if self.speaks:
            content["speaks"] = True
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return {_METADATA_KEY: text.encode("utf-8")}

    @property
    def split_columns(self) -> tuple[str, ...]:
        """Columns of the split schemes: ``split``, then ``split_<scheme>``."""
        others = [name for name in self.schemes if name != "default"]
        return ("split", *(f"split_{name}" for name in others))

    def factor_schema(self) -> pa.Schema:
        """Return the schema of a factor manifest: index, splits, levels."""
        fields = [pa.field("index", pa.int64(), nullable=False), *self._split_fields()]
        fields += [self._level_field(factor) for factor in self.grid.factors]
        return pa.schema(fields, metadata=self.metadata())

    def dataset_schema(self) -> pa.Schema:
        """Return the schema of a dataset manifest: with values, nuisances and storage."""
        return self.part_schema().with_metadata(self.metadata())

    def part_schema(self) -> pa.Schema:
        """Return the same for a part: without the vocabulary, which may be larger than the part."""
        fields = [pa.field("index", pa.int64(), nullable=False), *self._split_fields()]
        for factor in self.grid.factors:
            fields += [
                pa.field(factor.name, type_of(factor.values), nullable=False),
                self._level_field(factor),
            ]
        fields += [
            pa.field(name, pa.string() if is_text else pa.float64(), nullable=False)
            for name, _, is_text in self.nuisances
        ]
        fields += [pa.field(name, type_of(values), nullable=False) for name, _, values in self.derived]
        stored = STORED | (SPOKEN if self.speaks else {})
        fields += [pa.field(name, kind, nullable=name in NULLABLE) for name, (kind, _) in stored.items()]
        return pa.schema(fields)

    def _split_fields(self) -> list[pa.Field]:
        return [pa.field(name, pa.string(), nullable=False) for name in self.split_columns]

    @staticmethod
    def _level_field(factor: Factor) -> pa.Field:
        return pa.field(f"{factor.name}_level", _level_type(factor), nullable=False)


def _level_type(factor: Factor) -> pa.DataType:
    return pa.int16() if factor.size <= 2**15 else pa.int32()


def type_of(values: Sequence[Value]) -> pa.DataType:
    """Return the Arrow type of a factor's values, or of what is drawn for a nuisance."""
    if isinstance(values[0], bool):
        return pa.bool_()
    if all(isinstance(value, int) for value in values):
        return pa.int64()
    return pa.string() if isinstance(values[0], str) else pa.float64()


def vocabulary_of(schema: pa.Schema) -> Vocabulary:
    """Read the vocabulary from the metadata of a manifest's schema.

    Raises
    ------
    ManifestError
        If there is none, it is damaged, or its format is a later one.
    """
    text = (schema.metadata or {}).get(_METADATA_KEY)
    if text is None:
        raise ManifestError("the table has no vocabulary; it is not a manifest made by syngen")
    try:
        content = parse_json(text)
        check_format(content, "the manifest")
        grid = FactorGrid(
            [Factor(f["name"], tuple(f["values"]), f["kind"], f["unit"]) for f in content["factors"]]
        )
        vocabulary = Vocabulary(
            name=content["name"],
            version=content["version"],
            fingerprint=content["fingerprint"],
            grid=grid,
            nuisances=tuple((n["name"], n["unit"], n["is_text"]) for n in content["nuisances"]),
            schemes={name: tuple(splits) for name, splits in content["schemes"].items()},
            sample_rate=int(content["sample_rate"]),
            derived=tuple((d["name"], d["factor"], tuple(d["values"])) for d in content.get("derived", ())),
            speaks=bool(content.get("speaks", False)),
            format=content["format"],
        )
        _check_names_in(vocabulary)
    except (ValueError, KeyError, TypeError, AttributeError, FactorError) as error:
        raise ManifestError(f"the vocabulary of the manifest is damaged: {error!r}") from error
    return vocabulary


def _check_names_in(vocabulary: Vocabulary) -> None:
    """Refuse names that become those of files where a dataset is exported."""
    checked_name(vocabulary.name, "the name of the dataset", error=ManifestError)
    check_names(vocabulary.schemes, "the name of a split scheme", error=ManifestError)
    for column, names in zip(vocabulary.split_columns, vocabulary.schemes.values(), strict=True):
        check_names(names, f"the vocabulary of the manifest: {column}", error=ManifestError)


def check_format(content: Any, what: str) -> None:
    """Refuse a document whose format is later than this version knows.

    Raises
    ------
    ManifestError
        With what to install.
    """
    found = content.get("format") if isinstance(content, dict) else None
    if not is_whole(found, 1):
        raise ManifestError(f"{what} names no format; it was not made by syngen, or is damaged")
    if found > FORMAT:
        stated = str(content.get("requires", ""))
        # a stranger's file: it may name a version, and no other package
        version = re.search(r">=([0-9][0-9A-Za-z.]{0,30})$", stated)
        needed = f"{DISTRIBUTION}>={version[1]}" if version else DISTRIBUTION
        raise ManifestError(
            f"{what} has format {found}; this syngen reads up to {FORMAT}. "
            f'Install a later one: pip install --upgrade "{needed}"'
        )


def factor_columns(
    vocabulary: Vocabulary,
    indices: IntArray,
    levels: IntArray,
    split_codes: Mapping[str, IntArray],
    *,
    with_values: bool,
) -> dict[str, pa.Array]:
    """Return the columns index, splits and levels, and values and what derives from them where wanted.

    Parameters
    ----------
    vocabulary : Vocabulary
    indices : ndarray of int64, shape (n,)
    levels : ndarray of int64, shape (n, n_factors)
    split_codes : mapping of scheme name to ndarray of int64, shape (n,)
        Positions in the scheme's splits.
    with_values : bool
        Whether each factor's values come before its levels.
    """
    columns: dict[str, pa.Array] = {"index": arrow_array(indices, pa.int64())}
    for column, (scheme, names) in zip(vocabulary.split_columns, vocabulary.schemes.items(), strict=True):
        columns[column] = _taken(names, split_codes[scheme])
    for position, factor in enumerate(vocabulary.grid.factors):
        column_levels = levels[:, position]
        if with_values:
            columns[factor.name] = _taken(factor.values, column_levels)
        columns[f"{factor.name}_level"] = arrow_array(column_levels, _level_type(factor))
    if with_values:
        for name, of_factor, values in vocabulary.derived:
            column_levels = levels[:, vocabulary.grid.names.index(of_factor)]
            columns[name] = _taken(values, column_levels)
    return columns


def _taken(values: Sequence[Value], positions: IntArray) -> pa.Array:
    kind = type_of(values)
    if pa.types.is_string(kind):
        return arrow_array([values[position] for position in positions.tolist()], kind)
    return arrow_array(np.array(values)[positions], kind)


class ManifestWriter:
    """Writes a manifest in row groups of fixed size, however the rows arrive.

    Parameters
    ----------
    file : binary file
    schema : pyarrow.Schema
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._schema = schema
        integers = [field.name for field in schema if pa.types.is_integer(field.type)]
        hashes = [f.name for f in schema if pa.types.is_fixed_size_binary(f.type)]
        plain = {*integers, *hashes}
        self._writer = pq.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=[name for name in schema.names if name not in plain],
            column_encoding=dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
            write_page_checksum=True,
        )
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush(self._n_waiting)
        self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Append rows; the columns must be those of the schema."""
        self._waiting.append(table.select(self._schema.names).cast(self._schema))
        self._n_waiting += table.num_rows
        while self._n_waiting >= ROWS_PER_GROUP:
            self._flush(ROWS_PER_GROUP)

    def _flush(self, n_rows: int) -> None:
        if not n_rows:
            return
        table = pa.concat_tables(self._waiting)
        self._writer.write_table(table.slice(0, n_rows).combine_chunks(), row_group_size=n_rows)
        rest = table.slice(n_rows)
        self._waiting, self._n_waiting = [rest] if rest.num_rows else [], rest.num_rows


def write_table(path: Path, table: pa.Table, schema: pa.Schema | None = None) -> None:
    """Write a table as one file of a manifest is written, by default with the schema that it has."""
    with atomic_file(path) as file, ManifestWriter(file, schema or table.schema) as out:
        out.write(table)


def write_series(
    paths: Sequence[Path], schema: pa.Schema, parts: Iterator[tuple[pa.Table, IntArray]]
) -> None:
    """Write tables, whose lines come with the row that each belongs to, into one file or several.

    Parameters
    ----------
    paths : sequence of Path
        In row order; see `Layout.series`.
    schema : pyarrow.Schema
    parts : iterator of (pyarrow.Table, ndarray of int64)
    """
    waiting: tuple[pa.Table, IntArray] | None = None
    for number, path in enumerate(paths):
        with atomic_file(path) as file, ManifestWriter(file, schema) as out:
            while (found := waiting or next(parts, None)) is not None:
                table, rows = found
                n_here = int(np.searchsorted(rows, end_of_table(number)))
                out.write(table.slice(0, n_here))
                waiting = (table.slice(n_here), rows[n_here:]) if n_here < len(rows) else None
                if waiting:
                    break


def read_series(paths: Sequence[Path], *, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a manifest, or annotations, that may be in several files: one table after the other.

    Raises
    ------
    ManifestError
        If a file is missing or damaged, or has other columns or another vocabulary than the first.
    """
    tables = [read_manifest(path, columns=columns) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if not table.schema.equals(tables[0].schema, check_metadata=True):
            raise ManifestError(f"{path} has other columns or another vocabulary than {paths[0].name}")
    return pa.concat_tables(tables)


def read_manifest(path: Path, *, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one file of a manifest.

    Raises
    ------
    ManifestError
        If the file is missing or damaged.
    """
    if path.exists() and not path.is_file():  # a pipe would never end
        raise ManifestError(f"{path} cannot be read: not a file")
    try:
        # pq.read_table imports pyarrow.dataset, and pandas with it, which takes longer than all the rest
        with mapped_file(path) as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
            absent = set(columns or ()) - set(file.schema_arrow.names)
            if absent:
                raise ManifestError(f"{path} has no column {sorted(absent)[0]}")
            table = file.read(columns)
        table.validate(full=True)
        # names are decoded here, and refused where one stands twice, so that damage is found here
        return table.select(table.column_names if columns is None else columns)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error
