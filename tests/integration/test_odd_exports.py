"""Tables with every kind of column and split, exported, and opened by the libraries they are for."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import io
import json
import tarfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile
from click.testing import CliRunner

import syngen
from syngen.cli.main import cli
from syngen.errors import ParameterError
from syngen.exports.formats import FORMATS
from syngen.loaders.dataset import FactorDataset
from tests.support import names_below, run_python

N = 6
SPLITS = ["train-clean-100", "val 1", "all", "val_1", "dev.é", "a[1]{2}"]
MOMENTS = [dt.datetime(2024, 1, 2, 3, 4, 5) + dt.timedelta(days=i) for i in range(N)]


def needs(module: str) -> pytest.MarkDecorator:
    is_there = importlib.util.find_spec(module) is not None
    return pytest.mark.skipif(not is_there, reason=f"{module} is not installed")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of different samples."""
    folder = tmp_path_factory.mktemp("odd") / "clips"
    folder.mkdir()
    rng = np.random.default_rng(5)
    for i in range(N):
        pcm = rng.integers(-9_000, 9_000, 160 + i).astype(np.int16)
        soundfile.write(folder / f"{i}.wav", pcm, 8000, subtype="PCM_16")
    return folder


def odd_frame(**more: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "file_name": [f"{i}.wav" for i in range(N)],
            "speaker": ["ann", "bob", "a/b", "é\n", "c,\r\"d'", "-x"],
            "split": SPLITS,
            "day": [moment.date() for moment in MOMENTS],
            # in a unit that every version of pandas gives back as Python's own
            "moment": pd.to_datetime(MOMENTS).as_unit("us"),
            "zoned": pd.to_datetime(MOMENTS).as_unit("us").tz_localize("Europe/Berlin"),
            "took": pd.to_timedelta([i + 0.5 for i in range(N)], unit="s").as_unit("us"),
            "price": [Decimal(i) / 4 for i in range(N)],
            "mood": pd.Categorical(["u", "v", None, "u", "v", "w"]),
            "tags": [[1, 2], [], None, [3], [4], [5]],
            "words": [[{"w": "a", "at": MOMENTS[0].time()}]] * N,
            "place": [{"width": 3, "room": "x"}] * N,
            "code": [b"\x00\xff"] * N,
            "snr": [1.5, np.nan, 2.5, 3.5, 4.5, 5.5],
            "maybe": pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
            "flag": pd.array([True, None, False, True, True, False], dtype="boolean"),
            "note": pd.array(["a", None, "c\r", "d\n", "e,f", '"'], dtype="string"),
            "nothing": [None] * N,
            **more,
        }
    )


@pytest.fixture(scope="module")
def ds(clips: Path) -> FactorDataset:
    """Six observations of every kind of column, each in a split of its own."""
    return syngen.from_manifest(clips, odd_frame(), factors=["speaker"])


def plain(ds: FactorDataset) -> list[dict[str, Any]]:
    """What JSON should say of each observation, told without the code under test."""
    frame = odd_frame()
    return [
        {
            "row": i,
            "split": SPLITS[i],
            "speaker": frame["speaker"][i],
            "day": MOMENTS[i].date().isoformat(),
            "moment": MOMENTS[i].isoformat(),
            "took": i + 0.5,
            "price": i / 4,
            "mood": [*"uv", None, *"uvw"][i],
            "tags": [[1, 2], [], None, [3], [4], [5]][i],
            "code": "00ff",
            "snr": [1.5, None, 2.5, 3.5, 4.5, 5.5][i],
            "maybe": [1, None, 3, 4, 5, 6][i],
            "flag": [True, None, False, True, True, False][i],
            "note": ["a", None, "c\r", "d\n", "e,f", '"'][i],
            "nothing": None,
        }
        for i in range(len(ds))
    ]


