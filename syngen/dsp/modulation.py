"""Modulation of phase: vibrato that is symmetric in cents."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from syngen.elementary import LN2, TAU, polynomial, sin2pi

if TYPE_CHECKING:
    from syngen._typing import FloatArray, UIntArray

__all__ = ["cycles_to_phase", "swing_angles", "vibrato_mean", "vibrato_seconds"]

_SCALE_BITS = 44
_CENTS = 1200.0  # in an octave
_NEGLIGIBLE = 2.0**-34


class _Series(NamedTuple):
    """The integral of exp(k sin a) from 0: mean a + polynomial(0) - cos a polynomial(sin a)."""

    mean: float
    polynomial: tuple[float, ...]


@lru_cache(maxsize=4096)
def _series(depth: float) -> _Series:
    """Integrate exp(k sin a), the ratio of frequencies, term by term.

    Of the powers of the sine W_n = (n - 1) / n W_(n-2) - sin^(n-1) a cos a / n; those of even n rise by
    the same factor times a. Terms below 2**-34 of a radian are left out.
    """
    k = depth * (LN2 / _CENTS)
    coefficients = [k, 0.0]
    before: list[float] = []  # polynomials of the last two powers of the sine
    last = [1.0]
    mean = mean_of_power = 1.0
    n, term = 2, k * k / 2.0
    while term > _NEGLIGIBLE:
        share = (n - 1) / n
        before, last = last, [*(x * share for x in before), *[0.0] * (n - 1 - len(before)), 1.0 / n]
        pairs = zip_longest(coefficients, last, fillvalue=0.0)
        coefficients = [total + term * x for total, x in pairs]
        if n % 2 == 0:
            mean_of_power *= share
            mean += term * mean_of_power
        n += 1
        term *= k / n
    return _Series(mean, tuple(coefficients))


def vibrato_mean(depth: float) -> float:
    """Return the mean frequency over a swing, that without vibrato being 1.

    Parameters
    ----------
    depth : float
        In cents, 0 to 1200.

    Notes
    -----
    Equal steps in cents up and down are unequal in Hz: the mean pitch stays, the mean frequency rises,
    to I0(depth ln 2 / 1200), a modified Bessel function: 6 cents at a depth of 200 cents.

    Examples
    --------
    >>> vibrato_mean(0.0), round(vibrato_mean(200.0), 6)
    (1.0, 1.003339)
    """
    return _series(depth).mean


def swing_angles(n_samples: int, *, cycles_per_sample: float) -> FloatArray:
    """Return sine and cosine of the angle of a swing at every sample.

    Parameters
    ----------
    n_samples : int
    cycles_per_sample : float
        Rate of the vibrato times the time from one sample to the next.

    Returns
    -------
    ndarray of float64, shape (2, n_samples)

    Notes
    -----
    By the sums of angles of a coarse and a fine grid: a fifth of the time of two sines a sample.
    """
    fine = math.isqrt(max(0, n_samples - 1)) + 1
    coarse = -(-n_samples // fine)
    steps = np.concatenate((np.arange(fine), np.arange(coarse) * fine))
    cycles = np.multiply(steps, cycles_per_sample)
    # one call for all four: of so few angles it is the calls that take time
    sines, cosines = sin2pi(np.stack((cycles, np.add(cycles, 0.25))))
    fine_sine, fine_cosine = sines[:fine], cosines[:fine]
    coarse_sine, coarse_cosine = sines[fine:].reshape(-1, 1), cosines[fine:].reshape(-1, 1)
    angles = np.empty((2, coarse, fine))
    sine, cosine = angles
    np.multiply(coarse_sine, fine_cosine, out=sine)
    other = np.multiply(coarse_cosine, fine_sine)
    np.add(sine, other, out=sine)
    np.multiply(coarse_cosine, fine_cosine, out=cosine)
    np.multiply(coarse_sine, fine_sine, out=other)
    np.subtract(cosine, other, out=cosine)
    return angles.reshape(2, -1)[:, :n_samples]


def vibrato_seconds(angles: FloatArray, *, rate: float, depth: float) -> FloatArray:
    """Return the integral of ``2 ** (depth / 1200 * sin(2 pi rate t))``, less its mean times t.

    Times a frequency in Hz it is what vibrato adds to the phase in cycles, beside the rise of the mean
    frequency by `vibrato_mean`. It is periodic, and 0 at the start.

    Parameters
    ----------
    angles : ndarray of float64, shape (2, n_samples)
        Of `swing_angles`.
    rate : float
        In Hz, positive.
    depth : float
        Deviation upwards and downwards in cents, 0 to 1200.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        In seconds; the error is below 2e-11 / `rate`.
    """
    sine, cosine = angles
    scale = 1.0 / (TAU * rate)
    coefficients = tuple(c * scale for c in _series(depth).polynomial)
    y = polynomial(coefficients, sine)
    np.multiply(y, cosine, out=y)
    return np.subtract(coefficients[0], y, out=y)


def cycles_to_phase(curve: FloatArray, scale: float = 1.0) -> UIntArray:
    """Return phases as 64-bit integers, 2**64 being one cycle.

    Parameters
    ----------
    curve : ndarray of float64, shape (n_samples,)
        Times `scale` it is a number of cycles below 2**19.
    scale : float

    Returns
    -------
    ndarray of uint64, shape (n_samples,)
        Rounded to 2**-44 of a cycle.
    """
    steps = np.multiply(curve, math.ldexp(scale, _SCALE_BITS))
    np.rint(steps, out=steps)
    phase = steps.astype(np.int64).view(np.uint64)
    return np.left_shift(phase, np.uint64(64 - _SCALE_BITS), out=phase)
