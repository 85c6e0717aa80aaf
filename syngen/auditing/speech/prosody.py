"""What can be measured of a voice: timbre, level, pitch, tempo, envelope.

These are instruments, not part of any sample: they use what is at hand, and need not be the same to the
last bit on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.figures.features import mel_filters, power_spectra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syngen._typing import BoolArray, Float32Array, FloatArray

__all__ = [
    "PROSODY",
    "TIMBRE",
    "VoiceFeatures",
    "band_powers",
    "voice_features",
]

N_MELS = 40
N_MFCC = 20
N_PARTS = 12
_FRAME_S, _HOP_S = 0.025, 0.010
_PITCH_FRAME_S = 0.040
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 500.0
_VOICED = 0.5  # of the energy must repeat after a period
_PAUSE_DB = -26.0

TIMBRE = tuple(f"{what}_{i}" for what in ("mfcc_mean", "mfcc_sd") for i in range(N_MFCC))
PROSODY = (
    *("f0_median", "f0_spread", "f0_start", "f0_end", "f0_slope", "voiced"),
    *("duration", "pauses", "syllables", "rise", "fall", "envelope_sd", "last_part"),
)
"""Names of the features of `VoiceFeatures.prosody`."""


@dataclass(frozen=True)
class VoiceFeatures:
    """Features of one utterance.

    Attributes
    ----------
    timbre : ndarray of float64, shape (40,)
        Mean and standard deviation of 20 mel-frequency cepstral coefficients.
    level_db : float
        RMS of what is not pause, in dBFS.
    prosody : ndarray of float64, shape (len(PROSODY),)
        Median and spread of log2 F0, its beginning, end and slope, the voiced share; duration, share of
        pauses, syllables a second, steepness of the envelope's rises and falls, its standard deviation,
        and how much of the energy's time lies in the last third.
    course : ndarray of float64, shape (228,)
        Means of the coefficients, that of the level aside, over 12 equal parts of what is not pause, less
        their mean over the utterance.
    """

    timbre: FloatArray
    level_db: float
    prosody: FloatArray
    course: FloatArray


def voice_features(waveform: Float32Array, sample_rate: int) -> VoiceFeatures:
    """Measure an utterance.

    Parameters
    ----------
    waveform : ndarray of float32, shape (n_samples,)
    sample_rate : int

    Returns
    -------
    VoiceFeatures
    """
    x = np.asarray(waveform, dtype=np.float64)
    frame, hop = round(_FRAME_S * sample_rate), round(_HOP_S * sample_rate)
    x = np.pad(x, (0, max(0, 4 * frame - len(x))))
    frames = np.lib.stride_tricks.sliding_window_view(x, frame)[::hop]
    power = np.mean(frames**2, axis=1) + 1e-12
    energy_db = 10.0 * np.log10(power)
    is_active = energy_db > energy_db.max() + _PAUSE_DB
    cepstra = _cepstra(frames, sample_rate)[is_active]
    timbre = np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0)])
    level_db = float(10.0 * np.log10(power[is_active].mean()))
    prosody = _prosody(x, energy_db, is_active, sample_rate)
    return VoiceFeatures(timbre, level_db, prosody, _course(cepstra[:, 1:]))


def band_powers(waveform: Float32Array, sample_rate: int, edges_hz: Sequence[float]) -> FloatArray:
    """Return the mean power of a waveform between neighbouring edges, shape (len(edges_hz) - 1,).

    Parameters
    ----------
    waveform : ndarray of float32, shape (n_samples,)
    sample_rate : int
    edges_hz : sequence of float
        Rising. Beyond half the sampling rate there is no power.
    """
    from scipy.signal import welch

    hertz, power = welch(waveform.astype(np.float64), sample_rate, nperseg=min(1024, len(waveform)))
    band = np.searchsorted(np.asarray(edges_hz), hertz, side="right")
    return np.array([power[band == k].sum() for k in range(1, len(edges_hz))])


def _course(cepstra: FloatArray) -> FloatArray:
    """Return means of equal parts of an utterance, less its own mean, and with it most of the speaker."""
    centred = cepstra - cepstra.mean(axis=0)
    place = np.arange(len(centred)) * N_PARTS // len(centred)
    means = np.zeros((N_PARTS, centred.shape[1]))
    np.add.at(means, place, centred)
    return (means / np.maximum(1, np.bincount(place, minlength=N_PARTS))[:, None]).ravel()


def _cepstra(frames: FloatArray, sample_rate: int) -> FloatArray:
    from scipy.fft import dct

    n_fft = 1 << (frames.shape[1] - 1).bit_length()
    power = power_spectra(frames, np.hanning(frames.shape[1]), n_fft)
    mel = np.log(power @ mel_filters(sample_rate, n_fft, N_MELS) + 1e-10)
    return np.asarray(dct(mel, axis=1, norm="ortho")[:, :N_MFCC])


def _prosody(x: FloatArray, energy_db: FloatArray, is_active: BoolArray, sample_rate: int) -> FloatArray:
    pitch, is_voiced = _pitch(x, sample_rate)
    n = min(len(pitch), len(energy_db))
    is_voiced = is_voiced[:n] & is_active[:n]
    heard = np.flatnonzero(is_active)
    duration = (heard[-1] - heard[0] + 1) * _HOP_S
    inside = is_active[heard[0] : heard[-1] + 1]
    envelope = energy_db[heard[0] : heard[-1] + 1]
    smooth = np.convolve(envelope, np.ones(5) / 5.0, mode="same")
    change = np.diff(smooth) / _HOP_S
    peaks = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]) & inside[1:-1]
    tones = np.zeros(6)
    voiced = np.flatnonzero(is_voiced)
    if len(voiced) >= 6:
        log_f0 = np.log2(pitch[voiced])
        third = max(2, len(voiced) // 3)
        slope = np.polyfit(voiced * _HOP_S, log_f0, 1)[0]
        median = np.median(log_f0)
        spread = np.percentile(log_f0, 90) - np.percentile(log_f0, 10)
        start, end = np.median(log_f0[:third]) - median, np.median(log_f0[-third // 2 :]) - median
        tones = np.array([median, spread, start, end, slope, len(voiced) / len(heard)])
    third = len(envelope) - len(envelope) // 3
    return np.concatenate(
        [
            tones,
            [
                duration,
                1.0 - inside.mean(),
                peaks.sum() / duration,
                np.percentile(change, 95) if len(change) else 0.0,
                np.percentile(change, 5) if len(change) else 0.0,
                float(np.std(envelope[inside])),
                inside[third:].sum() / max(1, inside.sum()),
            ],
        ]
    )


def _pitch(x: FloatArray, sample_rate: int) -> tuple[FloatArray, BoolArray]:
    """F0 in Hz and voicing of each frame, by the normalised autocorrelation."""
    frame, hop = round(_PITCH_FRAME_S * sample_rate), round(_HOP_S * sample_rate)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(x, (0, frame)), frame)[::hop]
    window = np.hanning(frame)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    n_fft = 1 << (2 * frame - 1).bit_length()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, n_fft, axis=1)) ** 2, axis=1)[:, :frame]
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, n_fft)) ** 2)[:frame]
    correlation /= of_window / of_window[0]
    low, high = int(sample_rate / _HIGHEST_HZ), int(sample_rate / _LOWEST_HZ)
    normal = correlation[:, low:high] / np.maximum(correlation[:, :1], 1e-12)
    # the shortest lag that is nearly as good as the best: not an octave too low
    best = normal.max(axis=1, keepdims=True)
    lag = np.argmax(normal > 0.9 * best, axis=1)
    climbing = np.take_along_axis(normal, np.minimum(lag[:, None] + np.arange(8), high - low - 1), axis=1)
    lag = np.minimum(lag + np.argmax(climbing, axis=1), high - low - 1)
    return sample_rate / (lag + low), best[:, 0] > _VOICED
