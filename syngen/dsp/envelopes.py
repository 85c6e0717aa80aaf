"""Gains over time: onset, attack, decay, release, tremolo.

All are at most 1, so an envelope never makes a waveform clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from syngen.elementary import exp2, sin2pi

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["envelope", "raised_cosine", "tremolo"]

_LOG2_OF_10_OVER_20 = 0.16609640474436813


def raised_cosine(n_samples: int) -> FloatArray:
    """Return the rising half of a raised cosine: ``(1 - cos(pi n / n_samples)) / 2``.

    Parameters
    ----------
    n_samples : int
        Length; the first value is 0, and 1 would be the value after the last.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
    """
    cycles = np.divide(np.arange(n_samples, dtype=np.float64), 2.0 * max(1, n_samples))
    return np.subtract(0.5, np.multiply(sin2pi(np.add(cycles, 0.25)), 0.5))


def envelope(
    n_samples: int,
    sample_rate: int,
    *,
    onset: float = 0.0,
    attack: float = 0.0,
    decay: float = 0.0,
    release: float = 0.0,
) -> FloatArray:
    """Return silence, a raised-cosine attack, an exponential decay, and a raised-cosine release.

    Parameters
    ----------
    n_samples : int
        Length of the observation.
    sample_rate : int
        Samples per second.
    onset : float
        Start of the sound in seconds; silence before it.
    attack : float
        Length of the attack in seconds, from the onset.
    decay : float
        Fall of the level in dB per second, from the onset.
    release : float
        Length of the release in seconds; it ends with the observation.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Between 0 and 1.
    """
    gain = np.ones(n_samples)
    first = min(n_samples, round(onset * sample_rate))
    if decay:
        time = np.arange(n_samples - first) * (1.0 / sample_rate)
        gain[first:] = exp2(np.maximum(np.multiply(time, -decay * _LOG2_OF_10_OVER_20), -1000.0))
    gain[:first] = 0.0
    rise = raised_cosine(round(attack * sample_rate))[: n_samples - first]
    gain[first : first + len(rise)] *= rise
    fall = raised_cosine(round(release * sample_rate))[:n_samples][::-1]
    gain[n_samples - len(fall) :] *= fall
    return gain


def tremolo(n_samples: int, sample_rate: int, *, rate: float, min_gain: float) -> FloatArray:
    """Return a gain that swings between 1 and a lower one.

    Parameters
    ----------
    n_samples : int
    sample_rate : int
    rate : float
        Swings per second.
    min_gain : float
        The lower gain as a linear factor, 0 to 1.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        ``1 - (1 - min_gain) (1 - cos(2 pi rate t)) / 2``: 1 at the start.
    """
    cycles = np.arange(n_samples) * (rate / sample_rate)
    fall = np.subtract(1.0, sin2pi(np.add(cycles, 0.25)))
    return np.subtract(1.0, np.multiply(fall, 0.5 * (1.0 - min_gain)))
