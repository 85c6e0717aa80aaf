"""Styles: those that come with syngen, and those that a recipe defines."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

from syngen.synth.speech.voice.styles import _RANGES, CONTOURS, STYLES, Filter, Style, read_styles

NAMES = {field.name for field in fields(Style)}


def test_there_are_six_styles_and_neutral_is_the_default() -> None:
    assert list(STYLES) == ["neutral", "excited", "sad", "whispering", "shouting", "friendly"]
    assert STYLES["neutral"] == Style()
    assert len(set(STYLES.values())) == 6
    assert [name for name, style in STYLES.items() if style.whisper] == ["whispering"]


@pytest.mark.parametrize("name", STYLES)
def test_shipped_styles_could_stand_in_a_recipe(name: str) -> None:
    style = STYLES[name]
    given: dict[str, Any] = {
        field: getattr(style, field)
        for field in NAMES - {"filters"}
        if getattr(style, field) != getattr(Style(), field)
    }
    given["filters"] = [
        {"shape": f.shape, "frequency": f.frequency, "gain": f.gain, "q": f.q} for f in style.filters
    ]
    styles, problems = read_styles({"own": given})
    assert problems == []
    assert styles["own"] == style


def test_styles_of_a_recipe_add_to_the_others_and_replace_them() -> None:
    styles, problems = read_styles({"calm": {"tempo": 0.9, "pitch": -1}, "sad": {}})
    assert problems == []
    assert set(styles) == {*STYLES, "calm"}
    assert styles["calm"] == Style(tempo=0.9, pitch=-1.0)
    assert type(styles["calm"].pitch) is float
    assert styles["sad"] == Style()
    assert STYLES["sad"] != Style()


def test_every_parameter_can_be_given_at_both_ends_of_its_range() -> None:
    for end in (0, 1):
        given: dict[str, Any] = {name: bounds[end] for name, bounds in _RANGES.items()}
        given |= {"air": (-90.0, -20.0)[end], "whisper": bool(end), "contour": list(CONTOURS)[end]}
        given["filters"] = [
            {"shape": "peak", "frequency": (20, 20_000)[end], "gain": (-30, 30)[end], "q": (0.1, 20)[end]}
        ] * 12
        assert set(given) == NAMES
        styles, problems = read_styles({"extreme": given})
        assert problems == []
        assert styles["extreme"].filters[0].frequency == (20.0, 20_000.0)[end]
        assert isinstance(styles["extreme"].flutter, int)


@pytest.mark.parametrize("name", _RANGES)
@pytest.mark.parametrize("wrong", ["low", "high", math.nan, "text", True, [1.0], None])
def test_numbers_out_of_range_and_what_is_no_number_are_refused(name: str, wrong: Any) -> None:
    low, high = _RANGES[name]
    value = {"low": low - 1, "high": high + 1}.get(wrong, wrong) if isinstance(wrong, str) else wrong
    _, problems = read_styles({"own": {name: value}})
    ((keys, message),) = problems
    assert keys == ("own", name)
    what = "a whole number" if name in ("roughness", "flutter") else "a number"
    assert message == f"{name} is {value!r}; {what} from {low:g} to {high:g} is needed"


@pytest.mark.parametrize(
    ("parameters", "keys", "message"),
    [
        ({"temp": 1.0}, ("temp",), "a style has no 'temp' (did you mean 'tempo'?); it has tempo, pitch"),
        ({"roughness": 1.5}, ("roughness",), "a whole number from 0 to 7"),
        ({"whisper": 1}, ("whisper",), "whisper is true or false, not 1"),
        ({"whisper": "yes"}, ("whisper",), "whisper is true or false, not 'yes'"),
        ({"contour": "questoin"}, ("contour",), "(did you mean 'question'?); it is one of as_written"),
        ({"contour": ["question"]}, ("contour",), "contour cannot be ['question']"),
        ({"contour": {}}, ("contour",), "contour cannot be {}"),
        ({"air": 0.0}, ("air",), "air is 0.0; a number from -90 to -20"),
        ({"filters": 3}, ("filters",), "a list of at most 12 maps, not 3"),
        ({"filters": "peak"}, ("filters",), "a list of at most 12 maps"),
        ({"filters": [{"shape": "peak", "frequency": 300.0}] * 13}, ("filters",), "at most 12 maps"),
        ({"filters": [{"shape": "peak"}]}, ("filters",), "a map with shape and frequency"),
        ({"filters": ["peak"]}, ("filters",), "a map with shape and frequency, not 'peak'"),
        (
            {"filters": [{"shape": "notch", "frequency": 300.0}]},
            ("filters",),
            "the shape 'notch'; use peak",
        ),
        ({"filters": [{"shape": ["peak"], "frequency": 300.0}]}, ("filters",), "the shape ['peak']"),
        ({"filters": [{"shape": "peak", "frequency": 5}]}, ("filters",), "frequency of a filter is 5"),
        ({"filters": [{"shape": "peak", "frequency": 300, "gain": 99}]}, ("filters",), "gain of a filter"),
        ({"filters": [{"shape": "peak", "frequency": 300, "q": 0}]}, ("filters",), "q of a filter is 0"),
        (
            {"filters": [{"shape": "peak", "frequency": 300, "gian": 3}]},
            ("filters",),
            "a filter has no 'gian' (did you mean 'gain'?)",
        ),
        (
            {"swing": 2.0},
            ("swing",),
            "'swing' is called 'alternating_pitch' from speech version 3 on: rename",
        ),
        (3, (), "a style is a map of parameters, not 3"),
        ([], (), "a style is a map of parameters, not []"),
    ],
)
def test_bad_parameters_give_one_clear_message_at_their_place(
    parameters: Any, keys: tuple[str, ...], message: str
) -> None:
    styles, problems = read_styles({"own": parameters})
    ((found, text),) = problems
    assert found == ("own", *keys)
    assert message in text
    assert "own" not in styles


def test_all_problems_are_told_at_once_and_the_other_styles_are_read() -> None:
    styles, problems = read_styles(
        {"a": {"tempo": 9.0, "pitch": 99.0, "x": 1}, "b": {"tempo": 1.5}, "c": {"level": 0.0}}
    )
    assert [keys for keys, _ in problems] == [("a", "tempo"), ("a", "pitch"), ("a", "x"), ("c", "level")]
    assert styles["b"] == Style(tempo=1.5)
    assert not {"a", "c"} & set(styles)


def test_too_many_styles_are_refused() -> None:
    _, problems = read_styles({f"s{k}": {} for k in range(1_001)})
    assert problems == [((), "1001 styles; at most 1000 are possible")]


def test_filters_have_defaults() -> None:
    styles, _ = read_styles({"own": {"filters": [{"shape": "high_pass", "frequency": 100}]}})
    assert styles["own"].filters == (Filter("high_pass", 100.0, 0.0, 0.7071067811865476),)
