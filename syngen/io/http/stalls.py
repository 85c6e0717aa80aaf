"""When a server is given up: limits of time, and reads that keep to them."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["StallMonitor", "TransferLimits", "WatchedReads"]


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


class StallMonitor:
    """Reads from servers in any thread: those that are too slow end, and all can be ended at once.

    Parameters
    ----------
    limits : TransferLimits
    """

    def __init__(self, limits: TransferLimits) -> None:
        self.limits = limits
        self._watched: set[WatchedReads] = set()
        self._is_ended = False

    def watch(self, sock: socket.socket, file: io.RawIOBase) -> WatchedReads:
        """Return a file over one of a socket."""
        watched = WatchedReads(sock, file, self)
        self._watched.add(watched)
        if self._is_ended:  # looked at once `end_all` can see what is watched
            watched.shut()
        return watched

    def forget(self, watched: WatchedReads) -> None:
        self._watched.discard(watched)

    def end_all(self) -> None:
        """End what is under way, and what begins later."""
        self._is_ended = True
        for watched in self._watched.copy():
            watched.shut()


class WatchedReads(io.RawIOBase):
    """What comes over a connection for one answer; a read of bytes that drip never times out by itself.

    Attributes
    ----------
    n_body_bytes : int
        What came of the body since the last look; headers, however many, are no progress.
    is_at_end : bool
        Whether the other side has closed the connection.
    """

    def __init__(self, sock: socket.socket, file: io.RawIOBase, monitor: StallMonitor) -> None:
        self._sock, self._file, self._monitor = sock, file, monitor
        self._since, self.n_body_bytes = time.monotonic(), 0
        self.is_at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        n_bytes = self._file.readinto(buffer) or 0
        self.is_at_end = not n_bytes
        limits, now = self._monitor.limits, time.monotonic()
        if now - self._since >= limits.stall_s:
            if self.n_body_bytes < limits.slowest * limits.stall_s:
                raise TimeoutError(limits.stalled)
            self._since, self.n_body_bytes = now, 0
        return n_bytes

    def close(self) -> None:
        self._monitor.forget(self)
        self._file.close()
        super().close()

    def shut(self) -> None:
        """End the connection, whoever reads from it."""
        with contextlib.suppress(OSError):
            # not that of an SSLSocket, which another thread is reading from
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
