"""SAP, the separated attribute predictability: the gap between the two codes that predict a factor best.

A. Kumar, P. Sattigeri, A. Balakrishnan, "Variational Inference of Disentangled Latent Concepts from
Unlabeled Observations", ICLR 2018 (arXiv 1711.00848). In 0..1.

A code's score is the squared Pearson correlation with an ordinal or continuous factor. For a nominal factor
it is how often a linear classifier of that one code finds the level of held-out rows. Deviations: the
classifier is Fisher's linear discriminant, because the reference's one-vs-rest support vectors cannot find
a level that lies between two others (perfect codes score .29); and its score is (accuracy - chance) /
(1 - chance), chance being the share of the commonest level, so that perfect codes reach 1.
`support_vector_accuracy` is the reference's. Far values of a code count as a fence
(`outliers.within_fences`), because one wild row of thousands decides a correlation. With a single code, the
second best is 0.

The discriminant is not scikit-learn's: with one code its answer is the same and its fit takes about ten
times as long, for each code, each nominal factor and each resample of an interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.metrics.fitting import ignore_convergence_warnings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray

__all__ = ["discriminant_accuracy", "squared_correlations", "support_vector_accuracy"]


def squared_correlations(codes: FloatArray, factors: FloatArray) -> FloatArray:
    """Return the squared Pearson correlation of each code with each factor.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
    factors : ndarray of float64, shape (n, n_factors)

    Returns
    -------
    ndarray of float64, shape (n_codes, n_factors)
        0 where a column is constant.

    Examples
    --------
    >>> codes = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> squared_correlations(codes, np.array([[5.0], [3.0], [1.0]])).tolist()
    [[1.0], [0.0]]
    """
    targets = factors - factors.mean(axis=0)
    shared, code_entropies = np.zeros((codes.shape[1], factors.shape[1])), np.zeros(codes.shape[1])
    for i in range(codes.shape[1]):
        column = codes[:, i] - codes[:, i].mean()
        shared[i] = column @ targets
        code_entropies[i] = np.dot(column, column)
    most = np.multiply.outer(code_entropies, np.square(targets).sum(axis=0))
    ratio = np.divide(shared**2, most, out=np.zeros_like(most), where=most > 0.0)
    return np.asarray(np.minimum(ratio, 1.0))


def discriminant_accuracy(
    train: FloatArray, train_levels: NDArray[np.integer], test: FloatArray, test_levels: NDArray[np.integer]
) -> FloatArray:
    """Return the chance-corrected accuracy of a linear discriminant of each single code.

    Each level is a normal distribution of one common variance; a row goes to the likeliest.

    Parameters
    ----------
    train, test : ndarray of float64, shape (n, n_codes)
    train_levels, test_levels : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n_codes,)
        (accuracy - chance) / (1 - chance), not below 0; 0 if there is one level only.
    """
    levels, inverse, counts = np.unique(train_levels, return_inverse=True, return_counts=True)
    chance = float(np.bincount(test_levels).max()) / len(test_levels)
    if len(levels) < 2 or chance == 1.0:
        return np.zeros(train.shape[1])
    log_prior = np.log(counts / counts.sum())
    accuracy = np.zeros(train.shape[1])
    for i in range(train.shape[1]):
        centre = train[:, i].mean()
        x, y = train[:, i] - centre, test[:, i] - centre
        means = np.bincount(inverse, weights=x) / counts
        variance = float(np.mean((x - means[inverse]) ** 2))
        guess = _likeliest(y, means, variance * log_prior)
        accuracy[i] = np.mean(levels[guess] == test_levels)
    return np.clip((accuracy - chance) / (1.0 - chance), 0.0, 1.0)


def _likeliest(x: FloatArray, means: FloatArray, offsets: FloatArray) -> NDArray[np.intp]:
    """Return where x * mean - mean**2 / 2 + offset is greatest: the upper envelope of straight lines."""
    heights = offsets - 0.5 * means**2
    order = np.lexsort((heights, means))
    hull: list[int] = []
    starts: list[float] = []
    for line in order.tolist():
        start = -np.inf
        while hull:
            slope = means[line] - means[hull[-1]]
            start = (heights[hull[-1]] - heights[line]) / slope if slope > 0.0 else -np.inf
            if start > starts[-1]:
                break
            hull.pop()
            starts.pop()
            start = -np.inf
        hull.append(line)
        starts.append(start)
    return np.asarray(hull)[np.searchsorted(np.array(starts[1:]), x, side="right")]


def support_vector_accuracy(
    train: FloatArray, train_levels: NDArray[np.integer], test: FloatArray, test_levels: NDArray[np.integer]
) -> FloatArray:
    """Return the accuracy that disentanglement_lib's classifier has with each single code.

    One-vs-rest linear support vectors with C = .01 and balanced classes, here solved in the primal: the
    optimum is the same and is found every time.
    """
    from sklearn.svm import LinearSVC

    if len(np.unique(train_levels)) < 2:
        return np.zeros(train.shape[1])
    accuracy = np.zeros(train.shape[1])
    for i in range(train.shape[1]):
        if train[:, i].min() == train[:, i].max():
            continue
        with ignore_convergence_warnings():
            model = LinearSVC(C=0.01, class_weight="balanced", dual=False)
            model.fit(train[:, [i]], train_levels)
        accuracy[i] = np.mean(model.predict(test[:, [i]]) == test_levels)
    return accuracy
