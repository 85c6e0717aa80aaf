"""Where texts come from: the grammars, the shipped sentences, files and lists."""

# ruff: noqa: RUF001 (phonemes look like letters)
from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from syngen.errors import FactorError, ParameterError
from syngen.synth.speech.text.grammars import GRAMMARS, Grammar
from syngen.synth.speech.text.spelling import normalise
from syngen.synth.speech.text.texts import (
    MAX_FILE_BYTES,
    file_texts,
    grammar_texts,
    listed_texts,
    sentence_texts,
    words_of,
)
from tests.golden.regenerate import PHONEMES_PATH, phoneme_counts

# General American, as espeak-ng's voice en-us writes it: stops, affricates, fricatives, nasals,
# approximants; vowels; diphthongs; vowels before r
CONSONANTS = "p b t d k ɡ tʃ dʒ f v θ ð s z ʃ ʒ h m n ŋ l ɹ w j ɾ ʔ n̩ əl"
VOWELS = "iː i ɪ ɛ æ ɑː ɔ ɔː ʊ uː ʌ ɜː ə ɐ ɚ ᵻ eɪ aɪ ɔɪ aʊ oʊ iə aɪə aɪɚ ɪɹ ɛɹ ɑːɹ ɔːɹ ʊɹ"
MATRIX = GRAMMARS["matrix-en"]
CLAUSES = GRAMMARS["clauses-en"]


@pytest.mark.parametrize(
    ("name", "n_slots", "n_words"), [("matrix-en", 5, 10), ("matrix-en-2", 5, 10), ("clauses-en", 6, 20)]
)
def test_shipped_grammars_have_slots_of_equally_many_words(name: str, n_slots: int, n_words: int) -> None:
    grammar = GRAMMARS[name]
    assert [len(slot) for slot in grammar.slots] == [n_words] * n_slots
    assert grammar.size == n_words**n_slots
    for number in (0, 12_345, grammar.size - 1):
        assert normalise(grammar.sentence(number)) == grammar.sentence(number)
        assert words_of(grammar.sentence(number), name) == grammar.words(number)


def test_the_matrices_share_no_word() -> None:
    first, second = (
        {word for slot in GRAMMARS[name].slots for word in slot} for name in ("matrix-en", "matrix-en-2")
    )
    assert len(first) == len(second) == 50
    assert first.isdisjoint(second)


@pytest.mark.parametrize("seed", [0, 7, 2**40])
def test_words_are_balanced_in_every_block_of_ten(seed: int) -> None:
    drawn = [words_of(text, MATRIX) for text in grammar_texts("matrix-en", count=300, seed=seed)]
    assert len(set(drawn)) == 300
    for start in range(0, 300, 10):
        for words in zip(*drawn[start : start + 10], strict=True):  # type: ignore[arg-type]
            assert len(set(words)) == 10
    for slot in range(4):
        pairs = {(words[slot], words[4]) for words in drawn[100:200] if words}
        assert len(pairs) == 100


def test_sentences_of_two_clauses_are_of_like_length_and_balanced_by_phrase() -> None:
    sentences = grammar_texts("clauses-en", count=500, seed=7)
    assert len(set(sentences)) == 500
    assert sentences[:110] == grammar_texts("clauses-en", count=110, seed=7)
    assert sentences[0] == (
        "On market day the young plumber opened a yellow parcel in the narrow kitchen, while the children "
        "lined up at the door."
    )
    for sentence in sentences:
        assert sentence.count(",") == 1
        assert 17 <= len(sentence.split()) <= 27
        assert 100 <= len(sentence) <= 135
    for phrases in zip(*(CLAUSES.words_in(sentence) or () for sentence in sentences), strict=True):
        assert set(Counter(phrases).values()) == {25}


def test_phrases_of_two_clauses_are_told_apart_again() -> None:
    words = [slot[0] for slot in CLAUSES.slots]
    said = f"{' '.join(words[:4])}, {' '.join(words[4:])}"
    assert CLAUSES.words_in(f"  {said.upper()} .") == CLAUSES.words_in(said) == tuple(words)
    assert CLAUSES.words_in(said.replace(",", "")) is None
    assert CLAUSES.words_in(f"{said} today") is None
    assert words_of(said, "matrix-en") is None


