"""What leaves as files and comes back keeps the audio of every row, and loses no column."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

import syngen
from syngen.exports.clips import write_clips
from syngen.loaders.dataset import FactorDataset
from tests.support import run_python

FACTORS = ["timbre", "amplitude", "frequency"]


@pytest.fixture(scope="module")
def origin(tiny_dataset: Path) -> FactorDataset:
    """Twenty rows of three splits, so that a row has another number in every export."""
    return syngen.load(tiny_dataset)[5::20]


def reopened(folder: Path, table: Any, factors: list[str]) -> FactorDataset:
    return syngen.from_manifest(folder, table, factors=factors)


def check_rows(found: FactorDataset, wanted: FactorDataset, *, key: str) -> None:
    """Compare every row with that of the original whose number a column has."""
    position_of = {int(row): position for position, row in enumerate(wanted.rows)}
    assert len(found) == len(wanted)
    for obs, row in zip(found, found.manifest[key].tolist(), strict=True):
        expected = wanted[position_of[row]]
        np.testing.assert_array_equal(obs.waveform, expected.waveform)
        assert dict(obs.values) == dict(expected.values)


def test_wav_files_keep_their_audio_from_export_to_export(origin: FactorDataset, tmp_path: Path) -> None:
    current, keys = origin, ["row", "source_row", "source_row", "source_row"]
    for trip, key in enumerate(keys):
        folder = tmp_path / f"trip-{trip}"
        syngen.export(current, folder, to="wav")
        again = reopened(folder, "metadata.csv", FACTORS)
        check_rows(again, origin, key=key)
        # not in the order of the table, which shows whether rows go with files by chance
        current = again.take(np.random.default_rng(trip).permutation(len(again)))
    frame = pd.read_csv(folder / "metadata.csv")
    names = {f"{'source_' * trip}file_name" for trip in range(len(keys))}
    assert {name for name in frame if name.endswith("file_name")} == names
    first = pd.read_csv(tmp_path / "trip-0" / "metadata.csv").set_index("row")
    assert frame["source_file_name"].tolist() == first["file_name"][frame["source_row"]].tolist()


def test_clips_keep_their_audio_from_export_to_export(origin: FactorDataset, tmp_path: Path) -> None:
    write_clips(origin, tmp_path / "a", limit=12)
    first = reopened(tmp_path / "a", "metadata.csv", FACTORS)
    write_clips(first[3:], tmp_path / "b", limit=9)
    second = reopened(tmp_path / "b", "metadata.csv", FACTORS)
    check_rows(second, origin[3:12], key="source_row")
    assert second.manifest["source_file_name"].tolist() == first[3:].manifest["file_name"].tolist()


@pytest.fixture
def own(tmp_path: Path, rng: np.random.Generator) -> FactorDataset:
    """Recordings whose table has a column of every name that some export makes."""
    folder = tmp_path / "own"
    folder.mkdir()
    names = [f"take-{n}.wav" for n in range(6)]
    for name in names:
        soundfile.write(folder / name, rng.uniform(-1, 1, 800), 16_000, subtype="PCM_16")
    table = {
        "audio_filepath": names,
        "file": [f"old/{name}" for name in names],
        "duration": [9.9] * 6,
        "offset": [4.0] * 6,
        "size": ["big", "small"] * 3,
        "row": [f"r{n}" for n in range(6)],
        "index": [f"i{n}" for n in range(6)],
        "audio": ["clean", "noisy"] * 3,
        "source_audio": [f"s{n}" for n in range(6)],
        "noise": [1, 2, 1, 2, 1, 2],
        "noise_level": [12.5, 3.0, 12.5, 3.0, 12.5, 3.0],
        "text": [f"take {n}" for n in range(6)],
        "split": ["train", "test", "train", "test", "train", "test"],
    }
    return syngen.from_manifest(folder, table, file="audio_filepath", factors=["noise", "audio"])


def lines_of(folder: Path) -> list[dict[str, Any]]:
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.jsonl"))]
    return [json.loads(line) for line in "".join(texts).splitlines()]


def test_columns_of_a_dataset_do_not_replace_those_of_its_table(own: FactorDataset) -> None:
    frame = own.manifest
    assert frame["index"].tolist() == own.indices.tolist()
    assert frame["noise_level"].tolist() == own.level_column("noise").tolist() == [0, 1] * 3
    assert frame["source_index"].tolist() == [f"i{n}" for n in range(6)]
    assert frame["source_noise_level"].tolist() == [12.5, 3.0] * 3
    assert "source_split" not in frame  # which is the table's own


def test_lines_for_nemo_say_where_the_new_files_are(own: FactorDataset, tmp_path: Path) -> None:
    syngen.export(own, tmp_path / "out", to="jsonl")
    lines = lines_of(tmp_path / "out")
    assert len(lines) == 6
    for line in lines:
        n = int(line["source_audio_filepath"].removeprefix("take-").removesuffix(".wav"))
        waveform, rate = soundfile.read(tmp_path / "out" / line["audio_filepath"], dtype="float32")
        np.testing.assert_array_equal(waveform, own[n].waveform)
        assert line["duration"] == len(waveform) / rate == 0.05
        assert (line["text"], line["row"]) == (f"take {n}", n)
        assert (line["source_duration"], line["source_offset"]) == (9.9, 4.0)
        assert (line["source_row"], line["source_file"]) == (f"r{n}", f"old/take-{n}.wav")
        # what would be taken for audio of this folder, for a part of it, or is said already
        assert not {"offset", "file", "source_text"} & set(line)
        assert (line["audio"], line["size"]) == (("noisy", "small") if n % 2 else ("clean", "big"))


def test_lines_for_nemo_are_read_back_from_export_to_export(own: FactorDataset, tmp_path: Path) -> None:
    current = own
    for trip in range(3):
        folder = tmp_path / f"trip-{trip}"
        syngen.export(current, folder, to="jsonl")
        current = reopened(folder, pd.DataFrame(lines_of(folder)), ["noise", "audio"])
        for obs, name in zip(current, current.manifest["source_audio_filepath"], strict=True):
            n = int(name.removeprefix("take-").removesuffix(".wav"))
            np.testing.assert_array_equal(obs.waveform, own[n].waveform)
        current = current[::-1]


def test_a_transcript_is_the_text_and_a_factor_text_the_source(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(100, 0.1), 16_000)
    columns: dict[str, Any] = {"file_name": ["a.wav"], "text": ["no. 7"], "transcript": ["number seven"]}
    for kept, text, source in (
        (columns, "number seven", "no. 7"),
        ({"file_name": ["a.wav"], "text": [7]}, "", 7),
        ({"file_name": ["a.wav"], "text": pd.Categorical(["seven"])}, "seven", None),
    ):
        ds = reopened(tmp_path, pd.DataFrame(kept), ["text"])
        folder = tmp_path / f"out-{text}-{source}-{len(kept)}"
        syngen.export(ds, folder, to="jsonl")
        (line,) = lines_of(folder)
        assert line["text"] == text
        assert line.get("source_text") == source


def test_parquet_has_audio_and_rows_of_its_own(own: FactorDataset, tmp_path: Path) -> None:
    syngen.export(own, tmp_path / "out", to="huggingface")
    for split in ("train", "test"):
        (path,) = (tmp_path / "out" / "data").glob(f"{split}-*.parquet")
        features = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
        assert features["audio"]["_type"] == "Audio"
        assert features["source_source_audio"] == {"names": ["clean", "noisy"], "_type": "ClassLabel"}
        for record in pq.read_table(path).to_pylist():
            n = record["row"]
            assert (record["source_row"], record["source_audio"]) == (f"r{n}", f"s{n}")
            assert record["source_source_audio"] == n % 2
            waveform, _ = soundfile.read(io.BytesIO(record["audio"]["bytes"]), dtype="float32")
            np.testing.assert_array_equal(waveform, own[n].waveform)
    assert '"source_source_audio"' in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_cuts_have_rows_of_their_own(own: FactorDataset, tmp_path: Path) -> None:
    syngen.export(own, tmp_path / "out", to="lhotse")
    for path in (tmp_path / "out").glob("cuts_*.jsonl.gz"):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            cut = json.loads(line)
            (supervision,) = cut["supervisions"]
            custom = supervision["custom"]
            assert custom["source_row"] == f"r{custom['row']}"
            assert cut["recording"]["sources"][0]["source"] == f"audio/{custom['row']:09d}.wav"
            assert (cut["duration"], supervision["duration"], custom["duration"]) == (0.05, 0.05, 9.9)


def test_arrays_are_those_of_the_dataset(own: FactorDataset, tmp_path: Path) -> None:
    syngen.export(own, tmp_path / "out", to="npz")
    with np.load(tmp_path / "out" / "dataset.npz") as archive:
        assert archive["row"].tolist() == list(range(6))
        assert archive["index"].tolist() == own.indices.tolist()
        np.testing.assert_array_equal(archive["pcm"] / np.float32(32768), own.arrays()[0])
    batch = next(own.batches(6))
    assert batch["row"].tolist() == list(range(6))
    np.testing.assert_array_equal(batch["levels"], own.levels)


def test_columns_of_an_export_are_no_factors_by_default(own: FactorDataset, tmp_path: Path) -> None:
    syngen.export(own, tmp_path / "a", to="wav")
    syngen.export(reopened(tmp_path / "a", "metadata.csv", ["noise"]), tmp_path / "b", to="wav")
    frame = pd.read_csv(tmp_path / "b" / "metadata.csv").drop(columns=["noise_level", "audio_level"])
    found = syngen.from_manifest(tmp_path / "b", frame.assign(source_kind=["a", "b"] * 3))
    names = set(found.grid.names)
    assert "source_kind" in names  # somebody's own column
    assert not {name for name in names if name.endswith(("file_name", "_row", "_index"))}


HUGGING_FACE = """\
import json, sys
import datasets
loaded = datasets.load_dataset(sys.argv[1])
print(json.dumps({split: [row["source_row"] for row in part] for split, part in loaded.items()}))
"""


@pytest.mark.slow
def test_hugging_face_reads_columns_that_were_renamed(own: FactorDataset, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the extra huggingface is not installed")
    syngen.export(own, tmp_path / "out", to="huggingface")
    env = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = run_python("-c", HUGGING_FACE, str(tmp_path / "out"), env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"train": ["r0", "r2", "r4"], "test": ["r1", "r3", "r5"]}
