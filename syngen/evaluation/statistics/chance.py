"""What mutual information two factors show by chance: that of shuffled rows.

Shuffling the rows of one factor gives a random table of joint counts with the same margins. Such tables are
drawn directly, which takes the same time for any number of rows.

References
----------
W. M. Patefield: "Algorithm AS 159: An efficient method of generating random R x C tables with given row
and column totals", Applied Statistics 30 (1981), 91-97, as `scipy.stats.random_table` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from syngen.evaluation.information.mutual_information import table_information

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray

__all__ = ["shuffled_information"]

_CELLS_AT_ONCE = 1 << 20


def shuffled_information(table: IntArray, *, n_shuffles: int, rng: np.random.Generator) -> FloatArray:
    """Return the mutual information of two factors after each of several shuffles of the rows, in nats.

    Parameters
    ----------
    table : ndarray of int64, shape (n_first, n_second)
        How often each pair of levels occurs.
    n_shuffles : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (n_shuffles,)
    """
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    rows, columns = rows[rows > 0], columns[columns > 0]
    found = np.zeros(n_shuffles)
    if len(rows) < 2 or len(columns) < 2:
        return found
    from scipy.stats import random_table

    tables = random_table(rows, columns)
    at_once = max(1, _CELLS_AT_ONCE // (len(rows) * len(columns)))
    for start in range(0, n_shuffles, at_once):
        n = min(at_once, n_shuffles - start)
        drawn = np.asarray(tables.rvs(n, random_state=rng), dtype=np.int64)
        found[start : start + n] = [table_information(one) for one in drawn.reshape(n, len(rows), -1)]
    return found
