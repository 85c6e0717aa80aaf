"""What the rules of a recipe leave: nothing is refused for a reason that is not true."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.errors import RecipeError
from syngen.resolving import reach
from syngen.resolving.load import resolve_document
from syngen.synth.request import NO_PERMISSIONS

# 10 factors, more than a hundred million points
LARGE: dict[str, Any] = {
    "name": "large",
    "synthesizer": "tone",
    "seed": 5,
    "audio": {"duration": 0.5},
    "factors": {
        "timbre": {"values": ["sine", "square", "sawtooth", "organ"]},
        "amplitude": {"linspace": {"start": -40.0, "stop": -30.0, "num": 11}, "unit": "dBFS"},
        "frequency": {"geomspace": {"start": 110.0, "stop": 880.0, "num": 73}},
        "brightness": {"linspace": {"start": -9.0, "stop": -3.0, "num": 4}},
        "attack": {"values": [0.01, 0.03, 0.06, 0.12, 0.2]},
        "decay": {"linspace": {"start": 0.0, "stop": 20.0, "num": 5}},
        "release": {"values": [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]},
        "tremolo_rate": {"values": [3.0, 4.0, 6.0, 8.0]},
        "tremolo_depth": {"values": [1.0, 2.0, 3.0, 4.0]},
        "snr": {"linspace": {"start": 18.0, "stop": 36.0, "num": 6}},
    },
    "settings": {"level": "rms", "partial_limit": 7300.0},
    "sampling": {"size": 1000},
}
NINE: dict[str, list[Any]] = {
    "timbre": ["square"],
    "amplitude": [-40.0],
    "brightness": [-9.0],
    "attack": [0.01],
    "decay": [0.0],
    "release": [0.02],
    "tremolo_rate": [3.0],
    "tremolo_depth": [1.0],
    "snr": [18.0],
}
SMALL: dict[str, Any] = {
    "name": "small",
    "synthesizer": "tone",
    "seed": 5,
    "audio": {"duration": 0.1},
    "factors": {
        "timbre": {"values": ["sine", "square", "sawtooth"]},
        "frequency": {"linspace": {"start": 200.0, "stop": 400.0, "num": 20}},
    },
}


def problem(document: dict[str, Any]) -> str:
    with pytest.raises(RecipeError) as caught:
        syngen.load_recipe(document)
    (issue,) = caught.value.issues
    return str(issue)


def held_out(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"splits": {"c": {"hold_out": list(conditions)}}}


def test_a_hold_out_of_nine_factors_of_ten_is_taken() -> None:
    recipe = syngen.load_recipe(LARGE | held_out(NINE))
    assert recipe.grid.size > 10**8
    scheme = recipe.schemes[1]
    points = np.array([recipe.grid.index_of({k: v[0] for k, v in NINE.items()} | {"frequency": 880.0})])
    code = recipe.split_codes(scheme, points, recipe.grid.levels_of(points))
    assert [scheme.names[c] for c in code] == ["test"]


def test_where_with_a_single_point_has_that_point() -> None:
    where = {"sampling": {"where": [NINE | {"frequency": [880.0]}]}}
    rows = syngen.load_recipe(LARGE | where).rows
    assert rows.split_sizes == {"train": 1}
    (index,) = rows.indices("train", 0, 9)
    assert rows.grid.values_of(index)["frequency"] == pytest.approx(880.0)


def test_few_points_stand_in_the_order_of_the_walk() -> None:
    points = syngen.load_recipe(LARGE | {"sampling": {"where": [NINE]}}).rows
    assert points.split_sizes == {"train": 73}
    order = points.indices("train", 0, 73)
    position = syngen.seeding.Permutation(points.grid.size, seed=5, name="order").inverse(order)
    assert (np.diff(position) > 0).all()
    some = syngen.load_recipe(LARGE | {"sampling": {"where": [NINE], "size": 20}}).rows
    assert some.indices("train", 0, 99).tolist() == order[:20].tolist()


def test_a_size_that_few_points_do_not_have_is_refused_with_their_number() -> None:
    document = LARGE | {"sampling": {"where": [NINE], "size": 74}}
    assert "sampling.size is 74, but only 73 of the grid's" in problem(document)


def test_conditions_that_contradict_each_other_are_said_to() -> None:
    document = LARGE | {"sampling": {"where": [NINE], "exclude": [{"snr": [18.0]}]}}
    expected = "recipe: sampling: where, exclude and correlations accept no point of the grid; relax them"
    assert problem(document) == expected


def test_a_split_without_points_in_a_large_grid_is_said_to_be_empty() -> None:
    document = LARGE | {"sampling": {"size": 99, "exclude": [{"timbre": ["square"]}]}} | held_out(NINE)
    assert (
        problem(document)
        == "recipe: splits.c: the rule leaves split 'test' empty; relax it, or leave it out"
    )


def test_what_was_looked_at_is_said_where_that_is_not_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_BLOCKS_LOOKED_AT", 1)
    monkeypatch.setattr(reach, "MAX_LISTED", 10_000)
    rare = {"splits": {"default": {"random": {"train": 1.0 - 1e-9, "test": 1e-9}}}}
    assert problem(LARGE | rare) == (
        "recipe: splits.default: the rule leaves split 'test' without a point among the 1,048,576 that "
        "were looked at; relax it, or leave it out"
    )


@pytest.mark.parametrize(
    ("condition", "suggested"),
    [
        ({"timbre": ["square"]}, "by_factor: {factor: timbre, test: [square]}"),
        ({"timbre": ["square"], "frequency": {"min": 0}}, "by_factor: {factor: timbre, test: [square]}"),
        ({"frequency": {"min": 390.0}}, "by_factor: {factor: frequency, test: [400.0]}"),
    ],
)
def test_a_hold_out_of_whole_values_is_named_as_what_it_is(
    condition: dict[str, Any], suggested: str
) -> None:
    found = problem(SMALL | held_out(condition))
    assert found.startswith("recipe: splits.c.hold_out.0: holding out values of")
    assert suggested in found


def test_a_value_that_several_conditions_take_out_of_train_is_refused() -> None:
    halves = ({"timbre": ["square"], "frequency": {side: 300.0}} for side in ("min", "max"))
    found = problem(SMALL | held_out(*halves))
    assert found.startswith(
        "recipe: splits.c.hold_out: hold_out leaves train without timbre 'square': every"
    )


def test_a_value_that_exclude_and_hold_out_take_out_of_train_is_refused() -> None:
    sampling = {"sampling": {"exclude": [{"timbre": ["square"], "frequency": {"max": 300.0}}]}}
    condition = {"timbre": ["square"], "frequency": {"min": 300.0}}
    assert "leaves train without timbre 'square'" in problem(SMALL | sampling | held_out(condition))


@pytest.mark.parametrize("seed", range(20))
def test_all_values_of_test_are_in_train_too(seed: int) -> None:
    """By chance alone, one of the frequencies would be in validation only with one seed in ten."""
    condition = {"timbre": ["square"], "frequency": {"min": 300.0}}
    recipe = syngen.load_recipe(SMALL | {"seed": seed} | held_out(condition))
    points = np.arange(recipe.grid.size)
    levels = recipe.grid.levels_of(points)
    codes = recipe.split_codes(recipe.schemes[1], points, levels)
    worker = pickle.loads(pickle.dumps(recipe))  # another process splits as this one does
    assert worker.split_codes(worker.schemes[1], points, levels).tolist() == codes.tolist()
    names = np.array(recipe.schemes[1].names)[codes]
    for position in range(2):
        assert set(levels[names == "test", position]) <= set(levels[names == "train", position])


FALLING = {"values": [440.0 - i for i in range(40)]}


def test_a_recipe_of_an_earlier_dataset_is_not_held_to_the_new_rules() -> None:
    earlier = SMALL | held_out({"timbre": ["square"]})
    earlier["factors"] = earlier["factors"] | {"frequency": FALLING}
    resolved = resolve_document(earlier, NO_PERMISSIONS)
    assert resolved.grid["frequency"].values[0] == 440.0
    assert resolved.with_size(2).size == 2
    with pytest.raises(RecipeError, match="do not ascend"):
        syngen.load_recipe(earlier)


@pytest.mark.parametrize(
    ("frequency", "remedy"),
    [
        ({"values": [440, 110, 880, 220]}, "write [110.0, 220.0, 440.0, 880.0]; or say kind: nominal"),
        ({"linspace": {"start": 880.0, "stop": 110.0, "num": 4}}, "give linspace from 110 up to 880"),
        ({"geomspace": {"start": 880.0, "stop": 110.0, "num": 4}}, "give geomspace from 110 up to 880"),
        ({"range": {"start": 880, "stop": 110, "step": -110}}, "give range from 220 up to 880"),
        ({"values": [440, 110], "kind": "ordinal"}, "write [110.0, 440.0]"),
    ],
)
def test_values_that_do_not_ascend_are_refused_with_the_right_order(
    frequency: dict[str, Any], remedy: str
) -> None:
    document = SMALL | {"factors": SMALL["factors"] | {"frequency": frequency}}
    assert remedy in problem(document)


def test_an_order_of_ones_own_is_nominal_or_text() -> None:
    nominal = {"values": [440, 110, 880, 220], "kind": "nominal"}
    ordinal = {"values": ["square", "sine"], "kind": "ordinal"}
    recipe = syngen.load_recipe(SMALL | {"factors": {"timbre": ordinal, "frequency": nominal}})
    assert recipe.grid["frequency"].values == (440.0, 110.0, 880.0, 220.0)
    assert recipe.grid["timbre"].values == ("square", "sine")


@pytest.mark.parametrize("second", [["frequency", "amplitude"], ["amplitude", "frequency"]])
def test_a_correlation_given_twice_is_refused(second: list[str]) -> None:
    factors = SMALL["factors"] | {"amplitude": {"values": [0.1, 0.2, 0.3]}}
    ties = [{"factors": pair, "sigma": 0.2} for pair in (["frequency", "amplitude"], second)]
    found = problem(SMALL | {"factors": factors, "sampling": {"correlations": ties}})
    assert found.startswith("recipe: sampling.correlations.1.factors: ")
    assert "are correlated already, in whichever order; keep one" in found
