"""A linear probe with its chance, interval and significance.

References
----------
Q. Noirhomme et al.: "Biased binomial assessment of cross-validated estimation of classification
accuracies", NeuroImage: Clinical 4 (2014). E. B. Wilson: "Probable inference, the law of succession, and
statistical inference", JASA 22 (1927).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.evaluation.probes.folds import group_folds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from syngen._typing import FloatArray, IntArray

__all__ = ["ProbeScore", "basis_of", "probe_classes"]

_N_FOLDS = 5
_JITTER = 0.01
_MOST_VALUES = 50
_N_WAVES = 8
_DOUBTED, _N_PERMUTED = 0.05, 30


@dataclass(frozen=True)
class ProbeScore:
    """What a probe reaches on observations that it did not learn from.

    Attributes
    ----------
    n : int
        Observations, each asked once.
    accuracy : float
    chance : float
        What the same answers reach when they are dealt out at random: by how often each class was answered
        and by how often it occurs, fold by fold.
    low, high : float
        Of accuracy, 95 % (Wilson).
    p : float
        That chance gives at least this accuracy: by a binomial test, and where that is below .05 also by
        the spread of the same probe on thirty permutations of the labels. Folds learn from each other's
        rows, so their errors go together, and the binomial test alone is too sure.
    """

    n: int
    accuracy: float
    chance: float
    low: float
    high: float
    p: float


def probe_classes(
    features: FloatArray, labels: IntArray, groups: IntArray, rng: np.random.Generator
) -> ProbeScore:
    """Ask every observation for its class by linear discriminant analysis of the others.

    Parameters
    ----------
    features : ndarray of float64, shape (n, d)
    labels : ndarray of int64, shape (n,)
        Classes from 0, two or more.
    groups : ndarray of int64, shape (n,)
        What has not been learned from: a group is in one fold of five. At least two groups.
    rng : numpy.random.Generator
    """
    from scipy.stats import binomtest, t

    x = _standardised(features, rng)
    folds = group_folds(groups, min(_N_FOLDS, len(np.unique(groups))), rng)
    n, (hits, expected) = len(labels), _cross_validated(x, labels, folds)
    p = float(binomtest(hits, n, min(expected / n, 1.0), alternative="greater").pvalue)
    if p < _DOUBTED:
        drawn = [_cross_validated(x, rng.permutation(labels), folds) for _ in range(_N_PERMUTED)]
        spread = float(np.sqrt(np.mean([(found - by_chance) ** 2 for found, by_chance in drawn])))
        p = max(p, float(t.sf((hits - expected) / max(spread, 1e-9), _N_PERMUTED)))
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return ProbeScore(
        n=n,
        accuracy=hits / n,
        chance=expected / n,
        low=float(interval.low),
        high=float(interval.high),
        p=p,
    )


def _cross_validated(x: FloatArray, labels: IntArray, folds: IntArray) -> tuple[int, float]:
    """Return how many answers are right, and how many would be by chance."""
    n_classes = int(labels.max()) + 1
    hits, expected = 0, 0.0
    for fold in np.unique(folds).tolist():
        is_test = folds == fold
        guesses = _answers(x[~is_test], labels[~is_test], x[is_test])
        truth = labels[is_test]
        hits += int((guesses == truth).sum())
        answered, occurring = (np.bincount(y, minlength=n_classes) for y in (guesses, truth))
        expected += float(answered @ occurring) / len(truth)
    return hits, expected


def _standardised(features: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the columns that vary, with a mean of 0, a deviation of 1 and a little noise.

    A column that tells a class without any scatter would divide by zero.
    """
    scale = features.std(axis=0)
    x = (features - features.mean(axis=0))[:, scale > 0.0] / scale[scale > 0.0]
    return np.asarray(x + _JITTER * rng.standard_normal(x.shape))


def _answers(x: FloatArray, y: IntArray, asked: FloatArray) -> IntArray:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    classes, counts = np.unique(y, return_counts=True)
    if not x.shape[1] or len(classes) < 2:
        return np.full(len(asked), classes[np.argmax(counts)])
    model: Any = LinearDiscriminantAnalysis(solver="svd").fit(x, y)
    return np.asarray(model.predict(asked), dtype=np.int64)


def basis_of(values: ArrayLike) -> FloatArray:
    """Return functions of one variable, of which a linear probe makes any smooth function.

    Parameters
    ----------
    values : array_like, shape (n,)
        Numbers or texts.

    Returns
    -------
    ndarray of float64, shape (n, d)
        Of at most fifty different values a column each but for the first; of more the first eight
        cosines of their rank.
    """
    column: NDArray[Any] = np.asarray(values)
    different, which = np.unique(column, return_inverse=True)
    if len(different) <= _MOST_VALUES or column.dtype.kind not in "iuf":
        return np.asarray(which[:, None] == np.arange(1, len(different)), dtype=np.float64)
    from scipy.stats import rankdata

    share = (rankdata(column) - 0.5) / len(column)
    return np.asarray(np.cos(np.pi * share[:, None] * np.arange(1, _N_WAVES + 1)))
