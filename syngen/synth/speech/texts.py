"""Where the texts of a speech dataset come from: grammars, shipped sentences, files and lists.

A grammar makes sentences of one pattern from lists of words, as the matrix sentence tests of audiology do:
each word can be recognised alone, and no sentence helps to guess its words.

References
----------
B. Hagerman: "Sentences for testing speech intelligibility in noise", Scand. Audiol. 11 (1982), 79-87.
K. Wagener, V. Kühnel, B. Kollmeier: "Entwicklung und Evaluation eines Satztests für die deutsche Sprache",
Z. Audiol. 38 (1999), 4-15, 44-56, 86-95.
B. Kollmeier et al.: "The multilingual matrix test: Principles, applications, and comparison across
languages: A review", Int. J. Audiol. 54 (2015), suppl. 2, 3-16.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from syngen.errors import FactorError, ParameterError, suggestion
from syngen.seeding import Permutation
from syngen.synth.speech.spelling import normalise

__all__ = [
    "GRAMMARS",
    "LANGUAGES",
    "MAX_FILE_BYTES",
    "MAX_TEXTS",
    "Grammar",
    "file_texts",
    "grammar_texts",
    "listed_texts",
    "sentence_texts",
    "words_of",
]

MAX_FILE_BYTES = 1 << 20
"""A file of texts is at most this large."""

MAX_TEXTS = 100_000
"""A file or list has at most this many texts."""

LANGUAGES = ("en",)
"""Languages whose sentences are shipped."""

_MAX_PROBLEMS = 10
_MAX_SHOWN = 200  # characters of the name of a file


@dataclass(frozen=True)
class Grammar:
    """Sentences of one pattern: a word of each slot, in the order of the slots.

    Parameters
    ----------
    name : str
    slots : tuple of tuple of str
        The words of each slot: equally many in every slot, at least two, distinct within a slot.

    Raises
    ------
    ParameterError
        If the slots differ in length, or a slot repeats a word.

    Examples
    --------
    >>> grammar = Grammar("calls", (("Ready", "Go"), ("left", "right")))
    >>> grammar.size, grammar.sentence(3)
    (4, 'Go right.')
    """

    name: str
    slots: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        lengths = {len(slot) for slot in self.slots}
        if len(lengths) != 1 or min(lengths) < 2:
            raise ParameterError(
                f"grammar {self.name!r} has slots of {sorted(lengths)} words: "
                "equally many are needed, 2 or more"
            )
        for number, slot in enumerate(self.slots, start=1):
            folded = [word.casefold() for word in slot]
            twice = [word for i, word in enumerate(folded) if word in folded[:i]]
            if twice:
                raise ParameterError(f"grammar {self.name!r} has {twice[0]!r} twice in slot {number}")

    @property
    def size(self) -> int:
        """Number of different sentences."""
        return math.prod(len(slot) for slot in self.slots)

    def words(self, number: int) -> tuple[str, ...]:
        """Return the words of a sentence, one a slot.

        Parameters
        ----------
        number : int
            0 to `size` - 1; the last slot changes fastest.

        Returns
        -------
        tuple of str

        Raises
        ------
        FactorError
            If there is no such sentence.
        """
        if not 0 <= number < self.size:
            raise FactorError(
                f"grammar {self.name!r} has no sentence {number}: they are 0 to {self.size - 1}"
            )
        chosen = []
        for slot in reversed(self.slots):
            number, position = divmod(number, len(slot))
            chosen.append(slot[position])
        return tuple(reversed(chosen))

    def sentence(self, number: int) -> str:
        """Return a sentence, with a capital letter and a full stop; see `words`."""
        text = " ".join(self.words(number))
        return f"{text[0].upper()}{text[1:]}."

    def draw(self, count: int, *, seed: int) -> tuple[str, ...]:
        """Return distinct sentences in which the words are balanced.

        Parameters
        ----------
        count : int
            1 to `size`.
        seed : int
            0 or more.

        Returns
        -------
        tuple of str
            For one seed, a smaller count gives the beginning of a larger one. With n words in each slot,
            each run of n sentences from a multiple of n on has every word of every slot once, and each run
            of n * n from a multiple of that on has every word beside every word of the last slot once.

        Raises
        ------
        ParameterError
            If the count is not possible.

        Notes
        -----
        With the words of a slot numbered 0..n-1, the sentences fall into blocks of n: those of one block
        go on by one in every slot, modulo n, and a block is known by its steps, the distances of the slots
        from the last one. So no two blocks share a sentence, and all together are the grammar. Of n blocks
        in a row, each has another step in each slot. Keyed permutations number the words of each slot,
        order the blocks and the steps, and order the sentences of each block.

        Examples
        --------
        >>> GRAMMARS["matrix-en"].draw(2, seed=7) == GRAMMARS["matrix-en"].draw(50, seed=7)[:2]
        True
        """
        _check_count(count, self.size, f"grammar {self.name!r}")
        _check_seed(seed)
        n = len(self.slots[0])
        numberings = [self._shuffled(n, seed, f"words {i}") for i in range(len(self.slots))]
        sentences: list[str] = []
        for block, steps in enumerate(self._steps(-(-count // n), seed)):
            for j in self._shuffled(n, seed, f"block {block}"):
                number = 0
                for numbering, step in zip(numberings, steps, strict=True):
                    number = number * n + numbering[(j + step) % n]
                sentences.append(self.sentence(number))
        return tuple(sentences[:count])

    def _steps(self, n_blocks: int, seed: int) -> Iterator[tuple[int, ...]]:
        """Yield the steps of one block after the other; that of the last slot is 0."""
        n, n_free = len(self.slots[0]), len(self.slots) - 1
        within = [self._shuffled(n, seed, f"steps {i}") for i in range(n_free)]
        # the first slot's step tells which block of a run it is, the others' lead which run
        n_runs = math.prod([n] * (n_free - 1))
        runs = Permutation(n_runs, seed=seed, name=f"texts/{self.name}/runs")
        for run, lead in enumerate(runs(np.arange(-(-n_blocks // n), dtype=np.int64)).tolist()):
            leads = (0, *self._digits(lead, n_free - 1))
            for k in range(min(n, n_blocks - run * n)):
                yield (*((own[k] + lead) % n for own, lead in zip(within, leads, strict=False)), 0)

    def _digits(self, number: int, n_digits: int) -> list[int]:
        """Return a number in the base of the slots' length, lowest digit first."""
        digits = []
        for _ in range(n_digits):
            number, digit = divmod(number, len(self.slots[0]))
            digits.append(digit)
        return digits

    def _shuffled(self, n: int, seed: int, what: str) -> list[int]:
        permutation = Permutation(n, seed=seed, name=f"texts/{self.name}/{what}")
        shuffled: list[int] = permutation(np.arange(n, dtype=np.int64)).tolist()
        return shuffled


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GRAMMARS = {
    grammar.name: grammar
    for grammar in (
        Grammar(
            "matrix-en",
            (
                _words("Oscar Martha Julian Vera Douglas Wendy Felix Carmen Theo Brooke"),
                _words("found painted borrowed carried measured washed chose hid joined threw"),
                _words("two four six seven eight eleven twelve thirteen twenty ninety"),
                _words("yellow smooth wooden purple noisy huge clean shiny brown thick"),
                _words("baskets feathers hammers candles puzzles kites trumpets boats wheels cushions"),
            ),
        ),
        Grammar(
            "matrix-en-2",
            (
                _words("Anna Gordon Phoebe Victor Louise Marcus Stella Hugo Tabitha Leroy"),
                _words("built lifted ordered packed mended counted noticed brought wrapped shared"),
                _words("three five nine ten fourteen nineteen thirty fifty sixty eighty"),
                _words("silver narrow golden plastic quiet crooked enormous striped blue square"),
                _words(
                    "bottles guitars ladders envelopes mirrors pillows whistles tractors benches gloves"
                ),
            ),
        ),
    )
}
"""Grammars by name. Those two share no word: one may hold out what a recogniser has not heard."""


