"""Spans of words and phones: they cover the waveform, whatever the engine told."""

# ruff: noqa: RUF001 (phonemes look like letters)
from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from syngen.synth.speech.alignment import spans_of
from syngen.synth.speech.engines.base import Event, Speech

RATE = 22_050


def word(start: int, text: str, within: str) -> Event:
    return Event("word", start, "", within.index(text), len(text))


def phone(start: int, text: str) -> Event:
    return Event("phone", start, text, -1, 0)


def speech(n_samples: int, *events: Event) -> Speech:
    """Sound where phones have names, none in the pauses."""
    pcm = np.full(n_samples, -1_000, dtype=np.int16)
    starts = [*(event.start for event in events if event.kind == "phone"), n_samples]
    phones = [event for event in events if event.kind == "phone"]
    for event, end in zip(phones, starts[1:], strict=bool(phones)):
        if not event.text:
            pcm[event.start : end] = 0
    return Speech(pcm, RATE, events)


def aligned(
    said: Speech, text: str, n_samples: int | None = None, *, start: int = 0, sample_rate: int = RATE
) -> dict[str, list[tuple[str, int, int]]]:
    """Return words and phones, and check that both cover the waveform."""
    n_samples = len(said.pcm) if n_samples is None else n_samples
    spans, first, last = spans_of(said, text, sample_rate=sample_rate, start=start, n_samples=n_samples)
    found = {
        kind: [(span.text, span.start, span.end) for span in spans if span.kind == kind]
        for kind in ("word", "phone")
    }
    for of_kind in found.values():
        assert of_kind[0][1] == 0
        assert of_kind[-1][2] == n_samples
        assert all(begin < end for _, begin, end in of_kind)
        assert all(one[2] == other[1] for one, other in pairwise(of_kind))
        assert all(one[0] or other[0] for one, other in pairwise(of_kind)), "two silences in a row"
    heard = [(begin, end) for text, begin, end in found["phone"] if text]
    assert (first, last) == ((heard[0][0], heard[-1][1]) if heard else (0, 0))
    assert list(spans) == [
        *(s for s in spans if s.kind == "word"),
        *(s for s in spans if s.kind == "phone"),
    ]
    return found


TEXT = "Go on, then."
SAID = speech(
    1_000,
    phone(0, ""),
    word(50, "Go", TEXT),
    phone(100, "ɡ"),
    phone(150, "oʊ"),
    word(260, "on", TEXT),
    phone(300, "ɔ"),
    phone(350, "n"),
    phone(400, ""),
    word(480, "then", TEXT),
    phone(500, "ð"),
    phone(600, "ɛ"),
    phone(700, "n"),
    phone(800, ""),
)


def test_words_reach_from_their_first_phone_to_their_last() -> None:
    found = aligned(SAID, TEXT)
    assert found["word"] == [
        ("", 0, 100),
        ("Go", 100, 300),
        ("on", 300, 400),
        ("", 400, 500),
        ("then", 500, 800),
        ("", 800, 1_000),
    ]
    assert found["phone"][:4] == [("", 0, 100), ("ɡ", 100, 150), ("oʊ", 150, 300), ("ɔ", 300, 350)]


def test_positions_follow_the_sampling_rate() -> None:
    found = aligned(SAID, TEXT, 2_000, sample_rate=44_100)
    assert found["word"][1] == ("Go", 200, 600)


def test_what_is_beyond_the_end_is_cut_off() -> None:
    found = aligned(SAID, TEXT, 320)
    assert found["word"] == [("", 0, 100), ("Go", 100, 300), ("on", 300, 320)]
    assert found["phone"][-1] == ("ɔ", 300, 320)
    assert aligned(SAID, TEXT, 60) == {"word": [("", 0, 60)], "phone": [("", 0, 60)]}
    assert aligned(SAID, TEXT, 1)["phone"] == [("", 0, 1)]


def test_padding_is_silence_and_one_with_the_last_pause() -> None:
    assert aligned(SAID, TEXT, 5_000)["word"][-1] == ("", 800, 5_000)
    moved = aligned(SAID, TEXT, 5_000, start=70)
    assert moved["word"][:2] == [("", 0, 170), ("Go", 170, 370)]


