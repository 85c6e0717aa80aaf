"""Runs that are killed, in every way and in the middle, finish later with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import syngen
from syngen.generation.workers.log import read_events
from tests.gates import Gate
from tests.support import (
    FOUR_THOUSAND_TONES,
    PATIENCE_S,
    digests_of,
    environment_with,
    identities,
    names_below,
    run_syngen,
    wait_until,
)

pytestmark = pytest.mark.slow

N_SHARDS = 26


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "to-be-killed.yaml"
    path.write_text(FOUR_THOUSAND_TONES, "utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "data"
    report = syngen.generate(recipe, folder, jobs=1, shard_size=160)
    assert report.shards == N_SHARDS
    return folder


class Run:
    """A `syngen generate` in a process group of its own, which waits in the middle of the work."""

    def __init__(self, recipe: Path, folder: Path) -> None:
        self.folder, self._gate = folder, Gate.of_folder(folder, after=3)
        arguments = ["generate", str(recipe), str(folder), "-j", "2", "--shard-size", "160", "-q"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "syngen", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | self._gate.env,
            # a shell that starts the tests in the background makes them ignore SIGINT, and us with them
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    @property
    def n_receipts(self) -> int:
        return len(list((self.folder / ".syngen" / "receipts").glob("train-*.json")))

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if is_worker(child)]

    def wait_in_the_middle(self) -> None:
        """Return when both workers wait in the middle of a shard, and some shards are finished."""
        self._gate.wait_for(2, self.process)
        assert 3 <= self.n_receipts < 6
        assert not (self.folder / "dataset.json").exists()

    def go_on(self) -> None:
        self._gate.open()

    def finish(self, *, goes_on: bool = True) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr of a run that is let go on, or has been told to stop."""
        if goes_on:
            self.go_on()
        stdout, stderr = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, stdout, stderr


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def has_ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def start(recipe: Path) -> Iterator[Callable[[Path], Run]]:
    runs: list[Run] = []

    def start_in(folder: Path) -> Run:
        runs.append(Run(recipe, folder))
        return runs[-1]

    yield start_in
    for run in runs:
        with run.process:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGKILL)


def assert_equal_folders(folder: Path, undisturbed: Path) -> None:
    assert identities(folder) == identities(undisturbed)
    assert names_below(folder) == names_below(undisturbed)
    assert digests_of(folder) == digests_of(undisturbed)


def test_the_main_process_is_killed_and_the_run_started_again_at_once(
    start: Callable[[Path], Run], undisturbed: Path, tmp_path: Path
) -> None:
    first = start(tmp_path / "data")
    first.wait_in_the_middle()
    orphans = first.workers()
    first.process.kill()
    first.process.wait()
    code, _, stderr = start(tmp_path / "data").finish()  # while the orphans may still write
    assert code == 0, stderr
    wait_until(lambda: all(map(has_ended, orphans)))
    assert_equal_folders(tmp_path / "data", undisturbed)


def test_orphans_end_soon_after_their_parent_was_killed(
    start: Callable[[Path], Run], tmp_path: Path
) -> None:
    run = start(tmp_path / "data")
    run.wait_in_the_middle()
    orphans = run.workers()
    run.process.kill()
    run.process.wait()
    wait_until(lambda: all(map(has_ended, orphans)))
    # they ended because their parent did: nothing let them go on
    assert run.n_receipts < 6


def test_one_worker_is_killed_and_the_same_run_finishes(
    start: Callable[[Path], Run], undisturbed: Path, tmp_path: Path
) -> None:
    run = start(tmp_path / "data")
    run.wait_in_the_middle()
    run.workers()[0].kill()
    code, _, stderr = run.finish()
    assert code == 0, stderr
    assert "Traceback" not in stderr
    assert_equal_folders(tmp_path / "data", undisturbed)


TAKEN = """\
import os, signal
from multiprocessing.connection import Connection
from pathlib import Path

receive, mark = Connection.recv, Path({mark!r})

def receive_and_die(self):
    found = receive(self)
    if isinstance(found, tuple) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return found

Connection.recv = receive_and_die
"""


def test_a_worker_that_is_killed_while_it_takes_up_a_shard_costs_no_other(
    recipe: Path, undisturbed: Path, tmp_path: Path
) -> None:
    env = environment_with(TAKEN.format(mark=str(tmp_path / "mark")), tmp_path / "site")
    options = ("-j", "2", "--shard-size", "160", "-q", "--log", tmp_path / "log.jsonl")
    done = run_syngen("generate", recipe, tmp_path / "data", *options, env=env)
    assert done.returncode == 0, done.stderr
    found = [event["event"] for event in read_events(tmp_path / "log.jsonl")]
    assert found.count("worker died") == 1
    assert found.count("shard started") == found.count("shard finished") == N_SHARDS
    assert_equal_folders(tmp_path / "data", undisturbed)


def test_the_whole_group_is_killed_and_the_next_run_finishes(
    start: Callable[[Path], Run], undisturbed: Path, tmp_path: Path
) -> None:
    first = start(tmp_path / "data")
    first.wait_in_the_middle()
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    n_kept = first.n_receipts
    assert n_kept >= 3
    code, _, stderr = start(tmp_path / "data").finish()
    assert code == 0, stderr
    assert "4,000 observations" in stderr
    assert_equal_folders(tmp_path / "data", undisturbed)


@pytest.mark.parametrize("sends", [os.killpg, os.kill], ids=["group", "main process"])
def test_an_interrupted_run_says_so_exits_130_and_can_be_finished(
    sends: Callable[[int, int], None],
    start: Callable[[Path], Run],
    undisturbed: Path,
    tmp_path: Path,
) -> None:
    first = start(tmp_path / "data")
    first.wait_in_the_middle()
    workers = first.workers()
    sends(first.process.pid, signal.SIGINT)
    code, stdout, stderr = first.finish(goes_on=False)
    assert code == 130
    assert stdout == ""
    assert stderr == "interrupted; run the same command again to go on\n"
    assert all(map(has_ended, workers))
    assert not [name for name in names_below(tmp_path / "data") if name.endswith(".tmp")]
    assert not (tmp_path / "data" / "dataset.json").exists()
    code, _, stderr = start(tmp_path / "data").finish()
    assert code == 0, stderr
    assert_equal_folders(tmp_path / "data", undisturbed)
