"""DCI: disentanglement, completeness and informativeness, from models that predict factors from codes.

C. Eastwood, C. K. I. Williams, "A Framework for the Quantitative Evaluation of Disentangled
Representations", ICLR 2018. All lie in 0..1. With R the importance of each code for each factor, a code's
disentanglement is 1 - entropy of its row of R (base: number of factors), a factor's completeness is
1 - entropy of its column (base: number of codes); the scores are means weighted by the row's or column's
share of R. Informativeness is accuracy on held-out rows, R2 for continuous factors.

========  ==============================================================================================
forest    default: random forest, 10 to 20 trees (fewer on more rows), every tree may use every code, leaves
          of 20 rows; R is the decrease of impurity. On 10,000 x 10 codes it takes about a second where gbt
          takes 80 to 105 s, and D and C lie within .06 of gbt's. It sees ranks of codes in 256 steps, or
          more for many levels, in an order that does not depend on how columns are arranged, so that
          monotone maps and permutations of codes change nothing.
gbt       gradient boosting with scikit-learn's defaults, as disentanglement_lib has it.
lasso     linear regression with an L1 penalty chosen by 10-fold cross-validation; R is |coefficient|.
          Codes and factors are standardised. A nominal factor is never a number: its levels get scores by
          optimal scoring (L. Clemmensen, T. Hastie, D. Witten, B. Ersboell, "Sparse Discriminant Analysis",
          Technometrics 53 (2011), 406-413), each score is regressed, R is summed with the share of the
          score that is explained as weights, and rows go to the likeliest level.
          With Ubisoft's conventions (`ubisoft_lasso`): scaled to 0..1, all rows, informativeness
          1 - 12 mse, completeness unweighted; a nominal factor is one column per level. Its loop over codes
          ends at the first without weight; here that code has disentanglement 0 and the loop goes on.
========  ==============================================================================================

Beside informativeness stands its chance (`chance_of`): the accuracy of always saying the commonest level of
the training rows, 0 where informativeness is R2.

Deviations: constant codes are left out, so that they change no base; with one factor, or one code, there is
nothing to be mixed up with, and the score is 1 where R is positive. Where R is all zero, D and C are NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.evaluation.metrics.fitting import ignore_convergence_warnings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray

__all__ = [
    "DCI_MODELS",
    "FEWEST_ROWS",
    "Task",
    "chance_of",
    "completeness",
    "disentanglement",
    "fit_importance",
    "one_minus_normalised_entropy",
    "ubisoft_chance",
    "ubisoft_lasso",
]

DCI_MODELS = ("forest", "gbt", "lasso")
FEWEST_ROWS = 1_000
"""With fewer rows, importances are noise."""
_N_TREES, _LEAST_TREES, _TREE_ROWS = 20, 10, 80_000
_LEAF_ROWS = 20
_STEPS, _STEPS_PER_LEVEL = 256, 8
_TINY = 1e-11
_ALPHAS = (0.0001, 0.001, 0.01, 0.1, 0.2, 0.4, 0.8, 1.0)
_FOLDS = 10


@dataclass(frozen=True)
class Task:
    """One factor to be predicted.

    Parameters
    ----------
    train, test : ndarray of float64, shape (n, n_codes)
    train_target, test_target : ndarray, shape (n,)
        Levels, or real numbers.
    is_real : bool
        Whether the target is a number to be approximated, and not a class.
    is_nominal : bool
        Whether classes have no order.
    is_compat : bool
        Whether numbers must stay what they always were under ``compat``: forests of 20 trees that see every
        rank, and a lasso with one column for each class.
    """

    train: FloatArray
    test: FloatArray
    train_target: NDArray[Any]
    test_target: NDArray[Any]
    is_real: bool
    is_nominal: bool
    is_compat: bool = False

    def is_class(self, model: str) -> bool:
        """Whether a model finds a class, and does not approximate a number."""
        return not self.is_real and (model != "lasso" or self.is_nominal)


def fit_importance(task: Task, *, model: str = "forest", seed: int = 0) -> tuple[FloatArray, float]:
    """Return the importance of each code for a factor, and how well the factor is predicted.

    Parameters
    ----------
    task : Task
    model : {"forest", "gbt", "lasso"}
    seed : int

    Returns
    -------
    importance : ndarray of float64, shape (n_codes,)
    informativeness : float
        In 0..1, on the test rows.
    """
    n_codes = task.train.shape[1]
    if n_codes == 0 or len(np.unique(task.train_target)) < 2:
        only = task.train_target[0]
        return np.zeros(n_codes), 0.0 if task.is_real else float(np.mean(task.test_target == only))
    if model == "forest":
        return _forest(task, seed)
    if model == "gbt":
        return _boosted(task, seed)
    return _lasso(task)


def chance_of(task: Task, *, model: str = "forest") -> float:
    """Return the informativeness that needs no codes.

    Parameters
    ----------
    task : Task
    model : {"forest", "gbt", "lasso"}

    Returns
    -------
    float
        Share of the test rows that have the commonest level of the training rows; 0 of numbers.
    """
    if not task.is_class(model):
        return 0.0
    levels, counts = np.unique(task.train_target, return_counts=True)
    return float(np.mean(task.test_target == levels[counts.argmax()]))


def _forest(task: Task, seed: int) -> tuple[FloatArray, float]:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    n_levels = 1 if task.is_real else len(np.unique(task.train_target))
    steps = len(task.train) if task.is_compat else max(_STEPS, _STEPS_PER_LEVEL * n_levels)
    ranked = [_ranks(a, b, steps) for a, b in zip(task.train.T, task.test.T, strict=True)]
    order = sorted(range(len(ranked)), key=lambda i: ranked[i][0].tobytes())
    train, test = (np.stack([ranked[i][part] for i in order], axis=1) for part in (0, 1))
    kind = RandomForestRegressor if task.is_real else RandomForestClassifier
    leaf = min(_LEAF_ROWS, max(1, len(train) // 50))
    fewer = max(_LEAST_TREES, _TREE_ROWS // len(train))
    n_trees = _N_TREES if task.is_compat else min(_N_TREES, fewer)
    with ignore_convergence_warnings():
        model = kind(n_trees, max_features=None, min_samples_leaf=leaf, random_state=seed)
        model.fit(train, task.train_target)
    importance = np.zeros(len(order))
    importance[order] = model.feature_importances_
    return importance, _quality(model.predict(test), task)


def _ranks(train: FloatArray, test: FloatArray, steps: int) -> tuple[FloatArray, FloatArray]:
    """Return the place of each value among at most `steps` values of `train`; between two, half-way."""
    values = np.unique(train)
    if len(values) > steps:
        values = np.unique(np.sort(train)[np.arange(steps) * len(train) // steps])

    def place(x: FloatArray) -> FloatArray:
        left, right = np.searchsorted(values, x), np.searchsorted(values, x, side="right")
        return np.asarray(0.5 * (left + right))

    return place(train), place(test)


def _boosted(task: Task, seed: int) -> tuple[FloatArray, float]:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    kind = GradientBoostingRegressor if task.is_real else GradientBoostingClassifier
    with ignore_convergence_warnings():
        model = kind(random_state=seed).fit(task.train, task.train_target)
    return np.asarray(np.abs(model.feature_importances_)), _quality(model.predict(task.test), task)


def _lasso(task: Task) -> tuple[FloatArray, float]:
    mean, spread = task.train.mean(axis=0), task.train.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    train, test = (task.train - mean) / spread, (task.test - mean) / spread
    if not task.is_nominal:
        target = task.train_target.astype(np.float64)
        centre, scale = target.mean(), target.std()
        model = _fitted_lasso(train, (target - centre) / scale)
        found = model.predict(test) * scale + centre
        return np.asarray(np.abs(model.coef_)), _r2(found, task.test_target.astype(np.float64))
    if task.is_compat:
        return _one_versus_rest(train, test, task)
    return _scored_lasso(train, test, task)


def _one_versus_rest(train: FloatArray, test: FloatArray, task: Task) -> tuple[FloatArray, float]:
    classes = np.unique(task.train_target)
    models = [_fitted_lasso(train, (task.train_target == level).astype(np.float64)) for level in classes]
    guess = classes[np.argmax([model.predict(test) for model in models], axis=0)]
    weights = np.sum([np.abs(model.coef_) for model in models], axis=0)
    return np.asarray(weights), float(np.mean(guess == task.test_target))


def _scored_lasso(train: FloatArray, test: FloatArray, task: Task) -> tuple[FloatArray, float]:
    """Regress scores of the levels that codes can tell apart, and classify by what the regressions say."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    _, inverse, counts = np.unique(task.train_target, return_inverse=True, return_counts=True)
    with ignore_convergence_warnings():
        directions = LinearDiscriminantAnalysis().fit(train, task.train_target).transform(train)
    importance, regressions = np.zeros(train.shape[1]), []
    for direction in directions.T:
        scores = (np.bincount(inverse, weights=direction) / counts)[inverse]
        if scores.std() == 0.0:
            continue
        model = _fitted_lasso(train, (scores - scores.mean()) / scores.std())
        explained = _r2(model.predict(train), (scores - scores.mean()) / scores.std())
        importance += explained * np.abs(model.coef_)
        if explained > 0.0:
            regressions.append(model)
    if not regressions:
        return importance, chance_of(task, model="lasso")
    with ignore_convergence_warnings():
        said, asked = (np.stack([model.predict(x) for model in regressions], 1) for x in (train, test))
        final = LinearDiscriminantAnalysis().fit(said, task.train_target)
        return importance, float(np.mean(final.predict(asked) == task.test_target))


