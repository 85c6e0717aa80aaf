"""Generation in an object store under fire: ``python -m tests.benchmarks.object_stores --runs 10``.

A real S3 server (``rclone serve s3`` on loopback) holds the dataset. Each run is killed with -9 at random
moments, the whole of it or one worker, and started again; then what the server has must be, byte for byte,
the folder that an undisturbed local run makes, and it must verify and load.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

import syngen
from tests.gates import Gate
from tests.support import PATIENCE_S, digests_of

KEY, SECRET, BUCKET = "AKIASYNGENTESTS", "secret-of-the-tests", "bucket"
RECIPE = {
    "name": "in-a-store",
    "synthesizer": "tone",
    "seed": 2402,
    "audio": {"sample_rate": 16000, "duration": 0.5},
    "factors": {
        "timbre": {"values": ["sine", "triangle", "square", "sawtooth"]},
        "amplitude": {"linspace": {"start": -26.0, "stop": -7.0, "num": 20}, "unit": "dBFS"},
        "frequency": {"geomspace": {"start": 110.0, "stop": 1760.0, "num": 400}, "unit": "Hz"},
    },
    "settings": {"level": "rms"},
    "splits": {"default": {"random": {"train": 0.8, "validation": 0.1, "test": 0.1}}},
}
OPTIONS = ("--shard-size", "100", "-j", "2", "-q")
_STARTED = re.compile(r"Starting s3 server on \[(http://[^/\]]+)")
_REQUESTS = {
    "list": "LIST BUCKET",
    "get": "GET OBJECT",
    "head": "HEAD OBJECT",
    "put": "CREATE OBJECT",
    "delete": "delete multi",
    "multipart": "initiate multipart|put multipart|complete multipart",
}


@dataclass(frozen=True)
class Server:
    """A server of S3 on this machine.

    Attributes
    ----------
    root : Path
        Folder with a folder for each bucket.
    endpoint : str
    log : Path
    """

    root: Path
    endpoint: str
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a client of it must find in its environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def requests(self) -> Counter[str]:
        """Return how many requests of each kind it has had."""
        text = self.log.read_text("utf-8", "replace")
        return Counter(
            {kind: len(re.findall(f"serve s3: (?:{pattern})", text)) for kind, pattern in _REQUESTS.items()}
        )


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[Server]:
    """Serve a folder by S3 for the length of a block, on a port of the system's choice."""
    root, log = folder / "served", folder / "server.log"
    (root / BUCKET).mkdir(parents=True)
    rclone = shutil.which("rclone") or str(Path(sys.executable).with_name("rclone"))
    options = ("--addr", "127.0.0.1:0", "--auth-key", f"{KEY},{SECRET}", "--config", os.devnull)
    with open(log, "wb") as output:
        process = subprocess.Popen([rclone, "serve", "s3", "-vv", *options, str(root)], stderr=output)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (started := _STARTED.search(log.read_text("utf-8", "replace"))) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {log.read_text('utf-8', 'replace')}")
            time.sleep(0.02)
        yield Server(root, started.group(1), log)
    finally:
        process.kill()
        process.wait()


def has_rclone() -> bool:
    """Whether there is a server to start."""
    return bool(shutil.which("rclone")) or Path(sys.executable).with_name("rclone").exists()


class Run:
    """A ``syngen generate`` at a URL, in a session of its own, whose memory is watched."""

    def __init__(self, server: Server, name: str, recipe: Path, gate: Gate | None = None) -> None:
        self.peak_bytes: Counter[str] = Counter()
        url = f"s3://{BUCKET}/{name}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "syngen", "generate", str(recipe), url, *OPTIONS],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **server.environment, **(gate.env if gate else {})},
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def workers(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        return []

    def _watch(self) -> None:
        while self.process.poll() is None:
            with contextlib.suppress(psutil.Error):
                main = psutil.Process(self.process.pid)
                self._note("main", main)
                for worker in self.workers():
                    self._note("worker", worker)
            time.sleep(0.05)

    def _note(self, kind: str, process: psutil.Process) -> None:
        self.peak_bytes[kind] = max(self.peak_bytes[kind], process.memory_info().rss)

    def kill(self, what: str) -> None:
        """End the main process, or one worker, without a warning."""
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess, IndexError):
            if what == "worker":
                self.workers()[0].kill()
            else:
                os.kill(self.process.pid, signal.SIGKILL)

    def finish(self) -> tuple[int, str]:
        try:
            _, stderr = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        self._watcher.join()
        return self.process.returncode, stderr


