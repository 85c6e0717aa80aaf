"""Datasets that earlier synthesizers made: read and proven as ever, and never rendered by another version.

``datasets/tone-1`` and ``datasets/speech-2`` were made in file format 1. They stay as they are: what a
later syngen makes of their recipes is something else.
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import syngen
from syngen.cli.main import cli
from syngen.errors import SkippedCheckWarning, SynthesizerVersionError
from syngen.storage.codec import pcm_sha256
from syngen.storage.description import read_description
from syngen.synth.speech.synthesizer import SpeechSynthesizer
from syngen.synth.tone.synthesizer import ToneSynthesizer
from tests.support import (
    WHOLE_LOOKING,
    digests_of,
    edit_json,
    edit_manifest,
    flip,
    interrupt_after,
    renew_checksums,
)

FOLDER = Path(__file__).with_name("datasets")
FORMER = {"tone-1": ("tone", "1", 9), "speech-2": ("speech", "2", 3)}
MADE_BY = "0.2.0.dev0"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the synthesizers be of another version, and refuse what a recipe of an earlier one says."""
    rooms = {"units": {"dBFS": (-85.0, -20.0)}, "default": -60.0}
    factors = tuple(replace(f, **rooms) if f.name == "room_tone" else f for f in SpeechSynthesizer.factors)
    monkeypatch.setattr(SpeechSynthesizer, "factors", factors)
    for synthesizer in (ToneSynthesizer, SpeechSynthesizer):
        monkeypatch.setattr(synthesizer, "version", "99")


@pytest.fixture(params=FORMER)
def former(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER / request.param, tmp_path / request.param))


def says_what_made(former: Path) -> str:
    """Return a pattern of what an error says of a dataset."""
    name, version, _ = FORMER[former.name]
    return rf"version {version} of the synthesizer {name} made it, and version 99 is .*syngen {MADE_BY}"


def checked(former: Path) -> list[str]:
    """Verify, and see that what could not be checked is said."""
    with pytest.warns(SkippedCheckWarning, match=f"not with its recipe, because {says_what_made(former)}"):
        return syngen.verify(former)


def quietly_checked(folder: Path) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkippedCheckWarning)
        return syngen.verify(folder)


def test_they_are_of_format_1_and_of_other_versions(former: Path) -> None:
    content = json.loads((former / "dataset.json").read_text("utf-8"))
    name, version, n_rows = FORMER[former.name]
    assert (content["format"], content["rows"]) == (1, n_rows)
    assert "shard_size" not in content
    assert content["versions"][f"synthesizer {name}"] == version
    assert content["versions"]["syngen"] == MADE_BY


def test_the_recipe_of_the_speech_cannot_be_used_any_more() -> None:
    with pytest.raises(syngen.RecipeError, match="room_tone"):
        syngen.load_recipe(FOLDER / "speech-2" / "recipe.yaml")


def test_every_observation_is_read(former: Path) -> None:
    ds = syngen.load(former)
    hashes = pq.read_table(former / "manifest.parquet").column("pcm_sha256").to_pylist()
    assert len(ds) == len(hashes) == FORMER[former.name][2]
    for observation, wanted in zip(ds, hashes, strict=True):
        pcm = np.rint(observation.waveform * 32768.0).astype(np.int16)
        assert pcm_sha256(pcm) == wanted
    view = ds.select(**{ds.grid.names[0]: ds.grid.factors[0].values[0]})
    assert 0 < len(view) < len(ds)
    if ds.is_spoken:
        assert set(ds.annotations(0)["kind"]) == {"word", "phone"}


def test_they_are_sound_and_what_is_not_checked_is_said(former: Path) -> None:
    before = digests_of(former)
    assert checked(former) == []
    assert digests_of(former) == before