def grammar_texts(name: str, *, count: int, seed: int) -> tuple[str, ...]:
    """Return sentences of a shipped grammar.

    Parameters
    ----------
    name : str
        A key of `GRAMMARS`.
    count, seed : int
        As in `Grammar.draw`.

    Returns
    -------
    tuple of str, length count

    Raises
    ------
    FactorError
        If there is no such grammar.
    ParameterError
        If the count is not possible.

    Examples
    --------
    >>> len(set(grammar_texts("matrix-en", count=50, seed=7)))
    50
    """
    return _grammar(name).draw(count, seed=seed)


def words_of(text: str, grammar: str | Grammar) -> tuple[str, ...] | None:
    """Return the words of a sentence of a grammar, one a slot, or None if it is no sentence of it.

    Parameters
    ----------
    text : str
        Capital letters, spaces and a missing full stop make no difference.
    grammar : str or Grammar

    Returns
    -------
    tuple of str or None
        Spelled as in the slots.

    Raises
    ------
    FactorError
        If there is no grammar of that name.

    Examples
    --------
    >>> words_of("Vera found two yellow baskets.", "matrix-en")
    ('Vera', 'found', 'two', 'yellow', 'baskets')
    """
    slots = (grammar if isinstance(grammar, Grammar) else _grammar(grammar)).slots
    given = text.strip().removesuffix(".").casefold().split()
    if len(given) != len(slots):
        return None
    found = []
    for word, slot in zip(given, slots, strict=True):
        known = {option.casefold(): option for option in slot}
        if word not in known:
            return None
        found.append(known[word])
    return tuple(found)


