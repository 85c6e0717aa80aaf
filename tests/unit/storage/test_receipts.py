"""Receipts: which ones count, and which are as if they were not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syngen.io.files import sha256_of
from syngen.storage.description import ShardEntry
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt, read_any_receipt, read_receipt, receipt_in
from syngen.storage.shard_ranges import Shard

SHARD = Shard("train-000001", "train", row=5, start=5, stop=10)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A folder that has one shard with its parts and its receipt."""
    layout = Layout(tmp_path)
    layout.audio.mkdir()
    layout.receipts.mkdir(parents=True)
    layout.shard(SHARD.name).write_bytes(b"audio")
    layout.shard_manifest(SHARD.name).write_bytes(b"rows")
    layout.annotations_part(SHARD.name).write_bytes(b"spans")
    layout.receipt(SHARD.name).write_bytes(receipt(layout).to_bytes())
    return layout


def receipt(layout: Layout) -> Receipt:
    return Receipt(
        ShardEntry(SHARD.name, SHARD.split, SHARD.n_rows, 5, sha256_of(layout.shard(SHARD.name))),
        row=SHARD.row,
        n_samples=800,
        part_bytes=4,
        part_sha256=sha256_of(layout.shard_manifest(SHARD.name)),
        annotations_sha256=sha256_of(layout.annotations_part(SHARD.name)),
        copied=2,
    )


def test_a_receipt_is_read_as_it_was_written(layout: Layout) -> None:
    assert read_any_receipt(layout, SHARD.name) == receipt(layout)
    assert read_receipt(layout, SHARD) == receipt(layout)


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c.pop("row"),
        lambda c: c.update(row="5"),
        lambda c: c.update(n_samples=None),
        lambda c: c.update(more=1),
        lambda c: c.update(entry=[]),
        lambda c: c["entry"].pop("sha256"),
        lambda c: c["entry"].update(name="train-000002"),
        lambda c: c["entry"].update(name="../train-000001"),
    ],
)
def test_what_is_not_quite_a_receipt_is_none(
    edit: Callable[[dict[str, Any]], object], layout: Layout
) -> None:
    content = json.loads(layout.receipt(SHARD.name).read_bytes())
    edit(content)
    assert receipt_in(json.dumps(content).encode(), SHARD.name) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"entry": {}}', b"[" * 100_000])
def test_bytes_that_are_no_receipt_are_none(data: bytes, layout: Layout) -> None:
    layout.receipt(SHARD.name).write_bytes(data)
    assert read_any_receipt(layout, SHARD.name) is None
    assert read_receipt(layout, SHARD) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(SHARD, split="test"),
        replace(SHARD, row=6),
        replace(SHARD, stop=11),
    ],
)
def test_a_receipt_of_another_plan_does_not_count(other: Shard, layout: Layout) -> None:
    assert read_receipt(layout, other) is None
    assert read_receipt(layout, other, is_checked=False) is None


@pytest.mark.parametrize("path", [Layout.shard, Layout.shard_manifest, Layout.annotations_part])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"cut")])
def test_a_shard_that_does_not_fit_its_receipt_is_made_again(
    damage: Callable[[Path], object], path: Callable[[Layout, str], Path], layout: Layout
) -> None:
    written = receipt(layout)
    damage(path(layout, SHARD.name))
    assert read_receipt(layout, SHARD) is None
    assert read_receipt(layout, SHARD, is_checked=False) == written


def test_the_content_of_a_shard_is_the_business_of_verification(layout: Layout) -> None:
    written = receipt(layout)
    layout.shard(SHARD.name).write_bytes(b"other")
    assert read_receipt(layout, SHARD) == written
