"""Workers that crash, hang or never begin: their shards are tried again, the others are unharmed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import psutil
import pytest

import syngen
from syngen.generation.workers.log import read_events
from syngen.generation.workers.processes import WorkerProcess
from syngen.storage.layout import Layout
from tests.integration.test_kills import has_ended, is_worker
from tests.integration.test_plugin import installed
from tests.support import PATIENCE_S, digests_of, names_below, run_syngen, wait_until

pytestmark = pytest.mark.slow

POISON = """\
import ctypes, os, signal, sys, time
from pathlib import Path
import numpy as np
from syngen import FactorSpec, Synthesizer
from syngen.generation.workers import processes

HOW, WHERE, TIMES = os.environ.get("POISON", ""), 40.0, int(os.environ.get("POISON_TIMES", "99"))
MARKS = Path(os.environ.get("POISON_MARKS", "."))

def is_time():
    "Whether the poison works once more; every process that takes it leaves a mark."
    n_marks = len(list(MARKS.glob("mark-*")))
    if n_marks < TIMES:
        (MARKS / f"mark-{n_marks}-{os.getpid()}").touch()
    return n_marks < TIMES

class Clock:
    "By which workers are late: it runs when one hangs, or by a second for every slow observation."

    def __init__(self):
        self.now, self.looked = 0.0, time.monotonic()
        self.sleep, self.process_time = time.sleep, time.process_time

    def monotonic(self):
        now, since = time.monotonic(), self.looked
        self.looked = now
        if HOW == "slow":
            return float(len(list(MARKS.glob("slow-*"))))
        if any(is_alive(int(mark.name.split("-")[2])) for mark in MARKS.glob("mark-*")):
            self.now += now - since
        return self.now

def is_alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True

if HOW.startswith(("hang", "stop", "slow")):
    processes.time = Clock()

def act(how):
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(7)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        time.sleep(3600)
    if how == "hang in a library":
        ctypes.PyDLL(None).sleep(3600)  # holds the GIL
    if how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if how == "raise":
        raise RuntimeError(f"bad taste {time.monotonic_ns()}")
    if how == "raise the same":
        raise RuntimeError("bad taste")
    if how == "leave":
        sys.exit(3)

class Poison(Synthesizer):
    name = "poison"
    version = "1"
    factors = (FactorSpec("rate", units={"Hz": (1.0, 100.0)}),)

    def prepare(self, request):
        if HOW.startswith("prepare ") and os.getpid() != os.getsid(0) and is_time():
            act(HOW.removeprefix("prepare "))
        n = request.audio.n_samples

        def render(values, streams):
            if values["rate"] == WHERE and is_time():
                act(HOW)
            if HOW == "slow":
                (MARKS / f"slow-{values['rate']}").touch()
                time.sleep(0.05)
            if HOW == "stuck":
                (MARKS / f"stuck-{os.getpid()}").touch()
                while not (MARKS / "go on").exists():
                    time.sleep(0.01)
            waveform = np.zeros(n)
            waveform[:: round(request.audio.sample_rate / values["rate"])] = 0.5
            return waveform

        return render
"""
RECIPE = """\
name: poisoned
synthesizer: poison
seed: 3
audio: {sample_rate: 8000, duration: 0.25}
factors:
  rate: {linspace: {start: 10.0, stop: 100.0, num: 46}, unit: Hz}
"""
N_SHARDS = 5
OPTIONS = ["generate", "poisoned.yaml", "data", "--shard-size", "10", "-q"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("poison")
    return installed(folder, "poison", POISON, "syngen.synthesizers", "poison = poison:Poison")


@pytest.fixture
def here(tmp_path: Path, site: dict[str, str]) -> Path:
    (tmp_path / "poisoned.yaml").write_text(RECIPE, "utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, site: dict[str, str]) -> Path:
    """The dataset, made without poison."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "poisoned.yaml").write_text(RECIPE, "utf-8")
    done = run_syngen(*OPTIONS, "-j", "1", cwd=folder, env=site)
    assert done.returncode == 0, done.stderr
    return folder / "data"


Generate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def generate(here: Path, site: dict[str, str]) -> Generate:
    def run(*more: str, how: str = "", times: int = 99, jobs: int = 2) -> Any:
        env = {**site, "POISON": how, "POISON_TIMES": str(times), "POISON_MARKS": str(here)}
        return run_syngen(*OPTIONS, "-j", str(jobs), *more, cwd=here, env=env)

    return run


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder if folder.suffix == ".jsonl" else Layout(folder).log
    return [event for event in read_events(path) if event["event"] == name]


