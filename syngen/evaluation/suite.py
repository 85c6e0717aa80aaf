"""All metrics of one representation: inputs checked, families computed, results put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._distribution import version
from syngen._threads import single_threaded
from syngen.evaluation.cautions import cautions
from syngen.evaluation.information.mutual_information import normalised
from syngen.evaluation.information.permutation import N_SHUFFLES
from syngen.evaluation.inputs import read_inputs
from syngen.evaluation.metrics.catalogue import METRICS, Outcome, chosen_metrics
from syngen.evaluation.metrics.intervals import score_intervals
from syngen.evaluation.metrics.metric_inputs import MetricInputs, drawn_rows
from syngen.evaluation.metrics.options import Options
from syngen.evaluation.scores import Scores

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from syngen._typing import DatasetView, FloatArray, Json
    from syngen.evaluation.codes.codes import Codes
    from syngen.evaluation.inputs import Kinds

__all__ = ["compute_scores"]


def compute_scores(
    codes: ArrayLike | Codes,
    factors: ArrayLike | DatasetView,
    *,
    factor_names: Sequence[str] | None,
    factor_kinds: Kinds | None,
    common: bool,
    metrics: str | Iterable[str],
    **choices: Any,
) -> Scores:
    """Return the scores of a representation; `syngen.evaluate` says what the arguments are."""
    chosen = chosen_metrics(metrics, compat=choices.get("compat"))
    options = Options.of(metrics=chosen, **choices)
    given = read_inputs(codes, factors, factor_names=factor_names, factor_kinds=factor_kinds, common=common)
    work = MetricInputs(drawn_rows(given, options), options)
    with single_threaded():
        outcomes = {key: METRICS[key].compute(work) for key in options.metrics}
        scores = {key: _number(outcome.score) for key, outcome in outcomes.items()}
        undefined = {key: outcome.reason for key, outcome in outcomes.items() if outcome.score is None}
        defined = {key: score for key, score in scores.items() if key not in undefined}
        found, notes = score_intervals(work, defined) if options.intervals else ({}, [])
        metadata = _metadata(work, undefined, notes, rows_given=len(given.codes))
    information = _all_codes(work, work.information)
    has_importance = any(METRICS[key].family == "dci" for key in scores)
    result = Scores(
        scores,
        _factor_frame(work, outcomes),
        _code_frame(work, outcomes),
        mi=information,
        nmi=normalised(information, work.factor_entropies),
        factor_mi=work.factor_information,
        importance=_all_codes(work, work.importance) if has_importance else None,
        intervals=found,
        undefined=undefined,
        left_out={key: outcome.left_out for key, outcome in outcomes.items() if outcome.left_out},
        metadata=metadata,
    )
    for matrix in (result.mi, result.nmi, result.factor_mi, result.importance):
        if matrix is not None:
            matrix.flags.writeable = False
    return result


def _number(score: float | None) -> float:
    return float("nan") if score is None else score


def _all_codes(work: MetricInputs, values: FloatArray, constant: float = 0.0) -> FloatArray:
    """Return values with a row for each constant code too."""
    complete = np.full((work.inputs.codes.shape[1], *values.shape[1:]), constant)
    complete[work.varying] = values
    return complete


def _factor_names(work: MetricInputs) -> list[str]:
    return [factor.name for factor in work.inputs.factors]


def _role(work: MetricInputs, j: int) -> str:
    if work.factor_entropies[j] == 0.0:
        return "constant"
    return "derived" if j in work.derived else "headline"


def _factor_frame(work: MetricInputs, outcomes: dict[str, Outcome]) -> pd.DataFrame:
    import pandas as pd

    names = _factor_names(work)
    information = _all_codes(work, work.information)
    best = [work.inputs.code_names[i] for i in information.argmax(axis=0)]
    columns: dict[str, Any] = {
        "kind": [factor.kind for factor in work.inputs.factors],
        "n_levels": [int(levels.max()) + 1 for levels in work.levels],
        "entropy": work.factor_entropies,
        "role": [_role(work, j) for j in range(work.n_factors)],
        "derived_from": [names[work.derived[j]] if j in work.derived else "" for j in range(len(names))],
        "best_code": [
            name if known > 0.0 else "" for name, known in zip(best, information.max(axis=0), strict=True)
        ],
        **{key: each.by_factor for key, each in outcomes.items() if each.by_factor is not None},
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="factor"))


def _code_frame(work: MetricInputs, outcomes: dict[str, Outcome]) -> pd.DataFrame:
    import pandas as pd

    n_codes, names = work.inputs.codes.shape[1], _factor_names(work)
    status = np.full(n_codes, "constant", dtype=object)
    status[work.varying] = np.where(work.active, "active", "inactive")
    sizes = np.ones(n_codes, dtype=np.int64)
    sizes[work.varying] = [int(levels.max()) + 1 for levels in work.bins]
    best = np.full(n_codes, "", dtype=object)
    if len(work.varying):
        share = np.nan_to_num(normalised(work.information, work.factor_entropies))
        best[work.varying] = [names[j] if row[j] > 0.0 else "" for row in share for j in [row.argmax()]]
    columns: dict[str, Any] = {
        "status": status,
        "n_bins": sizes,
        "entropy": _all_codes(work, work.code_entropies),
        "best_factor": best,
        **{
            key: _all_codes(work, each.by_code, work.nothing)
            for key, each in outcomes.items()
            if each.by_code is not None
        },
    }
    if "dci_d" in outcomes:
        columns["importance"] = _all_codes(work, work.importance[:, work.scored_factors].sum(axis=1))
    return pd.DataFrame(columns, index=pd.Index(work.inputs.code_names, name="code"))


def _metadata(work: MetricInputs, undefined: dict[str, str], notes: list[str], *, rows_given: int) -> Json:
    import scipy
    import sklearn

    options, names = work.options, _factor_names(work)
    code_names = work.inputs.code_names
    constant = sorted(set(range(len(code_names))) - set(work.varying.tolist()))
    return {
        "rows": work.n,
        "rows_given": rows_given,
        "left_out": work.inputs.n_left_out,
        "n_bins": options.n_bins,
        "binning": options.conventions.bins,
        "test_size": options.test_size,
        "seed": options.seed,
        "n_shuffles": N_SHUFFLES,
        "compat": options.conventions.name or None,
        "dci_model": options.dci_model,
        "n_resamples": options.n_resamples if options.intervals else 0,
        "n_refits": options.n_refits if options.intervals else 0,
        "encoder": work.inputs.encoder,
        "fingerprint": work.inputs.fingerprint,
        "pruned": {
            "constant": [code_names[i] for i in constant],
            "inactive": [code_names[i] for i in work.varying[~work.active].tolist()],
        },
        "derived": {names[child]: names[parent] for child, parent in work.derived.items()},
        "versions": {
            "syngen": version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "warnings": [*cautions(work, undefined), *notes],
    }
