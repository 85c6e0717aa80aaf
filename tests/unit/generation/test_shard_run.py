"""The harness around the making of shards: what a caller is told, and what a log says at the end."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen._typing import ProgressUpdate
from syngen.errors import ParameterError
from syngen.generation.folder import lifecycle
from syngen.generation.plan import Plan
from syngen.generation.shard_run import check_numbers, logged_run, n_jobs, run_shards
from syngen.generation.workers.log import EventLog, read_events
from syngen.storage.layout import Layout
from tests.support import WHOLE_LOOKING


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(syngen.load_recipe(WHOLE_LOOKING), 2, "wav")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data")
    lifecycle.create(layout)
    return layout


def test_shards_that_are_there_count_as_done(plan: Plan, layout: Layout) -> None:
    told: list[ProgressUpdate] = []
    missing = plan.shards[1:]
    with run_shards(plan, layout, missing, among=plan.shards, jobs=1, progress=told.append) as receipts:
        names = {receipt.entry.name for receipt in receipts}
    n_rows = plan.resolved.size
    assert names == {shard.name for shard in missing}
    assert (told[0].done, told[0].total) == (plan.shards[0].n_rows, n_rows)
    assert (told[-1].done, told[-1].total) == (n_rows, n_rows)
    assert told[0].audio_s == 0.0 < told[-1].audio_s


def test_without_others_that_are_wanted_all_rows_are_those_of_the_shards(
    plan: Plan, layout: Layout
) -> None:
    told: list[ProgressUpdate] = []
    with run_shards(plan, layout, plan.shards[:1], jobs=1, progress=told.append) as receipts:
        assert len(list(receipts)) == 1
    assert (told[0].done, told[-1].done) == (0, plan.shards[0].n_rows)
    assert told[-1].total == plan.shards[0].n_rows


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_moves_with_rows(
    plan: Plan, layout: Layout, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("heartbeats", "scheduler"):
        monkeypatch.setattr(f"syngen.generation.workers.{module}.WATCH_S", 0.0)
    told: list[ProgressUpdate] = []
    with run_shards(plan, layout, plan.shards, jobs=jobs, progress=told.append) as receipts:
        made = [receipt.entry.rows for receipt in receipts]
    counts = [update.done for update in told]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, sum(made))
    assert all(update.total == plan.resolved.size for update in told)
    if jobs == 1:  # here nothing happens between two looks
        assert set(counts) == set(range(plan.resolved.size + 1))
    assert all(b.audio_s > a.audio_s - 1e-9 for a, b in pairwise(told))


def test_what_is_raised_by_who_is_told_of_a_row_ends_the_run(
    plan: Plan, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syngen.generation.workers.heartbeats.WATCH_S", 0.0)

    def progress(update: ProgressUpdate) -> None:
        if update.done == 1:
            raise ZeroDivisionError("enough")

    with (
        pytest.raises(ZeroDivisionError, match="enough"),
        run_shards(plan, layout, plan.shards, jobs=1, progress=progress) as receipts,
    ):
        list(receipts)
    assert list(layout.receipts.glob("*.json")) == []


def test_no_shard_is_begun_after_the_block(plan: Plan, layout: Layout) -> None:
    with run_shards(plan, layout, plan.shards, jobs=1) as receipts:
        next(receipts)
    assert list(receipts) == []
    assert len(list(layout.receipts.glob("*.json"))) == 1


def test_there_are_no_more_jobs_than_shards_and_at_least_one(plan: Plan) -> None:
    assert n_jobs(64, plan.shards[:3]) == 3
    assert n_jobs(2, plan.shards[:3]) == 2
    assert n_jobs(64, ()) == 1


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0,), "jobs is 0"),
        ((2.5,), r"jobs is 2\.5"),
        ((True,), "jobs is True"),
        (("2",), "jobs is '2'; a whole number from 1 on is needed"),
        ((1, -1.0), r"the hang limit is -1\.0 s"),
        ((1, float("nan")), "the hang limit is nan s"),
        ((1, "300"), "the hang limit is '300' s"),
        ((1, None), "the hang limit is None s"),
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        check_numbers(*numbers)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "complete"), (KeyboardInterrupt(), "interrupted"), (OSError(28, "full"), "incomplete")],
)
def test_the_log_says_how_a_run_ended(error: BaseException | None, outcome: str, layout: Layout) -> None:
    events, kept = EventLog(layout.log), []
    events.create()

    def fail() -> None:
        with logged_run(events, clean_up=lambda: events.write("cleaned"), keep=kept.append):
            if error is not None:
                raise error

    if error is None:
        fail()
    else:
        with pytest.raises(type(error)):
            fail()
    found = list(read_events(layout.log))
    assert [event["event"] for event in found][-2:] == ["cleaned", "run ended"]
    assert found[-1]["outcome"] == outcome
    assert ("stopped" in [event["event"] for event in found]) == (outcome == "incomplete")
    assert kept == [error]
