"""The contract of a target, in a folder and in an object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import syngen
from syngen._typing import ProgressUpdate
from syngen.errors import ParameterError, PlanMismatchError
from syngen.generation.plan import Plan
from syngen.generation.run import run, target_of
from syngen.io.object_store import Store
from tests.support import WHOLE_LOOKING


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(syngen.load_recipe(WHOLE_LOOKING), 2, "wav")


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | Store]:
    if request.param == "folder":
        yield tmp_path / "data"
        return
    store = Store("memory://contract-of-targets")
    yield store
    store.delete(store.sizes())


def names_at(place: Path | Store) -> set[str]:
    if isinstance(place, Store):
        return set(place.sizes())
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}


def interrupted(plan: Plan, place: Path | Store) -> None:
    """Make one shard of a plan."""

    def stop(update: ProgressUpdate) -> None:
        if update.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, place, jobs=1, progress=stop)


def test_looking_changes_nothing(plan: Plan, place: Path | Store) -> None:
    target = target_of(plan, place)
    with target.opened():
        target.check_usable()
        assert not target.is_finished()
        target.check_names()
        target.check_space()
    assert names_at(place) == set()
    assert not target.has_begun


def test_what_is_there_is_not_made_again(plan: Plan, place: Path | Store) -> None:
    interrupted(plan, place)
    report = run(plan, place, jobs=1)
    assert report.is_complete
    assert report.rendered == plan.resolved.size - plan.shards[0].n_rows
    assert (report.rows, report.shards) == (plan.resolved.size, len(plan.shards))
    assert run(plan, place, jobs=1).rendered == 0


def test_both_places_get_the_same_names(plan: Plan, place: Path | Store, tmp_path: Path) -> None:
    run(plan, place, jobs=1)
    syngen.generate(WHOLE_LOOKING, tmp_path / "other", jobs=1, shard_size=2)
    assert names_at(place) == names_at(tmp_path / "other")


def test_another_plan_is_refused_and_overwritten_if_that_is_wanted(plan: Plan, place: Path | Store) -> None:
    run(plan, place, jobs=1)
    other = Plan(plan.resolved, 3, "wav")
    with pytest.raises(
        PlanMismatchError, match="holds another whole-looking 1.0.0: shard_size is 2, not 3; "
    ):
        run(other, place, jobs=1)
    assert run(other, place, jobs=1, overwrite=True).rendered == plan.resolved.size


def test_what_is_no_datasets_is_refused(plan: Plan, place: Path | Store) -> None:
    if isinstance(place, Store):
        place.put("notes.txt", b"mine")
    else:
        place.mkdir()
        (place / "notes.txt").write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(ParameterError, match=r"no dataset.*choose"):
            run(plan, place, jobs=1, overwrite=overwrite)
    assert names_at(place) == {"notes.txt"}
