"""Answers of HTTP servers, and what can be wrong with them; nothing that comes is trusted.

What a server says of a body is checked here; what the body must be is for `transfers` to know.
"""

from __future__ import annotations

import http.client
import re
from io import BufferedIOBase
from typing import Any, Protocol

from syngen.io.http.stalls import Watched

__all__ = [
    "CHUNK",
    "Body",
    "InvalidResponseError",
    "NotFoundError",
    "Response",
    "Stream",
    "TransferError",
    "TransientError",
    "body_of",
    "cut_by",
]

CHUNK = 1 << 18
"""Most bytes that are read at a time."""

_BUSY = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,19})")
_NUMBER = re.compile(r"\d{1,19}")
_LONGEST_ADVISED_PAUSE_S = 60.0


class TransferError(Exception):
    """What went wrong with one request; `transfers` decides what becomes of it."""


class TransientError(TransferError):
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


class NotFoundError(TransferError):
    """The file is not there, or not for us."""


class InvalidResponseError(TransferError):
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


class Response(http.client.HTTPResponse):
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


class Body:
    """The body of an answer."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        watched: Watched,
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
            raise cut_by(error, self._watched) from error
        self._watched.n_bytes += len(data)
        if self._left is not None:
            self._left -= len(data)
            if not data and self._left:
                if self._watched.is_stalled:
                    raise TransientError(self._watched.limits.stalled)
                raise TransientError(f"the connection was cut, {self._left:,} bytes too early")
            self.is_done = not self._left
        elif not data:
            if self._watched.is_stalled:
                raise TransientError(self._watched.limits.stalled)
            self.is_done = True
        return data


def body_of(response: http.client.HTTPResponse, watched: Watched, start: int, stop: int | None) -> Body:
    """Return the body of an answer to a request for a file from byte `start` on, up to `stop` or its end.

    Raises
    ------
    TransferError
        If the answer is none, or is not one to the request.
    """
    status = response.status
    if status in _BUSY:
        raise TransientError(
            f"answers {status} {_harmless(response.reason)}", pause_s=_advised_pause(response)
        )
    if status == 416:
        match = _UNSATISFIED.fullmatch(response.getheader("Content-Range", ""))
        if match and int(match.group(1)) == start:  # all of it is there already
            return Body(response, watched, start=start, total=start, length=0)
        raise InvalidResponseError(f"answers that there is no byte {start:,}")
    if status not in (200, 206):
        raise NotFoundError(f"answers {status} {_harmless(response.reason)}")
    encoding = response.getheader("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise InvalidResponseError(f"sends the file encoded as {encoding!r}, which was not asked for")
    length = _length_of(response)
    if status == 200:
        return Body(response, watched, start=0, total=length, length=length)
    match = _RANGE.fullmatch(response.getheader("Content-Range", ""))
    if match is None or int(match.group(1)) != start:
        raise InvalidResponseError("answers with another part of the file than was asked for")
    last, total = int(match.group(2)), None if match.group(3) == "*" else int(match.group(3))
    expected = last + 1 - start
    is_more = stop is not None and last >= stop
    if expected < 0 or is_more or (length is not None and length != expected):
        raise InvalidResponseError("answers with another part of the file than was asked for")
    return Body(response, watched, start=start, total=total, length=expected)


def _length_of(response: http.client.HTTPResponse) -> int | None:
    text = response.getheader("Content-Length")
    if text is None or response.getheader("Transfer-Encoding") is not None:
        return None
    if not _NUMBER.fullmatch(text.strip()):
        raise InvalidResponseError(f"says that the file has {text[:40]!r} bytes")
    return int(text)


def _advised_pause(response: http.client.HTTPResponse) -> float:
    text = response.getheader("Retry-After", "")
    return min(float(text), _LONGEST_ADVISED_PAUSE_S) if re.fullmatch(r"\d{1,6}", text) else 0.0


def cut_by(error: Exception, watched: Watched) -> TransientError:
    """Return what to raise when a connection fails."""
    if watched.is_stalled or isinstance(error, TimeoutError):
        return TransientError(watched.limits.stalled)
    reason = getattr(error, "strerror", None) or str(error) or "no answer"
    return TransientError(f"the connection was cut: {_harmless(reason)}")


def _harmless(text: str) -> str:
    """Return what a server says without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text.strip())[:200]
