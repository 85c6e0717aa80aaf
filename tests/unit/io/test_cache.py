"""The cache folder: where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pooch

from syngen.io.cache import cache_folder

if TYPE_CHECKING:
    import pytest


def test_the_cache_folder_is_that_of_the_platform_where_none_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SYNGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == pooch.os_cache("syngen")  # as earlier versions had it
    monkeypatch.setenv("SYNGEN_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"
