from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syngen.recipe.library import recipe_names
from tests.golden import regenerate
from tests.support import needs_speech

pytestmark = pytest.mark.usefixtures("recorded_scipy")

GOLDEN: dict[str, dict[str, Any]] = json.loads(regenerate.PATH.read_text("utf-8"))


def test_every_shipped_recipe_has_golden_hashes() -> None:
    assert set(GOLDEN) == set(recipe_names())
    assert all(len(case["pcm_sha256"]) == regenerate.N_INDICES for case in GOLDEN.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[needs_speech] if name.startswith("synspeech") else []) for name in GOLDEN],
)
def test_audio_is_what_was_recorded(name: str) -> None:
    recorded = GOLDEN[name]["pcm_sha256"]
    resolved = regenerate.resolved_recipe(name)
    assert regenerate.pcm_hashes(resolved, list(map(int, recorded))) == recorded


@pytest.mark.slow
@pytest.mark.parametrize("name", GOLDEN)
def test_fingerprint_is_what_was_recorded(name: str) -> None:
    assert regenerate.resolved_recipe(name).fingerprint == GOLDEN[name]["fingerprint"]


@pytest.mark.slow
def test_functions_draws_and_rows_are_what_was_recorded() -> None:
    recorded = json.loads(regenerate.DIGESTS_PATH.read_text("utf-8"))
    assert regenerate.golden_digests() == recorded


def test_speakers_are_who_was_recorded() -> None:
    recorded = json.loads(regenerate.SPEAKERS_PATH.read_text("utf-8"))
    assert regenerate.golden_speakers() == recorded
    assert len(recorded["speaker"]) == 12


@pytest.mark.slow
def test_regenerating_writes_the_files_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("PATH", "DIGESTS_PATH", "SPEAKERS_PATH", "PHONEMES_PATH")
    paths = {name: getattr(regenerate, name) for name in names}
    for name, path in paths.items():
        (tmp_path / name).write_bytes(path.read_bytes())
        monkeypatch.setattr(regenerate, name, tmp_path / name)
    regenerate.main()
    for name, path in paths.items():
        assert (tmp_path / name).read_text("utf-8") == path.read_text("utf-8")


def test_regenerating_fails_where_no_recipe_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regenerate, "PATH", tmp_path / "hashes.json")
    monkeypatch.setattr(regenerate, "recipe_names", tuple)
    with pytest.raises(SystemExit, match="no shipped recipe found: nothing is written"):
        regenerate.main()
    assert not (tmp_path / "hashes.json").exists()
