"""A release that was built once: every later version of syngen must load it, and prove every byte."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import syngen
from syngen.errors import SkippedCheckWarning, SynthesizerVersionError
from syngen.generation.plan import Plan
from syngen.storage.description import read_description
from syngen.synth.tone.synthesizer import ToneSynthesizer
from tests.golden.regenerate import RELEASE, RELEASES, build_release
from tests.support import digests_of, identities

VERSIONS = sorted(RELEASES.iterdir())


def test_there_is_a_release_by_every_version() -> None:
    assert [folder.name for folder in VERSIONS] == ["by-0.1.0", "by-0.2.0"]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda folder: folder.name)
def test_it_loads_and_every_byte_is_proven(version: Path) -> None:
    (release,) = version.iterdir()
    ds = syngen.load(release)
    assert len(ds) == 96
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedCheckWarning)  # of another version of the synthesizer
        assert syngen.verify(release) == []
        assert syngen.check_release(release) == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda folder: folder.name)
def test_its_audio_is_what_is_rendered_now_or_it_is_said_what_renders_it(version: Path) -> None:
    (release,) = version.iterdir()
    versions = read_description(release / "dataset.json").versions
    if versions["synthesizer tone"] == ToneSynthesizer.version:
        assert syngen.verify(release, rerender=96) == []
    else:
        with pytest.raises(SynthesizerVersionError, match=f"syngen {re.escape(versions['syngen'])}"):
            syngen.verify(release, rerender=96)


def test_the_audio_of_the_present_release_is_rendered_live() -> None:
    ds = syngen.load(RELEASE)
    live = syngen.render(syngen.load_recipe("syntone-tiny").with_size(len(ds)))
    assert ds.fingerprint == live.fingerprint
    positions = np.arange(len(ds))
    np.testing.assert_array_equal(ds.batch(positions), live.batch(positions))


@pytest.mark.slow
def test_it_is_built_again_from_nothing(tmp_path: Path) -> None:
    build_release(tmp_path / "release", tmp_path)
    assert identities(tmp_path / "release") == identities(RELEASE)
    if not is_by_these_libraries(tmp_path / "release"):
        pytest.skip("syngen, libsndfile or pyarrow are of other versions: only the samples are compared")
    assert digests_of(tmp_path / "release") == digests_of(RELEASE)


def is_by_these_libraries(again: Path) -> bool:
    description = read_description(RELEASE / "dataset.json")
    plan = Plan(syngen.load_recipe(description.recipe), codec=description.codec)
    writers = {pq.read_metadata(folder / "manifest.parquet").created_by for folder in (RELEASE, again)}
    return plan.versions() == description.versions and len(writers) == 1
