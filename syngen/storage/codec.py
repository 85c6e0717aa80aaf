"""Between 16-bit samples and the bytes of an audio file."""

from __future__ import annotations

import hashlib
import io
import struct
from abc import ABC, abstractmethod
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from syngen._distribution import require
from syngen.dsp.level import dequantise_to
from syngen.errors import MissingExtraError, ParameterError, ShardError, suggestion

if TYPE_CHECKING:
    from syngen._typing import Float32Array, PcmArray

__all__ = ["CODECS", "Codec", "find_codec", "pcm_sha256"]


def pcm_sha256(pcm: PcmArray) -> bytes:
    """Return the SHA-256 of 16-bit samples in little-endian order: the identity of an observation."""
    return hashlib.sha256(np.ascontiguousarray(pcm, dtype="<i2").data).digest()


class Codec(ABC):
    """One way to store 16-bit mono samples."""

    name: ClassVar[str]
    """Also the file name's suffix."""

    @property
    @abstractmethod
    def library(self) -> str:
        """Name and version of what decides the bytes; part of the plan."""

    @abstractmethod
    def encode(self, pcm: PcmArray, sample_rate: int) -> bytes:
        """Return the file that holds `pcm`, int16 of shape (n_samples,)."""

    @abstractmethod
    def decode(self, data: bytes | memoryview) -> PcmArray:
        """Return the samples of a file that `encode` made: int16, shape (n_samples,).

        Raises
        ------
        ShardError
            If the bytes are not such a file.
        """

    @abstractmethod
    def is_stated(self, head: bytes, size: int, n_samples: int, sample_rate: int) -> bool:
        """Whether a file says of itself that it has so many samples, of 16 bit in one channel.

        To be asked before `decode` of a file that anybody may have made: a few bytes can say that they are
        terabytes of samples.

        Parameters
        ----------
        head : bytes
            Its first 64 bytes.
        size : int
            Bytes of all of it.
        n_samples : int
        sample_rate : int
        """

    def decode_to(self, out: Float32Array, data: bytes | memoryview) -> None:
        """Write the samples of a file that `encode` made as float32, full scale being 1.0.

        Parameters
        ----------
        out : ndarray of float32, shape (n_samples,)
            Written to; the same numbers as ``dequantise(decode(data))``.
        data : bytes-like

        Raises
        ------
        ShardError
            If the bytes are not such a file, or one of another length.
        """
        pcm = self.decode(data)
        _check_length(len(pcm), out)
        dequantise_to(out, pcm)


def _check_length(n_samples: int, out: Float32Array) -> None:
    if n_samples != len(out):
        raise ShardError(f"{n_samples} samples instead of {len(out)}")


_MAX_RATE = (1 << 31) - 1  # a header holds bytes per second in 32 bits


@lru_cache(maxsize=8)
def _wav_header(n_bytes: int, sample_rate: int) -> bytes:
    return b"".join(
        (
            struct.pack("<4sI4s", b"RIFF", n_bytes + 36, b"WAVE"),
            struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
            struct.pack("<4sI", b"data", n_bytes),
        )
    )


class WavCodec(Codec):
    """RIFF WAVE with the canonical header of 44 bytes."""

    name = "wav"
    _HEADER = 44

    @property
    def library(self) -> str:
        return "syngen-wav-1"

    def encode(self, pcm: PcmArray, sample_rate: int) -> bytes:
        data = np.ascontiguousarray(pcm, dtype="<i2").data
        return b"".join((_wav_header(data.nbytes, sample_rate), data))

    def decode(self, data: bytes | memoryview) -> PcmArray:
        header = bytes(data[: self._HEADER])
        n_bytes = len(data) - self._HEADER
        rate = int.from_bytes(header[24:28], "little")
        is_possible = n_bytes >= 0 and n_bytes % 2 == 0 and rate <= _MAX_RATE
        if not is_possible or header != _wav_header(n_bytes, rate):
            raise ShardError("not a 16-bit mono WAV file with a header of 44 bytes")
        return np.frombuffer(data, dtype="<i2", offset=self._HEADER)

    def decode_to(self, out: Float32Array, data: bytes | memoryview) -> None:
        # the same in fewer steps where all is well; decode says what is not
        n_bytes = 2 * len(out)
        header = bytes(data[: self._HEADER])
        rate = int.from_bytes(header[24:28], "little")
        if len(data) != self._HEADER + n_bytes or header != _wav_header(n_bytes, min(rate, _MAX_RATE)):
            _check_length(len(self.decode(data)), out)
        dequantise_to(out, np.frombuffer(data, dtype="<i2", offset=self._HEADER))

    def is_stated(self, head: bytes, size: int, n_samples: int, sample_rate: int) -> bool:
        is_whole = size == self._HEADER + 2 * n_samples
        return is_whole and head[: self._HEADER] == _wav_header(2 * n_samples, sample_rate)


