"""Shards: tar files that a worker streams, a loader reads by offset, and a verifier takes apart.

The archive is USTAR with constant owner, mode and time, two members per observation: the audio and a
JSON of its factors. Its bytes are a function of its content. Headers are made here and not by `tarfile`,
which takes longer to make them than the synthesizer takes for the sound.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import getitem
from typing import IO, TYPE_CHECKING

from syngen.errors import ShardError
from syngen.factors import FactorGrid

if TYPE_CHECKING:
    from syngen._typing import IntArray, Value

__all__ = ["BLOCK", "END", "MemberText", "ShardWriter", "around_audio", "header_of", "padding_of"]

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


def around_audio(key: str, suffix: str, size: int, text: bytes) -> tuple[bytes, bytes]:
    """Return what a shard has before the audio of an observation, and after it.

    Parameters
    ----------
    key, suffix : str
        Name of the audio member before and after its dot.
    size : int
        Bytes of the audio.
    text : bytes
        Content of the JSON member.
    """
    before, text_header = header_of(f"{key}.{suffix}", size), header_of(f"{key}.json", len(text))
    return before, b"".join((padding_of(size), text_header, text, padding_of(len(text))))


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
        before, after = around_audio(key, suffix, len(audio), text)
        self._write(b"".join((before, audio, after)))
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
