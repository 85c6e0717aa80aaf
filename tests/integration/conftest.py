"""Datasets that several modules read. Copy one before changing anything in it."""

from __future__ import annotations

from pathlib import Path

import pytest

import syngen
from syngen.generation.shard_renderer import ShardRenderer
from tests.support import WHOLE_LOOKING, WITH_NUISANCES


@pytest.fixture(scope="session")
def tiny_flac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """syntone-tiny as FLAC in ten shards."""
    folder = tmp_path_factory.mktemp("tiny-flac") / "syntone-tiny"
    syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50, codec="flac")
    return folder


@pytest.fixture(scope="session")
def whole_looking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen observations whose continuous factors look whole at first; a third is silence."""
    folder = tmp_path_factory.mktemp("whole-looking") / "data"
    syngen.generate(WHOLE_LOOKING, folder, jobs=1, shard_size=5)
    return folder


@pytest.fixture(scope="session")
def with_nuisances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty observations with a drawn phase and amplitude."""
    folder = tmp_path_factory.mktemp("with-nuisances") / "data"
    syngen.generate(WITH_NUISANCES, folder, jobs=1, shard_size=20)
    return folder


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """syntone-tiny after a run that was interrupted when four of its ten shards were finished."""
    folder = tmp_path_factory.mktemp("interrupted") / "syntone-tiny"
    make, made = ShardRenderer.make, []

    def make_four(worker: ShardRenderer, *arguments: object) -> object:
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(make(worker, *arguments))  # type: ignore[arg-type]
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShardRenderer, "make", make_four)
        with pytest.raises(KeyboardInterrupt):
            syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50)
    return folder
