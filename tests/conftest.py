"""Fixtures that every kind of test shares."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import syngen
from syngen.io import folders as _entering
from syngen.io import workspace as _workspace
from syngen.recipe.library import recipe_path
from syngen.recipe.parse import parse_recipe
from syngen.resolving.resolve import ResolvedRecipe, resolve_draft
from tests.support import NIGHTLY, RECORDED_SCIPY

# the same examples in every run, and no verdict that depends on the speed of the machine
hypothesis.settings.register_profile(
    "syngen",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# thousands of new ones each night, of the tests that ask for it (`tests.support.examples`)
hypothesis.settings.register_profile(
    "nightly",
    hypothesis.settings.get_profile("syngen"),
    derandomize=False,
    max_examples=2_000,
    print_blob=True,
)
hypothesis.settings.load_profile("nightly" if NIGHTLY else "syngen")
# derandomized or not, Hypothesis takes constants from the source of whatever is imported by then, which the
# tests before in this process decide; there is no setting for it, and in older versions no need
with contextlib.suppress(ImportError, AttributeError):
    from hypothesis.internal.conjecture import providers

    _no_constants = providers.Constants()
    providers._get_local_constants = lambda: _no_constants


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let files and folders belong to another user; where only root can, syngen is made to believe it."""
    given, is_own = set[int](), _entering.is_own

    def is_still_own(folder: _entering.Folder, status: os.stat_result) -> bool:
        return status.st_ino not in given and is_own(folder, status)

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 54_321, 54_321, follow_symlinks=False)
            return
        given.add(path.lstat().st_ino)
        for module in (_entering, _workspace):
            monkeypatch.setattr(module, "is_own", is_still_own)

    return give


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2402)


@pytest.fixture(scope="session")
def tiny_recipe() -> ResolvedRecipe:
    path = recipe_path("syntone-tiny")
    return resolve_draft(parse_recipe(path.read_text("utf-8"), source=path.name))


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """syntone-tiny as WAV in ten shards. Copy it before changing anything."""
    folder = tmp_path_factory.mktemp("tiny") / "syntone-tiny"
    syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50)
    return folder


@pytest.fixture(scope="session")
def tiny_codes(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of codes of syntone-tiny by the encoder factors. Copy it before changing anything."""
    from syngen.evaluation.codes.codes import write_codes

    path = tmp_path_factory.mktemp("codes") / "codes.npz"
    write_codes(path, syngen.encode("factors", tiny_dataset))
    return path


@pytest.fixture
def recorded_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with what was recorded, fingerprints too, whatever SciPy is installed."""
    monkeypatch.setattr("syngen.synth.speech.synthesizer.installed_version", lambda _: RECORDED_SCIPY)
