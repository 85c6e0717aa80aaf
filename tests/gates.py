"""A gate in the middle of the work: what makes shards waits there until a test opens it.

So tests can look at runs, stop them and kill them in the middle, however busy the machine is.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from syngen.storage.layout import Layout
from tests.support import environment_with, wait_until

__all__ = ["Gate"]

_PROGRAM = """\
import os, time
from pathlib import Path
from syngen.generation.workers.heartbeats import STOP, Heartbeat

receipts, place, after = Path({receipts!r}), Path({place!r}), {after}
beat, begun = Heartbeat.__call__, {{}}

def beat_at_gate(self, row):
    first, last = begun.get(id(self), (row, row - 1))
    first = first if row == last + 1 else row
    begun[id(self)] = (first, row)
    if row == first + {depth} and len(list(receipts.glob("*.json"))) >= after:
        mark = place / f"waiting-{{os.getpid()}}"
        mark.touch()
        while not (place / "open").exists() and not self._cells[STOP]:
            time.sleep(0.005)
        mark.unlink()
    beat(self, row)

Heartbeat.__call__ = beat_at_gate
"""


class Gate:
    """Stands in the middle of every shard that is begun when enough others are finished.

    Parameters
    ----------
    place : Path
        New folder for what belongs to the gate.
    receipts : Path
        Folder of the receipts of the dataset.
    after : int
        Shards that are finished before anything waits.
    depth : int
        Observations of its shard that a worker has made when it waits.
    """

    def __init__(self, place: Path, receipts: Path, *, after: int = 0, depth: int = 40) -> None:
        program = _PROGRAM.format(receipts=str(receipts), place=str(place), after=after, depth=depth)
        self._place, self.env = place, environment_with(program, place)

    @classmethod
    def of_folder(cls, data: Path, *, after: int = 0, depth: int = 40) -> Gate:
        """Return a new gate for runs in a folder, beside which it keeps what belongs to it."""
        number = len(list(data.parent.glob(f"{data.name}-gate-*")))
        place = data.with_name(f"{data.name}-gate-{number}")
        return cls(place, Layout(data).receipts, after=after, depth=depth)

    @property
    def waiting(self) -> set[int]:
        """The processes that wait, or were killed when they did."""
        return {int(path.name.removeprefix("waiting-")) for path in self._place.glob("waiting-*")}

    def wait_for(self, n: int, process: subprocess.Popen[str] | None = None) -> None:
        """Return when `n` processes wait, before a process ends that has started them."""
        wait_until(lambda: len(self.waiting) >= n, process)

    def open(self) -> None:
        """Let everything through, now and later."""
        (self._place / "open").touch()
