"""HTTP for downloads: our rules for what is asked and followed, over the connections of urllib3.

Only http and https are spoken, whatever a server redirects to. Two things urllib3 does not see: headers
that drip, which no time-out of a single read ends, and headers that are cut, which look like those of an
empty file. The class of its answers sees to both.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader

from syngen._distribution import version
from syngen.io.http.responses import (
    Body,
    InvalidResponseError,
    TransferError,
    TransientError,
    body_of,
    cause_of,
    cut_by,
    reason_of,
)
from syngen.io.http.stalls import StallMonitor, TransferLimits

__all__ = ["HttpClient"]

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_MOST_KEPT = 64


class HttpClient:
    """Keeps connections open from one request to the next; for any number of threads.

    Parameters
    ----------
    limits : TransferLimits
    """

    def __init__(self, limits: TransferLimits) -> None:
        self._limits = limits
        self._monitor = StallMonitor(limits)
        self._managers: dict[tuple[str, SplitResult | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def abort(self) -> None:
        """End what is under way in other threads, and what they would begin."""
        self._monitor.end_all()

    def close(self) -> None:
        """Close what is open, and end what is under way."""
        self.abort()
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

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
            response = self._asked(at, headers)
            try:
                if response.status in _REDIRECTS:
                    at = _redirected(at, response.headers.get("Location", ""))
                    continue
                yield body_of(response, self._limits, start, stop)
                return
            finally:
                response.close()  # and its connection, if that is not free again since all has come
                response.release_conn()
        raise InvalidResponseError(f"more than {_MOST_REDIRECTS} redirects")

    def _asked(self, at: SplitResult, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """Send a request and return the answer, whose body has yet to come."""
        try:
            return self._manager(at).urlopen(
                "GET",
                at.geturl(),
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except InvalidHeader as error:
            raise InvalidResponseError(f"says two sizes of the file: {reason_of(error)}") from error
        except (HTTPError, OSError, ValueError) as error:
            raise _unreachable(at, cause_of(error)) from error

    def _manager(self, at: SplitResult) -> urllib3.PoolManager:
        """Return what keeps connections to an address, through the proxy that the environment names."""
        key = at.scheme, _proxy_for(at)
        with self._lock:
            if key not in self._managers:
                self._managers[key] = self._new_manager(*key)
            return self._managers[key]

    def _new_manager(self, scheme: str, proxy: SplitResult | None) -> urllib3.PoolManager:
        timeout = urllib3.Timeout(connect=self._limits.connect_s, read=self._limits.stall_s)
        options: dict[str, Any] = {"maxsize": _MOST_KEPT, "timeout": timeout}
        if scheme == "https":
            options["ssl_context"] = ssl.create_default_context()  # once: it reads many certificates
        if proxy is None:
            manager = urllib3.PoolManager(**options)
        else:
            at = f"http://{proxy.netloc.rpartition('@')[2]}"
            manager = urllib3.ProxyManager(at, proxy_headers=_proxy_headers(proxy), **options)
        manager.pool_classes_by_scheme = _pool_classes(self._monitor)
        return manager


def _pool_classes(monitor: StallMonitor) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Return the pools of urllib3 by scheme, with connections that get our answers."""

    def answer(sock: socket.socket, **options: Any) -> _Answer:
        return _Answer(sock, monitor, **options)

    def of(pool: type[urllib3.HTTPConnectionPool]) -> type[urllib3.HTTPConnectionPool]:
        connection = type("Connection", (pool.ConnectionCls,), {"response_class": staticmethod(answer)})
        return type("ConnectionPool", (pool,), {"ConnectionCls": connection})

    return {"http": of(urllib3.HTTPConnectionPool), "https": of(urllib3.HTTPSConnectionPool)}


class _Answer(http.client.HTTPResponse):
    """An answer whose reads are watched, and whose headers come whole, not until the connection ends."""

    def __init__(self, sock: socket.socket, monitor: StallMonitor, **options: Any) -> None:
        super().__init__(sock, **options)
        self._limits = monitor.limits
        self._reads = monitor.watch(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._reads)

    def begin(self) -> None:
        try:
            super().begin()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise cut_by(error, self._limits) from error
        if self._reads.is_at_end:
            raise TransientError("the connection was cut: in the headers")

    def read1(self, n: int = -1) -> bytes:
        data = super().read1(n)
        self._reads.n_body_bytes += len(data)
        return data


def _unreachable(at: SplitResult, cause: BaseException) -> TransferError:
    """Return what to raise when there is no connection to an address."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return InvalidResponseError(f"the certificate of {at.hostname} is refused: {cause.verify_message}")
    if isinstance(cause, ssl.SSLError):
        return InvalidResponseError(f"no TLS connection to {at.hostname}: {cause.reason or cause}")
    return TransientError(f"{at.netloc} does not answer: {reason_of(cause)}", is_silent=True)


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


def _redirected(at: SplitResult, location: str) -> SplitResult:
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
