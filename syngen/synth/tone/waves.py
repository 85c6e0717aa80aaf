"""Waves of the tone synthesizer: stationary tones, before envelope, level and noise."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from syngen.dsp.inharmonic import count_stretched, modulated_partials, static_partials, stretch
from syngen.dsp.modulation import cycles_to_phase, swing_angles, vibrato_mean, vibrato_seconds
from syngen.dsp.oscillators import (
    PeriodTable,
    count_partials,
    phase_increment,
    phase_of,
    phase_ramp,
)
from syngen.elementary import TAU
from syngen.errors import EngineError
from syngen.synth.tone.timbres import Timbre, timbres
from syngen.units import power

if TYPE_CHECKING:
    from syngen._typing import FloatArray, UIntArray
    from syngen.synth.request import Request

__all__ = [
    "ByteLRUCache",
    "Tone",
    "ToneWaves",
    "Wave",
    "partials_of",
    "period_table",
    "seconds_per_sample",
]

_TABLE_BYTES = 64 << 20
_DB_PER_OCTAVE = 6.020599913279624  # 20 log10(2): a tilt of one power of n
_CURVES = 64
_ANGLES = 8


class Tone(NamedTuple):
    """What decides a stationary tone. A tuple, because it is a key that every observation looks up.

    Attributes
    ----------
    timbre : str
    frequency : float
        In Hz.
    phase : float
        In cycles.
    brightness : float or None
        Tilt in dB per octave; None for the timbre's own amplitudes.
    inharmonicity : float
        Coefficient B.
    vibrato_rate, vibrato_depth : float
        In Hz and in cents.
    """

    timbre: str
    frequency: float
    phase: float = 0.0
    brightness: float | None = None
    inharmonicity: float = 0.0
    vibrato_rate: float = 0.0
    vibrato_depth: float = 0.0


@dataclass(frozen=True)
class Wave:
    """A stationary tone of amplitude 1.

    Attributes
    ----------
    samples : ndarray of float64, shape (n_samples,)
        Of peak 1 or RMS 1, as the setting level says.
    rms : float
        RMS of the tone, by analysis.
    """

    samples: FloatArray
    rms: float

    @property
    def nbytes(self) -> int:
        """Size of the samples."""
        return self.samples.nbytes


class _HasSize(Protocol):
    @property
    def nbytes(self) -> int: ...


Item = TypeVar("Item", bound=_HasSize)


class ByteLRUCache(Generic[Item]):
    """Items kept by key while they fit into a number of bytes, the longest unused leaving first.

    Parameters
    ----------
    max_bytes : int
        0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._items: OrderedDict[object, Item] = OrderedDict()

    def get(self, key: object, make: Callable[[], Item]) -> Item:
        """Return the item of a key, made if it is not there. Not to be written to."""
        item = self._items.get(key)
        if item is not None:
            self._items.move_to_end(key)
            return item
        item = make()
        if item.nbytes <= self._max_bytes:
            self._items[key] = item
            self._n_bytes += item.nbytes
            while self._n_bytes > self._max_bytes:
                self._n_bytes -= self._items.popitem(last=False)[1].nbytes
        return item


_TABLES: OrderedDict[tuple[Timbre, int, float | None], tuple[PeriodTable, float]] = OrderedDict()


def partials_of(timbre: Timbre, n_max: int, brightness: float | None) -> tuple[list[int], list[float]]:
    """Return numbers and amplitudes of a timbre's partials up to `n_max`.

    With a brightness only the timbre's set of partials counts: amplitudes are
    ``n ** (brightness / 6.0206)``, a straight spectral tilt.
    """
    numbers, amplitudes = timbre.partials(n_max)
    if brightness is not None:
        amplitudes = [power(float(n), brightness / _DB_PER_OCTAVE) for n in numbers]
    return numbers, amplitudes


def period_table(timbre: Timbre, n_max: int, brightness: float | None = None) -> tuple[PeriodTable, float]:
    """Return the table of a timbre with partials up to `n_max`, and the RMS of the sum.

    The RMS comes from the amplitudes: ``sqrt(sum a_n^2 / 2)``, the sum rounded once.
    """
    key = timbre, min(n_max, timbre.highest or n_max), brightness
    if key not in _TABLES:
        numbers, amplitudes = partials_of(timbre, n_max, brightness)
        _TABLES[key] = PeriodTable(numbers, amplitudes), partial_rms(tuple(amplitudes))
        n_bytes = math.fsum(table.n_bytes for table, _ in _TABLES.values())
        while n_bytes > _TABLE_BYTES and len(_TABLES) > 1:
            n_bytes -= _TABLES.popitem(last=False)[1][0].n_bytes
    _TABLES.move_to_end(key)
    return _TABLES[key]


@lru_cache(maxsize=4096)
def partial_rms(amplitudes: tuple[float, ...]) -> float:
    """Return the RMS of a sum of sines of different frequencies."""
    return math.sqrt(math.fsum(a * a for a in amplitudes) / 2.0)


def seconds_per_sample(request: Request) -> Fraction:
    """Return the time between two samples that the setting ``time_axis`` asks for."""
    audio = request.audio
    if request.settings["time_axis"] == "published":
        return Fraction(audio.duration or 0.0) / (audio.n_samples - 1)
    return Fraction(1, audio.sample_rate)


def _mean_frequency(tone: Tone) -> float:
    """Return the mean frequency of partial 1 in Hz, which vibrato raises."""
    return tone.frequency * vibrato_mean(tone.vibrato_depth) if tone.vibrato_depth else tone.frequency


