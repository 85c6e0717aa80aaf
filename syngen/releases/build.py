"""A finished dataset as a release: the same observations in shards of at most so many bytes.

A release is an ordinary dataset, of a plan with another shard size and codec, that has further files. So
it is made as datasets are, except that observations are read and compared with their hashes where they
would be rendered, and that it appears as a whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import (
    GenerationIncompleteError,
    ManifestError,
    ParameterError,
    ShardError,
    VerificationError,
)
from syngen.generation.assembly import write_tables
from syngen.generation.folder import lifecycle
from syngen.generation.folder.growing import write_plan_files
from syngen.generation.plan import Plan
from syngen.generation.shard_run import check_numbers, run_shards
from syngen.generation.sources import DatasetSource
from syngen.io.atomic import is_temporary, name_without_mark, new_folder
from syngen.io.files import human_bytes
from syngen.io.locks import exclusive_lock, remove_unheld
from syngen.io.space import check_room
from syngen.io.workspace import remove
from syngen.loaders.dataset import FactorDataset
from syngen.loaders.sources.stored import StoredSource
from syngen.releases.documents import documents_of, release_metadata
from syngen.resolving.load import resolve_document
from syngen.resolving.makers import check_maker
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.checksums import read_checksums, write_documents
from syngen.storage.codec import find_codec
from syngen.storage.description import Description, read_description
from syngen.storage.layout import Layout
from syngen.storage.problems import Problem
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import MAX_SHARD_SIZE
from syngen.storage.shards import BLOCK, END, MemberText, padding_of
from syngen.storage.tables.manifest import read_manifest, vocabulary_of
from syngen.verification.documents import checksum_problems

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, Progress
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.storage.publication import Publication
    from syngen.synth.request import Permissions

__all__ = ["ReleaseReport", "build_release"]

_PARTS = 50
_LEAST_LIMIT, _MOST_LIMIT = 32_000_000, 2_000_000_000
_SAMPLED = 256
_FILLED = 0.9  # of a shard, as far as the sampled rows tell: rows are in random order
_CERTAIN = 0.9  # share of an estimate that is taken for sure
_MOST_DAMAGED = 1000


@dataclass(frozen=True)
class ReleaseReport:
    """What a call of `release` did.

    Attributes
    ----------
    folder : Path
        Of the release.
    version : str
    rows, shards : int
        Observations, and the shards they are in.
    bytes : int
        Size of all shards.
    source_bytes : int
        Size of all shards of the dataset.
    audio_s : float
        Seconds of audio.
    wall_s : float
        Seconds that the call took.
    """

    folder: Path
    version: str
    rows: int
    shards: int
    bytes: int
    source_bytes: int
    audio_s: float
    wall_s: float


def build_release(
    source: Path,
    folder: Path,
    *,
    release: Publication,
    permissions: Permissions,
    codec: str = "flac",
    size_limit: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> ReleaseReport:
    """Write the release of a dataset.

    Parameters
    ----------
    source : Path
        Folder of a finished dataset.
    folder : Path
        Absent or empty.
    release : Publication
    permissions : Permissions
        What the recipe of the dataset may do; see `load_recipe`.
    codec : str
    size_limit : int, optional
        Most bytes of a shard; by default what makes about fifty, from 32 MB to 2 GB.
    jobs : int, optional
        Worker processes; by default one per CPU.
    progress : callable, optional
        Told after every shard.

    Raises
    ------
    ParameterError
        If the folder cannot be used, an observation does not fit into a shard, or an argument is wrong.
    GenerationIncompleteError
        If the dataset is unfinished, or the release could not be written.
    ManifestError
        If there is no dataset.
    VerificationError
        If the dataset is damaged, or this installation would make another.
    """
    started = time.monotonic()
    check_numbers(jobs)
    find_codec(codec)
    if folder.resolve().is_relative_to(source.resolve()):
        raise ParameterError(f"{folder} is in the folder of the dataset; choose one beside it")
    layout = Layout(source)
    description = _described(layout)
    resolved = _checked(layout, description, permissions)
    job = _Recutting(layout, description, resolved, release, codec, jobs, progress)
    limit, shard_size, need = job.first_cut(size_limit)
    check_room(
        folder.absolute().parent,
        _CERTAIN * need,
        what=f"{folder} needs about {human_bytes(need)}",
        remedy="make room or choose another folder",
    )
    _remove_left_behind(folder)
    with new_folder(folder) as place, exclusive_lock(Layout(place.parent).lock):
        made = job.made(Layout(place), limit, shard_size, folder)
        lifecycle.remove_work(Layout(place))
    return ReleaseReport(
        folder=folder,
        version=release.version,
        rows=made.n_rows,
        shards=len(made.shards),
        bytes=sum(shard.bytes for shard in made.shards),
        source_bytes=sum(shard.bytes for shard in description.shards),
        audio_s=made.hours * 3600.0,
        wall_s=time.monotonic() - started,
    )


def _described(layout: Layout) -> Description:
    """Return what a finished dataset is."""
    folder = layout.folder
    if not folder.is_dir():
        raise ParameterError(f"{folder} is not a folder; a release is made of the folder of a dataset")
    if layout.description.exists() or layout.description.is_symlink():
        return read_description(layout.description)
    if layout.plan.exists() and lifecycle.is_unfinished(layout):
        raise GenerationIncompleteError(
            f"the dataset in {folder} is unfinished; run syngen generate again to finish it"
        )
    raise ManifestError(f"{folder} holds no dataset: there is no dataset.json")


def _checked(layout: Layout, description: Description, permissions: Permissions) -> ResolvedRecipe:
    """Return the recipe of a dataset whose files, as far as the shards, are what they were."""
    hashes, problems = read_checksums(layout)
    problems += checksum_problems(layout, hashes, description)
    for shard in description.shards:
        path = layout.shard(shard.name)
        size = path.stat().st_size if path.is_file() else None
        if size != shard.bytes:
            found = "is missing" if size is None else f"has {size} bytes, dataset.json says {shard.bytes}"
            problems.append(Problem(path.name, f"shard {shard.name}: {found}"))
    if problems:
        raise _damaged(layout, [str(problem) for problem in problems])
    check_maker(layout.folder, description.recipe, description.versions)
    resolved = resolve_document(description.recipe, permissions)
    vocabulary = vocabulary_of(read_manifest(layout.manifest, columns=["index"]).schema)
    fingerprint = resolved.fingerprint_in(description.format)
    wanted = vocabulary_for(resolved, file_format=description.format)
    if fingerprint != description.fingerprint or vocabulary != wanted:
        raise VerificationError(
            [
                (
                    f"{layout.folder}: the fingerprint is {description.fingerprint[:16]}..., its recipe "
                    f"gives {fingerprint[:16]}... here: this installation would make other audio "
                    "and cannot vouch for the release; build it where the dataset was made"
                )
            ]
        )
    return resolved


def _damaged(layout: Layout, problems: Sequence[str]) -> VerificationError:
    remedy = f"No release was made; syngen verify {layout.folder} --repair makes it again."
    return VerificationError([*problems, f"{layout.folder} is damaged. {remedy}"])


def _remove_left_behind(folder: Path) -> None:
    """Remove what builds of this release left that were killed."""
    parent, name = folder.absolute().parent, folder.absolute().name
    for path in parent.iterdir() if parent.is_dir() else ():
        lock = Layout(path).lock
        if is_temporary(path) and name_without_mark(path.name) == name and lock.is_file():
            remove_unheld(path, lock)


@dataclass
class _Recutting:
    """The making of one release."""

    source: Layout
    description: Description
    resolved: ResolvedRecipe
    release: Publication
    codec: str
    jobs: int | None
    progress: Progress | None

    def first_cut(self, size_limit: int | None) -> tuple[int, int, float]:
        """Return the most bytes of a shard, how many rows are expected to stay below, and bytes of all."""
        n_rows = self.description.n_rows
        sizes = self._sampled_sizes(np.unique(np.linspace(0, n_rows - 1, _SAMPLED).astype(np.int64)))
        mean, most = float(sizes.mean()), int(sizes.max())
        limit = size_limit
        if limit is None:
            limit = int(min(max(mean * n_rows / _PARTS, _LEAST_LIMIT, most + len(END)), _MOST_LIMIT))
        self._check_fits(limit, most)
        return limit, self._balanced(int(_FILLED * (limit - len(END)) / mean)), mean * n_rows

    def made(self, layout: Layout, limit: int, shard_size: int, target: Path) -> Description:
        """Write the release into an empty folder."""
        while True:
            plan = Plan(self.resolved, shard_size, self.codec, self.release)
            lifecycle.create(layout)
            text = self.description.recipe_text
            write_plan_files(layout, plan.to_bytes(), text.encode("utf-8"))
            receipts = self._shards(plan, layout, target)
            largest = max(receipts, key=lambda receipt: receipt.entry.bytes).entry
            if largest.bytes <= limit:
                break
            # the sampled rows were smaller than others
            if shard_size == 1:
                self._check_fits(limit, largest.bytes - len(END))
            shard_size = max(1, min(shard_size - 1, int(0.98 * shard_size * limit / largest.bytes)))
            remove(layout.audio)
            remove(layout.receipts)
        description = write_tables(plan, layout, receipts, recipe_text=text)
        # the observations are those of the dataset, which is whole where the release is not yet
        dataset = FactorDataset(StoredSource(self.source.folder))
        subject = release_metadata(layout, description, plan.vocabulary, dataset)
        return write_documents(layout, description, documents_of(subject))

    def _shards(self, plan: Plan, layout: Layout, target: Path) -> list[Receipt]:
        source = self.source.folder.absolute()
        try:
            with run_shards(
                plan, layout, plan.shards, jobs=self.jobs, progress=self.progress, source=source
            ) as made:
                receipts = {receipt.entry.name: receipt for receipt in made}
        except GenerationIncompleteError as error:
            failed = (shard for shard in plan.shards if shard.name in error.failed)
            rows = chain.from_iterable(range(shard.row, shard.row + shard.n_rows) for shard in failed)
            problems = self._row_problems(rows)
            if problems:
                raise _damaged(self.source, problems) from error
            first = next(iter(error.failed.values()), str(error))
            raise GenerationIncompleteError(f"{target} was not written: {first}", error.failed) from error
        return [receipts[shard.name] for shard in plan.shards]

    def _row_problems(self, rows: Iterable[int]) -> list[str]:
        """Return what is wrong with rows of the dataset, a line each; of very many the first."""
        source, found = self._source(), list[str]()
        for row in rows:
            try:
                with source.rows(row) as stored:
                    stored.encoded(0)
            except ShardError as error:
                found.append(str(error))
                if len(found) == _MOST_DAMAGED:
                    return [*found, f"more than {_MOST_DAMAGED} problems; stopped here"]
        return found

    def _source(self) -> DatasetSource:
        return DatasetSource(self.source, self.resolved.audio.sample_rate)

    def _sampled_sizes(self, rows: IntArray) -> FloatArray:
        """Return the bytes that some rows fill in a shard, float64."""
        source, codec = self._source(), find_codec(self.codec)
        members, sizes = MemberText(self.resolved.grid), []
        longest = max(self.description.counts, key=len)
        for row in rows.tolist():
            try:
                with source.rows(row) as stored:
                    audio = stored.encoded(0, codec)
            except ShardError as error:
                raise _damaged(self.source, self._row_problems(range(self.description.n_rows))) from error
            (text,) = members.texts(np.array([source.index(row)]), longest)
            sizes.append(2 * BLOCK + sum(len(data) + len(padding_of(len(data))) for data in (audio, text)))
        return np.array(sizes, dtype=np.float64)

    def _balanced(self, shard_size: int) -> int:
        """Return a shard size that cuts the largest split into equal parts."""
        shard_size = max(1, min(shard_size, MAX_SHARD_SIZE))
        n_rows = max(self.description.counts.values())
        n_shards = -(-n_rows // shard_size)
        return -(-n_rows // n_shards)

    def _check_fits(self, limit: int, size: int) -> None:
        if size + len(END) > limit:
            raise ParameterError(
                f"the size limit is {limit:,} bytes, but an observation takes {size + len(END):,} in a "
                "shard of its own"
            )
