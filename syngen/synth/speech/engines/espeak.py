"""The exact engine: espeak-ng, a fresh private instance of its library for every utterance."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

from syngen.errors import EngineError, ParameterError
from syngen.synth.speech.engines.base import (
    EngineSettings,
    Event,
    Mark,
    Speech,
    SpeechEngine,
    Utterance,
    Voice,
)
from syngen.synth.speech.engines.checks import longest_s, refuse_unknown_voice, shown
from syngen.synth.speech.engines.espeak_data import DEFAULT_VOICE, Installation, PrivateFolder
from syngen.synth.speech.engines.espeak_library import Sound, Words, can_fork, say, say_in_child

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["REFERENCE", "REFERENCE_LIBRARY", "REFERENCE_VERSION", "SELF_TEST", "EspeakEngine", "SelfTest"]

Isolation: TypeAlias = Literal["reload", "fork"]

BINDING = 2
"""Part of every fingerprint: change it whenever the binding changes a sample or an event."""

REFERENCE = "6efeeb4b35f4717e53e9c91c326ffea8351609d8ada534844a0db752ea016a78"
"""Digest of `SELF_TEST` with the library of espeakng-loader 0.2.4; part of every fingerprint.

Recorded on Linux on x86-64. The library for aarch64 says the same.
"""

REFERENCE_LIBRARY = "b15ce0803b26254e8a0d088c6b9281a2637b2b02613147cc320cfdefaf2c3ccf"
"""SHA-256 of the file of that library for Linux on x86-64."""

REFERENCE_VERSION = {
    "engine": "espeak",
    "binding": BINDING,
    "data_sha256": "3f25e0ace7aa7fad1b2870da35b24fc595265d21f4a80ddbfd2d74387eda58bd",
}
"""What `EspeakEngine.version` says of it; its data are the same for every platform."""

_MALE = "language variant\ngender male\npitch 92 118\nformant 1 97 80 150\nbreath 3 3 3 2 2 1\nflutter 3\n"
_FEMALE = (
    "language variant\ngender female\npitch 176 231\nformant 0 106 80 155\nformant 1 114 88 155\n"
    "formant 2 111 71 155\nformant 3 117 80 155\nroughness 2\nspeed 104\nstressAdd -6 -6 0 3 0 0 9 12\n"
)
SELF_TEST = (
    Utterance("The quick brown fox jumps over the lazy dog.", seed=1),
    Utterance("Seven heavy boxes were carried over the bridge.", variant=_MALE, rate=165, seed=2),
    Utterance("Who bought the old wooden chairs?", variant=_FEMALE, rate=201, seed=3),
    Utterance("She sells six thin sheets!", variant=_MALE, rate=122, gap=2, seed=2**31 - 1),
    Utterance("Yes, we measured the pressure again.", variant=_FEMALE, rate=142, seed=0),
    Utterance("Tea.", voice="en-gb", rate=449, gap=1, seed=6),
    Utterance(
        "Nina sold seven heavy chairs.",
        variant=_FEMALE,
        marks=(Mark(0, 190, 55), Mark(10, 165, 48), Mark(22, 110, 70)),
    ),
)
"""What `EspeakEngine.self_test` says."""

_EVENT = struct.Struct("=iIiiii8x8s")  # kind, id, text position, length, ms, sample, user data, content
_WORD, _PHONE = 1, 7
_MAX_RATE = 22_050
_START = attrgetter("start")
_PROBES = (SELF_TEST[0], SELF_TEST[2])


@dataclass(frozen=True)
class SelfTest:
    """Whether the installed library says what the recorded one said.

    Attributes
    ----------
    observed, expected : str
        Digests over the samples and events of `SELF_TEST`.
    library_sha256 : str
        Of the installed library.
    is_repeatable : bool
        Whether saying it again, in another order, gave the same.
    """

    observed: str
    expected: str
    library_sha256: str
    is_repeatable: bool

    @property
    def is_reference(self) -> bool:
        """Whether audio made here equals audio made with the recorded library."""
        return self.is_repeatable and self.observed == self.expected


class EspeakEngine(SpeechEngine):
    """Speaks with the library espeak-ng that the extra ``speech`` brings; 22,050 samples per second.

    Must be used from one thread. A forked process makes a private folder of its own when it first
    renders.

    Parameters
    ----------
    isolation : {"reload", "fork"}, optional
        How utterances are kept apart: a fresh load of the library in this process, or a child process for
        each, 4 ms more. By default `prepare` compares both and takes "reload" where they agree.
    library, data : Path, optional
        Shared library and folder ``espeak-ng-data`` to use instead of those of espeakng-loader.
    timeout_s : float
        Longest time for one utterance in a child process. A library that hangs after a reload cannot be
        interrupted from within: what supervises the process must have a limit of its own.
    """

    name = "espeak"
    is_exact = True
    speaks_variants = True
    isolations: ClassVar[tuple[Isolation, ...]] = ("reload", "fork")

    def __init__(
        self,
        *,
        isolation: Isolation | None = None,
        library: Path | None = None,
        data: Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        if isolation is not None and isolation not in self.isolations:
            raise ParameterError(f"isolation {isolation!r}; possible are {', '.join(self.isolations)}")
        if isolation == "fork" and not can_fork():
            raise EngineError("isolation 'fork' needs a platform that can fork; leave it out")
        self._installation = Installation(library, data)
        self._wanted = isolation
        self._isolation: Isolation = isolation or "reload"
        self._timeout_s = timeout_s
        self._folder: PrivateFolder | None = None
        self._owner = (0, 0)

    @classmethod
    def create(cls, settings: EngineSettings) -> Self:
        return cls(timeout_s=settings.timeout_s)

    @property
    def isolation(self) -> Isolation:
        """How utterances are kept apart; decided by `prepare`."""
        return self._isolation

    def version(self) -> Json:
        return {
            "engine": self.name,
            "binding": BINDING,
            "data_sha256": self._installation.data_sha256,
        }

    def voices(self) -> tuple[Voice, ...]:
        return self._installation.voices()

    def prepare(self) -> None:
        """Copy library and data to a private folder and try them.

        Raises
        ------
        MissingExtraError
            If the extra ``speech`` is not installed.
        EngineError
            If the library or its data are missing or broken.
        """
        if self._folder is not None and self._owner[0] == os.getpid():
            self._check_thread()
            return
        self.close()
        folder = PrivateFolder(self._installation)
        try:
            self._isolation = self._wanted or self._proven_isolation(folder)
            if self._wanted is not None:
                self._probe(folder, self._wanted)
        except EngineError as error:
            folder.close()
            raise EngineError(
                f"the espeak library {self._installation.library} {error}; {self._installation.remedy}"
            ) from error
        except BaseException:
            folder.close()
            raise
        self._folder, self._owner = folder, (os.getpid(), threading.get_ident())

    def close(self) -> None:
        """Remove the private folder."""
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _proven_isolation(self, folder: PrivateFolder) -> Isolation:
        """Return "reload" if nothing of one utterance is left in the next, else "fork"."""
        if not can_fork():
            first = self._probe(folder, "reload")
            if first != self._probe(folder, "reload"):
                raise EngineError("says the same words differently each time")
            return "reload"
        # the child comes first: a broken library may end the process that loads it
        apart = self._probe(folder, "fork")
        if apart != self._probe(folder, "fork"):
            raise EngineError("says the same words differently each time")
        is_clean = all(self._probe(folder, "reload") == apart for _ in range(2))
        return "reload" if is_clean else "fork"

    def _probe(self, folder: PrivateFolder, isolation: Isolation) -> list[str]:
        """Return the digests of a few utterances."""
        return [_digest(self._said(utterance, folder, isolation)) for utterance in _PROBES]

    def speak(self, utterance: Utterance) -> Speech:
        self.prepare()
        folder = self._folder
        if folder is None:  # prepare has just set it
            raise EngineError("the espeak engine is closed")
        if utterance.voice:
            refuse_unknown_voice(self.name, utterance.voice, self._installation.voice_files)
        try:
            return self._said(utterance, folder, self._isolation)
        except EngineError as error:
            raise EngineError(f"espeak failed at {shown(utterance.text)}: its library {error}") from error

    def _said(self, utterance: Utterance, folder: PrivateFolder, isolation: Isolation) -> Speech:
        voice = utterance.voice or DEFAULT_VOICE
        if utterance.variant:
            voice = f"{voice}+{folder.variant_name(utterance.variant)}"
        text, commands = _with_commands(utterance)
        words = Words(
            text.encode(),
            voice.encode(),
            utterance.rate,
            utterance.gap,
            utterance.seed,
            max_samples=int(longest_s(utterance.text) * _MAX_RATE),
        )
        if isolation == "fork":
            sound = say_in_child(folder.library, folder.data, words, timeout_s=self._timeout_s)
        else:
            sound = say(folder.library, folder.data, words)
        return _speech(sound, commands)

    def _check_thread(self) -> None:
        if self._owner[1] != threading.get_ident():
            raise EngineError(
                "the espeak engine was prepared in another thread, and its library knows no threads; use "
                "it from one thread, or make processes"
            )

    def self_test(self) -> SelfTest:
        """Say known utterances and compare them with what the recorded library said.

        Raises
        ------
        MissingExtraError, EngineError
            See `prepare`.
        """
        found = self._self_test_digests(SELF_TEST)
        again = self._self_test_digests(SELF_TEST[::-1])
        digest = hashlib.sha256("".join(found).encode()).hexdigest()
        return SelfTest(digest, REFERENCE, self._installation.library_sha256, found == again[::-1])

    def _self_test_digests(self, utterances: Sequence[Utterance]) -> list[str]:
        return [_digest(self.render(utterance)) for utterance in utterances]


def _with_commands(utterance: Utterance) -> tuple[str, list[tuple[int, int]]]:
    """Return the text with the marks as the library's commands, and place and length of each command."""
    parts: list[str] = []
    commands: list[tuple[int, int]] = []
    done = n_before = 0
    for mark in utterance.marks:
        command = f"\x01{mark.rate}S\x01{mark.pitch}P"
        commands.append((mark.position + n_before, len(command)))
        parts += (utterance.text[done : mark.position], command)
        done, n_before = mark.position, n_before + len(command)
    return "".join([*parts, utterance.text[done:]]), commands


