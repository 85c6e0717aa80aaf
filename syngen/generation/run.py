"""Generation: decide what is missing at a place, make it, and put the dataset together.

The same call again resumes. What decides a byte is in plan.json, which is written first; dataset.json is
written last, and until then the place holds no dataset.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import GenerationIncompleteError, ParameterError
from syngen.generation.plan import Plan
from syngen.generation.preflight import disk_message
from syngen.generation.shard_run import check_numbers, logged_run, n_jobs, run_shards
from syngen.generation.targets.base import DatasetTarget
from syngen.generation.targets.folder import FolderTarget, MemberTarget
from syngen.generation.targets.store import StoreTarget
from syngen.generation.workers.executors import PoolStarter, check_engine, pool_starter
from syngen.generation.workers.log import EventLog, append_events, check_log_file
from syngen.generation.workers.members import Member
from syngen.generation.workers.scheduler import DEFAULT_HANG_LIMIT_S

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.io.object_store import Store

__all__ = ["GenerationReport", "run", "target_of"]


@dataclass(frozen=True)
class GenerationReport:
    """What a call of `generate` did.

    Attributes
    ----------
    folder : Path or str
        Of the dataset, which is complete unless this was a member of a job array; of one in an object
        store its URL.
    rows : int
        Observations in the dataset.
    rendered : int
        Observations rendered by this call; the others were there already.
    copied : int
        Of those that were there, how many this call took over from a smaller dataset.
    shards : int
    bytes : int
        Size of all shards.
    audio_s : float
        Seconds of audio in the dataset.
    wall_s : float
        Seconds that the call took.
    is_complete : bool
        False for a member of a job array: rows, shards, bytes and audio are then those of its part.
    shards_left : int
        Shards of the dataset that are still missing then, and that other members or a plain run make.
    left : tuple of str
        What is in the folder and not the dataset's, as far as this call could have removed it and did not:
        relative names, those of folders with a slash at their end. With `overwrite` everything is looked
        at, else the folder ``.syngen``.
    """

    folder: Path | str
    rows: int
    rendered: int
    copied: int
    shards: int
    bytes: int
    audio_s: float
    wall_s: float
    is_complete: bool = True
    shards_left: int = 0
    left: tuple[str, ...] = ()


def target_of(
    plan: Plan, place: Path | Store, *, overwrite: bool = False, member: Member | None = None
) -> DatasetTarget:
    """Return the target that makes a plan at a place; nothing is looked at."""
    if not isinstance(place, Path):
        return StoreTarget(plan, place, overwrite=overwrite)
    if member is not None:
        return MemberTarget(plan, place, member)
    return FolderTarget(plan, place, overwrite=overwrite)


def run(
    plan: Plan,
    place: Path | Store,
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    hang_limit_s: float = DEFAULT_HANG_LIMIT_S,
    log: Path | None = None,
    executor: str | Executor = "local",
    scheduler: str | None = None,
    member: Member | None = None,
    progress: Progress | None = None,
) -> GenerationReport:
    """Make the dataset of a plan in a folder or an object store, or finish it.

    Parameters
    ----------
    plan : Plan
    place : Path or Store
        See `FolderTarget` and `StoreTarget`; an object store takes shards from local workers only, and no
        members.
    jobs : int, optional
        Worker processes; by default one per CPU. With 1 the work is done in this process, unless the
        synthesizer needs a worker.
    overwrite : bool
        Remove the files of a dataset that is there and start again. What the plan in the folder does not
        account for stays.
    hang_limit_s : float
        A worker that finishes no observation for so many seconds is ended and replaced; 0 for no limit.
    log : Path, optional
        File that the folder's log is appended to when the run ends, whatever way it ends.
    executor : {"local", "dask"} or Executor
        Where shards are made; an executor of the caller's is not shut down.
    scheduler : str, optional
        Address of the Dask scheduler.
    member : Member, optional
        Make the shards of this member of a job array, and do not put the dataset together.
    progress : callable, optional
        Told after every shard.

    Raises
    ------
    ParameterError
        If the place cannot be used, something that is not the dataset's has a name that it needs, another
        run works in it, the dataset does not fit on the disk, or the engine is not there.
    EngineError
        If workers of a cluster cannot take part.
    PlanMismatchError
        If it holds another plan.
    ManifestError
        If it holds a finished dataset that lost a document.
    StoreAccessError
        If the store refuses before anything is written.
    GenerationIncompleteError
        If shards failed, or the file system or the store refused; what was finished is kept.
    """
    started = time.monotonic()
    check_numbers(jobs, hang_limit_s)
    check_engine(executor, scheduler, jobs)
    if member is not None and (overwrite or executor != "local"):
        raise ParameterError(
            f"shard index {member} is for the executor local, and does not overwrite: members that never "
            "talk would remove each other's shards"
        )
    target = target_of(plan, place, overwrite=overwrite, member=member)
    work = _Run(target, jobs, hang_limit_s, log, progress)
    with target.opened(), _explained(target):
        target.check_usable()
        if log is not None:
            check_log_file(log, target.layout)
        if not target.is_finished():
            target.check_names()
            plan.resolved.synthesizer.make_ready(plan.resolved.request)
            target.check_space()
            with (
                pool_starter(plan, executor, scheduler=scheduler, jobs=jobs) as start_pool,
                target.session() as has_work,
            ):
                if has_work:
                    work.do(start_pool)
        return work.report(started)


@contextmanager
def _explained(target: DatasetTarget) -> Iterator[None]:
    """Say of what the file system or the store refuses that the same command goes on."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ParameterError) and not target.has_begun:
            raise
        raise GenerationIncompleteError(disk_message(target.layout, error)) from error


