"""FLAC files in memory, by libsndfile as soundfile drives it, without what soundfile makes for each file.

A second of sound is encoded in a quarter of a millisecond, of which an eighth goes into objects that are
made anew for every file. Here the callbacks are made once. The bytes are those of ``soundfile.write``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from syngen._typing import PcmArray

__all__ = ["write_flac"]

_WRITE = 0x20  # SFM_WRITE
_FLAC_16 = 0x170000 | 0x0002  # SF_FORMAT_FLAC | SF_FORMAT_PCM_16
_SET_COMPRESSION = 0x1301  # SFC_SET_COMPRESSION_LEVEL


class _File:
    """A file in memory as libsndfile writes it: forward, and once more over its header."""

    __slots__ = ("data", "end", "position")

    def __init__(self, n_bytes: int) -> None:
        self.data = bytearray(n_bytes)
        self.position = self.end = 0


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any, Any, tuple[Any, ...]] | None:
    """Return soundfile's cffi, its libsndfile, the table of callbacks, and those; None if it has others."""
    import soundfile

    ffi, library = getattr(soundfile, "_ffi", None), getattr(soundfile, "_snd", None)
    if ffi is None or library is None:
        return None

    def length(user: Any) -> int:
        return int(ffi.from_handle(user).end)

    def seek(offset: int, whence: int, user: Any) -> int:
        file = ffi.from_handle(user)
        file.position = offset + (0, file.position, file.end)[whence]
        return int(file.position)

    def read(_target: Any, _count: int, _user: Any) -> int:
        return 0

    def write(source: Any, count: int, user: Any) -> int:
        file = ffi.from_handle(user)
        start, end = file.position, file.position + count
        if end > len(file.data):
            file.data.extend(bytes(end))
        file.data[start:end] = ffi.buffer(source, count)
        file.position = end
        file.end = max(file.end, end)
        return count

    def tell(user: Any) -> int:
        return int(ffi.from_handle(user).position)

    kinds = ("get_filelen", "seek", "read", "write", "tell")
    try:
        callbacks = tuple(
            ffi.callback(f"sf_vio_{kind}", function)
            for kind, function in zip(kinds, (length, seek, read, write, tell), strict=True)
        )
        return ffi, library, ffi.new("SF_VIRTUAL_IO*", callbacks), callbacks
    except (ffi.error, AttributeError, TypeError):  # of a version of soundfile that is made otherwise
        return None


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
    file = _File(2 * len(samples) + 8192)
    handle = ffi.new_handle(file)
    info = ffi.new("SF_INFO*")
    info.samplerate, info.channels, info.format = sample_rate, 1, _FLAC_16
    sound = library.sf_open_virtual(table, _WRITE, info, handle)
    if sound == ffi.NULL:
        return None
    library.sf_command(sound, _SET_COMPRESSION, ffi.new("double*", level), ffi.sizeof("double"))
    n_written = library.sf_writef_short(sound, ffi.from_buffer("short[]", samples), len(samples))
    if library.sf_close(sound) != 0 or n_written != len(samples):
        return None
    return bytes(memoryview(file.data)[: file.end])
