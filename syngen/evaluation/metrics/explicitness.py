"""Explicitness: whether a linear classifier of all codes finds the levels of a factor.

K. Ridgeway, M. C. Mozer, "Learning Deep Disentangled Embeddings With the F-Statistic Loss", NeurIPS 2018
(arXiv 1802.05312). Area under the receiver's curve, one level against the rest, mean over levels: 1 if all
are found, .5 for random codes.

As in disentanglement_lib: multinomial logistic regression on standardised codes, scored on held-out rows.
Deviations: far values of a code count as a fence (`outliers.within_fences`); constant codes are left out
(there they give NaN), and so are levels that the training rows or the test rows do not have (there they
fail). `ubisoft_explicitness_of` is the other reference's: one regression per level with balanced classes,
scored on the rows it was trained on, and scaled so that chance is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.metrics.fitting import ignore_convergence_warnings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray

__all__ = ["area_under_curve", "explicitness_of", "ubisoft_explicitness_of"]

CHANCE = 0.5


def explicitness_of(
    train: FloatArray, train_levels: NDArray[np.integer], test: FloatArray, test_levels: NDArray[np.integer]
) -> float | None:
    """Return the explicitness of one factor.

    Parameters
    ----------
    train, test : ndarray of float64, shape (n, n_codes)
    train_levels, test_levels : ndarray of int, shape (n,)

    Returns
    -------
    float or None
        None where no level can be scored: fewer than two among the training rows, or none that some test
        rows have and some have not.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(train_levels)) < 2 or not np.ptp(train, axis=0).any():
        return None
    with ignore_convergence_warnings():
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, train_levels)
    return _mean_area(model.predict_proba(test), model.classes_, test_levels)


def ubisoft_explicitness_of(codes: FloatArray, levels: NDArray[np.integer]) -> float | None:
    """Return the explicitness of one factor as the Ubisoft implementation gives it, 0 for chance.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
    levels : ndarray of int, shape (n,)

    Returns
    -------
    float or None
        None if there is one level only.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import minmax_scale

    if len(np.unique(levels)) < 2 or codes.shape[1] == 0:
        return None
    scaled = minmax_scale(codes)
    with ignore_convergence_warnings():
        model = OneVsRestClassifier(LogisticRegression(class_weight="balanced")).fit(scaled, levels)
    area = _mean_area(model.predict_proba(scaled), model.classes_, levels)
    return None if area is None else max(0.0, 2.0 * (area - CHANCE))


def _mean_area(
    likelihood: FloatArray, classes: NDArray[np.integer], levels: NDArray[np.integer]
) -> float | None:
    areas = [area_under_curve(likelihood[:, k], levels == level) for k, level in enumerate(classes)]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else None


def area_under_curve(score: FloatArray, is_positive: NDArray[np.bool_]) -> float | None:
    """Return the chance that a positive row scores above a negative one, ties counting half.

    None if there are no positive or no negative rows.

    Examples
    --------
    >>> area_under_curve(np.array([0.1, 0.9, 0.5]), np.array([False, True, False]))
    1.0
    """
    from sklearn.metrics import roc_auc_score

    if is_positive.all() or not is_positive.any():
        return None
    return float(roc_auc_score(is_positive, score))
