"""Which row of codes is of which observation: arrays of identities against each other, nothing else.

Ten million rows are matched by sorting, without a Python object for any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, FloatArray, IntArray
    from syngen.identities import HashArray, Identities

__all__ = ["Match", "match"]

NONE, AMBIGUOUS = -1, -2
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Match:
    """Where the codes of observations are.

    Attributes
    ----------
    positions : ndarray of int64, shape (n,)
        Of each observation the row of its codes; -1 where it has none, -2 where several rows are of it
        and differ.
    n_other_audio : int
        Observations without codes whose grid point has codes, but of other samples.
    """

    positions: IntArray
    n_other_audio: int = 0

    @property
    def has_codes(self) -> BoolArray:
        """Whether each observation has codes."""
        found: BoolArray = self.positions >= 0
        return found

    @property
    def n_missing(self) -> int:
        """Observations without codes."""
        return int(np.count_nonzero(self.positions == NONE))

    @property
    def n_ambiguous(self) -> int:
        """Observations with codes that contradict each other."""
        return int(np.count_nonzero(self.positions == AMBIGUOUS))


def match(given: Identities, values: FloatArray, wanted: Identities) -> Match:
    """Find the codes of observations.

    Where both are the same observations in the same order they are matched in that order, so that repeated
    ones keep codes of their own. Otherwise an observation has the codes of the row of the same identity;
    where several rows have it, they must agree, or be told apart by the marks of their files.

    Parameters
    ----------
    given : Identities
        Of the rows of codes, n of them.
    values : ndarray of float64, shape (n, d)
        The codes.
    wanted : Identities
        Of the observations; of the same kind, and of one recipe.
    """
    if given.is_same_sequence(wanted):
        return Match(np.arange(len(wanted)))
    positions, doubled = _by_key(given.keys, wanted.keys)
    other = np.empty(0, dtype=np.int64)
    if given.hashes is not None and wanted.hashes is not None:
        other = _other_hashes(given.hashes, wanted.hashes, positions)
        positions[other] = NONE
    if len(doubled):
        ours = np.flatnonzero(np.isin(given.keys, doubled))
        theirs = np.flatnonzero(np.isin(wanted.keys, doubled))
        positions[theirs] = _among_doubled(given.take(ours), values[ours], wanted.take(theirs), ours)
    return Match(positions, int(np.count_nonzero(positions[other] == NONE)))


def _by_key(given: IntArray, wanted: IntArray) -> tuple[IntArray, IntArray]:
    """Return where each key is among the given ones, and the keys that are given more than once."""
    positions = np.full(len(wanted), NONE, dtype=np.int64)
    if not len(given):
        return positions, given
    order = np.argsort(given)
    ordered = given[order]
    # keys in order are looked up ten times faster: neighbours are found in the same cache lines
    by_key = np.argsort(wanted)
    sought = wanted[by_key]
    places = np.minimum(np.searchsorted(ordered, sought), len(ordered) - 1)
    hits = ordered[places] == sought
    positions[by_key[hits]] = order[places[hits]]
    return positions, np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _other_hashes(given: HashArray, wanted: HashArray, positions: IntArray) -> IntArray:
    """Return which observations are matched with codes of another hash."""
    found = [np.empty(0, dtype=np.int64)]
    for start in range(0, len(positions), _CHUNK):
        of_codes = positions[start : start + _CHUNK]
        here = np.flatnonzero(of_codes >= 0)
        differs = (given[of_codes[here]] != wanted[start + here]).any(axis=1)
        found.append(start + here[differs])
    return np.concatenate(found)


def _among_doubled(given: Identities, values: FloatArray, wanted: Identities, rows: IntArray) -> IntArray:
    """Return the row of codes of each observation, where several rows have its key."""
    both = given.hashes is not None and wanted.hashes is not None
    words = [_words(each.keys, each.hashes if both else None) for each in (given, wanted)]
    found = _agreeing(words[0], words[1], values)
    if given.marks is not None and wanted.marks is not None:
        marked = [
            np.column_stack([each, marks])
            for each, marks in zip(words, (given.marks, wanted.marks), strict=True)
        ]
        by_mark = _agreeing(marked[0], marked[1], values)
        found = np.where((found == AMBIGUOUS) & (by_mark >= 0), by_mark, found)
    return np.where(found >= 0, rows[found], found)


def _words(keys: IntArray, hashes: HashArray | None) -> NDArray[np.int64]:
    """Return identities as rows of whole numbers."""
    if hashes is None:
        return keys[:, np.newaxis]
    return np.column_stack([keys, np.ascontiguousarray(hashes).view(np.int64)])


def _agreeing(given: NDArray[Any], wanted: NDArray[Any], values: FloatArray) -> IntArray:
    """Return the first row that has the words of each wanted one, if all that have them agree."""
    _, numbers = np.unique(np.concatenate([given, wanted]), axis=0, return_inverse=True)
    numbers = numbers.reshape(-1)
    ours, theirs = numbers[: len(given)], numbers[len(given) :]
    n = int(numbers.max(initial=-1)) + 1
    first = np.full(n, NONE, dtype=np.int64)
    first[ours[::-1]] = np.arange(len(given))[::-1]
    leaders = values[first[ours]]
    is_alike = ((values == leaders) | (np.isnan(values) & np.isnan(leaders))).all(axis=1)
    first[ours[~is_alike]] = AMBIGUOUS
    result: IntArray = first[theirs]
    return result
