"""A dataset in a folder, made by one run, or by the members of a job array."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import chain
from pathlib import Path

from syngen.errors import ManifestError, ParameterError
from syngen.generation.assembly import finish
from syngen.generation.folder import lifecycle
from syngen.generation.folder.growing import check_plan, write_plan
from syngen.generation.folder.overwriting import clear, to_overwrite
from syngen.generation.plan import Plan
from syngen.generation.preflight import check_space
from syngen.generation.targets.base import DatasetTarget
from syngen.generation.workers.members import Member, member_session, plan_lock, remove_own_temporaries
from syngen.io.locks import exclusive_lock
from syngen.storage.description import Description, read_description
from syngen.storage.layout import Layout
from syngen.storage.receipts import read_receipt

__all__ = ["FolderTarget", "MemberTarget"]

_LOCK_PATIENCE_S = 0.5  # somebody may be looking whether a run is at work


class FolderTarget(DatasetTarget):
    """The dataset of a plan in a folder.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Absent, empty, or holding the same plan, or one that differs only by a smaller size.
    overwrite : bool
        Remove the dataset that is there first.
    """

    def __init__(self, plan: Plan, folder: Path, *, overwrite: bool = False) -> None:
        super().__init__(plan, folder, overwrite=overwrite)
        self.layout = Layout(folder)
        self._freed: int | None = None  # bytes of the shards that overwriting removes

    def check_usable(self) -> None:
        lifecycle.check_usable(self.layout, overwrite=self._overwrite)

    def is_finished(self) -> bool:
        layout = self.layout
        if self._overwrite:
            return False
        if layout.description.exists():
            if check_plan(self.plan, layout) is None and not layout.work.exists():
                self.description = _finished(layout)
        elif layout.plan.exists() and not lifecycle.is_unfinished(layout):
            raise ManifestError(
                f"{layout.folder} holds a finished dataset that lost its dataset.json; run syngen verify "
                f"{layout.folder} --repair, or generate with --overwrite"
            )
        return self.description is not None

    def check_names(self) -> None:
        layout = self.layout
        lifecycle.check_work(layout)
        with lifecycle.looking_at(layout):
            if self._overwrite:
                self._freed = to_overwrite(layout, self.plan).n_bytes
            else:
                lifecycle.check_files(layout.final_files(self.plan.tables))

    def check_space(self) -> None:
        plan, layout = self.plan, self.layout
        smaller = None if self._overwrite or not layout.plan.exists() else check_plan(plan, layout)
        kept = {shard.name for shard in set(plan.shards) & set(smaller.shards)} if smaller else set()
        check_space(plan, layout, kept=kept, freed=self._freed)

    @contextmanager
    def session(self) -> Iterator[bool]:
        plan, layout = self.plan, self.layout
        lifecycle.create(layout)
        left: tuple[str, ...] = ()
        with exclusive_lock(
            layout.lock, patience_s=_LOCK_PATIENCE_S, folder_mode=lifecycle.WORK_MODE
        ) as is_mine:
            if not is_mine:
                raise ParameterError(f"another run is working in {layout.folder}; wait for it, or stop it")
            lifecycle.create(layout)  # a run that ended before we had the lock has removed them
            if not self._overwrite and layout.description.exists() and check_plan(plan, layout) is None:
                self.description = _finished(layout)
            else:
                if self._overwrite:
                    left = clear(layout, to_overwrite(layout, plan))
                self.kept = write_plan(plan, layout)
                lifecycle.remove_temporaries(layout)
            yield self.description is None
            self.left = tuple(sorted({*left, *lifecycle.remove_work(layout)}))

    def scan(self) -> None:
        layout = self.layout
        self.receipts = {s.name: r for s in self.shards if (r := read_receipt(layout, s)) is not None}
        lifecycle.check_files(
            chain.from_iterable(lifecycle.files_of_shard(layout, shard.name) for shard in self.missing)
        )

    def finish(self) -> bool:
        receipts = [self.receipts[shard.name] for shard in self.shards]
        self.description = finish(self.plan, self.layout, receipts)
        return True

    def clean_up(self) -> None:
        lifecycle.remove_temporaries(self.layout)


class MemberTarget(FolderTarget):
    """The shards of a member of a job array, which does not put the dataset together.

    Parameters
    ----------
    plan : Plan
    folder : Path
    member : Member
    """

    def __init__(self, plan: Plan, folder: Path, member: Member) -> None:
        super().__init__(plan, folder)
        self._member = member
        self.about = {"member": str(member)}
        self.shards = member.shards(plan)

    @contextmanager
    def session(self) -> Iterator[bool]:
        with member_session(self.plan, self.layout, self._member) as found:
            self.kept = found.kept
            if found.is_finished:
                self.description = _finished(self.layout)
            yield not found.is_finished

    def finish(self) -> bool:
        there = {path.stem for path in self.layout.receipts.glob("*.json")}
        self.shards_left = sum(shard.name not in there for shard in self.plan.shards)
        return False

    def clean_up(self) -> None:
        with suppress(ParameterError), plan_lock(self.layout, patience_s=_LOCK_PATIENCE_S):
            remove_own_temporaries(self.plan, self.layout, self._member)

    def log_lock(self) -> AbstractContextManager[None]:
        return plan_lock(self.layout)


def _finished(layout: Layout) -> Description:
    """Return the description of a folder that is complete.

    Raises
    ------
    ManifestError
        If a shard is missing or has another size.
    """
    description = read_description(layout.description)
    for entry in description.shards:
        path = layout.shard(entry.name)
        if not path.is_file() or path.stat().st_size != entry.bytes:
            raise ManifestError(
                f"shard {entry.name} of the finished dataset in {layout.folder} is missing or has "
                "another size; run syngen verify, or generate with --overwrite"
            )
    return description
