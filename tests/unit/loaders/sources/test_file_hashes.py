"""The hash of a file is used again only while all that the system says of the file is what it was."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from syngen.errors import ShardError
from syngen.loaders.sources import file_hashes
from syngen.loaders.sources.file_hashes import content_hashes

STAMP = (5, 1_000, 2_000, 7)
LATER = 10**18


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.fixture
def stamp(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int, int, int]]:
    """What the system is made to say of each file, long after it was changed."""
    stamps = {"a": STAMP, "b": STAMP}
    monkeypatch.setattr(file_hashes, "_stamp", lambda path: stamps[path.name])
    monkeypatch.setattr(file_hashes.time, "time_ns", lambda: LATER)
    return stamps


def test_hashes_are_those_of_the_content(folder: Path) -> None:
    found = content_hashes(folder, ["b", "a", "b"])
    assert [row.tobytes() for row in found] == [sha256(b"b"), sha256(b"a"), sha256(b"b")]
    assert content_hashes(folder, []).shape == (0, 32)


def test_a_hash_is_used_again_while_nothing_is_known_to_have_changed(
    folder: Path, stamp: dict[str, tuple[int, int, int, int]]
) -> None:
    content_hashes(folder, ["a", "b"])
    (folder / "a").write_bytes(b"other")
    assert content_hashes(folder, ["a"])[0].tobytes() == sha256(b"a")
    assert stamp["a"] == STAMP


@pytest.mark.parametrize("position", range(4), ids=["size", "time of modification", "of change", "inode"])
def test_a_file_of_another_stamp_is_read_again(
    position: int, folder: Path, stamp: dict[str, tuple[int, int, int, int]]
) -> None:
    content_hashes(folder, ["a", "b"])
    for name in ("a", "b"):
        (folder / name).write_bytes(b"other")
    changed = [*STAMP]
    changed[position] += 1
    stamp["a"] = (changed[0], changed[1], changed[2], changed[3])
    found = content_hashes(folder, ["a", "b"])
    assert [row.tobytes() for row in found] == [sha256(b"other"), sha256(b"b")]


def test_a_hash_that_is_computed_just_after_a_change_is_not_relied_on(
    folder: Path, stamp: dict[str, tuple[int, int, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_hashes.time, "time_ns", lambda: STAMP[2] + 1_000_000)
    content_hashes(folder, ["a"])
    (folder / "a").write_bytes(b"other")  # within the same step of the clock
    assert content_hashes(folder, ["a"])[0].tobytes() == sha256(b"other")


def test_files_of_another_folder_have_hashes_of_their_own(
    folder: Path, stamp: dict[str, tuple[int, int, int, int]]
) -> None:
    content_hashes(folder, ["a"])
    (folder / "c").mkdir()
    (folder / "c" / "a").write_bytes(b"other")
    assert content_hashes(folder / "c", ["a"])[0].tobytes() == sha256(b"other")


def test_what_was_kept_and_is_damaged_is_computed_anew(
    folder: Path, stamp: dict[str, tuple[int, int, int, int]]
) -> None:
    content_hashes(folder, ["a"])
    (kept,) = Path(os.environ["SYNGEN_CACHE"], "hashes").iterdir()
    for damage in (b"", b"no table", kept.read_bytes()[:-9]):
        kept.write_bytes(damage)
        assert content_hashes(folder, ["a"])[0].tobytes() == sha256(b"a")


def test_without_a_cache_folder_hashes_are_computed_each_time(
    folder: Path, stamp: dict[str, tuple[int, int, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNGEN_CACHE", str(folder / "a" / "none"))
    content_hashes(folder, ["b"])
    (folder / "b").write_bytes(b"other")
    assert content_hashes(folder, ["b"])[0].tobytes() == sha256(b"other")


def test_names_of_any_bytes_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsdecode(b"lat\xe9")
    try:
        (folder / name).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    monkeypatch.setattr(file_hashes, "_stamp", lambda path: STAMP)
    monkeypatch.setattr(file_hashes.time, "time_ns", lambda: LATER)
    content_hashes(folder, [name])
    (folder / name).write_bytes(b"other")
    assert content_hashes(folder, [name])[0].tobytes() == sha256(b"x")


def test_a_file_that_cannot_be_read_is_an_error_or_no_hash(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for name, reason in (("none", "No such file"), ("pipe", "it is no regular file")):
        with pytest.raises(ShardError, match=f"{name} in .* cannot be read: {reason}"):
            content_hashes(folder, ["a", name])
        found = content_hashes(folder, ["a", name], readable_only=False)
        assert [row.tobytes() for row in found] == [sha256(b"a"), bytes(32)]
