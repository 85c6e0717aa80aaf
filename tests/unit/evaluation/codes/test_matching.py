"""Matching against a dictionary: who has which codes, however often and in whichever order."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syngen.evaluation.codes.matching import AMBIGUOUS, NONE, match
from syngen.identities import Identities


def points(keys: list[int], contents: list[int] | None = None) -> Identities:
    hashes = None
    if contents is not None:
        hashes = np.zeros((len(keys), 32), dtype=np.uint8)
        hashes[:, -1] = contents
    return Identities("grid", np.array(keys, dtype=np.int64), "f", hashes)


def files(contents: list[int], marks: list[int]) -> Identities:
    """Files whose hashes begin with the same eight bytes: keys that tell nothing apart."""
    hashes = np.zeros((len(contents), 32), dtype=np.uint8)
    hashes[:, -1] = contents
    return Identities.of_files(hashes, np.array(marks, dtype=np.int64))


def found(given: Identities, values: list[float], wanted: Identities) -> list[int]:
    return match(given, np.array(values, dtype=np.float64).reshape(-1, 1), wanted).positions.tolist()


def by_dictionary(given: Identities, values: list[float], wanted: Identities) -> list[float | None]:
    """Return the code of each observation; None for none, NaN for codes that contradict each other."""

    def name(identities: Identities, row: int, *, hashed: bool) -> tuple[Any, ...]:
        assert identities.hashes is None or identities.hashes.ndim == 2
        content = identities.hashes[row].tobytes() if hashed and identities.hashes is not None else b""
        return int(identities.keys[row]), content

    hashed = given.hashes is not None and wanted.hashes is not None
    codes = defaultdict(set)
    marked = defaultdict(set)
    for row, value in enumerate(values):
        codes[name(given, row, hashed=hashed)].add(value)
        if given.marks is not None:
            marked[(*name(given, row, hashed=hashed), int(given.marks[row]))].add(value)
    result: list[float | None] = []
    for row in range(len(wanted)):
        key = name(wanted, row, hashed=hashed)
        here = codes.get(key, set())
        if len(here) > 1 and wanted.marks is not None:
            here = marked.get((*key, int(wanted.marks[row])), here)
        result.append(None if not here else next(iter(here)) if len(here) == 1 else np.nan)
    return result


@pytest.mark.slow
@settings(max_examples=300)
@given(st.data())
def test_every_observation_has_the_codes_that_a_dictionary_gives(data: st.DataObject) -> None:
    def drawn(n: int) -> Identities:
        numbers = st.lists(st.integers(0, 5), min_size=n, max_size=n)
        keys, contents = data.draw(numbers), data.draw(numbers)
        if is_file:
            return files(keys, contents)
        return points(keys, [key + content // 5 for key, content in zip(keys, contents, strict=True)])

    is_file = data.draw(st.booleans())
    sizes = data.draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    given_ones, wanted = drawn(sizes[0]), drawn(sizes[1])
    if not is_file and data.draw(st.booleans()):
        wanted = Identities("grid", wanted.keys, "f")
    values = [
        float(n) for n in data.draw(st.lists(st.integers(0, 2), min_size=sizes[0], max_size=sizes[0]))
    ]
    positions = found(given_ones, values, wanted)
    if given_ones.is_same_sequence(wanted):
        assert positions == list(range(len(wanted)))
        return
    for position, expected in zip(positions, by_dictionary(given_ones, values, wanted), strict=True):
        if expected is None:
            assert position == NONE
        elif np.isnan(expected):
            assert position == AMBIGUOUS
        else:
            assert values[position] == expected


def test_many_rows_are_found_in_any_order(rng: np.random.Generator) -> None:
    keys = rng.choice(2**62, size=200_000, replace=False)
    hashes = rng.integers(0, 256, size=(len(keys), 32), dtype=np.uint8)
    codes = Identities("grid", keys, "f", hashes)
    order = rng.permutation(len(keys))[:150_000]
    values = np.zeros((len(keys), 1))
    np.testing.assert_array_equal(match(codes, values, codes.take(order)).positions, order)
    other = hashes[order].copy()
    other[::1000, 31] ^= 1
    result = match(codes, values, Identities("grid", keys[order], "f", other))
    assert (result.n_missing, result.n_other_audio, result.n_ambiguous) == (150, 150, 0)
    assert (result.positions[::1000] == NONE).all()


def test_repeated_observations_keep_codes_of_their_own_in_the_same_order() -> None:
    view = points([4, 4, 7])
    assert found(view, [0.1, 0.2, 0.3], view) == [0, 1, 2]
    assert found(view, [0.1, 0.2, 0.3], points([7, 4])) == [2, AMBIGUOUS]
    assert found(view, [0.1, 0.1, 0.3], points([7, 4, 4, 4])) == [2, 0, 0, 0]
    assert found(points([7, 4]), [0.3, 0.1], view) == [1, 1, 0]


def test_values_that_are_not_numbers_agree_with_themselves() -> None:
    assert found(points([4, 4]), [np.nan, np.nan], points([4])) == [0]
    assert found(points([4, 4]), [np.nan, 0.0], points([4])) == [AMBIGUOUS]


def test_rows_of_one_file_are_told_apart_by_their_marks() -> None:
    codes = files([1, 1, 2], [10, 11, 12])
    assert found(codes, [0.1, 0.2, 0.3], files([2, 1, 1], [99, 11, 10])) == [2, 1, 0]
    assert found(codes, [0.1, 0.2, 0.3], files([1, 2], [99, 99])) == [AMBIGUOUS, 2]
    assert found(codes, [0.1, 0.1, 0.3], files([1, 3], [99, 12])) == [0, NONE]


@pytest.mark.parametrize("wanted", [points([]), points([1, 2])])
def test_no_codes_are_no_codes(wanted: Identities) -> None:
    assert found(points([]), [], wanted) == [NONE] * len(wanted)
