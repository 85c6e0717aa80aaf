"""FLAC files in memory, by libsndfile as soundfile drives it, without what soundfile makes for each file.

A second of sound is encoded in a quarter of a millisecond, of which an eighth goes into objects that are
made anew for every file. Here the callbacks are made once. The bytes are those of ``soundfile.write``.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import PcmArray

__all__ = ["write_flac"]

_WRITE = 0x20  # SFM_WRITE
_FLAC_16 = 0x170000 | 0x0002  # SF_FORMAT_FLAC | SF_FORMAT_PCM_16
_SET_COMPRESSION = 0x1301  # SFC_SET_COMPRESSION_LEVEL


_KEPT_BYTES = 1 << 24


class _File:
    """A file in memory as libsndfile writes it: forward, and once more over its header.

    Parameters
    ----------
    ffi : module
        Soundfile's cffi.
    capacity : int
        Bytes that there is room for.
    """

    __slots__ = ("capacity", "data", "end", "handle", "position", "start")

    def __init__(self, ffi: Any, capacity: int) -> None:
        self.capacity, self.data = capacity, bytearray(capacity)
        self.start = ffi.from_buffer("char[]", self.data)
        self.handle = ffi.new_handle(self)
        self.position = self.end = 0


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any, Any, tuple[Any, ...]] | None:
    """Return soundfile's cffi, its libsndfile, the table of callbacks, and those; None if it has others."""
    import soundfile

    ffi, library = getattr(soundfile, "_ffi", None), getattr(soundfile, "_snd", None)
    if ffi is None or library is None:
        return None
    file_of, move = ffi.from_handle, ffi.memmove

    def length(user: Any) -> int:
        return file_of(user).end  # type: ignore[no-any-return]

    def seek(offset: int, whence: int, user: Any) -> int:
        file = file_of(user)
        file.position = offset + (0, file.position, file.end)[whence]
        return file.position  # type: ignore[no-any-return]

    def read(_target: Any, _count: int, _user: Any) -> int:
        return 0

    def write(source: Any, count: int, user: Any) -> int:
        file = file_of(user)
        start = file.position
        end = start + count
        if start < 0 or end > file.capacity:
            return 0
        move(file.start + start, source, count)
        file.position = end
        file.end = max(file.end, end)
        return count

    def tell(user: Any) -> int:
        return file_of(user).position  # type: ignore[no-any-return]

    kinds = ("get_filelen", "seek", "read", "write", "tell")
    try:
        callbacks = tuple(
            ffi.callback(f"sf_vio_{kind}", function)
            for kind, function in zip(kinds, (length, seek, read, write, tell), strict=True)
        )
        return ffi, library, ffi.new("SF_VIRTUAL_IO*", callbacks), callbacks
    except (ffi.error, AttributeError, TypeError):  # of a version of soundfile that is made otherwise
        return None


_of_thread = threading.local()


def _room_for(ffi: Any, n_samples: int) -> _File:
    """Return a file with room for samples that cannot be compressed; this thread's, if it has it."""
    needed = 2 * n_samples + n_samples // 32 + 16384
    file: _File | None = getattr(_of_thread, "file", None)
    if file is None or file.capacity < needed:
        file = _File(ffi, needed)
        if needed <= _KEPT_BYTES:
            _of_thread.file = file
    file.position = file.end = 0
    return file


def write_flac(pcm: PcmArray, sample_rate: int, *, level: float) -> bytes | None:
    """Return the FLAC file of some samples; None where this soundfile must be used as documented.

    Parameters
    ----------
    pcm : ndarray of int16, shape (n_samples,)
    sample_rate : int
    level : float
        Compression, 0 to 1.
    """
    found = _library()
    if found is None:
        return None
    ffi, library, table, _ = found
    samples = np.ascontiguousarray(pcm, dtype=np.int16)
    file = _room_for(ffi, len(samples))
    info = ffi.new("SF_INFO*")
    info.samplerate, info.channels, info.format = sample_rate, 1, _FLAC_16
    sound = library.sf_open_virtual(table, _WRITE, info, file.handle)
    if sound == ffi.NULL:
        return None
    library.sf_command(sound, _SET_COMPRESSION, ffi.new("double*", level), ffi.sizeof("double"))
    n_written = library.sf_writef_short(sound, ffi.from_buffer("short[]", samples), len(samples))
    if library.sf_close(sound) != 0 or n_written != len(samples):
        return None
    return bytes(memoryview(file.data)[: file.end])
