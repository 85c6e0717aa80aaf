"""Whispering: noise with the spectral envelope of a voice."""

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
    """Return noise that has the short-time spectral envelope of a waveform, and nothing of its pitch.

    Frames of 32 ms with the root of a Hann window, half overlapping. The power of each bin is averaged
    with that of the two bins on either side, 1:4:6:4:1, which takes a period of 16 ms, and what is near
    it, out of the autocorrelation, and makes narrow resonances about half as wide again. Each bin gets a
    random phase, one of 4096, and the frames are added up again. Let the voice speak at 60 Hz or so.

    Parameters
    ----------
    waveform : ndarray of float64, shape (n,)
    stream : Stream
        Of the phases.
    sample_rate : int

    Returns
    -------
    ndarray of float64, shape (n,)
        With half the power or so.

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
    # by parts: an operation on complex numbers may be fused on one machine and not on another
    real, imaginary = spectra.real, spectra.imag
    power = np.add(np.multiply(real, real), np.multiply(imaginary, imaginary))
    magnitude = np.sqrt(_smoothed(power))
    turned = np.empty_like(spectra)
    np.multiply(magnitude, cosine, out=turned.real)
    np.multiply(magnitude, sine, out=turned.imag)
    result = np.multiply(irfft(turned, 2 * hop, axis=1), window)
    total = np.zeros((n_frames + 1, hop))
    np.add(total[:-1], result[:, :hop], out=total[:-1])
    np.add(total[1:], result[:, hop:], out=total[1:])
    return total.reshape(-1)[hop : hop + len(waveform)]


def _smoothed(power: FloatArray) -> FloatArray:
    """Average each bin with its neighbours, 1:2:1, twice; beyond the ends the spectrum is mirrored."""
    for _ in range(2):
        wide = np.concatenate([power[:, 1:2], power, power[:, -2:-1]], axis=1)
        sides = np.add(wide[:, :-2], wide[:, 2:])
        power = np.add(np.multiply(power, 0.5), np.multiply(sides, 0.25))
    return power


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
