"""Sums of partials that are not whole multiples of one frequency: strings with stiffness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from syngen.elementary import sin2pi

if TYPE_CHECKING:
    from syngen._typing import FloatArray, UIntArray

__all__ = ["count_stretched", "modulated_partials", "static_partials", "stretch"]

_PRODUCT_BITS = 53
_SIDE_BITS = 24
_CELLS = 4096
_BLOCK = 1 << 14  # samples at a time: what a look-up needs stays in the second cache of a core


def stretch(n: int, inharmonicity: float) -> float:
    """Return the frequency of partial `n` over that of partial 1.

    Parameters
    ----------
    n : int
        Number of the partial.
    inharmonicity : float
        Coefficient B, 0 or more.

    Returns
    -------
    float
        ``n sqrt((1 + B n^2) / (1 + B))``: partial 1 stays where it is.

    References
    ----------
    H. Fletcher, E. D. Blackham, R. Stratton: "Quality of piano tones", JASA 34 (1962), 749-761.
    """
    return n * math.sqrt((1.0 + inharmonicity * n * n) / (1.0 + inharmonicity))


def count_stretched(frequency: float, limit: float, inharmonicity: float) -> int:
    """Return how many partials of a stiff string lie below a limit in Hz."""
    n = 0
    while stretch(n + 1, inharmonicity) * frequency < limit:
        n += 1
    return n


def _cosine_and_sine(phase: UIntArray) -> tuple[FloatArray, FloatArray]:
    cycles = np.multiply((phase >> np.uint64(11)).astype(np.float64), 2.0**-53)
    return sin2pi(np.add(cycles, 0.25)), sin2pi(cycles)


def static_partials(
    increments: Sequence[int],
    starts: Sequence[int],
    amplitudes: Sequence[float],
    n_samples: int,
) -> FloatArray:
    """Return a sum of sines with any frequencies.

    Parameters
    ----------
    increments, starts : sequence of int
        Phase per sample and phase at the first sample of each sine; 2**64 is one cycle.
    amplitudes : sequence of float
    n_samples : int

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Error about -137 dB of the RMS.

    Notes
    -----
    With n = fine * q + r the sum splits into two outer products. Both sides are rounded to integers so
    small that every partial sum is an integer below 2**53: whatever the order of summation, it is exact.
    """
    fine = math.isqrt(n_samples - 1) + 1
    coarse = -(-n_samples // fine)
    step: UIntArray = np.array(increments, dtype=np.uint64).reshape(-1, 1)
    start: UIntArray = np.array(starts, dtype=np.uint64).reshape(-1, 1)
    weight = np.array(amplitudes, dtype=np.float64)[:, None]
    steps = np.arange(coarse, dtype=np.uint64) * np.uint64(fine)
    cosine_q, sine_q = _cosine_and_sine(np.add(np.multiply(step, steps), start))
    cosine_r, sine_r = _cosine_and_sine(np.multiply(step, np.arange(fine, dtype=np.uint64)))
    # sum |a| 2**left_bits 2**24 stays below 2**53
    room = max(0, math.frexp(math.fsum(map(abs, amplitudes)))[1])
    left_bits = _PRODUCT_BITS - _SIDE_BITS - room - 1
    left = np.concatenate([sine_q * weight, cosine_q * weight]) * math.ldexp(1.0, left_bits)
    right = np.concatenate([cosine_r, sine_r]) * math.ldexp(1.0, _SIDE_BITS)
    np.rint(left, out=left)
    np.rint(right, out=right)
    # integers below 2**53 in every partial sum: exact in any order
    product: FloatArray = np.einsum("kq,kr->qr", left, right).reshape(-1)[:n_samples]
    return np.multiply(product, math.ldexp(1.0, -left_bits - _SIDE_BITS))


@lru_cache(maxsize=1)
def _sine_cells() -> FloatArray:
    """One period of sine as straight cells: value and rise of each, shape (_CELLS, 2).

    The values are raised by 1 / sinc^2, which undoes the droop of a chord: -141 dB.
    """
    droop = 1.0 + 3.289868133696453 / (_CELLS * _CELLS)  # pi^2 / 3
    value = np.multiply(sin2pi(np.arange(_CELLS) * (1.0 / _CELLS)), droop)
    return np.stack((value, np.subtract(np.roll(value, -1), value)), axis=1)


def modulated_partials(
    cycles: FloatArray,
    ratios: Sequence[float],
    starts: Sequence[float],
    amplitudes: Sequence[float],
) -> FloatArray:
    """Return a sum of sines whose phases are multiples of one that is modulated.

    Parameters
    ----------
    cycles : ndarray of float64, shape (n_samples,)
        Phase of partial 1 without its start, in cycles; below 2**19.
    ratios : sequence of float
        Frequency of each partial over that of partial 1.
    starts : sequence of float
        Phase of each partial at the first sample, in cycles.
    amplitudes : sequence of float

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Error about -140 dB of the RMS.
    """
    partials = list(zip(ratios, starts, amplitudes, strict=True))
    total = np.zeros(len(cycles))
    for begin in range(0, len(cycles), _BLOCK):
        _add_partials(cycles[begin : begin + _BLOCK], partials, total[begin : begin + _BLOCK])
    return total


def _add_partials(
    cycles: FloatArray, partials: Sequence[tuple[float, float, float]], total: FloatArray
) -> None:
    """Add the partials, given as ratio, start and amplitude, to `total`."""
    cells = np.multiply(cycles, float(_CELLS))
    highest = max(abs(ratio) for ratio, _, _ in partials) * float(np.absolute(cells).max()) + _CELLS
    # half the width, a quarter of the time to convert to
    small = np.empty(len(cells), dtype=np.int32 if highest < 2.0**31 else np.int64)
    position, whole = np.empty_like(cells), np.empty_like(cells)
    cell = np.empty(len(cells), dtype=np.int64)
    looked_up = np.empty((len(cells), 2))
    value, rise = looked_up.T
    for ratio, start, amplitude in partials:
        np.multiply(cells, ratio, out=position)
        np.add(position, start * _CELLS, out=position)
        np.floor(position, out=whole)
        np.subtract(position, whole, out=position)
        np.copyto(small, whole, casting="unsafe")
        np.bitwise_and(small, _CELLS - 1, out=small)
        np.copyto(cell, small)
        # every cell is in range; the mode only spares numpy a buffered check
        _sine_cells().take(cell, axis=0, out=looked_up, mode="clip")
        np.multiply(rise, position, out=position)
        np.add(value, position, out=position)
        np.multiply(position, amplitude, out=position)
        np.add(total, position, out=total)
