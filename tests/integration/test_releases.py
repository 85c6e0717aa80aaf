"""Releases: what is built, that it is a dataset, that it is checked, and what differs in two."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pooch
import pytest
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli
from syngen.errors import (
    GenerationIncompleteError,
    ManifestError,
    ParameterError,
    PlanMismatchError,
    VerificationError,
)
from syngen.io.atomic import temporary_beside
from syngen.io.locks import exclusive_lock
from syngen.releases import build as recutting
from syngen.releases.documents import FILES
from syngen.storage.description import read_description
from syngen.storage.layout import Layout
from tests.support import (
    WITH_NUISANCES,
    digests_of,
    edit_json,
    edit_manifest,
    files_of,
    flip,
    identities,
    names_below,
    needs_speech,
    renew_checksums,
)

ABOUT: dict[str, Any] = {
    "version": "1.2.0",
    "authors": ["Noether, Emmy", "A group"],
    "date": "2026-01-31",
    "url": "https://example.org/syntone-tiny",
}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def built(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of ten WAV shards in shards of at most 300 kB. Copy it before changing anything."""
    folder = tmp_path_factory.mktemp("releases") / "syntone-tiny"
    syngen.release(tiny_dataset, folder, size_limit=300_000, jobs=1, **ABOUT)
    return folder


@pytest.fixture
def release(built: Path, tmp_path: Path) -> Path:
    """A copy of the release."""
    return shutil.copytree(built, tmp_path / "release")


@pytest.fixture
def dataset(tiny_dataset: Path, tmp_path: Path) -> Path:
    """A copy of the dataset."""
    return shutil.copytree(tiny_dataset, tmp_path / "dataset")


@pytest.mark.slow
def test_a_release_is_a_dataset_with_the_same_observations(built: Path, tiny_dataset: Path) -> None:
    assert identities(built) == identities(tiny_dataset)
    ds, original = syngen.load(built), syngen.load(tiny_dataset)
    assert ds.description is not None
    assert (ds.description.codec, ds.fingerprint) == ("flac", original.fingerprint)
    positions = np.arange(0, len(ds), 7)
    np.testing.assert_array_equal(ds.batch(positions), original.batch(positions))
    assert syngen.verify(built, rerender=5) == []
    assert syngen.check_release(built) == []


def test_its_shards_are_cut_again_to_the_limit(built: Path) -> None:
    shards = sorted((built / "audio").iterdir())
    assert all(path.stat().st_size <= 300_000 for path in shards)
    assert sum(path.stat().st_size for path in shards) > 2_000_000  # so there are several
    table = syngen.load(built).table
    assert set(table.column("shard").to_pylist()) == {path.stem for path in shards}


def test_it_has_every_document_and_nothing_else(built: Path, tiny_dataset: Path) -> None:
    top = {path.name for path in built.iterdir()}
    assert top == {path.name for path in tiny_dataset.iterdir()} | set(FILES)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=built, capture_output=True
    )
    assert done.returncode == 0, done.stdout
    listed = {line.split("  ")[1] for line in (built / "SHA256SUMS").read_text("utf-8").splitlines()}
    assert listed == set(files_of(built)) - {"SHA256SUMS"}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_two_builds_have_the_same_bytes(built: Path, tiny_dataset: Path, tmp_path: Path, jobs: int) -> None:
    again = tmp_path / "elsewhere" / "another name"
    syngen.release(str(tiny_dataset), str(again), size_limit=300_000, jobs=jobs, **ABOUT)
    assert digests_of(again) == digests_of(built)


@pytest.mark.slow
def test_how_the_dataset_is_cut_and_encoded_does_not_matter(built: Path, tmp_path: Path) -> None:
    syngen.generate("syntone-tiny", tmp_path / "data", codec="flac", shard_size=400, jobs=1)
    syngen.release(tmp_path / "data", tmp_path / "release", size_limit=300_000, jobs=1, **ABOUT)
    assert digests_of(tmp_path / "release") == digests_of(built)


def test_a_release_can_be_made_of_a_release(built: Path, tmp_path: Path) -> None:
    report = syngen.release(built, tmp_path / "wav", version="2.0.0", codec="wav", jobs=1)
    assert (report.rows, report.version) == (408, "2.0.0")
    assert identities(tmp_path / "wav") == identities(built)
    assert syngen.check_release(tmp_path / "wav") == []
    assert syngen.load(tmp_path / "wav").batch([3]).shape == (1, 4000)


