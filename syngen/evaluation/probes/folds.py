"""Folds for cross-validation that keep groups of rows together, so that what is tested was not learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import BoolArray, FloatArray, IntArray

__all__ = ["group_folds", "is_constant_within"]


def is_constant_within(labels: IntArray, groups: IntArray) -> bool:
    """Return whether all rows of a group have one label, as all rows of a speaker have one gender.

    Parameters
    ----------
    labels, groups : ndarray of int64, shape (n,)
        Numbers from 0.
    """
    pairs = groups * (int(labels.max(initial=0)) + 1) + labels
    return len(np.unique(pairs)) == len(np.unique(groups))


def group_folds(
    groups: IntArray, n_folds: int, rng: np.random.Generator, *, labels: IntArray | None = None
) -> IntArray:
    """Return the fold of each row; all rows of a group are in one fold.

    Groups are dealt in random order, the largest first, each to the fold that has the fewest rows so far.
    Where a group has one label only, it goes to the fold with the fewest rows of that label, so that every
    fold has women and men; ties go to the smaller fold.

    Parameters
    ----------
    groups : ndarray of int64, shape (n,)
        Group of each row, numbers from 0.
    n_folds : int
        At most the number of groups.
    rng : numpy.random.Generator
    labels : ndarray of int64, shape (n,), optional
        Numbers from 0; balanced over the folds where each group has only one of them.

    Returns
    -------
    ndarray of int64, shape (n,)
        Numbers from 0 to `n_folds` - 1.

    Examples
    --------
    >>> import numpy as np
    >>> folds = group_folds(np.array([0, 0, 1, 1, 2, 2]), 3, np.random.default_rng(0))
    >>> folds[::2].tolist() == folds[1::2].tolist(), sorted(set(folds.tolist()))
    (True, [0, 1, 2])
    """
    names, group_of_row = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of_row)
    label_of_group = np.zeros(len(names), dtype=np.int64)
    if labels is not None and is_constant_within(labels, group_of_row):
        label_of_group[group_of_row] = labels
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    rows = np.zeros(n_folds)
    rows_of_label: FloatArray = np.zeros((n_folds, int(label_of_group.max(initial=0)) + 1))
    fold_of_group = np.empty(len(names), dtype=np.int64)
    # label by label: else large groups of one label leave the others unevenly dealt
    for group in order[np.argsort(label_of_group[order], kind="stable")].tolist():
        counts = rows_of_label[:, label_of_group[group]]
        candidates: BoolArray = counts == counts.min()
        fold = int(np.argmin(np.where(candidates, rows, np.inf)))
        fold_of_group[group] = fold
        counts[fold] += sizes[group]
        rows[fold] += sizes[group]
    return fold_of_group[group_of_row]
