"""Job arrays: processes that never talk make a dataset together, each the shards of its number.

A member shares the lock of the folder with the others, which keeps out plain runs, repair and verification,
and holds a lock of its own, which keeps out a second process of its number. What the plan is, is looked at
and written under a third lock, held for moments by one member after the other. No member puts the dataset
together: a plain run does, and makes what members left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from syngen.errors import ParameterError
from syngen.generation.folder import lifecycle
from syngen.generation.folder.growing import check_plan, write_plan
from syngen.generation.plan import Plan
from syngen.io.locks import exclusive_lock, is_locked
from syngen.storage.layout import Layout
from syngen.storage.shard_ranges import Shard

__all__ = ["Joined", "Member", "living_members", "member_session", "plan_lock", "remove_own_temporaries"]

_MOST_MEMBERS = 1_000_000
_PATIENCE_S = 0.5  # somebody may be looking whether a run is at work
_PLAN_PATIENCE_S = 3600.0  # the first member of many may have a dataset to grow
_INDEX = re.compile(r"([0-9]{1,7})/([0-9]{1,7})")
_LOCK_NAME = re.compile(r"([0-9]{1,7})-of-([0-9]{1,7})")


@dataclass(frozen=True)
class Member:
    """One of the processes of a job array.

    Attributes
    ----------
    number : int
        0 to `count` - 1.
    count : int
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Member:
        """Return the member that ``i/N`` names, the first being ``0/N``.

        Raises
        ------
        ParameterError
            If the text is not that.
        """
        match = _INDEX.fullmatch(text) if isinstance(text, str) else None
        number, count = map(int, match.groups()) if match else (0, 0)
        if not 0 <= number < count <= _MOST_MEMBERS:
            raise ParameterError(
                f"shard index {text!r}; i/N with i from 0 to N - 1 is needed, as in 0/8 for the first of "
                "eight"
            )
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def lock(self, layout: Layout) -> Path:
        """Return the file that the member holds a lock on."""
        return layout.members / f"{self.number}-of-{self.count}"

    def shards(self, plan: Plan) -> tuple[Shard, ...]:
        """Return the shards that the member makes; every N-th, so that no split is one member's alone."""
        return tuple(plan.shards[self.number :: self.count])


@dataclass(frozen=True)
class Joined:
    """What a member found when it joined.

    Attributes
    ----------
    is_finished : bool
        Whether the dataset is complete.
    kept : int
        Observations of a smaller dataset that stay where they are.
    """

    is_finished: bool
    kept: int


@contextmanager
def member_session(plan: Plan, layout: Layout, member: Member) -> Iterator[Joined]:
    """Hold the locks of a member, in a folder that has its plan.

    Raises
    ------
    ParameterError
        If a plain run, or the same member, or members of another plan work in the folder.
    PlanMismatchError
        If the folder is of another plan.
    """
    lifecycle.create(layout)
    with ExitStack() as held:
        in_use = f"a run that needs all of {layout.folder} is working in it; wait for it, or stop it"
        held.enter_context(_lock(layout.lock, _PATIENCE_S, in_use, is_shared=True))
        lifecycle.create(layout)  # a run that ended before we had the lock has removed them
        with plan_lock(layout):
            in_use = f"another run is working in {layout.folder} as {member}; wait for it, or stop it"
            held.enter_context(_lock(member.lock(layout), _PATIENCE_S, in_use))
            found = _plan_settled(plan, layout, member)
            if not found.is_finished:
                remove_own_temporaries(plan, layout, member)
        yield found
    if found.is_finished:
        # the folder may be one that we have made again
        with exclusive_lock(layout.lock, folder_mode=lifecycle.WORK_MODE) as is_mine:
            if is_mine:
                lifecycle.remove_work(layout)


def plan_lock(layout: Layout, *, patience_s: float = _PLAN_PATIENCE_S) -> AbstractContextManager[None]:
    """Be the only member that looks at the plan, at the other members and at what they left.

    Raises
    ------
    ParameterError
        If another member does not come to an end of it.
    """
    in_use = f"another member has the plan of {layout.folder} in hand; try again later"
    return _lock(layout.plan_lock, patience_s, in_use)


@contextmanager
def _lock(path: Path, patience_s: float, in_use: str, *, is_shared: bool = False) -> Iterator[None]:
    """Hold a lock, or raise a `ParameterError` that says why there is none."""
    mode = lifecycle.WORK_MODE
    with exclusive_lock(path, patience_s=patience_s, is_shared=is_shared, folder_mode=mode) as is_mine:
        if not is_mine:
            raise ParameterError(in_use)
        yield


def _plan_settled(plan: Plan, layout: Layout, member: Member) -> Joined:
    smaller = check_plan(plan, layout) if layout.plan.exists() else None
    if layout.description.exists() and smaller is None and layout.plan.exists():
        return Joined(is_finished=True, kept=0)
    others = [str(other) for other in living_members(layout) if other != member]
    if smaller is not None and others:
        raise ParameterError(
            f"members {', '.join(others[:8])} are making the {smaller.resolved.size:,} observations of a "
            f"smaller dataset in {layout.folder}; it can grow when they have ended"
        )
    return Joined(is_finished=False, kept=write_plan(plan, layout))


def living_members(layout: Layout) -> list[Member]:
    """Return the members that are at work in a folder now, in order."""
    found = []
    for path in layout.members.iterdir() if layout.members.is_dir() else ():
        match = _LOCK_NAME.fullmatch(path.name)
        if match and is_locked(path):
            found.append(Member(int(match.group(1)), int(match.group(2))))
    return sorted(found, key=lambda member: (member.count, member.number))


def remove_own_temporaries(plan: Plan, layout: Layout, member: Member) -> None:
    """Remove what earlier processes of a member left half-written. Call it under `plan_lock`.

    Nothing is removed that could be in the hands of another: members of an array of another size may be
    at work on the same shards.
    """
    if any(other.count != member.count for other in living_members(layout)):
        return
    lifecycle.remove_temporaries(layout, shards={shard.name for shard in member.shards(plan)})
