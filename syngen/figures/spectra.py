"""Spectra that the reference encoders are made of, of waveforms of any length, as librosa defines them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from syngen._threads import single_threaded

if TYPE_CHECKING:
    from syngen._typing import Float32Array, FloatArray

__all__ = ["HOP", "N_FFT", "N_MELS", "N_MFCC", "log_mel", "mfcc"]

N_FFT = 2048
HOP = 512
N_MELS = 128
N_MFCC = 20
_FLOOR = 1e-10
_RANGE_DB = 80.0


@lru_cache(maxsize=8)
def _mel_filters(sample_rate: int) -> FloatArray:
    """Return librosa's bands, shape (N_MELS, N_FFT // 2 + 1)."""
    import warnings

    import librosa

    with warnings.catch_warnings():
        # at low sample rates the lowest bands lie between two bins; they are needed all the same
        warnings.filterwarnings("ignore", message="Empty filters detected", category=UserWarning)
        filters = librosa.filters.mel(sr=sample_rate, n_fft=N_FFT, n_mels=N_MELS)
    return np.asarray(filters, dtype=np.float64)


@single_threaded()
def log_mel(waveforms: Float32Array, sample_rate: int) -> FloatArray:
    """Return log-mel spectrograms: `librosa.feature.melspectrogram` through `librosa.power_to_db`.

    Parameters
    ----------
    waveforms : ndarray of float32, shape (n, n_samples)
        Not empty; each is analysed for itself.
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (n, 128, 1 + n_samples // 512)
        dB; at least 80 dB below the loudest band and frame of its waveform.
    """
    import scipy.fft

    padded = np.pad(waveforms, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP]
    spectra = scipy.fft.rfft(frames * window.astype(np.float32), axis=-1)
    power = spectra.real**2 + spectra.imag**2
    bands = np.swapaxes(power @ _mel_filters(sample_rate).T.astype(power.dtype), 1, 2)
    decibels = 10.0 * np.log10(np.maximum(bands.astype(np.float64), _FLOOR))
    loudest = decibels.max(axis=(1, 2), keepdims=True)
    return np.asarray(np.maximum(decibels, loudest - _RANGE_DB))


@single_threaded()
def mfcc(waveforms: Float32Array, sample_rate: int) -> FloatArray:
    """Return mel-frequency cepstral coefficients, as `librosa.feature.mfcc` does.

    Parameters
    ----------
    waveforms : ndarray of float32, shape (n, n_samples)
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (n, 20, n_frames)
    """
    import scipy.fft

    coefficients = scipy.fft.dct(log_mel(waveforms, sample_rate), axis=1, type=2, norm="ortho")
    return np.asarray(coefficients[:, :N_MFCC])
