"""What becomes of tasks on the workers of a cluster, with a client that has no scheduler."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError

import pytest

from syngen.generation.workers.dask import submit
from syngen.generation.workers.heartbeats import UNKNOWN
from syngen.generation.workers.processes import WorkerDiedError

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")


class Remote:
    """A task that has ended when its result is asked for."""

    def __init__(self, outcome: object) -> None:
        self.outcome, self.is_released = outcome, False

    def add_done_callback(self, callback: Callable[[Remote], None]) -> None:
        callback(self)

    def result(self, timeout: float | None) -> object:
        assert timeout is None
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def release(self) -> None:
        self.is_released = True


class Client:
    """Has one outcome for every task."""

    status = "running"

    def __init__(self, outcome: object) -> None:
        self.remote = Remote(outcome)

    def submit(self, *_: object, pure: bool) -> Remote:
        assert not pure
        if isinstance(self.remote.outcome, ConnectionError):
            raise self.remote.outcome
        return self.remote


def task(shard: object) -> object:
    return shard


def test_a_result_is_handed_over_and_released() -> None:
    client = Client("a receipt")
    future = submit(client, task, "shard")
    assert not future.cancel(), "a worker may have it in hand"
    assert future.result(timeout=0) == "a receipt"
    assert client.remote.is_released


@pytest.mark.parametrize(
    "error", [distributed.comm.core.CommClosedError("gone"), CancelledError("the client was closed")]
)
def test_a_result_that_cannot_be_fetched_breaks_the_pool(error: BaseException) -> None:
    client = Client(error)
    future = submit(client, task, "shard")
    assert isinstance(future.exception(timeout=0), BrokenExecutor)
    assert client.remote.is_released


def test_a_task_that_cost_several_workers_their_lives_says_so() -> None:
    error = distributed.scheduler.KilledWorker("task", "tcp://127.0.0.1:9", 3)
    died = submit(Client(error), task, "shard").exception(timeout=0)
    assert isinstance(died, WorkerDiedError)
    assert (str(died.reason), died.row) == ("died, the last of 4 workers at tcp://127.0.0.1:9", UNKNOWN)


def test_what_a_task_raises_is_its_own() -> None:
    error = ZeroDivisionError("no such tone")
    assert submit(Client(error), task, "shard").exception(timeout=0) is error


def test_nothing_is_submitted_to_a_scheduler_that_is_lost() -> None:
    client = Client("a receipt")
    client.status = "connecting"
    with pytest.raises(BrokenExecutor, match="the Dask scheduler was lost"):
        submit(client, task, "shard")
    with pytest.raises(BrokenExecutor, match="the Dask scheduler was lost"):
        submit(Client(ConnectionError("lost")), task, "shard")
