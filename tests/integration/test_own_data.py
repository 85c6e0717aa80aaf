"""Anybody's own data come in unharmed: what the table says, wherever it is, and what the files hold."""

from __future__ import annotations

import codecs
import gzip
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile

import syngen
from syngen.errors import FactorError, ParameterError, ShardError
from syngen.loaders.dataset import FactorDataset
from syngen.loaders.selection import conditions_in

RATE = 8_000
N = 6


@pytest.fixture
def clips(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for n in range(N):
        soundfile.write(folder / f"{n}.wav", rng.uniform(-0.5, 0.5, 300), RATE, subtype="PCM_16")
    return folder


NAMES = [f"{n}.wav" for n in range(N)]


def with_csv(folder: Path, name: str, **columns: list[Any]) -> Path:
    header = ["file_name", *columns]
    lines = [",".join(map(str, row)) for row in zip(NAMES, *columns.values(), strict=False)]
    (folder / name).write_text("\n".join([",".join(header), *lines]) + "\n", "utf-8")
    return folder / name


def is_same(first: FactorDataset, second: FactorDataset) -> bool:
    return bool(first.table.equals(second.table)) and first.grid == second.grid


@pytest.mark.parametrize(
    "ids",
    [
        ["1", "01", "001"],
        ["1e3", "1000", "7"],
        ["+1", "1", "-1"],
        ["1_000", "1000", "1"],
        ["0x10", "16", "10"],
        ["12345678901234567890", "12345678901234567891", "1"],
        ["1.10", "1.1", "1.100"],
        ["inf", "nan", "x"],
    ],
)
def test_ids_of_a_csv_file_stay_what_they_are(ids: list[str], clips: Path) -> None:
    ds = syngen.from_manifest(clips, with_csv(clips, "m.csv", speaker=ids))
    assert ds.values["speaker"].tolist() == ids
    assert ds.grid["speaker"].size == 3
    assert ds.grid.kinds["speaker"] == "nominal"
    assert ds[1].values["speaker"] == ids[1]
    assert ds.select(speaker=ids[2]).rows.tolist() == [2]
    assert pickle.loads(pickle.dumps(ds)).values["speaker"].tolist() == ids
    assert ds.manifest["speaker"].tolist() == ids


def test_ids_beyond_64_bits_are_texts_whatever_the_table(clips: Path) -> None:
    ids = [2**64 - 1, 2**64 - 2, 2**63, 5, 6, 7]
    array = np.array(ids, dtype=np.uint64)
    for column in (array, pd.Series(array), pa.array(array), ids, with_csv(clips, "m.csv", id=ids)):
        table = column if isinstance(column, Path) else {"file_name": NAMES, "id": column}
        ds = syngen.from_manifest(clips, table, factors=["id"])
        assert ds.values["id"].tolist() == [str(number) for number in ids]
    small = syngen.from_manifest(
        clips, {"file_name": NAMES, "id": array - np.uint64(2**63)}, factors=["id"]
    )
    assert small.values["id"].dtype.kind == "U"


TRUTH = [True, False, True, True, False, False]


@pytest.mark.parametrize("form", ["csv", "list", "NumPy", "pandas", "nullable", "Arrow", "objects"])
def test_truth_values_are_truth_values(form: str, clips: Path, tmp_path: Path) -> None:
    column: Any = {
        "list": TRUTH,
        "NumPy": np.array(TRUTH),
        "pandas": pd.Series(TRUTH),
        "nullable": pd.Series(TRUTH, dtype="boolean"),
        "Arrow": pa.array(TRUTH),
        "objects": np.array(TRUTH, dtype=object),
    }.get(form)
    table: Any = {"file_name": NAMES, "voiced": column}
    if form == "csv":
        table = with_csv(clips, "m.csv", voiced=["true" if value else "false" for value in TRUTH])
    ds = syngen.from_manifest(clips, table)
    assert ds.grid["voiced"].values == (False, True)
    assert ds.grid.kinds["voiced"] == "nominal"
    assert ds.values["voiced"].dtype == np.bool_
    assert ds.values["voiced"].tolist() == TRUTH
    assert ds[0].values["voiced"] is True
    assert ds.table.schema.field("voiced").type == pa.bool_()
    assert ds.select(voiced=True).rows.tolist() == [0, 2, 3]
    assert ds.select(**conditions_in(["voiced=false"], ds.grid)).rows.tolist() == [1, 4, 5]
    assert is_same(pickle.loads(pickle.dumps(ds)), ds)
    with pytest.raises(FactorError, match="1 is a int, not a value"):
        ds.select(voiced=1)
    with pytest.raises(ParameterError, match="voiced takes true and false, not 'yes'"):
        conditions_in(["voiced=yes"], ds.grid)


@pytest.mark.parametrize("to", ["wav", "jsonl"])
def test_what_was_exported_comes_in_again(to: str, clips: Path, tmp_path: Path) -> None:
    ids = ["01", "1", "1e3", "true", "NA", "1.10"]
    columns = {
        "speaker": ids,
        "voiced": TRUTH,
        "gain": [0.5, -1.0, 1e-05, 2.0, 3.0, 1e22],
        "take": [*range(N)],
    }
    ds = syngen.from_manifest(clips, {"file_name": NAMES, **columns})
    syngen.export(ds, tmp_path / "out", to=to)
    table = "metadata.csv" if to == "wav" else "train.jsonl"
    again = syngen.from_manifest(tmp_path / "out", table, factors=list(columns))
    for name, cells in columns.items():
        assert again.values[name].tolist() == cells
        assert again.grid[name].values == ds.grid[name].values
    assert again.grid.kinds == ds.grid.kinds
    np.testing.assert_array_equal(again.batch(range(N)), ds.batch(range(N)))


def test_ordered_categories_are_ordinal_in_their_order(clips: Path) -> None:
    levels = ["low", "high", "mid", "low", "high", "mid"]
    column = pd.Categorical(levels, categories=["low", "mid", "high", "never"], ordered=True)
    ds = syngen.from_manifest(clips, pd.DataFrame({"file_name": NAMES, "effort": column}))
    assert ds.grid["effort"].values == ("low", "mid", "high")
    assert ds.grid.kinds["effort"] == "ordinal"
    assert ds.values["effort"].tolist() == levels
    assert is_same(pickle.loads(pickle.dumps(ds)), ds)
    plain = syngen.from_manifest(clips, {"file_name": NAMES, "effort": pd.Categorical(levels)})
    assert (plain.grid["effort"].values, plain.grid.kinds["effort"]) == (("high", "low", "mid"), "nominal")


def test_missing_values_are_refused_with_their_number(clips: Path) -> None:
    for column in (
        pd.array(["a", None, "b"] * 2, dtype="string"),
        pd.to_datetime(["2024-01-01", None, "2024-01-02"] * 2),
        np.ma.masked_equal(np.array([0, -1, 1] * 2), -1),
        np.array(["a", pd.NaT, "b"] * 2, dtype=object),
        with_csv(clips, "m.csv", x=["1", "NA", "2"] * 2),
        with_csv(clips, "n.csv", x=["a", "", "b"] * 2),
    ):
        table = column if isinstance(column, Path) else {"file_name": NAMES, "x": column}
        with pytest.raises(FactorError, match="factor 'x' has 2 missing values, the first in row 1"):
            syngen.from_manifest(clips, table)


def test_columns_that_are_no_factors_keep_what_they_have(clips: Path) -> None:
    table = pa.table(
        {
            "file_name": NAMES,
            "x": range(N),
            "tags": [["a"], [], None, ["b", "c"], ["d"], []],
            "day": pa.array([None, 1, 2, 3, 4, 5], pa.date32()),
            "score": [None, 1.5, float("nan"), float("inf"), 2.0, 3.0],
        }
    )
    ds = syngen.from_manifest(clips, table, factors=["x"])
    for name in ("tags", "day", "score"):
        assert ds.table.column(name).equals(table.column(name)) or name == "score"
    assert str(ds.table.column("score").to_pylist()) == str(table.column("score").to_pylist())


def test_kinds_say_what_texts_are(clips: Path) -> None:
    path = with_csv(clips, "m.csv", x=["1e3", "2e3", "5e2", "0", "1", "2"])
    numbers = syngen.from_manifest(clips, path, kinds={"x": "continuous"})
    assert numbers.values["x"].tolist() == [1000.0, 2000.0, 500.0, 0.0, 1.0, 2.0]
    assert numbers.grid["x"].values == (0.0, 1.0, 2.0, 500.0, 1000.0, 2000.0)
    assert syngen.from_manifest(clips, path).grid["x"].values[0] == "0"
    path = with_csv(clips, "m.csv", x=["1.10", "2.20", "NA", "4.40", "5.50", "6.60"])
    names = syngen.from_manifest(clips, path, kinds={"x": "nominal"})
    assert names.values["x"].tolist() == ["1.10", "2.20", "NA", "4.40", "5.50", "6.60"]
    words = {"file_name": NAMES, "x": list("badcfe")}
    assert syngen.from_manifest(clips, words, kinds={"x": "ordinal"}).grid["x"].values == tuple("abcdef")
    with pytest.raises(FactorError, match="factor 'x' is called continuous, but 'a' is no number"):
        syngen.from_manifest(clips, words, kinds={"x": "continuous"})


def test_an_index_is_no_factor(clips: Path) -> None:
    frame = pd.DataFrame({"file_name": NAMES, "x": list("abcdef")}, index=[9, 8, 7, 6, 5, 4])
    frame.to_csv(clips / "m.csv")
    frame.to_parquet(clips / "m.parquet")
    read = pd.read_csv(clips / "m.csv")
    assert read.columns[0] == "Unnamed: 0"
    for table in ("m.csv", "m.parquet", read):
        ds = syngen.from_manifest(clips, table)
        assert ds.grid.names == ("x",)
        assert ds.manifest["source_index"].tolist() == frame.index.tolist()
    named = frame.set_index("file_name")
    assert syngen.from_manifest(clips, named).values["x"].tolist() == list("abcdef")
    other = frame.rename(columns={"file_name": "clip"}).set_index("clip")
    assert syngen.from_manifest(clips, other, file="clip").grid.names == ("x",)


def test_folds_are_splits_and_lengths_are_whole_numbers(clips: Path) -> None:
    table = {"file_name": NAMES, "x": range(N), "split_fold": [0, 1, 2] * 2, "n_samples": [300.0] * N}
    ds = syngen.from_manifest(clips, table, factors=["x"])
    assert ds.splits["split_fold"] == ("0", "1", "2")
    assert ds.select(split_fold="1").rows.tolist() == [1, 4]
    assert (ds.n_samples, ds.lengths.dtype) == (300, np.int64)
    for odd in (None, -1, 1.5, float("nan")):
        with pytest.raises(ParameterError, match="row 2: n_samples is .*; a whole number is needed"):
            syngen.from_manifest(
                clips, {**table, "n_samples": [300, 300, odd, 300, 300, 300]}, factors=["x"]
            )


def test_a_table_of_measurements_asks_for_factors(clips: Path, rng: np.random.Generator) -> None:
    measured = {f"m{k}": rng.normal(size=N) for k in range(9)}
    with pytest.raises(
        FactorError, match=r"9 columns of numbers \(m0, .*m8\).* say with factors=\[\.\.\.\]"
    ):
        syngen.from_manifest(clips, {"file_name": NAMES, "speaker": list("aabbcc"), **measured})
    ds = syngen.from_manifest(
        clips, {"file_name": NAMES, "speaker": list("aabbcc"), **measured}, factors="speaker"
    )
    assert ds.grid.names == ("speaker",)
    many = {"file_name": NAMES * 40, **{f"m{k}": rng.normal(size=40 * N) for k in range(8)}}
    for factors in (None, [f"m{k}" for k in range(8)]):
        with pytest.raises(FactorError, match=r"8 factors have 10\^19 combinations .* say with factors="):
            syngen.from_manifest(clips, many, factors=factors)


def test_the_table_beside_the_audio_comes_first(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_csv(clips, "m.csv", speaker=["right"] * N)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert syngen.from_manifest("clips", "m.csv").values["speaker"][0] == "right"
        assert syngen.from_manifest("clips", "clips/m.csv").values["speaker"][0] == "right"
    with_csv(tmp_path, "m.csv", speaker=["other"] * N)
    with pytest.warns(UserWarning, match=r"two tables m\.csv: .*clips/m\.csv, beside the audio, is read"):
        assert syngen.from_manifest("clips", "m.csv").values["speaker"][0] == "right"
    assert syngen.from_manifest("clips", tmp_path / "m.csv").values["speaker"][0] == "other"
    with_csv(tmp_path, "here.csv", speaker=["other"] * N)
    assert syngen.from_manifest("clips", "here.csv").values["speaker"][0] == "other"
    monkeypatch.chdir(clips)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert syngen.from_manifest(".", "m.csv").values["speaker"][0] == "right"


def test_tables_of_any_form_say_the_same(clips: Path) -> None:
    ids = ["01", "1", "2", "3", "4", "5"]
    text = with_csv(clips, "m.csv", speaker=ids).read_text()
    (clips / "M.CSV").write_bytes(codecs.BOM_UTF16_LE + text.replace("\n", "\r\n").encode("utf-16-le"))
    (clips / "m.tsv.gz").write_bytes(gzip.compress(text.replace(",", "\t").encode()))
    lines = [f'{{"file_name": "{name}", "speaker": "{one}"}}' for name, one in zip(NAMES, ids, strict=True)]
    (clips / "m.jsonl").write_text("\n".join(lines))
    expected = syngen.from_manifest(clips, "m.csv")
    rows = [{"file_name": name, "speaker": one} for name, one in zip(NAMES, ids, strict=True)]
    for table in ("M.CSV", "m.tsv.gz", "m.jsonl", rows):
        found = syngen.from_manifest(clips, table)
        assert is_same(found, expected)
        assert found.fingerprint == expected.fingerprint


def test_a_change_of_folder_changes_nothing(
    clips: Path, tmp_path: Path, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clips.parent)
    own = syngen.from_manifest("clips", {"file_name": NAMES, "x": range(N)})
    before = own[0].waveform
    monkeypatch.chdir(tiny_dataset.parent)
    stored = syngen.load(tiny_dataset.name)
    codes = pickle.dumps(stored)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "clips").mkdir(parents=True)
    (elsewhere / tiny_dataset.name).mkdir()
    monkeypatch.chdir(elsewhere)
    np.testing.assert_array_equal(own[0].waveform, before)
    assert len(stored[0].waveform) == stored.n_samples
    assert len(pickle.loads(codes)[0].waveform) == stored.n_samples
    assert stored.folder == tiny_dataset
    assert own.features(syngen.MFCC(n_mfcc=4)).shape[0] == N


def test_a_tilde_is_the_home_folder(
    clips: Path, tmp_path: Path, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(clips)
    with_csv(tmp_path, "m.csv", speaker=["home"] * N)
    own = syngen.from_manifest("~/clips", "~/m.csv")
    assert own.values["speaker"][0] == "home"
    syngen.export(own, "~/out", to="wav")
    assert (tmp_path / "out" / "metadata.csv").is_file()
    assert len(syngen.from_manifest("~/out", "metadata.csv", factors=["speaker"])) == N
    (tmp_path / "data").symlink_to(tiny_dataset)
    assert len(syngen.load("~/data")) == len(syngen.load(tiny_dataset))
    assert not (clips / "~").exists()


def test_replaced_audio_of_equal_size_and_time_is_noticed(clips: Path) -> None:
    table = {"file_name": NAMES, "x": range(N)}

    def opened() -> FactorDataset:
        for name in NAMES:
            os.utime(clips / name, (1, 1))
        return syngen.from_manifest(clips, table)

    before = opened()
    features, fingerprint = np.array(before.features(syngen.MFCC(n_mfcc=4))), before.fingerprint
    assert opened().fingerprint == fingerprint
    soundfile.write(clips / "3.wav", np.sin(np.arange(300) / 9.0) / 2, RATE, subtype="PCM_16")
    after = opened()
    changed = np.any(np.array(after.features(syngen.MFCC(n_mfcc=4))) != features, axis=(1, 2))
    assert changed.tolist() == [False, False, False, True, False, False]
    assert after.fingerprint != fingerprint
    # and by a dataset that was open by then
    assert np.array_equal(before.features(syngen.MFCC(n_mfcc=4)), after.features(syngen.MFCC(n_mfcc=4)))


def test_a_fingerprint_is_that_of_the_content_and_not_of_the_times(clips: Path, tmp_path: Path) -> None:
    table = {"file_name": NAMES, "x": range(N)}
    first = syngen.from_manifest(clips, table).fingerprint
    for name in NAMES:
        os.utime(clips / name, (5, 5))
    assert syngen.from_manifest(clips, table).fingerprint == first
    assert syngen.from_manifest(clips, {**table, "x": range(1, N + 1)}).fingerprint != first
    assert syngen.from_manifest(clips, table, channel=0).fingerprint != first


def test_stereo_takes_a_channel(clips: Path, rng: np.random.Generator) -> None:
    both = rng.uniform(-0.5, 0.5, (300, 2)).astype(np.float32)
    soundfile.write(clips / "0.wav", both, RATE, subtype="FLOAT")
    table = {"file_name": NAMES, "x": range(N)}
    for channel, expected in ((0, both[:, 0]), (1, both[:, 1]), ("mean", both.mean(axis=1))):
        ds = syngen.from_manifest(clips, table, channel=channel)  # type: ignore[arg-type]
        np.testing.assert_allclose(ds[0].waveform, expected, atol=1e-7)
        assert pickle.loads(pickle.dumps(ds))[0].waveform.tolist() == ds[0].waveform.tolist()
    assert len(syngen.from_manifest(clips, table, channel=0)[1].waveform) == 300
    with pytest.raises(ShardError, match=r"row 0: 0\.wav in .* has 2 channels; .*channel=0 to channel=1"):
        syngen.from_manifest(clips, table)[0]
    with pytest.raises(ShardError, match=r"row 1: 1\.wav in .* has 1 channel, .* channel=1 is none"):
        syngen.from_manifest(clips, table, channel=1)[1]
    with pytest.raises(ParameterError, match="channel is 'left'"):
        syngen.from_manifest(clips, table, channel="left")  # type: ignore[arg-type]


def test_a_cut_file_has_no_length_and_says_why(clips: Path) -> None:
    for name, seconds in (("a.mp3", 1), ("b.mp3", 3)):
        noise = np.random.default_rng(seconds).normal(0, 0.1, RATE * seconds)
        soundfile.write(clips / name, noise, RATE, format="MP3")
    data = (clips / "b.mp3").read_bytes()
    (clips / "b.mp3").write_bytes(data[: len(data) // 3])
    ds = syngen.from_manifest(clips, {"file_name": ["a.mp3", "b.mp3"], "x": [1, 2]})
    assert ds.lengths.tolist() == [RATE, 0]
    with pytest.raises(ShardError, match=r"row 1: b\.mp3 in .* cannot be read: the file ends too early"):
        ds.padded([0, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 5}, "factors is 5; a list of columns is needed"),
        ({"factors": [1]}, r"factors is \[1\]; a list of columns"),
        ({"kinds": "nominal"}, "kinds is 'nominal'; a mapping of names of factors to texts"),
        ({"kinds": {"x": ["nominal"]}}, "kinds is .*; a mapping"),
        ({"units": {"x": 5}}, "units is .*; a mapping"),
        ({"file": 5}, "the table has no column 5"),
    ],
)
def test_options_of_the_wrong_type_are_refused(options: dict[str, Any], message: str, clips: Path) -> None:
    for table in ({"file_name": NAMES, "x": range(N)}, with_csv(clips, "m.csv", x=[*range(N)])):
        with pytest.raises((ParameterError, FactorError), match=message):
            syngen.from_manifest(clips, table, **options)


def test_names_of_any_bytes_name_files(clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"lat\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    name = os.fsdecode(b"\xe9.wav")
    (folder / name).write_bytes((clips / "0.wav").read_bytes())
    (folder / "m.csv").write_bytes(b"file_name,x\n\xe9.wav,1\n")
    frame = pd.DataFrame({"file_name": pd.Series([name], dtype=object), "x": [1]})
    for table in ("m.csv", {"file_name": [name], "x": [1]}, frame):
        ds = syngen.from_manifest(folder, table)
        assert len(ds[0].waveform) == 300
        assert ds.manifest["file_name"].tolist() == ["\\xe9.wav"]
        again = pickle.loads(pickle.dumps(ds))
        assert len(again[0].waveform) == 300
        assert is_same(again, ds)
        for to in ("wav", "jsonl", "npz", "lhotse"):
            assert syngen.export(ds, tmp_path / f"{to}-{type(table).__name__}", to=to) == 1
    with pytest.raises(ParameterError, match="column 'x' has 1 text with half of a character"):
        syngen.from_manifest(folder, {"file_name": [name], "x": [name]})
