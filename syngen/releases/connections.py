"""HTTP for downloads: ranges, connections that stay open, time limits; nothing that comes is trusted.

Only http and https are spoken, whatever a server redirects to. What a server says of a body is checked
here; what the body must be is for `transfers` to know.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import selectors
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from syngen._version import version

__all__ = ["AbsentError", "CutError", "HttpClient", "Limits", "Stream", "TransferError", "UnfitError"]

CHUNK = 1 << 18
"""Most bytes that are read at a time."""

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,19})")
_NUMBER = re.compile(r"\d{1,19}")
_LONGEST_ADVISED_PAUSE_S = 60.0


@dataclass(frozen=True)
class Limits:
    """When a server is given up.

    Attributes
    ----------
    connect_s : float
        For a connection to be made.
    stall_s : float
        A transfer that brings fewer than `slowest` bytes a second for so long is ended.
    slowest : int
    tries : int
        Without a byte that is new; one that brings some does not count.
    first_pause_s, longest_pause_s : float
        Between such tries; each pause is twice the one before.
    """

    connect_s: float = 10.0
    stall_s: float = 30.0
    slowest: int = 1024
    tries: int = 6
    first_pause_s: float = 0.25
    longest_pause_s: float = 10.0


class TransferError(Exception):
    """What went wrong with one request; `transfers` decides what becomes of it."""


class CutError(TransferError):
    """No answer, or one that ended too early: the next try may do better.

    Attributes
    ----------
    pause_s : float
        What the server asks to be waited.
    is_silent : bool
        Whether there was no answer at all.
    """

    def __init__(self, message: str, *, pause_s: float = 0.0, is_silent: bool = False) -> None:
        super().__init__(message)
        self.pause_s, self.is_silent = pause_s, is_silent


class AbsentError(TransferError):
    """The file is not there, or not for us."""


class UnfitError(TransferError):
    """An answer that no later try makes right."""


class Stream(Protocol):
    """Bytes of a file as they come.

    Attributes
    ----------
    start : int
        Position in the file of the first byte.
    total : int or None
        Size of the whole file, where that is known.
    """

    start: int
    total: int | None

    def read(self) -> bytes:
        """Return the next bytes, at most `CHUNK`; none at the end."""
        ...


class HttpClient:
    """Keeps connections open from one request to the next; for any number of threads.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._watch = _Watch(limits)
        self._context: ssl.SSLContext | None = None

    def abort(self) -> None:
        """End what is under way in other threads, and what they would begin."""
        self._watch.end_all()

    def close(self) -> None:
        """Close what is open."""
        self._watch.close()
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    @contextlib.contextmanager
    def get(self, url: str, start: int = 0, stop: int | None = None) -> Iterator[_Body]:
        """Request a file from byte `start` on, up to byte `stop` or to its end.

        A server may answer with the whole file; the stream then starts at 0.

        Raises
        ------
        TransferError
            `CutError`, `AbsentError` or `UnfitError`; so do reads.
        """
        headers = {"Accept-Encoding": "identity", "User-Agent": f"syngen/{version()}"}
        if start or stop is not None:
            headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        at = _checked(urlsplit(url), url)
        for _ in range(_MOST_REDIRECTS + 1):
            asked, response, watched = self._asked(at, headers)
            connection: http.client.HTTPConnection | None = asked
            try:
                if response.status in _REDIRECTS:
                    at = _redirected(at, response)
                    continue
                body = _body_of(response, watched, start, stop)
                yield body
                if body.is_done and not response.will_close:
                    with self._lock:
                        self._idle.setdefault(_key(at), []).append(asked)
                    connection = None
                return
            finally:
                self._watch.end(watched)
                response.close()
                if connection is not None:
                    connection.close()
        raise UnfitError(f"more than {_MOST_REDIRECTS} redirects")

    def _asked(
        self, at: SplitResult, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, _Watched]:
        """Send a request; over a connection that was left open, once more over a new one."""
        proxy = _proxy_for(at)
        target = (at.path or "/") + (f"?{at.query}" if at.query else "")
        if proxy and at.scheme == "http":
            target = f"http://{at.netloc}{target}"
            headers = {**headers, **_proxy_headers(proxy)}
        while True:
            if self._watch.is_ended:
                raise CutError("the download was ended")
            connection = self._kept(at)
            is_kept = connection is not None
            if connection is None:
                connection = self._connected(at, proxy)
            watched = self._watch.begin(connection)
            try:
                connection.request("GET", target, headers={"Host": at.netloc, **headers})
                return connection, connection.getresponse(), watched
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._watch.end(watched)
                connection.close()
                if is_kept and not watched.is_stalled:
                    continue
                raise _cut(error, watched) from error
            except BaseException:
                self._watch.end(watched)
                connection.close()
                raise

    def _kept(self, at: SplitResult) -> http.client.HTTPConnection | None:
        """Return a connection that was left open, and on which nothing has come that was not asked for."""
        while True:
            with self._lock:
                kept = self._idle.get(_key(at), [])
                if not kept:
                    return None
                connection = kept.pop()
            with selectors.DefaultSelector() as selector:
                selector.register(connection.sock, selectors.EVENT_READ)
                if not selector.select(0):
                    return connection
            connection.close()

    def _connected(self, at: SplitResult, proxy: SplitResult | None) -> http.client.HTTPConnection:
        host, port = at.hostname or "", at.port
        through = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
        timeout = self._limits.connect_s
        connection: http.client.HTTPConnection
        if at.scheme == "https":
            self._context = self._context or ssl.create_default_context()
            connection = http.client.HTTPSConnection(*through, timeout=timeout, context=self._context)
            if proxy:
                connection.set_tunnel(host, port or 443, _proxy_headers(proxy))
        else:
            connection = http.client.HTTPConnection(*through, timeout=timeout)
        connection.response_class = _Response
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise UnfitError(f"the certificate of {host} is refused: {error.verify_message}") from error
        except ssl.SSLError as error:
            connection.close()
            raise UnfitError(f"no TLS connection to {host}: {error.reason or error}") from error
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            connection.close()
            reason = getattr(error, "strerror", None) or error
            raise CutError(f"{at.netloc} does not answer: {reason}", is_silent=True) from error
        # of any single read; the watch sees to those that drip
        connection.sock.settimeout(self._limits.stall_s)
        return connection