def test_smaller_counts_are_the_beginning_of_larger_ones() -> None:
    many = grammar_texts("matrix-en-2", count=120, seed=3)
    for count in (1, 9, 10, 11, 50, 119):
        assert grammar_texts("matrix-en-2", count=count, seed=3) == many[:count]
    assert set(grammar_texts("matrix-en-2", count=50, seed=4)) != set(many[:50])
    assert sentence_texts("en", count=12, seed=5) == sentence_texts("en", count=200, seed=5)[:12]


@pytest.mark.parametrize(
    "slots",
    [
        (("a", "b"),),
        (("a", "b"), ("c", "d")),
        (("a", "b", "c"), ("d", "e", "f"), ("g", "h", "i")),
        (tuple("abcdefg"), tuple("hijklmn"), tuple("opqrstu"), tuple("vwxyz12")),
    ],
)
def test_drawing_everything_gives_every_sentence_once(slots: tuple[tuple[str, ...], ...]) -> None:
    grammar = Grammar("small", slots)
    everything = {grammar.sentence(number) for number in range(grammar.size)}
    drawn = grammar.draw(grammar.size, seed=1)
    assert len(drawn) == grammar.size
    assert set(drawn) == everything


@pytest.mark.parametrize("count", [0, -1, 100_001, 2.0, True])
def test_impossible_counts_are_refused_with_figures(count: int) -> None:
    with pytest.raises(ParameterError, match="grammar 'matrix-en': 1 to 100,000 are possible"):
        MATRIX.draw(count, seed=1)
    with pytest.raises(ParameterError, match="the sentences 'en': 1 to [0-9]+ are possible"):
        sentence_texts("en", count=count, seed=1)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(FactorError, match=r"no grammar 'matrix-eng' \(did you mean 'matrix-en'\?\)"):
        grammar_texts("matrix-eng", count=1, seed=1)
    with pytest.raises(FactorError, match=r"'EN' \(did you mean 'en'\?\)"):
        sentence_texts("EN")
    with pytest.raises(FactorError, match="no grammar"):
        words_of("Any text.", "nothing")


def test_grammars_that_cannot_be_balanced_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"slots of \[2, 3\] words"):
        Grammar("uneven", (("a", "b"), ("c", "d", "e")))
    with pytest.raises(ParameterError, match="'a' twice in slot 1"):
        Grammar("twice", (("a", "A"),))
    with pytest.raises(ParameterError, match="slots of"):
        Grammar("empty", ())
    for slot in (("a ", "b"), ("", "b"), ("a  b", "c")):
        with pytest.raises(ParameterError, match="in slot 1: words are needed, with single spaces"):
            Grammar("spaces", (slot,))
    for pattern in (
        *("{}.", "{} {} {}.", "{} and {}"),
        *(
            "{} {}{x}.",
            "{} {0} {}.",
            "{{}} {}.",
            "{} {!r} {}.",
            "{} } {}.",
            "{}  {}.",
            " {} {}.",
            "{} {}\n.",
        ),
    ):
        with pytest.raises(ParameterError, match=r"2 times \{\}, one a slot, and a full stop"):
            Grammar("pattern", (("a", "b"), ("c", "d")), pattern)
    with pytest.raises(FactorError, match="no sentence 100000"):
        MATRIX.words(100_000)
    with pytest.raises(FactorError, match="no sentence -1"):
        MATRIX.sentence(-1)


@pytest.mark.parametrize(
    "text",
    ["", "Vera found two yellow", "Vera found two yellow baskets today.", "Anna found two yellow baskets."],
)
def test_other_sentences_have_no_slots(text: str) -> None:
    assert words_of(text, "matrix-en") is None


def test_slots_are_found_whatever_the_capitals() -> None:
    assert words_of(" VERA  found two yellow Baskets", "matrix-en") == (
        *("Vera", "found", "two", "yellow", "baskets"),
    )