def assert_same(folder: Path, sound: Path) -> None:
    assert names_below(folder) == names_below(sound)
    assert digests_of(folder) == digests_of(sound)


CRASHES = {
    "segfault": "signal 11 (Segmentation fault",
    "exit": "ended with exit code 7",
    "kill": "want of memory",
}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("how", CRASHES)
def test_a_row_that_ends_its_worker_three_times_costs_its_shard_and_is_named(
    here: Path, generate: Generate, sound: Path, how: str, jobs: int
) -> None:
    done = generate(how=how, jobs=jobs)
    assert done.returncode == 3, done.stderr
    assert f"1 of {N_SHARDS} shards failed, first train-00000" in done.stderr
    assert CRASHES[how] in done.stderr
    assert "(3 tries)" in done.stderr
    assert "at row " in done.stderr
    assert "index 15" in done.stderr  # of the rate 40 Hz
    assert str(Layout(Path("data")).log) in done.stderr
    assert "Traceback" not in done.stderr
    assert "Fatal Python error" not in done.stderr
    died = events(here / "data", "worker died")
    assert len(died) == 3
    assert len({event["worker"] for event in died}) == 3
    assert {event["index"] for event in died} == {15}
    assert [event["attempt"] for event in died] == [1, 2, 3]
    if how == "segfault":
        assert all("in act" in event["stack"] for event in died)
    assert len(events(here / "data", "shard finished")) == N_SHARDS - 1
    assert not [name for name in names_below(here / "data") if name.endswith(".tmp")]
    done = generate()
    assert done.returncode == 0, done.stderr
    assert_same(here / "data", sound)


@pytest.mark.parametrize("how", ["segfault", "raise", "leave"])
def test_a_failure_that_passes_is_survived_and_logged(
    here: Path, generate: Generate, sound: Path, how: str
) -> None:
    n_times = 1 if how == "leave" else 2  # it leaves with the same words each time
    done = generate("--log", "log.jsonl", how=how, times=n_times)
    assert done.returncode == 0, done.stderr
    assert_same(here / "data", sound)
    name = "worker died" if how == "segfault" else "shard failed"
    failed = events(here / "log.jsonl", name)
    assert len(failed) == n_times
    if how != "segfault":
        assert all("in act" in event["traceback"] for event in failed)
    attempts = [event["attempt"] for event in events(here / "log.jsonl", "shard finished")]
    assert sorted(attempts)[-1] == len(failed) + 1


def test_an_error_that_comes_word_for_word_again_is_not_tried_a_third_time(
    here: Path, generate: Generate
) -> None:
    done = generate(how="raise the same")
    assert done.returncode == 3
    assert "RuntimeError: bad taste" in done.stderr
    assert "(2 tries)" in done.stderr
    failed = events(here / "data", "shard failed")
    assert [event["attempt"] for event in failed] == [1, 2]
    assert all("RuntimeError: bad taste" in event["traceback"] for event in failed)
    (given_up,) = events(here / "data", "shard given up")
    assert len(given_up["causes"]) == 2


def test_errors_that_differ_are_tried_three_times(here: Path, generate: Generate) -> None:
    done = generate(how="raise")
    assert done.returncode == 3
    assert len(events(here / "data", "shard failed")) == 3
    (given_up,) = events(here / "data", "shard given up")
    assert len(given_up["causes"]) == 3


@pytest.mark.parametrize("how", ["hang", "hang in a library", "stop"])
def test_a_worker_that_hangs_is_ended_and_its_shard_tried_again(
    here: Path, generate: Generate, sound: Path, how: str
) -> None:
    done = generate("--hang-limit", "2", "--log", "log.jsonl", how=how, times=1, jobs=1)
    assert done.returncode == 0, done.stderr
    assert_same(here / "data", sound)
    (hung,) = events(here / "log.jsonl", "worker hung")
    assert hung["index"] == 15
    assert "it had finished nothing for 2 s" in hung["cause"]
    if how != "stop":
        assert "in act" in hung["stack"]
    (mark,) = here.glob("mark-*")
    assert not psutil.pid_exists(int(mark.name.split("-")[2]))


