"""Which phones are voiced, and what is said at a moment."""

# ruff: noqa: RUF001 (phonemes look like letters)

from __future__ import annotations

import numpy as np
import pytest

from syngen.synth.speech.trajectories import is_voiced_phone, speech_trajectories
from syngen.synth.trajectories import Moments, Span

SPANS = (
    Span("word", "", 0, 10),
    Span("word", "so", 10, 40),
    Span("phone", "", 0, 10),
    Span("phone", "s", 10, 20),
    Span("phone", "ˈoʊ", 20, 40),
)


@pytest.mark.parametrize("phone", ["b", "dʒ", "ð", "ˈɑːɹ", "ˌɪ", "m", "ə", "əl", "ɡ", "ʒ", "w", "ᵻ", "ɾ"])
def test_vowels_and_voiced_consonants_are_voiced(phone: str) -> None:
    assert is_voiced_phone(phone)


@pytest.mark.parametrize("phone", ["", "p", "t", "k", "tʃ", "f", "θ", "s", "ʃ", "h", "ʔ"])
def test_voiceless_consonants_and_silence_are_not(phone: str) -> None:
    assert not is_voiced_phone(phone)


@pytest.mark.parametrize("is_whispered", [False, True])
def test_a_moment_has_the_span_that_it_is_in(is_whispered: bool) -> None:
    moments = Moments({}, np.array([0, 9, 10, 19, 20, 39]), 40, SPANS)
    found = speech_trajectories(moments, is_whispered=is_whispered)
    assert found["word"].values.tolist() == ["", "", "so", "so", "so", "so"]
    assert found["phone"].values.tolist() == ["", "", "s", "s", "ˈoʊ", "ˈoʊ"]
    assert found["voicing"].values.tolist() == [False] * 4 + [not is_whispered] * 2
