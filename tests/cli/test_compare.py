"""``syngen compare``: two files, two folders, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def here(tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the dataset data, a.npz (levels and little noise) and b.npz (more noise)."""
    shutil.copytree(tiny_dataset, tmp_path / "here" / "data")
    monkeypatch.chdir(tmp_path / "here")
    ds = syngen.load("data")
    noise = np.random.default_rng(0).normal(size=ds.levels.shape)
    for name, scale in (("a", 0.2), ("b", 1.0)):
        syngen.Codes.of(ds.levels + scale * noise, ds, encoder=name).save(f"{name}.npz")
    return tmp_path / "here"


def test_two_files_are_compared_on_the_same_rows(here: Path) -> None:
    result = run("compare", "a.npz", "b.npz", "data", "--metrics", "sap, mig")
    assert result.exit_code == 0, result.stderr
    expected = syngen.compare("a.npz", "b.npz", "data", metrics=["sap", "mig"])
    assert result.stdout == expected.to_markdown()
    assert "408 rows; paired bootstrap over the same rows." in result.stdout
    assert re.search(r"a\.npz and b\.npz: 2 metrics, 408 rows, in \d+\.\d seconds", result.stderr)
    part = json.loads(
        run("compare", "a.npz", "b.npz", "data", "--metrics", "sap", "--split", "test", "--json").stdout
    )
    assert part["rows"] == len(syngen.load("data").select(split="test"))
    assert part["differences"][0]["value"] > 0.0


def test_folders_with_few_seeds_are_said_to_have_too_few(here: Path) -> None:
    for side in ("a", "b"):
        (here / side).mkdir()
        for seed in range(2):
            shutil.copy(f"{side}.npz", here / side / f"{seed}.npz")
    result = run("compare", "a", "b", "data", "--metrics", "sap")
    assert result.exit_code == 0, result.stderr
    assert "408 rows of 2 and 2 trainings; no test." in result.stdout
    assert "Note: 2 and 2 seeds are too few for a test: 6 or more" in result.stdout
    assert "1 metric, 408 rows" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.npz", "nothing.npz", "data"], "no file nothing.npz"),
        (["a.npz", "empty", "data"], "has no codes by seed"),
        (["a.npz", "other.npz", "data"], "codes of another dataset"),
        (["a.npz", "short.npz", "data"], "there are no codes for 308 of 408 observations"),
        (["a.npz", "b.npz", "data", "--metrics", "mgi"], "did you mean 'mig'"),
        (["a.npz", "b.npz", "data", "--split", "tset"], "did you mean 'test'"),
    ],
)
def test_what_cannot_be_compared_is_one_error(here: Path, arguments: list[str], message: str) -> None:
    (here / "empty").mkdir()
    syngen.Codes(np.ones((408, 2)), np.arange(408), "0" * 64, "x").save("other.npz")
    syngen.Codes.load("a.npz")[:100].save("short.npz")
    done = run("compare", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_common_leaves_out_what_one_side_lacks(here: Path) -> None:
    syngen.Codes.load("a.npz")[:100].save("short.npz")
    done = run("compare", "short.npz", "b.npz", "data", "--metrics", "sap", "--common", "--json")
    assert done.exit_code == 0, done.stderr
    content = json.loads(done.stdout)
    assert (content["rows"], content["left_out"]) == (100, 308)
