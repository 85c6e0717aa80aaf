"""Views, lookups, ragged batches, pickles, files per process, and the sidecar of a large manifest."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import syngen
from syngen.errors import FactorError, ManifestError, ParameterError, PositionError
from syngen.loaders.dataset import FactorDataset
from tests.support import edit_manifest, needs_speech, run_python


@pytest.fixture(scope="module")
def live() -> FactorDataset:
    return syngen.render("syntone-tiny")


@pytest.fixture(params=["stored", "rendered", "mapped"])
def either(
    request: pytest.FixtureRequest, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> FactorDataset:
    """The same dataset from its shards, from the synthesizer, and with a sidecar of its manifest."""
    if request.param == "rendered":
        return syngen.render("syntone-tiny")
    if request.param == "mapped":
        monkeypatch.setattr("syngen.loaders.sources.stored.LARGE", 1)
    return syngen.load(tiny_dataset)


def test_values_are_those_of_the_observations(either: FactorDataset) -> None:
    view = either.select(split="test")
    assert list(view.values) == list(either.grid.names)
    for name, column in view.values.items():
        assert column.shape == (len(view),)
        assert column.tolist() == [obs.values[name] for obs in view]
        np.testing.assert_array_equal(view.level_column(name), view.levels[:, view.grid.position(name)])


@pytest.mark.parametrize("chosen", [slice(3, 20), slice(None, None, -1), slice(-5, None), slice(400, 9999)])
def test_slices_are_views(chosen: slice, either: FactorDataset) -> None:
    rows = np.arange(408)[chosen]
    view = either[chosen]
    assert isinstance(view, FactorDataset)
    assert view.rows.tolist() == rows.tolist()
    np.testing.assert_array_equal(view.levels, either.levels[rows])
    np.testing.assert_array_equal(view.batch([0, -1]), either.batch([rows[0], rows[-1]]))


@pytest.mark.parametrize("chosen", [slice(0.5, 3), slice("a"), slice(True), slice(0, 3, 0)])
def test_slices_that_make_no_sense_are_refused(chosen: slice, live: FactorDataset) -> None:
    with pytest.raises(FactorError, match="slice"):
        _ = live[chosen]


def test_views_compose_in_any_order(either: FactorDataset) -> None:
    frame = either.manifest
    view = either.select(split_composition="train").select(timbre=["square", "sine"])[::2].take([4, 0, -1])
    wanted = frame[(frame["split_composition"] == "train") & frame["timbre"].isin(["square", "sine"])]
    rows = wanted.index.to_numpy()[::2][[4, 0, -1]]
    assert view.rows.tolist() == rows.tolist()
    assert view.indices.tolist() == frame["index"].to_numpy()[rows].tolist()
    assert len(view.select(timbre="sawtooth")) == 0


def test_a_condition_is_checked_when_it_is_given_and_kept_as_it_was(either: FactorDataset) -> None:
    wanted = ["sine"]
    view = either.select(timbre=wanted)
    wanted.append("square")
    assert set(view.values["timbre"]) == {"sine"}
    with pytest.raises(FactorError, match="sinus"):
        either.select(timbre="sinus")
    with pytest.raises(FactorError, match=r"no split 3; split has train"):
        either.select(split=3)
    with pytest.raises(PositionError, match=r"position 2 outside 0\.\.1"):
        either[:2].take([2])


def test_an_observation_is_found_by_its_values(either: FactorDataset) -> None:
    for view in (either, either.select(timbre=["sine", "square"])[::-1]):
        for position in (0, 7, len(view) - 1):
            assert view.index_of(**view[position].values) == position


def test_what_is_not_there_is_not_found(either: FactorDataset) -> None:
    values = dict(either[0].values)
    other = either.select(timbre=[t for t in either.grid["timbre"].values if t != values["timbre"]])
    with pytest.raises(FactorError, match="1 of 1 combinations are not among these 306 observations"):
        other.index_of(**values)
    with pytest.raises(FactorError, match="no value for frequency"):
        either.index_of(timbre="sine", amplitude=-11.0)
    with pytest.raises(FactorError, match=r"no factor 'timber' \(did you mean 'timbre'\?\)"):
        either.index_of(**values, timber="sine")
    with pytest.raises(FactorError, match="sinus.*did you mean 'sine'"):
        either.index_of(**{**values, "timbre": "sinus"})


def test_neighbours_differ_in_one_factor(either: FactorDataset) -> None:
    position = 100
    found = either.neighbours(position, factor="frequency")
    assert len(found) == 16
    differing = either.levels[found] != either.levels[position]
    assert differing.sum(axis=0).tolist() == [0, 0, 16]
    assert either.levels[found][:, 2].tolist() == sorted(either.levels[found][:, 2].tolist())
    every = either.neighbours(position)
    assert len(every) == 3 + 5 + 16
    assert ((either.levels[every] != either.levels[position]).sum(axis=1) == 1).all()
    with pytest.raises(FactorError, match="no factor 'pitch'"):
        either.neighbours(position, factor="pitch")
    with pytest.raises(PositionError):
        either.neighbours(408)


def test_a_traversal_goes_through_the_observation_by_level(either: FactorDataset) -> None:
    line = either.traversal(5, factor="amplitude")
    assert line.levels[:, 1].tolist() == [0, 1, 2, 3, 4, 5]
    assert int(either.rows[5]) in line.rows.tolist()
    some = either.select(amplitude=[-26.0, -11.0])
    assert len(some.traversal(0, factor="amplitude")) == 2


def test_lengths_are_known(either: FactorDataset) -> None:
    assert either[:3].lengths.tolist() == [4000] * 3


def test_a_padded_batch_of_equal_lengths_is_the_batch(either: FactorDataset) -> None:
    waveforms, lengths = either.padded([3, 1, -1])
    np.testing.assert_array_equal(waveforms, either.batch([3, 1, -1]))
    assert lengths.tolist() == [4000] * 3
    cut, lengths = either.padded([3], length=100)
    assert (cut.shape, lengths.tolist()) == ((1, 100), [100])
    long, lengths = either.padded([3], length=5000)
    assert (long[0, 4000:] == 0.0).all()
    assert lengths.tolist() == [4000]
    assert either.padded([])[0].shape == (0, 0)
    with pytest.raises(ParameterError, match="length is 0; at least 1"):
        either.padded([3], length=0)


@pytest.mark.slow
@needs_speech
def test_speech_is_padded_to_the_longest(tmp_path: Path) -> None:
    syngen.generate("synspeech-tiny", tmp_path / "speech", jobs=1, limit=12)
    ds = syngen.load(tmp_path / "speech")
    assert ds.n_samples == 0
    waveforms, lengths = ds.padded(range(len(ds)))
    assert len(set(lengths.tolist())) > 1
    assert waveforms.shape == (len(ds), lengths.max())
    np.testing.assert_array_equal(lengths, ds.lengths)
    for position, (waveform, length) in enumerate(zip(waveforms, lengths, strict=True)):
        np.testing.assert_array_equal(waveform[:length], ds[position].waveform)
        assert not waveform[length:].any()
    with pytest.raises(ParameterError, match="differ in length"):
        ds.batch([0, 1])
    with pytest.raises(ParameterError, match=r"is rendered: its lengths are known when"):
        _ = syngen.render("synspeech-tiny").lengths


def test_views_pickle_in_a_few_kilobytes(either: FactorDataset) -> None:
    whole = either.select(split="train", frequency=(None, 900.0))[::2]
    len(whole)
    data = pickle.dumps(whole)
    assert len(data) < 8_000
    again = pickle.loads(data)
    assert again.rows.tolist() == whole.rows.tolist()
    np.testing.assert_array_equal(again.batch([1, 0]), whole.batch([1, 0]))


def test_threads_may_read_more_shards_than_may_be_open(
    tiny_dataset: Path, live: FactorDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syngen.loaders.sources.stored._OPEN_SHARDS", 1)
    ds = syngen.load(tiny_dataset)
    expected, wrong = live.batch(range(408)), []

    def read(seed: int) -> None:
        rows = np.random.default_rng(seed).permutation(408)
        try:
            wrong.append(not np.array_equal(ds.batch(rows), expected[rows]))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 4


FORKED = """\
import os, sys
import syngen