def _without_commands(position: int, commands: Sequence[tuple[int, int]]) -> int:
    """Return the place in the plain text of a place in the text with commands."""
    return position - sum(min(length, position - start) for start, length in commands if start < position)


def _speech(sound: Sound, commands: Sequence[tuple[int, int]]) -> Speech:
    import numpy as np

    pcm = np.frombuffer(sound.samples, np.int16)
    return Speech(pcm, sound.sample_rate, _events(sound.events, len(pcm), commands))


def _events(structures: bytes, n_samples: int, commands: Sequence[tuple[int, int]]) -> tuple[Event, ...]:
    """Return the words and phones among the library's events."""
    found = []
    for kind, _, position, length, _, sample, content in _EVENT.iter_unpack(structures):
        if kind == _WORD:
            first = _without_commands(position - 1, commands)
            end = _without_commands(position - 1 + length, commands)
            found.append(Event("word", sample, "", first, end - first))
        elif kind == _PHONE:
            found.append(Event("phone", sample, _ipa(content), -1, 0))
    found.sort(key=_START)
    if found and not 0 <= found[0].start <= found[-1].start <= n_samples:
        found = [replace(event, start=min(max(event.start, 0), n_samples)) for event in found]
    return tuple(found)


@lru_cache(maxsize=4_096)
def _ipa(content: bytes) -> str:
    """Return a phone: of its 8 bytes, old ones stand behind the first NUL, and a character may be cut."""
    return content.partition(b"\0")[0].decode("utf-8", errors="ignore")


def _digest(speech: Speech) -> str:
    events = "".join(
        f"{event.kind} {event.start} {event.text} {event.position} {event.length}\n"
        for event in speech.events
    )
    content = speech.pcm.astype("<i2").tobytes() + f"{speech.sample_rate}\n{events}".encode()
    return hashlib.sha256(content).hexdigest()
