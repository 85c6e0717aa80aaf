from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from syngen.elementary import LN2, TAU, exp2, log2, normal_quantile, sin2pi

mpmath.mp.dps = 50

FUNCTIONS: dict[str, tuple[Callable[..., np.ndarray], float]] = {
    "sin2pi": (sin2pi, 0.3),
    "exp2": (exp2, 0.3),
    "log2": (log2, 0.3),
    "normal_quantile": (normal_quantile, 0.3),
}


def _exact_sine(cycles: float) -> mpmath.mpf:
    return mpmath.sin(2 * mpmath.pi * mpmath.mpf(cycles))


def _exact_log2(x: float) -> mpmath.mpf:
    return mpmath.log(mpmath.mpf(x)) / mpmath.log(2)


def _exact_quantile(p: float) -> mpmath.mpf:
    """Solve P(Z <= z) = p by Newton's method, in the lower tail, from a float start."""
    p = mpmath.mpf(p)
    if p > 0.5:
        return -_exact_quantile(1 - p)
    if p == 0.5:
        return mpmath.mpf(0)
    z = -mpmath.sqrt(-2 * mpmath.log(p)) if p < 0.02 else mpmath.mpf(0)
    for _ in range(60):
        step = (mpmath.ncdf(z) - p) / mpmath.npdf(z)
        z -= step
        if abs(step) < mpmath.mpf(10) ** -30:
            return z
    raise AssertionError("the reference did not converge")


def test_constants_are_the_nearest_doubles() -> None:
    assert float(2 * mpmath.pi) == TAU
    assert float(mpmath.log(2)) == LN2


def test_sine_agrees_with_mpmath(rng: np.random.Generator) -> None:
    cycles = np.concatenate([rng.uniform(-1.0, 1.0, 3000), rng.uniform(-1e6, 1e6, 1000)])
    error = [abs(_exact_sine(x) - y) for x, y in zip(cycles, sin2pi(cycles), strict=True)]
    assert max(error) < 1e-15


def test_sine_is_exact_at_quarter_turns() -> None:
    quarters = np.arange(-4000, 4001)
    expected = np.array([0.0, 1.0, 0.0, -1.0])[quarters % 4]
    np.testing.assert_array_equal(sin2pi(quarters * 0.25), expected)
    np.testing.assert_array_equal(sin2pi(quarters * 0.25 + 2.0**40), expected)


@pytest.mark.parametrize("peak", [0.25, 0.75, -0.25, -0.75, 5.25])
def test_sine_never_exceeds_one_around_its_peaks(peak: float) -> None:
    steps = np.arange(-200_000, 200_001)
    for width in (np.spacing(peak), 2.0**-40, 2.0**-30, 2.0**-20):
        assert np.abs(sin2pi(peak + steps * width)).max() <= 1.0


def test_sine_is_odd_to_the_last_bit(rng: np.random.Generator) -> None:
    cycles = rng.uniform(-10.0, 10.0, 10_000)
    np.testing.assert_array_equal(sin2pi(-cycles), -sin2pi(cycles))


def test_exp2_agrees_with_mpmath(rng: np.random.Generator) -> None:
    exponent = np.concatenate([rng.uniform(-1.0, 1.0, 2000), rng.uniform(-1022.0, 1023.0, 2000)])
    exact = [mpmath.mpf(2) ** mpmath.mpf(x) for x in exponent]
    error = [abs(y / e - 1) for y, e in zip(exp2(exponent), exact, strict=True)]
    assert max(error) < 1e-15


def test_exp2_is_exact_for_whole_exponents() -> None:
    exponent = np.arange(-1022, 1024)
    np.testing.assert_array_equal(exp2(exponent), np.ldexp(1.0, exponent))


def test_log2_agrees_with_mpmath(rng: np.random.Generator) -> None:
    close_to_one = 1.0 + rng.uniform(-1.0, 1.0, 1000) * 2.0 ** rng.uniform(-45.0, -1.0, 1000)
    x = np.concatenate([close_to_one, 2.0 ** rng.uniform(-1000.0, 1000.0, 3000)])
    exact = [_exact_log2(v) for v in x]
    error = [abs(y / e - 1) for y, e in zip(log2(x), exact, strict=True) if e != 0]
    assert len(error) > 3900
    assert max(error) < 1e-15


def test_log2_is_exact_for_powers_of_two() -> None:
    exponent = np.arange(-1074, 1024)
    np.testing.assert_array_equal(log2(np.ldexp(1.0, exponent)), exponent)


def test_log2_undoes_exp2(rng: np.random.Generator) -> None:
    exponent = rng.uniform(-1000.0, 1000.0, 10_000)
    np.testing.assert_allclose(log2(exp2(exponent)), exponent, rtol=2e-15, atol=2e-15)


@pytest.mark.slow
def test_quantile_agrees_with_mpmath(rng: np.random.Generator) -> None:
    tails = 2.0 ** rng.uniform(-54.0, -4.0, 250)
    p = np.concatenate([rng.uniform(0.0, 1.0, 250), tails, 1.0 - tails[tails > 2.0**-50]])
    p = np.concatenate([p, [0.075, 0.925, np.nextafter(0.075, 0.0), 2.0**-54, 1.0 - 2.0**-53]])
    for probability, z in zip(p, normal_quantile(p), strict=True):
        assert abs(_exact_quantile(probability) - z) < 1e-15 * max(1.0, abs(z)), probability


def test_quantiles_are_symmetric_to_the_last_bit(rng: np.random.Generator) -> None:
    # multiples of 2**-53, as uniforms are, whose complements are exact
    p = rng.integers(1, 2**53, 10_000) * 2.0**-53
    np.testing.assert_array_equal(normal_quantile(1.0 - p), -normal_quantile(p))
    assert normal_quantile(0.5) == 0.0


def test_quantile_of_the_smallest_uniform_is_above_minus_8_3() -> None:
    assert -8.3 < float(normal_quantile(2.0**-54)) < -8.2


def test_quantiles_ascend_across_the_seams_of_the_approximation() -> None:
    for seam in (0.075, 0.925, float(mpmath.exp(-25))):
        p = seam * (1.0 + np.arange(-1000, 1001) * 1e-6)
        assert (np.diff(normal_quantile(p)) > 0.0).all()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (0, 4)])
def test_shape_and_type_are_kept(name: str, shape: tuple[int, ...]) -> None:
    function, value = FUNCTIONS[name]
    result = function(np.full(shape, value))
    assert isinstance(result, np.ndarray) or np.isscalar(result)
    assert np.shape(result) == shape
    assert np.asarray(result).dtype == np.float64


@pytest.mark.parametrize("name", FUNCTIONS)
def test_input_is_not_modified(name: str) -> None:
    function, value = FUNCTIONS[name]
    given = np.full(100, value)
    function(given)
    np.testing.assert_array_equal(given, np.full(100, value))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lists_and_float32_are_taken_as_float64(name: str) -> None:
    function, _ = FUNCTIONS[name]
    expected = function(np.array([0.25, 0.5]))
    np.testing.assert_array_equal(function([0.25, 0.5]), expected)
    np.testing.assert_array_equal(function(np.array([0.25, 0.5], dtype=np.float32)), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_element_does_not_depend_on_its_neighbours(name: str, rng: np.random.Generator) -> None:
    function, _ = FUNCTIONS[name]
    x = rng.uniform(0.01, 0.99, 1003)
    whole = function(x)
    np.testing.assert_array_equal(np.array([float(function(v)) for v in x]), whole)
    np.testing.assert_array_equal(function(x[::-3]), whole[::-3])
