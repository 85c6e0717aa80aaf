"""Melody: how an engine is told a voice whose median pitch is the declared one, and the pitch of words.

espeak says a phrase on a line: a base in Hz plus a span in Hz times a number that runs over the phrase.
How that number is distributed over statements, questions and so on was measured once; from it the line of
a voice follows. A style that moves words, or widens the line, is told by commands at the words, which are
chosen for the contour of the very text (see `syngen.synth.speech.voice.contour`), so that the median over
its voiced frames is the declared one.

Notes
-----
The distributions were measured on 100 texts (the grammars ``matrix-en`` and ``matrix-en-2``, and sentences)
with espeak-ng 1.52.0 and a voice without flutter, at frames of 10 ms; ``tests/benchmarks/speech_pitch.py``
compares declared with heard pitch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from syngen.elementary import exp2, log2
from syngen.synth.speech.engines.base import PITCHES
from syngen.synth.speech.voice.contour import BASE_BELOW_LOW_HZ, MIDDLE_COMMAND, Contour
from syngen.synth.speech.voice.styles import Style

__all__ = ["Line", "ending_of", "line_of", "pitch_commands", "word_offsets"]

_SEMITONES_PER_COMMAND = 0.24  # of the base, not of the span
_LOWEST_HZ = 10
_MEDIANS: Mapping[str, float] = MappingProxyType({".": 0.828, "?": 0.765, "!": 0.903, ",": 0.798})
_LOWEST, _HIGHEST = 0.26, 1.175  # the 5th and 95th percentile in statements
_LARGEST_SHIFT = 48.0  # semitones
_N_HALVINGS = 13
_ROUNDINGS = (0.0, -0.06, 0.06, -0.12, 0.12)  # semitones: less than a command


@dataclass(frozen=True)
class Line:
    """The line on which an engine says a phrase, as its variants state it.

    Attributes
    ----------
    low_hz, high_hz : int
        The two numbers of a line ``pitch``.
    """

    low_hz: int
    high_hz: int

    @property
    def base_hz(self) -> int:
        """What commands multiply."""
        return self.low_hz - BASE_BELOW_LOW_HZ

    @property
    def span_hz(self) -> int:
        """What is added to the base where the contour is 1."""
        return self.high_hz - self.low_hz


def ending_of(text: str) -> str:
    """Return the sign that decides how a text ends in pitch: ``.``, ``?``, ``!`` or ``,``.

    Examples
    --------
    >>> ending_of("Who was that?"), ending_of('He said: "Go!"'), ending_of("yes")
    ('?', '!', '.')
    """
    sign = text.rstrip(" \t\n\"')]")[-1:]
    return sign if sign in _MEDIANS else "."


def line_of(median_hz: float, span_st: float, *, ending: str) -> Line:
    """Return the line whose median over time is the one wanted.

    Parameters
    ----------
    median_hz : float
        20 or more.
    span_st : float
        From the 5th to the 95th percentile of pitch in statements, in semitones; 0 or more.
    ending : {".", "?", "!", ","}

    Returns
    -------
    Line
        Of the whole numbers near the wanted ones those whose median is nearest to it.
    """
    middle, statement = _MEDIANS[ending], _MEDIANS["."]
    ratio = float(exp2(span_st / 12.0))
    span = median_hz * (ratio - 1.0) / ((_HIGHEST - statement) + ratio * (statement - _LOWEST))

    def low_of(width: int) -> int:
        return max(_LOWEST_HZ, round(median_hz + BASE_BELOW_LOW_HZ - middle * width))

    def miss(width: int) -> float:
        # of two that are equally near, the one with the span that was asked for
        return abs(low_of(width) - BASE_BELOW_LOW_HZ + middle * width - median_hz) + 0.02 * abs(
            width - span
        )

    narrowest = max(1, round(span) - 1)
    width = min(range(narrowest, max(1, round(span)) + 2), key=miss)
    low = low_of(width)
    return Line(low, low + width)


def word_offsets(n_words: int, style: Style) -> list[float]:
    """Return by how many semitones a style moves each word, before the median is kept."""
    last = n_words - 1
    offsets = []
    for i in range(n_words):
        part = i / last - 0.5 if last else 0.0  # -1/2 at the first word, 1/2 at the last
        offset = (style.alternating_pitch if i % 2 else 0.0) - style.declination * part
        offsets.append(offset + style.final_pitch if i == last else offset)
    return offsets


def pitch_commands(
    contour: Contour, offsets: Sequence[float], *, line: Line, median_hz: float
) -> list[int]:
    """Return the engine's command for the pitch of each word.

    Parameters
    ----------
    contour : Contour
        Of the text.
    offsets : sequence of float
        Semitones by which each word is above or below where it would be.
    line : Line
        On which the text is said.
    median_hz : float
        Median over the voiced frames of the text that is wanted.

    Returns
    -------
    list of int
        Words differ as the offsets say, as far as commands go, and the median is the one wanted.
    """
    everywhere = [level for word in contour.words for level in word]
    if not everywhere:  # nothing in the text has a voice
        return [MIDDLE_COMMAND] * len(offsets)
    usual = _median(everywhere)
    middles = [_median(word) if word else usual for word in contour.words]

    def commands(shift: float) -> list[int]:
        gains = (_gain(o + shift, middle, line) for o, middle in zip(offsets, middles, strict=True))
        return [_command(gain) for gain in gains]

    def miss(gains: Sequence[float]) -> float:
        frames = [
            line.base_hz * gain + line.span_hz * level
            for gain, word in zip(gains, contour.words, strict=True)
            for level in word
        ]
        return _median(frames) - median_hz

    def miss_of_commands(shift: float) -> float:
        return abs(miss([_gain_of(command) for command in commands(shift)]))

    low, high = -_LARGEST_SHIFT, _LARGEST_SHIFT
    for _ in range(_N_HALVINGS):
        shift = 0.5 * (low + high)
        gains = [_gain(o + shift, middle, line) for o, middle in zip(offsets, middles, strict=True)]
        low, high = (shift, high) if miss(gains) < 0.0 else (low, shift)
    return commands(min((0.5 * (low + high) + x for x in _ROUNDINGS), key=miss_of_commands))


def _gain(semitones: float, level: float, line: Line) -> float:
    """Return the factor on the base, within what commands can tell, that moves base and span together."""
    factor = float(exp2(semitones / 12.0))
    gain = factor + (factor - 1.0) * level * line.span_hz / line.base_hz
    low, high = PITCHES
    return min(_gain_of(high), max(_gain_of(low), gain))


def _gain_of(command: int) -> float:
    return float(exp2((command - MIDDLE_COMMAND) * _SEMITONES_PER_COMMAND / 12.0))


def _command(gain: float) -> int:
    low, high = PITCHES
    return min(high, max(low, round(MIDDLE_COMMAND + 12.0 * float(log2(gain)) / _SEMITONES_PER_COMMAND)))


def _median(values: Sequence[float]) -> float:
    """Return the least value that half of the values do not exceed."""
    return sorted(values)[(len(values) - 1) // 2]
