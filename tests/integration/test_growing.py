"""Growing: a larger dataset in the folder of a smaller one is that of a fresh run, byte for byte."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import syngen
from syngen.cli.main import cli
from syngen.errors import ManifestError, PlanMismatchError
from syngen.generation.folder import growing
from syngen.generation.run import GenerationReport
from syngen.io.files import sha256_of
from tests.support import (
    TALK_IN_ROOMS,
    WITH_NUISANCES,
    digests_of,
    files_of,
    flip,
    interrupt_after,
    names_below,
    needs_speech,
    run_python,
)

TONES: dict[str, Any] = WITH_NUISANCES | {"name": "growing"}
CONDITIONS: dict[str, Any] = TONES | {
    "name": "growing-by-conditions",
    "factors": {
        "timbre": {"values": ["sine", "triangle", "organ"]},
        "frequency": {"geomspace": {"start": 110.0, "stop": 880.0, "num": 20}, "unit": "Hz"},
        "brightness": {"linspace": {"start": -12.0, "stop": -3.0, "num": 6}, "unit": "dB/octave"},
    },
    "sampling": {
        "where": [{"timbre": ["sine", "organ"]}, {"frequency": {"min": 300.0}}],
        "exclude": [{"timbre": ["organ"], "frequency": {"max": 150.0}}],
        "correlations": [{"factors": ["frequency", "brightness"], "sigma": 0.4}],
    },
    "splits": {
        "default": {"hold_out": [{"timbre": ["triangle"], "frequency": {"min": 500.0}}]},
        "middle": {"interpolation": {"factor": "frequency", "every": 4}},
    },
}
SPEECH: dict[str, Any] = TALK_IN_ROOMS | {"name": "growing-talk"}
N_TONES = 60


def grow(folder: Path, recipe: Any = TONES, **options: Any) -> GenerationReport:
    return syngen.generate(recipe, folder, **{"jobs": 1, "shard_size": 7} | options)


def assert_equal_folders(folder: Path, fresh: Path) -> None:
    assert digests_of(folder) == digests_of(fresh)
    assert names_below(folder) == names_below(fresh)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give the folder of an undisturbed run; not to be changed."""
    made: dict[str, Path] = {}

    def make(recipe: Any = TONES, **options: Any) -> Path:
        key = repr((recipe["name"], sorted(options.items())))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("fresh") / "data"
            grow(made[key], recipe, **options)
        return made[key]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["wav", "flac"])
