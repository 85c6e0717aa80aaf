"""The tone synthesizer: one steady tone of a timbre, a level, a frequency and a phase.

    y(t) = A sum_n a_n sin(2 pi n (f t + phase)) / norm

``a_n`` are the partials of the timbre (`syngen.synth.timbres`), left out at and above half the sampling
rate, and ``norm`` is what ``level`` says:

``peak``
    the largest absolute value of the sum over a whole period, so that ``amplitude`` is the peak of the
    waveform in continuous time. It is found in the oscillator's table by solving for the extrema of each
    cell, never from rendered samples, which would miss it by an amount that depends on the frequency.
``rms``
    ``sqrt(sum a_n^2 / 2)``, so that ``amplitude`` is the root mean square of the stationary tone, the same
    for every timbre; 0 dBFS is an RMS of 1.

With ``antialias: false`` the ideal waveforms of ``scipy.signal`` are sampled as they are, alias and all
(the sawtooth rises and the triangle starts at its trough; the band-limited ones are sums of sines, so
the sawtooth falls and the triangle starts at zero). ``time_axis: published`` spaces the samples as the
SynTone generator of Brima et al. does: ``linspace(0, duration, n)`` with its end point, which is 62.5 ppm
flat for one second at 16 kHz.

References
----------
Brima, Krumnack, Pika, Heidemann: "Learning Disentangled Audio Representations through Controlled
Synthesis", 2024 (arXiv 2402.10547), and the generator published with it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.oscillators import (
    MAX_PARTIALS,
    PeriodTable,
    count_partials,
    phase_increment,
    phase_of,
    phase_ramp,
)
from syngen.elementary import TAU, log2
from syngen.errors import EngineError, Issue
from syngen.synth.base import FactorSpec, Renderer, Request, SettingSpec, Synthesizer
from syngen.synth.timbres import Timbre, timbres
from syngen.units import decibels_to_gain

if TYPE_CHECKING:
    from syngen._typing import FloatArray, Json, ValueMapping
    from syngen.seeding import Stream
    from syngen.synth.base import Audio, Parameter

__all__ = ["ToneSynthesizer"]

_TABLE_BYTES = 64 << 20
_WAVE_BYTES = 256 << 20
# sum of squared partial counts up to which every table is examined: about a second of work
_EXACT_WORK = 10_000_000
_STEP = 2.0**-15


class ToneSynthesizer(Synthesizer):
    """Steady tones with exact factors; see the module's docstring for the formula."""

    name = "tone"
    version = "1"
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
    )
    settings = (
        SettingSpec("antialias", True, summary="leave out partials at and above half the sampling rate"),
        SettingSpec("level", "peak", choices=("peak", "rms"), summary="what amplitude means"),
        SettingSpec(
            "time_axis",
            "exact",
            choices=("exact", "published"),
            summary="n / sample_rate, or linspace(0, duration, n) with its end point",
        ),
    )

    def check(self, request: Request) -> Iterable[Issue]:
        """Return frequencies that cannot be rendered, and levels that would clip."""
        if request.audio.duration is None:
            yield Issue(("audio",), "tones need audio.duration, in seconds")
            return
        if request.settings["time_axis"] == "published" and request.audio.n_samples < 2:
            yield Issue(("audio",), "time_axis: published needs at least two samples")
        problems = list(_frequency_issues(request))
        yield from problems
        if not request.settings["antialias"]:
            yield from _naive_issues(request)
        elif not problems and request.settings["level"] == "rms":
            yield from _clipping_issues(request)

    def identity(self, request: Request) -> Json:
        """Return the versions of the timbres used, which other packages may change."""
        names = request.parameters["timbre"].values
        return {"timbres": {str(name): timbres()[str(name)].version for name in sorted(map(str, names))}}

    def prepare(self, request: Request) -> Renderer:
        """Return a renderer that keeps unit waves which other observations share."""
        unit_wave = _band_limited(request) if request.settings["antialias"] else _naive(request)
        gain = decibels_to_gain if request.parameters["amplitude"].unit == "dBFS" else float
        shares_waves = not any(request.parameters[name].is_interval for name in ("frequency", "phase"))
        waves = _Kept(_WAVE_BYTES if shares_waves else 0)

        def render(values: ValueMapping, streams: Callable[[str], Stream]) -> FloatArray:
            key = str(values["timbre"]), float(values["frequency"]), float(values["phase"])
            wave = waves.get(key, lambda: unit_wave(*key))
            return np.multiply(wave, gain(float(values["amplitude"])))

        return render


