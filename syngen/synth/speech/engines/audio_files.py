"""Reading what another program wrote, which may be anything."""

from __future__ import annotations

import stat
from pathlib import Path

from syngen.dsp.level import to_pcm
from syngen.errors import EngineError
from syngen.synth.speech.engines.base import Speech
from syngen.synth.speech.engines.checks import longest_s, shown

__all__ = ["read_speech"]

_RATES = (4_000, 384_000)
_MAX_CHANNELS = 8
_LOUDEST = 32_768.0  # of full scale


def read_speech(path: Path, text: str) -> Speech:
    """Read an audio file, whatever its format, as one channel of 16-bit samples.

    Parameters
    ----------
    path : Path
        The suffix does not matter.
    text : str
        What should have been said.

    Raises
    ------
    EngineError
        If there is no such file, it is not audio, or it is too long for the text.
    """
    import numpy as np
    import soundfile

    try:
        # a link could lead to a file of somebody else
        is_file = stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        raise EngineError(f"no audio was written for {shown(text)}") from None
    if not is_file:
        raise EngineError(f"what was written for {shown(text)} is not a plain file")
    try:
        with soundfile.SoundFile(path) as file:
            rate, n_channels, n_samples = file.samplerate, file.channels, file.frames
            if not _RATES[0] <= rate <= _RATES[1] or not 1 <= n_channels <= _MAX_CHANNELS:
                raise EngineError(
                    f"audio of {rate} Hz and {n_channels} channels was written for {shown(text)}; "
                    f"{_RATES[0]} to {_RATES[1]} Hz and at most {_MAX_CHANNELS} channels can be used"
                )
            # checked before it is read: it may be far larger than memory
            if n_samples > longest_s(text) * rate:
                raise EngineError(
                    f"{n_samples / rate:.3g} s of audio were written for {shown(text)}: at most "
                    f"{longest_s(text):.3g} s would be speech"
                )
            # not as int16: floating-point files would not be scaled
            channels = file.read(dtype="float64", always_2d=True)
    except soundfile.SoundFileError as error:
        raise EngineError(f"what was written for {shown(text)} cannot be read as audio: {error}") from error
    mixed = np.zeros(len(channels))
    for channel in channels.T:
        mixed += channel
    waveform = np.divide(mixed, n_channels)
    if len(waveform) and not abs(waveform).max() < _LOUDEST:
        raise EngineError(
            f"what was written for {shown(text)} has samples beyond all measure, or that are no numbers"
        )
    return Speech(to_pcm(waveform), rate)
