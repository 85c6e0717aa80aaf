"""Whispering: the spectrum of a voice with the phases of noise."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, rfft

from syngen.elementary import sin2pi

if TYPE_CHECKING:
    from syngen._typing import FloatArray
    from syngen.seeding import Stream

__all__ = ["whispered"]

_HOP_S = 0.016
_PHASE_BITS = 12
_PHASES_PER_WORD = 5


def whispered(waveform: FloatArray, stream: Stream, *, sample_rate: int) -> FloatArray:
    """Return a waveform whose short-time phases are random: no pitch, the same envelope.

    Frames of 32 ms with the root of a Hann window, half overlapping; each bin is turned by a random
    phase, one of 4096, and the frames are added up again. A pitch above 120 Hz or so leaves harmonics that
    the frames resolve: let the voice speak lower.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n,)
    stream : Stream
        Of the phases.
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (n,)
        With half the power.

    References
    ----------
    The structure is that of weighted overlap-add: R. E. Crochiere, "A weighted overlap-add method of
    short-time Fourier analysis/synthesis", IEEE Trans. ASSP 28 (1980), 99-102.
    """
    hop = max(1, round(_HOP_S * sample_rate))
    window = _root_hann(2 * hop)
    n_frames = len(waveform) // hop + 2
    padded = np.zeros((n_frames + 1) * hop)
    padded[hop : hop + len(waveform)] = waveform
    halves = padded.reshape(n_frames + 1, hop)
    frames = np.multiply(np.concatenate([halves[:-1], halves[1:]], axis=1), window)
    spectra = rfft(frames, axis=1)
    cosine, sine = _turns(stream, spectra.shape)
    turned = np.empty_like(spectra)
    # by parts: a product of complex numbers may be fused on one machine and not on another
    real, imaginary = spectra.real, spectra.imag
    np.subtract(np.multiply(real, cosine), np.multiply(imaginary, sine), out=turned.real)
    np.add(np.multiply(real, sine), np.multiply(imaginary, cosine), out=turned.imag)
    result = np.multiply(irfft(turned, 2 * hop, axis=1), window)
    total = np.zeros((n_frames + 1, hop))
    np.add(total[:-1], result[:, :hop], out=total[:-1])
    np.add(total[1:], result[:, hop:], out=total[1:])
    return total.reshape(-1)[hop : hop + len(waveform)]


@lru_cache(maxsize=8)
def _root_hann(size: int) -> FloatArray:
    return sin2pi(np.arange(size) * (0.5 / size))


@lru_cache(maxsize=1)
def _circle() -> tuple[FloatArray, FloatArray]:
    cycles = np.arange(1 << _PHASE_BITS) * 2.0**-_PHASE_BITS
    return sin2pi(cycles + 0.25), sin2pi(cycles)


def _turns(stream: Stream, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Cosine and sine of random phases."""
    n = shape[0] * shape[1]
    words = stream.raw(-(-n // _PHASES_PER_WORD))
    steps = [(words >> np.uint64(_PHASE_BITS * i)) & np.uint64((1 << _PHASE_BITS) - 1) for i in range(5)]
    picks = np.concatenate(steps)[:n].view(np.int64).reshape(shape)
    cosine, sine = _circle()
    return cosine.take(picks), sine.take(picks)
