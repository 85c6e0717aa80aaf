"""``syngen encode`` and ``syngen probe``: files and tables, and what is said when they cannot be made."""

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
from syngen.evaluation.codes import Codes, read_codes, write_codes
from tests.support import names_below


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def here(tiny_dataset: Path, tiny_codes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the dataset data and its codes.npz."""
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copytree(tiny_dataset, folder / "data")
    shutil.copy(tiny_codes, folder / "codes.npz")
    monkeypatch.chdir(folder)
    return folder


def test_encode_writes_what_the_library_gives(here: Path) -> None:
    result = run(
        "encode", "mfcc", "data", "new.npz", "--split", "train", "--limit", "100", "--batch-size", "30"
    )
    assert (result.exit_code, result.stdout) == (0, "")
    *progress, last = result.stderr.splitlines()
    assert re.fullmatch(r"new\.npz: 100 rows of 40 codes by mfcc, [\d.]+ kB, in \d+\.\d seconds", last)
    assert all(line.startswith("encoded ") for line in progress)
    found = read_codes("new.npz")
    expected = syngen.encode("mfcc", "data", split="train", limit=100, batch_size=30)
    assert (found.values == expected.values).all()
    assert (found.rows == expected.rows).all()
    assert found.fingerprint == syngen.load("data").fingerprint
    quiet = run("encode", "factors", "data", "new.npz", "-q")
    assert len(quiet.stderr.splitlines()) == 1
    assert read_codes("new.npz").encoder == "factors"


def test_probe_prints_a_table_and_talks_on_stderr(here: Path) -> None:
    result = run("probe", "codes.npz", "data")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == syngen.probe("codes.npz", "data", target="all").to_markdown()
    assert re.fullmatch(r"codes\.npz: 3 targets, 408 rows, in \d+\.\d seconds\n", result.stderr)


def test_probe_hands_its_options_on(here: Path) -> None:
    options = ["--target", "timbre", "--group-by", "amplitude", "--group-by", "frequency"]
    options += ["--model", "ridge", "--folds", "3", "--seed", "7"]
    content = json.loads(run("probe", "codes.npz", "data", *options, "--json").stdout)
    expected = syngen.probe(
        "codes.npz",
        "data",
        target="timbre",
        group_by=["amplitude", "frequency"],
        model="ridge",
        folds=3,
        seed=7,
    )
    assert content == json.loads(expected.to_json())
    assert content["targets"][0]["n_groups"] == 102


def test_a_plain_array_is_probed(here: Path) -> None:
    np.save("plain.npy", syngen.load("data").levels)
    result = run("probe", "plain.npy", "data", "--target", "timbre", "--json")
    assert json.loads(result.stdout)["targets"][0]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "mffc", "data", "new.npz"], r"no encoder 'mffc' \(did you mean 'mfcc'\?\)"),
        (["encode", "model.ts", "data", "new.npz"], "no file model.ts; give a TorchScript file"),
        (["encode", "mfcc", "nothing", "new.npz"], "nothing does not exist"),
        (["encode", "mfcc", "data", "new.npy"], "codes are written as .npz, as in new.npz"),
        (["encode", "mfcc", "data", "far/new.npz"], "there is no folder far"),
        (
            ["encode", "mfcc", "data", "new.npz", "--split", "tset"],
            r"no split 'tset' \(did you mean 'test'",
        ),
        (["encode", "mfcc", "data", "new.npz", "--limit", "0"], "--limit"),
        (["encode", "mfcc", "data"], "CODES"),
        (["probe", "nothing.npz", "data"], "no file nothing.npz"),
        (["probe", "data/manifest.parquet", "data"], "holds no codes"),
        (["probe", "codes.npz", "nothing"], "nothing does not exist"),
        (["probe", "codes.npz", "data", "--target", "tmbre"], r"target 'tmbre' .* \(did you mean 'timbre'"),
        (["probe", "codes.npz", "data", "--group-by", "tmbre"], r"group_by 'tmbre' .*'timbre'"),
        (
            ["probe", "codes.npz", "data", "--target", "timbre", "--folds", "90"],
            "these rows have 17; 90 folds",
        ),
        (["probe", "codes.npz", "data", "--model", "forest"], "--model"),
        (["probe", "other.npz", "data"], "codes are of the dataset f00d.*encode this dataset"),
        (["probe", "broken.npz", "data"], "code 1 has 1 NaN and 0 infinite values in 408 rows"),
    ],
)
def test_bad_input_is_one_clear_message(arguments: list[str], message: str, here: Path) -> None:
    values, rows = np.zeros((408, 2)), np.arange(408)
    write_codes("other.npz", Codes(values, rows, "f00d" * 16, "mine"))
    values[5, 1] = np.nan
    write_codes("broken.npz", Codes(values, rows))
    before = names_below(here)
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert re.search(message, result.stderr), result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert names_below(here) == before


def test_torch_is_asked_for_by_its_extra(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (here / "model.ts").write_bytes(b"anything")
    result = run("encode", "model.ts", "data", "new.npz")
    assert result.exit_code == 1
    assert 'torch is not installed; install it with: pip install "syngen-audio[torch]"' in result.stderr
