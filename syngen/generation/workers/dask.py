"""The workers of a Dask cluster: Dask moves what a lost worker had in hand, and knows who is there.

Scheduler and workers need syngen and the folder, under the same path. Receipts are all that comes back.

What is submitted does not go through `distributed.Client.get_executor`. When a result cannot be fetched,
because the scheduler is lost at that moment, the future of that executor never ends, and a run would wait
for ever.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from syngen._distribution import require, version
from syngen.errors import EngineError, GenerationIncompleteError, ParameterError
from syngen.generation.plan import Plan
from syngen.generation.workers.heartbeats import UNKNOWN
from syngen.generation.workers.pool import WorkerPool
from syngen.generation.workers.processes import WorkerDiedError
from syngen.generation.workers.remote import RemoteTask, WorkerRefusedError, leased_pool
from syngen.generation.workers.shard_task import Job, cause_of
from syngen.io.files import local_path

__all__ = ["DaskCluster", "submit"]

# a scheduler and workers that are started beside the run take their time to import, on a busy machine
_CONNECT_S = 30.0
_WORKERS_S = 60.0
_CONNECT_AGAIN_S = 10.0
_CLOSE_S = 10.0
_COUNT_S = 2.0  # between two looks at how many threads there are
_MOST_NAMED = 3
_NOWHERE = Path()
_LOST = "the Dask scheduler was lost"
_LIBRARIES = ("distributed", "tornado", "asyncio")

T = TypeVar("T")


class DaskCluster:
    """A connection to the scheduler of a cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, as in ``tcp://host:8786``, or the path of its scheduler file.

    Raises
    ------
    ParameterError
        If there is no scheduler at the address.
    MissingExtraError
        If Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        require("distributed", extra="dask")  # which sets up its logging when it is imported
        with contextlib.ExitStack() as stack:
            stack.enter_context(_quiet())
            self._client = _connected(address, timeout_s=_CONNECT_S)
            self._quiet = stack.pop_all()
        self._n_threads, self._counted = 0, 0.0

    def check(self, plan: Plan) -> None:
        """Ask scheduler and workers whether they can take part.

        Raises
        ------
        ParameterError
            If there are no workers.
        EngineError
            Naming those that cannot take part, and what they lack.
        """
        try:
            self._client.wait_for_workers(1, timeout=_WORKERS_S)
        except (OSError, TimeoutError) as error:
            is_file = local_path(self._address).is_file()
            where = f"--scheduler-file {self._address}" if is_file else self._address
            raise ParameterError(
                f"the Dask scheduler {self._address} has had no workers for {_WORKERS_S:g} s; start "
                f"some, as in: dask worker {where} --nthreads 1"
            ) from error
        try:
            self._client.run_on_scheduler(version)
        except ImportError as error:
            raise EngineError(
                f"the Dask scheduler {self._address} cannot import syngen ({error}); install syngen "
                f"{version()} there as on the workers"
            ) from error
        self._ask(RemoteTask.of(Job(plan, _NOWHERE, plan.versions(), None), None))

    def _lost(self) -> GenerationIncompleteError:
        return GenerationIncompleteError(
            f"the Dask scheduler {self._address} was lost. The finished shards are kept; start it, "
            "and run the same command again to make the others."
        )

    def _ask(self, task: RemoteTask) -> None:
        try:
            answers = self._client.run(task.refusal, on_error="return")
        except OSError as error:
            raise self._lost() from error
        refusals = [text for address, answer in answers.items() if (text := _refusal(address, answer))]
        if refusals:
            n_more = len(refusals) - _MOST_NAMED
            more = f"; and {n_more} more" if n_more > 0 else ""
            raise WorkerRefusedError("; ".join(refusals[:_MOST_NAMED]) + more)

    def start_pool(self, job: Job) -> WorkerPool:
        """Return the pool of the cluster's workers, connecting again if the scheduler was lost.

        Raises
        ------
        GenerationIncompleteError
            If it stays lost.
        """
        if self._client.status != "running":
            self._let_go()
            try:
                self._client = _connected(self._address, timeout_s=_CONNECT_AGAIN_S)
            except ParameterError as error:
                raise self._lost() from error
        return leased_pool(job, partial(submit, self._client), self._width, check=self._ask)

    def _width(self) -> int:
        """Return two shards a thread, so that none of them waits for this process."""
        now = time.monotonic()
        if now - self._counted > _COUNT_S or not self._n_threads:
            with contextlib.suppress(OSError, ValueError):
                self._n_threads = sum(self._client.nthreads().values())
            self._counted = now
        return max(1, 2 * self._n_threads)

    def close(self) -> None:
        """Let go of the scheduler; it and its workers live on."""
        self._let_go()
        self._quiet.close()

    def _let_go(self) -> None:
        with contextlib.suppress(Exception):
            self._client.close(timeout=_CLOSE_S)