class _Response(http.client.HTTPResponse):
    """An answer whose headers came whole: `http.client` takes the end of a connection for theirs."""

    def begin(self) -> None:
        answer: Any = self  # whose file may be another one for a moment
        lines = _Lines(answer.fp)
        answer.fp = lines
        super().begin()
        if answer.fp is lines:
            answer.fp = lines.file
        if not lines.last:
            raise http.client.RemoteDisconnected("in the headers")


class _Lines:
    """Remembers the last line that was read of a file."""

    def __init__(self, file: BufferedIOBase) -> None:
        self.file, self.last = file, b""

    def readline(self, most: int = -1) -> bytes:
        self.last = self.file.readline(most)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class _Body:
    """The body of an answer."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        watched: _Watched,
        *,
        start: int,
        total: int | None,
        length: int | None,
    ) -> None:
        self.start, self.total = start, total
        self._left = length
        self._response, self._watched = response, watched
        self.is_done = length == 0

    def read(self) -> bytes:
        if self.is_done:
            return b""
        most = CHUNK if self._left is None else min(CHUNK, self._left)
        try:
            data = self._response.read1(most)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _cut(error, self._watched) from error
        self._watched.n_bytes += len(data)
        if self._left is not None:
            self._left -= len(data)
            if not data and self._left:
                if self._watched.is_stalled:
                    raise CutError(_stalled(self._watched.limits))
                raise CutError(f"the connection was cut, {self._left:,} bytes too early")
            self.is_done = not self._left
        elif not data:
            if self._watched.is_stalled:
                raise CutError(_stalled(self._watched.limits))
            self.is_done = True
        return data


def _body_of(response: http.client.HTTPResponse, watched: _Watched, start: int, stop: int | None) -> _Body:
    status = response.status
    if status in _BUSY:
        raise CutError(f"answers {status} {_harmless(response.reason)}", pause_s=_advised_pause(response))
    if status == 416:
        match = _UNSATISFIED.fullmatch(response.getheader("Content-Range", ""))
        if match and int(match.group(1)) == start:  # all of it is there already
            return _Body(response, watched, start=start, total=start, length=0)
        raise UnfitError(f"answers that there is no byte {start:,}")
    if status not in (200, 206):
        raise AbsentError(f"answers {status} {_harmless(response.reason)}")
    encoding = response.getheader("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise UnfitError(f"sends the file encoded as {encoding!r}, which was not asked for")
    length = _length_of(response)
    if status == 200:
        return _Body(response, watched, start=0, total=length, length=length)
    match = _RANGE.fullmatch(response.getheader("Content-Range", ""))
    if match is None or int(match.group(1)) != start:
        raise UnfitError("answers with another part of the file than was asked for")
    last, total = int(match.group(2)), None if match.group(3) == "*" else int(match.group(3))
    expected = last + 1 - start
    is_more = stop is not None and last >= stop
    if expected < 0 or is_more or (length is not None and length != expected):
        raise UnfitError("answers with another part of the file than was asked for")
    return _Body(response, watched, start=start, total=total, length=expected)


def _length_of(response: http.client.HTTPResponse) -> int | None:
    text = response.getheader("Content-Length")
    if text is None or response.getheader("Transfer-Encoding") is not None:
        return None
    if not _NUMBER.fullmatch(text.strip()):
        raise UnfitError(f"says that the file has {text[:40]!r} bytes")
    return int(text)


def _advised_pause(response: http.client.HTTPResponse) -> float:
    text = response.getheader("Retry-After", "")
    return min(float(text), _LONGEST_ADVISED_PAUSE_S) if re.fullmatch(r"\d{1,6}", text) else 0.0


def _checked(at: SplitResult, url: str) -> SplitResult:
    try:
        is_possible = at.scheme in ("http", "https") and bool(at.hostname) and (at.port or 1) > 0
    except ValueError:
        is_possible = False
    if not is_possible or not url.isascii() or not url.isprintable() or " " in url:
        raise UnfitError(f"{url[:200]!r} is no address of http or https")
    if "@" in at.netloc:
        raise UnfitError("a URL with a user name or a password in it is not followed")
    return at


def _redirected(at: SplitResult, response: http.client.HTTPResponse) -> SplitResult:
    location = response.getheader("Location", "")
    try:
        url = urljoin(at.geturl(), location)
        found = urlsplit(url)
    except ValueError as error:
        raise UnfitError(f"redirects to {location[:200]!r}") from error
    if not location or found.scheme not in ("http", "https"):
        raise UnfitError(f"redirects to {location[:200]!r}; only http and https are followed")
    if at.scheme == "https" and found.scheme != "https":
        raise UnfitError(f"redirects from https to {location[:200]!r}, which is not encrypted")
    return _checked(found, url)


def _key(at: SplitResult) -> tuple[str, str]:
    return at.scheme, at.netloc


def _proxy_for(at: SplitResult) -> SplitResult | None:
    """Return the proxy that the environment names for an address."""
    found = getproxies().get(at.scheme)
    if not found or proxy_bypass(at.hostname or ""):
        return None
    return urlsplit(found if "://" in found else f"http://{found}")


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    given = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(given.encode()).decode()}"}


def _cut(error: Exception, watched: _Watched) -> CutError:
    """Return what to raise when a connection fails."""
    if watched.is_stalled or isinstance(error, TimeoutError):
        return CutError(_stalled(watched.limits))
    reason = getattr(error, "strerror", None) or str(error) or "no answer"
    return CutError(f"the connection was cut: {_harmless(reason)}")


def _harmless(text: str) -> str:
    """Return what a server says without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text.strip())[:200]


