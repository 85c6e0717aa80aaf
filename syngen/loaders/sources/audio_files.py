"""Audio files of anybody's, read whole and as one channel, or refused with the reason."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from syngen._values import is_whole
from syngen.errors import ParameterError, ShardError
from syngen.loaders.sources.whole_files import check_whole, repaired_wav
from syngen.tabular.cells import counted

if TYPE_CHECKING:
    from syngen._typing import Float32Array

    Channel: TypeAlias = int | Literal["mean"] | None

__all__ = ["audio_length", "audio_rate", "checked_channel", "read_audio"]

MEAN: Literal["mean"] = "mean"


def checked_channel(channel: object) -> Channel:
    """Return which channel is wanted.

    Raises
    ------
    ParameterError
        If it is neither a whole number from 0 on, nor ``mean``, nor None.
    """
    if channel is None or is_whole(channel, 0):
        return channel
    if isinstance(channel, str) and channel == MEAN:
        return MEAN
    raise ParameterError(
        f"channel is {channel!r}; the number of a channel, from 0 on, or 'mean', that of all, is needed"
    )


def read_audio(path: Path, channel: Channel = None) -> tuple[Float32Array, int]:
    """Return the samples of an audio file, and how many there are in a second.

    Parameters
    ----------
    path : Path
        Any bytes that the system takes.
    channel : int, "mean" or None
        Which of several channels, or their mean.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        Full scale is 1.0.
    int

    Raises
    ------
    ShardError
        If it cannot be read, was cut, has samples that are no finite numbers, or has other channels.
    """
    try:
        check_whole(path)
        with _opened(path) as file:
            declared, rate = file.frames, int(file.samplerate)
            file.seek(0)  # as soundfile.read does: of MP3 files the last bits depend on it
            samples: Float32Array = file.read(dtype="float32", always_2d=True)
            # of an MP3 file without a tag it is an estimate
            if len(samples) < declared and file.format != "MP3":
                raise ShardError(
                    f"the file ends too early: {len(samples):,} of {declared:,} samples are there"
                )
    except (OSError, ShardError, RuntimeError) as error:  # libsndfile's errors are RuntimeErrors
        raise ShardError(f"cannot be read: {_reason(error)}") from error
    waveform = _one_channel(samples, channel)
    n_odd = int(np.count_nonzero(~np.isfinite(waveform)))
    if n_odd:
        raise ShardError(
            f"has {n_odd:,} of {len(waveform):,} samples that are NaN or infinite; write finite samples"
        )
    return waveform, rate


def audio_length(path: Path) -> int:
    """Return the number of samples by the header; 0 where the file cannot be read, or was cut."""
    try:
        check_whole(path)
        with _opened(path) as file:
            return int(file.frames)
    except (OSError, ShardError, RuntimeError):
        return 0  # reading that file says what is wrong with it


def audio_rate(path: Path) -> int:
    """Return the samples per second of an audio file.

    Raises
    ------
    ShardError
        If it cannot be read.
    """
    try:
        with _opened(path) as file:
            return int(file.samplerate)
    except (OSError, RuntimeError) as error:
        raise ShardError(_reason(error)) from error


def _opened(path: Path) -> Any:
    import soundfile

    content = repaired_wav(path)
    if content is not None:
        return soundfile.SoundFile(io.BytesIO(content))
    # as bytes, because soundfile encodes a text, which a path of any bytes does not survive
    return soundfile.SoundFile(str(path) if os.name == "nt" else os.fsencode(path))


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # soundfile puts the path before it, as bytes
    return str(error).rpartition(": ")[2] if str(error).startswith("Error opening") else str(error)


def _one_channel(samples: Float32Array, channel: Channel) -> Float32Array:
    n_channels = samples.shape[1]
    if n_channels == 1 and channel in (None, 0, MEAN):
        return np.ascontiguousarray(samples[:, 0])
    if channel is None:
        raise ShardError(
            f"has {n_channels} channels; one is needed: say which with channel=0 to "
            f"channel={n_channels - 1}, or channel='mean'"
        )
    if isinstance(channel, str):
        # float64, so that the order of channels does not matter
        return np.asarray(samples.mean(axis=1, dtype=np.float64), dtype=np.float32)
    if channel >= n_channels:
        raise ShardError(
            f"has {counted(n_channels, 'channel')}, counted from 0; channel={channel} is none of them"
        )
    return np.ascontiguousarray(samples[:, channel])
