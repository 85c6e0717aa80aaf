"""Shards: tar files that a worker streams, a loader reads by offset, and a verifier takes apart.

The archive is USTAR with constant owner, mode and time, two members per observation: the audio and a
JSON of its factors. Its bytes are a function of its content. Headers are made here and not by `tarfile`,
which takes longer to make them than the synthesizer takes for the sound.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import getitem
from typing import IO, TYPE_CHECKING

from syngen.errors import ShardError
from syngen.factors import FactorGrid
from syngen.storage.layout import key_of

if TYPE_CHECKING:
    from syngen._typing import IntArray, Value

__all__ = [
    "BLOCK",
    "END",
    "MemberError",
    "MemberText",
    "ShardWriter",
    "check_members",
    "header_of",
    "padding_of",
    "stated_size",
]

BLOCK = 512
END = bytes(2 * BLOCK)
"""What a tar file ends with."""

_MAX_MEMBER = 8**11 - 1


def _template() -> bytes:
    header = bytearray(BLOCK)
    header[100:108] = b"0000644\0"
    header[108:116] = header[116:124] = b"0000000\0"
    header[136:148] = b"00000000000\0"
    header[148:156] = b" " * 8
    header[156:157] = b"0"
    header[257:265] = b"ustar\x0000"
    header[329:337] = header[337:345] = b"0000000\0"
    return bytes(header)


_TEMPLATE = _template()
_TEMPLATE_SUM = sum(_TEMPLATE)
_TAIL = _TEMPLATE[156:]


def header_of(name: str, size: int) -> bytes:
    """Return the 512 bytes before a member.

    Parameters
    ----------
    name : str
        ASCII, at most 100 characters.
    size : int
        Bytes of the member, below 8 GiB.
    """
    encoded = name.encode("ascii")
    if len(encoded) > 100 or not 0 <= size <= _MAX_MEMBER:
        raise ShardError(f"member {name!r} of {size} bytes does not fit into a USTAR header")
    middle, checksum = _of_size(size)
    return b"%b%b%06o\0 %b" % (encoded.ljust(100, b"\0"), middle, checksum + sum(encoded), _TAIL)


@lru_cache(maxsize=4096)
def _of_size(size: int) -> tuple[bytes, int]:
    """Header between name and checksum for a member of some size; the checksum without the name."""
    digits = b"%011o\0" % size
    return _TEMPLATE[100:124] + digits + _TEMPLATE[136:148], _TEMPLATE_SUM + sum(digits)


def padding_of(size: int) -> bytes:
    """Return the zero bytes that fill a member of `size` bytes up to a whole block."""
    return bytes(-size % BLOCK)


def _around(key: str, suffix: str, size: int, text: bytes) -> tuple[bytes, ...]:
    """Return what stands before the `size` bytes of an observation's audio, and what after them."""
    head, padding = header_of(f"{key}.{suffix}", size), padding_of(size)
    return head, padding, header_of(f"{key}.json", len(text)), text, padding_of(len(text))


class MemberError(ShardError):
    """A row whose members are not as they should be.

    Attributes
    ----------
    end : int or None
        Where the next row starts, if that is known.
    """

    def __init__(self, message: str, end: int | None = None) -> None:
        super().__init__(message)
        self.end = end


def stated_size(data: memoryview, start: int) -> int:
    """Return how many bytes the member has whose header begins at a byte of a shard.

    Raises
    ------
    ShardError
        If there is no such header.
    """
    digits = bytes(data[start + 124 : start + 135])
    if re.fullmatch(rb"[0-7]{11}", digits) is None:
        raise ShardError(f"byte {start} is not where a member begins")
    return int(digits, 8)


