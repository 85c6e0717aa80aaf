"""The one comparison of factor values, wherever it is used."""

from __future__ import annotations

import math

import numpy as np
import pytest

from syngen.errors import FactorError
from syngen.factors import Factor
from syngen.splits import beyond_levels

LINSPACE = Factor("amplitude", tuple(0.1 + i * 0.1 for i in range(5)), "continuous")  # .30000000000000004
AROUND_ZERO = Factor("shift", tuple(-0.3 + i * 0.1 for i in range(7)), "continuous")  # 5.6e-17 for 0
IDS = Factor("id", (10**10, 10**10 + 1, 2**70), "ordinal")


def test_a_value_counts_as_equal_in_every_use() -> None:
    assert LINSPACE.values[2] != 0.3
    assert LINSPACE.level_of(0.3) == 2
    up_to, beyond = LINSPACE.levels_where({"max": 0.3}), beyond_levels(LINSPACE, below=None, above=0.3)
    assert np.flatnonzero(up_to).tolist() == [0, 1, 2]
    assert np.flatnonzero(beyond).tolist() == [3, 4]
    from_, below = LINSPACE.levels_where({"min": 0.3}), beyond_levels(LINSPACE, below=0.3, above=None)
    assert np.flatnonzero(from_).tolist() == [2, 3, 4]
    assert np.flatnonzero(below).tolist() == [0, 1]


@pytest.mark.parametrize("number", [0.1, 0.2, 0.3, 0.4, 0.5, 0.25, 1.0, -3.0])
def test_every_value_is_below_above_or_equal(number: float) -> None:
    sides = LINSPACE.compared_with(number)
    expected = [
        0 if math.isclose(value, number, rel_tol=1e-9) else (1 if value > number else -1)
        for value in LINSPACE.values
    ]
    assert sides.tolist() == expected


def test_zero_is_found_where_rounding_left_something_of_it() -> None:
    assert 0.0 not in AROUND_ZERO.values
    assert AROUND_ZERO.level_of(0) == 3
    assert np.flatnonzero(AROUND_ZERO.levels_where({"min": 0.0})).tolist() == [3, 4, 5, 6]
    assert np.flatnonzero(beyond_levels(AROUND_ZERO, below=None, above=0.0)).tolist() == [4, 5, 6]


def test_small_values_of_their_own_are_not_taken_for_zero() -> None:
    tiny = Factor("snr", (0.0, 1e-12, 1.0), "continuous")
    assert tiny.compared_with(0.0).tolist() == [0, 1, 1]


def test_whole_numbers_are_compared_exactly() -> None:
    assert IDS.levels_where({"min": 10**10 + 1}).tolist() == [False, True, True]
    assert IDS.levels_where({"max": 10**10}).tolist() == [True, False, False]
    assert (IDS.level_of(10_000_000_001.0), IDS.level_of(2**70)) == (1, 2)
    with pytest.raises(FactorError, match="no value 10000000002; the nearest is 10000000001"):
        IDS.level_of(10**10 + 2)


def test_whole_numbers_of_any_size_and_sign_are_compared_exactly() -> None:
    factor = Factor("x", (-5, 2**63, 2**63 + 1), "ordinal")
    assert factor.compared_with(2**63).tolist() == [-1, 0, 1]
    assert factor.compared_with(-5.0).tolist() == [0, 1, 1]


def test_infinite_bounds_lie_beyond_all_values() -> None:
    assert LINSPACE.levels_where({"min": -math.inf, "max": math.inf}).all()
    assert LINSPACE.compared_with(math.inf).tolist() == [-1] * 5


@pytest.mark.parametrize(
    ("number", "level"),
    [(-1.0, 0), (0.149, 0), (0.16, 1), (0.26, 2), (9.0, 4), (np.float32(0.41), 3), (1, 4)],
)
def test_nearest_takes_the_nearest_level(number: float, level: int) -> None:
    assert LINSPACE.level_of(number, nearest=True) == level
    with pytest.raises(FactorError, match="the nearest is"):
        LINSPACE.level_of(0.26)


def test_nearest_of_two_as_near_is_the_lower() -> None:
    for values in ((1.0, 2.0), (2.0, 1.0)):
        factor = Factor("x", values)
        assert factor.values[factor.level_of(1.5, nearest=True)] == 1.0


def test_nearest_does_not_guess_texts_or_what_is_no_number() -> None:
    timbre = Factor("timbre", ("sine", "square"))
    with pytest.raises(FactorError, match="did you mean 'sine'"):
        timbre.level_of("sin", nearest=True)
    with pytest.raises(FactorError, match="no value nan"):
        LINSPACE.level_of(math.nan, nearest=True)


@pytest.mark.parametrize(
    ("values", "is_sorted"),
    [((1, 2, 3), True), ((3, 2, 1), False), ((440, 110), False), (("b", "a"), True), ((2**70, 2), False)],
)
def test_numbers_are_sorted_or_not(values: tuple[int | str, ...], is_sorted: bool) -> None:
    assert Factor("x", values, "ordinal").is_sorted is is_sorted
