"""A dataset of speech: its files, columns and annotations, and what verification finds in them."""

from __future__ import annotations

import io
import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import syngen
from syngen.errors import ManifestError
from syngen.storage.layout import Layout
from syngen.storage.receipts import read_any_receipt
from syngen.storage.tables.annotations import ANNOTATION_SCHEMA, annotation_problems
from syngen.synth.speech.voice.speakers import speaker_table
from tests.support import (
    TALK_IN_ROOMS,
    WHOLE_LOOKING,
    digests_of,
    edit_json,
    edit_manifest,
    names_below,
    needs_speech,
    renew_checksums,
)

pytestmark = needs_speech

RECIPE = TALK_IN_ROOMS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech") / "small-talk"
    syngen.generate(RECIPE, folder, jobs=1, shard_size=5)
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


@pytest.mark.slow
def test_a_sound_dataset_has_no_problems(made: Path) -> None:
    assert syngen.verify(made, rerender=24) == []
    files = {"annotations.parquet", "speakers.parquet", "manifest.parquet"}
    assert files <= set(names_below(made))
    assert files < {line.split("  ")[1] for line in (made / "SHA256SUMS").read_text().splitlines()}


def test_manifest_has_transcripts_spans_and_derived_columns(made: Path) -> None:
    manifest = table(made, "manifest")
    assert len(manifest) == 24
    assert (manifest["transcript"] == manifest["text"]).all()
    assert (
        manifest["gender"] == manifest["speaker"].map(lambda s: {"f": "female", "m": "male"}[s[3]])
    ).all()
    slots = manifest[[f"text_{i}" for i in range(1, 6)]]
    said = slots.agg(" ".join, axis=1).str.casefold() + "."
    assert (said == manifest["text"].str.casefold()).all()
    assert (manifest["speech_start"] >= 0).all()
    assert (manifest["speech_start"] < manifest["speech_end"]).all()
    assert (manifest["speech_end"] <= manifest["n_samples"]).all()
    assert manifest["n_samples"].nunique() > 5
    assert manifest["room_tone"].between(-86.0, -72.0).all()


def test_annotations_cover_every_row_and_say_the_transcript(made: Path) -> None:
    manifest, annotations = table(made, "manifest"), table(made, "annotations")
    assert annotations.columns.tolist() == ANNOTATION_SCHEMA.names
    for (row, kind), spans in annotations.groupby(["row", "kind"], sort=False):
        n_samples = manifest["n_samples"][row]
        assert spans["start"].tolist() == [0, *spans["end"].tolist()[:-1]]
        assert spans["end"].iloc[-1] == n_samples
        heard = spans[spans["text"] != ""]
        if kind == "phone":
            ends = manifest["speech_start"][row], manifest["speech_end"][row]
            assert ends == (heard["start"].iloc[0], heard["end"].iloc[-1])
        else:
            assert " ".join(heard["text"]) + "." == manifest["transcript"][row]
    assert set(annotations["row"]) == set(range(24))


def test_speakers_are_in_their_table(made: Path) -> None:
    names = sorted(set(table(made, "manifest")["speaker"]))
    expected = pd.DataFrame(dict(speaker_table(tuple(names))))
    pd.testing.assert_frame_equal(table(made, "speakers"), expected, check_dtype=False)


@pytest.mark.slow
def test_audio_has_the_length_that_the_manifest_says(made: Path) -> None:
    ds = syngen.load(made)
    live = syngen.render(RECIPE)
    by_index = {live.manifest["index"][i]: i for i in range(len(live))}
    for position in range(0, 24, 5):
        stored = ds[position]
        assert len(stored.waveform) == ds.manifest["n_samples"][position]
        rendered = live[by_index[stored.index]]
        assert (stored.waveform == rendered.waveform).all()
        pd.testing.assert_frame_equal(ds.annotations(position), live.annotations(by_index[stored.index]))


