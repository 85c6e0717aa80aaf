"""Room on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from syngen.errors import DownloadError, ParameterError, SyngenError
from syngen.io.space import check_room

SAID = {"what": "x needs 2 kB", "remedy": "make room"}


def let_disk_say(monkeypatch: pytest.MonkeyPatch, *, total: int, free: int) -> None:
    usage = shutil.disk_usage("/")._replace(total=total, free=free)
    monkeypatch.setattr("syngen.io.space.shutil.disk_usage", lambda _: usage)


@pytest.mark.parametrize("error", [ParameterError, DownloadError])
def test_what_does_not_fit_is_refused_with_what_is_free(
    error: type[SyngenError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_disk_say(monkeypatch, total=10_000, free=1_000)
    said = f"^x needs 2 kB, but the file system of {tmp_path} has 1 kB free; make room$"
    with pytest.raises(error, match=said):
        check_room(tmp_path / "absent" / "folder", 2_000, error=error, **SAID)


def test_what_is_removed_first_counts_as_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_disk_say(monkeypatch, total=10_000, free=1_000)
    check_room(tmp_path, 2_000, freed=1_000, **SAID)
    with pytest.raises(ParameterError):
        check_room(tmp_path, 2_001, freed=1_000, **SAID)


def test_a_file_system_that_tells_nothing_is_believed_to_have_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_disk_say(monkeypatch, total=0, free=0)
    check_room(tmp_path, 2_000, **SAID)
