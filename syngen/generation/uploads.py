"""Shards in an object store: made in a folder of this process, then uploaded, the receipt last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syngen.generation.folder import lifecycle
from syngen.generation.shard_renderer import ShardRenderer
from syngen.io.cache import scratch_folder
from syngen.io.object_store import Store
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["NAMES", "make_in_store", "name_of"]

NAMES = Layout(Path())
"""Names of a dataset's objects, relative to its URL."""


def name_of(path: Path) -> str:
    """Return the name of an object for a path of `NAMES`."""
    return path.as_posix()


def make_in_store(worker: ShardRenderer, store: Store, shard: Shard, indices: IntArray) -> Receipt:
    """Make a shard, its part of the manifest and its receipt in a store.

    No name is ever taken by anything but the same bytes, so that it does not matter who else makes them.
    """
    with scratch_folder() as folder:
        layout = Layout(folder)
        lifecycle.create(layout)
        receipt = worker.make(layout, shard, indices)
        for path in lifecycle.files_of_shard(layout, shard.name):
            if path.is_file():
                store.put_file(name_of(path.relative_to(folder)), path)
    return receipt
