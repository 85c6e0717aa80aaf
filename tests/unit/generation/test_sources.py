"""Stored observations as rows of other shards: what is proven, what is taken as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import syngen
from syngen.errors import ShardError
from syngen.generation.plan import Plan
from syngen.generation.sources import DatasetSource, RangeFile, StoredRows
from syngen.storage.codec import find_codec, pcm_sha256
from syngen.storage.layout import Layout
from syngen.storage.tables.manifest import read_manifest
from tests.support import WHOLE_LOOKING, flip


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    syngen.generate(WHOLE_LOOKING, tmp_path / "data", jobs=1, shard_size=2)
    return Layout(tmp_path / "data")


@pytest.fixture
def source(layout: Layout) -> DatasetSource:
    return DatasetSource(layout, 8_000)


def audio_of(layout: Layout, row: int) -> bytes:
    place = read_manifest(layout.manifest).slice(row, 1).to_pylist()[0]
    data = layout.shard(place["shard"]).read_bytes()
    return data[place["offset"] :][: place["size"]]


def test_rows_are_taken_as_they_are_stored_or_in_another_codec(
    layout: Layout, source: DatasetSource
) -> None:
    flac = find_codec("flac")
    with source.rows(1, 3) as rows:
        assert len(rows) == 3
        for position in (2, 0, 1):
            stored = audio_of(layout, 1 + position)
            assert rows.encoded(position) == stored
            pcm = flac.decode(rows.encoded(position, flac))
            np.testing.assert_array_equal(pcm, find_codec("wav").decode(stored))
            stats = rows.stats(position)
            assert (stats.n_samples, stats.sha256) == (len(pcm), pcm_sha256(pcm))


def test_a_damaged_row_is_named(layout: Layout, source: DatasetSource) -> None:
    place = read_manifest(layout.manifest).slice(3, 1).to_pylist()[0]
    path = layout.shard(place["shard"])
    flip(path, place["offset"] + place["size"] - 1)
    with source.rows(2, 2) as rows:
        assert rows.encoded(0)
        with pytest.raises(ShardError, match=f"{place['shard']}, row 3: the samples have another SHA-256"):
            rows.encoded(1)
    flip(path, place["offset"])
    with source.rows(3) as rows, pytest.raises(ShardError, match="row 3: it is not WAV that has"):
        rows.encoded(0)
    path.unlink()
    with source.rows(3) as rows, pytest.raises(ShardError, match="cannot be read: no such file"):
        rows.encoded(0)


def test_rows_of_a_sound_shard_are_not_looked_at(layout: Layout) -> None:
    table = read_manifest(layout.manifest).slice(0, 1)
    (layout.folder / "other").write_bytes(b"\0" * 1_000_000)
    file = RangeFile(layout.folder / "other")
    arguments = (table, [0], lambda _: file, find_codec("wav"), 8_000)
    with StoredRows(*arguments, is_sound=True) as rows:
        assert rows.encoded(0, find_codec("flac")) == bytes(table.column("size")[0].as_py())
    with StoredRows(*arguments) as rows, pytest.raises(ShardError):
        rows.encoded(0)


def test_shards_of_another_plan_must_have_the_same_grid_points(
    layout: Layout, source: DatasetSource
) -> None:
    plan = Plan(syngen.load_recipe(WHOLE_LOOKING), 3)
    shard = plan.shards[0]
    indices = plan.indices(shard)
    with source.rows_of(shard, indices) as rows:
        assert [rows.encoded(i) for i in range(3)] == [audio_of(layout, i) for i in range(3)]
    with pytest.raises(ShardError, match="other grid points than the recipe gives"):
        source.rows_of(shard, indices[::-1])
