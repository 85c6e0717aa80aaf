from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from syngen.dsp.noise import noise_peak, pink_noise, white_noise
from syngen.seeding import Stream


def draws(make: Any, n_samples: int, n: int = 20) -> np.ndarray:
    return np.stack([make(Stream(1, "noise", index), n_samples) for index in range(n)])


@pytest.mark.parametrize("make", [white_noise, pink_noise])
def test_noise_has_unit_rms_a_bound_and_a_slope(make: Any) -> None:
    color = make.__name__.removesuffix("_noise")
    noise = draws(make, 16_000)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0, rel=0.003)
    assert np.abs(noise).max() <= noise_peak(color, 16_000)
    assert (noise[0] != noise[1]).any()
    spectrum = np.mean(np.abs(np.fft.rfft(noise)) ** 2, axis=0)
    octaves = [10 * np.log10(spectrum[low : 2 * low].mean()) for low in (60, 120, 240, 480, 960, 1_920)]
    slope = np.polyfit(range(6), octaves, 1)[0]
    assert slope == pytest.approx(0.0 if color == "white" else -3.0, abs=0.4)


@pytest.mark.parametrize("n_samples", [2, 3, 10, 1_000, 16_000, 50_000])
def test_every_draw_of_pink_noise_has_unit_rms_and_no_offset(n_samples: int) -> None:
    noise = draws(pink_noise, n_samples)
    np.testing.assert_allclose(np.sqrt(np.mean(noise**2, axis=1)), 1.0, rtol=2e-6)
    np.testing.assert_allclose(noise.mean(axis=1), 0.0, atol=1e-12)
    assert np.abs(noise).max() <= noise_peak("pink", n_samples)


def test_pink_noise_of_one_sample_is_silence() -> None:
    assert pink_noise(Stream(1, "noise", 0), 1).tolist() == [0.0]
