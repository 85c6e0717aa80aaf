"""The log of a folder: what was made when and by whom, one JSON line an event.

Main process and workers append to it, each event by one write, so that lines of several processes do not
mix. Times are those of the wall clock and for people only: nothing is decided by them. The log may lose
lines, on a full disk for example, but it never fails a run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.errors import ParameterError
from syngen.io.atomic import write_atomic
from syngen.io.workspace import open_file
from syngen.storage.layout import Layout

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["EventLog", "append_events", "check_log_file", "read_events"]

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_START = b'{"time": '


class EventLog:
    """Appends events to a file.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    **about
        Said in every event, such as the host of a worker that is not on this machine.
    """

    def __init__(self, path: Path | None, **about: Any) -> None:
        self.path, self._about = path, about

    def create(self) -> None:
        """Make the file, which `write` does not: a late worker shall not bring a removed log back."""
        if self.path is not None:
            with suppress(OSError):
                descriptor = open_file(self.path, os.O_WRONLY | os.O_CREAT)
                n_names = os.fstat(descriptor).st_nlink
                os.close(descriptor)
                if n_names > 1:  # lines are for this folder, not for a copy of it by hard links
                    write_atomic(self.path, self.path.read_bytes())

    def write(self, event: str, /, **details: Any) -> None:
        """Append an event with the time and the process that writes it. What cannot be written is lost."""
        if self.path is None:
            return
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        content = {"time": time, "event": event, "pid": os.getpid(), **self._about, **details}
        line = json.dumps(content, default=str).encode("ascii") + b"\n"
        with suppress(OSError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | _NO_FOLLOW)
            try:
                if os.fstat(descriptor).st_nlink == 1:
                    os.write(descriptor, line)
            finally:
                os.close(descriptor)


def read_events(path: Path) -> Iterator[Json]:
    """Yield the events of a log in the order of its lines; none where there is no log.

    A line that a full disk cut is left out, and what was appended to it is found.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(ValueError):
            content = json.loads(line[max(0, line.rfind(_START)) :])
            if isinstance(content, dict) and isinstance(content.get("event"), str):
                yield content


def check_log_file(file: Path, layout: Layout) -> None:
    """Refuse a file that a log cannot be appended to, before any work is done.

    Raises
    ------
    ParameterError
        If it is in the dataset's folder, which holds nothing but the dataset, or cannot be written.
    """
    if file.resolve().is_relative_to(layout.folder.resolve()):
        raise ParameterError(f"the log {file} would be in the dataset's folder; choose a file outside")
    is_possible = os.access(file, os.W_OK) and file.is_file() if file.exists() else file.parent.is_dir()
    if not is_possible or not (file.exists() or os.access(file.parent, os.W_OK)):
        raise ParameterError(f"the log {file} cannot be written; give a file in a folder that exists")


def append_events(path: Path, file: Path) -> None:
    """Append those lines of a log to another file that it does not have yet.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    if not path.is_file():
        return
    known = set(file.read_bytes().splitlines()) if file.is_file() else set()
    new = [line for line in path.read_bytes().splitlines() if line not in known]
    with open(file, "ab") as out:
        out.writelines(line + b"\n" for line in new)
