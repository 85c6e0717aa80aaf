"""Repair: what is damaged is made again, proven to be what it was, and put in its place.

Nothing is replaced by something that is not known to be right: a shard that was rendered again must have
a hash that a sound document gives it, and the documents must follow from the plan and the shards. What
is made is made in a folder of its own and takes its place by renaming, so a repair that is killed has
damaged nothing, and the next one goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import (
    GenerationIncompleteError,
    ManifestError,
    ParameterError,
    SyngenError,
    VerificationError,
)
from syngen.generation.folder import lifecycle
from syngen.generation.folder.growing import write_plan_files
from syngen.generation.shard_run import check_numbers, run_shards
from syngen.generation.workers.log import EventLog
from syngen.io.atomic import sync_folder
from syngen.io.locks import exclusive_lock
from syngen.io.workspace import remove, working_folder
from syngen.storage.layout import Layout
from syngen.storage.names import is_work_name
from syngen.storage.problems import Problem
from syngen.storage.receipts import Receipt, has_parts, read_any_receipt, read_receipt
from syngen.storage.shard_ranges import Shard
from syngen.verification.document_repair import DocumentRepair, is_free
from syngen.verification.finished import abridged, find_problems
from syngen.verification.options import VerificationOptions
from syngen.verification.plan_recovery import FoundPlan, PlanRecovery, hash_of

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.synth.request import Permissions

__all__ = ["RepairReport", "repair_folder"]


@dataclass(frozen=True)
class RepairReport:
    """What a call of `repair` did.

    Attributes
    ----------
    folder : Path
        Of the dataset.
    shards : tuple of str
        Names of the shards that were made again and put in place.
    files : tuple of str
        Other files that were written again.
    removed : tuple of str
        Files that runs had left which ended early.
    rendered : int
        Observations rendered.
    left : tuple of str
        Problems that remain, and why; empty if the dataset is sound.
    unfinished : str
        How much of an unfinished dataset is there; empty for a finished one.
    wall_s : float
        Seconds that the call took.
    """

    folder: Path
    shards: tuple[str, ...]
    files: tuple[str, ...]
    removed: tuple[str, ...]
    rendered: int
    left: tuple[str, ...]
    unfinished: str
    wall_s: float


def repair_folder(
    folder: Path,
    *,
    permissions: Permissions,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> RepairReport:
    """Make again what is damaged in a dataset, finished or not.

    Parameters
    ----------
    folder : Path
    permissions : Permissions
        What the recipe of the dataset may do; see `load_recipe`.
    jobs : int, optional
        Worker processes; by default one per CPU.
    progress : callable, optional
        Told after every shard that was rendered.

    Raises
    ------
    ParameterError
        If the folder cannot be used, a run is working in it, or a link is where repair would write.
    ManifestError
        If the folder holds no dataset.
    GenerationIncompleteError
        If the file system refuses; what was repaired stays so.
    """
    started = time.monotonic()
    check_numbers(jobs)
    layout = Layout(folder)
    if not folder.is_dir():
        raise ParameterError(f"{folder} is not a folder; repair takes the folder of a dataset")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ParameterError(f"{folder} cannot be written, so nothing in it can be repaired")
    if not (layout.work.exists() or any(path.exists() for path in layout.final_files())):
        raise ManifestError(f"{folder} holds no dataset: there is no dataset.json")
    is_finished = not lifecycle.is_unfinished(layout)
    if is_finished and lifecycle.is_part(layout):
        raise ParameterError(
            f"{folder} is a part of a release, which its recipe alone does not make again: remove it and "
            "download it again"
        )
    lifecycle.check_work(layout)
    with exclusive_lock(layout.lock, folder_mode=lifecycle.WORK_MODE) as is_mine:
        if not is_mine:
            raise ParameterError(
                f"a run is working in {folder}; repair it when the run has ended, or stop the run"
            )
        job = _Repair(layout, permissions, jobs, progress)
        try:
            report = job.report(started)
        except OSError as error:
            raise GenerationIncompleteError(
                f"{folder}: {error.strerror or error}. What was repaired stays so; run the same command "
                "again to go on."
            ) from error
        if is_finished:
            lifecycle.remove_work(layout)
        return report


@dataclass
class _Repair:
    """One repair."""

    layout: Layout
    permissions: Permissions
    jobs: int | None
    progress: Progress | None
    shards: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    rendered: int = 0

    def report(self, started: float) -> RepairReport:
        """Repair, verify, and say what was done and what is left."""
        self._remove_temporaries()
        problems, unfinished = self._verified()
        is_finished = not lifecycle.is_unfinished(self.layout)
        if problems or not is_finished:  # that a copy of its plan is lost is no problem yet
            self._repair(problems, is_finished=is_finished)
            if self.shards or self.files:
                problems, unfinished = self._verified()
        left = [*self.reasons, *abridged(problems)]
        return RepairReport(
            folder=self.layout.folder,
            shards=tuple(self.shards),
            files=tuple(self.files),
            removed=tuple(self.removed),
            rendered=self.rendered,
            left=tuple(dict.fromkeys(left)) if problems else (),
            unfinished=unfinished,
            wall_s=time.monotonic() - started,
        )

    def _verified(self) -> tuple[list[Problem], str]:
        """Return what is wrong, and how much of an unfinished dataset is there."""
        try:
            found = find_problems(self.layout, VerificationOptions(self.permissions))
            return [problem for problem in found if problem.file != self.layout.work.name], ""
        except GenerationIncompleteError as error:
            return [], str(error)

    def _remove_temporaries(self) -> None:
        layout = self.layout
        for path in lifecycle.temporaries(layout):
            if not remove(path, within=layout.folder):
                self.removed.append(path.relative_to(layout.folder).as_posix())

    def _repair(self, problems: Sequence[Problem], *, is_finished: bool) -> None:
        recovery = PlanRecovery(self.layout)
        try:
            found = recovery.plan(self.permissions)
        except VerificationError as error:
            self.reasons += [f"nothing can be repaired: {reason}" for reason in error.problems]
            return
        working_folder(self.layout.audio, mode=0o777)
        for folder in (self._scratch.audio, self._scratch.receipts):
            working_folder(folder, within=self.layout.folder, mode=lifecycle.WORK_MODE)
        if is_finished:
            self._repair_finished(recovery, found, problems)
        else:
            self._repair_unfinished(recovery, found, {problem.file for problem in problems})
        with suppress(OSError):
            remove(self.layout.scratch, within=self.layout.folder, only=self._is_scratch)

    def _is_scratch(self, name: str) -> bool:
        return is_work_name(f"{self.layout.scratch.name}/{name}")

    @property
    def _scratch(self) -> Layout:
        return Layout(self.layout.scratch)

    def _repair_unfinished(self, recovery: PlanRecovery, found: FoundPlan, suspects: set[str]) -> None:
        layout = self.layout
        text = recovery.recipe_text(found.plan.resolved)
        lifecycle.check_files((layout.plan, layout.recipe))
        if text is None:
            self.reasons.append(
                "recipe.yaml cannot be made again, but the next syngen generate writes it anew"
            )
        else:
            self.files += write_plan_files(layout, found.to_bytes(), text)
            if self.files:  # without its plan, no shard was looked at
                suspects = {problem.file for problem in self._verified()[0]}
        damaged = [s for s in found.plan.shards if _is_damaged(layout, s, suspects)]
        for shard, made in self._make_shards(found, damaged):
            receipt = read_any_receipt(layout, shard.name)
            known = {hash_of(layout.shard(shard.name))} | ({receipt.entry.sha256} if receipt else set())
            if receipt is not None and made.entry.sha256 not in known:
                self._refuse(shard, found)
                continue
            if not is_free(self.reasons, *lifecycle.files_of_shard(layout, shard.name)):
                continue
            remove(layout.receipt(shard.name))  # it is not the receipt of what comes now
            for path_of in (Layout.shard, Layout.shard_manifest, Layout.annotations_part, Layout.receipt):
                if path_of(self._scratch, shard.name).exists():
                    path_of(self._scratch, shard.name).replace(path_of(layout, shard.name))
            sync_folder(layout.audio)
            sync_folder(layout.receipts)
            self.shards.append(shard.name)

    def _repair_finished(
        self, recovery: PlanRecovery, found: FoundPlan, problems: Sequence[Problem]
    ) -> None:
        plan = found.plan
        documents = DocumentRepair(recovery, found, problems, self._scratch)
        damaged: dict[str, set[str | None]] = {}
        for shard in plan.shards:
            wanted, there = documents.hashes_of(shard)
            if there is not None and there == wanted:
                documents.add(shard, there)
            else:
                damaged[shard.name] = {wanted, there}
        to_make = [s for s in plan.shards if s.name in damaged or not documents.has_part(s)]
        for shard, made in self._make_shards(found, to_make):
            sha256 = made.entry.sha256
            wanted, there = documents.hashes_of(shard)
            if sha256 not in damaged.get(shard.name, {wanted}):
                self._refuse(shard, found)
                continue
            if there == sha256:  # only its part of the manifest was wanted
                remove(self._scratch.shard(shard.name))
            elif not self._place(shard):
                continue
            documents.add_made(made)
        documents.write()
        self.reasons += documents.reasons
        self.files += documents.written

    def _place(self, shard: Shard) -> bool:
        target = self.layout.shard(shard.name)
        if not is_free(self.reasons, target):
            return False
        self._scratch.shard(shard.name).replace(target)
        sync_folder(self.layout.audio)
        self.shards.append(shard.name)
        return True

    def _refuse(self, shard: Shard, found: FoundPlan) -> None:
        """Keep a shard that cannot be made again as it was, and say why."""
        remove(self._scratch.shard(shard.name))
        here = found.plan.versions()
        other = [
            f"{k} is {here[k]} here and was {v}" for k, v in found.versions.items() if here.get(k) != v
        ]
        why = "; ".join(other) or "the versions are the same, so another library or engine must differ"
        self.reasons.append(
            f"shard {shard.name}: rendered again it has another SHA-256 than it had, so what is there was "
            f"kept ({why})"
        )

    def _make_shards(self, found: FoundPlan, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Receipt]]:
        """Make shards in the scratch folder, or take those that an earlier repair made there."""
        plan, scratch = found.plan, self._scratch
        ready = {s.name: r for s in shards if (r := _made_before(scratch, self.layout, s)) is not None}
        yield from ((shard, ready[shard.name]) for shard in shards if shard.name in ready)
        remaining = [shard for shard in shards if shard.name not in ready]
        if not remaining:
            return
        by_name = {shard.name: shard for shard in remaining}
        log = EventLog(self.layout.log)
        try:
            plan.resolved.synthesizer.make_ready(plan.resolved.request)
            with run_shards(
                plan, scratch, remaining, jobs=self.jobs, progress=self.progress, log=log
            ) as receipts:
                for receipt in receipts:
                    self.rendered += receipt.entry.rows
                    yield by_name[receipt.entry.name], receipt
        except GenerationIncompleteError as error:
            self.reasons += [
                f"shard {name} cannot be rendered: {why}" for name, why in error.failed.items()
            ]
        except SyngenError as error:
            self.reasons.append(f"nothing can be rendered: {error}")


def _is_damaged(layout: Layout, shard: Shard, suspects: set[str]) -> bool:
    """Whether a shard of an unfinished dataset has a receipt and is not what that says."""
    return f"audio/{shard.name}.tar" in suspects and layout.receipt(shard.name).exists()


def _made_before(scratch: Layout, layout: Layout, shard: Shard) -> Receipt | None:
    """Return the receipt of a shard that an earlier repair made, and perhaps put in its place."""
    receipt = read_receipt(scratch, shard, is_checked=False)
    if receipt is None or not has_parts(scratch, receipt):
        return None
    hashes = (hash_of(some.shard(shard.name)) for some in (scratch, layout))
    return receipt if receipt.entry.sha256 in hashes else None
