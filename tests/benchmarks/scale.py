"""How time and memory grow with rows: ``python -m tests.benchmarks.scale [--quick]``.

A synthesizer that does nothing leaves what syngen does itself. Every line is a process of its own, whose
CPU time and highest memory are printed. The audio of finished shards is replaced by holes of the same size,
so that ten million rows need no disk; resuming looks at names, sizes and receipts alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.scheduling import NOTHING
from tests.integration.test_plugin import installed

RECIPE = """\
name: nothing
synthesizer: nothing
seed: 1
audio: {sample_rate: 8000, duration: 0.001}
factors:
"""
BEGIN = """\
import json, os, resource, sys, time
from pathlib import Path
import syngen
from syngen.generation import shard_renderer as worker
from syngen.generation.plan import Plan
from syngen.storage.receipts import read_receipt
from syngen.generation.shard_renderer import ShardRenderer
from syngen.generation.targets import folder as target
from syngen.storage.layout import Layout

def tell(**more):
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    # of this process alone: what it was forked from may have been larger
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    peak = int(status["VmHWM"].split()[0]) / 1000
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": peak, **more}))

started = time.perf_counter(), time.process_time()
"""
PLAN = """\
plan = Plan(syngen.load_recipe("nothing.yaml"), 2_000, "wav")
shard = plan.shards[len(plan.shards) // 2]
plan.indices(shard)
tell(shards=len(plan.shards))
"""
ONE_SHARD = """\
plan = Plan(syngen.load_recipe("nothing.yaml"), 2_000, "wav")
layout = Layout(Path("huge"))
layout.audio.mkdir(parents=True)
layout.receipts.mkdir(parents=True)
shard = plan.shards[len(plan.shards) // 2]
ShardRenderer(plan).make(layout, shard, plan.indices(shard))
tell(shards=len(plan.shards), rows=plan.resolved.size)
"""
MAKE = """\
made = ShardRenderer.make
def make(self, layout, shard, indices):
    receipt = made(self, layout, shard, indices)
    path = layout.shard(shard.name)
    os.truncate(path, 0)
    os.truncate(path, receipt.entry.bytes)
    return receipt
ShardRenderer.make = make
def finish(*_):
    raise KeyboardInterrupt
target.finish = finish
try:
    syngen.generate("nothing.yaml", "data", jobs=1)
except KeyboardInterrupt:
    pass
tell()
"""
SCAN = """\
plan = Plan(syngen.load_recipe("nothing.yaml"), 2_000, "wav")
layout = Layout(Path("data"))
assert all(read_receipt(layout, shard) is not None for shard in plan.shards)
tell()
"""
FINISH = """\
report = syngen.generate("nothing.yaml", "data", jobs=1)
assert report.rendered == 0
tell()
"""
OPEN = """\
ds = syngen.load("data")
tell(rows=len(ds))
"""
STEPS = {
    "plan, and the indices of a shard": PLAN,
    "render nothing, write shards, parts and receipts": MAKE,
    "resume: receipts of all shards": SCAN,
    "put the dataset together": FINISH,
    "load": OPEN,
}
REAL = """\
report = syngen.generate(sys.argv[1], sys.argv[1], jobs=1, limit=int(sys.argv[2]), codec=sys.argv[3])
tell(rows=report.rows, bytes=report.bytes, audio_s=report.audio_s)
"""


def measured(code: str, *arguments: str, place: Path, env: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, *arguments],
        cwd=place,
        env=env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def write_recipe(place: Path, n: int) -> None:
    """Write a recipe of so many rows, a power of ten, with factors of up to a thousand levels."""
    exponent = len(str(n)) - 1
    sizes = [1000] * (exponent // 3) + ([10 ** (exponent % 3)] if exponent % 3 else [])
    factors = "".join(
        f"  {name}: {{range: {{start: 1, stop: {size + 1}}}}}\n"
        for name, size in zip("xyz", sizes, strict=False)
    )
    (place / "nothing.yaml").write_text(RECIPE + factors, "utf-8")


def growth(place: Path, env: dict[str, str], sizes: list[int]) -> None:
    table: dict[str, list[dict[str, float]]] = {name: [] for name in STEPS}
    for n in sizes:
        write_recipe(place, n)
        for name, code in STEPS.items():
            table[name].append(measured(code, place=place, env=env))
        subprocess.run(["rm", "-r", str(place / "data")], check=True)
    header = " | ".join(f"{n:,} rows: CPU s, MB" for n in sizes)
    print(f"| | {header} | us a row, each ten times |\n|---|{'---|' * (len(sizes) + 1)}")
    for name, steps in table.items():
        cells = " | ".join(f"{step['cpu_s']:.2f}, {step['peak_mb']:,.0f}" for step in steps)
        slopes = ", ".join(
            f"{(b['cpu_s'] - a['cpu_s']) / (m - n) * 1e6:.2f}"
            for a, b, n, m in zip(steps, steps[1:], sizes, sizes[1:], strict=False)
        )
        print(f"| {name} | {cells} | {slopes} |")


def huge(place: Path, env: dict[str, str], n: int) -> None:
    write_recipe(place, n)
    found = measured(ONE_SHARD, place=place, env=env)
    print(
        f"\nA plan of {found['rows']:,.0f} rows in {found['shards']:,.0f} shards, and one shard of it: "
        f"{found['wall_s']:.1f} s, {found['peak_mb']:,.0f} MB (10 s, 500 MB wanted)"
    )


def million_hours(place: Path, env: dict[str, str], limit: int) -> None:
    print("\n| a million hours of | observations | CPU hours | bytes | shards of 2,000 |")
    print("|---|---|---|---|---|")
    for recipe, codec in (
        ("syntone-small", "wav"),
        ("syntone-small", "flac"),
        ("syntone-large", "flac"),
        ("synspeech-large", "flac"),
    ):
        one, two = (measured(REAL, recipe, str(n), codec, place=place, env=env) for n in (limit, 3 * limit))
        rows, cpu_s = two["rows"] - one["rows"], two["cpu_s"] - one["cpu_s"]
        n = rows * 3.6e9 / (two["audio_s"] - one["audio_s"])
        n_bytes = n * (two["bytes"] - one["bytes"]) / rows
        print(
            f"| {recipe}, {codec.upper()} | {n:.2g} | {n * cpu_s / rows / 3600:,.0f} | "
            f"{n_bytes / 1e12:.0f} TB | {n / 2000:,.0f} |",
            flush=True,
        )
        subprocess.run(["rm", "-r", str(place / recipe)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows")
    options = parser.parse_args()
    sizes = [10**3, 10**4, 10**5] if options.quick else [10**5, 10**6, 10**7]
    factors = ", ".join(f'FactorSpec("{name}", units={{"": (0, 1e7)}}, default=1.0)' for name in "xyz")
    nothing = NOTHING.replace('FactorSpec("rate", units={"Hz": (1.0, 1e7)}),', factors)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        env = installed(place, "nothing", nothing, "syngen.synthesizers", "nothing = nothing:Nothing")
        print(f"{platform.machine()}, Python {platform.python_version()}\n")
        growth(place, env, sizes)
        huge(place, env, 10**9)
        million_hours(place, env, 400 if options.quick else 2_000)


if __name__ == "__main__":
    main()
