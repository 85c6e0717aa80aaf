"""A release that was made again, compared with what is known of the one that was published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from syngen._values import is_whole
from syngen.downloads.contents import known_layout
from syngen.downloads.request import check_target, cut_from, known_of, report_of
from syngen.downloads.staging import staged
from syngen.errors import DownloadError, DownloadMismatchError, ParameterError, SynthesizerVersionError
from syngen.generation.plan import Plan
from syngen.generation.run import run
from syngen.loaders.sources.stored import hash_array
from syngen.recipe.library import recipe_names
from syngen.resolving.load import load_recipe, resolve_document
from syngen.resolving.makers import check_maker
from syngen.resolving.resolve import resolve
from syngen.storage.description import read_description, read_json
from syngen.storage.layout import FORMAT, Layout
from syngen.storage.shard_ranges import DEFAULT_SHARD_SIZE
from syngen.storage.tables.columns import integers
from syngen.storage.tables.manifest import read_series
from syngen.synth.request import NO_PERMISSIONS
from syngen.verification.documents import recipe_text_problem

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.downloads.catalog import Entry
    from syngen.downloads.request import Choose, DownloadReport, DownloadRequest
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["compare_observations", "recreate_release"]

_MOST_SHOWN = 5


def compare_observations(made: Layout, published: Layout) -> int:
    """Compare the hash of every observation; return how many there are.

    Raises
    ------
    DownloadMismatchError
        If one is missing, or its samples are others.
    """
    indices, hashes = _identities(made)
    wanted, expected = _identities(published)
    if not np.array_equal(indices, wanted):
        missing = len(np.setdiff1d(wanted, indices))
        raise DownloadMismatchError(
            f"made again, {len(indices):,} observations are not the {len(wanted):,} of the release: "
            f"{missing:,} are missing; the recipe is another one"
        )
    differing = np.flatnonzero((hashes != expected).any(axis=1))
    if len(differing):
        shown = ", ".join(str(indices[k]) for k in differing[:_MOST_SHOWN])
        raise DownloadMismatchError(
            f"made again, {len(differing):,} of {len(wanted):,} observations have other samples than the "
            f"release (index {shown}{', ...' if len(differing) > _MOST_SHOWN else ''}): another version "
            "of the synthesizer or of its engine made it; its versions are in dataset.json"
        )
    return len(wanted)


def _identities(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return index and hash of every observation, in the order of the indices."""
    tables = read_description(layout.description).tables
    table = read_series(layout.series("manifest", tables), columns=["index", "pcm_sha256"])
    indices = integers(table, "index")
    order = np.argsort(indices)
    return indices[order], hash_array(table.column("pcm_sha256"))[order]


def recreate_release(
    order: DownloadRequest,
    entry: Entry,
    choose: Choose | None,
    *,
    jobs: int | None,
    progress: Progress | None,
) -> DownloadReport:
    """Make a release again, and compare it with what is known of it."""
    check_target(order.target)
    if Layout(order.target).description.exists():
        raise ParameterError(
            f"{order.target} holds a dataset; choose another folder to make the release in"
        )
    sums = known_of(order, progress=None)
    with staged(order.target) as staging:
        known = known_layout(staging.verified)
        try:
            resolved, codec, shard_size = (
                _described(entry, order) if known is None else _described_by(known)
            )
        except SynthesizerVersionError:  # here it can never be made
            staging.remove()
            raise
        if entry.fingerprint not in (None, *map(resolved.fingerprint_in, range(1, FORMAT + 1))):
            raise DownloadError(
                f"{entry.name} cannot be made again: its recipe gives the fingerprint "
                f"{resolved.fingerprint[:16]}... here, the catalog says {str(entry.fingerprint)[:16]}...; "
                "install the version of syngen that made it, which is under versions in its dataset.json"
            )
        plan = Plan(resolved, shard_size, order.codec or codec)
        run(plan, staging.derived, jobs=jobs, progress=progress)
        compared = 0
        if known is not None:
            try:
                compared = compare_observations(Layout(staging.derived), known)
            except DownloadError:
                staging.remove()
                raise
        result = staging.derived
        if choose is not None:
            result = staging.selected
            staging.clear(result)
            cut_from(staging.derived, result, choose(staging.derived), sums=sums, selection=order.selection)
        staging.put_in_place(result, is_private=order.is_shared)
        return report_of(order.target, "made again", compared=compared)


def _described(entry: Entry, order: DownloadRequest) -> tuple[ResolvedRecipe, str, int]:
    """Return recipe, codec and shard size of a release of which nothing but the catalog is known."""
    recipe = entry.recipe or entry.name
    if recipe not in recipe_names():
        raise DownloadError(
            f"{entry.name or order.mirrors[0]} cannot be made again: no mirror has its dataset.json, and "
            "no recipe of its name is shipped"
        )
    return load_recipe(recipe), "wav", DEFAULT_SHARD_SIZE


def _described_by(known: Layout) -> tuple[ResolvedRecipe, str, int]:
    """Return recipe, codec and shard size of a release whose documents were had."""
    description = read_description(known.description)
    check_maker(f"the release {description.recipe['name']}", description.recipe, description.versions)
    resolved = resolve_document(description.recipe, NO_PERMISSIONS)
    if recipe_text_problem(description.recipe_text.encode(), resolved.recipe) is None:
        resolved = resolve(resolved.recipe.with_origin(text=description.recipe_text))
    planned = description.shard_size
    if planned is None:
        stated = read_json(known.plan).get("shard_size")
        planned = stated if is_whole(stated) else DEFAULT_SHARD_SIZE
    return resolved, description.codec, planned
