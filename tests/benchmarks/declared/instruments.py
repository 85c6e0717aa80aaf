"""Measuring instruments: arrays in, numbers out; nothing of syngen is used."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import find_peaks, firwin, hilbert, lfilter

__all__ = [
    "Array",
    "active_db",
    "active_span",
    "decibels",
    "formants",
    "frequency_near",
    "instantaneous_frequency",
    "lowest_frequency",
    "oversampled_peak",
    "peaks",
    "pitch",
    "rms",
    "sinusoid",
    "sinusoids",
    "transfer_db",
]

Array: TypeAlias = NDArray[np.float64]


def rms(x: Array) -> float:
    return float(np.sqrt(np.mean(x * x)))


def decibels(ratio: float) -> float:
    return float(20.0 * np.log10(ratio))


def oversampled_peak(x: Array, *, factor: int = 16) -> float:
    """Return the largest absolute value between the samples too, of a waveform that repeats."""
    spectrum = np.fft.rfft(x)
    return float(np.abs(np.fft.irfft(spectrum, factor * len(x))).max() * factor)


def peaks(x: Array, rate: float, *, floor_db: float = -60.0, spacing_hz: float = 20.0) -> Array:
    """Return the frequencies of all spectral peaks above a floor below the strongest, ascending."""
    n_fft = 4 * len(x)
    level = 20.0 * np.log10(np.abs(np.fft.rfft(x * np.blackman(len(x)), n_fft)) + 1e-12)
    at, _ = find_peaks(level, height=level.max() + floor_db, distance=spacing_hz * n_fft / rate)
    found: Array = at * (rate / n_fft)
    return np.array([frequency_near(x, rate, f) for f in found])


def lowest_frequency(x: Array, rate: float, *, floor_db: float = -40.0) -> float:
    return float(peaks(x, rate, floor_db=floor_db)[0])


def frequency_near(x: Array, rate: float, near: float, *, n_blocks: int = 8) -> float:
    """Return the frequency of the sine that is nearest, from the slope of its phase."""
    t = np.arange(len(x)) / rate
    found = near
    for _ in range(2):
        turned = x * np.exp(-2j * np.pi * found * t)
        size = len(x) // n_blocks
        window = np.hanning(size)
        sums = (turned[: size * n_blocks].reshape(n_blocks, size) * window).sum(axis=1)
        slope = np.polyfit(np.arange(n_blocks) * size / rate, np.unwrap(np.angle(sums)), 1)[0]
        found += slope / (2.0 * np.pi)
    return float(found)


def sinusoids(x: Array, rate: float, frequencies: Array) -> tuple[NDArray[np.complex128], Array]:
    """Fit sines of known frequencies by least squares.

    Returns
    -------
    amplitudes : ndarray of complex128
        The magnitude is the amplitude, the angle the phase of the sine at the first sample.
    residual : ndarray of float64
        What they leave.
    """
    angles = 2.0 * np.pi * np.outer(np.arange(len(x)) / rate, frequencies)
    basis = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    weights = np.linalg.solve(basis.T @ basis, basis.T @ x)
    n = len(frequencies)
    return weights[:n] + 1j * weights[n:], x - basis @ weights


def instantaneous_frequency(x: Array, rate: float) -> Array:
    phase = np.unwrap(np.angle(hilbert(x)))
    found: Array = np.gradient(phase) * rate / (2.0 * np.pi)
    return found


def sinusoid(y: Array, t: Array, low: float, high: float) -> tuple[float, float, float]:
    """Fit a constant and one sine, whose frequency is sought, by least squares.

    Parameters
    ----------
    y, t : ndarray of float64, shape (n,)
        Values, and their times in seconds.
    low, high : float
        Where the frequency is sought, in Hz.

    Returns
    -------
    frequency, amplitude, mean : float
    """

    def fit(f: float) -> tuple[float, Array]:
        basis = np.stack([np.ones_like(t), np.sin(2 * np.pi * f * t), np.cos(2 * np.pi * f * t)], axis=1)
        weights, *_ = np.linalg.lstsq(basis, y, rcond=None)
        return float(((y - basis @ weights) ** 2).sum()), weights

    best, width = (low + high) / 2, (high - low) / 2
    for _ in range(9):
        grid = np.linspace(max(low, best - width), min(high, best + width), 21)
        best = float(min(grid, key=lambda f: fit(f)[0]))
        width /= 6.0
    weights = fit(best)[1]
    return best, float(np.hypot(weights[1], weights[2])), float(weights[0])


def _framed(x: Array, size: int, hop: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(x, size)[::hop]


def active_db(x: Array, rate: float) -> float:
    """Return the level in dB of frames of 20 ms within 26 dB of the strongest, an RMS of 1 being 0."""
    size = round(0.02 * rate)
    power = (x[: len(x) // size * size].reshape(-1, size) ** 2).mean(axis=1)
    return float(10.0 * np.log10(power[power >= power.max() * 10**-2.6].mean()))


def active_span(x: Array, rate: float) -> tuple[float, float]:
    """Return where sound begins and ends in seconds: frames of 5 ms within 45 dB of the strongest."""
    size = round(0.005 * rate)
    power = (x[: len(x) // size * size].reshape(-1, size) ** 2).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * 10**-4.5)
    return loud[0] * size / rate, (loud[-1] + 1) * size / rate


def pitch(x: Array, rate: float, *, low: float = 50.0, high: float = 500.0) -> tuple[Array, Array, Array]:
    """Track the pitch of a voice by autocorrelation.

    Returns
    -------
    times, f0, strength : ndarray of float64, shape (n_frames,)
        Seconds; Hz, NaN where there is no voice; the autocorrelation at that pitch.

    References
    ----------
    P. Boersma: "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio
    of a sampled sound", IFA Proceedings 17 (1993), 97-110: division by the window's autocorrelation, and a
    cost of low octaves.
    """
    size, hop = round(0.05 * rate), round(0.01 * rate)
    if len(x) < size:
        return np.empty(0), np.empty(0), np.empty(0)
    frames = _framed(x, size, hop)
    window = np.hanning(size)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    n_fft = 1 << (2 * size - 1).bit_length()
    of_frames = np.fft.irfft(np.abs(np.fft.rfft(frames, n_fft, axis=1)) ** 2, axis=1)
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, n_fft)) ** 2)
    first, last = int(rate / high), int(rate / low) + 1
    r = of_frames[:, : last + 2] / (of_frames[:, :1] + 1e-20) / (of_window[: last + 2] / of_window[0])
    inner = r[:, first : last + 1]
    is_peak = (inner > r[:, first - 1 : last]) & (inner >= r[:, first + 1 : last + 2])
    lags = np.arange(first, last + 1)
    score = np.where(is_peak, inner - 0.02 * np.log2(low * lags / rate), -np.inf)
    best = score.argmax(axis=1)
    rows = np.arange(len(r))
    a, b, c = (r[rows, lags[best] + d] for d in (-1, 0, 1))
    curve = a - 2.0 * b + c
    offset = np.where(np.abs(curve) > 1e-9, 0.5 * (a - c) / np.where(curve == 0, 1.0, curve), 0.0)
    f0 = rate / (lags[best] + np.clip(offset, -0.5, 0.5))
    power = (frames**2).mean(axis=1)
    is_voiced = np.isfinite(score[rows, best]) & (b > 0.6) & (power > power.max() * 1e-3)
    return (rows * hop + size / 2) / rate, np.where(is_voiced, f0, np.nan), np.where(is_voiced, b, np.nan)


def formants(x: Array, rate: float, at: Array, *, order: int = 16) -> tuple[Array, Array]:
    """Return frequencies and bandwidths in Hz of resonances by linear prediction.

    Parameters
    ----------
    x : ndarray of float64
    rate : float
    at : ndarray of float64, shape (n,)
        Centers of the frames in seconds.

    Returns
    -------
    frequencies, bandwidths : ndarray of float64, shape (n, 5)
        In ascending order; NaN where fewer were found.
    """
    cut = lfilter(firwin(101, 5_800.0, fs=rate), 1.0, x)[50:]
    flat = lfilter([1.0, -0.97], [1.0], np.concatenate([cut, np.zeros(50)]))
    size = round(0.03 * rate)
    found = np.full((2, len(at), 5), np.nan)
    for row, time in enumerate(at):
        start = round(time * rate) - size // 2
        if start < 0 or start + size > len(flat):
            continue
        frame = flat[start : start + size] * np.hamming(size)
        r = np.correlate(frame, frame, "full")[size - 1 : size + order]
        r[0] = r[0] * (1.0 + 1e-9) + 1e-12
        roots = np.roots(np.concatenate([[1.0], -solve_toeplitz(r[:-1], r[1:])]))
        roots = roots[roots.imag > 1e-3]
        hz, width = np.angle(roots) * rate / (2 * np.pi), -np.log(np.abs(roots)) * rate / np.pi
        kept = np.argsort(hz)
        kept = kept[(hz[kept] > 150.0) & (hz[kept] < 5_600.0) & (width[kept] < 600.0)][:5]
        found[0, row, : len(kept)], found[1, row, : len(kept)] = hz[kept], width[kept]
    return found[0], found[1]


def transfer_db(before: Array, after: Array, rate: float, *, size: int = 2048) -> tuple[Array, Array]:
    """Return what a linear filter did, by cross-spectra of two aligned waveforms.

    Returns
    -------
    frequencies : ndarray of float64
        In Hz.
    gain : ndarray of float64
        In dB.
    """
    window = np.hanning(size)
    a, b = (np.fft.rfft(_framed(x, size, size // 4) * window, axis=1) for x in (before, after))
    cross, power = (a.conj() * b).sum(axis=0), (np.abs(a) ** 2).sum(axis=0)
    gain = 20.0 * np.log10(np.abs(cross) / (power + 1e-20) + 1e-9)
    return np.fft.rfftfreq(size, 1.0 / rate), gain
