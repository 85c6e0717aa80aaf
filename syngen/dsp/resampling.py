"""Resampling of 16-bit PCM between whole rates, exact to the last bit.

The filter's taps are integers and so is the input: every partial sum of a convolution is an integer below
2**53, which float64 holds exactly. So any order of summation gives the same bits, and the sums may be left
to BLAS, whose bits otherwise change with the CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from syngen._values import is_whole
from syngen.elementary import TAU, sin2pi
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen._typing import FloatArray, PcmArray

__all__ = ["MAX_FACTOR", "PASS_BAND", "STOP_BAND", "resample", "resampled_position"]

PASS_BAND = 0.9
"""Upper edge of the pass band, as a fraction of the lower one of the two Nyquist frequencies."""

STOP_BAND = 1.1
"""Lower edge of the stop band, likewise: what lies between folds to above the pass band."""

MAX_FACTOR = 1000
"""Both sides of the reduced ratio of two rates are at most this."""

_FULL_SCALE_BITS = 15
_SUM_BITS = 53
_TAP_BITS = 35
_UNIT_BITS = _FULL_SCALE_BITS + _TAP_BITS
# Of all windowed sincs that meet the two bands with .07 dB and 91 dB, about the shortest one, found by
# search over a grid: a cut-off below the middle of the transition uses up the ripple that is allowed
_ZEROS = 26
_CUTOFF = 0.985
_KAISER_QUARTER = 21.16  # (beta / 2)**2 of beta = 9.2
_BESSEL_TERMS = 48
# Outputs that share one window of inputs: fewer multiply more small matrices, more multiply more zeros
_GROUP = 32
# OpenBLAS starts threads above this many multiplications, and workers must not have any
_PRODUCTS = 1 << 18


def resample(pcm: PcmArray, rate_in: int, rate_out: int) -> FloatArray:
    """Return a signal at another sample rate.

    Parameters
    ----------
    pcm : ndarray of int16, shape (n,)
        Signal; silence is taken to surround it.
    rate_in, rate_out : int
        Sample rates in Hz, positive. Their reduced ratio has no side above `MAX_FACTOR`.

    Returns
    -------
    ndarray of float64, shape (ceil(n * rate_out / rate_in),)
        Full scale is 1.0; a signal near full scale may pass it. Element m lies at m / rate_out seconds
        on the time axis of the input: the filter has no delay. The bits are the same on every machine.

    Raises
    ------
    ParameterError
        If the signal is not a vector of int16, a rate is not positive, or the ratio is too wild.

    See Also
    --------
    resampled_position : where an event of the input lies in the output.

    Notes
    -----
    A sinc under a Kaiser window (beta 9.2, 26 zero crossings on either side). With N the lower one of
    the two Nyquist frequencies, the response is within 0.1 dB up to 0.9 N and below -90 dB from 1.1 N on.
    Between the two it falls, with -6 dB at 0.985 N; what folds back from there falls above 0.9 N. From
    22,050 to 16,000 Hz that is flat to 7.2 kHz and -90 dB from 8.8 kHz on, in 72 taps an output.

    The outputs of one period of the ratio form groups of 32, each of which sees one window of inputs: a
    group is a product of a matrix whose rows are overlapping stretches of the signal and a matrix of taps.

    References
    ----------
    J. F. Kaiser: "Nonrecursive digital filter design using the I0-sinh window function", ISCAS 1974, 20-23.
    R. E. Crochiere, L. R. Rabiner: "Multirate digital signal processing", Prentice-Hall 1983 (polyphase
    structures).

    Examples
    --------
    >>> pcm = np.array([0, 16384, 0, -16384] * 100, dtype=np.int16)
    >>> resample(pcm, 22050, 22050)[:4].tolist()
    [0.0, 0.5, 0.0, -0.5]
    >>> len(resample(pcm, 22050, 16000))
    291
    """
    _check_signal(pcm)
    up, down = _ratio(rate_in, rate_out)
    if up == down:
        return np.multiply(pcm.astype(np.float64), math.ldexp(1.0, -_FULL_SCALE_BITS))
    n_out = -(-len(pcm) * up // down)
    if not n_out:
        return np.zeros(0)
    bank = _filter_bank(up, down)
    n_blocks = -(-n_out // bank.period_out)
    signal = np.zeros((n_blocks - 1) * bank.period_in + bank.reach)
    n_heard = min(len(pcm), len(signal) - bank.lead)
    signal[bank.lead : bank.lead + n_heard] = pcm[:n_heard]
    result = np.empty((n_blocks, bank.period_out))
    for group in bank.groups:
        width, size = group.taps.shape
        frames = np.ndarray(
            (n_blocks, width),
            dtype=np.float64,
            buffer=signal,
            offset=group.offset * signal.itemsize,
            strides=(bank.period_in * signal.itemsize, signal.itemsize),
        )
        columns = slice(group.first, group.first + size)
        n_rows = max(1, _PRODUCTS // group.taps.size)
        for row in range(0, n_blocks, n_rows):
            rows = slice(row, row + n_rows)
            # multiples of 2**-50 below 2**3 in every partial sum: exact in any order
            np.matmul(frames[rows], group.taps, out=result[rows, columns])
    # a sum of nothing but zeros may come as -0.0
    np.add(result, 0.0, out=result)
    return result.reshape(-1)[:n_out]


def resampled_position(sample: int, rate_in: int, rate_out: int) -> int:
    """Return the sample at another rate that is nearest to a sample of the input.

    Parameters
    ----------
    sample : int
        Position in samples at `rate_in`, 0 or more.
    rate_in, rate_out : int
        Sample rates in Hz, as in `resample`.

    Returns
    -------
    int
        ``sample * rate_out / rate_in`` to the nearest, halves upwards. Never decreases with `sample`.

    Raises
    ------
    ParameterError
        If the position is negative, or the rates cannot be used.

    Examples
    --------
    >>> resampled_position(22050, 22050, 16000), resampled_position(1, 44100, 22050)
    (16000, 1)
    """
    if sample < 0:
        raise ParameterError(f"sample {sample} lies before the signal: positions are 0 or more")
    up, down = _ratio(rate_in, rate_out)
    return (2 * sample * up + down) // (2 * down)


@dataclass(frozen=True)
class _Group:
    """Taps of consecutive outputs of a period, scaled to full scale.

    Row i belongs to the input that lies `offset` + i samples after the first one of the padded signal.
    """

    first: int
    offset: int
    taps: FloatArray


@dataclass(frozen=True)
class _FilterBank:
    """All taps of one ratio; the padded signal has `lead` zeros in front, one period sees `reach` of it."""

    period_in: int
    period_out: int
    lead: int
    reach: int
    groups: tuple[_Group, ...]


@lru_cache(maxsize=8)
def _filter_bank(up: int, down: int) -> _FilterBank:
    half = _half_taps(up, down)
    last = len(half) - 2
    n_periods = max(1, _GROUP // up)
    period_in, period_out = n_periods * down, n_periods * up
    lead = last // up
    n_groups = -(-period_out // _GROUP)
    edges = [period_out * i // n_groups for i in range(n_groups + 1)]
    groups = []
    for first, end in pairwise(edges):
        outputs = np.arange(first, end, dtype=np.int64)
        low, high = -((last - first * down) // up), ((end - 1) * down + last) // up
        inputs = np.arange(low, high + 1, dtype=np.int64)
        distance = np.absolute(np.subtract(outputs * down, (inputs * up)[:, None]))
        taps = np.multiply(half[np.minimum(distance, last + 1)], math.ldexp(1.0, -_UNIT_BITS))
        taps.flags.writeable = False
        groups.append(_Group(first, lead + low, taps))
    reach = max(group.offset + group.taps.shape[0] for group in groups)
    loudest = max(math.fsum(column) for group in groups for column in np.absolute(group.taps).T.tolist())
    if loudest >= math.ldexp(1.0, _SUM_BITS - _UNIT_BITS):
        raise ParameterError(f"the sums of the filter {up}/{down} reach {loudest} and would be rounded")
    return _FilterBank(period_in, period_out, lead, reach, tuple(groups))


def _half_taps(up: int, down: int) -> FloatArray:
    """Return the taps at distance 0, 1, ... from the middle, in steps of 1 / (up * rate_in), and a zero.

    Integers: 2**_TAP_BITS stands for 1, and all taps add up to `up` times that.
    """
    spacing = max(up, down)
    n = _ZEROS * spacing
    distance = np.arange(n, dtype=np.float64)
    turns = np.multiply(distance, _CUTOFF / (2.0 * spacing))
    sinc = np.full(n, TAU)
    np.divide(sin2pi(turns[1:]), turns[1:], out=sinc[1:])  # times tau, like the first
    position = np.multiply(distance, 1.0 / n)
    y = np.multiply(np.subtract(1.0, np.multiply(position, position)), _KAISER_QUARTER)
    taps = np.multiply(sinc, _bessel(y))
    total = 2.0 * math.fsum(taps[1:].tolist()) + float(taps[0])
    whole = np.rint(np.multiply(taps, up * math.ldexp(1.0, _TAP_BITS) / total))
    return np.concatenate([whole, np.zeros(1)])


def _bessel(y: FloatArray) -> FloatArray:
    """Return the modified Bessel function I0 of 2 sqrt(y): its power series, y**k / (k!)**2."""
    total = np.ones_like(y)
    for k in range(_BESSEL_TERMS, 0, -1):
        np.multiply(total, y, out=total)
        np.divide(total, float(k * k), out=total)
        np.add(total, 1.0, out=total)
    return total


def _ratio(rate_in: int, rate_out: int) -> tuple[int, int]:
    for name, rate in (("rate_in", rate_in), ("rate_out", rate_out)):
        if not is_whole(rate, 1):
            raise ParameterError(f"{name} is {rate!r}: a sample rate is a whole number of Hz, 1 or more")
    common = math.gcd(rate_in, rate_out)
    up, down = int(rate_out) // common, int(rate_in) // common
    if max(up, down) > MAX_FACTOR:
        raise ParameterError(
            f"{rate_in} to {rate_out} Hz is the ratio {up}/{down}: no side may be above {MAX_FACTOR}; "
            "choose rates that share a larger divisor, such as 22050, 16000, 44100 or 48000 Hz"
        )
    return up, down


def _check_signal(pcm: PcmArray) -> None:
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1:
        kind = f"{pcm.dtype} of shape {pcm.shape}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise ParameterError(f"the signal is {kind}: resampling takes int16 of shape (n,), one channel")