ds = syngen.load(sys.argv[1])
ds.batch(range(len(ds)))
parents = dict(ds._source._files._files)
child = os.fork()
if child == 0:
    expected = syngen.render("syntone-tiny").batch([0, 407])
    is_equal = (ds.batch([0, 407]) == expected).all()
    files = ds._source._files._files
    os._exit(0 if is_equal and len(files) == 2 and all(parents[k] is not files[k] for k in files) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), (ds.batch([5]) != 0).any())
"""


@pytest.mark.slow
def test_a_forked_process_opens_its_own_files(tiny_dataset: Path) -> None:
    done = run_python("-W", "ignore", "-c", FORKED, str(tiny_dataset))
    assert done.stdout.split() == ["0", "True"], done.stderr


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every manifest be large."""
    monkeypatch.setattr("syngen.loaders.sources.stored.LARGE", 1)


@pytest.fixture
def data(tiny_dataset: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_dataset, tmp_path / "data"))


def sidecars() -> list[Path]:
    return sorted(Path(os.environ["SYNGEN_CACHE"], "sidecars").iterdir())


def _refuse(*_: object, **__: object) -> None:
    raise OSError("there is no need to read the manifest")


@pytest.mark.usefixtures("large")
def test_a_large_manifest_is_not_decoded_twice(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = syngen.load(data).select(timbre="sine", split="train")
    assert len(before) > 0
    monkeypatch.setattr("syngen.loaders.sources.stored.read_series", _refuse)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile.iter_batches", _refuse)
    ds = syngen.load(data)
    view = ds.select(timbre="sine", split="train")
    assert view.rows.tolist() == before.rows.tolist()
    np.testing.assert_array_equal(view.batch([0, -1]), before.batch([0, -1]))
    assert isinstance(ds._source.indices.base, np.memmap | __import__("mmap").mmap)
    assert len(sidecars()) == 1


@pytest.mark.usefixtures("large")
def test_a_manifest_that_changed_gets_another_sidecar(data: Path) -> None:
    assert syngen.load(data).indices[3] != 0
    edit_manifest(data, "index", 3, 0)
    assert syngen.load(data).indices[3] == 0
    assert len(sidecars()) == 1
    edit_manifest(data, "index", 3, 10**6)
    with pytest.raises(ManifestError, match="the manifest and its grid disagree"):
        syngen.load(data)
    (data / "manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(ManifestError, match=r"manifest\.parquet cannot be read"):
        syngen.load(data)
    (data / "manifest.parquet").unlink()
    with pytest.raises(ManifestError, match=r"manifest\.parquet cannot be read"):
        syngen.load(data)


@pytest.mark.usefixtures("large")
def test_without_a_cache_folder_the_manifest_is_read(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNGEN_CACHE", str(tmp_path / "file"))
    ds = syngen.load(data)
    assert ds._source._sidecar is None  # type: ignore[attr-defined]
    assert len(ds.select(timbre="sine")) == 102


@pytest.mark.usefixtures("large")
def test_a_damaged_sidecar_does_no_harm(data: Path) -> None:
    syngen.load(data)
    (folder,) = sidecars()
    (folder / "index.npy").write_bytes(b"nonsense")
    assert len(syngen.load(data).select(timbre="sine")) == 102


@pytest.mark.usefixtures("large")
def test_a_large_manifest_that_is_not_the_datasets_is_refused(data: Path, with_nuisances: Path) -> None:
    shutil.copy(with_nuisances / "manifest.parquet", data)
    with pytest.raises(ManifestError, match="different fingerprints"):
        syngen.load(data)