@dataclass
class _Run:
    """The work of a run at a target, and what came of it."""

    target: DatasetTarget
    jobs: int | None
    hang_limit_s: float
    log: Path | None
    progress: Progress | None
    rendered: int = 0
    copied: int = 0

    def do(self, start_pool: PoolStarter | None) -> None:
        """Make what is missing and put the dataset together."""
        target = self.target
        events = EventLog(target.layout.log)
        events.create()
        with logged_run(events, clean_up=target.clean_up, keep=self._keep_log):
            started = time.monotonic()
            target.scan()
            self._make_missing(events, start_pool, scan_s=time.monotonic() - started)
            while target.missing:
                self._make_missing(events, start_pool)
            started = time.monotonic()
            if target.finish():
                events.write("put together", wall_s=round(time.monotonic() - started, 4))

    def _make_missing(self, events: EventLog, start_pool: PoolStarter | None, scan_s: float = 0.0) -> None:
        target, plan = self.target, self.target.plan
        missing = target.missing
        events.write(
            "run started",
            host=platform.node(),
            jobs=n_jobs(self.jobs, missing),
            hang_limit_s=self.hang_limit_s,
            **target.about,
            rows=sum(shard.n_rows for shard in target.shards),
            rows_left=sum(shard.n_rows for shard in missing),
            shards=len(target.shards),
            shards_left=len(missing),
            versions=plan.versions(),
            scan_s=round(scan_s, 4),
        )
        with run_shards(
            plan,
            target.layout,
            missing,
            among=target.shards,
            jobs=self.jobs,
            progress=self.progress,
            hang_limit_s=self.hang_limit_s,
            log=events,
            start_pool=start_pool,
            store=target.store,
        ) as receipts:
            for receipt in receipts:
                target.add(receipt)
                self.copied += receipt.copied
                self.rendered += receipt.entry.rows - receipt.copied
        target.confirm()

    def _keep_log(self, error: BaseException | None) -> None:
        if self.log is not None:
            try:
                with self.target.log_lock():
                    append_events(self.target.layout.log, self.log)
            except OSError as failure:  # no reason to lose what was made
                warnings.warn(
                    f"the log cannot be written to {self.log}: {failure.strerror or failure}", stacklevel=2
                )
        self.target.keep_log(error)

    def report(self, started: float) -> GenerationReport:
        """Return what a call did that began at a time of the monotonic clock."""
        target, description = self.target, self.target.description
        if description is not None:
            entries, audio_s = description.shards, description.hours * 3600.0
        else:
            rate = target.plan.resolved.audio.sample_rate
            entries = tuple(receipt.entry for receipt in target.receipts.values())
            audio_s = sum(receipt.n_samples for receipt in target.receipts.values()) / rate
        return GenerationReport(
            folder=target.place,
            rows=sum(entry.rows for entry in entries),
            rendered=self.rendered,
            copied=target.kept + self.copied,
            shards=len(entries),
            bytes=sum(entry.bytes for entry in entries),
            audio_s=audio_s,
            wall_s=time.monotonic() - started,
            is_complete=description is not None,
            shards_left=target.shards_left,
            left=target.left,
        )
