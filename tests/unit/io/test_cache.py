"""The cache folder: where it is, and that what is made for it is made once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pooch
import pytest

from syngen.io import locks
from syngen.io.cache import cache_folder, cached_folder


def test_the_cache_folder_is_that_of_the_platform_where_none_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SYNGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == pooch.os_cache("syngen")  # as earlier versions had it
    monkeypatch.setenv("SYNGEN_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"


def test_what_one_is_making_another_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    somebody_waits = threading.Event()

    def make(folder: Path) -> None:
        calls.append(threading.current_thread().name)
        (folder / "content").write_text("x", "utf-8")
        if len(calls) > 1:
            somebody_waits.set()
        assert somebody_waits.wait(60.0)

    def sleep(pause_s: float) -> None:
        somebody_waits.set()
        time_sleep(pause_s)

    time_sleep = locks.time.sleep
    monkeypatch.setattr(locks.time, "sleep", sleep)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(cached_folder, "features", "one", make, patience_s=60.0) for _ in range(2)]
        folders = {each.result() for each in found}
    assert len(calls) == 1
    (folder,) = folders
    assert [path.name for path in folder.parent.iterdir()] == ["one"], "no lock is left behind"


def test_patience_ends_and_a_lock_in_the_way_is_no_reason_to_give_up() -> None:
    def make(folder: Path) -> None:
        (folder / "content").write_text("x", "utf-8")

    room = cached_folder("features", "first", make).parent
    with locks.exclusive_lock(room / ".second.lock") as is_mine:
        assert is_mine
        assert (cached_folder("features", "second", make, patience_s=0.01) / "content").is_file()
    (room / ".third.lock").symlink_to(room / "nowhere")
    assert (cached_folder("features", "third", make, patience_s=1.0) / "content").is_file()
    assert (room / ".third.lock").is_symlink()


def test_a_failure_lets_the_next_one_try() -> None:
    def fail(folder: Path) -> None:
        raise OSError("disk full")

    def make(folder: Path) -> None:
        (folder / "content").write_text("x", "utf-8")

    with pytest.raises(OSError, match="disk full"):
        cached_folder("features", "one", fail, patience_s=1.0)
    assert (cached_folder("features", "one", make, patience_s=1.0) / "content").is_file()
