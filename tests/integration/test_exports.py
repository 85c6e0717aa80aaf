"""Every export, and every loader of another library, is read back by the library that it is for."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import syngen
from syngen.cli.main import cli
from syngen.errors import FactorError, ParameterError, ShardError
from syngen.exports.formats import FORMATS
from syngen.loaders.dataset import FactorDataset
from tests.support import HAS_SPEECH, files_of, flip, names_below, needs_speech, run_python, run_syngen


def needs(module: str) -> pytest.MarkDecorator:
    is_there = importlib.util.find_spec(module) is not None
    return pytest.mark.skipif(not is_there, reason=f"{module} is not installed")


@pytest.fixture(scope="module")
def ds(tiny_dataset: Path) -> FactorDataset:
    """Tones at 16 kHz, in three splits."""
    return syngen.load(tiny_dataset)[::5]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> FactorDataset:
    """Speech of different lengths, in three splits."""
    folder = tmp_path_factory.mktemp("spoken") / "data"
    syngen.generate("synspeech-tiny", folder, jobs=1, limit=20)
    return syngen.load(folder)


@pytest.fixture(params=["ds", pytest.param("spoken", marks=needs_speech)], ids=["tones", "speech"])
def exported(request: pytest.FixtureRequest) -> FactorDataset:
    found: FactorDataset = request.getfixturevalue(request.param)
    return found


def by_row(dataset: FactorDataset) -> dict[int, int]:
    """Return the position of each row."""
    return {int(row): position for position, row in enumerate(dataset.rows)}


def check(dataset: FactorDataset, found: list[dict[str, Any]]) -> None:
    """Compare what was read (row, waveform, split, values) with the dataset."""
    positions = by_row(dataset)
    assert sorted(entry["row"] for entry in found) == sorted(positions)
    splits = dataset.manifest["split"].tolist()
    for entry in found:
        obs = dataset[positions[entry["row"]]]
        np.testing.assert_array_equal(np.asarray(entry["waveform"], dtype=np.float32), obs.waveform)
        assert entry["split"] == splits[positions[entry["row"]]]
        assert entry["values"] == dict(obs.values)
        assert [type(value) for value in entry["values"].values()] == [type(v) for v in obs.values.values()]


HUGGING_FACE = """\
import io, json, sys
import datasets, soundfile

loaded = datasets.load_dataset(sys.argv[1])
found = []
for split, part in loaded.items():
    for row in part:
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
        assert rate == part.features["audio"].sampling_rate
        values = {}
        for name in sys.argv[2:]:
            feature = part.features[name]
            is_label = isinstance(feature, datasets.ClassLabel)
            values[name] = feature.int2str(row[name]) if is_label else row[name]
        found.append({"row": row["row"], "pcm": samples.tolist(), "split": split, "values": values})
assert not {"torchcodec", "syngen"} & set(sys.modules)
features = {name: str(feature) for name, feature in loaded["train"].features.items()}
print(json.dumps([found, features]))
"""


@pytest.mark.slow
@needs("datasets")
def test_hugging_face_reads_parquet_with_class_labels(exported: FactorDataset, tmp_path: Path) -> None:
    assert syngen.export(exported, tmp_path / "out", to="huggingface") == len(exported)
    env = {
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    (tmp_path / "read.py").write_text(HUGGING_FACE, "utf-8")
    done = run_python("read.py", "out", *exported.grid.names, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "Ignoring" not in done.stderr
    found, features = json.loads(done.stdout)
    for entry in found:
        entry["waveform"] = np.array(entry["pcm"]) / 32768
    check(exported, found)
    assert features["audio"].startswith("Audio(sampling_rate=16000, decode=False")
    for factor in exported.grid.factors:
        if isinstance(factor.values[0], str) and factor.kind == "nominal":
            assert features[factor.name] == f"ClassLabel(names={list(factor.values)})"


@needs("datasets")
def test_a_view_becomes_a_dataset_of_hugging_face(exported: FactorDataset) -> None:
    import datasets

    loaded = exported.to_huggingface()
    assert isinstance(loaded, datasets.DatasetDict)
    found = []
    for split, part in loaded.items():
        for row in part:
            values = dict(row)
            for name, feature in part.features.items():
                if isinstance(feature, datasets.ClassLabel):
                    values[name] = feature.int2str(row[name])
            found.append(
                {
                    "row": row["row"],
                    "waveform": soundfile.read(_bytes(row["audio"]["bytes"]), dtype="float32")[0],
                    "split": split,
                    "values": {name: values[name] for name in exported.grid.names},
                }
            )
    check(exported, found)
    one = exported.to_huggingface("test")
    assert one["row"][:] == exported.select(split="test").rows.tolist()
    with pytest.raises(FactorError, match="no split 'tset'"):
        exported.to_huggingface("tset")


def _bytes(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


def test_json_lines_are_read_with_their_audio(exported: FactorDataset, tmp_path: Path) -> None:
    syngen.export(exported, tmp_path / "out", to="jsonl")
    found = []
    for path in sorted((tmp_path / "out").glob("*.jsonl")):
        for line in pd.read_json(path, lines=True).to_dict(orient="records"):
            waveform, rate = soundfile.read(tmp_path / "out" / line["audio_filepath"], dtype="float32")
            assert len(waveform) / rate == pytest.approx(line["duration"], abs=1e-9)
            assert bool(line["text"]) == exported.is_spoken
            record = json.loads(
                next(t for t in path.read_text("utf-8").splitlines() if json.loads(t)["row"] == line["row"])
            )
            values = {name: record[name] for name in exported.grid.names}
            found.append({"row": line["row"], "waveform": waveform, "split": path.stem, "values": values})
    check(exported, found)


LHOTSE = """\
import json, sys
from pathlib import Path
import lhotse

