"""How much a score would change with other rows: the same metric on many random halves of the rows.

Rows are split into train and test first, then each part is divided into two halves, so that no row is in
two places: a repeated row raises plug-in information, is its own nearest neighbour, and would reach the
test rows of a model that has learnt it. This is the bootstrap of m out of n rows without replacement, m =
n / 2 (P. J. Bickel, F. Götze, W. R. van Zwet, Statistica Sinica 7, 1997; D. N. Politis, J. P. Romano, M.
Wolf, "Subsampling", 1999): the variance of a half, given the rows, is that of the whole sample (P. J.
McCarthy, "Pseudo-Replication: Half Samples", Review of the International Statistical Institute 37, 1969).

Two estimates of that variance are weighted one to two: of all halves, and of half the differences of
complementary halves. What is quadratic in the rows, as the noise of plug-in information, counts threefold
in the former and twofold in the latter; the noise of a fit (votes, forests) counts fully in the former
and half in the latter. ``tests/benchmarks/coverage.py`` shows how often the interval, score -+ t standard
deviations, has the expected score. t is of Student's distribution for the number of divisions, so that
few refits give a wider interval.

A metric of extremes (IRS) does not see them in halves: it is computed on parts of four fifths, whose
variance is a quarter of that of the sample (J. Shao, C. F. J. Wu, "A General Theory for Jackknife
Variance Estimation", Annals of Statistics 17, 1989).

Which codes and factors count, and the edges of bins, are those of all rows; so the width of bins of equal
width is taken for known. The information that shuffled rows have is measured for the smaller number of
rows.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.metrics.catalogue import METRICS
from syngen.evaluation.significance import Spread

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray
    from syngen.evaluation.metrics.metric_inputs import MetricInputs

__all__ = ["FEWEST_ROWS", "Draws", "resampled_scores", "score_intervals"]

FEWEST_ROWS = 20
"""With fewer rows there are no intervals: halves would say nothing."""
_HALF, _FOUR_FIFTHS = 0.5, 0.8
_OF_DIFFERENCES = 2.0 / 3.0
_LEAST_DEFINED = 0.8


@dataclass(frozen=True, eq=False)
class Draws:
    """A score of random parts of the rows.

    Attributes
    ----------
    values : ndarray of float64, shape (n_draws, 2) or (n_draws, 1)
        Of two complementary halves, or of one part of four fifths; NaN where a part has no score.
    """

    values: FloatArray

    def __sub__(self, other: Draws) -> Draws:
        return Draws(self.values - other.values)

    @property
    def n_defined(self) -> int:
        """Draws whose parts all have a score."""
        return int(np.isfinite(self.values).all(axis=1).sum())

    @property
    def spread(self) -> Spread | None:
        """How far the score of all rows varies; None where a fifth of the draws has no score."""
        known = self.values[np.isfinite(self.values).all(axis=1)]
        n_draws, n_parts = known.shape
        if n_draws < _LEAST_DEFINED * len(self.values) or known.size < 2:
            return None
        variance = float(known.var(ddof=1))
        if n_parts == 1:
            return Spread(math.sqrt(variance * _FOUR_FIFTHS / (1.0 - _FOUR_FIFTHS)), n_draws - 1)
        of_differences = float(np.mean((known[:, 0] - known[:, 1]) ** 2)) / 4.0
        share = _OF_DIFFERENCES
        return Spread(math.sqrt(share * of_differences + (1.0 - share) * variance), n_draws)


def score_intervals(
    work: MetricInputs, scores: Mapping[str, float]
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the 95 % interval of each score.

    Parameters
    ----------
    work : MetricInputs
    scores : mapping of str to float
        Of all rows, by metric; those that have no value are left out.

    Returns
    -------
    intervals : dict of str to tuple of float
        Low and high; within 0..1 where the score is.
    notes : list of str
        Which scores have no interval, and why.
    """
    keys = [key for key, score in scores.items() if METRICS[key].has_interval and math.isfinite(score)]
    if not keys:
        return {}, []
    if work.n < FEWEST_ROWS:
        return {}, [f"{work.n} rows are too few for intervals: {FEWEST_ROWS} or more are needed"]
    intervals, notes = {}, []
    for key, draws in resampled_scores(work, keys).items():
        if draws.spread is None:
            notes.append(
                f"{key} has no interval: it has a value in {draws.n_defined} of {len(draws.values)} "
                "divisions of the rows"
            )
            continue
        score, (low, high) = scores[key], draws.spread.interval(scores[key])
        intervals[key] = (max(min(0.0, score), low), min(max(1.0, score), high))
    return intervals, notes


def resampled_scores(work: MetricInputs, keys: Sequence[str]) -> dict[str, Draws]:
    """Return the scores of random parts of the rows.

    Workspaces of as many rows with the same seed are divided alike, which pairs them.

    Parameters
    ----------
    work : MetricInputs
    keys : sequence of str
        Metrics. Those that fit a model are computed `n_refits` times, the others `n_resamples` times.
    """
    options = work.options
    found: dict[str, Draws] = {}
    for n_fits, are_models in ((options.n_resamples, False), (options.n_refits, True)):
        for n_parts, see_extremes in ((2, False), (1, True)):
            some = [
                key
                for key in keys
                if METRICS[key].needs_model == are_models and METRICS[key].sees_extremes == see_extremes
            ]
            if some:
                found |= _drawn(work, some, n_draws=max(1, n_fits // n_parts), n_parts=n_parts)
    return {key: found[key] for key in keys}


def _drawn(work: MetricInputs, keys: Sequence[str], *, n_draws: int, n_parts: int) -> dict[str, Draws]:
    values = {key: np.empty((n_draws, n_parts)) for key in keys}
    null = None
    for draw, rng in enumerate(work.rng("resamples").spawn(n_draws)):
        divided = [_divided(rows, rng, n_parts=n_parts) for rows in work.split]
        for place, (train, test) in enumerate(zip(*divided, strict=True)):
            part = work.resampled(train, test, null=null)
            # once: it hangs on the number of rows, and its own noise is not to be counted
            null = part.null if null is None else null
            for key in keys:
                values[key][draw, place] = _score(part, key)
    return {key: Draws(found) for key, found in values.items()}


def _divided(rows: IntArray, rng: np.random.Generator, *, n_parts: int) -> list[IntArray]:
    """Return two random halves of some rows, or one part of four fifths, each in the order of the rows."""
    order = rng.permutation(len(rows))
    share = _HALF if n_parts == 2 else _FOUR_FIFTHS
    n = max(1, int(share * len(rows) + rng.random()))  # the half of an odd number is above or below it
    parts = [order[:n], order[n:] if n < len(rows) else order] if n_parts == 2 else [order[:n]]
    return [rows[np.sort(part)] for part in parts]


def _score(part: MetricInputs, key: str) -> float:
    # a factor or a code that varies in all rows may be constant in a part
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        score = METRICS[key].compute(part).score
    return math.nan if score is None else float(score)
