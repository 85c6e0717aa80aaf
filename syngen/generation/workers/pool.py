"""Where shards are made: in this process, or in worker processes on this machine.

An executor here is a `concurrent.futures.Executor`, so that the scheduler works with others too.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, ParamSpec, TypeVar

from syngen.errors import ParameterError
from syngen.generation.workers.heartbeats import IDLE, STOP, Heartbeat
from syngen.generation.workers.log import EventLog
from syngen.generation.workers.processes import Job, WorkerDiedError, WorkerProcess, task
from syngen.generation.workers.shard_task import ShardTask
from syngen.storage.receipts import Receipt

__all__ = [
    "InProcessExecutor",
    "LocalExecutor",
    "WorkerPool",
    "default_jobs",
    "in_process_pool",
    "process_pool",
]

P = ParamSpec("P")
T = TypeVar("T")


def default_jobs() -> int:
    """Return the number of CPUs that this process may use, or what ``SYNGEN_JOBS`` says."""
    given = os.environ.get("SYNGEN_JOBS", "")
    if given:
        if not given.isdecimal() or int(given) < 1:
            raise ParameterError(f"SYNGEN_JOBS is {given!r}; a whole number from 1 is needed")
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class WorkerPool:
    """An executor with what is submitted to it.

    Attributes
    ----------
    executor : Executor
    task : callable
        Takes a shard, its indices and the number of the try; returns a `Receipt`.
    width : callable
        Returns how many shards are submitted at a time, at least 1; workers may come and go.
    """

    executor: Executor
    task: Callable[..., Receipt]
    width: Callable[[], int]


def in_process_pool(job: Job) -> WorkerPool:
    """Return a pool that works in this process."""
    maker = ShardTask(job.plan, job.folder, job.versions, EventLog(job.log), Heartbeat(), job.source)
    return WorkerPool(InProcessExecutor(), maker, lambda: 1)


def process_pool(job: Job, *, jobs: int, hang_limit_s: float) -> WorkerPool:
    """Return a pool of processes on this machine.

    Parameters
    ----------
    job : Job
    jobs : int
        Number of processes.
    hang_limit_s : float
        See `LocalExecutor`.
    """
    # one shard more for each, so that none of them waits for this process
    return WorkerPool(LocalExecutor(job, jobs=jobs, hang_limit_s=hang_limit_s), task, lambda: 2 * jobs)


class InProcessExecutor(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # whoever asks for the result gets it
            future.set_exception(error)
        return future


class LocalExecutor(Executor):
    """Runs tasks in worker processes, and replaces those that die or hang.

    A thread of this process attends to each worker. A task whose worker died raises `WorkerDiedError`; the
    other workers are not concerned.

    Parameters
    ----------
    job : Job
    jobs : int
        Number of processes. Each is started when there is work for it.
    hang_limit_s : float
        A worker that finishes no observation for so long is ended; 0 for no limit.
    """

    def __init__(self, job: Job, *, jobs: int, hang_limit_s: float) -> None:
        self._job, self._hang_limit_s = job, hang_limit_s
        self._cells: Any = get_context("spawn").RawArray("q", [IDLE] * jobs + [0])
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None]
        self._tasks = queue.SimpleQueue()
        self._stopped_at: float | None = None
        self._is_stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._attend, args=(slot,), daemon=True) for slot in range(jobs)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if kwargs:
            raise TypeError("tasks take arguments by position")
        future: Future[T] = Future()
        self._tasks.put((future, fn, args))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """End the workers: with `cancel_futures` after the observations in hand, else after all tasks."""
        if cancel_futures:
            self._stopped_at = time.monotonic()
            self._is_stopping.set()
            self._cells[STOP] = 1
            self._cancel()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _cancel(self) -> None:
        """Cancel what waits; the ends that `shutdown` has put there stay."""
        n_ends = 0
        with suppress(queue.Empty):
            while True:
                waiting = self._tasks.get_nowait()
                if waiting is None:
                    n_ends += 1
                elif waiting[0].cancel():
                    waiting[0].set_running_or_notify_cancel()
        for _ in range(n_ends):
            self._tasks.put(None)

    def _attend(self, slot: int) -> None:
        worker: WorkerProcess | None = None
        n_false_starts = 0
        while (waiting := self._tasks.get()) is not None:
            future, function, arguments = waiting
            if not future.set_running_or_notify_cancel():
                continue
            try:
                worker = worker or self._started(slot)
                n_false_starts = 0
                future.set_result(worker.call(function, *arguments))
            except WorkerDiedError as error:
                n_false_starts = 0 if worker else n_false_starts + 1
                worker = None
                future.set_exception(error)
                self._is_stopping.wait(n_false_starts)  # the machine may be short of something
            except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
                future.set_exception(error)
                if isinstance(error, OSError):  # the disk is full: before anybody hears of it, nothing more
                    self._cancel()
        if worker is not None:
            worker.end()

    def _started(self, slot: int) -> WorkerProcess:
        return WorkerProcess(
            self._job,
            self._cells,
            slot,
            hang_limit_s=self._hang_limit_s,
            stopped_at=lambda: self._stopped_at,
        )