folder = Path(sys.argv[1])
found = []
for path in sorted(folder.glob("cuts_*.jsonl.gz")):
    cuts = lhotse.CutSet.from_file(path).with_recording_path_prefix(folder)
    lhotse.validate(cuts, read_data=False)
    for cut in cuts:
        (supervision,) = cut.supervisions
        custom = supervision.custom
        words = [] if not supervision.alignment else [
            [item.symbol, item.start, item.end] for item in supervision.alignment["word"]
        ]
        found.append({
            "row": custom["row"],
            "split": path.name.split("_")[1].split(".")[0],
            "pcm": (cut.load_audio()[0] * 32768).round().astype(int).tolist(),
            "values": {name: custom[name] for name in sys.argv[2:]},
            "text": supervision.text, "speaker": supervision.speaker, "words": words,
            "duration": cut.duration,
        })
print(json.dumps(found))
"""


@pytest.mark.slow
@needs("lhotse")
def test_lhotse_reads_cuts(exported: FactorDataset, tmp_path: Path) -> None:
    syngen.export(exported, tmp_path / "out", to="lhotse")
    done = run_python("-c", LHOTSE, str(tmp_path / "out"), *exported.grid.names)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for entry in found:
        entry["waveform"] = np.array(entry["pcm"]) / 32768
        if exported.is_spoken:
            position = by_row(exported)[entry["row"]]
            spans = exported.annotations(position)
            spans = spans[(spans["kind"] == "word") & (spans["text"] != "")]
            assert entry["text"] == exported.manifest["transcript"].iloc[position]
            assert entry["speaker"] == exported[position].values["speaker"]
            assert [word for word, _, _ in entry["words"]] == spans["text"].tolist()
            np.testing.assert_allclose([w[1] for w in entry["words"]], spans["start"] / 16_000, atol=1e-6)
        else:
            assert entry["text"] is None
    check(exported, found)


def test_a_folder_of_wav_files_is_opened_again(exported: FactorDataset, tmp_path: Path) -> None:
    syngen.export(exported, tmp_path / "out", to="wav")
    names = exported.grid.names
    again = syngen.from_manifest(tmp_path / "out", "metadata.csv", factors=names)
    splits = again.manifest["split"].tolist()
    check(
        exported,
        [
            {"row": row, "waveform": obs.waveform, "split": split, "values": dict(obs.values)}
            for row, split, obs in zip(again.manifest["row"].tolist(), splits, again, strict=True)
        ]
        if "row" in again.manifest
        else [],
    )
    frame = pd.read_csv(tmp_path / "out" / "metadata.csv")
    assert (frame["file_name"].str.split("/").str[0] == frame["split"]).all()


def test_numpy_reads_arrays_as_those_of_dsprites(exported: FactorDataset, tmp_path: Path) -> None:
    syngen.export(exported, tmp_path / "out", to="npz")
    with np.load(tmp_path / "out" / "dataset.npz", allow_pickle=False) as archive:
        arrays = dict(archive)
    metadata = json.loads(str(arrays["metadata"]))
    assert metadata["latents_sizes"] == list(exported.grid.sizes)
    np.testing.assert_array_equal(arrays["latents_classes"], exported.levels)
    possible = metadata["latents_possible_values"]
    found = []
    for j, pcm in enumerate(arrays["pcm"]):
        n = arrays["lengths"][j] if "lengths" in arrays else pcm.size
        assert not pcm[n:].any()
        classes = dict(zip(metadata["latents_names"], arrays["latents_classes"][j], strict=True))
        values = {name: possible[name][level] for name, level in classes.items()}
        for position, value in enumerate(values.values()):
            if not isinstance(value, str):
                assert arrays["latents_values"][j, position] == value
        found.append(
            {
                "row": int(arrays["row"][j]),
                "waveform": pcm[:n] / np.float32(metadata["full_scale"]),
                "split": str(arrays["split"][j]),
                "values": values,
            }
        )
    check(exported, found)
    assert ("lengths" in arrays) is exported.is_spoken


WEBDATASET = """\
import json, pickle, sys
import syngen

ds = syngen.load(sys.argv[1])
view = ds.select(split="train", timbre=["sine", "square"])
pipeline = pickle.loads(pickle.dumps(view.to_webdataset()))
samples = list(pipeline)
assert [sample["row"] for sample in samples] == view.rows.tolist()
for sample, obs in zip(samples, view):
    assert (sample["waveform"] == obs.waveform).all()
    assert sample["levels"].tolist() == list(obs.levels.values())
    assert sample["values"] == dict(obs.values)
