"""What models of scikit-learn share: silence, and which factors can be learnt at all."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

__all__ = ["can_be_learnt", "ignore_convergence_warnings"]


@contextlib.contextmanager
def ignore_convergence_warnings() -> Iterator[None]:
    """Ignore warnings of a fit: models stop at the reference's number of steps, converged or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def can_be_learnt(n_levels: int, n_rows: int) -> bool:
    """Return whether levels have two rows or more on average; others are names of rows, not classes."""
    return 2 * n_levels <= n_rows
