"""Speed and memory of generation and reading: ``python -m tests.benchmarks.generation [--quick]``.

Machines are shared and noisy, so what is compared runs interleaved in one process, CPU time is counted, and
the best of several rounds is taken. The *limit program* is the bare loop that nobody can do without: it
writes the same bytes from unit waves that are in memory already.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy import signal

import syngen
from syngen.dsp.oscillators import count_partials, phase_increment, phase_ramp
from syngen.generation.plan import Plan
from syngen.generation.shard_renderer import ShardRenderer
from syngen.resolving.resolve import ResolvedRecipe
from syngen.storage.codec import find_codec
from syngen.storage.shards import header_of, padding_of
from syngen.synth.tone.timbres import timbres
from syngen.synth.tone.waves import period_table
from syngen.units import decibels_to_gain

ROUNDS = 7


class Sink(io.RawIOBase):
    """A file that forgets what is written to it."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


def cpu_seconds(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def interleaved(actions: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Best CPU time of each action, one after the other in every round."""
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(rounds):
        for name, action in actions.items():
            best[name] = min(best[name], cpu_seconds(action))
    return best


def unit_waves(resolved: ResolvedRecipe) -> dict[tuple[str, float], np.ndarray]:
    waves = {}
    for name in resolved.grid["timbre"].values:
        for frequency in resolved.grid["frequency"].values:
            table, rms = period_table(timbres()[name], count_partials(frequency, 8000.0))
            ramp = phase_ramp(phase_increment(frequency, Fraction(1, 16000)), 0, 16000)
            waves[name, frequency] = table(ramp) * (1.0 / rms)
    return waves


def limit_program(
    resolved: ResolvedRecipe,
    indices: np.ndarray,
    waves: dict[tuple[str, float], np.ndarray],
    codec: str,
    *,
    hash_shard: bool,
) -> Callable[[], None]:
    """Return the bare loop over some observations: quantise, encode, hash, measure, write."""
    grid, encode = resolved.grid, find_codec(codec).encode
    points = [(i, grid.values_of(i), grid.levels_of([i])[0].tolist()) for i in indices.tolist()]
    rows = [
        (
            waves[values["timbre"], values["frequency"]],
            decibels_to_gain(values["amplitude"]) * 32768.0,
            json.dumps(
                {
                    "index": index,
                    "split": "train",
                    "values": values,
                    "levels": dict(zip(grid.names, levels, strict=True)),
                },
                separators=(",", ":"),
            ).encode(),
        )
        for index, values, levels in points
    ]

    def loop() -> None:
        sink, digest = Sink(), hashlib.sha256()
        for row, (wave, gain, text) in enumerate(rows):
            y = wave * gain
            np.rint(y, out=y)
            pcm = y.astype(np.int16)
            audio = encode(pcm, 16000)
            hashlib.sha256(pcm).digest()
            max(int(pcm.max()), -int(pcm.min()))
            np.dot(y[:8000], y[:8000]) + np.dot(y[8000:], y[8000:])  # longer ones start threads
            data = b"".join(
                (
                    header_of(f"{row:09d}.{codec}", len(audio)),
                    audio,
                    padding_of(len(audio)),
                    header_of(f"{row:09d}.json", len(text)),
                    text,
                    padding_of(len(text)),
                )
            )
            sink.write(data)
            if hash_shard:
                digest.update(data)

    return loop


def against_the_limit(codec: str) -> list[tuple[str, str, str]]:
    resolved = syngen.load_recipe("syntone-small")
    plan = Plan(resolved, codec=codec)
    shard = plan.shards[0]
    indices, worker = plan.indices(shard), ShardRenderer(plan)
    waves = unit_waves(resolved)
    worker.write_sample(Sink(), shard, indices)  # the waves of this shard are now kept
    best = interleaved(
        {
            "syngen": lambda: worker.write_sample(Sink(), shard, indices),
            "limit": limit_program(resolved, indices, waves, codec, hash_shard=True),
            "without shard hash": limit_program(resolved, indices, waves, codec, hash_shard=False),
        }
    )
    rates = {name: len(indices) / seconds for name, seconds in best.items()}
    target = ".8" if codec == "wav" else ".93"
    return [
        (
            f"syntone-small to {codec.upper()}, of the limit program{what}",
            f"{rates['syngen'] / rates[name]:.2f} ({rates['syngen']:,.0f}/s of {rates[name]:,.0f}/s)",
            target,
        )
        for name, what in (("limit", ""), ("without shard hash", " without the hash of the shard"))
    ]


def oscillator() -> list[tuple[str, str, str]]:
    from syngen.synth.tone import waves as tone_waves

    frequencies = syngen.load_recipe("syntone-small").grid["frequency"].values
    names = ("sine", "triangle", "square", "sawtooth")

    def all_waves() -> None:
        for name in names:
            for frequency in frequencies:
                table, rms = period_table(timbres()[name], count_partials(frequency, 8000.0))
                wave = table(phase_ramp(phase_increment(frequency, Fraction(1, 16000)), 0, 16000))
                np.multiply(wave, 1.0 / rms, out=wave)

    def cold() -> None:
        tone_waves._TABLES.clear()
        all_waves()

    best = interleaved({"cold": cold, "warm": all_waves})
    n = len(names) * len(frequencies)
    return [
        ("unit waves per CPU-second, tables built", f"{n / best['warm']:,.0f}", "12,000"),
        ("unit waves per CPU-second, cold", f"{n / best['cold']:,.0f}", "8,000"),
    ]


def against_nested_loops() -> list[tuple[str, str, str]]:
    """Compare with the nested loops over the grid that a user would write, on a tenth of it."""
    document = syngen.load_recipe("syntone-small").recipe.document()
    document["factors"]["frequency"]["geomspace"]["num"] = 40
    document["sampling"]["size"] = 3_200
    resolved = syngen.load_recipe(document)
    time_s = np.arange(16_000) / 16_000
    frequencies = resolved.grid["frequency"].values

    def loops() -> None:
        waveforms, factors = np.zeros((3_200, 16_000)), []
        row = 0
        for timbre in resolved.grid["timbre"].values:
            for amplitude in resolved.grid["amplitude"].values:
                for frequency in frequencies:
                    angle = 2 * np.pi * frequency * time_s
                    wave = {
                        "sine": np.sin,
                        "triangle": lambda x: signal.sawtooth(x, 0.5),
                        "square": signal.square,
                        "sawtooth": signal.sawtooth,
                    }[timbre](angle)
                    waveforms[row] = 10 ** (amplitude / 20) * wave
                    factors.append((timbre, amplitude, frequency))
                    row += 1
        with tempfile.TemporaryDirectory() as folder:
            np.savez_compressed(Path(folder) / "x.npz", x=waveforms, y=np.array(factors, dtype="U32"))

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        syngen.generate("syntone-tiny", Path(folder) / "warm", jobs=1)  # what is imported is not counted
        data = bytes(32_000)
        with open(Path(folder) / "bare", "wb") as file:
            bare = cpu_seconds(lambda: [file.write(data) for _ in range(3_200)])
        rows.append(("bare writing of as many bytes as WAV, CPU", f"{bare:.2f} s", "-"))
    theirs = cpu_seconds(loops)
    for codec, target in (("wav", "40"), ("flac", "12")):
        with tempfile.TemporaryDirectory() as folder:
            ours = cpu_seconds(
                lambda folder=folder, codec=codec: syngen.generate(
                    resolved, Path(folder) / "data", jobs=1, codec=codec
                )
            )
        rows.append(
            (
                f"nested loops and savez_compressed over generate to {codec.upper()}, CPU",
                f"{theirs / ours:.0f} x ({theirs:.1f} s, {ours:.2f} s)",
                f"{target} x",
            )
        )
    return rows


def whole_chain(name: str, target: str) -> tuple[str, str, str]:
    plan = Plan(syngen.load_recipe(name))
    shard, worker = plan.shards[0], ShardRenderer(plan)
    indices = plan.indices(shard)
    worker.write_sample(Sink(), shard, indices[:200])
    best = interleaved({name: lambda: worker.write_sample(Sink(), shard, indices)}, rounds=3)
    return f"{name} to WAV per CPU-second", f"{len(indices) / best[name]:,.0f}", target


def reading(folder: Path) -> list[tuple[str, str, str]]:
    ds, live = syngen.load(folder), syngen.render("syntone-small")
    rng = np.random.default_rng(0)
    positions = rng.integers(0, 8_000, 4_000)
    batches = positions.reshape(-1, 50)
    live.batch(np.arange(8_000))

    def in_batches(dataset: syngen.FactorDataset) -> None:
        for batch in batches:
            dataset.batch(batch)

    def one_by_one() -> None:
        for position in positions.tolist():
            ds[position]

    best = interleaved(
        {
            "batch": lambda: in_batches(ds),
            "item": one_by_one,
            "render": lambda: in_batches(live),
        }
    )
    return [
        ("ds.batch from WAV, per CPU-second", f"{4_000 / best['batch']:,.0f}", "100,000"),
        ("ds[i] from WAV, per CPU-second", f"{4_000 / best['item']:,.0f}", "30,000"),
        ("render in batches, unit waves kept", f"{4_000 / best['render']:,.0f}", "60,000"),
    ]


def two_jobs(folder: Path) -> tuple[str, str, str]:
    walls = {1: float("inf"), 2: float("inf")}
    for round_ in range(2):
        for jobs in (1, 2):
            report = syngen.generate("syntone-small", folder / f"{round_}-{jobs}", jobs=jobs, codec="flac")
            walls[jobs] = min(walls[jobs], report.wall_s)
    return (
        "two jobs over one, 32,000 FLAC, wall time",
        f"{walls[1] / walls[2]:.2f} ({walls[1]:.1f} s, {walls[2]:.1f} s)",
        "1.85",
    )


# not ru_maxrss, which a child takes over from the process that started it
_CHILD = """
import re, time, syngen
started = time.process_time()
{code}
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)
print(int(peak) / 1024, time.process_time() - started)
"""


def memory(code: str) -> tuple[float, float]:
    """Return peak memory in MB and CPU seconds of some code in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD.format(code=code)], capture_output=True, text=True, check=True
    )
    peak, seconds = done.stdout.split()[-2:]
    return float(peak), float(seconds)


