"""Verification: every byte of a dataset against its recipe, its manifest and its hashes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syngen._typing import ProgressUpdate
from syngen.errors import ManifestError, ParameterError, SkippedCheckWarning, SyngenError
from syngen.generation.folder import lifecycle
from syngen.io.atomic import is_temporary
from syngen.io.locks import lock_if_there
from syngen.resolving.load import resolve_document
from syngen.resolving.makers import check_maker, other_maker
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.checksums import listed_tables, read_checksums
from syngen.storage.codec import find_codec
from syngen.storage.description import Description, ShardEntry, read_description
from syngen.storage.layout import Layout, split_of_shard, table_of_row
from syngen.storage.problems import Problem, schema_problems
from syngen.storage.shards import MemberText
from syngen.storage.tables.columns import integers
from syngen.storage.tables.manifest import Vocabulary, read_series, vocabulary_of
from syngen.verification.documents import agreement_problems, checksum_problems, document_problems
from syngen.verification.options import VerificationOptions, foreign_files
from syngen.verification.rows import (
    own_row_problems,
    rendering_problems,
    row_problems,
    spoken_problems,
    synthesizer_table_problems,
)
from syngen.verification.shards import ShardCheck, hash_problems, rows_of
from syngen.verification.unfinished import unfinished_problems

if TYPE_CHECKING:
    import pyarrow as pa

    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["abridged", "find_problems", "verify_folder"]

_MOST_PROBLEMS = 1000


def verify_folder(folder: Path, options: VerificationOptions) -> list[str]:
    """Check a dataset, or as much of it as there is.

    Parameters
    ----------
    folder : Path
    options : VerificationOptions

    Returns
    -------
    list of str
        One line per problem, naming file, shard, row and member; empty if all is well.

    Raises
    ------
    ParameterError
        If the folder is not there, or a run is working in it.
    ManifestError
        If the folder holds no dataset.
    GenerationIncompleteError
        If the dataset is unfinished, and sound as far as it goes.
    SynthesizerVersionError
        If observations are to be rendered again, or the dataset is unfinished, and another version of its
        synthesizer made it.

    Warns
    -----
    SkippedCheckWarning
        If another version of the synthesizer made it: what the recipe gives is then not compared.
    """
    layout = Layout(folder)
    if not folder.is_dir():
        raise ParameterError(f"{folder} is not a folder; verify takes the folder of a dataset")
    with lock_if_there(layout.lock) as is_mine:
        if not is_mine:
            raise ParameterError(
                f"a run is working in {folder}; verify it when the run has ended, or stop the run"
            )
        return abridged(find_problems(layout, options))


def abridged(problems: Iterable[Problem]) -> list[str]:
    """Return the texts of problems, of very many the first."""
    texts: list[str] = []
    for problem in problems:
        texts.append(str(problem))
        if len(texts) == _MOST_PROBLEMS:
            texts.append(f"more than {_MOST_PROBLEMS} problems; stopped here")
            break
    return texts


def find_problems(layout: Layout, options: VerificationOptions) -> Iterator[Problem]:
    """Yield what is wrong with a dataset; see `verify_folder`. Call it under the lock, if there is one."""
    if not lifecycle.is_unfinished(layout):
        return _problems(layout, options)
    if not layout.plan.exists() and not layout.receipts.is_dir():
        raise ManifestError(f"{layout.folder} holds no dataset: there is no dataset.json")
    return unfinished_problems(layout, options)


def _problems(layout: Layout, options: VerificationOptions) -> Iterator[Problem]:
    description = None
    hashes, unreadable = read_checksums(layout)
    yield from unreadable
    try:
        description = read_description(layout.description)
    except ManifestError as error:
        yield Problem(layout.description.name, str(error))
    if options.rerender and description is not None:
        check_maker(description.recipe["name"], description.recipe, description.versions)
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
    if description is not None and manifest is not None:
        finished = _Finished(layout, description, *manifest, options)
        yield from finished.shard_problems()
        yield from finished.content_problems()
        return
    source = "SHA256SUMS" if description is None else "dataset.json"
    for entry in _entries(hashes) if description is None else description.shards:
        with options.materialize_shard(entry.name):
            yield from hash_problems(entry, layout.shard(entry.name), source)


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
    shards = () if description is None else (entry.name for entry in description.shards)
    for path in foreign_files(layout, layout.final_files(tables, files), shards):
        name = path.relative_to(layout.folder).as_posix()
        if is_temporary(path):
            yield Problem(name, f"{name}: was left by a run that ended early")
        elif description is not None:
            is_shard = path.parent == layout.audio
            text = "belongs to no shard of dataset.json" if is_shard else "is not part of the dataset"
            yield Problem(name, f"{name}: {text}")
    if os.path.lexists(layout.work):
        name = layout.work.name
        if lifecycle.is_left_behind(layout):
            yield Problem(name, f"{name}: was left by a run or a repair that ended early")
        for foreign in lifecycle.foreign_work(layout):
            yield Problem(foreign, f"{foreign}: is not part of the dataset")


@dataclass(frozen=True)
class _Finished:
    """A finished dataset whose description and manifest can be read."""

    layout: Layout
    description: Description
    vocabulary: Vocabulary
    table: pa.Table
    options: VerificationOptions

    def shard_problems(self) -> Iterator[Problem]:
        """Compare every shard with its rows in the manifest."""
        layout, vocabulary, table = self.layout, self.vocabulary, self.table
        codec, text = find_codec(self.description.codec), MemberText(vocabulary.grid)
        row, samples = 0, 0
        for entry in self.description.shards:
            path = layout.shard(entry.name)
            rows = list(rows_of(vocabulary, table.slice(row, entry.rows), row))
            shards = set(table.slice(row, entry.rows).column("shard").to_pylist())
            with self.options.materialize_shard(entry.name):
                if shards == {entry.name}:
                    check = ShardCheck(entry, codec, vocabulary.sample_rate, text)
                    yield from check.problems(path, rows)
                else:
                    manifest = table_of_row("manifest", row)
                    yield Problem(
                        manifest,
                        f"{manifest}: rows {row}.. belong to {sorted(shards)}, not to {entry.name}",
                    )
                    yield from hash_problems(entry, path, layout.description.name)
            row += entry.rows
            samples += sum(r.n_samples for r in rows)
            if self.options.progress is not None:
                audio_s = samples / vocabulary.sample_rate
                self.options.progress(ProgressUpdate(row, table.num_rows, audio_s))

    def content_problems(self) -> Iterator[Problem]:
        """Compare manifest, tables and documents with the recipe."""
        layout, description, table = self.layout, self.description, self.table
        annotations = None
        if self.vocabulary.speaks:
            try:
                annotations = read_series(layout.series("annotations", description.tables))
            except ManifestError as error:
                yield Problem(layout.annotations.name, str(error))
            else:
                yield from spoken_problems(table, annotations)
        name = layout.description.name
        other = other_maker(description.recipe, description.versions)
        if other is not None:
            self._say_what_is_left_out(other)
            yield from self._own_problems()
            return
        try:
            resolved = resolve_document(description.recipe, self.options.permissions)
            sizes = resolved.rows.split_sizes
        except SyngenError as error:
            text = f"{name}: the recipe cannot be resolved, so no row can be checked by it: {error}"
            yield Problem(name, text)
            return
        for file, fingerprint in (
            (name, description.fingerprint),
            (layout.manifest.name, self.vocabulary.fingerprint),
        ):
            wanted = resolved.fingerprint_in(description.format)
            if fingerprint != wanted:
                text = (
                    f"{file}: the fingerprint is {fingerprint[:16]}..., its recipe gives "
                    f"{wanted[:16]}... with this version of the synthesizer"
                )
                yield Problem(file, text)
        n_samples = int(np.add.reduce(integers(table, "n_samples")))
        yield from document_problems(layout, description, resolved, n_samples)
        if description.part_of is None and sizes != description.counts:
            text = f"{name}: counts are {description.counts}, its recipe gives {sizes}"
            yield Problem(name, text)
            return
        yield from self._manifest_problems(resolved)
        yield from synthesizer_table_problems(layout, resolved)
        yield from rendering_problems(
            resolved, table, annotations, rerender=self.options.rerender, seed=self.options.seed
        )

    def _say_what_is_left_out(self, other: str) -> None:
        """Warn of what is not checked of a dataset that another version of its synthesizer made."""
        warnings.warn(
            f"{self.description.recipe['name']}: its rows are compared with its own manifest and not with "
            f"its recipe, because {other}",
            SkippedCheckWarning,
            stacklevel=2,
        )

    def _own_problems(self) -> Iterator[Problem]:
        """Compare the documents and the rows of a dataset with one another, without its synthesizer."""
        layout, description, table = self.layout, self.description, self.table
        if self.vocabulary.fingerprint != description.fingerprint:
            text = "its fingerprint is not that of dataset.json"
            yield Problem(layout.manifest.name, f"{layout.manifest.name}: {text}")
        n_samples = int(np.add.reduce(integers(table, "n_samples")))
        yield from agreement_problems(layout, description, n_samples / self.vocabulary.sample_rate)
        yield from own_row_problems(self.vocabulary, table, description.shards)

    def _manifest_problems(self, resolved: ResolvedRecipe) -> Iterator[Problem]:
        """Compare the rows with what the recipe gives for them, or, in a part, for their indices."""
        manifest, vocabulary, table = self.layout.manifest.name, self.vocabulary, self.table
        if vocabulary != vocabulary_for(resolved, file_format=self.description.format):
            text = f"{manifest}: its vocabulary (factors, nuisances, split schemes) is not the recipe's"
            yield Problem(manifest, text)
            return
        if self.description.part_of is not None:
            indices = integers(table, "index")
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
