"""The level of a waveform, with or without its pauses, computed without rounding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["active_rms", "rms"]

_FRAME_S = 0.02
_ACTIVE = 0.0025  # of the power of the strongest frame: -26 dB
_STEP_BITS = 19
_BLOCK = 4_096


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
    if len(waveform) == 0:
        return 0.0
    frame = max(1, round(_FRAME_S * sample_rate))
    scale = _scale(waveform)
    if scale == 0.0:
        return 0.0
    n_frames = max(1, len(waveform) // frame)
    steps = np.rint(np.multiply(waveform[: n_frames * frame], scale))
    frame = len(steps) // n_frames
    blocks = steps.reshape(n_frames, frame)
    powers = np.einsum("ij,ij->i", blocks, blocks)  # whole numbers below 2**53
    active = powers[powers >= powers.max() * _ACTIVE]
    total = sum(map(int, active.tolist()))
    return math.sqrt(total / (len(active) * frame)) / scale


def rms(waveform: FloatArray) -> float:
    """Return the RMS of a waveform.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n,)

    Returns
    -------
    float
        0.0 for digital silence, and for nothing at all. As exact as `active_rms`.
    """
    if len(waveform) == 0:
        return 0.0
    scale = _scale(waveform)
    if scale == 0.0:
        return 0.0
    steps = np.zeros(-(-len(waveform) // _BLOCK) * _BLOCK)
    np.rint(np.multiply(waveform, scale), out=steps[: len(waveform)])
    blocks = steps.reshape(-1, _BLOCK)
    powers = np.einsum("ij,ij->i", blocks, blocks)  # whole numbers below 2**53
    return math.sqrt(sum(map(int, powers.tolist())) / len(waveform)) / scale


def _scale(waveform: FloatArray) -> float:
    """Return the power of two that makes steps of samples; 0.0 for digital silence."""
    peak = max(-float(waveform.min()), float(waveform.max()))
    return math.ldexp(1.0, _STEP_BITS - math.frexp(peak)[1]) if peak else 0.0
