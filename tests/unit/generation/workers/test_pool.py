"""Worker processes on this machine: what waits for one that cannot write."""

from __future__ import annotations

import errno
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any

from syngen.generation.workers.pool import LocalWorkers
from tests.support import PATIENCE_S

if TYPE_CHECKING:
    import pytest


class Worker:
    """In the place of a process: its first task fails when it is let go, others succeed."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls: list[int] = []
        self.may_fail = threading.Event()

    def make(self, number: int) -> int:
        self.calls.append(number)
        if len(self.calls) == 1:
            assert self.may_fail.wait(PATIENCE_S)
            raise self.error
        return number

    def end(self) -> None:
        """Do nothing: there is no process."""


def run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> tuple[Worker, list[futures.Future[Any]]]:
    """Have five tasks waiting for one worker, let the first fail, and return when none waits any more."""
    worker = Worker(error)
    monkeypatch.setattr("syngen.generation.workers.pool.WorkerProcess", lambda *_, **__: worker)
    job: Any = None
    workers = LocalWorkers(job, jobs=1, hang_limit_s=0.0)
    tasks = [workers.submit(number) for number in range(5)]
    worker.may_fail.set()
    done, waiting = futures.wait(tasks, timeout=PATIENCE_S)
    workers.close()
    assert (len(done), len(waiting)) == (5, 0)
    return worker, tasks


def test_nothing_more_is_begun_when_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, (first, *others) = run(OSError(errno.ENOSPC, "No space left on device"), monkeypatch)
    assert worker.calls == [0]
    assert isinstance(first.exception(), OSError)
    assert all(task.cancelled() for task in others)


def test_other_errors_concern_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, (first, *others) = run(ValueError("no"), monkeypatch)
    assert worker.calls == [0, 1, 2, 3, 4]
    assert isinstance(first.exception(), ValueError)
    assert [task.result() for task in others] == [1, 2, 3, 4]
