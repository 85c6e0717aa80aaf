"""Verification: whether two rows are of one speaker, singer or instrument, of those that were not in train.

The discriminants are not scikit-learn's: its solver shrinks the total covariance too, and with it what
speakers differ in, which moves equal error rates by more than a hundredth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import BoolArray, FloatArray, IntArray

__all__ = ["IdentityVerificationResult", "equal_error_rate", "verify_unseen"]

_MOST_ROWS = 1_000
_SHRINKAGE = 1e-3
_TINY = 1e-12


@dataclass(frozen=True)
class IdentityVerificationResult:
    """Equal error rates of telling whether two rows have one label, for labels that were not in train.

    Attributes
    ----------
    eer : float
        Mean over folds of the rate with projected codes; 0.5 is guessing.
    eer_sd : float
        Over folds.
    eer_unprojected : float
        The same of the standardised codes themselves.
    folds : tuple of float
        `eer` of each.
    n_trials : int
        Pairs compared, in all.
    """

    eer: float
    eer_sd: float
    eer_unprojected: float
    folds: tuple[float, ...]
    n_trials: int


def equal_error_rate(scores: FloatArray, is_same: BoolArray) -> float:
    """Return the error rate at the threshold where misses and false alarms are equally frequent.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        High for pairs that belong together.
    is_same : ndarray of bool, shape (n,)
        Both kinds must occur.

    Returns
    -------
    float
        Between the two thresholds next to the crossing it is interpolated; equal scores are one threshold.

    References
    ----------
    A. Martin et al.: "The DET curve in assessment of detection task performance", Eurospeech 1997.

    Examples
    --------
    >>> import numpy as np
    >>> equal_error_rate(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False]))
    0.0
    """
    from sklearn.metrics import roc_curve

    alarms, hits, _ = roc_curve(is_same, scores, drop_intermediate=False)
    misses = 1.0 - hits
    crossing = int(np.argmax(alarms >= misses))  # not the first threshold, which accepts nothing
    before, after = misses[crossing - 1] - alarms[crossing - 1], alarms[crossing] - misses[crossing]
    share = before / (before + after)
    return float(misses[crossing - 1] + share * (misses[crossing] - misses[crossing - 1]))


def verify_unseen(
    x: FloatArray, labels: IntArray, contents: IntArray, folds: IntArray, rng: np.random.Generator
) -> IdentityVerificationResult | None:
    """Compare rows of labels that were not in train, pair by pair.

    In each fold codes are standardised and projected on the linear discriminants of the labels in train
    (within-class covariance shrunk by a thousandth towards its mean variance), then compared by their
    cosine, the mean of train being the origin. Pairs have different contents (texts), so that what is said
    cannot give them away.

    Parameters
    ----------
    x : ndarray of float64, shape (n, d)
        Codes.
    labels : ndarray of int64, shape (n,)
        Identities, as speakers.
    contents : ndarray of int64, shape (n,)
        What is not to give them away, as texts.
    folds : ndarray of int64, shape (n,)
        All rows of a label in one fold; two labels or more in each.
    rng : numpy.random.Generator
        Chooses 1,000 rows of a fold that has more.

    Returns
    -------
    IdentityVerificationResult or None
        None where no fold has pairs of both kinds.

    References
    ----------
    P. Belhumeur et al.: "Eigenfaces vs. Fisherfaces", IEEE TPAMI 19 (1997), 711-720, on discriminants of
    some people that tell others apart.
    """
    projected_rates: list[float] = []
    plain_rates: list[float] = []
    n_trials = 0
    for fold in np.unique(folds).tolist():
        train, test = folds != fold, np.flatnonzero(folds == fold)
        if len(test) > _MOST_ROWS:
            test = np.sort(rng.permutation(test)[:_MOST_ROWS])
        centre, scale = x[train].mean(axis=0), x[train].std(axis=0)
        scale = np.where(scale > _TINY, scale, 1.0)
        directions = _discriminants((x[train] - centre) / scale, labels[train])
        rows = (x[test] - centre) / scale
        first, second = np.triu_indices(len(test), k=1)
        differ = contents[test][first] != contents[test][second]
        first, second = first[differ], second[differ]
        same = labels[test][first] == labels[test][second]
        if same.all() or not same.any():
            continue
        n_trials += len(same)
        for codes, rates in ((rows @ directions, projected_rates), (rows, plain_rates)):
            unit = codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), _TINY)
            rates.append(equal_error_rate((unit @ unit.T)[first, second], same))
    if not projected_rates:
        return None
    return IdentityVerificationResult(
        eer=float(np.mean(projected_rates)),
        eer_sd=float(np.std(projected_rates)),
        eer_unprojected=float(np.mean(plain_rates)),
        folds=tuple(projected_rates),
        n_trials=n_trials,
    )


def _discriminants(x: FloatArray, labels: IntArray) -> FloatArray:
    """Return the directions, shape (d, k), in which labels differ most for their spread."""
    import scipy.linalg
    from sklearn.covariance import empirical_covariance, shrunk_covariance

    _, numbers = np.unique(labels, return_inverse=True)
    counts = np.bincount(numbers)
    sums = np.zeros((len(counts), x.shape[1]))
    np.add.at(sums, numbers, x)
    means = sums / counts[:, None]
    # no more: rows that say one text are not independent, so that estimates of the best are far too large
    within = shrunk_covariance(empirical_covariance(x - means[numbers], assume_centered=True), _SHRINKAGE)
    between = (means * counts[:, None]).T @ means / len(x)
    n_directions = min(len(counts) - 1, x.shape[1])
    _, directions = scipy.linalg.eigh(between, within + _TINY * np.eye(len(within)))
    kept: FloatArray = directions[:, ::-1][:, :n_directions]
    return kept