@pytest.mark.parametrize("shard_size", [1, 7, 10, 1000])
@pytest.mark.parametrize(("small", "large"), [(1, 2), (13, 40), (14, 14 + 7), (59, None), (20, 60)])
def test_a_finished_dataset_grows(
    small: int, large: int | None, shard_size: int, codec: str, fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder, layout = tmp_path / "data", {"shard_size": shard_size, "codec": codec}
    grow(folder, limit=small, **layout)
    report = grow(folder, limit=large, **layout)
    n_rows = large or N_TONES
    assert (report.rows, report.copied, report.rendered) == (n_rows, small, n_rows - small)
    assert_equal_folders(folder, fresh(limit=large, **layout))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("sizes", [(5, 90), (30, 31, 80, 95), (20, None)])
def test_conditions_and_correlations_keep_what_a_dataset_begins_with(
    sizes: tuple[int | None, ...], jobs: int, fresh: Callable[..., Path], tmp_path: Path
) -> None:
    before = 0
    for size in sizes:
        report = grow(tmp_path / "data", CONDITIONS, limit=size, jobs=jobs)
        assert (report.copied, report.rendered) == (before, report.rows - before)
        before = report.rows
    assert_equal_folders(tmp_path / "data", fresh(CONDITIONS, limit=sizes[-1]))


@pytest.mark.slow
@needs_speech
@pytest.mark.parametrize("codec", ["wav", "flac"])
def test_speech_grows_with_its_annotations(codec: str, fresh: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for size, n_new in ((5, 5), (12, 7), (None, 12)):
        report = grow(folder, SPEECH, limit=size, codec=codec, shard_size=4)
        assert report.rendered == n_new
    assert_equal_folders(folder, fresh(SPEECH, codec=codec, shard_size=4))
    assert syngen.verify(folder, rerender=24) == []


@pytest.mark.slow
def test_an_edited_size_is_a_limit(fresh: Callable[..., Path], tmp_path: Path) -> None:
    grow(tmp_path / "data", TONES | {"sampling": {"size": 20}})
    report = grow(tmp_path / "data", TONES | {"sampling": {"size": 45}})
    assert (report.copied, report.rendered) == (20, 25)
    grow(tmp_path / "fresh", TONES | {"sampling": {"size": 45}})
    assert_equal_folders(tmp_path / "data", tmp_path / "fresh")


@pytest.mark.parametrize("n_finished", [0, 1, 3, 5])
@pytest.mark.parametrize("size", [41, None])
def test_an_unfinished_dataset_grows(
    n_finished: int, size: int | None, fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    interrupt_after(n_finished, TONES, folder, limit=40)
    report = grow(folder, limit=size)
    assert report.copied == 7 * n_finished
    assert_equal_folders(folder, fresh(limit=size))


@pytest.mark.slow
def test_an_unfinished_growth_grows_on(fresh: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    grow(folder, limit=20)
    interrupt_after(1, TONES, folder, limit=33)
    interrupt_after(2, TONES, folder, limit=44)
    interrupt_after(1, TONES, folder, limit=50)
    with pytest.raises(ManifestError, match="not finished"):
        syngen.load(folder)
    report = grow(folder)
    assert report.rendered <= N_TONES - 20
    assert_equal_folders(folder, fresh())


def test_an_interrupted_growth_resumes_and_renders_nothing_twice(
    fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    grow(folder, limit=40)
    interrupt_after(2, TONES, folder)
    finished = {path.stem for path in (folder / ".syngen" / "receipts").glob("*.json")}
    before = {name: (folder / "audio" / f"{name}.tar").stat().st_ino for name in finished}
    report = grow(folder)
    assert {name: (folder / "audio" / f"{name}.tar").stat().st_ino for name in finished} == before
    assert report.rendered < 20
    assert_equal_folders(folder, fresh())


def test_shards_that_are_the_same_in_both_stay_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    grow(folder, limit=40)
    first = folder / "audio" / "train-000000.tar"
    before = first.stat()
    grow(folder)
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a sample": lambda p: flip(p / "audio" / "train-000000.tar", 1000),
    "a header": lambda p: flip(p / "audio" / "test-000000.tar", 10),
    "a sample of the last shard": lambda p: flip(p / "audio" / "train-000004.tar", 600),
    "a shard cut": lambda p: (p / "audio" / "train-000004.tar").write_bytes(
        (p / "audio" / "train-000004.tar").read_bytes()[:5000]
    ),
    "a shard longer": lambda p: (p / "audio" / "train-000004.tar").write_bytes(
        (p / "audio" / "train-000004.tar").read_bytes() + b"x"
    ),
    "no shard": lambda p: (p / "audio" / "train-000001.tar").unlink(),
    "no test": lambda p: (p / "audio" / "test-000000.tar").unlink(),
    "the manifest": lambda p: flip(p / "manifest.parquet", 2000),
    "no manifest": lambda p: (p / "manifest.parquet").unlink(),
    "the checksums": lambda p: flip(p / "SHA256SUMS", 3),
    "no checksums": lambda p: (p / "SHA256SUMS").unlink(),
    "the description": lambda p: (p / "dataset.json").write_bytes(b"{"),
    "the recipe": lambda p: flip(p / "recipe.yaml", 20),
    "the card": lambda p: (p / "README.md").unlink(),
}


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["wav", "flac"])
@pytest.mark.parametrize("what", DAMAGE)
def test_damage_does_not_grow_with_the_dataset(
    what: str, codec: str, fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(fresh(limit=44, codec=codec), tmp_path / "data"))
    DAMAGE[what](folder)
    report = grow(folder, codec=codec)
    assert 60 - 44 <= report.rendered <= 60
    assert report.rendered + report.copied == 60
    assert_equal_folders(folder, fresh(codec=codec))


@pytest.mark.parametrize("codec", ["wav", "flac"])
@pytest.mark.parametrize("shard", ["train-000000", "test-000000"])
def test_of_a_damaged_shard_only_the_damaged_observation_is_rendered(
    shard: str, codec: str, fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(fresh(limit=44, codec=codec), tmp_path / "data"))
    flip(folder / "audio" / f"{shard}.tar", 512 + 400)
    report = grow(folder, codec=codec)
    assert (report.rendered, report.copied) == (16 + 1, 44 - 1)
    assert_equal_folders(folder, fresh(codec=codec))


@pytest.mark.slow
@needs_speech
@pytest.mark.parametrize("name", ["annotations.parquet", "manifest.parquet", "speakers.parquet"])
def test_damaged_tables_do_not_grow(name: str, fresh: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(fresh(SPEECH, limit=15, shard_size=4), tmp_path / "data"))
    flip(folder / name, 900)
    grow(folder, SPEECH, shard_size=4)
    assert_equal_folders(folder, fresh(SPEECH, shard_size=4))


@pytest.mark.slow
@pytest.mark.parametrize("state", ["finished", "unfinished"])
@pytest.mark.parametrize("step", ["write_atomic", "sync_folder", "read_receipt", "_move", "sha256_of"])
def test_a_run_that_ends_at_any_step_of_the_switch_loses_nothing(
    step: str, state: str, fresh: Callable[..., Path], tmp_path: Path
) -> None:
    start = tmp_path / "start"
    if state == "finished":
        shutil.copytree(fresh(limit=40), start)
    else:
        interrupt_after(5, TONES, start, limit=40)
    n_steps = 0
    for number in range(10_000):
        folder = Path(shutil.copytree(start, tmp_path / f"data-{number}"))
        if not _end_at(step, number, folder):
            break
        n_steps += 1
        assert not (folder / "dataset.json").exists() or digests_of_whole(folder) == digests_of(start)
        other = Path(shutil.copytree(folder, tmp_path / f"back-{number}"))
        report = grow(folder)
        assert report.rendered == 60 - (40 if state == "finished" else 35)
        assert_equal_folders(folder, fresh())
        _go_back(other, fresh(limit=40), 0 if state == "finished" else 5)
    assert n_steps >= 1


def digests_of_whole(folder: Path) -> dict[str, str]:
    return {name: d for name, d in digests_of(folder).items() if not name.startswith(".syngen")}


def _end_at(step: str, number: int, folder: Path) -> bool:
    """Grow until a function of the switch is called for the n-th time; False if it never is."""
    function, calls = getattr(growing, step), []

    def called(*arguments: Any, **options: Any) -> Any:
        if len(calls) == number:
            raise KeyboardInterrupt
        calls.append(step)
        return function(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, step, called)
        try:
            grow(folder)
        except KeyboardInterrupt:
            return True
    return False


def _go_back(folder: Path, fresh: Path, n_rendered: int) -> None:
    """Run the command of the smaller dataset: it finishes it, or says that it grows."""
    is_grown = b'"rows": 60' in (folder / "plan.json").read_bytes()
    if is_grown:
        with pytest.raises(PlanMismatchError, match="can grow, but not shrink"):
            grow(folder, limit=40)
        return
    assert grow(folder, limit=40).rendered == n_rendered
    assert_equal_folders(folder, fresh)


@pytest.mark.parametrize("n_moved", range(6))
def test_a_run_that_is_killed_between_two_moves_loses_nothing(
    n_moved: int, fresh: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(fresh(limit=40), tmp_path / "data"))
    replace, moved = Path.replace, []

    def stop(path: Path, target: Path) -> Path:
        if len(moved) == n_moved:
            raise KeyboardInterrupt
        moved.append(path)
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            grow(folder)
    assert not (folder / "dataset.json").exists()
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    assert grow(folder).rendered == 20
    assert_equal_folders(folder, fresh())
    assert grow(other, limit=40).rendered == 0
    assert_equal_folders(other, fresh(limit=40))


def test_what_is_stored_survives_until_the_larger_dataset_is_complete(
    fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(fresh(limit=40), tmp_path / "data"))
    before = {sha256_of(path) for path in (folder / "audio").iterdir()}
    interrupt_after(4, TONES, folder)
    kept = {sha256_of(path) for path in folder.rglob("*.tar")}
    assert before <= kept


@pytest.mark.parametrize("state", ["finished", "unfinished"])
def test_shrinking_is_refused(state: str, fresh: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    if state == "finished":
        shutil.copytree(fresh(limit=40), folder)
    else:
        interrupt_after(2, TONES, folder, limit=40)
    before = files_of(folder)
    message = r"holds 40 observations of this recipe, more than the 39 wanted; .* can grow, but not shrink"
    with pytest.raises(PlanMismatchError, match=message):
        grow(folder, limit=39)
    assert files_of(folder) == before


@pytest.mark.parametrize(
    "options",
    [
        {"shard_size": 8},
        {"codec": "flac"},
        {"recipe": TONES | {"seed": 6}},
        {"recipe": TONES | {"title": "Other"}},
        {"recipe": TONES | {"sampling": {"exclude": [{"timbre": ["sine"]}]}}},
    ],
)
def test_a_plan_that_differs_otherwise_too_is_refused(
    options: dict[str, Any], fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(fresh(limit=20), tmp_path / "data"))
    before = files_of(folder)
    with pytest.raises(PlanMismatchError, match="holds another .*; choose another folder, or --overwrite"):
        grow(folder, **{"limit": 30} | options)
    assert files_of(folder) == before


def test_foreign_files_stay_where_they_are(fresh: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(fresh(limit=20), tmp_path / "data"))
    foreign = {"notes.txt": b"mine", "audio/song.mp3": b"ID3", "audio/test-000000.txt": b"mine too"}
    for name, content in foreign.items():
        (folder / name).write_bytes(content)
    grow(folder)
    after = files_of(folder)
    assert {name: after.pop(name) for name in foreign} == foreign
    assert after == files_of(fresh())


def test_overwriting_forgets_the_smaller_dataset(fresh: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(fresh(limit=40), tmp_path / "data"))
    interrupt_after(1, TONES, folder)
    report = grow(folder, overwrite=True, limit=30)
    assert (report.copied, report.rendered) == (0, 30)
    assert_equal_folders(folder, fresh(limit=30))


KILLED = """\
import os, sys
from pathlib import Path
import syngen
from syngen.generation.folder import growing
from syngen.generation.shard_renderer import ShardRenderer
from syngen.generation.targets import folder

where, number, recipe = sys.argv[1], int(sys.argv[2]), __import__("json").loads(sys.argv[3])
owner, name = {
    "write": (growing, "write_atomic"),
    "rename": (Path, "replace"),
    "shard": (ShardRenderer, "make"),
    "finish": (folder, "finish"),
}[where]
function, calls = getattr(owner, name), []

def killed(*arguments, **options):
    if len(calls) == number:
        os._exit(9)
    calls.append(1)
    return function(*arguments, **options)

setattr(owner, name, killed)
syngen.generate(recipe, "data", jobs=1, shard_size=7)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "number"),
    [("write", 0), ("write", 2), ("write", 3), ("rename", 0), ("rename", 5), ("shard", 1), ("finish", 0)],
)
def test_a_growing_run_that_is_killed_is_finished_by_the_next(
    where: str, number: int, fresh: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(fresh(limit=40), tmp_path / "data"))
    done = run_python("-c", KILLED, where, str(number), json.dumps(TONES), cwd=tmp_path)
    assert done.returncode == 9, done.stderr
    with pytest.raises(ManifestError, match="not finished"):
        syngen.load(folder)
    report = grow(folder)
    assert report.rendered <= 20
    assert_equal_folders(folder, fresh())


@pytest.mark.slow
def test_the_command_says_what_was_taken_over(tmp_path: Path) -> None:
    arguments = ["generate", "syntone-tiny", str(tmp_path / "data"), "-q", "-j", "1", "--shard-size", "50"]
    assert CliRunner().invoke(cli, [*arguments, "--limit", "100"]).exit_code == 0
    result = CliRunner().invoke(cli, [*arguments, "--limit", "150"])
    assert result.exit_code == 0
    assert re.search(r"150 observations \(50 new, [\d,]+/s, 100 of a smaller dataset kept\)", result.stderr)
    result = CliRunner().invoke(cli, [*arguments, "--limit", "149"])
    assert result.exit_code == 2
    assert "holds 150 observations of this recipe, more than the 149 wanted" in result.stderr
    assert "choose another folder, or --overwrite" in result.stderr
