"""Scores of two encoders on the same rows, and how sure their difference is.

Two sets of codes: rows are drawn again, the same ones for both, and the spread of the differences makes
the interval (`syngen.evaluation.metrics.intervals`). So much of the variation of scores as both share, as
a hard row is hard for both, falls out. It says nothing of how a training would turn out with another seed;
that is what codes by seed are for, whose scores are compared by Welch's test. Differences between seeds
are as large as differences between models more often than not: F. Locatello et al., "Challenging Common
Assumptions in the Unsupervised Learning of Disentangled Representations", ICML 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._threads import single_threaded
from syngen.errors import ParameterError
from syngen.evaluation.codes.frames import aligned_rows
from syngen.evaluation.codes.joining import join
from syngen.evaluation.comparison.report import Comparison, Difference
from syngen.evaluation.comparison.sides import Side
from syngen.evaluation.inputs import read_inputs
from syngen.evaluation.metrics.catalogue import METRICS
from syngen.evaluation.metrics.intervals import FEWEST_ROWS, resampled_scores
from syngen.evaluation.metrics.metric_inputs import MetricInputs, drawn_rows
from syngen.evaluation.significance import FEWEST_SEEDS, Spread, holm, welch_spread

if TYPE_CHECKING:
    from syngen._typing import FloatArray
    from syngen.evaluation.inputs import Kinds
    from syngen.evaluation.metrics.options import Options

__all__ = ["compare_sides"]


def compare_sides(
    a: Side,
    b: Side,
    factors: Any,
    *,
    options: Options,
    factor_names: Sequence[str] | None = None,
    factor_kinds: Kinds | None = None,
    common: bool = False,
) -> Comparison:
    """Compare two encoders; `syngen.compare` says what the arguments are.

    Raises
    ------
    ParameterError
        If codes and factors do not belong together, or the two sides are of different observations.
    """
    sides = {"a": a, "b": b}
    found, n_left_out = _common_rows(sides, factors, common=common)
    works: dict[str, list[MetricInputs]] = {side: [] for side in sides}
    for side, each in sides.items():
        for codes in each.codes:
            in_order = codes
            if hasattr(found, "iloc"):
                in_order, _ = aligned_rows(found, codes, names=("factors", "codes"))
            given = read_inputs(in_order, found, factor_names=factor_names, factor_kinds=factor_kinds)
            works[side].append(MetricInputs(drawn_rows(given, options), options))
    with single_threaded():
        scores = {side: [_scores(work) for work in some] for side, some in works.items()}
        is_paired = not (a.is_by_seed or b.is_by_seed)
        test = _paired(works, scores) if is_paired else _over_seeds(scores, options.metrics)
    method, differences, warnings = test
    return Comparison(
        differences=_corrected(differences),
        method=method,
        names=_names(a, b),
        seeds={
            side: [
                {"training": training, **record}
                for training, record in zip(each.trainings, scores[side], strict=True)
            ]
            for side, each in sides.items()
        },
        n_rows=works["a"][0].n,
        n_left_out=n_left_out,
        warnings=tuple(warnings),
    )


def _names(a: Side, b: Side) -> tuple[str, str]:
    return (a.name, b.name) if a.name != b.name else (f"{a.name} (a)", f"{b.name} (b)")


def _common_rows(sides: dict[str, Side], factors: Any, *, common: bool) -> tuple[Any, int]:
    """Return the observations of a dataset that all codes are of, and how many are left out."""
    if not hasattr(factors, "identities"):
        if common:
            raise ParameterError(
                "common is for codes of syngen.encode and a dataset; arrays do not say whose their rows are"
            )
        return factors, 0
    found = factors
    for side in sides.values():
        for codes in side.codes:
            found = join(codes, found, common=common).observations
    return found, len(factors) - len(found)


def _scores(work: MetricInputs) -> dict[str, float]:
    outcomes = {key: METRICS[key].compute(work).score for key in work.options.metrics}
    return {key: math.nan if score is None else float(score) for key, score in outcomes.items()}


def _paired(
    works: dict[str, list[MetricInputs]], scores: dict[str, list[dict[str, float]]]
) -> tuple[str, list[Difference], list[str]]:
    """Return differences of two sets of codes, from the same rows of both."""
    (of_a,), (of_b,) = works["a"], works["b"]
    a, b = scores["a"][0], scores["b"][0]
    differences = {key: Difference(key, a[key], b[key], a[key] - b[key]) for key in a}
    warnings = [
        f"{key} is not compared: it has no value for {' and '.join(names)}"
        for key in a
        if (names := [name for name, each in (("a", a), ("b", b)) if math.isnan(each[key])])
    ]
    keys = [
        key for key, each in differences.items() if METRICS[key].has_interval and not math.isnan(each.value)
    ]
    if of_a.n < FEWEST_ROWS:
        warnings.append(f"{of_a.n} rows are too few for a test: {FEWEST_ROWS} or more are needed")
        return "none", list(differences.values()), warnings
    draws_a, draws_b = resampled_scores(of_a, keys), resampled_scores(of_b, keys)
    for key in keys:
        spread = (draws_a[key] - draws_b[key]).spread
        if spread is None:
            warnings.append(f"{key} is not tested: it has no value in a fifth of the drawn rows, or more")
        else:
            differences[key] = _tested(differences[key], spread)
    return "bootstrap", list(differences.values()), warnings


def _over_seeds(
    scores: dict[str, list[dict[str, float]]], keys: Sequence[str]
) -> tuple[str, list[Difference], list[str]]:
    """Return differences of the means over seeds."""
    n_a, n_b = (len(scores[side]) for side in ("a", "b"))
    is_enough = min(n_a, n_b) >= FEWEST_SEEDS
    warnings, differences = [], []
    if not is_enough:
        warnings.append(
            f"{n_a} and {n_b} seeds are too few for a test: {FEWEST_SEEDS} or more are needed on each "
            "side, because scores of one model differ as much between seeds as those of different models"
        )
    for key in keys:
        a, b = (_known(scores[side], key) for side in ("a", "b"))
        for side, known, n in (("a", a, n_a), ("b", b, n_b)):
            if len(known) < n:
                warnings.append(f"{key} has no value for {n - len(known)} of {n} trainings of {side}")
        mean_a, mean_b = (float(known.mean()) if len(known) else math.nan for known in (a, b))
        sd_a, sd_b = (float(known.std(ddof=1)) if len(known) > 1 else math.nan for known in (a, b))
        difference = Difference(key, mean_a, mean_b, mean_a - mean_b, a_sd=sd_a, b_sd=sd_b)
        if min(len(a), len(b)) >= FEWEST_SEEDS:
            difference = _tested(difference, welch_spread(a, b))
        differences.append(difference)
    return "welch" if is_enough else "none", differences, warnings


def _known(scores: list[dict[str, float]], key: str) -> FloatArray:
    values = np.array([each[key] for each in scores], dtype=np.float64)
    return values[np.isfinite(values)]


def _tested(difference: Difference, spread: Spread) -> Difference:
    low, high = spread.interval(difference.value)
    return replace(difference, low=low, high=high, p=spread.p_of(difference.value))


def _corrected(differences: list[Difference]) -> tuple[Difference, ...]:
    """Fill in the p values that are corrected for the number of tests."""
    tested = [place for place, each in enumerate(differences) if math.isfinite(each.p)]
    corrected = dict(zip(tested, holm([differences[place].p for place in tested]), strict=True))
    return tuple(
        replace(each, p_holm=corrected[place]) if place in corrected else each
        for place, each in enumerate(differences)
    )
