"""Time and memory of ``syngen info --statistics``: ``python -m tests.benchmarks.statistics [ROWS ...]``.

Manifests of syntone-large with so many rows are made without audio, of random grid points. Every line is a
process of its own: the first after the manifest changed, which makes the loader's sidecar, and the second.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

import syngen
from syngen.resolving.vocabulary import vocabulary_for
from syngen.storage.description import read_description
from syngen.storage.layout import ROWS_PER_TABLE, Layout, series_names, shard_name
from syngen.storage.tables.arrays import arrow_array
from syngen.storage.tables.manifest import Vocabulary, factor_columns, type_of, write_table

RECIPE = "syntone-large"
ROWS_PER_SHARD = 50_000
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def main(sizes: list[int]) -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print("| rows | run | s | CPU s | MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for n_rows in sizes:
            folder = Path(place) / str(n_rows)
            make(folder, n_rows)
            for run in ("first", "second"):
                done = subprocess.run(
                    [sys.executable, "-m", "tests.benchmarks.statistics", "--folder", str(folder)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                wall, cpu, peak = json.loads(done.stdout)
                print(f"| {n_rows:,} | {run} | {wall:.1f} | {cpu:.1f} | {peak:.0f} |", flush=True)


def measure(folder: Path) -> None:
    """Print seconds, CPU seconds and the highest memory in MB of counting a dataset."""
    started = time.perf_counter()
    syngen.statistics(folder).to_json()
    status = Path("/proc/self/status").read_text("utf-8")
    peak = int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) / 1000  # ru_maxrss would be the parent's
    print(json.dumps([time.perf_counter() - started, time.process_time(), peak]))


def make(folder: Path, n_rows: int) -> None:
    """Write the manifest and the description of a dataset that has no audio."""
    resolved = syngen.load_recipe(RECIPE)
    syngen.generate(resolved.with_size(200), folder, jobs=1)
    layout, vocabulary = Layout(folder), vocabulary_for(resolved)
    rng = np.random.default_rng(0)
    counts = {name: round(n_rows * share) for name, share in SHARES.items()}
    shards = [
        replace(entry, name=shard_name(name, number), split=name, rows=min(ROWS_PER_SHARD, count - start))
        for entry in read_description(layout.description).shards[:1]
        for name, count in counts.items()
        for number, start in enumerate(range(0, count, ROWS_PER_SHARD))
    ]
    names = series_names("manifest", n_rows)
    codes = np.repeat(np.arange(3), list(counts.values()))
    of_shard = np.repeat(np.arange(len(shards)), [shard.rows for shard in shards])
    for number, name in enumerate(names):
        rows = slice(number * ROWS_PER_TABLE, (number + 1) * ROWS_PER_TABLE)
        table = manifest_part(vocabulary, codes[rows], of_shard[rows], [s.name for s in shards], rng)
        write_table(folder / f"{name}.parquet", table, vocabulary.dataset_schema())
    description = replace(
        read_description(layout.description),
        counts=counts,
        shards=tuple(shards),
        tables=tuple(names[1:]),
    )
    layout.description.write_bytes(description.to_bytes())


def manifest_part(
    vocabulary: Vocabulary,
    codes: np.ndarray,
    of_shard: np.ndarray,
    shards: list[str],
    rng: np.random.Generator,
) -> pa.Table:
    """Return rows of a manifest at random grid points."""
    n, grid = len(codes), vocabulary.grid
    indices = rng.integers(grid.size, size=n)
    splits = {"default": codes} | {
        scheme: rng.integers(len(names), size=n)
        for scheme, names in vocabulary.schemes.items()
        if scheme != "default"
    }
    columns = factor_columns(vocabulary, indices, grid.levels_of(indices), splits, with_values=True)
    for name, _, _ in vocabulary.nuisances:
        columns[name] = arrow_array(rng.random(n), pa.float64())
    for name, _, values in vocabulary.derived:
        columns[name] = arrow_array([values[0]] * n, type_of(values))
    columns["shard"] = pa.array(shards).take(pa.array(of_shard))
    columns["offset"] = arrow_array(np.arange(n) * 512, pa.int64())
    columns["size"] = arrow_array(np.full(n, 32_044), pa.int64())
    columns["n_samples"] = arrow_array(np.full(n, 16_000), pa.int32())
    hashes = pa.py_buffer(rng.bytes(32 * n))
    columns["pcm_sha256"] = pa.Array.from_buffers(pa.binary(32), n, [None, hashes])
    columns["peak"] = arrow_array(rng.random(n), pa.float32())
    columns["rms_db"] = arrow_array(rng.normal(-20.0, 3.0, size=n), pa.float32())
    return pa.table(columns)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.folder:
        measure(options.folder)
    else:
        main(options.rows)