def _fitted_lasso(x: FloatArray, y: FloatArray) -> Any:
    from sklearn.linear_model import Lasso
    from sklearn.model_selection import cross_val_score

    folds = min(_FOLDS, len(x))
    with ignore_convergence_warnings():
        errors = [
            -cross_val_score(
                Lasso(alpha=alpha, max_iter=5_000), x, y, cv=folds, scoring="neg_mean_squared_error"
            ).mean()
            for alpha in _ALPHAS
        ]
        return Lasso(alpha=_ALPHAS[int(np.argmin(errors))]).fit(x, y)


def ubisoft_lasso(codes: FloatArray, factor: FloatArray) -> tuple[FloatArray, float]:
    """Return importance and informativeness with the Ubisoft implementation's conventions.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
    factor : ndarray of float64, shape (n,)
        Not constant.

    Returns
    -------
    importance : ndarray of float64, shape (n_codes,)
    informativeness : float
        max(0, 1 - 12 mse), on the rows that the model was fitted to.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    x = (codes - low) / np.where(high > low, high - low, 1.0)
    y = (factor - factor.min()) / (factor.max() - factor.min())
    model = _fitted_lasso(x, y)
    mean_square = float(np.mean((model.predict(x) - y) ** 2))
    return np.asarray(np.abs(model.coef_)), max(0.0, 1.0 - 12.0 * mean_square)


def ubisoft_chance(factor: FloatArray) -> float:
    """Return the informativeness of `ubisoft_lasso` for a model that always says the mean."""
    y = (factor - factor.min()) / (factor.max() - factor.min())
    return max(0.0, 1.0 - 12.0 * float(y.var()))


def _quality(found: NDArray[Any], task: Task) -> float:
    if task.is_real:
        return _r2(found, task.test_target)
    return float(np.mean(found == task.test_target))


def _r2(found: FloatArray, target: FloatArray) -> float:
    spread = float(np.sum((target - target.mean()) ** 2))
    if spread <= 0.0:
        return float(np.allclose(found, target))
    return max(0.0, 1.0 - float(np.sum((found - target) ** 2)) / spread)


def one_minus_normalised_entropy(importance: FloatArray) -> FloatArray:
    """Return 1 - entropy of each row, the base being the number of columns.

    Examples
    --------
    >>> one_minus_normalised_entropy(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])).round(6).tolist()
    [1.0, 0.0, 0.0]
    """
    n, k = importance.shape
    if k < 2:
        return np.asarray(importance.sum(axis=1) > 0.0, dtype=np.float64)
    shares = importance + _TINY
    shares = shares / shares.sum(axis=1, keepdims=True)
    spread = -np.sum(shares * np.log(shares), axis=1) / np.log(k)
    return np.asarray(np.clip(1.0 - spread, 0.0, 1.0)).reshape(n)


def disentanglement(importance: FloatArray) -> float:
    """Return the mean concentration of codes on factors, weighted by importance.

    Parameters
    ----------
    importance : ndarray of float64, shape (n_codes, n_factors)

    Returns
    -------
    float
        In 0..1; NaN if nothing has importance.
    """
    return _weighted(one_minus_normalised_entropy(importance), importance.sum(axis=1))


def completeness(importance: FloatArray) -> float:
    """Return the mean concentration of factors on codes, weighted by importance.

    Parameters
    ----------
    importance : ndarray of float64, shape (n_codes, n_factors)

    Returns
    -------
    float
        In 0..1; NaN if nothing has importance.
    """
    return _weighted(one_minus_normalised_entropy(importance.T), importance.sum(axis=0))


def _weighted(values: FloatArray, weights: FloatArray) -> float:
    total = float(weights.sum())
    return min(1.0, float(np.dot(values, weights)) / total) if total > 0.0 else float("nan")
