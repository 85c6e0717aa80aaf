"""From real numbers to 16-bit samples and back, and the levels of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from syngen.elementary import log2
from syngen.errors import EngineError

if TYPE_CHECKING:
    from syngen._typing import BoolArray, Float32Array, FloatArray, PcmArray

__all__ = [
    "FULL_SCALE",
    "Quantised",
    "dequantise",
    "dequantise_to",
    "finish_steps",
    "levels_db",
    "mean_square_of",
    "peak_of",
    "quantise",
    "to_pcm",
    "write_steps",
]

FULL_SCALE = 32768.0
_STEP = np.float32(1.0 / FULL_SCALE)
_DB_PER_DOUBLING = 3.010299956639812  # 10 log10(2)
# Squares of as many 16-bit samples sum far below 2**53; longer dot products would start the threads of
# BLAS, which compete with the other workers.
_DOT_SAMPLES = 1 << 13


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


def to_pcm(waveform: FloatArray | Float32Array) -> PcmArray:
    """Return samples of any origin as 16 bits; what is beyond full scale is set to it.

    What a synthesizer renders goes through `quantise`, which refuses to clip.

    Parameters
    ----------
    waveform : ndarray of float32 or float64, any shape
        Full scale is 1.0.

    Returns
    -------
    ndarray of int16, same shape
        ``clip(rint(32768 x), -32768, 32767)``; halves go to the even neighbour.

    Raises
    ------
    EngineError
        If a sample is not a number, or samples are not real numbers: those of whole numbers have another
        full scale.

    Examples
    --------
    >>> to_pcm(np.array([1.0, 0.25, -1.0, -7.0])).tolist()
    [32767, 8192, -32768, -32768]
    """
    samples = np.asarray(waveform)
    if samples.dtype.kind != "f":
        raise EngineError(f"the waveform has samples of type {samples.dtype}: float32 or float64 is needed")
    with np.errstate(over="ignore"):  # infinite is beyond full scale too
        steps = np.asarray(np.multiply(samples, FULL_SCALE))
    np.rint(steps, out=steps)
    np.minimum(steps, FULL_SCALE - 1.0, out=steps)
    np.maximum(steps, -FULL_SCALE, out=steps)
    if np.isnan(steps).any():
        raise EngineError("the waveform has samples that are not numbers (NaN)")
    return steps.astype(np.int16)


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
    peak = _clip(waveform)
    return Quantised(waveform.astype(np.int16), waveform, peak)


def write_steps(out: Float32Array, waveform: FloatArray) -> None:
    """Round a waveform to whole steps of 16 bits and write them as float32.

    With `finish_steps` after it, of many waveforms at once, it gives ``dequantise(quantise(x).pcm)``.

    Parameters
    ----------
    out : ndarray of float32, shape (n_samples,)
        Written to.
    waveform : ndarray of float64, shape (n_samples,)
        Full scale is 1.0. Its content is lost.
    """
    np.multiply(waveform, FULL_SCALE, out=waveform)
    np.rint(waveform, out=waveform)
    np.copyto(out, waveform, casting="same_kind")  # steps are exact in float32, and half as many bytes


def finish_steps(steps: Float32Array) -> None:
    """Turn steps into samples in place, full scale being 1.0.

    Parameters
    ----------
    steps : ndarray of float32, any shape

    Raises
    ------
    EngineError
        As `quantise`.
    """
    _clip(steps)
    np.multiply(steps, _STEP, out=steps)


def _clip(steps: FloatArray | Float32Array) -> float:
    """Clip steps in place by at most one; return the largest absolute sample, full scale being 1.0."""
    low, high = float(np.minimum.reduce(steps, axis=None)), float(np.maximum.reduce(steps, axis=None))
    # written so that NaN, which compares false, is refused too
    if not (low >= -FULL_SCALE - 1.0 and high <= FULL_SCALE):
        peak = max(-low, high) / FULL_SCALE
        raise EngineError(f"the waveform peaks at {peak:.6g}, beyond full scale 1.0; lower its level")
    if high > FULL_SCALE - 1.0:
        high = FULL_SCALE - 1.0
        np.minimum(steps, high, out=steps)
    if low < -FULL_SCALE:
        low = -FULL_SCALE
        np.maximum(steps, low, out=steps)
    return max(-low, high) / FULL_SCALE


def dequantise(pcm: PcmArray) -> Float32Array:
    """Return 16-bit samples as float32 in [-1, 1): ``pcm / 32768``, exact.

    Parameters
    ----------
    pcm : ndarray of int16, any shape

    Returns
    -------
    ndarray of float32, same shape
    """
    waveform = np.empty(pcm.shape, dtype=np.float32)
    dequantise_to(waveform, pcm)
    return waveform


def dequantise_to(out: Float32Array, pcm: PcmArray) -> None:
    """Write ``pcm / 32768`` into an array of float32 of the same shape."""
    # converted, then scaled: twice as fast as a product of mixed types
    np.copyto(out, pcm)
    np.multiply(out, _STEP, out=out)


def peak_of(pcm: PcmArray | FloatArray) -> float:
    """Return the largest absolute sample of some given in 16-bit steps, full scale being 1.0."""
    return max(int(pcm.max()), -int(pcm.min())) / 32768.0


def mean_square_of(steps: PcmArray | FloatArray) -> float:
    """Return the mean square of samples given in 16-bit steps, full scale being 1.0.

    The sum of squares is a sum of integers below 2**53 held in float64, hence exact in any order.
    """
    total = 0
    for start in range(0, len(steps), _DOT_SAMPLES):
        samples = steps[start : start + _DOT_SAMPLES].astype(np.float64, copy=False)
        total += int(np.dot(samples, samples))
    return total / len(steps) / 2.0**30


def levels_db(mean_squares: FloatArray) -> tuple[Float32Array, BoolArray]:
    """Return levels in dB as float32, an RMS of 1.0 being 0 dB, and which are of digital silence.

    Both have the shape (n,), as what is given has.
    """
    is_silent = mean_squares == 0.0
    levels = log2(np.where(is_silent, 1.0, mean_squares)) * _DB_PER_DOUBLING
    return levels.astype(np.float32), is_silent
