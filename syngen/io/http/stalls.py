"""When a server is given up: limits of time, and a watch over transfers that drip."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from dataclasses import dataclass

__all__ = ["StallMonitor", "TransferLimits", "Watched"]


@dataclass(frozen=True)
class TransferLimits:
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

    @property
    def stalled(self) -> str:
        """What is said of a transfer that was ended for being slow."""
        return f"the transfer stalled: fewer than {self.slowest:,} bytes a second for {self.stall_s:g} s"


class Watched:
    """A connection in use: what came over it since the watch last looked."""

    def __init__(self, connection: http.client.HTTPConnection, limits: TransferLimits) -> None:
        self.connection, self.limits = connection, limits
        self.since, self.n_bytes = time.monotonic(), 0
        self.is_stalled = False

    def shut(self) -> None:
        """End the connection, whoever reads from it."""
        with contextlib.suppress(OSError):
            if self.connection.sock is not None:
                # not that of an SSLSocket, which another thread is reading from
                socket.socket.shutdown(self.connection.sock, socket.SHUT_RDWR)


class StallMonitor:
    """Ends transfers that drip: a read that brings one byte every now and then never times out."""

    def __init__(self, limits: TransferLimits) -> None:
        self._limits = limits
        self._watched: set[Watched] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.is_ended = False
        self._thread: threading.Thread | None = None

    def begin(self, connection: http.client.HTTPConnection) -> Watched:
        watched = Watched(connection, self._limits)
        with self._lock:
            if self.is_ended:
                watched.shut()
            self._watched.add(watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, daemon=True)
                self._thread.start()
        return watched

    def end(self, watched: Watched) -> None:
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