def test_duckdb_joins_annotations_with_the_manifest(made: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    query = f"""
        select m.style, count(*) as n from '{made}/annotations.parquet' a
        join (select *, row_number() over () - 1 as row from '{made}/manifest.parquet') m on a.row = m.row
        join '{made}/speakers.parquet' s on s.speaker = m.speaker
        where a.kind = 'word' and a.text <> '' group by m.style order by m.style
    """
    assert duckdb.sql(query).fetchall() == [("neutral", 60), ("whispering", 60)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_huggingface_reads_it_without_help(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = datasets.load_dataset(str(made), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in found.items()} == syngen.load(made).manifest[
        "split"
    ].value_counts().to_dict()
    manifest = table(made, "manifest").set_index("index")
    for record in found["test"]:
        wanted = manifest.loc[record["json"]["index"]]
        assert record["json"]["values"]["text"] == wanted["transcript"]
        with wave.open(io.BytesIO(record["wav"])) as audio:
            assert audio.getnframes() == wanted["n_samples"]


def annotations_changed(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / "annotations.parquet"
    pq.write_table(change(pq.read_table(path)).cast(ANNOTATION_SCHEMA), path)


def replaced(name: str, row: int, value: object) -> Callable[[pa.Table], pa.Table]:
    def change(found: pa.Table) -> pa.Table:
        position = found.column_names.index(name)
        cells = found.column(name).to_pylist()
        cells[row] = value
        return found.set_column(
            position, found.schema.field(position), pa.array(cells, found.schema.types[position])
        )

    return change


DAMAGE: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "a changed start": (replaced("start", 5, 3), "row 0: a word is at 3.."),
    "a changed end": (replaced("end", 5, 10**6), "row 0:"),
    "a missing row": (
        lambda t: pa.concat_tables([t.slice(0, 30), t.slice(31)]),
        "the one before it ends at",
    ),
    "a missing observation": (
        lambda t: t.filter(pa.array([row != 7 for row in t.column("row").to_pylist()])),
        "row 7: its words end at sample 0 of",
    ),
    "swapped rows": (
        lambda t: pa.concat_tables([t.slice(0, 2), t.slice(3, 1), t.slice(2, 1), t.slice(4)]),
        "row 0: a word is at",
    ),
    "a row too many": (
        lambda t: pa.concat_tables(
            [t, pa.table([[24], ["word"], [""], [0], [5]], schema=ANNOTATION_SCHEMA)]
        ),
        "rows that the manifest has not",
    ),
    "another kind": (replaced("kind", 0, "syllable"), "not words and phones in the order of the manifest"),
    "nothing": (lambda t: t.slice(0, 0), "not words and phones in the order"),
    "reversed": (lambda t: t.take(list(reversed(range(t.num_rows)))), "not words and phones in the order"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_annotations_are_found_even_with_new_checksums(data: Path, what: str) -> None:
    change, expected = DAMAGE[what]
    annotations_changed(data, change)
    assert any(p.startswith("annotations.parquet: SHA-256 is") for p in syngen.verify(data))
    renew_checksums(data)
    problems = syngen.verify(data)
    assert problems
    assert all(problem.startswith("annotations.parquet: ") for problem in problems)
    assert any(expected in problem for problem in problems), problems


@pytest.mark.slow
def test_texts_of_annotations_and_transcripts_are_compared_with_the_recipe(data: Path) -> None:
    annotations_changed(data, replaced("text", 1, "rubbish"))
    edit_manifest(data, "transcript", 3, "Something else.")
    edit_manifest(data, "speech_end", 4, 17)
    renew_checksums(data)
    contradictions = syngen.verify(data)
    for row in (0, 3, 4):
        assert any(p.startswith(f"annotations.parquet: row {row}: ") for p in contradictions)
    problems = [p for p in syngen.verify(data, rerender=24) if p not in contradictions]
    assert len(contradictions) == len(problems) == 3
    assert "annotations.parquet: row 0: its words and phones are not those of the recipe" in problems
    assert any("row 3: transcript is 'Something else.'" in problem for problem in problems)
    assert any("row 4: speech_end is 17" in problem for problem in problems)


def test_a_wrong_derived_column_is_found(data: Path) -> None:
    edit_manifest(data, "gender", 2, "other")
    renew_checksums(data)
    assert any("row 2: gender is other" in problem for problem in syngen.verify(data))


def test_changed_and_missing_tables_are_found(data: Path) -> None:
    speakers = pq.read_table(data / "speakers.parquet")
    pq.write_table(speakers.take([1, 0, 2]), data / "speakers.parquet")
    renew_checksums(data)
    assert syngen.verify(data) == ["speakers.parquet: its content is not what the recipe gives"]
    (data / "speakers.parquet").unlink()
    (data / "annotations.parquet").unlink()
    problems = syngen.verify(data)
    for name in ("speakers.parquet", "annotations.parquet"):
        assert any(problem.startswith(f"{name}: cannot be read") for problem in problems)
    with pytest.raises(ManifestError, match="annotations.parquet"):
        syngen.load(data).annotations(0)


@pytest.mark.parametrize("column", ["start", "text", "row"])
def test_annotations_of_another_form_are_no_crash(made: Path, column: str) -> None:
    found = pq.read_table(made / "annotations.parquet")
    n_samples = table(made, "manifest")["n_samples"].to_numpy(np.int64)
    assert annotation_problems(found, n_samples) == []
    position = found.column_names.index(column)
    nulls = found.set_column(position, column, pa.nulls(found.num_rows))
    for other in (nulls, found.drop_columns([column]), found.append_column("more", found.column(0))):
        (problem,) = annotation_problems(other, n_samples)
        assert "its columns are not those of annotations" in problem


@pytest.mark.slow
@pytest.mark.parametrize(("duration", "is_cropped"), [(0.6, True), (6.0, False)])
def test_durations_crop_or_pad(tmp_path: Path, duration: float, is_cropped: bool) -> None:
    recipe = RECIPE | {"audio": {"sample_rate": 8000, "duration": duration}}
    syngen.generate(recipe, tmp_path / "data", jobs=1)
    assert syngen.verify(tmp_path / "data", rerender=5) == []
    manifest, annotations = table(tmp_path / "data", "manifest"), table(tmp_path / "data", "annotations")
    n_samples = round(8000 * duration)
    assert (manifest["n_samples"] == n_samples).all()
    assert (manifest["speech_end"] == n_samples).all() == is_cropped
    last = annotations.groupby(["row", "kind"]).last()
    assert (last["end"] == n_samples).all()
    assert (last["text"] == "").all() != is_cropped
    waveform = syngen.load(tmp_path / "data").arrays()[0]
    assert np.isfinite(waveform).all()
    if not is_cropped:
        tail = waveform[:, -4000:]
        assert 0 < np.abs(tail).max() < 0.01, "the room goes on where the speech has ended"


@pytest.mark.slow
def test_a_duration_that_ends_before_the_speech_starts_is_no_accident(tmp_path: Path) -> None:
    recipe = RECIPE | {"audio": {"sample_rate": 16000, "duration": 0.001}}
    syngen.generate(recipe, tmp_path / "data", jobs=1)
    assert syngen.verify(tmp_path / "data", rerender=24) == []


@pytest.mark.slow
def test_a_dataset_of_tones_takes_the_place_of_one_of_speech(data: Path, tmp_path: Path) -> None:
    syngen.generate(WHOLE_LOOKING, tmp_path / "plain", jobs=1)
    syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True)
    assert digests_of(data) == digests_of(tmp_path / "plain")
    syngen.generate(RECIPE, data, jobs=1, shard_size=5, overwrite=True)
    assert syngen.verify(data) == []


def test_tables_go_even_where_the_plan_is_lost(data: Path) -> None:
    (data / "plan.json").unlink()
    syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True)
    assert not {"annotations.parquet", "speakers.parquet"} & set(names_below(data))


def test_names_of_tables_lead_nowhere_else(data: Path) -> None:
    (data.parent / "precious.parquet").write_bytes(b"x")
    edit_json(data / "plan.json", lambda plan: plan["tables"].append("../precious"))
    syngen.generate(WHOLE_LOOKING, data, jobs=1, overwrite=True)
    assert (data.parent / "precious.parquet").exists()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_whole_annotations(made: Path, tmp_path: Path) -> None:
    def interrupt(update: syngen.ProgressUpdate) -> None:
        if update.done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        syngen.generate(RECIPE, tmp_path / "data", jobs=1, shard_size=5, progress=interrupt)
    layout = Layout(tmp_path / "data")
    names = sorted(path.stem for path in layout.receipts.glob("*.json"))
    receipts = [receipt for name in names if (receipt := read_any_receipt(layout, name)) is not None]
    assert 2 <= len(receipts) < 6
    part = layout.annotations_part(names[0])
    part.write_bytes(part.read_bytes()[:-3])  # that shard is made again
    n_kept = sum(receipt.entry.rows for receipt in receipts[1:])
    report = syngen.generate(RECIPE, tmp_path / "data", jobs=2, shard_size=5)
    assert report.rendered == 24 - n_kept
    assert digests_of(tmp_path / "data") == digests_of(made)


@pytest.mark.slow
def test_a_dataset_with_a_file_of_texts_can_be_verified_without_it(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("Good morning.\nI have 3 cats.\n", "utf-8")
    (tmp_path / "recipe.yaml").write_text(
        "name: own\nsynthesizer: speech\nseed: 1\nfactors:\n"
        "  speaker: {speakers: {count: 1}}\n  text: {file: texts.txt}\n",
        "utf-8",
    )
    syngen.generate(tmp_path / "recipe.yaml", tmp_path / "data", jobs=2, shard_size=1)
    texts.unlink()
    assert syngen.verify(tmp_path / "data", rerender=2) == []
    assert sorted(table(tmp_path / "data", "manifest")["transcript"]) == [
        "Good morning.",
        "I have three cats.",
    ]
    assert "I have three cats." in (tmp_path / "data" / "dataset.json").read_text("utf-8")
