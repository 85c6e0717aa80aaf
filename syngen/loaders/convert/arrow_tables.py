"""Observations as Arrow tables that Hugging Face ``datasets`` reads with their types: audio in a column.

Audio is a struct of bytes and path, as ``datasets`` stores it, declared with ``decode: false``: to be read
it needs neither torch nor torchcodec nor FFmpeg. Texts of nominal factors are class labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from syngen.factors import Factor
from syngen.storage.codec import find_codec
from syngen.storage.columns import exported_names
from syngen.storage.layout import key_of

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Json

__all__ = ["hub_features", "hub_schema", "hub_tables", "label_names"]

_MAX_LABELS = 1000
_ROWS_AT_ONCE = 256
_OWN = ("audio", "row")


def label_names(factor: Factor) -> list[str] | None:
    """Return the class labels of a factor, by level, or None where it is a column of plain values."""
    if factor.kind != "nominal" or factor.size > _MAX_LABELS or not isinstance(factor.values[0], str):
        return None
    return [str(value) for value in factor.values]


def _columns(dataset: DatasetView) -> Iterator[tuple[str, pa.Field]]:
    """Yield the columns of the manifest that are written, each after its name; see `exported_names`."""
    schema = dataset.table.schema
    for column, name in exported_names(schema.names, _OWN).items():
        yield name, schema.field(column)


def hub_features(dataset: DatasetView) -> dict[str, Json]:
    """Return the feature of each column, as ``datasets`` writes it into Parquet and Arrow files."""
    features: dict[str, Json] = {
        "audio": {"sampling_rate": dataset.sample_rate, "decode": False, "_type": "Audio"},
        "row": {"dtype": "int64", "_type": "Value"},
    }
    for name, field in _columns(dataset):
        labels = _labels(dataset, field)
        if labels is not None:
            features[name] = {"names": labels, "_type": "ClassLabel"}
        else:
            features[name] = {"dtype": _dtype(field.type), "_type": "Value"}
    return features


def _labels(dataset: DatasetView, field: pa.Field) -> list[str] | None:
    return label_names(dataset.grid[field.name]) if field.name in dataset.grid else None


def _dtype(kind: pa.DataType) -> str:
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))


def hub_schema(dataset: DatasetView) -> pa.Schema:
    """Return the schema of the tables, with the features in its metadata."""
    features = hub_features(dataset)
    audio = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    fields = [pa.field("audio", audio), pa.field("row", pa.int64())]
    for name, field in _columns(dataset):
        is_label = features[name]["_type"] == "ClassLabel"
        fields.append(pa.field(name, pa.int64() if is_label else field.type))
    text = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return pa.schema(fields, metadata={b"huggingface": text.encode("utf-8")})


def hub_tables(dataset: DatasetView) -> Iterator[pa.Table]:
    """Yield the observations of a dataset in tables of a few hundred rows each."""
    schema, given = hub_schema(dataset), list(_columns(dataset))
    codec, whole, rows = find_codec("wav"), dataset.table, dataset.rows
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        part = whole.slice(start, _ROWS_AT_ONCE)
        pcm = dataset.pcm(np.arange(start, start + part.num_rows))
        some = rows[start : start + part.num_rows]
        audio = [codec.encode(samples, dataset.sample_rate) for samples in pcm]
        paths = [f"{key_of(int(row))}.wav" for row in some]
        columns: list[Any] = [
            pa.StructArray.from_arrays([pa.array(audio, pa.binary()), pa.array(paths)], ["bytes", "path"]),
            pa.array(some),
        ]
        for name, field in given:
            is_label = _labels(dataset, field) is not None
            column = part.column(f"{field.name}_level" if is_label else field.name)
            columns.append(column.cast(schema.field(name).type).combine_chunks())
        yield pa.table(columns, schema=schema)
