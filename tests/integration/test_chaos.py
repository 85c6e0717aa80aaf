"""A few runs under random faults; ``python -m tests.benchmarks.chaos`` does hundreds."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.chaos import chaos

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and sets limits of processes")
@pytest.mark.parametrize("number", range(4))
def test_runs_under_fire_end_with_the_undisturbed_bytes(number: int) -> None:
    tally = chaos(2402, [number])
    assert tally.losses == []
    assert tally.runs == 1
    assert tally.rendered >= tally.rows
