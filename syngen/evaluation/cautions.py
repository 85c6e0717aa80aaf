"""What to know of codes, factors and rows before the scores are used: one sentence for each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.information.mutual_information import size_of
from syngen.evaluation.information.outliers import mean_ranks
from syngen.evaluation.metrics.catalogue import METRICS
from syngen.evaluation.metrics.dci import FEWEST_ROWS

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray
    from syngen.evaluation.metrics.metric_inputs import MetricInputs

__all__ = ["cautions"]

_CORRELATED = 0.05
_BIASED = 0.1
_CEILING = 0.995
_ROWS_PER_BIN = 20
_ORDERED = 0.85
_NOTICEABLE = 0.05
_MOST_NAMED = 3
_FAR = "values far outside the middle 98 % of their column"
_NEARER = "metrics of distances (SAP, InfoE, IRS, votes) take them for less far"
_IDLE = "know no more of any factor than chance, and count because of active='all'"
_OF_DISTANCES = {"predictability", "robustness", "explicitness", "infomec", "votes"}


def cautions(work: MetricInputs, undefined: dict[str, str]) -> list[str]:
    """Return what should be known before scores are used.

    Parameters
    ----------
    work : MetricInputs
    undefined : dict of str to str
        Why a metric has no value.
    """
    found = [note for note in (work.inputs.warning, work.inputs.note) if note]
    if work.n < FEWEST_ROWS and "dci" in _families(work):
        found.append(f"DCI from {work.n:,} rows: with fewer than {FEWEST_ROWS:,}, importances are noise")
    found += [f"{key} has no value: {reason}" for key, reason in undefined.items()]
    return [
        *found,
        *_roles(work),
        *_classes(work),
        *_ceilings(work),
        *_far_values(work),
        *_uninformed(work),
        *_shared_information(work),
        *_small_samples(work),
    ]


def _families(work: MetricInputs) -> set[str]:
    return {METRICS[key].family for key in work.options.metrics}


def _names(work: MetricInputs) -> list[str]:
    return [factor.name for factor in work.inputs.factors]


def _roles(work: MetricInputs) -> list[str]:
    """Name factors that have no part in the scores."""
    names = _names(work)
    found = [
        f"factor {names[child]} is a function of {names[parent]} and is reported apart"
        for child, parent in work.derived.items()
    ]
    found += [
        f"factor {name} does not vary and is left out"
        for name, entropy in zip(names, work.factor_entropies, strict=True)
        if entropy == 0.0
    ]
    found += [
        f"factor {name} has a level for almost every row: no model can learn it"
        for name, entropy, learnable in zip(names, work.factor_entropies, work.learnable, strict=True)
        if entropy > 0.0 and not learnable
    ]
    return found


def _classes(work: MetricInputs) -> list[str]:
    """Ask about whole numbers that codes tell apart in another order than that of numbers."""
    if work.options.conventions.name or not len(work.varying):
        return []
    found = []
    for j in work.scored_factors.tolist():
        factor, levels = work.inputs.factors[j], work.levels[j]
        best = int(work.information[:, j].argmax())
        is_known = bool(work.informed[best]) and 2 < size_of(levels) <= work.n // 5
        if not factor.is_guessed or not is_known:
            continue
        by_class, by_order = _explained(mean_ranks(work.codes[:, [best]])[:, 0], levels)
        if by_order < _ORDERED * by_class and by_class - by_order > _NOTICEABLE:
            code = work.inputs.code_names[work.varying[best]]
            found.append(
                f"factor {factor.name} holds whole numbers and counts as ordinal, but {code} has its "
                f"levels in another order (they explain {by_class:.2f} of it, their order "
                f"{by_order:.2f}): are they classes? Then say factor_kinds={{{factor.name!r}: 'nominal'}}"
            )
    return found


def _explained(ranks: FloatArray, levels: IntArray) -> tuple[float, float]:
    """Return how much of the variance of a code levels explain as classes, and as a rising row."""
    n, counts = len(ranks), np.bincount(levels)
    centred = ranks - ranks.mean()
    whole = float(centred @ centred)
    means = np.bincount(levels, weights=centred) / counts
    within = 1.0 - float(counts @ means**2) / whole
    by_class = 1.0 - within * (n - 1) / (n - len(counts))
    places = mean_ranks(levels[:, np.newaxis].astype(np.float64))[:, 0]
    places -= places.mean()
    by_order = float(centred @ places) ** 2 / (whole * float(places @ places))
    return by_class, by_order


def _ceilings(work: MetricInputs) -> list[str]:
    """Name factors whose best code has fewer bins than their entropy needs."""
    if "gaps" not in _families(work) or not len(work.varying):
        return []
    n_bins, found = work.options.n_bins, []
    is_binned = ~work.is_counted if work.options.conventions.keeps_values else np.ones_like(work.is_counted)
    for j in work.scored_factors.tolist():
        needed = float(work.factor_entropies[j])
        ceiling = math.log(n_bins) / needed
        if not is_binned[work.information[:, j].argmax()] or ceiling > _CEILING:
            continue
        n_needed = math.ceil(math.exp(needed) - 1e-9)
        rows = _ROWS_PER_BIN * n_needed
        remedy = f"take n_bins={n_needed}" + (f" and {rows:,} rows" if rows > work.n else "")
        found.append(
            f"{n_bins} bins hold {math.log(n_bins):.2f} of the {needed:.2f} nats of factor "
            f"{work.inputs.factors[j].name}: its MIG cannot exceed {ceiling:.2f}; {remedy}"
        )
    return found


def _far_values(work: MetricInputs) -> list[str]:
    """Name codes with values that metrics of distances take for nearer than they are."""
    uses_lasso = work.options.dci_model == "lasso" and "dci" in _families(work)
    if not _OF_DISTANCES & _families(work) and not uses_lasso:
        return []
    wild = sorted(np.flatnonzero(work.n_far).tolist(), key=lambda i: -work.n_far[i])
    if not wild:
        return []
    named = ", ".join(
        f"{work.inputs.code_names[work.varying[i]]} ({work.n_far[i]:,})" for i in wild[:_MOST_NAMED]
    )
    more = f" and {len(wild) - _MOST_NAMED} more codes" if len(wild) > _MOST_NAMED else ""
    return [f"{_FAR}, in {named}{more}: {_NEARER}"]


def _uninformed(work: MetricInputs) -> list[str]:
    """Say how many codes that count know no more than chance."""
    conventions = work.options.conventions
    if conventions.prunes_inactive or conventions.name or not len(work.scored_factors):
        return []
    n_idle = int(np.count_nonzero(~work.informed))
    if not n_idle:
        return []
    return [f"{n_idle} of {len(work.informed)} codes {_IDLE}"]


def _shared_information(work: MetricInputs) -> list[str]:
    """Name pairs of factors that are not independent."""
    names, found, kept = _names(work), [], work.scored_factors.tolist()
    for a, i in enumerate(kept):
        for j in kept[a + 1 :]:
            chance = (work.levels[i].max() * work.levels[j].max()) / (2.0 * work.n)
            share = (work.factor_information[i, j] - chance) / min(
                work.factor_entropies[i], work.factor_entropies[j]
            )
            if share > _CORRELATED:
                found.append(
                    f"factors {names[i]} and {names[j]} share {share:.2f} of their information: "
                    "no code can separate that part"
                )
    return found


def _small_samples(work: MetricInputs) -> list[str]:
    """Name factors whose levels are too many for the rows."""
    n_bins = max([int(levels.max()) for levels in work.bins], default=0)
    found = []
    for j in work.scored_factors.tolist():
        bias = int(work.levels[j].max()) * n_bins / (2.0 * work.n)
        known = work.factor_entropies[j]
        if bias > _BIASED * known:
            found.append(
                f"factor {work.inputs.factors[j].name} has {int(work.levels[j].max()) + 1} levels in "
                f"{work.n:,} rows: random codes seem to know {min(bias, known):.2f} nats "
                "of it, take more rows"
            )
    return found
