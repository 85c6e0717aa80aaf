"""Contours: what is read from a nearly sinusoidal voice, and how often it is asked to speak."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.synth.speech.engines.base import Event, Mark, Speech, Utterance
from syngen.synth.speech.engines.espeak import EspeakEngine
from syngen.synth.speech.voice.contour import Contours, read_contour, word_places

RATE = 22_050


def spoken(*parts: tuple[str, str, float, float]) -> Speech:
    """Return a voice whose level, in spans above the base, is given per phone of .1 s.

    A part is (word that begins or "", phone, level at its start, level at its end).
    """
    n = RATE // 10
    hz = np.concatenate([200.0 + 200.0 * np.linspace(a, b, n) for _, _, a, b in parts])
    pcm = np.rint(2_000.0 * np.sin(2.0 * np.pi * np.cumsum(hz) / RATE)).astype(np.int16)
    events, position = [], 0
    for i, (word, phone, _, _) in enumerate(parts):
        if word:
            events.append(Event("word", i * n, "", position, len(word)))
            position += len(word) + 1
        events.append(Event("phone", i * n, phone, -1, 0))
    return Speech(pcm, RATE, tuple(events))


def test_the_level_of_each_word_is_read_in_frames_of_10_ms() -> None:
    contour = read_contour(spoken(("la", "l", 0.5, 0.5), ("ma", "m", 1.0, 0.2)), "la ma")
    first, second = contour.words
    assert len(first) == pytest.approx(10, abs=1)
    assert first == pytest.approx([0.5] * len(first), abs=0.01)
    assert len(second) == pytest.approx(10, abs=1)
    samples = 220 * np.arange(11, 21)[: len(second)]
    assert second == pytest.approx((1.0 - 0.8 * (samples / 2_205 - 1.0)).tolist(), abs=0.03)


def test_phones_without_voice_and_pauses_have_no_level() -> None:
    speech = spoken(("sa", "s", 0.5, 0.5), ("", "a", 0.9, 0.9), ("so", "", 0.1, 0.1), ("", "s", 0.1, 0.1))
    first, second = read_contour(speech, "sa so").words
    assert first == pytest.approx([0.9] * len(first), abs=0.01)
    assert second == ()


def test_a_word_said_with_the_one_before_has_no_frames_of_its_own() -> None:
    speech = spoken(("in the", "i", 0.5, 0.5), ("box", "b", 0.7, 0.7))
    words = read_contour(speech, "in the box").words
    assert [bool(word) for word in words] == [True, False, True]


def test_voiced_noise_has_the_pitch_of_its_neighbours() -> None:
    speech = spoken(("use", "u", 0.6, 0.6), ("", "z", 0.0, 0.0))
    pcm = speech.pcm.copy()
    pcm[RATE // 10 :] = np.random.default_rng(1).integers(-300, 300, RATE // 10)
    (word,) = read_contour(Speech(pcm, RATE, speech.events), "use").words
    assert len(word) >= 17
    assert word == pytest.approx([0.6] * len(word), abs=0.02)


def test_silence_has_no_contour() -> None:
    assert read_contour(Speech(np.zeros(500, np.int16), RATE), "Shh").words == ((),)


def test_words_begin_where_spaces_end() -> None:
    assert word_places("  one two,\tthree ") == [2, 6, 11]
    assert word_places("") == []


class CountingEngine(EspeakEngine):
    """Counts what it is asked to say."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def render(self, utterance: Utterance) -> Speech:
        self.said.append(utterance.text)
        return super().render(utterance)


def paced(text: str, rate: int = 165) -> Utterance:
    marks = tuple(Mark(place, rate, 50) for place in word_places(text))
    return Utterance(text, rate=rate, marks=marks)


def test_each_text_is_measured_once_and_always_gives_the_same() -> None:
    texts = ["Nina sold seven heavy chairs.", "Who was that?"]
    with CountingEngine() as engine:
        contours = Contours(engine)
        first, second, again = (contours(paced(text)) for text in (*texts, texts[0]))
        assert engine.said == texts
        assert again is first
        assert Contours(engine)(paced(texts[0])).words == first.words
    assert [len(contour.words) for contour in (first, second)] == [5, 3]
    levels = [level for word in first.words for level in word]
    assert 60 <= len(levels) <= 250
    assert 0.5 < np.median(levels) < 1.1


def test_a_statement_falls_and_a_question_rises_at_its_end() -> None:
    with EspeakEngine() as engine:
        contours = Contours(engine)
        statement, question = (contours(paced(f"Normal women remain{sign}")).words[-1] for sign in ".?")
    assert statement[-1] < min(statement[: len(statement) // 2])
    assert question[-1] > question[len(question) // 2]


def test_slow_words_have_more_frames() -> None:
    text = "Normal women remain."
    with EspeakEngine() as engine:
        contours = Contours(engine)
        usual, slow = (contours(paced(text, rate)).words for rate in (165, 100))
    assert all(len(b) > 1.2 * len(a) for a, b in zip(usual, slow, strict=True))
