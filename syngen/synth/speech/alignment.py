"""Where words and phones are: from the events of an engine to spans that cover the waveform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from syngen.dsp.resampling import resampled_position
from syngen.synth.plugin import Span
from syngen.synth.speech.engines.base import Event, Speech

__all__ = ["spans_of"]

_AROUND_WORDS = " .,;:!?\"()-'"
_QUIET = 100  # a pause is so many times softer than the loudest sample; those of espeak are zero


def spans_of(
    speech: Speech, text: str, *, sample_rate: int, start: int, n_samples: int
) -> tuple[tuple[Span, ...], int, int]:
    """Return words and phones of an utterance in samples of the output.

    Parameters
    ----------
    speech : Speech
        What the engine said, and when.
    text : str
        What it was told.
    sample_rate : int
        Of the output.
    start : int
        Sample of the output at which the engine's first one stands.
    n_samples : int
        Length of the output; what lies beyond is cut off.

    Returns
    -------
    spans : tuple of Span
        Words, then phones; each kind covers 0 to `n_samples` without a gap, with empty texts for silence.
        An engine that tells nothing gives one span of each: its whole speech.
    first, last : int
        Where the first phone starts, and the last one ends.

    Notes
    -----
    A word reaches from its first phone to the end of its last: engines announce a word up to 50 ms before
    it is heard. Words that an engine says as one, such as "in the", are one span. The letters are those
    from the word's place in the text to that of the next, because the lengths that engines tell leave out
    the second half of contractions. A phone without a name that can be heard, as espeak's glide from one
    vowel to the next, belongs to the phone before it.
    """
    places = [event.position for event in speech.events if event.kind == "word"]
    ends = dict(zip(places, [*places, len(text)][1:], strict=True))
    length = _position(len(speech.pcm), speech.sample_rate, sample_rate) + start
    phones: list[tuple[int, str]] = []
    words: list[tuple[int, str]] = []
    announced: str | None = None
    for event in _without_glides(speech):
        if event.kind == "word":
            announced = text[event.position : ends[event.position]].strip(_AROUND_WORDS)
            continue
        place = _position(event.start, speech.sample_rate, sample_rate) + start
        phones.append((place, event.text))
        if not event.text:
            words.append((place, ""))
        elif announced is not None:
            words.append((place, announced))
            announced = None
        elif words and not words[-1][1]:
            words.append((place, _last_word(words)))
    if not phones:
        phones, words = [(start, text)], [(start, text)]
    spans = (
        *_covering("word", words, length, n_samples),
        *_covering("phone", phones, length, n_samples),
    )
    heard = [span for span in spans if span.kind == "phone" and span.text]
    return spans, (heard[0].start if heard else 0), (heard[-1].end if heard else 0)


def _without_glides(speech: Speech) -> Iterator[Event]:
    """Yield the events but those of phones that have no name and are no pauses."""
    starts = [*(event.start for event in speech.events if event.kind == "phone"), len(speech.pcm)]
    ends = iter(starts[1:])
    loudest = _peak(speech, 0, len(speech.pcm))
    for event in speech.events:
        if event.kind == "phone":
            end = next(ends)
            margin = (
                end - event.start
            ) // 4  # what is left of the phone before, and of the next one's onset
            if not event.text and _QUIET * _peak(speech, event.start + margin, end - margin) > loudest:
                continue
        yield event


def _peak(speech: Speech, start: int, end: int) -> int:
    part = speech.pcm[start:end]
    return max(int(part.max()), -int(part.min())) if len(part) else 0


def _position(sample: int, rate_in: int, rate_out: int) -> int:
    return resampled_position(sample, rate_in, rate_out)


def _last_word(words: Sequence[tuple[int, str]]) -> str:
    """Return the word that a pause interrupts."""
    return next((word for _, word in reversed(words) if word), "")


def _covering(kind: str, marks: Sequence[tuple[int, str]], length: int, n_samples: int) -> list[Span]:
    """Return spans from 0 to `n_samples`: silence before the first mark and after `length`."""
    starts = [(0, ""), *marks, (length, "")]
    ends = [*(place for place, _ in starts[1:]), n_samples]
    spans: list[Span] = []
    for (place, label), next_place in zip(starts, ends, strict=True):
        begin, end = min(place, n_samples), min(next_place, n_samples)
        if end <= begin:
            continue
        if spans and not label and not spans[-1].text:
            spans[-1] = Span(kind, "", spans[-1].start, end)  # type: ignore[arg-type]
        else:
            spans.append(Span(kind, label, begin, end))  # type: ignore[arg-type]
    return spans
