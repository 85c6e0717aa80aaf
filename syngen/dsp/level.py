"""From real numbers to 16-bit samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from syngen.errors import EngineError

if TYPE_CHECKING:
    from syngen._typing import Float32Array, FloatArray, PcmArray

__all__ = ["FULL_SCALE", "Quantised", "dequantise", "quantise"]

FULL_SCALE = 32768.0


class Quantised(NamedTuple):
    """A waveform in 16-bit steps.

    Attributes
    ----------
    pcm : ndarray of int16, shape (n_samples,)
    steps : ndarray of float64, shape (n_samples,)
        The same numbers, for whoever goes on calculating.
    peak : float
        Largest absolute sample, full scale being 1.0.
    """

    pcm: PcmArray
    steps: FloatArray
    peak: float


def quantise(waveform: FloatArray) -> Quantised:
    """Round a waveform to 16-bit samples.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n_samples,)
        Full scale is 1.0. Its memory becomes that of ``steps``: its content is lost.

    Returns
    -------
    Quantised
        ``clip(rint(32768 x), -32768, 32767)``; halves go to the even neighbour.

    Raises
    ------
    EngineError
        If a sample is not finite, or would be clipped by more than one step.
    """
    np.multiply(waveform, FULL_SCALE, out=waveform)
    np.rint(waveform, out=waveform)
    low, high = float(waveform.min()), float(waveform.max())
    # written so that NaN, which compares false, is refused too
    if not (low >= -FULL_SCALE - 1.0 and high <= FULL_SCALE):
        peak = max(-low, high) / FULL_SCALE
        raise EngineError(f"the waveform peaks at {peak:.6g}, beyond full scale 1.0; lower its level")
    if high > FULL_SCALE - 1.0:
        high = FULL_SCALE - 1.0
        np.minimum(waveform, high, out=waveform)
    if low < -FULL_SCALE:
        low = -FULL_SCALE
        np.maximum(waveform, low, out=waveform)
    return Quantised(waveform.astype(np.int16), waveform, max(-low, high) / FULL_SCALE)


def dequantise(pcm: PcmArray) -> Float32Array:
    """Return 16-bit samples as float32 in [-1, 1): ``pcm / 32768``, exact.

    Parameters
    ----------
    pcm : ndarray of int16, any shape

    Returns
    -------
    ndarray of float32, same shape
    """
    waveform = pcm.astype(np.float32)
    np.multiply(waveform, np.float32(1.0 / FULL_SCALE), out=waveform)
    return waveform
