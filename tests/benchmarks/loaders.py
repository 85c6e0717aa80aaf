"""Speed of the loaders and of their peers: ``python -m tests.benchmarks.loaders``.

8,000 observations of one second at 16 kHz, float32, in random order where the format allows it. Contenders
take turns, round after round, and CPU time is what counts; the best round of each is printed. Peers are
installed with ``pip install -r tests/benchmarks/requirements-loaders.txt``; a missing one is left out.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

import syngen
from syngen.factors import Factor, FactorGrid
from syngen.storage import codec
from syngen.storage.tables.manifest import ManifestWriter, Vocabulary, factor_columns

N, SECONDS, RATE, BATCH = 8_000, 1.0, 16_000, 64
_SCALE = np.float32(1.0 / 32768.0)
_HEADER = 44
Contender = Callable[[], int]


def batches_of(order: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield positions, a batch at a time."""
    for start in range(0, len(order), BATCH):
        yield order[start : start + BATCH]


def waveform_of(wav: bytes) -> np.ndarray[Any, Any]:
    """Decode a WAV file by hand."""
    return np.frombuffer(wav, dtype="<i2", offset=_HEADER).astype(np.float32) * _SCALE


def own(ds: syngen.FactorDataset, order: np.ndarray[Any, Any]) -> Contender:
    """Read batches with syngen."""
    return lambda: sum(len(ds.batch(part)) for part in batches_of(order))


def bare_rendering(order: np.ndarray[Any, Any]) -> Contender:
    """Do with cached unit waves what rendering cannot do without: scale, round, convert, check."""
    waves = np.random.default_rng(0).uniform(-1.0, 1.0, (100, RATE))
    y = np.empty(RATE)

    def run() -> int:
        n = 0
        for part in batches_of(order):
            batch = np.empty((len(part), RATE), dtype=np.float32)
            for row, number in zip(batch, part.tolist(), strict=True):
                np.rint(np.multiply(waves[number % 100], 16384.0, out=y), out=y)
                np.copyto(row, y, casting="same_kind")
                np.minimum.reduce(row), np.maximum.reduce(row)
                np.multiply(row, _SCALE, out=row)
            n += len(batch)
        return n

    return run


def from_array(array: Any, order: np.ndarray[Any, Any]) -> Contender:
    """Read batches of an int16 array that is mapped."""
    return lambda: sum(len(array[part].astype(np.float32) * _SCALE) for part in batches_of(order))


def from_hdf5(path: Path, order: np.ndarray[Any, Any]) -> Contender:
    """Read batches of an HDF5 data set, which wants its rows in order."""
    h5py = importlib.import_module("h5py")
    array = h5py.File(path)["pcm"]

    def run() -> int:
        n = 0
        for part in batches_of(order):
            ranks = np.argsort(part)
            batch = np.empty((len(part), RATE), dtype=np.float32)
            batch[ranks] = array[part[ranks]]
            batch *= _SCALE
            n += len(batch)
        return n

    return run


def from_webdataset(folder: Path) -> Contender:
    """Stream the tars with webdataset, decoding by hand."""
    webdataset = importlib.import_module("webdataset")
    urls = [str(path) for path in sorted(folder.glob("audio/*.tar"))]

    def run() -> int:
        n, batch = 0, []
        for sample in webdataset.WebDataset(urls, shardshuffle=False):
            batch.append(waveform_of(sample["wav"]))
            if len(batch) == BATCH:
                n += len(np.stack(batch))
                batch = []
        return n + len(batch)

    return run


def from_datasets(ds: syngen.FactorDataset, order: np.ndarray[Any, Any]) -> Contender:
    """Read rows with Hugging Face datasets, decoding by hand."""
    importlib.import_module("datasets")
    parts = ds.to_huggingface()
    table = importlib.import_module("datasets").concatenate_datasets(list(parts.values()))

    def run() -> int:
        n = 0
        for part in batches_of(order):
            batch = [waveform_of(table[int(i)]["audio"]["bytes"]) for i in part]
            n += len(np.stack(batch))
        return n

    return run


def from_files(folder: Path, order: np.ndarray[Any, Any]) -> Contender:
    """Read one WAV file an observation in a DataLoader."""
    torch = importlib.import_module("torch")
    data = importlib.import_module("torch.utils.data")
    paths = sorted(folder.glob("*/*.wav"))

    class Files(data.Dataset):  # type: ignore[misc,name-defined]
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, i: int) -> Any:
            return torch.from_numpy(waveform_of(paths[i].read_bytes()))

    return lambda: sum(
        len(batch) for batch in data.DataLoader(Files(), batch_size=BATCH, sampler=order.tolist())
    )


def absent() -> None:
    """Stand for a library that is not installed; a mock takes longer than a decoder's setup."""


