"""``syngen info --statistics``: text, JSON, picture, parts of a dataset, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli
from tests.support import interrupt_after, run_python


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, ["info", "data", *arguments])


@pytest.fixture
def here(tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the dataset data."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "data").symlink_to(tiny_dataset)
    monkeypatch.chdir(folder)
    return folder


def test_text_is_what_info_says_and_then_the_statistics(here: Path) -> None:
    plain, done = run(), run("--statistics")
    assert (done.exit_code, plain.exit_code) == (0, 0)
    assert done.stdout == f"{plain.stdout}\n{syngen.statistics('data').to_markdown()}"
    assert done.stderr.startswith("408 observations counted in ")
    assert plain.stderr == ""


def test_json_has_the_statistics_beside_what_info_says(here: Path) -> None:
    plain, content = json.loads(run("--json").stdout), json.loads(run("--statistics", "--json").stdout)
    assert content == plain | {"statistics": syngen.statistics("data").to_dict()}


def test_a_part_is_counted(here: Path) -> None:
    done = run("--statistics", "--split", "test", "--where", "timbre=sine,square", "--json")
    expected = syngen.load("data").select(split="test", timbre=["sine", "square"])
    content = json.loads(done.stdout)["statistics"]
    assert content == syngen.statistics(expected).to_dict()
    assert content["observations"] == len(expected)


@pytest.mark.slow
def test_a_picture_is_drawn(here: Path) -> None:
    pytest.importorskip("matplotlib")
    done = run("--statistics", "--plot", "picture.svg")
    assert done.exit_code == 0, done.stderr
    assert "<svg" in (here / "picture.svg").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split", "test"], "--split is about statistics; add --statistics"),
        (["--where", "timbre=sine"], "--where is about statistics"),
        (["--plot", "a.png"], "--plot is about statistics"),
        (["--statistics", "--plot", "a.pgn"], "did you mean '.png'"),
        (["--statistics", "--plot", "none/a.png"], "there is no folder none"),
        (["--statistics", "--split", "tset"], "did you mean 'test'"),
        (["--statistics", "--where", "timbre=sin"], "did you mean 'sine'"),
        (["--statistics", "--split", "test", "--where", "frequency=..1"], "there is nothing to count"),
    ],
)
def test_wrong_options_are_refused_in_a_line(here: Path, options: list[str], message: str) -> None:
    done = run(*options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_counted(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "folder.png").mkdir()
    done = run("--statistics", "--plot", "folder.png")
    assert (done.exit_code, done.stderr.splitlines()) == (
        2,
        ["error: --plot folder.png is a folder; give the name of a file"],
    )
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)
    done = run("--statistics", "--plot", "a.png")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--plot a.png cannot be written" in done.stderr


def test_an_unfinished_dataset_has_none(here: Path) -> None:
    (here / "data").unlink()
    interrupt_after(1, "syntone-tiny", here / "data", shard_size=50)
    assert run().exit_code == 0
    done = run("--statistics")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "data is unfinished, 50 of 408 observations: there are no statistics yet" in done.stderr


@pytest.mark.slow
def test_plain_info_imports_nothing_that_only_statistics_need(here: Path) -> None:
    code = (
        "import sys; sys.argv = ['syngen', 'info', 'data']\n"
        "from syngen.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*sys.modules)"
    )
    done = run_python("-c", code, cwd=here)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded.isdisjoint({"scipy.stats", "matplotlib", "sklearn", "syngen.evaluation.statistics"})


def test_no_dataset_is_no_dataset(here: Path) -> None:
    (here / "data").unlink()
    done = run("--statistics")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "data does not exist" in done.stderr
