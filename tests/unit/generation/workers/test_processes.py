"""How a worker process is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

SCRIPT = """
from syngen.generation.workers.processes import _Process
from tests.unit.generation.workers.test_processes import end_by_mask

for _ in range(2):
    process = _Process(target=end_by_mask)
    process.start()
    process.join()
    print(process.exitcode)
"""
HELD, OPEN = 17, 18


def end_by_mask() -> None:
    """End this process with a code that tells whether an interrupt would be held back."""
    os._exit(HELD if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()) else OPEN)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no masks of signals here")
def test_not_even_the_first_worker_hears_an_interrupt_before_it_is_ready() -> None:
    """A fresh process: its first start of another one starts a tracker too, which releases signals."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(HELD), str(HELD)], done.stderr
