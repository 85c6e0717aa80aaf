"""Downloads: cut, timed, and of a hundredth: ``python -m tests.benchmarks.downloads``.

A release is served over loopback by HTTP.

* A server that cuts every connection at a random byte, in its headers too, half of them with a reset: how
  many of the downloads come whole, and how many bytes come twice.
* ``syngen.download``, which verifies, fsyncs and puts in place, against ``curl`` of the same files in one
  process and ``sha256sum --check`` after it; the server is a process of its own, and runs take turns.
* A hundredth of the observations, scattered over the shards by the values of a factor, and by ``--limit``:
  the bytes that the server sent, headers and documents included.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import syngen
from syngen.downloads import download
from tests.servers import Handler, serve
from tests.support import digests_of, files_of

_MOST_BETWEEN_CUTS = 1 << 20


def cutting(folder: Path, rng: random.Random) -> object:
    """Return a behaviour that ends every connection after a random number of bytes."""
    handlers: dict[Handler, int] = {}  # one for each connection: how many bytes are left

    def behaviour(handler: Handler, name: str) -> bool:
        size = (folder / name).stat().st_size
        start, stop = handler.span(size)
        is_part = handler.headers.get("Range") is not None
        head = f"HTTP/1.1 {206 if is_part else 200} \r\nContent-Length: {stop - start}\r\n"
        if is_part:
            head += f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n"
        left = handlers.setdefault(handler, rng.randrange(_MOST_BETWEEN_CUTS))
        with open(folder / name, "rb") as file:
            file.seek(start)
            answer = f"{head}\r\n".encode() + file.read(min(stop - start, left))
        n_all = len(head) + 2 + stop - start
        handlers[handler] -= n_all
        with contextlib.suppress(OSError):
            handler.connection.sendall(answer[:left])
            if n_all <= left:
                return True
            if rng.random() < 0.5:  # a reset instead of an orderly end
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                handler.connection.close()
        handler.cut()
        return True

    return behaviour


def whole_downloads(release: Path, work: Path, runs: int) -> None:
    """Print how many downloads from a cutting server come whole."""
    wanted, n_bytes = digests_of(release), sum(map(len, files_of(release).values()))
    download.TransferLimits = partial(download.TransferLimits, first_pause_s=0.01)  # type: ignore[misc,assignment]
    whole, twice, requests = 0, [], []
    for run in range(runs):
        with serve(release, cutting(release, random.Random(run))) as server:  # type: ignore[arg-type]
            try:
                report = syngen.download(server.url, to=work / "it")
            except syngen.DownloadError as error:
                print(f"run {run}: {error}")
                continue
        whole += digests_of(work / "it") == wanted
        twice.append(report.bytes_received / n_bytes - 1)
        requests.append(len(server.requests))
        shutil.rmtree(work / "it")
    print(f"\n| every connection cut, {n_bytes / 1e6:.0f} MB | |\n|---|---|")
    print(f"| whole | {whole} of {runs} |")
    print(f"| connections of a download, median | {statistics.median(requests):.0f} |")
    print(f"| bytes that came twice, worst and mean | {max(twice):.2%}, {statistics.mean(twice):.2%} |")


@contextlib.contextmanager
def server_process(folder: Path) -> Iterator[str]:
    """Serve a folder from a process of its own."""
    program = (
        "import sys, time; from pathlib import Path; from tests.servers import serve\n"
        "with serve(Path(sys.argv[1])) as server:\n print(server.url, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()


def by_curl(url: str, release: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds that curl and sha256sum take."""
    names = sorted(files_of(release))
    (folder / "audio").mkdir(parents=True)
    arguments = [word for name in names for word in ("-o", str(folder / name), f"{url}{name}")]
    started = time.perf_counter()
    subprocess.run(["curl", "-sS", "--fail", *arguments], check=True)
    fetched = time.perf_counter()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    return fetched - started, time.perf_counter() - fetched


def speed(release: Path, work: Path, runs: int) -> None:
    """Print the speed of a download against curl and sha256sum."""
    n_bytes = sum(map(len, files_of(release).values()))
    ours, theirs, parts = [], [], []
    with server_process(release) as url:
        for _ in range(runs):
            os.sync()
            curl, hashing = by_curl(url, release, work / "curl")
            theirs.append(curl + hashing)
            parts.append((curl, hashing))
            shutil.rmtree(work / "curl")
            os.sync()
            started = time.perf_counter()
            syngen.download(url, to=work / "it")
            ours.append(time.perf_counter() - started)
            shutil.rmtree(work / "it")
    curl, hashing = (statistics.median(column) for column in zip(*parts, strict=True))
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f"\n| {n_bytes / 1e6:.0f} MB, medians of {runs} | seconds | MB/s |\n|---|---|---|")
    print(f"| curl | {curl:.2f} | {n_bytes / curl / 1e6:,.0f} |")
    print(f"| sha256sum | {hashing:.2f} | {n_bytes / hashing / 1e6:,.0f} |")
    print(f"| both | {other:.2f} | {n_bytes / other / 1e6:,.0f} |")
    print(f"| syngen | {mine:.2f} | {n_bytes / mine / 1e6:,.0f} |")
    print(f"| syngen against both, speed | {other / mine:.2f} | at least .70 is needed |")


def hundredth(release: Path, work: Path) -> None:
    """Print what a hundredth of the observations moves."""
    n_bytes = sum(map(len, files_of(release).values()))
    n = len(syngen.load(release))
    frequencies = syngen.load(release).grid["frequency"].values
    scattered = list(frequencies[:: len(frequencies) // 4][:4])
    print(
        f"\n| of {n:,} observations, {n_bytes / 1e6:.0f} MB | observations | requests | moved |\n"
        "|---|---|---|---|"
    )
    for title, selection in (
        ("4 of 400 frequencies", {"where": {"frequency": scattered}}),
        ("--limit", {"limit": n // 100}),
    ):
        with serve(release) as server:
            report = syngen.download(server.url, to=work / "it", **selection)  # type: ignore[arg-type]
            moved = server.n_sent + server.n_header_bytes
        assert syngen.verify(work / "it") == []
        shutil.rmtree(work / "it")
        share, wanted = moved / n_bytes, report.observations / n
        print(
            f"| {title} | {report.observations:,} ({wanted:.2%}) | {len(server.requests)} | "
            f"{moved / 1e6:.2f} MB ({share:.2%}, {share / wanted:.2f} hundredths for one) |"
        )


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="syntone-small")
    parser.add_argument("--observations", type=int, default=8_000)
    parser.add_argument("--runs", type=int, default=50, help="downloads from the cutting server")
    parser.add_argument("--timed-runs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        work = Path(folder)
        os.environ["SYNGEN_CACHE"] = str(work / "cache")
        release = work / "release"
        syngen.generate(options.recipe, release, codec="flac", limit=options.observations)
        speed(release, work, options.timed_runs)
        hundredth(release, work)
        if options.runs:
            whole_downloads(release, work, options.runs)


if __name__ == "__main__":
    main()
