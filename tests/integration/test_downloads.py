"""Downloads: what comes is the release, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import syngen
from syngen.cli.main import cli
from syngen.io.http.stalls import TransferLimits
from tests.golden.regenerate import RELEASE
from tests.servers import Handler, serve
from tests.support import PATIENCE_S, digests_of, files_of, flip, renew_checksums, wait_until

CERTIFICATE = Path(__file__).resolve().parents[1] / "data" / "tls" / "localhost.pem"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 observations of syntone-tiny as FLAC, with a file of its own that only a release has."""
    folder = tmp_path_factory.mktemp("releases") / "syntone-tiny"
    syngen.generate("syntone-tiny", folder, jobs=1, shard_size=20, limit=120, codec="flac")
    return folder


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    hasty = partial(TransferLimits, first_pause_s=0.01, longest_pause_s=0.02)
    monkeypatch.setattr("syngen.downloads.download.TransferLimits", hasty)


def write_catalog(path: Path, **entry: object) -> Path:
    content = {"format": 1, "releases": {"syntone-tiny": {"1.0.0": {"mirrors": [], **entry}}}}
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_download_is_the_release_byte_for_byte(release: Path, tmp_path: Path) -> None:
    with serve(release) as server:
        report = syngen.download(server.url, to=tmp_path / "it")
        assert report.outcome == "downloaded"
        assert report.bytes_received == server.n_sent == sum(map(len, files_of(release).values()))
    assert digests_of(tmp_path / "it") == digests_of(release)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it"]
    assert syngen.verify(tmp_path / "it") == []


def test_second_download_finds_the_first(release: Path, tmp_path: Path) -> None:
    with serve(release) as server:
        syngen.download(server.url, to=tmp_path / "it")
        report = syngen.download(server.url, to=tmp_path / "it")
    assert report.outcome == "there already"
    assert report.bytes_received < 10_000
    flip(next((tmp_path / "it" / "audio").iterdir()), 5_000)
    with pytest.raises(syngen.ParameterError, match="is damaged or missing"):
        syngen.download(release, to=tmp_path / "it")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it"]


def test_load_downloads_once_and_then_needs_no_server(release: Path, tmp_path: Path) -> None:
    with serve(release) as server:
        catalog = write_catalog(tmp_path / "catalog.json", mirrors=[server.url])
        ds = syngen.load("syntone-tiny", download=True, catalog=catalog)
    assert len(ds) == 120
    again = syngen.load("syntone-tiny", download=True, catalog=catalog)
    assert again.folder == ds.folder
    assert Path(str(ds.folder)).parts[-2:] == ("syntone-tiny", "1.0.0")
    assert again[5].index == ds[5].index


def test_several_that_load_at_once_download_once(release: Path, tmp_path: Path) -> None:
    with serve(release) as server, ThreadPoolExecutor(4) as threads:
        catalog = write_catalog(tmp_path / "catalog.json", mirrors=[server.url])
        load = partial(syngen.load, "syntone-tiny", download=True, catalog=catalog)
        loaded = [future.result() for future in [threads.submit(load) for _ in range(4)]]
        assert server.n_sent == sum(map(len, files_of(release).values()))
    assert len({ds.folder for ds in loaded}) == 1


def test_bytes_that_nobody_asked_for_are_not_the_next_file(release: Path, tmp_path: Path) -> None:
    def chatty(handler: Handler, name: str) -> bool:
        data = (release / name).read_bytes()
        more = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        return handler.answer(200, data + more, {"Content-Length": str(len(data))})

    with serve(release, chatty) as server:
        syngen.download(server.url, to=tmp_path / "it", connections=1)
    assert digests_of(tmp_path / "it") == digests_of(release)