def submit(client: Any, fn: Callable[..., T], *args: Any) -> Future[T]:
    """Run a function on a worker of a cluster.

    A task whose workers died again and again raises `WorkerDiedError`; one that died once is run again by
    Dask. The result is released as it comes.

    Parameters
    ----------
    client : distributed.Client
    fn : callable
    *args

    Raises
    ------
    BrokenExecutor
        If the scheduler was lost.
    """
    if client.status != "running":
        raise BrokenExecutor(_LOST)
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    try:
        remote = client.submit(fn, *args, pure=False)
    except OSError as error:  # the client has not noticed yet
        raise BrokenExecutor(_LOST) from error
    remote.add_done_callback(partial(_settle, future))
    return future


def _settle(future: Future[Any], remote: Any) -> None:
    """Hand over what became of a task; fetching the result fails too if the scheduler is lost."""
    try:
        future.set_result(remote.result(timeout=None))
    except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
        future.set_exception(_translated(error))
    finally:
        remote.release()


def _translated(error: BaseException) -> BaseException:
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        n_deaths = error.allowed_failures + 1
        last = getattr(error.last_worker, "address", error.last_worker)
        return WorkerDiedError(0, f"died, the last of {n_deaths} workers at {last}", UNKNOWN)
    if isinstance(error, CancelledError | CommClosedError):
        return BrokenExecutor(f"{_LOST}, or has cancelled the tasks of this run")
    return error


class _QuietFilter(logging.Filter):
    """Drops what Dask logs in this thread and in those that start later, which are its client's.

    What a user needs to know of a lost scheduler becomes one clear error. Threads that are there already
    belong to the caller, and so does what they log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._callers = WeakSet(threading.enumerate())
        self._callers.discard(threading.current_thread())

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in _LIBRARIES:
            return True
        return threading.current_thread() in self._callers  # numbers of threads are used again


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Write nothing of what Dask logs for the length of a block, wherever its records go."""
    found = list(logging.root.manager.loggerDict.values())
    loggers = [logging.root, *(logger for logger in found if isinstance(logger, logging.Logger))]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    if logging.lastResort is not None:
        handlers.add(logging.lastResort)
    quiet = _QuietFilter()
    for handler in handlers:
        handler.addFilter(quiet)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(quiet)


def _connected(address: str, *, timeout_s: float) -> Any:
    distributed = require("distributed", extra="dask")
    try:
        if address.endswith(".json"):
            address = str(json.loads(local_path(address).read_bytes())["address"])
        # what is no address at all would leave a client behind that waits for it
        distributed.comm.get_address_host_port(distributed.comm.resolve_address(address))
        return distributed.Client(address, timeout=timeout_s, set_as_default=False, name="syngen")
    except (OSError, ValueError, ImportError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ParameterError(
            f"no Dask scheduler can be reached at {address} ({reason}); start one with: dask scheduler, "
            "and give the address that it says, as in tcp://host:8786"
        ) from error


def _refusal(address: str, answer: object) -> str:
    """Return why a worker cannot take part, or nothing."""
    # Dask hands over what it could not unpickle as the text of an exception
    if isinstance(answer, ImportError) or "ModuleNotFoundError" in str(answer):
        return f"worker {address} cannot import syngen ({answer}); install syngen {version()} there"
    if isinstance(answer, BaseException):
        return f"worker {address} cannot take part: {cause_of(answer)}"
    return str(answer or "")
