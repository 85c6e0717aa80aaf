"""Releases downloaded, whole or in part, or made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.api.generation import generate
from syngen.errors import ParameterError
from syngen.resolving.load import load_recipe

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.downloads.catalog import Entry
    from syngen.downloads.request import DownloadReport, Order
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.storage.layout import Layout

__all__ = ["download"]


def download(
    release: str | Path,
    *,
    version: str | None = None,
    to: str | Path | None = None,
    codec: str | None = None,
    split: str | None = None,
    where: Mapping[str, Any] | Sequence[str] = (),
    limit: int | None = None,
    mirrors: Sequence[str] = (),
    catalog: str | Path | None = None,
    recreate: bool = False,
    connections: int = 4,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> DownloadReport:
    """Download a release, or a part of it: verified, and whole or not at all. The same call goes on.

    Parameters
    ----------
    release : str or Path
        Name in the catalog, URL of the folder of a release, or a local folder. Of hosts without folders the
        URL is a pattern with ``{file}`` for the name of a file, or ``{name}`` for its whole relative name.
    version : str, optional
        Of a name; by default the latest.
    to : str or Path, optional
        Absent, an empty folder, or one that has this release; by default a place in the cache folder
        (``SYNGEN_CACHE``).
    codec : {"wav", "flac"}, optional
        Decode, or encode, on arrival; the result is a dataset like any other.
    split : str, optional
        Only this split. With `where` and `limit`, only the bytes that are wanted are fetched; the result
        is a dataset of these rows, whose description says of what it is a part.
    where : mapping or sequence of str
        Conditions as `FactorDataset.select` takes them, or texts such as ``timbre=sine,square`` and
        ``frequency=200..400``.
    limit : int, optional
        At most so many observations, from the front.
    mirrors : sequence of str
        URLs and folders to be tried when those of the catalog, or `release`, have failed.
    catalog : str or Path, optional
        File or URL; by default ``SYNGEN_CATALOG``, or the catalog that is shipped.
    recreate : bool
        Make it again from its recipe instead, and compare every observation with the hashes of the release,
        where a mirror, or an earlier download, has its manifest.
    connections : int
        Files that come at a time.
    jobs : int, optional
        Worker processes of `recreate`; by default ``SYNGEN_JOBS``, or one per CPU.
    progress : callable, optional
        Called with a `ProgressUpdate` that counts bytes; observations with `recreate`.

    Returns
    -------
    DownloadReport
        With the dataset's ``.folder``.

    Raises
    ------
    ParameterError
        If there is no such release, the folder cannot be used, or nothing is selected.
    FactorError
        If there is no such split, factor or value.
    DownloadIncompleteError
        If mirrors gave up; the same call goes on where this one ended.
    DownloadMismatchError
        If something is not what its hash says.
    DownloadError
        If no mirror has the release, or it is refused.
    """
    from syngen.downloads.locate import find_release, place_in_cache
    from syngen.downloads.request import Order, check_kept, obtain, report_of
    from syngen.io.http.stalls import Limits
    from syngen.storage.codec import find_codec

    if codec is not None:
        find_codec(codec)
    if limit is not None and limit < 1:
        raise ParameterError(f"limit is {limit}; at least 1 is needed")
    if not 1 <= connections <= 64:
        raise ParameterError(f"connections is {connections}; 1 to 64 are possible")
    limits = Limits()
    entry = find_release(release, version=version, catalog=catalog, mirrors=mirrors, limits=limits)
    selection = _selection(split, where, limit)
    target = place_in_cache(entry, codec, selection) if to is None else Path(to).expanduser().absolute()
    if to is None and (target / "dataset.json").is_file():  # which was put there whole
        check_kept(target, entry)
        return report_of(target, "there already")
    order = Order(
        entry.mirrors,
        target,
        name=entry.name or None,
        version=entry.version if entry.name else None,
        sha256=entry.sha256,
        codec=codec,
        selection=selection,
        connections=connections,
        limits=limits,
        is_shared=to is None,
    )
    choose = partial(_chosen, split=split, where=where, limit=limit) if selection else None
    if recreate:
        return _recreated(order, entry, choose, jobs=jobs, progress=progress)
    return obtain(order, choose=choose, progress=progress)


def _selection(
    split: str | None, where: Mapping[str, Any] | Sequence[str], limit: int | None
) -> dict[str, Any]:
    """Return what is selected in the form of JSON."""
    import numpy as np

    if isinstance(where, str):
        raise ParameterError(f"where is a mapping or a list of texts, not {where!r}")
    listed: dict[str, Any] = {}
    for condition in where if not isinstance(where, Mapping) else ():
        name, _, values = condition.partition("=")
        listed[name] = values
    if isinstance(where, Mapping):
        listed = {
            name: list(wanted) if isinstance(wanted, tuple) else np.asarray(wanted).tolist()
            for name, wanted in where.items()
        }
    found = {"split": split, "where": listed or None, "limit": limit}
    return {key: value for key, value in found.items() if value is not None}


def _chosen(
    folder: Path, *, split: str | None, where: Mapping[str, Any] | Sequence[str], limit: int | None
) -> Any:
    """Return the rows of a dataset that are selected; its shards need not be there."""
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.selection import conditions_in
    from syngen.loaders.sources.stored import StoredSource

    ds = FactorDataset(StoredSource(folder))
    conditions = dict(where) if isinstance(where, Mapping) else conditions_in(where, ds.grid)
    if split is not None:
        if "split" in conditions:
            raise ParameterError("split is given twice, among the conditions too; keep one")
        conditions["split"] = split
    return ds.select(**conditions)[:limit].rows


def _recreated(
    order: Order, entry: Entry, choose: Any, *, jobs: int | None, progress: Progress | None
) -> DownloadReport:
    """Make a release again, and compare it with what is known of it."""
    from syngen.downloads.recreate import compare_observations, known_layout
    from syngen.downloads.request import check_target, cut_from, known_of, report_of
    from syngen.downloads.staging import staged
    from syngen.errors import DownloadError
    from syngen.storage.layout import Layout

    check_target(order.target)
    if Layout(order.target).description.exists():
        raise ParameterError(
            f"{order.target} holds a dataset; choose another folder to make the release in"
        )
    sums = known_of(order, progress=None)
    with staged(order.target) as staging:
        known = known_layout(staging.whole)
        resolved, codec, shard_size = _described(entry, order) if known is None else _described_by(known)
        if entry.fingerprint not in (None, resolved.fingerprint):
            raise DownloadError(
                f"{entry.name} cannot be made again: its recipe gives the fingerprint "
                f"{resolved.fingerprint[:16]}... here, the catalog says {str(entry.fingerprint)[:16]}...; "
                "install the version of syngen that made it"
            )
        options: Any = {"codec": order.codec or codec, "shard_size": shard_size}
        generate(resolved, staging.made, jobs=jobs, progress=progress, **options)
        compared = 0
        if known is not None:
            try:
                compared = compare_observations(Layout(staging.made), known)
            except DownloadError:
                staging.remove()
                raise
        result = staging.made
        if choose is not None:
            result = staging.selected
            staging.clear(result)
            cut_from(staging.made, result, choose(staging.made), sums=sums, selection=order.selection)
        staging.put_in_place(result, is_private=order.is_shared)
        return report_of(order.target, "made again", compared=compared)


def _described(entry: Entry, order: Order) -> tuple[ResolvedRecipe, str, int]:
    """Return recipe, codec and shard size of a release of which nothing but the catalog is known."""
    from syngen.errors import DownloadError
    from syngen.recipe.library import recipe_names
    from syngen.storage.shard_ranges import DEFAULT_SHARD_SIZE

    recipe = entry.recipe or entry.name
    if recipe not in recipe_names():
        raise DownloadError(
            f"{entry.name or order.mirrors[0]} cannot be made again: no mirror has its dataset.json, and "
            "no recipe of its name is shipped"
        )
    return load_recipe(recipe), "wav", DEFAULT_SHARD_SIZE


def _described_by(known: Layout) -> tuple[ResolvedRecipe, str, int]:
    """Return recipe, codec and shard size of a release whose documents were had."""
    from syngen.resolving.resolve import resolve
    from syngen.storage.description import read_description, read_json
    from syngen.storage.shard_ranges import DEFAULT_SHARD_SIZE
    from syngen.verification.documents import recipe_text_problem

    description = read_description(known.description)
    resolved = load_recipe(description.recipe)
    if recipe_text_problem(description.recipe_text.encode(), resolved) is None:
        resolved = resolve(resolved.recipe.with_origin(text=description.recipe_text))
    planned = read_json(known.plan).get("shard_size")
    return resolved, description.codec, planned if type(planned) is int else DEFAULT_SHARD_SIZE