TEN_MILLION = """
recipe = {"name": "ten-million", "synthesizer": "tone", "seed": 1, "audio": {"duration": 0.01},
          "factors": {"amplitude": {"linspace": {"start": 0.1, "stop": 0.9, "num": 500}},
                      "frequency": {"linspace": {"start": 100.0, "stop": 900.0, "num": 40000}}},
          "sampling": {"size": 10_000_000},
          "splits": {"default": {"random": {"train": 0.8, "validation": 0.1, "test": 0.1}}}}
"""


def memories(folder: Path) -> list[tuple[str, str, str]]:
    out = repr(str(folder / "memory"))
    generate, _ = memory(f"syngen.generate('syntone-small', {out}, jobs=1, limit=16_000)")
    dry, dry_s = memory(TEN_MILLION + "syngen.estimate(recipe)")
    table = repr(str(folder / "ten-million.parquet"))
    expand, expand_s = memory(TEN_MILLION + f"syngen.expand(recipe, {table})")
    return [
        ("memory of generation, MB", f"{generate:.0f}", "450"),
        ("memory of --dry-run of 10^7 rows, MB", f"{dry:.0f} in {dry_s:.0f} CPU-s", "300, 60 s"),
        ("memory of recipe expand of 10^7 rows, MB", f"{expand:.0f} in {expand_s:.0f} CPU-s", "300, 60 s"),
    ]


def start_up() -> tuple[str, str, str]:
    def wall(*words: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        return time.perf_counter() - started

    pairs = [(wall("-m", "syngen", "--help"), wall("-c", "import click")) for _ in range(10)]
    ours, click = (min(column) for column in zip(*pairs, strict=True))
    return (
        "syngen --help over import click",
        f"{ours / click:.1f} ({ours * 1000:.0f} ms, {click * 1000:.0f} ms)",
        "3",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    quick = parser.parse_args().quick
    rows = [*oscillator(), *against_the_limit("wav"), *against_the_limit("flac")]
    rows += [whole_chain("syntone-medium", "3,500"), whole_chain("syntone-large", "1,500")]
    rows.append(start_up())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not quick:
            rows += against_nested_loops()
            rows += memories(folder)
            rows.append(two_jobs(folder / "jobs"))
        syngen.generate("syntone-small", folder / "small", limit=8_000)
        rows += reading(folder / "small")
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"numpy {np.__version__}")
    print("\n| | measured | wanted |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
