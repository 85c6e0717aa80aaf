"""The metrics of one family each, from a workspace to numbers: scores, columns by factor and by code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.information.mutual_information import normalised
from syngen.evaluation.metrics import dci, explicitness, gaps, infomec, irs, modularity, sap, votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray
    from syngen.evaluation.metrics.metric_inputs import MetricInputs

__all__ = ["FAMILY_FUNCTIONS", "Result"]

NO_FACTORS = "no factor varies"
NO_CODES = "no code varies"
NO_ACTIVE = "no active codes"


@dataclass
class Result:
    """What one family found.

    Attributes
    ----------
    scores : dict of str to float
    undefined : dict of str to str
        Why a score has no value; it is then 0 in `scores`.
    by_factor, by_code : dict of str to ndarray
        A value for each factor, or for each code that varies.
    importance : ndarray of float64, shape (n_varying_codes, n_factors), optional
    warnings : list of str
    """

    scores: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    by_factor: dict[str, FloatArray] = field(default_factory=dict)
    by_code: dict[str, FloatArray] = field(default_factory=dict)
    importance: FloatArray | None = None
    warnings: list[str] = field(default_factory=list)

    def put(self, key: str, value: float | None, reason: str) -> None:
        """Set a score, or 0 and the reason why there is none."""
        self.scores[key] = 0.0 if value is None else float(value)
        if value is None:
            self.undefined[key] = reason


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def gap_family(work: MetricInputs) -> Result:
    """Return MIG, MIG-sup, DCIMIG and JEMMIG."""
    result, kept = Result(), work.scored_factors
    by_code = work.options.conventions.divides_by_code
    scale = work.code_entropies[:, np.newaxis] if by_code else work.factor_entropies
    mig = gaps.mig_per_factor(work.information, scale, excluded=work.derived_only_mask)
    jemmig = gaps.jemmig_per_factor(
        work.information,
        work.code_entropies,
        work.factor_entropies,
        n_bins=work.options.n_bins,
        excluded=work.derived_only_mask,
    )
    varies = work.factor_entropies > 0.0
    result.by_factor = {"mig": np.where(varies, mig, 0.0), "jemmig": np.where(varies, jemmig, 0.0)}
    sup = gaps.mig_sup_per_code(work.information[:, kept], scale if by_code else scale[kept])
    result.by_code = {"mig_sup": sup}
    result.put("mig", _mean(mig[kept]), NO_FACTORS)
    result.put("mig_sup", _mean(sup[_own_codes(work)]) if len(kept) else None, _no_codes(work))
    dcimig = gaps.dcimig(work.information[:, kept], work.factor_entropies[kept]) if len(kept) else None
    result.put("dcimig", dcimig, NO_FACTORS)
    result.put("jemmig", _mean(jemmig[kept]), NO_FACTORS)
    return result


def _own_codes(work: MetricInputs) -> BoolArray:
    """Return the active codes, without those of derived factors as long as others are left."""
    if work.derived_only_mask is None:
        return work.active
    own: BoolArray = work.active & ~work.derived_only_mask.any(axis=1)
    return own if own.any() else work.active


def _no_codes(work: MetricInputs) -> str:
    if not len(work.scored_factors):
        return NO_FACTORS
    return NO_ACTIVE if len(work.varying) else NO_CODES


def sap_matrix(work: MetricInputs) -> FloatArray:
    """Return how well each single code predicts each factor."""
    matrix = np.zeros((len(work.varying), work.n_factors))
    train, test = work.split
    uses_vectors = work.options.conventions.nominal_sap == "support vectors"
    if not len(work.varying):
        return matrix
    ordered = [j for j, factor in enumerate(work.inputs.factors) if factor.kind != "nominal"]
    if ordered:
        values = np.stack([work.inputs.factors[j].values for j in ordered], axis=1)
        matrix[:, ordered] = sap.squared_correlations(work.codes, values)
    score = sap.support_vector_accuracy if uses_vectors else sap.discriminant_accuracy
    for j, levels in enumerate(work.levels):
        if j not in ordered and work.factor_entropies[j] > 0.0:
            matrix[:, j] = score(work.codes[train], levels[train], work.codes[test], levels[test])
    return matrix


def sap_family(work: MetricInputs) -> Result:
    """Return SAP."""
    first, second = gaps.top_two(sap_matrix(work), excluded=work.derived_only_mask)
    result = Result(by_factor={"sap": first - second})
    result.put("sap", _mean((first - second)[work.scored_factors]), NO_FACTORS)
    return result


def modularity_family(work: MetricInputs) -> Result:
    """Return modularity."""
    kept, conventions = work.scored_factors, work.options.conventions
    shared = work.information[:, kept]
    if conventions.subtracts_null:
        shared = shared - work.null[:, kept]
    values = modularity.modularity_per_code(shared)
    result = Result(by_code={"modularity": values})
    counted = values[work.active]
    if conventions.counts_constant:
        counted = np.concatenate([counted, np.zeros(work.inputs.codes.shape[1] - len(work.varying))])
    result.put("modularity", _mean(counted) if len(kept) else None, _no_codes(work))
    return result


def irs_family(work: MetricInputs) -> Result:
    """Return IRS."""
    kept, conventions = work.scored_factors, work.options.conventions
    result = Result(by_code={"irs": np.zeros(len(work.varying))})
    if not len(kept) or not work.active.any():
        result.put("irs", None, _no_codes(work))
        return result
    chosen = np.flatnonzero(work.active)
    codes = work.codes if len(chosen) == work.codes.shape[1] else work.codes[:, chosen]
    spread = codes.std(axis=0)
    matrix, deviations = irs.irs_matrix(
        codes, [work.levels[j] for j in kept], quantile=conventions.quantile
    )
    if conventions.standardises:
        # the matrix does not depend on the scale of a code, its weight does
        deviations = np.divide(deviations, spread, out=np.zeros_like(spread), where=spread > 0.0)
    result.by_code["irs"][chosen] = matrix.max(axis=1)
    result.put("irs", irs.irs_score(matrix, deviations), NO_CODES)
    return result


def activity_family(work: MetricInputs) -> Result:
    """Return the number of active codes."""
    n_active = float(np.count_nonzero(work.active)) if len(work.scored_factors) else 0.0
    return Result(scores={"n_active": n_active})


def dci_family(work: MetricInputs) -> Result:
    """Return disentanglement, completeness and informativeness."""
    result = Result(importance=np.zeros((len(work.varying), work.n_factors)))
    informativeness = np.zeros(work.n_factors)
    is_ubisoft = work.options.conventions.name == "ubisoft" and work.options.dci_model == "lasso"
    train, test = work.split
    inputs = (work.codes[train], work.codes[test])
    for j, factor in enumerate(work.inputs.factors):
        if not work.learnable[j] or result.importance is None:
            continue
        if is_ubisoft and factor.kind != "nominal" and len(work.varying):
            importance, informativeness[j] = dci.ubisoft_lasso(work.codes, factor.values)
        else:
            is_real = factor.kind == "continuous" and work.options.conventions.name == ""
            target: NDArray[np.float64] | NDArray[np.int32] = factor.values if is_real else work.levels[j]
            task = dci.Task(*inputs, target[train], target[test], is_real, factor.kind == "nominal")
            importance, informativeness[j] = dci.fit_importance(
                task, model=work.options.dci_model, seed=work.options.seed
            )
        result.importance[:, j] = importance
    _put_dci(result, work, informativeness, weighted=not is_ubisoft)
    if work.n < dci.FEWEST_ROWS:
        result.warnings.append(
            f"DCI from {work.n:,} rows: with fewer than {dci.FEWEST_ROWS:,}, importances are noise"
        )
    return result


def _put_dci(result: Result, work: MetricInputs, informativeness: FloatArray, *, weighted: bool) -> None:
    kept = work.scored_factors
    importance = np.zeros((len(work.varying), 0)) if result.importance is None else result.importance
    shares = importance[:, kept]
    result.by_factor = {"dci_c": dci.one_minus_normalised_entropy(importance.T), "dci_i": informativeness}
    result.by_code = {"dci_d": dci.one_minus_normalised_entropy(shares), "importance": shares.sum(axis=1)}
    reason = NO_CODES if len(kept) else NO_FACTORS
    is_defined = bool(len(kept) and len(work.varying))
    complete = dci.completeness(shares) if weighted else _mean(dci.one_minus_normalised_entropy(shares.T))
    result.put("dci_d", dci.disentanglement(shares) if is_defined else None, reason)
    result.put("dci_c", complete if is_defined else None, reason)
    result.put("dci_i", _mean(informativeness[kept]), NO_FACTORS)


def explicitness_family(work: MetricInputs) -> Result:
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
    result = Result(by_factor={"explicitness": values})
    kept = work.scored_factors
    reason = _no_codes(work) if not len(kept) or not len(work.varying) else "no level can be scored"
    result.put("explicitness", _mean(values[kept][known[kept]]), reason)
    return result


def infomec_family(work: MetricInputs) -> Result:
    """Return InfoM, InfoC and InfoE."""
    result, kept = Result(), work.scored_factors
    rng = work.rng("jitter")
    shared = work.information.copy()
    for i in np.flatnonzero(~work.is_counted).tolist():
        for j in kept.tolist():
            shared[i, j] = infomec.neighbour_information(work.codes[:, i], work.levels[j], rng=rng)
    share = normalised(shared, work.factor_entropies)[:, kept]
    # by default every code that varies: the reference's rule would take a factor's levels 0..3 from beside
    # those of one with 0..399, and perfect codes would have an InfoC of 1/3
    is_reference = bool(work.options.conventions.name)
    wide = infomec.wide_codes(work.codes) if is_reference else np.ones(work.codes.shape[1], dtype=np.bool_)
    modular: BoolArray = wide & work.active & (share.sum(axis=1) > 0.0)
    m = _mean(infomec.concentration(share[modular])) if len(kept) else None
    result.put("infom", m, _no_codes(work))
    # what the estimator finds in codes that know nothing has a greatest share too
    is_known = share[wide & work.active].sum(axis=0) > 0.0
    compact = np.where(is_known, infomec.concentration(share[wide].T), 0.0)
    is_defined = len(kept) and len(work.varying)
    result.put("infoc", _mean(compact) if is_defined else None, _no_codes(work))
    linear = np.array(
        [infomec.infoe_of(work.codes, work.levels[j]) if work.learnable[j] else 0.0 for j in kept]
    )
    result.put("infoe", _mean(linear), NO_FACTORS)
    return result


def vote_family(work: MetricInputs) -> Result:
    """Return the FactorVAE and BetaVAE scores, as far as they are asked for."""
    result, wanted = Result(), work.options.metrics
    levels = [work.levels[j] for j in work.scored_factors]
    reason = "no code varies enough, or no two rows share a level"
    if "factor_vae" in wanted:
        score = votes.factor_vae(work.codes, levels, rng=work.rng("votes")) if levels else None
        result.put("factor_vae", score, reason)
    if "beta_vae" in wanted:
        score = votes.beta_vae(work.codes, levels, rng=work.rng("votes")) if levels else None
        result.put("beta_vae", score, reason)
    return result


FAMILY_FUNCTIONS: dict[str, Callable[[MetricInputs], Result]] = {
    "gaps": gap_family,
    "predictability": sap_family,
    "modularity": modularity_family,
    "robustness": irs_family,
    "activity": activity_family,
    "dci": dci_family,
    "explicitness": explicitness_family,
    "infomec": infomec_family,
    "votes": vote_family,
}
"""By name of family, as in ``options.FAMILIES``."""
