"""Datasets of file format 1, by the present synthesizers: what format 2 brought changes nothing of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import syngen
from syngen.generation.plan import Plan
from syngen.generation.run import run
from syngen.storage.description import read_description
from syngen.storage.tables.manifest import vocabulary_of
from tests.support import WHOLE_LOOKING, digests_of, flip

DOCUMENTS = ("README.md", "SHA256SUMS", "dataset.json", "manifest.parquet", "plan.json", "recipe.yaml")
SHARDS = ("audio/test-000000.tar", "audio/train-000001.tar")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of format 1, in shards of five rows."""
    folder = tmp_path_factory.mktemp("formats") / "first"
    run(Plan(syngen.load_recipe(WHOLE_LOOKING), 5, format=1), folder, jobs=1)
    return folder


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in the present format."""
    folder = tmp_path_factory.mktemp("formats") / "second"
    syngen.generate(WHOLE_LOOKING, folder, jobs=1, shard_size=5)
    return folder


def test_every_document_states_its_format(first: Path, second: Path) -> None:
    for folder, wanted in ((first, 1), (second, 2)):
        for name in ("plan.json", "dataset.json"):
            assert json.loads((folder / name).read_text("utf-8"))["format"] == wanted
        metadata = pq.read_schema(folder / "manifest.parquet").metadata[b"syngen"]
        assert json.loads(metadata)["format"] == wanted


def test_format_2_states_the_shard_size_and_format_1_does_not(first: Path, second: Path) -> None:
    stated, unstated = (
        json.loads((folder / "dataset.json").read_text("utf-8")) for folder in (second, first)
    )
    assert stated["shard_size"] == 5
    assert "shard_size" not in unstated
    assert {key for key in stated if stated[key] != unstated.get(key)} == {
        "format",
        "fingerprint",
        "shard_size",
    }


def test_the_fingerprints_are_of_the_same_recipe(first: Path, second: Path) -> None:
    resolved = syngen.load_recipe(WHOLE_LOOKING)
    for folder, file_format in ((first, 1), (second, 2)):
        wanted = resolved.fingerprint_in(file_format)
        assert read_description(folder / "dataset.json").fingerprint == wanted
        assert vocabulary_of(pq.read_schema(folder / "manifest.parquet")).fingerprint == wanted
    assert resolved.fingerprint == resolved.fingerprint_in(2) != resolved.fingerprint_in(1)


def test_the_shards_are_the_same(first: Path, second: Path) -> None:
    before, now = digests_of(first), digests_of(second)
    assert {k: v for k, v in before.items() if "/" in k} == {k: v for k, v in now.items() if "/" in k}


def test_it_is_rendered_again_and_has_trajectories(first: Path) -> None:
    assert syngen.verify(first, rerender=18) == []
    ds = syngen.load(first)
    live = syngen.render(WHOLE_LOOKING)
    assert (ds.trajectories(3)["f0"] == live.trajectories(3)["f0"]).all()


@pytest.mark.parametrize("name", [*DOCUMENTS, *SHARDS])
@pytest.mark.parametrize("which", ["first", "second"])
def test_any_lost_file_is_made_again_byte_for_byte(
    which: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole: Path = request.getfixturevalue(which)
    folder = Path(shutil.copytree(whole, tmp_path / "data"))
    (folder / name).unlink()
    report = syngen.repair(folder, jobs=1)
    assert report.left == ()
    assert digests_of(folder) == digests_of(whole)
    flip(folder / name, 300)
    assert syngen.repair(folder, jobs=1).left == ()
    assert digests_of(folder) == digests_of(whole)


def test_a_part_of_it_and_a_release_of_it(first: Path, tmp_path: Path) -> None:
    syngen.download(first, to=tmp_path / "part", split="train")
    assert read_description(tmp_path / "part" / "dataset.json").format == 1
    assert syngen.verify(tmp_path / "part", rerender=5) == []
    syngen.release(first, tmp_path / "release", version="1.0.0", codec="wav", jobs=1)
    description = read_description(tmp_path / "release" / "dataset.json")
    assert description.format == 2
    assert description.shard_size is not None
    assert syngen.verify(tmp_path / "release", rerender=5) == []
    assert syngen.check_release(tmp_path / "release") == []


def test_a_part_of_a_later_one_states_the_shard_size_of_its_plan(second: Path, tmp_path: Path) -> None:
    syngen.download(second, to=tmp_path / "part", split="train", limit=3)
    description = read_description(tmp_path / "part" / "dataset.json")
    assert description.shard_size == 5
    assert json.loads((tmp_path / "part" / "plan.json").read_text("utf-8"))["shard_size"] == 5
    assert syngen.verify(tmp_path / "part", rerender=3) == []


def test_it_is_made_again_and_compared(first: Path, tmp_path: Path) -> None:
    report = syngen.download(first, to=tmp_path / "it", recreate=True, jobs=1)
    assert (report.outcome, report.compared) == ("made again", 18)
    description = read_description(tmp_path / "it" / "dataset.json")
    assert (description.format, description.shard_size) == (2, 5)


def test_what_is_overwritten_belongs_to_the_dataset_without_its_plan(second: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(second, tmp_path / "data"))
    (folder / "plan.json").unlink()
    (folder / "audio" / "train-000099.tar").write_bytes(b"mine")
    report = syngen.generate(WHOLE_LOOKING, folder, jobs=1, shard_size=9, overwrite=True)
    assert report.left == ("audio/train-000099.tar",)
    assert sorted(path.name for path in (folder / "audio").iterdir()) == sorted(
        {*(f"{shard.name}.tar" for shard in read_description(folder / "dataset.json").shards)}
        | {"train-000099.tar"}
    )
