"""Pauses: as long as declared, wherever they are, and nothing else is moved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from syngen.synth.speech.alignment import spans_of
from syngen.synth.speech.engines.base import Event, Mark, Speech
from syngen.synth.speech.engines.espeak import EspeakEngine
from syngen.synth.speech.text.texts import grammar_texts
from syngen.synth.speech.voice.contour import Contours
from syngen.synth.speech.voice.engine_parameters import utterance_of
from syngen.synth.speech.voice.pauses import with_pauses, without_pauses_of_marks
from syngen.synth.speech.voice.speakers import find_speaker
from syngen.synth.speech.voice.styles import Style

SPEAKERS = [find_speaker(name) for name in ("s55-f0000", "s55-m0000", "s55-m0001")]
TEXTS = [
    *(str(text) for text in grammar_texts("matrix-en", count=6, seed=78)),
    "Put the box of ice-cream in the U.S. mail (today), don't wait: we'll see twenty-one of 'them'.",
    "Is it so? Yes, it is.",
    "Tea.",
]


@pytest.fixture(scope="module")
def engine() -> Iterator[EspeakEngine]:
    with EspeakEngine() as engine:
        yield engine


def said(engine: EspeakEngine, text: str, style: Style, i: int) -> Speech:
    return engine.render(
        utterance_of(text, style, seed=1, speaker=SPEAKERS[i % 3], voice="", contour_of=Contours(engine))
    )


def pauses_s(speech: Speech, text: str) -> list[float]:
    """Lengths of the pauses between words and at the end, in seconds."""
    rate, n = speech.sample_rate, len(speech.pcm)
    spans, *_ = spans_of(speech, text, sample_rate=rate, start=0, n_samples=n)
    return [(s.end - s.start) / rate for s in spans if s.kind == "word" and not s.text and s.start]


@pytest.mark.parametrize("other", [Style(), Style(slowing=1.3), Style(tempo=0.6), Style(tempo=2.0)])
def test_every_word_is_followed_by_a_pause_of_the_length_declared(
    engine: EspeakEngine, other: Style
) -> None:
    for i, text in enumerate(TEXTS[:6]):
        for wanted in (0.004, 0.03, 0.05, 0.3, 1.0):
            style = Style(pauses=wanted, tempo=other.tempo, slowing=other.slowing)
            speech = with_pauses(said(engine, text, style, i), wanted)
            inner = pauses_s(
                speech,
                utterance_of(text, style, seed=1, speaker=None, voice="", contour_of=Contours(engine)).text,
            )[:-1]
            assert len(inner) == len(text.split()) - 1
            assert inner == pytest.approx([wanted] * len(inner), abs=1e-4)


@pytest.mark.parametrize("text", TEXTS)
def test_longer_pauses_move_what_is_said_and_change_nothing_of_it(engine: EspeakEngine, text: str) -> None:
    style = Style(pauses=0.1)
    raw = said(engine, text, style, 0)
    short, long = with_pauses(raw, 0.02), with_pauses(raw, 0.25)
    assert [e.text for e in long.events] == [e.text for e in short.events] == [e.text for e in raw.events]
    assert [e.start for e in long.events] == sorted(e.start for e in long.events)
    assert (long.pcm[long.pcm != 0] == raw.pcm[raw.pcm != 0]).all()
    n_gaps = (len(long.pcm) - len(short.pcm)) / round(0.23 * raw.sample_rate)
    assert n_gaps == pytest.approx(sum(event.kind == "word" for event in raw.events), abs=0.01)
    for speech in (short, long):
        for phone, before in zip(_phones(speech), _phones(raw), strict=True):
            if before[0]:
                assert phone[1].tolist() == before[1].tolist()


def _phones(speech: Speech) -> list[tuple[str, np.ndarray]]:
    phones = [event for event in speech.events if event.kind == "phone"]
    ends = [*(event.start for event in phones[1:]), len(speech.pcm)]
    return [(p.text, speech.pcm[p.start : end]) for p, end in zip(phones, ends, strict=True)]


def test_pauses_of_commas_stay_beside_those_of_words(engine: EspeakEngine) -> None:
    text = "Yes, we measured it."
    plain = pauses_s(said(engine, text, Style(), 0), text)[0]
    longer = pauses_s(with_pauses(said(engine, text, Style(pauses=0.2), 0), 0.2), text)[0]
    assert longer - plain == pytest.approx(0.2, abs=0.002)


@pytest.mark.parametrize("rate", [84, 100, 130, 165, 220, 300, 449])
def test_marks_that_change_nothing_change_no_length(engine: EspeakEngine, rate: int) -> None:
    longer, left = [], []
    for i, text in enumerate(TEXTS[:6]):
        plain = utterance_of(
            text, Style(), seed=1, speaker=SPEAKERS[i % 3], voice="", contour_of=Contours(engine)
        )
        marks = tuple(Mark(found.start(), rate, 50) for found in re.finditer(r"\S+", text))
        alone, marked = (engine.render(replace(plain, rate=rate, marks=m)) for m in ((), marks))
        mended = without_pauses_of_marks(marked, marks)
        assert [e.text for e in mended.events] == [e.text for e in marked.events]
        for before, told, after in zip(*map(_phones, (alone, marked, mended)), strict=True):
            if len(told[1]) != len(after[1]):
                longer.append(len(told[1]) - len(before[1]))
                left.append(len(after[1]) - len(before[1]))
    assert len(left) == sum(len(text.split()) - 1 for text in TEXTS[:6])
    assert np.median(longer) >= 0.0045 * alone.sample_rate
    # some vowels differ by a period or so, wherever a voice starts elsewhere
    assert np.median(np.abs(left)) <= 1
    assert np.abs(left).max() < 0.012 * alone.sample_rate


def test_sounds_are_never_cut_out() -> None:
    pcm = np.arange(1, 2001, dtype=np.int16)
    events = (Event("word", 0, "", 0, 2), Event("phone", 0, "a", -1, 0))
    events += (Event("word", 990, "", 3, 2), Event("phone", 1000, "b", -1, 0))
    speech = Speech(pcm, 22_050, events)
    same = without_pauses_of_marks(speech, (Mark(0, 165, 50), Mark(3, 165, 50)))
    assert (same.pcm == pcm).all()
    assert same.events == events
    assert (with_pauses(speech, 0.5).pcm == pcm).all()


def test_events_inside_a_pause_keep_their_distance_to_its_end() -> None:
    pcm = np.ones(3_000, dtype=np.int16)
    pcm[1_000:1_200] = 0
    events = (
        Event("word", 0, "", 0, 2),
        Event("phone", 0, "a", -1, 0),
        Event("phone", 1_000, "", -1, 0),
        Event("word", 1_150, "", 3, 2),
        Event("phone", 1_200, "b", -1, 0),
    )
    for pause_s, starts in ((0.1, [0, 0, 1_000, 3_155, 3_205]), (0.0, [0, 0, 1_000, 1_000, 1_000])):
        found = with_pauses(Speech(pcm, 22_050, events), pause_s)
        assert [event.start for event in found.events] == starts
        assert all(a.start <= b.start for a, b in pairwise(found.events))
        assert len(found.pcm) == 2_800 + round(22_050 * pause_s)
