"""Anybody's audio with a table of factors behaves as a dataset of ours."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile

import syngen
from syngen.errors import FactorError, ParameterError, ShardError
from syngen.exports.clips import write_clips
from syngen.loaders.dataset import FactorDataset

RATE = 8000


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Twelve recordings: three instruments x two dynamics, twice each."""
    folder = tmp_path / "own"
    (folder / "wav").mkdir(parents=True)
    rows = []
    for take in range(2):
        for instrument in ("oboe", "harp", "bell"):
            for loudness in (0.25, 1.0):
                name = f"wav/{instrument}-{loudness}-{take}.wav"
                soundfile.write(folder / name, loudness * rng.uniform(-1, 1, 400), RATE, subtype="PCM_16")
                split = "test" if take else "train"
                rows.append(
                    {
                        "file_name": name,
                        "instrument": instrument,
                        "loudness": loudness,
                        "take": take,
                        "split": split,
                    }
                )
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return folder


@pytest.fixture
def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "table.csv")


FACTORS = ["instrument", "loudness"]


@pytest.fixture
def own(folder: Path, table: pd.DataFrame) -> FactorDataset:
    return syngen.from_manifest(folder, table, factors=FACTORS, units={"loudness": "FS"})


def test_files_and_factors_are_a_dataset(own: FactorDataset, folder: Path, table: pd.DataFrame) -> None:
    assert (len(own), own.n_samples, own.sample_rate, own.name) == (12, 400, RATE, "own")
    assert own.grid["instrument"].values == ("bell", "harp", "oboe")
    assert own.grid.kinds == {"instrument": "nominal", "loudness": "continuous"}
    assert own.grid["loudness"].unit == "FS"
    for row, obs in enumerate(own):
        expected, _ = soundfile.read(folder / table["file_name"][row], dtype="float32")
        np.testing.assert_array_equal(obs.waveform, expected)
        assert dict(obs.values) == {name: table[name][row] for name in FACTORS}
    np.testing.assert_array_equal(own.batch([3, 1]), [own[3].waveform, own[1].waveform])
    assert own.manifest["take"].tolist() == table["take"].tolist()
    assert own.manifest["file_name"].tolist() == table["file_name"].tolist()


@pytest.mark.parametrize(
    "form", ["csv", "name in the folder", "tsv", "parquet", "arrow", "mapping", "frame"]
)
def test_tables_come_in_any_form(form: str, folder: Path, table: pd.DataFrame, own: FactorDataset) -> None:
    given: Any = {
        "csv": folder / "table.csv",
        "name in the folder": "table.csv",
        "tsv": folder / "table.tsv",
        "parquet": str(folder / "table.parquet"),
        "arrow": pa.Table.from_pandas(table),
        "mapping": {name: table[name].tolist() for name in table},
        "frame": table,
    }[form]
    table.to_csv(folder / "table.tsv", sep="\t", index=False)
    table.to_parquet(folder / "table.parquet")
    found = syngen.from_manifest(folder, given, factors=FACTORS, units={"loudness": "FS"})
    assert found.fingerprint == own.fingerprint
    np.testing.assert_array_equal(found.levels, own.levels)


@pytest.mark.slow
def test_views_splits_and_samplers_work(own: FactorDataset) -> None:
    assert own.splits == {"split": ("train", "test")}
    view = own.select(instrument=["oboe", "bell"], loudness=(0.5, None), split="test")
    assert view.values["instrument"].tolist() == ["oboe", "bell"]
    assert own[own.index_of(instrument="harp", loudness=1.0)].values["instrument"] == "harp"
    pairs = own.sample_pairs(200, k=1, random_state=0)
    assert (pairs.changed.sum(axis=1) == 1).all()
    assert set(pairs.second.tolist()) == set(range(12))
    assert len(own.neighbours(0)) == 6
    batch = next(own.batches(5, target="instrument"))
    assert batch["waveform"].shape == (5, 400)
    assert own.features(syngen.LogMel(n_mels=8, n_fft=256)).shape == (12, 8, 1)
    assert syngen.encode("factors", own).values.shape == (12, 2)


