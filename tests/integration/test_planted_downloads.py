"""What is planted where downloads, releases and exports come together, and in the cache folder."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.io.cache import cache_folder, scratch_folder
from syngen.loaders.sources.shard_cache import ShardCache
from syngen.storage.description import read_description
from tests.planting import MARK, Planted, attempt, cases
from tests.support import WHOLE_LOOKING, digests_of, flip, names_below, run_syngen

PLACE = ".it.syngen-download"
FOLDERS = ["", "whole", "whole/audio", "parts", "made", "made/audio", "made/.syngen", "part", "part/audio"]
FILES = [
    "lock",
    "whole/SHA256SUMS",
    "whole/dataset.json",
    "whole/manifest.parquet",
    "whole/audio/train-000000.tar",
    "whole/audio/train-000001.tar",
    "whole/audio/tmp12345678",
    "parts/SHA256SUMS",
    f"parts/{'0' * 64}",
    f"parts/piece-{'0' * 64}",
    "made/plan.json",
    "made/.syngen/lock",
    "made/audio/train-000000.tar",
    "part/dataset.json",
]
UNRELATED = [
    "letter.txt",
    "letters/letter.txt",
    "whole/letter.txt",
    "whole/audio/letter.txt",
    "whole/letters/letter.txt",
    "parts/letter.txt",
    "parts/letters/letter.txt",
    "made/letter.txt",
    "made/.syngen/letter.txt",
    "part/letter.txt",
]

COMMANDS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "decoded": {"codec": "flac"},
    "a part": {"split": "test"},
    "made again": {"recreate": True, "jobs": 1},
    "a part made again": {"recreate": True, "jobs": 1, "split": "test"},
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases") / "whole-looking"
    syngen.generate(WHOLE_LOOKING, folder, jobs=1, shard_size=5)
    return folder


@pytest.fixture(scope="module")
def begun(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staging folder with some shards of the release in it. Copy it before changing anything."""
    tmp_path = tmp_path_factory.mktemp("begun")
    damaged = Path(shutil.copytree(release, tmp_path / "damaged"))
    flip(damaged / "audio" / "train-000001.tar", 1_000)
    with pytest.raises(syngen.DownloadMismatchError):
        syngen.download(damaged, to=tmp_path / "it", connections=1)
    return tmp_path / PLACE


class Attempt:
    """A download to ``it``, and what is planted beside it."""

    def __init__(self, release: Path, begun: Path, tmp_path: Path, give: Callable[[Path], None]) -> None:
        self._release, self._begun = release, begun
        self.place, self.target = tmp_path / PLACE, tmp_path / "it"
        self.planted = Planted(tmp_path / "canary", give)

    def __call__(self, plant: Callable[[Path], object] | None, **options: Any) -> str:
        """Return what the download says; nothing that was planted may change."""
        shutil.copytree(self._begun, self.place)
        if plant is not None:
            plant(self.place)
        before = self.planted.state()
        said = attempt(lambda: syngen.download(self._release, to=self.target, **options))
        assert self.planted.state() == before, said
        assert not said or not self.target.exists()
        return said


@pytest.fixture
def tried(release: Path, begun: Path, tmp_path: Path, give: Callable[[Path], None]) -> Attempt:
    return Attempt(release, begun, tmp_path, give)


@pytest.mark.parametrize(
    ("command", "plant", "name"), cases(COMMANDS, ["link", "dangling_link", "foreign_folder"], FOLDERS)
)
def test_no_download_works_in_a_folder_that_is_not_ours(
    command: str, plant: str, name: str, tried: Attempt
) -> None:
    def at(place: Path) -> None:
        getattr(tried.planted, plant)(place / name, is_folder=True)

    said = tried(at, **COMMANDS[command])
    assert f"{tried.place / name} is in the way: it " in said
    remedy = f"remove {tried.place}, in which nobody else should write," if name else "remove it, or choose"
    assert remedy in said
    assert said.endswith("and run the same command again")


@pytest.mark.parametrize(
    ("command", "plant", "name"),
    cases(
        ["as it is", "a part made again"],
        ["link", "dangling_link", "hard_link", "foreign_file"],
        FILES,
    ),
)
def test_no_download_writes_to_a_file_that_has_another_name_or_owner(
    command: str, plant: str, name: str, tried: Attempt
) -> None:
    said = tried(lambda place: getattr(tried.planted, plant)(place / name), **COMMANDS[command])
    assert f"{tried.place / name} is in the way: it " in said


