"""What lies at the URL of a dataset in an object store.

One listing tells nearly all; what decides anything is asked for by name, because a listing may lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syngen.errors import ManifestError, ParameterError, PlanMismatchError
from syngen.generation.folder.belongings import Contents, belongings_in, belongings_of, check_free
from syngen.generation.plan import Plan
from syngen.generation.uploads import NAMES, name_of
from syngen.storage.documents import json_in
from syngen.storage.names import is_work_name
from syngen.storage.receipts import Receipt, is_of, receipt_in
from syngen.storage.shard_ranges import differing_lines

if TYPE_CHECKING:
    from syngen.io.object_store import Store

__all__ = [
    "WORK",
    "StoreListing",
    "check_store",
    "list_store",
    "not_there",
    "read_receipts",
    "to_overwrite",
    "work_in",
]

WORK = f"{name_of(NAMES.work)}/"
"""What the names of those objects begin with that only an unfinished dataset has."""


@dataclass(frozen=True)
class StoreListing:
    """What there is at a URL.

    Attributes
    ----------
    sizes : dict of str to int
        Bytes of every object, as listed.
    plan, description : bytes or None
        Content of plan.json and dataset.json, whatever the listing says of them.
    """

    sizes: dict[str, int]
    plan: bytes | None
    description: bytes | None

    @property
    def work(self) -> list[str]:
        """Names of what only an unfinished dataset has."""
        return work_in(self.sizes)


def work_in(names: Iterable[str]) -> list[str]:
    """Return those names of objects that only an unfinished dataset has."""
    return [name for name in names if name.startswith(WORK) and is_work_name(name.removeprefix(WORK))]


def to_overwrite(store: Store, found: StoreListing, plan: Plan) -> Contents:
    """Return what overwriting removes, and what it leaves; see `syngen.generation.folder.overwriting`.

    Shards of a dataset without a plan are known by their size: they are not fetched to be hashed.

    Raises
    ------
    InTheWayError
        If the new dataset needs a name of what stays.
    """
    belongings = belongings_in(map(json_in, (found.plan, found.description)), plan.resolved)
    own = {
        name
        for name, size in found.sizes.items()
        if belongings.has(name) and size == belongings.proofs.get(name, (size, ""))[0]
    }
    left = tuple(sorted(found.sizes.keys() - own))
    check_free(store.url, belongings_of(plan), left)
    return Contents(tuple(sorted(own)), left, sum(found.sizes[name] for name in own))


def list_store(store: Store) -> StoreListing:
    """Return what there is at a URL."""
    sizes = store.sizes()
    plan, description = store.ranges(
        [(name_of(NAMES.plan), 0, None), (name_of(NAMES.description), 0, None)]
    )
    return StoreListing(sizes, plan, description)


def check_store(store: Store, plan: Plan, *, overwrite: bool = False) -> StoreListing:
    """Refuse a URL that generation must not touch; changes nothing.

    Raises
    ------
    ParameterError
        If there are objects that are no dataset's.
    PlanMismatchError
        If there is a dataset of another plan.
    ManifestError
        If there is a dataset that lost its plan.
    """
    found = list_store(store)
    is_foreign = found.plan is None and found.description is None
    if is_foreign and len(found.sizes) > len(found.work):
        hint = " (--overwrite removes datasets only)" if overwrite else ""
        raise ParameterError(f"{store} has objects, but no dataset; choose a URL without objects{hint}")
    if overwrite or found.plan == plan.to_bytes() or is_foreign:
        return found
    if found.plan is None:
        raise ManifestError(
            f"{store} has a finished dataset that lost its plan.json; copy it to a folder, run syngen "
            "verify --repair there and copy it back, or generate with --overwrite"
        )
    raise PlanMismatchError(
        f"{store} holds a dataset of another plan, and in an object store a dataset does not grow; choose "
        "another URL, or --overwrite. The plans differ (- there, + wanted):\n"
        f"{differing_lines(found.plan, plan.to_bytes())}"
    )


def read_receipts(store: Store, plan: Plan, sizes: Mapping[str, int]) -> dict[str, Receipt]:
    """Return the receipts of those shards that the listing has in the size that they should have."""
    by_name = {
        name_of(NAMES.receipt(shard.name)): shard
        for shard in plan.shards
        if name_of(NAMES.receipt(shard.name)) in sizes and name_of(NAMES.shard(shard.name)) in sizes
    }
    found = {}
    for name, data in store.get_all(by_name):
        shard = by_name[name]
        receipt = receipt_in(data, shard.name) if data is not None else None
        if receipt is not None and is_of(receipt, shard) and _fits(receipt, sizes):
            found[shard.name] = receipt
    return found


def _fits(receipt: Receipt, sizes: Mapping[str, int]) -> bool:
    name = receipt.entry.name
    return (
        sizes.get(name_of(NAMES.shard(name))) == receipt.entry.bytes
        and sizes.get(name_of(NAMES.shard_manifest(name))) == receipt.part_bytes
        and (not receipt.annotations_sha256 or name_of(NAMES.annotations_part(name)) in sizes)
    )


def not_there(store: Store, receipts: Mapping[str, Receipt]) -> list[str]:
    """Return the shards that are not there in their size when they are asked for by name."""
    names = {name: name_of(NAMES.shard(name)) for name in receipts}
    sizes = store.sizes_of(names.values())
    return [name for name in receipts if sizes.get(names[name]) != receipts[name].entry.bytes]
