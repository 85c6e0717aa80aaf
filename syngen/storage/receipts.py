"""Receipts: what a worker leaves for a finished shard. A shard without a valid one does not exist."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from pydantic import ConfigDict

from syngen.errors import ManifestError
from syngen.io.files import sha256_of
from syngen.storage.description import StoredShard, json_bytes
from syngen.storage.documents import Count, Text, parse_json, validated
from syngen.storage.layout import Layout
from syngen.storage.shard_ranges import Shard

__all__ = ["Receipt", "has_parts", "is_of", "read_any_receipt", "read_receipt", "receipt_in"]


@dataclass(frozen=True)
class Receipt:
    """What a worker leaves for a finished shard.

    Attributes
    ----------
    entry : ShardEntry
        The shard as the description will list it.
    row : int
        Row of its first observation.
    n_samples : int
        Samples of audio in it.
    part_bytes : int
        Size of its part of the manifest.
    part_sha256 : str
    annotations_sha256 : str
        Of its part of the annotations; empty where nothing is spoken.
    copied : int
        Observations that were taken from a smaller dataset and not rendered.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    entry: StoredShard
    row: Count
    n_samples: Count
    part_bytes: Count
    part_sha256: Text
    annotations_sha256: Text = ""
    copied: Count = 0

    def to_bytes(self) -> bytes:
        """Return the content of the receipt's file."""
        return json_bytes(asdict(self))


def read_any_receipt(layout: Layout, name: str) -> Receipt | None:
    """Return the receipt of a shard of whatever plan, or None where there is none that can be read."""
    path = layout.receipt(name)
    if not path.is_file():
        return None
    try:
        return receipt_in(path.read_bytes(), name)
    except OSError:
        return None


def receipt_in(data: bytes, name: str) -> Receipt | None:
    """Return the receipt that some bytes are, or None if they are not one of that shard."""
    try:
        receipt = validated(Receipt, parse_json(data), name)
    except (ManifestError, ValueError):
        return None  # the shard is made again
    return receipt if receipt.entry.name == name else None


def is_of(receipt: Receipt, shard: Shard) -> bool:
    """Whether a receipt is of such a shard: of this split, with these rows."""
    entry = receipt.entry
    return (entry.split, entry.rows, receipt.row) == (shard.split, shard.n_rows, shard.row)


def read_receipt(layout: Layout, shard: Shard, *, is_checked: bool = True) -> Receipt | None:
    """Return the receipt of a shard, or None where there is none that fits what is on disk.

    The size of the shard is compared; its content is the business of verification. Unless it
    `is_checked`, only the receipt is looked at.
    """
    receipt = read_any_receipt(layout, shard.name)
    if receipt is None or not is_of(receipt, shard):
        return None
    return (
        receipt if not is_checked or (_has_size(layout, receipt) and has_parts(layout, receipt)) else None
    )


def _has_size(layout: Layout, receipt: Receipt) -> bool:
    try:
        return layout.shard(receipt.entry.name).stat().st_size == receipt.entry.bytes
    except OSError:
        return False


def has_parts(layout: Layout, receipt: Receipt) -> bool:
    """Whether a shard's parts of manifest and annotations are there and undamaged.

    They are small, and read when the dataset is put together.
    """
    name = receipt.entry.name
    try:
        return sha256_of(layout.shard_manifest(name)) == receipt.part_sha256 and (
            not receipt.annotations_sha256
            or sha256_of(layout.annotations_part(name)) == receipt.annotations_sha256
        )
    except OSError:
        return False
