"""Releases and servers that mean harm: one clear error, its exit code, nothing left, nothing touched."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner

import syngen
from syngen.cli.main import cli
from syngen.downloads.checksum_list import parse_listing
from syngen.io.http.stalls import TransferLimits
from syngen.storage.shards import header_of
from tests.servers import Behaviour, Handler, serve
from tests.support import digests_of, edit_json, edit_manifest, flip, renew_checksums

CERTIFICATE = Path(__file__).resolve().parents[1] / "data" / "tls" / "localhost.pem"
SHARD = "audio/train-000000.tar"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases") / "syntone-tiny"
    syngen.generate("syntone-tiny", folder, jobs=1, shard_size=20, limit=60, codec="flac")
    return folder


@pytest.fixture
def release(sound: Path, tmp_path: Path) -> Path:
    """A copy to be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "evil"))


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = partial(TransferLimits, first_pause_s=0.01, longest_pause_s=0.02)
    monkeypatch.setattr("syngen.downloads.download.TransferLimits", hasty)


def give_up_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """End transfers that stall soon, for servers with which all of them do."""
    hasty = partial(TransferLimits, stall_s=0.5, first_pause_s=0.01, longest_pause_s=0.02)
    monkeypatch.setattr("syngen.downloads.download.TransferLimits", hasty)


@pytest.fixture
def refuse(tmp_path: Path) -> Callable[..., str]:
    """Download by the command line, which must fail cleanly; returns what it says."""
    home = tmp_path / "home"
    (home / "canary").mkdir(parents=True)
    (home / "canary" / "letter.txt").write_text("untouched", "utf-8")

    def refused(place: Path | str, match: str, code: int, *options: str, is_resumable: bool = False) -> str:
        before = digests_of(tmp_path)
        before.pop("cache/scratch/lock", None)
        arguments = ["download", str(place), "--to", str(home / "it"), "-q", *options]
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == code, done.stderr
        assert isinstance(done.exception, SystemExit)
        assert done.stderr.count("\n") == 1, done.stderr
        line = done.stderr.strip()
        assert line.startswith("error: ")
        assert match in line
        assert done.stdout == ""
        left = {path.name for path in home.iterdir()} - {"canary"}
        assert left <= ({".it.syngen-download"} if is_resumable else set())
        spared = (".syngen-download/", "cache/scratch/lock")
        after = {k: v for k, v in digests_of(tmp_path).items() if not any(name in k for name in spared)}
        assert after == before
        return line

    return refused


def forge_shard(folder: Path, edit: Callable[[bytearray], bytes | None], name: str = SHARD) -> None:
    """Change a shard, and every hash that stands for it."""
    path = folder / name
    data = bytearray(path.read_bytes())
    data = edit(data) or data
    path.write_bytes(data)
    digest = digests_of(folder)[name]

    def change(content: dict[str, Any]) -> None:
        for entry in content["shards"]:
            if entry["name"] == path.stem:
                entry.update(bytes=len(data), sha256=digest)

    edit_json(folder / "dataset.json", change)
    renew_checksums(folder)


