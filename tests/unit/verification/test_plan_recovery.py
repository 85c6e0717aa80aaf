"""What a damaged dataset was meant to be, from what is left of its documents."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen.errors import VerificationError
from syngen.generation.plan import Plan
from syngen.generation.run import run
from syngen.storage.layout import Layout
from syngen.synth.request import Permissions
from syngen.verification.plan_recovery import FoundPlan, PlanRecovery
from tests.support import WHOLE_LOOKING, edit_json, flip, interrupt_after

DOCUMENTS = ("plan.json", "dataset.json", "SHA256SUMS")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five rows a shard, so that the size of shards is not the usual one."""
    folder = tmp_path_factory.mktemp("recovery") / "whole"
    syngen.generate(WHOLE_LOOKING, folder, jobs=1, shard_size=5)
    return folder


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "data"))


def recovered(folder: Path) -> FoundPlan:
    return PlanRecovery(Layout(folder)).plan(Permissions())


@pytest.mark.parametrize("n_lost", [0, 1, 2])
def test_plan_or_description_gives_the_plan(n_lost: int, data: Path, whole: Path) -> None:
    plan = (whole / "plan.json").read_bytes()
    for lost in itertools.combinations(DOCUMENTS, n_lost):
        if lost == ("plan.json", "dataset.json"):
            continue
        for name in DOCUMENTS:
            shutil.copy(whole / name, data / name)
        for name in lost:
            (data / name).unlink()
        assert recovered(data).to_bytes() == plan, lost


def test_without_both_there_is_no_plan(data: Path) -> None:
    for name in ("plan.json", "dataset.json"):
        (data / name).unlink()
    with pytest.raises(
        VerificationError, match=r"neither plan\.json nor dataset\.json can be read: put one of them back"
    ):
        recovered(data)


@pytest.mark.parametrize("name", ["plan.json", "dataset.json"])
def test_a_document_that_says_something_else_is_outvoted(name: str, data: Path, whole: Path) -> None:
    edit_json(data / name, lambda content: content["recipe"].update(seed=12))
    assert recovered(data).to_bytes() == (whole / "plan.json").read_bytes()


def test_a_plan_of_another_shard_size_is_not_the_one_with_the_hash(data: Path, whole: Path) -> None:
    edit_json(data / "plan.json", lambda content: content.update(shard_size=4))
    assert recovered(data).plan.shard_size == 5
    (data / "SHA256SUMS").unlink()
    with pytest.raises(VerificationError, match=r"plan\.json and dataset\.json disagree"):
        recovered(data)
    assert (whole / "plan.json").exists()


def test_what_this_installation_would_not_make_is_said_with_both_versions(data: Path) -> None:
    for name in ("plan.json", "dataset.json"):
        edit_json(data / name, lambda content: content.update(fingerprint="0" * 64))
    (data / "SHA256SUMS").unlink()
    with pytest.raises(
        VerificationError, match=r"the fingerprint is 0000000000000000\.\.\., its recipe gives"
    ):
        recovered(data)
    (data / "dataset.json").write_bytes(b"{")
    with pytest.raises(VerificationError, match=r"dataset\.json cannot be read: put it back as it was"):
        recovered(data)


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: flip(path, 3), lambda path: path.write_bytes(b"")]
)
def test_the_text_of_the_recipe_is_found_by_its_hash(
    damage: Callable[[Path], object], data: Path, whole: Path
) -> None:
    damage(data / "recipe.yaml")
    found = PlanRecovery(Layout(data))
    text = found.recipe_text(found.plan(Permissions()).plan.resolved)
    assert text == (whole / "recipe.yaml").read_bytes()


@pytest.mark.parametrize("missing", ["dataset.json", "SHA256SUMS"])
def test_what_one_document_alone_says_against_another_is_not_believed(missing: str, data: Path) -> None:
    (data / missing).unlink()
    edit_json(data / "plan.json", lambda content: content.update(codec="flac"))
    rest = r"plan\.json and (dataset\.json|SHA256SUMS) disagree, and nothing in the folder says"
    with pytest.raises(
        VerificationError, match=rf"{rest} which is right: put the one that is damaged back"
    ):
        recovered(data)


