"""The tone synthesizer.

    y(t) = A E(t) sum_n a_n sin(2 pi (phi_n(t) + n phase)) / norm  +  A r 10^(-snr/20) w(t)

``a_n`` are the partials of the timbre (`syngen.synth.tone.timbres`), left out at and above half the
sampling rate or ``partial_limit``. ``norm`` is what ``level`` says, and r the RMS of the sum over it:

``peak``
    the largest absolute value of the sum over a whole period, so that ``amplitude`` is the peak of the
    waveform in continuous time. It is found in the oscillator's table by solving for the extrema of each
    cell, never from rendered samples, which would miss it by an amount that depends on the frequency.
    For stretched partials it is the sum of all amplitudes, which they reach sooner or later.
``rms``
    ``sqrt(sum a_n^2 / 2)``, so that ``amplitude`` is the root mean square of the stationary tone, the same
    for every timbre.
``observation_rms``
    as ``rms``, and the whole, y, is then brought to an RMS of A: ``amplitude`` is the root mean square of
    the observation as it is, with its envelope, silence, tremolo and noise. ``snr`` stays the ratio to
    the stationary tone. The RMS is computed from whole numbers (`syngen.dsp.power`).

Full scale is 1, or 0 dBFS: in dBFS a sine at full scale has a peak of 0 and an RMS of -3.01. In
``dBFS (sine)`` it has 0, by either measure, as in AES17; add 3.01 dB to an RMS in dBFS to get it.

The phase of partial n is n times that of partial 1, or with inharmonicity B that times
sqrt((1 + B n^2) / (1 + B)); with vibrato of v Hz and d cents the frequency is
f 2^(d/1200 sin 2 pi v t): d cents up and d cents down. The mean pitch stays, the mean in Hz rises: by 6
cents at a depth of 200 cents, by 52 at 600 (`syngen.dsp.modulation.vibrato_mean`). With brightness b, in dB
per octave, ``a_n = n^(b/6.0206)`` on the timbre's set of partials. The envelope E is silence until onset, a
raised-cosine attack, an exponential decay in dB per second, a tremolo, and a raised-cosine release that
ends with the observation. w is bounded noise of unit RMS over the whole observation, onset or not; it
follows amplitude. Pink noise has unit RMS in each observation, and no offset.

With ``antialias: false`` the ideal waveforms of ``scipy.signal`` are sampled as they are, alias and all
(the sawtooth rises and the triangle starts at its trough; the band-limited ones are sums of sines, so
the sawtooth falls and the triangle starts at zero). ``time_axis: published`` spaces the samples as the
SynTone generator of Brima et al. does: ``linspace(0, duration, n)`` with its end point, which is 62.5 ppm
sharp for one second at 16 kHz.

References
----------
AES17-2020: "AES standard method for digital audio engineering: Measurement of digital audio equipment"
(0 dBFS is the level of a sine whose peak is full scale).
Brima, Krumnack, Pika, Heidemann: "Learning Disentangled Audio Representations through Controlled
Synthesis", 2024 (arXiv 2402.10547), and the generator published with it. Fletcher, Blackham, Stratton:
"Quality of piano tones", JASA 34 (1962) (inharmonicity).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.noise import pink_noise, white_noise
from syngen.dsp.power import root_mean_square
from syngen.errors import EngineError
from syngen.synth.plugin import FactorSpec, Renderer, SettingSpec, Synthesizer
from syngen.synth.request import Request
from syngen.synth.tone.checks import partial_limit, tone_issues
from syngen.synth.tone.levels import (
    AMPLITUDE_UNITS,
    ENVELOPE_FACTORS,
    SHAPING_FACTORS,
    gain_of_amplitude,
    gain_over_time,
)
from syngen.synth.tone.timbres import timbres
from syngen.synth.tone.waves import ByteLRUCache, Tone, ToneWaves, Wave, seconds_per_sample
from syngen.units import decibels_to_gain

if TYPE_CHECKING:
    from syngen._typing import FloatArray, Json, ValueMapping
    from syngen.errors import Issue
    from syngen.seeding import Stream
    from syngen.synth.trajectories import Moments, Trajectory

__all__ = ["ToneSynthesizer"]

_WAVE_BYTES = 256 << 20
_ENVELOPE_BYTES = 64 << 20
_WAVE_FACTORS = (
    "frequency",
    "phase",
    "brightness",
    "inharmonicity",
    "vibrato_rate",
    "vibrato_depth",
)


class ToneSynthesizer(Synthesizer):
    """Tones with exact factors; see the module's docstring for the formula."""

    name = "tone"
    version = "2"
    needs_worker = False
    factors = (
        FactorSpec(
            "timbre",
            choices=timbres,
            kind="nominal",
            default="sine",
            summary="which partials the tone has, and how strong they are",
        ),
        FactorSpec(
            "amplitude",
            units=AMPLITUDE_UNITS,
            default=0.5,
            summary="peak or RMS, as level says; 0 dBFS is 1.0, 0 dBFS (sine) that of a sine of peak 1.0",
        ),
        FactorSpec(
            "frequency",
            units={"Hz": (0.001, None)},
            summary="frequency of the first partial",
        ),
        FactorSpec(
            "phase",
            units={"cycles": (-1.0, 1.0)},
            default=0.0,
            summary="phase of the first partial at the first sample; partial n starts at n times it",
        ),
        FactorSpec(
            "brightness",
            units={"dB/octave": (-60.0, 6.0)},
            is_optional=True,
            summary="spectral tilt of the timbre's set of partials, instead of its own amplitudes",
        ),
        FactorSpec(
            "inharmonicity",
            units={"": (0.0, 0.1)},
            default=0.0,
            summary="coefficient B of a stiff string: partial n at n sqrt((1 + B n^2) / (1 + B))",
        ),
        FactorSpec(
            "vibrato_rate",
            units={"Hz": (0.1, 50.0)},
            default=6.0,
            summary="swings of the frequency per second",
        ),
        FactorSpec(
            "vibrato_depth",
            units={"cents": (0.0, 1200.0)},
            default=0.0,
            summary="largest deviation of the frequency, as many cents down as up",
        ),
        FactorSpec("onset", units={"s": (0.0, 600.0)}, default=0.0, summary="silence before the sound"),
        FactorSpec(
            "attack", units={"s": (0.0, 600.0)}, default=0.0, summary="length of the raised-cosine rise"
        ),
        FactorSpec(
            "decay",
            units={"dB/s": (0.0, 1000.0)},
            default=0.0,
            summary="fall of the level from the onset",
        ),
        FactorSpec(
            "release",
            units={"s": (0.0, 600.0)},
            default=0.0,
            summary="length of the raised-cosine fall at the end",
        ),
        FactorSpec(
            "tremolo_rate",
            units={"Hz": (0.1, 50.0)},
            default=4.0,
            summary="swings of the level per second",
        ),
        FactorSpec(
            "tremolo_depth",
            units={"dB": (0.0, 60.0)},
            default=0.0,
            summary="how far the level swings down",
        ),
        FactorSpec(
            "snr",
            units={"dB": (-20.0, 120.0)},
            is_optional=True,
            summary="RMS of the stationary tone over RMS of the noise; without it there is no noise",
        ),
    )
    settings = (
        SettingSpec("antialias", True, summary="leave out partials at and above half the sampling rate"),
        SettingSpec(
            "level",
            "peak",
            choices=("peak", "rms", "observation_rms"),
            summary="what amplitude means: peak or RMS of the stationary tone, or RMS of the observation",
        ),
        SettingSpec("noise", "white", choices=("white", "pink"), summary="color of the noise"),
        SettingSpec(
            "partial_limit",
            0.0,
            bounds=(0.0, None),
            summary="leave out partials at and above this frequency in Hz; 0: half the sampling rate",
        ),
        SettingSpec(
            "time_axis",
            "exact",
            choices=("exact", "published"),
            summary="n / sample_rate, or linspace(0, duration, n) with its end point",
        ),
    )

    def check(self, request: Request) -> Iterable[Issue]:
        """Return frequencies, vibratos and levels that cannot be rendered."""
        return tone_issues(request)

    def identity(self, request: Request) -> Json:
        """Return the versions of the timbres used, which other packages may change."""
        names = request.parameters["timbre"].values
        return {"timbres": {str(name): timbres()[str(name)].version for name in sorted(map(str, names))}}

    def trajectories(self, request: Request, moments: Moments) -> Mapping[str, Trajectory]:
        """Return ``f0``, ``gain`` and ``brightness``; see `syngen.synth.tone.trajectories`."""
        from syngen.synth.tone.trajectories import tone_trajectories

        amplitude = _ToneRenderer(request).amplitude(moments.values, moments.streams)
        gain = np.multiply(gain_over_time(request.audio, moments.values), amplitude)
        return tone_trajectories(request, moments, gain)

    def median_f0(self, request: Request, values: ValueMapping) -> float | None:
        """Return the frequency without its vibrato, as a file of the recipe's sampling rate plays it."""
        played = float(seconds_per_sample(request)) * request.audio.sample_rate
        return float(values["frequency"]) * played

    def prepare(self, request: Request) -> Renderer:
        """Return a renderer that keeps waves and envelopes which other observations share."""
        return _ToneRenderer(request)