def header_with(name: str, size: int, *, kind: bytes = b"0", link: str = "") -> bytes:
    """Return a header that tar programs take for good."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    info.mode = 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)[:512]


def first_member(data: bytes) -> tuple[str, int]:
    name = data[:100].rstrip(b"\0").decode()
    return name, int(data[124:135], 8)


HEADERS: dict[str, Callable[[str, int], bytes]] = {
    "path traversal": lambda name, size: header_with(f"../../{name}", size),
    "absolute path": lambda name, size: header_with("/tmp/evil.flac", size),
    "symbolic link": lambda name, size: header_with(name, size, kind=b"2", link="/etc/passwd"),
    "hard link": lambda name, size: header_with(name, size, kind=b"1", link="../canary/letter.txt"),
    "device": lambda name, size: header_with(name, size, kind=b"3"),
    "pipe": lambda name, size: header_with(name, size, kind=b"6"),
    "folder": lambda name, size: header_with(name, size, kind=b"5"),
    "larger than it is": lambda name, size: header_with(name, size + 4096),
    "terabytes": lambda name, size: header_with(name, 8**11 - 1),
    "long name of GNU": lambda name, size: header_with("././@LongLink", size, kind=b"L"),
    "other attributes": lambda name, size: header_with(name, size, kind=b"x"),
    "case": lambda name, size: header_with(name.upper(), size),
    "wrong checksum": lambda name, size: (
        header_of(name, size)[:148] + b"0000000\0" + header_of(name, size)[156:]
    ),
}


@pytest.mark.parametrize("trick", HEADERS)
@pytest.mark.parametrize("options", [[], ["--codec", "wav"]], ids=["as it is", "decoded"])
def test_members_that_are_not_what_the_manifest_says(
    trick: str, options: list[str], release: Path, refuse: Callable[..., str]
) -> None:
    def edit(data: bytearray) -> None:
        data[:512] = HEADERS[trick](*first_member(data))

    forge_shard(release, edit)
    message = "row 0: the header of member 000000000.flac is not what the manifest says"
    refuse(release, message, 1, *options)


def test_duplicate_members(release: Path, refuse: Callable[..., str]) -> None:
    table = pq.read_table(release / "manifest.parquet")
    second = table.column("offset")[1].as_py() - 512

    def edit(data: bytearray) -> None:
        _, size = first_member(data[second : second + 512])
        data[second : second + 512] = header_of("000000000.flac", size)

    forge_shard(release, edit)
    refuse(release, "row 1: the header of member 000000001.flac is not what the manifest says", 1)


def test_further_members_after_the_end(release: Path, refuse: Callable[..., str]) -> None:
    def edit(data: bytearray) -> bytes:
        more = header_with("../../canary/letter.txt", 4) + b"evil" + bytes(508)
        return bytes(data[:-1024]) + more + bytes(1024)

    forge_shard(release, edit)
    refuse(release, "the end of the archive, after the last row, is damaged", 1)


@pytest.mark.parametrize("options", [[], ["--codec", "wav"], ["--limit", "3"]])
def test_shards_in_another_order_than_their_splits(
    options: list[str], release: Path, refuse: Callable[..., str]
) -> None:
    def turn(content: dict[str, Any]) -> None:
        content["counts"] = dict(reversed(content["counts"].items()))
        assert len(content["counts"]) > 1

    edit_json(release / "dataset.json", turn)
    renew_checksums(release)
    refuse(release, "lists its shards in another order than their splits", 1, *options)


def test_truncated_archive_with_a_right_hash(release: Path, refuse: Callable[..., str]) -> None:
    forge_shard(release, lambda data: bytes(data[:-5000]))
    refuse(release, "puts observations outside of shard train-000000", 1)


def test_empty_archive(release: Path, refuse: Callable[..., str]) -> None:
    forge_shard(release, lambda data: bytes(0) or b"")
    (release / SHARD).write_bytes(b"")
    edit_json(release / "dataset.json", lambda c: c["shards"][0].update(bytes=0))
    edit_json(release / "dataset.json", lambda c: c["shards"][0].update(sha256=digests_of(release)[SHARD]))
    renew_checksums(release)
    refuse(release, "outside of shard train-000000", 1)


@pytest.mark.parametrize("options", [[], ["--codec", "wav"], ["--limit", "3"]])
def test_flac_bomb_by_its_header(options: list[str], release: Path, refuse: Callable[..., str]) -> None:
    def edit(data: bytearray) -> None:
        data[512 + 21 : 512 + 26] = (
            bytes([data[512 + 21] | 0x0F]) + b"\xff\xff\xff\xff"
        )  # 2**36 - 1 samples

    forge_shard(release, edit)
    line = refuse(release, "FLAC", 4 if "--limit" in options else 1, *options)
    assert "4000 samples" in line


def test_flac_bomb_with_a_manifest_that_agrees(release: Path, refuse: Callable[..., str]) -> None:
    edit_manifest(release, "n_samples", 0, 2**31 - 1)
    renew_checksums(release)
    refuse(release, "n_samples 2,147,483,647", 1)


@pytest.mark.parametrize("options", [["--codec", "wav"], ["--limit", "1"]])
def test_flac_that_holds_more_than_its_header_says(
    options: list[str], release: Path, refuse: Callable[..., str]
) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(9_000_000, dtype=np.int16), 16_000, format="FLAC", subtype="PCM_16")
    bomb = bytearray(buffer.getvalue())
    assert len(bomb) < 120_000
    bomb[21:26] = bytes([bomb[21] & 0xF0]) + (4000).to_bytes(4, "big")

    def edit(data: bytearray) -> bytes:
        _, size = first_member(data)
        rest = data[512 + size + -size % 512 :]
        return header_of("000000000.flac", len(bomb)) + bytes(bomb) + bytes(-len(bomb) % 512) + bytes(rest)

    table = pq.read_table(release / "manifest.parquet")
    old = table.column("size")[0].as_py()
    moved = len(bomb) + -len(bomb) % 512 - old - -old % 512
    for row in range(20):
        offset = table.column("offset")[row].as_py()
        edit_manifest(release, "offset", row, offset + (moved if row else 0))
    edit_manifest(release, "size", 0, len(bomb))
    forge_shard(release, edit)
    refuse(release, "the release is refused: shard train-000000, row 0: ", 4, *options)


def test_wav_that_says_it_is_larger(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = tmp_path / "wav"
    syngen.generate("syntone-tiny", folder, jobs=1, shard_size=20, limit=60)

    def edit(data: bytearray) -> None:
        data[512 + 40 : 512 + 44] = b"\xff\xff\xff\xff"

    forge_shard(folder, edit)
    refuse(folder, "member 000000000.wav is no WAV of the 4000 samples of row 0", 1)


NAMES = [
    "../evil",
    "audio/../../evil",
    "/etc/evil",
    "//host/evil",
    "C:/evil",
    "C:evil",
    "..",
    ".",
    "a/./b",
    "a//b",
    "audio/",
    ".hidden",
    ".syngen/lock",
    "evil.",
    "evil ",
    "con",
    "aux.txt",
    "audio/NUL.tar",
    "Manifest.parquet",
    "AUDIO/train-000000.tar",
    "sha256sums",
    "audio",
    "README.md/x",
    "e\u0301vil",
    "\u00e9vil",
    "\uff0e\uff0e/evil",
    "gpj.\u202eexe",
    "ev\u200bil",
    "evil\x07",
    "a" * 300,
    "/".join("a" * 20),
    "~root",
    "$HOME",
    "-rf",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_are_not_those_of_files_in_a_folder(
    name: str, release: Path, refuse: Callable[..., str]
) -> None:
    path = release / "SHA256SUMS"
    path.write_bytes(path.read_bytes() + f"{'0' * 64}  {name}\n".encode())
    refuse(release, "SHA256SUMS", 1)


def test_backslashes_and_twins_in_the_listing(release: Path, refuse: Callable[..., str]) -> None:
    path = release / "SHA256SUMS"
    text = path.read_bytes()
    for line, match in (
        (b"0" * 64 + b"  ..\\evil\n", "not a hash, two spaces and a name"),
        (text.splitlines(keepends=True)[-1], "lists a name twice"),
        (b"\xff\xfe\n", "is not a list of hashes"),
        (b"<html>\n", "is not a list of hashes"),
    ):
        path.write_bytes(text + line)
        refuse(release, match, 1)


def test_listing_of_something_that_is_no_release(release: Path, refuse: Callable[..., str]) -> None:
    (release / "SHA256SUMS").write_text(f"{'0' * 64}  readme.txt\n", "utf-8")
    refuse(release, "lists no dataset.json", 1)


def test_names_of_a_sound_release_are_taken(sound: Path) -> None:
    assert len(parse_listing((sound / "SHA256SUMS").read_bytes())) == 10


@pytest.mark.parametrize("options", [[], ["--limit", "2"], ["--codec", "wav"]])
def test_description_that_declares_terabytes(
    options: list[str], release: Path, refuse: Callable[..., str]
) -> None:
    edit_json(release / "dataset.json", lambda c: c["shards"][0].update(bytes=5 * 10**18))
    renew_checksums(release)
    match = "has 79" if options == ["--limit", "2"] else "needs 5e+06 TB"
    if options == ["--limit", "2"]:
        match = "it is truncated, or another file"
    refuse(release, match, 1, *options)


def test_manifest_that_declares_terabytes(release: Path, refuse: Callable[..., str]) -> None:
    edit_manifest(release, "size", 0, 2**62)
    renew_checksums(release)
    refuse(release, "gives an observation size 4,611,686,018,427,387,904", 1)


@pytest.mark.parametrize("offset", [-1, 2**62, 100])
def test_manifest_that_points_outside(offset: int, release: Path, refuse: Callable[..., str]) -> None:
    edit_manifest(release, "offset", 3, offset)
    renew_checksums(release)
    refuse(release, "manifest.parquet puts observations", 1)


@pytest.mark.slow
def test_manifest_that_explodes_in_memory(release: Path, refuse: Callable[..., str]) -> None:
    table = pq.read_table(release / "manifest.parquet")
    zeros = [bytes(6_000_000)] * table.num_rows
    bomb = table.append_column("evil", pa.array(zeros, pa.large_binary()))
    pq.write_table(bomb, release / "manifest.parquet", compression="zstd", use_dictionary=False)
    assert (release / "manifest.parquet").stat().st_size < 1_000_000
    renew_checksums(release)
    refuse(release, "bytes in memory for 60 observations", 1)


def test_manifest_of_more_rows_than_are_counted(release: Path, refuse: Callable[..., str]) -> None:
    table = pq.read_table(release / "manifest.parquet")
    pq.write_table(pa.concat_tables([table, table]), release / "manifest.parquet")
    renew_checksums(release)
    refuse(release, "manifest.parquet has 120 rows, dataset.json counts 60", 1)


@pytest.mark.parametrize("column", ["pcm_sha256", "n_samples", "timbre_level", "split"])
def test_manifest_without_a_column(column: str, release: Path, refuse: Callable[..., str]) -> None:
    table = pq.read_table(release / "manifest.parquet")
    pq.write_table(table.drop([column]), release / "manifest.parquet")
    renew_checksums(release)
    refuse(release, f"manifest.parquet has no column {column}", 1)


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda c: c.update(format=99), "format 99"),
        (lambda c: c.update(complete=False), "not marked complete"),
        (lambda c: c.update(codec="mp3"), "no codec 'mp3'"),
        (lambda c: c["shards"][0].update(name="../../evil"), "is damaged"),
        (lambda c: c["shards"][0].update(rows=10**12), "counts says"),
        (lambda c: c["shards"][0].update(sha256="0" * 64), "disagree about audio/train-000000.tar"),
        (lambda c: c["shards"].pop(), "counts says"),
        (lambda c: c.update(tables=["../evil"]), "is damaged"),
        (lambda c: c.update(tables=["evil"]), "lists no evil.parquet"),
        (lambda c: c.update(fingerprint="0" * 64), "are not of one dataset"),
        (lambda c: c.update(part_of=3), "is damaged"),
    ],
)
def test_descriptions_that_lie(
    edit: Callable[[dict], object], match: str, release: Path, refuse: Callable[..., str]
) -> None:
    edit_json(release / "dataset.json", edit)
    renew_checksums(release)
    refuse(release, match, 1)


def test_description_of_brackets(release: Path, refuse: Callable[..., str]) -> None:
    (release / "dataset.json").write_text("[" * 100_000, "utf-8")
    renew_checksums(release)
    refuse(release, "dataset.json is damaged", 1)


def test_wrong_hash(release: Path, refuse: Callable[..., str], tmp_path: Path) -> None:
    flip(release / SHARD, 3_000)
    refuse(release, f"{SHARD} has another SHA-256 than SHA256SUMS says", 4, is_resumable=True)
    kept = list((tmp_path / "home").rglob("*.tar"))
    assert all(digests_of(release)[f"audio/{path.name}"] in _listed(release) for path in kept)
    assert not [path for path in kept if path.name == Path(SHARD).name]


def _listed(release: Path) -> str:
    return (release / "SHA256SUMS").read_text("utf-8")


@pytest.mark.parametrize("name", ["dataset.json", "manifest.parquet", "README.md"])
def test_wrong_hash_of_a_document(name: str, release: Path, refuse: Callable[..., str]) -> None:
    path = release / name
    path.write_bytes(path.read_bytes() + b" ")
    refuse(release, f"{name} has another SHA-256 than SHA256SUMS says", 4)


def test_listing_that_is_not_that_of_the_catalog(
    release: Path, tmp_path: Path, refuse: Callable[..., str]
) -> None:
    catalog = {"format": 1, "releases": {"x": {"1": {"mirrors": [str(release)], "sha256": "0" * 64}}}}
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(catalog), "utf-8")
    refuse("x", "the catalog says 0000000000000000...", 4, "--catalog", str(path))


# servers


def only_shards(answer: Callable[[Handler, bytes], object]) -> Callable[[Path], Behaviour]:
    def of(folder: Path) -> Behaviour:
        def behaviour(handler: Handler, name: str) -> bool:
            if name != SHARD:
                return False
            answer(handler, (folder / name).read_bytes())
            return True

        return behaviour

    return of


def truncated(handler: Handler, data: bytes) -> None:
    handler.answer(200, data[:1000])


def longer(handler: Handler, data: bytes) -> None:
    handler.answer(200, data + b"more")


def endless(handler: Handler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    chunk = b"%x\r\n" % 65536 + bytes(65536) + b"\r\n"
    for _ in range(10_000):
        handler.wfile.write(chunk)


def gzipped(handler: Handler, data: bytes) -> None:
    handler.answer(200, gzip.compress(bytes(10_000_000)), {"Content-Encoding": "gzip"})


def silent(handler: Handler, data: bytes) -> None:
    handler.wait_for_the_client_to_leave()


def stalling(handler: Handler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[:10])
    handler.wfile.flush()
    handler.wait_for_the_client_to_leave()


def drip(handler: Handler, pieces: Iterable[bytes]) -> None:
    """Write pieces slowly, until the client leaves."""
    for piece in pieces:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(0.05)


def dripping(handler: Handler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    drip(handler, (bytes([byte]) for byte in data))


def dripping_headers(handler: Handler, data: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    drip(handler, repeat(b"x"))


def continuing(handler: Handler, data: bytes) -> None:
    drip(handler, repeat(b"HTTP/1.1 100 Continue\r\n\r\n"))


def empty_part(handler: Handler, data: bytes) -> None:
    handler.answer(206, b"", {"Content-Range": f"bytes 0-0/{len(data)}", "Content-Length": "0"})


def redirecting(location: str) -> Callable[[Handler, bytes], object]:
    return lambda handler, data: handler.answer(302, b"", {"Location": location})


SERVERS: dict[str, tuple[Callable[[Handler, bytes], object], str, int]] = {
    "truncated": (truncated, "it is truncated, or another file", 1),
    "longer": (longer, "it is another file", 1),
    "endless": (endless, "sends more than the", 1),
    "gzip bomb": (gzipped, "encoded as 'gzip'", 1),
    "silent": (silent, "the transfer stalled", 3),
    "stalling": (stalling, "the transfer stalled", 3),
    "dripping": (dripping, "the transfer stalled", 3),
    "dripping headers": (dripping_headers, "the transfer stalled", 3),
    "continuing": (continuing, "the transfer stalled", 3),
    "file URL": (redirecting("file:///etc/passwd"), "redirects to 'file:///etc/passwd'", 1),
    "ftp URL": (redirecting("ftp://host/x"), "only http and https are followed", 1),
    "data URL": (redirecting("data:,x"), "only http and https are followed", 1),
    "circle": (redirecting("/audio/train-000000.tar"), "more than 5 redirects", 1),
    "nowhere": (redirecting(""), "redirects to ''", 1),
    "password": (redirecting("http://user:secret@localhost/x"), "a user name or a password", 1),
    "line break": (redirecting("http://localhost/\x01"), "no address of http", 1),
    "not there": (lambda h, d: h.answer(404, b""), "answers 404", 1),
    "forbidden": (lambda h, d: h.answer(403, b""), "answers 403", 1),
    "failing": (lambda h, d: h.answer(500, b""), "answers 500", 3),
    "busy": (lambda h, d: h.answer(429, b"", {"Retry-After": "0"}), "answers 429", 3),
    "another part": (
        lambda h, d: h.answer(206, d[5:], {"Content-Range": f"bytes 5-{len(d) - 1}/{len(d)}"}),
        "another part of the file",
        1,
    ),
    "no part": (lambda h, d: h.answer(206, d), "another part of the file", 1),
    "too long a part": (
        lambda h, d: h.answer(206, d, {"Content-Range": f"bytes 0-{10**15}/{len(d)}"}),
        "another part of the file",
        1,
    ),
    "empty part": (empty_part, "another part of the file", 1),
    "nothing": (lambda h, d: h.send_response(200) or h.end_headers() or h.cut(), "sent not one byte", 3),
    "length": (lambda h, d: h.answer(200, d, {"Content-Length": "-5"}), "bytes", 1),
    "huge": (lambda h, d: h.answer(200, b"", {"Content-Length": str(10**18)}), "it is another file", 1),
    "escapes": (lambda h, d: h.wfile.write(b"HTTP/1.1 404 \x1b[2J\r\n\r\n"), "answers 404 ?[2J", 1),
    "nonsense": (lambda h, d: h.wfile.write(b"SSH-2.0-OpenSSH\r\n") and h.cut(), "was cut", 3),
    "wrong bytes": (lambda h, d: h.answer(200, bytes(len(d))), "has another SHA-256", 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("trick", SERVERS)
def test_servers_that_misbehave(
    trick: str, sound: Path, refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, match, code = SERVERS[trick]
    if "stalled" in match:
        give_up_early(monkeypatch)
    with serve(sound, only_shards(answer)(sound)) as server:
        # what was verified, or may be compared with what is made again, is kept
        is_resumable = code in (3, 4) or "40" in match
        refuse(server.url, match, code, is_resumable=is_resumable)


@pytest.mark.slow
@pytest.mark.parametrize("trick", ["truncated", "longer", "endless", "dripping", "file URL", "wrong bytes"])
def test_servers_that_misbehave_from_the_first_file_on(
    trick: str, sound: Path, refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, _, _ = SERVERS[trick]
    # the listing may have any length: then it is its content that is refused
    match, code = {
        "truncated": ("dataset.json has another SHA-256", 4),
        "longer": ("is not a list of hashes", 1),
        "endless": ("SHA256SUMS is refused", 1),
        "dripping": ("the transfer stalled", 3),
        "file URL": ("redirects to 'file", 1),
        "wrong bytes": ("is not a list of hashes", 1),
    }[trick]
    monkeypatch.setattr("syngen.downloads.fetch.MOST_LISTING_BYTES", 1 << 20)
    if "stalled" in match:
        give_up_early(monkeypatch)

    def behaviour(handler: Handler, name: str) -> bool:
        answer(handler, (sound / name).read_bytes())
        return True

    with serve(sound, behaviour) as server:
        refuse(server.url, match, code, is_resumable=code == 3)


def test_server_that_ignores_ranges_gives_wholes_and_no_parts(
    sound: Path, tmp_path: Path, refuse: Callable[..., str]
) -> None:
    def ignoring(handler: Handler, name: str) -> bool:
        data = (sound / name).read_bytes()
        n_times = sum(asked == name for asked, _ in handler.server.requests)
        if name.startswith("audio/") and n_times == 1:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[:20_000])
            handler.cut()
            return True
        return handler.answer(200, data)

    with serve(sound, ignoring) as server:
        syngen.download(server.url, to=tmp_path / "whole")
        assert any(span for _, span in server.requests)
    assert digests_of(tmp_path / "whole") == digests_of(sound)
    shutil.rmtree(tmp_path / "whole")
    with serve(sound, lambda handler, name: handler.answer(200, (sound / name).read_bytes())) as server:
        refuse(
            server.url, "answers with the whole file where a part of it was asked for", 1, "--limit", "2"
        )


def test_certificate_that_nobody_knows(sound: Path, refuse: Callable[..., str]) -> None:
    with serve(sound, certificate=CERTIFICATE) as server:
        refuse(server.url, "the certificate of localhost is refused: self-signed certificate", 1)


def test_certificate_of_another_host(
    sound: Path, refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("no_proxy", "*")
    with serve(sound, certificate=CERTIFICATE, address="127.0.0.2") as server:
        port = server.server_address[1]
        refuse(f"https://127.0.0.2:{port}/", "the certificate of 127.0.0.2 is refused", 1)


def test_https_where_there_is_none(sound: Path, refuse: Callable[..., str]) -> None:
    with serve(sound) as server:
        refuse(server.url.replace("http:", "https:"), "no TLS connection to localhost", 1)


def test_https_that_redirects_to_http(
    sound: Path, refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    answer = redirecting("http://localhost/")
    with serve(sound, only_shards(answer)(sound), certificate=CERTIFICATE) as server:
        refuse(server.url, "which is not encrypted", 1)


def test_nobody_answers(refuse: Callable[..., str]) -> None:
    refuse("http://localhost:9/", "localhost:9 does not answer", 1)


def test_mirror_that_is_a_link_out_of_its_folder(release: Path, refuse: Callable[..., str]) -> None:
    (release / "README.md").unlink()
    (release / "README.md").symlink_to("/etc/passwd")
    refuse(release, "README.md is a link that leads out of the folder", 1)


def test_links_in_the_way_are_not_followed(sound: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "it").symlink_to(elsewhere)
    with pytest.raises(syngen.ParameterError, match="is a file or a link"):
        syngen.download(sound, to=tmp_path / "it")
    (tmp_path / "it").unlink()
    (tmp_path / ".it.syngen-download").symlink_to(elsewhere)
    with pytest.raises(syngen.ParameterError, match="is in the way"):
        syngen.download(sound, to=tmp_path / "it")
    assert not list(elsewhere.iterdir())


CATALOGS = [
    ("[" * 50_000, "is no JSON"),
    ('{"format": 1, "format": 1}', "the key 'format' stands twice in one object; keep one"),
    ('{"format": 1, "releases": NaN}', "NaN is no number of JSON"),
    ('{"format": 2}', '"format": 1 is needed'),
    ('{"format": 1}', "releases: the key 'releases' is missing"),
    ('{"format": 1, "releases": []}', "releases: a map is needed, not []"),
    ('{"format": 1, "releases": {"x": 3}}', "releases.x: a map is needed, not 3"),
    ('{"format": 1, "releases": {"../x": {}}}', "'../x' is no name of a release"),
    ('{"format": 1, "releases": {"x": {"../1": {}}}}', "'../1' is no version"),
    ('{"format": 1, "releases": {"x": {"1": {"mirors": []}}}}', "did you mean 'mirrors'"),
    ('{"format": 1, "releases": {"x": {"1": {"mirrors": "http://x"}}}}', "x.1.mirrors: a list is needed"),
    ('{"format": 1, "releases": {"x": {"1": {"mirrors": [3]}}}}', "mirrors.0: text is needed, not 3"),
    ('{"format": 1, "releases": {"x": {"1": {"mirrors": ["ftp://x"]}}}}', "not from 'ftp'"),
    ('{"format": 1, "releases": {"x": {"1": {"sha256": "0"}}}}', "'0' cannot be a sha256; use 64"),
    ('{"format": 1, "releases": {"x": {"1": {"recipe": "../../x"}}}}', "'../../x' is no name of a release"),
    (" " * (5 << 20), "is larger than"),
]


@pytest.mark.parametrize(("text", "match"), CATALOGS, ids=[match for _, match in CATALOGS])
def test_catalogs_that_are_none(text: str, match: str, tmp_path: Path, refuse: Callable[..., str]) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(text, "utf-8")
    refuse("x", match, 2, "--catalog", str(path))


def test_catalog_from_a_server_may_not_name_files_of_this_machine(
    tmp_path: Path, refuse: Callable[..., str]
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    content = {"format": 1, "releases": {"x": {"1": {"mirrors": ["file:///etc/"]}}}}
    (folder / "catalog.json").write_text(json.dumps(content), "utf-8")
    with serve(folder) as server:
        refuse("x", "not from 'file'", 2, "--catalog", f"{server.url}catalog.json")
    with serve(folder, lambda h, _: h.answer(200, bytes(5 << 20))) as server:
        refuse("x", "the catalog is refused", 1, "--catalog", f"{server.url}catalog.json")
