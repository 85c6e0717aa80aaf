"""What a damaged dataset was meant to be, from what is left of its documents."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import syngen
from syngen.errors import VerificationError
from syngen.storage.layout import Layout
from syngen.synth.request import Permissions
from syngen.verification.plan_recovery import FoundPlan, PlanRecovery, is_corrupted_digest
from tests.support import WHOLE_LOOKING, edit_json, flip

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
def test_any_one_document_gives_the_plan(n_lost: int, data: Path, whole: Path) -> None:
    plan = (whole / "plan.json").read_bytes()
    for lost in itertools.combinations(DOCUMENTS, n_lost):
        for name in DOCUMENTS:
            shutil.copy(whole / name, data / name)
        for name in lost:
            (data / name).unlink()
        assert recovered(data).to_bytes() == plan, lost


def test_without_any_there_is_no_plan(data: Path) -> None:
    for name in DOCUMENTS:
        (data / name).unlink()
    with pytest.raises(VerificationError, match=r"neither plan\.json nor dataset\.json can be read"):
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


def test_shards_may_have_the_hashes_that_documents_give_them(data: Path) -> None:
    name = "train-000001"
    found = PlanRecovery(Layout(data))
    assert found.trusts_description
    (listed,) = found.shard_hashes(name)
    lines = (data / "SHA256SUMS").read_text("utf-8").replace(listed, "0" * 64)
    (data / "SHA256SUMS").write_text(lines, "utf-8")
    assert PlanRecovery(Layout(data)).shard_hashes(name) == {listed}  # dataset.json has its hash
    edit_json(data / "dataset.json", lambda content: content.update(hours=1.0))
    assert PlanRecovery(Layout(data)).shard_hashes(name) == {listed, "0" * 64}
    assert found.was_checked(name)
    assert not found.was_checked("train-000777")


def test_a_digest_with_a_flipped_character_is_told_from_another() -> None:
    digest = "0123456789abcdef" * 4
    assert is_corrupted_digest(digest, "f" + digest[1:])
    assert not is_corrupted_digest(digest, "f" * 64)
