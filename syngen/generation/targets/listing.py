"""What lies at the URL of a dataset in an object store.

One listing tells nearly all; what decides anything is asked for by name, because a listing may lag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syngen.generation.uploads import NAMES, name_of
from syngen.storage.names import is_work_name

if TYPE_CHECKING:
    from syngen.io.object_store import Store

__all__ = ["WORK", "StoreListing", "list_store", "work_in"]

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


def list_store(store: Store) -> StoreListing:
    """Return what there is at a URL."""
    sizes = store.sizes()
    plan, description = store.ranges(
        [(name_of(NAMES.plan), 0, None), (name_of(NAMES.description), 0, None)]
    )
    return StoreListing(sizes, plan, description)
