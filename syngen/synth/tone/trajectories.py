"""What a tone does over time, from the formulas of `syngen.synth.tone.synthesizer`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.inharmonic import count_stretched, stretch
from syngen.dsp.oscillators import count_partials
from syngen.elementary import exp2, log2, sin2pi
from syngen.synth.tone.checks import partial_limit
from syngen.synth.tone.timbres import timbres
from syngen.synth.tone.waves import partials_of, seconds_per_sample
from syngen.synth.trajectories import Trajectory

if TYPE_CHECKING:
    from syngen._typing import FloatArray, ValueMapping
    from syngen.synth.request import Request
    from syngen.synth.trajectories import Moments

__all__ = ["tone_trajectories"]

_DB_PER_DOUBLING = 6.020599913279624  # 20 log10(2)
_CENTS = 1200.0  # in an octave
_SILENCE = float("-inf")


def tone_trajectories(request: Request, moments: Moments, gain: FloatArray) -> dict[str, Trajectory]:
    """Return frequency, gain and brightness of a tone over time.

    Parameters
    ----------
    request : Request
    moments : Moments
    gain : ndarray of float64, shape (n_samples,)
        Amplitude times envelope of every sample of the observation, full scale being 1.

    Returns
    -------
    dict of str to Trajectory
        ``f0``
            Frequency of the first partial in Hz, as a file of the recipe's sampling rate plays it: the
            derivative of its phase. It goes on through silence.
        ``gain``
            Peak or RMS of the tone from moment to moment, as the setting ``level`` says, in dB, full scale
            being 0: amplitude times envelope. Minus infinity before the onset. With ``observation_rms`` it
            is the RMS that the tone has in an observation of the RMS asked for.
        ``brightness``
            Spectral centroid in Hz: the mean frequency of the partials, weighted by their power. None
            without antialiasing, where partials are not what is heard.
    """
    values, audio = moments.values, request.audio
    step_s = float(seconds_per_sample(request))
    played = step_s * audio.sample_rate  # 1, but for the published time axis
    rate, depth = float(values["vibrato_rate"]), float(values["vibrato_depth"])
    swing = sin2pi(np.multiply(moments.samples, step_s * rate))
    frequency = float(values["frequency"])
    f0 = frequency * played * exp2(np.multiply(swing, depth / _CENTS))

    linear = gain[moments.samples]
    is_silent = linear == 0.0
    level_db = np.where(is_silent, _SILENCE, _DB_PER_DOUBLING * log2(np.where(is_silent, 1.0, linear)))
    found = {"f0": Trajectory(f0, "Hz"), "gain": Trajectory(level_db, "dB")}
    if request.settings["antialias"]:
        found["brightness"] = Trajectory(f0 * _centroid(request, values), "Hz")
    return found


def _centroid(request: Request, values: ValueMapping) -> float:
    """Return the power-weighted mean frequency of a tone's partials, over that of the first."""
    frequency, b = float(values["frequency"]), float(values["inharmonicity"])
    limit = partial_limit(request)
    n_max = count_stretched(frequency, limit, b) if b else count_partials(frequency, limit)
    brightness = values.get("brightness")
    tilt = None if brightness is None else float(brightness)
    numbers, amplitudes = partials_of(timbres()[str(values["timbre"])], n_max, tilt)
    powers = [a * a for a in amplitudes]
    return math.fsum(p * stretch(n, b) for n, p in zip(numbers, powers, strict=True)) / math.fsum(powers)
