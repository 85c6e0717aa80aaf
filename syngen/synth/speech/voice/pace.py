"""Pace: what rate an engine is told so that words take as long as declared.

Notes
-----
How long espeak takes at each rate was measured on 10 texts (the grammars ``matrix-en`` and ``clauses-en``)
and two voices with espeak-ng 1.52.0, from the first phone to the end of the last. Between rates of 150 and
250 the lengths are as the rate says; below and above they change less, by what kinds of sounds a text has
to about 3 %.
"""

from __future__ import annotations

from bisect import bisect_left

from syngen.synth.speech.engines.base import RATES

__all__ = ["WORDS_PER_MINUTE", "rate_of_espeak", "rate_of_words"]

WORDS_PER_MINUTE = 165
"""At tempo 1."""

_RATES = (84, 90, 98, 107, 117, 128, 140, 152, 165, 179, 194, 210, 228, 247, 268, 291, 316, 343, 388, 449)
# over the length at 165
_LENGTHS = (
    *(1.936, 1.816, 1.672, 1.533, 1.398, 1.282, 1.170, 1.084, 1.000),
    *(0.920, 0.850, 0.787, 0.726, 0.678, 0.636, 0.585, 0.542, 0.499, 0.448, 0.391),
)
_TEMPI = tuple(1.0 / length for length in _LENGTHS)


def rate_of_espeak(tempo: float) -> int:
    """Return the rate at which espeak speaks so many times as fast as at 165.

    Parameters
    ----------
    tempo : float
        Positive. Below .517 the slowest rate is returned, above 2.56 the fastest.

    Returns
    -------
    int
        Words per minute.

    Examples
    --------
    >>> rate_of_espeak(1.0), rate_of_espeak(0.6), rate_of_espeak(2.0)
    (165, 98, 342)
    """
    if tempo <= _TEMPI[0]:
        return _RATES[0]
    if tempo >= _TEMPI[-1]:
        return _RATES[-1]
    after = bisect_left(_TEMPI, tempo)
    low, high = _TEMPI[after - 1], _TEMPI[after]
    slower, faster = _RATES[after - 1], _RATES[after]
    return round(slower + (faster - slower) * (tempo - low) / (high - low))


def rate_of_words(tempo: float) -> int:
    """Return the rate of an engine that takes words per minute as they are."""
    low, high = RATES
    return min(high, max(low, round(WORDS_PER_MINUTE * tempo)))
