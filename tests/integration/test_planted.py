"""Links, hard links, other users' files and unrelated files at every name that syngen writes to or removes.

Whatever a command makes of what was planted, nothing changes that a link leads to, that has another name
too, that belongs to another user or that is not the dataset's. What is in the way is refused by name.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen.storage.names import is_dataset_name
from tests.planting import MARK, Planted, attempt, cases
from tests.support import (
    WHOLE_LOOKING,
    digests_of,
    edit_json,
    files_of,
    flip,
    interrupt_after,
    names_below,
    run_syngen,
)

FOLDERS = [
    ".syngen",
    ".syngen/receipts",
    ".syngen/members",
    ".syngen/smaller",
    ".syngen/smaller/000000",
    ".syngen/smaller/000000/audio",
    ".syngen/smaller/000000/.syngen/receipts",
    ".syngen/repair",
    ".syngen/repair/audio",
    ".syngen/repair/.syngen/receipts",
    "audio",
]
"""Those that a command makes, fills or empties."""

FILES = [
    ".syngen/lock",
    ".syngen/plan-lock",
    ".syngen/log.jsonl",
    ".syngen/plan.json",
    ".syngen/recipe.yaml",
    ".syngen/SHA256SUMS",
    ".syngen/members/0-of-1",
    ".syngen/receipts/train-000001.json",
    ".syngen/receipts/train-000001.parquet",
    ".syngen/smaller/000000/plan.json",
    ".syngen/smaller/000000/audio/train-000001.tar",
    ".syngen/repair/audio/train-000001.tar",
    ".syngen/repair/manifest.parquet",
    "audio/train-000001.tar",
    "audio/train-000002.tar",
    "plan.json",
    "recipe.yaml",
    "manifest.parquet",
    "README.md",
    "SHA256SUMS",
    "dataset.json",
    f".plan.json.{MARK}.tmp",
    f".syngen/receipts/.train-000001.json.{MARK}.tmp",
    f"audio/.train-000001.tar.{MARK}.tmp",
]
"""Those that a command writes, replaces or removes."""

UNRELATED = [
    "notes.txt",
    "taxes.parquet",
    "manifest_000001.parquet",
    "annotations.parquet",
    "speakers.parquet",
    "CITATION.cff",
    "croissant.json",
    "letters/letter.txt",
    "audio/train-000777.tar",
    "audio/train-0000001.tar",
    "audio/mine-000000.tar",
    "audio/song.mp3",
    "audio/letters/letter.txt",
    f"audio/.song.mp3.{MARK}.tmp",
    f".notes.txt.{MARK}.tmp",
    ".syngen/letter.txt",
    ".syngen/receipts/letter.json",
    ".syngen/smaller/letter.txt",
    ".syngen/repair/letter.txt",
    ".syngen/members/letter.txt",
    f".syngen/receipts/.letter.{MARK}.tmp",
]
"""What no plan accounts for, although its name looks so."""


def finished(folder: Path, **options: Any) -> None:
    syngen.generate(WHOLE_LOOKING, folder, jobs=1, **{"shard_size": 5, **options})


def small(folder: Path) -> None:
    finished(folder, limit=9)


def unfinished(folder: Path) -> None:
    interrupt_after(2, WHOLE_LOOKING, folder, shard_size=5)


def damaged(folder: Path) -> None:
    finished(folder)
    flip(folder / "audio" / "train-000001.tar", 1_000)
    flip(folder / "manifest.parquet", 200)
    (folder / "README.md").unlink()


def damaged_unfinished(folder: Path) -> None:
    unfinished(folder)
    flip(next((folder / "audio").glob("*.tar")), 1_000)


COMMANDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "generate": (unfinished, finished),
    "generate a member": (unfinished, partial(finished, shard_index="0/1")),
    "grow": (small, finished),
    "overwrite": (finished, partial(finished, shard_size=4, overwrite=True)),
    "overwrite unfinished": (unfinished, partial(finished, overwrite=True)),
    "repair": (damaged, partial(syngen.repair, jobs=1)),
    "repair unfinished": (damaged_unfinished, partial(syngen.repair, jobs=1)),
}
"""What is there, and what is done to it."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder that a command finds. Copy it before changing anything."""
    place = tmp_path_factory.mktemp("prepared")

    def prepare(command: str) -> Path:
        make, _ = COMMANDS[command]
        folder = place / make.__name__
        if not folder.exists():
            make(folder)
        return folder

    return prepare


