"""What joining codes with observations costs: ``python -m tests.benchmarks.joins [--rows 10000000]``.

Seconds, and the most memory that NumPy held beside what was given. Reading the hashes of a manifest is
measured on a Parquet file of that column, hashing files on files of 32 kB that were just written.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from syngen.evaluation.codes.matching import match
from syngen.identities import Identities
from syngen.loaders.sources.file_hashes import content_hashes
from syngen.loaders.sources.stored import hash_array
from syngen.storage.tables.manifest import read_series

N_FILES, FILE_BYTES = 2_000, 32_044


def show(name: str, run: Callable[[], Any]) -> Any:
    """Print what a call costs, and return what it returns."""
    tracemalloc.start()
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"| {name} | {cpu:.2f} s | {wall:.2f} s | {peak / 1e6:,.0f} MB |")
    return result


def matching(n_rows: int, rng: np.random.Generator) -> Identities:
    """Match codes with observations in several orders; return the identities."""
    hashes = rng.integers(0, 256, size=(n_rows, 32), dtype=np.uint8)
    codes = Identities("grid", rng.permutation(3 * n_rows)[:n_rows], "f", hashes)
    values, order = np.zeros((n_rows, 1)), rng.permutation(n_rows)
    copy = Identities("grid", codes.keys.copy(), "f", hashes.copy())
    shuffled, half = codes.take(order), codes.take(order[: n_rows // 2])
    rendered = Identities("grid", shuffled.keys, "f")
    for name, wanted in (
        ("the same order", copy),
        ("another order", shuffled),
        ("another order, no hashes", rendered),
        ("half of them, in another order", half),
    ):
        found = show(name, lambda wanted=wanted: match(codes, values, wanted))
        assert not found.n_missing
    return codes


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    n_rows = parser.parse_args().rows
    rng = np.random.default_rng(0)
    print(f"{n_rows:,} rows\n\n| | CPU | wall | most memory |\n|---|---|---|---|")
    codes = matching(n_rows, rng)
    assert codes.hashes is not None
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "manifest.parquet"
        column = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(32), n_rows, [None, pa.py_buffer(codes.hashes)]
        )
        pq.write_table(pa.table({"pcm_sha256": column}), path, use_dictionary=False)
        show(
            "hashes of a manifest",
            lambda: hash_array(read_series([path], columns=["pcm_sha256"]).column("pcm_sha256")),
        )
        names = [f"{k}.wav" for k in range(N_FILES)]
        for name in names:
            (Path(place) / name).write_bytes(rng.bytes(FILE_BYTES))
        show(f"content of {N_FILES:,} files", lambda: content_hashes(Path(place), names))


if __name__ == "__main__":
    main()
