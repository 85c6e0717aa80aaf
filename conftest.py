"""What tests and examples in docstrings share: neither depends on this machine, or leaves traces on it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

collect_ignore = ["syngen/__main__.py", "syngen/synth/base.py", "syngen/synth/timbres.py"]
"""What runs, or warns, when it is imported."""
if importlib.util.find_spec("torch") is None:
    collect_ignore.append("syngen/loaders/convert/pytorch.py")


@pytest.fixture(scope="session", autouse=True)
def _isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away what this machine has set for syngen, clouds, proxies and terminals."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("SYNGEN_", "AWS_")) or name.lower().endswith("_proxy") or name == "COLUMNS":
                patch.delenv(name)
        patch.setenv("SYNGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _isolated_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNGEN_CACHE", str(tmp_path / "cache"))
