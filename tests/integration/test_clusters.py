"""Past one machine: executors of others, Dask, and job arrays whose members never talk."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import random
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import permutations
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen.errors import GenerationIncompleteError, ParameterError, PlanMismatchError, SyngenError
from syngen.generation.status import state_of
from syngen.generation.workers.members import Member
from syngen.io.locks import exclusive_lock, is_locked
from syngen.storage.layout import Layout
from tests.benchmarks.clusters import (
    DaskProcesses,
    dask_processes,
    ended,
    events,
    generate,
    has_shard,
    is_same,
    killed_array,
    killed_on_dask,
)
from tests.gates import Gate
from tests.support import (
    FOUR_THOUSAND_TONES,
    digests_of,
    environment_with,
    names_below,
    run_python,
    run_syngen,
    wait_until,
)

pytestmark = pytest.mark.slow

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the extra dask is not installed"
)


def assert_same(folder: Path, sound: Path) -> None:
    assert names_below(folder) == names_below(sound)
    assert digests_of(folder) == digests_of(sound)


def made(folder: Path, **options: Any) -> Any:
    return syngen.generate("syntone-tiny", folder, shard_size=50, **options)


# executors of others


class Backwards(Executor):
    """Runs what is submitted when four tasks have come together or somebody waits, the last first."""

    def __init__(self) -> None:
        self.n_most, self.n_done, self.is_shut_down = 0, 0, False
        self._threads = ThreadPoolExecutor(1)
        self._waiting: list[tuple[Future[Any], Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        self.n_most = max(self.n_most, len(self._waiting))
        self._threads.submit(self._run_last)
        return future

    def _run_last(self) -> None:
        future, work = self._waiting.pop()
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        self.n_done += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_shut_down = True
        self._threads.shutdown()


def test_an_executor_that_is_not_ours_makes_the_same_dataset_and_lives_on(
    tiny_dataset: Path, tmp_path: Path
) -> None:
    executor = Backwards()
    report = made(tmp_path / "data", executor=executor, jobs=2)
    assert report.rendered == report.rows == 408
    assert_same(tmp_path / "data", tiny_dataset)
    assert executor.n_done == 10
    assert executor.n_most <= 4, "no more than twice the shards that are made at a time"
    assert not executor.is_shut_down
    executor.shutdown()


def test_pools_of_the_standard_library_make_the_same_dataset(tiny_dataset: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        made(tmp_path / "threads", executor=threads)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        made(tmp_path / "processes", executor=processes)
        assert processes.submit(os.getpid).result() != os.getpid()
    assert_same(tmp_path / "threads", tiny_dataset)
    assert_same(tmp_path / "processes", tiny_dataset)


def test_a_pool_that_breaks_keeps_what_is_finished(tiny_dataset: Path, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        processes.submit(os._exit, 3)
        with pytest.raises(GenerationIncompleteError, match="terminated abruptly"):
            made(tmp_path / "data", executor=processes)
    made(tmp_path / "data", jobs=1)
    assert_same(tmp_path / "data", tiny_dataset)


def test_a_pool_that_was_shut_down_is_named(tmp_path: Path) -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with pytest.raises(GenerationIncompleteError, match="after shutdown"):
        made(tmp_path / "data", executor=threads)


def test_an_error_in_a_thread_of_others_is_the_shards_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("no such tone")

    monkeypatch.setattr("syngen.generation.shard_renderer.ShardRenderer.make", fail)
    with (
        ThreadPoolExecutor(1) as threads,
        pytest.raises(GenerationIncompleteError, match="10 of 10 shards failed.*ZeroDivisionError"),
    ):
        made(tmp_path / "data", executor=threads)


class Elsewhere(ThreadPoolExecutor):
    """Runs tasks as workers would that are not like this process."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(1)
        self._changes = changes

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(dataclasses.replace(fn, **self._changes), *args, **kwargs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lease": Path("/nowhere/lease")}, "does not see .* as the run does; the folder must be on"),
        ({"versions": {"syngen": "9.9.9"}}, r"syngen is .* here, 9.9.9 in the plan"),
        ({"identity": {"library": "espeak 7"}}, "library is None here, 'espeak 7';.* where the run was"),
    ],
)
def test_a_worker_that_joins_later_and_cannot_take_part_ends_the_run_by_name(
    tiny_dataset: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    made(tmp_path / "data", jobs=1, shard_index="0/3")
    with (
        Elsewhere(**changes) as executor,
        pytest.raises(
            GenerationIncompleteError, match=rf"worker process \d+ on .* cannot take part: .*{message}"
        ),
    ):
        made(tmp_path / "data", executor=executor)
    assert made(tmp_path / "data", jobs=1).rendered < 408
    assert_same(tmp_path / "data", tiny_dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "dsak"}, "did you mean 'dask'"),
        ({"executor": "dask"}, "needs the address of a scheduler"),
        ({"executor": "dask", "scheduler": "tcp://127.0.0.1:1", "jobs": 2}, "the cluster says"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "is for the executor dask"),
        ({"shard_index": "8/8"}, "i from 0 to N - 1"),
        ({"shard_index": "1/8", "overwrite": True}, "does not overwrite"),
        ({"shard_index": "1/8", "executor": "dask", "scheduler": "tcp://127.0.0.1:1"}, "executor local"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        made(tmp_path / "data", **options)
    assert not (tmp_path / "data").exists()


# Dask


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "cluster.yaml"
    path.write_text(FOUR_THOUSAND_TONES, "utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "data"
    ended(generate(folder, "-j", "1", recipe=recipe))
    return folder


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A scheduler and two workers, for tests that leave them alone."""
    with dask_processes(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


def on(cluster: DaskProcesses, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    options = ("--executor", "dask", "--scheduler", cluster.address, "--shard-size", "50", *more)
    return run_syngen("generate", "syntone-tiny", folder, *options)


@needs_dask
def test_a_dask_cluster_makes_the_same_dataset(
    dask: DaskProcesses, tiny_dataset: Path, tmp_path: Path
) -> None:
    done = on(dask, tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "rendered 408/408 (100 %)" in done.stderr
    assert_same(tmp_path / "data", tiny_dataset)


@needs_dask
def test_a_dask_worker_that_is_killed_costs_only_what_it_had_in_hand(
    recipe: Path, undisturbed: Path, tmp_path: Path
) -> None:
    gate = Gate.of_folder(tmp_path / "data", after=3)
    with dask_processes(tmp_path, gate=gate) as cluster:
        n_again = killed_on_dask(cluster, recipe, tmp_path / "data", random.Random(3), gate=gate)
    assert n_again == 1
    assert is_same(tmp_path / "data", undisturbed)


@needs_dask
def test_an_interrupted_run_on_dask_leaves_no_work_behind_and_can_be_finished(
    recipe: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    gate = Gate.of_folder(folder, after=3)
    with dask_processes(tmp_path, gate=gate) as cluster:
        options = ("--executor", "dask", "--scheduler", cluster.address)
        run = generate(folder, *options, recipe=recipe)
        gate.wait_for(2, run)
        run.send_signal(signal.SIGINT)
        wait_until(lambda: bool(events(folder, "stopping")))
        gate.open()
        _, stderr = run.communicate()
        assert (run.returncode, stderr) == (130, "interrupted; run the same command again to go on\n")
        wait_until(lambda: not any(has_shard(folder, worker.pid) for worker in cluster.workers))
        assert not [name for name in names_below(folder) if name.endswith(".tmp")]
        assert events(folder, "shard dropped")
        ended(generate(folder, *options, recipe=recipe))
    assert is_same(folder, undisturbed)


ABSENT = "import sys\nsys.modules['syngen'] = None\n"
OLD = "import syngen._distribution as version\nversion.version = lambda: '0.0.9'\n"
OTHER_LIBRARY = """\
import syngen.storage.codec as codec
kind = type(codec.find_codec("wav"))
kind.library = "writer 7"
"""


@needs_dask
@pytest.mark.parametrize(
    ("program", "message"),
    [
        (ABSENT, r"worker tcp://127.0.0.1:\d+ cannot import syngen"),
        (OLD, r"worker tcp://127.0.0.1:\d+ \(process \d+ on .*\) cannot take part: syngen is 0.0.9 here"),
        (OTHER_LIBRARY, r"worker tcp://127.0.0.1:\d+ .*cannot take part: codec wav is writer 7 here"),
    ],
    ids=["no package", "another version", "another library"],
)
def test_a_dask_worker_that_cannot_take_part_is_refused_by_name(
    tmp_path: Path, program: str, message: str
) -> None:
    with dask_processes(tmp_path, n_workers=0) as cluster:
        cluster.start_worker(environment_with(program, tmp_path / "site"))
        done = on(cluster, tmp_path / "data")
    assert done.returncode == 1, done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


@needs_dask
def test_a_scheduler_without_the_package_is_one_clear_error(tmp_path: Path) -> None:
    cluster = DaskProcesses(tmp_path)
    try:
        cluster.start_scheduler(environment_with(ABSENT, tmp_path / "site"))
        cluster.start_worker()
        done = on(cluster, tmp_path / "data")
    finally:
        cluster.stop()
    assert done.returncode == 1, done.stderr
    assert "cannot import syngen" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@needs_dask
def test_a_scheduler_without_workers_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syngen.generation.workers.dask._WORKERS_S", 1.0)
    with (
        dask_processes(tmp_path, n_workers=0) as cluster,
        pytest.raises(
            ParameterError,
            match=r"has had no workers for 1 s; start some, as in: dask worker --scheduler-file /",
        ),
    ):
        syngen.generate("syntone-tiny", tmp_path / "data", executor="dask", scheduler=cluster.address)
    assert not (tmp_path / "data").exists()


@needs_dask
def test_a_scheduler_that_cannot_be_reached_is_one_clear_error(tmp_path: Path) -> None:
    done = run_syngen(
        *("generate", "syntone-tiny", tmp_path / "data", "--executor", "dask"),
        *("--scheduler", tmp_path / "nowhere.json"),
    )
    assert done.returncode == 2
    assert "no Dask scheduler can be reached at" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@needs_dask
def test_a_scheduler_that_is_lost_ends_the_run_and_keeps_what_is_finished(
    recipe: Path, undisturbed: Path, tmp_path: Path
) -> None:
    gate = Gate.of_folder(tmp_path / "data", after=3)
    with dask_processes(tmp_path, gate=gate) as cluster:
        run = generate(
            tmp_path / "data", "--executor", "dask", "--scheduler", cluster.address, recipe=recipe
        )
        gate.wait_for(2, run)
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        _, stderr = run.communicate()
    assert run.returncode == 3, stderr
    assert "was lost. The finished shards are kept" in stderr
    assert len(stderr.splitlines()) == 1, stderr
    assert len(events(tmp_path / "data", "shard finished")) >= 3
    ended(generate(tmp_path / "data", recipe=recipe))
    assert is_same(tmp_path / "data", undisturbed)


LOGGING = """
import logging, sys, threading
from syngen.generation.workers.dask import DaskCluster

def log(name, text):
    try:
        raise OSError("lost")
    except OSError:
        logging.getLogger(name).error(text, exc_info=True)

def beside(name, text):
    thread = threading.Thread(target=log, args=(name, text))
    thread.start()
    thread.join()

said, is_time = [], threading.Event()
caller = threading.Thread(target=lambda: is_time.wait() and log("distributed.core", "of the caller"))
caller.start()
cluster = DaskCluster(sys.argv[1])
for name in ("batched", "client", "core", "comm.tcp", "utils", "imported.later"):
    beside(f"distributed.{name}", "of the client")
    log(f"distributed.{name}", "of the client")
beside("tornado.application", "of the client")
beside("asyncio", "of the client")
beside("somebody", "of another library")
is_time.set()
caller.join()
cluster.close()
beside("distributed.core", "of somebody, later")
"""


@needs_dask
def test_what_dask_logs_of_a_run_is_not_written_and_what_others_log_is(dask: DaskProcesses) -> None:
    done = run_python("-c", LOGGING, dask.address)
    assert done.returncode == 0, done.stderr
    found = [line for line in done.stderr.splitlines() if " of " in line or line.startswith("of ")]
    said = ["of another library", "of the caller", "of somebody, later"]
    assert [text for line in found for text in said if line.endswith(text)] == said
    assert len(found) == len(said), done.stderr


def test_dask_that_is_not_installed_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SyngenError, match=r'pip install "syngen-audio\[dask\]"'):
        made(tmp_path / "data", executor="dask", scheduler="tcp://127.0.0.1:1")
    assert not (tmp_path / "data").exists()


# job arrays


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_members_in_any_order_and_a_plain_run_make_the_dataset(
    order: tuple[int, ...], tiny_dataset: Path, tmp_path: Path
) -> None:
    reports = [made(tmp_path / "data", jobs=1, shard_index=f"{number}/3") for number in order]
    assert [report.shards_left for report in reports][-1] == 0
    assert sum(report.rendered for report in reports) == 408
    assert max(r.shards for r in reports) - min(r.shards for r in reports) <= 1
    assert not any(report.is_complete for report in reports)
    assert not Layout(tmp_path / "data").description.exists()
    assert made(tmp_path / "data", jobs=1).rendered == 0
    assert_same(tmp_path / "data", tiny_dataset)
    assert made(tmp_path / "data", shard_index="0/3").is_complete
    assert_same(tmp_path / "data", tiny_dataset)


def test_a_plain_run_makes_what_members_left(tiny_dataset: Path, tmp_path: Path) -> None:
    report = made(tmp_path / "data", jobs=1, shard_index="1/3")
    assert report.shards_left == 10 - report.shards
    assert made(tmp_path / "data", jobs=1, shard_index="1/3").rendered == 0
    assert made(tmp_path / "data", jobs=1).rendered == 408 - report.rendered
    assert_same(tmp_path / "data", tiny_dataset)


def test_more_members_than_shards_leave_some_with_nothing_to_do(tmp_path: Path) -> None:
    assert made(tmp_path / "data", shard_index="30/40").shards == 0


def test_members_let_a_dataset_grow(tiny_dataset: Path, tmp_path: Path) -> None:
    made(tmp_path / "data", jobs=1, limit=200)
    for number in range(3):
        made(tmp_path / "data", jobs=1, shard_index=f"{number}/3")
    made(tmp_path / "data", jobs=1)
    assert_same(tmp_path / "data", tiny_dataset)


def test_a_member_of_another_plan_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "data", jobs=1, shard_index="0/3")
    before = names_below(tmp_path / "data")
    with pytest.raises(PlanMismatchError):
        syngen.generate("syntone-tiny", tmp_path / "data", shard_size=60, shard_index="1/3")
    assert not [
        name for name in names_below(tmp_path / "data") if name.endswith(".tar") and name not in before
    ]


def test_while_a_member_works_only_other_members_may(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    gate = Gate.of_folder(folder)
    run = generate(folder, "--shard-index", "2/8", "-j", "1", recipe=recipe, env=gate.env)
    try:
        gate.wait_for(1, run)
        for refused in (
            lambda: syngen.generate(recipe, folder, shard_size=100, jobs=1),
            lambda: syngen.generate(recipe, folder, shard_size=100, jobs=1, overwrite=True),
            lambda: syngen.generate(recipe, folder, shard_size=100, jobs=1, shard_index="2/8"),
            lambda: syngen.verify(folder),
            lambda: syngen.repair(folder),
        ):
            with pytest.raises(ParameterError, match="run is working in"):
                refused()
        larger = tmp_path / "larger.yaml"
        larger.write_text(FOUR_THOUSAND_TONES.replace("size: 4000", "size: 5000"), "utf-8")
        with pytest.raises(ParameterError, match="members 2/8 are making the 4,000 observations"):
            syngen.generate(larger, folder, shard_size=100, jobs=1, shard_index="0/8")
        half_written = {name for name in names_below(folder) if name.endswith(".tmp")}
        assert half_written
        syngen.generate(recipe, folder, shard_size=100, jobs=1, shard_index="3/8")
        syngen.generate(recipe, folder, shard_size=100, jobs=1, shard_index="0/40")
        assert half_written <= set(names_below(folder)), "they belong to a member that lives"
        state = state_of(folder)
        assert state is not None
        assert state.is_running
        assert state.members == ("2/8",)
        assert "1 member at work: 2/8" in run_syngen("info", folder).stdout
    finally:
        gate.open()
        ended(run)
    assert is_locked(Member(2, 8).lock(Layout(folder))) is False


def test_while_a_plain_run_works_no_member_may(tmp_path: Path) -> None:
    made(tmp_path / "data", jobs=1, shard_index="0/3")
    with exclusive_lock(Layout(tmp_path / "data").lock) as is_mine:
        assert is_mine
        with pytest.raises(ParameterError, match="a run that needs all of"):
            made(tmp_path / "data", shard_index="1/3")


def test_a_job_array_with_members_killed_and_repeated_makes_the_same_dataset(
    recipe: Path, undisturbed: Path, tmp_path: Path
) -> None:
    n_again = killed_array(recipe, tmp_path / "data", random.Random(5))
    assert n_again == 2
    assert is_same(tmp_path / "data", undisturbed)


# scripts of job arrays


def test_the_script_of_a_job_array_makes_the_dataset_whatever_the_names(
    tmp_path: Path, tiny_dataset: Path
) -> None:
    here = tmp_path / "a folder; $(touch injected) 'quoted'"
    here.mkdir()
    options = ("generate", "syntone-tiny", "it's $data", "--shard-size", "50", "--dry-run", "--sbatch", "3")
    done = run_syngen(*options, cwd=here)
    assert done.returncode == 0, done.stderr
    assert list(here.iterdir()) == []
    script = done.stdout
    assert script.startswith("#!/bin/sh\n#SBATCH --job-name=syngen-syntone-tiny\n#SBATCH --array=0-2\n")
    (dependent,) = [line for line in script.splitlines() if line.startswith("#   sbatch ")]
    (wrapped,) = [word for word in shlex.split(dependent) if word.startswith("--wrap=")]
    programs = tmp_path / "bin"
    programs.mkdir()
    syngen_script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m syngen "$@"\n'
    (programs / "syngen").write_text(syngen_script, "utf-8")
    (programs / "syngen").chmod(0o755)
    source = str(Path(syngen.__file__).parents[1])
    env = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", "")))),
    }
    for number in range(3):
        task = {**env, "SLURM_ARRAY_TASK_ID": str(number)}
        ran = subprocess.run(["sh", "-c", script], env=task, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    plain = wrapped.removeprefix("--wrap=")
    ran = subprocess.run(["sh", "-c", plain], env=env, cwd=here, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "(0 new" in ran.stderr
    assert not list(tmp_path.rglob("injected"))
    assert_same(here / "it's $data", tiny_dataset)


def test_the_script_of_a_job_array_has_the_same_options(tmp_path: Path) -> None:
    options = ("--limit", "100", "--codec", "wav", "-j", "4", "--log", "log.jsonl", "--hang-limit", "9")
    done = run_syngen(
        "generate", "syntone-tiny", "data", *options, "--dry-run", "--sbatch", "2", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "#SBATCH --cpus-per-task=4\n" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("exec ")]
    for word in ("--limit=100", "--codec=wav", "--log=log.jsonl", "--hang-limit=9", "--shard-size=2000"):
        assert word in line
    assert "100 observations" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sbatch", "4"), "say so with --dry-run"),
        (("--dry-run", "--sbatch", "4", "--overwrite"), "leave out --overwrite"),
        (("--dry-run", "--sbatch", "4", "--shard-index", "0/4"), "leave out --shard-index"),
        (("--dry-run", "--sbatch", "0"), "not in the range"),
    ],
)
def test_a_script_that_would_make_no_sense_is_refused(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    done = run_syngen("generate", "syntone-tiny", "data", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_names_that_would_break_out_of_a_script_are_refused(tmp_path: Path) -> None:
    done = run_syngen("generate", "syntone-tiny", "a\ntouch b", "--dry-run", "--sbatch", "2", cwd=tmp_path)
    assert done.returncode == 2
    assert "control character" in done.stderr
