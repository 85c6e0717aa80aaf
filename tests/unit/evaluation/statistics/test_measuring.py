"""Statistics of datasets: counts against pandas and duckdb, what is above chance, what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import mutual_info_score

import syngen
from syngen.errors import FactorError, ParameterError
from syngen.evaluation.statistics.measuring import statistics_of
from syngen.loaders.dataset import FactorDataset
from tests.support import needs_speech


def own_dataset(folder: Path, table: pd.DataFrame, **options: object) -> FactorDataset:
    """Return a dataset of one sound, as often as the table has rows."""
    soundfile.write(folder / "a.wav", np.full(800, 0.1), 8_000)
    return syngen.from_manifest(folder, table.assign(file="a.wav"), **options)  # type: ignore[arg-type]


def test_counts_of_levels_are_those_of_duckdb(tiny_dataset: Path) -> None:
    found = syngen.statistics(tiny_dataset)
    manifest = str(tiny_dataset / "manifest.parquet")
    query = (
        "select {0}, count(*) filter (split = 'test') from '{1}' group by {0}, {0}_level order by {0}_level"
    )
    for name, factor in found.factors.items():
        values, counts = zip(*duckdb.sql(query.format(name, manifest)).fetchall(), strict=True)
        assert factor.values == values
        assert factor.counts[:, found.split_names.index("test")].tolist() == list(counts)
    assert found.splits["split_composition"] == dict(
        duckdb.sql(f"select split_composition, count(*) from '{manifest}' group by 1").fetchall()
    )


def test_a_whole_grid_is_independent(tiny_dataset: Path) -> None:
    found = syngen.statistics(tiny_dataset)
    assert list(found.pairs) == [
        ("timbre", "amplitude"),
        ("timbre", "frequency"),
        ("amplitude", "frequency"),
    ]
    for pair in found.pairs.values():
        assert pair.information == pytest.approx(0.0, abs=1e-12)
        assert not pair.is_above_chance
        assert pair.n_empty == 0
        assert pair.counts.min() == pair.counts.max()


def test_levels_lengths_and_pitch_are_those_of_the_manifest(tiny_dataset: Path) -> None:
    found, ds = syngen.statistics(tiny_dataset), syngen.load(tiny_dataset)
    frame = ds.manifest
    assert list(found.numbers) == ["rms_db", "peak", "seconds", "f0"]
    for name in ("rms_db", "peak"):
        assert found.numbers[name].quantiles[2] == pytest.approx(frame[name].median(), rel=1e-6)
    assert (found.numbers["seconds"].least, found.numbers["seconds"].n_rows) == (0.25, 408)
    assert found.numbers["f0"].quantiles[2] == pytest.approx(frame["frequency"].median(), rel=1e-9)
    assert found.notes == ()


def test_a_view_is_counted_as_a_view(tiny_dataset: Path) -> None:
    ds = syngen.load(tiny_dataset)
    view = ds.select(timbre=["sine", "square"], split="train")
    found, frame = syngen.statistics(view), view.manifest
    assert found.n_rows == len(view)
    assert found.splits["split"] == {"train": len(view)}
    assert found.factors["timbre"].n_used == 2
    counts = frame.groupby("amplitude_level").size()
    assert found.factors["amplitude"].totals.tolist() == counts.tolist()
    shared = found.pairs["amplitude", "frequency"]
    expected = mutual_info_score(frame["amplitude_level"], frame["frequency_level"])
    assert shared.information == pytest.approx(expected, abs=1e-12)
    assert syngen.statistics(ds, split="test").to_dict() == statistics_of(ds.select(split="test")).to_dict()


def test_a_large_manifest_is_counted_from_its_columns(
    tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = syngen.statistics(tiny_dataset).to_dict()
    monkeypatch.setattr("syngen.loaders.sources.stored.LARGE", 1)
    ds = syngen.load(tiny_dataset)
    assert statistics_of(ds).to_dict() == expected
    assert "table" not in vars(ds._source)  # the manifest as a whole was never read


def test_factors_that_go_together_are_above_chance_and_others_are_not(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    a, b = rng.integers(4, size=600), rng.integers(3, size=600)
    table = pd.DataFrame({"a": a, "b": b, "of_a": a // 2, "label": np.where(b == 1, "x", "y")})
    found = syngen.statistics(own_dataset(tmp_path, table))
    above = {names for names, pair in found.pairs.items() if pair.is_above_chance}
    assert above == {("a", "of_a"), ("b", "label")}
    for (first, second), pair in found.pairs.items():
        expected = mutual_info_score(table[first], table[second])
        assert pair.information == pytest.approx(expected, abs=1e-12)
        np.testing.assert_array_equal(pair.counts, pd.crosstab(table[first], table[second]))
        n_rows, n_columns = pair.counts.shape
        assert pair.chance == pytest.approx((n_rows - 1) * (n_columns - 1) / 1200, rel=0.5)


def test_the_seed_decides_chance_and_nothing_else(tiny_dataset: Path) -> None:
    one, again, other = (
        syngen.statistics(tiny_dataset, seed=seed, n_shuffles=30).to_dict() for seed in (1, 1, 2)
    )
    assert one == again
    assert [pair["chance"] for pair in one["pairs"]] != [pair["chance"] for pair in other["pairs"]]
    assert one["factors"] == other["factors"]


def test_columns_that_are_no_factors_are_left_out(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [0, 1] * 20, "id": range(40), "why": [None] * 39 + ["x"]})
    found = syngen.statistics(own_dataset(tmp_path, table, factors=["a"]))
    assert (list(found.factors), list(found.pairs)) == (["a"], [])
    assert found.numbers["seconds"].least == 0.1
    assert found.notes[0] == "rms_db and peak, for the manifest has no such column"
    assert found.notes[1].startswith("f0: ")
    assert "no recipe describes" in found.notes[1]


def test_own_columns_of_levels_and_pitch_are_used(tmp_path: Path) -> None:
    table = pd.DataFrame({"f0": [110.0, 220.0, 220.0], "rms_db": [-20.0, None, -10.0], "peak": list("abc")})
    found = syngen.statistics(own_dataset(tmp_path, table, factors=["f0"], units={"f0": "Hz"}))
    assert (found.numbers["f0"].mean, found.numbers["f0"].origin) == (550 / 3, "factor f0")
    assert (found.numbers["rms_db"].mean, found.numbers["rms_db"].n_missing) == (-15.0, 1)
    assert found.notes == ("peak, for the column has no numbers",)


def test_very_many_levels_are_counted_by_runs(tmp_path: Path, rng: np.random.Generator) -> None:
    table = pd.DataFrame({"id": rng.permutation(3_000), "x": rng.random(3_000)})
    found = syngen.statistics(own_dataset(tmp_path, table), n_shuffles=20)
    pair = found.pairs["id", "x"]
    assert pair.runs == (12, 12)
    assert pair.counts.shape == (250, 250)
    np.testing.assert_array_equal(
        pair.counts, pd.crosstab(table["id"] // 12, table["x"].rank().astype(int).sub(1) // 12)
    )
    assert pair.label == "id (runs of 12) x x (runs of 12)"
    content = json.loads(found.to_json())
    of_pair = next(entry for entry in content["pairs"] if (entry["first"], entry["second"]) == ("id", "x"))
    assert of_pair["levels_a_count"] == [48, 48]
    assert len(of_pair["counts"]) == 63
    of_factor = next(entry for entry in content["factors"] if entry["name"] == "id")
    assert (of_factor["levels_a_count"], len(of_factor["counts"]["train"])) == (3, 1_000)


@needs_speech
def test_speech_has_the_pitch_of_speakers_and_styles_and_counts_of_what_derives() -> None:
    ds = syngen.render("synspeech-tiny")
    found = syngen.statistics(ds)
    assert found.factors["gender"].derived_from == "speaker"
    assert found.factors["gender"].totals.tolist() == [20, 20]
    assert ("gender", "speaker") not in found.pairs
    assert ("speaker", "gender") not in found.pairs
    is_whispered = ds.values["style"] == "whispering"
    assert found.numbers["f0"].n_missing == is_whispered.sum() > 0
    assert any(note.startswith("seconds: ") for note in found.notes)
    assert "seconds" not in found.numbers


def test_nothing_to_count_is_refused(tiny_dataset: Path) -> None:
    ds = syngen.load(tiny_dataset)
    in_train = ds.select(split="train")[0].values
    with pytest.raises(ParameterError, match="syntone-tiny has no observations in test: there is nothing"):
        syngen.statistics(ds.select(**in_train), split="test")
    with pytest.raises(ParameterError, match="no observations: there is nothing"):
        syngen.statistics(ds[:0])
    with pytest.raises(ParameterError, match="n_shuffles is 19; a whole number from 20 on is needed"):
        syngen.statistics(ds, n_shuffles=19)
    with pytest.raises(ParameterError, match="seed is -1; a whole number"):
        syngen.statistics(ds, seed=-1)
    with pytest.raises(FactorError, match="did you mean 'test'"):
        syngen.statistics(ds, split="tset")


def test_a_table_with_a_missing_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FactorError, match="factor 'a' has 1 missing value, the first in row 1"):
        own_dataset(tmp_path, pd.DataFrame({"a": ["x", None]}))
