"""Which shard is made when, and what becomes of those that fail, with a pool that follows a script."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import BrokenExecutor, CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import syngen
from syngen.errors import GenerationIncompleteError
from syngen.generation.plan import Plan
from syngen.generation.workers.heartbeats import IDLE
from syngen.generation.workers.log import EventLog, read_events
from syngen.generation.workers.pool import WorkerPool
from syngen.generation.workers.processes import WorkerDiedError
from syngen.generation.workers.remote import WorkerRefusedError
from syngen.generation.workers.scheduler import Scheduler
from syngen.storage.description import ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard
from tests.support import WHOLE_LOOKING

if TYPE_CHECKING:
    from syngen._typing import IntArray

Outcome = BaseException | None
"""What a try raises, or None if it makes the shard."""


class Scripted:
    """Gives every try the outcome that a script has for the shard, and keeps book of the order.

    Parameters
    ----------
    script : dict
        Outcomes by shard, one a try; without an entry, and after the last, a shard is made.
    width : int
        Tries that are in hand at a time. The earliest ends when the scheduler waits.
    """

    def __init__(self, script: dict[str, list[Outcome]], width: int = 1) -> None:
        self.script, self.width = script, width
        self.tries: list[tuple[str, int]] = []
        self.beside: dict[tuple[str, int], int] = {}
        self.ended: list[str] = []
        self._waiting: list[tuple[Future[Receipt], Shard]] = []

    def pool(self) -> WorkerPool:
        def end(how: str) -> Callable[[], None]:
            return lambda: self.ended.append(how)

        return WorkerPool(self.submit, lambda: self.width, stop=end("stop"), close=end("close"))

    def submit(self, shard: Shard, indices: IntArray, attempt: int) -> Future[Receipt]:
        assert len(indices) == shard.n_rows
        future: Future[Receipt] = Future()
        self.tries.append((shard.name, attempt))
        self._waiting.append((future, shard))
        self.beside[shard.name, attempt] = len(self._waiting) - 1
        return future

    def end_one(self) -> None:
        """End the earliest try that is in hand."""
        future, shard = self._waiting.pop(0)
        outcomes = self.script.get(shard.name, [])
        outcome = outcomes.pop(0) if outcomes else None
        if not future.set_running_or_notify_cancel():
            return
        if outcome is None:
            future.set_result(receipt_of(shard))
        else:
            future.set_exception(outcome)


def receipt_of(shard: Shard) -> Receipt:
    entry = ShardEntry(shard.name, shard.split, shard.n_rows, 1, "0" * 64)
    return Receipt(entry, shard.row, 1, 1, "0" * 64)


def death(row: int) -> WorkerDiedError:
    return WorkerDiedError(1234, "was ended by SIGKILL", row)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(syngen.load_recipe(WHOLE_LOOKING), 5, "wav")


@pytest.fixture
def names(plan: Plan) -> list[str]:
    """Shards of five rows first; each split ends with a smaller one."""
    return [shard.name for shard in sorted(plan.shards, key=lambda shard: -shard.n_rows)]


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    log = EventLog(tmp_path / "log.jsonl")
    log.create()
    return log


@pytest.fixture
def scheduler(plan: Plan, tmp_path: Path, log: EventLog) -> Scheduler:
    return Scheduler(plan, Layout(tmp_path / "data"), plan.shards, log)


def run(scheduler: Scheduler, *executors: Scripted) -> list[str]:
    """Let a scheduler have one executor after the other; return the shards in the order they were made."""
    left = iter(executors)
    current = executors[0]

    def start() -> WorkerPool:
        nonlocal current
        current = next(left)
        return current.pool()

    def wait(
        running: dict[Future[Receipt], Shard], *, return_when: str, timeout: float | None = None
    ) -> object:
        if running:
            current.end_one()
        return futures.wait(running, timeout=0, return_when=return_when)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syngen.generation.workers.scheduler.wait", wait)
        return [receipt.entry.name for receipt in scheduler.run(start)]


def test_large_shards_come_first_and_every_one_once(scheduler: Scheduler, names: list[str]) -> None:
    executor = Scripted({})
    made = run(scheduler, executor)
    assert made == names
    assert executor.tries == [(name, 1) for name in names]
    assert executor.ended == ["close"]
    scheduler.check()


def test_no_more_is_submitted_than_the_pool_takes(scheduler: Scheduler, names: list[str]) -> None:
    executor = Scripted({}, width=2)
    made = run(scheduler, executor)
    assert sorted(made) == sorted(names)
    assert max(executor.beside.values()) == 1


def test_what_fails_is_tried_again_after_the_others(scheduler: Scheduler, names: list[str]) -> None:
    first, *others = names
    executor = Scripted({first: [ValueError("once")]})
    made = run(scheduler, executor)
    assert made == [*others, first]
    assert executor.tries[-1] == (first, 2)
    scheduler.check()


def test_the_same_error_twice_is_believed(scheduler: Scheduler, names: list[str]) -> None:
    first, *others = names
    executor = Scripted({first: [ValueError("it is so"), ValueError("it is so")]})
    made = run(scheduler, executor)
    assert made == others
    assert [attempt for name, attempt in executor.tries if name == first] == [1, 2]
    with pytest.raises(
        GenerationIncompleteError, match=rf"1 of {len(names)} shards failed, first {first}"
    ) as e:
        scheduler.check()
    assert "ValueError: it is so (2 tries)" in str(e.value)
    assert "The finished shards are kept" in str(e.value)


def test_three_different_errors_are_enough(scheduler: Scheduler, names: list[str], log: EventLog) -> None:
    first = names[0]
    executor = Scripted({first: [ValueError("a"), ValueError("b"), ValueError("c"), None]})
    made = run(scheduler, executor)
    assert first not in made
    assert [attempt for name, attempt in executor.tries if name == first] == [1, 2, 3]
    assert scheduler.failed == {first: "ValueError: c"}
    given_up = [event for event in events(log) if event["event"] == "shard given up"]
    assert [event["causes"] for event in given_up] == [["ValueError: a", "ValueError: b", "ValueError: c"]]


def test_the_third_try_after_two_deaths_is_made_alone(
    scheduler: Scheduler, names: list[str], plan: Plan
) -> None:
    first = names[0]
    row = next(shard.row for shard in plan.shards if shard.name == first)
    executor = Scripted({first: [death(row), death(row + 1)]}, width=3)
    made = run(scheduler, executor)
    assert made[-1] == first
    assert executor.tries[-1] == (first, 3)
    assert executor.beside[first, 3] == 0
    scheduler.check()


def test_three_deaths_cost_the_shard_and_name_the_row(
    scheduler: Scheduler, names: list[str], plan: Plan, log: EventLog
) -> None:
    shard = next(shard for shard in plan.shards if shard.name == names[0])
    made = run(scheduler, Scripted({shard.name: [death(shard.row + 2)] * 3}))
    index = int(plan.indices(shard)[2])
    assert made == names[1:]
    wanted = f"its worker process was ended by SIGKILL at row {shard.row + 2}, index {index}"
    assert scheduler.failed == {shard.name: wanted}
    died = [event for event in events(log) if event["event"] == "worker died"]
    assert [(event["attempt"], event["rows_rendered"], event["index"]) for event in died] == [
        (1, 2, index),
        (2, 2, index),
        (3, 2, index),
    ]


def test_a_worker_that_dies_before_it_begins_is_not_held_against_the_shard(
    scheduler: Scheduler, names: list[str]
) -> None:
    first = names[0]
    executor = Scripted({first: [death(IDLE), death(IDLE)]})
    made = run(scheduler, executor)
    assert made == names
    assert [attempt for name, attempt in executor.tries if name == first] == [1, 1, 1]


def test_workers_that_keep_dying_before_they_begin_end_the_run(
    scheduler: Scheduler, names: list[str]
) -> None:
    made = run(scheduler, Scripted({names[0]: [death(IDLE)] * 3}))
    assert made == []
    assert set(scheduler.failed) == set(names)
    with pytest.raises(GenerationIncompleteError, match="was ended by SIGKILL before it began"):
        scheduler.check()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (WorkerRefusedError("it has other libraries"), r"it has other libraries\. The finished shards"),
    ],
)
def test_nothing_more_is_begun_after_an_error_that_trying_on_does_not_mend(
    error: Exception, message: str, scheduler: Scheduler, names: list[str]
) -> None:
    executor = Scripted({names[1]: [error]})
    made = run(scheduler, executor)
    assert made == names[:1]
    assert [name for name, _ in executor.tries] == names[:2]
    with pytest.raises(GenerationIncompleteError, match=message) as e:
        scheduler.check()
    assert e.value.__cause__ is error


def test_what_was_cancelled_is_made_later(scheduler: Scheduler, names: list[str]) -> None:
    executor = Scripted({names[0]: [CancelledError()]})
    made = run(scheduler, executor)
    assert made == names
    assert executor.tries[:2] == [(names[0], 1), (names[0], 1)]


def test_the_shards_of_a_broken_pool_go_to_the_next(scheduler: Scheduler, names: list[str]) -> None:
    pools = [Scripted({names[1]: [BrokenExecutor("lost")]}, width=2), Scripted({}, width=2)]
    made = run(scheduler, *pools)
    assert sorted(made) == sorted(names)
    assert all(attempt == 1 for pool in pools for _, attempt in pool.tries)
    assert [pool.ended for pool in pools] == [["stop"], ["close"]]
    scheduler.check()


def test_three_broken_pools_in_turn_end_the_run(scheduler: Scheduler, names: list[str]) -> None:
    class Broken(Scripted):
        def submit(self, *_: object) -> Future[Receipt]:
            raise BrokenExecutor("nobody is there")

    assert run(scheduler, *(Broken({}) for _ in range(4))) == []
    assert set(scheduler.failed) == set(names)
    with pytest.raises(GenerationIncompleteError, match="first .*: nobody is there"):
        scheduler.check()


def test_an_interrupt_stops_the_pool_and_is_logged(scheduler: Scheduler, log: EventLog) -> None:
    executor = Scripted({}, width=2)
    receipts = scheduler.run(executor.pool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syngen.generation.workers.scheduler.wait", interrupted_once(patch))
        with pytest.raises(KeyboardInterrupt):
            next(receipts)
    assert executor.ended == ["stop", "close"]
    stopping = [event["shards_in_hand"] for event in events(log) if event["event"] == "stopping"]
    assert stopping == [sorted(name for name, _ in executor.tries)]


def test_many_failures_are_counted_not_listed(tmp_path: Path) -> None:
    plan = Plan(syngen.load_recipe(WHOLE_LOOKING), 1, "wav")
    scheduler = Scheduler(plan, Layout(tmp_path / "data"), plan.shards, EventLog(None))
    run(scheduler, Scripted({shard.name: [ValueError("no"), ValueError("no")] for shard in plan.shards}))
    n = len(plan.shards)
    with pytest.raises(GenerationIncompleteError) as e:
        scheduler.check()
    lines = str(e.value).splitlines()
    assert lines[0].startswith(f"{n} of {n} shards failed, first ")
    assert lines[-2:] == [
        f"and {n - 9} more",
        "The finished shards are kept; run the same command again to make the others.",
    ]


def interrupted_once(patch: pytest.MonkeyPatch) -> Callable[..., None]:
    def interrupt(*_: object, **__: object) -> None:
        patch.setattr("syngen.generation.workers.scheduler.wait", lambda *_, **__: None)
        raise KeyboardInterrupt

    return interrupt


def events(log: EventLog) -> list[dict[str, Any]]:
    assert log.path is not None
    return list(read_events(log.path))
