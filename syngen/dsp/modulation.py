"""Modulation of phase: vibrato."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from syngen.elementary import TAU, sin2pi

if TYPE_CHECKING:
    from syngen._typing import FloatArray, UIntArray

__all__ = ["cycles_to_phase", "vibrato_seconds"]

_SCALE_BITS = 44


def vibrato_seconds(seconds: FloatArray, rate: float) -> FloatArray:
    """Return the integral of ``sin(2 pi rate t)``: ``(1 - cos(2 pi rate t)) / (2 pi rate)``.

    Times the deviation of the frequency in Hz it is the deviation of the phase in cycles. Over whole
    periods its mean is not zero, but the mean of the frequency is: a whole `rate` shifts no pitch over
    a second.

    Parameters
    ----------
    seconds : ndarray of float64, shape (n_samples,)
        Time of each sample.
    rate : float
        In Hz, positive.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        In seconds.
    """
    cosine = sin2pi(np.add(np.multiply(seconds, rate), 0.25))
    return np.multiply(np.subtract(1.0, cosine), 1.0 / (TAU * rate))


def cycles_to_phase(cycles: FloatArray) -> UIntArray:
    """Return phases given in cycles, below 2**19, as 64-bit integers; rounded to 2**-44 of a cycle."""
    scaled = np.asarray(np.multiply(cycles, math.ldexp(1.0, _SCALE_BITS)))
    np.rint(scaled, out=scaled)
    return scaled.astype(np.int64).view(np.uint64) << np.uint64(64 - _SCALE_BITS)