orders = [[s["row"] for s in view.to_webdataset(shuffle=100, seed=seed)] for seed in (1, 1, 2)]
assert orders[0] == orders[1] != orders[2]
assert sorted(orders[0]) == view.rows.tolist() != orders[0]
(batch, *_) = ds.to_webdataset("test").to_tuple("waveform", "levels").batched(8)
assert batch[0].shape == (8, 4000) and batch[1].shape == (8, 3)
print(len(samples))
"""


@pytest.mark.slow
@needs("webdataset")
@pytest.mark.parametrize("codec", ["tiny_dataset", "tiny_flac"])
def test_webdataset_streams_a_view(codec: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(codec)
    done = run_python("-c", WEBDATASET, str(folder))  # it leaves files open, in its own process
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@needs("webdataset")
def test_what_has_no_shards_is_no_webdataset() -> None:
    with pytest.raises(ParameterError, match="only a stored dataset has shards"):
        syngen.render("syntone-tiny").to_webdataset()


def test_batches_of_arrays_are_for_any_library(ds: FactorDataset) -> None:
    train = ds.select(split="train")
    batches = list(ds.batches(16, split="train", target=["timbre", "frequency"]))
    np.testing.assert_array_equal(np.concatenate([b["waveform"] for b in batches]), train.arrays()[0])
    np.testing.assert_array_equal(np.concatenate([b["target"] for b in batches]), train.levels[:, [0, 2]])
    assert {b["row"].size for b in ds.batches(16, drop_last=True)} == {16}
    two = [batch["row"].tolist() for batch in ds.batches(len(ds), shuffle=True, seed=1, epochs=2)]
    assert two[0] != two[1]
    assert sorted(two[0]) == sorted(two[1]) == ds.rows.tolist()
    endless = ds.batches(len(ds), epochs=None)
    assert [next(endless)["row"][0] for _ in range(3)] == [0, 0, 0]
    assert list(ds[:0].batches(3, epochs=None)) == []
    for options, message in (
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 2, "epochs": -1}, "epochs is -1"),
    ):
        with pytest.raises(ParameterError, match=message):
            ds.batches(**options)  # type: ignore[arg-type]
    with pytest.raises(FactorError, match=r"no factor 'timber' \(did you mean 'timbre'\?\)"):
        ds.batches(4, target="timber")


@pytest.mark.parametrize("name", FORMATS)
def test_exports_have_the_same_bytes_each_time(name: str, ds: FactorDataset, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()  # an empty folder will do
        syngen.export(ds[:20], tmp_path / folder, to=name)
    assert files_of(tmp_path / "first") == files_of(tmp_path / "second") != {}


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_fails_leaves_nothing(name: str, tiny_dataset: Path, tmp_path: Path) -> None:
    import shutil

    data = Path(shutil.copytree(tiny_dataset, tmp_path / "data"))
    flip(data / "audio" / "train-000002.tar", 512, 0xFF)
    with pytest.raises(ShardError, match="row 100: shard train-000002"):
        syngen.export(data, tmp_path / "out", to=name)
    assert names_below(tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_formats_and_folders_that_make_no_sense_are_refused(ds: FactorDataset, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"no format 'hugingface' \(did you mean 'huggingface'\?\)"):
        syngen.export(ds, tmp_path / "out", to="hugingface")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for folder in ("full", "full/file"):
        with pytest.raises(ParameterError, match="is not an empty folder; choose another"):
            syngen.export(ds, tmp_path / folder, to="wav")
    with pytest.raises(ParameterError, match="cannot be written"):
        syngen.export(ds, tmp_path / "full" / "file" / "below", to="wav")


@pytest.mark.slow
def test_the_command_writes_what_was_asked_for(tiny_dataset: Path, tmp_path: Path) -> None:
    arguments = ("--where", "timbre=sine", "--split", "test")
    done = run_syngen("export", "jsonl", tiny_dataset, tmp_path / "out", *arguments)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    n = len(syngen.load(tiny_dataset).select(timbre="sine", split="test"))
    assert f"{n} observations as jsonl in " in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["audio", "test.jsonl"]
    done = run_syngen("export", "jsn", tiny_dataset, tmp_path / "other")
    assert done.returncode == 2
    assert "no format 'jsn'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "other").exists()
    assert set(FORMATS) <= set(
        (cli.commands["export"].help or "").replace(",", " ").replace(":", " ").split()
    ) | {"huggingface"}


@pytest.mark.skipif(not HAS_SPEECH, reason="the extra speech is not installed")
def test_rendered_datasets_are_exported_too(tmp_path: Path) -> None:
    live = syngen.render("syntone-tiny").select(split="test")
    syngen.export(live, tmp_path / "out", to="npz")
    with np.load(tmp_path / "out" / "dataset.npz") as archive:
        np.testing.assert_array_equal(archive["pcm"] / np.float32(32768), live.arrays()[0])