@pytest.mark.slow
def test_rows_that_are_larger_than_the_sampled_ones_are_cut_again(
    tiny_dataset: Path, tmp_path: Path
) -> None:
    small = mock.patch.object(
        recutting._Recutting, "_sampled_sizes", return_value=np.array([900.0, 1100.0])
    )
    with small:
        syngen.release(tiny_dataset, tmp_path / "release", version="1.0.0", size_limit=100_000, jobs=1)
    sizes = [path.stat().st_size for path in (tmp_path / "release" / "audio").iterdir()]
    assert max(sizes) <= 100_000 < sum(sizes)
    assert syngen.check_release(tmp_path / "release") == []


def test_a_limit_below_one_observation_is_refused(tiny_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"an observation takes [0-9,]+ in a shard of its own"):
        syngen.release(tiny_dataset, tmp_path / "release", version="1.0.0", size_limit=3_000)
    assert names_below(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": "1.0"}, "'1.0' is no version"),
        ({"version": "v1.0.0"}, "three numbers are needed"),
        ({"version": "01.0.0"}, "no version"),
        ({"version": "1.0.0\n"}, "no version"),
        ({"version": "1.0.0", "date": "31.1.2026"}, "YYYY-MM-DD is needed"),
        ({"version": "1.0.0", "date": "2026-02-30"}, "is no day"),
        ({"version": "1.0.0", "url": "javascript:alert(1)"}, "no address"),
        ({"version": "1.0.0", "authors": "Noether, Emmy"}, "a list of names"),
        ({"version": "1.0.0", "authors": ["a\nb"]}, "authors are"),
        ({"version": "1.0.0", "codec": "mp3"}, "no codec 'mp3'"),
        ({"version": "1.0.0", "size_limit": 0}, "a number of bytes is needed"),
        ({"version": "1.0.0", "jobs": 0}, "from 1 on"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(
    options: dict[str, Any], message: str, tiny_dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=message):
        syngen.release(tiny_dataset, tmp_path / "release", **options)
    assert names_below(tmp_path) == []


@pytest.mark.slow
def test_prereleases_are_versions(tiny_dataset: Path, tmp_path: Path) -> None:
    syngen.release(tiny_dataset, tmp_path / "release", version="1.0.0-rc.1+build.5", jobs=1)
    assert syngen.check_release(tmp_path / "release") == []


def test_a_folder_that_is_not_empty_is_left_alone(tiny_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it", "utf-8")
    with pytest.raises(ParameterError, match="not an empty folder"):
        syngen.release(tiny_dataset, tmp_path / "mine", version="1.0.0")
    assert names_below(tmp_path) == ["mine", "mine/thesis.txt"]


def test_a_folder_inside_of_the_dataset_is_refused(dataset: Path) -> None:
    before = names_below(dataset)
    with pytest.raises(ParameterError, match="choose one beside it"):
        syngen.release(dataset, dataset / "release", version="1.0.0")
    assert names_below(dataset) == before


@pytest.mark.slow
def test_an_empty_folder_may_be_there(tiny_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    syngen.release(tiny_dataset, tmp_path / "release", version="1.0.0", jobs=1)
    assert syngen.check_release(tmp_path / "release") == []


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="is not a folder"):
        syngen.release(tmp_path / "nothing", tmp_path / "release", version="1.0.0")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="holds no dataset"):
        syngen.release(tmp_path / "empty", tmp_path / "release", version="1.0.0")
    with pytest.raises(ParameterError, match="on this machine"):
        syngen.release("memory://data", tmp_path / "release", version="1.0.0")
    with pytest.raises(ParameterError, match="a rendered dataset"):
        syngen.release(syngen.render("syntone-tiny"), tmp_path / "release", version="1.0.0")
    assert names_below(tmp_path) == ["empty"]


def test_a_view_is_refused(tiny_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="not of a view of 102 observations"):
        syngen.release(syngen.load(tiny_dataset).select(timbre="sine"), tmp_path / "out", version="1.0.0")


def test_info_says_which_release_it_is(built: Path) -> None:
    assert run("info", built).stdout.startswith("syntone-tiny, release 1.2.0: 408 observations")
    assert json.loads(run("info", built, "--json").stdout)["release"]["version"] == "1.2.0"


def test_an_unfinished_dataset_is_refused(tmp_path: Path) -> None:
    syngen.generate("syntone-tiny", tmp_path / "data", shard_index="0/2", jobs=1)
    with pytest.raises(GenerationIncompleteError, match="is unfinished"):
        syngen.release(tmp_path / "data", tmp_path / "release", version="1.0.0")
    assert not (tmp_path / "release").exists()


def member_of_row(folder: Path, row: int) -> tuple[Path, int]:
    table = syngen.load(folder).table
    name, offset = (table.column(key)[row].as_py() for key in ("shard", "offset"))
    return folder / "audio" / f"{name}.tar", offset


@pytest.mark.parametrize("jobs", [1, 2])
def test_samples_that_are_not_those_of_the_manifest_are_found_on_the_way(
    dataset: Path, tmp_path: Path, jobs: int
) -> None:
    for row in (17, 399):
        path, offset = member_of_row(dataset, row)
        flip(path, offset + 100)
    before = names_below(tmp_path)
    with pytest.raises(VerificationError, match=r"--repair") as caught:
        syngen.release(dataset, tmp_path / "release", version="1.0.0", jobs=jobs)
    told = "\n".join(caught.value.problems)
    assert "row 17: the samples have another SHA-256" in told
    assert "row 399: the samples have another SHA-256" in told
    assert names_below(tmp_path) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: flip(folder / "manifest.parquet", 2_000), "manifest.parquet: SHA-256"),
        (lambda folder: edit_manifest(folder, "peak", 3, 0.5), "manifest.parquet: SHA-256"),
        (lambda folder: (folder / "recipe.yaml").unlink(), "recipe.yaml: cannot be read"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS cannot be read"),
        (lambda folder: (folder / "audio" / "test-000000.tar").unlink(), "test-000000: is missing"),
        (lambda folder: (folder / "audio" / "test-000000.tar").write_bytes(b""), "has 0 bytes"),
        (lambda folder: flip(folder / "dataset.json", 60), "dataset.json"),
    ],
)
def test_a_damaged_dataset_is_refused(
    damage: Callable[[Path], object], message: str, dataset: Path, tmp_path: Path
) -> None:
    damage(dataset)
    with pytest.raises((VerificationError, ManifestError), match=message):
        syngen.release(dataset, tmp_path / "release", version="1.0.0", jobs=1)
    assert not (tmp_path / "release").exists()


