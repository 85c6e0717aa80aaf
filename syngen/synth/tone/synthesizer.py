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
    for every timbre; 0 dBFS is an RMS of 1.

The phase of partial n is n times that of partial 1, or with inharmonicity B that times
sqrt((1 + B n^2) / (1 + B)); with vibrato of v Hz and d cents the frequency is
f (1 + (2^(d/1200) - 1) sin 2 pi v t). With brightness b, in dB per octave, ``a_n = n^(b/6.0206)`` on the
timbre's set of partials. The envelope E is silence until onset, a raised-cosine attack, an exponential
decay in dB per second, a tremolo, and a raised-cosine release that ends with the observation. w is bounded
noise of unit RMS over the whole observation, onset or not; it follows amplitude.

With ``antialias: false`` the ideal waveforms of ``scipy.signal`` are sampled as they are, alias and all
(the sawtooth rises and the triangle starts at its trough; the band-limited ones are sums of sines, so
the sawtooth falls and the triangle starts at zero). ``time_axis: published`` spaces the samples as the
SynTone generator of Brima et al. does: ``linspace(0, duration, n)`` with its end point, which is 62.5 ppm
sharp for one second at 16 kHz.

References
----------
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

from syngen.dsp.envelopes import envelope, tremolo
from syngen.dsp.noise import pink_noise, white_noise
from syngen.synth.plugin import FactorSpec, Renderer, SettingSpec, Synthesizer
from syngen.synth.request import Request
from syngen.synth.tone.checks import partial_limit, tone_issues
from syngen.synth.tone.timbres import timbres
from syngen.synth.tone.waves import ByteLRUCache, Tone, ToneWaves, Wave
from syngen.units import decibels_to_gain

if TYPE_CHECKING:
    from syngen._typing import FloatArray, Json, ValueMapping
    from syngen.errors import Issue
    from syngen.seeding import Stream
    from syngen.synth.request import Audio
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
_SHAPING_FACTORS = ("onset", "attack", "decay", "release", "tremolo_depth")
_ENVELOPE_FACTORS = ("onset", "attack", "decay", "release", "tremolo_rate", "tremolo_depth")


class ToneSynthesizer(Synthesizer):
    """Tones with exact factors; see the module's docstring for the formula."""

    name = "tone"
    version = "1"
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
            units={"": (0.0, 1.0), "dBFS": (-120.0, 0.0)},
            default=0.5,
            summary="peak or RMS, as the setting level says; full scale is 1.0 or 0 dBFS",
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
            summary="largest deviation of the frequency upwards",
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
        SettingSpec("level", "peak", choices=("peak", "rms"), summary="what amplitude means"),
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

        return tone_trajectories(request, moments, _gain_over_time(request.audio, moments.values))

    def prepare(self, request: Request) -> Renderer:
        """Return a renderer that keeps waves and envelopes which other observations share."""
        return _ToneRenderer(request)


class _ToneRenderer:
    """Renders tones of one request."""

    def __init__(self, request: Request) -> None:
        self._audio = request.audio
        waves = ToneWaves(request, partial_limit(request))
        self._wave = waves.band_limited if request.settings["antialias"] else waves.naive
        self._gain = decibels_to_gain if request.parameters["amplitude"].unit == "dBFS" else float
        self._toned = itemgetter("timbre", *(name for name in _WAVE_FACTORS if name != "brightness"))
        self._shaping = itemgetter(*_SHAPING_FACTORS)
        self._is_shaped = any(any(request.parameters[name].values) for name in _SHAPING_FACTORS)
        self._noise = pink_noise if request.settings["noise"] == "pink" else white_noise
        self._waves: ByteLRUCache[Wave] = ByteLRUCache(
            0 if _varies_freely(request, _WAVE_FACTORS) else _WAVE_BYTES
        )
        self._envelopes: ByteLRUCache[FloatArray] = ByteLRUCache(
            0 if _varies_freely(request, _ENVELOPE_FACTORS) else _ENVELOPE_BYTES
        )

    def __call__(self, values: ValueMapping, streams: Callable[[str], Stream]) -> FloatArray:
        tone = _tone(values.get("brightness"), *self._toned(values))
        gain = self._gain(float(values["amplitude"]))
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
        onset, attack, decay, release, rate, depth = (float(values[n]) for n in _ENVELOPE_FACTORS)
        key = onset, attack, decay, release, rate if depth else 0.0, depth
        return self._envelopes.get(key, partial(_gain_over_time, self._audio, values))


def _gain_over_time(audio: Audio, values: ValueMapping) -> FloatArray:
    """Return what a tone of constant level is multiplied by, sample by sample."""
    onset, attack, decay, release, rate, depth = (float(values[n]) for n in _ENVELOPE_FACTORS)
    n_samples, sample_rate = audio.n_samples, audio.sample_rate
    gain = envelope(n_samples, sample_rate, onset=onset, attack=attack, decay=decay, release=release)
    if depth:
        swing = tremolo(n_samples, sample_rate, rate=rate, depth=decibels_to_gain(-depth))
        np.multiply(gain, swing, out=gain)
    return gain


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
