"""Every metric: a function from a workspace to a score, entered with what it is called and costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError, suggestion
from syngen.evaluation.information import permutation
from syngen.evaluation.metrics import dci, explicitness, gaps, infomec, irs, modularity, sap, votes
from syngen.evaluation.metrics.entries import (
    METRICS,
    NO_ACTIVE,
    NO_CODES,
    NO_FACTORS,
    NO_IMPORTANCE,
    NO_ROOM,
    NO_VOTES,
    NOT_LEARNT,
    Metric,
    Outcome,
    defined,
    entry,
    mean,
    no_codes,
    over_codes,
    over_factors,
    without,
)

if TYPE_CHECKING:
    from syngen._typing import BoolArray, FloatArray
    from syngen.evaluation.metrics.metric_inputs import MetricInputs

__all__ = ["CORE", "METRICS", "MODEL_FREE", "Metric", "Outcome", "chosen_metrics"]


def _gap_scale(work: MetricInputs) -> FloatArray:
    """Return the entropies that gaps are divided by, of codes as a column or of factors as a row."""
    if work.options.conventions.divides_by_code:
        return work.code_entropies[:, np.newaxis]
    return work.factor_entropies[np.newaxis]


@entry("mig", "MIG", "gaps", is_core=True)
def _mig(work: MetricInputs) -> Outcome:
    """Return MIG."""
    excluded = work.derived_only_mask
    return over_factors(work, gaps.mig_per_factor(work.information, _gap_scale(work), excluded=excluded))


@entry("mig_adjusted", "MIG, adjusted", "gaps", is_core=True)
def _mig_adjusted(work: MetricInputs) -> Outcome:
    """Return MIG of information beyond chance."""
    share = permutation.adjusted(work.information, work.null, work.factor_entropies)
    known = np.nan_to_num(share)
    values = gaps.mig_per_factor(known, np.ones((1, work.n_factors)), excluded=work.derived_only_mask)
    if len(share):
        values = np.where(np.isnan(share).all(axis=0), np.nan, values)
    return over_factors(work, values, NO_ROOM)


@entry("mig_sup", "MIG-sup", "gaps")
def _mig_sup(work: MetricInputs) -> Outcome:
    """Return MIG-sup."""
    scale = np.broadcast_to(_gap_scale(work), work.information.shape)[:, work.scored_factors]
    values = gaps.mig_sup_per_code(work.information[:, work.scored_factors], scale)
    return over_codes(work, values[_own_codes(work)], values)


def _own_codes(work: MetricInputs) -> BoolArray:
    """Return the active codes, without those of derived factors as long as others are left."""
    if work.derived_only_mask is None:
        return work.active
    own: BoolArray = work.active & ~work.derived_only_mask.any(axis=1)
    return own if own.any() else work.active


@entry("dcimig", "DCIMIG", "gaps")
def _dcimig(work: MetricInputs) -> Outcome:
    """Return DCIMIG."""
    kept = work.scored_factors
    return Outcome(
        gaps.dcimig(work.information[:, kept], work.factor_entropies[kept]) if len(kept) else None
    )


@entry("jemmig", "JEMMIG", "gaps")
def _jemmig(work: MetricInputs) -> Outcome:
    """Return JEMMIG."""
    values = gaps.jemmig_per_factor(
        work.information,
        work.code_entropies,
        work.factor_entropies,
        n_bins=work.options.n_bins,
        excluded=work.derived_only_mask,
    )
    return over_factors(work, values)


@entry("sap", "SAP", "predictability", is_core=True)
def _sap(work: MetricInputs) -> Outcome:
    """Return SAP."""
    first, second = gaps.top_two(_sap_matrix(work), excluded=work.derived_only_mask)
    return over_factors(work, first - second)


def _sap_matrix(work: MetricInputs) -> FloatArray:
    """Return how well each single code predicts each factor."""
    matrix = np.zeros((len(work.varying), work.n_factors))
    if not len(work.varying):
        return matrix
    codes, (train, test) = work.distance_codes, work.split
    ordered = [j for j, factor in enumerate(work.inputs.factors) if factor.kind != "nominal"]
    if ordered:
        values = np.stack([work.inputs.factors[j].values for j in ordered], axis=1)
        matrix[:, ordered] = sap.squared_correlations(codes, values)
    uses_vectors = work.options.conventions.nominal_sap == "support vectors"
    score = sap.support_vector_accuracy if uses_vectors else sap.discriminant_accuracy
    for j, levels in enumerate(work.levels):
        if j not in ordered and work.factor_entropies[j] > 0.0:
            matrix[:, j] = score(codes[train], levels[train], codes[test], levels[test])
    return matrix


@entry("modularity", "Modularity", "modularity")
def _modularity(work: MetricInputs) -> Outcome:
    """Return modularity."""
    kept, conventions = work.scored_factors, work.options.conventions
    shared = work.information[:, kept]
    if conventions.subtracts_null:
        shared = shared - work.null[:, kept]
    values = modularity.modularity_per_code(shared)
    if shared.shape[1]:
        values = np.where(shared.max(axis=1) > 0.0, values, work.nothing)
    counted = values[work.active]
    if conventions.counts_constant:
        counted = np.concatenate([counted, np.zeros(work.inputs.codes.shape[1] - len(work.varying))])
    return over_codes(work, counted, values)


@entry("irs", "IRS", "robustness", sees_extremes=True)
def _irs(work: MetricInputs) -> Outcome:
    """Return IRS."""
    kept, conventions = work.scored_factors, work.options.conventions
    by_code = np.full(len(work.varying), work.nothing)
    chosen = np.flatnonzero(work.active)
    if not len(kept) or not len(chosen):
        return Outcome(None, no_codes(work), by_code=by_code)
    seen = work.distance_codes
    codes = seen if len(chosen) == seen.shape[1] else seen[:, chosen]
    whole = conventions.quantile if conventions.standardises else 1.0
    matrix, deviations = irs.irs_matrix(
        codes, [work.levels[j] for j in kept], quantile=conventions.quantile, whole=whole
    )
    by_code[chosen] = np.maximum(matrix.max(axis=1), 0.0)
    left_out = without(len(chosen), work.inputs.codes.shape[1], "codes")
    return Outcome(irs.irs_score(matrix, deviations), by_code=by_code, left_out=left_out)


@entry("n_active", "Active codes", "activity", is_core=True, is_count=True)
def _n_active(work: MetricInputs) -> Outcome:
    """Return the number of active codes."""
    return Outcome(float(np.count_nonzero(work.active)) if len(work.scored_factors) else None)


@entry("dci_d", "DCI disentanglement", "dci", is_core=True, needs_model=True)
def _dci_d(work: MetricInputs) -> Outcome:
    """Return the disentanglement of DCI."""
    shares = work.importance[:, work.scored_factors]
    by_code = dci.one_minus_normalised_entropy(shares)
    is_used = shares.sum(axis=1) > 0.0
    return _of_importance(
        work,
        dci.disentanglement(shares),
        by_code=np.where(is_used, by_code, work.nothing),
        left_out=without(int(is_used.sum()), work.inputs.codes.shape[1], "codes"),
    )


@entry("dci_c", "DCI completeness", "dci", is_core=True, needs_model=True)
def _dci_c(work: MetricInputs) -> Outcome:
    """Return the completeness of DCI."""
    kept = work.scored_factors
    by_factor = dci.one_minus_normalised_entropy(work.importance.T)
    is_used = work.importance.sum(axis=0) > 0.0
    is_plain_mean = work.uses_ubisoft_lasso
    score = mean(by_factor[kept]) if is_plain_mean else dci.completeness(work.importance[:, kept])
    return _of_importance(
        work,
        score,
        by_factor=np.where(is_used, by_factor, work.nothing),
        left_out=without(int(is_used[kept].sum()), work.n_factors, "factors"),
    )


def _of_importance(work: MetricInputs, score: float | None, **others: Any) -> Outcome:
    if not len(work.scored_factors) or not len(work.varying):
        return Outcome(None, NO_CODES if len(work.scored_factors) else NO_FACTORS, **others)
    if score is not None and np.isnan(score):
        score = 0.0 if work.options.conventions.name else None
    return Outcome(score, NO_IMPORTANCE, **others)


@entry("dci_i", "DCI informativeness", "dci", is_core=True, needs_model=True)
def _dci_i(work: MetricInputs) -> Outcome:
    """Return the informativeness of DCI."""
    return over_factors(work, work.informativeness, NOT_LEARNT)


@entry("dci_i_chance", "DCI informativeness, chance", "dci", is_core=True, needs_model=True)
def _dci_i_chance(work: MetricInputs) -> Outcome:
    """Return the informativeness that no code is needed for."""
    return over_factors(work, work.informativeness_chance, NOT_LEARNT)


@entry("explicitness", "Explicitness", "explicitness", needs_model=True)
def _explicitness(work: MetricInputs) -> Outcome:
    """Return explicitness."""
    values, train, test = np.full(work.n_factors, np.nan), *work.split
    codes = work.distance_codes
    for j, levels in enumerate(work.levels):
        if not work.learnable[j] or not len(work.varying):
            continue
        if work.options.conventions.name == "ubisoft":
            value = explicitness.ubisoft_explicitness_of(codes, levels)
        else:
            value = explicitness.explicitness_of(codes[train], levels[train], codes[test], levels[test])
        values[j] = np.nan if value is None else value
    counted = defined(values[work.scored_factors])
    reason = "no level can be scored" if len(work.scored_factors) and len(work.varying) else no_codes(work)
    left_out = without(len(counted), work.n_factors, "factors")
    return Outcome(mean(counted), reason, by_factor=values, left_out=left_out)


@entry("infom", "InfoM", "infomec", is_core=True, needs_model=True)
def _infom(work: MetricInputs) -> Outcome:
    """Return InfoM."""
    share = work.neighbour_shares
    counted: BoolArray = _wide_codes(work) & work.active
    return over_codes(work, infomec.concentration(share[counted]))


@entry("infoc", "InfoC", "infomec", is_core=True, needs_model=True)
def _infoc(work: MetricInputs) -> Outcome:
    """Return InfoC."""
    share, wide = work.neighbour_shares, _wide_codes(work)
    compact = np.full(work.n_factors, np.nan)
    # what the estimator finds in codes that know nothing has a greatest share too
    is_known = share[wide & work.active].sum(axis=0) > 0.0
    if work.options.conventions.prunes_inactive:
        share = share * work.active[:, np.newaxis]
    compact[work.scored_factors] = np.where(is_known, infomec.concentration(share[wide].T), work.nothing)
    if not len(work.varying):
        return Outcome(None, no_codes(work))
    return replace(over_factors(work, compact, NO_ACTIVE), by_factor=None)


def _wide_codes(work: MetricInputs) -> BoolArray:
    """Return the codes that have a part in InfoM and InfoC."""
    # by default every code that varies: the reference's rule would take a factor's levels 0..3 from beside
    # those of one with 0..399, and perfect codes would have an InfoC of 1/3
    if work.options.conventions.name:
        return infomec.wide_codes(work.codes)
    return np.ones(work.codes.shape[1], dtype=np.bool_)


@entry("infoe", "InfoE", "infomec", is_core=True, needs_model=True)
def _infoe(work: MetricInputs) -> Outcome:
    """Return InfoE."""
    values, codes = np.full(work.n_factors, work.nothing), work.distance_codes
    train, test = work.split
    rng = work.rng("penalty")
    for j in work.scored_factors.tolist():
        if not work.learnable[j]:
            continue
        levels = work.levels[j]
        if work.options.conventions.name:
            values[j] = infomec.reference_infoe_of(codes, levels)
            continue
        value = infomec.infoe_of(codes[train], levels[train], codes[test], levels[test], rng=rng)
        values[j] = np.nan if value is None else value
    return replace(over_factors(work, values, NOT_LEARNT), by_factor=None)


@entry("factor_vae", "FactorVAE score", "votes", needs_model=True, saturates=True)
def _factor_vae(work: MetricInputs) -> Outcome:
    """Return the FactorVAE score."""
    levels = [work.levels[j] for j in work.scored_factors]
    least = 0.0 if work.options.conventions.standardises else votes.LEAST_STD
    rng = work.rng("votes")
    score = votes.factor_vae(work.distance_codes, levels, rng=rng, least_std=least) if levels else None
    return Outcome(score, NO_VOTES)


@entry("beta_vae", "BetaVAE score", "votes", needs_model=True, saturates=True)
def _beta_vae(work: MetricInputs) -> Outcome:
    """Return the BetaVAE score."""
    levels = [work.levels[j] for j in work.scored_factors]
    score = votes.beta_vae(work.distance_codes, levels, rng=work.rng("votes")) if levels else None
    return Outcome(score, NO_VOTES)


CORE = tuple(metric.key for metric in METRICS.values() if metric.is_core)
"""What the documentation says to report."""
MODEL_FREE = tuple(metric.key for metric in METRICS.values() if not metric.needs_model)
"""What is cheap."""
REFERENCE_CORE = tuple(key for key in MODEL_FREE if key != "mig_adjusted")
"""What stands for ``core`` with the conventions of a reference, whose models take minutes."""


def chosen_metrics(metrics: str | Iterable[str], *, compat: str | None = None) -> tuple[str, ...]:
    """Return the keys that names of metrics and families, ``core``, ``model_free`` and ``all`` stand for.

    Raises
    ------
    ParameterError
        If a name is unknown, or there is none.

    Examples
    --------
    >>> chosen_metrics(["dci", "mig"])
    ('mig', 'dci_d', 'dci_c', 'dci_i', 'dci_i_chance')
    """
    groups: dict[str, set[str]] = {
        "core": set(CORE if compat is None else REFERENCE_CORE),
        "model_free": set(MODEL_FREE),
        "all": set(METRICS),
    }
    for metric in METRICS.values():
        groups.setdefault(metric.family, set()).add(metric.key)
    groups |= {key: {key} for key in METRICS if key not in groups}
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    unknown = [name for name in names if name not in groups]
    if unknown:
        raise ParameterError(
            f"unknown metric {unknown[0]!r}{suggestion(unknown[0], groups)}; there are {', '.join(groups)}"
        )
    if not names:
        raise ParameterError("no metrics are asked for; 'core' is the default")
    wanted = set[str]().union(*(groups[name] for name in names))
    return tuple(key for key in METRICS if key in wanted)
