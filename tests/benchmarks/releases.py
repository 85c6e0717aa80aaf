"""Speed of ``release build`` against the bare FLAC encoder: ``python -m tests.benchmarks.releases``.

syntone-small is generated as WAV. Then the encoder alone (``soundfile.write`` into memory, of samples that
are there) and the build of the whole release take turns. Each round gives the ratio of their CPU times in
one process and of their wall times; the page with clips is timed apart and left out. The median of the
rounds is printed.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile

import syngen
from syngen.releases import documents
from syngen.releases.preview import preview

_AT_ONCE = 500
_LEVEL = 0.5  # that of releases


class Clock:
    """Adds up CPU and wall time."""

    def __init__(self) -> None:
        self.cpu_s = self.wall_s = 0.0

    def __enter__(self) -> Clock:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_s += time.process_time() - self._cpu
        self.wall_s += time.perf_counter() - self._wall


def encoder(ds: syngen.FactorDataset) -> Clock:
    """Encode every observation and keep nothing."""
    clock = Clock()
    for start in range(0, len(ds), _AT_ONCE):
        pcm = ds.pcm(np.arange(start, min(start + _AT_ONCE, len(ds))))
        with clock:
            for samples in pcm:
                soundfile.write(
                    io.BytesIO(), samples, ds.sample_rate, "PCM_16", format="FLAC", compression_level=_LEVEL
                )
    return clock


def build(data: Path, folder: Path) -> tuple[Clock, Clock]:
    """Build the release in this process; return the time without the page, and that of the page."""
    whole, page = Clock(), Clock()

    def timed(subject: Any) -> str:
        with page:
            return preview(subject)

    with mock.patch.object(documents, "preview", timed), whole:
        syngen.release(data, folder, version="1.0.0", jobs=1)
    whole.cpu_s -= page.cpu_s
    whole.wall_s -= page.wall_s
    return whole, page


def main() -> None:
    """Print a line for each round, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=32_000)
    parser.add_argument("--folder", help="where to work; by default a temporary folder")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        place = Path(name)
        syngen.generate("syntone-small", place / "data", limit=options.limit, jobs=1)
        ds = syngen.load(place / "data")
        cpu, wall = [], []
        for number in range(options.rounds):
            bare = encoder(ds)
            made, page = build(place / "data", place / f"release-{number}")
            cpu.append(bare.cpu_s / made.cpu_s)
            wall.append(bare.wall_s / made.wall_s)
            print(
                f"encoder {len(ds) / bare.cpu_s:,.0f}/s, build {len(ds) / made.cpu_s:,.0f}/s of CPU: "
                f"{cpu[-1]:.3f}; wall {bare.wall_s:.1f} and {made.wall_s:.1f} s: {wall[-1]:.3f}; "
                f"page {page.wall_s:.2f} s"
            )
        print(f"median: {statistics.median(cpu):.3f} of CPU, {statistics.median(wall):.3f} of wall time")


if __name__ == "__main__":
    main()