class _ToneRenderer:
    """Renders tones of one request."""

    def __init__(self, request: Request) -> None:
        self._audio = request.audio
        waves = ToneWaves(request, partial_limit(request))
        self._wave = waves.band_limited if request.settings["antialias"] else waves.naive
        self._gain = lru_cache(maxsize=4096)(partial(gain_of_amplitude, request))
        self._is_of_observation = request.settings["level"] == "observation_rms"
        self._toned = itemgetter("timbre", *(name for name in _WAVE_FACTORS if name != "brightness"))
        self._shaping = itemgetter(*SHAPING_FACTORS)
        self._is_shaped = any(any(request.parameters[name].values) for name in SHAPING_FACTORS)
        self._noise = pink_noise if request.settings["noise"] == "pink" else white_noise
        self._waves: ByteLRUCache[Wave] = ByteLRUCache(
            0 if _varies_freely(request, _WAVE_FACTORS) else _WAVE_BYTES
        )
        self._envelopes: ByteLRUCache[FloatArray] = ByteLRUCache(
            0 if _varies_freely(request, ENVELOPE_FACTORS) else _ENVELOPE_BYTES
        )

    def __call__(self, values: ValueMapping, streams: Callable[[str], Stream]) -> FloatArray:
        gain = self._gain(float(values["amplitude"]))
        if not self._is_of_observation:
            return self._sounding(values, streams, gain)
        y = self._sounding(values, streams, 1.0)
        return np.multiply(y, _scale_to(gain, y), out=y)

    def amplitude(self, values: ValueMapping, streams: Callable[[str], Stream]) -> float:
        """Return the peak or RMS that the stationary tone has in an observation, full scale being 1."""
        gain = self._gain(float(values["amplitude"]))
        return _scale_to(gain, self._sounding(values, streams, 1.0)) if self._is_of_observation else gain

    def _sounding(self, values: ValueMapping, streams: Callable[[str], Stream], gain: float) -> FloatArray:
        """Return tone, envelope and noise, the stationary tone having an amplitude of `gain`."""
        tone = _tone(values.get("brightness"), *self._toned(values))
        wave = self._waves.get(tone, partial(self._wave, tone))
        y = np.multiply(wave.samples, gain)
        if self._is_shaped and any(self._shaping(values)):
            np.multiply(y, self._envelope(values), out=y)
        if "snr" in values:
            noise_gain = gain * wave.rms * decibels_to_gain(-float(values["snr"]))
            noise = self._noise(streams("noise"), self._audio.n_samples)
            np.multiply(noise, noise_gain, out=noise)
            np.add(y, noise, out=y)
        return y

    def _envelope(self, values: ValueMapping) -> FloatArray:
        *shape, depth, rate = (float(values[name]) for name in ENVELOPE_FACTORS)
        key = *shape, depth, rate if depth else 0.0
        return self._envelopes.get(key, partial(gain_over_time, self._audio, values))


def _scale_to(rms: float, waveform: FloatArray) -> float:
    """Return what brings a waveform to an RMS."""
    if rms == 0.0:
        return 0.0
    found = root_mean_square(waveform)
    if found == 0.0:
        raise EngineError("the observation is silent: level: observation_rms cannot bring it to a level")
    return rms / found


@lru_cache(maxsize=1 << 14)
def _tone(
    brightness: float | None,
    timbre: str,
    frequency: float,
    phase: float,
    inharmonicity: float,
    vibrato_rate: float,
    vibrato_depth: float,
) -> Tone:
    return Tone(
        timbre=timbre,
        frequency=float(frequency),
        phase=float(phase),
        brightness=None if brightness is None else float(brightness),
        inharmonicity=float(inharmonicity),
        # without depth no rate is heard: one wave for all of them
        vibrato_rate=float(vibrato_rate) if vibrato_depth else 0.0,
        vibrato_depth=float(vibrato_depth),
    )


def _varies_freely(request: Request, names: tuple[str, ...]) -> bool:
    """Whether some factor takes any number of an interval, so that hardly two observations share it."""
    return any(name in request.parameters and request.parameters[name].is_interval for name in names)
