"""The rows of a manifest and of the tables beside it against the recipe, and against rendering again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syngen.errors import ManifestError
from syngen.generation.assembly import synthesizer_tables
from syngen.resolving.rendering import Rendering
from syngen.resolving.vocabulary import recipe_columns
from syngen.seeding import Permutation
from syngen.storage.codec import pcm_sha256
from syngen.storage.layout import Layout, table_of_row
from syngen.storage.problems import Problem
from syngen.storage.tables.annotations import ANNOTATION_SCHEMA, annotation_problems
from syngen.storage.tables.columns import categories, integers
from syngen.storage.tables.manifest import Vocabulary, factor_columns, read_manifest

if TYPE_CHECKING:
    from syngen._typing import IntArray
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.storage.description import ShardEntry
    from syngen.synth.plugin import Spoken

__all__ = [
    "own_row_problems",
    "rendering_problems",
    "row_problems",
    "spoken_problems",
    "synthesizer_table_problems",
]

_MOST_PROBLEMS = 100


def row_problems(
    resolved: ResolvedRecipe,
    vocabulary: Vocabulary,
    table: pa.Table,
    indices: IntArray,
    *,
    row: int = 0,
    file: str | None = None,
) -> Iterator[Problem]:
    """Compare consecutive rows with what the recipe gives: factors, splits, nuisances, lengths.

    Parameters
    ----------
    resolved : ResolvedRecipe
    vocabulary : Vocabulary
        Of the recipe.
    table : pyarrow.Table
        Rows of a manifest.
    indices : ndarray of int64, shape (table.num_rows,)
        What the recipe gives for them.
    row : int
        Number of the first.
    file : str, optional
        Where they are from; by default the file of the manifest that a row is in.
    """
    columns = recipe_columns(resolved, vocabulary, indices)
    if resolved.audio.n_samples:
        columns["n_samples"] = pa.array(np.full(len(indices), resolved.audio.n_samples, dtype=np.int32))
    yield from _other_values(table, columns, "the recipe gives", row=row, file=file)


def own_row_problems(
    vocabulary: Vocabulary, table: pa.Table, shards: Sequence[ShardEntry]
) -> Iterator[Problem]:
    """Compare the rows of a manifest with its own vocabulary, and with the shards that they are in.

    Parameters
    ----------
    vocabulary : Vocabulary
        Of the manifest.
    table : pyarrow.Table
        All of its rows.
    shards : sequence of ShardEntry
        Those of the description, which have as many rows.
    """
    grid, file, indices = vocabulary.grid, table_of_row("manifest", 0), integers(table, "index")
    is_outside = (indices < 0) | (indices >= grid.size)
    if is_outside.any() or len(np.unique(indices)) != len(indices):
        yield Problem(file, f"{file}: an index is outside of the grid, or there twice")
        return
    codes: dict[str, IntArray] = {}
    for column, (scheme, names) in zip(vocabulary.split_columns, vocabulary.schemes.items(), strict=True):
        found, positions = categories(table, column)
        unknown = [name for name in found if name not in names]
        if unknown:
            yield Problem(file, f"{file}: {column} is {unknown[0]!r} in some row; there are {names}")
            return
        codes[scheme] = np.array([names.index(name) for name in found], dtype=np.int64)[positions]
    columns = factor_columns(vocabulary, indices, grid.levels_of(indices), codes, with_values=True)
    splits = [entry.split for entry in shards for _ in range(entry.rows)]
    columns["split"] = pa.array(splits, pa.string())
    yield from _other_values(table, columns, "its index and its shard give")


def _other_values(
    table: pa.Table,
    columns: Mapping[str, pa.Array],
    giver: str,
    *,
    row: int = 0,
    file: str | None = None,
) -> Iterator[Problem]:
    """Name the first row of each column that has another value than it should."""
    for name, wanted in columns.items():
        found = table.column(name).combine_chunks()
        if not found.equals(wanted):
            first = next(i for i in range(len(wanted)) if found[i] != wanted[i])
            where = file or table_of_row("manifest", row + first)
            text = f"row {row + first}: {name} is {found[first]}, {giver} {wanted[first]}"
            yield Problem(where, f"{where}: {text}")


def synthesizer_table_problems(layout: Layout, resolved: ResolvedRecipe) -> Iterator[Problem]:
    """Compare the tables beside the manifest with what the synthesizer says."""
    for name, wanted in synthesizer_tables(resolved).items():
        path = layout.table(name)
        try:
            found = read_manifest(path)
        except ManifestError as error:
            yield Problem(path.name, str(error))
            continue
        if not found.equals(wanted):
            yield Problem(path.name, f"{path.name}: its content is not what the recipe gives")


def spoken_problems(table: pa.Table, annotations: pa.Table, *, row: int = 0) -> Iterator[Problem]:
    """Compare annotations with the lengths, the transcripts and the ends of speech of a manifest.

    Parameters
    ----------
    table : pyarrow.Table
        Consecutive rows of a manifest.
    annotations : pyarrow.Table
        Their words and phones.
    row : int
        Number of the first.
    """
    file = table_of_row("annotations", 0)
    n_samples = integers(table, "n_samples")
    if row and "row" in annotations.column_names and pa.types.is_integer(annotations["row"].type):
        position = annotations.column_names.index("row")
        shifted = pc.subtract(annotations["row"], row).cast(pa.int64())
        field = ANNOTATION_SCHEMA.field("row")
        annotations = annotations.set_column(position, field, shifted)
    found = annotation_problems(annotations, n_samples)
    yield from (Problem(file, text) for text in found)
    if not found:
        yield from (Problem(file, f"{file}: {text}") for text in _said_otherwise(table, annotations, row))


def _said_otherwise(table: pa.Table, annotations: pa.Table, row: int) -> Iterator[str]:
    """Say where sound annotations and the manifest's columns of speech contradict each other."""
    spans = annotations.filter(pc.not_equal(annotations.column("text"), ""))
    rows = integers(spans, "row")
    is_phone = np.asarray(
        pc.equal(spans.column("kind"), "phone").to_numpy(zero_copy_only=False), dtype=bool
    )
    heard = np.zeros((2, table.num_rows), dtype=np.int64)
    phones = rows[is_phone]
    starts, ends = (integers(spans, name)[is_phone] for name in ("start", "end"))
    heard[0, phones[::-1]] = starts[::-1]  # of several, the last assignment stays
    heard[1, phones] = ends
    for name, wanted in zip(("speech_start", "speech_end"), heard, strict=True):
        given = integers(table, name)
        for i in np.flatnonzero(given != wanted)[:_MOST_PROBLEMS]:
            yield f"row {row + i}: {name} is {given[i]} in the manifest, its phones give {wanted[i]}"
    transcripts = [_letters(text) for text in table.column("transcript").to_pylist()]
    places = [0] * table.num_rows
    words = zip(rows[~is_phone].tolist(), spans.column("text").filter(~is_phone).to_pylist(), strict=True)
    for i, word in words:
        if places[i] >= 0:  # one line for a row
            places[i] = transcripts[i].find(_letters(word), places[i])
            if places[i] < 0:
                yield f"row {row + i}: the word {word!r} is not in its transcript, or not there"


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def rendering_problems(
    resolved: ResolvedRecipe,
    table: pa.Table,
    annotations: pa.Table | None,
    *,
    rerender: int,
    seed: int,
    numbers: IntArray | None = None,
) -> Iterator[Problem]:
    """Render some rows again and compare samples, transcripts, words and phones.

    Parameters
    ----------
    resolved : ResolvedRecipe
    table : pyarrow.Table
        Rows of a manifest.
    annotations : pyarrow.Table or None
        Of speech, where they can be read.
    rerender : int
        How many rows.
    seed : int
        Chooses them.
    numbers : ndarray of int64, shape (table.num_rows,), optional
        Numbers of the rows, where the table has not all.
    """
    n = min(rerender, table.num_rows)
    if not n:
        return
    rows = np.sort(Permutation(table.num_rows, seed=seed, name="verify")(np.arange(n)))
    chosen = table.take(rows)
    names = rows if numbers is None else numbers[rows]
    indices = integers(chosen, "index")
    hashes = chosen.column("pcm_sha256").to_pylist()
    for position, observation in enumerate(Rendering(resolved).observations(indices)):
        row = int(names[position])
        if pcm_sha256(observation.pcm) != hashes[position]:
            shard = chosen.column("shard")[position]
            yield Problem(
                f"audio/{shard}.tar",
                f"shard {shard}: row {row}: rendered again, index {indices[position]} has other samples",
            )
        if observation.spoken is not None:
            yield from _spoken_otherwise(chosen.slice(position, 1), annotations, row, observation.spoken)


def _spoken_otherwise(
    said: pa.Table, annotations: pa.Table | None, row: int, spoken: Spoken
) -> Iterator[Problem]:
    """Compare what is said in a row with the manifest and the annotations."""
    wanted = {
        "transcript": spoken.transcript,
        "speech_start": spoken.start,
        "speech_end": spoken.end,
    }
    for name, value in wanted.items():
        found = said.column(name)[0].as_py()
        if found != value:
            file = table_of_row("manifest", row)
            yield Problem(file, f"{file}: row {row}: {name} is {found!r}, the recipe gives {value!r}")
    if annotations is None or annotations.column_names != ANNOTATION_SCHEMA.names:
        return
    listed = annotations.filter(pc.equal(annotations.column("row"), row)).to_pylist()
    spans = [(s.kind, s.text, s.start, s.end) for s in spoken.spans]
    if [(f["kind"], f["text"], f["start"], f["end"]) for f in listed] != spans:
        file = table_of_row("annotations", row)
        yield Problem(file, f"{file}: row {row}: its words and phones are not those of the recipe")
