"""Trajectories leave with their audio, and the libraries that they are for read them back."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

import syngen
from syngen.errors import ParameterError
from syngen.exports.formats import FORMATS
from syngen.loaders.dataset import FactorDataset
from tests.support import files_of, needs_speech, run_python, run_syngen

HOP = 0.02
WITH_FILES = {"wav": "{split}", "jsonl": "audio", "lhotse": "audio"}
LISTS = ["trajectory_time", "trajectory_f0", "trajectory_gain", "trajectory_brightness"]


def needs(module: str) -> pytest.MarkDecorator:
    is_there = importlib.util.find_spec(module) is not None
    return pytest.mark.skipif(not is_there, reason=f"{module} is not installed")


@pytest.fixture(scope="module")
def tones() -> FactorDataset:
    """Tones that begin late, with vibrato, and with a factor of the name of a trajectory."""
    return syngen.render(
        {
            "name": "late",
            "synthesizer": "tone",
            "seed": 4,
            "audio": {"sample_rate": 8000, "duration": 0.5},
            "factors": {
                "frequency": {"values": [200.0, 300.0, 500.0], "unit": "Hz"},
                "brightness": {"values": [-6.0, -3.0], "unit": "dB/octave"},
                "vibrato_depth": {"values": [0.0, 50.0, 100.0], "unit": "cents"},
            },
            "settings": {"onset": 0.1, "partial_limit": 3500.0, "level": "rms", "amplitude": 0.05},
            "splits": {"default": {"random": {"train": 0.5, "test": 0.5}}},
        }
    )


@pytest.mark.parametrize("name", WITH_FILES)
def test_columns_of_time_and_value_lie_beside_each_clip(
    name: str, tones: FactorDataset, tmp_path: Path
) -> None:
    assert syngen.export(tones, tmp_path / "out", to=name, trajectories=HOP) == len(tones)
    content = json.loads((tmp_path / "out" / "trajectories.json").read_text("utf-8"))
    assert content == {
        "hop": HOP,
        "units": {"time": "s", "f0": "Hz", "gain": "dB", "brightness": "Hz"},
    }
    splits = tones.manifest["split"].tolist()
    for i, split in enumerate(splits):
        folder = tmp_path / "out" / WITH_FILES[name].format(split=split)
        found = tones.trajectories(i, hop=HOP)
        for quantity in ("f0", "gain", "brightness"):
            path = folder / f"{tones.rows[i]:09d}.{quantity}.csv"
            frame = pd.read_csv(path, header=None, names=["time", "value"])
            np.testing.assert_allclose(frame["time"], found.times, rtol=1e-14)
            sounds = np.isfinite(found["gain"])
            assert 0 < (~sounds).sum() < len(sounds)
            expected = np.where(sounds, found["f0"], 0.0) if quantity == "f0" else found[quantity]
            np.testing.assert_allclose(frame["value"], expected, rtol=1e-14)
            exact = [line.split(",") for line in path.read_text("utf-8").splitlines()]
            assert [(float(time), float(value)) for time, value in exact] == list(
                zip(found.times.tolist(), expected.tolist(), strict=True)
            )


@needs("mir_eval")
def test_mir_eval_finds_the_pitch_of_a_clip_where_it_is_voiced(
    tones: FactorDataset, tmp_path: Path
) -> None:
    import mir_eval

    syngen.export(tones, tmp_path / "out", to="wav", trajectories=0.01)
    i = next(i for i, obs in enumerate(tones) if obs.values["vibrato_depth"] == 0.0)
    path = tmp_path / "out" / tones.manifest["split"].iloc[i] / f"{tones.rows[i]:09d}.f0.csv"
    times, f0 = mir_eval.io.load_time_series(str(path), delimiter=",")
    scores = mir_eval.melody.evaluate(times, f0, times, np.full(len(times), tones[i].values["frequency"]))
    assert scores["Raw Pitch Accuracy"] == 1.0
    assert scores["Voicing False Alarm"] == 1.0  # it was called voiced before its onset too
    assert (f0 > 0.0).mean() == pytest.approx(0.8, abs=0.03)


def test_parquet_has_lists(tones: FactorDataset, tmp_path: Path) -> None:
    syngen.export(tones, tmp_path / "out", to="huggingface", trajectories=HOP)
    tables = [pq.read_table(path) for path in sorted((tmp_path / "out" / "data").glob("*.parquet"))]
    by_row = {row: i for i, row in enumerate(tones.rows.tolist())}
    n = 0
    for table in tables:
        assert [name for name in table.column_names if name.startswith("trajectory_")] == LISTS
        assert "brightness" in table.column_names  # the factor
        for record in table.to_pylist():
            found = tones.trajectories(by_row[record["row"]], hop=HOP)
            assert record["trajectory_time"] == found.times.tolist()
            assert record["trajectory_gain"] == found["gain"].tolist()
            assert record["trajectory_brightness"] == found["brightness"].tolist()
            assert record["trajectory_f0"] == found.columns["f0"].tolist()
            n += 1
    assert n == len(tones)
    assert "every 0.02 s: `f0` (Hz), `gain` (dB), `brightness` (Hz)" in (
        tmp_path / "out" / "README.md"
    ).read_text("utf-8")


@needs("duckdb")
def test_duckdb_reads_lists(tones: FactorDataset, tmp_path: Path) -> None:
    import duckdb

    syngen.export(tones, tmp_path / "out", to="huggingface", trajectories=HOP)
    found = duckdb.sql(
        "select vibrato_depth, max(list_max(trajectory_f0) / frequency) as highest from "
        f"read_parquet('{tmp_path}/out/data/*.parquet') group by 1 order by 1"
    ).fetchall()
    assert [depth for depth, _ in found] == [0.0, 50.0, 100.0]
    assert [1200 * np.log2(ratio) for _, ratio in found] == pytest.approx([0.0, 50.0, 100.0], abs=3.0)


HUGGING_FACE = """\
import json, sys
import datasets

