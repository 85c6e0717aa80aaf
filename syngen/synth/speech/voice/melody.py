"""Melody: how an engine is told a voice whose median pitch is the declared one, and the pitch of words.

espeak says a phrase on a line: a base in Hz plus a span in Hz times a number that runs over the phrase.
Where that number lies, how often, was measured once; so the median of what is heard is known before
anything is said, and base and commands are chosen for it.

Notes
-----
The numbers were measured on 100 texts (the grammars ``matrix-en`` and ``matrix-en-2``, and sentences) with
espeak-ng 1.52.0 and a voice without flutter, at frames of 10 ms; ``tests/benchmarks/speech_pitch.py``
compares declared with heard pitch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from syngen.elementary import exp2, log2
from syngen.synth.speech.engines.base import PITCHES
from syngen.synth.speech.voice.styles import Style

__all__ = ["Line", "ending_of", "line_of", "pitch_commands", "word_offsets"]

_MIDDLE_COMMAND = 50
_SEMITONES_PER_COMMAND = 0.2375  # of the base, not of the span
_BASE_BELOW_LOW_HZ = 9.0  # the engine's base lies so far below the first number of a line ``pitch``
_LOWEST_HZ = 10
_N_STEPS = 6  # towards the median of a text: each leaves about a fifth of the error


@dataclass(frozen=True)
class _Ending:
    """Where the number lies in phrases that end with one sign.

    Attributes
    ----------
    median : float
    quarters : tuple of tuple of float
        Quantiles .1, .3, .5, .7 and .9 in the four quarters of a phrase before its last word.
    last_word : tuple of float
        The same quantiles in the last word.
    """

    median: float
    quarters: tuple[tuple[float, ...], ...]
    last_word: tuple[float, ...]


_ENDINGS: Mapping[str, _Ending] = MappingProxyType(
    {
        ".": _Ending(
            0.828,
            (
                (0.74, 1.05, 1.09, 1.16, 1.23),
                (0.88, 0.95, 1.01, 1.06, 1.12),
                (0.73, 0.80, 0.86, 0.92, 0.98),
                (0.61, 0.67, 0.74, 0.79, 0.85),
            ),
            (0.24, 0.29, 0.44, 0.66, 0.80),
        ),
        "?": _Ending(
            0.765,
            (
                (0.73, 0.99, 1.02, 1.09, 1.16),
                (0.75, 0.81, 0.89, 0.95, 1.02),
                (0.54, 0.59, 0.67, 0.73, 0.82),
                (0.58, 0.65, 0.70, 0.76, 0.83),
            ),
            (0.30, 0.45, 0.62, 0.80, 0.92),
        ),
        "!": _Ending(
            0.903,
            (
                (0.74, 1.17, 1.22, 1.29, 1.36),
                (0.87, 0.95, 1.04, 1.09, 1.21),
                (0.60, 0.69, 0.76, 0.83, 0.95),
                (0.65, 0.74, 0.80, 0.86, 0.93),
            ),
            (0.23, 0.39, 0.87, 1.09, 1.17),
        ),
        ",": _Ending(
            0.798,
            (
                (0.74, 1.05, 1.09, 1.16, 1.23),
                (0.86, 0.93, 0.99, 1.05, 1.09),
                (0.69, 0.76, 0.82, 0.89, 0.94),
                (0.56, 0.62, 0.69, 0.75, 0.79),
            ),
            (0.30, 0.43, 0.54, 0.67, 0.83),
        ),
    }
)
_LOWEST, _HIGHEST = 0.26, 1.175  # its 5th and 95th percentile in statements


@dataclass(frozen=True)
class Line:
    """The line on which an engine says a phrase, as its variants state it.

    Attributes
    ----------
    low_hz, high_hz : int
        The two numbers of a line ``pitch``.
    share : float
        Part of the median pitch that the span makes, 0 to 1; the base makes the rest.
    """

    low_hz: int
    high_hz: int
    share: float


def ending_of(text: str) -> str:
    """Return the sign that decides how a text ends in pitch: ``.``, ``?``, ``!`` or ``,``.

    Examples
    --------
    >>> ending_of("Who was that?"), ending_of('He said: "Go!"'), ending_of("yes")
    ('?', '!', '.')
    """
    sign = text.rstrip(" \t\n\"')]")[-1:]
    return sign if sign in _ENDINGS else "."


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
    middle, statement = _ENDINGS[ending].median, _ENDINGS["."].median
    ratio = float(exp2(span_st / 12.0))
    span = median_hz * (ratio - 1.0) / ((_HIGHEST - statement) + ratio * (statement - _LOWEST))

    def low_of(width: int) -> int:
        return max(_LOWEST_HZ, round(median_hz + _BASE_BELOW_LOW_HZ - middle * width))

    def miss(width: int) -> float:
        # of two that are equally near, the one with the span that was asked for
        return abs(low_of(width) - _BASE_BELOW_LOW_HZ + middle * width - median_hz) + 0.02 * abs(
            width - span
        )

    narrowest = max(1, round(span) - 1)
    width = min(range(narrowest, max(1, round(span)) + 2), key=miss)
    low = low_of(width)
    base, risen = low - _BASE_BELOW_LOW_HZ, middle * width
    return Line(low, low + width, risen / (base + risen))


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
    text: str, offsets: Sequence[float], lengths: Sequence[float], *, share: float
) -> list[int]:
    """Return the engine's command for the pitch of each word.

    Parameters
    ----------
    text : str
    offsets : sequence of float
        Semitones by which each word is above or below where it would be.
    lengths : sequence of float
        Factors on the length of each word.
    share : float
        See `Line`.

    Returns
    -------
    list of int
        Words differ as the offsets say, to a tenth of a semitone, and the median over the text stays.
    """
    ending = _ENDINGS[ending_of(text)]
    words = re.findall(r"\S+", text)
    last = len(words) - 1
    runs = [ending.quarters[min(3, int(4 * i / last + 0.5))] for i in range(last)] + [ending.last_word]
    levels = [[share * x / ending.median for x in run] for run in runs]
    # the last word is drawn out, by about as much as three letters last
    weights = [
        length * (len([c for c in word if c.isalpha()]) + (3.5 if i == last else 1.0))
        for i, (word, length) in enumerate(zip(words, lengths, strict=True))
    ]

    def median(shift: float, moved: Sequence[float]) -> float:
        frames = [
            ((1.0 - share) * _base_gain(offset + shift, level[2], share) + x, weight)
            for offset, level, weight in zip(moved, levels, weights, strict=True)
            for x in level
        ]
        return _weighted_median(frames)

    wanted = median(0.0, [0.0] * len(words))
    shift = 0.0
    for _ in range(_N_STEPS):
        shift -= 12.0 * float(log2(median(shift, offsets) / wanted))
    return [
        _command(_base_gain(offset + shift, level[2], share))
        for offset, level in zip(offsets, levels, strict=True)
    ]


def _base_gain(semitones: float, level: float, share: float) -> float:
    """Return the factor on the base that moves base and span together by some semitones."""
    factor = float(exp2(semitones / 12.0))
    gain = factor + (factor - 1.0) * level / (1.0 - share)
    low, high = (_gain_of(command) for command in PITCHES)
    return min(high, max(low, gain))


def _gain_of(command: int) -> float:
    return float(exp2((command - _MIDDLE_COMMAND) * _SEMITONES_PER_COMMAND / 12.0))


def _command(gain: float) -> int:
    low, high = PITCHES
    return min(high, max(low, round(_MIDDLE_COMMAND + 12.0 * float(log2(gain)) / _SEMITONES_PER_COMMAND)))


def _weighted_median(frames: list[tuple[float, float]]) -> float:
    """Return the least value that half of the weight does not exceed."""
    frames.sort()
    half = 0.0
    for _, weight in frames:
        half += 0.5 * weight
    passed = 0.0
    for value, weight in frames:
        passed += weight
        if passed >= half:
            return value
    return frames[-1][0]
