"""The state of unfinished datasets, whose documents may say anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import syngen
from syngen._typing import ProgressUpdate
from syngen.errors import ManifestError
from syngen.generation.status import state_of
from syngen.io.object_store import Store, place_of
from syngen.storage.layout import Layout
from tests.support import WHOLE_LOOKING

PLAN = {"format": 1, "rows": 18, "shard_size": 2, "splits": {"train": 18}, "recipe": {"name": "tones"}}


def planned(folder: Path, **changes: object) -> Path:
    """Return an unfinished folder with such a plan."""
    Layout(folder).work.mkdir(parents=True)
    Layout(folder).plan.write_text(json.dumps(PLAN | changes), "utf-8")
    return folder


@pytest.mark.parametrize("is_store", [False, True])
def test_a_shard_counts_where_it_and_its_receipt_are_there(is_store: bool, tmp_path: Path) -> None:
    def stop(update: ProgressUpdate) -> None:
        if update.done >= 4:
            raise KeyboardInterrupt

    folder = "memory://state-of-unfinished" if is_store else str(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt):
        syngen.generate(WHOLE_LOOKING, folder, jobs=1, shard_size=2, progress=stop)
    place = place_of(folder)
    state = state_of(place)
    assert state is not None
    assert (state.rows, state.rows_finished, state.shards_finished) == (18, 4, 2)
    assert state.is_running is (None if is_store else False)
    assert (state.pid is None) == is_store
    assert state.last_event is not None
    assert state.last_event["outcome"] == "interrupted"
    if isinstance(place, Store):
        place.delete([".syngen/receipts/train-000000.json"])
    else:
        Layout(place).receipt("train-000000").unlink()
    state = state_of(place)
    assert state is not None
    assert (state.rows_finished, state.shards_finished) == (2, 1)
    if isinstance(place, Store):
        place.delete(place.sizes())


def test_a_plan_of_more_shards_than_can_be_listed_is_no_trouble(tmp_path: Path) -> None:
    n = 1 << 60
    state = state_of(planned(tmp_path / "data", rows=n, shard_size=1, splits={"train": n}))
    assert state is not None
    assert (state.rows, state.shards, state.shards_finished) == (n, n, 0)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        *(({"shard_size": size}, "shard_size") for size in (0, -1, True, 2.5, "2", "many", 10**30, None)),
        ({"rows": -1}, "rows"),
        ({"splits": {"../up": 1}}, "splits"),
        ({"splits": {"train": -3}}, r"splits\.train"),
        ({"recipe": None}, "recipe"),
        ({"recipe": {"name": 7}}, r"recipe\.name"),
    ],
)
def test_a_plan_that_says_what_cannot_be_is_damaged(
    changes: dict[str, object], place: str, tmp_path: Path
) -> None:
    with pytest.raises(ManifestError, match=rf"is damaged: {place}.*; run the same command again"):
        state_of(planned(tmp_path / "data", **changes))
