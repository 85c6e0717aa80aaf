"""Every metric, one entry each: a function from a workspace to a score, and what it is called and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from syngen.errors import ParameterError, suggestion
from syngen.evaluation.metrics import dci, explicitness, gaps, infomec, irs, modularity, sap, votes

if TYPE_CHECKING:
    from syngen._typing import BoolArray, FloatArray
    from syngen.evaluation.metrics.metric_inputs import MetricInputs

    Compute: TypeAlias = Callable[[MetricInputs], "Outcome"]

__all__ = ["CORE", "METRICS", "Metric", "Outcome", "chosen_metrics"]

NO_FACTORS = "no factor varies"
NO_CODES = "no code varies"
NO_ACTIVE = "no active codes"
NO_VOTES = "no code varies enough, or no two rows share a level"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one metric says of codes and factors.

    Attributes
    ----------
    score : float or None
    reason : str
        Why there is no score, if there is none.
    by_factor : ndarray of float64, shape (n_factors,), optional
    by_code : ndarray of float64, shape (n_varying_codes,), optional
    """

    score: float | None
    reason: str = NO_FACTORS
    by_factor: FloatArray | None = None
    by_code: FloatArray | None = None


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
    needs_model : bool
        Whether something is fitted to many rows. What needs no model is in ``core``; intervals of what
        does come from few refits.
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
    needs_model: bool = False
    is_count: bool = False
    saturates: bool = False
    sees_extremes: bool = False

    @property
    def has_interval(self) -> bool:
        """Whether an interval can be computed."""
        return not self.is_count


METRICS: dict[str, Metric] = {}
"""By key, in the order of reports: that of the functions in this module."""


def _entry(key: str, label: str, family: str, **flags: bool) -> Callable[[Compute], Compute]:
    """Enter a function among the metrics."""

    def enter(compute: Compute) -> Compute:
        METRICS[key] = Metric(key, label, family, compute, **flags)
        return compute

    return enter


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _over_factors(work: MetricInputs, values: FloatArray) -> Outcome:
    """Return the mean of a value for each factor over those that make the scores."""
    return Outcome(_mean(values[work.scored_factors]), by_factor=values)


def _over_codes(work: MetricInputs, counted: FloatArray, by_code: FloatArray | None = None) -> Outcome:
    """Return the mean of the values of the codes that count."""
    return Outcome(_mean(counted) if len(work.scored_factors) else None, _no_codes(work), by_code=by_code)


def _no_codes(work: MetricInputs) -> str:
    if not len(work.scored_factors):
        return NO_FACTORS
    return NO_ACTIVE if len(work.varying) else NO_CODES


def _gap_scale(work: MetricInputs) -> FloatArray:
    """Return the entropies that gaps are divided by, of codes as a column or of factors as a row."""
    if work.options.conventions.divides_by_code:
        return work.code_entropies[:, np.newaxis]
    return work.factor_entropies[np.newaxis]


@_entry("mig", "MIG", "gaps")
def _mig(work: MetricInputs) -> Outcome:
    """Return MIG."""
    excluded = work.derived_only_mask
    return _over_factors(work, gaps.mig_per_factor(work.information, _gap_scale(work), excluded=excluded))


@_entry("mig_sup", "MIG-sup", "gaps")
def _mig_sup(work: MetricInputs) -> Outcome:
    """Return MIG-sup."""
    scale = np.broadcast_to(_gap_scale(work), work.information.shape)[:, work.scored_factors]
    values = gaps.mig_sup_per_code(work.information[:, work.scored_factors], scale)
    return _over_codes(work, values[_own_codes(work)], values)


def _own_codes(work: MetricInputs) -> BoolArray:
    """Return the active codes, without those of derived factors as long as others are left."""
    if work.derived_only_mask is None:
        return work.active
    own: BoolArray = work.active & ~work.derived_only_mask.any(axis=1)
    return own if own.any() else work.active


@_entry("dcimig", "DCIMIG", "gaps")
def _dcimig(work: MetricInputs) -> Outcome:
    """Return DCIMIG."""
    kept = work.scored_factors
    return Outcome(
        gaps.dcimig(work.information[:, kept], work.factor_entropies[kept]) if len(kept) else None
    )


