from __future__ import annotations

from decimal import Context, Decimal

import mpmath
import numpy as np
import pytest

from syngen.units import decibels_to_gain, geometric_steps, power

mpmath.mp.dps = 80


def _rounded(exact: mpmath.mpf) -> float:
    """The double nearest to an 80-digit number."""
    return float(Decimal(mpmath.nstr(exact, 60, strip_zeros=False)))


def test_powers_are_rounded_once(rng: np.random.Generator) -> None:
    for base, exponent in zip(
        (10.0 ** rng.uniform(-5.0, 5.0, 200)).tolist(), rng.uniform(-20.0, 20.0, 200), strict=True
    ):
        assert power(base, float(exponent)) == _rounded(mpmath.power(base, mpmath.mpf(exponent)))


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [(2.0, 10.0, 1024.0), (4.0, 0.5, 2.0), (10.0, 0.0, 1.0), (10.0, -3.0, 0.001), (0.5, -1.0, 2.0)],
)
def test_round_powers_are_exact(base: float, exponent: float, expected: float) -> None:
    assert power(base, exponent) == expected


def test_decibels_are_twenty_times_the_logarithm_of_a_gain() -> None:
    assert [decibels_to_gain(db) for db in (0.0, -20.0, -40.0, 20.0)] == [1.0, 0.1, 0.01, 10.0]
    for level_db in np.arange(-120.0, 0.0, 0.37).tolist():
        exact = mpmath.power(10, mpmath.mpf(level_db / 20.0))
        assert decibels_to_gain(level_db) == _rounded(exact)


@pytest.mark.parametrize(
    ("start", "stop", "num"),
    [
        (110.0, 1760.0, 400),
        (110.0, 1760.0, 17),
        (0.001, 1e6, 1000),
        (880.0, 55.0, 49),
        (3.0, 3.1, 5000),
        (1.0, 1.0 + 2.0**-50, 5),
        (440.0, 880.0, 2),
    ],
)
def test_geometric_steps_are_the_50_digit_definition_rounded_once(
    start: float, stop: float, num: int
) -> None:
    exact = Context(prec=50)
    logarithm = exact.ln(exact.divide(Decimal(stop), Decimal(start)))
    steps = [
        float(exact.multiply(Decimal(start), exact.exp(exact.divide(logarithm * i, Decimal(num - 1)))))
        for i in range(num)
    ]
    found = geometric_steps(start, stop, num)
    assert len(found) == num
    assert list(found[1:-1]) == steps[1:-1]
    assert (found[0], found[-1]) == (start, stop)


def test_octaves_of_geometric_steps_are_exact() -> None:
    assert geometric_steps(110.0, 1760.0, 5) == (110.0, 220.0, 440.0, 880.0, 1760.0)
    semitones = geometric_steps(110.0, 1760.0, 49)
    assert semitones[::12] == (110.0, 220.0, 440.0, 880.0, 1760.0)


def test_one_geometric_step_is_the_start() -> None:
    assert geometric_steps(5.0, 7.0, 1) == (5.0,)


def test_error_of_many_geometric_steps_does_not_add_up() -> None:
    found = geometric_steps(1.0, 1e300, 100_001)
    for i in (1, 33_333, 50_000, 99_999):
        assert found[i] == _rounded(mpmath.power(mpmath.mpf(1e300), mpmath.mpf(i) / 100_000))
