"""Features are librosa's, keep amplitude, and are computed once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import threadpoolctl

import syngen
from syngen.errors import FactorError, ParameterError
from syngen.figures.features import MFCC, Feature, LogMel, Spectrogram
from syngen.loaders.dataset import FactorDataset
from tests.support import needs_speech

FEATURES: list[Feature] = [
    Spectrogram(),
    Spectrogram(n_fft=512, hop_length=100, power=1.0),
    LogMel(),
    LogMel(n_mels=64, n_fft=1024, hop_length=160, fmin=50.0, fmax=7000.0, floor=1e-8),
    MFCC(),
    MFCC(n_mfcc=13, n_mels=40, n_fft=512, hop_length=256),
]


@pytest.fixture(scope="module")
def ds(tiny_dataset: Path) -> FactorDataset:
    return syngen.load(tiny_dataset)


def by_librosa(feature: Any, waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Compute a feature with librosa alone."""
    frame = {"n_fft": feature.n_fft, "hop_length": feature.hop_length}
    if isinstance(feature, Spectrogram):
        return np.asarray(np.abs(librosa.stft(waveform, **frame)) ** feature.power)
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=16_000, n_mels=feature.n_mels, fmin=feature.fmin, fmax=feature.fmax, **frame
    )
    decibels = librosa.power_to_db(mel, ref=1.0, amin=feature.floor, top_db=None)
    if isinstance(feature, MFCC):
        return np.asarray(librosa.feature.mfcc(S=decibels, n_mfcc=feature.n_mfcc))
    return np.asarray(decibels)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Empty filters detected:UserWarning")
@pytest.mark.parametrize("feature", FEATURES, ids=repr)
def test_features_are_those_of_librosa(
    feature: Feature, ds: FactorDataset, rng: np.random.Generator
) -> None:
    made = feature.for_rate(16_000)
    noise = 0.1 * rng.standard_normal((1, 4000)).astype(np.float32)
    # between the partials of a tone there is rounding, 80 dB below it: only there single precision shows
    for waveforms, decibels in ((ds.batch([0, 100, 407]), 0.1), (noise, 1e-3)):
        found = made(waveforms)
        assert found.dtype == np.float32
        assert found.shape == (len(waveforms), made.n_bands, made.n_frames(4000))
        for features, waveform in zip(found, waveforms, strict=True):
            tolerance = decibels if isinstance(feature, LogMel) else 1e-4
            np.testing.assert_allclose(features, by_librosa(feature, waveform), rtol=2e-4, atol=tolerance)
            np.testing.assert_array_equal(made(waveform), features)


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large:UserWarning")
@pytest.mark.parametrize("n", [1, 3, 511, 512, 4001])
def test_short_waveforms_have_the_frames_of_librosa(n: int, rng: np.random.Generator) -> None:
    waveform = rng.standard_normal(n).astype(np.float32)
    expected = by_librosa(Spectrogram(), waveform)
    np.testing.assert_allclose(Spectrogram()(waveform), expected, rtol=2e-4, atol=1e-3)


def test_amplitude_survives(ds: FactorDataset) -> None:
    waveform = ds[0].waveform
    feature = LogMel(sample_rate=16_000, floor=1e-20)
    difference = feature(waveform) - feature(0.1 * waveform)
    loud = feature(waveform) > -60
    np.testing.assert_allclose(difference[loud], 20.0, atol=0.01)
    assert (feature(0 * waveform) == feature(0 * waveform)[0, 0]).all()


def test_features_of_a_view_are_computed_once(ds: FactorDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    view = ds.select(split="test")
    feature = LogMel(n_mels=20)
    found = ds.features(feature, split="test")
    np.testing.assert_array_equal(found, feature.for_rate(16_000)(view.arrays()[0]))
    assert not found.flags.writeable
    monkeypatch.setattr(LogMel, "__call__", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(view.features(feature), found)
    np.testing.assert_array_equal(syngen.render("syntone-tiny").features(feature, split="test"), found)
    assert len(list(Path(os.environ["SYNGEN_CACHE"], "features").iterdir())) == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda ds: ds[:5].features(LogMel(n_mels=9)),
        lambda ds: ds[:6].features(LogMel(n_mels=8)),
        lambda ds: ds[1:6].features(LogMel(n_mels=8)),
        lambda ds: ds[:5].features(LogMel(n_mels=8, floor=1e-9)),
        lambda ds: ds[:5].features(MFCC(n_mels=8, n_mfcc=8)),
        lambda ds: syngen.render("syntone-small")[:5].features(LogMel(n_mels=8)),
    ],
)
def test_whatever_decides_a_number_is_in_the_name_of_the_cache(other: Any, ds: FactorDataset) -> None:
    ds[:5].features(LogMel(n_mels=8))
    other(ds)
    assert len(list(Path(os.environ["SYNGEN_CACHE"], "features").iterdir())) == 2


