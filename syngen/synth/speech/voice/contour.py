"""The contour of pitch with which an engine says a text: measured, once for each pace.

Every text is said once more, by a voice that is nearly a sine: without formants, breath and flutter, so
that each of its periods is one of its zero crossings to the next. What the engine does with a text, in
which word its pitch is high and for how long, is then known before a speaker says it in a style.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from syngen.synth.speech.trajectories import is_voiced_phone

if TYPE_CHECKING:
    from syngen._typing import PcmArray
    from syngen.synth.speech.engines.base import Event, Speech, SpeechEngine, Utterance

__all__ = ["BASE_BELOW_LOW_HZ", "MIDDLE_COMMAND", "Contour", "Contours", "read_contour", "word_places"]

BASE_BELOW_LOW_HZ = 9
"""The engine's base lies so far below the first number of a line ``pitch``."""

MIDDLE_COMMAND = 50
"""The command for pitch that leaves the base as it is."""

# periods so short that none is missed, and so long that samples resolve them
_BASE_HZ, _WIDTH_HZ = 200, 200
_LOW_HZ = 9
"""The engine's base lies so far below the first number of a line ``pitch``."""

MIDDLE_COMMAND = 50
"""The command for pitch that leaves the base as it is."""

_BASE_HZ, _WIDTH_HZ = (
    200,
    200,
)  # periods so short that none is missed, and so long that samples resolve them
_LOW_HZ = _BASE_HZ + BASE_BELOW_LOW_HZ
_VARIANT = (
    f"language variant\npitch {_LOW_HZ} {_LOW_HZ + _WIDTH_HZ}\nflutter 0\nroughness 0\n"
    "formant 0 100 100 100\n" + "".join(f"formant {i} 100 0 100\n" for i in range(1, 9))
)
_LOWEST, _HIGHEST = -0.1, 1.6  # no voice of the engine leaves this; noise does
_STEADY = 0.05  # part by which a period differs at most from the one before
_FRAME_S = 0.01
_REACH_S = 0.1  # voiced noise, as in z, has the pitch of its neighbours
_MOST_TEXTS = 4_096


@dataclass(frozen=True, eq=False)
class Contour:
    """Where on its line an engine says the words of a text.

    Attributes
    ----------
    words : tuple of tuple of float
        For each word its frames of 10 ms in which the voice sounds: by how many spans of the line its
        pitch lies above the base. Empty for a word without voice and for one that is said with the word
        before it.
    """

    words: tuple[tuple[float, ...], ...]


class Contours:
    """Measures the contours of texts with an engine that speaks variants, and keeps the latest.

    Parameters
    ----------
    engine : SpeechEngine
    """

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine
        self._measured = lru_cache(maxsize=_MOST_TEXTS)(self._measure)

    def __call__(self, paced: Utterance) -> Contour:
        """Return the contour of a text at a pace.

        Parameters
        ----------
        paced : Utterance
            The text with its final sign, rate, gap, and a mark at every word: marks keep apart words that
            would be said as one.
        """
        return self._measured(paced)

    def _measure(self, paced: Utterance) -> Contour:
        return read_contour(self._engine.render(replace(paced, variant=_VARIANT)), paced.text)


def word_places(text: str) -> list[int]:
    """Return where the words of a text begin.

    Examples
    --------
    >>> word_places("Yes, we do.")
    [0, 5, 8]
    """
    return [found.start() for found in re.finditer(r"\S+", text)]


def read_contour(speech: Speech, text: str) -> Contour:
    """Return the contour of what the nearly sinusoidal voice said.

    Parameters
    ----------
    speech : Speech
    text : str
        What it was told.
    """
    places = word_places(text)
    words: list[list[float]] = [[] for _ in places]
    owners = _Owners(speech.events, places)
    middles, levels = _levels(speech.pcm, speech.sample_rate)
    step, reach = round(_FRAME_S * speech.sample_rate), _REACH_S * speech.sample_rate
    for sample in range(0, len(speech.pcm), step):
        word = owners.voiced_word(sample)
        if word >= 0 and middles:
            nearest = _nearest(middles, sample)
            if abs(middles[nearest] - sample) <= reach:
                words[word].append(levels[nearest])
    return Contour(tuple(map(tuple, words)))


def _nearest(places: list[float], sample: int) -> int:
    """Return the number of the place that is nearest to a sample."""
    after = min(bisect_left(places, sample), len(places) - 1)
    before = max(0, after - 1)
    return before if sample - places[before] < places[after] - sample else after


def _levels(pcm: PcmArray, sample_rate: int) -> tuple[list[float], list[float]]:
    """Return the middles of all steady periods, in samples, and their levels."""
    x = pcm.astype(np.float64)
    before = np.flatnonzero((x[:-1] < 0.0) & (x[1:] >= 0.0))
    low, high = x[before], x[before + 1]
    crossings = np.subtract(before, np.divide(low, np.subtract(high, low)))
    periods = np.subtract(crossings[1:], crossings[:-1]).tolist()
    middles, levels = [], []
    for i in range(1, len(periods)):
        level = (sample_rate / periods[i] - _BASE_HZ) / _WIDTH_HZ
        change = abs(periods[i] - periods[i - 1])
        if _LOWEST < level < _HIGHEST and change < _STEADY * periods[i]:
            middles.append(0.5 * float(crossings[i] + crossings[i + 1]))
            levels.append(level)
    return middles, levels


class _Owners:
    """Tells to which word of the text a sample of the speech belongs."""

    def __init__(self, events: tuple[Event, ...], places: list[int]) -> None:
        self._phones = [event.start for event in events if event.kind == "phone"]
        self._voiced = [is_voiced_phone(event.text) for event in events if event.kind == "phone"]
        words = [event for event in events if event.kind == "word"]
        self._words = [event.start for event in words]
        self._numbers = [bisect_right(places, event.position) - 1 for event in words]

    def voiced_word(self, sample: int) -> int:
        """Return the number of the word, -1 outside words and in phones without voice."""
        phone, word = bisect_right(self._phones, sample) - 1, bisect_right(self._words, sample) - 1
        return self._numbers[word] if phone >= 0 and word >= 0 and self._voiced[phone] else -1