class Attempt:
    """A command, and what is planted in the folder that it works in."""

    def __init__(
        self, prepared: Callable[[str], Path], tmp_path: Path, give: Callable[[Path], None]
    ) -> None:
        self._prepared, self._tmp_path = prepared, tmp_path
        self.folder, self.planted = tmp_path / "data", Planted(tmp_path / "canary", give)

    def __call__(self, command: str, plant: Callable[[Path], object] | None) -> str:
        """Return what the command says; nothing that was planted may change."""
        shutil.copytree(self._prepared(command), self.folder)
        if plant is not None:
            plant(self.folder)
        before = self.planted.state()
        said = attempt(lambda: COMMANDS[command][1](self.folder))
        assert self.planted.state() == before, said
        return said


@pytest.fixture
def tried(prepared: Callable[[str], Path], tmp_path: Path, give: Callable[[Path], None]) -> Attempt:
    return Attempt(prepared, tmp_path, give)


@pytest.mark.parametrize(
    ("command", "plant", "name"), cases(COMMANDS, ["link", "dangling_link", "foreign_folder"], FOLDERS)
)
def test_no_folder_is_worked_in_that_is_not_ours(
    command: str, plant: str, name: str, tried: Attempt
) -> None:
    said = tried(command, lambda folder: getattr(tried.planted, plant)(folder / name, is_folder=True))
    assert f"{tried.folder / name} is in the way: it " in said
    assert said.endswith("; move it away and run the same command again")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "plant", "name"),
    cases(COMMANDS, ["link", "dangling_link", "hard_link", "foreign_file"], FILES),
)
def test_no_file_is_changed_that_has_another_name_or_owner(
    command: str, plant: str, name: str, tried: Attempt
) -> None:
    said = tried(command, lambda folder: getattr(tried.planted, plant)(folder / name))
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize(("command", "name"), cases(COMMANDS, UNRELATED))
def test_unrelated_files_stay(command: str, name: str, tried: Attempt) -> None:
    said = tried(command, lambda folder: tried.planted.file(folder / name))
    assert command.startswith("repair") or said == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_all_unrelated_files_together_stay(command: str, tried: Attempt) -> None:
    def at(folder: Path) -> None:
        for name in UNRELATED:
            tried.planted.file(folder / name)

    said = tried(command, at)
    assert command.startswith("repair") or said == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_commands_do_their_work_where_nothing_is_planted(command: str, tried: Attempt) -> None:
    assert tried(command, None) == ""
    is_over = command not in ("generate a member", "repair unfinished")
    assert (".syngen" in names_below(tried.folder)) != is_over


# overwriting


@pytest.fixture
def data(prepared: Callable[[str], Path], tmp_path: Path) -> Path:
    """A finished dataset."""
    return Path(shutil.copytree(prepared("overwrite"), tmp_path / "data"))


MINE = ["taxes.parquet", "CITATION.cff", "thesis.tex", "audio/train-000777.tar", "audio/mine-000000.tar"]


def claim(content: dict[str, Any]) -> None:
    """Say that everything belongs to the dataset."""
    content["tables"] = ["taxes", "../taxes"]
    content["release"] = {"version": "1.0.0", "authors": ["x"], "files": ["thesis.tex", "README.md"]}
    if "splits" in content:
        content["splits"] = {"train": 1 << 40, "mine": 1 << 40, "test": 5}
        content["rows"] = 1 << 41
    else:
        content["counts"] |= {"mine": 1}
        entry = content["shards"][0]
        content["shards"] += [
            entry | {"name": "train-000777"},
            entry | {"name": "mine-000000", "split": "mine"},
        ]


@pytest.mark.parametrize("liar", ["plan.json", "dataset.json", "both", "dataset.json alone"])
def test_what_documents_say_belongs_to_a_dataset_is_not_what_is_removed(liar: str, data: Path) -> None:
    for name in MINE:
        (data / name).write_bytes(b"mine")
    for document in ("plan.json", "dataset.json"):
        if liar.startswith(document) or liar == "both":
            edit_json(data / document, claim)
    if liar == "dataset.json alone":
        (data / "plan.json").unlink()
    report = syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True)
    found = files_of(data)
    assert {name: found[name] for name in MINE} == dict.fromkeys(MINE, b"mine")
    assert report.left == tuple(sorted(MINE))
    assert len([name for name in found if name.endswith(".tar")]) == 2 + 2


def test_without_its_plan_a_shard_is_known_by_its_hash(data: Path) -> None:
    (data / "plan.json").unlink()
    shard = data / "audio" / "train-000002.tar"
    shard.write_bytes(bytes(shard.stat().st_size))
    report = syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True)
    assert report.left == ("audio/train-000002.tar",)
    assert names_below(data / "audio") == ["test-000000.tar", "train-000000.tar", "train-000002.tar"]


