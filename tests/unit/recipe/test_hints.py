"""What recipe errors say would be right; none of them speaks of classes or of a parser's tokens."""

from __future__ import annotations

import re

import pytest

from syngen.errors import Issue, RecipeError
from syngen.recipe import schema
from syngen.recipe.parse import parse_recipe

HEAD = "name: small\nsynthesizer: tone\nseed: 1\n"
FACTORS = "factors:\n  timbre: {values: [sine, square]}\n  frequency: {values: [440.0]}\n"
CLASSES = "|".join([name for name, value in vars(schema).items() if isinstance(value, type)])
FOREIGN = re.compile(rf"\b({CLASSES})\b|valid dictionary|instance of|<[a-z ]+>")


def issues_in(text: str) -> list[Issue]:
    try:
        return list(parse_recipe(text, source="r.yaml").issues)
    except RecipeError as error:
        return list(error.issues)


def factor(form: str) -> str:
    return f"{HEAD}factors:\n  timbre: {{values: [sine]}}\n  frequency: {form}\n"


LISTS = {
    factor("[440.0, 880.0]"): "write {values: [440.0, 880.0]}",
    factor("440.0"): "write {values: [440.0]}, or settings: {frequency: 440.0} to fix it",
    factor("{linspace: [100, 500, 50]}"): "write {start: 100, stop: 500, num: 50}",
    factor("{geomspace: [100, 500, 50]}"): "write {start: 100, stop: 500, num: 50}",
    factor("{range: [100, 500, 50]}"): "write {start: 100, stop: 500, step: 50}",
    factor("{range: 5}"): "as in {start: 0, stop: 10, step: 1}",
    factor("{values: 440}"): "write [440]",
    factor(""): "a map is needed, and nothing is there; as in {values: [...]}",
    HEAD + "factors: [timbre]\n": "as in {timbre: {values: [sine, square]}}",
    HEAD + FACTORS + "nuisances: {phase: {uniform: [0, 1]}}\n": "write {low: 0, high: 1}",
    HEAD + FACTORS + "nuisances: {phase: {normal: [0, 1]}}\n": "write {mean: 0, sd: 1}",
    HEAD + FACTORS + "nuisances: {phase: [0, 1]}\n": "write {uniform: {low: 0, high: 1}}",
    HEAD + FACTORS + "nuisances: {phase: [a, b, c]}\n": "write {choice: [a, b, c]}",
    HEAD + FACTORS + "nuisances: {phase: 0.5}\n": "or settings: {phase: 0.5} to fix it",
    HEAD + FACTORS + "audio: 16000\n": "as in {sample_rate: 16000, duration: 1.0}",
    HEAD + FACTORS + "sampling: 500\n": "write {size: 500}",
    HEAD + FACTORS + "sampling: {where: {timbre: [sine]}}\n": "write [{timbre: [sine]}]",
    HEAD + FACTORS + "sampling: {where: [{timbre: sine}]}\n": "not 'sine'; write [sine]",
    HEAD + FACTORS + "sampling: {correlations: [[a, b]]}\n": "write {factors: [a, b], sigma: 0.2}",
    HEAD + FACTORS + "splits: {c: {by_factor: timbre}}\n": "write {factor: timbre, test: 0.2}",
    HEAD + FACTORS + "splits: {c: {hold_out: {timbre: [sine]}}}\n": "write [{timbre: [sine]}]",
    HEAD
    + FACTORS
    + "splits: {c: {random: [0.8, 0.2]}}\n": "as in {train: 0.8, validation: 0.1, test: 0.1}",
    HEAD + FACTORS + "splits: [0.8, 0.2]\n": "as in {default: {random: {train: 0.8,",
    HEAD + FACTORS + "splits: {train: 0.8, test: 0.2}\n": (
        "splits holds schemes by name, and 'train' is none; write splits: "
        "{default: {random: {train: 0.8, test: 0.2}}}"
    ),
    HEAD + FACTORS + "splits: {random: {train: 0.8, test: 0.2}}\n": (
        "write splits: {default: {random: {train: 0.8, test: 0.2}}}"
    ),
    HEAD + FACTORS + "splits: {default: {train: 0.8, test: 0.2}}\n": (
        "a scheme needs a rule; write {random: {train: 0.8, test: 0.2}}"
    ),
}


@pytest.mark.parametrize("text", LISTS)
def test_another_form_is_answered_with_the_right_one(text: str) -> None:
    (issue,) = issues_in(text)
    assert LISTS[text] in issue.message
    assert not FOREIGN.search(issue.message)


