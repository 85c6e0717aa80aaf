"""What is put together when every shard is there: manifest, tables, card, checksums, description."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from syngen.generation.plan import Plan
from syngen.io.atomic import write_atomic
from syngen.storage.card import card_text
from syngen.storage.checksums import write_documents
from syngen.storage.description import Description, ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.tables.annotations import ANNOTATION_SCHEMA
from syngen.storage.tables.arrays import arrow_array
from syngen.storage.tables.manifest import read_manifest, type_of, write_series, write_table

if TYPE_CHECKING:
    from syngen._typing import IntArray
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = [
    "description_for",
    "finish",
    "synthesizer_tables",
    "write_joined",
    "write_tables",
]


_PARTS = {"manifest": Layout.shard_manifest, "annotations": Layout.annotations_part}


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
    card = card_text(description, plan.vocabulary)
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
    for name in _PARTS if plan.resolved.synthesizer.speaks else ("manifest",):
        write_joined(plan, layout, name, materialize_shard(_PARTS[name]) if materialize_shard else names)
    for name, table in synthesizer_tables(plan.resolved).items():
        write_table(layout.table(name), table)
    text = plan.resolved.recipe.text if recipe_text is None else recipe_text
    write_atomic(layout.recipe, text.encode("utf-8"))  # comments may have been edited between runs
    return description_for(
        plan,
        [receipt.entry for receipt in receipts],
        n_samples=sum(receipt.n_samples for receipt in receipts),
        recipe_text=text,
    )


def write_joined(plan: Plan, layout: Layout, name: str, shards: Iterable[str]) -> None:
    """Write the manifest, or the annotations, from the parts of the shards.

    Parameters
    ----------
    plan : Plan
    layout : Layout
    name : {"manifest", "annotations"}
    shards : iterable of str
        Names in row order; a part need only be in the folder while its shard is the current one.
    """
    path_of, is_manifest = _PARTS[name], name == "manifest"
    schema = plan.vocabulary.dataset_schema() if is_manifest else ANNOTATION_SCHEMA

    def parts() -> Iterator[tuple[pa.Table, IntArray]]:
        n_before = 0
        for shard in shards:
            table = read_manifest(path_of(layout, shard))
            rows = np.arange(n_before, n_before + table.num_rows) if is_manifest else table.column("row")
            yield table, np.asarray(rows, dtype=np.int64)
            n_before += table.num_rows

    write_series(layout.series(name, plan.tables), schema, parts())


def synthesizer_tables(resolved: ResolvedRecipe) -> dict[str, pa.Table]:
    """Return the synthesizer's own tables by name."""
    return {
        name: pa.table({key: arrow_array(values, type_of(values)) for key, values in columns.items()})
        for name, columns in resolved.synthesizer.tables(resolved.request).items()
    }


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
        fingerprint=plan.fingerprint,
        versions=plan.versions() if versions is None else dict(versions),
        codec=plan.codec,
        counts=resolved.rows.split_sizes,
        hours=n_samples / resolved.audio.sample_rate / 3600.0,
        licence=resolved.recipe.licence,
        shards=tuple(entries),
        tables=plan.tables,
        release=plan.release,
        format=plan.format,
        shard_size=plan.shard_size if plan.format > 1 else None,
    )