def test_a_stack_that_is_written_in_pieces_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syngen.generation.workers.processes._STACK_PIECE_S", PATIENCE_S)
    worker = WorkerProcess.__new__(WorkerProcess)
    worker._stack, far = Pipe(duplex=False)
    second_is_wanted = threading.Event()

    def write() -> None:
        os.write(far.fileno(), b"Thread 1:\n")
        second_is_wanted.wait()
        os.write(far.fileno(), b"  in act\n")
        far.close()

    read = os.read
    monkeypatch.setattr(os, "read", lambda *a: (read(*a), second_is_wanted.set())[0])
    thread = threading.Thread(target=write)
    thread.start()
    found = worker._read_stack(PATIENCE_S)
    thread.join()
    worker._stack.close()
    assert found == "Thread 1:\n  in act\n"


def test_a_worker_that_always_hangs_costs_its_shard(here: Path, generate: Generate) -> None:
    done = generate("--hang-limit", "1.5", how="hang", jobs=1)
    assert done.returncode == 3, done.stderr
    assert "it had finished nothing for 1.5 s at row" in done.stderr
    assert len(events(here / "data", "worker hung")) == 3
    assert len(events(here / "data", "shard finished")) == N_SHARDS - 1


def test_a_slow_worker_is_not_taken_for_one_that_hangs(generate: Generate) -> None:
    # a shard takes longer than the limit, an observation does not
    done = generate("--hang-limit", "1.5", "--log", "log.jsonl", how="slow", jobs=1)
    assert done.returncode == 0, done.stderr


def test_workers_that_end_before_they_begin_are_no_fault_of_the_shards(
    here: Path, generate: Generate, sound: Path
) -> None:
    done = generate("--log", "log.jsonl", how="prepare kill", times=2)
    assert done.returncode == 0, done.stderr
    assert_same(here / "data", sound)
    assert len(events(here / "log.jsonl", "worker died")) == 2
    assert {event["attempt"] for event in events(here / "log.jsonl", "shard finished")} == {1}


def test_workers_that_never_begin_end_the_run(here: Path, generate: Generate) -> None:
    done = generate(how="prepare segfault")
    assert done.returncode == 3
    assert f"{N_SHARDS} of {N_SHARDS} shards failed" in done.stderr
    assert "before it began" in done.stderr
    assert len(list(here.glob("mark-*"))) <= 6
    assert events(here / "data", "shard started") == []


def test_the_log_accounts_for_every_row_and_try(here: Path, generate: Generate) -> None:
    done = generate("--log", "log.jsonl", how="kill", times=1)
    assert done.returncode == 0, done.stderr
    found = list(read_events(here / "log.jsonl"))
    names = [event["event"] for event in found]
    assert names[0] == "run started"
    assert names[-1] == "run ended"
    assert found[0]["rows"] == found[0]["rows_left"] == 46
    assert found[-1]["outcome"] == "complete"
    assert all(datetime.fromisoformat(event["time"]).tzinfo == UTC for event in found)
    started, finished = (
        events(here / "log.jsonl", "shard started"),
        events(here / "log.jsonl", "shard finished"),
    )
    assert sum(event["rows"] for event in finished) == 46
    (died,) = events(here / "log.jsonl", "worker died")
    assert len(started) == N_SHARDS + 1
    (again,) = [event for event in started if event["attempt"] == 2]
    assert again["shard"] == died["shard"]
    assert 0 <= died["rows_rendered"] < 10
    workers = {event["pid"] for event in events(here / "log.jsonl", "worker started")}
    assert {event["pid"] for event in started} | {died["worker"]} == workers
    assert all(event["wall_s"] >= 0 and event["cpu_s"] >= 0 for event in finished)


def test_a_log_is_appended_once_over_several_runs(here: Path, generate: Generate) -> None:
    assert generate("--log", "log.jsonl", how="kill").returncode == 3
    first = (here / "log.jsonl").read_text("utf-8")
    assert generate("--log", "log.jsonl").returncode == 0
    both = (here / "log.jsonl").read_text("utf-8")
    assert both.startswith(first)
    assert [event["outcome"] for event in events(here / "log.jsonl", "run ended")] == [
        "incomplete",
        "complete",
    ]
    lines = both.splitlines()
    assert len(set(lines)) == len(lines)
    assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.parametrize("name", ["data/log.jsonl", "data/.syngen/more.jsonl", "nowhere/log.jsonl", "."])