KEYS = {
    factor("{linspace: {min: 1.0, max: 2.0, n: 3}}"): ["start", "stop", "num"],
    factor("{linspace: {strat: 1.0, stop: 2.0, num: 3}}"): ["start"],
    HEAD + FACTORS + "audio: {sr: 16000, dur: 1.0}\n": ["sample_rate", "duration"],
    HEAD + FACTORS + "sampling: {correlations: [{factors: [a, b], rho: 0.5}]}\n": ["sigma"],
    HEAD + FACTORS + "nuisances: {phase: {normal: {mu: 0.0, std: 1.0}}}\n": ["mean", "sd"],
    HEAD + FACTORS + "splits: {c: {holdout: [{timbre: [sine]}]}}\n": ["hold_out"],
}


@pytest.mark.parametrize("text", KEYS)
def test_keys_of_other_names_are_understood_and_nothing_else_is_missing(text: str) -> None:
    found = [issue.message for issue in issues_in(text)]
    assert len([m for m in found if m.startswith("unknown key")]) == len(KEYS[text])
    assert not any("is missing" in message for message in found)
    for message, meant in zip(found, KEYS[text], strict=False):
        assert f"(did you mean '{meant}'?)" in message


def test_a_key_that_is_missing_beside_an_unknown_one_is_still_reported() -> None:
    found = [issue.message for issue in issues_in(factor("{linspace: {strat: 1.0, stop: 2.0}}"))]
    assert found == ["the key 'num' is missing", "unknown key 'strat' (did you mean 'start'?)"]


def test_a_key_of_another_section_is_sent_there() -> None:
    found = [issue.message for issue in issues_in(HEAD + FACTORS + "samplerate: 8000\nsize: 9\n")]
    assert found == [
        "unknown key 'samplerate'; it belongs into audio: {sample_rate: ...}",
        "unknown key 'size'; it belongs into sampling: {size: ...}",
    ]


BROKEN_YAML = {
    "name: r\nsynthesizer tone\nseed: 1\n": (2, 1, "a ':' is missing after this key"),
    "name: r\n  seed: 1\n": (2, 7, "a ':' cannot stand here"),
    HEAD + "factors:\n  timbre: {values: [sine}\n": (5, 25, "the ']' of the list that begins in line 5"),
    HEAD + "factors: {a: {values: [1]}\n": (4, 10, "the bracket that opens here is not closed"),
    HEAD + "factors:\n  timbre: {}\n - a\n": (6, 2, "this does not fit the lines above"),
    HEAD + "factors:\n  - a\n  b: 1\n": (
        6,
        3,
        "this does not fit the lines above, which begin with line 5",
    ),
    "name: {a: b}}\n": (1, 13, "} closes nothing that is open"),
    "name: 'r\n": (1, 7, "this text has no closing quote"),
    "name: @r\n": (1, 7, "a value cannot begin with @; put it in quotes"),
    "name: r\n\tseed: 1\n": (2, 1, "this is a tab; indent with spaces"),
    "a: [1,,2]\n": (1, 7, "a value is missing before ','"),
}


@pytest.mark.parametrize("text", BROKEN_YAML)
def test_broken_yaml_is_explained_where_it_breaks(text: str) -> None:
    line, column, message = BROKEN_YAML[text]
    (issue,) = issues_in(text)
    assert (issue.line, issue.column) == (line, column)
    assert issue.message.startswith("not YAML: ")
    assert message in issue.message
    assert not FOREIGN.search(issue.message)


def test_the_line_is_shown_with_a_caret() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe("name: r\nseed: [1\n")
    assert str(caught.value).splitlines()[1:] == ["    seed: [1", "          ^"]
    (issue,) = issues_in(HEAD.replace("seed: 1", "seed: one") + FACTORS)
    assert issue.excerpt == "    seed: one\n          ^"


@pytest.mark.parametrize("column", [1, 40, 5_000, 9_999])
def test_a_long_line_is_cut_around_the_place(column: int) -> None:
    text = "".join(chr(97 + i % 26) for i in range(10_000))
    shown, caret = Issue((), "wrong", "r.yaml", 1, column, text).excerpt.split("\n")
    assert len(shown) < 120
    assert shown[len(caret) - 1] == text[column - 1]


def test_what_cannot_be_printed_is_not() -> None:
    issue = Issue((), "wrong", "r.yaml", 1, 3, "\x1b[31m\tname")
    assert issue.excerpt == "     [31m name\n      ^"


@pytest.mark.parametrize("text", [None, "", "   "])
def test_without_a_line_nothing_is_shown(text: str | None) -> None:
    assert Issue((), "wrong", "r.yaml", 1, 1, text).excerpt == ""
