"""All metrics of one representation: inputs checked, families computed, results put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._distribution import version
from syngen._threads import single_threaded
from syngen.evaluation.information.mutual_information import normalised
from syngen.evaluation.inputs import read_inputs
from syngen.evaluation.metrics.catalogue import METRICS, Outcome, chosen_metrics
from syngen.evaluation.metrics.dci import FEWEST_ROWS
from syngen.evaluation.metrics.intervals import score_intervals
from syngen.evaluation.metrics.metric_inputs import MetricInputs, drawn_rows
from syngen.evaluation.metrics.modularity import N_SHUFFLES
from syngen.evaluation.metrics.options import Options
from syngen.evaluation.scores import Scores

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from syngen._typing import DatasetView, FloatArray, Json
    from syngen.evaluation.codes.codes import Codes
    from syngen.evaluation.inputs import Kinds

__all__ = ["compute_scores"]

_CORRELATED = 0.05
_BIASED = 0.1


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
    options = Options.of(metrics=chosen_metrics(metrics), **choices)
    given = read_inputs(codes, factors, factor_names=factor_names, factor_kinds=factor_kinds, common=common)
    work = MetricInputs(drawn_rows(given, options), options)
    with single_threaded():
        outcomes = {key: METRICS[key].compute(work) for key in options.metrics}
        scores = {key: outcome.score or 0.0 for key, outcome in outcomes.items()}
        undefined = {key: outcome.reason for key, outcome in outcomes.items() if outcome.score is None}
        defined = {key: score for key, score in scores.items() if key not in undefined}
        found, notes = score_intervals(work, defined) if options.intervals else ({}, [])
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
        metadata=_metadata(work, undefined, notes, rows_given=len(given.codes)),
    )
    for matrix in (result.mi, result.nmi, result.factor_mi, result.importance):
        if matrix is not None:
            matrix.flags.writeable = False
    return result


def _all_codes(work: MetricInputs, values: FloatArray) -> FloatArray:
    """Return values with a row of zeros for each constant code."""
    complete = np.zeros((work.inputs.codes.shape[1], *values.shape[1:]))
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
        share = normalised(work.information, work.factor_entropies)
        best[work.varying] = [names[j] for j in share.argmax(axis=1)]
    columns: dict[str, Any] = {
        "status": status,
        "n_bins": sizes,
        "entropy": _all_codes(work, work.code_entropies),
        "best_factor": best,
        **{
            key: _all_codes(work, each.by_code)
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
        "warnings": [*_warnings(work, undefined), *notes],
    }


def _warnings(work: MetricInputs, undefined: dict[str, str]) -> list[str]:
    names, found = _factor_names(work), []
    if work.n < FEWEST_ROWS and any(METRICS[key].family == "dci" for key in work.options.metrics):
        found.append(f"DCI from {work.n:,} rows: with fewer than {FEWEST_ROWS:,}, importances are noise")
    found += [work.inputs.note] if work.inputs.note else []
    found += [f"{key} has no value: {reason}" for key, reason in undefined.items()]
    for child, parent in work.derived.items():
        found.append(f"factor {names[child]} is a function of {names[parent]} and is reported apart")
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
    return [*found, *_shared_information(work), *_small_samples(work)]


def _shared_information(work: MetricInputs) -> list[str]:
    """Name pairs of factors that are not independent."""
    names, found, kept = _factor_names(work), [], work.scored_factors.tolist()
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
