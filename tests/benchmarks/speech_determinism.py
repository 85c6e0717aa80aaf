"""One utterance, one waveform: in any order, process, shard, after any crash, on any variant of a machine.

``python -m tests.benchmarks.speech_determinism --n 2000`` makes the same utterances in many ways and prints
a table; it fails where two ways differ in one sample. The tests do it with fewer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import syngen
from syngen.resolving.rendering import Rendering
from syngen.storage.layout import Layout
from tests.gates import Gate
from tests.integration.digests import MACHINES
from tests.support import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
RATES = (16_000, 8_000, 44_100)

Hashes = dict[str, str]
"""SHA-256 of the samples, by sampling rate and index."""


def recipes(n: int) -> dict[int, dict[str, object]]:
    """Return one recipe per sampling rate; together they have about n utterances in all six styles."""
    shares = dict(zip(RATES, (n * 4 // 5, n // 10, n // 10), strict=True))
    return {
        rate: {
            "name": f"determinism-{rate}",
            "synthesizer": "speech",
            "seed": 99,
            "audio": {"sample_rate": rate},
            "factors": {
                "speaker": {"speakers": {"count": 40, "female": 0.5, "seed": 3}},
                "text": {"sentences": "en", "count": 60, "seed": 3},
                "style": {
                    "values": ["neutral", "excited", "sad", "whispering", "shouting", "friendly"],
                },
            },
            "nuisances": {"room_tone": {"uniform": {"low": -86.5, "high": -60.0}, "unit": "dBFS"}},
            "sampling": {"size": size},
            "splits": {"default": {"random": {"train": 0.8, "test": 0.2}}},
        }
        for rate, size in shares.items()
    }


def rendered(n: int, order: str) -> Hashes:
    """Render in this process: forwards, backwards or shuffled."""
    found: Hashes = {}
    for rate, recipe in recipes(n).items():
        resolved = syngen.load_recipe(recipe)
        indices = np.sort(resolved.rows.all_indices())
        if order == "backwards":
            indices = indices[::-1]
        elif order == "shuffled":
            indices = np.array(random.Random(7).sample(indices.tolist(), len(indices)))
        for observation in Rendering(resolved).observations(indices):
            content = observation.pcm.astype("<i2").tobytes()
            found[f"{rate}/{observation.index}"] = hashlib.sha256(content).hexdigest()
    return found


def stored(folder: Path, rate: int) -> Hashes:
    """Read the hashes of a finished dataset from its manifest."""
    table = pq.read_table(folder / "manifest.parquet", columns=["index", "pcm_sha256"])
    columns = (table.column(name).to_pylist() for name in ("index", "pcm_sha256"))
    return {f"{rate}/{index}": sha256.hex() for index, sha256 in zip(*columns, strict=True)}


def generated(n: int, *, jobs: int, shard_size: int) -> Hashes:
    """Generate datasets and read their manifests."""
    found: Hashes = {}
    for rate, recipe in recipes(n).items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "data"
            syngen.generate(recipe, folder, jobs=jobs, shard_size=shard_size)
            problems = syngen.verify(folder)
            if problems:
                raise RuntimeError(f"{rate}: {problems[0]}")
            found |= stored(folder, rate)
    return found


def killed(n: int, *, kills: int, shard_size: int, rates: Collection[int] = RATES) -> Hashes:
    """Generate datasets in runs that are killed with -9 in the middle, all their processes at once."""
    found: Hashes = {}
    for rate in rates:
        recipe = recipes(n)[rate]
        with tempfile.TemporaryDirectory() as place:
            path, folder = Path(place) / "recipe.yaml", Path(place) / "data"
            path.write_text(json.dumps(recipe), "utf-8")
            command = [sys.executable, "-m", "syngen", "generate", str(path), str(folder), "-q", "-j", "2"]
            command += ["--shard-size", str(shard_size)]
            # the small ones are over too soon to be killed more than once
            for kill in range(kills if rate == RATES[0] else min(kills, 1)):
                _run_and_kill(command, folder, n_more=kill + 1)
            subprocess.run(command, cwd=ROOT, check=True, timeout=PATIENCE_S)
            found |= stored(folder, rate)
    return found


def _run_and_kill(command: list[str], folder: Path, *, n_more: int) -> None:
    """Start a run and kill it when it has finished some more shards, and is in the middle of others."""
    n_before = len(list(Layout(folder).receipts.glob("*.json")))
    gate = Gate.of_folder(folder, after=n_before + n_more, depth=1)
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, env=os.environ | gate.env)
    try:
        gate.wait_for(2, process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if (folder / "dataset.json").exists():
        raise RuntimeError("the run was finished when it was killed: give it more to do")


def elsewhere(n: int, order: str, variables: Mapping[str, str]) -> Hashes:
    """Render in a child process with other variables in its environment."""
    command = [sys.executable, "-m", "tests.benchmarks.speech_determinism"]
    command += ["--n", str(n), "--print-hashes", order]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=PATIENCE_S
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    hashes: Hashes = json.loads(done.stdout)
    return hashes


def ways(n: int, *, shard_size: int, kills: int) -> dict[str, Callable[[], Hashes]]:
    """Return every way to make the utterances, by its name."""
    small = max(2, shard_size // 5)
    return {
        "here, forwards": lambda: rendered(n, "forwards"),
        "here, shuffled": lambda: rendered(n, "shuffled"),
        f"generate, 1 job, shards of {shard_size}": lambda: generated(n, jobs=1, shard_size=shard_size),
        f"generate, 2 jobs, shards of {small}": lambda: generated(n, jobs=2, shard_size=small),
        f"generate, 2 jobs, kill -9 and again ({kills}x)": lambda: killed(n, kills=kills, shard_size=small),
        **{
            f"another process, backwards, {name}": lambda v=variables: elsewhere(n, "backwards", v)  # type: ignore[misc]
            for name, variables in {"as it is": {}, **MACHINES}.items()
        },
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2_000)
    parser.add_argument("--shard-size", type=int, default=200)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--print-hashes", choices=("forwards", "backwards", "shuffled"))
    arguments = parser.parse_args()
    if arguments.print_hashes:
        json.dump(rendered(arguments.n, arguments.print_hashes), sys.stdout)
        return
    first: Hashes | None = None
    is_one = True
    for name, make in ways(arguments.n, shard_size=arguments.shard_size, kills=arguments.kills).items():
        started = time.monotonic()
        found = make()
        first = first or found
        n_other = len({key for key in {*first, *found} if first.get(key) != found.get(key)})
        is_one = is_one and n_other == 0
        digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
        seconds = time.monotonic() - started
        print(
            f"{name:<52} {len(found):6,} utterances  {seconds:6.1f} s  {digest[:16]}  {n_other} differ",
            flush=True,
        )
    print("one set of pcm_sha256" if is_one else "THE SETS DIFFER")
    sys.exit(0 if is_one else 1)


if __name__ == "__main__":
    main()
