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
_NEGLIGIBLE = 2.0**-44


class _Series(NamedTuple):
    """The integral of exp(k sin a) over a: mean a + odd[0] - cos a (odd(s^2) + sin a even(s^2)), s = sin a."""

    mean: float
    odd: tuple[float, ...]
    even: tuple[float, ...]


@lru_cache(maxsize=4096)
def _series(depth: float) -> _Series:
    """Integrate exp(k sin a), the ratio of frequencies, term by term.

    Of the powers of the sine W_n = (n - 1) / n W_(n-2) - sin^(n-1) a cos a / n; those of even n rise by
    the same factor times a. Terms below 2**-44 of a radian are left out.
    """
    k = depth * (LN2 / _CENTS)
    of_power: list[list[float]] = [[], [1.0]]  # of the last even power of the sine, of the last odd one
    totals: list[list[float]] = [[0.0, 0.0], [k, 0.0]]
    mean = mean_of_power = 1.0
    n, term = 2, k * k / 2.0
    while term > _NEGLIGIBLE:
        parity = n % 2
        share = (n - 1) / n
        of_power[parity] = [*(x * share for x in of_power[parity]), 1.0 / n]
        pairs = zip_longest(totals[parity], of_power[parity], fillvalue=0.0)
        totals[parity] = [total + term * x for total, x in pairs]
        if parity == 0:
            mean_of_power *= share
            mean += term * mean_of_power
        n += 1
        term *= k / n
    return _Series(mean, tuple(totals[1]), tuple(totals[0]))


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


def swing_angles(seconds: FloatArray, rate: float) -> FloatArray:
    """Return sine and cosine of ``2 pi rate t``.

    Parameters
    ----------
    seconds : ndarray of float64, shape (n_samples,)
        Time of each sample.
    rate : float
        In Hz, positive.

    Returns
    -------
    ndarray of float64, shape (2, n_samples)
    """
    cycles = np.multiply(seconds, rate)
    return np.stack((sin2pi(cycles), sin2pi(np.add(cycles, 0.25))))


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
        In seconds; the error is below 1e-13 / `rate`.
    """
    sine, cosine = angles
    series = _series(depth)
    square = np.multiply(sine, sine)
    y = polynomial(series.even, square)
    np.multiply(y, sine, out=y)
    np.add(y, polynomial(series.odd, square), out=y)
    np.multiply(y, cosine, out=y)
    np.subtract(series.odd[0], y, out=y)
    return np.multiply(y, 1.0 / (TAU * rate), out=y)


def cycles_to_phase(cycles: FloatArray) -> UIntArray:
    """Return phases given in cycles, below 2**19, as 64-bit integers; rounded to 2**-44 of a cycle."""
    scaled = np.asarray(np.multiply(cycles, math.ldexp(1.0, _SCALE_BITS)))
    np.rint(scaled, out=scaled)
    return scaled.astype(np.int64).view(np.uint64) << np.uint64(64 - _SCALE_BITS)