@pytest.mark.parametrize(("command", "name"), cases(COMMANDS, UNRELATED))
def test_what_no_download_put_there_stays_and_is_named(command: str, name: str, tried: Attempt) -> None:
    said = tried(lambda place: tried.planted.file(place / name), **COMMANDS[command])
    assert "is in the way: syngen did not put it there; remove" in said
    assert str(tried.place / name).startswith(said.split(" is in the way")[0])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_downloads_go_on_where_nothing_is_planted(
    command: str, tried: Attempt, release: Path
) -> None:
    assert tried(None, **COMMANDS[command]) == ""
    assert syngen.verify(tried.target) == []
    assert not tried.place.exists()
    if command == "as it is":
        assert digests_of(tried.target) == digests_of(release)


def test_what_earlier_tries_left_goes_and_nobody_has_to_remove_it(
    release: Path, begun: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    syngen.generate(WHOLE_LOOKING, other, jobs=1, shard_size=7, limit=9)
    shutil.copytree(begun, tmp_path / PLACE)
    (tmp_path / PLACE / "whole" / "audio" / "tmpabc_1234").write_bytes(b"cut")
    (tmp_path / PLACE / "parts").mkdir(exist_ok=True)
    (tmp_path / PLACE / "parts" / ("0" * 64)).write_bytes(b"cut")
    (tmp_path / PLACE).chmod(0o755)  # as earlier versions made it
    syngen.download(other, to=tmp_path / "it")
    assert digests_of(tmp_path / "it") == digests_of(other)
    assert not (tmp_path / PLACE).exists()


@pytest.mark.slow
def test_the_planted_link_of_a_stranger_ends_a_download_with_2(release: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "thesis.tex").write_text("mine", "utf-8")
    (tmp_path / PLACE).mkdir()
    (tmp_path / PLACE / "whole").symlink_to(tmp_path / "docs")
    done = run_syngen("download", release, "--to", "it", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == (
        f"error: {tmp_path / PLACE}/whole is in the way: it is a link; remove {tmp_path / PLACE}, in which "
        "nobody else should write, and run the same command again"
    )
    assert names_below(tmp_path / "docs") == ["thesis.tex"]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_staging_folder_is_private_and_what_it_becomes_is_ordinary(
    umask: int, release: Path, tmp_path: Path
) -> None:
    seen = []

    def look(_: object) -> None:
        seen.append(mode_of(tmp_path / PLACE))

    syngen.download(release, to=tmp_path / "it", progress=look)
    assert set(seen) == {0o700}
    assert mode_of(tmp_path / "it") == mode_of(tmp_path / "it" / "audio") == 0o777 & ~umask
    assert mode_of(tmp_path / "it" / "dataset.json") == 0o666 & ~umask


# releases and exports


def build(name: str, data: Path, folder: Path) -> None:
    if name == "release build":
        syngen.release(data, folder, version="1.0.0", jobs=1)
    else:
        done = run_syngen("export", "wav", data, folder)
        if done.returncode:
            raise syngen.ParameterError(done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "plant", "name"),
    cases(
        ["release build", "export"],
        ["link", "dangling_link", "foreign_folder", "file"],
        ["it", f".it.{MARK}.tmp", f".it.{MARK}.tmp/it", f".it.{MARK}.tmp/.syngen"],
    ),
)
def test_nothing_planted_is_built_into_or_cleaned_up(
    command: str, plant: str, name: str, release: Path, tmp_path: Path, give: Callable[[Path], None]
) -> None:
    planted = Planted(tmp_path / "canary", give)
    options = {} if plant == "file" else {"is_folder": True}
    getattr(planted, plant)(tmp_path / name, **options)
    before = planted.state()
    said = attempt(lambda: build(command, release, tmp_path / "it"))
    assert planted.state() == before, said
    assert (name == "it") == bool(said)


def test_what_a_killed_build_left_is_removed_and_nothing_that_it_is_linked_with(
    release: Path, tmp_path: Path
) -> None:
    (tmp_path / "letter.txt").write_text("mine", "utf-8")
    left = tmp_path / f".it.{MARK}.tmp"
    for name in (".syngen", "it"):
        (left / name).mkdir(parents=True)
    (left / ".syngen" / "lock").touch()
    (left / "it" / "hard").hardlink_to(tmp_path / "letter.txt")
    (left / "it" / "link").symlink_to(tmp_path)
    syngen.release(release, tmp_path / "it", version="1.0.0", jobs=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it", "letter.txt"]
    assert (tmp_path / "letter.txt").read_text("utf-8") == "mine"


# the cache folder


def use_cache(release: Path) -> None:
    """Fill the cache folder with everything that is kept there."""
    url = "memory://cached"
    syngen.generate(WHOLE_LOOKING, url, jobs=1, shard_size=5)
    remote = syngen.load(url, cache_bytes=1 << 30)
    remote.arrays()
    syngen.verify(url)
    ds = syngen.load(release)
    ds.features(syngen.Spectrogram())
    ds.to_huggingface()
    catalog = cache_folder().parent / "catalog.json"
    entry = {"mirrors": [str(release)]}
    catalog.write_text(json.dumps({"format": 1, "releases": {"whole-looking": {"1.0.0": entry}}}), "utf-8")
    syngen.load("whole-looking", download=True, catalog=catalog)


@pytest.mark.slow
def test_the_cache_is_private_whatever_the_umask(umask: int, release: Path, tmp_path: Path) -> None:
    use_cache(release)
    cache = tmp_path / "cache"
    names = names_below(cache)
    for kind in ("arrow", "datasets", "features", "releases", "scratch", "shards"):
        assert any(name.startswith(f"{kind}/") for name in names), kind
    modes = {name: mode_of(cache / name) for name in names}
    assert mode_of(cache) == 0o700
    assert modes == {name: 0o700 if (cache / name).is_dir() else 0o600 for name in names}


def test_an_older_cache_that_others_may_look_into_becomes_private(tmp_path: Path) -> None:
    for name in ("scratch", "features"):
        (tmp_path / "cache" / name).mkdir(parents=True)
    for path in (tmp_path / "cache", tmp_path / "cache" / "scratch"):
        path.chmod(0o777)
    with scratch_folder() as folder:
        assert mode_of(folder) == 0o700
    assert mode_of(tmp_path / "cache") == mode_of(tmp_path / "cache" / "scratch") == 0o700


def test_a_folder_with_other_things_in_it_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "cache" / "letters").mkdir(parents=True)
    (tmp_path / "cache").chmod(0o755)
    with scratch_folder():
        pass
    assert mode_of(tmp_path / "cache") == 0o755
    assert mode_of(tmp_path / "cache" / "scratch") == 0o700


ROOMS = ["scratch", "shards", "datasets", "features", "arrow", "releases", "releases/whole-looking"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOMS)
@pytest.mark.parametrize("plant", ["link", "dangling_link", "foreign_folder"])
def test_no_room_of_the_cache_is_used_that_is_not_ours(
    plant: str, name: str, release: Path, tmp_path: Path, give: Callable[[Path], None]
) -> None:
    planted = Planted(tmp_path / "canary", give)
    getattr(planted, plant)(tmp_path / "cache" / name, is_folder=True)
    before = planted.state()
    said = attempt(lambda: use_cache(release))
    assert planted.state() == before, said
    if name != "features":  # which are then computed without it
        assert f"cache/{name}" in said
        assert "in the way: it " in said
        assert "set SYNGEN_CACHE to" in said


def test_features_are_the_same_without_a_cache_that_is_ours(release: Path, tmp_path: Path) -> None:
    wanted = np.array(syngen.load(release).features(syngen.Spectrogram()))
    shutil.move(tmp_path / "cache" / "features", tmp_path / "elsewhere")
    (tmp_path / "cache" / "features").symlink_to(tmp_path / "elsewhere")
    assert np.array_equal(syngen.load(release).features(syngen.Spectrogram()), wanted)


def test_making_room_in_the_cache_removes_shards_only(tmp_path: Path) -> None:
    cache, canary = tmp_path / "cache" / "shards", tmp_path / "canary"
    for folder in (cache / "key", canary):
        folder.mkdir(parents=True)
        for name in ("letter.txt", "train-000000.tar", f".train-000001.tar.{MARK}.tmp"):
            (folder / name).write_bytes(bytes(1_000))
            os.utime(folder / name, (0, 0))
    (cache / "link").symlink_to(canary)
    ShardCache("key", 500).trim()
    assert names_below(cache / "key") == ["letter.txt"]
    assert len(names_below(canary)) == 3


def test_scratch_folders_that_are_not_ours_stay(tmp_path: Path, give: Callable[[Path], None]) -> None:
    planted = Planted(tmp_path / "canary", give)
    scratch = tmp_path / "cache" / "scratch"
    planted.file(scratch / "letters" / "letter.txt")
    planted.link(scratch / MARK, is_folder=True)
    planted.foreign_folder(scratch / f"1{MARK}")
    planted.hard_link(scratch / f"2{MARK}" / "data" / "letter.txt")
    before = planted.state()
    with scratch_folder() as folder:
        assert folder.is_dir()
    assert planted.state() == before
    assert sorted(path.name for path in scratch.iterdir()) == [f"1{MARK}", MARK, "letters", "lock"]


def test_a_download_into_the_cache_is_whole(release: Path, tmp_path: Path) -> None:
    use_cache(release)
    folder = tmp_path / "cache" / "releases" / "whole-looking" / "1.0.0"
    assert read_description(folder / "dataset.json").n_rows == 18
    assert digests_of(folder) == digests_of(release)
