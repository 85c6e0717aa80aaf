"""Counts of one factor, and of two factors together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.information.mutual_information import entropy
from syngen.evaluation.statistics.counting import coarsened

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, Json, Value

__all__ = ["FactorCounts", "PairCounts", "shown_nats"]

_MOST_LISTED = 1_000
_MOST_BESIDE = 64
_ROUNDING = 1e-9  # nats: entropies are sums of rounded logarithms


def shown_nats(information: float) -> str:
    """Return mutual information for people: two digits, and 0 for what is only rounding.

    Examples
    --------
    >>> shown_nats(0.12345), shown_nats(4.4e-16)
    ('0.12', '0')
    """
    return "0" if information < _ROUNDING else f"{information:.2g}"


@dataclass(frozen=True, eq=False)
class FactorCounts:
    """How often each level of a factor occurs.

    Attributes
    ----------
    name, kind, unit : str
    values : tuple
        By level.
    counts : ndarray of int64, shape (n_levels, n_splits)
        Observations by level and split.
    derived_from : str
        The factor that this one is a function of; empty for a factor of its own.
    """

    name: str
    kind: str
    unit: str
    values: tuple[Value, ...]
    counts: IntArray
    derived_from: str = ""

    @property
    def totals(self) -> IntArray:
        """Observations by level: int64, shape (n_levels,)."""
        totals: IntArray = self.counts.sum(axis=1)
        return totals

    @property
    def n_used(self) -> int:
        """Levels that occur."""
        return int(np.count_nonzero(self.totals))

    @property
    def entropy(self) -> float:
        """Entropy of the levels, in nats."""
        return entropy(self.totals)

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def to_dict(self, splits: tuple[str, ...]) -> Json:
        """Return everything as plain values; beyond 1,000 levels adjacent ones are counted together."""
        run = -(-len(self.values) // _MOST_LISTED)
        counts = np.add.reduceat(self.counts, np.arange(0, len(self.values), run), axis=0)
        totals = self.totals
        return {
            "name": self.name,
            "kind": self.kind,
            "unit": self.unit,
            "derived_from": self.derived_from or None,
            "levels": len(self.values),
            "used": self.n_used,
            "fewest": int(totals.min()),
            "most": int(totals.max()),
            "entropy": self.entropy,
            "levels_a_count": run,
            "values": list(self.values[::run]),
            "counts": dict(zip(splits, counts.T.tolist(), strict=True)),
        }


@dataclass(frozen=True, eq=False)
class PairCounts:
    """How often each level of one factor occurs with each level of another.

    Attributes
    ----------
    first, second : str
        Names of the factors.
    counts : ndarray of int64, shape (n_first, n_second)
    runs : tuple of int
        Adjacent levels of each factor that are counted as one; 1 unless the table would be too large.
    information : float
        Mutual information in nats: 0 for independent factors.
    shuffled : ndarray of float64, shape (n_shuffles,)
        The same after each shuffle of the rows: what chance gives.
    """

    first: str
    second: str
    counts: IntArray
    runs: tuple[int, int]
    information: float
    shuffled: FloatArray

    @property
    def chance(self) -> float:
        """Mean mutual information of shuffled rows, in nats."""
        return float(self.shuffled.mean())

    @property
    def chance_95(self) -> float:
        """What 95 % of the shuffles stay below, in nats."""
        return float(np.quantile(self.shuffled, 0.95))

    @property
    def is_above_chance(self) -> bool:
        """Whether the factors share more than 95 % of the shuffles do."""
        return self.information > self.chance_95

    @property
    def n_empty(self) -> int:
        """Pairs of levels that never occur."""
        return int(np.count_nonzero(self.counts == 0))

    @property
    def label(self) -> str:
        """Names of both factors, and the runs of levels if they were counted by runs."""
        names = zip((self.first, self.second), self.runs, strict=True)
        return " x ".join(name if run == 1 else f"{name} (runs of {run})" for name, run in names)

    def to_dict(self) -> Json:
        """Return everything as plain values; the counts by runs of levels, so that 64 by 64 are left."""
        counts, added = coarsened(self.counts, most=_MOST_BESIDE)
        return {
            "first": self.first,
            "second": self.second,
            "cells": self.counts.size,
            "empty": self.n_empty,
            "fewest": int(self.counts.min()),
            "most": int(self.counts.max()),
            "information": self.information,
            "chance": self.chance,
            "chance_95": self.chance_95,
            "is_above_chance": self.is_above_chance,
            "levels_a_cell": list(self.runs),
            "levels_a_count": [run * more for run, more in zip(self.runs, added, strict=True)],
            "counts": counts.tolist(),
        }