def sentence_texts(language: str, *, count: int | None = None, seed: int | None = None) -> tuple[str, ...]:
    """Return shipped everyday sentences, written for syngen.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.
    count : int, optional
        That many, by a keyed shuffle: for one seed, a smaller count gives the beginning of a larger one.
        All of them in the order of the file if omitted.
    seed : int, optional
        0 or more; needed with a count, without meaning otherwise.

    Returns
    -------
    tuple of str

    Raises
    ------
    FactorError
        If there are no sentences in that language.
    ParameterError
        If the count is not possible, or has no seed.
    """
    if language not in LANGUAGES:
        raise FactorError(
            f"there are no sentences in {language!r}{suggestion(language, LANGUAGES)}; "
            f"shipped are: {', '.join(LANGUAGES)}"
        )
    sentences = _shipped(language)
    if count is None:
        return sentences
    _check_count(count, len(sentences), f"the sentences {language!r}")
    if seed is None:
        raise ParameterError(f"{count} of {len(sentences)} sentences are drawn by a seed: give one")
    _check_seed(seed)
    shuffle = Permutation(len(sentences), seed=seed, name=f"texts/sentences/{language}")
    return tuple(sentences[i] for i in shuffle(np.arange(count, dtype=np.int64)).tolist())


def file_texts(path: str | Path, *, folder: str | Path | None = None) -> tuple[str, ...]:
    """Return the texts of a file, as they will be spoken.

    Parameters
    ----------
    path : str or Path
        UTF-8, one text a line. Empty lines and lines that begin with ``#`` are skipped.
    folder : str or Path, optional
        Where a relative path starts: the folder of the recipe. The current folder if omitted.

    Returns
    -------
    tuple of str
        Normalised, in the order of the file.

    Raises
    ------
    ParameterError
        If the file cannot be read, is larger than `MAX_FILE_BYTES`, is not UTF-8, or has no text.
    FactorError
        If lines cannot be spoken or say the same; the message has their numbers.

    See Also
    --------
    syngen.synth.speech.spelling.normalise : what is done to a text, and what is refused.
    """
    if not isinstance(path, str | Path):
        raise ParameterError(f"a file of texts is named by a text, not by {path!r}")
    place = Path(folder or ".") / path
    if not _is_file(place):
        raise ParameterError(
            f"there is no file of texts {_shortened(str(place))}; a path starts at the recipe's folder"
        )
    try:
        with place.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ParameterError(f"{str(place)!r} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ParameterError(f"{str(place)!r} is larger than {MAX_FILE_BYTES:,} bytes; split it")
    try:
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ParameterError(f"{str(place)!r} is not UTF-8 in line {line}; save it as UTF-8") from error
    kept = [(n, line) for n, line in enumerate(lines, start=1) if line.strip() and not line.startswith("#")]
    return _spoken(kept, str(place), "line")


def listed_texts(values: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of a list, as they will be spoken.

    Parameters
    ----------
    values : sequence of str

    Returns
    -------
    tuple of str
        Normalised, in the order of the list.

    Raises
    ------
    ParameterError
        If the list is empty, or too long.
    FactorError
        If texts cannot be spoken or say the same; the message has their numbers, counted from 1.

    Examples
    --------
    >>> listed_texts(["Good morning.", "It is 5 o'clock."])
    ('Good morning.', "It is five o'clock.")
    """
    if isinstance(values, str):
        raise ParameterError(f"{values!r} is one text: give a list of texts")
    return _spoken(list(enumerate(values, start=1)), "the list of texts", "text")


def _spoken(numbered: list[tuple[int, str]], source: str, unit: str) -> tuple[str, ...]:
    """Return normalised texts, or raise one error with the number of every problem."""
    if not numbered:
        raise ParameterError(f"{source} has no text; give at least one")
    if len(numbered) > MAX_TEXTS:
        raise ParameterError(f"{source} has {len(numbered):,} texts, {MAX_TEXTS:,} are possible")
    first: dict[str, int] = {}
    problems: list[str] = []
    for number, text in numbered:
        try:
            spoken = normalise(text)
        except (FactorError, ParameterError) as error:
            problems.append(f"{source}, {unit} {number}: {error}")
            continue
        if spoken in first:
            problems.append(
                f"{source}, {unit} {number}: says the same as {unit} {first[spoken]}; remove one"
            )
        first.setdefault(spoken, number)
    if problems:
        more = len(problems) - _MAX_PROBLEMS
        raise FactorError(
            "\n".join([*problems[:_MAX_PROBLEMS], *([f"and {more} more"] if more > 0 else [])])
        )
    return tuple(first)


@lru_cache(maxsize=len(LANGUAGES))
def _shipped(language: str) -> tuple[str, ...]:
    resource = files("syngen.synth.speech").joinpath("data", f"sentences-{language}.txt")
    return _sentences(resource.read_text("utf-8").splitlines())


def _sentences(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line and not line.startswith("#"))


def _grammar(name: str) -> Grammar:
    if not isinstance(name, str) or name not in GRAMMARS:
        raise FactorError(
            f"there is no grammar {name!r}{suggestion(name, GRAMMARS)}; shipped are: {', '.join(GRAMMARS)}"
        )
    return GRAMMARS[name]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, for example
        return False


def _shortened(name: str) -> str:
    return repr(name if len(name) <= _MAX_SHOWN else f"...{name[-_MAX_SHOWN:]}")


def _check_seed(seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ParameterError(f"seed is {seed!r}; a whole number from 0 to {2**63 - 1} is needed")


def _check_count(count: int, size: int, what: str) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= size:
        raise ParameterError(f"{count!r} texts of {what}: 1 to {size:,} are possible")