def test_of_several_with_the_same_factors_one_is_drawn(own: FactorDataset) -> None:
    factors = np.repeat(own.levels[:1], 60, axis=0)
    waveforms = own.sample_observations_from_factors(factors, np.random.RandomState(0))
    again = own.sample_observations_from_factors(factors, np.random.RandomState(0))
    np.testing.assert_array_equal(waveforms, again)
    first, second = own[0].waveform, own[6].waveform
    n_first = sum(np.array_equal(w, first) for w in waveforms)
    n_second = sum(np.array_equal(w, second) for w in waveforms)
    assert n_first + n_second == 60
    assert min(n_first, n_second) > 10


def test_every_other_column_is_a_factor_by_default(folder: Path, table: pd.DataFrame) -> None:
    ds = syngen.from_manifest(folder, table, kinds={"take": "nominal"}, name="mine")
    assert ds.grid.names == ("instrument", "loudness", "take")
    assert ds.grid.kinds["take"] == "nominal"
    assert (ds.is_complete, ds.name) == (True, "mine")
    none = syngen.from_manifest(folder, table.drop(columns="split"))
    assert none.splits == {"split": ("train",)}


def test_a_dataset_of_ours_as_clips_is_read_back(tiny_dataset: Path, tmp_path: Path) -> None:
    ds = syngen.load(tiny_dataset)
    write_clips(ds, tmp_path / "clips", limit=30)
    again = syngen.from_manifest(tmp_path / "clips", "metadata.csv", factors=ds.grid.names)
    np.testing.assert_array_equal(again.arrays()[0], ds[:30].arrays()[0])
    assert [dict(obs.values) for obs in again] == [dict(obs.values) for obs in ds[:30]]


@pytest.mark.slow
def test_pickles_are_small_and_open_again(own: FactorDataset, folder: Path) -> None:
    many = pd.concat([pd.read_csv(folder / "table.csv")] * 500, ignore_index=True)
    large = syngen.from_manifest(folder, many, factors=FACTORS)
    data = pickle.dumps(large.select(instrument="oboe"))
    assert len(data) < 4_000
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.batch([0, -1]), large.select(instrument="oboe").batch([0, -1]))
    assert again.fingerprint == large.fingerprint != own.fingerprint


def test_other_lengths_are_padded(folder: Path, table: pd.DataFrame) -> None:
    soundfile.write(folder / table["file_name"][4], np.zeros(77), RATE)
    ds = syngen.from_manifest(folder, table, factors=FACTORS)
    assert ds.n_samples == 0
    assert ds.padded([3, 4])[1].tolist() == [400, 77]
    with pytest.raises(ParameterError, match="differ in length"):
        ds.batch([3, 4])


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "cannot be read: No such file"),
        (_truncate, "cannot be read: the file ends too early"),
        (lambda path: path.write_bytes(b"no audio"), "cannot be read: .*[Ff]ormat"),
        (lambda path: soundfile.write(path, np.zeros((400, 2)), RATE), "has 2 channels; one is needed"),
        (
            lambda path: soundfile.write(path, np.zeros(400), 44100),
            "has 44100 samples per second, the first",
        ),
    ],
)
def test_a_damaged_file_hides_no_other_row(
    damage: Any, reason: str, folder: Path, table: pd.DataFrame, own: FactorDataset
) -> None:
    others = [row for row in range(12) if row != 4]
    expected = own.batch(others)
    damage(folder / table["file_name"][4])
    ds = syngen.from_manifest(folder, table, factors=FACTORS)
    with pytest.raises(ShardError, match=rf"row 4: {table['file_name'][4]} .*{reason}"):
        ds[4]
    with pytest.raises(ShardError, match="row 4: "):
        ds.batch([3, 4])
    np.testing.assert_array_equal(ds.batch(others), expected)
    assert ds.fingerprint != own.fingerprint


