"""Other programs read a dataset without syngen."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.support import run_python

FOLDERS = ["tiny_dataset", "tiny_flac", "whole_looking", "with_nuisances"]


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def pcm_hash(data: bytes) -> bytes:
    samples, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    return hashlib.sha256(samples.astype("<i2").tobytes()).digest()


def factors_of(folder: Path) -> list[dict[str, Any]]:
    metadata = pq.read_schema(folder / "manifest.parquet").metadata[b"syngen"]
    found: list[dict[str, Any]] = json.loads(metadata)["factors"]
    return found


def test_pandas_reads_the_manifest_and_the_audio_with_one_seek_and_one_read(folder: Path) -> None:
    frame = pd.read_parquet(folder / "manifest.parquet")
    for row in frame.itertuples():
        with open(folder / "audio" / f"{row.shard}.tar", "rb") as shard:
            shard.seek(row.offset)
            data = shard.read(row.size)
        assert pcm_hash(data) == row.pcm_sha256
    assert len(frame) == json.loads((folder / "dataset.json").read_text("utf-8"))["rows"] > 0


def test_duckdb_counts_splits_and_joins_levels_with_values(folder: Path) -> None:
    description = json.loads((folder / "dataset.json").read_text("utf-8"))
    manifest = str(folder / "manifest.parquet")
    with duckdb.connect() as database:
        database.execute(
            "CREATE VIEW manifest AS SELECT * FROM read_parquet(?)".replace("?", f"'{manifest}'")
        )
        counts = database.execute("SELECT split, count(*) FROM manifest GROUP BY split").fetchall()
        assert dict(counts) == description["counts"]
        for factor in factors_of(folder):
            kind = "VARCHAR" if isinstance(factor["values"][0], str) else "DOUBLE"
            database.execute(f"CREATE OR REPLACE TABLE vocabulary (level INTEGER, value {kind})")
            database.executemany("INSERT INTO vocabulary VALUES (?, ?)", list(enumerate(factor["values"])))
            name = factor["name"]
            (n_equal,) = database.execute(
                f"SELECT count(*) FROM manifest JOIN vocabulary "
                f"ON manifest.{name}_level = vocabulary.level AND manifest.{name} = vocabulary.value"
            ).fetchone() or (0,)
            assert n_equal == description["rows"]


def test_the_tarfile_module_reads_every_member(folder: Path) -> None:
    frame = pd.read_parquet(folder / "manifest.parquet")
    row = 0
    for name in dict.fromkeys(frame["shard"]):
        with tarfile.open(folder / "audio" / f"{name}.tar", "r:") as archive:
            members = archive.getmembers()
            for member in members:
                assert (member.mode, member.mtime, member.uid, member.gid) == (0o644, 0, 0, 0)
                assert member.isfile()
            for audio in members[::2]:
                file = archive.extractfile(audio)
                assert file is not None
                assert pcm_hash(file.read()) == frame.loc[row, "pcm_sha256"]
                row += 1
    assert row == len(frame)


def test_the_tar_program_lists_and_extracts_the_shards(folder: Path, tmp_path: Path) -> None:
    codec = json.loads((folder / "dataset.json").read_text("utf-8"))["codec"]
    frame = pd.read_parquet(folder / "manifest.parquet")
    for name, rows in frame.groupby("shard"):
        path = folder / "audio" / f"{name}.tar"
        done = subprocess.run(["tar", "-tf", path], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        expected = [f"{row:09d}.{suffix}" for row in rows.index for suffix in (codec, "json")]
        assert done.stdout.splitlines() == expected
        done = subprocess.run(["tar", "-xf", path, "-C", tmp_path], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    for row, digest in frame["pcm_sha256"].items():
        assert pcm_hash((tmp_path / f"{row:09d}.{codec}").read_bytes()) == digest


def test_the_tar_program_would_write_the_same_headers(tiny_dataset: Path, tmp_path: Path) -> None:
    shard = tiny_dataset / "audio" / "test-000000.tar"
    with tarfile.open(shard) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    options = ["--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=0644", "--mtime=@0"]
    done = subprocess.run(
        ["tar", *options, "--blocking-factor=1", "-cf", "-", *names], cwd=tmp_path, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == shard.read_bytes()


def test_sha256sum_proves_every_byte(folder: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    proved = {line.removesuffix(": OK") for line in done.stdout.splitlines()}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert proved == files - {"SHA256SUMS"}


WEBDATASET = """\
import hashlib, io, json, sys
import soundfile
import webdataset

codec, *urls = sys.argv[1:]
own = set(sys.modules)  # webdataset takes torch along where it is installed
result = []
for row in webdataset.WebDataset(urls, shardshuffle=False):
    samples, _ = soundfile.read(io.BytesIO(row[codec]), dtype="int16")
    digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
    result.append([row["__key__"], digest, json.loads(row["json"])])
