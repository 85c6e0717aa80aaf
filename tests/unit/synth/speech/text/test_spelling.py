"""Text as it is spoken."""

from __future__ import annotations

import pytest

from syngen.errors import FactorError, ParameterError
from syngen.synth.speech.text.spelling import MAX_CHARACTERS, MAX_NUMBER, normalise, spell_number

POWERS = ("trillion", "billion", "million", "thousand", "")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (7, "seven"),
        (19, "nineteen"),
        (20, "twenty"),
        (42, "forty two"),
        (100, "one hundred"),
        (115, "one hundred fifteen"),
        (1000, "one thousand"),
        (1_000_001, "one million one"),
        (-2_090_300, "minus two million ninety thousand three hundred"),
        (MAX_NUMBER, "one quadrillion"),
        (
            MAX_NUMBER - 1,
            " ".join(f"nine hundred ninety nine {power}" for power in POWERS).strip(),
        ),
    ],
)
def test_numbers_are_spelled(number: int, words: str) -> None:
    assert spell_number(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zeroth"),
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (5, "fifth"),
        (8, "eighth"),
        (9, "ninth"),
        (12, "twelfth"),
        (20, "twentieth"),
        (22, "twenty second"),
        (100, "one hundredth"),
        (1_000_000, "one millionth"),
        (1_234, "one thousand two hundred thirty fourth"),
    ],
)
def test_ordinals_are_spelled(number: int, words: str) -> None:
    assert spell_number(number, ordinal=True) == words


@pytest.mark.parametrize("number", [MAX_NUMBER + 1, -MAX_NUMBER - 1, 1.0, True, "3", None])
def test_other_numbers_are_refused(number: object) -> None:
    with pytest.raises(ParameterError, match="cannot be spelled out"):
        spell_number(number)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Plain text.", "Plain text."),
        ("  two\t\tlines\r\nof\u00a0text ", "two lines of text"),
        ("\u201cDon\u2019t,\u201d he said\u2026", '"Don\'t," he said...'),
        ("one\u2014two \u2013 three", "one - two - three"),
        ("Cafe\u0301 ol\u00e9", "Caf\u00e9 ol\u00e9"),
        ("Room 12, floor 3.", "Room twelve, floor three."),
        ("1,200 votes and 1200 more", "one thousand two hundred votes and one thousand two hundred more"),
        ("It is 0.25 or 3.140.", "It is zero point two five or three point one four zero."),
        ("the 1st, 2nd, 3rd, 22ND and 11th", "the first, second, third, twenty second and eleventh"),
        ("In 1984", "In one thousand nine hundred eighty four"),
        ("-5 or \u22125, but 3-5", "minus five or minus five, but three-five"),
        ("5% of 5 %", "five percent of five percent"),
        ("You & me + them", "You and me plus them"),
        ("$1, $5, $1.50", "one dollar, five dollars, one point five zero dollars"),
        ("\u20ac5, 3 \u20ac, \u00a31 \u20ac 2", "five euros, three euros, one pound two euros"),
        ("-$3 million", "minus three million dollars"),
        ("agent 007 at 12:30", "agent zero zero seven at twelve thirty"),
        ("A4 paper", "A four paper"),
        ("Ready ? Go !", "Ready? Go!"),
        ("1000000000000000 ants", "one quadrillion ants"),
    ],
)
def test_text_becomes_what_is_spoken(text: str, spoken: str) -> None:
    assert normalise(text) == spoken
    assert normalise(spoken) == spoken


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\x00b", r"character 2 is U\+0000 \(a control character\)"),
        ("\x01b", r"character 1 is U\+0001"),
        ("line\x1b[31m", r"character 5 is U\+001B"),
        ("hi \U0001f600", r"character 4 is U\+1F600 \(grinning face\), which has no agreed way"),
        ("half \ud83d", r"character 6 is U\+D83D \(half a character\)"),
        ("own \ue000", r"character 5 is U\+E000 \(a private character\)"),
        ("new \u0378", r"character 5 is U\+0378 \(an unassigned character\)"),
        ("soft\u00adhyphen", r"character 5 is U\+00AD"),
        ("say \u043f", r"character 5 is U\+043F \(cyrillic small letter pe\), which is of another script"),
        ("ohm \u2126", r"character 5 is U\+2126 \(ohm sign\)"),
        ("\u4f60\u597d", r"character 1 is U\+4F60"),
        ("five \u0665", r"character 6 is U\+0665"),
        ("  half \u00bd", r"character 8 is U\+00BD"),
        ("3\u0301", r"character 2 is U\+0301 \(combining acute accent\)"),
        ("cafe\u0301 \u0301x", r"character 7 is U\+0301"),
        *((f"a{mark}b", r"character 2 is U\+00[2-7]") for mark in "<>{}[]\\|^~@#*_=/"),
        ("cost: $ five", r"character 7 is U\+0024 \(dollar sign\)"),
        ("5kg", "the number '5' at character 1 is glued to 'k'"),
        ("in the 1990s", "the number '1990' at character 8 is glued to 's'"),
        ("x.5", r"the number '5' at character 3 is glued to '\.'"),
        ("1,2,3", "'1,2,3' at character 1 is ambiguous; write thousands as 1,200"),
        ("at 1.2.3", r"'1\.2\.3' at character 4 is ambiguous"),
        ("\u2026 1,00", "'1,00' at character 3 is ambiguous"),
        ("1.5th", "both decimals and an ordinal ending"),
        ("$5\u20ac", "more than one sign"),
        ("1000000000000001", "above 1,000,000,000,000,000; write it as words"),
        ("9" * 400, r"number '9{37}\.\.\.' at character 1 is above"),
        ("", "the text is empty"),
        (" \n\t ", "the text is empty"),
        ("?!...", "no word to speak"),
        ("a" * 501, "has 501 characters, 500 are possible; split it"),
        ("a" * 10_000, "has 10,000 characters"),
        ("7 " * 200, "characters as spoken, 500 are possible"),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(FactorError, match=message):
        normalise(text)


def test_longest_text_passes() -> None:
    assert normalise("a" * MAX_CHARACTERS) == "a" * MAX_CHARACTERS


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"]])
def test_other_things_than_text_are_refused(text: object) -> None:
    with pytest.raises(ParameterError, match="a text is a string"):
        normalise(text)  # type: ignore[arg-type]
