"""What a worker is at, in memory that the process which started it sees too.

One number per worker: the row that is being rendered. It is written after every observation, which costs
less than a tenth of a microsecond, and lets the other side tell slow from stuck, and which row it was.
"""

from __future__ import annotations

from array import array
from collections.abc import MutableSequence

__all__ = ["IDLE", "STOP", "UNKNOWN", "Heartbeat", "RunEndedError", "StopRequested"]

IDLE = -1
"""Between shards, and before the first."""
UNKNOWN = -2
"""Somewhere in a shard, on a machine that shares no memory with this one."""
STOP = -1
"""Position of the cell that is 0, or says since which second of the monotonic clock all are to stop."""


class StopRequested(BaseException):  # no error: the user wants it so
    """The run is to end after the observation in hand."""


class RunEndedError(Exception):
    """The run that wanted a shard is over; where it was started, nobody waits for this any more."""


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
