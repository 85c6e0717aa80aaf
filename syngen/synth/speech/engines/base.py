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

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from syngen.errors import EngineError, ParameterError, suggestion

if TYPE_CHECKING:
    from syngen._typing import Json, PcmArray

__all__ = [
    "MAX_CHARACTERS",
    "EngineSettings",
    "Event",
    "Speech",
    "SpeechEngine",
    "Utterance",
    "Voice",
    "check_speech",
    "check_text",
    "check_utterance",
    "longest_s",
    "refuse_unknown_voice",
    "shown",
]

MAX_CHARACTERS = 2_000
"""Longest text of one utterance."""

RATES = (80, 449)  # at 450 espeak speeds up what it has spoken, and its events no longer fit
GAPS = (0, 100)
SEEDS = (0, 2**31 - 1)

_PLAIN = re.compile(r"[ !-%'-;=?-~]*")  # printable ASCII without the characters of markup
_MARKUP = "<>&"
_MIN_WORD_S = 0.02
_MAX_CHARACTER_S = 1.0
_MAX_START_S = 5.0


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
    """

    text: str
    voice: str = ""
    variant: str = ""
    rate: int = 165
    gap: int = 0
    seed: int = 1


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
        check_utterance(utterance)
        if not self.speaks_variants and (utterance.variant or utterance.gap):
            what = "voice variants" if utterance.variant else "gaps between words"
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


def check_utterance(utterance: Utterance) -> None:
    """Refuse a text or a number that no engine can speak.

    Raises
    ------
    ParameterError
        With what is wrong and what would be right.
    """
    check_text(utterance.text)
    for name, (low, high) in {"rate": RATES, "gap": GAPS, "seed": SEEDS}.items():
        value = getattr(utterance, name)
        if not isinstance(value, int) or not low <= value <= high:
            raise ParameterError(
                f"{name} {value!r} of {shown(utterance.text)}; {low} to {high}, a whole number, is needed"
            )


def check_text(text: str) -> None:
    """Refuse a text that cannot be spoken as it stands.

    Spoken are Latin letters, the digits 0 to 9, punctuation and spaces. Everything else an engine would
    drop, read by the name of the character, or take for markup or a command.

    Raises
    ------
    ParameterError
        With the first character at fault, its position counted from 1, and the remedy.

    Examples
    --------
    >>> check_text("Where is it?")
    >>> check_text("fish & chips")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    syngen.errors.ParameterError: character 6 of 'fish & chips' is '&', which engines take for markup...
    """
    if len(text) > MAX_CHARACTERS:
        raise ParameterError(
            f"a text of {len(text):,} characters ({shown(text)}) is too long: at most {MAX_CHARACTERS:,} "
            "are spoken as one utterance; split it"
        )
    if not text.strip():
        raise ParameterError("an empty text cannot be spoken; give at least one word")
    plain = _PLAIN.match(text)
    start = plain.end() if plain else 0
    for position, character in enumerate(text[start:], start + 1):
        fault = _fault(character)
        if fault:
            raise ParameterError(f"character {position} of {shown(text)} is {fault}")
    if not any(character.isalnum() for character in text):
        raise ParameterError(f"{shown(text)} has no letter and no digit to speak; give at least one word")


def _fault(character: str) -> str:
    """Return why a character cannot be spoken and what to do about it, or an empty string."""
    category = unicodedata.category(character)
    name = f"U+{ord(character):04X}"
    if character in _MARKUP:
        return f"{character!r}, which engines take for markup; write the word for it"
    if category in ("Cc", "Cf", "Zl", "Zp"):
        return f"{name}, a control or format character; remove it, or write a space"
    if category in ("Cs", "Co", "Cn"):
        return f"{name}, which is no character of any script; remove it"
    if category == "So":
        return f"{name} ({character}), a symbol without a pronunciation; remove it, or write words"
    if category.startswith("M"):
        return f"{name}, a combining mark; write the letter and its accent as one character (Unicode NFC)"
    if category.startswith("N") and not character.isascii():
        return f"{name} ({character}), a number that is not 0 to 9; spell it out"
    if category.startswith("L") and not unicodedata.name(character, "").startswith("LATIN "):
        return f"{name} ({character}), a letter outside the Latin script; write it in Latin letters"
    return ""


def longest_s(text: str) -> float:
    """Return the duration in seconds beyond which audio cannot be a sane rendering of a text.

    Examples
    --------
    >>> longest_s("one two")
    12.0
    """
    return _MAX_START_S + _MAX_CHARACTER_S * len(text)


def check_speech(pcm: PcmArray, sample_rate: int, text: str) -> None:
    """Refuse output of an engine that cannot be the speech of a text.

    That is: no samples, all samples equal, less than 20 ms a word, more than 5 s and 1 s a character.

    Raises
    ------
    EngineError
        Naming the text.
    """
    if sample_rate <= 0:
        raise EngineError(f"the engine returned a sample rate of {sample_rate} Hz for {shown(text)}")
    if len(pcm) == 0:
        raise EngineError(f"the engine returned no samples for {shown(text)}")
    if pcm.min() == pcm.max():
        raise EngineError(f"the engine returned silence for {shown(text)}")
    duration = len(pcm) / sample_rate
    shortest, longest = _MIN_WORD_S * len(text.split()), longest_s(text)
    if not shortest <= duration <= longest:
        raise EngineError(
            f"the engine returned {duration:.3g} s of audio for {shown(text)}: between {shortest:.3g} and "
            f"{longest:.3g} s would be speech"
        )


def refuse_unknown_voice(engine: str, voice: str, names: Iterable[str]) -> None:
    """Refuse a voice that is not among the names of an engine's voices.

    Raises
    ------
    EngineError
        With the nearest name.
    """
    options = tuple(names)
    if voice not in options:
        raise EngineError(
            f"the engine {engine!r} has no voice {voice!r}{suggestion(voice, options)}; "
            "syngen voices lists what there is"
        )


def shown(text: str) -> str:
    """Return a text as messages quote it, shortened and without control characters.

    Examples
    --------
    >>> shown("one two three four five six seven eight nine ten")
    "'one two three four five six seven eight...'"
    """
    return ascii(text if len(text) <= 40 else text[:39] + "...")
