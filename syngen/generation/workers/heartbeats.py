"""What a worker is at, in memory that the process which started it sees too.

One number per worker: the row that is being rendered. It is written after every observation, which costs
less than a tenth of a microsecond, and lets the other side tell slow from stuck, and which row it was.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, MutableSequence

__all__ = [
    "IDLE",
    "STOP",
    "UNKNOWN",
    "WATCH_S",
    "Heartbeat",
    "RunEndedError",
    "StopRequested",
    "WatchError",
    "WatchedHeartbeat",
]

IDLE = -1
"""Between shards, and before the first."""
UNKNOWN = -2
"""Somewhere in a shard, on a machine that shares no memory with this one."""
WATCH_S = 0.25
"""How often whoever waits for shards looks at how far they are."""
STOP = -1
"""Position of the cell that is 0, or says since which second of the monotonic clock all are to stop."""


class StopRequested(BaseException):  # no error: the user wants it so
    """The run is to end after the observation in hand."""


class RunEndedError(Exception):
    """The run that wanted a shard is over; where it was started, nobody waits for this any more."""


class WatchError(BaseException):  # no failure of the shard, in which it is raised
    """What somebody raised who was told of progress.

    Attributes
    ----------
    error : Exception
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


class Heartbeat:
    """Says which row is being rendered, and listens whether to stop.

    Parameters
    ----------
    cells : sequence of int, optional
        One per worker, and the last one to stop by (see `STOP`); by default private ones.
    slot : int
        Position of the cell of this worker.
    """

    __slots__ = ("_cells", "_slot")

    def __init__(self, cells: MutableSequence[int] | memoryview[int] | None = None, slot: int = 0) -> None:
        self._cells = array("q", (IDLE, 0)) if cells is None else cells
        self._slot = slot

    def __call__(self, row: int) -> None:
        """Note the row that comes next.

        Raises
        ------
        StopRequested
            If the run is to stop.
        """
        self._cells[self._slot] = row
        if self._cells[STOP]:
            raise StopRequested

    @property
    def row(self) -> int:
        """Row that is being rendered, or `IDLE`."""
        return self._cells[self._slot]

    def rest(self) -> None:
        """Note that no shard is in hand."""
        self._cells[self._slot] = IDLE


class WatchedHeartbeat(Heartbeat):
    """A heartbeat that tells how many rows are made, where nobody else could look: in the same thread.

    Parameters
    ----------
    watch : callable
        Told now and then.

    Attributes
    ----------
    first_row : int
        First row of the shard in hand.
    """

    __slots__ = ("_due", "_watch", "first_row")

    def __init__(self, watch: Callable[[int], None]) -> None:
        super().__init__()
        self._watch, self._due = watch, time.monotonic() + WATCH_S
        self.first_row = 0

    def __call__(self, row: int) -> None:
        """Note the row that comes next, and tell of it if that is due.

        Raises
        ------
        WatchError
            With what the one who is told raises.
        """
        super().__call__(row)
        now = time.monotonic()
        if now >= self._due:
            self._due = now + WATCH_S
            try:
                self._watch(row - self.first_row)
            except Exception as error:
                raise WatchError(error) from error