def test_without_a_cache_folder_features_are_computed(
    ds: FactorDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNGEN_CACHE", str(tmp_path / "file"))
    assert ds[:5].features(LogMel(n_mels=8)).shape == (5, 8, 8)
    assert ds[:0].features(LogMel(n_mels=8)).shape == (0, 8, 0)


def test_features_are_transforms_of_batches(ds: FactorDataset) -> None:
    feature = LogMel(n_mels=20)
    batches = list(ds.batches(30, split="test", transform=feature))
    assert list(batches[0]) == ["features", "levels", "row"]
    np.testing.assert_array_equal(
        np.concatenate([batch["features"] for batch in batches]), ds.features(feature, split="test")
    )


def test_features_are_transforms_of_pytorch(ds: FactorDataset) -> None:
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    feature = LogMel(n_mels=20)
    (batch,) = torch.utils.data.DataLoader(ds.to_torch("test", transform=feature), batch_size=100)
    np.testing.assert_array_equal(batch["features"].numpy(), ds.features(feature, split="test"))


def blas_threads() -> set[int]:
    """Return the numbers of threads that BLAS may use now."""
    found = threadpoolctl.threadpool_info()
    return {library["num_threads"] for library in found if library["user_api"] == "blas"}


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Fail wherever spectra become features with more than one thread; collect where they do with one."""
    found: list[bool] = []
    for owner in (LogMel, Spectrogram):
        was = owner._of_power

        def checked(*arguments: Any, was: Any = was) -> Any:
            if blas_threads() != {1}:
                raise RuntimeError(f"BLAS may use {blas_threads()} threads")
            found.append(True)
            return was(*arguments)

        monkeypatch.setattr(owner, "_of_power", checked)
    with threadpoolctl.threadpool_limits(limits=2):  # on a machine of one core too
        yield found
        assert blas_threads() == {2}


@pytest.fixture(scope="module")
def ragged(tmp_path_factory: pytest.TempPathFactory) -> FactorDataset:
    """Twelve observations of different lengths."""
    import soundfile

    folder = tmp_path_factory.mktemp("ragged")
    names = [f"{n}.wav" for n in range(12)]
    for n, name in enumerate(names):
        soundfile.write(folder / name, np.full(2000 + 100 * n, 0.1), 16_000, subtype="PCM_16")
    table = {"file_name": names, "n": list(range(12))}
    return syngen.from_manifest(folder, table, factors=["n"])


@pytest.mark.parametrize(
    "compute",
    [
        lambda ds: LogMel(sample_rate=16_000)(ds[0].waveform),
        lambda ds: MFCC(sample_rate=16_000)(ds[0].waveform),
        lambda ds: Spectrogram(power=1.0)(ds[0].waveform),
        lambda ds: ds.features(LogMel(n_mels=20)),
        lambda ds: ds.features(MFCC(n_mels=20)),
        lambda ds: next(ds.batches(8, transform=LogMel(n_mels=20))),
        lambda ds: next(ds.batches(8, transform=MFCC(n_mels=20))),
        lambda ds: syngen.encode("random", ds),
        lambda ds: syngen.encode("mfcc", ds),
        lambda ds: syngen.encode("pca-logmel", ds),
    ],
)
@pytest.mark.parametrize("name", ["ds", "ragged"])
def test_features_are_computed_by_one_thread(
    name: str, compute: Callable[[Any], object], guarded: list[bool], request: pytest.FixtureRequest
) -> None:
    compute(request.getfixturevalue(name)[:12])
    assert guarded


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("name", ["ds", "ragged"])
def test_features_are_computed_by_one_thread_in_workers_of_pytorch(
    name: str, n_workers: int, guarded: list[bool], request: pytest.FixtureRequest
) -> None:
    data = pytest.importorskip("torch", reason="the extra torch is not installed").utils.data
    view = request.getfixturevalue(name)[:12]
    options = {"num_workers": 2, "multiprocessing_context": "fork"} if n_workers else {}
    loader = data.DataLoader(view.to_torch(transform=LogMel(n_mels=20)), batch_size=4, **options)
    assert sum(len(batch["row"]) for batch in loader) == 12
    assert bool(guarded) is not bool(n_workers)  # a worker that fails is an error


def test_the_limit_is_set_once_a_batch(ragged: FactorDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    next(ragged.batches(2, transform=LogMel()))  # which imports what it needs
    entered: list[object] = []
    was = threadpoolctl.ThreadpoolController.limit

    def limit(self: Any, **options: Any) -> Any:
        entered.append(options)
        return was(self, **options)

    monkeypatch.setattr(threadpoolctl.ThreadpoolController, "limit", limit)
    assert len(list(ragged.batches(6, transform=LogMel()))) == len(entered) == 2
    syngen.encode("mfcc", ragged, batch_size=6)
    assert len(entered) == 2 + 3  # and once to fit what needs fitting


@pytest.mark.slow
@needs_speech
def test_features_of_speech_are_followed_by_silence(tmp_path: Path) -> None:
    syngen.generate("synspeech-tiny", tmp_path / "speech", jobs=1, limit=30)
    ds = syngen.load(tmp_path / "speech")
    feature = LogMel(n_mels=20)
    found, made = ds.features(feature), feature.for_rate(ds.sample_rate)
    frames = made.n_frames(ds.lengths)
    assert found.shape[2] == np.max(frames)
    for position in (0, 1, 29):
        n = int(np.asarray(frames)[position])
        np.testing.assert_allclose(found[position, :, :n], made(ds[position].waveform), atol=1e-3)
        after = found[position, :, n + made.n_fft // made.hop_length :]
        np.testing.assert_allclose(after, -100.0, atol=1e-3)
    batch = next(ds.batches(4, transform=feature))
    assert batch["length"].tolist() == np.asarray(frames)[:4].tolist()
    np.testing.assert_allclose(batch["features"][0, :, : batch["length"][0]], made(ds[0].waveform))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogMel(n_mels=0), "n_mels is 0; a whole number from 1 on"),
        (lambda: LogMel(n_fft=1023), "n_fft is 1023; an even number"),
        (lambda: LogMel(hop_length=2.5), "hop_length is 2.5"),  # type: ignore[arg-type]
        (lambda: LogMel(floor=0.0), "floor is 0.0; a power between 0 and 1"),
        (lambda: MFCC(n_mfcc=30, n_mels=20), "n_mfcc is 30; at most n_mels, 20"),
        (lambda: Spectrogram(power=0), "power is 0; a number above 0"),
        (lambda: LogMel()(np.zeros(100)), r"LogMel needs the sample rate: LogMel\(sample_rate=16000\)"),
        (
            lambda: LogMel(sample_rate=8000).for_rate(16_000),
            "is of waveforms at 8000 Hz, and these have 16000",
        ),
        (
            lambda: LogMel(sample_rate=8000, fmax=5000.0)(np.zeros(9)),
            "bands from 0.0 to 5000.0 Hz; 0 <= fmin",
        ),
        (lambda: Spectrogram()(np.zeros(0)), r"waveforms of shape \(0,\)"),
        (lambda: Spectrogram()(np.zeros((2, 3, 4))), r"waveforms of shape \(2, 3, 4\)"),
    ],
)
def test_features_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()


def test_what_is_no_feature_is_refused(ds: FactorDataset) -> None:
    with pytest.raises(ParameterError, match="is no feature; syngen.LogMel"):
        ds.features(np.abs)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="at 8000 Hz"):
        ds.features(LogMel(sample_rate=8000))
    with pytest.raises(FactorError, match="no split 'tset'"):
        ds.features(LogMel(), split="tset")