@dataclass
class Outcome:
    """What a trial came to."""

    kills: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    peak_bytes: Counter[str] = field(default_factory=Counter)
    is_identical: bool = False
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def trial(server: Server, recipe: Path, undisturbed: Path, name: str, seed: int) -> Outcome:
    """Generate at a URL with one to three kills, then compare, verify and load."""
    rng, outcome, started = random.Random(f"{seed} {name}"), Outcome(), time.monotonic()
    before = server.requests()
    n_shards = len(list((undisturbed / "audio").iterdir()))
    receipts = server.root / BUCKET / name / ".syngen" / "receipts"
    n = 0
    for number in range(rng.randint(1, 3)):
        n = min(n_shards - 3, n + rng.randint(1, n_shards // 3))
        n_done = len(list(receipts.glob("*.json")))
        if n_done > n_shards - 3 or (receipts.parents[1] / "dataset.json").exists():
            break  # the last run, of which only a worker was killed, or which was killed late
        gate = Gate(server.root.with_name(f"{name}-gate-{number}"), receipts, after=n)
        run = Run(server, name, recipe, gate)
        gate.wait_for(1, run.process)
        gate.open()
        time.sleep(rng.uniform(0.0, 0.3))
        outcome.kills.append(rng.choice(("main", "main", "worker")))
        run.kill(outcome.kills[-1])
        run.finish()
        outcome.peak_bytes |= run.peak_bytes
    run = Run(server, name, recipe)
    code, stderr = run.finish()
    outcome.peak_bytes |= run.peak_bytes
    outcome.requests = server.requests() - before
    if code:
        outcome.problems.append(f"exit code {code}: {stderr}")
        return outcome
    found, wanted = digests_of(server.root / BUCKET / name), digests_of(undisturbed)
    outcome.is_identical = found == wanted
    outcome.problems += sorted(f"{n} differs" for n in found | wanted if found.get(n) != wanted.get(n))
    with environment(server.environment):
        outcome.problems += syngen.verify(f"s3://{BUCKET}/{name}")
        rows = np.random.default_rng(seed).integers(0, 1000, 40)
        there, here = syngen.load(f"s3://{BUCKET}/{name}"), syngen.load(undisturbed)
        if not np.array_equal(there.batch(rows), here.batch(rows)):
            outcome.problems.append("what is loaded differs")
    outcome.seconds = time.monotonic() - started
    return outcome


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Have some variables in the environment of this process for the length of a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def make_undisturbed(folder: Path, *, rows: int) -> tuple[Path, Path]:
    """Return the recipe's file and the folder of the dataset, made locally."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(json.dumps({**RECIPE, "sampling": {"size": rows}}), "utf-8")
    syngen.generate(recipe, folder / "undisturbed", jobs=1, shard_size=100)
    return recipe, folder / "undisturbed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="object-stores-") as name:
        folder = Path(name)
        os.environ["SYNGEN_CACHE"] = str(folder / "cache")
        recipe, undisturbed = make_undisturbed(folder, rows=arguments.rows)
        n_bytes = sum(path.stat().st_size for path in undisturbed.rglob("*") if path.is_file())
        n_shards = len(list((undisturbed / "audio").iterdir()))
        print(f"{arguments.rows:,} rows, {n_shards} shards, {n_bytes / 1e6:,.1f} MB")
        kinds = list(_REQUESTS)
        print("| run | kills | identical |", *(f"{kind} |" for kind in kinds), "MB main, worker | s |")
        print("|--" * (5 + len(kinds)) + "|")
        with s3_server(folder) as server:
            plain = server.requests()
            code, stderr = Run(server, "plain", recipe).finish()
            plain = server.requests() - plain
            if code:
                sys.exit(stderr)
            print("| plain | | |", *(f"{plain[kind]} |" for kind in kinds), "| |")
            n_identical = 0
            for number in range(arguments.runs):
                done = trial(server, recipe, undisturbed, f"run-{number}", arguments.seed)
                is_well = done.is_identical and not done.problems
                n_identical += is_well
                memory = ", ".join(f"{done.peak_bytes[kind] / 1e6:,.0f}" for kind in ("main", "worker"))
                print(
                    f"| {number} | {' '.join(done.kills)} | {'yes' if is_well else 'NO'} |",
                    *(f"{done.requests[kind]} |" for kind in kinds),
                    f"{memory} | {done.seconds:.0f} |",
                    flush=True,
                )
                for problem in done.problems:
                    print(problem, file=sys.stderr)
    print(f"{n_identical} of {arguments.runs} byte-identical, verified and loaded")
    sys.exit(0 if n_identical == arguments.runs else 1)


if __name__ == "__main__":
    main()
