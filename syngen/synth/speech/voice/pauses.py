"""The silences between words, brought to the lengths that are declared.

An engine's pauses follow its pace, in steps of 10 ms: it is only asked where they are. And it makes one of
its own wherever pace or pitch are told anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from syngen.synth.speech.engines.base import Event, Mark, Speech

if TYPE_CHECKING:
    from syngen._typing import PcmArray

__all__ = ["ENGINE_GAP", "with_pauses", "without_pauses_of_marks"]

ENGINE_GAP = 1
"""What an engine is told as `Utterance.gap`, so that it pauses after every word."""

_LONGEST_GAP_S = 0.04  # of that gap, at the slowest pace; the pauses of commas and brackets are longer


class _Silence(NamedTuple):
    """A stretch of samples, and how many it shall have."""

    start: int
    end: int
    length: int


def with_pauses(speech: Speech, pause_s: float) -> Speech:
    """Return speech whose words have pauses of one length after them.

    Parameters
    ----------
    speech : Speech
        Of an engine that was told `ENGINE_GAP`, and whose pauses are digital silence.
    pause_s : float
        In seconds; 0 or more.

    Returns
    -------
    Speech
        Pauses that the text has of its own, as that of a comma, are there beside them.
    """
    length = round(pause_s * speech.sample_rate)
    return _with_lengths(speech, [_Silence(*gap, length) for gap in _gaps(speech)])


def without_pauses_of_marks(speech: Speech, marks: Sequence[Mark]) -> Speech:
    """Return speech without the pauses that espeak makes where pace or pitch are told anew.

    Parameters
    ----------
    speech : Speech
        Of an engine whose pauses are digital silence.
    marks : sequence of Mark
        What it was told.

    Notes
    -----
    They last 10 ms at the engine's nominal pace, and 5 ms or more (measured with espeak-ng 1.52.0 from 80
    to 449 words a minute; whole milliseconds).
    """
    rates = {mark.position: mark.rate for mark in marks if mark.position > 0}
    cut: list[_Silence] = []
    for word, place in _first_phones(speech):
        if word.position in rates:
            longest = max(5, int(2382.0 / rates[word.position] - 6.1)) * speech.sample_rate // 1000
            start = max(place - longest, cut[-1].end if cut else 0)
            sounds = np.flatnonzero(speech.pcm[start:place])
            if len(sounds):
                start += int(sounds[-1]) + 1
            cut.append(_Silence(start, place, 0))
    return _with_lengths(speech, cut)


def _with_lengths(speech: Speech, silences: Sequence[_Silence]) -> Speech:
    """Return speech in which some silences, in the order of time, have other lengths."""
    parts: list[PcmArray] = []
    done = 0
    for start, end, length in silences:
        parts += (speech.pcm[done:start], np.zeros(length, dtype=np.int16))
        done = end
    pcm = np.concatenate([*parts, speech.pcm[done:]])
    events = (replace(event, start=_moved(event.start, silences)) for event in speech.events)
    return Speech(pcm, speech.sample_rate, tuple(events))


def _moved(place: int, silences: Sequence[_Silence]) -> int:
    """Return where a sample is afterwards; one inside a silence stays as far from its end."""
    shift = 0
    for start, end, length in silences:
        if place <= start:
            break
        if place < end:
            return max(start + shift, place + shift + length - (end - start))
        shift += length - (end - start)
    return place + shift


def _first_phones(speech: Speech) -> Iterator[tuple[Event, int]]:
    """Yield every word that an engine announces with the start of its first phone."""
    word: Event | None = None
    for event in speech.events:
        if event.kind == "word":
            word = event
        elif event.text and word is not None:
            yield word, event.start
            word = None


def _gaps(speech: Speech) -> Iterator[tuple[int, int]]:
    """Yield start and end of the engine's gap after every word."""
    words = [event.start for event in speech.events if event.kind == "word"]
    longest = _LONGEST_GAP_S * speech.sample_rate
    for run in _runs(speech):
        start, end = run[0][0], run[-1][1]
        if end == len(speech.pcm) or any(start <= word <= end for word in words):
            yield next((gap for gap in run if 0 < gap[1] - gap[0] <= longest), run[0])


def _runs(speech: Speech) -> Iterator[list[tuple[int, int]]]:
    """Yield start and end of the pauses after phones, those together that follow one another."""
    phones = [event for event in speech.events if event.kind == "phone"]
    ends = [*(event.start for event in phones[1:]), len(speech.pcm)]
    run: list[tuple[int, int]] = []
    has_spoken = False
    for phone, end in zip(phones, ends, strict=True):
        if phone.text or speech.pcm[phone.start : end].any():  # without a name: a glide
            if run:
                yield run
            run, has_spoken = [], True
        elif has_spoken:
            run.append((phone.start, end))
    if run:
        yield run
