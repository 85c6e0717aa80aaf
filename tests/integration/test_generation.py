"""Generation: the same bytes however they are made, and resuming, refusing, replacing, locking."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import syngen
from syngen.errors import (
    EngineError,
    GenerationIncompleteError,
    ManifestError,
    ParameterError,
    PlanMismatchError,
)
from syngen.generation.run import GenerationReport
from syngen.generation.shard_renderer import ShardRenderer
from syngen.io.locks import exclusive_lock
from syngen.storage.layout import Layout
from tests.support import edit_json, files_of, flip, identities, names_below, run_python

N_ROWS = 408


def resumed(folder: Path, **options: object) -> GenerationReport:
    return syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50, **options)  # type: ignore[arg-type]


@pytest.fixture
def unfinished(interrupted: Path, tmp_path: Path) -> Path:
    """A copy of the interrupted folder, to be damaged and finished."""
    return Path(shutil.copytree(interrupted, tmp_path / "unfinished"))


@pytest.fixture
def finished(tiny_dataset: Path, tmp_path: Path) -> Path:
    """A copy of the finished folder, to be changed."""
    return Path(shutil.copytree(tiny_dataset, tmp_path / "finished"))


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["wav", "flac"])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_jobs_shard_size_and_codec_do_not_change_an_observation(
    jobs: int, codec: str, tiny_dataset: Path, tmp_path: Path
) -> None:
    report = syngen.generate("syntone-tiny", tmp_path / "data", jobs=jobs, shard_size=400, codec=codec)
    assert report.rows == report.rendered == N_ROWS
    assert report.shards == 3
    assert identities(tmp_path / "data") == identities(tiny_dataset)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["wav", "flac"])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_equal_plans_give_identical_folders(
    jobs: int, codec: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    expected = request.getfixturevalue("tiny_dataset" if codec == "wav" else "tiny_flac")
    syngen.generate("syntone-tiny", tmp_path / "data", jobs=jobs, shard_size=50, codec=codec)
    assert files_of(tmp_path / "data") == files_of(expected)
    assert names_below(tmp_path / "data") == names_below(expected)


def test_codecs_hold_the_same_observations(tiny_dataset: Path, tiny_flac: Path) -> None:
    assert identities(tiny_flac) == identities(tiny_dataset)


def test_a_report_says_what_was_made(tmp_path: Path) -> None:
    report = resumed(tmp_path / "data", limit=60)
    shards = list((tmp_path / "data" / "audio").iterdir())
    assert report.folder == tmp_path / "data"
    assert (report.rows, report.rendered, report.shards) == (60, 60, len(shards))
    assert report.bytes == sum(path.stat().st_size for path in shards)
    assert report.audio_s == pytest.approx(15.0)
    assert report.wall_s > 0.0


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_is_told_from_nothing_to_everything_and_nothing_is_printed(
    jobs: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    updates: list[syngen.ProgressUpdate] = []
    syngen.generate(
        "syntone-tiny", tmp_path / "data", jobs=jobs, shard_size=50, limit=200, progress=updates.append
    )
    done = [update.done for update in updates]
    assert done[0] == 0
    assert done[-1] == 200
    assert done == sorted(set(done))
    assert {update.total for update in updates} == {200}
    assert updates[-1].audio_s == pytest.approx(50.0)
    assert capfd.readouterr() == ("", "")


def test_an_interrupted_run_leaves_finished_shards_and_no_dataset(interrupted: Path) -> None:
    names = names_below(interrupted)
    assert sum(name.endswith(".tar") for name in names) == 4
    assert sum(name.startswith(".syngen/receipts/") for name in names) == 8
    assert not [name for name in names if name.endswith(".tmp")]
    assert (interrupted / "plan.json").exists()
    assert not (interrupted / "dataset.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_resume_makes_only_the_missing_shards(unfinished: Path, tiny_dataset: Path, jobs: int) -> None:
    kept = {path: path.stat().st_mtime_ns for path in (unfinished / "audio").iterdir()}
    report = syngen.generate("syntone-tiny", unfinished, jobs=jobs, shard_size=50)
    assert report.rendered == N_ROWS - 4 * 50
    assert report.rows == N_ROWS
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert files_of(unfinished) == files_of(tiny_dataset)
    assert names_below(unfinished) == names_below(tiny_dataset)


def test_resume_tells_progress_from_where_it_starts(unfinished: Path) -> None:
    updates: list[syngen.ProgressUpdate] = []
    resumed(unfinished, progress=updates.append)
    assert (updates[0].done, updates[-1].done) == (200, N_ROWS)
    assert updates[-1].audio_s == pytest.approx((N_ROWS - 200) * 0.25)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def _set(key: str, value: object) -> Callable[[Path], None]:
    return lambda path: edit_json(path, lambda content: content.__setitem__(key, value))


def _set_entry(key: str, value: object) -> Callable[[Path], None]:
    return lambda path: edit_json(path, lambda content: content["entry"].__setitem__(key, value))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        pytest.param(".syngen/receipts/train-000001.json", Path.unlink, id="no receipt"),
        pytest.param(".syngen/receipts/train-000001.json", _cut, id="receipt cut"),
        pytest.param(
            ".syngen/receipts/train-000001.json", lambda p: p.write_bytes(b""), id="receipt empty"
        ),
        pytest.param(
            ".syngen/receipts/train-000001.json", lambda p: p.write_bytes(b"{nonsense"), id="no JSON"
        ),
        pytest.param(
            ".syngen/receipts/train-000001.json", lambda p: p.write_bytes(b"\xff\xfe\x00"), id="bytes"
        ),
        pytest.param(".syngen/receipts/train-000001.json", lambda p: p.write_bytes(b"[]"), id="a list"),
        pytest.param(".syngen/receipts/train-000001.json", lambda p: p.write_bytes(b"{}"), id="empty map"),
        pytest.param(".syngen/receipts/train-000001.json", _set("entry", None), id="no entry"),
        pytest.param(".syngen/receipts/train-000001.json", _set("row", 0), id="another row"),
        pytest.param(".syngen/receipts/train-000001.json", _set("surplus", 1), id="surplus key"),
        pytest.param(".syngen/receipts/train-000001.json", _set_entry("rows", 49), id="other rows"),
        pytest.param(".syngen/receipts/train-000001.json", _set_entry("split", "test"), id="other split"),
        pytest.param(".syngen/receipts/train-000001.json", _set_entry("name", "x-000000"), id="other name"),
        pytest.param(".syngen/receipts/train-000001.json", _set_entry("bytes", 5), id="other size"),
        pytest.param(".syngen/receipts/train-000001.parquet", Path.unlink, id="no part"),
        pytest.param(".syngen/receipts/train-000001.parquet", _cut, id="part cut"),
        pytest.param(".syngen/receipts/train-000001.parquet", lambda p: flip(p, 3000), id="part damaged"),
        pytest.param("audio/train-000001.tar", Path.unlink, id="no shard"),
        pytest.param("audio/train-000001.tar", _cut, id="shard cut"),
        pytest.param("audio/train-000001.tar", lambda p: p.write_bytes(b""), id="shard empty"),
    ],
)
def test_a_shard_without_a_valid_receipt_is_made_again(
    name: str, damage: Callable[[Path], object], unfinished: Path, tiny_dataset: Path
) -> None:
    damage(unfinished / name)
    report = resumed(unfinished)
    assert report.rendered == N_ROWS - 3 * 50
    assert files_of(unfinished) == files_of(tiny_dataset)


def test_a_shard_that_fails_is_named_and_made_by_the_next_run(
    tmp_path: Path, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = ShardRenderer.make

    def make_all_but_one(worker: ShardRenderer, layout: Layout, shard: object, indices: object) -> object:
        if shard.name == "train-000002":  # type: ignore[attr-defined]
            raise EngineError("the engine is out of breath")
        return make(worker, layout, shard, indices)  # type: ignore[arg-type]

    folder = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(ShardRenderer, "make", make_all_but_one)
        with pytest.raises(GenerationIncompleteError, match="1 of 10 shards failed, first train-000002"):
            resumed(folder)
    assert not (folder / "dataset.json").exists()
    assert not (folder / "audio" / "train-000002.tar").exists()
    with pytest.raises(ManifestError, match="not finished; run the same syngen generate command again"):
        syngen.load(folder)
    assert resumed(folder).rendered == 50
    assert files_of(folder) == files_of(tiny_dataset)


def test_failed_shards_are_listed_with_their_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(worker: ShardRenderer, layout: Layout, shard: object, indices: object) -> object:
        raise EngineError("out of breath")

    monkeypatch.setattr(ShardRenderer, "make", fail)
    with pytest.raises(GenerationIncompleteError) as caught:
        resumed(tmp_path / "data", limit=60)
    assert set(caught.value.failed) == {"train-000000", "validation-000000", "test-000000"}
    assert set(caught.value.failed.values()) == {"out of breath"}


def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(
    tmp_path: Path, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, made = ShardRenderer.make, []

    def make_three(worker: ShardRenderer, *arguments: object) -> object:
        if len(made) == 3:
            raise OSError(28, "No space left on device")
        made.append(make(worker, *arguments))  # type: ignore[arg-type]
        return made[-1]

    folder = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(ShardRenderer, "make", make_three)
        with pytest.raises(GenerationIncompleteError, match="No space left on device"):
            resumed(folder)
    assert resumed(folder).rendered == N_ROWS - 150
    assert files_of(folder) == files_of(tiny_dataset)


@pytest.mark.parametrize("state", ["unfinished", "finished"])
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"shard_size": 51}, '-   "shard_size": 50,'),
        ({"shard_size": 50, "codec": "flac"}, '+   "codec": "flac",'),
        ({"shard_size": 50, "limit": 100}, "more than the 100 wanted"),
    ],
)
def test_another_plan_is_refused_with_the_lines_that_differ(
    state: str, options: dict[str, object], line: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(state)
    before = files_of(folder)
    with pytest.raises(PlanMismatchError) as caught:
        syngen.generate("syntone-tiny", folder, jobs=1, **options)  # type: ignore[arg-type]
    said = [str(caught.value), *getattr(caught.value, "__notes__", ())]
    assert line in "\n".join(said)
    assert "choose another folder, or --overwrite" in str(caught.value)
    assert files_of(folder) == before


def test_another_recipe_is_refused_by_its_fingerprint(finished: Path) -> None:
    with pytest.raises(PlanMismatchError, match='"fingerprint"'):
        syngen.generate("syntone-small", finished, jobs=1, shard_size=50, limit=N_ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["unfinished", "finished"])
def test_overwrite_replaces_a_dataset_of_another_plan(
    state: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(state)
    options = {"jobs": 1, "shard_size": 20, "limit": 60, "codec": "flac"}
    report = syngen.generate("syntone-tiny", folder, overwrite=True, **options)  # type: ignore[arg-type]
    assert report.rendered == 60
    syngen.generate("syntone-tiny", tmp_path / "fresh", **options)  # type: ignore[arg-type]
    assert files_of(folder) == files_of(tmp_path / "fresh")
    assert syngen.verify(folder) == []


def test_overwrite_makes_everything_again_for_the_same_plan(finished: Path, tiny_dataset: Path) -> None:
    assert resumed(finished, overwrite=True).rendered == N_ROWS
    assert files_of(finished) == files_of(tiny_dataset)


def test_overwrite_needs_no_dataset_to_be_there(tmp_path: Path) -> None:
    assert resumed(tmp_path / "new", overwrite=True, limit=20).rendered == 20


def test_overwrite_leaves_files_that_are_not_the_datasets(finished: Path) -> None:
    foreign = {
        "notes.txt": b"measured on Monday",
        "audio/song.mp3": b"ID3",
        "audio/my-recordings.tar": b"tape",
        "audio/.hidden": b"hidden",
        "results/scores.csv": b"0.5",
    }
    for name, content in foreign.items():
        (finished / name).parent.mkdir(exist_ok=True)
        (finished / name).write_bytes(content)
    resumed(finished, overwrite=True, limit=20)
    after = files_of(finished)
    assert {name: after.get(name) for name in foreign} == foreign
    assert len([name for name in after if name.endswith(".tar")]) == 3 + 1


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ["notes.txt"],
        ["README.md", "SHA256SUMS"],
        ["audio/train-000000.tar"],
        ["recipe.yaml"],
        ["dataset.json"],
        [".syngen/notes.txt", "notes.txt"],
    ],
)
def test_a_folder_with_foreign_files_only_is_refused_and_kept(
    names: list[str], overwrite: bool, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(b"somebody else's")
    before = files_of(tmp_path / "data")
    with pytest.raises((ParameterError, PlanMismatchError)):
        resumed(tmp_path / "data", overwrite=overwrite)
    assert files_of(tmp_path / "data") == before


def test_overwrite_does_not_take_the_plan_of_another_program_for_a_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "plan.json").write_text('{"terraform_version": "1.9.0"}', "utf-8")
    (folder / "README.md").write_text("# My infrastructure", "utf-8")
    before = files_of(folder)
    with pytest.raises(ParameterError, match="holds no dataset"):
        resumed(folder, overwrite=True, limit=20)
    assert files_of(folder) == before


@pytest.mark.slow
def test_a_second_run_in_a_folder_is_refused(unfinished: Path, tiny_dataset: Path) -> None:
    before = files_of(unfinished)
    with exclusive_lock(Layout(unfinished).lock) as is_mine:
        assert is_mine
        for overwrite in (False, True):
            with pytest.raises(ParameterError, match="another run is working in"):
                resumed(unfinished, overwrite=overwrite)
    assert files_of(unfinished) == before
    resumed(unfinished)
    assert files_of(unfinished) == files_of(tiny_dataset)


@pytest.mark.slow
def test_the_lock_dies_with_its_holder(unfinished: Path, tiny_dataset: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from syngen.io.locks import exclusive_lock\n"
        "with exclusive_lock(Path(sys.argv[1])) as is_mine:\n"
        "    print(is_mine, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(Layout(unfinished).lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with pytest.raises(ParameterError, match="another run is working in"):
            resumed(unfinished)
        holder.kill()
        holder.wait()
        resumed(unfinished)
    assert files_of(unfinished) == files_of(tiny_dataset)


def test_stale_temporaries_are_removed(unfinished: Path, tiny_dataset: Path) -> None:
    stale = (
        "audio/.train-000005.tar.4711-0123456789abcdef.tmp",
        ".manifest.parquet.4711-0123456789abcdef.tmp",
        ".syngen/receipts/.train-000005.json.4711-0123456789abcdef.tmp",
    )
    for name in stale:
        (unfinished / name).write_bytes(b"half of it")
    resumed(unfinished)
    assert names_below(unfinished) == names_below(tiny_dataset)


def test_a_run_that_ended_before_its_plan_was_written_is_started_again(
    tmp_path: Path, tiny_dataset: Path
) -> None:
    folder = tmp_path / "data"
    (folder / "audio").mkdir(parents=True)
    (folder / ".syngen" / "receipts").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: half", "utf-8")
    (folder / ".plan.json.4711-0123456789abcdef.tmp").write_bytes(b"{")
    resumed(folder)
    assert names_below(folder) == names_below(tiny_dataset)
    assert files_of(folder) == files_of(tiny_dataset)


@pytest.mark.parametrize("limit", [1, 37, 300])
def test_limit_keeps_the_split_and_the_order_of_every_observation(
    limit: int, tiny_dataset: Path, tmp_path: Path
) -> None:
    resumed(tmp_path / "some", limit=limit)
    some, everything = (
        pq.read_table(folder / "manifest.parquet").to_pandas()
        for folder in (tmp_path / "some", tiny_dataset)
    )
    assert len(some) == limit
    columns = [name for name in some if name.startswith("split")]
    assert len(columns) == 4
    whole = everything.set_index("index")
    for column in columns:
        assert list(some[column]) == list(whole.loc[some["index"], column])
    for split, rows in some.groupby("split"):
        expected = everything[everything["split"] == split]
        assert list(rows["index"]) == list(expected["index"][: len(rows)])
        assert list(rows["pcm_sha256"]) == list(expected["pcm_sha256"][: len(rows)])


def test_limit_is_part_of_the_plan_and_the_folder_completes(tmp_path: Path) -> None:
    resumed(tmp_path / "data", limit=40)
    for name in ("plan.json", "dataset.json"):
        content = json.loads((tmp_path / "data" / name).read_text("utf-8"))
        assert content["recipe"]["sampling"]["size"] == 40
    assert syngen.verify(tmp_path / "data", rerender=40) == []


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit: int, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=f"limit is {limit}; a whole number from 1 on"):
        resumed(tmp_path / "data", limit=limit)
    assert not (tmp_path / "data").exists()


def test_a_limit_above_the_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(syngen.RecipeError, match="is 409, but the grid has only 408 points"):
        resumed(tmp_path / "data", limit=409)
    assert not (tmp_path / "data").exists()


def test_a_finished_folder_with_the_same_plan_is_left_alone(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in [finished, *finished.rglob("*")]}
    report = resumed(finished)
    assert (report.rows, report.rendered, report.shards) == (N_ROWS, 0, 10)
    assert {path: path.stat().st_mtime_ns for path in [finished, *finished.rglob("*")]} == before


@pytest.mark.slow
@pytest.mark.parametrize("damage", [Path.unlink, _cut], ids=["missing", "cut"])
def test_a_finished_folder_that_lost_a_shard_is_not_taken_for_whole(
    finished: Path, tiny_dataset: Path, damage: Callable[[Path], None]
) -> None:
    damage(finished / "audio" / "train-000003.tar")
    with pytest.raises(ManifestError, match=r"shard train-000003 .* run syngen verify"):
        resumed(finished)
    resumed(finished, overwrite=True)
    assert files_of(finished) == files_of(tiny_dataset)


def test_a_finished_folder_that_kept_its_work_folder_is_tidied(finished: Path, tiny_dataset: Path) -> None:
    (finished / ".syngen" / "receipts").mkdir(parents=True)
    (finished / ".syngen" / "lock").touch()
    assert resumed(finished).rendered == 0
    assert names_below(finished) == names_below(tiny_dataset)


@pytest.mark.parametrize("jobs", [0, -1])
def test_fewer_than_one_job_is_refused(jobs: int, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=f"jobs is {jobs}; a whole number from 1 on"):
        syngen.generate("syntone-tiny", tmp_path / "data", jobs=jobs)
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_more_jobs_than_shards_are_no_error(tmp_path: Path) -> None:
    assert syngen.generate("syntone-tiny", tmp_path / "data", jobs=16, limit=20).rows == 20


@pytest.mark.slow
def test_a_script_without_a_main_guard_may_use_several_jobs(tmp_path: Path, tiny_dataset: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import syngen\n"
        "print('started')\n"
        "report = syngen.generate('syntone-tiny', 'data', jobs=2, shard_size=50)\n"
        "print(report.rendered)\n",
        "utf-8",
    )
    done = run_python(str(script), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"started\n{N_ROWS}\n", "")
    assert files_of(tmp_path / "data") == files_of(tiny_dataset)


@pytest.mark.slow
def test_a_recipe_is_the_same_by_name_by_path_and_as_data(tmp_path: Path, tiny_dataset: Path) -> None:
    recipe = syngen.load_recipe("syntone-tiny")
    for number, given in enumerate((tiny_dataset / "recipe.yaml", recipe.recipe.document(), recipe)):
        folder = tmp_path / str(number)
        syngen.generate(given, folder, jobs=1, shard_size=50)
        found, expected = files_of(folder), files_of(tiny_dataset)
        if isinstance(given, dict):  # its text is JSON then, everything else is the same
            for files in (found, expected):
                del files["recipe.yaml"], files["SHA256SUMS"]
                described = json.loads(files.pop("dataset.json"))
                del described["recipe_text"]
                files["described"] = json.dumps(described).encode()
        assert found == expected
