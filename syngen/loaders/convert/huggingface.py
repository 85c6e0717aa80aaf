"""A view as a `datasets.Dataset`, mapped from an Arrow file in the cache folder. Needs ``datasets``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from syngen._distribution import require
from syngen.errors import ParameterError
from syngen.io.cache import cached_folder
from syngen.loaders.convert.arrow_tables import hub_schema, hub_tables
from syngen.storage.tables.columns import exported_names, table_digest

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["hub_dataset"]


def hub_dataset(view: DatasetView, split: str | None) -> Any:
    """Return a `datasets.Dataset` of a split, or a `datasets.DatasetDict` of all that have observations."""
    datasets = require("datasets", extra="huggingface")
    if split is not None:
        return _dataset(datasets, view.select(split=split))
    found = {name: view.select(split=name) for name in view.splits["split"]}
    return datasets.DatasetDict(
        {name: _dataset(datasets, part) for name, part in found.items() if len(part)}
    )


def _dataset(datasets: Any, view: DatasetView) -> Any:
    schema = hub_schema(view)

    def make(folder: Path) -> None:
        with open(folder / "data.arrow", "wb") as file, pa.ipc.new_stream(file, schema) as stream:
            for table in hub_tables(view):
                stream.write_table(table)

    try:
        folder = cached_folder("arrow", _name(view, schema), make)
    except OSError as error:
        raise ParameterError(
            f"the cache folder cannot be written ({error}); set SYNGEN_CACHE to a folder with room"
        ) from error
    try:
        return datasets.Dataset.from_file(str(folder / "data.arrow"))
    except UnicodeEncodeError as error:
        raise ParameterError(
            f"datasets opens no path such as {folder}, which is not UTF-8; set SYNGEN_CACHE to another"
        ) from error


def _name(view: DatasetView, schema: pa.Schema) -> str:
    """Return what stands for every cell of the columns, and for the audio."""
    table = view.table
    written = table.select(list(exported_names(table.column_names, ())))
    content = hashlib.sha256(f"{view.samples_key} {table_digest(written)}\n".encode())
    content.update(schema.serialize().to_pybytes())
    content.update(np.ascontiguousarray(view.rows, dtype=np.int64).tobytes())
    return content.hexdigest()[:40]
