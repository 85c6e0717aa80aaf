"""Where the texts of a speech dataset come from: grammars, shipped sentences, files and lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from syngen.errors import FactorError, ParameterError, suggestion
from syngen.io.files import local_path
from syngen.seeding import Permutation
from syngen.synth.speech.text.grammars import GRAMMARS, Grammar, check_count, check_seed
from syngen.synth.speech.text.spelling import normalise

__all__ = [
    "LANGUAGES",
    "MAX_FILE_BYTES",
    "MAX_TEXTS",
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
    return (grammar if isinstance(grammar, Grammar) else _grammar(grammar)).words_in(text)


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
    check_count(count, len(sentences), f"the sentences {language!r}")
    if seed is None:
        raise ParameterError(f"{count} of {len(sentences)} sentences are drawn by a seed: give one")
    check_seed(seed)
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
    syngen.synth.speech.text.spelling.normalise : what is done to a text, and what is refused.
    """
    if not isinstance(path, str | Path):
        raise ParameterError(f"a file of texts is named by a text, not by {path!r}")
    place = Path(folder or ".") / local_path(path)
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
