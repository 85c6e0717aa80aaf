"""What can be measured on the samples of one observation: its length, and how loud it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.active_level import active_rms
from syngen.dsp.level import FULL_SCALE, levels_db, mean_square_of, peak_of

if TYPE_CHECKING:
    from syngen._typing import Float32Array

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """Length and levels of an observation, from its samples.

    Levels are in dB, a root mean square of 1 being 0 dB, as ``level: rms`` and the levels of styles are
    given: a sine of peak 1 has -3.01 dB, where AES17 says 0.

    Attributes
    ----------
    n_samples : int
    duration_s : float
        In seconds.
    peak : float
        Largest absolute sample, full scale being 1; 0 to 1. As in the manifest.
    rms_db : float
        Level of all samples; minus infinity for silence, where the manifest has null. Else as in the
        manifest, to the last bit of float32.
    active_level_db : float
        Level without the pauses: of the frames of 20 ms whose power is at most 26 dB below that of the
        strongest, as `syngen.dsp.active_level` computes it. It is what the level of a style means. ITU-T
        P.56 judges activity by the envelope instead. Minus infinity for silence.
    """

    n_samples: int
    duration_s: float
    peak: float
    rms_db: float
    active_level_db: float


def measure(waveform: Float32Array, *, sample_rate: int) -> Measured:
    """Return what can be measured on samples.

    Parameters
    ----------
    waveform : ndarray of float32, shape (n_samples,)
        16-bit samples, full scale being 1.0.
    sample_rate : int

    Examples
    --------
    >>> measure(np.array([0.0, 0.5, 0.0, -0.5] * 400, dtype=np.float32), sample_rate=16_000)
    Measured(n_samples=1600, duration_s=0.1, peak=0.5, rms_db=-9.03..., active_level_db=-9.03...)
    """
    n_samples = len(waveform)
    steps = np.rint(np.multiply(waveform, FULL_SCALE, dtype=np.float64))
    active = active_rms(steps, sample_rate=sample_rate) / FULL_SCALE
    squares = np.array([mean_square_of(steps) if n_samples else 0.0, active * active])
    levels, is_silent = levels_db(squares)
    rms_db, active_level_db = np.where(is_silent, np.float32(-np.inf), levels).tolist()
    return Measured(
        n_samples=n_samples,
        duration_s=n_samples / sample_rate,
        peak=peak_of(steps) if n_samples else 0.0,
        rms_db=rms_db,
        active_level_db=active_level_db,
    )