def with_soundfile(run: Contender) -> Contender:
    """Let FLAC be decoded by soundfile alone."""

    def wrapped() -> int:
        with mock.patch.object(codec, "_miniaudio", absent):
            return run()

    return wrapped


def soundfile_itself(ds: syngen.FactorDataset, folder: Path, order: np.ndarray[Any, Any]) -> Contender:
    """Decode the same FLAC bytes, in memory already, with soundfile and nothing else."""
    import soundfile

    frame = ds.manifest
    shards = {name: (folder / "audio" / f"{name}.tar").read_bytes() for name in set(frame["shard"])}
    places = list(zip(frame["shard"], frame["offset"], frame["size"], strict=True))
    files = [shards[places[i][0]][places[i][1] : places[i][1] + places[i][2]] for i in order]

    def run() -> int:
        for data in files:
            soundfile.read(io.BytesIO(data), dtype="float32")
        return len(files)

    return run


def measured(contenders: dict[str, Contender], rounds: int) -> dict[str, float]:
    """Return observations per CPU-second of each, the best of several interleaved rounds."""
    best = dict.fromkeys(contenders, 0.0)
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.process_time()
            n = run()
            best[name] = max(best[name], n / (time.process_time() - started))
    return best


def prepared(folder: Path) -> dict[str, Contender]:
    """Make the data of every contender, and return those whose libraries are there."""
    syngen.generate("syntone-small", folder / "wav", limit=N, jobs=2)
    syngen.generate("syntone-small", folder / "flac", limit=N // 8, jobs=2, codec="flac")
    ds, flac = syngen.load(folder / "wav"), syngen.load(folder / "flac")
    rng = np.random.default_rng(0)
    order, few = rng.permutation(N), rng.permutation(N // 8)
    syngen.export(ds, folder / "files", to="wav")
    pcm = np.lib.format.open_memmap(folder / "pcm.npy", mode="w+", dtype=np.int16, shape=(N, RATE))
    for start in range(0, N, 500):
        pcm[start : start + 500] = ds.pcm(range(start, start + 500))
    pcm.flush()
    live = syngen.render("syntone-small")
    cached = live.select(frequency=list(live.grid["frequency"].values[:25]))
    own(cached, np.arange(len(cached)))()  # fills the cache of unit waves
    live_order = rng.permutation(len(cached))
    makers: dict[str, Callable[[], Contender]] = {
        "syngen, WAV shards": lambda: own(ds, order),
        "memmap of int16, in batches": lambda: from_array(
            np.load(folder / "pcm.npy", mmap_mode="r"), order
        ),
        "npz, mapped": lambda: from_array(_mapped_npz(ds, folder / "npz"), order),
        "h5py": lambda: from_hdf5(_hdf5(pcm, folder / "pcm.h5"), order),
        "webdataset, WAV by hand": lambda: from_webdataset(folder / "wav"),
        "datasets, WAV by hand": lambda: from_datasets(ds, order),
        "one WAV a file, DataLoader": lambda: from_files(folder / "files", order),
        "syngen, on the fly, 100 unit waves": lambda: own(cached, live_order),
        "a bare loop over 100 unit waves": lambda: bare_rendering(live_order),
        "syngen, FLAC (miniaudio)": lambda: own(flac, few),
        "syngen, FLAC (soundfile)": lambda: with_soundfile(own(flac, few)),
        "soundfile, the same FLAC in memory": lambda: soundfile_itself(flac, folder / "flac", few),
    }
    contenders = {}
    for name, make in makers.items():
        try:
            contenders[name] = make()
        except ImportError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
    return contenders


def _mapped_npz(ds: syngen.FactorDataset, folder: Path) -> Any:
    import zipfile

    syngen.export(ds, folder, to="npz")
    path = folder / "dataset.npz"
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("pcm.npy")
    with open(path, "rb") as file:
        file.seek(entry.header_offset + 26)
        lengths = np.frombuffer(file.read(4), dtype="<u2")
        file.seek(entry.header_offset + 30 + int(lengths.sum()))
        np.lib.format.read_magic(file)
        shape, _, kind = np.lib.format.read_array_header_2_0(file)
        return np.memmap(path, dtype=kind, mode="r", offset=file.tell(), shape=shape)


def _hdf5(pcm: np.ndarray[Any, Any], path: Path) -> Path:
    h5py = importlib.import_module("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("pcm", data=pcm, chunks=(1, RATE))
    return path


def wall_of_workers(folder: Path, rounds: int) -> dict[str, float]:
    """Return observations per second of wall time of a DataLoader with one and with two workers."""
    data = importlib.import_module("torch.utils.data")
    cases = {
        "WAV": (syngen.load(folder / "wav").to_torch(), 4),
        "FLAC (soundfile)": (syngen.load(folder / "flac").to_torch(), 8),
        "WAV, LogMel": (syngen.load(folder / "wav").to_torch(transform=syngen.LogMel(n_mels=64)), 1),
    }
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, (dataset, epochs) in cases.items():
            for n_workers in (1, 2):
                loader = data.DataLoader(
                    dataset, batch_size=BATCH, shuffle=True, num_workers=n_workers, persistent_workers=True
                )
                for _ in loader:
                    break  # workers have started
                started = time.perf_counter()
                n = sum(len(batch["row"]) for _ in range(epochs) for batch in loader)
                key = f"{name}, {n_workers} worker{'s' * (n_workers > 1)}"
                best[key] = max(best.get(key, 0.0), n / (time.perf_counter() - started))
    return best


OPENING = """\
import json, sys, time
import numpy, pyarrow.parquet, syngen, syngen.loaders.dataset
started = time.perf_counter()
ds = syngen.load(sys.argv[1])
opened = time.perf_counter()
n = len(ds.select(timbre="b", frequency=(200.0, 400.0)))
selected = time.perf_counter()
# of this process alone: what it was forked from may have been larger
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) / 1024
print(json.dumps([opened - started, selected - opened, peak, len(ds), n]))
"""


def large_dataset(folder: Path, n_rows: int) -> None:
    """Write the manifest and the description of a dataset of many rows, without its audio."""
    syngen.generate("syntone-tiny", folder, jobs=1, limit=10)
    grid = FactorGrid(
        [
            Factor("timbre", tuple("abcd")),
            Factor("amplitude", tuple(range(50)), "ordinal"),
            Factor("frequency", tuple(float(f) for f in range(100, 1100)), "continuous", "Hz"),
            Factor("brightness", tuple(range(50)), "ordinal"),
        ]
    )
    content = json.loads((folder / "dataset.json").read_text("utf-8"))
    vocabulary = Vocabulary(
        "large", "1.0.0", content["fingerprint"], grid, (), {"default": ("train", "test")}, RATE
    )
    indices = np.random.default_rng(0).permutation(grid.size)[:n_rows].astype(np.int64)
    step, shards = 100_000, []
    with (
        open(folder / "manifest.parquet", "wb") as file,
        ManifestWriter(file, vocabulary.dataset_schema()) as writer,
    ):
        for start in range(0, n_rows, step):
            part = indices[start : start + step]
            split = "train" if start < n_rows * 0.8 else "test"
            codes = {"default": np.full(len(part), split == "test", dtype=np.int64)}
            columns: dict[str, Any] = factor_columns(
                vocabulary, part, grid.levels_of(part), codes, with_values=True
            )
            name = f"{split}-{len(shards):06d}"
            shards.append({"name": name, "split": split, "rows": len(part), "bytes": 1, "sha256": "0" * 64})
            columns |= {
                "shard": pa.array([name] * len(part)),
                "offset": pa.array(np.arange(len(part), dtype=np.int64) * 33_792 + 512),
                "size": pa.array(np.full(len(part), 32_044)),
                "n_samples": pa.array(np.full(len(part), RATE, dtype=np.int32)),
                "pcm_sha256": pa.array([bytes(32)] * len(part), pa.binary(32)),
                "peak": pa.array(np.ones(len(part), dtype=np.float32)),
                "rms_db": pa.array(np.zeros(len(part), dtype=np.float32)),
            }
            writer.write(pa.table(columns))
    n_train = sum(shard["rows"] for shard in shards if shard["split"] == "train")
    content |= {"shards": shards, "rows": n_rows, "counts": {"train": n_train, "test": n_rows - n_train}}
    (folder / "dataset.json").write_text(json.dumps(content), "utf-8")


def opening(folder: Path, n_rows: int) -> list[list[float]]:
    """Open a large dataset three times, each in a new process; return seconds, MiB and counts."""
    large_dataset(folder / "large", n_rows)
    env = {**os.environ, "SYNGEN_CACHE": str(folder / "cache")}
    found = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", OPENING, str(folder / "large")],
            capture_output=True, text=True, env=env, check=True,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10**7, help="of the large manifest")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["SYNGEN_CACHE"] = str(folder / "cache")
        best = measured(prepared(folder), options.rounds)
        print("| loader | observations per CPU-second | of syngen's WAV shards |\n|---|---|---|")
        for contender, rate in best.items():
            print(f"| {contender} | {rate:,.0f} | {rate / best['syngen, WAV shards']:.2f} |")
        print(f"\n| DataLoader, batches of {BATCH} | observations per second of wall time |\n|---|---|")
        for case, rate in wall_of_workers(folder, min(3, options.rounds)).items():
            print(f"| {case} | {rate:,.0f} |")
        print(f"\n| opening {options.rows:,} rows | open, s | select, s | peak, MiB |\n|---|---|---|---|")
        for number, (open_s, select_s, peak, _, _) in enumerate(opening(folder, options.rows), 1):
            print(f"| time {number} | {open_s:.2f} | {select_s:.3f} | {peak:.0f} |")


if __name__ == "__main__":
    main()