@pytest.mark.parametrize("file", FILES)
def test_damage_to_any_file_is_found(file: str, tmp_path: Path) -> None:
    name, _, rest = file.partition("/")
    folder = Path(shutil.copytree(FOLDER / name, tmp_path / name))
    flip(folder / rest, (folder / rest).stat().st_size // 2, 0x04)
    assert quietly_checked(folder)


def cell_of(folder: Path, column: str, row: int) -> Any:
    return pq.read_table(folder / "manifest.parquet")[column][row].as_py()


def _edited(name: str, edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    return lambda folder: edit_json(folder / name, edit)


LIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a level": (
        lambda folder: edit_manifest(folder, "timbre_level", 2, 1 - cell_of(folder, "timbre_level", 2)),
        r"manifest\.parquet: row 2: timbre_level is \d, its index and its shard give \d",
    ),
    "a value": (
        lambda folder: edit_manifest(folder, "frequency", 1, 1.5),
        r"row 1: frequency is 1\.5, its index and its shard give ",
    ),
    "a split": (
        lambda folder: edit_manifest(folder, "split", 0, "test"),
        r"row 0: split is test, its index and its shard give train",
    ),
    "a split that is none": (
        lambda folder: edit_manifest(folder, "split", 0, "trian"),
        r"split is 'trian' in some row",
    ),
    "an index twice": (
        lambda folder: edit_manifest(folder, "index", 0, cell_of(folder, "index", 1)),
        r"an index is outside of the grid, or there twice",
    ),
    "hours": (
        _edited("dataset.json", lambda content: content.update(hours=1.0)),
        r"dataset\.json: hours is 1\.0, the manifest has",
    ),
    "the fingerprint of the description": (
        _edited("dataset.json", lambda content: content.update(fingerprint="0" * 64)),
        r"manifest\.parquet: its fingerprint is not that of dataset\.json",
    ),
    "the fingerprint of the plan": (
        _edited("plan.json", lambda content: content.update(fingerprint="0" * 64)),
        r"plan\.json: its fingerprint is '0000",
    ),
    "the shard size": (
        _edited("plan.json", lambda content: content.update(shard_size=2)),
        r"its shards are not those of plan\.json, in their order",
    ),
    "no shard size": (
        _edited("plan.json", lambda content: content.pop("shard_size")),
        r"plan\.json: its shard_size is None",
    ),
    "a version": (
        _edited("plan.json", lambda content: content["versions"].update(syngen="0.0.1")),
        r"plan\.json: its versions is not that of dataset\.json",
    ),
    "the seed of the plan": (
        _edited("plan.json", lambda content: content["recipe"].update(seed=8)),
        r"plan\.json: its recipe is not that of dataset\.json",
    ),
    "the seed of the recipe": (
        lambda folder: (folder / "recipe.yaml").write_text(
            (folder / "recipe.yaml").read_text("utf-8").replace("seed: 7", "seed: 8"), "utf-8"
        ),
        r"recipe\.yaml: its seed is not that of the dataset",
    ),
    "a later format of the plan": (
        _edited("plan.json", lambda content: content.update(format=3)),
        r"plan\.json has format 3; this syngen reads up to 2",
    ),
}


@pytest.mark.parametrize("what", LIES)
def test_documents_that_were_edited_with_their_hashes_contradict_the_others(
    what: str, tmp_path: Path
) -> None:
    edit, message = LIES[what]
    folder = Path(shutil.copytree(FOLDER / "tone-1", tmp_path / "tone-1"))
    edit(folder)
    renew_checksums(folder)
    assert re.search(message, "\n".join(quietly_checked(folder)))


def test_rendering_again_names_what_can(former: Path) -> None:
    with pytest.raises(SynthesizerVersionError, match=says_what_made(former)):
        syngen.verify(former, rerender=2)


def test_trajectories_name_what_has_them(former: Path) -> None:
    with pytest.raises(SynthesizerVersionError, match=says_what_made(former)):
        syngen.load(former).trajectories(0)


def test_a_lost_shard_is_left_with_what_can_make_it(former: Path) -> None:
    (former / "audio" / "train-000000.tar").unlink()
    before = digests_of(former)
    with pytest.warns(SkippedCheckWarning):
        report = syngen.repair(former, jobs=1)
    assert (report.shards, report.files, report.rendered) == ((), (), 0)
    assert re.match(f"nothing can be repaired: {says_what_made(former)}", report.left[0])
    assert any("train-000000" in line for line in report.left[1:])
    assert digests_of(former) == before


def test_a_sound_one_needs_no_repair(former: Path) -> None:
    with pytest.warns(SkippedCheckWarning):
        assert syngen.repair(former, jobs=1).left == ()


@pytest.mark.parametrize("size", [9, 20])
def test_it_does_not_grow_here(size: int, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER / "tone-1", tmp_path / "tone-1"))
    before = digests_of(folder)
    recipe = syngen.load_recipe(folder / "recipe.yaml").with_size(size)
    wanted = rf"can neither be finished nor grow here: {says_what_made(folder)}"
    with pytest.raises(syngen.PlanMismatchError, match=wanted):
        syngen.generate(recipe, folder, jobs=1, shard_size=3)
    assert digests_of(folder) == before


