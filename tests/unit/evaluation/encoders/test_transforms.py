"""Encoders that see features instead of waveforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import syngen
from syngen.errors import ParameterError
from syngen.loaders.dataset import FactorDataset

LOG_MEL = syngen.LogMel(n_mels=8, n_fft=512, hop_length=256)


@pytest.fixture(scope="module")
def tones() -> FactorDataset:
    return syngen.render("syntone-tiny").take(np.arange(12))


def test_an_encoder_sees_the_features_of_a_dataset(tones: FactorDataset) -> None:
    seen: list[np.ndarray] = []

    def encoder(batch: np.ndarray) -> np.ndarray:
        seen.append(batch)
        return batch.mean(axis=2)

    codes = syngen.encode(encoder, tones, feature=LOG_MEL, batch_size=5)
    np.testing.assert_allclose(np.concatenate(seen), tones.features(LOG_MEL), atol=1e-4)
    np.testing.assert_allclose(codes.values, tones.features(LOG_MEL).mean(axis=2), atol=1e-3)
    assert [len(batch) for batch in seen] == [5, 5, 2]


def test_any_function_of_a_waveform_is_a_transform(tones: FactorDataset) -> None:
    def halves(waveform: np.ndarray) -> np.ndarray:
        assert waveform.shape == (tones.n_samples,)
        return np.abs(waveform).reshape(2, -1).max(axis=1)

    codes = syngen.encode(lambda batch: batch, tones, feature=halves)
    expected = np.abs(tones.batch(np.arange(12))).reshape(12, 2, -1).max(axis=2)
    np.testing.assert_allclose(codes.values, expected, atol=1e-7)


def test_observations_of_natural_length_come_one_by_one() -> None:
    speech = syngen.render("synspeech-tiny").take(np.arange(3))
    assert not speech.n_samples
    codes = syngen.encode(lambda batch: batch, speech, feature=LOG_MEL)
    assert codes.values.shape == (3, 16)
    expected = LOG_MEL.for_rate(speech.sample_rate)(speech[1].waveform).mean(axis=1)
    np.testing.assert_allclose(codes.values[1, :8], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("encoder", "feature", "message"),
    [
        ("mfcc", LOG_MEL, "mfcc computes what it needs of waveforms; leave feature out"),
        (np.abs, "logmel", "feature is 'logmel'; give syngen.LogMel"),
        (np.abs, syngen.LogMel, "or a function of one waveform"),
        (np.abs, syngen.LogMel(sample_rate=8_000), "LogMel is of waveforms at 8000 Hz"),
        (np.abs, lambda x: ["a"] * 3, "the transform returned list of <U1 and shape"),
        (np.abs, lambda x: float(x.max()), "the transform returned float of float64 and shape"),
        (np.abs, lambda x: x[: 10 + int(1e4 * abs(x[1])) % 7], "arrays of shapes .*one shape is needed"),
    ],
)
def test_what_is_no_transform_is_refused(
    tones: FactorDataset, encoder: Any, feature: Any, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        syngen.encode(encoder, tones, feature=feature)


def test_torch_modules_see_bands_or_pictures(tones: FactorDataset) -> None:
    torch: Any = pytest.importorskip("torch", reason="the extra torch is not installed")
    features = tones.features(LOG_MEL)
    flat = torch.nn.Sequential(torch.nn.Conv1d(8, 3, 2))
    pictures = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 2), torch.nn.Flatten())
    for module, given in ((flat, features), (pictures, features[:, None])):
        with torch.inference_mode():
            expected = module(torch.from_numpy(np.array(given))).numpy()
        if expected.ndim == 3:
            expected = np.concatenate([expected.mean(axis=2), expected.std(axis=2)], axis=1)
        codes = syngen.encode(module, tones, feature=LOG_MEL)
        np.testing.assert_allclose(codes.values, expected, atol=1e-3)


def test_a_torch_module_can_be_the_transform(tones: FactorDataset) -> None:
    torch: Any = pytest.importorskip("torch", reason="the extra torch is not installed")

    class Loudness(torch.nn.Module):  # type: ignore[misc]
        def forward(self, waveform: Any) -> Any:
            assert not torch.is_grad_enabled()
            return waveform.abs().reshape(4, -1).amax(dim=1).to(torch.bfloat16)

    codes = syngen.encode(lambda batch: batch, tones, feature=Loudness())
    expected = np.abs(tones.batch(np.arange(12))).reshape(12, 4, -1).max(axis=2)
    np.testing.assert_allclose(codes.values, expected, rtol=0.01)
