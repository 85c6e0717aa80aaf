"""Observations as Arrow tables that Hugging Face ``datasets`` reads with their types: audio in a column.

Audio is a struct of bytes and path, as ``datasets`` stores it, declared with ``decode: false``: to be read
it needs neither torch nor torchcodec nor FFmpeg. Texts of nominal factors are class labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from syngen.factors import Factor
from syngen.loaders.convert.hub_types import Feature, feature_of, written_as, written_type
from syngen.storage.codec import find_codec
from syngen.storage.layout import key_of
from syngen.storage.tables.columns import exported_names

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["hub_features", "hub_schema", "hub_tables", "label_names"]

_MAX_LABELS = 1000
_ROWS_AT_ONCE = 256
_OWN = ("audio", "row")
_OVER_TIME = "trajectory_"


def label_names(factor: Factor) -> list[str] | None:
    """Return the class labels of a factor, by level, or None where it is a column of plain values."""
    if factor.kind != "nominal" or factor.size > _MAX_LABELS or not isinstance(factor.values[0], str):
        return None
    return [str(value) for value in factor.values]


def _columns(dataset: DatasetView, lists: Collection[str]) -> Iterator[tuple[str, pa.Field]]:
    """Yield the columns of the manifest that are written, each after its name; see `exported_names`."""
    schema = dataset.table.schema
    for column, name in exported_names(schema.names, (*_OWN, *lists)).items():
        yield name, schema.field(column)


def _lists(dataset: DatasetView, hop: float | None) -> dict[str, pa.DataType]:
    """Return the columns of trajectories with the types of their elements."""
    if hop is None or not len(dataset):
        return {}
    columns = dataset.trajectories(0, hop=hop).columns
    return {f"{_OVER_TIME}{name}": _element(values.dtype) for name, values in columns.items()}


def _element(kind: np.dtype[Any]) -> pa.DataType:
    return pa.string() if kind.kind == "U" else pa.from_numpy_dtype(kind)


def hub_features(dataset: DatasetView, *, hop: float | None = None) -> dict[str, Feature]:
    """Return the feature of each column, as ``datasets`` writes it into Parquet and Arrow files.

    Parameters
    ----------
    dataset : DatasetView
    hop : float, optional
        Time between two moments in seconds: with it, the trajectories are columns of lists called
        ``trajectory_<name>``, and ``trajectory_time`` has the moments in seconds.

    Raises
    ------
    ParameterError
        If ``datasets`` cannot hold a column.
    """
    lists = _lists(dataset, hop)
    features: dict[str, Feature] = {
        "audio": {"sampling_rate": dataset.sample_rate, "decode": False, "_type": "Audio"},
        "row": {"dtype": "int64", "_type": "Value"},
    }
    for name, field in _columns(dataset, lists):
        labels = _labels(dataset, field)
        if labels is not None:
            features[name] = {"names": labels, "_type": "ClassLabel"}
        else:
            features[name] = feature_of(written_type(name, field.type))
    for name, kind in lists.items():
        features[name] = feature_of(pa.list_(kind))
    return features


def _labels(dataset: DatasetView, field: pa.Field) -> list[str] | None:
    return label_names(dataset.grid[field.name]) if field.name in dataset.grid else None


def hub_schema(dataset: DatasetView, *, hop: float | None = None) -> pa.Schema:
    """Return the schema of the tables, with the features in its metadata; for `hop` see `hub_features`."""
    features, lists = hub_features(dataset, hop=hop), _lists(dataset, hop)
    audio = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    fields = [pa.field("audio", audio), pa.field("row", pa.int64())]
    for name, field in _columns(dataset, lists):
        is_label = _labels(dataset, field) is not None
        fields.append(pa.field(name, pa.int64() if is_label else written_type(name, field.type)))
    fields += [pa.field(name, pa.list_(kind)) for name, kind in lists.items()]
    text = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return pa.schema(fields, metadata={b"huggingface": text.encode("utf-8")})


def hub_tables(
    dataset: DatasetView, *, hop: float | None = None, stem: Callable[[int], str] = key_of
) -> Iterator[pa.Table]:
    """Yield the observations of a dataset in tables of a few hundred rows each.

    Parameters
    ----------
    dataset : DatasetView
    hop : float, optional
        See `hub_features`.
    stem : callable
        From a row to the name of its audio, without a suffix.
    """
    schema, lists = hub_schema(dataset, hop=hop), _lists(dataset, hop)
    given = list(_columns(dataset, lists))
    codec, whole, rows = find_codec("wav"), dataset.table, dataset.rows
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        part = whole.slice(start, _ROWS_AT_ONCE)
        positions = np.arange(start, start + part.num_rows)
        some = rows[start : start + part.num_rows]
        audio = [codec.encode(samples, dataset.sample_rate) for samples in dataset.pcm(positions)]
        paths = [f"{stem(int(row))}.wav" for row in some]
        columns: list[Any] = [
            pa.StructArray.from_arrays([pa.array(audio, pa.binary()), pa.array(paths)], ["bytes", "path"]),
            pa.array(some),
        ]
        for name, field in given:
            is_label = _labels(dataset, field) is not None
            column = part.column(f"{field.name}_level" if is_label else field.name)
            columns.append(written_as(name, column, schema.field(name).type))
        if hop is not None:
            found = [dataset.trajectories(position, hop=hop).columns for position in positions.tolist()]
            for name in lists:
                values = [one[name.removeprefix(_OVER_TIME)] for one in found]
                columns.append(pa.array(values, schema.field(name).type))
        yield pa.table(columns, schema=schema)