def _stalled(limits: Limits) -> str:
    return f"the transfer stalled: fewer than {limits.slowest:,} bytes a second for {limits.stall_s:g} s"


class _Watched:
    """A connection in use: what came over it since the watch last looked."""

    def __init__(self, connection: http.client.HTTPConnection, limits: Limits) -> None:
        self.connection, self.limits = connection, limits
        self.since, self.n_bytes = time.monotonic(), 0
        self.is_stalled = False

    def shut(self) -> None:
        """End the connection, whoever reads from it."""
        with contextlib.suppress(OSError):
            if self.connection.sock is not None:
                # not that of an SSLSocket, which another thread is reading from
                socket.socket.shutdown(self.connection.sock, socket.SHUT_RDWR)


class _Watch:
    """Ends transfers that drip: a read that brings one byte every now and then never times out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._watched: set[_Watched] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.is_ended = False
        self._thread: threading.Thread | None = None

    def begin(self, connection: http.client.HTTPConnection) -> _Watched:
        watched = _Watched(connection, self._limits)
        with self._lock:
            if self.is_ended:
                watched.shut()
            self._watched.add(watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, daemon=True)
                self._thread.start()
        return watched

    def end(self, watched: _Watched) -> None:
        with self._lock:
            self._watched.discard(watched)

    def end_all(self) -> None:
        with self._lock:
            self.is_ended = True
            for watched in self._watched:
                watched.shut()

    def close(self) -> None:
        self._closed.set()

    def _look(self) -> None:
        limits = self._limits
        while not self._closed.wait(limits.stall_s / 4):
            now = time.monotonic()
            with self._lock:
                for watched in self._watched:
                    if now - watched.since < limits.stall_s:
                        continue
                    if watched.n_bytes < limits.slowest * limits.stall_s:
                        watched.is_stalled = True
                        watched.shut()
                    watched.since, watched.n_bytes = now, 0
