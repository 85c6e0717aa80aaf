"""The README.md inside a dataset: a card for people, and front matter for Hugging Face ``datasets``.

The front matter declares the type of every column. Without it ``datasets`` guesses from the first rows
and reads 0.5 as 0 where the first values look whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from syngen._distribution import DISTRIBUTION
from syngen.storage.description import Description, PartOf
from syngen.storage.layout import series_names
from syngen.storage.tables.manifest import Vocabulary

if TYPE_CHECKING:
    from syngen._typing import Json
    from syngen.factors import Factor

__all__ = ["card_text", "factor_table", "front_matter", "manifest_files", "notes_on"]

_MAX_LABELS = 1000
_SPOKEN = """
The speech is synthetic; nobody's voice was recorded. The manifest has its `transcript` and, in samples,
`speech_start` and `speech_end`. `annotations.parquet` has the words and phones (IPA) of every row, which
cover it from its first to its last sample.
"""


def card_text(description: Description, vocabulary: Vocabulary) -> str:
    """Return the card of a finished dataset.

    Parameters
    ----------
    description : Description
    vocabulary : Vocabulary
    """
    # JSON is YAML, and quotes whatever needs quotes
    front = json.dumps(front_matter(description, vocabulary), indent=1, ensure_ascii=False)
    title = description.recipe.get("title") or vocabulary.name
    splits = "\n".join(f"| {name} | {count:,} |" for name, count in description.counts.items())
    notes = "".join(f"\n{note}\n" for note in notes_on(vocabulary))
    codec = description.codec
    spoken = _SPOKEN if vocabulary.speaks else ""
    part = _part(description.part_of) if description.part_of is not None else ""
    return f"""---
{front}
---

# {title}

{description.n_rows:,} observations, {description.hours:.2f} hours of audio at
{vocabulary.sample_rate:,} Hz, 16 bit, mono. Made by syngen {description.versions["syngen"]} from the
recipe in `recipe.yaml`.
{part}
Every observation is a pure function of the recipe and its index: the fingerprint
`{description.fingerprint}`
stands for all that decides a sample.

{factor_table(vocabulary)}
{notes}
| split | observations |
|---|---|
{splits}

## Reading it

With syngen (`pip install {DISTRIBUTION}`): `syngen.load("FOLDER")`. With Hugging Face:
`datasets.load_dataset("FOLDER")`; audio comes as bytes of {codec.upper()} files, to be decoded with
soundfile. With WebDataset: the files in `audio/`. With pandas or duckdb: {manifest_files(description)},
one row per observation, with the place of its audio in `shard`, `offset` and `size`.
`sha256sum --check SHA256SUMS` proves every byte.
{spoken}
Licence: {description.licence or "not stated by the recipe"}.
"""


def manifest_files(description: Description) -> str:
    """Return what the files of the manifest are called."""
    is_one = len(series_names("manifest", description.n_rows)) == 1
    return "`manifest.parquet`" if is_one else "`manifest*.parquet`, in the order of their names"


def _part(of: PartOf) -> str:
    """Return a paragraph on what a part of a release is a part of."""
    chosen = json.dumps(of["selection"], ensure_ascii=False)
    return f"""
**This is a part** of a release of `{of["name"]}` that has {of["rows"]:,} observations, selected by
`{chosen}`. Its rows are numbered anew; `index` and `pcm_sha256` are those of the release, whose SHA256SUMS
has the SHA-256 `{of["sha256"]}`.
"""


def notes_on(vocabulary: Vocabulary) -> Iterator[str]:
    """Yield a sentence on each nuisance, and on what derives from each factor."""
    for name, unit, _ in vocabulary.nuisances:
        shown = f" ({unit})" if unit else ""
        yield f"Every observation also draws `{name}`{shown}, recorded in the manifest."
    for factor in vocabulary.grid.names:
        names = [f"`{name}`" for name, of_factor, _ in vocabulary.derived if of_factor == factor]
        if names:
            verb = "are functions" if len(names) > 1 else "is a function"
            yield f"{', '.join(names)} {verb} of `{factor}`."


def front_matter(description: Description, vocabulary: Vocabulary) -> Json:
    """Return what Hugging Face ``datasets`` is told of the columns and files of a dataset."""
    sizes = dict.fromkeys(description.counts, 0)
    for shard in description.shards:
        sizes[shard.split] += shard.bytes
    n_bytes = sum(sizes.values())
    filled = [name for name, count in description.counts.items() if count]
    values = [_value_feature(factor) for factor in vocabulary.grid.factors]
    levels = [_level_feature(factor) for factor in vocabulary.grid.factors]
    front: Json = {
        "pretty_name": description.recipe.get("title") or vocabulary.name,
        "license": (description.licence or "unknown").lower(),
        "tags": ["audio", "synthetic", "disentanglement", "syngen"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"audio/{name}-*.tar"} for name in filled],
            }
        ],
        "dataset_info": {
            "features": [
                # not the audio type: datasets encodes that with torchcodec even where it is not decoded
                {"name": description.codec, "dtype": "binary"},
                {
                    "name": "json",
                    "struct": [
                        {"name": "index", "dtype": "int64"},
                        {"name": "split", "dtype": "string"},
                        {"name": "values", "struct": values},
                        {"name": "levels", "struct": levels},
                    ],
                },
                {"name": "__key__", "dtype": "string"},
                {"name": "__url__", "dtype": "string"},
            ],
            "splits": [
                {"name": name, "num_bytes": sizes[name], "num_examples": description.counts[name]}
                for name in filled
            ],
            "download_size": n_bytes,
            "dataset_size": n_bytes,
        },
    }
    return front


def _value_feature(factor: Factor) -> Json:
    if isinstance(factor.values[0], str):
        return {"name": factor.name, "dtype": "string"}
    is_whole = all(isinstance(value, int) for value in factor.values)
    return {"name": factor.name, "dtype": "int64" if is_whole else "float64"}


def _level_feature(factor: Factor) -> Json:
    if factor.kind != "nominal" or factor.size > _MAX_LABELS:
        return {"name": factor.name, "dtype": "int64"}
    names = {str(level): str(value) for level, value in enumerate(factor.values)}
    return {"name": factor.name, "dtype": {"class_label": {"names": names}}}


def factor_table(vocabulary: Vocabulary) -> str:
    """Return a table of the factors in Markdown, without a newline at its end."""
    head = "| factor | kind | unit | values | from | to |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(_factor_row(factor) for factor in vocabulary.grid.factors)])


def _factor_row(factor: Factor) -> str:
    unit = factor.unit or "-"
    first, last = factor.values[0], factor.values[-1]
    return f"| {factor.name} | {factor.kind} | {unit} | {factor.size} | {first} | {last} |"
