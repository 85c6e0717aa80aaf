"""Measurements of one waveform: what the descriptors compare, each made once when asked for."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
import scipy.signal
from scipy.ndimage import map_coordinates, uniform_filter1d

from syngen.auditing.tone.recipe_context import FLOOR, LINE_BINS, mel_bands
from syngen.figures.features import power_spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray, PcmArray
    from syngen.auditing.tone.recipe_context import ObservationContext

__all__ = ["MODULATION_RATES", "Analysis"]

MODULATION_RATES = np.arange(2.0, 13.0)
"""Rates in Hz at which modulations are measured."""
_FULL_SCALE = 32768.0
_TINY = 1e-20
_LEAST_HZ = 1e-3
_HOP_S = 0.0025
_SHORTEST_S = 0.005
_LEVEL_S = 0.25  # of the settled tone that says what a full envelope is
_OVERSAMPLING = 4
_TAPERED = ("tukey", 0.1)  # a twentieth at either end is a raised cosine


class Analysis:
    """Measurements of one observation in the frame of a context.

    Parameters
    ----------
    frame : ObservationContext
        What is known of the context.
    pcm : ndarray of int16, shape (n_samples,)
    """

    def __init__(self, frame: ObservationContext, pcm: PcmArray) -> None:
        self.frame = frame
        self.samples: FloatArray = pcm / _FULL_SCALE

    @cached_property
    def level_db(self) -> float:
        """RMS of the observation in dBFS; an RMS of 1 is 0 dBFS."""
        return 10.0 * math.log10(max(float(np.mean(self.samples**2)), _TINY))

    @cached_property
    def _spectrum(self) -> NDArray[np.complex128]:
        x = self.samples
        spectrum: NDArray[np.complex128] = scipy.fft.rfft(x * _window(_TAPERED, len(x)))
        return spectrum

    @cached_property
    def mel_db(self) -> FloatArray:
        """Long-term spectrum in mel bands, relative to its sum, in dB: shape (N_MELS,).

        Samples are weighed by the envelope of the context, so that the noise after a tone counts little.
        """
        recipe_context, x = self.frame.recipe_context, self.samples
        power = power_spectra(x, self.frame.fade * _window(_TAPERED, len(x)))
        bands = mel_bands(recipe_context.n_samples, recipe_context.sample_rate) @ power
        return _decibels(bands / max(power.sum(), _TINY) + self.frame.band_floors)

    @cached_property
    def fundamental(self) -> tuple[FloatArray, NDArray[np.complex128], float]:
        """The fundamental alone: seconds, analytic signal around a frequency, that frequency in Hz.

        The band's edges are raised cosines, so that what precedes the onset does not ring.
        """
        frame, spectrum = self.frame, self._spectrum
        duration = frame.recipe_context.duration_s
        flat, end = (width * frame.frequency * duration for width in frame.recipe_context.band)
        centre = round(frame.frequency * duration)
        offsets = np.arange(-int(end), int(end) + 1)
        n_points = max(1024, 1 << (2 * len(offsets) - 1).bit_length())
        kept = offsets[(centre + offsets > 0) & (centre + offsets < len(spectrum))]
        slope = np.clip((np.abs(kept) - flat) / (end - flat), 0.0, 1.0)
        band = np.zeros(n_points, dtype=np.complex128)
        band[kept] = spectrum[centre + kept] * (0.5 + 0.5 * np.cos(np.pi * slope))
        seconds = np.arange(n_points, dtype=np.float64) * (duration / n_points)
        return seconds, scipy.fft.ifft(band), centre / duration

    @cached_property
    def _weights(self) -> FloatArray:
        """How much each moment of the fundamental counts: a Hann window from the onset on."""
        seconds, _, _ = self.fundamental
        onset = self.frame.onset_s
        position = (seconds - onset) / (self.frame.recipe_context.duration_s - onset)
        return np.where(position > 0.0, np.sin(np.pi * np.clip(position, 0.0, 1.0)) ** 2, 0.0)

    @cached_property
    def _phase_fit(self) -> FloatArray:
        """Phase of the fundamental, in cycles: start, Hz, and cosine and sine at the vibrato's rate."""
        seconds, signal, centre = self.fundamental
        cycles = np.unwrap(np.angle(signal)) / (2.0 * np.pi) + centre * seconds
        root = np.sqrt(self._weights) * np.abs(signal)
        columns = _phase_columns(seconds, self.frame.vibrato_rate)
        fit, *_ = np.linalg.lstsq(columns * root[:, None], cycles * root, rcond=None)
        coefficients: FloatArray = fit
        return coefficients

    @cached_property
    def pitch_cents(self) -> float:
        """Mean frequency of the fundamental, in cents over 1 Hz."""
        return 1200.0 * math.log2(max(float(self._phase_fit[1]), _LEAST_HZ))

    @cached_property
    def vibrato_cents(self) -> FloatArray:
        """Amplitudes of the fundamental's frequency at `MODULATION_RATES`, whatever their phase."""
        seconds, signal, centre = self.fundamental
        turn = np.angle(signal[1:] * np.conj(signal[:-1])) / (2.0 * np.pi)
        frequency = np.maximum(centre + turn / (seconds[1] - seconds[0]), 1.0)
        cents = 1200.0 * np.log2(frequency / self.frame.frequency)
        weights = 0.5 * (self._weights[1:] + self._weights[:-1])
        return _modulation(seconds[1:] - 0.5 * seconds[1], np.clip(cents, -1200.0, 1200.0), weights)

    @cached_property
    def _slope(self) -> float:
        """Slope in dB/s of the settled fundamental, loud moments counting more."""
        seconds, signal, _ = self.fundamental
        recipe_context = self.frame.recipe_context
        first = max(recipe_context.settled_s, 0.05 * recipe_context.duration_s)  # the ends are tapered
        last = min(recipe_context.leaving_s - 0.01, 0.95 * recipe_context.duration_s)
        inside = (seconds >= first) & (seconds <= last)
        if np.count_nonzero(inside) < 2:
            return 0.0
        power, moments = np.abs(signal[inside]) ** 2, seconds[inside]
        level, share = _decibels(power), power / max(float(power.sum()), _TINY)
        early = moments - share @ moments
        slope = share @ (early * level) / max(float(share @ early**2), _TINY)
        return float(slope)

    @cached_property
    def decay_db(self) -> float:
        """Mean level of the fundamental over the tone, in dB, had it started at 0 dB and decayed evenly."""
        return float(self._slope * 0.5 * (self.frame.recipe_context.duration_s - self.frame.onset_s))

    @cached_property
    def tremolo_db(self) -> FloatArray:
        """Amplitudes of the fundamental's level at `MODULATION_RATES`, its decay removed, in dB."""
        seconds, signal, _ = self.fundamental
        peak = max(float(np.max(np.abs(signal)) ** 2), _TINY)
        level = _decibels(np.abs(signal) ** 2 / peak + 1e-4)
        return _modulation(seconds, level - self._slope * seconds, self._weights)

    @cached_property
    def envelope(self) -> tuple[FloatArray, FloatArray]:
        """Seconds and linear envelope, 1 being the full tone, the decay undone.

        The power is averaged twice over the periods that fill 5 ms: neither a phase nor, much, a vibrato
        changes it.
        """
        frame, x = self.frame, self.samples
        rate = frame.recipe_context.sample_rate
        period = rate / frame.frequency
        width = max(1, round(period * np.ceil(_SHORTEST_S * rate / period)))
        once = uniform_filter1d(x * x, width, mode="constant")
        hop = max(1, round(_HOP_S * rate))
        rms = np.sqrt(np.maximum(0.0, uniform_filter1d(once, width, mode="constant")[::hop]))
        seconds = np.arange(0, len(x), hop) / rate
        rms = rms * 10.0 ** (-self._slope * seconds / 20.0)
        first = frame.recipe_context.settled_s
        settled = (seconds >= first) & (seconds <= min(first + _LEVEL_S, frame.recipe_context.leaving_s))
        full = float(np.mean(rms[settled])) if settled.any() else float(rms.max())
        return seconds, rms / max(full, _TINY)

    @cached_property
    def _lines(self) -> tuple[FloatArray, float]:
        """Power spectrum of the tone, its vibrato undone, and the bins between partials.

        Time is stretched until the measured phase of the fundamental grows evenly.
        """
        frame, x = self.frame, self.samples
        rate, start = frame.recipe_context.sample_rate, frame.start
        n_points = len(x) - start
        seconds = np.arange(start, len(x)) / rate
        tone = x[start:]
        cycles = self._phase_fit[1] * n_points / rate
        if frame.vibrato_rate:
            phase = _phase_columns(seconds, frame.vibrato_rate) @ self._phase_fit
            cycles = (phase[-1] - phase[0]) * n_points / (n_points - 1)
            even = np.interp(np.linspace(phase[0], phase[-1], n_points), phase, seconds)
            # the FFT fills the spectrum up with zeros
            fine = _OVERSAMPLING * scipy.fft.irfft(scipy.fft.rfft(x), _OVERSAMPLING * len(x))
            tone = map_coordinates(fine, [even * (_OVERSAMPLING * rate)], order=1, mode="nearest")
        power = power_spectra(tone, _window("hann", n_points))
        return power / max(power.sum(), _TINY), max(float(cycles), 1.0)

    @cached_property
    def places_db(self) -> FloatArray:
        """Level at every place of a partial, relative to the whole, in dB: shape (n_places,)."""
        power, bins = self._lines
        centres = np.rint(self.frame.places * bins).astype(np.int64)
        sums = np.concatenate([[0.0], np.cumsum(power)])
        low = np.clip(centres - LINE_BINS // 2, 0, len(power))
        high = np.clip(centres + LINE_BINS // 2 + 1, 0, len(power))
        return _decibels(np.maximum(0.0, sums[high] - sums[low]) + self.frame.line_floor)

    @cached_property
    def noise_db(self) -> float:
        """Median power of a bin between the partials, relative to the whole, in dB."""
        power, bins = self._lines
        between = _between(np.arange(len(power)) / bins, self.frame.lines)
        chosen = power[between] if between.any() else power
        return 10.0 * math.log10(float(np.median(chosen)) + FLOOR / len(power))


def _decibels(power: FloatArray) -> FloatArray:
    decibels: FloatArray = 10.0 * np.log10(np.maximum(power, _TINY))
    return decibels


def _phase_columns(seconds: FloatArray, rate: float) -> FloatArray:
    columns = [np.ones_like(seconds), seconds]
    if rate:
        angle = 2.0 * np.pi * rate * seconds
        columns += [np.cos(angle), np.sin(angle)]
    return np.stack(columns, axis=1)


def _modulation(seconds: FloatArray, curve: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted amplitude of a curve's swings at each of `MODULATION_RATES`."""
    share = weights / max(weights.sum(), _TINY)
    swing = (curve - share @ curve) * share
    waves = np.exp(-2j * np.pi * MODULATION_RATES[:, None] * seconds)
    amplitudes: FloatArray = 2.0 * np.abs(waves @ swing)
    return amplitudes


def _between(ratios: FloatArray, lines: FloatArray) -> BoolArray:
    """Return which ratios to the fundamental lie in the middle third between two partials' places."""
    after = np.searchsorted(lines, ratios)
    inside = (after > 0) & (after < len(lines))
    low, high = lines[np.maximum(after - 1, 0)], lines[np.minimum(after, len(lines) - 1)]
    position = (ratios - low) / np.maximum(high - low, _TINY)
    middle: BoolArray = inside & (position > 1.0 / 3.0) & (position < 2.0 / 3.0)
    return middle


@lru_cache(maxsize=16)
def _window(shape: str | tuple[str, float], n_points: int) -> FloatArray:
    """Return a window of scipy, read in the middle of its samples so that both ends are alike."""
    return np.asarray(scipy.signal.get_window(shape, 2 * n_points)[1::2])
