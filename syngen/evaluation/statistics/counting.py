"""How often levels, and pairs of levels, occur. Columns are read a part at a time, tables stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import IntArray

__all__ = ["MOST_CELLS", "coarsened", "joint_table", "run_lengths"]

MOST_CELLS = 1 << 16
"""Most cells of a table of joint counts; factors with more levels are counted by runs of levels."""

_CHUNK = 1 << 20


def joint_table(
    first: NDArray[Any], second: NDArray[Any], sizes: tuple[int, int], *, runs: tuple[int, int] = (1, 1)
) -> IntArray:
    """Return how often each level of one column occurs with each level of another.

    Parameters
    ----------
    first, second : ndarray of int, shape (n,)
        Levels, numbered from 0.
    sizes : tuple of int
        Number of levels of each.
    runs : tuple of int
        Adjacent levels of each that are counted as one.

    Returns
    -------
    ndarray of int64, shape (ceil(sizes[0] / runs[0]), ceil(sizes[1] / runs[1]))

    Examples
    --------
    >>> joint_table(np.array([0, 1, 1]), np.array([2, 0, 0]), (2, 3)).tolist()
    [[0, 0, 1], [2, 0, 0]]
    """
    n_rows, n_columns = (-(-size // run) for size, run in zip(sizes, runs, strict=True))
    counts = np.zeros(n_rows * n_columns, dtype=np.int64)
    for start in range(0, len(first), _CHUNK):
        part = slice(start, start + _CHUNK)
        cells = first[part].astype(np.int64)
        cells //= runs[0]
        cells *= n_columns
        cells += second[part] // runs[1]
        counts += np.bincount(cells, minlength=len(counts))
    return counts.reshape(n_rows, n_columns)


def run_lengths(sizes: tuple[int, int], *, most_cells: int = MOST_CELLS) -> tuple[int, int]:
    """Return how many adjacent levels of two factors are counted as one, so that their table stays small.

    A factor with few levels is left as it is.

    Examples
    --------
    >>> run_lengths((20, 400)), run_lengths((4, 1_000_000)), run_lengths((1000, 1000))
    ((1, 1), (1, 62), (4, 4))
    """
    if sizes[0] * sizes[1] <= most_cells:
        return 1, 1
    side = int(np.sqrt(most_cells))
    kept = [min(size, side) for size in sizes]
    allowed = (most_cells // kept[1], most_cells // kept[0])
    return -(-sizes[0] // allowed[0]), -(-sizes[1] // allowed[1])


def coarsened(table: IntArray, *, most: int) -> tuple[IntArray, tuple[int, int]]:
    """Return a table of at most `most` rows and columns, and how many of each were added up.

    Parameters
    ----------
    table : ndarray of int64, shape (n_rows, n_columns)
    most : int

    Examples
    --------
    >>> table, runs = coarsened(np.array([[1, 2, 3], [4, 5, 6]]), most=2)
    >>> table.tolist(), runs
    ([[3, 3], [9, 6]], (1, 2))
    """
    runs = (-(-table.shape[0] // most), -(-table.shape[1] // most))
    found: IntArray = np.add.reduceat(table, np.arange(0, table.shape[0], runs[0]), axis=0)
    found = np.add.reduceat(found, np.arange(0, table.shape[1], runs[1]), axis=1)
    return found, runs
