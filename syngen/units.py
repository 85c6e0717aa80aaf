"""Conversions between units of factors, and powers, computed in decimal arithmetic.

`decimal` is software: the same digits on every machine. Only scalars pass through here; arrays of
powers come from `syngen.elementary`.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import lru_cache

__all__ = ["decibels_to_gain", "geometric_steps", "power"]

_CONTEXT = Context(prec=50)
# room for the rounding of a million multiplications beside the 50 digits that count
_WIDE = Context(prec=70)


@lru_cache(maxsize=65536)
def power(base: float, exponent: float) -> float:
    """Return ``base ** exponent``, correctly rounded from 50 decimal digits.

    Parameters
    ----------
    base : float
        Positive.
    exponent : float
        Finite.

    Examples
    --------
    >>> power(2.0, 0.5)
    1.4142135623730951
    """
    return float(_CONTEXT.power(Decimal(base), Decimal(exponent)))


def decibels_to_gain(level_db: float) -> float:
    """Convert a level in dB to a factor of amplitude, ``10 ** (level_db / 20)``.

    Examples
    --------
    >>> decibels_to_gain(-20.0)
    0.1
    """
    return power(10.0, level_db / 20.0)


def geometric_steps(start: float, stop: float, num: int) -> tuple[float, ...]:
    """Return `num` numbers from `start` to `stop` with one ratio between neighbours.

    Parameters
    ----------
    start, stop : float
        Both positive. Both appear in the result exactly.
    num : int
        1 or more; 1 gives `start` alone.

    Notes
    -----
    ``numpy.geomspace`` is not used: its last bits change with the CPU.

    Examples
    --------
    >>> geometric_steps(110.0, 440.0, 3)
    (110.0, 220.0, 440.0)
    """
    if num == 1:
        return (start,)
    first = Decimal(start)
    span = _WIDE.ln(_WIDE.divide(Decimal(stop), first))
    ratio = _WIDE.exp(_WIDE.divide(span, Decimal(num - 1)))
    values, current = [start], first
    for _ in range(num - 2):
        current = _WIDE.multiply(current, ratio)
        values.append(float(_CONTEXT.plus(current)))
    return (*values, stop)
