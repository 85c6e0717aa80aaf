"""Where shards are made: in this process, or in a pool of processes on this machine.

Worker processes are spawned, never forked: a fork inherits locks that other threads hold. They end as
soon as the process that started them does, whatever ended it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.errors import ParameterError, SyngenError
from syngen.generation.plan import Plan, Shard
from syngen.generation.receipts import Receipt
from syngen.generation.worker import ShardWorker, check_versions
from syngen.storage.layout import Layout

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["default_jobs", "local_pool", "make_shard"]


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


class _Process(SpawnProcess):
    """A spawned process that does not import the caller's script.

    Spawned children usually run the main module again, which in a script without a
    ``__main__`` guard would start the generation once more in every worker. Nothing that a worker
    needs is defined there.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  # the name that multiprocessing calls
        with _anonymous_main():
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined,unused-ignore]  # noqa: SLF001


@contextlib.contextmanager
def _anonymous_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Process


def local_pool(plan: Plan, folder: Path, *, jobs: int) -> ProcessPoolExecutor:
    """Return a pool of processes that are ready to make shards of a plan.

    Parameters
    ----------
    plan : Plan
    folder : Path
    jobs : int
        Number of processes.
    """
    get_context("spawn")  # raises where the platform cannot spawn
    return ProcessPoolExecutor(
        max_workers=jobs,
        mp_context=_Context(),
        initializer=_start_worker,
        initargs=(plan, folder, plan.versions()),
    )


_worker: tuple[ShardWorker, Layout] | SyngenError | None = None


def _start_worker(plan: Plan, folder: Path, versions: dict[str, str]) -> None:
    global _worker  # noqa: PLW0603  # a pool hands state to its tasks in no other way
    # Ctrl-C reaches the whole group; the parent decides what becomes of the workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        check_versions(plan, versions)
        _worker = ShardWorker(plan), Layout(folder)
    except SyngenError as error:  # raised by the first task: the pool would hide it here
        _worker = error


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def make_shard(shard: Shard, indices: IntArray) -> Receipt:
    """Make a shard in a worker process of `local_pool`."""
    if isinstance(_worker, SyngenError):
        raise _worker
    if _worker is None:
        raise RuntimeError("make_shard runs in the processes of local_pool only")
    worker, layout = _worker
    return worker.make(layout, shard, indices)
