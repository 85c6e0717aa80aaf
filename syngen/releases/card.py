"""README.md of a release: front matter for Hugging Face, and what a reader wants to know first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from syngen._distribution import DISTRIBUTION
from syngen.evaluation.statistics.measuring import statistics_of
from syngen.releases.metadata import (
    PAPER_AUTHORS,
    PAPER_TITLE,
    PAPER_URL,
    PAPER_YEAR,
    ReleaseMetadata,
    engine_sentences,
    limits,
    uses,
)
from syngen.storage.card import factor_table, front_matter, manifest_files, notes_on

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["release_card"]

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_LARGER = ((10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))
_MOST_VALUES = 24
_MOST_PAIRS = 10


def release_card(subject: ReleaseMetadata) -> str:
    """Return the card of a release.

    Parameters
    ----------
    subject : ReleaseMetadata
    """
    # JSON is YAML, and quotes whatever needs quotes
    front = json.dumps(_front(subject), indent=1, ensure_ascii=False)
    sections = (
        f"# {subject.title}, version {subject.release.version}",
        subject.summary,
        _contents(subject),
        _factors(subject),
        _splits(subject),
        _statistics(subject),
        _reading(subject),
        _making(subject),
        _bullets("What it is for", uses(subject)),
        _bullets("What it is not", limits(subject)),
        _licence(subject),
        _citing(subject),
    )
    return f"---\n{front}\n---\n\n" + "\n\n".join(section.strip() for section in sections) + "\n"


def _front(subject: ReleaseMetadata) -> Json:
    own = front_matter(subject.description, subject.vocabulary)
    n_rows = subject.description.n_rows
    size = next((name for most, name in _SIZES + _LARGER if n_rows < most), "n>1B")
    front: Json = {
        "pretty_name": own.pop("pretty_name"),
        "license": own.pop("license"),
        **({"language": ["en"]} if subject.is_spoken else {}),
        "tags": [*own.pop("tags"), *(["speech"] if subject.is_spoken else [])],
        "task_categories": ["audio-classification", "feature-extraction"],
        "size_categories": [size],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "version": subject.release.version,
    }
    return front | own


def _contents(subject: ReleaseMetadata) -> str:
    return (
        "`preview.html` plays some of it and shows spectrograms: open it in a browser. "
        f"The fingerprint `{subject.description.fingerprint}` stands for all that decides a sample."
    )


def _factors(subject: ReleaseMetadata) -> str:
    values = [
        f"`{factor.name}`: {', '.join(map(str, factor.values))}."
        for factor in subject.vocabulary.grid.factors
        if isinstance(factor.values[0], str) and factor.size <= _MOST_VALUES
    ]
    return "\n\n".join(
        [
            "## Factors",
            factor_table(subject.vocabulary),
            *values,
            *notes_on(subject.vocabulary),
            "![Observations by value of each factor](factors.svg)",
        ]
    )


def _splits(subject: ReleaseMetadata) -> str:
    table = subject.dataset.table
    lines = ["## Splits", "", "| scheme | split | observations |", "|---|---|---|"]
    for column, (scheme, names) in zip(
        subject.vocabulary.split_columns, subject.vocabulary.schemes.items(), strict=True
    ):
        counts = {
            entry["values"]: entry["counts"] for entry in table.column(column).value_counts().to_pylist()
        }
        lines += [f"| {scheme} (`{column}`) | {name} | {counts.get(name, 0):,} |" for name in names]
    lines += ["", "The files in `audio/` are those of the first scheme; the others are columns."]
    return "\n".join(lines)


def _statistics(subject: ReleaseMetadata) -> str:
    """Return what the manifest holds: a release has all of it, and its check counts it again."""
    found = statistics_of(subject.dataset)
    parts = ["## Statistics", found.factor_table()]
    if found.pairs:
        above = [pair for pair in found.pairs.values() if pair.is_above_chance]
        ranked = sorted(found.pairs.values(), key=lambda pair: pair.chance_95 - pair.information)
        shown = f" The {_MOST_PAIRS} with most above it:" if len(ranked) > _MOST_PAIRS else ""
        parts += [
            f"Of {len(ranked)} pairs of factors {len(above)} share more information than chance.{shown}",
            found.pair_table(ranked[:_MOST_PAIRS]),
            found.on_chance,
        ]
    parts.append(found.number_table())
    parts.append("`syngen info FOLDER --statistics` counts by level and split; `--plot FILE` draws it.")
    return "\n\n".join(parts)


def _reading(subject: ReleaseMetadata) -> str:
    description = subject.description
    manifests, spoken = manifest_files(description), ""
    if subject.is_spoken:
        spoken = (
            "\n* Words and phones (IPA) of every row are in `annotations.parquet`; the manifest has its "
            "`transcript` and, in samples, `speech_start` and `speech_end`."
        )
    return f"""## Reading it

With syngen (`pip install {DISTRIBUTION}`):

```python
import syngen

ds = syngen.load("FOLDER")
```

* With Hugging Face: `datasets.load_dataset("FOLDER")`; audio comes as bytes of {description.codec.upper()}
  files, to be decoded with soundfile. With WebDataset: the files in `audio/`.
* With pandas or duckdb: {manifests}, one row per observation, with the place of its audio in
  `shard`, `offset` and `size`.
* With Croissant: `croissant.json`, for inspection: all is unpacked before the first record. The records of
  `manifest` and `observations` have the same `row`.
* With pooch: `registry.txt` has the names and hashes.{spoken}
* `sha256sum --check SHA256SUMS` proves every byte."""


def _making(subject: ReleaseMetadata) -> str:
    description = subject.description
    versions = "\n".join(f"| {name} | {version} |" for name, version in description.versions.items())
    engine = f"\n| speech engine | {subject.engine} |" if subject.engine else ""
    is_limited = "size" in description.recipe.get("sampling", {})
    limit = f" --limit {description.n_rows}" if is_limited else ""
    shards, n_bytes = len(description.shards), sum(shard.bytes for shard in description.shards)
    return f"""## How it was made

Every observation is a pure function of the recipe in `recipe.yaml` and its index. The versions that decide
a byte:

| of | version |
|---|---|
{versions}{engine}

`syngen generate recipe.yaml NEW_FOLDER{limit}` makes the same audio again where every copy is lost;
`pcm_sha256` in the manifest proves it.

The audio is in {shards:,} {description.codec.upper()} shards, {n_bytes:,} bytes in all."""


def _bullets(title: str, sentences: list[str]) -> str:
    return "\n".join([f"## {title}", "", *(f"* {sentence}" for sentence in sentences)])


def _licence(subject: ReleaseMetadata) -> str:
    licence = subject.licence
    if licence:
        text = f"The data is under [{licence[0]}]({licence[1]})."
    elif subject.description.licence:
        text = f"The data is under this licence: {subject.description.licence}."
    else:
        text = "The recipe states no licence: ask the authors before you use the data."
    return f"## Licence\n\n{text}\n\n{engine_sentences(subject)}"


def _citing(subject: ReleaseMetadata) -> str:
    paper = f"{'; '.join(PAPER_AUTHORS)} ({PAPER_YEAR}). {PAPER_TITLE}. {PAPER_URL}"
    return (
        f"## Citing it\n\n> {subject.citation}\n\n`CITATION.cff` has it for programs. The idea of such "
        f"data is that of\n\n> {paper}"
    )