def assert_says(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert {name: found[name] for name in expected} == expected
    assert dt.datetime.fromisoformat(found["zoned"]).utcoffset() == dt.timedelta(hours=1)


HUGGING_FACE = """\
import io, json, sys
import datasets, soundfile

found = []
for split, part in datasets.load_dataset(sys.argv[1]).items():
    for row in part:
        samples, _ = soundfile.read(io.BytesIO(row.pop("audio")["bytes"]), dtype="int16")
        row["speaker"] = part.features["speaker"].int2str(row["speaker"])
        found.append({"name": split, "pcm": samples.tolist(), "row": {k: repr(v) for k, v in row.items()}})
print(json.dumps(found))
"""


@pytest.mark.slow
@needs("datasets")
def test_hugging_face_opens_every_kind_of_column_and_split(ds: FactorDataset, tmp_path: Path) -> None:
    syngen.export(ds, tmp_path / "out", to="huggingface")
    env = {
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    (tmp_path / "read.py").write_text(HUGGING_FACE, "utf-8")
    done = run_python("read.py", "out", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    found = {int(each["row"]["row"]): each for each in json.loads(done.stdout)}
    assert sorted(found) == list(range(N))
    assert [found[i]["name"] for i in range(N)] == [
        *("train_clean_100", "val_1_2", "all_2", "val_1", "dev.é", "a_1_2_")
    ]
    for i, each in found.items():
        assert each["pcm"] == (ds[i].waveform * 32768).astype(int).tolist()
        said = {name: value for name, value in each["row"].items() if name in plain(ds)[0]}
        assert said == {
            **{name: repr(value) for name, value in plain(ds)[i].items()},
            "day": repr(MOMENTS[i].date()),
            "moment": repr(MOMENTS[i]),
            "took": repr(dt.timedelta(seconds=i + 0.5)),
            "price": repr(i / 4),
            "code": repr(b"\x00\xff"),
            "snr": "nan" if i == 1 and each["row"]["snr"] == "nan" else repr(plain(ds)[i]["snr"]),
        }
        assert each["row"]["place"] == repr({"width": 3, "room": "x"})
        assert each["row"]["words"] == repr([{"w": "a", "at": MOMENTS[0].time()}])
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "`train_clean_100` has the rows of `train-clean-100`" in card


@needs("datasets")
def test_a_dataset_in_memory_has_every_kind_of_column_and_split(ds: FactorDataset) -> None:
    memory = ds.to_huggingface()
    assert set(memory) == set(SPLITS)
    for i, split in enumerate(SPLITS):
        (row,) = memory[split]
        assert (row["row"], row["day"], row["mood"]) == (i, MOMENTS[i].date(), plain(ds)[i]["mood"])
        assert (row["tags"], row["place"]) == (plain(ds)[i]["tags"], {"width": 3, "room": "x"})


LHOTSE = """\
import json, sys
from pathlib import Path
import lhotse

folder, found = Path(sys.argv[1]), []
for path in sorted(folder.glob("cuts_*.jsonl.gz")):
    cuts = lhotse.CutSet.from_file(path).with_recording_path_prefix(folder)
    lhotse.validate(cuts, read_data=True)
    for cut in cuts:
        (supervision,) = cut.supervisions
        pcm = (cut.load_audio()[0] * 32768).round().astype(int).tolist()
        found.append({"pcm": pcm, "speaker": supervision.speaker, "custom": supervision.custom})
print(json.dumps(found))
"""


@pytest.mark.slow
@needs("lhotse")
def test_lhotse_opens_every_kind_of_column_and_split(ds: FactorDataset, tmp_path: Path) -> None:
    syngen.export(ds, tmp_path / "out", to="lhotse", name="{row}/s{speaker}.{day}")
    done = run_python("-c", LHOTSE, str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sorted(each["custom"]["row"] for each in found) == list(range(N))
    for each in found:
        i = each["custom"]["row"]
        assert_says(each["custom"], plain(ds)[i])
        assert each["pcm"] == (ds[i].waveform * 32768).astype(int).tolist()
        assert each["speaker"] == plain(ds)[i]["speaker"]
        assert json.loads(each["custom"]["place"]) == {"width": 3, "room": "x"}


def test_lines_for_nemo_hold_every_kind_of_column(ds: FactorDataset, tmp_path: Path) -> None:
    syngen.export(ds, tmp_path / "out", to="jsonl", name="{split}/{row}")
    files = sorted((tmp_path / "out").glob("*.jsonl"))
    assert sorted(path.stem for path in files) == sorted(SPLITS)
    for path in files:
        (line,) = path.read_text("utf-8").splitlines()
        found = json.loads(line, parse_constant=pytest.fail)  # no NaN: JSON has none
        i = found["row"]
        assert_says(found, plain(ds)[i])
        assert found["place"] == {"width": 3, "room": "x"}
        # what NeMo's collections demand of a line
        assert isinstance(found["audio_filepath"], str)
        assert isinstance(found["duration"], float)
        assert isinstance(found["text"], str)
        pcm, rate = soundfile.read(tmp_path / "out" / found["audio_filepath"], dtype="float32")
        np.testing.assert_array_equal(pcm, ds[i].waveform)
        assert found["duration"] == pytest.approx(len(pcm) / rate)


WEBDATASET = """\
import io, json, sys
from pathlib import Path
import soundfile, webdataset

urls = sorted(map(str, Path(sys.argv[1]).glob("*.tar")))
found = []
for sample in webdataset.WebDataset(urls, shardshuffle=False).decode():
    pcm, _ = soundfile.read(io.BytesIO(sample["wav"]), dtype="int16")
    found.append({"key": sample["__key__"], "pcm": pcm.tolist(), "json": sample["json"],
                  "url": Path(sample["__url__"]).name, "parts": sorted(k for k in sample if k[0] != "_")})
print(json.dumps(found))
"""


@pytest.mark.slow
@needs("webdataset")
def test_webdataset_opens_every_kind_of_column_and_split(ds: FactorDataset, tmp_path: Path) -> None:
    syngen.export(ds.take([0, 1, 2, 3, 4, 5, 5]), tmp_path / "out", to="webdataset", name="{row}/é{day}.x")
    done = run_python("-c", WEBDATASET, str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sorted(each["json"]["row"] for each in found) == [*range(N), 5]
    for each in found:
        i = each["json"]["row"]
        assert_says(each["json"], plain(ds)[i])
        assert each["pcm"] == (ds[i].waveform * 32768).astype(int).tolist()
        assert each["key"].removesuffix("-2") == f"{i}/é{MOMENTS[i].date()}-x"
        assert each["parts"] == ["json", "wav"]
    assert {each["url"] for each in found} == {
        *("train_clean_100-000000.tar", "val_1_2-000000.tar", "all_2-000000.tar", "val_1-000000.tar"),
        *("dev.é-000000.tar", "a_1_2_-000000.tar"),
    }


def test_a_table_of_wav_files_holds_every_kind_of_column(ds: FactorDataset, tmp_path: Path) -> None:
    syngen.export(ds, tmp_path / "out", to="wav", name="{speaker_level}-{row}")
    with open(tmp_path / "out" / "metadata.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert sorted(int(line["row"]) for line in lines) == list(range(N))
    for line in lines:
        i = int(line["row"])
        for name, value in plain(ds)[i].items():
            if name in ("tags", "snr"):
                continue
            assert line[name] == ("" if value is None else str(value)), name
        assert json.loads(line["tags"] or "null") == plain(ds)[i]["tags"]
        assert json.loads(line["place"]) == {"width": 3, "room": "x"}
        pcm, _ = soundfile.read(tmp_path / "out" / line["file_name"], dtype="float32")
        np.testing.assert_array_equal(pcm, ds[i].waveform)
    again = syngen.from_manifest(tmp_path / "out", "metadata.csv", factors=["speaker"])
    assert sorted(again.values["speaker"].tolist()) == sorted(odd_frame()["speaker"])
    assert sorted(again.manifest["split"]) == sorted(SPLITS)


def test_numpy_opens_an_archive_of_odd_splits_and_factors(clips: Path, tmp_path: Path) -> None:
    own = syngen.from_manifest(clips, odd_frame(), factors=["speaker"])
    syngen.export(own, tmp_path / "out", to="npz")
    with np.load(tmp_path / "out" / "dataset.npz", allow_pickle=False) as archive:
        assert archive["split"].tolist() == SPLITS
        metadata = json.loads(str(archive["metadata"]))
        values = metadata["latents_possible_values"]["speaker"]
        found = [values[level] for level in archive["latents_classes"][:, 0]]
        assert found == odd_frame()["speaker"].tolist()
        for i, pcm in enumerate(archive["pcm"]):
            n = archive["lengths"][i]
            np.testing.assert_array_equal(pcm[:n], own.pcm([i])[0])


UNFIT = {
    "infinite": ([1.0, np.inf, -np.inf, 0.0, 0.0, 0.0], {"jsonl", "lhotse", "webdataset"}),
    "interval": (
        pa.array([pa.MonthDayNano([1, 2, 3])] * N, pa.month_day_nano_interval()),
        {"huggingface"},
    ),
    "map": (pa.array([[("k", 1)]] * N, pa.map_(pa.string(), pa.int64())), {"huggingface"}),
    "far": (pa.array([2**45] * N, pa.timestamp("s")), {"jsonl", "lhotse", "webdataset", "wav"}),
}


@pytest.mark.parametrize("column", UNFIT)
@pytest.mark.parametrize("to", FORMATS)
def test_what_a_format_cannot_hold_is_refused_with_its_column(
    to: str, column: str, clips: Path, tmp_path: Path
) -> None:
    cells, refusing = UNFIT[column]
    table = {"file_name": [f"{i}.wav" for i in range(N)], "n": list(range(N)), column: cells}
    own = syngen.from_manifest(clips, pa.table(table), factors=["n"])
    if to not in refusing:
        assert syngen.export(own, tmp_path / "out", to=to) == N
        return
    with pytest.raises(ParameterError, match=f"column '{column}'"):
        syngen.export(own, tmp_path / "out", to=to)
    assert names_below(tmp_path) == []


@pytest.mark.parametrize("to", [name for name in FORMATS if name != "npz"])
def test_names_carry_factors_in_every_format_with_files(to: str, ds: FactorDataset, tmp_path: Path) -> None:
    syngen.export(ds, tmp_path / "out", to=to, name="{day}_s{speaker}_{row:02d}")
    expected = [
        f"{MOMENTS[i].date()}_s{text}_{i:02d}"
        for i, text in enumerate(["ann", "bob", "a-b", "é-", "c-d-", "-x"])
    ]
    if to == "huggingface":
        tables = [pd.read_parquet(path) for path in sorted((tmp_path / "out" / "data").iterdir())]
        found = [audio["path"] for table in tables for audio in table["audio"]]
    elif to == "webdataset":
        found = []
        for path in sorted((tmp_path / "out").glob("*.tar")):
            with tarfile.open(path) as archive:
                found += [name for name in archive.getnames() if name.endswith(".wav")]
    else:
        found = [path.name for path in (tmp_path / "out").rglob("*.wav")]
    assert sorted(found) == sorted(f"{name}.wav" for name in expected)


def test_the_command_names_files_and_refuses_what_is_no_column(tiny_dataset: Path, tmp_path: Path) -> None:
    arguments = ("--where", "timbre=sine", "--split", "test", "--name", "{timbre}/{frequency:.0f}_{row}")
    done = CliRunner().invoke(cli, ["export", "wav", str(tiny_dataset), str(tmp_path / "out"), *arguments])
    assert done.exit_code == 0, done.stderr
    view = syngen.load(tiny_dataset).select(timbre="sine", split="test")
    expected = [
        f"{obs.values['frequency']:.0f}_{row}.wav" for row, obs in zip(view.rows, view, strict=True)
    ]
    assert sorted(p.name for p in (tmp_path / "out" / "test" / "sine").iterdir()) == sorted(expected)
    for template in ("{timber}", "{timbre.__class__}", "{timbre}"):
        given = ["export", "wav", str(tiny_dataset), str(tmp_path / "other"), "--name", template]
        done = CliRunner().invoke(cli, given)
        assert done.exit_code == 2
        assert "Traceback" not in done.stderr
        assert ("there are row, index, split" in done.stderr) == (template != "{timbre}")
        assert not (tmp_path / "other").exists()


def test_an_archive_of_one_file_takes_no_names(ds: FactorDataset, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="npz is one file of arrays and names none"):
        syngen.export(ds, tmp_path / "out", to="npz", name="{row}")
    assert not (tmp_path / "out").exists()


def test_trajectories_go_into_archives_too(tmp_path: Path) -> None:
    live = syngen.render("syntone-tiny")[:2]
    syngen.export(live, tmp_path / "out", to="webdataset", trajectories=0.05, name="{timbre}_{row}")
    (path,) = (tmp_path / "out").glob("*.tar")
    with tarfile.open(path) as archive:
        names = archive.getnames()
        key = names[0].removesuffix(".wav")
        member = archive.extractfile(f"{key}.f0.csv")
        assert member is not None
        frame = pd.read_csv(io.BytesIO(member.read()), header=None)
    assert {f"{key}.wav", f"{key}.json", f"{key}.f0.csv"} <= set(names)
    assert frame.shape[1] == 2
    assert json.loads((tmp_path / "out" / "trajectories.json").read_text("utf-8"))["hop"] == 0.05
