"""Filters: their response against scipy.signal.freqz, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import freqz

from syngen.dsp.filters import SHAPES, Section, filtered, section, usable_frequency
from syngen.errors import ParameterError

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)


def gain_db(found: Section, frequency: float, sample_rate: int) -> float:
    _, response = freqz(found[:3], found[3:], worN=[frequency], fs=sample_rate)
    return 20.0 * math.log10(abs(response[0]))


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("gain", [-24.0, -6.0, 0.0, 9.0, 30.0])
@pytest.mark.parametrize("q", [0.5, 1.5, 8.0])
def test_peak_has_its_gain_at_its_center_and_none_far_away(sample_rate: int, gain: float, q: float) -> None:
    center = 0.1 * sample_rate
    found = section("peak", center, gain, q, sample_rate=sample_rate)
    assert gain_db(found, center, sample_rate) == pytest.approx(gain, abs=1e-6)
    for far in (1e-6, 0.5 * sample_rate):
        assert gain_db(found, far, sample_rate) == pytest.approx(0.0, abs=1e-4)


def half_gain_width(found: Section, gain: float, sample_rate: int) -> float:
    """Hz between the points of half the gain in dB."""
    frequencies = np.linspace(0.0, sample_rate / 2, 200_001)
    _, response = freqz(found[:3], found[3:], worN=frequencies, fs=sample_rate)
    levels = 20.0 * np.log10(np.abs(response) + 1e-30)
    inside = frequencies[np.abs(levels) >= abs(gain) / 2.0]
    return float(inside[-1] - inside[0])


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("part", [0.01, 0.1, 0.25, 0.36, 0.449])
@pytest.mark.parametrize("gain", [-20.0, 3.0, 12.0])
@pytest.mark.parametrize("q", [1.0, 2.5, 8.0])
def test_peak_is_as_narrow_as_its_quality_says(
    sample_rate: int, part: float, gain: float, q: float
) -> None:
    center = part * sample_rate
    found = section("peak", center, gain, q, sample_rate=sample_rate)
    assert center / half_gain_width(found, gain, sample_rate) == pytest.approx(q, rel=0.01)


def test_no_peak_is_wider_than_there_is_room_for() -> None:
    found = section("peak", 4_000.0, 12.0, 0.1, sample_rate=16_000)
    assert half_gain_width(found, 12.0, 16_000) == pytest.approx(7_200.0, rel=0.001)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("gain", [-12.0, 6.0, 12.0])
def test_shelves_lift_one_side_and_leave_the_other(sample_rate: int, gain: float) -> None:
    corner = 0.1 * sample_rate
    for shape, lifted, left in (
        ("low_shelf", 1e-6, 0.5 * sample_rate),
        ("high_shelf", 0.5 * sample_rate, 1e-6),
    ):
        found = section(shape, corner, gain, sample_rate=sample_rate)  # type: ignore[arg-type]
        assert gain_db(found, lifted, sample_rate) == pytest.approx(gain, abs=1e-4)
        assert gain_db(found, left, sample_rate) == pytest.approx(0.0, abs=1e-4)
        assert gain_db(found, corner, sample_rate) == pytest.approx(gain / 2.0, abs=1e-6)
        _, response = freqz(found[:3], found[3:], worN=2048, fs=sample_rate)
        levels = 20.0 * np.log10(np.abs(response))
        assert min(0.0, gain) - 1e-6 <= levels.min() <= levels.max() <= max(0.0, gain) + 1e-6


@pytest.mark.parametrize("sample_rate", RATES)
def test_high_pass_falls_by_12_db_an_octave_below_its_corner(sample_rate: int) -> None:
    corner = 0.1 * sample_rate
    found = section("high_pass", corner, sample_rate=sample_rate)
    assert gain_db(found, corner, sample_rate) == pytest.approx(-3.0103, abs=1e-3)
    assert gain_db(found, 0.5 * sample_rate, sample_rate) == pytest.approx(0.0, abs=1e-4)
    octave = gain_db(found, corner / 16.0, sample_rate) - gain_db(found, corner / 32.0, sample_rate)
    assert octave == pytest.approx(12.04, abs=0.05)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_usable_filter_is_stable(sample_rate: int, shape: str) -> None:
    for frequency in (20.0, 300.0, 0.4499 * sample_rate):
        for gain in (-30.0, 0.0, 30.0):
            for q in (0.1, 0.7, 20.0):
                found = section(shape, frequency, gain, q, sample_rate=sample_rate)  # type: ignore[arg-type]
                assert np.abs(np.roots(found[3:])).max() < 1.0
                assert all(map(math.isfinite, found))


def test_running_a_filter_is_convolving_with_its_response(rng: np.random.Generator) -> None:
    sections = [
        section("peak", 1000.0, 9.0, 2.0, sample_rate=16_000),
        section("high_pass", 200.0, sample_rate=16_000),
    ]
    impulse = np.zeros(4_000)
    impulse[0] = 1.0
    waveform = rng.normal(size=500)
    expected = np.convolve(waveform, filtered(impulse, sections))[:500]
    assert filtered(waveform, sections) == pytest.approx(expected, abs=1e-12)
    assert filtered(waveform, []) is waveform


@pytest.mark.parametrize(
    ("shape", "frequency", "q", "message"),
    [
        ("peak", 0.0, 1.0, "0 < frequency < 7200"),
        ("peak", -5.0, 1.0, "0 < frequency < 7200"),
        ("peak", 7_200.0, 1.0, "a filter at 7200 Hz with q 1"),
        ("peak", float("nan"), 1.0, "a filter at nan Hz"),
        ("peak", 100.0, 0.0, "q > 0 are needed"),
        ("peak", 100.0, float("nan"), "q > 0 are needed"),
        ("low_pass", 100.0, 1.0, "no filter 'low_pass'; there are peak, low_shelf"),
    ],
)
def test_impossible_filters_are_refused(shape: str, frequency: float, q: float, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        section(shape, frequency, 0.0, q, sample_rate=16_000)  # type: ignore[arg-type]


def test_frequencies_near_half_the_rate_are_not_usable() -> None:
    assert usable_frequency(3_599.0, 8_000)
    assert not usable_frequency(3_600.0, 8_000)
    assert not usable_frequency(0.0, 8_000)
