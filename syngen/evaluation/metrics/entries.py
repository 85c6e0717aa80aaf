"""One entry a metric: what it is called and costs, what it says, and how means are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import FloatArray
    from syngen.evaluation.metrics.metric_inputs import MetricInputs

    Compute: TypeAlias = Callable[[MetricInputs], "Outcome"]

__all__ = [
    "METRICS",
    "NOT_LEARNT",
    "NO_CODES",
    "NO_FACTORS",
    "NO_IMPORTANCE",
    "NO_ROOM",
    "NO_VOTES",
    "Metric",
    "Outcome",
    "defined",
    "entry",
    "mean",
    "no_codes",
    "over_codes",
    "over_factors",
    "without",
]

NO_FACTORS = "no factor varies"
NO_CODES = "no code varies"
NO_ACTIVE = "no active codes"
NO_VOTES = "no code varies enough, or no two rows share a level"
NO_IMPORTANCE = "no code has importance for a factor"
NO_ROOM = "every row has a level of its own"
NOT_LEARNT = "no factor can be learnt from these rows"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one metric says of codes and factors.

    Attributes
    ----------
    score : float or None
    reason : str
        Why there is no score, if there is none.
    by_factor : ndarray of float64, shape (n_factors,), optional
        NaN where it is undefined.
    by_code : ndarray of float64, shape (n_varying_codes,), optional
        NaN where it is undefined.
    left_out : str
        What has no part in the mean, such as ``2 of 10 codes``; empty if all have.
    """

    score: float | None
    reason: str = NO_FACTORS
    by_factor: FloatArray | None = None
    by_code: FloatArray | None = None
    left_out: str = ""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    key, label : str
        Its name in programs, and in tables.
    family : str
        A name for all of its kind.
    compute : callable
        From a workspace to an `Outcome`.
    is_core : bool
        Whether the documentation says to report it.
    needs_model : bool
        Whether something is fitted to many rows; its interval comes from few refits.
    is_count : bool
        Whether it is a number of codes rather than in 0..1; it has no interval.
    saturates : bool
        Whether codes that are not disentangled reach 1.
    sees_extremes : bool
        Whether it hangs on the greatest values of codes, which half of the rows may not have.
    """

    key: str
    label: str
    family: str
    compute: Compute
    is_core: bool = False
    needs_model: bool = False
    is_count: bool = False
    saturates: bool = False
    sees_extremes: bool = False

    @property
    def has_interval(self) -> bool:
        """Whether an interval can be computed."""
        return not self.is_count


METRICS: dict[str, Metric] = {}
"""By key, in the order of reports: that of the functions in `catalogue`."""


def entry(key: str, label: str, family: str, **flags: bool) -> Callable[[Compute], Compute]:
    """Enter a function among the metrics."""

    def enter(compute: Compute) -> Compute:
        METRICS[key] = Metric(key, label, family, compute, **flags)
        return compute

    return enter


def mean(values: FloatArray) -> float | None:
    """Return the mean, None of nothing."""
    return float(values.mean()) if len(values) else None


def defined(values: FloatArray) -> FloatArray:
    """Return the values that are not NaN."""
    return values[~np.isnan(values)]


def without(n_counted: int, n_all: int, what: str) -> str:
    """Return what is left out of a mean, in words."""
    return f"{n_all - n_counted} of {n_all} {what}" if 0 < n_counted < n_all else ""


def over_factors(work: MetricInputs, values: FloatArray, reason: str = NO_FACTORS) -> Outcome:
    """Return the mean of a value for each factor over those that make the scores and have one."""
    values = np.where(work.factor_entropies > 0.0, values, work.nothing)
    counted = defined(values[work.scored_factors])
    return Outcome(
        mean(counted),
        reason if len(work.scored_factors) else NO_FACTORS,
        by_factor=values,
        left_out=without(len(counted), work.n_factors, "factors"),
    )


def over_codes(work: MetricInputs, counted: FloatArray, by_code: FloatArray | None = None) -> Outcome:
    """Return the mean of the values of the codes that count."""
    counted = defined(counted)
    return Outcome(
        mean(counted) if len(work.scored_factors) else None,
        no_codes(work),
        by_code=by_code,
        left_out=without(len(counted), work.inputs.codes.shape[1], "codes"),
    )


def no_codes(work: MetricInputs) -> str:
    """Return why a mean over codes has nothing to be taken of."""
    if not len(work.scored_factors):
        return NO_FACTORS
    return NO_ACTIVE if len(work.varying) else NO_CODES