@pytest.mark.parametrize("name", ["../out.wav", "/etc/passwd", "wav/../../out.wav", "C:\\x.wav", ""])
def test_a_table_whose_paths_leave_the_folder_is_refused(
    name: str, folder: Path, table: pd.DataFrame
) -> None:
    table.loc[5, "file_name"] = name
    with pytest.raises(
        ParameterError, match=r"row 5: .* leads out of .*; audio files must lie in the folder"
    ):
        syngen.from_manifest(folder, table)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t, {"factors": ["instrumet"]}, r"no column 'instrumet' \(did you mean 'instrument'\?\)"),
        (lambda t: t, {"file": "file_nam"}, r"no column 'file_nam' \(did you mean 'file_name'\?\)"),
        (lambda t: t.rename(columns={"file_name": "x"}), {}, "say with file=... which of x, instrument"),
        (lambda t: t, {"factors": []}, "the table has no factors"),
        (lambda t: t, {"factors": ["split"]}, "a factor cannot be called 'split'"),
        (
            lambda t: t,
            {"kinds": {"lodness": "ordinal"}},
            r"kinds names 'lodness' \(did you mean 'loudness'\?\)",
        ),
        (
            lambda t: t,
            {"kinds": {"take": "nomial"}},
            r"kind 'nomial' of 'take' \(did you mean 'nominal'\?\)",
        ),
        (
            lambda t: t.assign(loudness=[None, *t["loudness"][1:]]),
            {},
            "factor 'loudness' has 1 missing value, the first in row 0",
        ),
        (
            lambda t: t.assign(split=[*t["split"][:-1], None]),
            {},
            "row 11: split is None; the name of a split",
        ),
        (lambda t: t.assign(file_name=[None, *t["file_name"][1:]]), {}, "row 0: file_name is None"),
        (
            lambda t: t.assign(take=[[1]] * 12),
            {},
            "factor 'take' has 12 values of type list, the first in row 0",
        ),
        (lambda t: t[:0], {}, "the table has no rows"),
        (
            lambda t: t.assign(file_name="missing.wav"),
            {},
            "no audio file of the table can be read; missing.wav",
        ),
        (lambda t: 3, {}, "a table of type int"),
        (lambda t: "nothing.csv", {}, r"nothing\.csv cannot be read as a table"),
        (lambda t: "wav", {}, r"a file named \.csv, \.tsv, \.jsonl or \.parquet is needed"),
    ],
)
def test_tables_that_make_no_sense_are_refused(
    change: Any, options: dict[str, Any], message: str, folder: Path, table: pd.DataFrame
) -> None:
    with pytest.raises((ParameterError, FactorError), match=message):
        syngen.from_manifest(folder, change(table), **options)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, table: pd.DataFrame) -> None:
    with pytest.raises(ParameterError, match="nothing is not a folder"):
        syngen.from_manifest(tmp_path / "nothing", table)


@pytest.mark.parametrize("cells", [["x", "y"], [1.5, 2.0], [None, 3], [-1, 3], [2**40, 3], [True, False]])
def test_lengths_that_are_none_are_refused(cells: list[Any], tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, np.zeros(8), 8000)
    table = {"file_name": ["a.wav", "b.wav"], "take": [1, 2], "n_samples": cells}
    with pytest.raises(ParameterError, match=r"row 0: n_samples is .*; a whole number is needed"):
        syngen.from_manifest(tmp_path, table)


def test_columns_that_make_no_table_are_refused(tmp_path: Path) -> None:
    doubled = pd.DataFrame([["a.wav", 1, 2]], columns=["file_name", "x", "x"])
    with pytest.raises(ParameterError, match="the table has two columns 'x'; rename one"):
        syngen.from_manifest(tmp_path, doubled)
    with pytest.raises(ParameterError, match="columns of the table differ in length: file_name 1, x 2"):
        syngen.from_manifest(tmp_path, {"file_name": ["a.wav"], "x": [1, 2]})
    with pytest.raises(ParameterError, match="'x' has .*values that no table holds"):
        syngen.from_manifest(tmp_path, {"file_name": ["a.wav"], "x": [object()]})


def test_a_split_is_a_text() -> None:
    view = syngen.render("syntone-tiny")
    for odd in (pd.NA, 1.5, None, {}, {"min": "test"}, [pd.NA], b"test"):
        with pytest.raises(FactorError, match="no split "):
            len(view.select(split=odd))
