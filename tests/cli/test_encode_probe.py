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
from syngen.evaluation.codes.codes import Codes, read_codes, write_codes
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


def scores_of(*arguments: str) -> dict[str, float]:
    result = run("evaluate", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, float] = json.loads(result.stdout)["scores"]
    return found


@pytest.mark.slow
def test_codes_of_the_whole_find_the_rows_of_a_smaller_dataset(here: Path) -> None:
    syngen.generate("syntone-tiny", "small", limit=200, jobs=1)
    small = syngen.load("small")
    right = syngen.evaluate(small.levels, small)
    assert scores_of("codes.npz", "small") == right.to_dict()["scores"]
    assert right["mig"] > 0.9
    found = json.loads(run("probe", "codes.npz", "small", "--json").stdout)["targets"]
    assert found == json.loads(syngen.probe(small.levels, small, target="all").to_json())["targets"]


@pytest.mark.slow
def test_codes_of_a_split_or_of_the_first_rows_go_with_the_dataset(here: Path) -> None:
    ds = syngen.load("data")
    for options, view, words in (
        (["--split", "train"], ds.select(split="train"), "split train"),
        (["--limit", "150"], ds[:150], "the first 150"),
        (["--split", "test", "--limit", "30"], ds.select(split="test")[:30], "the first 30 of split test"),
    ):
        assert run("encode", "factors", "data", "some.npz", *options).exit_code == 0
        result = run("evaluate", "some.npz", "data")
        note = f"{408 - len(view)} of 408 observations left out: the codes cover {words}"
        assert f"Note: {note}." in result.stdout
        assert f"3 codes, {len(view)} rows ({408 - len(view)} left out), in" in result.stderr
        assert scores_of("some.npz", "data") == syngen.evaluate(view.levels, view).to_dict()["scores"]
        result = run("probe", "some.npz", "data", "--target", "timbre", "--folds", "2")
        assert f"- {note}\n" in result.stdout
        assert f"{len(view)} rows ({408 - len(view)} left out)" in result.stderr


@pytest.mark.slow
def test_observations_without_codes_are_refused_or_left_out_and_counted(here: Path) -> None:
    syngen.generate("syntone-tiny", "small", limit=200, jobs=1)
    assert run("encode", "factors", "small", "small.npz").exit_code == 0
    message = "no codes for 208 of 408 observations; encode them too, .* or leave them out with .*--common"
    for command in (["evaluate", "small.npz", "data"], ["probe", "small.npz", "data"]):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert re.search(message, result.stderr)
        common = run(*command, "--common")
        assert common.exit_code == 0
        assert "200 rows (208 left out)" in common.stderr
        assert "208 of 408 observations left out: there are no codes for them" in common.stdout
    small = syngen.load("small")
    assert scores_of("small.npz", "data", "--common")["mig"] == syngen.evaluate(small.levels, small)["mig"]
    assert run("encode", "factors", "data", "test.npz", "--split", "test").exit_code == 0
    nothing = run("evaluate", "test.npz", "data", "--split", "train", "--common")
    assert nothing.exit_code == 2
    assert "no codes for any of the 305 observations; the codes cover split test" in nothing.stderr


def test_files_of_earlier_versions_are_refused_with_the_remedy(here: Path) -> None:
    ds = syngen.load("data")
    np.savez(
        "old.npz",
        codes=ds.levels.astype(float),
        rows=ds.rows,
        fingerprint=np.array(ds.fingerprint),
        encoder=np.array("factors"),
    )
    assert len(read_codes("old.npz")) == 408
    for command in ("evaluate", "probe"):
        result = run(command, "old.npz", "data")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "the codes hold row numbers only" in result.stderr
        assert "encode this dataset again (syngen encode)" in result.stderr


def test_plain_arrays_must_have_the_length_of_the_dataset(here: Path) -> None:
    np.save("short.npy", syngen.load("data").levels[:100])
    for command, message in (
        ("evaluate", "has 100 rows, the dataset has 408"),
        ("probe", "100 rows of co"),
    ):
        result = run(command, "short.npy", "data")
        assert result.exit_code == 2
        assert message in result.stderr
    np.save("plain.npy", syngen.load("data").levels)
    result = run("evaluate", "plain.npy", "data", "--common")
    assert result.exit_code == 2
    assert "an array does not say whose its rows are" in result.stderr


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
        (
            ["probe", "other.npz", "data"],
            "codes of another dataset: its fingerprint is f00d.*encode this dataset",
        ),
        (["probe", "broken.npz", "data"], r"column 1 \(z1\) has 1 NaN; leave"),
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
