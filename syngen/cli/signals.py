"""What SIGINT and SIGTERM do: the first ends a command in order, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["signals_heard"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def signals_heard() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal, and leave at the second.

    SIGINT is heard even where a shell that started us in the background made us deaf to it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    n_heard = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal n_heard
        n_heard += 1
        if n_heard > 1:
            _leave()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, hear) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave() -> None:
    """End this process and its workers without waiting for anything."""
    multiprocessing = sys.modules.get("multiprocessing")
    with contextlib.suppress(Exception):
        for child in multiprocessing.active_children() if multiprocessing else ():
            child.kill()
    os._exit(130)
