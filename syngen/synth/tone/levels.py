"""What amplitude means: its units, and the gain of a tone over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.envelopes import envelope, tremolo
from syngen.elementary import log2
from syngen.units import decibels_to_gain

if TYPE_CHECKING:
    from syngen._typing import FloatArray, ValueMapping
    from syngen.synth.request import Audio, Request

__all__ = [
    "AMPLITUDE_UNITS",
    "ENVELOPE_FACTORS",
    "SHAPING_FACTORS",
    "gain_of_amplitude",
    "gain_over_time",
    "shown_amplitude",
]

_SINE_DB = 3.010299956639812  # of an RMS of 1 over the RMS of a sine of peak 1
_DB_PER_DOUBLING = 6.020599913279624  # 20 log10(2)
_SINE_RMS = 0.7071067811865476
_TOLERANCE = 1e-6  # so that 0 dB stays 0, computed a little below it
DBFS, DBFS_SINE = "dBFS", "dBFS (sine)"

AMPLITUDE_UNITS = {"": (0.0, 1.0), DBFS: (-120.0, 0.0), DBFS_SINE: (-120.0, 3.0103)}
"""Units of amplitude.

Without a unit, and in dBFS, full scale is a peak, or an RMS, of 1: a sine at full scale has an RMS of
-3.01 dBFS. In ``dBFS (sine)`` such a sine has 0, by its peak and by its RMS, as AES17 defines levels.
"""
SHAPING_FACTORS = ("onset", "attack", "decay", "release", "tremolo_depth")
ENVELOPE_FACTORS = (*SHAPING_FACTORS, "tremolo_rate")


def gain_of_amplitude(request: Request, amplitude: float) -> float:
    """Return the peak or RMS, 1 being full scale, that an amplitude in the unit of a request means."""
    unit = request.parameters["amplitude"].unit
    if not unit:
        return float(amplitude)
    gain = decibels_to_gain(float(amplitude))
    return gain * _SINE_RMS if _is_below_sine(request) else gain


def shown_amplitude(request: Request, gain: float) -> str:
    """Return a peak or RMS as text in the unit of a request's amplitude, rounded down."""
    unit = request.parameters["amplitude"].unit
    if not unit:
        return f"{math.floor(gain * 1e4 + _TOLERANCE) / 1e4:.4f}"
    level_db = float(log2(gain)) * _DB_PER_DOUBLING + (_SINE_DB if _is_below_sine(request) else 0.0)
    return f"{math.floor(level_db * 1e2 + _TOLERANCE) / 1e2:.2f} {unit}"


def _is_below_sine(request: Request) -> bool:
    """Whether 0 of the amplitude's unit is the RMS of a sine and not 1."""
    return request.parameters["amplitude"].unit == DBFS_SINE and request.settings["level"] != "peak"


def gain_over_time(audio: Audio, values: ValueMapping) -> FloatArray:
    """Return what a tone of constant level is multiplied by: float64, shape (n_samples,).

    Parameters
    ----------
    audio : Audio
    values : mapping of str to value
        At least `ENVELOPE_FACTORS`.
    """
    onset, attack, decay, release, depth, rate = (float(values[n]) for n in ENVELOPE_FACTORS)
    n_samples, sample_rate = audio.n_samples, audio.sample_rate
    gain = envelope(n_samples, sample_rate, onset=onset, attack=attack, decay=decay, release=release)
    if depth:
        trembling = tremolo(n_samples, sample_rate, rate=rate, min_gain=decibels_to_gain(-depth))
        np.multiply(gain, trembling, out=gain)
    return gain
