"""Generation under fire: ``python -m tests.benchmarks.chaos --runs 200 --seed 7``.

Each run makes a random dataset once undisturbed and once under up to five faults: processes killed at
random moments, signals, disks that are full, files that are damaged and repaired. Then the plain command
must leave exactly the undisturbed folder, having rendered little twice. The process table, mounts and
limits of Linux are used; without the right to mount, full disks are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from syngen.generation.workers.log import read_events
from tests.support import HAS_SPEECH, PATIENCE_S, digests_of, names_below

_DISK_MB = 400
_MOST_FAULTS = 5
_SHARE_OF_SPEECH = 0.25
_ENDS = ("shard finished", "shard failed", "shard dropped", "worker died", "worker hung")


class LostError(Exception):
    """Something that must not happen."""


def tones(rng: random.Random) -> dict[str, Any]:
    """Return a recipe of tones that takes about a second."""
    document: dict[str, Any] = {
        "name": "chaos",
        "synthesizer": "tone",
        "seed": rng.randrange(1000),
        "audio": {"sample_rate": 8000, "duration": rng.choice([0.1, 0.25, 0.5])},
        "factors": {
            "timbre": {"values": rng.sample(["sine", "triangle", "square", "sawtooth"], 3)},
            "amplitude": {"linspace": {"start": -30.0, "stop": -8.0, "num": 8}, "unit": "dBFS"},
            "frequency": {"geomspace": {"start": 110.0, "stop": 1760.0, "num": 200}, "unit": "Hz"},
        },
        "settings": {"level": "rms"},
        "sampling": {"size": rng.randrange(300, 4000)},
    }
    if rng.random() < 0.5:
        document["splits"] = {"default": {"random": {"train": 0.8, "validation": 0.1, "test": 0.1}}}
    if rng.random() < 0.5:
        document["nuisances"] = {"phase": {"uniform": {"low": 0.0, "high": 1.0}, "unit": "cycles"}}
    return document


def speech(rng: random.Random) -> dict[str, Any]:
    """Return a recipe of speech that takes some seconds."""
    seed = rng.randrange(1000)
    return {
        "name": "chaos",
        "synthesizer": "speech",
        "seed": seed,
        "audio": {"sample_rate": 16_000},
        "factors": {
            "speaker": {"speakers": {"count": rng.randrange(2, 5), "seed": seed}},
            "text": {"grammar": "matrix-en", "count": rng.randrange(4, 9), "seed": seed},
            "style": {"values": rng.sample(["neutral", "excited", "sad", "whispering", "shouting"], 3)},
        },
        "splits": {"default": {"random": {"train": 0.7, "test": 0.3}}},
    }


@dataclass(frozen=True)
class Setup:
    """What a run generates, and how.

    Attributes
    ----------
    recipe : Path
    options : tuple of str
        Of ``syngen generate``.
    jobs, shard_size, rows : int
    has_annotations : bool
    """

    recipe: Path
    options: tuple[str, ...]
    jobs: int
    shard_size: int
    rows: int
    has_annotations: bool


def draw_setup(rng: random.Random, folder: Path) -> Setup:
    is_speech = HAS_SPEECH and rng.random() < _SHARE_OF_SPEECH
    document = speech(rng) if is_speech else tones(rng)
    rows = document.get("sampling", {}).get("size")
    if rows is None:
        speaker, text, style = document["factors"].values()
        rows = speaker["speakers"]["count"] * text["count"] * len(style["values"])
    recipe = folder / "chaos.yaml"
    recipe.write_text(json.dumps(document), "utf-8")
    jobs, shard_size = rng.randrange(1, 4), max(1, rows // rng.randrange(4, 30))
    options = ("--shard-size", str(shard_size), "--codec", rng.choice(["wav", "wav", "flac"]))
    return Setup(recipe, options, jobs, shard_size, rows, is_speech)


@dataclass
class Tally:
    """What happened in all runs."""

    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    damaged_bytes: int = 0
    rows: int = 0
    rendered: int = 0
    share_of_bound: float = 0.0
    losses: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.runs += other.runs
        self.faults += other.faults
        self.missed += other.missed
        self.damaged_bytes += other.damaged_bytes
        self.rows += other.rows
        self.rendered += other.rendered
        self.share_of_bound = max(self.share_of_bound, other.share_of_bound)
        self.losses += other.losses


def syngen(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start a command in a session of its own, hearing SIGINT as on a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "syngen", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


class Trial:
    """One run: a dataset, its undisturbed twin, and the faults."""

    def __init__(self, seed: int, number: int, folder: Path, *, has_disk: bool) -> None:
        self._rng = random.Random(f"chaos {seed} {number}")
        self._folder, self._has_disk = folder, has_disk
        self._setup = draw_setup(self._rng, folder)
        self._data, self._log = folder / "disk" / "data", folder / "log.jsonl"
        self._repaired = self._allowance = 0
        self._typical_s = 1.0
        self._said: list[str] = []
        self.tally = Tally(runs=1, rows=self._setup.rows)

    def run(self) -> None:
        """Go through all of it.

        Raises
        ------
        LostError
            If anything is not as it must be.
        """
        started = time.monotonic()
        self._expect(self._generate(self._folder / "undisturbed", jobs=1), (0,))
        self._typical_s = time.monotonic() - started
        for _ in range(self._rng.randint(1, _MOST_FAULTS)):
            self._fault()
        self._expect(self._generate(self._data, log=self._log), (0,))
        self._compare()
        self._count()

    def _generate(self, data: Path, *, jobs: int | None = None, log: Path | None = None) -> Any:
        more = ("--log", log) if log else ()
        return syngen(
            *("generate", self._setup.recipe, data, "-q", "-j", str(jobs or self._setup.jobs)),
            *(*self._setup.options, *more),
        )

    def _expect(self, process: subprocess.Popen[str], codes: Sequence[int]) -> str:
        """Wait for a command to end with one of the exit codes; return its stdout."""
        with process:
            try:
                stdout, stderr = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                raise LostError(f"{process.args[3:5]} does not end; {self._said}") from error
        self._said.append(f"exit {process.returncode}: {stderr[-300:].strip()}")
        if process.returncode not in codes:
            raise LostError(f"exit code {process.returncode} is none of {codes}: {self._said}")
        return stdout

    def _fault(self) -> None:
        kinds: dict[str, Callable[[str], bool]] = {
            "main killed, restart": self._kill,
            "worker killed": self._kill,
            "tracker killed": self._kill,
            "all killed": self._kill,
            "interrupted": self._interrupt,
            "file size limited": self._limit,
            "file truncated": self._damage,
            "byte flipped": self._damage,
        }
        if self._has_disk:
            kinds["disk filled"] = self._fill_disk
        is_complete = (self._data / "dataset.json").exists()
        wanted = [kind for kind in kinds if not is_complete or kinds[kind] == self._damage]
        kind = self._rng.choice(wanted)
        self._said.append(kind)
        if kinds[kind](kind):
            self.tally.faults[kind] += 1
        else:
            self.tally.missed += 1

    def _started(self) -> subprocess.Popen[str]:
        """Return a run at a random moment of its life."""
        process = self._generate(self._data, log=self._log)
        if self._rng.random() < 0.3:
            time.sleep(self._rng.uniform(0.0, 1.2 * self._typical_s))
            return process
        receipts = self._data / ".syngen" / "receipts"
        n_wanted = len(list(receipts.glob("*.json"))) + self._rng.randint(0, 4)
        while process.poll() is None and len(list(receipts.glob("*.json"))) < n_wanted:
            time.sleep(0.001)
        time.sleep(self._rng.uniform(0.0, 0.05))
        return process

    def _kill(self, kind: str) -> bool:
        process = self._started()
        victims = victims_of(process, kind)
        victim = [self._rng.choice(victims)] if victims and kind != "all killed" else victims
        n_killed = 0
        for one in victim:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
                n_killed += 1
        if kind.startswith("main") and n_killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.wait()
            self._said.append("restarted at once")
            process.stdout.close()  # type: ignore[union-attr]
            process.stderr.close()  # type: ignore[union-attr]
        else:
            codes = (0, -signal.SIGKILL) if kind == "all killed" else (0,)
            self._expect(process, codes)
        return n_killed > 0

    def _interrupt(self, _: str) -> bool:
        process = self._started()
        is_alive = process.poll() is None
        everybody = self._rng.random() < 0.5
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
        # before the command listens it is Python that ends itself by the signal
        self._expect(process, (0, 130, -signal.SIGINT, 1))
        return is_alive

    def _limit(self, _: str) -> bool:
        process = self._started()
        limit, n_limited = self._rng.randrange(1 << 16), 0
        for one in family(process):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (limit, limit))
                n_limited += 1
        self._expect(process, (0, 2, 3))
        return n_limited > 0

    def _fill_disk(self, _: str) -> bool:
        process = self._started()
        is_alive, ballast = process.poll() is None, self._data.parent / "ballast"
        free = shutil.disk_usage(self._data.parent).free
        with open(ballast, "wb") as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(1, free - self._rng.randrange(1 << 18)))
        self._expect(process, (0, 2, 3))
        ballast.unlink()
        return is_alive

    def _damage(self, kind: str) -> bool:
        files = list(finished_files(self._data))
        if not files:
            return False
        path = self._rng.choice(files)
        content = bytearray(path.read_bytes())
        position = self._rng.randrange(len(content))
        self._said.append(f"{kind}: {path.relative_to(self._data)} at {position} of {len(content)}")
        if kind == "file truncated":
            self.tally.damaged_bytes += len(content) - position
            del content[position:]
        else:
            self.tally.damaged_bytes += 1
            content[position] ^= 1 << self._rng.randrange(8)
        path.write_bytes(content)
        if self._setup.has_annotations and path.suffix == ".parquet" and path.parent == self._data:
            # words and phones, and what was drawn for them, are nowhere else than in these two
            self._allowance += self._setup.rows
        is_logged = (self._data / ".syngen" / "log.jsonl").exists()
        process = syngen("verify", self._data, "--repair", "--json", "-q", "-j", str(self._setup.jobs))
        report = json.loads(self._expect(process, (0, 3)))
        if not is_logged:
            self._repaired += report["rendered"]
        return True

    def _compare(self) -> None:
        undisturbed = self._folder / "undisturbed"
        if names_below(self._data) != names_below(undisturbed):
            odd = set(names_below(self._data)) ^ set(names_below(undisturbed))
            raise LostError(f"names differ: {sorted(odd)}; {self._said}")
        ours, theirs = digests_of(self._data), digests_of(undisturbed)
        if ours != theirs:
            odd = {name for name in ours if ours[name] != theirs[name]}
            raise LostError(f"bytes differ: {sorted(odd)}; {self._said}")

    def _count(self) -> None:
        setup, tally = self._setup, self.tally
        tally.rendered = rendered_rows(self._log, setup.shard_size) + self._repaired
        n_faults = tally.faults.total()
        bound = setup.rows + n_faults * setup.jobs * setup.shard_size + self._allowance
        tally.share_of_bound = tally.rendered / bound
        if tally.rendered > bound:
            raise LostError(f"{tally.rendered} rows were rendered, {bound} allowed: {setup}; {self._said}")


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return a command and all that it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        main = psutil.Process(process.pid)
        if main.status() != psutil.STATUS_ZOMBIE:
            return [main, *main.children(recursive=True)]
    return []


def victims_of(process: subprocess.Popen[str], kind: str) -> list[psutil.Process]:
    """Return the processes that a kind of killing may choose from."""
    found = family(process)
    if kind == "all killed" or not found:
        return found
    if kind.startswith("main"):
        return found[:1]
    mark = "resource_tracker" if kind.startswith("tracker") else "spawn_main"
    return [one for one in found[1:] if mark in command_of(one)]


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def finished_files(data: Path) -> Iterator[Path]:
    """Yield the files of a dataset that are not being written, the log and the lock left out."""
    for path in sorted(data.rglob("*")):
        is_ours = path.suffix not in (".tmp", ".jsonl") and path.name != "lock"
        if is_ours and path.is_file() and path.stat().st_size:
            yield path


def rendered_rows(log: Path, shard_size: int) -> int:
    """Return how many rows a log accounts for; a shard that was begun and has no end counts as whole."""
    open_shards: dict[tuple[int, str], int] = {}
    n_rows = 0
    for event in read_events(log):
        worker = (event.get("worker", event["pid"]), event.get("shard", ""))
        if event["event"] == "shard started":
            n_rows += open_shards.pop(worker, 0)
            open_shards[worker] = shard_size
        elif event["event"] in _ENDS:
            open_shards.pop(worker, None)
            n_rows += event.get("rows_rendered", event.get("rows", 0) - event.get("copied", 0))
    return n_rows + sum(open_shards.values())


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system on a folder; yield whether that is possible here."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "none", str(folder)]
    is_mounted = (
        bool(shutil.which("mount"))
        and not subprocess.run(mount, capture_output=True, check=False).returncode
    )
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def trial(seed: int, number: int) -> Tally:
    """Return what one run came to; a loss is part of it."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, small_disk(Path(name) / "disk") as has_disk:
        run = Trial(seed, number, Path(name), has_disk=has_disk)
        try:
            run.run()
        except LostError as error:
            run.tally.losses.append(f"--seed {seed} --first {number} --runs 1: {error}")
        return run.tally


