from __future__ import annotations

import mpmath
import numpy as np
import pytest

from syngen.dsp.modulation import cycles_to_phase, swing_angles, vibrato_mean, vibrato_seconds

DEPTHS = [1e-4, 0.1, 15.0, 100.0, 600.0, 1200.0]


def ratio(depth: float) -> mpmath.mpf:
    return mpmath.mpf(depth) / 1200 * mpmath.log(2)


@pytest.mark.parametrize("depth", DEPTHS)
def test_mean_frequency_is_a_bessel_function_of_the_depth(depth: float) -> None:
    assert abs(vibrato_mean(depth) - mpmath.besseli(0, ratio(depth))) < 1e-10


@pytest.mark.parametrize("n_samples", [1, 2, 3, 100, 16_000, 16_001])
def test_angles_are_those_of_a_swing(n_samples: int) -> None:
    angle = 2.0 * np.pi * np.fmod(np.arange(n_samples) * 0.000_37, 1.0)
    found = swing_angles(n_samples, cycles_per_sample=0.000_37)
    assert found.shape == (2, n_samples)
    np.testing.assert_allclose(found, [np.sin(angle), np.cos(angle)], atol=5e-15)


@pytest.mark.parametrize("rate", [0.1, 5.3, 50.0])
@pytest.mark.parametrize("depth", DEPTHS)
def test_phase_is_the_integral_of_the_frequency(depth: float, rate: float) -> None:
    # a sample every 13th of a swing, and a bit
    angles = swing_angles(8, cycles_per_sample=0.077)
    found = vibrato_seconds(angles, rate=rate, depth=depth)
    for sample, seconds in enumerate(found.tolist()):
        angle = 2 * mpmath.pi * mpmath.mpf(0.077) * sample
        pieces = mpmath.linspace(0, angle, 5)
        whole = mpmath.quad(lambda a: mpmath.exp(ratio(depth) * mpmath.sin(a)), pieces)
        wanted = (whole - mpmath.besseli(0, ratio(depth)) * angle) / (2 * mpmath.pi * rate)
        assert abs(seconds - wanted) < 2e-11 / rate


def test_phase_begins_at_zero_and_returns_after_whole_swings() -> None:
    found = vibrato_seconds(swing_angles(5, cycles_per_sample=2.0), rate=4.0, depth=700.0)
    assert found.tolist() == [0.0] * 5


def test_phases_of_many_cycles_are_reduced_exactly() -> None:
    cycles = np.array([0.25, 1.25, 1000.25, -0.75, 300_000.25])
    assert cycles_to_phase(cycles).tolist() == [1 << 62] * 5
    assert cycles_to_phase(cycles / 0.25, 0.25).tolist() == [1 << 62] * 5
