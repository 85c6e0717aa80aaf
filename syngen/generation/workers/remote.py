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
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen._distribution import version
from syngen._values import is_whole
from syngen.errors import EngineError, ParameterError
from syngen.generation.shard_renderer import check_versions
from syngen.generation.workers.heartbeats import Heartbeat, RunEndedError
from syngen.generation.workers.pool import WorkerPool, default_jobs
from syngen.generation.workers.shard_task import Job, ShardTask, portable
from syngen.io.atomic import temporary_beside
from syngen.io.workspace import remove
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json

__all__ = [
    "RemoteTask",
    "WorkerRefusedError",
    "external_pool",
    "lease_in",
    "leased_pool",
    "worker_name",
]

_LEASE_S = 1.0  # between two looks at the lease, which may be on a network file system


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
        The job, packed once for all shards. Its paths are absolute: the current folder of a worker may be
        another.
    versions : dict of str to str
        What a worker must have; see `check_versions`.
    identity : dict
        What the synthesizer says of its libraries where the run was started.
    lease : Path or None
        None asks about libraries alone.
    is_alone : bool
        Whether a process makes one shard at a time, whatever threads it has.
    """

    content: bytes
    versions: dict[str, str]
    identity: Json
    lease: Path | None
    is_alone: bool

    @classmethod
    def of(cls, job: Job, lease: Path | None) -> RemoteTask:
        """Return the task of a job."""
        resolved = job.plan.resolved
        log = None if job.log is None else job.log.absolute()
        job = replace(job, folder=_shared_folder(job).absolute(), log=log)
        return cls(
            content=zlib.compress(pickle.dumps(job), 1),
            versions=job.versions,
            identity=resolved.synthesizer.identity(resolved.request),
            lease=lease,
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
            with _tasks.lent(self) as task:
                return task(shard, indices, attempt)
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
            self.job(worker_name(dask_worker))
        except WorkerRefusedError as error:
            return str(error)
        return ""

    def job(self, name: str) -> Job:
        """Return the job if this process can make shards of it.

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
        job: Job = pickle.loads(zlib.decompress(self.content))  # noqa: S301  # packed by `of`
        if self.lease is not None and not self.lease.exists():
            raise WorkerRefusedError(
                f"{name} cannot take part: it does not see {job.folder} as the run does; the folder must "
                "be on a file system that all workers share, under the same path"
            )
        try:
            check_versions(job.plan, self.versions, who=name)
        except EngineError as error:
            raise WorkerRefusedError(f"{error}; install the same versions there") from None
        synthesizer = job.plan.resolved.synthesizer
        found = synthesizer.identity(job.plan.resolved.request)
        differing = sorted(k for k in {*found, *self.identity} if found.get(k) != self.identity.get(k))
        if differing:
            parts = (f"{key} is {found.get(key)!r} here, {self.identity.get(key)!r}" for key in differing)
            raise WorkerRefusedError(
                f"{name} cannot take part: of the synthesizer {synthesizer.name}, "
                f"{'; '.join(parts)} where the run was started; install the same there"
            )
        return job


def _shared_folder(job: Job) -> Path:
    """Return the folder of a job for workers that are not started by this process."""
    if not isinstance(job.folder, Path):
        raise ParameterError(f"{job.folder} is no folder; only local workers put shards into a store")
    return job.folder


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


class _Tasks:
    """The tasks of this process: of one plan at a time, one for each thread that has a shard in hand."""

    def __init__(self) -> None:
        self._lock, self._only = threading.Lock(), threading.Lock()
        self._of: RemoteTask | None = None
        self._idle: list[ShardTask] = []

    @contextlib.contextmanager
    def lent(self, of: RemoteTask) -> Iterator[ShardTask]:
        """Lend a task that no other thread uses."""
        with self._only if of.is_alone else contextlib.nullcontext():
            with self._lock:
                if self._of != of:
                    self._of, self._idle = of, []
                idle = self._idle
                task = idle.pop() if idle else None
            if task is None:
                heartbeat = _LeaseHeartbeat(of.lease)
                task = ShardTask(of.job(worker_name()), heartbeat, host=platform.node())
                task.log.write("worker started")
            try:
                yield task
            finally:
                idle.append(task)


_tasks = _Tasks()


def leased_pool(
    job: Job,
    submit: Callable[..., Future[Receipt]],
    width: Callable[[], int],
    *,
    check: Callable[[RemoteTask], object] = lambda _: None,
) -> WorkerPool:
    """Return a pool of workers that are not ours; they work for it until it is stopped or closed.

    Parameters
    ----------
    job : Job
    submit : callable
        As `Executor.submit`.
    width : callable
        See `WorkerPool`.
    check : callable, optional
        Raises an error if the workers cannot take part.
    """
    with contextlib.ExitStack() as lease:
        task = RemoteTask.of(job, lease.enter_context(lease_in(_shared_folder(job))))
        check(task)
        end = lease.pop_all().close
    return WorkerPool(partial(submit, task), width, stop=end, close=end)


def external_pool(job: Job, executor: Executor, *, jobs: int | None) -> WorkerPool:
    """Return a pool that works in an executor of the caller's, which is never shut down.

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
    n_at_a_time = 2 * jobs

    def submit(task: RemoteTask, *arguments: Any) -> Future[Receipt]:
        try:
            return executor.submit(task, *arguments)
        except BrokenExecutor:
            raise
        except RuntimeError as error:  # its owner has shut it down
            raise BrokenExecutor(str(error)) from error

    return leased_pool(job, submit, lambda: n_at_a_time)
