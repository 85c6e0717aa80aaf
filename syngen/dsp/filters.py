"""Second-order filters with exact coefficients, run in float64.

The coefficients come from sines of `syngen.elementary` and gains of `syngen.units`; `scipy.signal.sosfilt`
runs them sample by sample, one order of operations everywhere. SciPy's version belongs into the identity
of a synthesizer that filters.

References
----------
R. Bristow-Johnson: "Cookbook formulae for audio equalizer biquad filter coefficients", 1998 (W3C Note,
2021), for every formula but that of the width of peaks; P. A. Regalia, S. K. Mitra: "Tunable digital
frequency response equalization filters", IEEE Trans. ASSP 35 (1987), 118-120, for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy.signal import sosfilt

from syngen.elementary import sin2pi
from syngen.errors import ParameterError
from syngen.units import decibels_to_gain

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["SHAPES", "Section", "Shape", "filtered", "section", "usable_frequency"]

Shape: TypeAlias = Literal["peak", "low_shelf", "high_shelf", "high_pass"]
Section: TypeAlias = tuple[float, float, float, float, float, float]
"""Numerator and denominator of one second-order section, ``b0, b1, b2, 1, a1, a2``."""

SHAPES: tuple[Shape, ...] = ("peak", "low_shelf", "high_shelf", "high_pass")

_HIGHEST = 0.45  # of the sampling rate: beyond it a section's shape has nothing to do with its frequency
_WIDEST = 0.45  # of the sampling rate: no peak is wider than half of it


def usable_frequency(frequency: float, sample_rate: int) -> bool:
    """Return whether a filter at some frequency in Hz makes sense at a sampling rate."""
    return 0.0 < frequency < _HIGHEST * sample_rate


@lru_cache(maxsize=4096)
def section(
    shape: Shape, frequency: float, gain_db: float = 0.0, q: float = 0.7071067811865476, *, sample_rate: int
) -> Section:
    """Return a second-order section.

    Parameters
    ----------
    shape : {"peak", "low_shelf", "high_shelf", "high_pass"}
    frequency : float
        Center or corner in Hz, below .45 of the sampling rate.
    gain_db : float
        At the center, or beyond the corner; without meaning for a high-pass.
    q : float
        Quality; positive. Of a peak the frequency over the width between the points of half the gain in dB,
        at every sampling rate; no peak is wider than .45 of it. Of a shelf .7071: no overshoot.
    sample_rate : int

    Returns
    -------
    tuple of six float

    Raises
    ------
    ParameterError
        If frequency or q are out of range, or there is no such shape.
    """
    if not usable_frequency(frequency, sample_rate) or not q > 0.0:
        raise ParameterError(
            f"a filter at {frequency:g} Hz with q {q:g}: 0 < frequency < {_HIGHEST * sample_rate:g} and "
            "q > 0 are needed"
        )
    cycles = frequency / sample_rate
    sine, cosine = _sine_and_cosine(cycles)
    alpha = sine / (2.0 * q)
    gain = decibels_to_gain(gain_db / 2.0)  # the square root of the gain
    if shape == "peak":
        # the cookbook's alpha is that of an analogue filter, whose width shrinks towards half the rate
        half_sine, half_cosine = _sine_and_cosine(0.5 * min(cycles / q, _WIDEST))
        alpha = half_sine / half_cosine
        b = (1.0 + alpha * gain, -2.0 * cosine, 1.0 - alpha * gain)
        a = (1.0 + alpha / gain, -2.0 * cosine, 1.0 - alpha / gain)
    elif shape == "high_pass":
        b = ((1.0 + cosine) / 2.0, -(1.0 + cosine), (1.0 + cosine) / 2.0)
        a = (1.0 + alpha, -2.0 * cosine, 1.0 - alpha)
    elif shape in ("low_shelf", "high_shelf"):
        sign = 1.0 if shape == "low_shelf" else -1.0
        up, down, slope = gain + 1.0, sign * (gain - 1.0) * cosine, 2.0 * math.sqrt(gain) * alpha
        tilt = sign * 2.0
        b = (
            gain * (up - down + slope),
            gain * tilt * (gain - 1.0 - sign * up * cosine),
            gain * (up - down - slope),
        )
        a = (up + down + slope, -tilt * (gain - 1.0 + sign * up * cosine), up + down - slope)
    else:
        raise ParameterError(f"no filter {shape!r}; there are {', '.join(SHAPES)}")
    return (b[0] / a[0], b[1] / a[0], b[2] / a[0], 1.0, a[1] / a[0], a[2] / a[0])


def _sine_and_cosine(cycles: float) -> tuple[float, float]:
    sine, cosine = sin2pi([cycles, cycles + 0.25]).tolist()
    return sine, cosine


def filtered(waveform: FloatArray, sections: Sequence[Section]) -> FloatArray:
    """Run a waveform through sections, one after the other, from rest.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n,)
    sections : sequence of Section
        Without any the waveform comes back as it is.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    if not sections:
        return waveform
    result: FloatArray = sosfilt(np.array(sections, dtype=np.float64), waveform)
    return result
