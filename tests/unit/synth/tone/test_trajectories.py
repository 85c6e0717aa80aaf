"""Trajectories of tones are what their samples do: phase, level and spectrum of the waveform say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import hilbert
from scipy.special import iv

import syngen
from syngen.loaders.dataset import FactorDataset

RATE = 16_000
MIDDLE = slice(3_200, 12_800)  # where the analytic signal does not feel the ends


def a_tone(settings: dict[str, Any] | None = None, duration: float = 1.0, **factors: Any) -> FactorDataset:
    """One tone: each factor has one value, given as it is or as what a recipe says of it."""
    given = {"timbre": "sine", "amplitude": 0.5, "frequency": 440.0, **factors}
    described = {k: v if isinstance(v, dict) else {"values": [v]} for k, v in given.items()}
    return syngen.render(
        {
            "name": "one-tone",
            "synthesizer": "tone",
            "seed": 1,
            "audio": {"sample_rate": RATE, "duration": duration},
            "factors": described,
            "settings": settings or {},
        }
    )


def phase_slope(ds: FactorDataset) -> np.ndarray:
    """Return the frequency in Hz at every sample, from the phase of the waveform."""
    waveform = ds[0].waveform.astype(np.float64)
    # faded in and out, so that the ends, which do not fit together, are not felt in the middle
    phase = np.unwrap(np.angle(hilbert(waveform * np.hanning(len(waveform)))))
    slope: np.ndarray = np.gradient(phase) * RATE / (2.0 * np.pi)
    return slope


def first_partial(ds: FactorDataset, low: float, high: float) -> np.ndarray:
    """Return the frequency in Hz at every sample of what lies between two frequencies."""
    # a window keeps what other partials are cut off with out of the band, and turns no phase
    spectrum = np.fft.fft(ds[0].waveform * np.hanning(RATE))
    hz = np.fft.fftfreq(len(spectrum), 1.0 / RATE)
    analytic = np.fft.ifft(np.where((hz > low) & (hz < high), 2.0 * spectrum, 0.0))
    slope: np.ndarray = np.gradient(np.unwrap(np.angle(analytic))) * RATE / (2.0 * np.pi)
    return slope


def cents(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1200.0 * np.log2(a / b)
    return result


@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        ({}, {}),
        ({}, {"phase": 0.3, "amplitude": {"values": [-12.0], "unit": "dBFS"}}),
        ({}, {"vibrato_rate": 5.0, "vibrato_depth": 100.0}),
        ({}, {"vibrato_rate": 7.3, "vibrato_depth": 600.0, "frequency": 1000.0}),
        ({}, {"vibrato_rate": 3.0, "vibrato_depth": 1200.0, "frequency": 1000.0}),
        ({"time_axis": "published"}, {"frequency": 2000.0}),
        ({"time_axis": "published"}, {"frequency": 2000.0, "vibrato_rate": 6.0, "vibrato_depth": 50.0}),
        ({}, {"inharmonicity": 0.01}),
        ({}, {"inharmonicity": 0.01, "vibrato_rate": 6.0, "vibrato_depth": 50.0}),
    ],
)
def test_f0_is_the_derivative_of_the_first_partials_phase(
    settings: dict[str, Any], factors: dict[str, Any]
) -> None:
    ds = a_tone(settings, **factors)
    f0 = ds.trajectories(0, hop=1.0 / RATE)["f0"]
    assert len(f0) == RATE
    assert np.abs(cents(phase_slope(ds)[MIDDLE], f0[MIDDLE])).max() < 1.0


@pytest.mark.parametrize("depth", [50.0, 200.0, 600.0, 1200.0])
@pytest.mark.parametrize("settings", [{}, {"antialias": False}, {"inharmonicity": 0.001}])
def test_vibrato_goes_as_many_cents_down_as_up(depth: float, settings: dict[str, Any]) -> None:
    ds = a_tone(settings, frequency=1500.0, vibrato_rate=5.0, vibrato_depth=depth)
    heard = cents(phase_slope(ds)[MIDDLE], np.array(1500.0))
    assert heard.max() == pytest.approx(depth, abs=1.0)
    assert heard.min() == pytest.approx(-depth, abs=1.0)
    assert heard.mean() == pytest.approx(0.0, abs=0.05)  # three whole swings
    mean_hz = phase_slope(ds)[MIDDLE].mean()
    assert mean_hz / 1500.0 == pytest.approx(iv(0, depth / 1200.0 * np.log(2.0)), abs=1e-4)
    f0 = ds.trajectories(0, hop=1.0 / RATE)["f0"]
    assert 1200.0 * np.log2([f0.max() / 1500.0, f0.min() / 1500.0]) == pytest.approx(
        [depth, -depth], abs=1e-9
    )


@pytest.mark.parametrize("timbre", ["triangle", "square", "sawtooth", "pulse", "organ", "comb"])
@pytest.mark.parametrize(
    "factors",
    [
        {},
        {"vibrato_rate": 5.0, "vibrato_depth": 150.0},
        {"inharmonicity": 0.01},
        {"inharmonicity": 0.002, "brightness": -3.0, "vibrato_rate": 6.0, "vibrato_depth": 50.0},
        {"phase": 0.7, "onset": 0.1, "attack": 0.05, "decay": 6.0, "tremolo_depth": 6.0},
    ],
)
def test_f0_is_that_of_the_first_partial_of_many(timbre: str, factors: dict[str, float]) -> None:
    ds = a_tone({"partial_limit": 6000.0}, timbre=timbre, frequency=400.0, amplitude=0.3, **factors)
    f0 = ds.trajectories(0, hop=1.0 / RATE)["f0"]
    heard = first_partial(ds, 200.0, 600.0)
    assert np.abs(cents(heard[MIDDLE], f0[MIDDLE])).max() < 1.0


def test_published_time_is_sharp_by_its_sample() -> None:
    exact = a_tone(frequency=2000.0).trajectories(0)["f0"]
    published = a_tone({"time_axis": "published"}, frequency=2000.0).trajectories(0)["f0"]
    assert exact.tolist() == [2000.0] * 100
    np.testing.assert_allclose(published, 2000.0 * RATE / (RATE - 1), rtol=1e-12)


@pytest.mark.parametrize(
    "factors",
    [
        {"onset": 0.1, "attack": 0.2, "release": 0.3},
        {"decay": 20.0},
        {"tremolo_rate": 3.0, "tremolo_depth": 12.0},
        {"onset": 0.05, "attack": 0.02, "decay": 30.0, "tremolo_rate": 5.0, "tremolo_depth": 6.0},
    ],
)
def test_gain_is_the_level_of_the_waveform(factors: dict[str, float]) -> None:
    ds = a_tone(amplitude={"values": [-6.0], "unit": "dBFS"}, frequency=2000.0, **factors)
    found = ds.trajectories(0, hop=0.005)
    envelope = np.abs(hilbert(ds[0].waveform.astype(np.float64)))
    measured = 20.0 * np.log10(np.maximum(envelope, 1e-9))
    at = np.rint(found.times * RATE).astype(int)
    gain = found["gain"]
    is_loud = (gain > -50.0) & (at > 400) & (at < RATE - 400)
    assert is_loud.sum() > 100
    assert np.abs(gain - measured[at])[is_loud].max() < 0.1
    assert (gain[found.times < factors.get("onset", 0.0)] == -np.inf).all()


@pytest.mark.parametrize("level", ["peak", "rms"])
@pytest.mark.parametrize("timbre", ["sine", "triangle", "square", "sawtooth", "organ"])
def test_brightness_is_the_centroid_of_the_spectrum(timbre: str, level: str) -> None:
    ds = a_tone({"level": level}, timbre=timbre, amplitude=0.2, frequency=250.0)
    power = np.abs(np.fft.rfft(ds[0].waveform.astype(np.float64))) ** 2
    centroid = (power * np.arange(len(power))).sum() / power.sum()
    np.testing.assert_allclose(ds.trajectories(0)["brightness"], centroid, rtol=2e-3)


def test_brightness_follows_tilt_and_stretched_partials() -> None:
    for factors in ({"brightness": -3.0}, {"inharmonicity": 0.002}, {"brightness": -9.0}):
        ds = a_tone({"level": "rms"}, timbre="sawtooth", amplitude=0.1, frequency=250.0, **factors)
        power = np.abs(np.fft.rfft(ds[0].waveform * np.hanning(RATE))) ** 2
        centroid = (power * np.arange(len(power))).sum() / power.sum()
        np.testing.assert_allclose(ds.trajectories(0)["brightness"], centroid, rtol=5e-3)


def test_nothing_is_said_of_the_brightness_of_waves_with_aliases() -> None:
    found = a_tone({"antialias": False}, timbre="square").trajectories(0)
    assert list(found) == ["f0", "gain"]
