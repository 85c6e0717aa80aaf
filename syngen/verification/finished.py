"""Verification: every byte of a dataset against its recipe, its manifest and its hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syngen._typing import ProgressUpdate
from syngen.errors import ManifestError, ParameterError, SyngenError
from syngen.generation.folder import lifecycle
from syngen.io.atomic import is_temporary
from syngen.io.locks import lock_if_there
from syngen.resolving.load import resolve_document
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.checksums import listed_tables, read_checksums
from syngen.storage.codec import find_codec
from syngen.storage.description import Description, ShardEntry, read_description
from syngen.storage.layout import Layout, split_of_shard, table_of_row
from syngen.storage.manifest import Vocabulary, read_series, vocabulary_of
from syngen.storage.problems import Problem, schema_problems
from syngen.storage.shards import MemberText
from syngen.verification.documents import checksum_problems, document_problems
from syngen.verification.rows import (
    rendering_problems,
    row_problems,
    spoken_problems,
    synthesizer_table_problems,
)
from syngen.verification.shards import MaterializeShard, ShardCheck, already_local, hash_problems, rows_of
from syngen.verification.unfinished import unfinished_problems

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen._typing import Progress
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.synth.request import Permissions

__all__ = ["abridged", "find_problems", "verify_folder"]

_MOST_PROBLEMS = 1000


def verify_folder(
    folder: Path,
    *,
    permissions: Permissions,
    rerender: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[str]:
    """Check a dataset, or as much of it as there is.

    Parameters
    ----------
    folder : Path
    permissions : Permissions
        What the recipe of the dataset may do; see `load_recipe`.
    rerender : int
        Render so many observations again, chosen by `seed`, and compare their hashes.
    seed : int
    progress : callable, optional
        Told after every shard.

    Returns
    -------
    list of str
        One line per problem, naming file, shard, row and member; empty if all is well.

    Raises
    ------
    ParameterError
        If the folder is not there, a run is working in it, or a number is negative.
    ManifestError
        If the folder holds no dataset.
    GenerationIncompleteError
        If the dataset is unfinished, and sound as far as it goes.
    """
    if rerender < 0:
        raise ParameterError(f"rerender is {rerender}; 0 or more is needed")
    layout = Layout(folder)
    if not folder.is_dir():
        raise ParameterError(f"{folder} is not a folder; verify takes the folder of a dataset")
    with lock_if_there(layout.lock) as is_mine:
        if not is_mine:
            raise ParameterError(
                f"a run is working in {folder}; verify it when the run has ended, or stop the run"
            )
        found = find_problems(
            layout, permissions=permissions, rerender=rerender, seed=seed, progress=progress
        )
        return abridged(found)


def abridged(problems: Iterable[Problem]) -> list[str]:
    """Return the texts of problems, of very many the first."""
    texts: list[str] = []
    for problem in problems:
        texts.append(str(problem))
        if len(texts) == _MOST_PROBLEMS:
            texts.append(f"more than {_MOST_PROBLEMS} problems; stopped here")
            break
    return texts


def find_problems(
    layout: Layout,
    *,
    permissions: Permissions,
    rerender: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
    materialize_shard: MaterializeShard = already_local,
) -> Iterator[Problem]:
    """Yield what is wrong with a dataset; see `verify_folder`. Call it under the lock, if there is one.

    The files of a shard need only be in the folder while the context of `materialize_shard` is entered.
    """
    if not lifecycle.is_unfinished(layout):
        return _problems(layout, permissions, rerender, seed, progress, materialize_shard)
    if not layout.plan.exists() and not layout.receipts.is_dir():
        raise ManifestError(f"{layout.folder} holds no dataset: there is no dataset.json")
    return unfinished_problems(
        layout,
        permissions,
        rerender=rerender,
        seed=seed,
        progress=progress,
        materialize_shard=materialize_shard,
    )


def _problems(
    layout: Layout,
    permissions: Permissions,
    rerender: int,
    seed: int,
    progress: Progress | None,
    materialize_shard: MaterializeShard,
) -> Iterator[Problem]:
    description = None
    hashes, unreadable = read_checksums(layout)
    yield from unreadable
    try:
        description = read_description(layout.description)
    except ManifestError as error:
        yield Problem(layout.description.name, str(error))
    yield from checksum_problems(layout, hashes, description)
    yield from _orphans(layout, description)
    tables = listed_tables(hashes) if description is None else description.tables
    manifest, unreadable = _read_whole(layout, tables)
    yield from unreadable
    if manifest is not None and description is not None and manifest[1].num_rows != description.n_rows:
        text = (
            f"manifest.parquet: {manifest[1].num_rows} rows, but dataset.json counts {description.n_rows}"
        )
        yield Problem(layout.manifest.name, text)
        manifest = None
    if description is None or manifest is None:
        source = "SHA256SUMS" if description is None else "dataset.json"
        for entry in _entries(hashes) if description is None else description.shards:
            with materialize_shard(entry.name):
                yield from hash_problems(entry, layout.shard(entry.name), source)
        return
    vocabulary, table = manifest
    yield from _shard_problems(layout, description, vocabulary, table, progress, materialize_shard)
    yield from _content_problems(layout, description, vocabulary, table, permissions, rerender, seed)


def _read_whole(
    layout: Layout, tables: Sequence[str]
) -> tuple[tuple[Vocabulary, pa.Table] | None, list[Problem]]:
    """Return vocabulary and rows of a manifest, or what prevents reading it."""
    name = layout.manifest.name
    try:
        table = read_series(layout.series("manifest", tables))
        vocabulary = vocabulary_of(table.schema)
    except ManifestError as error:
        return None, [Problem(name, str(error))]
    found = schema_problems(vocabulary, table.schema, name)
    return (None if found else (vocabulary, table)), found


def _content_problems(
    layout: Layout,
    description: Description,
    vocabulary: Vocabulary,
    table: pa.Table,
    permissions: Permissions,
    rerender: int,
    seed: int,
) -> Iterator[Problem]:
    """Compare manifest, tables and documents with the recipe."""
    annotations = None
    if vocabulary.speaks:
        try:
            annotations = read_series(layout.series("annotations", description.tables))
        except ManifestError as error:
            yield Problem(layout.annotations.name, str(error))
        else:
            yield from spoken_problems(table, annotations)
    name = layout.description.name
    try:
        resolved = resolve_document(description.recipe, permissions)
        sizes = resolved.rows.split_sizes
    except SyngenError as error:
        text = f"{name}: the recipe cannot be resolved, so no row can be checked by it: {error}"
        yield Problem(name, text)
        return
    for file, fingerprint in (
        (name, description.fingerprint),
        (layout.manifest.name, vocabulary.fingerprint),
    ):
        if fingerprint != resolved.fingerprint:
            text = (
                f"{file}: the fingerprint is {fingerprint[:16]}..., its recipe gives "
                f"{resolved.fingerprint[:16]}... with this version of the synthesizer"
            )
            yield Problem(file, text)
    n_samples = int(np.add.reduce(np.asarray(table.column("n_samples").to_numpy(), dtype=np.int64)))
    yield from document_problems(layout, description, resolved, n_samples)
    is_part = description.part_of is not None
    if not is_part and sizes != description.counts:
        text = f"{name}: counts are {description.counts}, its recipe gives {sizes}"
        yield Problem(name, text)
        return
    yield from _manifest_problems(layout, resolved, vocabulary, table, is_part=is_part)
    yield from synthesizer_table_problems(layout, resolved)
    yield from rendering_problems(resolved, table, annotations, rerender=rerender, seed=seed)


def _manifest_problems(
    layout: Layout, resolved: ResolvedRecipe, vocabulary: Vocabulary, table: pa.Table, *, is_part: bool
) -> Iterator[Problem]:
    """Compare the rows with what the recipe gives for their numbers, or, in a part, for their indices."""
    manifest = layout.manifest.name
    if vocabulary != vocabulary_for(resolved):
        text = f"{manifest}: its vocabulary (factors, nuisances, split schemes) is not the recipe's"
        yield Problem(manifest, text)
        return
    if is_part:
        indices = np.asarray(table.column("index").to_numpy(), dtype=np.int64)
        is_outside = (indices < 0) | (indices >= resolved.grid.size)
        if is_outside.any() or len(np.unique(indices)) != len(indices):
            yield Problem(manifest, f"{manifest}: an index is outside of the grid, or there twice")
            return
        yield from row_problems(resolved, vocabulary, table, indices)
        return
    row = 0
    for split, n_rows in resolved.rows.split_sizes.items():
        indices = resolved.rows.indices(split, 0, n_rows)
        yield from row_problems(resolved, vocabulary, table.slice(row, n_rows), indices, row=row)
        row += n_rows


def _entries(hashes: dict[str, str]) -> list[ShardEntry]:
    """Return what SHA256SUMS says of the shards."""
    names = [name.removeprefix("audio/").removesuffix(".tar") for name in hashes if "/" in name]
    return [
        ShardEntry(name, split, 0, 0, hashes[f"audio/{name}.tar"])
        for name in names
        if (split := split_of_shard(name)) and f"audio/{name}.tar" in hashes
    ]


def _orphans(layout: Layout, description: Description | None) -> Iterator[Problem]:
    """Report files that do not belong to the dataset; of one without a description, temporaries only."""
    tables, files = ((), ()) if description is None else (description.tables, description.files)
    known = {path.name for path in layout.final_files(tables, files)} | {layout.audio.name}
    listed = set() if description is None else {f"{entry.name}.tar" for entry in description.shards}
    for folder, names, text in (
        (layout.audio, listed, "belongs to no shard of dataset.json"),
        (layout.folder, known, "is not part of the dataset"),
    ):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = path.relative_to(layout.folder).as_posix()
            if path.name in names:
                continue
            if path == layout.work:
                if lifecycle.is_left_behind(layout):
                    yield Problem(name, f"{name}: was left by a run or a repair that ended early")
                for foreign in lifecycle.foreign_work(layout):
                    yield Problem(foreign, f"{foreign}: is not part of the dataset")
            elif is_temporary(path):
                yield Problem(name, f"{name}: was left by a run that ended early")
            elif description is not None:
                yield Problem(name, f"{name}: {text}")


def _shard_problems(
    layout: Layout,
    description: Description,
    vocabulary: Vocabulary,
    table: pa.Table,
    progress: Progress | None,
    materialize_shard: MaterializeShard,
) -> Iterator[Problem]:
    codec, text = find_codec(description.codec), MemberText(vocabulary.grid)
    row, samples = 0, 0
    for entry in description.shards:
        rows = list(rows_of(vocabulary, table.slice(row, entry.rows), row))
        shards = set(table.slice(row, entry.rows).column("shard").to_pylist())
        if shards != {entry.name}:
            manifest = table_of_row("manifest", row)
            yield Problem(
                manifest, f"{manifest}: rows {row}.. belong to {sorted(shards)}, not to {entry.name}"
            )
            with materialize_shard(entry.name):
                yield from hash_problems(entry, layout.shard(entry.name), layout.description.name)
        else:
            check = ShardCheck(entry, codec, vocabulary.sample_rate, text)
            with materialize_shard(entry.name):
                yield from check.problems(layout.shard(entry.name), rows)
        row += entry.rows
        samples += sum(r.n_samples for r in rows)
        if progress is not None:
            progress(ProgressUpdate(row, table.num_rows, samples / vocabulary.sample_rate))
