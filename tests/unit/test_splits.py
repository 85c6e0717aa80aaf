from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from syngen.errors import FactorError
from syngen.factors import Factor, FactorGrid
from syngen.seeding import uniforms
from syngen.splits import (
    EVERYTHING_TRAIN,
    REST,
    Scheme,
    between_levels,
    beyond_levels,
    level_condition,
    ordered_names,
    whole_levels,
)

SEED = 11
FREQUENCY = Factor("frequency", tuple(float(f) for f in range(100, 200)), "continuous", "Hz")
SPEAKER = Factor("speaker", tuple(f"s{i}" for i in range(20)))


@pytest.fixture
def grid() -> FactorGrid:
    return FactorGrid([SPEAKER, Factor("take", tuple(range(10)), "ordinal"), FREQUENCY])


def _split_names(scheme: Scheme, grid: FactorGrid) -> np.ndarray:
    indices = np.arange(grid.size)
    codes = scheme.codes(indices, grid.levels_of(indices), seed=SEED)
    assert codes.dtype == np.int64
    return np.array(scheme.names)[codes]


def _shares(names: np.ndarray) -> dict[str, float]:
    return {str(name): float(np.mean(names == name)) for name in np.unique(names)}


def test_names_are_ordered_train_validation_test_then_alphabetically() -> None:
    names = ["zebra", "test", "apple", "train", "validation", "apple"]
    assert ordered_names(names) == ("train", "validation", "test", "apple", "zebra")
    assert ordered_names(["test", "b", "a"]) == ("test", "a", "b")
    assert ordered_names([]) == ()


def test_names_of_a_scheme_do_not_hold_empty_fractions() -> None:
    scheme = Scheme("s", fractions=(("test", 0.5), ("zero", 0.0), ("train", 0.5)))
    assert scheme.names == ("train", "test")


def test_random_fractions_are_met_roughly(grid: FactorGrid) -> None:
    fractions = (("train", 0.7), ("validation", 0.1), ("test", 0.15), ("probe", 0.05))
    shares = _shares(_split_names(Scheme("default", fractions=fractions), grid))
    assert shares.keys() == {"train", "validation", "test", "probe"}
    for name, fraction in fractions:
        assert abs(shares[name] - fraction) < 0.01


def test_random_splits_cut_the_uniform_of_the_index(grid: FactorGrid) -> None:
    scheme = Scheme("mine", fractions=(("test", 0.25), ("train", 0.75)))
    u = uniforms(SEED, "split/mine", np.arange(grid.size))
    np.testing.assert_array_equal(_split_names(scheme, grid) == "test", u < 0.25)


def test_split_of_an_index_does_not_depend_on_the_others(grid: FactorGrid) -> None:
    scheme = Scheme("default", fractions=(("train", 0.5), ("test", 0.5)))
    whole = _split_names(scheme, grid)
    some = np.array([7, 19_999, 3, 7])
    codes = scheme.codes(some, grid.levels_of(some), seed=SEED)
    assert [scheme.names[c] for c in codes] == whole[some].tolist()
    assert scheme.codes(some[:0], grid.levels_of([]), seed=SEED).shape == (0,)


def test_schemes_of_other_names_split_independently(grid: FactorGrid) -> None:
    halves = (("train", 0.5), ("test", 0.5))
    first = _split_names(Scheme("a", fractions=halves), grid)
    second = _split_names(Scheme("b", fractions=halves), grid)
    assert abs(np.mean(first == second) - 0.5) < 0.02


def test_without_a_rule_everything_is_train(grid: FactorGrid) -> None:
    assert _shares(_split_names(EVERYTHING_TRAIN, grid)) == {"train": 1.0}