def test_a_plan_that_cannot_be_resolved_here_accounts_for_what_it_states(data: Path) -> None:
    edit_json(data / "plan.json", lambda plan: plan["recipe"].update(synthesizer="of-another-package"))
    edit_json(data / "plan.json", lambda plan: plan.update(tables=["taxes", "speakers", "manifest_000001"]))
    for name in ("taxes.parquet", "speakers.parquet", "manifest_000001.parquet"):
        (data / name).write_bytes(b"mine")
    report = syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True)
    assert report.left == ("manifest_000001.parquet", "taxes.parquet")
    assert names_below(data / "audio") == ["test-000000.tar", "train-000000.tar"]


@pytest.mark.parametrize(
    "splits", [None, [], {"train": -1}, {"train": "x"}, {"train": True}, {"train": 2.5}]
)
@pytest.mark.parametrize("shard_size", [None, 0, -5, "5", 1 << 80])
def test_a_plan_that_makes_no_sense_accounts_for_no_shard(
    splits: object, shard_size: object, data: Path
) -> None:
    edit_json(data / "plan.json", lambda plan: plan.update(splits=splits, shard_size=shard_size))
    before = digests_of(data / "audio")
    with pytest.raises(syngen.ParameterError, match="is in the way: the dataset needs its name"):
        syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True)
    assert digests_of(data / "audio") == before


@pytest.mark.parametrize(
    ("name", "options"),
    [("audio/train-000003.tar", {"shard_size": 4}), ("audio/train-000012.tar", {"shard_size": 1})],
)
def test_a_file_that_stays_is_not_replaced_by_the_next_dataset(
    name: str, options: dict[str, int], data: Path
) -> None:
    (data / name).write_bytes(b"mine")
    before = files_of(data)
    with pytest.raises(syngen.ParameterError, match=f"{name} is in the way: the dataset needs its name"):
        syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True, **options)
    with pytest.raises(syngen.ParameterError, match=f"{name} is in the way"):
        syngen.estimate(WHOLE_LOOKING, data, overwrite=True, **options)
    assert files_of(data) == before


def test_a_file_of_the_users_is_not_replaced_by_a_dataset_that_grows(
    prepared: Callable[[str], Path], tmp_path: Path
) -> None:
    data = Path(shutil.copytree(prepared("grow"), tmp_path / "data"))
    (data / "audio" / "train-000002.tar").write_bytes(b"mine")
    before = files_of(data)
    with pytest.raises(syngen.ParameterError, match="train-000002.tar is in the way"):
        finished(data)
    assert {name: files_of(data)[name] for name in before} == before


