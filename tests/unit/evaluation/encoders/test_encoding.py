"""Encoding: every kind of encoder, checked output, reference encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile

import syngen
from syngen.evaluation.encoders.encoding import pooled
from syngen.evaluation.encoders.reference import ENCODERS, log_mel, mfcc
from syngen.loaders.dataset import FactorDataset


@pytest.fixture(scope="module")
def tones() -> FactorDataset:
    return syngen.render("syntone-tiny")


@pytest.fixture(scope="module")
def speech() -> FactorDataset:
    pytest.importorskip("espeakng_loader", reason="the extra speech is not installed")
    return syngen.render("synspeech-tiny")


def loudness(batch: np.ndarray) -> np.ndarray:
    """Return root mean square and peak, shape (n, 2)."""
    assert batch.dtype == np.float32
    assert batch.ndim == 2
    return np.stack([np.sqrt((batch.astype(float) ** 2).mean(axis=1)), abs(batch).max(axis=1)], axis=1)


class Halves:
    """A transformer, as of scikit-learn."""

    def transform(self, batch: np.ndarray) -> np.ndarray:
        return np.stack([half.std(axis=1) for half in np.array_split(batch, 2, axis=1)], axis=1)


class Framewise:
    """An encoder by its method, with a time axis."""

    name = "framewise"

    def encode(self, batch: np.ndarray) -> np.ndarray:
        n_frames = batch.shape[1] // 500
        return batch[:, : 500 * n_frames].reshape(len(batch), 1, n_frames, 500).std(axis=3)


def test_codes_are_rows_in_order_with_the_fingerprint(tones: FactorDataset) -> None:
    codes = syngen.encode(loudness, tones, limit=100, batch_size=7)
    assert codes.values.shape == (100, 2)
    assert codes.values.dtype == np.float64
    assert (codes.rows == np.arange(100)).all()
    assert (codes.fingerprint, codes.encoder) == (tones.fingerprint, "loudness")
    np.testing.assert_allclose(codes.values, loudness(tones.batch(np.arange(100))))


@pytest.mark.slow
def test_the_size_of_batches_does_not_matter(tones: FactorDataset, speech: FactorDataset) -> None:
    for ds, n in ((tones, 20), (speech, 4)):
        for encoder in (loudness, *ENCODERS):
            first = syngen.encode(encoder, ds, limit=n, batch_size=1).values
            second = syngen.encode(encoder, ds, limit=n, batch_size=8).values
            np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


def test_splits_and_views_keep_the_rows_of_the_dataset(tones: FactorDataset) -> None:
    test = tones.select(split="test")
    from_split = syngen.encode(loudness, tones, split="test", limit=20)
    assert (from_split.rows == test.rows[:20]).all()
    from_view = syngen.encode(loudness, test, limit=20)
    assert (from_split.values == from_view.values).all()
    assert (from_split.rows == from_view.rows).all()


def test_observations_may_be_encoded_several_times(tones: FactorDataset) -> None:
    view = tones.take([7, 3, 7, 7, 100])
    codes = syngen.encode("factors", view, batch_size=2)
    assert codes.rows.tolist() == [7, 3, 7, 7, 100]
    assert (codes.values == tones.levels[[7, 3, 7, 7, 100]]).all()
    scores = syngen.evaluate(codes, tones.take([100, 3, 7]))
    assert scores.metadata["rows"] == 3


def test_codes_say_which_observations_they_are_of(tiny_dataset: Path, tones: FactorDataset) -> None:
    stored = syngen.load(tiny_dataset)
    for ds in (tones, stored):
        view = ds.select(split="test")[::-1]
        codes = syngen.encode("factors", view, limit=9, batch_size=4)
        assert codes.identities is not None
        assert codes.identities.is_same_sequence(view[:9].identities())
        assert (codes.identities.hashes is None) == (ds is tones)
        assert (codes.selection.splits, codes.selection.limit) == ({"split": ("test",)}, 9)
        whole = syngen.encode("factors", ds, limit=1000)
        assert not whole.selection


def test_files_that_change_while_they_are_encoded_are_noticed(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for k in range(4):
        soundfile.write(tmp_path / f"{k}.wav", rng.uniform(-1, 1, 100), 8000)
    own = syngen.from_manifest(tmp_path, {"file": [f"{k}.wav" for k in range(4)], "x": [1, 2, 3, 4]})
    assert len(syngen.encode(loudness, own, batch_size=2)) == 4

    def replaces(batch: np.ndarray) -> np.ndarray:
        (tmp_path / "2.wav").write_bytes((tmp_path / "1.wav").read_bytes())
        return loudness(batch)

    with pytest.raises(syngen.ParameterError, match="files of rows 2 to 3 changed while they were encoded"):
        syngen.encode(replaces, own[2:], batch_size=2)


def test_folders_and_progress(tiny_dataset: Path, tones: FactorDataset) -> None:
    updates: list[syngen.ProgressUpdate] = []
    codes = syngen.encode(loudness, tiny_dataset, limit=50, batch_size=20, progress=updates.append)
    assert [(update.done, update.total) for update in updates] == [(20, 50), (40, 50), (50, 50)]
    assert updates[-1].audio_s == pytest.approx(50 * 0.25)
    assert (codes.values == syngen.encode(loudness, tones, limit=50).values).all()


def test_transformers_and_methods_are_encoders(tones: FactorDataset) -> None:
    assert syngen.encode(Halves(), tones, limit=5).encoder == "Halves"
    codes = syngen.encode(Framewise(), tones, limit=5)
    assert codes.encoder == "framewise"
    frames = Framewise().encode(tones.batch(np.arange(5)))[:, 0]
    np.testing.assert_allclose(
        codes.values, np.stack([frames.mean(axis=1), frames.std(axis=1)], axis=1), rtol=1e-6
    )


@pytest.mark.slow
def test_a_fitted_transformer_of_scikit_learn(tones: FactorDataset) -> None:
    from sklearn.decomposition import PCA

    pca = PCA(3, svd_solver="full").fit(tones.batch(np.arange(60)))
    codes = syngen.encode(pca, tones, limit=80)
    assert codes.values.shape == (80, 3)
    assert codes.encoder == "PCA"


def test_speech_comes_one_by_one_in_its_natural_length(speech: FactorDataset) -> None:
    lengths: list[tuple[int, ...]] = []

    def encoder(batch: np.ndarray) -> np.ndarray:
        lengths.append(batch.shape)
        return loudness(batch)

    assert syngen.encode(encoder, speech, limit=6).values.shape == (6, 2)
    assert lengths == [(1, len(speech[position].waveform)) for position in range(6)]
    assert syngen.encode(Framewise(), speech, limit=6).values.shape == (6, 2)


@pytest.mark.slow
def test_mfcc_is_that_of_librosa(tones: FactorDataset, speech: FactorDataset) -> None:
    for ds in (tones, speech):
        waveform = ds[3].waveform
        ours = mfcc(waveform[None], ds.sample_rate)[0]
        theirs = librosa.feature.mfcc(y=waveform, sr=ds.sample_rate, n_mfcc=20)
        np.testing.assert_allclose(ours, theirs, atol=5e-3)
        power = librosa.feature.melspectrogram(y=waveform, sr=ds.sample_rate)
        np.testing.assert_allclose(
            log_mel(waveform[None], ds.sample_rate)[0], librosa.power_to_db(power), atol=1e-2
        )
        codes = syngen.encode("mfcc", ds, limit=4).values[3]
        np.testing.assert_allclose(
            codes, np.concatenate([theirs.mean(axis=1), theirs.std(axis=1)]), atol=5e-3
        )


@pytest.mark.slow
def test_reference_encoders_have_their_widths(tones: FactorDataset, speech: FactorDataset) -> None:
    widths = {"factors": 3, "random": 16, "pca-logmel": 16, "mfcc": 40}
    assert set(ENCODERS) == set(widths)
    for ds in (tones, speech):
        for name, width in widths.items():
            codes = syngen.encode(name, ds, limit=12)
            assert codes.values.shape == (12, width)
            assert codes.encoder == name
    assert (syngen.encode("factors", tones, limit=9).values == tones.levels[:9]).all()


def test_pca_learns_from_train_whatever_is_encoded(tones: FactorDataset) -> None:
    everything = syngen.encode("pca-logmel", tones).values
    test = syngen.encode("pca-logmel", tones, split="test")
    np.testing.assert_allclose(everything[test.rows], test.values, atol=1e-8)
    train = everything[tones.select(split="train").rows]
    np.testing.assert_allclose(train.mean(axis=0), 0.0, atol=1e-8)
    covariance = np.cov(train.T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6 * covariance.max())
    with pytest.raises(syngen.ParameterError, match="learns from the split train, of which there are 0"):
        syngen.encode("pca-logmel", tones.select(split="test"))


def test_silence_and_clips_shorter_than_a_frame_have_finite_spectra() -> None:
    for length in (1, 100, 2048):
        assert np.isfinite(mfcc(np.zeros((2, length), dtype=np.float32), 16_000)).all()


def test_outputs_are_pooled_over_time() -> None:
    assert pooled([1.0, 2.0], 2).tolist() == [[1.0], [2.0]]
    assert pooled([[True, False]], 1).tolist() == [[1.0, 0.0]]
    assert pooled(np.ones((1, 2, 1), dtype=np.float32), 1).tolist() == [[1.0, 1.0, 0.0, 0.0]]


def growing(batch: np.ndarray) -> np.ndarray:
    return np.zeros((len(batch), batch.shape[1] // 1000))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("mffc", r"no encoder 'mffc' \(did you mean 'mfcc'\?\); there are factors, random"),
        ("nothing.ts", "no file nothing.ts; give a TorchScript file, or one of factors"),
        (3, "the encoder is a int; give a name"),
        (Halves, "the encoder is the class Halves; give an object of it"),
        (lambda x: (x, x), "returned a tuple of 2; wrap it in a function"),
        (lambda x: {"z": x}, "returned a dict of 1; wrap it"),
        (lambda x: x[:1], r"shape \(1, 4000\) for 64 observations; \(64, d\) or \(64, d, n_frames\)"),
        (lambda x: np.zeros((len(x), 0)), r"shape \(64, 0\) for 64 observations"),
        (lambda x: np.zeros((len(x), 2, 3, 4)), r"shape \(64, 2, 3, 4\)"),
        (lambda _: None, "returned NoneType of object, not numbers"),
        (lambda x: ["a"] * len(x), "returned list of <U1, not numbers"),
        (lambda x: np.where(x[:, :2] > -9, np.nan, 0.0), r"nan as code 0 of row 0 \(128 such values"),
    ],
)
def test_what_an_encoder_does_wrong_is_said(encoder: Any, message: str, tones: FactorDataset) -> None:
    with pytest.raises(syngen.ParameterError, match=message):
        syngen.encode(encoder, tones)


def test_the_number_of_codes_must_not_change(speech: FactorDataset) -> None:
    with pytest.raises(syngen.SyngenError, match="codes for row 1 and|must not depend on the length"):
        syngen.encode(growing, speech, batch_size=1)


def test_the_row_of_an_encoders_own_error_is_noted(tones: FactorDataset) -> None:
    def fails(batch: np.ndarray) -> np.ndarray:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory") as caught:
        syngen.encode(fails, tones, limit=10)
    assert caught.value.__notes__ == ["while fails encoded rows 0 to 9"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"limit": 0}, "limit is 0"),
        ({"limit": 1.5}, "limit is 1.5"),
        ({"split": "tset"}, r"no split 'tset' \(did you mean 'test'\?\)"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str, tones: FactorDataset) -> None:
    with pytest.raises(syngen.SyngenError, match=message):
        syngen.encode(loudness, tones, **options)


def test_a_view_without_rows_is_refused(tones: FactorDataset) -> None:
    nothing = tones.select(frequency=(1.0, 2.0))
    with pytest.raises(syngen.ParameterError, match="no observations to encode"):
        syngen.encode(loudness, nothing)
