"""Transfers: a file, or parts of one, from the first mirror that has it, going on where a try ended."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeAlias

from syngen.errors import DownloadError, DownloadIncompleteError
from syngen.io.http.responses import (
    InvalidResponseError,
    NotFoundError,
    Stream,
    TransferError,
    TransientError,
)
from syngen.io.http.stalls import TransferLimits
from syngen.io.mirrors import Mirror
from syngen.io.workspace import remove, working_folder

__all__ = ["NoMirrorError", "Segment", "StoppedError", "Transfers"]

Segment: TypeAlias = tuple[int, int]
"""First byte of a part of a file, and the byte after its last."""

_TRIES_WITHOUT_ANSWER = 3


class NoMirrorError(DownloadError):
    """No mirror gave a file that is needed; none was refused for what it sent."""


class StoppedError(Exception):
    """The transfer was ended because another one failed, or by the user."""


@dataclass
class Transfers:
    """Fetches files from mirrors; for any number of threads.

    Attributes
    ----------
    mirrors : sequence of Mirror
        In the order in which they are tried.
    limits : TransferLimits
    told : callable
        Called with the number of bytes that have come, whenever some have.
    n_received : int
        Bytes of files that have come, those that came twice included.
    """

    mirrors: Sequence[Mirror]
    limits: TransferLimits
    told: Callable[[int], None] = lambda n: None
    n_received: int = 0
    _silent: dict[int, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        """End what is under way in other threads."""
        self._stop.set()

    def fetch(
        self,
        name: str,
        part: Path,
        *,
        size: int | None = None,
        most: int,
        segments: Sequence[Segment] | None = None,
        avoided: frozenset[int] = frozenset(),
    ) -> int:
        """Append to `part` what it lacks of a file, or of segments of one, one after the other.

        Parameters
        ----------
        name : str
        part : Path
            What came before; need not be there.
        size : int, optional
            Bytes of the whole file, where they are known.
        most : int
            Bytes that it may have.
        segments : sequence of Segment, optional
            By default the whole file.
        avoided : frozenset of int
            Positions of mirrors that are not asked.

        Returns
        -------
        int
            Position of the mirror that gave the last byte.

        Raises
        ------
        NoMirrorError
            If no mirror has it.
        DownloadIncompleteError
            If mirrors answer, and give up.
        DownloadError
            If what they send is refused.
        """
        reasons: list[tuple[Mirror, TransferError]] = []
        had = _size_of(part)
        if had > (most if size is None else size):  # damaged: nothing can be appended to it
            remove(part)
            had = 0
        for number, mirror in enumerate(self.mirrors):
            if number in avoided:
                continue
            if number in self._silent:
                reasons.append((mirror, TransientError(self._silent[number], is_silent=True)))
                continue
            try:
                self._from(mirror, _Wanted(name, part, size, most, segments))
            except TransferError as error:
                if isinstance(error, TransientError) and error.is_silent:
                    self._silent[number] = str(error)
                reasons.append((mirror, error))
            else:
                return number
        raise _summary(name, reasons, has_come=_size_of(part) > had)

    def _from(self, mirror: Mirror, wanted: _Wanted) -> None:
        """Fetch from one mirror; tries that bring new bytes do not count."""
        fruitless, pause_s = 0, self.limits.first_pause_s
        while True:
            before = _size_of(wanted.part)
            try:
                if self._try(mirror, wanted):
                    return
                continue
            except TransientError as error:
                if _size_of(wanted.part) > before:
                    fruitless, pause_s = 0, self.limits.first_pause_s
                    if not error.pause_s:
                        continue
                fruitless += 1
                most = (
                    min(self.limits.tries, _TRIES_WITHOUT_ANSWER) if error.is_silent else self.limits.tries
                )
                if fruitless >= most:
                    raise
                pause = max(error.pause_s, pause_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
                if self._stop.wait(pause):
                    raise StoppedError from error
                pause_s = min(2 * pause_s, self.limits.longest_pause_s)

    def _try(self, mirror: Mirror, wanted: _Wanted) -> bool:
        """Send one request; return whether all is there now."""
        have = _size_of(wanted.part)
        place = wanted.place(have)
        if place is None:
            return True
        start, stop = place
        working_folder(wanted.part.parent)
        with (
            mirror.open(wanted.name, start, stop) as stream,
            open(wanted.part, "ab") as file,
        ):
            wanted.check(stream, start)
            self._copy(stream, file, skipped=start - stream.start, room=wanted.room(have))
        now = _size_of(wanted.part)
        if wanted.segments is None and wanted.size is None:
            # where nobody says its size the end is the end; its hash says the rest
            is_all = stream.total is None or now >= stream.total
        else:
            is_all = wanted.place(now) is None
        if not is_all and now == have:
            raise TransientError("sent not one byte of what was asked for")
        return is_all

    def _copy(self, stream: Stream, file: IO[bytes], *, skipped: int, room: int) -> None:
        """Append what a stream gives after some bytes; refuse more than there is room for."""
        while data := stream.read():
            if self._stop.is_set():
                raise StoppedError
            with self._lock:
                self.n_received += len(data)
            if skipped:
                skipped, data = max(0, skipped - len(data)), data[skipped:]
                if not data:
                    continue
            if len(data) > room:
                raise InvalidResponseError(
                    f"sends more than the {file.tell() + room:,} bytes that it may have"
                )
            room -= len(data)
            file.write(data)
            self.told(len(data))


@dataclass(frozen=True)
class _Wanted:
    """A file, or segments of one."""

    name: str
    part: Path
    size: int | None
    most: int
    segments: Sequence[Segment] | None

    def place(self, have: int) -> tuple[int, int | None] | None:
        """Return where the next byte lies in the file, and where its segment ends; None if all is there."""
        if self.segments is None:
            return None if have == self.size else (have, None)
        for start, stop in self.segments:
            if have < stop - start:
                return start + have, stop
            have -= stop - start
        return None

    def room(self, have: int) -> int:
        """Return how many bytes the next answer may bring."""
        if self.segments is None:
            return (self.most if self.size is None else self.size) - have
        start, stop = self.place(have) or (0, 0)
        return (stop or 0) - start

    def check(self, stream: Stream, start: int) -> None:
        """Refuse an answer that cannot be the file."""
        if self.segments is not None and stream.start != start:
            raise InvalidResponseError("answers with the whole file where a part of it was asked for")
        if stream.total is None:
            return
        if self.size is not None and stream.total != self.size:
            what = "truncated, or another file" if stream.total < self.size else "another file"
            raise InvalidResponseError(f"has {stream.total:,} bytes of {self.size:,} there: it is {what}")
        if stream.total > self.most:
            raise InvalidResponseError(
                f"has {stream.total:,} bytes there, more than the {self.most:,} that it may have"
            )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _summary(
    name: str, reasons: Sequence[tuple[Mirror, TransferError]], *, has_come: bool
) -> DownloadError:
    """Return what to raise when every mirror has failed."""
    told = "; ".join(f"{mirror}: {error}" for mirror, error in reasons) or "no place is known that has it"
    if any(isinstance(error, InvalidResponseError) for _, error in reasons):
        return DownloadError(f"{name} is refused: {told}")
    cut = [error for _, error in reasons if isinstance(error, TransientError)]
    if has_come or any(not error.is_silent for error in cut):
        return DownloadIncompleteError(
            f"{name} did not come whole: {told}; run the same command again to go on"
        )
    is_absent = reasons and all(isinstance(error, NotFoundError) for _, error in reasons)
    return NoMirrorError(f"no mirror {'has' if is_absent else 'answers for'} {name}: {told}")
