"""Shards made by executors that are not ours: a pool of the caller's, or the workers of a cluster.

What is submitted is a task that knows nothing of the process it comes from: the plan, the folder, and a
lease. The lease is a file that the run keeps in the folder while it lives. A worker that does not see it
has another file system, or belongs to a run that has ended, and makes nothing. Whoever reruns a task, even
beside one that was taken for lost, makes the same bytes under a name of its own.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from syngen._version import version
from syngen._whole import is_whole
from syngen.errors import EngineError
from syngen.generation.plan import Plan
from syngen.generation.shard_renderer import check_versions
from syngen.generation.workers.heartbeats import Heartbeat, RunEndedError
from syngen.generation.workers.log import EventLog
from syngen.generation.workers.pool import WorkerPool, default_jobs
from syngen.generation.workers.processes import Job
from syngen.generation.workers.shard_task import ShardTask, portable
from syngen.io.atomic import temporary_beside
from syngen.io.workspace import remove
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json

__all__ = [
    "ExternalExecutor",
    "RemoteTask",
    "WorkerRefusedError",
    "external_pool",
    "lease_in",
    "settle",
    "worker_name",
]

_LEASE_S = 1.0  # between two looks at the lease, which may be on a network file system
_STOP_S = 10.0

P = ParamSpec("P")
T = TypeVar("T")


class WorkerRefusedError(EngineError):
    """A worker that cannot take part: it has other libraries, or does not see the folder."""


def worker_name(dask_worker: Any = None) -> str:
    """Return how people find the worker that this process is."""
    name = f"process {os.getpid()} on {platform.node()}"
    distributed = sys.modules.get("distributed")
    if dask_worker is None and distributed is not None:
        with contextlib.suppress(Exception):  # this process may be no worker of Dask
            dask_worker = distributed.get_worker()
    return f"worker {name}" if dask_worker is None else f"worker {dask_worker.address} ({name})"


@contextlib.contextmanager
def lease_in(folder: Path) -> Iterator[Path]:
    """Keep a lease in the folder of an unfinished dataset for as long as the block runs.

    It has the name of a temporary file, so that the run after one that was killed ends it.
    """
    path = temporary_beside(Layout(folder).lock).absolute()
    open(path, "xb").close()
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            remove(path)


@dataclass(frozen=True)
class RemoteTask:
    """Makes a shard in whatever process it is called in. Small when pickled, and idempotent.

    Attributes
    ----------
    content : bytes
        The plan, packed once for all shards.
    folder : Path
        Absolute: the current folder of a worker may be another.
    versions : dict of str to str
        What a worker must have; see `check_versions`.
    identity : dict
        What the synthesizer says of its libraries where the run was started.
    lease : Path or None
        None asks about libraries alone.
    log : Path or None
    is_alone : bool
        Whether a process makes one shard at a time, whatever threads it has.
    """

    content: bytes
    folder: Path
    versions: dict[str, str]
    identity: Json
    lease: Path | None
    log: Path | None
    is_alone: bool

    @classmethod
    def of(cls, job: Job, lease: Path | None) -> RemoteTask:
        """Return the task of a job."""
        resolved = job.plan.resolved
        return cls(
            content=zlib.compress(pickle.dumps(job.plan), 1),
            folder=job.shared_folder.absolute(),
            versions=job.versions,
            identity=resolved.synthesizer.identity(resolved.request),
            lease=lease,
            log=None if job.log is None else job.log.absolute(),
            is_alone=resolved.synthesizer.needs_worker,  # its library may not be made for threads
        )

    def __call__(self, shard: Shard, indices: IntArray, attempt: int) -> Receipt:
        """Make a shard; see `ShardTask`.

        Raises
        ------
        WorkerRefusedError
            If this process cannot take part.
        """
        try:
            with _makers.lent(self) as maker:
                return maker(shard, indices, attempt)
        except Exception as error:  # noqa: BLE001  # what cannot be pickled would break the executor
            raise portable(error) from None

    def refusal(self, dask_worker: Any = None) -> str:
        """Return why this process cannot take part, or nothing.

        Parameters
        ----------
        dask_worker : distributed.Worker
            Given by Dask.
        """
        try:
            self.check(worker_name(dask_worker))
        except WorkerRefusedError as error:
            return str(error)
        return ""

    def check(self, name: str) -> Plan:
        """Return the plan if this process can make shards of it.

        Parameters
        ----------
        name : str
            Of this worker.

        Raises
        ------
        WorkerRefusedError
            Naming this worker, and what it lacks.
        """
        if self.versions.get("syngen") != version():  # what another has pickled may not be readable
            raise WorkerRefusedError(
                f"{name} cannot take part: syngen is {version()} here, {self.versions.get('syngen')} in "
                "the plan; install the same version there"
            )
        if self.lease is not None and not self.lease.exists():
            raise WorkerRefusedError(
                f"{name} cannot take part: it does not see {self.folder} as the run does; the folder must "
                "be on a file system that all workers share, under the same path"
            )
        plan: Plan = pickle.loads(zlib.decompress(self.content))  # noqa: S301  # packed by `of`
        try:
            check_versions(plan, self.versions, who=name)
        except EngineError as error:
            raise WorkerRefusedError(f"{error}; install the same versions there") from None
        synthesizer = plan.resolved.synthesizer
        found = synthesizer.identity(plan.resolved.request)
        differing = sorted(k for k in {*found, *self.identity} if found.get(k) != self.identity.get(k))
        if differing:
            parts = (f"{key} is {found.get(key)!r} here, {self.identity.get(key)!r}" for key in differing)
            raise WorkerRefusedError(
                f"{name} cannot take part: of the synthesizer {synthesizer.name}, "
                f"{'; '.join(parts)} where the run was started; install the same there"
            )
        return plan


class _LeaseHeartbeat(Heartbeat):
    """Looks now and then whether the run is still there."""

    __slots__ = ("_lease", "_next_look")

    def __init__(self, lease: Path | None) -> None:
        super().__init__()
        self._lease, self._next_look = lease, 0.0

    def __call__(self, row: int) -> None:
        super().__call__(row)
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LEASE_S
            if self._lease is not None and not self._lease.exists():
                raise RunEndedError("the run that wanted this shard has ended")

    def rest(self) -> None:
        super().rest()
        self._next_look = 0.0


class _Makers:
    """The makers of this process: of one plan at a time, one for each thread that has a shard in hand."""

    def __init__(self) -> None:
        self._lock, self._only = threading.Lock(), threading.Lock()
        self._task: RemoteTask | None = None
        self._idle: list[ShardTask] = []

    @contextlib.contextmanager
    def lent(self, task: RemoteTask) -> Iterator[ShardTask]:
        """Lend a maker that no other thread uses."""
        with self._only if task.is_alone else contextlib.nullcontext(), self._lent(task) as maker:
            yield maker

    @contextlib.contextmanager
    def _lent(self, task: RemoteTask) -> Iterator[ShardTask]:
        with self._lock:
            if self._task != task:
                self._task, self._idle = task, []
            maker = self._idle.pop() if self._idle else None
        if maker is None:
            maker = self._new_task(task)
        try:
            yield maker
        finally:
            with self._lock:
                if self._task == task:
                    self._idle.append(maker)

    def _new_task(self, task: RemoteTask) -> ShardTask:
        plan = task.check(worker_name())
        log = EventLog(task.log, host=platform.node())
        maker = ShardTask(plan, task.folder, task.versions, log, _LeaseHeartbeat(task.lease))
        log.write("worker started")
        return maker


_makers = _Makers()


class ExternalExecutor(Executor):
    """An executor of somebody else: it is used, and never shut down.

    Parameters
    ----------
    executor : Executor
    end : callable
        Called when nothing more is wanted, before what is in hand is waited for.
    """

    def __init__(self, executor: Executor, end: Callable[[], object]) -> None:
        self._executor, self._end = executor, end
        self._futures: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            future = self._executor.submit(fn, *args, **kwargs)
        except BrokenExecutor:
            raise
        except RuntimeError as error:  # its owner has shut it down
            raise BrokenExecutor(str(error)) from error
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Take back what was submitted here, and wait a little for what is in hand."""
        self._end()
        settle(set(self._futures), wait_s=_STOP_S if wait else 0.0, is_cancelled=cancel_futures)


def settle(futures: set[Future[Any]], *, wait_s: float, is_cancelled: bool) -> None:
    """Cancel what has not begun, if that is wanted, and wait for the rest."""
    if is_cancelled:
        for future in futures:
            future.cancel()
    if wait_s:
        wait(futures, timeout=wait_s)


def external_pool(job: Job, executor: Executor, *, jobs: int | None) -> WorkerPool:
    """Return a pool that works in an executor of the caller's.

    Parameters
    ----------
    job : Job
    executor : Executor
    jobs : int, optional
        How many shards it works on at a time; by default what it says, or one per CPU.
    """
    if jobs is None:
        said = getattr(executor, "_max_workers", None)  # of the executors of the standard library
        jobs = said if is_whole(said, 1) else default_jobs()
    lease = contextlib.ExitStack()
    task = RemoteTask.of(job, lease.enter_context(lease_in(job.shared_folder)))
    n_at_a_time = 2 * jobs
    return WorkerPool(ExternalExecutor(executor, lease.close), task, lambda: n_at_a_time)
