from __future__ import annotations

import numpy as np
import pytest

from syngen._typing import Kind
from syngen.errors import FactorError
from syngen.factors import MAX_LEVELS, Factor, FactorGrid, any_holds


@pytest.fixture
def grid() -> FactorGrid:
    return FactorGrid(
        [
            Factor("timbre", ("sine", "triangle", "square")),
            Factor("octave", (2, 3, 4, 5), "ordinal"),
            Factor("frequency", (110.0, 220.0, 440.0, 880.0, 1760.0), "continuous", "Hz"),
        ]
    )


def test_the_last_factor_varies_fastest(grid: FactorGrid) -> None:
    assert grid.size == 60
    assert grid.levels_of([0, 1, 5, 20, 59]).tolist() == [
        [0, 0, 0],
        [0, 0, 1],
        [0, 1, 0],
        [1, 0, 0],
        [2, 3, 4],
    ]


def test_every_index_comes_back_from_its_levels(grid: FactorGrid) -> None:
    everything = np.arange(grid.size)
    levels = grid.levels_of(everything)
    np.testing.assert_array_equal(grid.indices_of(levels), everything)
    np.testing.assert_array_equal(np.ravel_multi_index(tuple(levels.T), grid.sizes), everything)


def test_values_and_index_are_inverse(grid: FactorGrid) -> None:
    values = grid.values_of(38)
    assert values == {"timbre": "triangle", "octave": 5, "frequency": 880.0}
    assert grid.index_of(values) == 38
    assert grid.index_of(dict(reversed(values.items()))) == 38


def test_grid_is_a_mapping_of_its_factors(grid: FactorGrid) -> None:
    assert list(grid) == ["timbre", "octave", "frequency"]
    assert len(grid) == 3
    assert "octave" in grid
    assert "pitch" not in grid
    assert grid["frequency"].unit == "Hz"
    assert grid.kinds == {"timbre": "nominal", "octave": "ordinal", "frequency": "continuous"}
    assert grid.position("frequency") == 2
    assert repr(grid) == "FactorGrid(timbre: 3, octave: 4, frequency: 5; 60 points)"


def test_grids_of_equal_factors_are_equal(grid: FactorGrid) -> None:
    twin = FactorGrid(grid.factors)
    assert twin == grid
    assert hash(twin) == hash(grid)
    assert FactorGrid(grid.factors[:2]) != grid
    assert grid != "grid"