class _Kept:
    """Arrays kept by key while they fit into a number of bytes, the longest unused leaving first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._arrays: OrderedDict[object, FloatArray] = OrderedDict()

    def get(self, key: object, make: Callable[[], FloatArray]) -> FloatArray:
        array = self._arrays.get(key)
        if array is not None:
            self._arrays.move_to_end(key)
            return array
        array = make()
        if array.nbytes <= self._max_bytes:
            self._arrays[key] = array
            self._n_bytes += array.nbytes
            while self._n_bytes > self._max_bytes:
                self._n_bytes -= self._arrays.popitem(last=False)[1].nbytes
        return array


def _step_s(audio: Audio, time_axis: object) -> Fraction:
    """Time from one sample to the next, in seconds, exact."""
    if time_axis == "published":
        return Fraction(audio.duration or 0.0) / (audio.n_samples - 1)
    return Fraction(1, audio.sample_rate)


def _band_limited(request: Request) -> Callable[[str, float, float], FloatArray]:
    audio = request.audio
    step_s = _step_s(audio, request.settings["time_axis"])
    is_rms = request.settings["level"] == "rms"

    def unit_wave(name: str, frequency: float, phase: float) -> FloatArray:
        timbre = timbres()[name]
        table, rms = period_table(timbre, count_partials(frequency, audio.sample_rate / 2.0))
        ramp = phase_ramp(phase_increment(frequency, step_s), phase_of(phase), audio.n_samples)
        wave = table(ramp)
        np.multiply(wave, 1.0 / (rms if is_rms else table.peak), out=wave)
        return wave

    return unit_wave


def _naive(request: Request) -> Callable[[str, float, float], FloatArray]:
    audio = request.audio
    is_published = request.settings["time_axis"] == "published"
    is_rms = request.settings["level"] == "rms"
    step_s = _step_s(audio, request.settings["time_axis"])
    seconds = np.arange(audio.n_samples) * float(step_s)
    if is_published:
        seconds[-1] = audio.duration or 0.0  # as numpy.linspace does

    def unit_wave(name: str, frequency: float, phase: float) -> FloatArray:
        timbre = timbres()[name]
        if is_published:
            # in radians and in this order, so that jumps fall where the published generator's do
            angle = np.add(np.multiply(seconds, TAU * frequency), TAU * phase)
            position, period = np.fmod(angle, TAU), TAU
            position = np.where(position < 0.0, position + TAU, position)
        else:
            ramp = phase_ramp(phase_increment(frequency, step_s), phase_of(phase), audio.n_samples)
            position, period = (ramp >> np.uint64(11)) * 2.0**-53, 1.0
        if timbre.naive is None:
            raise EngineError(f"timbre {name!r} has no ideal waveform; set antialias: true")
        wave = timbre.naive(position, period)
        return np.divide(wave, timbre.naive_rms) if is_rms else wave

    return unit_wave


_TABLES: OrderedDict[tuple[Timbre, int], tuple[PeriodTable, float]] = OrderedDict()


def period_table(timbre: Timbre, n_max: int) -> tuple[PeriodTable, float]:
    """Return the table of a timbre with partials up to `n_max`, and the RMS of the sum.

    The RMS comes from the amplitudes: ``sqrt(sum a_n^2 / 2)``, the sum rounded once.
    """
    key = timbre, min(n_max, timbre.highest or n_max)
    if key not in _TABLES:
        numbers, amplitudes = timbre.partials(n_max)
        _TABLES[key] = PeriodTable(numbers, amplitudes), partial_rms(tuple(amplitudes))
        n_bytes = math.fsum(table.n_bytes for table, _ in _TABLES.values())
        while n_bytes > _TABLE_BYTES and len(_TABLES) > 1:
            n_bytes -= _TABLES.popitem(last=False)[1][0].n_bytes
    _TABLES.move_to_end(key)
    return _TABLES[key]


@lru_cache(maxsize=4096)
def partial_rms(amplitudes: tuple[float, ...]) -> float:
    """Return the RMS of a sum of sines of different whole frequencies."""
    return math.sqrt(math.fsum(a * a for a in amplitudes) / 2.0)


def _frequency_issues(request: Request) -> Iterator[Issue]:
    frequency = request.parameters["frequency"]
    nyquist = request.audio.sample_rate / 2.0
    antialias = bool(request.settings["antialias"])
    lowest = nyquist / (MAX_PARTIALS + 1)
    is_rich = any(timbres()[str(n)].highest is None for n in request.parameters["timbre"].values)
    for value in frequency.values:
        f = float(value)
        if f > nyquist or (antialias and f == nyquist):
            relation = "at or above" if antialias else "above"
            yield frequency.issue(
                f"frequency {f:g} Hz is {relation} half the sampling rate, {nyquist:g} Hz", value
            )
        elif antialias and is_rich and f < lowest:
            yield frequency.issue(
                f"frequency {f:g} Hz has more than {MAX_PARTIALS} partials below {nyquist:g} Hz; "
                f"{lowest:.4g} Hz is the lowest possible here, or set antialias: false",
                value,
            )


def _naive_issues(request: Request) -> Iterator[Issue]:
    names = request.parameters["timbre"]
    amplitude = request.parameters["amplitude"]
    for name in names.values:
        timbre = timbres()[str(name)]
        if timbre.naive is None:
            ideal = ", ".join(t.name for t in timbres().values() if t.naive is not None)
            yield names.issue(
                f"timbre {name!r} is a set of partials and has no ideal waveform; "
                f"set antialias: true, or use {ideal}",
                name,
            )
        elif request.settings["level"] == "rms":
            yield from _too_loud(amplitude, 1.0 / timbre.naive_rms, f"a naive {name}")


def _clipping_issues(request: Request) -> Iterator[Issue]:
    """Find the highest crest factor that can occur, and the amplitudes it does not leave room for."""
    worst, where = 0.0, ""
    counts = _partial_counts(request)
    for name in request.parameters["timbre"].values:
        timbre = timbres()[str(name)]
        for n_max, crest in _crests(timbre, counts):
            if crest > worst:
                worst, where = crest, f"{name} with partials up to {n_max}"
    yield from _too_loud(request.parameters["amplitude"], worst, where)


def _partial_counts(request: Request) -> list[int]:
    """Every number of partials that the frequencies of a request leave below Nyquist."""
    frequency = request.parameters["frequency"]
    nyquist = request.audio.sample_rate / 2.0
    counts = {max(1, count_partials(float(f), nyquist)) for f in frequency.values}
    if frequency.is_interval:
        counts = set(range(min(counts), max(counts) + 1))
    return sorted(counts)


def _crests(timbre: Timbre, counts: list[int]) -> Iterator[tuple[int, float]]:
    """Peak over RMS for each number of partials; one bound for all where that is too much work."""
    if timbre.highest is not None:
        counts = sorted({min(count, timbre.highest) for count in counts})
    if sum(count * count for count in counts) <= _EXACT_WORK:
        for count in counts:
            table, rms = period_table(timbre, count)
            yield count, table.peak / rms
        return
    _, most = timbre.partials(counts[-1])
    _, fewest = timbre.partials(counts[0])
    yield counts[-1], math.fsum(abs(a) for a in most) / partial_rms(tuple(fewest))


def _too_loud(amplitude: Parameter, crest: float, where: str) -> Iterator[Issue]:
    is_db = amplitude.unit == "dBFS"
    highest = 1.0 / crest
    shown = f"{float(log2(highest)) * 6.020599913279624 - 0.005:.2f} dBFS" if is_db else f"{highest:.4f}"
    for value in amplitude.values:
        gain = decibels_to_gain(float(value)) if is_db else float(value)
        if gain * crest > 1.0 + _STEP:
            yield amplitude.issue(
                f"amplitude {value:g}{' dBFS' if is_db else ''} clips: {where} peaks at {crest:.4g} "
                f"times its RMS; at most {shown} is possible with level: rms",
                value,
            )
