"""HTTP for downloads: ranges, connections that stay open, proxies, time limits.

Only http and https are spoken, whatever a server redirects to.
"""

from __future__ import annotations

import contextlib
import http.client
import selectors
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from syngen._version import version
from syngen.io.http.responses import Body, InvalidResponseError, Response, TransientError, body_of, cut_by
from syngen.io.http.stalls import StallMonitor, TransferLimits, Watched

__all__ = ["HttpClient"]

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5


class HttpClient:
    """Keeps connections open from one request to the next; for any number of threads.

    Parameters
    ----------
    limits : TransferLimits
    """

    def __init__(self, limits: TransferLimits) -> None:
        self._limits = limits
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._watch = StallMonitor(limits)
        self._context: ssl.SSLContext | None = None

    def abort(self) -> None:
        """End what is under way in other threads, and what they would begin."""
        self._watch.end_all()

    def close(self) -> None:
        """Close what is open, and end what is under way."""
        self.abort()
        self._watch.close()
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    @contextlib.contextmanager
    def get(self, url: str, start: int = 0, stop: int | None = None) -> Iterator[Body]:
        """Request a file from byte `start` on, up to byte `stop` or to its end.

        A server may answer with the whole file; the stream then starts at 0.

        Raises
        ------
        TransferError
            `TransientError`, `NotFoundError` or `InvalidResponseError`; so do reads.
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
                body = body_of(response, watched, start, stop)
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
        raise InvalidResponseError(f"more than {_MOST_REDIRECTS} redirects")

    def _asked(
        self, at: SplitResult, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, Watched]:
        """Send a request; over a connection that was left open, once more over a new one."""
        proxy = _proxy_for(at)
        target = (at.path or "/") + (f"?{at.query}" if at.query else "")
        if proxy and at.scheme == "http":
            target = f"http://{at.netloc}{target}"
            headers = {**headers, **_proxy_headers(proxy)}
        while True:
            if self._watch.is_ended:
                raise TransientError("the download was ended")
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
                raise cut_by(error, watched) from error
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
        connection.response_class = Response
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise InvalidResponseError(
                f"the certificate of {host} is refused: {error.verify_message}"
            ) from error
        except ssl.SSLError as error:
            connection.close()
            raise InvalidResponseError(f"no TLS connection to {host}: {error.reason or error}") from error
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            connection.close()
            reason = getattr(error, "strerror", None) or error
            raise TransientError(f"{at.netloc} does not answer: {reason}", is_silent=True) from error
        # of any single read; the watch sees to those that drip
        connection.sock.settimeout(self._limits.stall_s)
        return connection


def _checked(at: SplitResult, url: str) -> SplitResult:
    try:
        is_possible = at.scheme in ("http", "https") and bool(at.hostname) and (at.port or 1) > 0
    except ValueError:
        is_possible = False
    if not is_possible or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidResponseError(f"{url[:200]!r} is no address of http or https")
    if "@" in at.netloc:
        raise InvalidResponseError("a URL with a user name or a password in it is not followed")
    return at


def _redirected(at: SplitResult, response: http.client.HTTPResponse) -> SplitResult:
    location = response.getheader("Location", "")
    try:
        url = urljoin(at.geturl(), location)
        found = urlsplit(url)
    except ValueError as error:
        raise InvalidResponseError(f"redirects to {location[:200]!r}") from error
    if not location or found.scheme not in ("http", "https"):
        raise InvalidResponseError(f"redirects to {location[:200]!r}; only http and https are followed")
    if at.scheme == "https" and found.scheme != "https":
        raise InvalidResponseError(f"redirects from https to {location[:200]!r}, which is not encrypted")
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