def test_it_can_be_overwritten(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER / "tone-1", tmp_path / "tone-1"))
    report = syngen.generate(folder / "recipe.yaml", folder, jobs=1, overwrite=True)
    assert report.left == ()
    assert read_description(folder / "dataset.json").versions["synthesizer tone"] == "99"
    assert syngen.verify(folder, rerender=3) == []


def test_it_is_not_made_again_for_a_download(former: Path, tmp_path: Path) -> None:
    with pytest.raises(SynthesizerVersionError, match=says_what_made(former)):
        syngen.download(former, to=tmp_path / "it", recreate=True, jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == [former.name]


def test_no_release_is_built_of_it(former: Path, tmp_path: Path) -> None:
    with pytest.raises(SynthesizerVersionError, match=says_what_made(former)):
        syngen.release(former, tmp_path / "release", version="1.0.0")
    assert not (tmp_path / "release").exists()


def test_it_is_downloaded_as_it_is(former: Path, tmp_path: Path) -> None:
    syngen.download(former, to=tmp_path / "it")
    assert digests_of(tmp_path / "it") == digests_of(former)


@pytest.mark.parametrize("options", [{"split": "train"}, {"codec": "flac"}, {"limit": 2, "codec": "flac"}])
def test_a_part_of_it_is_downloaded_in_its_format(
    options: dict[str, Any], former: Path, tmp_path: Path
) -> None:
    syngen.download(former, to=tmp_path / "it", **options)
    ds, whole = syngen.load(tmp_path / "it"), syngen.load(former)
    rows = [whole.indices.tolist().index(index) for index in ds.indices.tolist()]
    assert 0 < len(ds) < len(whole) or "codec" in options
    for position, row in enumerate(rows):
        np.testing.assert_array_equal(ds[position].waveform, whole[row].waveform)
    assert read_description(tmp_path / "it" / "dataset.json").format == 1
    assert quietly_checked(tmp_path / "it") == []


@pytest.mark.parametrize("kind", ["wav", "jsonl", "lhotse"])
def test_it_is_exported(kind: str, former: Path, tmp_path: Path) -> None:
    n_rows = FORMER[former.name][2]
    assert syngen.export(former, tmp_path / "out", to=kind) == n_rows
    files = list((tmp_path / "out").rglob("*.wav"))
    assert len(files) == n_rows


def test_the_command_line_says_it_in_one_line(former: Path) -> None:
    done = CliRunner().invoke(cli, ["verify", str(former)])
    assert (done.exit_code, done.stdout) == (0, "")
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert MADE_BY in notes[0]
    assert ": sound, in " in done.stderr
    done = CliRunner().invoke(cli, ["verify", str(former), "--rerender", "2"])
    (line,) = done.stderr.strip().splitlines()
    assert done.exit_code == 2
    assert line.startswith("error: nothing of ")
    assert MADE_BY in line


def test_it_is_verified_in_an_object_store(former: Path) -> None:
    import fsspec

    url = f"memory://former/{former.name}"
    fsspec.filesystem("memory").put(f"{former}/", f"/former/{former.name}/", recursive=True)
    with pytest.warns(SkippedCheckWarning, match=says_what_made(former)):
        assert syngen.verify(url) == []
    with pytest.raises(SynthesizerVersionError, match=says_what_made(former)):
        syngen.verify(url, rerender=1)
    with pytest.raises(SynthesizerVersionError, match=says_what_made(former)):
        syngen.load(url).trajectories(0)
    if former.name == "tone-1":
        with pytest.raises(syngen.PlanMismatchError, match=says_what_made(former)):
            syngen.generate(former / "recipe.yaml", url, jobs=1)


def test_an_unfinished_one_is_finished_by_what_began_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToneSynthesizer, "version", "1")
    folder = interrupt_after(1, WHOLE_LOOKING, tmp_path / "begun", shard_size=5)
    monkeypatch.setattr(ToneSynthesizer, "version", "99")
    before = digests_of(folder)
    wanted = "version 1 of the synthesizer tone made it, and version 99 is installed"
    for act in (syngen.verify, syngen.repair):
        with pytest.raises(SynthesizerVersionError, match=wanted):
            act(folder)
    with pytest.raises(syngen.PlanMismatchError, match=wanted):
        syngen.generate(WHOLE_LOOKING, folder, jobs=1, shard_size=5)
    assert digests_of(folder) == before
