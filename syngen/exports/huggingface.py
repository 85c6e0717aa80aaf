"""Parquet with embedded audio, for Hugging Face ``datasets``: types declared, class labels, a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from syngen.exports.dataset import filled_splits
from syngen.exports.trajectories import first_trajectories
from syngen.io.atomic import new_folder
from syngen.io.workspace import working_folder
from syngen.loaders.convert.arrow_tables import hub_features, hub_schema, hub_tables

if TYPE_CHECKING:
    from syngen._typing import DatasetView, Json

__all__ = ["write"]

_ROWS_PER_FILE = 10_240


def write(dataset: DatasetView, folder: Path, *, hop: float | None = None) -> int:
    """Write ``data/<split>-*.parquet`` and ``README.md``; return the number of observations.

    ``datasets.load_dataset(folder)`` gives the splits. Their audio is WAV bytes, for soundfile. With a hop
    in seconds, trajectories are columns of lists; see `hub_features`.
    """
    first_trajectories(dataset, hop)
    with new_folder(folder) as unfinished:
        working_folder(unfinished / "data", mode=0o777)
        sizes: dict[str, int] = {}
        for split, view in filled_splits(dataset):
            _write_split(split, view, unfinished / "data", hop)
            sizes[split] = len(view)
        (unfinished / "README.md").write_text(_card(dataset, sizes, hop), "utf-8")
    return len(dataset)


def _write_split(split: str, view: DatasetView, folder: Path, hop: float | None) -> None:
    schema, n_files = hub_schema(view, hop=hop), -(-len(view) // _ROWS_PER_FILE)
    tables = hub_tables(view, hop=hop)
    for number in range(n_files):
        path = folder / f"{split}-{number:05d}-of-{n_files:05d}.parquet"
        left = min(_ROWS_PER_FILE, len(view) - number * _ROWS_PER_FILE)
        with open(path, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while left > 0:
                table = next(tables)
                writer.write_table(table)
                left -= table.num_rows


def _card(dataset: DatasetView, sizes: dict[str, int], hop: float | None) -> str:
    features: list[Json] = []
    for name, feature in hub_features(dataset, hop=hop).items():
        content: Any
        if feature["_type"] == "Audio":
            content = {"audio": {"sampling_rate": feature["sampling_rate"], "decode": False}}
        elif feature["_type"] == "ClassLabel":
            names = {str(code): label for code, label in enumerate(feature["names"])}
            content = {"class_label": {"names": names}}
        elif feature["_type"] == "Sequence":
            features.append({"name": name, "sequence": feature["feature"]["dtype"]})
            continue
        else:
            content = feature["dtype"]
        features.append({"name": name, "dtype": content})
    # of train, and not of train-clean
    files = [{"split": split, "path": f"data/{split}-?????-of-?????.parquet"} for split in sizes]
    front = {
        "pretty_name": dataset.name,
        "tags": ["audio", "synthetic", "disentanglement", "syngen"],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": features},
    }
    # JSON is YAML, and quotes whatever needs quotes
    text = json.dumps(front, indent=1, ensure_ascii=False)
    counts = "\n".join(f"| {split} | {n:,} |" for split, n in sizes.items())
    return f"""---
{text}
---

# {dataset.name}

{len(dataset):,} observations with the factors that made them. Written by `syngen export huggingface`; the
fingerprint `{dataset.fingerprint}` stands for every sample.

| split | observations |
|---|---|
{counts}

`audio` has the bytes of WAV files: `soundfile.read(io.BytesIO(row["audio"]["bytes"]))`.
{_over_time(dataset, hop)}"""


def _over_time(dataset: DatasetView, hop: float | None) -> str:
    first = first_trajectories(dataset, hop)
    if first is None:
        return ""
    names = ", ".join(f"`{name}` ({unit})" if unit else f"`{name}`" for name, unit in first.units.items())
    return (
        f"\nThe columns `trajectory_...` are lists of ground truth over time, every {hop:g} s: {names}, at "
        "the moments of `trajectory_time` (s).\n"
    )
