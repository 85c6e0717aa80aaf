"""HTTP servers on loopback for tests and benchmarks of downloads: honest, careless and hostile ones."""

from __future__ import annotations

import contextlib
import http.server
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Handler", "Server", "serve"]

Behaviour: TypeAlias = Callable[["Handler", str], bool]
"""Takes a request and the name of the file that is asked for; returns whether it has answered."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with files of a folder, or parts of them, unless the server's behaviour does."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        name = self.path.split("?")[0].lstrip("/")
        with self.server.lock:
            self.server.requests.append((name, self.headers.get("Range")))
        if self.server.behaviour is not None and self.server.behaviour(self, name):
            return
        path = self.server.folder / name
        if not path.is_file():
            self.answer(404, b"")
            return
        size = path.stat().st_size
        start, stop = self.span(size)
        if start >= size > 0:
            self.answer(416, b"", {"Content-Range": f"bytes */{size}"})
            return
        self.send_response(206 if self.headers.get("Range") else 200)
        if self.headers.get("Range"):
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.body(path, start, stop)

    def body(self, path: Path, start: int, stop: int) -> None:
        with open(path, "rb") as file:
            sent = self.connection.sendfile(file, start, stop - start) if stop > start else 0
        self.count(sent)

    def count(self, n_bytes: int) -> None:
        with self.server.lock:
            self.server.n_sent += n_bytes

    def span(self, size: int) -> tuple[int, int]:
        """Return first byte, and the byte after the last, that are asked for."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match is None:
            return 0, size
        return int(match[1]), min(size, int(match[2]) + 1) if match[2] else size

    def answer(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> bool:
        """Send a small answer."""
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.count(len(data))
        return True

    def cut(self) -> None:
        """End the connection without another byte."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)
        self.close_connection = True

    def wait_for_the_client_to_leave(self) -> None:
        """Send nothing more; whatever comes is ignored."""
        with contextlib.suppress(OSError):
            while self.connection.recv(1 << 16):
                pass
        self.close_connection = True

    def flush_headers(self) -> None:
        with self.server.lock:
            self.server.n_header_bytes += sum(map(len, getattr(self, "_headers_buffer", [])))
        super().flush_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder and counts what it does."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, folder: Path, behaviour: Behaviour | None, address: str) -> None:
        super().__init__((address, 0), Handler)
        self.folder, self.behaviour = folder, behaviour
        self.requests: list[tuple[str, str | None]] = []
        self.n_sent = self.n_header_bytes = 0
        self.lock = threading.Lock()
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.server_address[1]}/"

    def handle_error(self, *_: Any) -> None:
        """Clients that go away are what these tests are about."""


@contextlib.contextmanager
def serve(
    folder: Path,
    behaviour: Behaviour | None = None,
    *,
    certificate: Path | None = None,
    address: str = "127.0.0.1",
) -> Iterator[Server]:
    """Serve a folder for the length of a block, by TLS with a certificate."""
    server = Server(folder, behaviour, address)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
