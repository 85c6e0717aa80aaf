"""Bounded noise of unit RMS, made of integers.

Sums of uniform words are nearly normal and cannot exceed a bound, so a level that cannot clip can be
promised.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.power import absolute_peak, root_mean_square

if TYPE_CHECKING:
    from syngen._typing import FloatArray
    from syngen.seeding import Stream

__all__ = ["noise_peak", "pink_noise", "white_noise"]

_LOW_HALVES = np.uint64(0x0000FFFF0000FFFF)
_ADD_HALVES = np.uint64(0x0000000100000001)
_MEAN = 131_070.0  # of the sum of four words of 16 bits
_VARIANCE = (65536.0 * 65536.0 - 1.0) / 3.0
_MAX_OCTAVES = 16


def white_noise(stream: Stream, n_samples: int) -> FloatArray:
    """Return white noise of unit RMS: sums of four 16-bit words.

    Parameters
    ----------
    stream : Stream
        One word per sample is drawn.
    n_samples : int

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Absolute value at most `noise_peak`.
    """
    return np.multiply(_sums(stream, n_samples), 1.0 / math.sqrt(_VARIANCE))


def pink_noise(stream: Stream, n_samples: int) -> FloatArray:
    """Return pink noise of unit RMS and no offset: falling by about 3 dB per octave.

    Parameters
    ----------
    stream : Stream
    n_samples : int

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Its mean is 0 and its RMS is 1, in each draw and not on average only: a few slow steps hold much
        of the power, and differ from draw to draw. Absolute value at most `noise_peak`. A single sample
        is 0.

    Notes
    -----
    The sum of white noises of which each holds its values twice as long as the one before (the
    algorithm of R. F. Voss and J. McCartney), as many as the length has octaves, at most 16.

    References
    ----------
    M. Gardner: "White and brown music, fractal curves and one-over-f fluctuations", Scientific American
    238 (4), 1978, 16-32.
    """
    n_octaves = _octaves(n_samples)
    total = _sums(stream, n_samples)
    for octave in range(1, n_octaves):
        held = _sums(stream, -(-n_samples >> octave))
        np.add(total, np.repeat(held, 1 << octave)[:n_samples], out=total)
    offset = float(np.add.reduce(total)) / n_samples  # of whole numbers below 2**53
    np.subtract(total, offset, out=total)
    peak = absolute_peak(total)
    if peak == 0.0:
        return total
    # of 3,000 draws none came beyond .56 of the bound; one that did would be softer, and would not clip
    scale = min(1.0 / root_mean_square(total), noise_peak("pink", n_samples) / peak)
    return np.multiply(total, scale, out=total)


def noise_peak(color: str, n_samples: int) -> float:
    """Return the largest absolute value that noise of a color, ``white`` or ``pink``, can have."""
    n_octaves = _octaves(n_samples) if color == "pink" else 1
    return _MEAN * n_octaves / math.sqrt(_VARIANCE * n_octaves)


def _octaves(n_samples: int) -> int:
    return max(1, min(_MAX_OCTAVES, n_samples.bit_length() - 1))


def _sums(stream: Stream, n: int) -> FloatArray:
    """Return the sum of the four 16-bit parts of each word, less the mean: exact integers."""
    words = stream.raw(n)
    pairs = words & _LOW_HALVES
    words >>= np.uint64(16)
    words &= _LOW_HALVES
    pairs += words
    # the product's upper half is the sum of the two halves
    pairs *= _ADD_HALVES
    pairs >>= np.uint64(32)
    sums = pairs.astype(np.float64)
    return np.subtract(sums, _MEAN, out=sums)
