"""The same utterances in any order, process, shard, after a crash, on any variant of a machine.

The whole of it, with 2,000 utterances: ``python -m tests.benchmarks.speech_determinism``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.benchmarks import speech_determinism as benchmark
from tests.benchmarks.speech_determinism import Hashes
from tests.integration.digests import MACHINES
from tests.support import needs_speech

pytestmark = needs_speech

N = 120


@pytest.fixture(scope="module")
def here() -> Hashes:
    return benchmark.rendered(N, "forwards")


@pytest.mark.slow
def test_utterances_differ_and_are_as_many_as_asked_for(here: Hashes) -> None:
    assert len(here) == len(set(here.values())) == N
    assert {key.partition("/")[0] for key in here} == {"8000", "16000", "44100"}


@pytest.mark.slow
def test_order_is_nothing_to_them(here: Hashes) -> None:
    assert benchmark.rendered(N, "shuffled") == here


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "shard_size"), [(1, 50), (2, 7)])
def test_jobs_and_shards_are_nothing_to_them(here: Hashes, jobs: int, shard_size: int) -> None:
    assert benchmark.generated(N, jobs=jobs, shard_size=shard_size) == here


@pytest.mark.slow
def test_a_run_that_is_killed_and_resumed_makes_the_same(here: Hashes) -> None:
    found = benchmark.killed(N, kills=1, shard_size=4, rates=[16_000])
    assert found == {key: value for key, value in here.items() if key.startswith("16000/")}


@pytest.mark.slow
def test_other_processes_and_machines_make_the_same(here: Hashes) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = dict(
            zip(
                MACHINES,
                pool.map(
                    lambda variables: benchmark.elsewhere(N, "backwards", variables), MACHINES.values()
                ),
                strict=True,
            )
        )
    for machine, hashes in found.items():
        assert hashes == here, machine
