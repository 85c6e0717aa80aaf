"""Repair: exactly what is damaged is made again, and the folder is what it was, byte for byte."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli
from syngen.errors import ManifestError, ParameterError, SkippedCheckWarning
from syngen.generation.shard_renderer import ShardRenderer
from syngen.io.locks import exclusive_lock
from syngen.verification import document_repair
from syngen.verification import repair as repairing
from tests.support import (
    EVERY_CASE,
    SMALL_TALK,
    WITH_NUISANCES,
    digests_of,
    edit_json,
    files_of,
    flip,
    interrupt_after,
    names_below,
    needs_speech,
    renew_checksums,
)

# in the order in which syngen itself writes a recipe that was given as data
TONES: dict[str, Any] = {"name": "to-be-repaired", "licence": "CC0-1.0"} | {
    key: value for key, value in WITH_NUISANCES.items() if key != "name"
}
RECIPE_TEXT = """\
name: with-comments        # and with them
synthesizer: tone
seed: 3
audio: {sample_rate: 8000, duration: 0.05}
factors:
  timbre: {values: [sine, square]}
  frequency: {linspace: {start: 200.0, stop: 300.0, num: 12}, unit: Hz}
"""
TOLD = {
    (
        "plan.json",
        "dataset.json",
    ): "nothing can be repaired: neither plan.json nor dataset.json can be read",
    ("recipe.yaml", "dataset.json"): "recipe.yaml: its text, with layout and comments, is nowhere else",
}
"""What two documents can have lost that no third one says."""

DOCUMENTS = ["plan.json", "recipe.yaml", "manifest.parquet", "README.md", "SHA256SUMS", "dataset.json"]


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sixty tones per codec in nine shards; not to be changed."""
    made = {codec: tmp_path_factory.mktemp("whole") / codec for codec in ("wav", "flac")}
    for codec, folder in made.items():
        syngen.generate(TONES, folder, jobs=1, shard_size=7, codec=codec)
    return made


