"""Generation: decide what is missing in a folder, make it, and put the dataset together.

The same call again resumes. What decides a byte is in plan.json, which is written first; dataset.json is
written last, and until then the folder is not a dataset.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syngen._files import exclusive_lock
from syngen._typing import ProgressUpdate
from syngen.errors import (
    GenerationIncompleteError,
    ManifestError,
    ParameterError,
    SyngenError,
)
from syngen.generation import folders
from syngen.generation.assembly import finish
from syngen.generation.executors import default_jobs, local_pool, make_shard
from syngen.generation.growing import check_plan, write_plan
from syngen.generation.plan import Plan, Shard
from syngen.generation.receipts import Receipt, read_receipt
from syngen.generation.worker import ShardWorker
from syngen.storage.description import Description, read_description
from syngen.storage.layout import Layout

if TYPE_CHECKING:
    from syngen._typing import Progress

__all__ = ["GenerationReport", "make_shards", "run"]

_POOL_TRIES = 3
_MOST_FAILURES = 8  # shown beside the first


@dataclass(frozen=True)
class GenerationReport:
    """What a call of `generate` did.

    Attributes
    ----------
    folder : Path
        Of the dataset, which is complete.
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
    """

    folder: Path
    rows: int
    rendered: int
    copied: int
    shards: int
    bytes: int
    audio_s: float
    wall_s: float


def run(
    plan: Plan,
    folder: Path,
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> GenerationReport:
    """Make the dataset of a plan in a folder, or finish it.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Absent, empty, or holding the same plan, or one that differs only by a smaller size.
    jobs : int, optional
        Worker processes; by default one per CPU. With 1 the work is done in this process.
    overwrite : bool
        Remove a dataset that is there and start again.
    progress : callable, optional
        Told after every shard.

    Raises
    ------
    ParameterError
        If the folder cannot be used, or another run works in it.
    PlanMismatchError
        If it holds another plan.
    GenerationIncompleteError
        If shards failed; those that were finished are kept.
    """
    started = time.monotonic()
    if jobs is not None and jobs < 1:
        raise ParameterError(f"jobs is {jobs}; at least 1 is needed")
    layout = Layout(folder)
    folders.check_usable(layout, overwrite=overwrite)
    is_finished = not overwrite and layout.description.exists()
    if is_finished and check_plan(plan, layout) is None and not layout.work.exists():
        return _report(layout, _finished(layout), started)
    if not overwrite and layout.plan.exists() and not folders.is_unfinished(layout) and not is_finished:
        raise ManifestError(
            f"{folder} holds a finished dataset that lost its dataset.json; run syngen verify {folder} "
            "--repair, or generate with --overwrite"
        )
    plan.resolved.synthesizer.make_ready(plan.resolved.request)
    folders.create(layout)
    with exclusive_lock(layout.lock) as is_mine:
        if not is_mine:
            raise ParameterError(f"another run is working in {folder}; wait for it, or stop it")
        folders.create(layout)  # a run that ended before we had the lock has removed them
        is_finished = not overwrite and layout.description.exists()
        if is_finished and check_plan(plan, layout) is None:
            finished = _finished(layout)
            folders.remove_work(layout)
            return _report(layout, finished, started)
        if overwrite:
            folders.clear(layout)
        copied = write_plan(plan, layout)
        folders.remove_temporaries(layout)
        receipts = {s.name: r for s in plan.shards if (r := read_receipt(layout, s)) is not None}
        remaining = [shard for shard in plan.shards if shard.name not in receipts]
        rendered = 0
        n_jobs = min(jobs or default_jobs(), max(1, len(remaining)))
        try:
            for receipt in make_shards(plan, layout, remaining, n_jobs, _told(progress, plan, remaining)):
                receipts[receipt.entry.name] = receipt
                copied += receipt.copied
                rendered += receipt.entry.rows - receipt.copied
            description = finish(plan, layout, [receipts[shard.name] for shard in plan.shards])
        except OSError as error:
            raise GenerationIncompleteError(
                f"{folder}: {error.strerror or error}. The finished shards are kept; "
                "run the same command again to go on."
            ) from error
        finally:
            folders.remove_temporaries(layout)
        folders.remove_work(layout)
    return _report(layout, description, started, rendered=rendered, copied=copied)


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


def _told(
    progress: Progress | None, plan: Plan, remaining: list[Shard]
) -> Callable[[Receipt | None], None]:
    """Return a function that adds a receipt up and tells the caller."""
    total = plan.resolved.size
    done = total - sum(shard.n_rows for shard in remaining)
    audio_s = 0.0

    def tell(receipt: Receipt | None) -> None:
        nonlocal done, audio_s
        if receipt is not None:
            done += receipt.entry.rows
            audio_s += receipt.n_samples / plan.resolved.audio.sample_rate
        if progress is not None:
            progress(ProgressUpdate(done, total, audio_s))

    return tell


def make_shards(
    plan: Plan,
    layout: Layout,
    remaining: list[Shard],
    jobs: int,
    tell: Callable[[Receipt | None], None],
) -> Iterator[Receipt]:
    """Make shards here or in worker processes, yielding receipts as they come."""
    tell(None)
    failed: dict[str, str] = {}
    made = _make_here if jobs == 1 else _make_in_pool
    for receipt in made(plan, layout, remaining, jobs, failed):
        tell(receipt)
        yield receipt
    if failed:
        raise GenerationIncompleteError(_failure_text(plan, failed), failed)


def _failure_text(plan: Plan, failed: dict[str, str]) -> str:
    (first, *others) = (f"{name}: {reason}" for name, reason in failed.items())
    n_more = len(others) - _MOST_FAILURES
    return "\n".join(
        [
            f"{len(failed)} of {len(plan.shards)} shards failed, first {first}",
            *others[:_MOST_FAILURES],
            *([f"and {n_more} more"] if n_more > 0 else []),
            "The finished shards are kept; run the same command again to make the others.",
        ]
    )


def _make_here(
    plan: Plan, layout: Layout, remaining: list[Shard], jobs: int, failed: dict[str, str]
) -> Iterator[Receipt]:
    if not remaining:
        return
    try:
        worker = ShardWorker(plan)
    except SyngenError as error:
        failed.update((shard.name, str(error)) for shard in remaining)
        return
    for shard in remaining:
        try:
            yield worker.make(layout, shard, plan.indices(shard))
        except (SyngenError, OSError) as error:
            failed[shard.name] = str(error)
            if isinstance(error, OSError):  # a full disk does not get better by trying on
                return


def _make_in_pool(
    plan: Plan, layout: Layout, remaining: list[Shard], jobs: int, failed: dict[str, str]
) -> Iterator[Receipt]:
    waiting = list(remaining)
    tries = 0
    while waiting:
        n_before = len(waiting)
        pool = local_pool(plan, layout.folder, jobs=jobs)
        try:
            for receipt in _drain(pool, plan, waiting, jobs, failed):
                waiting = [shard for shard in waiting if shard.name != receipt.entry.name]
                failed.pop(receipt.entry.name, None)
                yield receipt
            _stop(pool)
            return
        except BrokenProcessPool:
            _stop(pool)
            tries = 0 if len(waiting) < n_before else tries + 1
            if tries == _POOL_TRIES:
                yield from _make_one_by_one(plan, layout, waiting, failed)
                return
        except BaseException:
            _stop(pool)
            raise


def _make_one_by_one(
    plan: Plan, layout: Layout, waiting: list[Shard], failed: dict[str, str]
) -> Iterator[Receipt]:
    """Make shards in a worker that has one at a time: which of them kills it is then known.

    A worker that dies takes the pool with it, and what its neighbours were at.
    """
    reason = "a worker process died; it may have been killed for want of memory"
    queue, n_deaths = list(waiting), 0
    while queue and n_deaths < _POOL_TRIES:
        pool = local_pool(plan, layout.folder, jobs=1)
        try:
            while queue:
                for receipt in _drain(pool, plan, queue[:1], 1, failed):
                    n_deaths = 0
                    yield receipt
                queue.pop(0)
        except BrokenProcessPool:
            failed[queue.pop(0).name] = reason
            n_deaths += 1
        finally:
            _stop(pool)
    failed.update((shard.name, reason) for shard in queue)  # they all die: it is not the shards


def _drain(
    pool: ProcessPoolExecutor,
    plan: Plan,
    shards: list[Shard],
    jobs: int,
    failed: dict[str, str],
) -> Iterator[Receipt]:
    """Keep a few shards per worker in flight, so that the indices of all are never in memory."""
    queue = iter(list(shards))
    running: dict[Future[Receipt], Shard] = {}
    is_stopping = False
    while True:
        while not is_stopping and len(running) < 2 * jobs and (shard := next(queue, None)):
            running[pool.submit(make_shard, shard, plan.indices(shard))] = shard
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            shard = running.pop(future)
            try:
                yield future.result()
            except (SyngenError, OSError) as error:
                failed[shard.name] = str(error)
                is_stopping = is_stopping or isinstance(error, OSError)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers at once; what they had not acknowledged does not exist."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _report(
    layout: Layout, description: Description, started: float, *, rendered: int = 0, copied: int = 0
) -> GenerationReport:
    return GenerationReport(
        folder=layout.folder,
        rows=description.n_rows,
        rendered=rendered,
        copied=copied,
        shards=len(description.shards),
        bytes=sum(shard.bytes for shard in description.shards),
        audio_s=description.hours * 3600.0,
        wall_s=time.monotonic() - started,
    )
