"""One thread for linear algebra.

The matrices of features and metrics are small. Threads of BLAS gain little on them, wait for each other by
spinning, which on a busy machine takes ten times as long as the arithmetic, and add sums in another order.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

__all__ = ["single_threaded"]


class _State:
    """Who has set which limits.

    The limit of BLAS is one of the whole process: the thread that sets it holds `blas`, and alone lifts it.
    """

    def __init__(self) -> None:
        self.here = _Here()
        self.blas = threading.Lock()

    def after_fork(self) -> None:
        """Forget the thread that holds the limit of BLAS: a forked child may not have it."""
        self.blas = threading.Lock()


class _Here(threading.local):
    """What holds in this thread."""

    n_modules = 0  # that were there when it entered its innermost block; 0 outside of blocks
    holds_blas = False


_STATE = _State()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_STATE.after_fork)


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> Any:
    """Return the BLAS and OpenMP libraries of this process; they come with the modules that need them."""
    # finding them takes milliseconds, limiting them microseconds
    from threadpoolctl import ThreadpoolController

    del n_modules
    return ThreadpoolController()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread for the length of a block, or of a function that it decorates.

    Enter it once for a batch, not for every row. A block inside another costs nothing, unless modules were
    imported in between.
    """
    here, n_modules = _STATE.here, len(sys.modules)
    before = here.n_modules
    if before == n_modules:
        yield
        return
    libraries, blas = _libraries(n_modules), _STATE.blas
    is_first = not here.holds_blas and blas.acquire(blocking=False)
    here.holds_blas |= is_first
    # each thread has an OpenMP of its own
    limited = libraries if here.holds_blas else libraries.select(user_api="openmp")
    try:
        with limited.limit(limits=1):
            here.n_modules = n_modules
            yield
    finally:
        here.n_modules = before
        if is_first:
            here.holds_blas = False
            blas.release()
