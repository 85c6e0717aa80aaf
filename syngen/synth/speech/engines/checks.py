"""What no engine can say, and what cannot be speech."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from syngen._values import is_whole
from syngen.errors import EngineError, ParameterError, suggestion

if TYPE_CHECKING:
    from syngen._typing import PcmArray

__all__ = [
    "MAX_CHARACTERS",
    "check_marks",
    "check_number",
    "check_speech",
    "check_text",
    "longest_s",
    "refuse_unknown_voice",
    "shown",
]

MAX_CHARACTERS = 2_000
"""Longest text of one utterance."""

_PLAIN = re.compile(r"[ !-%'-;=?-~]*")  # printable ASCII without the characters of markup
_MARKUP = "<>&"
_MIN_WORD_S = 0.02
_MAX_CHARACTER_S = 1.0
_MAX_START_S = 5.0


def check_number(name: str, value: object, bounds: tuple[int, int], text: str) -> None:
    """Refuse what is no whole number within bounds.

    Raises
    ------
    ParameterError
        Naming the number, the text that is to be spoken, and the bounds.
    """
    low, high = bounds
    if not is_whole(value, low, high):
        raise ParameterError(
            f"{name} {value!r} of {shown(text)}; {low} to {high}, a whole number, is needed"
        )


def check_marks(positions: Sequence[int], text: str) -> None:
    """Refuse marks that are not at the beginnings of words, each behind the one before.

    Raises
    ------
    ParameterError
        Naming the first position at fault.
    """
    starts = [found.start() for found in re.finditer(r"\S+", text)] if positions else []
    for position, before in zip(positions, [-1, *positions], strict=False):
        if position not in starts or position <= before:
            raise ParameterError(
                f"a mark at character {position} of {shown(text)}; words begin at "
                f"{', '.join(map(str, starts))}, and marks stand in their order"
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
