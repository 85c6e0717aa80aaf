from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import scipy.signal

from syngen.dsp.oscillators import (
    MAX_PARTIALS,
    PeriodTable,
    count_partials,
    naive_sawtooth,
    naive_sine,
    naive_square,
    naive_triangle,
    phase_increment,
    phase_of,
    phase_ramp,
)
from syngen.errors import ParameterError
from syngen.synth.tone.timbres import timbres

TIMBRES = ["sine", "triangle", "square", "sawtooth", "pulse", "organ"]
# sampling rate in Hz, fundamentals in Hz
CASES = [
    *((16_000, f) for f in (30.0, 65.41, 110.0, 440.0, 1000.0, 1759.3, 2666.7, 3999.0, 5333.3, 7900.0)),
    (8_000, 123.4),
    (8_000, 3999.9),
    (44_100, 27.5),
    (44_100, 4410.0),
    (48_000, 97.999),
    (96_000, 47.9),
    (96_000, 20_000.0),
]
N_SAMPLES = 2048


def _additive(numbers: Sequence[int], amplitudes: Sequence[float], cycles: np.ndarray) -> np.ndarray:
    total = np.zeros_like(cycles)
    for number, amplitude in zip(numbers, amplitudes, strict=True):
        total += amplitude * np.sin(2.0 * np.pi * np.fmod(number * cycles, 1.0))
    return total


def _decibels(ratio: float) -> float:
    return 20.0 * math.log10(max(ratio, 1e-20))


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMBRES)
@pytest.mark.parametrize(("sample_rate", "frequency"), CASES)
def test_table_agrees_with_the_additive_sum(name: str, sample_rate: int, frequency: float) -> None:
    numbers, amplitudes = timbres()[name].partials(count_partials(frequency, sample_rate / 2.0))
    table = PeriodTable(numbers, amplitudes)
    increment = phase_increment(frequency, Fraction(1, sample_rate))
    phase = phase_ramp(increment, phase_of(0.1234), N_SAMPLES)
    # phases of 40 bits, whose products with the partial numbers are exact in float64
    coarse = (phase >> np.uint64(24)) << np.uint64(24)
    found = table(coarse)
    expected = _additive(numbers, amplitudes, (coarse >> np.uint64(24)) * 2.0**-40)
    rms = math.sqrt(math.fsum(a * a for a in amplitudes) / 2.0)
    assert _decibels(np.abs(found - expected).max() / rms) <= -110.0
    assert np.abs(found).max() <= table.peak


@pytest.mark.parametrize("name", TIMBRES)
@pytest.mark.parametrize("n_max", [1, 2, 3, 7, 72, 266])
def test_peak_is_that_of_a_dense_evaluation(name: str, n_max: int) -> None:
    numbers, amplitudes = timbres()[name].partials(n_max)
    table = PeriodTable(numbers, amplitudes)
    n_dense = 1 << max(12, (n_max * 64 - 1).bit_length())
    dense = _additive(numbers, amplitudes, np.arange(n_dense) / n_dense)
    assert np.abs(dense).max() <= table.peak * (1.0 + 1e-4)
    near = np.abs(dense).argmax() / n_dense + np.linspace(-1.0, 1.0, 20_001) / n_dense
    assert abs(np.abs(_additive(numbers, amplitudes, near)).max() / table.peak - 1.0) < 1e-4


@pytest.mark.parametrize("name", TIMBRES)
def test_peak_is_never_below_a_rendered_sample(name: str, rng: np.random.Generator) -> None:
    for n_max in (1, 3, 10, 45, 100):
        table = PeriodTable(*timbres()[name].partials(n_max))
        phase = rng.integers(0, 2**64, 200_000, dtype=np.uint64)
        assert np.abs(table(phase)).max() <= table.peak
        peak_of_cells = np.arange(1 << 16, dtype=np.uint64) << np.uint64(48)
        assert np.abs(table(peak_of_cells)).max() <= table.peak


def test_looking_up_does_not_change_the_phases() -> None:
    table = PeriodTable([1, 3], [1.0, 0.5])
    phase = phase_ramp(12345678901234567, 0, 100)
    before = phase.copy()
    table(phase)
    np.testing.assert_array_equal(phase, before)


def test_table_meets_its_partials_exactly_at_quarter_periods() -> None:
    quarters = np.array([0, 1, 2, 3], dtype=np.uint64) << np.uint64(62)
    assert PeriodTable([1], [1.0])(quarters).tolist() == [0.0, 1.0, 0.0, -1.0]
    assert PeriodTable([1, 3], [1.0, -0.25])(quarters).tolist() == [0.0, 1.25, 0.0, -1.25]


