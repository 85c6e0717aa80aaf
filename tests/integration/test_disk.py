"""Disks that are too small, become full, fail or are taken away: one message, and nothing lost."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen.errors import GenerationIncompleteError, ParameterError
from syngen.generation.shard_renderer import ShardRenderer
from syngen.generation.status import state_of
from tests.integration.test_kills import Run
from tests.support import (
    FOUR_THOUSAND_TONES,
    PATIENCE_S,
    WITH_NUISANCES,
    digests_of,
    names_below,
    needs_speech,
)

N_TINY = 408
SHARDS = "audio"


def assert_same(folder: Path, sound: Path) -> None:
    assert names_below(folder) == names_below(sound)
    assert digests_of(folder) == digests_of(sound)


def leave_free(n_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk say that so much is free."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(
        "syngen.io.space.shutil.disk_usage",
        lambda _: usage._replace(total=1 << 50, free=n_bytes),
    )


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_dataset_that_does_not_fit_is_refused_before_its_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_free(1_000_000, monkeypatch)
    with pytest.raises(ParameterError, match=r"needs \d\.\d+ MB more, but .* has 1 MB free; make room"):
        syngen.generate("syntone-tiny", tmp_path / "data", jobs=1)
    assert not names_below(tmp_path)


@pytest.mark.slow
def test_what_wav_of_known_length_needs_is_known_exactly_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_dataset: Path
) -> None:
    size = bytes_below(tiny_dataset / SHARDS)
    leave_free(size, monkeypatch)  # without room for the manifest
    with pytest.raises(ParameterError, match="more, but the file system"):
        syngen.generate("syntone-tiny", tmp_path / "data", jobs=1, shard_size=50)
    leave_free(round(1.02 * size), monkeypatch)
    syngen.generate("syntone-tiny", tmp_path / "data", jobs=1, shard_size=50)
    assert_same(tmp_path / "data", tiny_dataset)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "codec"),
    [
        ("syntone-tiny", "flac"),
        (WITH_NUISANCES, "flac"),
        pytest.param("synspeech-tiny", "wav", marks=needs_speech),
        pytest.param("synspeech-tiny", "flac", marks=needs_speech),
    ],
    ids=["tones", "nuisances", "speech", "speech as FLAC"],
)
def test_estimates_refuse_no_dataset_that_fits_and_most_that_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Any, codec: str
) -> None:
    def make(name: str) -> Path:
        syngen.generate(recipe, tmp_path / name, jobs=1, limit=40, codec=codec)
        return tmp_path / name

    size = bytes_below(make("whole"))
    leave_free(size, monkeypatch)
    make("again")
    leave_free(size // 4, monkeypatch)
    with pytest.raises(ParameterError, match="make room"):
        make("more")


@pytest.mark.slow
def test_only_what_is_missing_needs_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_dataset: Path
) -> None:
    folder = tmp_path / "data"
    with monkeypatch.context() as patch:
        fail_after(patch, 6, errno.ENOSPC)
        with pytest.raises(GenerationIncompleteError):
            syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50)
    leave_free(bytes_below(tiny_dataset) - bytes_below(folder / SHARDS), monkeypatch)
    syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50)
    assert_same(folder, tiny_dataset)
    leave_free(0, monkeypatch)
    assert syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50).rendered == 0


def test_what_overwrite_removes_counts_as_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_dataset: Path
) -> None:
    shutil.copytree(tiny_dataset, tmp_path / "data")
    leave_free(1_000_000, monkeypatch)
    syngen.generate("syntone-tiny", tmp_path / "data", jobs=1, shard_size=50, overwrite=True)
    with pytest.raises(ParameterError, match="1 MB free"):
        syngen.generate("syntone-tiny", tmp_path / "other", jobs=1, shard_size=50)


def limited(n_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


def generate_limited(n_bytes: int, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "syngen", "generate", "syntone-tiny", "data", "-q", "-j", "1", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        preexec_fn=limited(n_bytes),
    )


@pytest.mark.slow
def test_shards_larger_than_files_may_be_are_refused_with_a_size_that_works(
    tmp_path: Path, tiny_dataset: Path
) -> None:
    refused = generate_limited(1_000_000, cwd=tmp_path)
    assert refused.returncode == 2
    assert "files may not be larger than 1 MB" in refused.stderr
    (size,) = re.findall(r"--shard-size (\d+) or less", refused.stderr)
    assert not names_below(tmp_path)
    done = generate_limited(1_000_000, "--shard-size", size, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "other").mkdir()
    hopeless = generate_limited(5_000, cwd=tmp_path / "other")
    assert hopeless.returncode == 2
    assert "raise it" in hopeless.stderr


def fail_after(patch: pytest.MonkeyPatch, n_shards: int, number: int) -> None:
    """Let the file system refuse everything after so many shards."""
    make, made = ShardRenderer.make, []

    def make_some(worker: ShardRenderer, *arguments: Any) -> Any:
        if len(made) == n_shards:
            raise OSError(number, os.strerror(number))
        made.append(make(worker, *arguments))
        return made[-1]

    patch.setattr(ShardRenderer, "make", make_some)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "No space left on device (.* free: make room)"),
        (errno.EDQUOT, "your quota is used up"),
        (errno.EROFS, "mount it for writing"),
        (errno.EIO, "the disk fails"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ESTALE, os.strerror(errno.ESTALE)),
    ],
)
def test_an_error_of_the_file_system_ends_a_run_with_one_message(
    tmp_path: Path, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    folder = tmp_path / "data"
    with monkeypatch.context() as patch:
        fail_after(patch, 3, number)
        with pytest.raises(GenerationIncompleteError, match="run the same command again") as caught:
            syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50)
    assert re.search(said, str(caught.value))
    assert "\n" not in str(caught.value)
    assert syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50).rendered == N_TINY - 150
    assert_same(folder, tiny_dataset)


class Fault:
    """The call of a function, counted over several functions, from which on all of them fail."""

    def __init__(self, patch: pytest.MonkeyPatch, first: int, n_times: int) -> None:
        self.n_calls, self.failing = 0, range(first, first + n_times)
        for name in ("fsync", "replace", "mkdir", "unlink"):
            patch.setattr(os, name, self._failing(getattr(os, name)))

    def _failing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.n_calls += 1
            if self.n_calls in self.failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return function(*arguments, **options)

        return call


def failure_of(make: Callable[[], object]) -> str:
    """Return what a run that ends in order says, or nothing if it succeeds."""
    try:
        make()
    except (GenerationIncompleteError, ParameterError) as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("n_times", [1, 1 << 30], ids=["once", "from then on"])
def test_wherever_the_disk_fails_the_next_run_makes_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_times: int
) -> None:
    def make(name: str) -> Path:
        syngen.generate(WITH_NUISANCES, tmp_path / name, jobs=1, shard_size=25)
        return tmp_path / name

    sound = make("sound")
    with monkeypatch.context() as patch:
        counted = Fault(patch, 1 << 40, 0)
        make("counted")
    n_failed = 0
    for first in range(1, counted.n_calls + 1):
        folder = tmp_path / f"data{first}"
        with monkeypatch.context() as patch:
            Fault(patch, first, n_times)
            said = failure_of(lambda: make(folder.name))  # noqa: B023  # it is called at once
        n_failed += bool(said)
        assert not said or os.strerror(errno.EIO) in said, first
        assert_same(make(folder.name), sound)
        shutil.rmtree(folder)
    assert n_failed > 0.8 * counted.n_calls  # the others removed what nobody needs any more


@pytest.mark.slow
def test_a_clock_that_jumps_and_files_from_the_future_decide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_dataset: Path
) -> None:
    folder = tmp_path / "data"
    clock = iter(range(10**10, 0, -(10**5)))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    with monkeypatch.context() as patch:
        fail_after(patch, 3, errno.ENOSPC)
        with pytest.raises(GenerationIncompleteError):
            syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50)
    for i, path in enumerate(sorted(folder.rglob("*"))):
        os.utime(path, (10**9 * (i % 5), 10**9 * (i % 5)))
    assert syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50).rendered == N_TINY - 150
    assert_same(folder, tiny_dataset)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=100m", "none", str(folder)]
    if not shutil.which("mount") or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "to-be-stopped.yaml"
    path.write_text(FOUR_THOUSAND_TONES, "utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "to-be-stopped.yaml").write_text(FOUR_THOUSAND_TONES, "utf-8")
    syngen.generate(folder / "to-be-stopped.yaml", folder / "data", jobs=1, shard_size=160)
    return folder / "data"


def assert_stopped_and_resumable(run: Run, said: str) -> None:
    """Expect that a run ended with one message, and kept what was finished."""
    code, _, stderr = run.finish()
    assert code == 3, stderr
    assert re.search(said, stderr), stderr
    assert "Traceback" not in stderr
    assert len(stderr.splitlines()) == 1
    state = state_of(run.folder)
    assert state is not None
    assert 3 <= state.shards_finished < state.shards


@pytest.mark.slow
def test_a_disk_that_becomes_full_in_the_middle(small_disk: Path, recipe: Path, undisturbed: Path) -> None:
    run = Run(recipe, small_disk / "data")
    run.wait_in_the_middle()
    ballast = small_disk / "ballast"
    with open(ballast, "wb") as file:  # leaves room for less than a shard
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free - 1_000_000)
    assert_stopped_and_resumable(run, "No space left on device .* free: make room")
    assert not [name for name in names_below(small_disk) if name.endswith(".tmp")]
    refused = Run(recipe, small_disk / "data").finish()
    assert refused[0] == 2
    assert "make room" in refused[2]
    ballast.unlink()
    code, _, stderr = Run(recipe, small_disk / "data").finish()
    assert code == 0, stderr
    assert_same(small_disk / "data", undisturbed)


@pytest.mark.slow
def test_a_disk_that_becomes_read_only_in_the_middle(
    small_disk: Path, recipe: Path, undisturbed: Path
) -> None:
    run = Run(recipe, small_disk / "data")
    run.wait_in_the_middle()
    # a mount of the folder of shards upon itself: the disk below has files that are open
    for options in ("bind", "remount,bind,ro"):
        shards = str(small_disk / "data" / "audio")
        subprocess.run(["mount", "-o", options, shards, shards], check=True, capture_output=True)
    assert_stopped_and_resumable(run, "Read-only file system .*mount it for writing")
    refused = Run(recipe, small_disk / "data").finish()
    assert refused[0] in (2, 3)
    assert "Read-only file system" in refused[2]
    subprocess.run(["umount", shards], check=True)
    code, _, stderr = Run(recipe, small_disk / "data").finish()
    assert code == 0, stderr
    assert_same(small_disk / "data", undisturbed)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
def test_a_file_size_limit_in_the_middle(recipe: Path, tmp_path: Path, undisturbed: Path) -> None:
    run = Run(recipe, tmp_path / "data")
    run.wait_in_the_middle()
    for worker in run.workers():
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (500_000, 500_000))
    assert_stopped_and_resumable(run, "File too large .*ulimit -f")
    code, _, stderr = Run(recipe, tmp_path / "data").finish()
    assert code == 0, stderr
    assert_same(tmp_path / "data", undisturbed)
