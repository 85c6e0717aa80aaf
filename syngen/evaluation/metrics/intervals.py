"""How much a score would change with other rows: bootstrap intervals of the metrics that need no model.

B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993. Deviation: plug-in information of a
resample is biased upwards, because rows repeat, so the resampled values are shifted until their mean is the
score itself; bins, the null, and which codes are active stay those of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from syngen.evaluation.metrics.catalogue import METRICS
from syngen.evaluation.metrics.metric_inputs import MetricInputs

__all__ = ["bootstrap_intervals"]

_COVERAGE = 0.95


def bootstrap_intervals(
    work: MetricInputs, scores: dict[str, float], keys: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each score.

    Parameters
    ----------
    work : MetricInputs
    scores : dict of str to float
        Of all rows.
    keys : sequence of str
        Of metrics that have an interval.

    Returns
    -------
    dict of str to tuple of float
        Low and high, in 0..1.
    """
    rng = work.rng("resamples")
    drawn: dict[str, list[float]] = {key: [] for key in keys}
    for _ in range(work.options.n_resamples):
        some = work.resampled(rng.integers(work.n, size=work.n))
        for key, values in drawn.items():
            values.append(METRICS[key].compute(some).score or 0.0)
    tails = ((1.0 - _COVERAGE) / 2, (1.0 + _COVERAGE) / 2)
    intervals = {}
    for key, values in drawn.items():
        low, high = np.quantile(values, tails) - np.mean(values) + scores[key]
        intervals[key] = (max(0.0, float(low)), min(1.0, float(high)))
    return intervals
