"""Answers of HTTP servers, and what can be wrong with them; nothing that comes is trusted.

What a server says of a body is checked here; what the body must be is for `transfers` to know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from urllib3.exceptions import HTTPError, IncompleteRead

from syngen.io.http.stalls import TransferLimits

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

__all__ = [
    "CHUNK",
    "Body",
    "InvalidResponseError",
    "NotFoundError",
    "Stream",
    "TransferError",
    "TransientError",
    "body_of",
    "cause_of",
    "cut_by",
    "reason_of",
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


class Body:
    """The body of an answer; of none, if all of the file has come before.

    Parameters
    ----------
    response : BaseHTTPResponse or None
    limits : TransferLimits
    start : int
    total : int or None
    """

    def __init__(
        self, response: BaseHTTPResponse | None, limits: TransferLimits, *, start: int, total: int | None
    ) -> None:
        self.start, self.total = start, total
        self._response, self._limits = response, limits

    def read(self) -> bytes:
        if self._response is None:
            return b""
        try:
            return self._response.read1(CHUNK)
        except (HTTPError, OSError, ValueError) as error:
            raise cut_by(error, self._limits) from error


def body_of(
    response: BaseHTTPResponse, limits: TransferLimits, start: int = 0, stop: int | None = None
) -> Body:
    """Return the body of an answer to a request for a file from byte `start` on, up to `stop` or its end.

    Raises
    ------
    TransferError
        If the answer is none, or is not one to the request.
    """
    status, headers = response.status, response.headers
    said = f"answers {status} {_harmless(response.reason or '')}"
    if status in _BUSY:
        raise TransientError(said, pause_s=_advised_pause(headers.get("Retry-After", "")))
    if status == 416:
        match = _UNSATISFIED.fullmatch(headers.get("Content-Range", ""))
        if match and int(match.group(1)) == start:  # all of it is there already
            return Body(None, limits, start=start, total=start)
        raise InvalidResponseError(f"answers that there is no byte {start:,}")
    if status not in (200, 206):
        raise NotFoundError(said)
    encoding = headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise InvalidResponseError(f"sends the file encoded as {encoding!r}, which was not asked for")
    length = _length_of(response)
    if status == 200:
        return Body(response, limits, start=0, total=length)
    match = _RANGE.fullmatch(headers.get("Content-Range", ""))
    if match is None or int(match.group(1)) != start:
        raise InvalidResponseError("answers with another part of the file than was asked for")
    last, total = int(match.group(2)), None if match.group(3) == "*" else int(match.group(3))
    expected = last + 1 - start
    is_more = stop is not None and last >= stop
    if expected < 0 or is_more or length not in (None, expected):
        raise InvalidResponseError("answers with another part of the file than was asked for")
    return Body(response, limits, start=start, total=total)


def _length_of(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length")
    if text is None or "Transfer-Encoding" in response.headers:
        return None
    if not _NUMBER.fullmatch(text.strip()):
        raise InvalidResponseError(f"says that the file has {text[:40]!r} bytes")
    return int(text)


def _advised_pause(text: str) -> float:
    return min(float(text), _LONGEST_ADVISED_PAUSE_S) if re.fullmatch(r"\d{1,6}", text) else 0.0


def cut_by(error: Exception, limits: TransferLimits) -> TransientError:
    """Return what to raise when a connection fails."""
    cause = cause_of(error)
    if isinstance(cause, TimeoutError):
        return TransientError(limits.stalled)
    if isinstance(cause, IncompleteRead):
        return TransientError(f"the connection was cut, {cause.expected:,} bytes too early")
    return TransientError(f"the connection was cut: {reason_of(cause)}")


def cause_of(error: BaseException) -> BaseException:
    """Return what an error of urllib3 was made of: its cause, or its last argument."""
    behind = error.__cause__ or (error.args[-1] if error.args else None)
    return cause_of(behind) if isinstance(behind, BaseException) else error


def reason_of(error: BaseException) -> str:
    """Return what an error says, without its number."""
    return _harmless(getattr(error, "strerror", None) or str(error) or "no answer")


def _harmless(text: str) -> str:
    """Return what a server says without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text.strip())[:200]
