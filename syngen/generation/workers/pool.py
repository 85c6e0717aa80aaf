"""Where shards are made: in this process, or in worker processes on this machine."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from syngen.errors import ParameterError
from syngen.generation.workers.heartbeats import IDLE, STOP, Heartbeat, WatchedHeartbeat, WatchError
from syngen.generation.workers.processes import WorkerDiedError, WorkerProcess
from syngen.generation.workers.shard_task import Job, ShardTask
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = [
    "LocalWorkers",
    "WorkerPool",
    "default_jobs",
    "in_process_pool",
    "process_pool",
]


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
    """Workers, wherever they are.

    Attributes
    ----------
    submit : callable
        Takes a shard, its indices and the number of the try; returns a future of its `Receipt`. Raises
        `BrokenExecutor`, as the future may, if all workers are lost.
    width : callable
        Returns how many shards are submitted at a time, at least 1; workers may come and go.
    stop : callable
        Makes workers drop the shards in hand after the observation that they are at.
    close : callable
        Ends the workers when they have finished or dropped what they have in hand.
    rows_in_hand : callable
        Returns how many rows of shards that are not finished are made; 0 where that is not known.
    """

    submit: Callable[[Shard, IntArray, int], Future[Receipt]]
    width: Callable[[], int]
    stop: Callable[[], object]
    close: Callable[[], object]
    rows_in_hand: Callable[[], int] = lambda: 0


def in_process_pool(job: Job, *, watch: Callable[[int], None] | None = None) -> WorkerPool:
    """Return a pool that makes shards in this process, when they are submitted.

    Parameters
    ----------
    job : Job
    watch : callable, optional
        Told from time to time how many rows of the shard in hand are made; what it raises ends the run.
    """
    heartbeat = Heartbeat() if watch is None else WatchedHeartbeat(watch)
    task = ShardTask(job, heartbeat)

    def submit(shard: Shard, indices: IntArray, attempt: int) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        if isinstance(heartbeat, WatchedHeartbeat):
            heartbeat.first_row = shard.row
        try:
            future.set_result(task(shard, indices, attempt))
        except WatchError as error:
            raise error.error from None
        except Exception as error:  # noqa: BLE001  # whoever asks for the result gets it
            future.set_exception(error)
        return future

    return WorkerPool(submit, lambda: 1, stop=lambda: None, close=lambda: None)


def process_pool(job: Job, *, jobs: int, hang_limit_s: float) -> WorkerPool:
    """Return a pool of processes on this machine; see `LocalWorkers`."""
    workers = LocalWorkers(job, jobs=jobs, hang_limit_s=hang_limit_s)
    # one shard more for each, so that none of them waits for this process
    return WorkerPool(workers.submit, lambda: 2 * jobs, workers.stop, workers.close, workers.rows_in_hand)


class LocalWorkers:
    """Worker processes on this machine, which are replaced when they die or hang.

    A thread of this process attends to each worker. A shard whose worker died raises `WorkerDiedError`; the
    other workers are not concerned. When a worker meets an error of the file system, nothing more is begun.

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
        self._waiting: queue.SimpleQueue[tuple[Future[Receipt], tuple[Any, ...]] | None]
        self._waiting = queue.SimpleQueue()
        self._begins_nothing = threading.Event()
        self._in_hand: list[Shard | None] = [None] * jobs
        self._threads = [
            threading.Thread(target=self._attend, args=(slot,), daemon=True) for slot in range(jobs)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, *arguments: Any) -> Future[Receipt]:
        """See `WorkerPool` and `WorkerProcess.make`."""
        future: Future[Receipt] = Future()
        self._waiting.put((future, arguments))
        return future

    def rows_in_hand(self) -> int:
        """Return how many rows of the shards in hand are made."""
        rows = zip(self._in_hand, self._cells, strict=False)  # the last cell is none of a worker
        return sum(max(0, min(row - shard.row, shard.n_rows)) for shard, row in rows if shard is not None)

    def stop(self) -> None:
        """Begin nothing more, and end workers after the observations in hand."""
        self._begins_nothing.set()
        self._cells[STOP] = int(time.monotonic()) + 1

    def close(self) -> None:
        """End the workers when they have nothing more to do."""
        self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _attend(self, slot: int) -> None:
        worker: WorkerProcess | None = None
        n_false_starts = 0
        while (waiting := self._waiting.get()) is not None:
            future, arguments = waiting
            if self._begins_nothing.is_set():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                if worker is None:
                    worker = WorkerProcess(self._job, self._cells, slot, hang_limit_s=self._hang_limit_s)
                n_false_starts = 0
                self._in_hand[slot] = arguments[0]
                receipt = worker.make(*arguments)
                self._in_hand[slot] = None
                future.set_result(receipt)
            except WorkerDiedError as error:
                n_false_starts = 0 if worker else n_false_starts + 1
                worker = None
                future.set_exception(error)
                self._begins_nothing.wait(n_false_starts)  # the machine may be short of something
            except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
                if isinstance(error, OSError):  # before anybody hears that the disk is full
                    self._begins_nothing.set()
                future.set_exception(error)
            finally:
                self._in_hand[slot] = None
        self._waiting.put(None)  # it is for every thread
        if worker is not None:
            worker.end()