loaded = datasets.load_dataset(sys.argv[1])
found = [row for part in loaded.values() for row in part.remove_columns("audio")]
print(json.dumps([found, {name: str(feature) for name, feature in loaded["train"].features.items()}]))
"""
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


@pytest.mark.slow
@needs("datasets")
def test_hugging_face_reads_lists_with_their_types(tones: FactorDataset, tmp_path: Path) -> None:
    syngen.export(tones, tmp_path / "out", to="huggingface", trajectories=HOP)
    (tmp_path / "read.py").write_text(HUGGING_FACE, "utf-8")
    env = {"HF_HOME": str(tmp_path / "home"), **OFFLINE}
    done = run_python("read.py", "out", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "Ignoring" not in done.stderr
    found, features = json.loads(done.stdout)
    by_row = {row: i for i, row in enumerate(tones.rows.tolist())}
    assert len(found) == len(tones)
    for record in found:
        expected = tones.trajectories(by_row[record["row"]], hop=HOP).columns
        assert {name: record[f"trajectory_{name}"] for name in expected} == {
            name: values.tolist() for name, values in expected.items()
        }
    for name in LISTS:
        assert "float64" in features[name]


@needs_speech
def test_speech_has_words_phones_and_voicing(tmp_path: Path) -> None:
    speech = syngen.render("synspeech-tiny")[:3]
    syngen.export(speech, tmp_path / "clips", to="jsonl", trajectories=0.05)
    syngen.export(speech, tmp_path / "parquet", to="huggingface", trajectories=0.05)
    tables = [pq.read_table(path) for path in (tmp_path / "parquet" / "data").glob("*.parquet")]
    records = {record["row"]: record for table in tables for record in table.to_pylist()}
    assert len({len(record["trajectory_time"]) for record in records.values()}) > 1
    for i, row in enumerate(speech.rows.tolist()):
        found = speech.trajectories(i, hop=0.05)
        for name in ("word", "phone", "voicing"):
            assert records[row][f"trajectory_{name}"] == found[name].tolist()
            path = tmp_path / "clips" / "audio" / f"{row:09d}.{name}.csv"
            kind = int if name == "voicing" else str
            frame = pd.read_csv(
                path, header=None, names=["time", "value"], dtype={"value": kind}, keep_default_na=False
            )
            assert frame["value"].tolist() == found[name].astype(kind).tolist()


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"npz"}))
def test_a_dataset_without_any_is_one_error_and_no_folder(name: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    own = syngen.from_manifest(tmp_path, {"file": ["a.wav"], "x": [1]})
    message = "consists of audio files, which no recipe describes.*; or export without trajectories"
    with pytest.raises(ParameterError, match=message):
        syngen.export(own, tmp_path / "out", to=name, trajectories=HOP)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_arrays_have_no_place_for_them(tones: FactorDataset, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="npz takes no trajectories; huggingface has them as lists"):
        syngen.export(tones, tmp_path / "out", to="npz", trajectories=HOP)
    assert list(tmp_path.iterdir()) == []


def test_without_a_hop_nothing_changes(tones: FactorDataset, tmp_path: Path) -> None:
    syngen.export(tones, tmp_path / "plain", to="wav")
    syngen.export(tones, tmp_path / "annotated", to="wav", trajectories=HOP)
    plain, annotated = files_of(tmp_path / "plain"), files_of(tmp_path / "annotated")
    assert {name for name in annotated if name not in plain} == {
        name
        for name in annotated
        if name == "trajectories.json" or name.endswith((".f0.csv", ".gain.csv", ".brightness.csv"))
    }
    assert all(annotated[name] == content for name, content in plain.items())
    again = syngen.from_manifest(tmp_path / "annotated", "metadata.csv", factors=["frequency"])
    assert len(again) == len(tones)


def test_an_empty_view_has_none(tones: FactorDataset, tmp_path: Path) -> None:
    assert syngen.export(tones[:0], tmp_path / "out", to="huggingface", trajectories=HOP) == 0
    assert syngen.export(tones[:0], tmp_path / "wav", to="wav", trajectories=HOP) == 0


@pytest.mark.slow
def test_the_command_takes_a_hop(tiny_dataset: Path, tmp_path: Path) -> None:
    arguments = ("--split", "test", "--trajectories")
    done = run_syngen("export", "wav", tiny_dataset, tmp_path / "out", *arguments, "0.05")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    n = len(syngen.load(tiny_dataset).select(split="test"))
    assert len(list((tmp_path / "out" / "test").glob("*.f0.csv"))) == n
    done = run_syngen("export", "wav", tiny_dataset, tmp_path / "other", *arguments, "0")
    assert done.returncode == 2
    assert "hop is 0.0; seconds are needed" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "other").exists()
