"""Paths as people give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from syngen.errors import ParameterError
from syngen.io.files import local_path


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert local_path("~") == tmp_path
    assert local_path("~/a b") == local_path(Path("~/a b")) == tmp_path / "a b"
    assert local_path("a/~") == Path("a/~")


def test_what_shells_leave_alone_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home")
    assert local_path("~nobody-is-called-so/x") == Path("~nobody-is-called-so/x")
    assert local_path("./~/x") == Path("~/x")
    assert local_path("data") == Path("data")


def test_without_a_home_folder_a_tilde_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(ParameterError, match="'~/x': no home folder is known; set HOME"):
        local_path("~/x")
