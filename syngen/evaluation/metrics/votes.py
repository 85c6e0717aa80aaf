"""FactorVAE and BetaVAE scores: whether a simple rule tells which factor a batch of rows has in common.

H. Kim, A. Mnih, "Disentangling by Factorising", ICML 2018 (arXiv 1802.05983): a batch of rows shares the
level of one factor; the code that varies least in it (relative to its variance in all rows) votes for that
factor; the score is how often the majority vote of a code is right, on batches that were not counted.

I. Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", ICLR
2017: pairs of rows share the level of one factor; from the mean absolute difference of the codes over a
batch of pairs, a logistic regression tells which factor it is.

Both lie in 0..1, chance is 1 / number of factors, and both saturate: they are 1 for codes that mix two
factors by a rotation of 37 degrees. Report them, never headline them. Batches of 64, 10,000 to learn from
and 5,000 to be scored, as in disentanglement_lib. Deviations: codes are standardised, and every code that
varies has a vote (there, codes whose standard deviation is below .05 have none, so that the scale of a code
decides; here only under ``compat``); rows are drawn from stored ones, with replacement, and levels that a
single row has are not drawn, because nothing varies there (the reference draws from a dataset and encodes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.metrics.fitting import ignore_convergence_warnings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray, IntArray

__all__ = ["BATCH_SIZE", "N_TEST", "N_TRAIN", "beta_vae", "factor_vae"]

BATCH_SIZE = 64
N_TRAIN = 10_000
N_TEST = 5_000
LEAST_STD = 0.05
_BATCHES_AT_ONCE = 500


class _StoredRows:
    """Rows by factor and level, to draw batches from."""

    def __init__(self, factors: Sequence[NDArray[np.integer]], rng: np.random.Generator) -> None:
        self._rng = rng
        self._orders = [np.argsort(factor, kind="stable") for factor in factors]
        self._counts = [np.bincount(factor) for factor in factors]
        self._levels = [factor[order] for factor, order in zip(factors, self._orders, strict=True)]
        # rows whose level is not theirs alone
        self._places = [
            np.flatnonzero(counts[levels] > 1)
            for counts, levels in zip(self._counts, self._levels, strict=True)
        ]

    @property
    def usable(self) -> list[int]:
        """Factors with a level that two rows have."""
        return [j for j, places in enumerate(self._places) if len(places)]

    def batches(self, factor: int, n: int) -> IntArray:
        """Return rows that share a level: int64, shape (n, BATCH_SIZE)."""
        places, counts = self._places[factor], self._counts[factor]
        chosen = self._levels[factor][places[self._rng.integers(len(places), size=n)]]
        starts = np.cumsum(counts) - counts
        steps = (self._rng.random((n, BATCH_SIZE), dtype=np.float32) * counts[chosen][:, None]).astype(
            np.int64
        )
        np.minimum(steps, counts[chosen][:, None] - 1, out=steps)
        return np.asarray(self._orders[factor][starts[chosen][:, None] + steps], dtype=np.int64)

    def pairs(self, factor: int, n: int) -> tuple[IntArray, IntArray]:
        """Return two arrays of rows, (n, BATCH_SIZE), whose rows share a level pair by pair."""
        places, counts = self._places[factor], self._counts[factor]
        first = places[self._rng.integers(len(places), size=(n, BATCH_SIZE))]
        level = self._levels[factor][first]
        starts = np.cumsum(counts) - counts
        second = starts[level] + (self._rng.random((n, BATCH_SIZE)) * counts[level]).astype(np.int64)
        order = self._orders[factor]
        return np.asarray(order[first], dtype=np.int64), np.asarray(order[second], dtype=np.int64)


def factor_vae(
    codes: FloatArray,
    factors: Sequence[NDArray[np.integer]],
    *,
    rng: np.random.Generator,
    n_train: int = N_TRAIN,
    n_test: int = N_TEST,
    least_std: float = LEAST_STD,
) -> float | None:
    """Return the FactorVAE score of stored rows.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
    factors : sequence of ndarray of int, shape (n,)
        Levels, numbered from 0.
    rng : numpy.random.Generator
    n_train, n_test : int
        Batches to learn from, and to be scored.
    least_std : float
        Codes with a standard deviation below it have no vote. The reference's needs codes of its scale; 0
        gives every code a vote.

    Returns
    -------
    float or None
        None if no code has a vote, or no two rows share a level.
    """
    rows = _StoredRows(factors, rng)
    variances = codes.var(axis=0, ddof=1)
    voters = np.sqrt(variances) >= max(least_std, np.finfo(np.float64).tiny)
    if not rows.usable or not voters.any():
        return None
    # variances are taken as mean square minus squared mean, which is safe for centred codes
    scaled = (codes[:, voters] - codes[:, voters].mean(axis=0)) / np.sqrt(variances[voters])
    votes = [np.zeros((len(factors), scaled.shape[1])) for _ in range(2)]
    for j, n_each in _shares(rows.usable, (n_train, n_test), rng):
        for table, n in zip(votes, n_each, strict=True):
            for start in range(0, n, _BATCHES_AT_ONCE):
                batch = rows.batches(j, min(_BATCHES_AT_ONCE, n - start))
                winners = _steadiest(scaled, batch)
                table[j] += np.bincount(winners, minlength=scaled.shape[1])
    return _majority_score(*votes)


def _steadiest(scaled: FloatArray, batch: IntArray) -> NDArray[np.intp]:
    gathered = np.take(scaled, batch.reshape(-1), axis=0).reshape(*batch.shape, scaled.shape[1])
    sums = gathered.sum(axis=1)
    squares = np.einsum("bij,bij->bj", gathered, gathered)
    return np.asarray(np.argmin(squares - sums**2 / batch.shape[1], axis=1))


def _majority_score(train: FloatArray, test: FloatArray) -> float:
    chosen = train.argmax(axis=0)
    return float(test[chosen, np.arange(test.shape[1])].sum() / test.sum())


def _shares(
    usable: list[int], totals: Sequence[int], rng: np.random.Generator
) -> list[tuple[int, tuple[int, ...]]]:
    """Return how many batches of each total go to each factor, each factor equally likely."""
    counts = [rng.multinomial(total, np.full(len(usable), 1.0 / len(usable))) for total in totals]
    return [(j, tuple(int(count[i]) for count in counts)) for i, j in enumerate(usable)]


def beta_vae(
    codes: FloatArray,
    factors: Sequence[NDArray[np.integer]],
    *,
    rng: np.random.Generator,
    n_train: int = N_TRAIN,
    n_test: int = N_TEST,
) -> float | None:
    """Return the BetaVAE score of stored rows.

    Parameters
    ----------
    codes : ndarray of float64, shape (n, n_codes)
    factors : sequence of ndarray of int, shape (n,)
        Levels, numbered from 0.
    rng : numpy.random.Generator
    n_train, n_test : int
        Batches to learn from, and to be scored.

    Returns
    -------
    float or None
        None if there are no codes, or no two rows share a level.
    """
    rows = _StoredRows(factors, rng)
    if not rows.usable or codes.shape[1] == 0:
        return None
    points: list[list[FloatArray]] = [[], []]
    labels: list[list[int]] = [[], []]
    for j, n_each in _shares(rows.usable, (n_train, n_test), rng):
        for some, names, n in zip(points, labels, n_each, strict=True):
            for start in range(0, n, _BATCHES_AT_ONCE):
                first, second = rows.pairs(j, min(_BATCHES_AT_ONCE, n - start))
                some.append(_mean_difference(codes, first, second))
            names.extend([j] * n)
    (train, test), (known, asked) = (np.concatenate(some) for some in points), map(np.asarray, labels)
    return _linear_score(train, known, test, asked, rng)


def _mean_difference(codes: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    difference = np.take(codes, first.reshape(-1), axis=0)
    difference -= np.take(codes, second.reshape(-1), axis=0)
    np.abs(difference, out=difference)
    mean: FloatArray = difference.reshape(*first.shape, codes.shape[1]).mean(axis=1)
    return mean


def _linear_score(
    train: FloatArray, known: IntArray, test: FloatArray, asked: IntArray, rng: np.random.Generator
) -> float:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(known)) < 2:
        return float(np.mean(asked == known[0]))
    order = rng.permutation(len(known))
    with ignore_convergence_warnings():
        model = LogisticRegression().fit(train[order], known[order])
    return float(np.mean(model.predict(test) == asked))
