"""The level of a waveform without its pauses, computed without rounding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.power import absolute_peak, step_scale

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["active_rms"]

_FRAME_S = 0.02
_ACTIVE = 0.0025118864315095794  # of the power of the strongest frame: -26 dB


def active_rms(waveform: FloatArray, *, sample_rate: int) -> float:
    """Return the RMS of the frames that are not pauses.

    Frames of 20 ms count whose power is at most 26 dB below that of the strongest.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n,)
    sample_rate : int
        1,000 to 384,000.

    Returns
    -------
    float
        0.0 for digital silence, and for nothing at all.

    Notes
    -----
    Samples are rounded to 2^-19 of the power of two above the peak, so that every sum is one of whole
    numbers below 2^53: the same in any order.
    """
    peak = absolute_peak(waveform)
    if peak == 0.0:
        return 0.0
    scale = step_scale(peak)
    frame = max(1, round(_FRAME_S * sample_rate))
    n_frames = max(1, len(waveform) // frame)
    steps = np.rint(np.multiply(waveform[: n_frames * frame], scale))
    frame = len(steps) // n_frames
    blocks = steps.reshape(n_frames, frame)
    powers = np.einsum("ij,ij->i", blocks, blocks)  # whole numbers below 2**53
    active = powers[powers >= powers.max() * _ACTIVE]
    total = sum(map(int, active.tolist()))
    return math.sqrt(total / (len(active) * frame)) / scale