def test_audio_of_the_users_beside_a_run_that_had_no_plan_yet_is_not_taken_over(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in (".syngen/receipts", "audio"):
        (data / name).mkdir(parents=True)
    (data / "audio" / "train-000000.tar").write_bytes(b"mine")
    with pytest.raises(syngen.ParameterError, match="holds no dataset"):
        finished(data)
    assert (data / "audio" / "train-000000.tar").read_bytes() == b"mine"


def test_a_run_that_is_killed_after_the_removal_leaves_a_folder_that_can_be_used(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "notes.txt").write_bytes(b"mine")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("syngen.generation.targets.folder.write_plan", die)
        with pytest.raises(KeyboardInterrupt):
            finished(data, shard_size=4, overwrite=True)
    assert not list((data / "audio").iterdir())
    finished(data, shard_size=4)
    assert syngen.verify(data) == ["notes.txt: is not part of the dataset"]


@pytest.mark.slow
def test_the_command_line_names_what_it_leaves(tmp_path: Path) -> None:
    command = ("generate", "syntone-tiny", "data", "--limit", "20", "-j", "1", "-q", "--overwrite")
    assert run_syngen(*command, cwd=tmp_path).returncode == 0
    for number in range(10):
        (tmp_path / "data" / f"notes-{number}.txt").write_bytes(b"mine")
    done = run_syngen(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, last = done.stderr.splitlines()
    shown = ", ".join(f"notes-{number}.txt" for number in range(8))
    assert first == f"data: left, because the plan does not account for it: {shown} and 2 more"
    assert last.startswith("data: 20 observations")
    assert done.stdout == ""


@pytest.mark.slow
def test_a_planted_link_ends_a_command_with_2_and_its_name(data: Path) -> None:
    (data / ".syngen").symlink_to(data.parent / "docs")
    (data.parent / "docs").mkdir()
    for arguments in (("generate", "syntone-tiny", data, "--overwrite"), ("verify", data, "--repair")):
        done = run_syngen(*arguments)
        assert done.returncode == 2, done.stderr
        said = f"error: {data / '.syngen'} is in the way: it is a link"
        assert done.stderr.strip() == f"{said}; move it away and run the same command again"


@pytest.mark.parametrize("overwrite", [False, True])
def test_pipes_in_a_folder_are_waited_for_by_nobody(overwrite: bool, data: Path) -> None:
    for name in ("plan.json", "dataset.json", "README.md"):
        (data / name).unlink()
        os.mkfifo(data / name)
    said = attempt(lambda: finished(data, overwrite=overwrite))
    assert "holds no dataset" in said or "is in the way: it is not a file" in said


# object stores


def test_overwriting_in_a_store_leaves_what_its_plan_does_not_account_for() -> None:
    import fsspec

    url, store = "memory://planted", fsspec.filesystem("memory")
    syngen.generate(WHOLE_LOOKING, url, jobs=1, shard_size=5)
    for name in (*MINE, ".syngen/letter.txt"):
        store.pipe_file(f"/planted/{name}", b"mine")
    for document in ("plan.json", "dataset.json"):
        content = json.loads(store.cat_file(f"/planted/{document}"))
        claim(content)
        store.pipe_file(f"/planted/{document}", json.dumps(content).encode())
    report = syngen.generate(WHOLE_LOOKING, url, jobs=1, overwrite=True)
    assert report.left == tuple(sorted((*MINE, ".syngen/letter.txt")))
    for name in (*MINE, ".syngen/letter.txt"):
        assert store.cat_file(f"/planted/{name}") == b"mine"
    tars = [name for name in store.find("/planted") if name.endswith(".tar")]
    assert len(tars) == 2 + 2
    store.pipe_file("/planted/audio/train-000003.tar", b"mine")
    with pytest.raises(syngen.ParameterError, match="train-000003.tar is in the way"):
        syngen.generate(WHOLE_LOOKING, url, jobs=1, shard_size=4, overwrite=True)
    store.rm("/planted", recursive=True)


# the log


def test_a_log_that_is_linked_hard_goes_on_in_a_file_of_its_own(
    prepared: Callable[[str], Path], tmp_path: Path
) -> None:
    data = Path(shutil.copytree(prepared("generate"), tmp_path / "data"))
    (tmp_path / "copy.jsonl").hardlink_to(data / ".syngen" / "log.jsonl")
    before = (tmp_path / "copy.jsonl").read_bytes()
    syngen.generate(WHOLE_LOOKING, data, jobs=1, shard_size=5, log=tmp_path / "all.jsonl")
    assert (tmp_path / "copy.jsonl").read_bytes() == before
    assert (tmp_path / "all.jsonl").read_bytes().startswith(before)
    assert (tmp_path / "all.jsonl").stat().st_size > len(before)


# names


@pytest.mark.slow
def test_every_name_that_syngen_gives_is_known_for_one_of_its_own(
    prepared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = Path(shutil.copytree(prepared("grow"), tmp_path / "growing"))
    interrupt_after(1, WHOLE_LOOKING, growing, shard_size=5)
    member = Path(shutil.copytree(prepared("generate"), tmp_path / "member"))
    finished(member, shard_index="0/1")
    repaired = Path(shutil.copytree(prepared("repair"), tmp_path / "repaired"))
    syngen.release(prepared("overwrite"), tmp_path / "release", version="1.0.0", jobs=1)
    seen: list[str] = []

    def look(folder: Path) -> None:
        found = ((path, path.relative_to(folder).as_posix()) for path in folder.rglob("*"))
        seen.extend(f"{name}/" if path.is_dir() else name for path, name in found)

    with monkeypatch.context() as patch:
        patch.setattr(
            "syngen.generation.folder.lifecycle.remove_work", lambda layout: look(layout.folder) or ()
        )
        syngen.repair(repaired, jobs=1, progress=lambda _: look(repaired))
    for folder in (growing, member, tmp_path / "release"):
        look(folder)
    beginnings = (
        "audio/",
        "smaller/000000/audio/",
        "members/0-of-1",
        "repair/.syngen/receipts/",
        "receipts/",
    )
    for beginning in beginnings:
        assert any(name.removeprefix(".syngen/").startswith(beginning) for name in seen), beginning
    assert [name for name in seen if not is_dataset_name(name)] == []


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "audio",
        "audio/letters/",
        "audio/train-000000.tar/",
        "audio/../train-000000.tar",
        "audio/Train-000000.tar",
        "plan.json/",
        ".syngen",
        ".syngen/receipts/letter.json",
        ".syngen/receipts/train-000000.json/",
        ".syngen/smaller/000000/letter.txt",
        ".syngen/smaller/../receipts/",
        ".syngen/smaller/000000/.syngen/lock",
        f"audio/.letter.{MARK}.tmp",
        f".plan.json.{MARK}.tmp/",
        "../plan.json",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not is_dataset_name(name)