@pytest.fixture
def whole(wholes: dict[str, Path]) -> Path:
    return wholes["wav"]


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen utterances in five shards; not to be changed."""
    folder = tmp_path_factory.mktemp("spoken") / "data"
    syngen.generate(SMALL_TALK, folder, jobs=1, shard_size=4)
    return folder


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """Tones after a run that was interrupted when four of its nine shards were finished."""
    return interrupt_after(4, TONES, tmp_path / "unfinished")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_in_the_middle(path: Path) -> None:
    flip(path, path.stat().st_size // 2, 0x04)


DAMAGES = [Path.unlink, cut, scramble, empty, flip_in_the_middle]


def assert_equal_folders(folder: Path, expected: Path) -> None:
    assert digests_of(folder) == digests_of(expected)
    assert names_below(folder) == names_below(expected)


def test_a_sound_dataset_is_left_alone(data: Path, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    report = syngen.repair(data)
    assert (report.shards, report.files, report.rendered, report.left) == ((), (), 0, ())
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before
    assert_equal_folders(data, whole)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("codec", ["wav", "flac"])
def test_exactly_the_damaged_shards_are_made_again(
    codec: str, damage: Callable[[Path], object], wholes: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(wholes[codec], tmp_path / "data"))
    names = ["train-000002", "test-000000"]
    for name in names:
        damage(folder / "audio" / f"{name}.tar")
    kept = {path: path.stat().st_ino for path in folder.rglob("*.tar") if path.stem not in names}
    report = syngen.repair(folder, jobs=1)
    assert sorted(report.shards) == sorted(names)
    assert (report.files, report.rendered, report.left) == ((), 14, ())
    assert {path: path.stat().st_ino for path in kept} == kept
    assert_equal_folders(folder, wholes[codec])


@pytest.mark.slow
def test_two_jobs_repair_as_one_does(data: Path, whole: Path) -> None:
    for path in sorted((data / "audio").iterdir())[:6]:
        flip(path, 700)
    report = syngen.repair(data, jobs=2)
    assert (len(report.shards), report.left) == (6, ())
    assert_equal_folders(data, whole)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_other_file_is_made_again_without_rendering(
    name: str, damage: Callable[[Path], object], data: Path, whole: Path
) -> None:
    damage(data / name)
    report = syngen.repair(data, jobs=1)
    assert (report.files, report.rendered, report.left) == ((name,), 0, ())
    assert_equal_folders(data, whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_flipped_bits_anywhere_in_a_file_are_mended(name: str, data: Path, whole: Path) -> None:
    rng = random.Random(name)
    size = (data / name).stat().st_size
    for offset in (0, size - 1, *(rng.randrange(size) for _ in range(25 if EVERY_CASE else 5))):
        flip(data / name, offset, 1 << rng.randrange(8))
        report = syngen.repair(data, jobs=1)
        assert (report.files, report.rendered, report.left) == ((name,), 0, ()), offset
        assert_equal_folders(data, whole)


@pytest.mark.slow
@pytest.mark.parametrize("names", list(itertools.combinations([*DOCUMENTS, "audio/train-000001.tar"], 2)))
def test_two_damaged_files_are_made_again(names: tuple[str, str], data: Path, whole: Path) -> None:
    for name in names:
        scramble(data / name)
    report = syngen.repair(data, jobs=1)
    if names in TOLD:
        assert report.left[0].startswith(TOLD[names])
        return
    assert report.left == ()
    assert_equal_folders(data, whole)


@pytest.mark.parametrize("kept", [["plan.json"], ["dataset.json"], ["SHA256SUMS", "plan.json"]])
def test_few_documents_are_enough(kept: list[str], data: Path, whole: Path) -> None:
    for name in DOCUMENTS:
        if name not in (*kept, "recipe.yaml", "manifest.parquet"):
            (data / name).unlink()
    report = syngen.repair(data, jobs=1)
    assert report.left == ()
    assert_equal_folders(data, whole)


@pytest.mark.slow
def test_a_plan_of_one_shard_a_split_is_found_by_its_hash(tmp_path: Path) -> None:
    for size in (60, 1999, 2000):
        folder = tmp_path / str(size)
        syngen.generate(TONES, folder, jobs=1, shard_size=size)
        before = files_of(folder)
        (folder / "plan.json").unlink()
        assert syngen.repair(folder).left == ()
        assert files_of(folder) == before


@pytest.mark.slow
def test_the_text_of_a_recipe_is_found_where_it_can_be(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE_TEXT, "utf-8")
    own, shipped = tmp_path / "own", tmp_path / "shipped"
    syngen.generate(tmp_path / "recipe.yaml", own, jobs=1)
    syngen.generate("syntone-tiny", shipped, jobs=1, limit=20)
    before = files_of(shipped), files_of(own)
    for folder, files in zip((shipped, own), before, strict=True):
        flip(folder / "recipe.yaml", 30)
        assert syngen.repair(folder).left == ()
        assert files_of(folder) == files
    for name in ("recipe.yaml", "dataset.json"):
        (own / name).unlink()
    report = syngen.repair(own)
    assert any("recipe.yaml: its text, with layout and comments, is nowhere else" in r for r in report.left)
    shutil.copy(tmp_path / "recipe.yaml", own)
    assert syngen.repair(own).left == ()
    assert files_of(own) == before[1]


@pytest.mark.slow
@needs_speech
@pytest.mark.parametrize("name", ["annotations.parquet", "speakers.parquet", "manifest.parquet"])
@pytest.mark.parametrize("damage", [Path.unlink, scramble, flip_in_the_middle])
def test_tables_of_speech_are_made_again(
    damage: Callable[[Path], object], name: str, spoken: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(spoken, tmp_path / "data"))
    damage(folder / name)
    report = syngen.repair(folder, jobs=1)
    assert (report.shards, report.files, report.left) == ((), (name,), ())
    assert report.rendered == (0 if name == "speakers.parquet" else 16)
    assert_equal_folders(folder, spoken)


@pytest.mark.slow
@needs_speech
def test_a_shard_of_speech_and_the_checksums_are_made_again(spoken: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(spoken, tmp_path / "data"))
    flip(folder / "audio" / "train-000000.tar", 9000)
    (folder / "SHA256SUMS").unlink()
    report = syngen.repair(folder, jobs=1)
    assert (report.rendered, report.left) == (4, ())
    assert_equal_folders(folder, spoken)


def test_temporaries_are_removed_and_foreign_files_never(data: Path, whole: Path) -> None:
    temporary = data / "audio" / ".train-000001.tar.4711-0123456789abcdef.tmp"
    temporary.write_bytes(b"half")
    foreign = {"notes.txt": b"mine", "audio/song.mp3": b"ID3", "audio/train-000099.tar": b"mine"}
    for name, content in foreign.items():
        (data / name).write_bytes(content)
    flip(data / "audio" / "train-000001.tar", 700)
    report = syngen.repair(data, jobs=1)
    assert report.removed == ("audio/.train-000001.tar.4711-0123456789abcdef.tmp",)
    assert {problem.partition(":")[0] for problem in report.left} == set(foreign)
    after = files_of(data)
    assert {name: after.pop(name) for name in foreign} == foreign
    assert after == files_of(whole)


def test_what_cannot_be_proven_is_kept(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data / "audio" / "train-000001.tar"
    flip(path, 700)
    before = files_of(data)
    make = ShardRenderer.make

    def make_otherwise(worker: ShardRenderer, layout: Any, shard: Any, indices: Any) -> Any:
        return make(worker, layout, shard, indices[::-1].copy())

    monkeypatch.setattr(ShardRenderer, "make", make_otherwise)
    report = syngen.repair(data, jobs=1)
    assert any("rendered again it has another SHA-256 than it had" in reason for reason in report.left)
    assert any(reason.startswith("shard train-000001: row ") for reason in report.left)
    assert files_of(data) == before


def _other_synthesizer(content: dict[str, Any]) -> None:
    content["fingerprint"] = "0" * 64
    content["versions"]["synthesizer tone"] = "0"


def test_a_fingerprint_that_is_not_to_be_had_is_said(data: Path) -> None:
    for name in ("plan.json", "dataset.json"):
        edit_json(data / name, _other_synthesizer)
    renew_checksums(data)
    flip(data / "audio" / "train-000001.tar", 700)
    before = files_of(data)
    with pytest.warns(SkippedCheckWarning):
        report = syngen.repair(data, jobs=1)
    assert report.left[0].startswith("nothing can be repaired: version 0 of the synthesizer tone made it")
    assert any(reason.startswith("shard train-000001: row ") for reason in report.left[1:])
    assert files_of(data) == before


def test_a_flac_file_of_another_library_is_kept(
    wholes: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from syngen.storage.codec import FlacCodec

    folder = Path(shutil.copytree(wholes["flac"], tmp_path / "data"))
    flip(folder / "audio" / "train-000001.tar", 700)
    before = files_of(folder)
    monkeypatch.setattr(FlacCodec, "library", property(lambda _: "libsndfile-9.9"))
    monkeypatch.setattr(FlacCodec, "_LEVEL", 0.0)
    report = syngen.repair(folder, jobs=1)
    assert any("codec flac is libsndfile-9.9 here and was libsndfile-" in reason for reason in report.left)
    assert files_of(folder) == before


def test_a_manifest_by_another_library_is_kept(data: Path) -> None:
    pq.write_table(pq.read_table(data / "manifest.parquet"), data / "manifest.parquet")
    lines = (data / "SHA256SUMS").read_text("utf-8").splitlines(keepends=True)
    digest = digests_of(data)["manifest.parquet"]
    lines = [f"{digest}  manifest.parquet\n" if "manifest" in line else line for line in lines]
    (data / "SHA256SUMS").write_text("".join(lines), "utf-8")
    assert syngen.verify(data) == []
    (data / "README.md").unlink()
    before = files_of(data)["manifest.parquet"]
    assert syngen.repair(data).files == ("README.md",)
    flip(data / "manifest.parquet", 3000)
    report = syngen.repair(data)
    assert any(r.startswith("manifest.parquet: made again by pyarrow") for r in report.left)
    flip(data / "manifest.parquet", 3000)
    assert files_of(data)["manifest.parquet"] == before


@pytest.mark.parametrize("n_calls", range(8))
def test_a_repair_that_is_killed_is_finished_by_the_next(
    n_calls: int, data: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("train-000000", "train-000003", "test-000000"):
        scramble(data / "audio" / f"{name}.tar")
    for name in ("manifest.parquet", "README.md", "dataset.json"):
        empty(data / name)
    calls: list[int] = []

    def stopping(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            if len(calls) == n_calls:
                raise KeyboardInterrupt
            calls.append(1)
            return function(*arguments, **options)

        return called

    with monkeypatch.context() as patch:
        patch.setattr(ShardRenderer, "make", stopping(ShardRenderer.make))
        patch.setattr(document_repair, "write_atomic", stopping(document_repair.write_atomic))
        patch.setattr(document_repair, "write_joined", stopping(document_repair.write_joined))
        patch.setattr(repairing._Repair, "_place", stopping(repairing._Repair._place))
        with pytest.raises(KeyboardInterrupt):
            syngen.repair(data, jobs=1)
    assert any(problem.startswith(".syngen: was left by") for problem in syngen.verify(data))
    assert syngen.repair(data, jobs=1).left == ()
    assert_equal_folders(data, whole)


@pytest.mark.slow
def test_a_repair_does_not_render_again_what_the_one_before_it_had_rendered(
    spoken: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(spoken, tmp_path / "data"))
    (folder / "annotations.parquet").unlink()

    def interrupt(update: syngen.ProgressUpdate) -> None:
        if update.total // 2 < update.done < update.total:  # when shards were finished
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        syngen.repair(folder, jobs=1, progress=interrupt)
    assert 0 < syngen.repair(folder, jobs=1).rendered < 16
    assert_equal_folders(folder, spoken)


def test_the_plain_command_says_what_to_do_when_the_description_is_lost(data: Path, whole: Path) -> None:
    (data / "dataset.json").unlink()
    before = files_of(data)
    with pytest.raises(ManifestError, match=r"lost its dataset\.json; run syngen verify .* --repair"):
        syngen.generate(TONES, data, jobs=1, shard_size=7)
    assert files_of(data) == before
    assert any("dataset.json" in problem for problem in syngen.verify(data))
    assert syngen.repair(data).left == ()
    assert_equal_folders(data, whole)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name",
    [
        "audio/train-000001.tar",
        ".syngen/receipts/train-000001.json",
        ".syngen/receipts/train-000001.parquet",
        "plan.json",
        "recipe.yaml",
        ".syngen/plan.json",
        ".syngen/recipe.yaml",
        ".syngen/SHA256SUMS",
    ],
)
def test_an_unfinished_dataset_is_repaired_and_finished(
    name: str, damage: Callable[[Path], object], unfinished: Path, whole: Path
) -> None:
    damage(unfinished / name)
    report = syngen.repair(unfinished, jobs=1)
    assert report.left == ()
    assert "of 9 shards" in report.unfinished
    assert report.rendered == (7 if report.shards else 0)
    syngen.generate(TONES, unfinished, jobs=1, shard_size=7)
    assert_equal_folders(unfinished, whole)


@pytest.mark.parametrize("name", ["plan.json", "recipe.yaml", ".syngen/plan.json", ".syngen/recipe.yaml"])
def test_the_plain_command_mends_the_plan_of_an_unfinished_dataset(
    name: str, unfinished: Path, whole: Path
) -> None:
    size = (unfinished / name).stat().st_size
    flip(unfinished / name, size // 3)
    syngen.generate(TONES, unfinished, jobs=1, shard_size=7)
    assert_equal_folders(unfinished, whole)


def test_an_unfinished_dataset_is_verified_shard_by_shard(unfinished: Path) -> None:
    before = files_of(unfinished)
    message = r"unfinished: 4 of 9 shards, 28 of 60 observations are there and sound; run the same syngen"
    with pytest.raises(syngen.GenerationIncompleteError, match=message):
        syngen.verify(unfinished, rerender=20)
    flip(unfinished / "audio" / "train-000002.tar", 1000)
    (unfinished / "notes.txt").touch()
    problems = syngen.verify(unfinished)
    assert problems[0] == "notes.txt: is not part of the dataset"
    assert problems[1].startswith("shard train-000002: row 14: member 000000014.wav")
    assert "3 of 9 shards, 21 of 60 observations" in problems[2]
    assert len(problems) == 3
    (unfinished / "notes.txt").unlink()
    flip(unfinished / "audio" / "train-000002.tar", 1000)
    assert files_of(unfinished) == before


def test_rows_of_an_unfinished_dataset_are_rendered_again(unfinished: Path) -> None:
    receipts = unfinished / ".syngen" / "receipts"
    other = receipts / "train-000001.parquet"
    table = pq.read_table(other)
    hashes = table.column("pcm_sha256").to_pylist()
    position = table.column_names.index("pcm_sha256")
    import pyarrow as pa

    cells = pa.array([bytes(32), *hashes[1:]], pa.binary(32))
    pq.write_table(table.set_column(position, table.schema.field(position), cells), other)
    edit_json(
        receipts / "train-000001.json",
        lambda c: c.__setitem__("part_sha256", digests_of(receipts)["train-000001.parquet"]),
    )
    problems = syngen.verify(unfinished, rerender=28)
    assert any(p.startswith("shard train-000001: row 7: ") for p in problems)


def test_a_folder_at_work_is_neither_verified_nor_repaired(unfinished: Path) -> None:
    before = files_of(unfinished)
    with exclusive_lock(unfinished / ".syngen" / "lock"):
        with pytest.raises(
            ParameterError, match="a run is working in .*; verify it when the run has ended"
        ):
            syngen.verify(unfinished)
        with pytest.raises(
            ParameterError, match="a run is working in .*; repair it when the run has ended"
        ):
            syngen.repair(unfinished)
        assert run("verify", unfinished).exit_code == 2
    assert files_of(unfinished) == before


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ParameterError, match="is not a folder; repair takes the folder of a dataset"):
        syngen.repair(tmp_path / "nothing")
    with pytest.raises(ManifestError, match="holds no dataset"):
        syngen.repair(tmp_path / "empty")
    with pytest.raises(ParameterError, match="jobs is 0; a whole number from 1 on"):
        syngen.repair(tmp_path / "empty", jobs=0)
    with pytest.raises(ParameterError, match="a rendered dataset has no files to repair"):
        syngen.repair(syngen.render("syntone-tiny"))
    assert names_below(tmp_path) == ["empty"]


@pytest.mark.slow
def test_the_command_says_what_was_done(data: Path, unfinished: Path) -> None:
    flip(data / "audio" / "train-000000.tar", 700)
    (data / "README.md").unlink()
    result = run("verify", data, "--repair", "-j", "1", "-q")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "sound; 1 shard (7 observations) made again, 1 other file written again" in result.stderr
    (data / "notes.txt").touch()
    result = run("verify", data, "--repair", "-q")
    assert (result.exit_code, result.stdout) == (4, "notes.txt: is not part of the dataset\n")
    result = run("verify", data, "--repair", "-q", "--json")
    assert (result.exit_code, json.loads(result.stdout)["left"]) == (
        4,
        ["notes.txt: is not part of the dataset"],
    )
    (data / "notes.txt").unlink()
    assert run("verify", data, "--repair", "--rerender", "5", "-q").exit_code == 0
    for options in ([], ["--repair"]):
        result = run("verify", unfinished, "-q", *options)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "4 of 9 shards, 28 of 60 observations are there and sound" in result.stderr


@pytest.mark.slow
def test_random_damage_of_two_files_is_mended_or_told(
    wholes: dict[str, Path], tmp_path: Path, unfinished: Path
) -> None:
    rng = random.Random(2402)
    for number in range(40):
        whole = wholes[rng.choice(["wav", "flac"])]
        source = unfinished if number % 4 == 0 else whole
        folder = Path(shutil.copytree(source, tmp_path / f"data-{number}"))
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
        chosen = rng.sample(files, 2)
        for path in chosen:
            rng.choice(DAMAGES)(path)
        what = [path.relative_to(folder).as_posix() for path in chosen]
        report = syngen.repair(folder, jobs=1)
        if source is unfinished:
            syngen.generate(TONES, folder, jobs=1, shard_size=7)
            whole = wholes["wav"]
        else:
            assert report.left == (), what
        assert digests_of(folder) == digests_of(whole), what