def test_rest_is_nine_tenths_train_and_one_tenth_validation(grid: FactorGrid) -> None:
    assert REST == (("train", 0.9), ("validation", 0.1))
    names = _split_names(Scheme("s", fixed=(("test", (grid.condition({"speaker": ["s0"]}),)),)), grid)
    rest = names[names != "test"]
    shares = _shares(rest)
    assert shares.keys() == {"train", "validation"}
    assert abs(shares["train"] - 0.9) < 0.01


def test_hold_out_puts_the_combination_into_test_and_its_parts_outside(grid: FactorGrid) -> None:
    condition = grid.condition({"speaker": ["s3"], "frequency": {"min": 150.0}})
    names = _split_names(Scheme("composition", fixed=(("test", (condition,)),)), grid)
    levels = grid.levels_of(np.arange(grid.size))
    combination = (levels[:, 0] == 3) & (levels[:, 2] >= 50)
    np.testing.assert_array_equal(names == "test", combination)
    outside = levels[names == "train"]
    assert (outside[:, 0] == 3).any()
    assert (outside[:, 2] >= 50).any()


def test_hold_out_of_several_combinations_is_their_union(grid: FactorGrid) -> None:
    conditions = (grid.condition({"speaker": ["s3"]}), grid.condition({"take": [0, 1]}))
    names = _split_names(Scheme("composition", fixed=(("test", conditions),)), grid)
    levels = grid.levels_of(np.arange(grid.size))
    np.testing.assert_array_equal(names == "test", (levels[:, 0] == 3) | (levels[:, 1] <= 1))


def test_first_of_two_fixed_splits_wins(grid: FactorGrid) -> None:
    fixed = (
        ("test", (grid.condition({"speaker": ["s1", "s2"]}),)),
        ("probe", (grid.condition({"speaker": ["s2", "s3"]}),)),
    )
    names = _split_names(Scheme("s", fixed=fixed, fractions=(("train", 1.0),)), grid)
    levels = grid.levels_of(np.arange(grid.size))
    by_speaker = {s: set(names[levels[:, 0] == s].tolist()) for s in range(5)}
    assert by_speaker == {0: {"train"}, 1: {"test"}, 2: {"test"}, 3: {"probe"}, 4: {"train"}}


@pytest.mark.parametrize("every", [2, 3, 5, 50])
def test_interpolation_tests_every_kth_level_but_never_the_ends(every: int) -> None:
    chosen = between_levels(FREQUENCY, every)
    expected = list(range(every - 1, 99, every))
    assert np.flatnonzero(chosen).tolist() == expected
    assert not chosen[0]
    assert not chosen[-1]


def test_interpolation_without_a_level_between_is_refused() -> None:
    with pytest.raises(FactorError, match=r"every 100 levels leaves test empty: .* has 100 levels"):
        between_levels(FREQUENCY, 100)
    with pytest.raises(FactorError, match="factor 'take' has 2 levels"):
        between_levels(Factor("take", (1, 2), "ordinal"), 2)


def test_extrapolation_tests_the_values_strictly_beyond_its_bounds() -> None:
    above = beyond_levels(FREQUENCY, below=None, above=190.0)
    assert np.flatnonzero(above).tolist() == list(range(91, 100))
    both = beyond_levels(FREQUENCY, below=102.0, above=197.5)
    assert np.flatnonzero(both).tolist() == [0, 1, 98, 99]


@pytest.mark.parametrize(
    ("below", "above", "which"), [(None, 199.0, "test"), (50.0, None, "test"), (500.0, None, "train")]
)
def test_extrapolation_that_leaves_a_split_empty_is_refused(
    below: float | None, above: float | None, which: str
) -> None:
    with pytest.raises(FactorError, match=rf"leaves {which} empty: .* from 100\.0 to 199\.0"):
        beyond_levels(FREQUENCY, below=below, above=above)


def test_interpolation_and_extrapolation_need_an_order() -> None:
    with pytest.raises(FactorError, match="interpolation needs an order, .*'speaker' is nominal"):
        between_levels(SPEAKER, 2)
    with pytest.raises(FactorError, match="extrapolation needs an order.*use by_factor or hold_out"):
        beyond_levels(SPEAKER, below=1.0, above=None)