@_entry("jemmig", "JEMMIG", "gaps")
def _jemmig(work: MetricInputs) -> Outcome:
    """Return JEMMIG."""
    values = gaps.jemmig_per_factor(
        work.information,
        work.code_entropies,
        work.factor_entropies,
        n_bins=work.options.n_bins,
        excluded=work.derived_only_mask,
    )
    return _over_factors(work, np.where(work.factor_entropies > 0.0, values, 0.0))


@_entry("sap", "SAP", "predictability")
def _sap(work: MetricInputs) -> Outcome:
    """Return SAP."""
    first, second = gaps.top_two(_sap_matrix(work), excluded=work.derived_only_mask)
    return _over_factors(work, first - second)


def _sap_matrix(work: MetricInputs) -> FloatArray:
    """Return how well each single code predicts each factor."""
    matrix = np.zeros((len(work.varying), work.n_factors))
    if not len(work.varying):
        return matrix
    train, test = work.split
    ordered = [j for j, factor in enumerate(work.inputs.factors) if factor.kind != "nominal"]
    if ordered:
        values = np.stack([work.inputs.factors[j].values for j in ordered], axis=1)
        matrix[:, ordered] = sap.squared_correlations(work.codes, values)
    uses_vectors = work.options.conventions.nominal_sap == "support vectors"
    score = sap.support_vector_accuracy if uses_vectors else sap.discriminant_accuracy
    for j, levels in enumerate(work.levels):
        if j not in ordered and work.factor_entropies[j] > 0.0:
            matrix[:, j] = score(work.codes[train], levels[train], work.codes[test], levels[test])
    return matrix


@_entry("modularity", "Modularity", "modularity")
def _modularity(work: MetricInputs) -> Outcome:
    """Return modularity."""
    kept, conventions = work.scored_factors, work.options.conventions
    shared = work.information[:, kept]
    if conventions.subtracts_null:
        shared = shared - work.null[:, kept]
    values = modularity.modularity_per_code(shared)
    counted = values[work.active]
    if conventions.counts_constant:
        counted = np.concatenate([counted, np.zeros(work.inputs.codes.shape[1] - len(work.varying))])
    return _over_codes(work, counted, values)


@_entry("irs", "IRS", "robustness", sees_extremes=True)
def _irs(work: MetricInputs) -> Outcome:
    """Return IRS."""
    kept, conventions = work.scored_factors, work.options.conventions
    by_code = np.zeros(len(work.varying))
    chosen = np.flatnonzero(work.active)
    if not len(kept) or not len(chosen):
        return Outcome(None, _no_codes(work), by_code=by_code)
    codes = work.codes if len(chosen) == work.codes.shape[1] else work.codes[:, chosen]
    matrix, deviations = irs.irs_matrix(
        codes, [work.levels[j] for j in kept], quantile=conventions.quantile
    )
    if conventions.standardises:
        # the matrix does not depend on the scale of a code, its weight does
        spread = codes.std(axis=0)
        deviations = np.divide(deviations, spread, out=np.zeros_like(spread), where=spread > 0.0)
    by_code[chosen] = matrix.max(axis=1)
    return Outcome(irs.irs_score(matrix, deviations), by_code=by_code)


@_entry("n_active", "Active codes", "activity", is_count=True)
def _n_active(work: MetricInputs) -> Outcome:
    """Return the number of active codes."""
    return Outcome(float(np.count_nonzero(work.active)) if len(work.scored_factors) else 0.0)


@_entry("dci_d", "DCI disentanglement", "dci", needs_model=True)
def _dci_d(work: MetricInputs) -> Outcome:
    """Return the disentanglement of DCI."""
    shares = work.importance[:, work.scored_factors]
    by_code = dci.one_minus_normalised_entropy(shares)
    return _of_importance(work, dci.disentanglement(shares), by_code=by_code)


@_entry("dci_c", "DCI completeness", "dci", needs_model=True)
def _dci_c(work: MetricInputs) -> Outcome:
    """Return the completeness of DCI."""
    kept = work.scored_factors
    by_factor = dci.one_minus_normalised_entropy(work.importance.T)
    is_plain_mean = work.uses_ubisoft_lasso
    score = _mean(by_factor[kept]) if is_plain_mean else dci.completeness(work.importance[:, kept])
    return _of_importance(work, score, by_factor=by_factor)


def _of_importance(work: MetricInputs, score: float | None, **columns: FloatArray) -> Outcome:
    is_defined = len(work.scored_factors) and len(work.varying)
    return Outcome(
        score if is_defined else None, NO_CODES if len(work.scored_factors) else NO_FACTORS, **columns
    )