assert not {"torch", "torchcodec", "syngen"} & (set(sys.modules) - own)
assert "syngen" not in sys.modules
print(json.dumps(result))
"""


@pytest.mark.slow
def test_webdataset_reads_the_shards(folder: Path) -> None:
    codec = json.loads((folder / "dataset.json").read_text("utf-8"))["codec"]
    frame = pd.read_parquet(folder / "manifest.parquet")
    names = [factor["name"] for factor in factors_of(folder)]
    urls = [str(folder / "audio" / f"{name}.tar") for name in dict.fromkeys(frame["shard"])]
    done = run_python("-c", WEBDATASET, codec, *urls)  # it leaves files open, in its own process
    assert done.returncode == 0, done.stderr
    for (key, digest, content), (row, cells) in zip(json.loads(done.stdout), frame.iterrows(), strict=True):
        assert key == f"{row:09d}"
        assert digest == cells["pcm_sha256"].hex()
        assert (content["index"], content["split"]) == (cells["index"], cells["split"])
        assert content["values"] == {name: cells[name] for name in names}
        assert content["levels"] == {name: cells[f"{name}_level"] for name in names}


HUGGING_FACE = """\
import hashlib, io, json, sys
import datasets
import soundfile

loaded = datasets.load_dataset(sys.argv[1])
codec = sys.argv[2]
result = {"splits": {}, "features": {}, "names": {}}
for split, part in loaded.items():
    assert getattr(part.features[codec], "decode", False) is False
    for name, feature in part.features["json"]["values"].items():
        result["features"][name] = feature.dtype
    for name, feature in part.features["json"]["levels"].items():
        if isinstance(feature, datasets.ClassLabel):
            result["names"][name] = feature.names
    rows = result["splits"][split] = []
    for row in part:
        data = row[codec]["bytes"] if isinstance(row[codec], dict) else row[codec]
        samples, _ = soundfile.read(io.BytesIO(data), dtype="int16")
        digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
        rows.append([row["__key__"], digest, row["json"]])
assert not {"torch", "torchcodec", "syngen"} & set(sys.modules)
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of an isolated Hugging Face without a network."""
    home = tmp_path_factory.mktemp("huggingface")
    return {
        "HF_HOME": str(home),
        "HF_DATASETS_CACHE": str(home / "datasets"),
        "HF_HUB_OFFLINE": "1",
        "USE_TORCH": "0",
        "HF_DATASETS_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }


@pytest.mark.slow
def test_hugging_face_reads_typed_splits(
    folder: Path, hugging_face: dict[str, str], tmp_path: Path
) -> None:
    description = json.loads((folder / "dataset.json").read_text("utf-8"))
    program = tmp_path / "read.py"
    program.write_text(HUGGING_FACE, "utf-8")
    done = run_python(str(program), str(folder), description["codec"], cwd=tmp_path, env=hugging_face)
    assert done.returncode == 0, done.stderr
    assert "Ignoring part of dataset_info" not in done.stderr
    found = json.loads(done.stdout)
    frame = pd.read_parquet(folder / "manifest.parquet")
    factors = factors_of(folder)
    assert {split: len(rows) for split, rows in found["splits"].items()} == description["counts"]
    for split, rows in found["splits"].items():
        expected = frame[frame["split"] == split]
        for (key, digest, content), (row, cells) in zip(rows, expected.iterrows(), strict=True):
            assert key == f"{row:09d}"
            assert digest == cells["pcm_sha256"].hex()
            assert content["index"] == cells["index"]
            assert content["split"] == split
            for factor in factors:
                name = factor["name"]
                value = content["values"][name]
                assert value == cells[name]
                assert type(value) is (str if isinstance(factor["values"][0], str) else float)
                assert content["levels"][name] == cells[f"{name}_level"]
    for factor in factors:
        is_text = isinstance(factor["values"][0], str)
        assert found["features"][factor["name"]] == ("string" if is_text else "float64")
    nominal = {f["name"]: f["values"] for f in factors if f["kind"] == "nominal"}
    assert found["names"] == nominal


def test_values_that_look_whole_are_declared_and_written_as_real_numbers(whole_looking: Path) -> None:
    frame = pd.read_parquet(whole_looking / "manifest.parquet")
    assert set(frame["amplitude"]) == {0.0, 0.5, 1.0}
    assert set(frame["frequency"]) == {200.0, 250.5}
    first = frame[frame["split"] == "train"].iloc[0]
    # the case that a reader which guesses from the first row would get wrong
    assert first["amplitude"] in (0.0, 1.0) or first["frequency"] == 200.0
    n_read = 0
    for path in sorted((whole_looking / "audio").iterdir()):
        with tarfile.open(path) as archive:
            for member in archive.getmembers()[1::2]:
                file = archive.extractfile(member)
                assert file is not None
                values = json.loads(file.read())["values"]
                assert [type(values[name]) for name in ("amplitude", "frequency")] == [float, float]
                n_read += 1
    assert n_read == 18


def test_audio_files_stand_alone(folder: Path) -> None:
    description = json.loads((folder / "dataset.json").read_text("utf-8"))
    row = pd.read_parquet(folder / "manifest.parquet").iloc[0]
    with open(folder / "audio" / f"{row['shard']}.tar", "rb") as shard:
        shard.seek(row["offset"])
        info = soundfile.info(io.BytesIO(shard.read(row["size"])))
    assert (info.format, info.subtype) == (description["codec"].upper(), "PCM_16")
    assert (info.channels, info.frames) == (1, row["n_samples"])
    assert np.isclose(info.frames / info.samplerate * description["rows"] / 3600, description["hours"])
