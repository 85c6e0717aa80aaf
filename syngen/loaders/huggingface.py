"""A view as a `datasets.Dataset`, mapped from an Arrow file in the cache folder. Needs ``datasets``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from syngen._cache import cached_folder
from syngen._optional import require
from syngen.errors import ParameterError
from syngen.storage.hub import HubDataset, hub_schema, hub_tables

if TYPE_CHECKING:
    from syngen.loaders.batching import View

__all__ = ["hub_dataset"]


def hub_dataset(view: View, split: str | None) -> Any:
    """Return a `datasets.Dataset` of a split, or a `datasets.DatasetDict` of all that have observations."""
    datasets = require("datasets", extra="huggingface")
    if split is not None:
        return _dataset(datasets, view.select(split=split), view.fingerprint)
    found = {name: view.select(split=name) for name in view.splits["split"]}
    return datasets.DatasetDict(
        {name: _dataset(datasets, part, view.fingerprint) for name, part in found.items() if len(part)}
    )


def _dataset(datasets: Any, view: HubDataset, fingerprint: str) -> Any:
    schema = hub_schema(view)

    def make(folder: Path) -> None:
        with pa.OSFile(str(folder / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
            for table in hub_tables(view):
                stream.write_table(table)

    rows = np.ascontiguousarray(view.rows).tobytes()
    content = hashlib.sha256(fingerprint.encode() + schema.serialize().to_pybytes() + rows)
    try:
        folder = cached_folder("arrow", content.hexdigest()[:40], make)
    except OSError as error:
        raise ParameterError(
            f"the cache folder cannot be written ({error}); set SYNGEN_CACHE to a folder with room"
        ) from error
    return datasets.Dataset.from_file(str(folder / "data.arrow"))