def test_empty_inputs_give_empty_outputs(grid: FactorGrid) -> None:
    assert grid.levels_of([]).shape == (0, 3)
    assert grid.indices_of(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("index", [-1, 60, 2**40, -(2**62)])
def test_index_outside_the_grid_is_refused(grid: FactorGrid, index: int) -> None:
    with pytest.raises(FactorError, match=rf"^index {index} outside 0\.\.59$"):
        grid.levels_of([3, index])


def test_level_outside_its_factor_is_refused(grid: FactorGrid) -> None:
    with pytest.raises(FactorError, match=r"factor 'octave': level 4 outside 0\.\.3"):
        grid.indices_of([[0, 0, 0], [2, 4, 4]])
    with pytest.raises(FactorError, match=r"factor 'timbre': level -1 outside 0\.\.2"):
        grid.indices_of([[-1, 0, 0]])


@pytest.mark.parametrize("levels", [[0, 0, 0], [[0, 0]], [[0, 0, 0, 0]], [[[0, 0, 0]]]])
def test_levels_of_the_wrong_shape_are_refused(grid: FactorGrid, levels: list[object]) -> None:
    with pytest.raises(FactorError, match=r"\(n, 3\) is needed, .* timbre, octave, frequency"):
        grid.indices_of(levels)


@pytest.mark.parametrize("indices", [[1.0], [True], ["1"], np.array([0.5])])
def test_indices_that_are_not_whole_numbers_are_refused(grid: FactorGrid, indices: list[object]) -> None:
    with pytest.raises(FactorError, match="index of type .*; whole numbers are needed"):
        grid.levels_of(indices)


def test_levels_that_are_not_whole_numbers_are_refused(grid: FactorGrid) -> None:
    with pytest.raises(FactorError, match="level of type float64; whole numbers are needed"):
        grid.indices_of([[0.0, 1.0, 2.0]])


def test_indices_of_any_integer_type_are_taken(grid: FactorGrid) -> None:
    for kind in (np.uint8, np.int16, np.uint64):
        np.testing.assert_array_equal(
            grid.levels_of(np.array([7, 59], dtype=kind)), grid.levels_of([7, 59])
        )


def test_unknown_factor_is_refused_with_the_nearest(grid: FactorGrid) -> None:
    with pytest.raises(FactorError, match=r"no factor 'frequncy' \(did you mean 'frequency'\?\)"):
        grid["frequncy"]
    with pytest.raises(FactorError, match="no factor 'x'; the grid has timbre, octave, frequency"):
        grid.condition({"x": [1]})


def test_index_of_incomplete_values_is_refused(grid: FactorGrid) -> None:
    with pytest.raises(FactorError, match="no value for octave, frequency; an index needs every"):
        grid.index_of({"timbre": "sine"})


def test_index_of_an_unknown_factor_is_refused(grid: FactorGrid) -> None:
    values = {"timbre": "sine", "octave": 2, "frequency": 110.0, "phase": 0.0}
    with pytest.raises(FactorError, match="no factor 'phase'"):
        grid.index_of(values)


def test_numbers_match_within_a_relative_tolerance(grid: FactorGrid) -> None:
    frequency = grid["frequency"]
    assert frequency.level_of(440.0 * (1.0 + 5e-10)) == 2
    assert frequency.level_of(440) == 2
    assert frequency.level_of(np.float32(440.0)) == 2
    assert frequency.level_of(np.int64(110)) == 0
    with pytest.raises(FactorError, match=r"no value 440\.000001; the nearest is 440\.0"):
        frequency.level_of(440.000001)


def test_value_that_is_not_there_is_refused_with_the_nearest(grid: FactorGrid) -> None:
    with pytest.raises(FactorError, match=r"'frequency' has no value 450\.0; the nearest is 440\.0"):
        grid["frequency"].level_of(450.0)
    with pytest.raises(FactorError, match="'octave' has no value 9; the nearest is 5"):
        grid["octave"].level_of(9)
    with pytest.raises(FactorError, match=r"no value 'trinagle' \(did you mean 'triangle'\?\)"):
        grid["timbre"].level_of("trinagle")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "440.0"])
def test_values_of_no_number_are_refused(grid: FactorGrid, value: float | str) -> None:
    with pytest.raises(FactorError, match=f"no value {value!r}.*it has 110.0, 220.0"):
        grid["frequency"].level_of(value)


@pytest.mark.parametrize("value", [None, [440.0], {"min": 1}])
def test_objects_that_are_no_value_are_refused(grid: FactorGrid, value: object) -> None:
    with pytest.raises(FactorError, match="is a (NoneType|list|dict), not a value"):
        grid["frequency"].level_of(value)  # type: ignore[arg-type]


def test_long_lists_of_values_are_abridged_in_messages() -> None:
    factor = Factor("speaker", tuple(f"s{i}" for i in range(20)))
    with pytest.raises(FactorError, match=r"'s0', .*'s7', \.\.\. \(20 values\)$"):
        factor.level_of("zzzz")


def test_range_is_closed_and_may_be_open_ended(grid: FactorGrid) -> None:
    frequency = grid["frequency"]
    cases: list[tuple[dict[str, float], list[bool]]] = [
        ({"min": 220.0, "max": 880.0}, [False, True, True, True, False]),
        ({"min": 440.0}, [False, False, True, True, True]),
        ({"max": 219.0}, [True, False, False, False, False]),
        ({"min": 220.0 * (1 + 1e-12)}, [False, True, True, True, True]),
        ({"min": 5000.0}, [False] * 5),
    ]
    for wanted, expected in cases:
        assert frequency.levels_where(wanted).tolist() == expected


def test_condition_takes_one_value_or_several(grid: FactorGrid) -> None:
    timbre = grid["timbre"]
    assert timbre.levels_where("sine").tolist() == [True, False, False]
    assert timbre.levels_where(["sine", "square"]).tolist() == [True, False, True]
    assert timbre.levels_where(np.array(["square"])).tolist() == [False, False, True]


