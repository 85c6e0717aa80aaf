"""What is put together when every shard is there: manifest, tables, card, checksums, description."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from syngen.generation.plan import Plan
from syngen.io.atomic import atomic_file, write_atomic
from syngen.io.files import sha256_of
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.annotations import ANNOTATION_SCHEMA
from syngen.storage.arrays import arrow_array
from syngen.storage.card import card_text
from syngen.storage.checksums import checksums_for
from syngen.storage.description import Description, ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.manifest import ManifestWriter, read_manifest, type_of, write_series
from syngen.storage.receipts import Receipt

if TYPE_CHECKING:
    from syngen._typing import IntArray
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = [
    "description_for",
    "finish",
    "synthesizer_tables",
    "write_annotations",
    "write_documents",
    "write_manifest",
    "write_synthesizer_table",
    "write_tables",
]


def finish(
    plan: Plan,
    layout: Layout,
    receipts: Sequence[Receipt],
    *,
    materialize_shard: Callable[[Callable[[Layout, str], Path]], Iterable[str]] | None = None,
) -> Description:
    """Put manifest, card, checksums and description together; the description comes last.

    Parameters
    ----------
    plan, layout, receipts, materialize_shard
        See `write_tables`.
    """
    description = write_tables(plan, layout, receipts, materialize_shard=materialize_shard)
    card = card_text(description, vocabulary_for(plan.resolved))
    return write_documents(layout, description, {layout.card.name: card.encode("utf-8")})


def write_tables(
    plan: Plan,
    layout: Layout,
    receipts: Sequence[Receipt],
    *,
    materialize_shard: Callable[[Callable[[Layout, str], Path]], Iterable[str]] | None = None,
    recipe_text: str | None = None,
) -> Description:
    """Write manifest, tables and recipe, and return what dataset.json will say.

    Parameters
    ----------
    plan : Plan
    layout : Layout
        Of a folder that has the plan and the parts of the shards.
    receipts : sequence of Receipt
        In row order.
    materialize_shard : callable, optional
        Takes `Layout.shard_manifest` or `Layout.annotations_part` and iterates over the names of the
        shards; that file need only be in the folder while its name is the current one.
    recipe_text : str, optional
        Content of recipe.yaml; by default the text that the plan's recipe was read from.
    """
    names = [receipt.entry.name for receipt in receipts]
    write_manifest(plan, layout, materialize_shard(Layout.shard_manifest) if materialize_shard else names)
    if plan.resolved.synthesizer.speaks:
        write_annotations(
            plan, layout, materialize_shard(Layout.annotations_part) if materialize_shard else names
        )
    for name, table in synthesizer_tables(plan.resolved).items():
        write_synthesizer_table(layout, name, table)
    text = plan.resolved.recipe.text if recipe_text is None else recipe_text
    write_atomic(layout.recipe, text.encode("utf-8"))  # comments may have been edited between runs
    return description_for(
        plan,
        [receipt.entry for receipt in receipts],
        n_samples=sum(receipt.n_samples for receipt in receipts),
        recipe_text=text,
    )


def write_documents(
    layout: Layout, description: Description, documents: Mapping[str, bytes]
) -> Description:
    """Write the documents of a dataset that has its tables, their checksums, and at last the description.

    Parameters
    ----------
    layout : Layout
    description : Description
    documents : mapping of str to bytes
        Content of the card, and of the other files that only a release has, by name.
    """
    for name, data in documents.items():
        write_atomic(layout.folder / name, data)
    content = description.to_bytes()
    hashes = {
        path.name: sha256_of(path)
        for path in layout.final_files(description.tables, description.files)
        if path not in (layout.checksums, layout.description)
    }
    write_atomic(layout.checksums, checksums_for(description, hashes))
    write_atomic(layout.description, content)
    return description


def write_manifest(plan: Plan, layout: Layout, names: Iterable[str]) -> None:
    """Write the manifest from the parts of the shards, given in row order."""

    def parts() -> Iterator[tuple[pa.Table, IntArray]]:
        row = 0
        for name in names:
            table = read_manifest(layout.shard_manifest(name))
            yield table, np.arange(row, row + table.num_rows, dtype=np.int64)
            row += table.num_rows

    schema = vocabulary_for(plan.resolved).dataset_schema()
    write_series(layout.series("manifest", plan.tables), schema, parts())


def write_annotations(plan: Plan, layout: Layout, names: Iterable[str]) -> None:
    """Write the annotations from the parts of the shards, given in row order."""

    def parts() -> Iterator[tuple[pa.Table, IntArray]]:
        for name in names:
            table = read_manifest(layout.annotations_part(name))
            yield table, np.asarray(table.column("row").to_numpy(), dtype=np.int64)

    write_series(layout.series("annotations", plan.tables), ANNOTATION_SCHEMA, parts())


def synthesizer_tables(resolved: ResolvedRecipe) -> dict[str, pa.Table]:
    """Return the synthesizer's own tables by name."""
    return {
        name: pa.table({key: arrow_array(values, type_of(values)) for key, values in columns.items()})
        for name, columns in resolved.synthesizer.tables(resolved.request).items()
    }


def write_synthesizer_table(layout: Layout, name: str, table: pa.Table) -> None:
    """Write one of the synthesizer's own tables."""
    with atomic_file(layout.table(name)) as file, ManifestWriter(file, table.schema) as out:
        out.write(table)


def description_for(
    plan: Plan,
    entries: Sequence[ShardEntry],
    *,
    n_samples: int,
    recipe_text: str,
    versions: Mapping[str, str] | None = None,
) -> Description:
    """Return what dataset.json says of a plan's shards.

    Parameters
    ----------
    plan : Plan
    entries : sequence of ShardEntry
        In row order.
    n_samples : int
        Samples of audio in all of them.
    recipe_text : str
        Content of recipe.yaml.
    versions : mapping of str to str, optional
        Those that the dataset was made with; by default those of this installation.
    """
    resolved = plan.resolved
    return Description(
        recipe=resolved.recipe.document(),
        recipe_text=recipe_text,
        fingerprint=resolved.fingerprint,
        versions=plan.versions() if versions is None else dict(versions),
        codec=plan.codec,
        counts=resolved.rows.split_sizes,
        hours=n_samples / resolved.audio.sample_rate / 3600.0,
        licence=resolved.recipe.licence,
        shards=tuple(entries),
        tables=plan.tables,
        release=plan.release,
    )
