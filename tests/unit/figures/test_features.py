"""Mel bands are those of either scale, and spectra are as precise as their window."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.figures.features import mel_filters, power_spectra


@pytest.mark.parametrize("n_fft", [2000, 2001])
def test_bands_of_htk_are_triangles_that_add_up_to_one(n_fft: int) -> None:
    bands = mel_filters(16_000, n_fft, 48, is_htk=True)
    assert bands.shape == (1 + n_fft // 2, 48)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, np.log10(1.0 + 8000.0 / 700.0), 50)) - 1.0)
    hertz = np.fft.rfftfreq(n_fft, 1.0 / 16_000)
    for position, band in enumerate(bands.T):
        np.testing.assert_allclose(band, np.interp(hertz, edges[position:][:3], [0, 1, 0]), atol=1e-6)
    inside = (hertz >= edges[1]) & (hertz <= edges[-2])
    np.testing.assert_allclose(bands[inside].sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spectra_are_as_precise_as_their_window(dtype: type, rng: np.random.Generator) -> None:
    frames = rng.standard_normal((3, 20)).astype(np.float32)
    power = power_spectra(frames, np.hanning(20).astype(dtype), 32)
    assert (power.dtype, power.shape) == (dtype, (3, 17))
    expected = np.abs(np.fft.rfft(frames * np.hanning(20), 32)) ** 2
    np.testing.assert_allclose(power, expected, rtol=1e-3, atol=1e-5)
