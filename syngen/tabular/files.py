"""Files of tables: CSV, TSV, JSON lines and Parquet, plain or compressed, in any encoding with a mark."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pyarrow as pa

from syngen.errors import ParameterError
from syngen.tabular.arrays import columns_of_rows, table_of
from syngen.tabular.cells import counted
from syngen.tabular.texts import typed

__all__ = ["read_table_file"]

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson", ".json")
_PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
_ENCODINGS = (  # that of 32 bits begins as that of 16 bits does
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = 1 << 16
_LARGEST_BLOCK = 1 << 30


def read_table_file(
    path: Path, *, is_path: Callable[[str], bool], is_text: Callable[[str], bool], as_names: Collection[str]
) -> pa.Table:
    """Read a file with a table, by its suffix: ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet``, in any case.

    Those of text may be compressed (``.gz``, ``.bz2``, ``.xz``), and are UTF-8, or what their byte order
    mark says. Of CSV and TSV files the cells are what `syngen.tabular.texts.typed` says, and empty ones are
    missing; the other files say themselves what their values are.

    Parameters
    ----------
    path : Path
    is_path : callable
        Whether the column of a name has paths, which may be no UTF-8; then they are bytes.
    is_text : callable
        Whether the column of a name stays text, whatever is in it.
    as_names : collection of str
        Columns that hold names, and are numbers only if they are written as numbers are.

    Raises
    ------
    ParameterError
        If it cannot be read as a table.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    unpack = _PACKED.get(suffixes[-1]) if suffixes else None
    kind = (suffixes[:-1] if unpack else suffixes)[-1:]
    try:
        if kind == [".parquet"] and unpack is None:
            return _read_parquet(path)
        if not kind or (kind[0] not in _DELIMITERS and kind[0] not in _LINES):
            raise ParameterError(
                f"{path}: a file named .csv, .tsv, .jsonl or .parquet is needed (.gz, .bz2, .xz may follow)"
            )
        data = path.read_bytes()
        data = _in_utf8(data if unpack is None else unpack(data))
        if kind[0] in _LINES:
            return table_of(_json_columns(data), is_path=is_path)
        return _read_separated(data, _DELIMITERS[kind[0]], is_path, is_text, as_names)
    except ParameterError as error:
        raise ParameterError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        raise ParameterError(f"{path} cannot be read as a table: {error}") from error


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    # an open file, because Arrow takes only names in UTF-8
    with open(path, "rb") as file:
        return pq.ParquetFile(file).read()


def _in_utf8(data: bytes) -> bytes:
    for mark, encoding in _ENCODINGS:
        if data.startswith(mark):
            if encoding == "utf-8":
                return data[len(mark) :]
            try:
                return data[len(mark) :].decode(encoding).encode("utf-8")
            except UnicodeError as error:
                raise ParameterError(
                    f"it begins as {encoding.upper()} does, but is not: {error}"
                ) from error
    if b"\0" in data[:_HEAD]:
        raise ParameterError(
            "it has NUL characters, as UTF-16 without a byte order mark has; save the table as UTF-8"
        )
    return data


def _read_separated(
    data: bytes,
    delimiter: str,
    is_path: Callable[[str], bool],
    is_text: Callable[[str], bool],
    as_names: Collection[str],
) -> pa.Table:
    from pyarrow import csv as arrow_csv

    header = _header(data, delimiter)
    if len(header) == 1:
        other = next((d for d in ";\t," if d != delimiter and d in header[0]), None)
        if other is not None:
            raise ParameterError(
                f"its columns are not divided by {delimiter!r}, but perhaps by {other!r}; save the table "
                f"with {delimiter!r} between columns"
            )
    found = arrow_csv.read_csv(
        io.BytesIO(data),
        read_options=arrow_csv.ReadOptions(
            autogenerate_column_names=True, block_size=min(max(len(data), _HEAD), _LARGEST_BLOCK)
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={f"f{k}": pa.binary() for k in range(len(header))},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    names = [_text_of_bytes((cell.as_py() or b""), "the header") for cell in (c[0] for c in found.columns)]
    columns: dict[str, Any] = {}
    for position, (name, column) in enumerate(zip(names, found.slice(1).columns, strict=True)):
        if not name and position and column.null_count == len(column):
            continue  # a delimiter at the end of every line
        if not name and position:
            raise ParameterError(f"column {position + 1} has no name in the header; give it one")
        if name in columns:
            raise ParameterError(f"the table has two columns {name!r}; rename one")
        if is_path(name):
            columns[name] = _paths(column)
        else:
            texts = _texts(name, column)
            columns[name] = texts if is_text(name) else typed(texts, exact=name in as_names)
    return pa.table(columns)


def _header(data: bytes, delimiter: str) -> list[str]:
    head = data[:_HEAD].decode("utf-8", "surrogateescape")
    try:
        return next(
            (row for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter) if row), []
        )
    except csv.Error as error:
        raise ParameterError(f"its header cannot be read: {error}") from error


def _paths(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of bytes as text, if it is UTF-8; names of files may be any bytes."""
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        return column


def _texts(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        odd = [row for row, cell in enumerate(column.to_pylist()) if cell and not _is_utf8(cell)]
        raise ParameterError(
            f"column {name!r} has {counted(len(odd), 'text')} in another encoding than UTF-8, the first in "
            f"row {odd[0]}; save the table as UTF-8"
        ) from error


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text_of_bytes(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParameterError(f"{where} is no UTF-8 ({error}); save the table as UTF-8") from error


def _json_columns(data: bytes) -> dict[str, list[Any]]:
    """Return JSON lines, or one list of objects, as columns."""
    text = _text_of_bytes(data, "it")
    if text.lstrip().startswith("["):
        rows: Any = _json(text, "the list")
    else:
        lines = enumerate(text.split("\n"), start=1)
        rows = [_json(line, f"line {number}") for number, line in lines if line.strip()]
    return columns_of_rows(rows)


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{where} is no JSON: {error}") from error


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} stands there twice")
    return found
