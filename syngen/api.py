"""The public functions: recipes, generation, loading, rendering, verification, audits, voices, evaluation.

Each imports what it needs when it is called, so that ``import syngen`` costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from syngen.errors import ManifestError, ParameterError, suggestion

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from typing import Never

    import pandas as pd
    from numpy.typing import ArrayLike

    from syngen._typing import Progress
    from syngen.auditing.recipes import RecipeAudit
    from syngen.auditing.recovery import DatasetAudit
    from syngen.auditing.speech_report import SpeechAudit
    from syngen.evaluation.codes import Codes
    from syngen.evaluation.probe_report import ProbeReport
    from syngen.evaluation.scores import Scores
    from syngen.generation.estimate import Estimate
    from syngen.generation.plan import Plan
    from syngen.generation.recutting import ReleaseReport
    from syngen.generation.repairing import RepairReport
    from syngen.generation.run import GenerationReport
    from syngen.loaders.dataset import FactorDataset
    from syngen.releases.catalog import Entry
    from syngen.releases.comparing import Difference
    from syngen.releases.obtaining import DownloadReport, Order
    from syngen.storage.description import Description
    from syngen.storage.layout import Layout
    from syngen.synth.resolve import ResolvedRecipe
    from syngen.synth.speech.engines.base import Voice

    RecipeLike: TypeAlias = str | Path | Mapping[str, Any] | ResolvedRecipe

__all__ = [
    "audit_dataset",
    "audit_recipe",
    "check_release",
    "compare_releases",
    "download",
    "encode",
    "evaluate",
    "expand",
    "export",
    "from_manifest",
    "generate",
    "load",
    "load_recipe",
    "probe",
    "rehearse",
    "release",
    "render",
    "repair",
    "verify",
    "voices",
]


def load_recipe(
    recipe: RecipeLike, *, allow_other_audio: bool = False, allow_programs: Collection[str] = ()
) -> ResolvedRecipe:
    """Read a recipe and check every part of it.

    Parameters
    ----------
    recipe : str, Path or mapping
        Name of a shipped recipe, path of a YAML file, or the document itself.
    allow_other_audio : bool
        Whether a speech engine may be used that does not sound as the recorded one does; the recipe then
        has another fingerprint.
    allow_programs : collection of str
        Programs that the engine ``command`` may run. A recipe alone never runs one.

    Returns
    -------
    ResolvedRecipe
        With ``.grid``, ``.size``, ``.fingerprint`` and the document in ``.recipe``.

    Raises
    ------
    RecipeError
        With every problem, each at its line and column.

    Examples
    --------
    >>> import syngen
    >>> syngen.load_recipe("syntone-small").grid
    FactorGrid(timbre: 4, amplitude: 20, frequency: 400; 32,000 points)
    """
    from syngen.recipe.library import find_recipe
    from syngen.recipe.parse import parse_document, parse_recipe, read_text
    from syngen.synth.base import Permissions
    from syngen.synth.resolve import ResolvedRecipe, resolve, resolve_draft

    if isinstance(allow_programs, str):
        raise ParameterError(f"allow_programs is a list of names, not {allow_programs!r}")
    permissions = Permissions(allow_other_audio, frozenset(allow_programs))
    if isinstance(recipe, ResolvedRecipe):
        is_new = permissions not in (Permissions(), recipe.request.permissions)
        return resolve(recipe.recipe, permissions=permissions) if is_new else recipe
    if isinstance(recipe, Mapping):
        return resolve_draft(parse_document(recipe), permissions=permissions)
    if not isinstance(recipe, (str, Path)):
        raise ParameterError(f"{recipe!r} is not a recipe: give a name, a path or a mapping")
    path = find_recipe(recipe)
    draft = parse_recipe(read_text(path), source=str(path), folder=path.absolute().parent)
    return resolve_draft(draft, permissions=permissions)


def _planned(
    recipe: RecipeLike,
    *,
    limit: int | None,
    codec: str,
    shard_size: int,
    allow_other_audio: bool,
    allow_programs: Collection[str],
) -> Plan:
    from syngen.generation.plan import Plan

    resolved = load_recipe(recipe, allow_other_audio=allow_other_audio, allow_programs=allow_programs)
    if limit is not None:
        if limit < 1:
            raise ParameterError(f"limit is {limit}; at least 1 is needed")
        resolved = resolved.with_size(limit)
    return Plan(resolved, shard_size, codec)


def generate(
    recipe: RecipeLike,
    folder: str | Path,
    *,
    jobs: int | None = None,
    codec: str = "wav",
    shard_size: int = 2_000,
    limit: int | None = None,
    overwrite: bool = False,
    hang_limit_s: float = 300.0,
    log: str | Path | None = None,
    executor: str | Executor = "local",
    scheduler: str | None = None,
    shard_index: str | None = None,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
    progress: Progress | None = None,
) -> GenerationReport:
    """Make a dataset in a folder. The same call again resumes one that was interrupted.

    Parameters
    ----------
    recipe : str, Path, mapping or ResolvedRecipe
        See `load_recipe`.
    folder : str or Path
        Absent, empty, or holding the same dataset; or a URL such as ``s3://bucket/folder``.
    jobs : int, optional
        Worker processes; by default ``SYNGEN_JOBS``, or one per CPU.
    codec : {"wav", "flac"}
        WAV is read 25 times faster, FLAC is smaller.
    shard_size : int
        Observations in a shard, 1 to 1,000,000.
    limit : int, optional
        Make so many observations instead of what the recipe says; splits keep their proportions.
    overwrite : bool
        Remove a dataset that is in the folder and start again.
    hang_limit_s : float
        A worker that finishes no observation for so many seconds is ended and its shard tried again; 0 for
        no limit.
    log : str or Path, optional
        File outside the folder that the log of all runs that made the dataset is appended to when this
        run ends, whatever way it ends: one JSON line an event.
    executor : {"local", "dask"} or concurrent.futures.Executor
        Where shards are made. An executor of yours is used and not shut down; it must see the folder, and
        `jobs` says how many shards it makes at a time. `hang_limit_s` is for local workers.
    scheduler : str, optional
        Address of the Dask scheduler, as in ``tcp://host:8786``, or its scheduler file.
    shard_index : str, optional
        ``i/N``: make the shards of member i, counted from 0, of N that need not know of one another, and
        leave the dataset unfinished. The same call without it finishes the dataset.
    allow_other_audio, allow_programs
        See `load_recipe`.
    progress : callable, optional
        Called with a `ProgressUpdate` after each shard.

    Returns
    -------
    GenerationReport

    Raises
    ------
    RecipeError
        If the recipe has problems.
    ParameterError
        If an argument or the folder cannot be used, or the disk has no room for the dataset.
    PlanMismatchError
        If the folder holds a dataset of another plan.
    MissingExtraError
        If Dask is wanted and not installed.
    EngineError
        If workers of a cluster cannot take part.
    GenerationIncompleteError
        If shards failed three times, or the file system or the store refused; finished ones are kept.
    StoreAccessError
        If there is no such bucket, or the credentials are refused.
    MissingExtraError
        If the URL needs an extra that is not installed.
    """
    from syngen.generation.members import Member
    from syngen.generation.run import run
    from syngen.generation.store_runs import run_in_store
    from syngen.storage.stores import Store, place_of

    place = place_of(folder)
    plan = _planned(
        recipe,
        limit=limit,
        codec=codec,
        shard_size=shard_size,
        allow_other_audio=allow_other_audio,
        allow_programs=allow_programs,
    )
    options: dict[str, Any] = {
        "jobs": jobs,
        "overwrite": overwrite,
        "hang_limit_s": hang_limit_s,
        "log": None if log is None else Path(log),
        "progress": progress,
    }
    if isinstance(place, Store):
        if executor != "local" or scheduler is not None or shard_index is not None:
            raise ParameterError(
                f"{place}: an object store takes shards from local workers only; leave out executor, "
                "scheduler and shard index, or generate into a folder and copy it"
            )
        return run_in_store(plan, place, **options)
    return run(
        plan,
        place,
        executor=executor,
        scheduler=scheduler,
        member=None if shard_index is None else Member.parse(shard_index),
        **options,
    )


def rehearse(
    recipe: RecipeLike,
    folder: str | Path | None = None,
    *,
    codec: str = "wav",
    shard_size: int = 2_000,
    limit: int | None = None,
    overwrite: bool = False,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
) -> Estimate:
    """Estimate what `generate` with the same arguments would take; nothing is written.

    Parameters
    ----------
    recipe, codec, shard_size, limit, overwrite, allow_other_audio, allow_programs
        See `generate`.
    folder : str or Path, optional
        Checked as `generate` would check it.
    """
    from syngen.generation.estimate import estimate
    from syngen.generation.folders import check_usable
    from syngen.generation.store_contents import check_store
    from syngen.storage.layout import Layout
    from syngen.storage.stores import Store, place_of

    plan = _planned(
        recipe,
        limit=limit,
        codec=codec,
        shard_size=shard_size,
        allow_other_audio=allow_other_audio,
        allow_programs=allow_programs,
    )
    if folder is not None:
        place = place_of(folder)
        if isinstance(place, Store):
            check_store(place, plan, overwrite=overwrite)
        else:
            check_usable(Layout(place), overwrite=overwrite)
    return estimate(plan)


def expand(recipe: RecipeLike, path: str | Path) -> int:
    """Write the factor manifest of a recipe: index, splits and levels, in index order, no audio.

    Parameters
    ----------
    recipe : str, Path, mapping or ResolvedRecipe
        See `load_recipe`.
    path : str or Path
        The Parquet file to write; a file that is there is replaced.

    Returns
    -------
    int
        Number of rows.
    """
    from syngen.generation.manifests import write_factor_manifest

    return write_factor_manifest(load_recipe(recipe), Path(path))


def load(
    dataset: str | Path,
    *,
    cache_bytes: int = 0,
    download: bool = False,
    version: str | None = None,
    catalog: str | Path | None = None,
) -> FactorDataset:
    """Open a dataset on disk or in an object store, or download a release first.

    Of one in a store, description and manifest are fetched into the cache folder (``SYNGEN_CACHE``), and
    observations are read when they are asked for: those of a batch together, neighbours by one request.

    Parameters
    ----------
    dataset : str or Path
        Folder that `generate` made, or a URL such as ``s3://bucket/folder``.
    cache_bytes : int
        Of a dataset in a store: keep whole shards in the cache folder, up to so many bytes for all
        datasets; what was not used for longest goes first. With 0 none is kept.
    download : bool
        Whether `dataset` is a release, as `download` takes it. It is downloaded into the cache folder; what
        is there already is opened without asking any server.
    version, catalog
        Of a release; see `download`.

    Raises
    ------
    ParameterError
        If there is no such folder, or no dataset at the URL.
    DownloadError
        If a release cannot be downloaded.
    ManifestError
        If the dataset is unfinished, damaged, or of a later format.
    StoreError
        If the store refuses (`StoreAccessError`) or gives up.
    MissingExtraError
        If the URL needs an extra that is not installed.
    """
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.remote import RemoteSource
    from syngen.loaders.sources import StoredSource
    from syngen.storage.stores import Store, place_of

    if download:
        dataset = _download(dataset, version=version, catalog=catalog).folder
    elif version is not None or catalog is not None:
        raise ParameterError("version and catalog are of releases; say download=True, or leave them out")
    place = place_of(dataset)
    if isinstance(place, Store):
        return FactorDataset(RemoteSource(place, cache_bytes=cache_bytes))
    return FactorDataset(StoredSource(place))


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
    from syngen.releases.finding import find_release, place_in_cache
    from syngen.releases.obtaining import Order, obtain, report_of
    from syngen.releases.watching import Limits
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
        return report_of(target, "there already")
    order = Order(
        entry.mirrors,
        target,
        name=entry.name or None,
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


_download = download  # `load` has an argument of that name


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
    from syngen.loaders.selection import conditions_in

    ds = load(folder)
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
    from syngen.errors import DownloadError
    from syngen.generation.document_checks import recipe_text_problem
    from syngen.recipe.library import recipe_names
    from syngen.releases.obtaining import check_target, cut_from, known_of, report_of
    from syngen.releases.recreation import compare_observations, known_layout
    from syngen.releases.staging import staged
    from syngen.storage.description import read_description, read_json
    from syngen.storage.layout import Layout
    from syngen.synth.resolve import resolve

    check_target(order.target)
    if Layout(order.target).description.exists():
        raise ParameterError(
            f"{order.target} holds a dataset; choose another folder to make the release in"
        )
    sums = known_of(order, progress=None)
    recipe: RecipeLike
    with staged(order.target) as staging:
        known = known_layout(staging.whole)
        if known is not None:
            description = read_description(known.description)
            recipe, codec = description.recipe, description.codec
            planned = read_json(known.plan).get("shard_size")
            shard_size = planned if type(planned) is int else 2_000
        else:
            recipe, codec, shard_size = entry.recipe or entry.name, "wav", 2_000
            if recipe not in recipe_names():
                raise DownloadError(
                    f"{entry.name or order.mirrors[0]} cannot be made again: no mirror has its "
                    "dataset.json, and no recipe of its name is shipped"
                )
        resolved = load_recipe(recipe)
        if known is not None and recipe_text_problem(description.recipe_text.encode(), resolved) is None:
            resolved = resolve(resolved.recipe.with_origin(text=description.recipe_text))
        if entry.fingerprint not in (None, resolved.fingerprint):
            raise DownloadError(
                f"{entry.name} cannot be made again: its recipe gives the fingerprint "
                f"{resolved.fingerprint[:16]}... here, the catalog says {str(entry.fingerprint)[:16]}...; "
                "install the version of syngen that made it"
            )
        generate(
            resolved,
            staging.made,
            codec=order.codec or codec,
            shard_size=shard_size,
            jobs=jobs,
            progress=progress,
        )
        compared = 0
        if known is not None:
            try:
                compared = compare_observations(Layout(staging.made), known)
            except DownloadError:
                staging.remove()
                raise
        result = staging.made
        if choose is not None:
            result = staging.place / "part"
            cut_from(staging.made, result, choose(staging.made), sums=sums, selection=order.selection)
        staging.put_in_place(result)
        return report_of(order.target, "made again", compared=compared)


def export(dataset: str | Path | FactorDataset, folder: str | Path, *, to: str) -> int:
    """Write a dataset in the format of another tool.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder, or a dataset; a view or a rendered one will do.
    folder : str or Path
        Absent or empty; it appears as a whole or not at all.
    to : {"huggingface", "jsonl", "lhotse", "wav", "npz"}
        Parquet with embedded audio and class labels; WAV files and NeMo's JSON lines; WAV files and
        lhotse's cuts; WAV files and ``metadata.csv``; one file of arrays as dSprites has them.

    Returns
    -------
    int
        Observations written.

    Raises
    ------
    ParameterError
        If there is no such format, or the folder is not empty or cannot be written.
    ShardError
        If an observation cannot be read.
    """
    from syngen.exports.formats import find_format

    write = find_format(to)
    opened = load(dataset) if isinstance(dataset, (str, Path)) else dataset
    return write(opened, Path(folder))


def from_manifest(
    folder: str | Path,
    table: Any,
    *,
    file: str | None = None,
    factors: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    name: str | None = None,
) -> FactorDataset:
    """Open anybody's audio files as a dataset with factors.

    Parameters
    ----------
    folder : str or Path
        Where the audio files are: mono, of one sample rate, in any format that soundfile reads.
    table : DataFrame, pyarrow.Table, mapping of columns, str or Path
        One row for each file. A path is that of a CSV, TSV or Parquet file, which may lie in the folder.
        Columns ``split`` and ``split_<scheme>`` name splits. A column ``n_samples`` spares looking into
        every file.
    file : str, optional
        The column that names the files, relative to the folder; by default the first there is of
        ``file_name``, ``file``, ``path``, ``filename`` and ``audio_filepath``.
    factors : sequence of str, optional
        The columns that are factors; by default all others.
    kinds : mapping, optional
        ``nominal``, ``ordinal`` or ``continuous`` by factor. By default texts are nominal, whole numbers
        ordinal and other numbers continuous.
    units : mapping, optional
        Unit by factor.
    name : str, optional
        By default that of the folder.

    Returns
    -------
    FactorDataset
        Rows in the order of the table; several may have the same factors.

    Raises
    ------
    ParameterError
        If the table cannot be used, no file can be read, or a name leads out of the folder.
    FactorError
        If a factor is no column, or lacks a value.
    """
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.tables import TableSource, read_table

    options = {"file": file, "factors": factors, "kinds": kinds, "units": units, "name": name}
    return FactorDataset(TableSource(Path(folder), read_table(Path(folder), table), options))


def render(
    recipe: RecipeLike, *, allow_other_audio: bool = False, allow_programs: Collection[str] = ()
) -> FactorDataset:
    """Open the dataset of a recipe without a file: observations are rendered when asked for.

    Sample for sample it equals what `generate` writes and `load` reads.

    Parameters
    ----------
    recipe : str, Path, mapping or ResolvedRecipe
        See `load_recipe`.
    allow_other_audio, allow_programs
        See `load_recipe`.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> ds[0].waveform.shape
    (4000,)
    """
    from syngen.generation.plan import vocabulary_for
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.sources import RenderedSource

    resolved = load_recipe(recipe, allow_other_audio=allow_other_audio, allow_programs=allow_programs)
    return FactorDataset(RenderedSource(resolved, vocabulary_for(resolved)))


def verify(
    dataset: str | Path | FactorDataset,
    *,
    rerender: int = 0,
    seed: int = 0,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
    progress: Progress | None = None,
) -> list[str]:
    """Check every hash, row and member of a dataset, and render some observations again.

    Of an unfinished dataset every finished shard is checked.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder, the URL of an object store, or a dataset loaded from one.
    rerender : int
        How many observations to render again, chosen by `seed`.
    seed : int
    allow_other_audio, allow_programs
        See `load_recipe`; as when the dataset was made.
    progress : callable, optional
        Called with a `ProgressUpdate` after each shard.

    Returns
    -------
    list of str
        Problems; empty when the dataset is sound.

    Raises
    ------
    ParameterError
        If there is no such folder, or a run is working in it.
    ManifestError
        If the folder holds no dataset.
    GenerationIncompleteError
        If the dataset is unfinished, and sound as far as it goes.
    """
    from syngen.generation.store_verification import verify_store
    from syngen.generation.verification import verify_folder
    from syngen.storage.stores import Store, place_of

    folder = dataset if isinstance(dataset, (str, Path)) else dataset.folder
    if folder is None:
        raise ParameterError("a rendered dataset has no files to verify; give a folder")
    options: dict[str, Any] = {
        "resolve": partial(load_recipe, allow_other_audio=allow_other_audio, allow_programs=allow_programs),
        "rerender": rerender,
        "seed": seed,
        "progress": progress,
    }
    place = place_of(folder)
    return verify_store(place, **options) if isinstance(place, Store) else verify_folder(place, **options)


def repair(
    dataset: str | Path | FactorDataset,
    *,
    jobs: int | None = None,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
    progress: Progress | None = None,
) -> RepairReport:
    """Make again exactly what is damaged in a dataset, and prove that it is what it was.

    A damaged shard is replaced only by one that has the SHA-256 that the dataset gives it; what cannot be
    made again is kept as it is. Files that are not the dataset's are never touched.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder of a dataset, finished or not, or a dataset loaded from one.
    jobs : int, optional
        Worker processes; by default ``SYNGEN_JOBS``, or one per CPU.
    allow_other_audio, allow_programs
        See `load_recipe`; as when the dataset was made.
    progress : callable, optional
        Called with a `ProgressUpdate` after each shard that was rendered.

    Returns
    -------
    RepairReport
        With what was made again, and in ``.left`` what could not be, and why.

    Raises
    ------
    ParameterError
        If the folder cannot be used, or a run is working in it.
    ManifestError
        If the folder holds no dataset.
    GenerationIncompleteError
        If the file system refused; the same call again goes on.
    """
    from syngen.generation.repairing import repair_folder
    from syngen.storage.stores import Store, place_of

    folder = dataset if isinstance(dataset, (str, Path)) else dataset.folder
    if folder is None:
        raise ParameterError("a rendered dataset has no files to repair; give a folder")
    place = place_of(folder)
    if isinstance(place, Store):
        raise ParameterError(
            f"{place} is not repaired in its store: syngen generate with the same arguments makes shards "
            "again that are missing or cut; for other damage copy the dataset to a folder and repair it "
            "there, or generate it with --overwrite"
        )
    resolve = partial(load_recipe, allow_other_audio=allow_other_audio, allow_programs=allow_programs)
    return repair_folder(place, resolve=resolve, jobs=jobs, progress=progress)


def release(
    dataset: str | Path | FactorDataset,
    folder: str | Path,
    *,
    version: str,
    codec: str = "flac",
    size_limit: int | None = None,
    authors: Sequence[str] = (),
    date: str | None = None,
    url: str | None = None,
    jobs: int | None = None,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
    progress: Progress | None = None,
) -> ReleaseReport:
    """Write a dataset in the form in which it is published.

    The folder is a dataset too: the same observations in the same order, in shards of at most
    `size_limit` bytes, with a card, croissant.json, CITATION.cff, zenodo.json, a registry for pooch and a
    page to look at. Every observation is compared with its hash on the way. The same call gives the same
    bytes.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder of a finished dataset, or a dataset loaded from one.
    folder : str or Path
        Absent or empty; it appears as a whole or not at all.
    version : str
        Of the release, as in ``1.0.0`` (https://semver.org).
    codec : {"flac", "wav"}
    size_limit : int, optional
        Most bytes of a shard; by default what makes about fifty of them, from 32 MB to 2 GB.
    authors : sequence of str, optional
        ``Family, Given``, or names of groups; by default those of a shipped recipe, or "The authors of" it.
    date : str, optional
        Day of publication, ``YYYY-MM-DD``. No clock is read.
    url : str, optional
        Where the release will be at home.
    jobs : int, optional
        Worker processes; by default ``SYNGEN_JOBS``, or one per CPU.
    allow_other_audio, allow_programs
        See `load_recipe`; as when the dataset was made.
    progress : callable, optional
        Called with a `ProgressUpdate` after each shard.

    Returns
    -------
    ReleaseReport

    Raises
    ------
    ParameterError
        If an argument or the folder cannot be used.
    ManifestError
        If there is no dataset.
    GenerationIncompleteError
        If the dataset is unfinished, or the release could not be written.
    VerificationError
        If the dataset is damaged, or this installation would make another.
    """
    from syngen.generation.recutting import recut
    from syngen.recipe.library import recipe_names
    from syngen.releases.documents import FILES, documents_of, subject_in
    from syngen.storage.manifest import vocabulary_of
    from syngen.storage.publication import Publication

    place = _folder_of(dataset, "a release is made of")
    if not isinstance(dataset, (str, Path)) and len(dataset) != getattr(
        dataset.description, "n_rows", None
    ):
        raise ParameterError(
            f"a release is made of a whole dataset, not of a view of {len(dataset):,} observations; "
            "generate a smaller dataset with limit, or give the folder"
        )
    if isinstance(authors, str):
        raise ParameterError(f"authors is a list of names, not {authors!r}")
    if size_limit is not None and size_limit < 1:
        raise ParameterError(f"the size limit is {size_limit}; a number of bytes is needed")

    def documents(layout: Layout, description: Description) -> dict[str, bytes]:
        # the observations are those of the dataset, which is whole where the release is not yet
        opened = load(place)
        return documents_of(subject_in(layout, description, vocabulary_of(opened.table.schema), opened))

    resolve = partial(load_recipe, allow_other_audio=allow_other_audio, allow_programs=allow_programs)
    name = _name_in(place)
    default = "The syngen developers" if name in recipe_names() else f"The authors of {name}"
    return recut(
        place,
        Path(folder),
        release=Publication(version, tuple(authors) or (default,), date, url, FILES),
        resolve=resolve,
        documents=documents,
        codec=codec,
        size_limit=size_limit,
        jobs=jobs,
        progress=progress,
    )


def check_release(
    folder: str | Path | FactorDataset,
    *,
    rerender: int = 0,
    seed: int = 0,
    allow_other_audio: bool = False,
    allow_programs: Collection[str] = (),
    progress: Progress | None = None,
) -> list[str]:
    """Check every byte of a release, and its documents against its dataset and one another; offline.

    Parameters
    ----------
    folder : str, Path or FactorDataset
        Of a release.
    rerender, seed, allow_other_audio, allow_programs, progress
        See `verify`.

    Returns
    -------
    list of str
        Problems; empty when the release is sound.

    Raises
    ------
    ParameterError
        If there is no such folder, or it holds a dataset that is no release.
    ManifestError, GenerationIncompleteError
        See `verify`.
    """
    from syngen.releases.checking import release_problems
    from syngen.storage.layout import Layout
    from syngen.storage.manifest import vocabulary_of

    place = _folder_of(folder, "release check takes")
    problems = verify(
        place,
        rerender=rerender,
        seed=seed,
        allow_other_audio=allow_other_audio,
        allow_programs=allow_programs,
        progress=progress,
    )
    try:
        opened = load(place)
        description = opened.description
        if description is None or description.release is None:
            raise ParameterError(
                f"{place} holds a dataset, but no release; syngen verify checks it, syngen release build "
                "makes a release of it"
            )
        vocabulary = vocabulary_of(opened.table.schema)
        return [*problems, *release_problems(Layout(place), description, vocabulary, opened)]
    except ManifestError as error:
        return problems or [str(error)]


def compare_releases(a: str | Path | FactorDataset, b: str | Path | FactorDataset) -> Difference:
    """Say what differs between two releases, or two datasets: factors, observations, hashes of samples.

    Parameters
    ----------
    a, b : str, Path or FactorDataset
        Folders, or URLs of an object store.

    Returns
    -------
    Difference
        With ``.lines()`` for people. An observation is the same if it has the same values of all factors.

    Raises
    ------
    ParameterError
        If there is no such folder.
    ManifestError
        If a folder holds no finished dataset.
    """
    from syngen.releases.comparing import compare

    opened = [load(place) if isinstance(place, (str, Path)) else place for place in (a, b)]
    described = [found.description for found in opened]
    if described[0] is None or described[1] is None:
        raise ParameterError("a rendered dataset has no hashes to compare; give the folder of a dataset")
    return compare(opened[0], described[0], opened[1], described[1])


def _folder_of(dataset: str | Path | FactorDataset, what: str) -> Path:
    """Return the local folder of a dataset."""
    from syngen.storage.stores import Store, place_of

    folder = dataset if isinstance(dataset, (str, Path)) else dataset.folder
    place = None if folder is None else place_of(folder)
    if place is None or isinstance(place, Store):
        raise ParameterError(
            f"{what} the folder of a dataset on this machine, not {folder or 'a rendered dataset'}; "
            "copy or generate it into a folder first"
        )
    return place


def _name_in(folder: Path) -> str:
    """Return the name of the dataset in a folder, as far as it can be read."""
    from syngen.storage.description import read_description
    from syngen.storage.layout import Layout

    try:
        return str(read_description(Layout(folder).description).recipe["name"])
    except (ManifestError, KeyError):  # said in full by whoever needs it
        return "this dataset"


def audit_recipe(
    recipe: RecipeLike, *, contexts: int = 1_000, seed: int = 0, progress: Progress | None = None
) -> RecipeAudit | SpeechAudit:
    """Measure whether every factor of a recipe can be heard, whatever the other factors are.

    In random contexts and in corners of the grid, the change that one level of a factor makes is compared
    with a threshold and with a new draw of the nuisances; a probe is trained at the hardest corner of each
    factor; timbres are compared with one another; silence, clipping and offsets are counted.

    Of speech, a part of the grid is rendered; speakers, genders, texts and styles are learned from
    measurements and asked of unseen speakers and texts; styles are described by level, pitch, pace and
    long-term spectrum.

    Parameters
    ----------
    recipe : str, Path, mapping or ResolvedRecipe
        See `load_recipe`. Its synthesizer must be ``tone`` or speak.
    contexts : int
        Random contexts, and as many corners; of speech, a sixth of the most observations.
    seed : int
        Of the contexts and of the probes.
    progress : callable, optional
        Called with a `ProgressUpdate` after each context.

    Returns
    -------
    RecipeAudit or SpeechAudit
        With ``.passed``, ``.problems`` and ``.to_markdown()``.

    Raises
    ------
    RecipeError
        If the recipe has problems.
    EngineError
        If its synthesizer has no descriptors.
    """
    from syngen.auditing.recipes import audit
    from syngen.auditing.speech import audit_speech

    resolved = load_recipe(recipe)
    if resolved.synthesizer.speaks:
        return audit_speech(resolved, contexts=contexts, seed=seed, progress=progress)
    return audit(resolved, contexts=contexts, seed=seed, progress=progress)


def audit_dataset(dataset: str | Path | FactorDataset, *, n: int = 4_000, seed: int = 0) -> DatasetAudit:
    """Measure how well the factors of a dataset can be recovered from its audio, on held-out rows.

    Boosted trees and a linear model learn every factor from a log-mel spectrogram; what they reach on
    the test split bounds how informative a representation of such a spectrogram can be expected to be.

    Parameters
    ----------
    dataset : str, Path or FactorDataset
        Folder, or a dataset; a rendered one will do. It must have the splits train and test.
    n : int
        Rows of the split train to learn from, at most; a quarter as many of the split test are scored.
    seed : int
        Of the choice of rows and of the trees.

    Returns
    -------
    DatasetAudit
        With ``.passed``, ``.problems`` and ``.to_markdown()``.

    Raises
    ------
    ParameterError
        If there is no such folder, or too few rows.
    ManifestError
        If the folder holds no finished dataset.
    """
    from syngen.auditing.recovery import recover

    opened = load(dataset) if isinstance(dataset, (str, Path)) else dataset
    return recover(opened, n=n, seed=seed)


def evaluate(
    codes: ArrayLike | Codes,
    factors: ArrayLike | FactorDataset,
    *,
    factor_names: Sequence[str] | None = None,
    factor_kinds: str | Sequence[str] | Mapping[str, str] | None = None,
    metrics: str | Iterable[str] = "core",
    n_bins: int = 20,
    binning: str = "width",
    n_samples: int | None = 10_000,
    test_size: float = 0.2,
    active: str = "null",
    seed: int = 0,
    compat: str | None = None,
    intervals: bool = False,
    dci_model: str | None = None,
    n_resamples: int = 200,
    **unknown: Never,
) -> Scores:
    """Score a representation against the factors that made the observations.

    Parameters
    ----------
    codes : array_like of float, shape (n, n_codes), DataFrame or Codes
        What an encoder made of each observation.
    factors : array_like, shape (n, n_factors), DataFrame or FactorDataset
        Levels or values of the same observations. Texts are nominal. Of a dataset the grid says names
        and kinds, and codes that were made of another dataset are refused.
    factor_names : sequence of str, optional
    factor_kinds : str, sequence or mapping by name, optional
        ``nominal``, ``ordinal`` or ``continuous``: one for all, one for each column, or by name, as
        ``ds.grid.kinds``, which also names the columns of a plain array. By default texts and truth values
        are nominal, whole numbers ordinal, other numbers continuous.
    metrics : str or iterable of str
        ``core`` (what needs no model), ``all``, or names of metrics and families (``gaps``, ``dci``,
        ``infomec``, ``votes``).
    n_bins : int
        Bins of a code, and of a continuous factor. Columns with few values keep them.
    binning : {"width", "quantile"}
        Bins of equal width, or of equal count; only the latter do not change with monotone maps.
    n_samples : int or None
        Rows to use at most, drawn by `seed`; None uses all.
    test_size : float
        Share of the rows that models are scored on.
    active : {"null", "all"}
        Which codes count in means over codes: those that know more than shuffled rows do, or all that
        vary.
    seed : int
        Of every random choice.
    compat : {"disentanglement_lib", "ubisoft"}, optional
        Reproduce the numbers of a reference implementation, with its conventions and its faults. Test
        rows are then the last ones.
    intervals : bool
        Whether to resample rows for 95 % intervals of the metrics that need no model.
    dci_model : {"forest", "gbt", "lasso"}, optional
        By default forest; with `compat` that of the reference, gbt or lasso. gbt takes minutes.
    n_resamples : int
        Resamples for `intervals`.
    **unknown
        Refused, with the nearest keyword.

    Returns
    -------
    Scores
        A mapping from metric to number, with ``.factors``, ``.codes``, ``.mi``, ``.nmi``, ``.factor_mi``,
        ``.importance``, ``.metadata``, ``.to_json()``, ``.to_markdown()`` and ``.plot()``. A score that has
        no value is 0 and has its reason in ``.undefined``.

    Raises
    ------
    ParameterError
        If arrays do not fit each other, hold NaN or infinity, or an option is unknown.

    Warns
    -----
    UserWarning
        If the arrays look swapped.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> scores = syngen.evaluate(ds.levels, ds)
    >>> round(scores["mig"], 3), scores["n_active"]
    (1.0, 3.0)
    """
    from syngen.evaluation.suite import compute_scores

    options = {
        "factor_names": factor_names,
        "factor_kinds": factor_kinds,
        "metrics": metrics,
        "n_bins": n_bins,
        "binning": binning,
        "n_samples": n_samples,
        "test_size": test_size,
        "active": active,
        "seed": seed,
        "compat": compat,
        "intervals": intervals,
        "dci_model": dci_model,
        "n_resamples": n_resamples,
    }
    for name in unknown:
        raise ParameterError(
            f"evaluate has no option {name!r}{suggestion(name, options)}; there are {', '.join(options)}"
        )
    return compute_scores(codes, factors, **options)  # type: ignore[arg-type]


def encode(
    encoder: Any,
    dataset: str | Path | FactorDataset,
    *,
    batch_size: int = 64,
    split: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Codes:
    """Encode the observations of a dataset: a row of codes for each.

    Parameters
    ----------
    encoder : str, Path, torch module, object or callable
        A name: ``factors`` (the levels themselves), ``random``, ``pca-logmel`` or ``mfcc``, which need no
        training. A path of a TorchScript file with a method ``encode``, such as an exported RAVE model; it
        runs the code that is in it, so give none that you do not trust. A torch module. An object with
        ``transform``, as scikit-learn's, or ``encode``. Or any callable. They take float32 of shape
        (n, n_samples), torch modules and files with ``encode`` (n, 1, n_samples), and return (n, d) or
        (n, d, n_frames); of frames mean and standard deviation are taken. Observations that differ in
        length come one by one.
    dataset : str, Path or FactorDataset
        Folder, or a dataset loaded or rendered.
    batch_size : int
        Observations at a time.
    split : str, optional
        Only this split.
    limit : int, optional
        At most so many, from the front.
    progress : callable, optional
        Called with a `ProgressUpdate` after each batch.

    Returns
    -------
    Codes
        With ``.values``, ``.rows``, ``.fingerprint`` and ``.encoder``; `evaluate` and `probe` take it and
        refuse it for another dataset.

    Raises
    ------
    ParameterError
        If the encoder cannot be used, or what it returns is not one finite row of numbers for each
        observation, always of one width.
    FactorError
        If there is no such split.
    MissingExtraError
        If the encoder needs torch and it is not installed.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> syngen.encode("mfcc", ds, split="test")
    <Codes 'mfcc': 43 rows of 40 codes>
    """
    from syngen.evaluation.encoding import encode as run_encoder

    ds = load(dataset) if isinstance(dataset, (str, Path)) else dataset
    return run_encoder(encoder, ds, batch_size=batch_size, split=split, limit=limit, progress=progress)


def probe(
    codes: str | Path | ArrayLike | Codes,
    manifest: str | Path | pd.DataFrame | FactorDataset,
    *,
    target: str,
    group_by: str | Sequence[str] | None = None,
    model: str = "logistic",
    folds: int = 5,
    seed: int = 0,
) -> ProbeReport:
    """Measure what a linear model reads off codes, on groups of rows that it has not seen.

    Codes are standardised by the rows of train; a logistic regression has its C chosen by cross-validation
    inside train; continuous factors are predicted by ridge regression. Every fold is tested on unseen
    groups: a speaker on other texts, a style on other speakers, gender on other speakers always. The same
    probe on shuffled labels is the control.

    Parameters
    ----------
    codes : Codes or array_like, shape (n, d), or path
        From `encode`, in memory or in a file.
    manifest : DataFrame, FactorDataset or path
        Of the same observations: ``ds.manifest``, the dataset or its folder. Rows that `Codes` do not have
        are left out.
    target : str
        A factor, a derived factor or any other column of the manifest; ``"all"`` for every factor and
        derived factor.
    group_by : str or sequence of str, optional
        Columns whose combinations are kept together. By default text for speaker, speaker for text and
        style, its own factor for a derived one, and else the other factor with the most levels. ``"index"``
        splits at random.
    model : {"logistic", "ridge"}
        For classes; above 100 classes it is always ridge.
    folds : int
        At least 2, at most the number of groups.
    seed : int
        Of folds and shuffled labels.

    Returns
    -------
    ProbeReport
        A mapping from target to ``.accuracy``, ``.balanced_accuracy``, ``.chance``, ``.normalized``,
        ``.r2``, ``.control``, ``.recall``, ``.eer`` and more; with ``.frame``, ``.to_json()`` and
        ``.to_markdown()``.

    Raises
    ------
    ParameterError
        If codes and manifest do not belong together, codes are not finite, there are fewer groups than
        folds, or an option is unknown.
    FactorError
        If there is no such column, or it has one value only.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> report = syngen.probe(syngen.encode("mfcc", ds), ds, target="timbre")
    >>> report.accuracy > 0.7, abs(report.control - report.chance) < 0.15
    (True, True)
    """
    from syngen.evaluation.codes import read_codes
    from syngen.evaluation.probing import probe as run_probe
    from syngen.loaders.dataset import FactorDataset

    if isinstance(codes, (str, Path)):
        codes = read_codes(codes)
    if isinstance(manifest, (str, Path)):
        manifest = load(manifest)
    if isinstance(manifest, FactorDataset):
        manifest = manifest.manifest
    return run_probe(codes, manifest, target=target, group_by=group_by, model=model, folds=folds, seed=seed)


def voices(engine: str | None = None) -> dict[str, tuple[Voice, ...]]:
    """List the voices of the speech engines on this machine.

    Parameters
    ----------
    engine : str, optional
        Name of one engine. By default those that cannot be used here are left out; ask for one by name
        to be told why.

    Returns
    -------
    dict of str to tuple of Voice
        By name of engine. A voice has ``.name``, ``.language`` and ``.gender``.

    Raises
    ------
    EngineError
        If `engine` is unknown or cannot be used.
    MissingExtraError
        If `engine` needs an extra that is not installed.

    Examples
    --------
    >>> import syngen
    >>> [voice.name for voice in syngen.voices("espeak")["espeak"]][-2:]
    ['en-us', 'en-us-nyc']
    """
    from syngen.errors import EngineError, MissingExtraError
    from syngen.synth.speech.engines.base import EngineSettings
    from syngen.synth.speech.engines.registry import engine_names, find_engine

    found = {}
    for name in engine_names() if engine is None else (engine,):
        try:
            opened = find_engine(name).create(EngineSettings())
            try:
                found[name] = opened.voices()
            finally:
                opened.close()
        except (EngineError, MissingExtraError):
            if engine is not None:
                raise
    return found
