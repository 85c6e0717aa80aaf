"""Two encoders compared."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from syngen.api.datasets import load
from syngen.api.evaluation import evaluate
from syngen.errors import ParameterError, suggestion

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from syngen.evaluation.codes.codes import Codes
    from syngen.evaluation.comparison.report import Comparison
    from syngen.loaders.dataset import FactorDataset

    CodeSet: TypeAlias = ArrayLike | Codes | str | Path
    CodeSets: TypeAlias = CodeSet | Sequence[CodeSet] | Mapping[Any, CodeSet]

__all__ = ["compare"]

_NOT_TAKEN = ("intervals", "compat")


def compare(
    a: CodeSets,
    b: CodeSets,
    factors: ArrayLike | FactorDataset | str | Path,
    *,
    metrics: str | Iterable[str] = "core",
    common: bool = False,
    **options: Any,
) -> Comparison:
    """Say which of two encoders is better in what, and how sure that is.

    Parameters
    ----------
    a, b : array_like, DataFrame, Codes or path; a sequence of them, a mapping to them, or a folder
        Codes of one trained encoder each: both are scored on the same rows, and a paired bootstrap of those
        rows gives intervals and p values of the differences. Or codes by training seed (a list, a mapping
        from seed, a folder with a file for each): the scores of the trainings are compared by Welch's test,
        for which each side needs six seeds; with fewer, ``.warnings`` says so and there are no p values.
    factors : array_like, DataFrame, FactorDataset or path
        Of the same observations, as in `evaluate`; a path is that of a dataset. Codes of a part of a
        dataset are compared on that part, where both have it.
    metrics : str or iterable of str
        As in `evaluate`.
    common : bool
        Whether observations of the dataset that some codes lack are left out; they are refused otherwise.
    **options
        ``factor_names``, ``factor_kinds``, ``n_bins``, ``binning``, ``n_samples``, ``test_size``,
        ``active``, ``seed``, ``dci_model``, ``n_resamples`` and ``n_refits`` of `evaluate`.

    Returns
    -------
    Comparison
        A mapping from metric to ``.a``, ``.b``, ``.value`` (a - b), ``.low``, ``.high``, ``.p`` and
        ``.p_holm``, with ``.frame``, ``.to_json()`` and ``.to_markdown()``.

    Raises
    ------
    ParameterError
        If codes and factors do not belong together, both sides are of different observations, there are no
        codes, or an option is unknown.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> found = syngen.compare(syngen.encode("mfcc", ds), syngen.encode("random", ds), ds, metrics="sap")
    >>> found.method, found["sap"].value > 0.0
    ('bootstrap', True)
    """
    from syngen.evaluation.comparison.comparing import compare_sides
    from syngen.evaluation.comparison.sides import read_side
    from syngen.evaluation.metrics.catalogue import chosen_metrics
    from syngen.evaluation.metrics.options import Options

    known = {
        name: parameter.default
        for name, parameter in inspect.signature(evaluate).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in (*_NOT_TAKEN, "metrics", "common")
    }
    for name in options:
        if name not in known:
            raise ParameterError(
                f"compare has no option {name!r}{suggestion(name, known)}; there are metrics, common, "
                f"{', '.join(known)}"
            )
    chosen = {**known, **options}
    data = {name: chosen.pop(name) for name in ("factor_names", "factor_kinds")}
    checked = Options.of(metrics=chosen_metrics(metrics), compat=None, intervals=True, **chosen)
    if isinstance(factors, (str, Path)):
        factors = load(factors)
    return compare_sides(
        read_side(a, name="a"), read_side(b, name="b"), factors, options=checked, common=common, **data
    )
