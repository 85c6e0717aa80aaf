"""A cache answers for one content only, and what it hands out cannot be changed."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

import syngen
from syngen.loaders.dataset import FactorDataset
from tests.support import renew_checksums

N = 8
LOG_MEL = syngen.LogMel(n_mels=4, n_fft=64, hop_length=32)


@pytest.fixture
def clips(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for n in range(N):
        soundfile.write(folder / f"{n}.wav", rng.uniform(-1, 1, 200), 8000, subtype="PCM_16")
    return folder


BASE: dict[str, Any] = {
    "file_name": [f"{n}.wav" for n in range(N)],
    "speaker": list("aabbccdd"),
    "split": ["train"] * 4 + ["test"] * 4,
    "split_unseen": ["train"] * 4 + ["test"] * 4,
    "n_samples": [200] * N,
    "said": [f"text {n}" for n in range(N)],
    "score": [0.0] * N,
}
CHANGES: dict[str, Callable[[pa.Table], pa.Table]] = {
    "splits": lambda t: _with(t, "split", BASE["split"][::-1]),
    "splits of a scheme": lambda t: _with(t, "split_unseen", BASE["split"][::-1]),
    "one text": lambda t: _with(t, "said", ["corrected", *BASE["said"][1:]]),
    "one number": lambda t: _with(t, "score", [*BASE["score"][:-1], 1.0]),
    "a missing number": lambda t: _with(t, "score", [*BASE["score"][:-1], None]),
    "numbers of samples": lambda t: _with(t, "n_samples", [*BASE["n_samples"][:-1], 100]),
    "another type": lambda t: _with(t, "score", pa.array(BASE["score"], pa.float32())),
    "another order of columns": lambda t: t.select(t.column_names[::-1]),
    "one column more": lambda t: t.append_column("more", pa.array(range(N))),
    "one column less": lambda t: t.drop_columns(["score"]),
}


def _with(table: pa.Table, name: str, cells: Any) -> pa.Table:
    position = table.column_names.index(name)
    return table.set_column(position, name, cells if isinstance(cells, pa.Array) else pa.array(cells))


def own(folder: Path, table: Any) -> FactorDataset:
    return syngen.from_manifest(folder, table, factors=["speaker"])


def is_equal(first: FactorDataset, second: FactorDataset) -> bool:
    return bool(first.table.equals(second.table)) and first.splits == second.splits


@pytest.mark.parametrize("change", CHANGES)
def test_a_pickle_has_the_table_that_was_given(change: str, clips: Path) -> None:
    table = pa.table(BASE)
    before, after = own(clips, table), own(clips, CHANGES[change](table))
    for ds in (before, after, before):
        again = pickle.loads(pickle.dumps(ds))
        assert is_equal(again, ds)
        for split in ("train", "test"):
            assert again.select(split=split).rows.tolist() == ds.select(split=split).rows.tolist()
    assert len(list(Path(os.environ["SYNGEN_CACHE"], "tables").iterdir())) == 2


def test_a_pickle_of_the_same_table_takes_no_more_room(clips: Path) -> None:
    for _ in range(2):
        pickle.dumps(own(clips, BASE))
    assert len(list(Path(os.environ["SYNGEN_CACHE"], "tables").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_spawned_workers_read_the_split_of_their_own_table(clips: Path) -> None:
    data = pytest.importorskip("torch", reason="the extra torch is not installed").utils.data
    for splits in (BASE["split"], BASE["split"][::-1]):
        ds = own(clips, {**BASE, "split": splits})
        loader = data.DataLoader(
            ds.to_torch("train"), batch_size=4, num_workers=1, multiprocessing_context="spawn"
        )
        rows = [row for batch in loader for row in batch["row"].tolist()]
        assert rows == [n for n in range(N) if splits[n] == "train"]


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "numbers of samples"])
def test_a_dataset_of_hugging_face_has_the_columns_of_its_own_table(change: str, clips: Path) -> None:
    pytest.importorskip("datasets", reason="the extra huggingface is not installed")
    table = pa.table(BASE)
    before, after = own(clips, table), own(clips, CHANGES[change](table))
    for ds in (before, after, before):
        found = ds.to_huggingface()
        for split in ds.splits["split"]:
            part, view = found[split], ds.select(split=split)
            assert part["row"][:] == view.rows.tolist()
            for name in view.table.column_names:
                if name not in ("speaker", "row"):
                    assert part[name][:] == view.table.column(name).to_pylist()
            columns = [name for name in part.column_names if name not in ("audio", "row")]
            assert columns == view.table.column_names


@pytest.mark.parametrize("change", CHANGES)
def test_features_are_named_after_all_of_a_table(change: str, clips: Path) -> None:
    table = pa.table(BASE)
    for ds in (own(clips, table), own(clips, CHANGES[change](table))):
        found = ds[:4].features(LOG_MEL)  # whose samples are as many as the table says
        feature = LOG_MEL.for_rate(8000)
        np.testing.assert_array_equal(found, feature(ds.padded(range(4))[0]))
    assert len(list(Path(os.environ["SYNGEN_CACHE"], "features").iterdir())) == 2


def test_features_of_files_in_another_folder_are_their_own(clips: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(clips, tmp_path / "copy"))
    for path in copy.iterdir():
        was = (clips / path.name).stat()
        soundfile.write(path, np.zeros(200), 8000, subtype="PCM_16")
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        assert path.stat().st_size == was.st_size
    first = own(clips, BASE).features(LOG_MEL)
    second = own(copy, BASE).features(LOG_MEL)
    assert (second == second[0, 0, 0]).all()
    assert not np.array_equal(first, second)


TONES: dict[str, Any] = {
    "name": "tones",
    "synthesizer": "tone",
    "seed": 1,
    "audio": {"sample_rate": 8000, "duration": 0.05},
    "factors": {"frequency": {"geomspace": {"start": 100.0, "stop": 1000.0, "num": 40}}},
    "splits": {"default": {"random": {"train": 0.5, "test": 0.5}}},
}


@pytest.mark.parametrize(
    "other",
    [
        TONES | {"sampling": {"size": 20}},
        TONES | {"splits": {"default": {"random": {"train": 0.2, "test": 0.8}}}},
        TONES | {"splits": {"default": {"random": {"train": 0.5, "other": 0.5}}}},
    ],
    ids=["limited", "other fractions", "other names"],
)
def test_rows_of_datasets_of_one_fingerprint_are_not_taken_for_one_another(other: Any) -> None:
    first, second = syngen.render(TONES)[:20], syngen.render(other)[:20]
    assert first.fingerprint == second.fingerprint
    assert first.rows.tolist() == second.rows.tolist()
    for ds in (first, second):
        feature = LOG_MEL.for_rate(8000)
        np.testing.assert_array_equal(ds.features(LOG_MEL), feature(ds.batch(range(20))))
    pytest.importorskip("datasets", reason="the extra huggingface is not installed")
    for ds in (first, second):
        for part in ds.to_huggingface().values():
            frequencies = ds.manifest["frequency"].loc[part["row"][:]]
            assert part["frequency"][:] == frequencies.tolist()


def test_a_remote_dataset_with_another_manifest_is_read_anew(tmp_path: Path) -> None:
    import fsspec

    folder, files = tmp_path / "data", fsspec.filesystem("memory")
    syngen.generate(TONES, folder, jobs=1)
    place = f"/{tmp_path.name}/corrected"
    files.put(str(folder), place, recursive=True)
    before = syngen.load(f"memory:/{place}")
    path = folder / "manifest.parquet"
    table = pq.read_table(path)
    position = table.column_names.index("rms_db")
    louder = pa.array(np.asarray(table.column("rms_db")) + 1, pa.float32())
    pq.write_table(table.set_column(position, table.schema.field("rms_db"), louder), path)
    renew_checksums(folder)
    for name in ("manifest.parquet", "SHA256SUMS"):
        files.put(str(folder / name), f"{place}/{name}")
    after = syngen.load(f"memory:/{place}")
    np.testing.assert_allclose(after.manifest["rms_db"], before.manifest["rms_db"] + 1, rtol=1e-6)


def arrays_of(ds: FactorDataset) -> dict[str, Any]:
    """Return every array that a dataset keeps and hands out."""
    return {
        "indices": ds.indices,
        "levels": ds.levels,
        "a column of levels": ds.level_column(ds.grid.names[0]),
        "lengths": ds.lengths,
        "order": ds.lookup.order,
    }


@pytest.mark.parametrize("kind", ["stored", "rendered", "own"])
def test_arrays_that_a_dataset_keeps_cannot_be_changed(
    kind: str, tiny_dataset: Path, clips: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make: dict[str, Callable[[], FactorDataset]] = {
        "stored": lambda: syngen.load(tiny_dataset),
        "rendered": lambda: syngen.render("syntone-tiny"),
        "own": lambda: own(clips, {k: v for k, v in BASE.items() if k != "n_samples"}),
    }
    ds = make[kind]()
    features = {"features": ds.features(LOG_MEL), "features again": ds.features(LOG_MEL)}
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNGEN_CACHE", str(tmp_path / "file"))
    features |= {"without a cache": ds.features(LOG_MEL), "of nothing": ds[:0].features(LOG_MEL)}
    view = ds.select(split="train")
    view_of = {"rows of a view": view.rows}
    was_kept = {name for name, array in arrays_of(ds).items() if array is arrays_of(ds)[name]}
    assert {"indices", "levels", "order"} <= was_kept
    for name, array in (arrays_of(ds) | features | view_of).items():
        if name == "lengths" and kind == "rendered":  # made when they are asked for
            continue
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(ValueError, match="cannot set WRITEABLE flag to True"):
        features["features"].flags.writeable = True


def test_what_arrays_returns_may_be_changed(tiny_dataset: Path) -> None:
    for ds in (syngen.load(tiny_dataset), syngen.load(tiny_dataset)[:9], syngen.render("syntone-tiny")):
        waveforms, levels = ds.arrays()
        expected = ds.levels.copy()
        waveforms[:] = 0
        levels[:] = 0
        np.testing.assert_array_equal(ds.levels, expected)
        assert ds[0].waveform.any()


def as_array(waveform: Any) -> Any:
    """Return what a transform that keeps its results may return."""
    array = np.asarray(waveform)[:10].copy()
    array.flags.writeable = False
    return array


class Kept:
    """A transform of whole batches that returns arrays out of a cache."""

    def for_rate(self, sample_rate: int) -> Kept:
        del sample_rate
        return self

    def __call__(self, waveforms: Any) -> Any:
        return as_array(waveforms)


@pytest.mark.parametrize("transform", [None, LOG_MEL, as_array, Kept()])
@pytest.mark.parametrize("is_view", [False, True])
def test_torch_is_given_arrays_that_may_be_changed(
    is_view: bool, transform: Any, clips: Path, tiny_dataset: Path
) -> None:
    data = pytest.importorskip("torch", reason="the extra torch is not installed").utils.data
    for ds in (own(clips, BASE), syngen.load(tiny_dataset)):
        view = ds.select(split="train") if is_view else ds
        dataset = view.to_torch(transform=transform, target=ds.grid.names[0])
        expected = ds.levels.copy()
        # a warning would be an error here
        for batch in data.DataLoader(dataset, batch_size=8):
            for column in batch.values():
                column[...] = 0
        dataset[0]
        (first, *_) = view.to_torch_stream(batch_size=8, transform=transform)
        first["levels"][...] = 0
        np.testing.assert_array_equal(ds.levels, expected)
