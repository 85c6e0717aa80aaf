"""What a speech engine is: the classes that it subclasses, receives and returns, and what is refused.

An engine of your own is one class and one entry point::

    class Robot(SpeechEngine):
        name = "robot"
        is_exact = False

        def version(self):
            return {"engine": self.name, "version": "1"}

        def voices(self):
            return (Voice("marvin", "en", ""),)

        def speak(self, utterance):
            return Speech(my_program(utterance.text), 22_050)

and in its ``pyproject.toml``::

    [project.entry-points."syngen.speech_engines"]
    robot = "syngen_robot:Robot"
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from syngen.errors import EngineError
from syngen.synth.speech.engines.checks import check_marks, check_number, check_speech, check_text

if TYPE_CHECKING:
    from syngen._typing import Json, PcmArray

__all__ = [
    "EngineSettings",
    "Event",
    "Mark",
    "Speech",
    "SpeechEngine",
    "Utterance",
    "Voice",
]

RATES = (80, 449)  # at 450 espeak speeds up what it has spoken, and its events no longer fit
GAPS = (0, 100)
PITCHES = (0, 99)
SEEDS = (0, 2**31 - 1)


@dataclass(frozen=True)
class Mark:
    """A change of pace and pitch in the middle of an utterance, of engines that speak variants.

    Attributes
    ----------
    position : int
        Character of the text from which on it holds, counted from 0; the first one of a word.
    rate : int
        Words per minute, 80 to 449.
    pitch : int
        0 to 99; 50 is that of the variant, and 5 more are about a semitone.
    """

    position: int
    rate: int
    pitch: int


@dataclass(frozen=True)
class Utterance:
    """Everything an engine is told about one utterance.

    Attributes
    ----------
    text : str
    voice : str
        One of the engine's voices; empty for its default.
    variant : str
        Of engines that speak variants: the lines of an espeak voice variant without its ``name``, each
        ended by a newline; empty for none.
    rate : int
        Words per minute, 80 to 449.
    gap : int
        Of engines that speak variants: pause between words in steps of 10 ms, 0 to 100.
    seed : int
        Of what is random in an exact engine, 0 to 2^31 - 1; in espeak that is the noise of a breathy
        variant alone.
    marks : tuple of Mark
        Of engines that speak variants; in the order of their positions.
    """

    text: str
    voice: str = ""
    variant: str = ""
    rate: int = 165
    gap: int = 0
    seed: int = 1
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Event:
    """Where in the speech a word or a phone begins.

    Attributes
    ----------
    kind : {"word", "phone"}
    start : int
        Sample of the engine's output, 0 to its length.
    text : str
        IPA of a phone, empty for a pause; empty for a word.
    position : int
        First character of a word, counted from 0; -1 for a phone.
    length : int
        Characters of a word; 0 for a phone.
    """

    kind: Literal["word", "phone"]
    start: int
    text: str
    position: int
    length: int


@dataclass(frozen=True, eq=False)
class Speech:
    """What an engine said.

    Attributes
    ----------
    pcm : ndarray of int16, shape (n,)
    sample_rate : int
        Samples per second.
    events : tuple of Event
        Sorted by start; empty for an engine that tells nothing.
    """

    pcm: PcmArray
    sample_rate: int
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Voice:
    """A voice of an engine.

    Attributes
    ----------
    name : str
        What `Utterance.voice` takes.
    language, gender : str
        Empty where the engine does not say.
    """

    name: str
    language: str = ""
    gender: str = ""


@dataclass(frozen=True)
class EngineSettings:
    """What a user tells an engine; each takes what concerns it.

    Attributes
    ----------
    command : tuple of str
        Program and arguments of the engine ``command``.
    allowed_programs : frozenset of str
        Programs that the user, not the recipe, allows to be run.
    voices : tuple of str
        Voices of that program, the first being its default.
    timeout_s : float
        Longest time for one utterance, of engines that run a program of their own.
    """

    command: tuple[str, ...] = ()
    allowed_programs: frozenset[str] = frozenset()
    voices: tuple[str, ...] = ()
    timeout_s: float = 60.0


class SpeechEngine(ABC):
    """Turns text into speech. Subclass it and register the class by entry point.

    Made by `create`, which touches nothing; then `prepare`, any number of `render`, `close`. It may be
    used as a context manager.
    """

    name: ClassVar[str]
    is_exact: ClassVar[bool]
    """Whether the same utterance always gives the same samples."""
    speaks_variants: ClassVar[bool] = False
    """Whether it honours `Utterance.variant` and `Utterance.gap`; they are refused where it does not."""

    @classmethod
    def create(cls, settings: EngineSettings) -> Self:
        """Return an engine with the settings of a user."""
        return cls()

    @abstractmethod
    def version(self) -> Json:
        """Return what decides the sound, for the fingerprint: versions and hashes of program and data.

        Raises
        ------
        MissingExtraError
            If the program is not installed.
        EngineError
            If it cannot be used.
        """

    @abstractmethod
    def voices(self) -> tuple[Voice, ...]:
        """Return the voices that an utterance may ask for."""

    @abstractmethod
    def speak(self, utterance: Utterance) -> Speech:
        """Say an utterance that was checked; called by `render`, which checks the result too."""

    def prepare(self) -> None:  # noqa: B027  # most engines need none
        """Start whatever is needed, in the process that will render."""

    def close(self) -> None:  # noqa: B027  # most engines need none
        """End what `prepare` started; the engine may be prepared again."""

    def render(self, utterance: Utterance) -> Speech:
        """Say one utterance.

        Raises
        ------
        ParameterError
            If the utterance has a text or a number that nothing can speak.
        EngineError
            If the engine has no such voice, fails, or returns something that cannot be speech.
        """
        _check(utterance)
        if not self.speaks_variants and (utterance.variant or utterance.gap or utterance.marks):
            what = "voice variants" if utterance.variant else "gaps between words and marks"
            raise EngineError(
                f"the engine {self.name!r} has no {what}; leave them out, or use the engine 'espeak'"
            )
        speech = self.speak(utterance)
        check_speech(speech.pcm, speech.sample_rate, utterance.text)
        return speech

    def __enter__(self) -> Self:
        self.prepare()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _check(utterance: Utterance) -> None:
    text = utterance.text
    check_text(text)
    check_number("rate", utterance.rate, RATES, text)
    check_number("gap", utterance.gap, GAPS, text)
    check_number("seed", utterance.seed, SEEDS, text)
    check_marks([mark.position for mark in utterance.marks], text)
    for mark in utterance.marks:
        check_number("rate of a mark", mark.rate, RATES, text)
        check_number("pitch of a mark", mark.pitch, PITCHES, text)
