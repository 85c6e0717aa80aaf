"""Members of a job array: their numbers, their shards, and what they may not do to each other."""

from __future__ import annotations

from pathlib import Path

import pytest

import syngen
from syngen.errors import ParameterError, PlanMismatchError
from syngen.generation.plan import Plan
from syngen.generation.workers.members import (
    Member,
    living_members,
    member_session,
    plan_lock,
    remove_own_temporaries,
)
from syngen.io.locks import exclusive_lock
from syngen.storage.layout import Layout
from tests.support import WHOLE_LOOKING, names_below

MARK = "4711-0123456789abcdef"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(syngen.load_recipe(WHOLE_LOOKING), 2, "wav")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


@pytest.mark.parametrize(("text", "member"), [("0/1", Member(0, 1)), ("7/8", Member(7, 8))])
def test_members_have_numbers_from_0(text: str, member: Member) -> None:
    assert Member.parse(text) == member
    assert str(member) == text


@pytest.mark.parametrize(
    "text", ["", "1", "8/8", "-1/8", "0/0", "1/2/3", " 0/1", "0/1\n", "\u0663/8", "0/9999999"]
)
def test_what_names_no_member_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ParameterError, match=r"i/N with i from 0 to N - 1 is needed, as in 0/8"):
        Member.parse(text)


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_every_shard_is_one_members(plan: Plan, count: int) -> None:
    shares = [Member(number, count).shards(plan) for number in range(count)]
    together = [shard for share in shares for shard in share]
    assert len(together) == len(plan.shards) == len(set(together))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_members_work_side_by_side_and_are_seen(plan: Plan, layout: Layout) -> None:
    assert living_members(layout) == []
    with member_session(plan, layout, Member(1, 2)) as first:
        assert (first.is_finished, first.kept) == (False, 0)
        with member_session(plan, layout, Member(0, 2)), member_session(plan, layout, Member(2, 3)):
            assert living_members(layout) == [Member(0, 2), Member(1, 2), Member(2, 3)]
    assert living_members(layout) == []
    assert layout.plan.read_bytes() == plan.to_bytes()


@pytest.mark.slow
def test_one_number_is_one_process(plan: Plan, layout: Layout) -> None:
    with (
        member_session(plan, layout, Member(1, 2)),
        pytest.raises(ParameterError, match="another run is working in .* as 1/2; wait for it, or stop it"),
        member_session(plan, layout, Member(1, 2)),
    ):
        pass


@pytest.mark.slow
def test_a_run_that_needs_all_of_the_folder_keeps_members_out(plan: Plan, layout: Layout) -> None:
    layout.folder.mkdir()
    with (
        exclusive_lock(layout.lock),
        pytest.raises(ParameterError, match="a run that needs all of .* is working in it"),
        member_session(plan, layout, Member(0, 2)),
    ):
        pass


def test_members_keep_such_a_run_out(plan: Plan, layout: Layout) -> None:
    with member_session(plan, layout, Member(0, 2)), exclusive_lock(layout.lock) as is_mine:
        assert not is_mine


def test_members_of_another_plan_are_refused(plan: Plan, layout: Layout) -> None:
    with member_session(plan, layout, Member(0, 2)):
        pass
    other = Plan(plan.resolved, 3, "wav")
    with pytest.raises(PlanMismatchError), member_session(other, layout, Member(1, 2)):
        pass
    assert layout.plan.read_bytes() == plan.to_bytes()


def test_the_plan_is_one_members_at_a_time(plan: Plan, layout: Layout) -> None:
    with (
        member_session(plan, layout, Member(0, 2)),
        plan_lock(layout),
        pytest.raises(ParameterError, match="another member has the plan of .* in hand; try again later"),
        plan_lock(layout, patience_s=0.0),
    ):
        pass


def test_only_own_temporaries_go_and_none_beside_an_array_of_another_size(
    plan: Plan, layout: Layout
) -> None:
    member, other = Member(0, 2), Member(1, 2)
    own, others = (f"audio/.{m.shards(plan)[0].name}.tar.{MARK}.tmp" for m in (member, other))
    with member_session(plan, layout, member):
        for name in (own, others):
            (layout.folder / name).write_bytes(b"half")
        with member_session(plan, layout, Member(1, 3)):
            remove_own_temporaries(plan, layout, member)
            assert {own, others} <= set(names_below(layout.folder))
        remove_own_temporaries(plan, layout, member)
        assert own not in names_below(layout.folder)
        assert others in names_below(layout.folder)