def test_highest_partial_has_its_limit() -> None:
    assert PeriodTable([MAX_PARTIALS], [1.0]).peak == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(ParameterError, match=f"partial {MAX_PARTIALS + 1}: .* at most {MAX_PARTIALS}"):
        PeriodTable([1, MAX_PARTIALS + 1], [1.0, 0.1])


@pytest.mark.parametrize(
    ("frequency", "limit", "expected"),
    [
        (1000.0, 8000.0, 7),
        (8000.0, 8000.0, 0),
        (9000.0, 8000.0, 0),
        (4000.0, 8000.0, 1),
        (np.nextafter(4000.0, 0.0), 8000.0, 2),
        (np.nextafter(8000.0, 0.0), 8000.0, 1),
        # 8000 / 3 is rounded down, so its third partial lies below 8000 by less than a rounding error
        (8000.0 / 3.0, 8000.0, 3),
        (np.nextafter(8000.0 / 3.0, 9000.0), 8000.0, 2),
        (0.1, 8000.0, 79_999),
        (11.72, 8000.0, 682),
    ],
)
def test_partials_are_counted_strictly_below_the_limit(
    frequency: float, limit: float, expected: int
) -> None:
    assert count_partials(frequency, limit) == expected


def test_partials_are_counted_by_exact_arithmetic(rng: np.random.Generator) -> None:
    for frequency in rng.uniform(1.0, 9000.0, 500).tolist():
        count = count_partials(frequency, 8000.0)
        assert Fraction(frequency) * count < 8000
        assert Fraction(frequency) * (count + 1) >= 8000
    for n in range(1, 500):
        count = count_partials(8000.0 / n, 8000.0)
        assert count == (n if Fraction(8000.0 / n) * n < 8000 else n - 1)


def test_phase_of_a_whole_number_of_cycles_is_zero() -> None:
    assert [phase_of(cycles) for cycles in (-1.0, 0.0, 1.0)] == [0, 0, 0]
    assert phase_of(0.25) == 2**62
    assert phase_of(-0.25) == 3 * 2**62


def test_phase_increment_is_rounded_once_from_the_exact_product() -> None:
    assert phase_increment(4000.0, Fraction(1, 16_000)) == 2**62
    assert phase_increment(16_000.0, Fraction(1, 16_000)) == 0
    assert phase_increment(1.0, Fraction(1, 3)) == round(Fraction(2**64, 3))
    assert phase_increment(440.0, Fraction(1, 15_999)) == round(Fraction(440 * 2**64, 15_999))


def test_phase_ramp_wraps_around_like_whole_numbers() -> None:
    increment, start = 2**63 + 12345, 2**64 - 7
    expected = [(start + n * increment) % 2**64 for n in range(1000)]
    assert phase_ramp(increment, start, 1000).tolist() == expected
    assert phase_ramp(increment, start, 1000).tolist() == expected  # the counter is shared


ANGLES = np.linspace(0.0, 2.0 * np.pi, 5003, endpoint=False)


def test_naive_waveforms_equal_those_of_scipy() -> None:
    period = 2.0 * np.pi
    np.testing.assert_allclose(naive_sine(ANGLES, period), np.sin(ANGLES), atol=1e-15)
    np.testing.assert_array_equal(naive_square(ANGLES, period), scipy.signal.square(ANGLES))
    np.testing.assert_allclose(naive_sawtooth(ANGLES, period), scipy.signal.sawtooth(ANGLES), atol=1e-15)
    np.testing.assert_allclose(
        naive_triangle(ANGLES, period), scipy.signal.sawtooth(ANGLES, 0.5), atol=1e-15
    )


def test_naive_waveforms_stay_within_full_scale_and_start_where_they_should() -> None:
    position = np.arange(4096) / 4096.0
    starts = {naive_sine: 0.0, naive_triangle: -1.0, naive_square: 1.0, naive_sawtooth: -1.0}
    for wave, start in starts.items():
        y = wave(position, 1.0)
        assert y[0] == start
        assert np.abs(y).max() == 1.0
    np.testing.assert_array_equal(naive_square(np.array([0.25, 0.5, 0.75]), 1.0), [1.0, -1.0, -1.0])
    np.testing.assert_array_equal(naive_triangle(np.array([0.25, 0.5, 0.75]), 1.0), [0.0, 1.0, 0.0])
