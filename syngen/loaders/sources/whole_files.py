"""Is an audio file as long as it says it is? What libsndfile would take for whole although it was cut.

Sizes are those of the containers: RIFF, RF64 and W64 (EBU Tech 3306; Sony Wave64), AIFF (Apple, 1989), AU
(Sun), CAF (Apple), Ogg (RFC 3533), frames of MPEG-1 and MPEG-2 layer III (ISO/IEC 11172-3, 13818-3) and the
Xing/Info tag before them. FLAC files are judged by their decoder.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from syngen.errors import ShardError

__all__ = ["check_whole", "repaired_wav"]

_CUT = "the file ends too early"
_UNKNOWN_32 = 0xFFFFFFFF
_STREAMED = ((0x7FFFF000, 0x80000100), (0xFFFFFF00, 0xFFFFFFFF))
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_END_OF_STREAM = 4
_OGG_TAIL = 65_307  # bytes of the largest page
_ID3 = 10
_KBIT_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def check_whole(path: Path) -> None:
    """Refuse an audio file that is shorter than its header says.

    A WAV file whose header says that its length was not known, as those that a program wrote into a pipe,
    is whole.

    Raises
    ------
    ShardError
        If it is, or is no regular file.
    OSError
        If it cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
        raise ShardError("it is no regular file")
    with open(path, "rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        head = file.read(16)
        if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
            end = _wav_end(file, head[:4], n_bytes)
        elif head == _W64_RIFF:
            end = _w64_end(file)
        elif head[:4] == b"FORM":
            end = _aiff_end(file)
        elif head[:4] == b".snd" and len(head) == 16:
            start, size = struct.unpack(">II", head[4:12])
            end = 0 if size == _UNKNOWN_32 else start + size
        elif head[:4] == b"caff":
            end = _caf_end(file)
        elif head[:4] == b"OggS":
            end = _ogg_end(file, n_bytes)
        elif head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
            end = _mp3_end(file, n_bytes)
        else:
            return
    if end > n_bytes:
        raise ShardError(_CUT)


def repaired_wav(path: Path) -> bytes | None:
    """Return the content of a WAV file that says that it has no samples and has some; None of all others.

    Programs that write into a pipe, or that were stopped, leave 0 where the size should be.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return None
        n_bytes = os.fstat(file.fileno()).st_size
        for name, size, start in _chunks(file, "<4sI", 12):
            if name == b"data":
                if size or start >= n_bytes or _are_chunks(file, start, n_bytes):
                    return None
                file.seek(0)
                data = bytearray(file.read())
                data[start - 4 : start] = struct.pack("<I", len(data) - start)
                data[4:8] = struct.pack("<I", len(data) - 8)
                return bytes(data)
    return None


def _chunks(file: IO[bytes], form: str, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name and size of each chunk, and where its content begins."""
    n_head = struct.calcsize(form)
    while True:
        file.seek(start)
        head = file.read(n_head)
        if len(head) < n_head:
            return
        name, size = struct.unpack(form, head)
        yield name, size, start + n_head
        start += n_head + size + size % 2


def _are_chunks(file: IO[bytes], start: int, n_bytes: int) -> bool:
    """Return whether chunks, and nothing else, follow up to the end of the file."""
    end = start
    for name, size, begins in _chunks(file, "<4sI", start):
        if not all(0x20 <= letter < 0x7F for letter in name):
            return False
        end = begins + size
    return end in (n_bytes, n_bytes - 1, n_bytes + 1)


def _wav_end(file: IO[bytes], mark: bytes, n_bytes: int) -> int:
    large = _UNKNOWN_32
    for name, given, start in _chunks(file, ">4sI" if mark == b"RIFX" else "<4sI", 12):
        if name == b"ds64" and mark == b"RF64":
            file.seek(start + 8)
            large = int.from_bytes(file.read(8), "little")
        if name == b"data":
            size = large if mark == b"RF64" and given == _UNKNOWN_32 else given
            is_streamed = any(low <= size <= high for low, high in _STREAMED)
            return 0 if is_streamed and start <= n_bytes else start + size
    raise ShardError(_CUT)


def _w64_end(file: IO[bytes]) -> int:
    for name, size, start in _w64_chunks(file):
        if name[:4] == b"data":
            return start + size
    raise ShardError(_CUT)


def _w64_chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    start = 40
    while True:
        file.seek(start)
        head = file.read(24)
        if len(head) < 24:
            return
        size = int.from_bytes(head[16:], "little")  # with these 24 bytes
        yield head[:16], size - 24, start + 24
        start += max(24, (size + 7) // 8 * 8)


def _aiff_end(file: IO[bytes]) -> int:
    for name, size, start in _chunks(file, ">4sI", 12):
        if name == b"SSND":
            return start + size
    raise ShardError(_CUT)


def _caf_end(file: IO[bytes]) -> int:
    start = 8
    while True:
        file.seek(start)
        head = file.read(12)
        if len(head) < 12:
            raise ShardError(_CUT)
        size = int.from_bytes(head[4:], "big", signed=True)
        if head[:4] == b"data":
            return start + 12 + size  # -1, where it is not known, is before the end
        start += 12 + max(0, size)


def _ogg_end(file: IO[bytes], n_bytes: int) -> int:
    """Return where the last page ends; one that does not end its stream ends after the file."""
    file.seek(max(0, n_bytes - _OGG_TAIL))
    tail = file.read()
    first = n_bytes - len(tail)
    position = tail.rfind(b"OggS")
    while position >= 0:
        page = tail[position:]
        if len(page) < 27 or len(page) < 27 + page[26]:
            return n_bytes + 1
        end = position + 27 + page[26] + sum(page[27 : 27 + page[26]])
        if page[4] == 0:  # its version, and no letters in the audio by chance
            return first + end if page[5] & _END_OF_STREAM else n_bytes + 1
        position = tail.rfind(b"OggS", 0, position)
    return n_bytes + 1


def _mp3_end(file: IO[bytes], n_bytes: int) -> int:
    """Return where the last frame ends, or what the Xing tag says of it."""
    file.seek(0)
    data = file.read()
    start = 0
    while data[start : start + 3] == b"ID3" and len(data) >= start + _ID3:
        size = data[start + 6 : start + _ID3]
        n_tag = sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
        start += _ID3 + n_tag + (_ID3 if data[start + 5] & 0x10 else 0)
    length = _frame_length(data, start)
    if length is None:
        return n_bytes + 1 if start >= n_bytes else 0  # the decoder says what it is
    declared, n_frames = _xing(data[start : start + length])
    if declared:
        return start + declared
    end, n_found = start, 0
    while (length := _frame_length(data, end)) is not None:
        end, n_found = end + length, n_found + 1
    # the tag is a frame that is not counted
    return n_bytes + 1 if n_frames and n_found - 1 < n_frames else end


def _frame_length(data: bytes, start: int) -> int | None:
    """Return the bytes of the frame of layer III that begins at `start`, None where none does."""
    head = data[start : start + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bits in (0, 15) or rate == 3:
        return None
    kbit = (_KBIT_1 if version == 3 else _KBIT_2)[bits]
    per_frame = 144_000 if version == 3 else 72_000
    return per_frame * kbit // _RATES[version][rate] + (head[2] >> 1 & 1)


def _xing(frame: bytes) -> tuple[int, int]:
    """Return the bytes and the frames that the tag in the first frame states, 0 where it does not."""
    position = max(frame.find(b"Xing"), frame.find(b"Info"))
    if position < 0 or len(frame) < position + 16:
        return 0, 0
    (flags,) = struct.unpack_from(">I", frame, position + 4)
    n_frames = struct.unpack_from(">I", frame, position + 8)[0] if flags & 1 else 0
    n_bytes = struct.unpack_from(">I", frame, position + (12 if flags & 1 else 8))[0] if flags & 2 else 0
    return n_bytes, n_frames
