"""From the clean speech of an engine to that of a speaker in a style, in a room.

In this order: whisper, saturation, tremor, the filters of style and speaker, silence in the pauses, breath
noise, the level, and last the noise of the room. A pause holds that noise alone, whose level and color the
recipe states and nothing else moves: it tells neither who spoke nor how. Levels are brought to what they
shall be from sums of whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.active_level import active_rms
from syngen.dsp.filters import Section, filtered, section, usable_frequency
from syngen.dsp.level import FULL_SCALE
from syngen.dsp.noise import pink_noise, white_noise
from syngen.dsp.oscillators import PeriodTable, phase_increment, phase_of, phase_ramp
from syngen.dsp.power import absolute_peak, root_mean_square
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
_FAR_BELOW_DB = 30.0  # so far below the speech the noise adds less than .005 dB to its level
_EFFORT = ("high_shelf", 1000.0, 6.0)  # what saturates is mostly above 1 kHz
_AIR_CORNER_HZ = 2500.0
_ENVELOPE_POLE = 0.98  # at 16 kHz
_FADE_OUT_S, _FADE_IN_S = 0.005, 0.001
_LOWEST_NOISE_HZ = 20.0  # of pink noise, which below it would depend on the length of the observation
_SETTLING_S = 0.1
_ROUNDING_POWER = 1.0 / 12.0  # of the error of rounding, in steps


@dataclass(frozen=True)
class Coloring:
    """Turns clean speech into that of a speaker, in styles; keeps nothing but coefficients.

    Parameters
    ----------
    sample_rate : int
    room_tone_color : {"white", "pink"}
        Pink noise falls by 3 dB per octave from 20 Hz on; there is none below.
    """

    sample_rate: int
    room_tone_color: str = "white"

    def apply(
        self,
        waveform: FloatArray,
        style: Style,
        *,
        resonances: tuple[Resonance, ...],
        room_tone_db: float,
        pauses: Sequence[tuple[int, int]],
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
            RMS of the noise of the room in dBFS, that of its rounding to 16 bits included; -86.5 or more.
        pauses : sequence of (int, int)
            First sample of each pause, and the one after its last.
        streams : callable
            Opens the random stream of a name: ``whisper``, ``air``, ``tremor``, ``room``.

        Returns
        -------
        ndarray of float64, shape (n,)
            The active RMS of the speech is the style's level; lower where its peak would exceed .99. In
            pauses there is the noise of the room alone.
        """
        if style.whisper:
            waveform = whispered(waveform, streams("whisper"), sample_rate=self.sample_rate)
        self._normalise(waveform)
        if style.drive:
            waveform = self._saturated(waveform, style.drive)
        if style.tremor:
            np.multiply(
                waveform, self._tremor(len(waveform), style.tremor, streams("tremor")), out=waveform
            )
        sections = self._sections(style, resonances)
        air = None if style.air is None else filtered(self._air(waveform, streams("air")), sections)
        waveform = filtered(waveform, sections)
        self._silence(waveform, pauses)
        if style.air is not None and air is not None:
            self._silence(air, pauses)
            # only here both are as they are heard
            gain = decibels_to_gain(style.air) * root_mean_square(waveform) / (root_mean_square(air) or 1.0)
            np.add(waveform, np.multiply(air, gain, out=air), out=waveform)
        noise = self._room_tone(len(waveform), room_tone_db, streams("room"))
        self._bring_to_level(waveform, style.level, noise)
        if style.level - room_tone_db >= _FAR_BELOW_DB:
            # of frames at the threshold of those that count, the noise decides which do
            self._bring_to_level(waveform, style.level, noise, heard=np.add(waveform, noise))
        np.add(waveform, noise, out=waveform)
        return waveform

    def _bring_to_level(
        self, waveform: FloatArray, level_db: float, noise: FloatArray, *, heard: FloatArray | None = None
    ) -> None:
        """Give what is heard, by default the waveform, an active level that leaves room for the noise."""
        peak = absolute_peak(waveform)
        if peak:
            level = active_rms(waveform if heard is None else heard, sample_rate=self.sample_rate)
            highest = (_HIGHEST_PEAK - absolute_peak(noise)) / peak
            gain = min(decibels_to_gain(level_db) / (level or _WORKING_RMS), highest)
            np.multiply(waveform, gain, out=waveform)

    def _silence(self, waveform: FloatArray, pauses: Sequence[tuple[int, int]]) -> None:
        """Fade out what rings on into pauses, and what comes before their ends."""
        n_out, n_in = (max(1, round(s * self.sample_rate)) for s in (_FADE_OUT_S, _FADE_IN_S))
        falling = np.multiply(np.arange(n_out, 0, -1), 1.0 / (n_out + 1))
        rising = np.multiply(np.arange(1, n_in + 1), 1.0 / (n_in + 1))
        for start, end in pauses:
            before, after = waveform[max(0, start - n_out) : start], waveform[end : end + n_in]
            np.multiply(before, falling[n_out - len(before) :], out=before)
            np.multiply(after, rising[: len(after)], out=after)
            waveform[start:end] = 0.0

    def _room_tone(self, n_samples: int, level_db: float, stream: Stream) -> FloatArray:
        """Return noise whose RMS in 16 bits is the one declared."""
        if self.room_tone_color == "pink":
            n_settling = round(_SETTLING_S * self.sample_rate)
            corner = section("high_pass", _LOWEST_NOISE_HZ, sample_rate=self.sample_rate)
            noise = filtered(pink_noise(stream, n_settling + n_samples), [corner])[n_settling:]
        else:
            noise = white_noise(stream, n_samples)
        steps = FULL_SCALE * decibels_to_gain(level_db)
        gain = math.sqrt(steps * steps - _ROUNDING_POWER) / (FULL_SCALE * (root_mean_square(noise) or 1.0))
        return np.multiply(noise, gain, out=noise)

    def _normalise(self, waveform: FloatArray) -> None:
        """Bring the active level to the working level."""
        level = active_rms(waveform, sample_rate=self.sample_rate)
        if level:
            np.multiply(waveform, _WORKING_RMS / level, out=waveform)

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

    def _air(self, waveform: FloatArray, stream: Stream) -> FloatArray:
        """Return noise above 2.5 kHz that swells and fades with the voice, of any level."""
        noise = white_noise(stream, len(waveform))
        envelope = filtered(np.absolute(waveform), [_follower(self.sample_rate)])
        np.multiply(noise, envelope, out=noise)
        return filtered(noise, [section("high_pass", _AIR_CORNER_HZ, sample_rate=self.sample_rate)])

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
