"""A dataset in an object store, without locks and without renames.

Shards are made in scratch folders and uploaded, receipt last. Concurrent runs at one URL are safe but
redundant: both write the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
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
from syngen.generation.folder.belongings import belongings_in, belongings_of, check_free
from syngen.generation.folder.growing import refuse_other_maker
from syngen.generation.plan import Plan
from syngen.generation.plan_conflicts import plan_conflict
from syngen.generation.targets.base import DatasetTarget
from syngen.generation.targets.listing import WORK, StoreListing, list_store, work_in
from syngen.generation.uploads import NAMES, name_of
from syngen.io.cache import scratch_folder
from syngen.io.workspace import remove
from syngen.storage.description import Description, ShardEntry, read_description
from syngen.storage.documents import json_in
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt, is_of, receipt_in
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen.io.object_store import Store

__all__ = ["StoreTarget"]

_AT_ONCE, _MOST_BYTES = 16, 64 << 20  # parts of the manifest in memory while it is put together


class StoreTarget(DatasetTarget):
    """The dataset of a plan in an object store; this process works in a scratch folder.

    Parameters
    ----------
    plan : Plan
    store : Store
        Without objects, or holding the same plan. A finished dataset that lost shards is completed.
    overwrite : bool
        Remove the dataset that is there first.
    """

    store: Store

    def __init__(self, plan: Plan, store: Store, *, overwrite: bool = False) -> None:
        super().__init__(plan, store.url, overwrite=overwrite)
        self.store = store
        self._found = StoreListing({}, None, None)
        self._replaced: set[str] | None = None  # names of what is overwritten
        self._listed: set[str] = set()  # shards that only a listing has seen
        self._wanted: dict[str, ShardEntry] = {}  # of a finished dataset

    @contextmanager
    def opened(self) -> Iterator[None]:
        with scratch_folder() as folder:
            self.layout = Layout(folder)
            try:
                yield
            except GenerationIncompleteError as error:
                text = str(error).replace(str(self.layout.work), f"{self.store}/{WORK[:-1]}")
                raise GenerationIncompleteError(text, error.failed) from error

    def check_usable(self) -> None:
        self._found = found = list_store(self.store)
        is_foreign = found.plan is None and found.description is None
        if is_foreign and len(found.sizes) > len(found.work):
            hint = " (--overwrite removes datasets only)" if self._overwrite else ""
            raise ParameterError(
                f"{self.store} has objects, but no dataset; choose a URL without objects{hint}"
            )
        wanted = self.plan.to_bytes()
        if self._overwrite or found.plan == wanted or is_foreign:
            return
        if found.plan is None:
            raise ManifestError(
                f"{self.store} has a finished dataset that lost its plan.json; copy it to a folder, run "
                "syngen verify --repair there and copy it back, or generate with --overwrite"
            )
        refuse_other_maker(self.store.url, found.plan)
        remedy = "in an object store a dataset does not grow: choose another URL, or --overwrite"
        raise plan_conflict(str(self.store), found.plan, wanted, remedy=remedy)

    def check_names(self) -> None:
        """Refuse a name that is taken; shards of a dataset without a plan are known by their size."""
        if not self._overwrite:
            return
        sizes, documents = self._found.sizes, (self._found.plan, self._found.description)
        belongings = belongings_in(map(json_in, documents), self.plan.resolved)
        own = {
            name
            for name, size in sizes.items()
            if belongings.has(name) and size == belongings.proofs.get(name, (size, ""))[0]
        }
        left = tuple(sorted(sizes.keys() - own))
        check_free(self.store.url, belongings_of(self.plan), left)
        self._replaced, self.left = own, left

    @contextmanager
    def session(self) -> Iterator[bool]:
        store = self.store
        lifecycle.create(self.layout)
        if self._replaced is not None:
            # the description first; the plan is replaced by the next
            store.delete([name_of(NAMES.description)])
            store.delete(sorted(self._replaced - {name_of(NAMES.description), name_of(NAMES.plan)}))
            self._found = StoreListing({}, None, None)
        yield True
        # after the description, and what another run may have left too
        is_finished = self._found.description is not None
        store.delete(self._found.work if is_finished else work_in(store.sizes()))

    def scan(self) -> None:
        """Write the plan, unless the dataset is finished, and find the shards that are there."""
        if self._found.description is not None:
            self.description = self._described(self._found.description)
            self._wanted = {entry.name: entry for entry in self.description.shards}
            return
        for path, content in (
            (NAMES.plan, self.plan.to_bytes()),
            (NAMES.recipe, self.plan.resolved.recipe.text.encode("utf-8")),
        ):
            self.store.put(name_of(path), content)
            self.has_begun = True
        self.receipts = self._read_receipts()
        self._listed = set(self.receipts)

    def _read_receipts(self) -> dict[str, Receipt]:
        """Return the receipts of those shards that the listing has in the size that they should have."""
        sizes = self._found.sizes
        by_name = {name_of(NAMES.receipt(shard.name)): shard for shard in self.shards}
        found = {}
        for name, data in self.store.get_all(sizes.keys() & by_name.keys()):
            shard = by_name[name]
            receipt = receipt_in(data, shard.name) if data is not None else None
            if receipt is not None and is_of(receipt, shard) and _fits(receipt, sizes):
                found[shard.name] = receipt
        return found

    @property
    def missing(self) -> list[Shard]:
        if self.description is None:
            return super().missing
        sizes, wanted = self._found.sizes, self._wanted
        return [
            shard
            for shard in super().missing
            if shard.name in wanted
            and sizes.get(name_of(NAMES.shard(shard.name))) != wanted[shard.name].bytes
        ]

    def add(self, receipt: Receipt) -> None:
        super().add(receipt)
        name = receipt.entry.name
        self._listed.discard(name)
        if self._wanted.get(name, receipt.entry) != receipt.entry:
            raise ManifestError(
                f"{self.store}: shard {name} was lost, and what is made now is not what dataset.json says; "
                "generate with --overwrite"
            )

    def confirm(self) -> None:
        """Forget the shards that only a listing has seen: dataset.json shall name none of them."""
        names = {name: name_of(NAMES.shard(name)) for name in self._listed}
        sizes = self.store.sizes_of(names.values())
        for name in self._listed:
            if sizes.get(names[name]) != self.receipts[name].entry.bytes:
                del self.receipts[name]
        self._listed.clear()

    def finish(self) -> bool:
        if self.description is None:
            self.description = self._assembled([self.receipts[shard.name] for shard in self.shards])
            return True
        parts = (lifecycle.files_of_shard(NAMES, name)[1:] for name in self.receipts)
        self.store.delete(map(name_of, chain.from_iterable(parts)))
        return False

    def keep_log(self, error: BaseException | None) -> None:
        is_deaf = any(isinstance(cause, StoreError) for cause in (error, getattr(error, "__cause__", None)))
        if error is not None and self.has_begun and not is_deaf:
            with suppress(OSError):  # no reason to lose what was made
                self.store.put_file(name_of(NAMES.log), self.layout.log)

    def _described(self, content: bytes) -> Description:
        self.layout.description.write_bytes(content)
        try:
            return read_description(self.layout.description)
        except ManifestError as error:
            text = str(error).replace(str(self.layout.folder), self.store.url)
            raise ManifestError(f"{text}; or generate with --overwrite") from error
        finally:
            remove(self.layout.description)

    def _assembled(self, receipts: Sequence[Receipt]) -> Description:
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


class _LostPartError(Exception):
    """A shard whose part of the manifest or of the annotations is not what its receipt says."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _fits(receipt: Receipt, sizes: Mapping[str, int]) -> bool:
    name = receipt.entry.name
    return (
        sizes.get(name_of(NAMES.shard(name))) == receipt.entry.bytes
        and sizes.get(name_of(NAMES.shard_manifest(name))) == receipt.part_bytes
        and (not receipt.annotations_sha256 or name_of(NAMES.annotations_part(name)) in sizes)
    )


def _batches(receipts: Sequence[Receipt]) -> Iterator[Sequence[Receipt]]:
    """Yield a few consecutive receipts at a time, whose parts of the manifest fit into memory."""
    largest = max(receipt.part_bytes for receipt in receipts)
    n_at_once = max(1, min(_AT_ONCE, _MOST_BYTES // max(1, largest)))
    for start in range(0, len(receipts), n_at_once):
        yield receipts[start : start + n_at_once]