class ToneWaves:
    """Stationary tones of one request.

    Parameters
    ----------
    request : Request
    partial_limit : float
        No partial at or above this frequency in Hz.
    """

    def __init__(self, request: Request, partial_limit: float) -> None:
        audio, settings = request.audio, request.settings
        self._n_samples = audio.n_samples
        self._limit = partial_limit
        self._is_rms = settings["level"] != "peak"
        self._is_published = settings["time_axis"] == "published"
        self._step_s = seconds_per_sample(request)
        self._seconds: FloatArray = np.multiply(np.arange(audio.n_samples), float(self._step_s))
        if self._is_published:
            self._seconds[-1] = audio.duration or 0.0  # as numpy.linspace does
        rate, depth = (request.parameters[name] for name in ("vibrato_rate", "vibrato_depth"))
        # what hardly two observations share is not kept: seconds of phase by rate and depth
        n_curves = 0 if rate.is_interval or depth.is_interval else _CURVES
        n_angles = 0 if rate.is_interval else _ANGLES
        self._curves: ByteLRUCache[FloatArray] = ByteLRUCache(n_curves * self._seconds.nbytes)
        self._angles: ByteLRUCache[FloatArray] = ByteLRUCache(n_angles * 2 * self._seconds.nbytes)

    def band_limited(self, tone: Tone) -> Wave:
        """Return the sum of a tone's partials below the limit."""
        if tone.inharmonicity:
            return self._stretched(tone)
        n_max = count_partials(tone.frequency, self._limit)
        table, rms = period_table(timbres()[tone.timbre], n_max, tone.brightness)
        wave = table(self._phases(tone))
        norm = rms if self._is_rms else table.peak
        np.multiply(wave, 1.0 / norm, out=wave)
        return Wave(wave, rms / norm)

    def naive(self, tone: Tone) -> Wave:
        """Return the ideal waveform of a timbre, sampled as it is."""
        timbre = timbres()[tone.timbre]
        if timbre.naive is None:
            raise EngineError(f"timbre {tone.timbre!r} has no ideal waveform; set antialias: true")
        if self._is_published:
            # in radians and in this order, so that jumps fall where the published generator's do
            angle = np.add(np.multiply(self._seconds, TAU * _mean_frequency(tone)), TAU * tone.phase)
            if tone.vibrato_depth:
                angle = np.add(angle, np.multiply(self._vibrato_cycles(tone), TAU))
            position, period = np.fmod(angle, TAU), TAU
            position = np.where(position < 0.0, position + TAU, position)
        else:
            cycles = (self._phases(tone) >> np.uint64(11)).astype(np.float64)
            position, period = np.multiply(cycles, 2.0**-53), 1.0
        wave = timbre.naive(position, period)
        if self._is_rms:
            return Wave(np.divide(wave, timbre.naive_rms), 1.0)
        return Wave(wave, timbre.naive_rms)

    def _phases(self, tone: Tone) -> UIntArray:
        """Return the phase of partial 1 at each sample; 2**64 is one cycle."""
        increment = phase_increment(_mean_frequency(tone), self._step_s)
        ramp = phase_ramp(increment, phase_of(tone.phase), self._n_samples)
        if tone.vibrato_depth:
            ramp += cycles_to_phase(self._vibrato_curve(tone), tone.frequency)
        return ramp

    def _vibrato_cycles(self, tone: Tone) -> FloatArray:
        """Return what vibrato adds to the phase beside the rise of the mean frequency, in cycles."""
        return np.multiply(self._vibrato_curve(tone), tone.frequency)

    def _vibrato_curve(self, tone: Tone) -> FloatArray:
        """Return what `_vibrato_cycles` is over the frequency, in seconds."""
        rate, depth = tone.vibrato_rate, tone.vibrato_depth
        return self._curves.get((rate, depth), partial(self._vibrato_seconds, rate, depth))

    def _vibrato_seconds(self, rate: float, depth: float) -> FloatArray:
        per_sample = rate * float(self._step_s)
        angles = self._angles.get(
            rate, partial(swing_angles, self._n_samples, cycles_per_sample=per_sample)
        )
        return vibrato_seconds(angles, rate=rate, depth=depth)

    def _stretched(self, tone: Tone) -> Wave:
        n_max = count_stretched(tone.frequency, self._limit, tone.inharmonicity)
        numbers, amplitudes = partials_of(timbres()[tone.timbre], n_max, tone.brightness)
        rms = partial_rms(tuple(amplitudes))
        # partials of unrelated frequencies meet sooner or later: their sum is the peak
        norm = rms if self._is_rms else math.fsum(map(abs, amplitudes))
        weights = [a / norm for a in amplitudes]
        ratios = [stretch(n, tone.inharmonicity) for n in numbers]
        if tone.vibrato_depth:
            cycles = np.multiply(self._seconds, _mean_frequency(tone))
            np.add(cycles, self._vibrato_cycles(tone), out=cycles)
            starts = [math.fmod(n * tone.phase, 1.0) for n in numbers]
            return Wave(modulated_partials(cycles, ratios, starts, weights), rms / norm)
        start = phase_of(tone.phase)
        wave = static_partials(
            [phase_increment(ratio * tone.frequency, self._step_s) for ratio in ratios],
            [(n * start) & (2**64 - 1) for n in numbers],
            weights,
            self._n_samples,
        )
        return Wave(wave, rms / norm)