def check_members(
    data: memoryview | mmap.mmap, *, row: int, offset: int, size: int, suffix: str, text: bytes
) -> int:
    """Check all that belongs to a row of a shard but its audio, and return where the next row starts.

    That is the header of the audio, the JSON member, and what fills either up to a whole block: so that
    no name, link or device in an archive can ever have an effect, whoever made the archive and whatever
    unpacks it.

    Parameters
    ----------
    data : memoryview or mmap
        The whole shard.
    row : int
    offset, size : int
        Where the audio is, as the manifest says.
    suffix : str
        Name of the codec.
    text : bytes
        What the JSON member has to be.

    Raises
    ------
    MemberError
        If a byte is not what it should be.
    """
    if size < 0 or offset < BLOCK or offset + size > len(data):
        raise MemberError(f"the manifest puts {size} bytes of audio at byte {offset} of {len(data)}")
    audio, factors = f"{key_of(row)}.{suffix}", f"{key_of(row)}.json"
    names = (
        f"header of member {audio}",
        f"padding of member {audio}",
        f"header of member {factors}",
        f"member {factors}",
        f"padding of member {factors}",
    )
    head, *rest = _around(key_of(row), suffix, size, text)
    starts = list(accumulate(map(len, rest), initial=offset + size))
    for name, start, wanted in zip(names, (offset - BLOCK, *starts[:-1]), (head, *rest), strict=True):
        if data[start : start + len(wanted)] != wanted:
            raise MemberError(f"the {name} is not what the manifest says", starts[-1])
    return starts[-1]


class ShardWriter:
    """Appends members to a binary stream and hashes all that passes.

    Parameters
    ----------
    file : binary file
        Open for writing, at its start.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.n_bytes = 0

    def add(self, key: str, suffix: str, audio: bytes, text: bytes) -> int:
        """Append an observation and return the offset of the audio's first byte."""
        offset = self.n_bytes + BLOCK
        head, *rest = _around(key, suffix, len(audio), text)
        self._write(b"".join((head, audio, *rest)))
        return offset

    def finish(self) -> str:
        """End the archive and return its SHA-256 in hexadecimal."""
        self._write(END)
        return self._digest.hexdigest()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.n_bytes += len(data)


class MemberText:
    """Makes the JSON member of observations of one grid: index, split, values, levels.

    A continuous factor's values always have a decimal point, so that readers which infer types from
    the first rows get them right.

    Parameters
    ----------
    grid : FactorGrid
    """

    def __init__(self, grid: FactorGrid) -> None:
        self.grid = grid
        names = [json.dumps(factor.name) for factor in grid.factors]
        self._values = [_Fragments(name, f.values) for name, f in zip(names, grid.factors, strict=True)]
        self._levels = [_Fragments(n, range(f.size)) for n, f in zip(names, grid.factors, strict=True)]

    def of(self, index: int, split: str, levels: tuple[int, ...]) -> bytes:
        """Return the JSON text, UTF-8, keys in the grid's order, without spaces."""
        values = ",".join(map(getitem, self._values, levels))
        positions = ",".join(map(getitem, self._levels, levels))
        text = (
            f'{{"index":{index},"split":{_quoted(split)},"values":{{{values}}},"levels":{{{positions}}}}}'
        )
        return text.encode("utf-8")

    def texts(self, indices: IntArray, split: str) -> Iterator[bytes]:
        """Return an iterator over the JSON texts of some grid points in a split.

        Parameters
        ----------
        indices : ndarray of int64, shape (n,)
        split : str

        Raises
        ------
        FactorError
            If one is no point of the grid.
        """
        levels = map(tuple, self.grid.levels_of(indices).tolist())
        return (self.of(index, split, at) for index, at in zip(indices.tolist(), levels, strict=True))


class _Fragments(dict[int, str]):
    """JSON of one factor's name with each of its values, made when it is first needed."""

    def __init__(self, name: str, values: Sequence[Value]) -> None:
        super().__init__()
        self._name, self._of_level = name, values

    def __missing__(self, level: int) -> str:
        self[level] = fragment = f"{self._name}:{_json_value(self._of_level[level])}"
        return fragment


@lru_cache(maxsize=64)
def _quoted(text: str) -> str:
    return json.dumps(text)


def _json_value(value: Value) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, float) and "." not in text:
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa}.0e{exponent}"
    return text