class FlacCodec(Codec):
    """FLAC, written and read by libsndfile; read by miniaudio where that is installed."""

    name = "flac"
    _LEVEL = 0.5

    @property
    def library(self) -> str:
        import soundfile

        return f"libsndfile-{soundfile.__libsndfile_version__}"

    def encode(self, pcm: PcmArray, sample_rate: int) -> bytes:
        import soundfile

        buffer = io.BytesIO()
        soundfile.write(
            buffer,
            pcm,
            sample_rate,
            format="FLAC",
            subtype="PCM_16",
            compression_level=self._LEVEL,
        )
        return buffer.getvalue()

    def is_stated(self, head: bytes, size: int, n_samples: int, sample_rate: int) -> bool:
        del size
        # rate, channels - 1, bits - 1 and samples in 20, 3, 5 and 36 bits, in the block that comes first
        stated = sample_rate << 44 | 15 << 36 | n_samples
        is_first = head[:8] in (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
        return is_first and n_samples > 0 and head[18:26] == stated.to_bytes(8, "big")

    def decode(self, data: bytes | memoryview) -> PcmArray:
        miniaudio = _miniaudio()
        if miniaudio is None:
            return _decode_with_soundfile(bytes(data))
        return _decode_with_miniaudio(miniaudio, bytes(data))

    def decode_to(self, out: Float32Array, data: bytes | memoryview) -> None:
        miniaudio = _miniaudio()
        if miniaudio is None:
            _decode_to_with_soundfile(out, bytes(data))
        else:
            _decode_to_with_miniaudio(miniaudio, out, bytes(data))


@cache  # what is not there would be looked for at every observation
def _miniaudio() -> Any:
    try:
        return require("miniaudio", extra="flac")
    except MissingExtraError:
        return None


def _decode_with_miniaudio(miniaudio: Any, data: bytes) -> PcmArray:
    try:
        info = miniaudio.flac_get_info(data)
        sound = miniaudio.flac_read_s16(data)
    except miniaudio.MiniaudioError as error:
        raise ShardError(f"not a FLAC file: {error}") from error
    if info.nchannels != 1 or info.num_frames != len(sound.samples):
        raise ShardError(f"{len(sound.samples)} samples of {info.num_frames} in one channel")
    return np.frombuffer(sound.samples, dtype=np.int16)


def _decode_with_soundfile(data: bytes) -> PcmArray:
    import soundfile

    try:
        samples, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    except soundfile.SoundFileError as error:
        raise ShardError(f"not a FLAC file: {error}") from error
    return np.asarray(samples, dtype=np.int16)


def _decode_to_with_miniaudio(miniaudio: Any, out: Float32Array, data: bytes) -> None:
    try:
        sound = miniaudio.flac_read_f32(data)
    except miniaudio.MiniaudioError as error:
        raise ShardError(f"not a FLAC file: {error}") from error
    if sound.nchannels != 1:
        raise ShardError(f"{sound.nchannels} channels instead of one")
    _check_length(len(sound.samples), out)
    np.copyto(out, np.frombuffer(sound.samples, dtype=np.float32))


def _decode_to_with_soundfile(out: Float32Array, data: bytes) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.channels != 1:
                raise ShardError(f"{file.channels} channels instead of one")
            _check_length(file.frames, out)
            _check_length(file.buffer_read_into(out.data, dtype="float32"), out)
    except soundfile.SoundFileError as error:
        raise ShardError(f"not a FLAC file: {error}") from error


CODECS: dict[str, Codec] = {codec.name: codec for codec in (WavCodec(), FlacCodec())}


def find_codec(name: str) -> Codec:
    """Return the codec of a name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if not isinstance(name, str) or name not in CODECS:
        raise ParameterError(f"no codec {name!r}{suggestion(name, CODECS)}; there are {', '.join(CODECS)}")
    return CODECS[name]
