"""What scheduling, retries and resuming cost: ``python -m tests.benchmarks.scheduling [--quick]``.

The limit program for the scheduler is `ProcessPoolExecutor.map` over the same shards; both start their
workers. How much faster two processes can be at all is measured with two processes that only count.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import syngen
from syngen.generation.folder import lifecycle as folders
from syngen.generation.plan import Plan
from syngen.generation.shard_renderer import ShardRenderer
from syngen.generation.workers.scheduler import make_shards
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard
from tests.integration.test_plugin import installed

JOBS = 2

NOTHING = """\
import numpy as np
from syngen import FactorSpec, Synthesizer

class Nothing(Synthesizer):
    name, version, needs_worker = "nothing", "1", False
    factors = (FactorSpec("rate", units={"Hz": (1.0, 1e7)}),)

    def prepare(self, request):
        silence = np.zeros(request.audio.n_samples)
        return lambda values, streams: silence
"""
MILLION = """\
name: nothing
synthesizer: nothing
seed: 1
audio: {{sample_rate: 8000, duration: 0.001}}
factors:
  rate: {{range: {{start: 1, stop: {n}}}, unit: Hz}}
"""
UNFINISHED = """\
import sys, syngen, syngen.generation.targets.folder as target
def finish(*_):
    raise KeyboardInterrupt
target.finish = finish
try:
    syngen.generate("nothing.yaml", "unfinished", jobs=2)
except KeyboardInterrupt:
    pass
"""
AGAIN = """\
import time, syngen
from syngen.generation.plan import Plan
from syngen.storage.receipts import read_receipt
from syngen.storage.layout import Layout
from pathlib import Path
started = time.perf_counter()
report = syngen.generate("nothing.yaml", "finished")
whole = time.perf_counter() - started
assert report.rendered == 0
plan = Plan(syngen.load_recipe("nothing.yaml"), 2_000, "wav")
started = time.perf_counter()
layout = Layout(Path("unfinished"))
assert all(read_receipt(layout, shard) for shard in plan.shards)
print(whole, time.perf_counter() - started)
"""

_worker: ShardRenderer | None = None


def prepare(plan: Plan) -> None:
    global _worker  # noqa: PLW0603  # tasks find it here
    _worker = ShardRenderer(plan)


def make(plan: Plan, folder: Path, shard: Shard) -> Receipt:
    if _worker is None:
        raise RuntimeError("prepare comes first")
    return _worker.make(Layout(folder), shard, plan.indices(shard))


def by_map(plan: Plan, folder: Path) -> None:
    context = get_context("spawn")
    with ProcessPoolExecutor(JOBS, mp_context=context, initializer=prepare, initargs=(plan,)) as pool:
        n = len(plan.shards)
        list(pool.map(make, [plan] * n, [folder] * n, plan.shards))


def by_scheduler(plan: Plan, folder: Path) -> None:
    list(make_shards(plan, Layout(folder), plan.shards, JOBS, lambda _: None))


def wall(action: Callable[[Plan, Path], None], plan: Plan, folder: Path) -> float:
    """Return the seconds of an action in a fresh folder."""
    folders.create(Layout(folder))
    started = time.perf_counter()
    action(plan, folder)
    elapsed = time.perf_counter() - started
    shutil.rmtree(folder)
    return elapsed


def overhead(place: Path, codec: str, rounds: int) -> list[tuple[str, str, str]]:
    recipe = syngen.load_recipe("syntone-small")
    plan = Plan(recipe, 2_000, codec)
    ratios, bare, ours = [], [], []
    for round_ in range(rounds):
        order = (by_map, by_scheduler) if round_ % 2 else (by_scheduler, by_map)
        walls = {action: wall(action, plan, place / "data") for action in order}
        ratios.append(walls[by_scheduler] / walls[by_map])
        bare.append(walls[by_map])
        ours.append(walls[by_scheduler])
    return [
        (f"{codec}: map of a pool, best, s", f"{min(bare):.2f}", "-"),
        (f"{codec}: scheduler, best, s", f"{min(ours):.2f}", "-"),
        (f"{codec}: scheduler over map, best", f"{min(ours) / min(bare):.3f}", "1.03"),
        (f"{codec}: scheduler over map, median of pairs", f"{statistics.median(ratios):.3f}", "1.03"),
    ]


def count(n: int) -> int:
    return sum(i * i for i in range(n))


def two_jobs(place: Path, rounds: int) -> list[tuple[str, str, str]]:
    n = 20_000_000
    bare, ours = {1: float("inf"), 2: float("inf")}, {1: float("inf"), 2: float("inf")}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(count, [1, 1]))
        for _ in range(rounds):
            for jobs in (1, 2):
                started = time.perf_counter()
                list(pool.map(count, [n] * jobs))
                bare[jobs] = min(bare[jobs], time.perf_counter() - started)
                report = syngen.generate("syntone-small", place / "jobs", jobs=jobs, codec="flac")
                ours[jobs] = min(ours[jobs], report.wall_s)
                shutil.rmtree(place / "jobs")
    ceiling = 2.0 * bare[1] / bare[2]
    return [
        ("two processes that only count over one", f"{ceiling:.2f}", "-"),
        ("two jobs over one, 32,000 FLAC", f"{ours[1] / ours[2]:.2f}", "1.85"),
        ("of what two processes can", f"{ours[1] / ours[2] / ceiling:.2f}", "0.925"),
    ]


def resume(place: Path, n: int) -> list[tuple[str, str, str]]:
    env = installed(place, "nothing", NOTHING, "syngen.synthesizers", "nothing = nothing:Nothing")
    (place / "nothing.yaml").write_text(MILLION.format(n=n), "utf-8")
    command = [sys.executable, "-m", "syngen", "generate", "nothing.yaml", "finished", "-q"]

    def run(*arguments: str) -> str:
        done = subprocess.run(arguments, cwd=place, env=env, check=True, capture_output=True, text=True)
        return done.stdout

    run(*command)
    run(sys.executable, "-c", UNFINISHED)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        run(*command)
        seconds.append(time.perf_counter() - started)
    whole, scan = map(float, run(sys.executable, "-c", AGAIN).split())
    return [
        (f"the same command on a finished dataset of {n:,} rows, s", f"{min(seconds):.2f}", "-"),
        ("of that generate() itself, s", f"{whole:.2f}", "2"),
        ("receipts of as many rows in an unfinished folder, s", f"{scan:.2f}", "2"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few rounds, few rows")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    rounds, n = (2, 20_000) if options.quick else (options.rounds, 1_000_000)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print("| | measured | wanted |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for measure in (
            lambda: resume(place, n),
            lambda: overhead(place, "flac", rounds),
            lambda: overhead(place, "wav", rounds),
            lambda: two_jobs(place, max(1, rounds // 3)),
        ):
            for row in measure():
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