def chaos(seed: int, numbers: Sequence[int], *, at_once: int = 1) -> Tally:
    """Return what several runs came to, telling losses on stderr as they come."""
    total = Tally()
    with ThreadPoolExecutor(at_once) as pool:
        for tally in pool.map(lambda number: trial(seed, number), numbers):
            total.add(tally)
            for loss in tally.losses:
                print(loss, file=sys.stderr, flush=True)
            if total.runs % 20 == 0:
                print(f"{total.runs} runs, {len(total.losses)} losses", file=sys.stderr, flush=True)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first run, to replay one")
    parser.add_argument("--at-once", type=int, default=2, help="runs beside one another")
    arguments = parser.parse_args()
    started = time.monotonic()
    numbers = range(arguments.first, arguments.first + arguments.runs)
    total = chaos(arguments.seed, numbers, at_once=arguments.at_once)
    print(f"seed                 {arguments.seed}")
    print(f"runs                 {total.runs}")
    print(f"faults               {total.faults.total()} ({total.missed} more came too late)")
    for kind, count in sorted(total.faults.items()):
        print(f"  {kind:<24} {count:>5}")
    print(f"bytes damaged        {total.damaged_bytes:,}")
    print(f"rows                 {total.rows:,}, rendered {total.rendered:,}")
    print(f"most of its bound    {total.share_of_bound:.2f} (rows + faults x jobs x shard size)")
    print(f"losses               {len(total.losses)}")
    print(f"seconds              {time.monotonic() - started:,.0f}")
    sys.exit(1 if total.losses else 0)


if __name__ == "__main__":
    main()
