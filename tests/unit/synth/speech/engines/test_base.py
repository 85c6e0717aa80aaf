"""What every engine refuses: texts, numbers, and output that cannot be speech."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.errors import EngineError, ParameterError
from syngen.synth.speech.engines.base import Speech, SpeechEngine, Utterance, Voice
from syngen.synth.speech.engines.checks import MAX_CHARACTERS, check_speech, check_text
from syngen.synth.speech.engines.command import CommandEngine
from syngen.synth.speech.engines.espeak import EspeakEngine
from syngen.synth.speech.engines.pyttsx3 import Pyttsx3Engine
from syngen.synth.speech.engines.registry import engine_names, find_engine


class Beep(SpeechEngine):
    """Says what it is given."""

    name = "beep"
    is_exact = False

    def __init__(self, pcm: np.ndarray | None = None) -> None:
        self.pcm = np.arange(8_000, dtype=np.int16) if pcm is None else pcm

    def version(self) -> dict[str, str]:
        return {}

    def voices(self) -> tuple[Voice, ...]:
        return ()

    def speak(self, utterance: Utterance) -> Speech:
        return Speech(self.pcm, 8_000)


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        "Café, naïve, Zoë, Łódź!",
        "It\u2019s five o'clock \u2013 “quoted”… yes?",
        "7 of 12 (50%)",
        "a" * MAX_CHARACTERS,
    ],
)
def test_text_in_latin_letters_is_taken(text: str) -> None:
    check_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty text"),
        ("   ", "empty text"),
        ("...", "no letter and no digit"),
        ("ab\0c", r"character 3 of 'ab\\x00c' is U\+0000, a control"),
        ("\x01 10s", r"character 1 .* U\+0001, a control"),
        ("a\nb", r"character 2 .* U\+000A, a control"),
        ("one\u200btwo", r"character 4 .* U\+200B"),
        ("so <b>", "character 4 .* '<', which engines take for markup"),
        ("R&B", "character 2 .* '&'"),
        ("party \U0001f389", r"character 7 .* U\+1F389 .* symbol"),
        ("\ue000", r"U\+E000, which is no character"),
        ("a\ud800", r"character 2 .* U\+D800, which is no character"),
        ("a\U000e0fff", "no character of any script"),
        ("слово", r"character 1 .* outside the Latin script"),
        ("say 你好", "character 5 .* outside the Latin script"),
        ("cafe\u0301", "character 5 .* combining mark.*NFC"),
        ("٣ cats", "number that is not 0 to 9"),
        ("a" * 10_000, "10,000 characters .* too long: at most 2,000"),
    ],
)
def test_text_that_cannot_be_spoken_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Beep().render(Utterance(text))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"rate": 79}, "rate 79 of 'hello'; 80 to 449"),
        ({"rate": 450}, "rate 450"),
        ({"rate": 100_000}, "rate 100000"),
        ({"rate": 165.5}, "whole number"),
        ({"gap": -1}, "gap -1 .* 0 to 100"),
        ({"gap": 101}, "gap 101"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**31}, "seed 2147483648"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Beep().render(Utterance("hello", **numbers))


@pytest.mark.parametrize("options", [{"variant": "pitch 80 120\n"}, {"gap": 2}])
def test_other_engines_refuse_what_only_espeak_can(options: dict[str, object]) -> None:
    with pytest.raises(EngineError, match="'beep' has no .*'espeak'"):
        Beep().render(Utterance("hello", **options))


@pytest.mark.parametrize(
    ("pcm", "message"),
    [
        ([], "no samples for 'one two three'"),
        (np.zeros(9_000), "silence"),
        (np.full(9_000, -3), "silence"),
        (np.arange(400), "returned 0.05 s .* between 0.06 and 18 s"),
        (np.arange(150_000) % 7, "returned 18.8 s"),
    ],
)
def test_output_that_cannot_be_speech_is_refused(pcm: object, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        Beep(np.asarray(pcm, np.int16)).render(Utterance("one two three"))


def test_sample_rate_of_nothing_is_refused() -> None:
    with pytest.raises(EngineError, match="sample rate of 0 Hz"):
        check_speech(np.arange(9, dtype=np.int16), 0, "one")


def test_engines_are_found_by_name() -> None:
    assert set(engine_names()) >= {"espeak", "pyttsx3", "command"}
    found = [find_engine(name) for name in ("espeak", "pyttsx3", "command")]
    assert found == [EspeakEngine, Pyttsx3Engine, CommandEngine]
    assert [engine.is_exact for engine in found] == [True, False, False]


def test_unknown_engine_is_refused_with_the_nearest() -> None:
    with pytest.raises(EngineError, match="no speech engine 'espaek' .*'espeak'.*installed: command"):
        find_engine("espaek")