def test_shipped_sentences_are_plain_distinct_and_varied() -> None:
    sentences = sentence_texts("en")
    assert len(sentences) >= 720
    assert len({sentence.casefold() for sentence in sentences}) == len(sentences)
    assert all(normalise(sentence) == sentence for sentence in sentences)
    assert all(5 <= len(sentence.split()) <= 12 for sentence in sentences)
    assert all(sentence[0].isupper() and sentence[-1] in ".?" for sentence in sentences)
    openings = Counter(tuple(sentence.split()[:2]) for sentence in sentences)
    assert max(openings.values()) <= 4
    assert sum(sentence.endswith("?") for sentence in sentences) >= 20
    assert set(sentence_texts("en", count=len(sentences), seed=1)) == set(sentences)


def test_a_count_of_sentences_needs_a_seed() -> None:
    with pytest.raises(ParameterError, match="drawn by a seed: give one"):
        sentence_texts("en", count=3)


def test_every_phoneme_of_english_occurs_often() -> None:
    recorded = json.loads(PHONEMES_PATH.read_text("utf-8"))
    assert set(recorded) == set(f"{CONSONANTS} {VOWELS}".split())
    assert min(recorded.values()) >= 20


def test_phonemes_are_those_that_the_engine_speaks() -> None:
    if importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip("espeak-ng is not installed: it counts the phonemes")
    assert phoneme_counts() == json.loads(PHONEMES_PATH.read_text("utf-8"))


def test_file_is_read_line_by_line(tmp_path: Path) -> None:
    content = "\ufeff# a comment\r\nGood morning.\r\n\r\n  It is 5 o\u2019clock. \r\n#another\r\nLast one"
    (tmp_path / "texts.txt").write_bytes(content.encode("utf-8"))
    expected = ("Good morning.", "It is five o'clock.", "Last one")
    assert file_texts("texts.txt", folder=tmp_path) == expected
    assert file_texts(tmp_path / "texts.txt", folder="elsewhere") == expected


def test_every_problem_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("One sheep.\n# comment\nbad \x01 text\n1 sheep.\nOne  sheep.\n", "utf-8")
    with pytest.raises(FactorError) as caught:
        file_texts(path)
    first, second = str(caught.value).split("\n")
    assert "line 3: " in first
    assert "character 5 is U+0001 (a control character)" in first
    assert "line 5: says the same as line 1" in second


def test_many_problems_are_cut_short() -> None:
    with pytest.raises(FactorError, match="text 10: .*\nand 15 more$"):
        listed_texts(["<b>"] * 25)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no text"),
        (b"\n# only a comment\n", "has no text"),
        (b"fine\n\xff\xfe\n", "not UTF-8 in line 2"),
        (b"a" * (MAX_FILE_BYTES + 1), "larger than 1,048,576 bytes"),
        (b"a\n" * 100_001, "100,001 texts, 100,000 are possible"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "texts.txt").write_bytes(content)
    with pytest.raises(ParameterError, match=message):
        file_texts("texts.txt", folder=tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing.txt", ".", "pipe", "nul\0"):
        with pytest.raises(ParameterError, match="no file of texts"):
            file_texts(name, folder=tmp_path)


def test_lists_are_normalised_and_checked() -> None:
    assert listed_texts(["Hello.", "Take 2."]) == ("Hello.", "Take two.")
    with pytest.raises(FactorError, match="text 2: says the same as text 1; remove one"):
        listed_texts(["Take two.", "Take 2."])
    with pytest.raises(FactorError, match="text 1: 12 is int: a text is a string"):
        listed_texts([12])  # type: ignore[list-item]
    with pytest.raises(ParameterError, match="has no text"):
        listed_texts([])
    with pytest.raises(ParameterError, match="give a list of texts"):
        listed_texts("Hello.")


def test_same_texts_in_another_process() -> None:
    program = (
        "from syngen.synth.speech.text.texts import *;"
        "print(grammar_texts('matrix-en', count=3, seed=7) + sentence_texts('en', count=2, seed=7))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = grammar_texts("matrix-en", count=3, seed=7) + sentence_texts("en", count=2, seed=7)
    assert done.stdout.strip() == repr(here)