def test_a_log_in_an_impossible_place_is_refused_before_anything_is_written(
    here: Path, generate: Generate, name: str
) -> None:
    done = generate("--log", name)
    assert done.returncode == 2
    assert "the log " in done.stderr
    assert not (here / "data").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_log_that_cannot_be_written_fails_no_run(here: Path, sound: Path, generate: Generate) -> None:
    (here / "full.jsonl").symlink_to("/dev/full")
    (here / "poisoned.yaml").write_text(RECIPE, "utf-8")
    done = generate("--log", "full.jsonl")
    assert done.returncode in (0, 2), done.stderr
    done = generate()
    assert_same(here / "data", sound)


# what follows looks at a run while it works


@pytest.fixture
def stuck(here: Path, site: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts runs that finish nothing until the file "go on" appears."""
    running: list[subprocess.Popen[str]] = []

    def start(*more: str, jobs: int = 2, ignoring: bool = False) -> subprocess.Popen[str]:
        handler = signal.SIG_IGN if ignoring else signal.default_int_handler
        process = subprocess.Popen(
            [sys.executable, "-m", "syngen", *OPTIONS, "-j", str(jobs), *more],
            cwd=here,
            env={**os.environ, **site, "POISON": "stuck", "POISON_MARKS": str(here)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, handler),
        )
        running.append(process)
        wait_until(lambda: len(list(here.glob("stuck-*"))) == jobs, process)
        return process

    yield start
    (here / "go on").touch()
    for process in running:
        with process:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


Stuck = Callable[..., subprocess.Popen[str]]


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children() if is_worker(child)]


@pytest.mark.parametrize("ignoring", [False, True], ids=["foreground", "background"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sends", [os.killpg, os.kill], ids=["group", "main process"])
def test_a_signal_ends_a_run_after_the_observations_in_hand(
    here: Path,
    generate: Generate,
    sound: Path,
    stuck: Stuck,
    sends: Callable[[int, int], None],
    number: int,
    ignoring: bool,
) -> None:
    run = stuck(ignoring=ignoring)
    workers = workers_of(run)
    sends(run.pid, number)
    wait_until(lambda: bool(events(here / "data", "stopping")), run)
    (here / "go on").touch()
    stdout, stderr = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, stdout) == (130, "")
    assert stderr == "interrupted; run the same command again to go on\n"
    assert all(map(has_ended, workers))
    assert not [name for name in names_below(here / "data") if name.endswith(".tmp")]
    dropped = events(here / "data", "shard dropped")
    assert [event["rows_rendered"] for event in dropped] == [1, 1], "the observations in hand"
    (ended,) = events(here / "data", "run ended")
    assert ended["outcome"] == "interrupted"
    assert generate().returncode == 0
    assert_same(here / "data", sound)


@pytest.mark.parametrize("sends", [os.killpg, os.kill], ids=["group", "main process"])
def test_a_second_signal_ends_a_run_at_once(
    here: Path, generate: Generate, sound: Path, stuck: Stuck, sends: Callable[[int, int], None]
) -> None:
    run = stuck()
    workers = workers_of(run)
    sends(run.pid, signal.SIGINT)
    wait_until(lambda: bool(events(here / "data", "stopping")), run)
    sends(run.pid, signal.SIGTERM)
    run.communicate(timeout=PATIENCE_S)  # nothing tells the workers to go on
    assert run.returncode == 130
    wait_until(lambda: all(map(has_ended, workers)))
    assert generate().returncode == 0
    assert_same(here / "data", sound)


def test_workers_that_are_stopped_end_with_the_main_process(stuck: Stuck) -> None:
    run = stuck()
    workers = workers_of(run)
    for worker in workers:
        worker.suspend()
    run.kill()
    run.wait()
    wait_until(lambda: all(map(has_ended, workers)))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_do_not_hold_the_lock(here: Path, stuck: Stuck) -> None:
    run = stuck()
    lock = str(here / "data" / ".syngen" / "lock")

    def target(descriptor: Path) -> str:
        with suppress(FileNotFoundError):  # closed since it was listed
            return str(descriptor.readlink())
        return ""

    def holds(pid: int) -> bool:
        return any(target(descriptor) == lock for descriptor in Path(f"/proc/{pid}/fd").iterdir())

    assert holds(run.pid)
    assert not [child.pid for child in psutil.Process(run.pid).children(recursive=True) if holds(child.pid)]


def test_a_second_run_is_refused_and_disturbs_nothing(
    here: Path, generate: Generate, sound: Path, stuck: Stuck
) -> None:
    run = stuck()
    for more in ((), ("--overwrite",)):
        done = generate(*more)
        assert done.returncode == 2
        assert "another run is working in data" in done.stderr
    (here / "go on").touch()
    _, stderr = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, stderr
    assert_same(here / "data", sound)


def test_info_shows_a_run_at_work_from_another_terminal(
    here: Path, site: dict[str, str], stuck: Stuck
) -> None:
    run = stuck()
    before = {path: path.stat().st_mtime_ns for path in (here / "data").rglob("*")}
    done = run_syngen("info", "data", cwd=here, env=site)
    assert done.returncode == 0, done.stderr
    assert f"poisoned: unfinished, 0 of 46 observations in 0 of {N_SHARDS} shards" in done.stdout
    assert f"a run is at work: process {run.pid} on " in done.stdout
    assert "last event: " in done.stdout
    state = json.loads(run_syngen("info", "data", "--json", cwd=here, env=site).stdout)
    assert (state["is_running"], state["pid"], state["jobs"]) == (True, run.pid, 2)
    assert state["last_event"]["event"] == "shard started"
    assert {path: path.stat().st_mtime_ns for path in (here / "data").rglob("*")} == before
    run.kill()
    run.wait()
    state = json.loads(run_syngen("info", "data", "--json", cwd=here, env=site).stdout)
    assert (state["is_running"], state["left_s"]) == (False, None)
    assert "no run is at work" in run_syngen("info", "data", cwd=here, env=site).stdout


def test_info_shows_what_failed(here: Path, generate: Generate, site: dict[str, str]) -> None:
    assert generate(how="segfault").returncode == 3
    state = json.loads(run_syngen("info", "data", "--json", cwd=here, env=site).stdout)
    assert state["shards_finished"] == N_SHARDS - 1
    *died, stopped = state["failures"]
    assert [failure["index"] for failure in died] == [15, 15, 15]
    assert stopped["event"] == "stopped"
    assert "stack" not in died[0]
    text = run_syngen("info", "data", cwd=here, env=site).stdout
    assert text.count("worker died") == 3


def test_info_refuses_a_damaged_plan(here: Path, generate: Generate, site: dict[str, str]) -> None:
    assert generate(how="raise the same").returncode == 3
    (here / "data" / "plan.json").write_text('{"format": 1}', "utf-8")
    done = run_syngen("info", "data", cwd=here, env=site)
    assert done.returncode == 1
    assert "is damaged" in done.stderr


def test_a_folder_that_moved_between_runs_is_finished_where_it_is(
    here: Path, generate: Generate, sound: Path, site: dict[str, str]
) -> None:
    assert generate(how="raise the same").returncode == 3
    (here / "data").rename(here / "elsewhere")
    (here / "further").mkdir()
    (here / "elsewhere").rename(here / "further" / "data")
    (here / "poisoned.yaml").rename(here / "further" / "poisoned.yaml")
    done = run_syngen(*OPTIONS, "-j", "2", "--json", cwd=here / "further", env=site)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rendered"] in (6, 10)
    assert_same(here / "further" / "data", sound)


def test_nothing_in_an_unfinished_folder_but_its_log_says_where_it_is(
    here: Path, generate: Generate
) -> None:
    assert generate(how="raise the same").returncode == 3
    for path in (here / "data").rglob("*"):
        if path.is_file() and path.suffix != ".jsonl":
            assert os.fsencode(here) not in path.read_bytes(), path


def test_an_interrupted_library_call_cleans_up(
    here: Path, monkeypatch: pytest.MonkeyPatch, tiny_dataset: Path, tmp_path: Path
) -> None:
    def interrupt(update: syngen.ProgressUpdate) -> None:
        if update.done >= 100:
            raise KeyboardInterrupt

    before = {child.pid for child in psutil.Process().children()}
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        with pytest.raises(KeyboardInterrupt):
            syngen.generate("syntone-tiny", folder, jobs=jobs, shard_size=50, progress=interrupt)
        left = {c.pid for c in psutil.Process().children() if is_worker(c)} - before
        assert not left
        assert not [name for name in names_below(folder) if name.endswith(".tmp")]
        assert syngen.generate("syntone-tiny", folder, jobs=1, shard_size=50).rendered < 408
        assert digests_of(folder) == digests_of(tiny_dataset)
