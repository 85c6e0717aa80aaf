"""The power of waveforms, computed without rounding that depends on an order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["absolute_peak", "root_mean_square", "step_scale"]

_STEP_BITS = 19
_BLOCK_BITS = 14  # 2**14 squares of 19 bits stay below 2**53
_MOST_BITS = 1023  # of a power of two in float64


def absolute_peak(waveform: FloatArray) -> float:
    """Return the largest absolute value, in the unit of the waveform; 0.0 of nothing.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n,)

    See Also
    --------
    syngen.dsp.level.peak_of : the same of 16-bit steps, full scale being 1.0
    """
    return max(-float(waveform.min()), float(waveform.max())) if len(waveform) else 0.0


def step_scale(peak: float) -> float:
    """Return the power of two that turns samples into steps of at most 2^19.

    Parameters
    ----------
    peak : float
        Largest absolute sample, above 0. Steps are coarser below 2^-1004.
    """
    return math.ldexp(1.0, min(_MOST_BITS, _STEP_BITS - math.frexp(peak)[1]))


def root_mean_square(waveform: FloatArray) -> float:
    """Return the root of the mean square.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n,)

    Returns
    -------
    float
        0.0 for silence, and for nothing at all.

    Notes
    -----
    Samples are rounded to 2^-19 of the power of two above the peak, so that every sum is one of whole
    numbers below 2^53: the same in any order. That changes the result by about 1e-7 of it.

    Examples
    --------
    >>> import numpy as np
    >>> root_mean_square(np.array([0.5, -0.5]))
    0.5
    """
    peak = absolute_peak(waveform)
    if peak == 0.0:
        return 0.0
    scale = step_scale(peak)
    squares = []
    for start in range(0, len(waveform), 1 << _BLOCK_BITS):
        steps = np.multiply(waveform[start : start + (1 << _BLOCK_BITS)], scale)
        np.rint(steps, out=steps)
        squares.append(float(np.einsum("i,i->", steps, steps)))  # whole numbers below 2**53
    return math.sqrt(math.fsum(squares) / len(waveform)) / scale
