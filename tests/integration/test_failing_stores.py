"""Object stores that throttle, lie, lag, lose connections or refuse: one error, nothing lost, resumable."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli
from tests.faulty import FaultyFileSystem
from tests.support import files_of, needs_speech

URL = "faulty://bucket/tiny"
N_SHARDS = 10


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("syngen.io.object_store._FIRST_PAUSE_S", 0.0)
    FaultyFileSystem.reset()
    yield
    FaultyFileSystem.reset()


def generate(url: str = URL, **options: Any) -> syngen.api.GenerationReport:  # type: ignore[name-defined]
    return syngen.generate("syntone-tiny", url, jobs=1, **{"shard_size": 50, **options})


def failing(
    error: Exception, operation: str, part: str = "", *, first: int = 0, times: int = 10**6
) -> None:
    """Let some calls of an operation fail: so many, after the first ones."""
    n = 0

    def fault(found: str, path: str) -> None:
        nonlocal n
        if found == operation and part in path:
            n += 1
            if first < n <= first + times:
                raise error

    FaultyFileSystem.fault = staticmethod(fault)


def throttled() -> OSError:
    return OSError(errno.EBUSY, "SlowDown: please reduce your request rate")


def assert_is_undisturbed(tiny_dataset: Path) -> None:
    assert FaultyFileSystem.content("bucket/tiny") == files_of(tiny_dataset)


def interrupt_after(n: int) -> None:
    """Generate until so many shards have their receipts."""
    failing(KeyboardInterrupt(), "put", ".syngen/receipts/", first=2 * n)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        generate()
    FaultyFileSystem.heal()


def receipts() -> list[str]:
    names = FaultyFileSystem.content("bucket/tiny")
    return [n for n in names if n.startswith(".syngen/receipts/") and n.endswith(".json")]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.slow
def test_a_dataset_in_a_store_has_the_bytes_of_one_in_a_folder(tiny_dataset: Path) -> None:
    report = generate()
    assert (report.folder, report.rendered, report.shards) == (URL, 408, N_SHARDS)
    assert_is_undisturbed(tiny_dataset)
    assert generate().rendered == 0


@pytest.mark.slow
def test_plan_comes_first_description_after_all_files_and_work_goes_last() -> None:
    generate()
    changes = [(o, p.removeprefix("/bucket/tiny/")) for o, p in FaultyFileSystem.calls if o != "get"]
    changes = [(o, p) for o, p in changes if o in ("put", "delete")]
    assert changes[0] == ("put", "plan.json")
    last = changes.index(("put", "dataset.json"))
    assert {o for o, _ in changes[:last]} == {"put"}
    assert {o for o, _ in changes[last + 1 :]} == {"delete"}
    shard = [p for _, p in changes if "train-000000" in p]
    assert shard[:3] == [
        "audio/train-000000.tar",
        ".syngen/receipts/train-000000.parquet",
        ".syngen/receipts/train-000000.json",
    ]


@pytest.mark.slow
def test_resume_reads_one_listing_and_renders_only_what_is_missing(tiny_dataset: Path) -> None:
    interrupt_after(4)
    n_receipts = len(receipts())
    assert 0 < n_receipts < N_SHARDS
    assert generate().rendered < 408
    listings = [path for operation, path in FaultyFileSystem.calls if operation == "list"]
    assert len(listings) == 2  # what there is, and what of the work is left to remove
    gets = [p for o, p in FaultyFileSystem.calls if o == "get" and p.endswith(".json")]
    assert len([p for p in gets if "/receipts/" in p]) == n_receipts
    assert_is_undisturbed(tiny_dataset)


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["list", "get", "put", "delete", "head"])
def test_throttling_for_a_while_is_waited_for(operation: str, tiny_dataset: Path) -> None:
    interrupt_after(4)
    failing(throttled(), operation, times=5)
    generate()
    assert_is_undisturbed(tiny_dataset)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [throttled(), ConnectionResetError(errno.ECONNRESET, "reset"), TimeoutError("timed out")]
)
def test_a_store_that_gives_no_answer_ends_the_run_which_is_resumed(
    error: Exception, tiny_dataset: Path
) -> None:
    failing(error, "put", "audio/", first=3)
    with pytest.raises(
        syngen.GenerationIncompleteError,
        match=r"faulty://bucket/tiny/audio/.*given up after 7 tries.*The finished shards are kept; "
        "run the same command again",
    ):
        generate()
    assert len(receipts()) == 3
    FaultyFileSystem.heal()
    result = run("generate", "syntone-tiny", URL, "--shard-size", "50", "-j", "1", "-q")
    assert result.exit_code == 0, result.output
    assert "258 new" in result.stderr
    assert_is_undisturbed(tiny_dataset)


def test_an_unfinished_run_exits_with_3_and_one_line() -> None:
    failing(throttled(), "put", "audio/", first=3)
    result = run("generate", "syntone-tiny", URL, "--shard-size", "50", "-j", "1", "-q")
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 1
    assert "SlowDown" in result.stderr


@pytest.mark.slow
def test_a_connection_that_is_lost_in_a_part_leaves_no_receipt(tiny_dataset: Path) -> None:
    def fault(operation: str, path: str) -> None:
        if operation == "put" and path.endswith("train-000002.tar"):
            FaultyFileSystem.store[path] = FaultyFileSystem.store["/bucket/tiny/audio/train-000001.tar"]
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    FaultyFileSystem.fault = staticmethod(fault)
    with pytest.raises(syngen.GenerationIncompleteError, match="Connection reset by peer"):
        generate()
    assert ".syngen/receipts/train-000002.json" not in receipts()
    FaultyFileSystem.heal()
    generate()
    assert_is_undisturbed(tiny_dataset)


def test_permission_that_is_lost_in_the_middle_ends_the_run_with_what_to_check() -> None:
    failing(PermissionError("Access Denied"), "put", "audio/", first=2)
    with pytest.raises(
        syngen.GenerationIncompleteError, match="AWS_ACCESS_KEY_ID.*finished shards are kept"
    ):
        generate()


@pytest.mark.slow
def test_a_listing_that_lags_costs_work_and_nothing_else(tiny_dataset: Path) -> None:
    interrupt_after(4)
    FaultyFileSystem.listed = staticmethod(
        lambda found: {k: v for k, v in found.items() if "train-000000" not in k}
    )
    generate()
    FaultyFileSystem.heal()
    generate()  # removes what the listing had not shown
    assert_is_undisturbed(tiny_dataset)


def test_a_plan_that_is_not_listed_is_found_all_the_same() -> None:
    interrupt_after(2)
    FaultyFileSystem.listed = staticmethod(lambda found: {})
    with pytest.raises(syngen.PlanMismatchError, match='"shard_size": 50'):
        generate(shard_size=60)


@pytest.mark.slow
def test_a_shard_that_is_listed_but_missing_is_made_again(tiny_dataset: Path) -> None:
    interrupt_after(4)
    path = "/bucket/tiny/audio/train-000001.tar"
    size = FaultyFileSystem.store.pop(path).size
    FaultyFileSystem.listed = staticmethod(
        lambda found: {**found, path: {"name": path, "size": size, "type": "file"}}
    )
    generate()
    FaultyFileSystem.heal()
    assert_is_undisturbed(tiny_dataset)


@pytest.mark.slow
def test_a_receipt_that_is_listed_but_missing_is_no_receipt(tiny_dataset: Path) -> None:
    interrupt_after(4)
    path = "/bucket/tiny/.syngen/receipts/train-000001.json"
    FaultyFileSystem.store.pop(path)
    FaultyFileSystem.listed = staticmethod(
        lambda found: {**found, path: {"name": path, "size": 400, "type": "file"}}
    )
    generate()
    FaultyFileSystem.heal()
    assert_is_undisturbed(tiny_dataset)


@pytest.mark.slow
def test_a_shard_of_another_size_than_its_receipt_says_is_made_again(tiny_dataset: Path) -> None:
    interrupt_after(4)
    FaultyFileSystem().pipe_file("/bucket/tiny/audio/train-000001.tar", b"cut")
    generate()
    assert_is_undisturbed(tiny_dataset)


@pytest.mark.slow
def test_a_damaged_part_of_the_manifest_is_named_and_made_again_by_the_next_run(
    tiny_dataset: Path,
) -> None:
    interrupt_after(4)
    name = "/bucket/tiny/.syngen/receipts/train-000001.parquet"
    size = FaultyFileSystem.store[name].size
    FaultyFileSystem().pipe_file(name, bytes(size))
    with pytest.raises(syngen.GenerationIncompleteError, match=r"train-000001.*run the same command again"):
        generate()
    assert generate().rendered == 50
    assert_is_undisturbed(tiny_dataset)


@pytest.mark.slow
def test_a_run_that_another_has_overtaken_finds_the_dataset_finished(tiny_dataset: Path) -> None:
    interrupt_after(9)
    rivals = iter([generate])

    def fault(operation: str, path: str) -> None:
        if operation == "get" and path.endswith(".parquet"):
            for rival in rivals:
                rival()

    FaultyFileSystem.fault = staticmethod(fault)
    assert generate().rows == 408
    assert_is_undisturbed(tiny_dataset)


@pytest.mark.slow
def test_shards_that_a_finished_dataset_lost_are_made_again(tiny_dataset: Path) -> None:
    generate()
    del FaultyFileSystem.store["/bucket/tiny/audio/train-000001.tar"]
    assert "shard train-000001: cannot be read" in syngen.verify(URL)[0]
    assert generate().rendered == 50
    assert_is_undisturbed(tiny_dataset)


def test_objects_that_are_no_datasets_are_refused_and_never_removed() -> None:
    FaultyFileSystem().pipe_file("/bucket/tiny/notes.txt", b"mine")
    for overwrite in (False, True):
        with pytest.raises(syngen.ParameterError, match="has objects, but no dataset"):
            generate(overwrite=overwrite)
    assert FaultyFileSystem.content("bucket/tiny") == {"notes.txt": b"mine"}


@pytest.mark.slow
def test_overwriting_replaces_the_dataset_and_leaves_the_rest(tiny_dataset: Path) -> None:
    generate(shard_size=30)
    FaultyFileSystem().pipe_file("/bucket/tiny/notes.txt", b"mine")
    with pytest.raises(syngen.PlanMismatchError, match="does not grow"):
        generate()
    generate(overwrite=True)
    assert FaultyFileSystem.content("bucket/tiny") == {**files_of(tiny_dataset), "notes.txt": b"mine"}


@pytest.mark.slow
def test_verify_names_damage_and_what_does_not_belong_there() -> None:
    generate()
    data = bytearray(FaultyFileSystem.content("bucket/tiny")["audio/train-000001.tar"])
    data[600] ^= 1
    FaultyFileSystem().pipe_file("/bucket/tiny/audio/train-000001.tar", bytes(data))
    FaultyFileSystem().pipe_file("/bucket/tiny/audio/notes.txt", b"mine")
    FaultyFileSystem().pipe_file("/bucket/tiny/.syngen/receipts/train-000099.json", b"{}")
    problems = "\n".join(syngen.verify(URL))
    assert "shard train-000001: row 50" in problems
    assert "audio/notes.txt: is not part of the dataset" in problems
    assert ".syngen/receipts/train-000099.json: was left by a run" in problems
    assert run("verify", URL, "-q").exit_code == 4


@pytest.mark.slow
def test_an_unfinished_dataset_is_verified_as_far_as_it_goes_and_not_loaded() -> None:
    interrupt_after(4)
    n = len(receipts())
    with pytest.raises(syngen.GenerationIncompleteError, match=rf"{URL} is unfinished: {n} of 10 shards"):
        syngen.verify(URL, rerender=5)
    with pytest.raises(syngen.ManifestError, match="not finished; run the same syngen generate"):
        syngen.load(URL)
    result = run("info", URL)
    assert result.exit_code == 0
    assert f"in {n} of 10 shards" in result.output


@pytest.mark.slow
def test_repair_is_refused_with_what_to_do_instead() -> None:
    generate()
    with pytest.raises(syngen.ParameterError, match="copy the dataset to a folder"):
        syngen.repair(URL)


@pytest.mark.slow
def test_a_batch_takes_few_requests_and_gives_the_local_waveforms(tiny_dataset: Path) -> None:
    generate()
    here, there = syngen.load(tiny_dataset), syngen.load(URL)
    FaultyFileSystem.calls.clear()
    rows = np.array([3, 5, 4, 120, 7, 3])
    np.testing.assert_array_equal(there.batch(rows), here.batch(rows))
    assert len(FaultyFileSystem.calls) == 2  # one for each of two shards
    FaultyFileSystem.calls.clear()
    waveforms, _ = there.arrays()
    np.testing.assert_array_equal(waveforms, here.arrays()[0])
    assert len(FaultyFileSystem.calls) == N_SHARDS
    assert there.folder == URL
    assert syngen.verify(there) == []


def test_a_read_that_comes_short_is_repeated_and_then_named(tiny_dataset: Path) -> None:
    generate()
    there = syngen.load(URL)
    failing(ConnectionResetError("reset"), "get", "audio/", times=3)
    np.testing.assert_array_equal(there[3].waveform, syngen.load(tiny_dataset)[3].waveform)
    name = "/bucket/tiny/audio/train-000000.tar"
    FaultyFileSystem().pipe_file(name, FaultyFileSystem.store[name].getvalue()[:1000])
    with pytest.raises(syngen.ShardError, match="row 3: shard train-000000 in faulty://bucket/tiny"):
        there[3]
    del FaultyFileSystem.store[name]
    with pytest.raises(syngen.ShardError, match="no such object"):
        there[3]


def test_a_manifest_that_is_not_that_of_the_checksums_is_refused() -> None:
    generate()
    name = "/bucket/tiny/manifest.parquet"
    FaultyFileSystem().pipe_file(name, FaultyFileSystem.store[name].getvalue()[::-1])
    with pytest.raises(syngen.ManifestError, match=r"manifest.parquet: its SHA-256"):
        syngen.load(URL)


def test_whole_shards_are_kept_up_to_the_limit(tiny_dataset: Path, tmp_path: Path) -> None:
    generate()
    largest = max(path.stat().st_size for path in (tiny_dataset / "audio").iterdir())
    here, there = syngen.load(tiny_dataset), syngen.load(URL, cache_bytes=3 * largest)
    kept = tmp_path / "cache" / "shards"
    for row in (0, 60, 110, 160, 210, 0, 260):
        np.testing.assert_array_equal(there[row].waveform, here[row].waveform)
        assert sum(path.stat().st_size for path in kept.glob("*/*")) <= 3 * largest
    assert {path.stem for path in kept.glob("*/*")} == {"train-000004", "train-000000", "train-000005"}
    FaultyFileSystem.calls.clear()
    there[1]
    assert FaultyFileSystem.calls == []


def test_a_shard_larger_than_the_cache_is_read_in_ranges(tmp_path: Path) -> None:
    generate()
    there = syngen.load(URL, cache_bytes=1000)
    there[0]
    assert list((tmp_path / "cache" / "shards").glob("*/*")) == []
    with pytest.raises(syngen.ParameterError, match="cache_bytes is -1"):
        syngen.load(URL, cache_bytes=-1)


@pytest.mark.slow
def test_a_damaged_shard_does_not_get_into_the_cache(tmp_path: Path) -> None:
    generate()
    name = "/bucket/tiny/audio/train-000000.tar"
    FaultyFileSystem().pipe_file(name, FaultyFileSystem.store[name].getvalue()[::-1])
    there = syngen.load(URL, cache_bytes=10**9)
    with pytest.raises(syngen.ShardError, match="SHA-256 is not what dataset.json says"):
        there[0]
    assert list((tmp_path / "cache" / "shards").glob("*/*")) == []


def test_no_bucket_is_created_or_guessed() -> None:
    error = FileNotFoundError("The specified bucket does not exist")
    for operation in ("list", "get", "put"):
        failing(error, operation)
        with pytest.raises(syngen.ParameterError, match="there is no such bucket; create it"):
            generate()
    assert run("info", URL).exit_code == 0 or FaultyFileSystem.store == {}


@pytest.mark.parametrize(
    ("url", "error", "text"),
    [
        ("s4://bucket/data", syngen.ParameterError, "no protocol 's4'"),
        ("simplecache::s3://bucket/data", syngen.ParameterError, "chained URLs"),
        ("s3://", syngen.ParameterError, "a bucket is missing"),
        (Path("s3://bucket/data"), syngen.ParameterError, "give s3://bucket/data as text"),
    ],
)
@pytest.mark.parametrize("call", [generate, syngen.load, syngen.verify])
def test_urls_that_cannot_be_are_refused(
    url: str, error: type[Exception], text: str, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(error, match=text):
        call(url)


def test_without_s3fs_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    registry = sys.modules["fsspec.registry"]
    monkeypatch.delitem(registry._registry, "s3", raising=False)
    with pytest.raises(syngen.MissingExtraError, match=r"pip install \"syngen-audio\[s3\]\""):
        syngen.load("s3://bucket/data")
    assert run("generate", "syntone-tiny", "s3://bucket/data").exit_code == 1


def test_file_urls_are_local_folders(tmp_path: Path, tiny_dataset: Path) -> None:
    generate(f"file://{tmp_path}/data")
    assert files_of(tmp_path / "data") == files_of(tiny_dataset)


@pytest.mark.slow
def test_memory_is_a_store_whatever_the_number_of_workers(tiny_dataset: Path) -> None:
    syngen.generate("syntone-tiny", "memory://bucket/tiny", jobs=3, shard_size=50)
    ds = syngen.load("memory://bucket/tiny")
    np.testing.assert_array_equal(ds[7].waveform, syngen.load(tiny_dataset)[7].waveform)
    assert syngen.verify("memory://bucket/tiny", rerender=5) == []
    fsspec.filesystem("memory").store.clear()


@pytest.mark.slow
@needs_speech
def test_speech_in_a_store_has_its_annotations(tmp_path: Path) -> None:
    syngen.generate("synspeech-tiny", tmp_path / "data", jobs=1, limit=20, shard_size=8)
    syngen.generate("synspeech-tiny", "memory://bucket/speech", jobs=1, limit=20, shard_size=8)
    store = fsspec.filesystem("memory").store
    content = {k.removeprefix("/bucket/speech/"): v.getvalue() for k, v in store.items()}
    assert content == files_of(tmp_path / "data")
    there, here = syngen.load("memory://bucket/speech"), syngen.load(tmp_path / "data")
    assert there.annotations(3).equals(here.annotations(3))
    assert syngen.verify("memory://bucket/speech", rerender=2) == []
    store.clear()


def test_rehearsal_looks_at_the_url_and_writes_nothing() -> None:
    result = run("generate", "syntone-tiny", URL, "--dry-run")
    assert result.exit_code == 0, result.output
    assert FaultyFileSystem.store == {}
