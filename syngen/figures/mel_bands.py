"""Triangular bands of the mel scale, for the spectrum of a whole observation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["N_MELS", "mel_bands"]

N_MELS = 48


@dataclass(frozen=True)
class MelBands:
    """Triangular bands, equally spaced in mel.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array, shape (N_MELS, n_bins)
    shares : ndarray of float64, shape (N_MELS,)
        Share of white noise that each band gets.
    """

    matrix: Any
    shares: FloatArray


@lru_cache(maxsize=4)
def mel_bands(n_samples: int, sample_rate: int) -> MelBands:
    """Return the mel bands for the spectrum of a whole observation.

    References
    ----------
    D. O'Shaughnessy: "Speech communication: human and machine", 1987: mel = 2595 log10(1 + f / 700).
    """
    from scipy.sparse import csr_array

    frequencies = np.fft.rfftfreq(n_samples, 1.0 / sample_rate)
    top = 2595.0 * math.log10(1.0 + sample_rate / 2.0 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, N_MELS + 2) / 2595.0) - 1.0)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return MelBands(csr_array(weights), weights.sum(axis=1) / len(frequencies))
