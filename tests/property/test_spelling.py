"""Any text is either refused by name or spoken; what is spoken stays as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syngen.errors import FactorError
from syngen.synth.speech.text.spelling import MAX_NUMBER, normalise, spell_number

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)
NEARLY_SPOKEN = st.text("0123456789.,:-$€£%&+ abcsthnrd'\u2014\u2026\u0301e", max_size=40)
SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
GROUPS = "thousand million billion trillion quadrillion"
UNITS = {word: number for number, word in enumerate(SMALL.split())} | {
    word: 10 * number for number, word in enumerate(TENS.split(), start=2)
}
POWERS = {word: 1000**number for number, word in enumerate(GROUPS.split(), start=1)}


def number_of(words: list[str]) -> int:
    if words[0] == "minus":
        return -number_of(words[1:])
    total = group = 0
    for word in words:
        if word == "hundred":
            group *= 100
        elif word in POWERS:
            total, group = total + group * POWERS[word], 0
        else:
            group += UNITS[word]
    return total + group


@pytest.mark.slow
@settings(max_examples=500)
@given(st.one_of(ANYTHING, NEARLY_SPOKEN))
@example("e\u0301\u0327")
@example("\u037e a")
@example("1 \u0301")
def test_text_is_refused_or_spoken_once_and_for_all(text: str) -> None:
    try:
        spoken = normalise(text)
    except FactorError:
        return
    assert normalise(spoken) == spoken
    assert unicodedata.is_normalized("NFC", spoken)
    assert not any(unicodedata.category(letter)[0] in "CNS" for letter in spoken)
    assert spoken == " ".join(spoken.split())


@given(st.integers(-MAX_NUMBER, MAX_NUMBER))
def test_spelled_numbers_can_be_read_back(number: int) -> None:
    assert number_of(spell_number(number).split()) == number


@given(st.integers(0, MAX_NUMBER))
def test_numbers_in_text_are_the_spelled_ones(number: int) -> None:
    assert normalise(f"say {number}") == normalise(f"say {number:,}") == f"say {spell_number(number)}"
