"""The spectrogram that recovery is measured on: what a learner of representations usually sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.fft

from syngen.figures.mel_bands import mel_bands

if TYPE_CHECKING:
    from syngen._typing import Float32Array, FloatArray

__all__ = ["N_BANDS", "N_FRAMES", "log_mel"]

N_FRAMES = 15
N_BANDS = 48
_FLOOR = 1e-10


def log_mel(waveform: Float32Array, sample_rate: int) -> FloatArray:
    """Return a log-mel spectrogram.

    Parameters
    ----------
    waveform : ndarray of float32, shape (n_samples,)
        Of any length; the frames divide it evenly.
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (N_FRAMES, N_BANDS)
        Power in dB; a full-scale sine has about -6 dB. Frames are twice as long as their distance.
    """
    hop = max(1, -(-len(waveform) // (N_FRAMES + 1)))
    length = 2 * hop
    padded = np.zeros(hop * (N_FRAMES + 1))
    padded[: len(waveform)] = waveform
    frames = np.stack([padded[n * hop : n * hop + length] for n in range(N_FRAMES)])
    window = np.hanning(length + 2)[1:-1]
    power = np.abs(scipy.fft.rfft(frames * window, axis=1) / window.sum()) ** 2
    bands = mel_bands(length, sample_rate).matrix @ power.T
    return np.asarray(10.0 * np.log10(bands.T + _FLOOR))
