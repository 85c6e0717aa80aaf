"""Which engine makes the shards: this machine, the workers of a cluster, or an executor of the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from functools import partial
from typing import TypeAlias

from syngen.errors import ParameterError, suggestion
from syngen.generation.plan import Plan
from syngen.generation.workers.pool import WorkerPool
from syngen.generation.workers.remote import external_pool
from syngen.generation.workers.shard_task import Job

__all__ = ["PoolStarter", "check_engine", "pool_starter"]

PoolStarter: TypeAlias = Callable[[Job], WorkerPool]

_NAMES = ("local", "dask")


def check_engine(executor: str | Executor, scheduler: str | None, jobs: int | None) -> None:
    """Refuse an engine that is not one, before anything is done.

    Raises
    ------
    ParameterError
        Saying what would be right.
    """
    if not isinstance(executor, Executor) and executor not in _NAMES:
        raise ParameterError(
            f"executor {executor!r} is none of {', '.join(_NAMES)}{suggestion(executor, _NAMES)}, nor a "
            "concurrent.futures.Executor"
        )
    if executor != "dask" and scheduler is not None:
        raise ParameterError(f"a scheduler ({scheduler}) is for the executor dask; choose it, or give none")
    if executor == "dask" and not scheduler:
        raise ParameterError(
            "the executor dask needs the address of a scheduler, as in --scheduler tcp://host:8786"
        )
    if executor == "dask" and jobs is not None:
        raise ParameterError(
            f"jobs is {jobs}, but with the executor dask the cluster says how many shards are made at "
            "a time"
        )


@contextmanager
def pool_starter(
    plan: Plan, executor: str | Executor, *, scheduler: str | None, jobs: int | None
) -> Iterator[PoolStarter | None]:
    """Give a function that returns a pool for a job, or None for workers of our own on this machine.

    Raises
    ------
    ParameterError
        If a scheduler cannot be reached, or has no workers.
    EngineError
        If workers cannot take part.
    """
    if isinstance(executor, Executor):
        yield partial(external_pool, executor=executor, jobs=jobs)
    elif executor == "dask":
        from syngen.generation.workers.dask import DaskCluster

        with closing(DaskCluster(str(scheduler))) as cluster:
            cluster.check(plan)
            yield cluster.start_pool
    else:
        yield None