def test_a_manifest_that_a_forger_changed_is_refused(dataset: Path, tmp_path: Path) -> None:
    """With hashes that fit, what the rows say is still not what the recipe gives."""
    edit_manifest(dataset, "index", 3, 407)
    renew_checksums(dataset)
    with pytest.raises((GenerationIncompleteError, VerificationError), match="other grid points|damaged"):
        syngen.release(dataset, tmp_path / "release", version="1.0.0", jobs=1)
    assert not (tmp_path / "release").exists()


def test_another_fingerprint_is_refused(dataset: Path, tmp_path: Path) -> None:
    edit_json(dataset / "dataset.json", lambda content: content.update(fingerprint="0" * 64))
    renew_checksums(dataset)
    with pytest.raises(VerificationError, match="this installation would make other audio"):
        syngen.release(dataset, tmp_path / "release", version="1.0.0", jobs=1)


def test_what_a_killed_build_left_is_removed_by_the_next(tiny_dataset: Path, tmp_path: Path) -> None:
    target = tmp_path / "release"
    left, running, foreign = (temporary_beside(target) for _ in range(3))
    for folder in (left, running):
        Layout(folder).work.mkdir(parents=True)
        Layout(folder).lock.touch()
    foreign.mkdir()
    with exclusive_lock(Layout(running).lock):
        syngen.release(tiny_dataset, target, version="1.0.0", jobs=1)
    assert not left.exists()
    assert running.exists()
    assert foreign.exists()


def test_an_error_while_documents_are_made_leaves_nothing(tiny_dataset: Path, tmp_path: Path) -> None:
    with (
        mock.patch("syngen.releases.documents.preview", side_effect=OSError(28, "No space left on device")),
        pytest.raises(ParameterError, match="cannot be written: .*No space left"),
    ):
        syngen.release(tiny_dataset, tmp_path / "release", version="1.0.0", jobs=1)
    assert names_below(tmp_path) == []


def test_a_disk_that_is_too_small_is_refused(tiny_dataset: Path, tmp_path: Path) -> None:
    usage = mock.Mock(free=1_000_000)
    with (
        mock.patch("syngen.io.space.shutil.disk_usage", return_value=usage),
        pytest.raises(ParameterError, match=r"needs about 2\.\d+ MB, but .* has 1 MB free"),
    ):
        syngen.release(tiny_dataset, tmp_path / "release", version="1.0.0")


def test_generate_does_not_take_a_release_for_its_dataset(release: Path) -> None:
    before = digests_of(release)
    with pytest.raises(PlanMismatchError, match='"release"'):
        syngen.generate("syntone-tiny", release, codec="flac", jobs=1)
    assert digests_of(release) == before


