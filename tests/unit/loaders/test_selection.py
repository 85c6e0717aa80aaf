"""Conditions of `select`, as arguments and as texts."""

from __future__ import annotations

from typing import Any

import pytest

import syngen
from syngen.errors import FactorError, ParameterError
from syngen.factors import Factor, FactorGrid
from syngen.loaders.dataset import FactorDataset
from syngen.loaders.selection import conditions_in


@pytest.fixture(scope="module")
def ds() -> FactorDataset:
    return syngen.render("syntone-tiny")


@pytest.fixture
def grid() -> FactorGrid:
    frequency = Factor("frequency", (200.0, 300.0, 400.0), "continuous")
    return FactorGrid([Factor("timbre", ("sine", "a-b")), frequency, Factor("id", (1, 2), "ordinal")])


def frequencies(view: FactorDataset) -> list[float]:
    return sorted({round(value, 2) for value in view.values["frequency"].tolist()})


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (450.0, [440.0]),
        (440.0, [440.0]),
        (1, [110.0]),
        ([1e6, 450.0], [440.0, 1760.0]),
        ((430.0, 530.0), [440.0, 523.25]),
    ],
)
def test_nearest_values_are_selected_if_that_is_wanted(
    ds: FactorDataset, wanted: Any, expected: Any
) -> None:
    assert frequencies(ds.select(frequency=wanted, nearest=True)) == expected


def test_a_value_that_is_not_there_is_refused_otherwise(ds: FactorDataset) -> None:
    with pytest.raises(FactorError, match=r"no value 450\.0; the nearest is 440\.0"):
        ds.select(frequency=450.0)
    with pytest.raises(ParameterError, match="nearest is 'yes'; True or False is needed"):
        ds.select(frequency=450.0, nearest="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("val", "validation"), ("Dev", "validation"), ("training", "train"), ("tets", "test")],
)
def test_other_names_of_splits_are_understood_in_the_message(
    ds: FactorDataset, given: str, meant: str
) -> None:
    with pytest.raises(
        FactorError, match=rf"no split '{given}' \(did you mean '{meant}'\?\); split has train"
    ):
        ds.select(split=given)


def test_bounds_of_selections_and_splits_agree() -> None:
    levels = {"linspace": {"start": 0.1, "stop": 0.5, "num": 9}}  # the fifth is .30000000000000004
    ds = syngen.render(
        {
            "name": "bounds",
            "synthesizer": "tone",
            "seed": 1,
            "audio": {"duration": 0.1},
            "factors": {
                "timbre": {"values": ["sine", "square"]},
                "amplitude": levels,
                "frequency": {"range": {"start": 200, "stop": 240, "step": 2}},
            },
            "splits": {"e": {"extrapolation": {"factor": "amplitude", "above": 0.3}}},
        }
    )
    assert 0.30000000000000004 in ds.grid["amplitude"].values
    assert len(ds.select(amplitude=(None, 0.3), split_e="test")) == 0
    assert len(ds.select(split_e="test")) + len(ds.select(amplitude=(None, 0.3))) == len(ds)
    assert len(ds.select(amplitude=0.3)) == 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frequency=200..400", {"frequency": (200, 400)}),
        ("frequency=..3e2", {"frequency": (None, 300.0)}),
        ("frequency=200,300.0", {"frequency": [200, 300.0]}),
        ("timbre=a-b,sine", {"timbre": ["a-b", "sine"]}),
        ("id=36028797018963969", {"id": [36028797018963969]}),
    ],
)
def test_conditions_are_read_from_texts(grid: FactorGrid, text: str, expected: dict[str, Any]) -> None:
    assert conditions_in([text], grid) == expected


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ("200-400", "200..400"),
        ("200:400", "200..400"),
        ("2e2 - 4.5", "2e2..4.5"),
        ("-3--1", "-3..-1"),
        ("200 to 400", "200..400"),
        ("200...400", "200..400"),
    ],
)
def test_other_forms_of_a_range_are_put_right(grid: FactorGrid, values: str, right: str) -> None:
    with pytest.raises(ParameterError, match="takes numbers: a range is written ") as caught:
        conditions_in([f"frequency={values}"], grid)
    assert str(caught.value).endswith(f"frequency={right}")


@pytest.mark.parametrize(
    ("text", "right"),
    [("frequency<400", "frequency=..400"), ("frequency >= 200", "frequency=200..")],
)
def test_comparisons_are_put_right(grid: FactorGrid, text: str, right: str) -> None:
    with pytest.raises(ParameterError, match=f"write {right}, a range"):
        conditions_in([text], grid)