def test_mirrors_are_tried_in_order(release: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    subprocess.run(["cp", "-r", release, damaged], check=True)
    flip(damaged / "audio" / "train-000001.tar", 3_000)
    (damaged / "audio" / "train-000002.tar").unlink()
    with serve(damaged) as first, serve(release) as second:
        catalog = write_catalog(
            tmp_path / "catalog.json", mirrors=["no-such-folder", first.url, second.url]
        )
        syngen.download("syntone-tiny", catalog=catalog, to=tmp_path / "it")
        asked = {name for name, _ in second.requests}
    assert digests_of(tmp_path / "it") == digests_of(release)
    assert asked == {"audio/train-000001.tar", "audio/train-000002.tar"}


def test_every_connection_cut_at_some_byte_costs_few_bytes(release: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def cutting(handler: Handler, name: str) -> bool:
        data = (release / name).read_bytes()
        start, stop = handler.span(len(data))
        is_part = "Range" in handler.headers
        handler.send_response(206 if is_part else 200)
        if is_part:
            handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        handler.send_header("Content-Length", str(stop - start))
        handler.end_headers()
        n = int(rng.integers(1, 60_000))
        handler.wfile.write(data[start : min(stop, start + n)])
        handler.count(min(stop - start, n))
        handler.cut()
        return True

    with serve(release, cutting) as server:
        syngen.download(server.url, to=tmp_path / "it")
        assert server.n_sent <= 1.05 * sum(map(len, files_of(release).values()))
    assert digests_of(tmp_path / "it") == digests_of(release)


@pytest.mark.slow
def test_killed_download_goes_on(release: Path, tmp_path: Path) -> None:
    killed, n_asked = threading.Event(), 0

    def held_at_the_third_shard(handler: Handler, name: str) -> bool:
        nonlocal n_asked
        n_asked += name.startswith("audio/")
        if n_asked == 3 and not killed.is_set():
            killed.wait(PATIENCE_S)
            handler.cut()
            return True
        return False

    target = tmp_path / "it"
    with serve(release, held_at_the_third_shard) as server:
        command = [sys.executable, "-m", "syngen", "download", server.url, "--to", str(target), "-q"]
        process = subprocess.Popen([*command, "--connections", "1"])
        wait_until(lambda: n_asked == 3, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed.set()
        assert not target.exists()
        n_before = server.n_sent
        assert subprocess.run(command).returncode == 0
        n_shards = sum(name.startswith("audio/") for name, _ in server.requests)
        assert n_shards == len(list((release / "audio").iterdir())) + 1
        assert server.n_sent - n_before < n_before + sum(map(len, files_of(release).values())) / 2
    assert digests_of(target) == digests_of(release)
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


@pytest.mark.slow
def test_interrupted_download_says_how_to_go_on(release: Path, tmp_path: Path) -> None:
    def endless(handler: Handler, name: str) -> bool:
        if name.startswith("audio/"):
            handler.wait_for_the_client_to_leave()
        return False

    with serve(release, endless) as server:
        command = [sys.executable, "-m", "syngen", "download", server.url, "--to", str(tmp_path / "it")]
        process = subprocess.Popen([*command, "-q"], stderr=subprocess.PIPE, text=True)
        wait_until(lambda: any(name.startswith("audio/") for name, _ in server.requests), process)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "run the same command again" in told
    assert "Traceback" not in told
    assert not (tmp_path / "it").exists()


def test_two_downloads_into_one_folder_are_one_too_many(release: Path, tmp_path: Path) -> None:
    from syngen.downloads.staging import staged

    with staged(tmp_path / "it"), pytest.raises(syngen.ParameterError, match="is at work"):
        syngen.download(release, to=tmp_path / "it")


def test_folder_that_holds_something_else_is_left_alone(release: Path, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear", "utf-8")
    with pytest.raises(syngen.ParameterError, match="is not empty and holds no dataset"):
        syngen.download(release, to=tmp_path)
    other = tmp_path / "other"
    syngen.generate("syntone-tiny", other, jobs=1, limit=30)
    before = digests_of(other)
    with pytest.raises(syngen.ParameterError, match="holds another dataset"):
        syngen.download(release, to=other)
    assert digests_of(other) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters.txt", "other"]


def test_empty_folder_is_taken(release: Path, tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    syngen.download(release, to=tmp_path / "it")
    assert digests_of(tmp_path / "it") == digests_of(release)


def test_files_of_hosts_without_folders(release: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for name, data in files_of(release).items():
        (flat / name.rpartition("/")[2]).write_bytes(data)
    with serve(flat) as server:
        syngen.download(f"{server.url}{{file}}?download=1", to=tmp_path / "it")
    assert digests_of(tmp_path / "it") == digests_of(release)


def test_further_files_of_a_release_come_too(release: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    subprocess.run(["cp", "-r", release, more], check=True)
    (more / "preview").mkdir()
    (more / "preview" / "index.html").write_text("<html>", "utf-8")
    (more / "CITATION.cff").write_text("cff", "utf-8")
    renew_checksums(more)
    syngen.download(more, to=tmp_path / "it")
    assert digests_of(tmp_path / "it") == digests_of(more)


@pytest.mark.slow
def test_wav_on_arrival_is_a_dataset_like_any_other(release: Path, tmp_path: Path) -> None:
    syngen.download(release, to=tmp_path / "it", codec="wav")
    generated = tmp_path / "generated"
    syngen.generate("syntone-tiny", generated, jobs=1, shard_size=20, limit=120)
    assert digests_of(tmp_path / "it") == digests_of(generated)
    assert syngen.verify(tmp_path / "it", rerender=10) == []


def test_flac_on_arrival_too(release: Path, tmp_path: Path) -> None:
    generated = tmp_path / "generated"
    syngen.generate("syntone-tiny", generated, jobs=1, shard_size=20, limit=120)
    syngen.download(generated, to=tmp_path / "it", codec="flac")
    assert digests_of(tmp_path / "it") == digests_of(release)


SELECTIONS = [
    {"split": "test"},
    {"where": {"timbre": "sine"}},
    {"where": {"frequency": (200.0, 400.0)}, "split": "train", "limit": 3},
    {"where": ["timbre=sine,square", "frequency=200..400"]},
    {"limit": 1},
]


@pytest.mark.slow
@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
@pytest.mark.parametrize("codec", [None, "wav"])
def test_part_has_the_rows_of_the_view(
    selection: dict, codec: str | None, release: Path, tmp_path: Path
) -> None:
    with serve(release) as server:
        syngen.download(server.url, to=tmp_path / "part", codec=codec, **selection)
        shards = [name for name, span in server.requests if name.startswith("audio/") and span is None]
    assert not shards
    conditions = selection.get("where", {})
    if isinstance(conditions, list):
        conditions = {"timbre": ["sine", "square"], "frequency": (200.0, 400.0)}
    split = {"split": selection["split"]} if "split" in selection else {}
    view = syngen.load(release).select(**conditions, **split)[: selection.get("limit")]
    part = syngen.load(tmp_path / "part")
    assert len(part) == len(view) > 0
    assert part.indices.tolist() == view.indices.tolist()
    assert (part.batch(range(len(part))) == view.batch(range(len(view)))).all()
    drop = ["shard", "offset", "size"]
    assert part.table.drop(drop).to_pylist() == view.table.drop(drop).to_pylist()
    assert syngen.verify(tmp_path / "part", rerender=5) == []


def test_part_says_what_it_is(release: Path, tmp_path: Path) -> None:
    syngen.download(release, to=tmp_path / "part", where={"timbre": ["sine"]}, split="train")
    sums = digests_of(release)["SHA256SUMS"]
    part_of = {
        "name": "syntone-tiny",
        "rows": 120,
        "sha256": sums,
        "selection": {"split": "train", "where": {"timbre": ["sine"]}},
    }
    for name in ("dataset.json", "plan.json"):
        assert json.loads((tmp_path / "part" / name).read_text("utf-8"))["part_of"] == part_of
    assert "**This is a part**" in (tmp_path / "part" / "README.md").read_text("utf-8")
    with pytest.raises(syngen.PlanMismatchError, match="part_of"):
        syngen.generate("syntone-tiny", tmp_path / "part", codec="flac", shard_size=20, limit=120)
    with pytest.raises(syngen.ParameterError, match="download it again"):
        syngen.repair(tmp_path / "part")
    flip(tmp_path / "part" / "audio" / "train-000000.tar", 2_000)
    assert syngen.verify(tmp_path / "part")


@pytest.mark.slow
def test_part_of_speech_has_its_annotations(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra speech is not installed")
    release = tmp_path / "speech"
    syngen.generate("synspeech-tiny", release, jobs=1, codec="flac", shard_size=7)
    syngen.download(release, to=tmp_path / "part", where={"style": "whispering"})
    view, part = syngen.load(release).select(style="whispering"), syngen.load(tmp_path / "part")
    assert len(part) == len(view) > 0
    for k in range(len(view)):
        assert part.annotations(k).equals(view.annotations(k))
        assert (part[k].waveform == view[k].waveform).all()
    assert syngen.verify(tmp_path / "part", rerender=3) == []
    syngen.download(release, to=tmp_path / "wav", codec="wav")
    assert syngen.verify(tmp_path / "wav") == []


@pytest.mark.slow
def test_part_goes_on_where_it_ended(release: Path, tmp_path: Path) -> None:
    n_cut = 0

    def cutting(handler: Handler, name: str) -> bool:
        nonlocal n_cut
        if not name.startswith("audio/") or n_cut > 40:
            return False
        n_cut += 1
        data = (release / name).read_bytes()
        start, stop = handler.span(len(data))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        handler.send_header("Content-Length", str(stop - start))
        handler.end_headers()
        handler.wfile.write(data[start : min(stop, start + 700)])
        handler.cut()
        return True

    with serve(release, cutting) as server:
        syngen.download(server.url, to=tmp_path / "part", where={"timbre": "sine"})
    assert n_cut > 40
    assert syngen.verify(tmp_path / "part") == []


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"split": "tset"}, syngen.FactorError, "did you mean 'test'"),
        ({"where": {"timbr": "sine"}}, syngen.FactorError, "did you mean 'timbre'"),
        ({"where": ["timbre"]}, syngen.ParameterError, "FACTOR=VALUES"),
        ({"where": "timbre=sine"}, syngen.ParameterError, "a list of texts"),
        ({"limit": 0}, syngen.ParameterError, "from 1 on"),
        ({"where": {"frequency": (1.0, 2.0)}}, syngen.SyngenError, "no|nothing"),
        ({"codec": "mp3"}, syngen.ParameterError, "no codec"),
        ({"connections": 0}, syngen.ParameterError, "from 1 to 64"),
        ({"version": "1.0.0"}, syngen.ParameterError, "leave out the release version"),
        ({"mirrors": "http://x/"}, syngen.ParameterError, "list of places"),
        ({"mirrors": ["ftp://x/"]}, syngen.ParameterError, "not from 'ftp'"),
        ({"catalog": "no-such.json", "mirrors": ["s3://b/x"]}, syngen.ParameterError, "syngen.load"),
    ],
)
def test_bad_arguments_leave_nothing_behind(
    options: dict, error: type[Exception], match: str, release: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match):
        syngen.download(release, to=tmp_path / "x" / "it", **options)
    assert not (tmp_path / "x").exists() or not list((tmp_path / "x").iterdir())


def test_names_that_no_catalog_has_are_refused_with_the_nearest(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "catalog.json")
    with pytest.raises(syngen.ParameterError, match="did you mean 'syntone-tiny'"):
        syngen.download("syntone-tinny", catalog=catalog)
    with pytest.raises(syngen.ParameterError, match=r"no release version '9'; there are 1\.0\.0"):
        syngen.download("syntone-tiny", version="9", catalog=catalog)


@pytest.mark.slow
def test_shipped_catalog_names_the_shipped_recipes() -> None:
    from syngen.downloads.locate import read_catalog
    from syngen.recipe.library import recipe_names

    catalog = read_catalog(None, TransferLimits())
    assert {entry.name for entry in catalog.entries} == set(recipe_names())
    for entry in catalog.entries:
        resolved = syngen.load_recipe(entry.recipe or "")
        assert entry.version == resolved.recipe.version
        assert entry.fingerprint in (None, resolved.fingerprint)


def test_catalog_may_be_anywhere(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(tmp_path) as server:
        subprocess.run(["cp", "-r", release, tmp_path / "files"], check=True)
        sums = digests_of(release)["SHA256SUMS"]
        write_catalog(tmp_path / "catalog.json", mirrors=["files/"], sha256=sums)
        report = syngen.download("syntone-tiny", catalog=f"{server.url}catalog.json", to=tmp_path / "a")
        assert report.observations == 120
    monkeypatch.setenv("SYNGEN_CATALOG", str(tmp_path / "catalog.json"))
    assert syngen.download("syntone-tiny", to=tmp_path / "b").outcome == "downloaded"


@pytest.mark.slow
def test_dead_mirror_is_made_again_and_compared(release: Path, tmp_path: Path) -> None:
    papers = tmp_path / "papers"  # a mirror that has everything but the audio
    subprocess.run(["cp", "-r", release, papers], check=True)
    subprocess.run(["rm", "-r", papers / "audio"], check=True)
    catalog = write_catalog(
        tmp_path / "catalog.json", mirrors=["http://localhost:9/", str(papers)], recipe="syntone-tiny"
    )
    command = ["download", "syntone-tiny", "--catalog", str(catalog), "--to", str(tmp_path / "it"), "-q"]
    refused = CliRunner().invoke(cli, command)
    assert refused.exit_code in (1, 3)
    assert "--recreate" in refused.stderr
    assert not (tmp_path / "it").exists()
    done = CliRunner().invoke(cli, [*command, "--yes", "-j", "1"])
    assert done.exit_code == 0, done.stderr
    assert "120 compared with the hashes of the release, all the same" in done.stderr
    assert done.stdout.strip() == str(tmp_path / "it")
    assert digests_of(tmp_path / "it") == digests_of(release)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog.json", "it", "papers"]


@pytest.mark.slow
def test_download_that_died_is_made_again_and_compared(release: Path, tmp_path: Path) -> None:
    def dying(handler: Handler, name: str) -> bool:
        if name.startswith("audio/"):
            handler.cut()
            return True
        return False

    with serve(release, dying) as server:
        with pytest.raises(syngen.DownloadIncompleteError, match="run the same command again"):
            syngen.download(server.url, to=tmp_path / "it")
        url = server.url
    report = syngen.download(url, to=tmp_path / "it", recreate=True, jobs=1)
    assert (report.outcome, report.compared) == ("made again", 120)
    assert digests_of(tmp_path / "it") == digests_of(release)


@pytest.mark.slow
def test_made_again_from_a_shipped_recipe_without_anything_to_compare(tmp_path: Path) -> None:
    report = syngen.download("syntone-tiny", to=tmp_path / "it", recreate=True, jobs=1)
    assert (report.outcome, report.compared, report.observations) == ("made again", 0, 408)
    assert syngen.verify(tmp_path / "it") == []
    report = syngen.download(
        "syntone-tiny", to=tmp_path / "p", recreate=True, jobs=1, split="test", limit=9
    )
    assert report.observations == 9
    assert syngen.verify(tmp_path / "p", rerender=9) == []


def test_made_again_with_other_samples_is_a_mismatch(release: Path, tmp_path: Path) -> None:
    from tests.support import edit_manifest

    forged = tmp_path / "forged"
    subprocess.run(["cp", "-r", release, forged], check=True)
    edit_manifest(forged, "pcm_sha256", 7, bytes(32))
    renew_checksums(forged)
    done = CliRunner().invoke(
        cli, ["download", str(forged), "--to", str(tmp_path / "it"), "--recreate", "-q", "-j", "1"]
    )
    assert done.exit_code == 4
    assert "1 of 120 observations have other samples" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forged"]


def test_name_without_a_public_copy_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["download", "syntone-tiny", "--to", str(tmp_path / "it")])
    assert done.exit_code == 1
    assert "no place is known that has it" in done.stderr
    assert "--recreate" in done.stderr
    assert not list(tmp_path.iterdir())


def test_report_is_json(release: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["download", str(release), "--to", str(tmp_path / "it"), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["observations"] == 120
    assert "120 observations downloaded" in done.stderr


def test_tls_with_a_known_certificate(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serve(release, certificate=CERTIFICATE) as server:
        syngen.download(server.url, to=tmp_path / "it")
    assert digests_of(tmp_path / "it") == digests_of(release)


def test_proxy_of_the_environment_is_used(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(release) as server:
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.setenv("no_proxy", "")

        def as_proxy(handler: Handler, name: str) -> bool:
            assert handler.path.startswith("http://far.example/") or not name
            handler.path = handler.path.removeprefix("http://far.example")
            server.behaviour = None
            handler.do_GET()
            server.behaviour = as_proxy
            return True

        server.behaviour = as_proxy
        syngen.download("http://far.example/", to=tmp_path / "it", connections=1)
    assert digests_of(tmp_path / "it") == digests_of(release)


def test_environment_is_not_asked_for_a_pipe(release: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["cp", "-r", release, source], check=True)
    (source / "audio" / "train-000000.tar").unlink()
    os.mkfifo(source / "audio" / "train-000000.tar")
    with pytest.raises(syngen.DownloadError, match="is not a file"):
        syngen.download(source, to=tmp_path / "it")


def test_a_built_release_comes_whole_and_must_have_the_version_of_the_catalog(tmp_path: Path) -> None:
    content = {"releases": {"syntone-tiny": {v: {"mirrors": [str(RELEASE)]} for v in ("1.0.0", "1.1.0")}}}
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps({"format": 1, **content}), "utf-8")
    syngen.download("syntone-tiny", version="1.0.0", to=tmp_path / "whole", catalog=catalog)
    assert digests_of(tmp_path / "whole") == digests_of(RELEASE)
    assert syngen.check_release(tmp_path / "whole") == []
    with pytest.raises(syngen.DownloadError, match=r"version 1\.0\.0, the catalog says 1\.1\.0"):
        syngen.download("syntone-tiny", version="1.1.0", to=tmp_path / "other", catalog=catalog)
    assert not (tmp_path / "other").exists()
