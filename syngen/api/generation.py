"""Datasets on disk or in an object store: generated, verified and repaired."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import ParameterError
from syngen.io.files import local_path
from syngen.resolving.load import load_recipe, permissions_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from syngen._typing import Progress
    from syngen.generation.estimate import Estimate
    from syngen.generation.plan import Plan
    from syngen.generation.run import GenerationReport
    from syngen.loaders.dataset import FactorDataset
    from syngen.resolving.load import RecipeLike
    from syngen.verification.repair import RepairReport

__all__ = ["estimate", "generate", "repair", "verify"]


def _planned(
    recipe: RecipeLike,
    *,
    limit: int | None,
    codec: str,
    shard_size: int,
    allow_other_audio: bool,
    allow_programs: Collection[str],
) -> Plan:
    from syngen._values import check_whole
    from syngen.generation.plan import Plan

    resolved = load_recipe(recipe, allow_other_audio=allow_other_audio, allow_programs=allow_programs)
    if limit is not None:
        resolved = resolved.with_size(check_whole("limit", limit, 1))
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
        Remove the files of a dataset that is in the folder and start again. What else is there stays, and
        is named by the report's ``.left``.
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
    from syngen.generation.run import run
    from syngen.generation.workers.members import Member
    from syngen.io.object_store import Store, place_of

    place = place_of(folder)
    plan = _planned(
        recipe,
        limit=limit,
        codec=codec,
        shard_size=shard_size,
        allow_other_audio=allow_other_audio,
        allow_programs=allow_programs,
    )
    is_plain = executor == "local" and scheduler is None and shard_index is None
    if isinstance(place, Store) and not is_plain:
        raise ParameterError(
            f"{place}: an object store takes shards from local workers only; leave out executor, "
            "scheduler and shard index, or generate into a folder and copy it"
        )
    return run(
        plan,
        place,
        jobs=jobs,
        overwrite=overwrite,
        hang_limit_s=hang_limit_s,
        log=None if log is None else local_path(log),
        executor=executor,
        scheduler=scheduler,
        member=None if shard_index is None else Member.parse(shard_index),
        progress=progress,
    )


def estimate(
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
    from syngen.generation.estimate import estimate_plan
    from syngen.generation.run import target_of
    from syngen.io.object_store import place_of

    plan = _planned(
        recipe,
        limit=limit,
        codec=codec,
        shard_size=shard_size,
        allow_other_audio=allow_other_audio,
        allow_programs=allow_programs,
    )
    if folder is not None:
        target = target_of(plan, place_of(folder), overwrite=overwrite)
        target.check_usable()
        target.check_names()
    return estimate_plan(plan)


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
    from syngen.io.object_store import Store, place_of
    from syngen.verification.finished import verify_folder
    from syngen.verification.options import VerificationOptions
    from syngen.verification.store import verify_store

    folder = dataset if isinstance(dataset, (str, Path)) else dataset.folder
    if folder is None:
        raise ParameterError("a rendered dataset has no files to verify; give a folder")
    permissions = permissions_of(allow_other_audio, allow_programs)
    options = VerificationOptions(permissions, rerender, seed, progress)
    place = place_of(folder)
    return verify_store(place, options) if isinstance(place, Store) else verify_folder(place, options)


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
    from syngen.io.object_store import Store, place_of
    from syngen.verification.repair import repair_folder

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
    permissions = permissions_of(allow_other_audio, allow_programs)
    return repair_folder(place, permissions=permissions, jobs=jobs, progress=progress)
