"""Clusters under fire: ``python -m tests.benchmarks.clusters --runs 10 --seed 8``.

Dask with two workers, one of which is killed with -9 in the middle of the work, and job arrays of eight
with two members killed with -9 and repeated. Each run must leave, byte for byte, the folder of an
undisturbed one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syngen.generation.workers.log import read_events
from syngen.storage.layout import Layout
from tests.gates import Gate
from tests.support import FOUR_THOUSAND_TONES, PATIENCE_S, digests_of, names_below, wait_until

N_MEMBERS = 8

SHARD_SIZE = 100


def start(
    *command: str | Path, log: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a module of this Python in a session of its own, hearing SIGINT as on a terminal."""
    with open(log or os.devnull, "a") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *map(str, command)],
            stdout=subprocess.PIPE if log is None else out,
            stderr=subprocess.PIPE if log is None else out,
            text=True,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )


def generate(
    folder: Path, *options: str | Path, recipe: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    fixed = ("--shard-size", str(SHARD_SIZE), "-q")
    return start("syngen", "generate", recipe, folder, *fixed, *options, env=env)


def ended(process: subprocess.Popen[str]) -> str:
    """Return what a command that must succeed says on stderr."""
    _, stderr = process.communicate(timeout=PATIENCE_S)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {stderr}")
    return stderr


def events(folder: Path, name: str) -> list[dict[str, object]]:
    return [event for event in read_events(Layout(folder).log) if event["event"] == name]


@dataclass
class DaskProcesses:
    """A scheduler and workers of Dask, one process each.

    Attributes
    ----------
    folder : Path
        For their logs.
    """

    folder: Path
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    scheduler: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Path of the scheduler file, which is as good as an address."""
        return str(self.folder / "scheduler.json")

    def start_scheduler(self, env: Mapping[str, str] | None = None) -> None:
        options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", self.address)
        self.scheduler = start("dask", "scheduler", *options, log=self.folder / "scheduler.log", env=env)
        wait_until(lambda: Path(self.address).is_file() and Path(self.address).stat().st_size > 0)

    def start_worker(self, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a worker of one thread."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", self.folder)
        worker = start("dask", "worker", "--scheduler-file", self.address, *options, log=log, env=env)
        self.workers.append(worker)
        wait_until(lambda: "Registered to" in log.read_text("utf-8"))
        return worker

    def stop(self) -> None:
        for process in (*self.workers, *([self.scheduler] if self.scheduler else [])):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def dask_processes(
    folder: Path, *, n_workers: int = 2, gate: Gate | None = None
) -> Iterator[DaskProcesses]:
    """Give a Dask cluster on this machine, whose workers wait at a gate if there is one."""
    cluster = DaskProcesses(folder)
    try:
        cluster.start_scheduler()
        for _ in range(n_workers):
            cluster.start_worker(gate and gate.env)
        yield cluster
    finally:
        cluster.stop()


def killed_on_dask(
    cluster: DaskProcesses, recipe: Path, folder: Path, rng: random.Random, *, gate: Gate | None = None
) -> int:
    """Generate while a worker with a shard in hand is killed; return how many shards were begun again.

    Without a gate that the workers wait at, the moment is a random one.
    """
    log = folder.with_suffix(".jsonl")
    run = generate(
        folder, "--executor", "dask", "--scheduler", cluster.address, "--log", log, recipe=recipe
    )
    n_before, victim = rng.randrange(1, 20), rng.choice(cluster.workers)
    if gate is None:
        wait_until(lambda: len(events(folder, "shard finished")) >= n_before, run)
        stop_with_shard(victim, folder)
    else:
        gate.wait_for(len(cluster.workers), run)
    victim.kill()
    victim.wait()
    cluster.workers.remove(victim)
    if gate is not None:
        gate.open()
    ended(run)
    found = [event["event"] for event in read_events(log)]
    return found.count("shard started") - found.count("shard finished")


def has_shard(folder: Path, pid: int) -> bool:
    """Whether a process has begun a shard that it has not finished."""
    own = [e["event"] for e in read_events(Layout(folder).log) if e["pid"] == pid]
    return bool(own) and own[-1] == "shard started"


def stop_with_shard(run: subprocess.Popen[str], folder: Path) -> None:
    """Stop a process when it has a shard in hand."""

    def is_stopped() -> bool:
        if not has_shard(folder, run.pid):
            return False
        run.send_signal(signal.SIGSTOP)
        if has_shard(folder, run.pid):
            return True
        run.send_signal(signal.SIGCONT)
        return False

    wait_until(is_stopped)


def killed_array(recipe: Path, folder: Path, rng: random.Random) -> int:
    """Run a job array in any order, kill two members and repeat them; return the shards begun again."""
    numbers = rng.sample(range(N_MEMBERS), N_MEMBERS)
    victims = set(rng.sample(numbers, 2))
    log, gate = folder.with_suffix(".jsonl"), Gate.of_folder(folder)

    def member(number: int, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        index = f"{number}/{N_MEMBERS}"
        return generate(folder, "--shard-index", index, "-j", "1", recipe=recipe, env=env)

    # the victims wait in the middle of a shard until the others are at work
    runs = {number: member(number, gate.env) for number in numbers if number in victims}
    gate.wait_for(len(victims))
    runs |= {number: member(number) for number in numbers if number not in victims}
    for number in victims:
        runs[number].kill()
        runs[number].communicate()
    for number in rng.sample(sorted(victims), len(victims)):  # while the others are at work
        runs[number] = member(number)
    for run in runs.values():
        ended(run)
    if Layout(folder).description.exists():
        raise RuntimeError("a member has put the dataset together")
    ended(generate(folder, "--log", log, recipe=recipe))
    found = [event["event"] for event in read_events(log)]
    return found.count("shard started") - found.count("shard finished")


def is_same(folder: Path, undisturbed: Path) -> bool:
    return names_below(folder) == names_below(undisturbed) and digests_of(folder) == digests_of(undisturbed)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        recipe, sound = here / "cluster.yaml", here / "undisturbed"
        recipe.write_text(FOUR_THOUSAND_TONES, "utf-8")
        ended(generate(sound, "-j", "1", recipe=recipe))
        n_same, n_again, started = {"dask": 0, "array": 0}, {"dask": 0, "array": 0}, time.monotonic()
        seconds = {}
        with dask_processes(here) as cluster:
            for i in range(options.runs):
                while len(cluster.workers) < 2:
                    cluster.start_worker()
                n_again["dask"] += killed_on_dask(cluster, recipe, here / f"dask-{i}", rng)
                n_same["dask"] += is_same(here / f"dask-{i}", sound)
        seconds["dask"], started = time.monotonic() - started, time.monotonic()
        for i in range(options.runs):
            n_again["array"] += killed_array(recipe, here / f"array-{i}", rng)
            n_same["array"] += is_same(here / f"array-{i}", sound)
        seconds["array"] = time.monotonic() - started
    print("| | runs | byte-identical | shards begun again | seconds a run |")
    print("|---|---|---|---|---|")
    titles = {
        "dask": "Dask, one of two workers killed with -9",
        "array": f"job array of {N_MEMBERS}, two members killed with -9 and repeated",
    }
    for key, title in titles.items():
        each = seconds[key] / options.runs
        print(f"| {title} | {options.runs} | {n_same[key]} | {n_again[key]} | {each:.1f} |")
    return 0 if set(n_same.values()) == {options.runs} else 1


if __name__ == "__main__":
    sys.exit(main())