@_entry("dci_i", "DCI informativeness", "dci", needs_model=True)
def _dci_i(work: MetricInputs) -> Outcome:
    """Return the informativeness of DCI."""
    return _over_factors(work, work.informativeness)


@_entry("explicitness", "Explicitness", "explicitness", needs_model=True)
def _explicitness(work: MetricInputs) -> Outcome:
    """Return explicitness."""
    values, known = np.zeros(work.n_factors), np.zeros(work.n_factors, dtype=np.bool_)
    train, test = work.split
    for j, levels in enumerate(work.levels):
        if not work.learnable[j] or not len(work.varying):
            continue
        if work.options.conventions.name == "ubisoft":
            value = explicitness.ubisoft_explicitness_of(work.codes, levels)
        else:
            value = explicitness.explicitness_of(
                work.codes[train], levels[train], work.codes[test], levels[test]
            )
        known[j] = value is not None
        values[j] = 0.0 if value is None else value
    kept = work.scored_factors
    reason = "no level can be scored" if len(kept) and len(work.varying) else _no_codes(work)
    return Outcome(_mean(values[kept][known[kept]]), reason, by_factor=values)


@_entry("infom", "InfoM", "infomec", needs_model=True)
def _infom(work: MetricInputs) -> Outcome:
    """Return InfoM."""
    share = work.neighbour_shares
    counted: BoolArray = _wide_codes(work) & work.active & (share.sum(axis=1) > 0.0)
    return _over_codes(work, infomec.concentration(share[counted]))


@_entry("infoc", "InfoC", "infomec", needs_model=True)
def _infoc(work: MetricInputs) -> Outcome:
    """Return InfoC."""
    share, wide = work.neighbour_shares, _wide_codes(work)
    # what the estimator finds in codes that know nothing has a greatest share too
    is_known = share[wide & work.active].sum(axis=0) > 0.0
    compact = np.where(is_known, infomec.concentration(share[wide].T), 0.0)
    return Outcome(_mean(compact) if len(work.varying) else None, _no_codes(work))


def _wide_codes(work: MetricInputs) -> BoolArray:
    """Return the codes that have a part in InfoM and InfoC."""
    # by default every code that varies: the reference's rule would take a factor's levels 0..3 from beside
    # those of one with 0..399, and perfect codes would have an InfoC of 1/3
    if work.options.conventions.name:
        return infomec.wide_codes(work.codes)
    return np.ones(work.codes.shape[1], dtype=np.bool_)


@_entry("infoe", "InfoE", "infomec", needs_model=True)
def _infoe(work: MetricInputs) -> Outcome:
    """Return InfoE."""
    kept, learnable = work.scored_factors, work.learnable
    linear = [infomec.infoe_of(work.codes, work.levels[j]) if learnable[j] else 0.0 for j in kept]
    return Outcome(_mean(np.array(linear)))


@_entry("factor_vae", "FactorVAE score", "votes", needs_model=True, saturates=True)
def _factor_vae(work: MetricInputs) -> Outcome:
    """Return the FactorVAE score."""
    levels = [work.levels[j] for j in work.scored_factors]
    score = votes.factor_vae(work.codes, levels, rng=work.rng("votes")) if levels else None
    return Outcome(score, NO_VOTES)


@_entry("beta_vae", "BetaVAE score", "votes", needs_model=True, saturates=True)
def _beta_vae(work: MetricInputs) -> Outcome:
    """Return the BetaVAE score."""
    levels = [work.levels[j] for j in work.scored_factors]
    score = votes.beta_vae(work.codes, levels, rng=work.rng("votes")) if levels else None
    return Outcome(score, NO_VOTES)


CORE = tuple(metric.key for metric in METRICS.values() if not metric.needs_model)
"""What is cheap and needs no model."""


def chosen_metrics(metrics: str | Iterable[str]) -> tuple[str, ...]:
    """Return the keys that names of metrics and families, ``core`` and ``all`` stand for.

    Raises
    ------
    ParameterError
        If a name is unknown, or there is none.

    Examples
    --------
    >>> chosen_metrics(["dci", "mig"])
    ('mig', 'dci_d', 'dci_c', 'dci_i')
    """
    groups: dict[str, set[str]] = {"core": set(CORE), "all": set(METRICS)}
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
