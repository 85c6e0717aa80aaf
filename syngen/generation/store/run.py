"""Generation in an object store: what `run` does in a folder, without locks and without renames.

Shards are made in scratch folders and uploaded, receipt last. Two runs at one URL disturb each other as
little as they help: both write the same bytes.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import (
    GenerationIncompleteError,
    ManifestError,
    ParameterError,
    StoreError,
)
from syngen.generation.assembly import finish
from syngen.generation.folder import lifecycle
from syngen.generation.folder.belongings import Contents
from syngen.generation.plan import Plan
from syngen.generation.preflight import disk_message
from syngen.generation.run import GenerationReport, report_of
from syngen.generation.shard_run import check_numbers, logged_run, n_jobs, run_shards
from syngen.generation.store.listing import (
    WORK,
    StoreListing,
    check_store,
    list_store,
    not_there,
    read_receipts,
    to_overwrite,
    work_in,
)
from syngen.generation.uploads import NAMES, name_of
from syngen.generation.workers.log import EventLog, append_events, check_log_file
from syngen.generation.workers.scheduler import DEFAULT_HANG_LIMIT_S
from syngen.io.cache import scratch_folder
from syngen.io.workspace import remove
from syngen.storage.description import Description, read_description
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.io.object_store import Store

__all__ = ["run_in_store"]

_AT_ONCE, _MOST_BYTES = 16, 64 << 20  # parts of the manifest in memory while it is put together


def run_in_store(
    plan: Plan,
    store: Store,
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    hang_limit_s: float = DEFAULT_HANG_LIMIT_S,
    log: Path | None = None,
    progress: Progress | None = None,
) -> GenerationReport:
    """Make the dataset of a plan in an object store, or finish it.

    Parameters
    ----------
    plan : Plan
    store : Store
        Without objects, or holding the same plan.
    jobs, overwrite, hang_limit_s, log, progress
        See `syngen.generation.run.run`.

    Raises
    ------
    StoreAccessError
        If the store refuses before anything is written.
    ParameterError, PlanMismatchError, ManifestError
        See `check_store`.
    GenerationIncompleteError
        If shards failed, or the store gave up; what was finished is kept.
    """
    started = time.monotonic()
    check_numbers(jobs, hang_limit_s)
    with scratch_folder() as folder:
        layout = Layout(folder)
        if log is not None:
            check_log_file(log, layout)
        work = _Work(plan, store, layout, jobs, hang_limit_s, log, progress)
        try:
            found = check_store(store, plan, overwrite=overwrite)
            replaced = to_overwrite(store, found, plan) if overwrite else None
            plan.resolved.synthesizer.make_ready(plan.resolved.request)
            description, rendered = work.done(found, replaced)
        except (OSError, GenerationIncompleteError) as error:
            if isinstance(error, ParameterError) and not work.has_begun:
                raise
            if isinstance(error, GenerationIncompleteError):
                text, failed = str(error).replace(str(layout.work), f"{store}/{WORK[:-1]}"), error.failed
            else:
                text, failed = disk_message(layout, error), None
            raise GenerationIncompleteError(text, failed) from error
    left = () if replaced is None else replaced.left
    return report_of(store.url, description, started, rendered=rendered, left=left)


@dataclass
class _Work:
    """A run at a URL."""

    plan: Plan
    store: Store
    layout: Layout  # of the scratch folder
    jobs: int | None
    hang_limit_s: float
    log: Path | None
    progress: Progress | None
    has_begun: bool = field(default=False, init=False)

    def done(self, found: StoreListing, replaced: Contents | None) -> tuple[Description, int]:
        """Do what is missing, or all again; return the description, and how many rows were rendered."""
        store = self.store
        lifecycle.create(self.layout)
        if replaced is not None:
            self._clear(replaced)
            found = StoreListing({}, None, None)
        events = EventLog(self.layout.log)
        events.create()
        is_finished = found.description is not None
        keep = partial(self._keep_log, is_unfinished=not is_finished)
        with logged_run(events, keep=keep):
            if found.description is not None:
                description = self._described(found.description)
                rendered = self._complete(description, found, events)
            else:
                for path, content in (
                    (NAMES.plan, self.plan.to_bytes()),
                    (NAMES.recipe, self.plan.resolved.recipe.text.encode("utf-8")),
                ):
                    store.put(name_of(path), content)
                    self.has_begun = True
                description, rendered = self._make(found, events)
        # after the description, and what another run may have left too
        store.delete(found.work if is_finished else work_in(store.sizes()))
        return description, rendered

    def _clear(self, replaced: Contents) -> None:
        """Remove a dataset, and nothing else; the description first. Its plan is replaced by the next."""
        self.store.delete([name_of(NAMES.description)])
        kept = {name_of(NAMES.description), name_of(NAMES.plan)}
        self.store.delete(name for name in replaced.own if name not in kept)

    def _described(self, content: bytes) -> Description:
        self.layout.description.write_bytes(content)
        try:
            return read_description(self.layout.description)
        except ManifestError as error:
            text = str(error).replace(str(self.layout.folder), self.store.url)
            raise ManifestError(f"{text}; or generate with --overwrite") from error
        finally:
            remove(self.layout.description)

    def _complete(self, description: Description, found: StoreListing, events: EventLog) -> int:
        """Make those shards of a finished dataset again that are not there any more."""
        wanted = {entry.name: entry for entry in description.shards}
        missing = [
            shard
            for shard in self.plan.shards
            if shard.name in wanted
            and found.sizes.get(name_of(NAMES.shard(shard.name))) != wanted[shard.name].bytes
        ]
        for receipt in self._make_shards(missing, events):
            found.sizes[name_of(NAMES.receipt(receipt.entry.name))] = 0
            if receipt.entry != wanted[receipt.entry.name]:
                raise ManifestError(
                    f"{self.store}: shard {receipt.entry.name} was lost, and what is made now is not what "
                    "dataset.json says; generate with --overwrite"
                )
        if missing:
            leftovers = (
                name_of(path(NAMES, shard.name))
                for shard in missing
                for path in (Layout.receipt, Layout.shard_manifest, Layout.annotations_part)
            )
            self.store.delete(leftovers)
        return sum(shard.n_rows for shard in missing)

    def _make(self, found: StoreListing, events: EventLog) -> tuple[Description, int]:
        """Make what is missing and put the dataset together."""
        store, plan = self.store, self.plan
        kept = read_receipts(store, plan, found.sizes)
        receipts, rendered = dict(kept), 0
        while True:
            remaining = [shard for shard in plan.shards if shard.name not in receipts]
            for receipt in self._make_shards(remaining, events):
                receipts[receipt.entry.name] = receipt
                kept.pop(receipt.entry.name, None)
                rendered += receipt.entry.rows
            # dataset.json shall name no shard that only a listing has seen
            doubtful = not_there(store, kept)
            if not doubtful:
                break
            for name in doubtful:
                del kept[name], receipts[name]
        started = time.monotonic()
        ordered = [receipts[shard.name] for shard in plan.shards]
        description = self._finished(ordered)
        events.write("put together", wall_s=round(time.monotonic() - started, 4))
        return description, rendered

    def _make_shards(self, shards: Sequence[Shard], events: EventLog) -> Iterator[Receipt]:
        """Make shards in the store and yield their receipts."""
        plan = self.plan
        events.write(
            "run started",
            host=platform.node(),
            jobs=n_jobs(self.jobs, shards),
            hang_limit_s=self.hang_limit_s,
            rows=plan.resolved.size,
            rows_left=sum(shard.n_rows for shard in shards),
            shards=len(plan.shards),
            shards_left=len(shards),
            versions=plan.versions(),
        )
        with run_shards(
            plan,
            self.layout,
            shards,
            among=plan.shards,
            jobs=self.jobs,
            progress=self.progress,
            hang_limit_s=self.hang_limit_s,
            log=events,
            store=self.store,
        ) as made:
            yield from made

    def _finished(self, receipts: Sequence[Receipt]) -> Description:
        """Put manifest, card, checksums and description together here, and upload them in this order."""
        store, layout, plan = self.store, self.layout, self.plan
        layout.plan.write_bytes(plan.to_bytes())
        try:
            description = finish(
                plan, layout, receipts, materialize_shard=lambda path: self._parts(receipts, path)
            )
        except _LostPartError as lost:
            return self._finished_by_another(lost)
        files = layout.final_files(description.tables)
        others = [path for path in files if path not in (layout.plan, layout.recipe)]
        for path in (layout.recipe, *others):
            store.put_file(name_of(path.relative_to(layout.folder)), path)
        return description

    def _parts(self, receipts: Sequence[Receipt], path_of: Callable[[Layout, str], Path]) -> Iterator[str]:
        """Yield the names of shards while their part of the manifest is in the scratch folder."""
        for some in _batches(receipts):
            names = [name_of(path_of(NAMES, receipt.entry.name)) for receipt in some]
            for receipt, (_, data) in zip(some, self.store.get_all(names), strict=True):
                name, path = receipt.entry.name, path_of(self.layout, receipt.entry.name)
                is_part = path == self.layout.shard_manifest(name)
                wanted = receipt.part_sha256 if is_part else receipt.annotations_sha256
                if data is None or hashlib.sha256(data).hexdigest() != wanted:
                    raise _LostPartError(name)
                path.write_bytes(data)
                yield name
                remove(path)

    def _finished_by_another(self, lost: _LostPartError) -> Description:
        """Return what another run has finished meanwhile, or see to it that a lost part is made again."""
        found = list_store(self.store)
        if found.description is not None and found.plan == self.plan.to_bytes():
            return self._described(found.description)
        self.store.delete([name_of(NAMES.receipt(lost.name))])
        raise GenerationIncompleteError(
            f"{self.store}: the part of the manifest of shard {lost.name} is missing or damaged, and its "
            "receipt was removed; run the same command again to make that shard again"
        ) from lost

    def _keep_log(self, error: BaseException | None, *, is_unfinished: bool) -> None:
        """Append the log to where it is wanted, and keep that of a run that ended early in the store."""
        with suppress(OSError):  # no reason to lose what was made
            if self.log is not None:
                append_events(self.layout.log, self.log)
        is_deaf = any(isinstance(cause, StoreError) for cause in (error, getattr(error, "__cause__", None)))
        if error is not None and is_unfinished and self.has_begun and not is_deaf:
            with suppress(OSError):
                self.store.put_file(name_of(NAMES.log), self.layout.log)


class _LostPartError(Exception):
    """A shard whose part of the manifest or of the annotations is not what its receipt says."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _batches(receipts: Sequence[Receipt]) -> Iterator[list[Receipt]]:
    """Yield a few consecutive receipts at a time, whose parts of the manifest fit into memory."""
    batch: list[Receipt] = []
    for receipt in receipts:
        if len(batch) == _AT_ONCE or sum(r.part_bytes for r in batch) + receipt.part_bytes > _MOST_BYTES:
            if batch:
                yield batch
            batch = []
        batch.append(receipt)
    if batch:
        yield batch
