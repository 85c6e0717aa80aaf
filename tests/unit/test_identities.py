"""What identifies an observation: the same in every form of a dataset, and never its row."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import syngen
from syngen.errors import ParameterError, ShardError
from syngen.identities import Identities
from syngen.loaders.dataset import FactorDataset
from syngen.loaders.sources.rendered import RenderedSource

HASHES = np.arange(96, dtype=np.uint8).reshape(3, 32)
KEYS = np.array([5, 2, 9])


@pytest.fixture
def own(tmp_path: Path, rng: np.random.Generator) -> FactorDataset:
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", rng.uniform(-1, 1, 80), 8000)
    table = {"file": ["a.wav", "b.wav", "c.wav", "a.wav"], "mood": ["calm", "calm", "cross", "cross"]}
    return syngen.from_manifest(tmp_path, table)


def test_stored_and_rendered_datasets_agree_without_rendering(
    tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("rendered")

    monkeypatch.setattr(RenderedSource, "_rendering", refuse)
    live, stored = syngen.render("syntone-tiny"), syngen.load(tiny_dataset)
    monkeypatch.setattr("syngen.loaders.sources.stored.LARGE", 1)
    mapped = syngen.load(tiny_dataset)
    for positions in (None, [3, 0, -1]):
        found = [ds.identities(positions) for ds in (live, stored, mapped)]
        assert found[0].hashes is None
        assert all(each.is_same_sequence(found[0]) for each in found)
        rows = stored.table if positions is None else stored.table.take([3, 0, 407])
        for each in found[1:]:
            assert each.hashes is not None
            assert [row.tobytes() for row in each.hashes] == rows.column("pcm_sha256").to_pylist()
            assert each.keys.tolist() == rows.column("index").to_pylist()
    view = stored.select(split="test")[::-2]
    assert view.identities().is_same_sequence(stored.identities(view.rows))


def test_files_are_known_by_their_content(own: FactorDataset, tmp_path: Path) -> None:
    found = own.identities()
    assert found.kind == "file"
    assert found.hashes is not None
    assert found.marks is not None
    content = [(tmp_path / f"{name}.wav").read_bytes() for name in "abca"]
    assert [row.tobytes() for row in found.hashes] == [hashlib.sha256(each).digest() for each in content]
    assert found.keys[0] == found.keys[3]
    assert len(set(found.marks.tolist())) == 4  # the same file, of another mood
    assert own.identities([3, 1]).is_same_sequence(found.take([3, 1]))


def test_a_file_that_was_replaced_is_noticed_whatever_its_size_and_time(
    own: FactorDataset, tmp_path: Path
) -> None:
    before = own.identities()
    path = tmp_path / "b.wav"
    content, stamp = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1]]))
    os.utime(path, ns=(stamp, stamp))
    after = own.identities()
    assert (before.keys == after.keys).tolist() == [True, False, True, True]
    assert not after.is_same_sequence(before)


@pytest.mark.parametrize("kind", ["missing", "pipe", "folder"])
def test_files_that_cannot_be_read_are_named(kind: str, own: FactorDataset, tmp_path: Path) -> None:
    (tmp_path / "c.wav").unlink()
    if kind == "pipe":
        os.mkfifo(tmp_path / "c.wav")
    elif kind == "folder":
        (tmp_path / "c.wav").mkdir()
    assert len(own.identities([0, 1])) == 2
    with pytest.raises(ShardError, match=r"c\.wav in .* cannot be read: "):
        own.identities()


def test_splits_that_a_view_was_restricted_to_are_known(tmp_path: Path) -> None:
    ds = syngen.render("syntone-tiny")
    assert ds.selected_splits == {}
    assert ds.select(timbre="sine")[3:].selected_splits == {}
    assert ds.select(split="test")[::2].selected_splits == {"split": ("test",)}
    both = ds.select(split=["validation", "test"])
    assert both.selected_splits == {"split": ("validation", "test")}
    assert both.select(split=["train", "test"]).selected_splits == {"split": ("test",)}
    soundfile.write(tmp_path / "a.wav", np.zeros(80), 8000)
    table = pd.DataFrame({"file": ["a.wav"] * 2, "x": [1, 2], "split_fold": ["one", "two"]})
    own = syngen.from_manifest(tmp_path, table)
    assert own.select(split_fold="two").selected_splits == {"split_fold": ("two",)}


def test_sequences_are_compared_as_far_as_both_can_say() -> None:
    points = Identities("grid", KEYS, "f", HASHES)
    assert points.is_same_sequence(Identities("grid", KEYS, "f"))
    assert not points.is_same_sequence(Identities("grid", KEYS, "f", HASHES[::-1].copy()))
    assert not points.is_same_sequence(Identities("grid", KEYS[::-1].copy(), "f"))
    assert not points.is_same_sequence(points.take([0, 1]))
    assert not points.is_same_sequence(Identities.of_files(HASHES, KEYS))


def test_parts_are_put_together() -> None:
    for whole in (
        Identities("grid", KEYS, "f"),
        Identities("grid", KEYS, "f", HASHES),
        Identities.of_files(HASHES, KEYS),
    ):
        again = Identities.concatenated([whole.take([0]), whole.take([1, 2])])
        assert again.is_same_sequence(whole)
        assert (again.kind, again.fingerprint) == (whole.kind, whole.fingerprint)
        assert (again.hashes is None) == (whole.hashes is None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("grid", KEYS.astype(float)), "keys of observations: float64 of shape"),
        (("grid", KEYS.reshape(1, 3)), "int64 of shape"),
        (("grid", np.int64(3)), "keys of observations"),
        (("grid", KEYS, "f", HASHES[:2]), r"hashes of observations: uint8 of shape \(2, 32\)"),
        (("grid", KEYS, "f", HASHES.astype(np.int8)), "hashes of observations: int8"),
        (("file", KEYS), "file with hashes and marks"),
        (("file", KEYS, "", HASHES, KEYS[:2]), "marks of observations"),
        (("row", KEYS), "identities of kind 'row'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Identities(*arguments)  # type: ignore[arg-type]
