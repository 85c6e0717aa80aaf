"""Whispering: the envelope stays, the pitch goes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import lfilter, welch

from syngen.dsp.whispering import whispered
from syngen.seeding import Stream

RATE = 16_000
PERIOD = 267  # 60 Hz, at which the engine speaks what will be whispered
FORMANTS = ((700.0, 90.0), (1200.0, 110.0), (2600.0, 160.0))


def stream() -> Stream:
    return Stream(3, "whisper", 5)


def poles(frequency: float, width: float) -> list[float]:
    radius, angle = math.exp(-math.pi * width / RATE), 2.0 * math.pi * frequency / RATE
    return [1.0, -2.0 * radius * math.cos(angle), radius * radius]


@pytest.fixture(scope="module")
def vowel() -> np.ndarray:
    """Two seconds of pulses through three resonances, as a synthesizer of vowels makes them."""
    waveform = np.zeros(2 * RATE)
    waveform[::PERIOD] = 1.0
    for formant in FORMANTS:
        waveform = lfilter([1.0], poles(*formant), waveform)
    return np.asarray(waveform / np.abs(waveform).max() * 0.5)


def source_of(waveform: np.ndarray) -> np.ndarray:
    """Undo the resonances: what is left of periodicity is pitch."""
    for formant in FORMANTS:
        waveform = lfilter(poles(*formant), [1.0], waveform)
    return waveform


def band_levels(waveform: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.rfft(waveform)) ** 2
    frequencies = np.fft.rfftfreq(len(waveform), 1.0 / RATE)
    edges = [100.0, 400.0, 800.0, 1100.0, 1500.0, 2200.0, 3000.0, 5000.0]
    bands = [power[(frequencies >= a) & (frequencies < b)].sum() for a, b in pairwise(edges)]
    return np.asarray(10.0 * np.log10(bands))


def periodicity(waveform: np.ndarray) -> float:
    """Largest autocorrelation at the lags of 60 to 400 Hz."""
    centered = waveform - waveform.mean()
    correlation = np.correlate(centered, centered, "full")[len(centered) - 1 :]
    return float((correlation[40:300] / correlation[0]).max())


def test_bands_keep_their_energy(vowel: np.ndarray) -> None:
    difference = band_levels(whispered(vowel, stream(), sample_rate=RATE)) - band_levels(vowel)
    assert np.abs(difference - difference.mean()).max() < 1.5
    assert -4.5 < difference.mean() < -1.5, "half the power: the frames do not add up in phase any more"


def test_envelope_in_time_is_kept(vowel: np.ndarray) -> None:
    gated = vowel * (np.arange(len(vowel)) // 8_000 % 2)  # half a second off, half a second on
    parts = whispered(gated, stream(), sample_rate=RATE).reshape(-1, 8_000)[:, 1_000:-1_000]
    power = (parts**2).mean(axis=1)
    assert power[[0, 2]].max() < 1e-20
    wanted = (gated.reshape(-1, 8_000)[1, 1_000:-1_000] ** 2).mean()
    assert power[[1, 3]] == pytest.approx(wanted / 2.0, rel=0.3)


@pytest.mark.slow
def test_pitch_is_gone(vowel: np.ndarray) -> None:
    whisper = whispered(vowel, stream(), sample_rate=RATE)
    assert periodicity(source_of(vowel)) > 0.9
    assert periodicity(source_of(whisper)) < 0.2


def test_nothing_is_left_of_the_period_of_the_engine() -> None:
    """Over many whispers what is left at that lag is no more than at the lags beside it."""
    correlations = np.zeros(600)
    pulses = np.zeros(RATE)
    pulses[::PERIOD] = 1.0
    for k in range(40):
        x = whispered(pulses, Stream(3, "whisper", k), sample_rate=RATE)
        power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
        correlation = np.fft.irfft(power)[:600]
        correlations += correlation / correlation[0] / 40
    beside = np.r_[correlations[200:250], correlations[285:335]]
    assert abs(correlations[PERIOD - 2 : PERIOD + 3]).max() < 0.01 + 3.0 * beside.std()


def test_equal_streams_give_equal_samples_and_others_others(vowel: np.ndarray) -> None:
    first = whispered(vowel, stream(), sample_rate=RATE)
    assert (whispered(vowel.copy(), stream(), sample_rate=RATE) == first).all()
    assert (whispered(vowel, Stream(3, "whisper", 6), sample_rate=RATE) != first).any()


@pytest.mark.parametrize("length", [0, 1, 2, 255, 256, 257, 511, 512, 513, 5_000])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_every_length_comes_back(length: int, rate: int, rng: np.random.Generator) -> None:
    found = whispered(rng.normal(size=length), stream(), sample_rate=rate)
    assert found.shape == (length,)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()


@pytest.mark.parametrize("make", [np.zeros, lambda n: np.full(n, 1e-300), lambda n: np.full(n, 1.0)])
def test_silence_and_extremes_stay_finite(make: Callable[[int], np.ndarray]) -> None:
    found = whispered(make(3_000), stream(), sample_rate=RATE)
    assert np.isfinite(found).all()
    assert (np.abs(found) <= 4.0 * np.abs(make(1))).all()


def test_bins_are_averaged_with_their_neighbours_and_keep_their_sum() -> None:
    from syngen.dsp.whispering import _smoothed

    power = np.zeros((1, 9))
    power[0, 4] = 16.0
    assert _smoothed(power).tolist() == [[0.0, 0.0, 1.0, 4.0, 6.0, 4.0, 1.0, 0.0, 0.0]]
    assert _smoothed(np.full((2, 5), 3.0)) == pytest.approx(np.full((2, 5), 3.0))


def test_resonances_get_wider_and_stay_where_they_are(rng: np.random.Generator) -> None:
    voice = lfilter([1.0], poles(700.0, 90.0), rng.normal(size=30 * RATE))
    whisper = whispered(voice, stream(), sample_rate=RATE)
    (center, width), (new_center, new_width) = (resonance_of(x) for x in (voice, whisper))
    assert width == pytest.approx(math.pi / 2.0 * 90.0, rel=0.15)
    assert new_center == pytest.approx(center, abs=15.0)
    assert 1.3 < new_width / width < 2.0


def resonance_of(waveform: np.ndarray) -> tuple[float, float]:
    """Where the power is strongest, and over how many Hz it would have to be as strong, in Hz."""
    frequencies, power = welch(waveform, RATE, nperseg=4_096)
    smooth = np.convolve(power, np.hanning(9) / np.hanning(9).sum(), "same")
    near = (frequencies > 300.0) & (frequencies < 1_100.0)
    return float(frequencies[smooth.argmax()]), float(power[near].sum() / smooth.max() * frequencies[1])
