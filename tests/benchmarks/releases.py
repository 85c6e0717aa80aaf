"""Speed of ``release build`` against the bare FLAC encoder: ``python -m tests.benchmarks.releases``.

syntone-small is generated as WAV. Its release is built in one process, and after each shard the encoder
alone (``soundfile.write`` into memory, of samples that are there) encodes the same rows while the build
waits, so that both meet the same machine; then what it made is written to a file. The ratios of CPU and of
wall time, without and with that file, are those of the whole build: reading, hashing, tables and documents
are the build's. The page with clips is timed apart and left out.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import shutil
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


def encoded(samples: Any, rate: int) -> bytes:
    """Encode as the library documents it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, "PCM_16", format="FLAC", compression_level=_LEVEL)
    return buffer.getvalue()


class Race:
    """A build that waits after each shard until the encoder has done the same rows."""

    def __init__(self, data: Path) -> None:
        self.ds = syngen.load(data)
        self.whole, self.apart, self.encoder, self.written, self.page = (Clock() for _ in range(5))
        self._file = data.with_name("bare.flac")
        self._done = 0

    def run(self, folder: Path) -> tuple[float, ...]:
        """Build and encode; return the ratios of CPU and of wall time, without and with the file."""
        with mock.patch.object(documents, "preview", self._timed_preview), self.whole:
            syngen.release(
                self.ds, folder, version="1.0.0", jobs=1, progress=lambda update: self._encode(update.done)
            )
        cpu_s = self.whole.cpu_s - self.apart.cpu_s
        wall_s = self.whole.wall_s - self.apart.wall_s
        bare = (self.encoder.cpu_s / cpu_s, self.encoder.wall_s / wall_s)
        kept = (self.written.cpu_s / cpu_s, self.written.wall_s / wall_s)
        return *bare, bare[0] + kept[0], bare[1] + kept[1]

    def _encode(self, done: int) -> None:
        with self.apart:
            pcm = [samples.copy() for samples in self.ds.pcm(np.arange(self._done, done))]
            with self.encoder:
                made = [encoded(samples, self.ds.sample_rate) for samples in pcm]
            with self.written, open(self._file, "ab") as file:
                file.writelines(made)
                file.flush()
                os.fsync(file.fileno())
        self._done = done

    def _timed_preview(self, subject: Any) -> str:
        with self.apart, self.page:
            return preview(subject)


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
        ratios = []
        for _ in range(options.rounds):
            (place / "bare.flac").unlink(missing_ok=True)
            race = Race(place / "data")
            ratios.append(race.run(place / "release"))
            shutil.rmtree(place / "release")
            cpu, wall, cpu_kept, wall_kept = ratios[-1]
            n, cpu_s = len(race.ds), race.whole.cpu_s - race.apart.cpu_s
            print(
                f"encoder {n / race.encoder.cpu_s:,.0f}/s, build {n / cpu_s:,.0f}/s of CPU: {cpu:.3f}, "
                f"with a file {cpu_kept:.3f}; of wall time {wall:.3f} and {wall_kept:.3f}; "
                f"page {race.page.wall_s:.2f} s"
            )
        cpu, wall, *kept = (statistics.median(column) for column in zip(*ratios, strict=True))
        print(f"median: {cpu:.3f} of CPU, {kept[0]:.3f} with a file; of wall {wall:.3f}, {kept[1]:.3f}")


if __name__ == "__main__":
    main()