def test_generate_with_overwrite_removes_all_of_a_release(release: Path) -> None:
    syngen.generate("syntone-tiny", release, overwrite=True, jobs=1)
    assert syngen.verify(release) == []


# check


@pytest.mark.parametrize("name", sorted(set(FILES) - {"preview.html"}))
def test_a_document_that_says_something_else_is_a_problem(name: str, release: Path) -> None:
    path = release / name
    path.write_bytes(path.read_bytes().replace(b"1.2.0", b"1.3.0").replace(b"timbre", b"colour") + b"\n")
    assert any(name in problem for problem in syngen.check_release(release))
    renew_checksums(release)
    problems = syngen.check_release(release)
    assert any(problem.startswith(f"{name}:") for problem in problems), problems


@pytest.mark.parametrize("name", [*FILES, "manifest.parquet", "audio/test-000000.tar"])
def test_a_missing_file_is_a_problem(name: str, release: Path) -> None:
    (release / name).unlink()
    problems = syngen.check_release(release)
    assert any(name in problem or name[6:-4] in problem for problem in problems), problems


@pytest.mark.slow
def test_what_another_version_wrote_must_only_agree(release: Path) -> None:
    def older(content: dict[str, Any]) -> None:
        content["versions"]["syngen"] = content["requires"] = "0.0.1"
        content["requires"] = "syngen>=0.0.1"

    edit_json(release / "dataset.json", older)
    edit_json(release / "plan.json", lambda content: content["versions"].update(syngen="0.0.1"))
    card = (release / "README.md").read_text("utf-8").replace("## Factors", "## The factors")
    (release / "README.md").write_text(card, "utf-8")
    renew_checksums(release)
    edit_json(release / "croissant.json", lambda content: fit_croissant(release, content))
    renew_checksums(release)
    fit_registry(release)
    renew_checksums(release)
    assert syngen.check_release(release) == []
    edit_json(release / "zenodo.json", lambda content: content["metadata"].update(version="9.9.9"))
    edit_json(release / "croissant.json", lambda content: content["distribution"][0].update(sha256="00"))
    citation = (release / "CITATION.cff").read_text("utf-8").replace('"Noether"', '"Somebody"')
    (release / "CITATION.cff").write_text(citation, "utf-8")
    renew_checksums(release)
    told = "\n".join(syngen.check_release(release))
    assert "zenodo.json: version is '9.9.9', dataset.json says '1.2.0'" in told
    assert "croissant.json: its SHA-256 of 'plan.json' is not that of SHA256SUMS" in told
    assert "CITATION.cff: authors is ['Somebody, Emmy', 'A group']" in told
    assert "registry.txt:" in told


def fit_croissant(folder: Path, content: dict[str, Any]) -> None:
    """Give every file in the distribution the hash that it has."""
    digests = digests_of(folder)
    for entry in content["distribution"]:
        if "sha256" in entry:
            entry["sha256"] = digests[entry["contentUrl"]]


def fit_registry(folder: Path) -> None:
    digests = digests_of(folder)
    names = sorted(set(digests) - {"registry.txt", "SHA256SUMS"})
    text = "".join(f"{name} sha256:{digests[name]}\n" for name in names)
    (folder / "registry.txt").write_text(text, "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{", "[]", "null", '{"metadata": 3}', '{"distribution": 3}', "\0"])
@pytest.mark.parametrize("name", ["croissant.json", "zenodo.json", "CITATION.cff", "registry.txt"])
def test_damaged_documents_are_problems_and_no_crash(name: str, text: str, release: Path) -> None:
    (release / name).write_text(text, "utf-8")
    renew_checksums(release)
    problems = syngen.check_release(release)
    assert any(name in problem for problem in problems)


def test_a_page_that_runs_something_is_a_problem(release: Path) -> None:
    path = release / "preview.html"
    path.write_text(path.read_text("utf-8") + "<script>alert(1)</script>", "utf-8")
    renew_checksums(release)
    assert any("preview.html: has '<script'" in problem for problem in syngen.check_release(release))


def test_damaged_audio_is_found_by_check(release: Path) -> None:
    path, offset = member_of_row(release, 5)
    flip(path, offset + 300)
    assert any("row 5" in problem for problem in syngen.check_release(release))


