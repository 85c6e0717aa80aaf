"""Catalogs, cuts and transfers of releases, in the small."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import syngen
from syngen.downloads.catalog import Catalog, Entry
from syngen.downloads.subset import segments_of
from syngen.downloads.transfers import Transfers
from syngen.generation.sources import RangeFile
from syngen.io.http.responses import Stream, TransientError
from syngen.io.http.stalls import TransferLimits
from syngen.io.mirrors import HttpMirror, locator


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["1.9.0", "1.10.0"], "1.10.0"),
        (["1.0.0", "1.0.0-rc1"], "1.0.0"),
        (["2.0.0-rc1", "1.9"], "2.0.0-rc1"),
        (["1.0", "1.0.1"], "1.0.1"),
        (["2024", "10"], "2024"),
    ],
)
def test_latest_version_is_the_latest(versions: list[str], latest: str) -> None:
    for listed in (versions, versions[::-1]):
        catalog = Catalog("here", tuple(Entry("x", version) for version in listed))
        assert catalog.find("x").version == latest


def test_places_of_a_catalog_are_relative_to_it(tmp_path: Path) -> None:
    here = locator(str(tmp_path / "catalog.json"))
    assert here("files") == str(tmp_path / "files")
    assert here("file:///data/x") == "/data/x"
    assert here("HTTPS://host/x") == "https://host/x"
    far = locator("https://host/folder/catalog.json")
    assert far("files/") == "https://host/folder/files/"
    assert far("/etc") == "https://host/etc"
    with pytest.raises(syngen.ParameterError, match="not from 'file'"):
        far("file:///etc")


def test_patterns_take_the_name_or_its_last_part() -> None:
    name = "audio/train-000000.tar"
    for url, wanted in (
        ("https://h/x", "https://h/x/audio/train-000000.tar"),
        ("https://h/x/", "https://h/x/audio/train-000000.tar"),
        ("https://h/{name}?raw", "https://h/audio/train-000000.tar?raw"),
        ("https://h/{file}?download=1", "https://h/train-000000.tar?download=1"),
    ):
        assert HttpMirror(url, None).url_of(name) == wanted  # type: ignore[arg-type]


def test_segments_hold_every_member_and_little_else(rng: np.random.Generator) -> None:
    sizes = rng.integers(1, 20_000, 500)
    gaps = rng.integers(1_500, 3_000, 500)
    offsets = np.cumsum(sizes + gaps) - sizes
    data = rng.bytes(int(offsets[-1] + sizes[-1]))
    for share in (0.01, 0.5, 1.0):
        chosen = np.sort(rng.permutation(500)[: max(1, int(500 * share))])
        segments = segments_of(offsets[chosen], sizes[chosen])
        assert all(a[1] < b[0] for a, b in pairwise(segments))
        piece = RangeFile(Path(), segments)
        content = b"".join(data[start:stop] for start, stop in segments)
        for offset, size in zip(offsets[chosen].tolist(), sizes[chosen].tolist(), strict=True):
            place = piece.place(offset)
            assert content[place : place + size] == data[offset : offset + size]
        assert len(content) <= sizes[chosen].sum() + gaps.max() * len(chosen)
    assert len(segments) == 1


class _Faulty:
    """A mirror that gives so many bytes a try."""

    def __init__(self, data: bytes, portions: list[int]) -> None:
        self.data, self.portions, self.asked = data, portions, 0

    @contextlib.contextmanager
    def open(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[Stream]:
        n = self.portions[min(self.asked, len(self.portions) - 1)]
        self.asked += 1
        yield _Portion(
            self.data[start : len(self.data) if stop is None else stop], start, len(self.data), n
        )


class _Portion:
    def __init__(self, data: bytes, start: int, total: int, n: int) -> None:
        self.start = start
        self.total: int | None = total
        self._data, self._left = data, n

    def read(self) -> bytes:
        if self._data and not self._left:
            raise TransientError("cut")
        found = self._data[: self._left]
        self._data, self._left = self._data[len(found) :], self._left - len(found)
        return found


HASTY = TransferLimits(tries=3, first_pause_s=0.001, longest_pause_s=0.001)


def test_tries_that_bring_bytes_do_not_count(tmp_path: Path) -> None:
    mirror = _Faulty(bytes(range(100)), [1])
    transfers = Transfers([mirror], HASTY)
    transfers.fetch("x", tmp_path / "x", size=100, most=100)
    assert (tmp_path / "x").read_bytes() == bytes(range(100))
    assert mirror.asked == transfers.n_received == 100


def test_answers_may_be_shorter_than_what_was_asked_for(tmp_path: Path) -> None:
    class Sparing(_Faulty):
        @contextlib.contextmanager
        def open(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[Stream]:
            yield _Portion(self.data[start : start + 7], start, len(self.data), 7)

    for size in (100, None):
        part = tmp_path / f"{size}"
        Transfers([Sparing(bytes(range(100)), [])], HASTY).fetch("x", part, size=size, most=200)
        assert part.read_bytes() == bytes(range(100))


def test_tries_without_bytes_do(tmp_path: Path) -> None:
    mirror = _Faulty(bytes(range(100)), [10, 0, 0, 10, 0, 0, 0])
    with pytest.raises(syngen.DownloadIncompleteError, match="run the same command again"):
        Transfers([mirror], HASTY).fetch("x", tmp_path / "x", size=100, most=100)
    assert mirror.asked == 7
    assert (tmp_path / "x").read_bytes() == bytes(range(20))
    Transfers([_Faulty(bytes(range(100)), [100])], HASTY).fetch("x", tmp_path / "x", size=100, most=100)
    assert (tmp_path / "x").read_bytes() == bytes(range(100))


def test_segments_come_one_after_the_other_however_they_are_cut(tmp_path: Path) -> None:
    data = bytes(range(200))
    segments = [(3, 10), (20, 21), (50, 150)]
    mirror = _Faulty(data, [4, 100, 1, 0, 30])
    Transfers([mirror], HASTY).fetch("x", tmp_path / "x", size=200, most=200, segments=segments)
    assert (tmp_path / "x").read_bytes() == b"".join(data[a:b] for a, b in segments)
