"""The binding of espeak-ng: one utterance, one fresh instance of the library.

The library keeps state between utterances, and seeds itself from the clock, so that only an instance
that was never used before, given a seed, says the same thing twice. `say` loads one, speaks and unloads
it; `say_in_child` does so in a child process, which can be ended when it hangs or may die.

References
----------
``speak_lib.h`` and ``espeak_ng.h`` of espeak-ng 1.52.0 for every constant and signature.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import struct
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from syngen.errors import EngineError

__all__ = ["Sound", "Words", "can_fork", "say", "say_in_child"]

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: Synth returns when all samples were handed over
# shorter than the library's queue of commands: above some 0.7 s for fast and 1.5 s for slow speech the
# queue runs empty before it is filled again, which is heard; below, the length changes nothing
_BUFFER_MS = 200
# word events come always; PHONEME_EVENTS | PHONEME_IPA | DONT_EXIT
_OPTIONS = 0x0001 | 0x0002 | 0x8000
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
# VOLUME 30: above, the library's automatic gain distorts. PITCH above 50 would move the formants.
_FIXED = ((_VOLUME, 30), (_PITCH, 50), (_RANGE, 50))
_CHARACTER_POSITIONS = 1
_TEXT_FLAGS = 0x0001 | 0x1000  # UTF-8, with the pause at the end of a sentence
_EVENT_SIZE = 40
_END_OF_LIST = b"\0\0\0\0"

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_SYNTH_ARGUMENTS = (
    *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
    *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
)
_HEADER = struct.Struct("=?iqq")  # whether it worked, sample rate, bytes of samples, bytes of events


@dataclass(frozen=True)
class Words:
    """What the library is told.

    Attributes
    ----------
    text, voice : bytes
        UTF-8; the voice is a name, ``name+variant`` or the empty string.
    rate, gap, seed : int
        See `syngen.synth.speech.engines.base.Utterance`.
    max_samples : int
        The library is stopped when it goes on for longer.
    """

    text: bytes
    voice: bytes
    rate: int
    gap: int
    seed: int
    max_samples: int


@dataclass(frozen=True)
class Sound:
    """What the library answered: 16-bit samples and its event structures, as bytes."""

    sample_rate: int
    samples: bytes
    events: bytes


def can_fork() -> bool:
    """Return whether `say_in_child` works on this platform."""
    return hasattr(os, "fork")


class _Collector:
    """Receives samples and events; called back by the library."""

    def __init__(self) -> None:
        self.samples: list[bytes] = []
        self.events: list[bytes] = []
        self.left = 0
        self.error: BaseException | None = None
        self.callback = _Callback(self._collect)

    def start(self, max_samples: int) -> None:
        self.samples, self.events, self.left, self.error = [], [], max_samples, None

    def _collect(self, samples: int | None, n: int, events: int | None) -> int:
        try:
            if samples and n > 0:
                self.samples.append(ctypes.string_at(samples, 2 * n))
                self.left -= n
            if events:
                event = ctypes.string_at(events, _EVENT_SIZE)
                while not event.startswith(_END_OF_LIST):
                    self.events.append(event)
                    events += _EVENT_SIZE
                    event = ctypes.string_at(events, _EVENT_SIZE)
        except BaseException as error:  # noqa: BLE001  # Ctrl-C too: what is raised here is lost in the library
            self.error = error
        return int(self.left < 0 or self.error is not None)  # 1 stops the library


_COLLECTOR = _Collector()  # one: a callback is made of executable memory that is never given back


def say(library: Path, data: Path, words: Words) -> Sound:
    """Load the library, say some words and unload it.

    Parameters
    ----------
    library : Path
        A copy that nothing else in this process has loaded; otherwise it keeps its state.
    data : Path
        Folder with ``phondata`` and the other files.
    words : Words

    Raises
    ------
    EngineError
        If the library cannot be loaded or refuses.
    """
    try:
        instance = ctypes.CDLL(str(library))  # RTLD_LOCAL
    except OSError as error:
        raise EngineError(f"cannot be loaded: {error}") from error
    try:
        return _say(instance, data, words)
    except AttributeError as error:
        raise EngineError(f"is not espeak-ng 1.50 or later: {error}") from error
    finally:
        _unload(instance)


def _say(instance: Any, data: Path, words: Words) -> Sound:
    collector = _COLLECTOR
    collector.start(words.max_samples)
    initialize, synth = instance.espeak_Initialize, instance.espeak_Synth
    set_parameter, set_seed = instance.espeak_SetParameter, instance.espeak_ng_SetRandSeed
    set_voice, terminate = instance.espeak_SetVoiceByName, instance.espeak_Terminate
    synth.argtypes = _SYNTH_ARGUMENTS
    sample_rate = initialize(_SYNCHRONOUS, _BUFFER_MS, os.fsencode(data), _OPTIONS)
    if sample_rate <= 0:
        raise EngineError(f"cannot use its data in {data}: it is missing, broken or of another version")
    try:
        instance.espeak_SetSynthCallback(collector.callback)
        if set_voice(words.voice) != 0:
            raise EngineError(f"has no voice {words.voice.decode()!r}")
        for parameter, value in (*_FIXED, (_RATE, words.rate), (_WORD_GAP, words.gap)):
            set_parameter(parameter, value, 0)
        set_seed(ctypes.c_long(words.seed))
        size = len(words.text) + 1
        status = synth(words.text, size, 0, _CHARACTER_POSITIONS, 0, _TEXT_FLAGS, None, None)
    finally:
        terminate()
    if collector.error is not None:
        raise collector.error
    if status != 0:
        raise EngineError(f"answers with status {status}")
    if collector.left < 0:
        raise EngineError("does not come to an end")
    return Sound(sample_rate, b"".join(collector.samples), b"".join(collector.events))


def _unload(instance: Any) -> None:
    import _ctypes

    if sys.platform == "win32":
        _ctypes.FreeLibrary(instance._handle)  # noqa: SLF001  # ctypes has no other way
    else:
        _ctypes.dlclose(instance._handle)  # noqa: SLF001  # ctypes has no other way


def say_in_child(library: Path, data: Path, words: Words, *, timeout_s: float) -> Sound:
    """Do what `say` does in a forked child process, with a time limit.

    Raises
    ------
    EngineError
        If the library cannot be loaded or refuses, kills the process, or takes too long.
    """
    receiving, sending = os.pipe()
    with warnings.catch_warnings():
        # Python warns of forks in a process with threads; the child calls the library and ends
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(receiving)
        _say_and_exit(sending, library, data, words)
    os.close(sending)
    try:
        content, in_time = _read_all(receiving, timeout_s)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(receiving)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not in_time:
        raise EngineError(f"took longer than {timeout_s:g} s")
    return _unpacked(content, os.waitstatus_to_exitcode(status))


def _say_and_exit(sending: int, library: Path, data: Path, words: Words) -> NoReturn:
    try:
        faulthandler.disable()  # the parent says what happened
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            sound = say(library, data, words)
            header = _HEADER.pack(True, sound.sample_rate, len(sound.samples), len(sound.events))
            parts: tuple[bytes, ...] = (header, sound.samples, sound.events)
        except EngineError as error:
            message = str(error).encode()
            parts = (_HEADER.pack(False, 0, len(message), 0), message)
        with os.fdopen(sending, "wb") as file:
            file.writelines(parts)
        os._exit(0)
    finally:
        os._exit(1)


def _read_all(receiving: int, timeout_s: float) -> tuple[bytes, bool]:
    """Return what comes out of a pipe, and whether it ended in time."""
    import selectors
    import time

    chunks: list[bytes] = []
    end = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        selector.register(receiving, selectors.EVENT_READ)
        while selector.select(max(0.0, end - time.monotonic())):
            chunk = os.read(receiving, 1 << 20)
            if not chunk:
                return b"".join(chunks), True
            chunks.append(chunk)
    return b"", False


def _unpacked(content: bytes, status: int) -> Sound:
    if len(content) >= _HEADER.size:
        worked, sample_rate, n_samples, n_events = _HEADER.unpack_from(content)
        body = content[_HEADER.size :]
        if len(body) == n_samples + n_events:
            if not worked:
                raise EngineError(body.decode())
            return Sound(sample_rate, body[:n_samples], body[n_samples:])
    reason = f"signal {-status}" if status < 0 else f"status {status}"
    raise EngineError(f"ended its process with {reason}")