def test_check_refuses_what_is_no_release(tiny_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no release; syngen verify checks it"):
        syngen.check_release(tiny_dataset)
    with pytest.raises(ParameterError, match="not a folder"):
        syngen.check_release(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="holds no dataset"):
        syngen.check_release(tmp_path / "empty")


@pytest.mark.parametrize(
    "content",
    [
        {"version": "1.0.0", "authors": ["A"], "files": ["../outside.txt"]},
        {"version": "1.0.0", "authors": ["A"], "files": ["/etc/passwd"]},
        {"version": "1.0.0", "authors": ["A"], "files": ["audio"]},
        {"version": "1.0.0", "authors": ["A"], "files": ["dataset.json"]},
        {"version": "1.0.0", "authors": ["A"], "files": ["more.parquet"]},
        {"version": "1.0.0", "authors": ["A"], "files": [".hidden"]},
        {"version": "1.0.0", "authors": ["A"], "files": ["a.txt", "A.txt"]},
        {"version": "1.0.0", "authors": ["A"], "files": ["readme\u200b.txt"]},
        {"version": "1.0.0", "authors": ["A"], "files": [3]},
        {"version": "1.0.0", "authors": ["A"], "files": "a.txt"},
        {"version": "1.0.0", "authors": ["A"], "files": ["a.txt"] * 1000},
        {"version": "1.0.0", "authors": []},
        {"version": 1, "authors": ["A"]},
        {"version": "1.0.0", "authors": ["A"], "url": 3},
        {"version": "1.0.0", "authors": ["A"], "date": "tomorrow"},
        "1.0.0",
        [],
    ],
)
def test_a_description_of_an_impossible_release_is_refused(content: Any, release: Path) -> None:
    edit_json(release / "dataset.json", lambda found: found.update(release=content))
    with pytest.raises(ManifestError, match=r"dataset\.json is damaged"):
        syngen.load(release)
    assert syngen.check_release(release)  # and no crash


# verify and repair


def test_repair_makes_shards_of_a_release_again(release: Path, built: Path) -> None:
    for name in ("train-000000", "test-000000"):
        flip(release / "audio" / f"{name}.tar", 1_000)
    (release / "manifest.parquet").unlink()
    assert syngen.repair(release, jobs=1).left == ()
    assert digests_of(release) == digests_of(built)


@pytest.mark.parametrize("name", ["plan.json", "dataset.json", "SHA256SUMS", "recipe.yaml"])
def test_repair_makes_the_documents_of_a_dataset_again(name: str, release: Path, built: Path) -> None:
    (release / name).write_bytes(b"damaged")
    report = syngen.repair(release, jobs=1)
    if name == "SHA256SUMS":  # nothing else says what the page with clips was
        assert any("SHA256SUMS cannot be made again" in text for text in report.left)
    else:
        assert report.left == ()
        assert digests_of(release) == digests_of(built)


@pytest.mark.parametrize("name", FILES)
def test_repair_leaves_the_documents_of_a_release_and_says_so(name: str, release: Path) -> None:
    (release / name).write_bytes(b"damaged")
    report = syngen.repair(release, jobs=1)
    assert any(text.startswith(f"{name}: a file of the release") for text in report.left), report.left
    assert (release / name).read_bytes() == b"damaged"


def test_a_release_in_a_store_is_read_and_verified(built: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    for name, data in files_of(built).items():
        store.pipe_file(f"/released/{name}", data)
    try:
        assert syngen.verify("memory://released") == []
        assert syngen.load("memory://released")[3].waveform.shape == (4000,)
    finally:
        store.rm("/released", recursive=True)


# documents


def test_the_registry_is_one_of_pooch(built: Path) -> None:
    fetcher = pooch.create(path=built, base_url="https://example.org/", registry=None)
    fetcher.load_registry(built / "registry.txt")
    assert set(fetcher.registry_files) == set(files_of(built)) - {"SHA256SUMS", "registry.txt"}
    for name in fetcher.registry_files:
        assert pooch.file_hash(str(built / name)) == fetcher.registry[name].removeprefix("sha256:")
        assert fetcher.fetch(name) == str(built / name)  # it is there: nothing is fetched


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of a library that is not ours
def test_croissant_records_are_loaded(built: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="the extra test has it")
    found = mlcroissant.Dataset(jsonld=str(built / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    ds = syngen.load(built)
    rows = list(found.records("manifest"))
    assert [record["manifest/row"] for record in rows] == list(range(len(ds)))
    assert [record["manifest/index"] for record in rows] == ds.indices.tolist()
    assert [record["manifest/frequency"] for record in rows] == ds.values["frequency"].tolist()
    assert {record["manifest/timbre"] for record in rows} == {b"sine", b"triangle", b"square", b"sawtooth"}
    sounds = {r["observations/row"]: r["observations/audio"] for r in found.records("observations")}
    assert sorted(sounds) == list(range(len(ds)))
    for row in (0, 200, 407):
        np.testing.assert_array_equal(decoded(sounds[row]), ds[row].waveform)
    names = [record["factors/name"] for record in found.records("factors")]
    assert names == ["timbre", "amplitude", "frequency"]
    splits = {r["splits/name"]: r["splits/observations"] for r in found.records("splits")}
    assert ds.description is not None
    assert splits == ds.description.counts


def decoded(data: bytes) -> np.ndarray[Any, Any]:
    import io

    import soundfile

    return np.asarray(soundfile.read(io.BytesIO(data), dtype="float32")[0])


def test_croissant_has_what_the_vocabularies_ask_for(built: Path) -> None:
    content = json.loads((built / "croissant.json").read_text("utf-8"))
    assert content["@context"]["containedIn"] == "cr:containedIn"
    assert "http://mlcommons.org/croissant/1.1" in content["conformsTo"]
    assert "http://mlcommons.org/croissant/RAI/1.0" in content["conformsTo"]
    responsible = {key for key in content if key.startswith("rai:")}
    assert {
        "rai:dataCollection",
        "rai:dataBiases",
        "rai:dataLimitations",
        "rai:dataUseCases",
    } <= responsible
    assert {"rai:personalSensitiveInformation", "rai:dataSocialImpact"} <= responsible
    assert content["license"] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert (content["version"], content["datePublished"]) == ("1.2.0", "2026-01-31")


def test_the_citation_says_who_and_what(built: Path) -> None:
    from ruamel.yaml import YAML

    content = YAML(typ="safe").load((built / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(content)
    assert (content["cff-version"], content["type"], content["version"]) == ("1.2.0", "dataset", "1.2.0")
    assert content["authors"] == [
        {"family-names": "Noether", "given-names": "Emmy"},
        {"name": "A group"},
    ]
    assert content["license"] == "CC0-1.0"


@pytest.mark.filterwarnings("ignore")  # of libraries that are not ours
def test_the_citation_is_valid_by_its_schema(built: Path, tmp_path: Path) -> None:
    cffconvert = pytest.importorskip("cffconvert", reason="the extra test has it")
    syngen.generate(WITH_NUISANCES, tmp_path / "data", jobs=1)  # no licence, no address, no day
    syngen.release(tmp_path / "data", tmp_path / "plain", version="1.0.0-rc.1", jobs=1)
    for folder in (built, tmp_path / "plain"):
        cffconvert.Citation((folder / "CITATION.cff").read_text("utf-8")).validate()


def test_the_deposit_metadata_has_what_zenodo_requires(built: Path) -> None:
    metadata = json.loads((built / "zenodo.json").read_text("utf-8"))["metadata"]
    assert (metadata["upload_type"], metadata["access_right"]) == ("dataset", "open")
    assert metadata["creators"] == [{"name": "Noether, Emmy"}, {"name": "A group"}]
    assert {"title", "description", "license", "version", "publication_date"} <= set(metadata)


def test_the_card_has_the_statistics_of_the_manifest(built: Path) -> None:
    found = syngen.statistics(built)
    text = (built / "README.md").read_text("utf-8")
    section = text[text.index("## Statistics") : text.index("## Reading it")]
    above = sum(pair.is_above_chance for pair in found.pairs.values())
    assert f"Of {len(found.pairs)} pairs of factors {above} share more information than chance." in section
    for part in (found.factor_table(), found.number_table(), found.on_chance):
        assert part in section


def test_the_card_says_what_a_reader_wants(built: Path) -> None:
    from ruamel.yaml import YAML

    text = (built / "README.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    matter = YAML(typ="safe").load(front)
    assert matter["license"] == "cc0-1.0"
    assert matter["configs"][0]["data_files"][0] == {"split": "train", "path": "audio/train-*.tar"}
    assert matter["dataset_info"]["features"][0]["name"] == "flac"
    assert matter["size_categories"] == ["n<1K"]
    headings = re.findall(r"^## (.+)$", body, re.MULTILINE)
    assert headings == [
        "Factors",
        "Splits",
        "Statistics",
        "Reading it",
        "How it was made",
        "What it is for",
        "What it is not",
        "Licence",
        "Citing it",
    ]
    assert "| extrapolation (`split_extrapolation`) | test | 96 |" in body
    assert "(factors.svg)" in body


def test_hugging_face_reads_the_shards(built: Path, tmp_path: Path, monkeypatch: Any) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra huggingface is not installed")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    loaded = datasets.load_dataset(str(built), cache_dir=str(tmp_path / "hf"))
    assert {name: len(part) for name, part in loaded.items()} == {
        "train": 305,
        "validation": 60,
        "test": 43,
    }
    first, ds = loaded["train"][0], syngen.load(built)
    assert first["json"]["values"] == dict(ds[0].values)
    np.testing.assert_array_equal(decoded(first["flac"]), ds[0].waveform)


def test_the_pictures_are_whole(built: Path) -> None:
    import base64
    import xml.etree.ElementTree as ET

    ET.parse(built / "factors.svg")
    page = (built / "preview.html").read_text("utf-8")
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", page)
    sounds = re.findall(r"data:audio/wav;base64,([^\"]+)", page)
    assert len(pictures) == len(sounds) >= 12
    assert all(base64.b64decode(p).startswith(b"\x89PNG\r\n\x1a\n") for p in pictures)
    assert not re.search(r"src=\"(?!data:)|https?://(?!example\.org)", page)


@pytest.mark.slow
def test_text_of_a_recipe_is_only_text_in_the_documents(tmp_path: Path) -> None:
    title = "<script>alert('\"')</script> | `x` --- {a: b}"
    recipe = {**WITH_NUISANCES, "title": title, "licence": 'odd "licence"\\'}
    syngen.generate(recipe, tmp_path / "data", jobs=1)
    syngen.release(tmp_path / "data", tmp_path / "release", version="1.0.0", authors=['<b>, "it\'s"'])
    assert syngen.check_release(tmp_path / "release") == []
    for name in ("preview.html", "factors.svg"):
        assert "<script" not in (tmp_path / "release" / name).read_text("utf-8")
    description = json.loads((tmp_path / "release" / "zenodo.json").read_text("utf-8"))["metadata"]
    assert "<script" not in description["description"]


def test_authors_of_own_recipes_are_not_those_of_syngen(built: Path, tmp_path: Path) -> None:
    syngen.generate(WITH_NUISANCES, tmp_path / "data", jobs=1)
    syngen.release(tmp_path / "data", tmp_path / "release", version="1.0.0", jobs=1)
    description = read_description(tmp_path / "release" / "dataset.json")
    assert description.release is not None
    assert description.release.authors == ("The authors of with-nuisances",)
    assert "states no licence" in (tmp_path / "release" / "README.md").read_text("utf-8")


@pytest.mark.slow
@needs_speech
def test_speech_keeps_its_words_and_says_who_spoke(tmp_path: Path) -> None:
    syngen.generate("synspeech-tiny", tmp_path / "data", limit=20, jobs=1)
    syngen.release(tmp_path / "data", tmp_path / "release", version="1.0.0", size_limit=400_000, jobs=1)
    assert syngen.check_release(tmp_path / "release") == []
    ds, original = syngen.load(tmp_path / "release"), syngen.load(tmp_path / "data")
    assert len(list((tmp_path / "release" / "audio").iterdir())) > len(original.shards)
    for position in (0, 7, 19):
        assert ds.annotations(position).equals(original.annotations(position))
        np.testing.assert_array_equal(ds[position].waveform, original[position].waveform)
    for name in ("annotations.parquet", "speakers.parquet"):
        assert (tmp_path / "release" / name).read_bytes() == (tmp_path / "data" / name).read_bytes()
    card = (tmp_path / "release" / "README.md").read_text("utf-8")
    assert "eSpeak NG" in card
    assert "generate recipe.yaml NEW_FOLDER --limit 20" in card


# diff


def test_diff_of_a_release_and_its_dataset_says_that_the_audio_is_the_same(
    built: Path, tiny_dataset: Path
) -> None:
    found = syngen.compare_releases(built, tiny_dataset)
    assert found.is_same_audio
    assert (found.same, found.changed, found.only_a, found.only_b, found.moved) == (408, 0, 0, 0, 0)
    assert (found.a["version"], found.b["version"]) == ("1.2.0", "no release")
    assert "the audio of both is the same" in list(found.lines())


def small(**changes: Any) -> dict[str, Any]:
    factors = {
        "timbre": {"values": ["sine", "square"]},
        "amplitude": {"values": [0.25, 0.5]},
        "frequency": {"values": [200.0, 300.0, 400.0], "unit": "Hz"},
    } | changes.pop("factors", {})
    return {
        "name": "small",
        "synthesizer": "tone",
        "seed": 1,
        "audio": {"sample_rate": 8000, "duration": 0.02},
        "factors": factors,
        **changes,
    }


def compared(tmp_path: Path, a: dict[str, Any], b: dict[str, Any]) -> Any:
    for name, recipe in (("a", a), ("b", b)):
        syngen.generate(recipe, tmp_path / name, jobs=1)
    return syngen.compare_releases(tmp_path / "a", tmp_path / "b")


def test_diff_finds_values_that_came_and_went(tmp_path: Path) -> None:
    other = small(factors={"frequency": {"values": [200.0, 400.0, 500.0, 600.0], "unit": "Hz"}})
    found = compared(tmp_path, small(), other)
    (change,) = found.factors
    assert (change.factor, change.change) == ("frequency", "changed")
    assert change.details["added"] == {"count": 2, "values": [500.0, 600.0]}
    assert change.details["removed"] == {"count": 1, "values": [300.0]}
    assert (found.same, found.changed, found.only_a, found.only_b) == (8, 0, 4, 8)
    assert not found.is_same_audio


def test_diff_finds_which_values_sound_otherwise(tmp_path: Path) -> None:
    found = compared(tmp_path, small(), small(settings={"antialias": False}))
    assert (found.same, found.changed) == (6, 6)
    assert found.changed_by_factor["timbre"] == {"square": {"changed": 6, "common": 6}}
    assert "frequency" not in found.changed_by_factor or found.changed_by_factor["frequency"]
    assert all(example["timbre"] == "square" for example in found.examples)
    assert any("timbre square: 6 of 6" in line for line in found.lines())


def test_diff_matches_values_in_another_order(tmp_path: Path) -> None:
    other = small(factors={"timbre": {"values": ["square", "sine"]}})
    found = compared(tmp_path, small(), other)
    assert (found.same, found.changed, found.only_a, found.only_b) == (12, 0, 0, 0)
    assert found.factors[0].details == {"reordered": True}


def test_diff_of_other_factors_matches_nothing(tmp_path: Path) -> None:
    factors = {"timbre": {"values": ["sine"]}, "frequency": {"values": [200.0], "unit": "Hz"}}
    other = {**small(), "factors": factors, "nuisances": {"phase": {"uniform": {"low": 0.0, "high": 1.0}}}}
    found = compared(tmp_path, small(), other)
    assert ("amplitude", "removed") in {(change.factor, change.change) for change in found.factors}
    assert (found.same, found.only_a, found.only_b) == (0, 12, 1)


def test_diff_counts_observations_that_changed_their_split(tmp_path: Path) -> None:
    def splits(seed: int) -> dict[str, Any]:
        return small(seed=seed, splits={"default": {"random": {"train": 0.5, "test": 0.5}}})

    found = compared(tmp_path, splits(1), splits(5))
    assert (found.same, found.changed) == (12, 0)
    assert found.moved > 0


# the command line


@pytest.mark.slow
def test_the_commands_say_what_they_did(tiny_dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    done = run("release", "build", tiny_dataset, folder, "--release-version", "1.0.0", "-j", "1",
               "--size-limit", "1.5MB", "--author", "Noether, Emmy", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["version"] == "1.0.0"
    assert "version 1.0.0, 408 observations in " in done.stderr
    assert max(path.stat().st_size for path in (folder / "audio").iterdir()) <= 1_500_000
    done = run("release", "check", folder)
    assert (done.exit_code, done.stdout) == (0, "")
    done = run("release", "diff", folder, tiny_dataset, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["same_audio"] is True
    flip(folder / "croissant.json", 500)
    done = run("release", "check", folder, "--json")
    assert done.exit_code == 4
    assert json.loads(done.stdout)["problems"]
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["build", "DATA", "out"], 2, "Missing option '--release-version'"),
        (["build", "DATA", "out", "--release-version", "one"], 2, "'one' is no version"),
        (["build", "DATA", "out", "--release-version", "1.0.0", "--size-limit", "big"], 2, "is no size"),
        (["build", "nothing", "out", "--release-version", "1.0.0"], 2, "is not a folder"),
        (["build", "DATA", "DATA", "--release-version", "1.0.0"], 2, "choose one beside it"),
        (["check", "nothing"], 2, "is not a folder"),
        (["check", "DATA"], 2, "no release"),
        (["diff", "DATA", "nothing"], 2, "does not exist"),
    ],
)
def test_wrong_command_lines_end_with_one_message(
    arguments: list[str], code: int, message: str, tiny_dataset: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("release", *(str(tiny_dataset) if word == "DATA" else word for word in arguments))
    assert done.exit_code == code, done.output
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_every_document_is_listed_where_it_is_written() -> None:
    assert list(FILES) == sorted(FILES)
    assert len(set(itertools.chain(FILES))) == len(FILES)