def test_by_factor_gives_a_fraction_of_whole_values_away() -> None:
    parts = dict(whole_levels(SPEAKER, [("test", 0.2), ("validation", 0.1)], seed=SEED, name="s"))
    assert parts["test"].sum() == 4
    assert parts["validation"].sum() == 2
    assert not (parts["test"] & parts["validation"]).any()
    other = dict(whole_levels(SPEAKER, [("test", 0.2)], seed=SEED + 1, name="s"))
    assert (other["test"] != parts["test"]).any()


def test_by_factor_gives_away_at_least_one_value() -> None:
    ((_, chosen),) = whole_levels(SPEAKER, [("test", 0.001)], seed=SEED, name="s")
    assert chosen.sum() == 1


def test_by_factor_takes_lists_of_values_and_fractions_of_the_others() -> None:
    parts = dict(whole_levels(SPEAKER, [("test", 0.5), ("validation", ["s4", "s7"])], seed=SEED, name="s"))
    assert np.flatnonzero(parts["validation"]).tolist() == [4, 7]
    assert parts["test"].sum() == 10
    assert not (parts["test"] & parts["validation"]).any()


def test_by_factor_keeps_each_value_in_one_split(grid: FactorGrid) -> None:
    parts = whole_levels(SPEAKER, [("test", 0.25)], seed=SEED, name="s")
    fixed = tuple((split, (level_condition(grid, SPEAKER, chosen),)) for split, chosen in parts)
    names = _split_names(Scheme("s", fixed=fixed), grid)
    speaker = grid.levels_of(np.arange(grid.size))[:, 0]
    in_test = {s for s in range(20) if (names[speaker == s] == "test").all()}
    in_rest = {s for s in range(20) if not (names[speaker == s] == "test").any()}
    assert len(in_test) == 5
    assert len(in_rest) == 15


def test_by_factor_refuses_a_value_given_twice() -> None:
    shares = [("test", ["s1", "s2"]), ("validation", ["s2"])]
    with pytest.raises(FactorError, match="by_factor gives 's2' to two splits"):
        whole_levels(SPEAKER, shares, seed=SEED, name="s")


def test_by_factor_refuses_an_unknown_value() -> None:
    with pytest.raises(FactorError, match="factor 'speaker' has no value 's99'"):
        whole_levels(SPEAKER, [("test", ["s99"])], seed=SEED, name="s")


def test_by_factor_refuses_to_leave_train_empty() -> None:
    with pytest.raises(FactorError, match="leaves train empty: all 20 values of 'speaker'"):
        whole_levels(SPEAKER, [("test", list(SPEAKER.values))], seed=SEED, name="s")
    with pytest.raises(FactorError, match="leaves train empty"):
        whole_levels(Factor("a", ("x", "y")), [("test", 0.4), ("validation", 0.4)], seed=1, name="s")


def test_two_of_six_values_are_given_away_evenly() -> None:
    factor = Factor("speaker", tuple("abcdef"))
    counts: Counter[tuple[int, ...]] = Counter()
    for seed in range(3_000):
        ((_, chosen),) = whole_levels(factor, [("test", 1 / 3)], seed=seed, name="unseen")
        counts[tuple(np.flatnonzero(chosen).tolist())] += 1
    assert len(counts) == 15
    assert stats.chisquare(list(counts.values())).pvalue > 0.001


def test_a_value_that_counts_as_equal_to_a_bound_is_not_beyond_it() -> None:
    factor = Factor("a", tuple(0.1 + i * 0.1 for i in range(5)), "continuous")
    assert np.flatnonzero(beyond_levels(factor, below=None, above=0.3)).tolist() == [3, 4]
    assert np.flatnonzero(beyond_levels(factor, below=0.3 + 1e-12, above=None)).tolist() == [0, 1]