@pytest.mark.parametrize("kind", ["nominal", "ordinal"])
def test_range_of_texts_is_refused(kind: Kind) -> None:
    factor = Factor("size", ("small", "large"), kind)
    with pytest.raises(FactorError, match="'size' has no numbers .* name its values in a list"):
        factor.levels_where({"min": 1})


def test_range_of_unordered_numbers_is_refused() -> None:
    with pytest.raises(FactorError, match="'speaker' .* name its values in a list"):
        Factor("speaker", (3, 1, 2)).levels_where({"max": 2})


def test_conditions_are_joined_by_and_inside_and_by_or_between(grid: FactorGrid) -> None:
    levels = grid.levels_of(np.arange(grid.size))
    first = grid.condition({"timbre": ["sine"], "frequency": {"min": 880.0}})
    second = grid.condition({"octave": [2]})
    expected_first = (levels[:, 0] == 0) & (levels[:, 2] >= 3)
    np.testing.assert_array_equal(first.holds(levels), expected_first)
    np.testing.assert_array_equal(any_holds([first, second], levels), expected_first | (levels[:, 1] == 0))
    assert not any_holds([], levels).any()


def test_factor_without_values_is_refused() -> None:
    with pytest.raises(FactorError, match="factor 'a' has no values; give at least one"):
        Factor("a", ())


def test_value_that_appears_twice_is_refused() -> None:
    with pytest.raises(FactorError, match=r"factor 'a' has the value 'y' more than once"):
        Factor("a", ("x", "y", "z", "y", "x"))
    with pytest.raises(FactorError, match=r"the value 1\.0 more than once"):
        Factor("a", (1, 2, 1.0))


def test_factor_of_too_many_values_is_refused() -> None:
    assert Factor("a", tuple(range(MAX_LEVELS))).size == MAX_LEVELS
    with pytest.raises(FactorError, match="has 1000001 values; at most 1000000 are possible"):
        Factor("a", tuple(range(MAX_LEVELS + 1)))


def test_grid_without_factors_is_refused() -> None:
    with pytest.raises(FactorError, match="the grid has no factors"):
        FactorGrid([])


def test_factors_of_one_name_are_refused() -> None:
    with pytest.raises(FactorError, match=r"two factors share a name: \['a', 'a'\]"):
        FactorGrid([Factor("a", (1, 2)), Factor("a", (3,))])


def test_grid_of_exactly_2_to_62_points_works() -> None:
    grid = FactorGrid([Factor(f"f{i}", (0, 1, 2, 3)) for i in range(31)])
    assert grid.size == 2**62
    last = 2**62 - 1
    assert grid.levels_of([last]).tolist() == [[3] * 31]
    assert grid.indices_of([[3] * 31]).tolist() == [last]
    with pytest.raises(FactorError, match=f"index {2**62} outside 0..{last}"):
        grid.levels_of([2**62])


def test_grid_of_more_than_2_to_62_points_is_refused_with_the_count() -> None:
    factors = [Factor(f"f{i}", (0, 1, 2, 3)) for i in range(31)]
    with pytest.raises(FactorError, match=rf"the grid has {2**63} points; at most 2\*\*62"):
        FactorGrid([*factors, Factor("g", (0, 1))])


def test_whole_numbers_match_exactly_and_others_nearly() -> None:
    ids = Factor("id", (1_234_567_890_123, 1_234_567_890_125), "ordinal")
    assert ids.level_of(1_234_567_890_125) == 1
    with pytest.raises(FactorError, match="no value 1234567890124; the nearest is"):
        ids.level_of(1_234_567_890_124)
    assert ids.level_of(1_234_567_890_123.0001) == 0
    assert Factor("gain", (0.1, 0.3), "continuous").level_of(0.1 + 0.2) == 1


def test_truth_values_are_no_numbers() -> None:
    voiced = Factor("voiced", (False, True))
    assert [voiced.level_of(False), voiced.level_of(np.True_)] == [0, 1]  # type: ignore[arg-type]
    assert voiced.levels_where([True]).tolist() == [False, True]
    for odd in (1, 0.0, "True"):
        with pytest.raises(FactorError, match="not a value"):
            voiced.level_of(odd)
    with pytest.raises(FactorError, match="True is a bool, not a value"):
        Factor("n", (0, 1)).level_of(True)
    with pytest.raises(FactorError, match="mixes truth values and others"):
        Factor("x", (False, 2))
