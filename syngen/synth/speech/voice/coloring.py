"""From the clean speech of an engine to that of a speaker in a style, in a room.

In this order: whisper, saturation, breath noise, tremor, room tone, then the filters of style and speaker,
then the level. Room tone comes before the filters, so that everything after it is linear and the noise
has the color of the voice. Between the steps the active level is brought to a fixed value, from sums of
whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.active_level import active_rms
from syngen.dsp.filters import Section, filtered, section, usable_frequency
from syngen.dsp.noise import white_noise
from syngen.dsp.oscillators import PeriodTable, phase_increment, phase_of, phase_ramp
from syngen.dsp.whispering import whispered
from syngen.units import decibels_to_gain

if TYPE_CHECKING:
    from syngen._typing import FloatArray
    from syngen.seeding import Stream
    from syngen.synth.speech.voice.speakers import Resonance
    from syngen.synth.speech.voice.styles import Style

__all__ = ["Coloring"]

_WORKING_RMS = 0.0625  # a power of two: leaves room for the peaks of speech
_TREMOR_HZ = 5.0
_HIGHEST_PEAK = 0.99
_EFFORT = ("high_shelf", 1000.0, 6.0)  # what saturates is mostly above 1 kHz
_AIR_CORNER_HZ = 2500.0
_ENVELOPE_POLE = 0.98  # at 16 kHz


@dataclass(frozen=True)
class Coloring:
    """Turns clean speech into that of a speaker, in styles; keeps nothing but coefficients.

    Parameters
    ----------
    sample_rate : int
    """

    sample_rate: int

    def apply(
        self,
        waveform: FloatArray,
        style: Style,
        *,
        resonances: tuple[Resonance, ...],
        room_tone_db: float,
        streams: Callable[[str], Stream],
    ) -> FloatArray:
        """Color a waveform.

        Parameters
        ----------
        waveform : ndarray of float64, shape (n,)
            Speech. Used as scratch space.
        style : Style
        resonances : tuple of Resonance
            Of the speaker.
        room_tone_db : float
            How far the noise of the room is below active speech.
        streams : callable
            Opens the random stream of a name: ``whisper``, ``air``, ``tremor``, ``room``.

        Returns
        -------
        ndarray of float64, shape (n,)
            Its active RMS is the style's level; lower where its peak would exceed .99. Where nothing is
            said, the room is as quiet as beside speech of that level.
        """
        if style.whisper:
            waveform = whispered(waveform, streams("whisper"), sample_rate=self.sample_rate)
        is_heard = self._normalise(waveform)
        if style.drive:
            waveform = self._saturated(waveform, style.drive)
        if style.air is not None:
            self._add_air(waveform, style.air, streams("air"))
        if style.tremor:
            np.multiply(
                waveform, self._tremor(len(waveform), style.tremor, streams("tremor")), out=waveform
            )
        if style.drive or style.air is not None or style.tremor:
            self._normalise(waveform)
        tone = white_noise(streams("room"), len(waveform))
        np.multiply(tone, _WORKING_RMS * decibels_to_gain(-room_tone_db), out=tone)
        np.add(waveform, tone, out=waveform)
        waveform = filtered(waveform, self._sections(style, resonances))
        rms = active_rms(waveform, sample_rate=self.sample_rate) if is_heard else _WORKING_RMS
        gain = decibels_to_gain(style.level) / rms
        peak = max(-float(waveform.min()), float(waveform.max()))
        np.multiply(waveform, min(gain, _HIGHEST_PEAK / peak), out=waveform)
        return waveform

    def _normalise(self, waveform: FloatArray) -> bool:
        """Bring the active level to the working level; return whether there is anything but silence."""
        rms = active_rms(waveform, sample_rate=self.sample_rate)
        if rms:
            np.multiply(waveform, _WORKING_RMS / rms, out=waveform)
        return rms > 0.0

    def _saturated(self, waveform: FloatArray, drive: float) -> FloatArray:
        """Bend large samples, ``y / sqrt(1 + y^2)``, those of high frequencies more."""
        shape, frequency, gain = _EFFORT
        if not usable_frequency(frequency, self.sample_rate):
            return waveform
        up = section(shape, frequency, gain, sample_rate=self.sample_rate)
        down = section(shape, frequency, -gain, sample_rate=self.sample_rate)
        y = filtered(waveform, [up])
        # as strong as tanh(drive / 4 of the RMS) for small samples: both bend with the cube
        np.multiply(y, drive * 0.25 * 0.8164965809277261 / _WORKING_RMS, out=y)
        bend = np.multiply(y, y)
        np.add(bend, 1.0, out=bend)
        np.sqrt(bend, out=bend)
        np.divide(y, bend, out=y)
        return filtered(y, [down])

    def _add_air(self, waveform: FloatArray, air_db: float, stream: Stream) -> None:
        """Add noise above 2.5 kHz that swells and fades with the voice."""
        if not usable_frequency(_AIR_CORNER_HZ, self.sample_rate):
            return
        noise = white_noise(stream, len(waveform))
        envelope = filtered(np.absolute(waveform), [_follower(self.sample_rate)])
        np.multiply(noise, envelope, out=noise)
        corner = section("high_pass", _AIR_CORNER_HZ, sample_rate=self.sample_rate)
        noise = filtered(noise, [corner])
        np.multiply(noise, 6.0 * decibels_to_gain(air_db), out=noise)
        np.add(waveform, noise, out=waveform)

    def _tremor(self, n_samples: int, depth: float, stream: Stream) -> FloatArray:
        start = float(stream.uniform(1)[0])
        ramp = phase_ramp(
            phase_increment(_TREMOR_HZ, Fraction(1, self.sample_rate)), phase_of(start), n_samples
        )
        swing = _sine()(ramp)
        np.multiply(swing, depth, out=swing)
        np.add(swing, 1.0, out=swing)
        return swing

    def _sections(self, style: Style, resonances: tuple[Resonance, ...]) -> list[Section]:
        rate = self.sample_rate
        found = [
            section(f.shape, f.frequency, f.gain, f.q, sample_rate=rate)
            for f in style.filters
            if usable_frequency(f.frequency, rate)
        ]
        found += [
            section("peak", r.frequency_hz, r.gain_db, r.q, sample_rate=rate)
            for r in resonances
            if usable_frequency(r.frequency_hz, rate)
        ]
        return found


@lru_cache(maxsize=8)
def _follower(sample_rate: int) -> Section:
    """One pole that smooths as .98 does at 16 kHz."""
    pole = 1.0 - (1.0 - _ENVELOPE_POLE) * 16_000.0 / sample_rate
    pole = max(0.0, pole)
    return (1.0 - pole, 0.0, 0.0, 1.0, -pole, 0.0)


@lru_cache(maxsize=1)
def _sine() -> PeriodTable:
    return PeriodTable([1], [1.0])
