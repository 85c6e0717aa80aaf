"""Grammars: sentences of one pattern, made from lists of words or phrases.

As in the matrix sentence tests of audiology, each word can be recognised alone, and no sentence helps to
guess its words. Sentences of two clauses, as long as those of published datasets, are made from phrases in
the same way.

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
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from syngen._values import check_whole, is_whole
from syngen.errors import FactorError, ParameterError
from syngen.seeding import Permutation

__all__ = ["GRAMMARS", "Grammar", "check_count", "check_seed"]


@dataclass(frozen=True)
class Grammar:
    """Sentences of one pattern: a word or phrase of each slot, in the order of the slots.

    Parameters
    ----------
    name : str
    slots : tuple of tuple of str
        The words of each slot: equally many in every slot, at least two, distinct within a slot. A word
        may be a phrase.
    pattern : str, optional
        The sentence with ``{}`` for each word, such as ``"{} {}, {} {}."``: words with spaces between them
        and a full stop if omitted.

    Raises
    ------
    ParameterError
        If the slots differ in length, a slot repeats a word or has an empty one, the pattern does not fit
        the slots, or there are more spaces than one between words.

    Examples
    --------
    >>> grammar = Grammar("calls", (("Ready", "Go"), ("left", "right")))
    >>> grammar.size, grammar.sentence(3)
    (4, 'Go right.')
    """

    name: str
    slots: tuple[tuple[str, ...], ...]
    pattern: str = ""

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
            odd = [word for word in slot if not _is_spaced(word)]
            if odd:
                raise ParameterError(
                    f"grammar {self.name!r} has {odd[0]!r} in slot {number}: words are needed, with single "
                    "spaces between them"
                )
        is_odd = not _is_spaced(self._pattern) or any({"{", "}"} & set(part) for part in self._parts)
        if is_odd or len(self._parts) != len(self.slots) + 1 or not self._pattern.endswith("."):
            raise ParameterError(
                f"grammar {self.name!r} has the pattern {self.pattern!r}: {len(self.slots)} times {{}}, "
                "one a slot, and a full stop at its end are needed, no other brace, and single spaces"
            )

    @property
    def _pattern(self) -> str:
        return self.pattern or f"{' '.join(['{}'] * len(self.slots))}."

    @property
    def _parts(self) -> list[str]:
        """What stands before, between and after the words."""
        return self._pattern.split("{}")

    @cached_property
    def _matcher(self) -> re.Pattern[str]:
        """What a sentence matches in lower case and without its full stop: a group for each slot."""
        first, *others = (re.escape(part.casefold()) for part in self._parts)
        others[-1] = others[-1].removesuffix(re.escape("."))
        words = ("|".join(re.escape(word.casefold()) for word in slot) for slot in self.slots)
        return re.compile(first + "".join(f"({w}){part}" for w, part in zip(words, others, strict=True)))

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
        first, *others = self._parts
        text = first + "".join(w + part for w, part in zip(self.words(number), others, strict=True))
        return f"{text[0].upper()}{text[1:]}"

    def words_in(self, text: str) -> tuple[str, ...] | None:
        """Return the words of a sentence, one a slot, or None if it is no sentence of this grammar.

        Parameters
        ----------
        text : str
            Capital letters, spaces and a missing full stop make no difference.

        Returns
        -------
        tuple of str or None
            Spelled as in the slots.

        Examples
        --------
        >>> GRAMMARS["matrix-en"].words_in("vera found two  yellow baskets")
        ('Vera', 'found', 'two', 'yellow', 'baskets')
        """
        found = self._matcher.fullmatch(" ".join(text.strip().removesuffix(".").split()).casefold())
        if found is None:
            return None
        spelled = ({word.casefold(): word for word in slot} for slot in self.slots)
        return tuple(slot[word] for slot, word in zip(spelled, found.groups(), strict=True))

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
        check_count(count, self.size, f"grammar {self.name!r}")
        check_seed(seed)
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


def _is_spaced(text: str) -> bool:
    """Return whether a text is not empty, and has single spaces inside only."""
    return text != "" and text == " ".join(text.split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split("/"))


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
        Grammar(
            "clauses-en",
            (
                _phrases(
                    "during the holidays / before the harvest / before the wedding / during the storm / "
                    "on market day / on a warm evening / before breakfast / early on Tuesday / "
                    "late in the evening / one rainy morning / just before dawn / one day in April / "
                    "late last summer / late on Thursday / on Friday evening / one sunny morning / "
                    "in late October / on the first of May / one windy evening / soon after lunch"
                ),
                _phrases(
                    "the night watchman / my younger cousin / the young plumber / a lonely widow / "
                    "the kind nurse / a clever girl / the former mayor / the young priest / "
                    "a wealthy lady / the nervous groom / the busy waiter / my older brother / "
                    "the head teacher / a local hunter / the tall dancer / a retired judge / "
                    "a hungry porter / my elder sister / a famous painter / the local farmer"
                ),
                _phrases(
                    "found a small brass key / wound up an old clock / sewed on a silver button / "
                    "read a book of poems / poured a mug of cocoa / repaired a leather belt / "
                    "painted a wooden sign / measured a length of rope / sold an antique mirror / "
                    "dried a pair of mittens / opened a yellow parcel / mended a broken chair / "
                    "hid a golden necklace / hung up a yellow lantern / lifted a heavy basket / "
                    "tied up a bundle of wood / threw away a ragged coat / filled a row of buckets / "
                    "wrote a very long letter / cleaned a pair of boots"
                ),
                _phrases(
                    "near the railway line / near the old windmill / in the narrow kitchen / "
                    "in the village square / near the village pond / near the market hall / "
                    "in the old laundry / in the village hall / in the empty theatre / "
                    "on the bottom stair / by the open fire / under the apple tree / by the garden wall / "
                    "at the kitchen door / at the edge of the wood / near the garden gate / "
                    "under a large umbrella / at the railway bridge / on the cellar steps / "
                    "on the hotel terrace"
                ),
                _phrases(
                    "but the others / but the girls / as the cleaners / as the workmen / "
                    "while the boys / while the miners / and the bakers / as the villagers / "
                    "and the drivers / and the builders / while the maids / and the families / "
                    "while the lodgers / as the tourists / and the gardeners / and two brothers / "
                    "while the twins / but the soldiers / while our guests / while the children"
                ),
                _phrases(
                    "laughed at an old joke / talked about the weather / went out for a walk / "
                    "listened to the radio / wondered what to do / lined up at the door / "
                    "drank a mug of tea / paid no attention / looked out at the sea / "
                    "ate a bowl of soup / had a glass of milk / said nothing at all / "
                    "whispered to each other / made a lot of noise / watched from a window / "
                    "talked about the money / laughed about the news / ran for the last bus / "
                    "sang a cheerful song / argued about the price"
                ),
            ),
            "{} {} {} {}, {} {}.",
        ),
    )
}
"""Grammars by name. The two matrices share no word: one may hold out what a recogniser has not heard. The
phrases of a slot of ``clauses-en`` take equally long to say, within a tenth of a second: every sentence
takes a usual speaker 6.5 s in the style ``neutral``."""


def check_seed(seed: int) -> None:
    """Refuse what cannot be a seed, with ParameterError."""
    check_whole("seed", seed, 0, 2**63 - 1)


def check_count(count: int, size: int, what: str) -> None:
    """Refuse a number of texts that a source does not have, with ParameterError."""
    if not is_whole(count, 1, size):
        raise ParameterError(f"{count!r} texts of {what}: 1 to {size:,} are possible")
