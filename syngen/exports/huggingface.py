"""Parquet with embedded audio, for Hugging Face ``datasets``: types declared, class labels, a card."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from syngen.exports.dataset import filled_splits
from syngen.exports.naming import split_words, stems
from syngen.exports.trajectories import first_trajectories
from syngen.io.atomic import new_folder
from syngen.io.workspace import working_folder
from syngen.loaders.convert.arrow_tables import hub_features, hub_schema, hub_tables
from syngen.loaders.convert.hub_types import card_feature

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["write"]

_ROWS_PER_FILE = 10_240


def write(dataset: DatasetView, folder: Path, *, hop: float | None = None, name: str | None = None) -> int:
    """Write ``data/<split>-*.parquet`` and ``README.md``; return the number of observations.

    ``datasets.load_dataset(folder)`` gives the splits. Names of splits that ``datasets`` does not take
    are written as `split_words` has them; the column ``split`` keeps them. Audio is WAV bytes, for
    soundfile. With a hop in seconds, trajectories are columns of lists; see `hub_features`.
    """
    first_trajectories(dataset, hop)
    stem, words = stems(dataset, name), split_words(dataset.splits["split"])
    with new_folder(folder) as unfinished:
        working_folder(unfinished / "data", mode=0o777)
        sizes: dict[str, int] = {}
        for split, view in filled_splits(dataset):
            _write_split(words[split], view, unfinished / "data", hop, stem)
            sizes[split] = len(view)
        (unfinished / "README.md").write_text(_card(dataset, sizes, words, hop), "utf-8")
    return len(dataset)


def _write_split(
    word: str, view: DatasetView, folder: Path, hop: float | None, stem: Callable[[int], str]
) -> None:
    schema, n_files = hub_schema(view, hop=hop), -(-len(view) // _ROWS_PER_FILE)
    tables = hub_tables(view, hop=hop, stem=stem)
    for number in range(n_files):
        path = folder / f"{word}-{number:05d}-of-{n_files:05d}.parquet"
        left = min(_ROWS_PER_FILE, len(view) - number * _ROWS_PER_FILE)
        with open(path, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while left > 0:
                table = next(tables)
                writer.write_table(table)
                left -= table.num_rows


def _card(
    dataset: DatasetView, sizes: Mapping[str, int], words: Mapping[str, str], hop: float | None
) -> str:
    features = [
        {"name": name, **card_feature(feature)} for name, feature in hub_features(dataset, hop=hop).items()
    ]
    # of train, and not of train_clean
    files = [
        {"split": words[split], "path": f"data/{words[split]}-?????-of-?????.parquet"} for split in sizes
    ]
    front = {
        "pretty_name": dataset.name,
        "tags": ["audio", "synthetic", "disentanglement", "syngen"],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": features},
    }
    # JSON is YAML, and quotes whatever needs quotes
    text = json.dumps(front, indent=1, ensure_ascii=False)
    counts = "\n".join(f"| {words[split]} | {n:,} |" for split, n in sizes.items())
    return f"""---
{text}
---

# {dataset.name}

{len(dataset):,} observations with the factors that made them. Written by `syngen export huggingface`; the
fingerprint `{dataset.fingerprint}` stands for every sample.

| split | observations |
|---|---|
{counts}
{_renamed(sizes, words)}
`audio` has the bytes of WAV files: `soundfile.read(io.BytesIO(row["audio"]["bytes"]))`.
{_over_time(dataset, hop)}"""


def _renamed(sizes: Mapping[str, int], words: Mapping[str, str]) -> str:
    pairs = [f"`{words[split]}` has the rows of `{split}`" for split in sizes if words[split] != split]
    if not pairs:
        return ""
    return f"\n`datasets` takes no other names of splits: {', '.join(pairs)}; see the column `split`.\n"


def _over_time(dataset: DatasetView, hop: float | None) -> str:
    first = first_trajectories(dataset, hop)
    if first is None:
        return ""
    names = ", ".join(f"`{name}` ({unit})" if unit else f"`{name}`" for name, unit in first.units.items())
    return (
        f"\nThe columns `trajectory_...` are lists of ground truth over time, every {hop:g} s: {names}, at "
        "the moments of `trajectory_time` (s).\n"
    )
