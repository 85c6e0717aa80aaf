"""HTTP in the small: what ends a request, what it is called, what is kept of connections and proxies."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syngen.io.http.connections import HttpClient
from syngen.io.http.responses import InvalidResponseError, TransientError
from syngen.io.http.stalls import TransferLimits
from tests.servers import Handler, serve

CERTIFICATE = Path(__file__).resolve().parents[2] / "data" / "tls" / "localhost.pem"
HASTY = TransferLimits(connect_s=0.5, stall_s=0.5)


@pytest.fixture
def client() -> Iterator[HttpClient]:
    made = HttpClient(HASTY)
    yield made
    made.close()


@contextlib.contextmanager
def listening(talk: Callable[[socket.socket], object]) -> Iterator[str]:
    """Let a function talk to whoever connects, for the length of a block; gives host and port."""

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    thread.join()


def whole(client: HttpClient, url: str) -> bytes:
    with client.get(url) as body:
        return b"".join(iter(body.read, b""))


def flood(head: bytes, line: bytes) -> Callable[[socket.socket], object]:
    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(head)
        while True:
            connection.sendall(line * 500)
            time.sleep(0.01)

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"Trailer: x\r\n"),
    ],
    ids=["headers", "trailers"],
)
def test_what_is_no_body_is_no_progress_however_much_comes(
    talk: Callable[[socket.socket], object], client: HttpClient
) -> None:
    with listening(talk) as place, pytest.raises(TransientError, match="the transfer stalled"):
        whole(client, f"http://{place}/x")


HEAD = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1234\r\nContent-Range: bytes 0-1233/1234\r\n\r\n"


@pytest.mark.parametrize("n_bytes", [0, 5, 20, 52, len(HEAD) - 25, len(HEAD) - 4, len(HEAD) - 2, len(HEAD)])
def test_an_answer_that_is_cut_anywhere_may_come_again(n_bytes: int, client: HttpClient) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(HEAD[:n_bytes])

    with listening(talk) as place, pytest.raises(TransientError, match="the connection was cut") as caught:
        whole(client, f"http://{place}/x")
    assert not caught.value.is_silent


def test_a_body_that_is_cut_says_what_is_missing(client: HttpClient) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(HEAD + bytes(200))

    with listening(talk) as place, pytest.raises(TransientError, match=r"cut, 1,034 bytes too early"):
        whole(client, f"http://{place}/x")


def test_two_sizes_are_none(client: HttpClient, tmp_path: Path) -> None:
    def behaviour(handler: Handler, _: str) -> bool:
        return handler.answer(200, b"12345", {"Content-Length": "5, 6"})

    with serve(tmp_path, behaviour) as server, pytest.raises(InvalidResponseError, match="says two sizes"):
        whole(client, f"{server.url}x")


@pytest.mark.parametrize("scheme", ["https", "proxied"])
def test_a_server_that_is_silent_before_the_request_does_not_answer(
    scheme: str, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang_up = threading.Event()
    with listening(lambda _: hang_up.wait()) as place:
        url = f"https://{place}/x"
        if scheme == "proxied":
            monkeypatch.setenv("https_proxy", f"http://{place}")
            monkeypatch.setenv("no_proxy", "")
            url = "https://far.example/x"
        with pytest.raises(TransientError, match="does not answer: .*timed out") as caught:
            whole(client, url)
        hang_up.set()
    assert caught.value.is_silent


def test_connections_are_used_again_unless_an_answer_was_left(client: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(1 << 20))
    seen = set()

    def behaviour(handler: Handler, _: str) -> bool:
        seen.add(handler.client_address)
        return False

    with serve(tmp_path, behaviour) as server:
        for _ in range(3):
            assert len(whole(client, f"{server.url}x")) == 1 << 20
        assert len(seen) == 1
        with client.get(f"{server.url}x") as body:
            body.read()
        assert len(whole(client, f"{server.url}x")) == 1 << 20
        assert len(seen) == 2


def test_ending_all_ends_a_wait_for_an_answer_and_what_begins_later(tmp_path: Path) -> None:
    client, asked = HttpClient(TransferLimits()), threading.Event()

    def behaviour(handler: Handler, _: str) -> bool:
        asked.set()
        handler.wait_for_the_client_to_leave()
        return True

    with serve(tmp_path, behaviour) as server:
        ended = threading.Timer(0, lambda: asked.wait() and client.abort())
        ended.start()
        for _ in range(2):
            with pytest.raises(TransientError, match="was cut"):
                whole(client, f"{server.url}x")
        ended.join()
    client.close()


def through(server_place: tuple[str, int], asked: list[bytes]) -> Callable[[socket.socket], object]:
    """Return a proxy that lets those through to a server who say a password."""

    def talk(connection: socket.socket) -> None:
        asked.append(connection.recv(1 << 16))
        if b"Proxy-Authorization: Basic dXNlcjpzw6ljcmV0" not in asked[-1]:
            connection.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(server_place) as far:
            back = threading.Thread(
                target=lambda: [connection.sendall(d) for d in iter(lambda: far.recv(1 << 16), b"")]
            )
            back.start()
            for data in iter(lambda: connection.recv(1 << 16), b""):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
            back.join()

    return talk


def test_tls_goes_through_the_proxy_of_the_environment(
    client: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"content")
    asked: list[bytes] = []
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("no_proxy", "")
    with (
        serve(tmp_path, certificate=CERTIFICATE) as server,
        listening(through(server.server_address, asked)) as place,  # type: ignore[arg-type]
    ):
        monkeypatch.setenv("https_proxy", f"http://user:s%C3%A9cret@{place}")
        assert whole(client, f"{server.url}x") == b"content"
        client.close()
        assert asked[0].startswith(f"CONNECT localhost:{server.server_address[1]} HTTP/1.".encode())
        monkeypatch.setenv("https_proxy", f"user:wrong@{place}")
        with pytest.raises(
            TransientError, match="does not answer: Tunnel connection failed: 407"
        ) as caught:
            whole(HttpClient(HASTY), f"{server.url}x")
        assert caught.value.is_silent
        assert len(asked) == 2
        monkeypatch.setenv("no_proxy", "localhost")
        assert whole(HttpClient(HASTY), f"{server.url}x") == b"content"
        assert len(asked) == 2