def test_the_length_of_an_engine_counts_no_second_half_of_a_contraction() -> None:
    text = "We don't know."
    said = speech(
        500,
        Event("word", 0, "", 0, 2),
        phone(0, "w"),
        phone(50, "iː"),
        Event("word", 100, "", 3, 3),
        phone(100, "d"),
        phone(150, "oʊ"),
        Event("word", 300, "", 9, 4),
        phone(300, "n"),
        phone(350, "oʊ"),
    )
    assert [label for label, _, _ in aligned(said, text)["word"]] == ["We", "don't", "know"]


def test_words_said_as_one_are_one_span() -> None:
    text = "in the rain"
    said = speech(
        300, word(0, "in", text), phone(0, "ɪ"), phone(50, "n"), word(150, "rain", text), phone(150, "ɹ")
    )
    assert aligned(said, text)["word"] == [("in the", 0, 150), ("rain", 150, 300)]


def test_a_word_goes_on_after_a_pause_within_it() -> None:
    said = speech(
        400,
        word(0, "Go", TEXT),
        phone(0, "ɡ"),
        phone(100, ""),
        phone(200, "oʊ"),
        word(300, "on", TEXT),
        phone(300, "ɔ"),
    )
    assert [label for label, _, _ in aligned(said, TEXT)["word"]] == ["Go", "", "Go", "on, then"]


def test_a_glide_without_a_name_belongs_to_the_vowel_before_it() -> None:
    text = "Be over it"
    said = speech(
        600,
        word(0, "Be", text),
        phone(0, "b"),
        phone(50, "i"),
        word(120, "over", text),
        phone(100, ""),
        phone(200, "oʊ"),
        phone(300, ""),
        word(400, "it", text),
        phone(400, "ɪ"),
    )
    said.pcm[100:200] = 500
    found = aligned(said, text)
    assert found["phone"] == [
        ("b", 0, 50),
        ("i", 50, 200),
        ("oʊ", 200, 300),
        ("", 300, 400),
        ("ɪ", 400, 600),
    ]
    assert found["word"] == [("Be", 0, 200), ("over", 200, 300), ("", 300, 400), ("it", 400, 600)]
    said.pcm[125:175] = 10
    assert aligned(said, text)["phone"][1:3] == [("i", 50, 100), ("", 100, 200)]


def test_an_engine_that_tells_nothing_is_one_word_and_one_phone() -> None:
    assert aligned(speech(500), "Good day.", 800) == {
        "word": [("Good day.", 0, 500), ("", 500, 800)],
        "phone": [("Good day.", 0, 500), ("", 500, 800)],
    }


@st.composite
def utterances(draw: st.DrawFn) -> tuple[Speech, str]:
    """Words and phones in any order, at any place, with pauses and repetitions."""
    names = draw(st.lists(st.sampled_from(["in", "the", "don't", "a", "eleven"]), min_size=1, max_size=6))
    text = " ".join(names) + draw(st.sampled_from(["", ".", "?", "..."]))
    places = [sum(len(name) + 1 for name in names[:k]) for k in range(len(names))]
    length = draw(st.integers(1, 3_000))
    events = [
        Event("word", draw(st.integers(0, length)), "", place, draw(st.integers(0, 8)))
        for place in places
        if draw(st.booleans()) or place == 0
    ]
    events += [
        phone(draw(st.integers(0, length)), draw(st.sampled_from(["", "s", "ɪ", "n"])))
        for _ in range(draw(st.integers(0, 12)))
    ]
    events.sort(key=lambda event: event.start)
    return speech(length, *events), text


@given(
    utterances(),
    st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    st.integers(1, 8_000),
    st.integers(0, 500),
)
def test_spans_cover_every_sample_once(
    utterance: tuple[Speech, str], sample_rate: int, n_samples: int, start: int
) -> None:
    said, text = utterance
    found = aligned(said, text, n_samples, start=start, sample_rate=sample_rate)
    for label, _, _ in found["word"]:
        assert label in text
