"""Generation: decide what is missing in a folder, make it, and put the dataset together.

The same call again resumes. What decides a byte is in plan.json, which is written first; dataset.json is
written last, and until then the folder is not a dataset.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import GenerationIncompleteError, ManifestError, ParameterError
from syngen.generation.assembly import finish
from syngen.generation.folder import lifecycle
from syngen.generation.folder.growing import check_plan, write_plan
from syngen.generation.folder.overwriting import check_target, clear, to_overwrite
from syngen.generation.plan import Plan
from syngen.generation.preflight import check_space, disk_message
from syngen.generation.shard_run import check_numbers, logged_run, n_jobs, run_shards
from syngen.generation.workers.executors import PoolStarter, check_engine, pool_starter
from syngen.generation.workers.log import EventLog, append_events, check_log_file
from syngen.generation.workers.members import Member, member_session, plan_lock, remove_own_temporaries
from syngen.generation.workers.scheduler import DEFAULT_HANG_LIMIT_S
from syngen.io.locks import exclusive_lock
from syngen.storage.description import Description, read_description
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt, read_receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import Progress

__all__ = ["GenerationReport", "report_of", "run"]

_LOCK_PATIENCE_S = 0.5  # somebody may be looking whether a run is at work


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


def run(
    plan: Plan,
    folder: Path,
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
    """Make the dataset of a plan in a folder, or finish it.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Absent, empty, or holding the same plan, or one that differs only by a smaller size.
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
        If the folder cannot be used, something that is not the dataset's has a name that it needs, another
        run works in it, the dataset does not fit on the disk, or the engine is not there.
    EngineError
        If workers of a cluster cannot take part.
    PlanMismatchError
        If it holds another plan.
    ManifestError
        If it holds a finished dataset that lost a document.
    GenerationIncompleteError
        If shards failed, or the file system refused; what was finished is kept.
    """
    started = time.monotonic()
    check_numbers(jobs, hang_limit_s)
    check_engine(executor, scheduler, jobs)
    if member is not None and (overwrite or executor != "local"):
        raise ParameterError(
            f"shard index {member} is for the executor local, and does not overwrite: members that never "
            "talk would remove each other's shards"
        )
    layout = Layout(folder)
    lifecycle.check_usable(layout, overwrite=overwrite)
    if log is not None:
        check_log_file(log, layout)
    is_finished = not overwrite and layout.description.exists()
    if is_finished and check_plan(plan, layout) is None and not layout.work.exists():
        return report_of(layout.folder, _finished(layout), started)
    if not overwrite and layout.plan.exists() and not lifecycle.is_unfinished(layout) and not is_finished:
        raise ManifestError(
            f"{folder} holds a finished dataset that lost its dataset.json; run syngen verify {folder} "
            "--repair, or generate with --overwrite"
        )
    freed = check_target(layout, plan, overwrite=overwrite)
    try:
        plan.resolved.synthesizer.make_ready(plan.resolved.request)
        check_space(plan, layout, kept=_kept(plan, layout, overwrite=overwrite), freed=freed)
        with pool_starter(plan, executor, scheduler=scheduler, jobs=jobs) as start_pool:
            work = _Work(plan, layout, jobs, hang_limit_s, log, progress, start_pool, member)
            return work.part(started, member) if member else work.report(started, overwrite=overwrite)
    except OSError as error:
        raise GenerationIncompleteError(disk_message(layout, error)) from error


def _kept(plan: Plan, layout: Layout, *, overwrite: bool) -> set[str]:
    """Return the shards of a smaller dataset in the folder that belong to this plan too."""
    smaller = None if overwrite or not layout.plan.exists() else check_plan(plan, layout)
    return {shard.name for shard in set(plan.shards) & set(smaller.shards)} if smaller else set()


@dataclass
class _Work:
    """A run that has something to do."""

    plan: Plan
    layout: Layout
    jobs: int | None
    hang_limit_s: float
    log: Path | None
    progress: Progress | None
    start_pool: PoolStarter | None
    member: Member | None

    def report(self, started: float, *, overwrite: bool) -> GenerationReport:
        """Take the lock, do what is missing, and say what was done."""
        plan, layout = self.plan, self.layout
        lifecycle.create(layout)
        left: tuple[str, ...] = ()
        with exclusive_lock(
            layout.lock, patience_s=_LOCK_PATIENCE_S, folder_mode=lifecycle.WORK_MODE
        ) as is_mine:
            if not is_mine:
                raise ParameterError(f"another run is working in {layout.folder}; wait for it, or stop it")
            lifecycle.create(layout)  # a run that ended before we had the lock has removed them
            is_finished = not overwrite and layout.description.exists()
            if is_finished and check_plan(plan, layout) is None:
                finished = _finished(layout)
                return report_of(layout.folder, finished, started, left=lifecycle.remove_work(layout))
            if overwrite:
                left = clear(layout, to_overwrite(layout, plan))
            kept = write_plan(plan, layout)
            lifecycle.remove_temporaries(layout)
            events = EventLog(layout.log)
            events.create()
            with logged_run(events, clean_up=self._remove_temporaries, keep=self._keep_log):
                description, rendered, copied = self._make(events)
            left = tuple(sorted({*left, *lifecycle.remove_work(layout)}))
        copied += kept
        return report_of(layout.folder, description, started, rendered=rendered, copied=copied, left=left)

    def part(self, started: float, member: Member) -> GenerationReport:
        """Do what a member of a job array does, and say what is left."""
        plan, layout = self.plan, self.layout
        with member_session(plan, layout, member) as found:
            if found.is_finished:
                return report_of(layout.folder, _finished(layout), started)
            events = EventLog(layout.log)
            events.create()
            with logged_run(events, clean_up=self._remove_temporaries, keep=self._keep_log):
                receipts, rendered, copied = self._make_shards(events, member.shards(plan))
            there = {path.stem for path in layout.receipts.glob("*.json")}
            return GenerationReport(
                folder=layout.folder,
                rows=sum(receipt.entry.rows for receipt in receipts),
                rendered=rendered,
                copied=found.kept + copied,
                shards=len(receipts),
                bytes=sum(receipt.entry.bytes for receipt in receipts),
                audio_s=sum(r.n_samples for r in receipts) / plan.resolved.audio.sample_rate,
                wall_s=time.monotonic() - started,
                is_complete=False,
                shards_left=sum(shard.name not in there for shard in plan.shards),
            )

    def _make(self, events: EventLog) -> tuple[Description, int, int]:
        """Make what is missing; return the description, and how many rows were rendered and copied."""
        receipts, rendered, copied = self._make_shards(events, self.plan.shards)
        started = time.monotonic()
        description = finish(self.plan, self.layout, receipts)
        events.write("put together", wall_s=round(time.monotonic() - started, 4))
        return description, rendered, copied

    def _make_shards(self, events: EventLog, shards: Sequence[Shard]) -> tuple[list[Receipt], int, int]:
        """Make what is missing of some shards; return their receipts, and the rows rendered and copied."""
        plan, layout, rendered, copied = self.plan, self.layout, 0, 0
        started = time.monotonic()
        receipts = {s.name: r for s in shards if (r := read_receipt(layout, s)) is not None}
        remaining = [shard for shard in shards if shard.name not in receipts]
        lifecycle.check_files(
            chain.from_iterable(lifecycle.files_of_shard(layout, s.name) for s in remaining)
        )
        events.write(
            "run started",
            host=platform.node(),
            jobs=n_jobs(self.jobs, remaining),
            hang_limit_s=self.hang_limit_s,
            **({"member": str(self.member)} if self.member else {}),
            rows=sum(shard.n_rows for shard in shards),
            rows_left=sum(shard.n_rows for shard in remaining),
            shards=len(shards),
            shards_left=len(remaining),
            versions=plan.versions(),
            scan_s=round(time.monotonic() - started, 4),
        )
        with run_shards(
            plan,
            layout,
            remaining,
            among=shards,
            jobs=self.jobs,
            progress=self.progress,
            hang_limit_s=self.hang_limit_s,
            log=events,
            start_pool=self.start_pool,
        ) as made:
            for receipt in made:
                receipts[receipt.entry.name] = receipt
                copied += receipt.copied
                rendered += receipt.entry.rows - receipt.copied
        return [receipts[shard.name] for shard in shards], rendered, copied

    def _remove_temporaries(self) -> None:
        if self.member is None:
            lifecycle.remove_temporaries(self.layout)
            return
        with suppress(ParameterError), plan_lock(self.layout, patience_s=_LOCK_PATIENCE_S):
            remove_own_temporaries(self.plan, self.layout, self.member)

    def _keep_log(self, _: BaseException | None) -> None:
        if self.log is None:
            return
        try:
            with plan_lock(self.layout) if self.member else nullcontext():  # all append to the same file
                append_events(self.layout.log, self.log)
        except OSError as error:  # no reason to lose what was made
            warnings.warn(
                f"the log cannot be written to {self.log}: {error.strerror or error}", stacklevel=2
            )


def _finished(layout: Layout) -> Description:
    """Return the description of a folder that is complete.

    Raises
    ------
    ManifestError
        If a shard is missing or has another size.
    """
    description = read_description(layout.description)
    for entry in description.shards:
        path = layout.shard(entry.name)
        if not path.is_file() or path.stat().st_size != entry.bytes:
            raise ManifestError(
                f"shard {entry.name} of the finished dataset in {layout.folder} is missing or has "
                "another size; run syngen verify, or generate with --overwrite"
            )
    return description


def report_of(
    folder: Path | str,
    description: Description,
    started: float,
    *,
    rendered: int = 0,
    copied: int = 0,
    left: tuple[str, ...] = (),
) -> GenerationReport:
    """Return what a call did that began at a time of the monotonic clock."""
    return GenerationReport(
        folder=folder,
        rows=description.n_rows,
        rendered=rendered,
        copied=copied,
        shards=len(description.shards),
        bytes=sum(shard.bytes for shard in description.shards),
        audio_s=description.hours * 3600.0,
        wall_s=time.monotonic() - started,
        left=left,
    )
