"""How sure a number is: its interval and p value, Welch's test over seeds, Holm's correction of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import FloatArray

__all__ = ["COVERAGE", "FEWEST_SEEDS", "Spread", "holm", "welch_spread"]

COVERAGE = 0.95
"""Of intervals."""

FEWEST_SEEDS = 6
"""Of each side. With fewer, a test finds only differences of several standard deviations."""


@dataclass(frozen=True)
class Spread:
    """How far a number varies.

    Attributes
    ----------
    deviation : float
        Standard deviation, not negative.
    freedom : float
        Degrees of freedom it was estimated with, 1 or more.
    """

    deviation: float
    freedom: float

    def interval(self, centre: float) -> tuple[float, float]:
        """Return the 95 % interval about a number.

        Examples
        --------
        >>> low, high = Spread(0.1, 19).interval(0.5)
        >>> round(low, 3), round(high, 3)
        (0.291, 0.709)
        """
        from scipy.stats import t

        reach = float(t.ppf(0.5 + COVERAGE / 2, self.freedom)) * self.deviation
        return centre - reach, centre + reach

    def p_of(self, difference: float) -> float:
        """Return the probability of a difference from 0 as large as this one or larger, by chance."""
        from scipy.stats import t

        if self.deviation == 0.0:
            return 1.0 if difference == 0.0 else 0.0
        return float(2.0 * t.sf(abs(difference) / self.deviation, self.freedom))


def welch_spread(a: FloatArray, b: FloatArray) -> Spread:
    """Return how far the difference of two means varies, without taking the variances for equal.

    Parameters
    ----------
    a, b : ndarray of float64, shapes (n_a,) and (n_b,)
        Two values or more each.

    References
    ----------
    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34 (1947), 28-35.

    Examples
    --------
    >>> spread = welch_spread(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0, 8.0]))
    >>> round(spread.deviation, 3), round(spread.freedom, 2)
    (1.414, 4.08)
    """
    parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    total = float(parts.sum())
    if total == 0.0:
        return Spread(0.0, float(len(a) + len(b) - 2))
    return Spread(math.sqrt(total), float(total**2 / np.sum(parts**2 / (len(a) - 1.0, len(b) - 1.0))))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values such that one below .05 among true null hypotheses is seen in 5 % of cases.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979), 65-70.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]