def test_documents_of_another_dataset_are_not_believed_two_to_one(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    syngen.generate(WHOLE_LOOKING, other, jobs=1, shard_size=4)
    for name in ("dataset.json", "SHA256SUMS"):
        shutil.copy(other / name, data / name)
    with pytest.raises(VerificationError, match=r"plan\.json and dataset\.json disagree"):
        recovered(data)


def test_the_shard_size_of_one_shard_a_split_is_stated(tmp_path: Path) -> None:
    syngen.generate(WHOLE_LOOKING, tmp_path, jobs=1, shard_size=1999)
    for name in ("plan.json", "SHA256SUMS"):
        (tmp_path / name).unlink()
    assert recovered(tmp_path).plan.shard_size == 1999


@pytest.mark.parametrize("size", [5, 14])
def test_what_was_made_in_format_1_is_recovered_in_format_1(size: int, tmp_path: Path) -> None:
    run(Plan(syngen.load_recipe(WHOLE_LOOKING), size, format=1), tmp_path, jobs=1)
    plan = (tmp_path / "plan.json").read_bytes()
    (tmp_path / "plan.json").unlink()
    assert recovered(tmp_path).to_bytes() == plan
    assert b'"format": 1' in plan


def test_of_format_1_the_shard_size_is_found_by_the_hash_of_the_plan(tmp_path: Path) -> None:
    for size in (14, 1999, 2000):
        folder = tmp_path / str(size)
        run(Plan(syngen.load_recipe(WHOLE_LOOKING), size, format=1), folder, jobs=1)
        (folder / "plan.json").unlink()
        assert recovered(folder).plan.shard_size == size
        (folder / "SHA256SUMS").unlink()
        with pytest.raises(VerificationError, match=r"neither the shards nor SHA256SUMS say how large"):
            recovered(folder)


def test_a_description_without_a_size_does_not_confirm_an_edited_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    run(Plan(syngen.load_recipe(WHOLE_LOOKING), 14, format=1), folder, jobs=1)
    edit_json(folder / "plan.json", lambda content: content.update(shard_size=15))
    assert recovered(folder).plan.shard_size == 14
    flip(folder / "manifest.parquet", 500)
    with pytest.raises(VerificationError, match=r"plan\.json and dataset\.json disagree"):
        recovered(folder)


def test_a_shard_with_fewer_rows_than_none_is_not_counted_from(tmp_path: Path) -> None:
    """The sizes that are tried begin at the rows of the largest shard, and must not begin at -10**15."""
    run(Plan(syngen.load_recipe(WHOLE_LOOKING), 14, format=1), tmp_path, jobs=1)

    def shrink(content: dict[str, Any]) -> None:
        for entry in content["shards"]:
            entry["rows"] = -(10**15)

    edit_json(tmp_path / "dataset.json", shrink)
    (tmp_path / "plan.json").unlink()
    assert recovered(tmp_path).plan.shard_size == 14


@pytest.mark.parametrize("name", ["plan.json", ".syngen/plan.json", ".syngen/SHA256SUMS"])
def test_an_unfinished_dataset_has_its_plan_three_times(name: str, tmp_path: Path) -> None:
    folder = interrupt_after(1, WHOLE_LOOKING, tmp_path / "data", shard_size=5)
    plan = (folder / "plan.json").read_bytes()
    flip(folder / name, (folder / name).stat().st_size // 2, 0x04)
    assert recovered(folder).to_bytes() == plan


def test_a_text_of_the_recipe_that_no_other_document_has_is_not_believed(data: Path) -> None:
    (data / "dataset.json").unlink()
    with open(data / "recipe.yaml", "ab") as file:
        file.write(b"\n")
    found = PlanRecovery(Layout(data))
    assert found.recipe_text(found.plan(Permissions()).plan.resolved) is None


def test_a_description_is_of_a_plan_or_not(data: Path) -> None:
    found = recovered(data)
    edit_json(data / "dataset.json", lambda content: content.update(hours=1.0))
    described = PlanRecovery(Layout(data)).description
    assert described is not None
    assert found.is_described_by(described)
    edit_json(data / "dataset.json", lambda content: content.update(licence="MIT"))
    described = PlanRecovery(Layout(data)).description
    assert described is not None
    assert not found.is_described_by(described)
