"""Places, URLs, scratch folders, merged ranges, and the cache of shards between processes."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syngen.errors import ParameterError, StoreAccessError, StoreError
from syngen.io.cache import scratch_folder
from syngen.io.files import is_url
from syngen.io.object_store import Store, place_of
from syngen.loaders.sources.remote import merged
from syngen.loaders.sources.shard_cache import ShardCache
from syngen.storage.description import ShardEntry
from tests.faulty import FaultyFileSystem
from tests.support import PATIENCE_S


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("syngen.io.object_store._FIRST_PAUSE_S", 0.0)
    FaultyFileSystem.reset()
    yield
    FaultyFileSystem.reset()


@pytest.fixture
def store() -> Store:
    return Store("faulty://bucket/place/")


@pytest.mark.parametrize("url", ["s3://bucket/a", "memory://a", "file:///a", "simplecache::s3://b/a"])
def test_urls_are_told_from_paths(url: str) -> None:
    assert is_url(url)
    assert not is_url(Path(url))


@pytest.mark.parametrize("path", ["data", "/data", "C:/data", "./s3/a", "a:b"])
def test_paths_are_no_urls(path: str) -> None:
    assert not is_url(path)
    assert place_of(path) == Path(path)


def test_what_is_put_is_listed_and_got(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    store.put("a/b", b"text")
    store.put_file("c", tmp_path / "file")
    assert store.sizes() == {"a/b": 4, "c": 10}
    assert store.get("a/b") == b"text"
    assert store.get("none") is None
    assert dict(store.get_all(["c", "none"])) == {"c": b"0123456789", "none": None}
    assert store.ranges([("c", 2, 5), ("none", 0, 1), ("c", 0, 1)]) == [b"234", None, b"0"]
    assert store.sizes_of(["c", "none"]) == {"c": 10}
    assert store.fetch("c", tmp_path / "back", 10)
    assert (tmp_path / "back").read_bytes() == b"0123456789"
    assert not store.fetch("none", tmp_path / "none", 10)
    store.delete(["c", "none", "a/b"])
    assert store.sizes() == {}


def test_a_range_beyond_the_end_is_an_error_and_not_less_data(store: Store) -> None:
    store.put("a", b"text")
    with pytest.raises(StoreError, match="2 of 6 bytes came"):
        store.ranges([("a", 2, 8)])


def test_only_ranges_that_failed_are_asked_for_again(store: Store) -> None:
    store.put("a", b"text")
    store.put("b", b"text")
    failures = [ConnectionResetError("reset")] * 2

    def fault(operation: str, path: str) -> None:
        if operation == "get" and path.endswith("/b") and failures:
            raise failures.pop()

    FaultyFileSystem.fault = staticmethod(fault)
    FaultyFileSystem.calls.clear()
    assert store.ranges([("a", 0, 4), ("b", 0, 4)]) == [b"text", b"text"]
    assert [path[-1] for _, path in FaultyFileSystem.calls] == ["a", "b", "b", "b"]


def test_what_will_fail_again_is_not_tried_again(store: Store) -> None:
    def fault(operation: str, path: str) -> None:
        raise PermissionError("Access Denied")

    FaultyFileSystem.fault = staticmethod(fault)
    with pytest.raises(StoreAccessError, match="access is refused"):
        store.put("a", b"text")
    assert len(FaultyFileSystem.calls) == 1


def test_faults_of_our_own_are_not_hidden_as_those_of_the_store(store: Store) -> None:
    with pytest.raises(TypeError):
        store.put("a", 5)  # type: ignore[arg-type]


def test_neighbours_are_merged_and_distant_places_are_not() -> None:
    places = [(5_000_000, 100, 2), (512, 1000, 0), (4096, 1000, 1), (512, 1000, 3)]
    assert merged(places) == [
        (512, 5096, [(512, 1000, 0), (512, 1000, 3), (4096, 1000, 1)]),
        (5_000_000, 5_000_100, [(5_000_000, 100, 2)]),
    ]


def test_merged_ranges_stay_of_a_size_that_fits_into_memory() -> None:
    places = [(n * 1_000_000, 1_000_000, n) for n in range(64)]
    runs = merged(places)
    assert all(stop - start <= 16 << 20 for start, stop, _ in runs)
    assert [place for _, _, within in runs for place in within] == places


def test_a_scratch_folder_goes_with_its_block() -> None:
    with scratch_folder() as folder, scratch_folder() as other:
        assert folder.is_dir()
        assert other.is_dir()
        assert folder != other
    assert not folder.parent.exists()
    assert not other.parent.exists()


def test_what_a_killed_process_left_is_removed_by_the_next() -> None:
    program = (
        "import sys, time; from syngen.io.cache import scratch_folder\nwith scratch_folder() as folder:\n"
    )
    program += "    print(folder, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        left = Path(child.stdout.readline().strip())
        with scratch_folder():
            assert left.is_dir()  # its process lives
        child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    assert left.is_dir()
    with scratch_folder():
        assert not left.exists()


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("SYNGEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(ParameterError, match="set SYNGEN_CACHE"), scratch_folder():
        pass


def entry_of(store: Store, name: str, content: bytes) -> ShardEntry:
    store.put(f"audio/{name}.tar", content)
    return ShardEntry(name, "train", 1, len(content), hashlib.sha256(content).hexdigest())


def test_shards_are_removed_by_last_use_and_those_of_other_datasets_too(
    store: Store, tmp_path: Path
) -> None:
    first, second = ShardCache("first", 250), ShardCache("second", 250)
    entries = [entry_of(store, f"train-{n:06d}", bytes([n]) * 100) for n in range(3)]
    paths = []
    for age, (cache, entry) in enumerate(zip((first, second, first), entries, strict=True)):
        path = cache.find(entry, store, f"audio/{entry.name}.tar")
        assert path is not None
        os.utime(path, (age, age))
        paths.append(path)
    assert [path.exists() for path in paths] == [False, True, True]
    assert first.find(entries[2], store, "not asked for") == paths[2]


def test_uses_within_one_tick_of_a_file_system_are_told_apart(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    ticks = itertools.count(now)
    monkeypatch.setattr("syngen.loaders.sources.shard_cache.time.time_ns", lambda: next(ticks))
    cache = ShardCache("key", 250)
    first, second, third = (entry_of(store, f"train-{n:06d}", bytes([n]) * 100) for n in range(3))
    paths = [cache.find(entry, store, f"audio/{entry.name}.tar") for entry in (first, second, first, third)]
    assert [path and path.exists() for path in paths] == [True, False, True, True]
    used = [path.stat().st_mtime_ns for path in paths if path and path.exists()]
    assert used == [now + 2, now + 2, now + 3]


@pytest.mark.slow
def test_processes_share_the_cache_of_shards(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
import fsspec
from syngen.loaders.sources.shard_cache import ShardCache
from tests.unit.io.test_object_store import entry_of
from syngen.io.object_store import Store
store = Store("memory://bucket/place")
entries = [entry_of(store, f"train-{n:06d}", bytes([n]) * 10_000) for n in range(20)]
cache = ShardCache("key", 50_000)
for turn in range(5):
    for entry in entries[::-1] if turn % 2 else entries:
        path = cache.find(entry, store, f"audio/{entry.name}.tar")
        try:
            assert path.read_bytes() == bytes([int(entry.name[-6:])]) * 10_000
        except FileNotFoundError:
            pass  # another process made room; a reader then takes ranges
"""
    children = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(3)]
    for child in children:
        _, stderr = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == 0, stderr
    kept = list((tmp_path / "cache" / "shards").glob("*/*"))
    assert 0 < sum(path.stat().st_size for path in kept) <= 50_000
