from __future__ import annotations

from pathlib import Path

import pytest

from syngen._typing import DocumentPath
from syngen.errors import Issue, RecipeError
from syngen.recipe.fields import RESERVED_NAMES
from syngen.recipe.library import find_recipe, recipe_names, recipe_path
from syngen.recipe.parse import MAX_BYTES, MAX_DEPTH, parse_recipe, read_text
from syngen.recipe.schema import Recipe

GOOD = """\
name: small
synthesizer: tone
seed: 1
audio: {sample_rate: 16000, duration: 0.1}
factors:
  timbre: {values: [sine, square]}
  frequency: {linspace: {start: 100.0, stop: 200.0, num: 5}}
"""


def _replaced(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def _problems(text: str) -> list[str]:
    """Every problem of a text, raised or collected."""
    try:
        draft = parse_recipe(text, source="r.yaml")
    except RecipeError as error:
        return [str(issue) for issue in error.issues]
    return [str(issue) for issue in draft.issues]


def _problem(text: str) -> str:
    (problem,) = _problems(text)
    return problem


def _recipe(text: str) -> Recipe:
    draft = parse_recipe(text, source="r.yaml")
    assert draft.issues == ()
    assert draft.recipe is not None
    return draft.recipe


def test_good_recipe_has_no_problems_and_remembers_its_text() -> None:
    recipe = _recipe(GOOD)
    assert recipe.name == "small"
    assert recipe.seed == 1
    assert recipe.audio.sample_rate == 16_000
    assert list(recipe.factors) == ["timbre", "frequency"]
    assert recipe.text == GOOD
    assert recipe.broken == frozenset()


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_have_no_problems_of_form(name: str) -> None:
    assert _recipe(recipe_path(name).read_text("utf-8")).name == name


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (GOOD + "sedd: 4\n", "8", "unknown key 'sedd' (did you mean 'seed'?)"),
        (GOOD + "sampling: {sise: 4}\n", "8", "unknown key 'sise' (did you mean 'size'?)"),
        (
            _replaced("duration:", "duratoin:"),
            "4",
            "unknown key 'duratoin' (did you mean 'duration'?)",
        ),
        (
            _replaced("num: 5}", "num: 5, nmu: 5}"),
            "7",
            "unknown key 'nmu' (did you mean 'num'?)",
        ),
        (GOOD + "splits: {default: {randm: {train: 1.0}}}\n", "8", "(did you mean 'random'?)"),
        (GOOD + "qqqqqq: 4\n", "8", "unknown key 'qqqqqq'"),
    ],
)
def test_unknown_key_is_refused_with_the_nearest(text: str, place: str, message: str) -> None:
    problem = next(p for p in _problems(text) if "unknown key" in p)
    assert problem.startswith(f"r.yaml:{place}:")
    assert problem.endswith(message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD + "seed: 4\n", "r.yaml:8:1: duplicate key 'seed'; keep one"),
        (GOOD + "'seed': 4\n", "r.yaml:8:1: duplicate key 'seed'; keep one"),
        (
            _replaced("[sine, square]}", "[sine], values: [square]}"),
            "r.yaml:6:28: duplicate key 'values'; keep one",
        ),
        (
            GOOD.replace("  frequency", "  timbre: {values: [pulse]}\n  frequency"),
            "r.yaml:7:3: duplicate key 'timbre'; keep one",
        ),
        (_replaced("seed: 1", 'seed: "1"'), "r.yaml:3:7: '1' is text; write 1 without quotes"),
        (_replaced("100.0", "'1e2'"), "r.yaml:7:33: '1e2' is text; write 1e2 without quotes"),
        (_replaced("seed: 1", "seed: one"), "r.yaml:3:7: a number is needed, not 'one'"),
        (_replaced("seed: 1", "seed: 1.5"), "r.yaml:3:7: a whole number is needed, not 1.5"),
        (_replaced("100.0", ".nan"), "r.yaml:7:33: a finite number is needed, not nan"),
        (_replaced("200.0", ".inf"), "r.yaml:7:46: a finite number is needed, not inf"),
        (_replaced("200.0", "-.inf"), "r.yaml:7:46: a finite number is needed, not -inf"),
        (
            _replaced("[sine, square]", "[sine, .nan]"),
            "r.yaml:6:27: a finite number is needed, not nan",
        ),
        (
            _replaced("[sine, square]", "[sine, true]"),
            "r.yaml:6:27: a text or a number is needed, not True",
        ),
        (
            _replaced("[sine, square]", "[[sine]]"),
            "r.yaml:6:21: a text or a number is needed, not a list",
        ),
        (
            _replaced("[sine, square]", "[]"),
            "r.yaml:6:12: this is empty; give at least one entry",
        ),
        (
            GOOD + "sampling: {size: -3}\n",
            "r.yaml:8:18: this must be greater than or equal to 1, not -3",
        ),
        (
            _replaced("num: 5", "num: 0"),
            "r.yaml:7:58: this must be greater than or equal to 1, not 0",
        ),
        (
            _replaced("seed: 1", "seed: -1"),
            "r.yaml:3:7: this must be greater than or equal to 0, not -1",
        ),
        (_replaced("duration: 0.1", "duration: 0"), "r.yaml:4:39: this must be greater than 0, not 0"),
        (
            _replaced("duration: 0.1", "duration: 600.1"),
            "r.yaml:4:39: this must be less than or equal to 600, not 600.1",
        ),
        (
            _replaced("linspace: {start: 100.0", "geomspace: {start: -1.0"),
            "r.yaml:7:34: this must be greater than 0, not -1.0",
        ),
        (_replaced("name: small", "name: small\ntitle: 5"), "r.yaml:2:8: text is needed, not 5; "),
        (_replaced("seed: 1\n", ""), "r.yaml:1:1: the key 'seed' is missing"),
    ],
)
def test_problem_is_reported_at_its_line_and_column(text: str, expected: str) -> None:
    problem = _problem(text)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "/etc/passwd", ".", "..", "'a\\b'", "Upper", "a b", "1a", "-a", "a..b", "''"]
)
def test_name_that_could_be_a_path_is_refused(name: str) -> None:
    problem = _problem(_replaced("name: small", f"name: {name}"))
    assert problem.startswith("r.yaml:1:7: ")
    assert "cannot be a name; use lower-case letters" in problem


@pytest.mark.parametrize("name", ["a", "a-b", "syntone.small_2", "x" * 80])
def test_plain_names_are_taken(name: str) -> None:
    assert _recipe(_replaced("name: small", f"name: {name}")).name == name


def test_name_of_81_letters_is_refused() -> None:
    assert "at most 80" in _problem(_replaced("name: small", f"name: {'x' * 81}"))


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), "split_mine"])
def test_reserved_factor_names_are_refused(name: str) -> None:
    expected = f"r.yaml:6:3: {name!r} is reserved for a column of the manifest; choose another name"
    assert _problem(_replaced("timbre:", f"{name}:")) == expected
    nuisance = GOOD + f"nuisances: {{{name}: {{uniform: {{low: 0.0, high: 1.0}}}}}}\n"
    assert f"{name!r} is reserved" in _problem(nuisance)


@pytest.mark.parametrize("name", ["Timbre", "tim-bre", "_t", "2t", "t.t"])
def test_factor_names_that_make_no_column_are_refused(name: str) -> None:
    problem = _problem(_replaced("timbre:", f"{name}:"))
    assert problem.startswith(f"r.yaml:6:3: {name!r} is not a name: lower-case letters")


def test_split_name_all_is_refused() -> None:
    in_rule = GOOD + "splits: {default: {random: {train: 0.5, all: 0.5}}}\n"
    assert "r.yaml:8:46: the split name 'all' is reserved" in _problem(in_rule)
    scheme = GOOD + "splits: {all: {random: {train: 1.0}}}\n"
    assert "r.yaml:8:10: the split name 'all' is reserved" in _problem(scheme)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("random: {train: 0.5, test: 0.4}", "the fractions of random sum to 0.9, not to 1"),
        ("random: {train: 0.9, test: 0.2}", "the fractions of random sum to 1.1"),
        ("random: {train: 1.0, test: 0.0}", "random leaves split 'test' empty: its fraction is 0.0"),
        ("random: {train: 1.5, test: -0.5}", "random leaves split 'test' empty"),
        (
            "random: {train: 1.0}, hold_out: [{timbre: [sine]}]",
            "extrapolation, by_factor is needed; found random and hold_out",
        ),
        ("hold_out: []", "this is empty"),
        ("hold_out: [{}]", "this is empty"),
        ("hold_out: [{timbre: []}]", "the list of values is empty"),
        ("hold_out: [{timbre: sine}]", "a list of values or a range {min, max} is needed"),
        ("hold_out: [{frequency: {mni: 1.0}}]", "a range has the keys min, max or both"),
        ("hold_out: [{frequency: {min: low}}]", "'low' is text; a bound is a number"),
        ("interpolation: {factor: frequency, every: 1}", "greater than or equal to 2, not 1"),
        ("extrapolation: {factor: frequency}", "extrapolation needs below, above or both"),
        ("by_factor: {factor: timbre, test: 1.0}", "a fraction between 0 and 1, or a list of values"),
        ("by_factor: {factor: timbre, test: []}", "a fraction between 0 and 1, or a list of values"),
    ],
)
def test_split_rules_that_make_no_sense_are_refused(rule: str, message: str) -> None:
    problem = _problem(GOOD + f"splits:\n  default: {{{rule}}}\n")
    assert problem.startswith("r.yaml:9:")
    assert message in problem


def test_fractions_may_sum_to_one_but_for_rounding() -> None:
    thirds = "{a: 0.3333333333, b: 0.3333333333, c: 0.3333333334}"
    assert _problems(GOOD + f"splits: {{default: {{random: {thirds}}}}}\n") == []
    tenths = "{" + ", ".join(f"s{i}: 0.1" for i in range(10)) + "}"
    assert _problems(GOOD + f"splits: {{default: {{random: {tenths}}}}}\n") == []


@pytest.mark.parametrize(
    ("nuisance", "message"),
    [
        ("uniform: {low: 1.0, high: 1.0}", "low 1.0 is not below high 1.0"),
        ("log_uniform: {low: 0.0, high: 1.0}", "greater than 0, not 0.0"),
        ("normal: {mean: 0.0, sd: 0.0}", "greater than 0, not 0.0"),
        ("normal: {mean: 0.0, sd: 1.0, low: 2.0, high: 1.0}", "low 2.0 is not below high 1.0"),
        ("choice: []", "this is empty"),
        ("unit: cycles", "exactly one of uniform, log_uniform, normal, choice is needed; found none"),
        (
            "uniform: {low: 0.0, high: 1.0}, choice: [1]",
            "exactly one of uniform, log_uniform, normal, choice is needed; found uniform and choice",
        ),
    ],
)
def test_nuisances_that_make_no_sense_are_refused(nuisance: str, message: str) -> None:
    assert message in _problem(GOOD + f"nuisances: {{phase: {{{nuisance}}}}}\n")


@pytest.mark.parametrize(
    ("range_", "message"),
    [
        ("{stop: 0}", "the range has 0 values; 1 to 1000000 are possible"),
        ("{stop: 5, step: -1}", "the range has 0 values"),
        ("{stop: 5, step: 0}", "step is 0"),
        ("{stop: 1000001}", "the range has 1000001 values"),
        ("{stop: 100000000000000000000}", "the range has 100000000000000000000 values"),
    ],
)
def test_ranges_without_values_or_with_too_many_are_refused(range_: str, message: str) -> None:
    text = _replaced("{linspace: {start: 100.0, stop: 200.0, num: 5}}", f"{{range: {range_}}}")
    assert message in _problem(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            _replaced("seed: 1", "seed: &s 1") + "sampling: {size: *s}\n",
            "r.yaml:3:7: anchors and aliases are not allowed",
        ),
        (GOOD + "settings: {a: *s}\n", "r.yaml:8:15: anchors and aliases are not allowed"),
        (_replaced("timbre: {", "timbre: &t {"), "r.yaml:6:11: anchors and aliases are not allowed"),
        (_replaced("seed: 1", "seed: !!int 1"), "r.yaml:3:7: the tag tag:yaml.org,2002:int is not"),
        (_replaced("seed: 1", "seed: !mine 1"), "r.yaml:3:7: the tag !mine is not allowed"),
        (_replaced("timbre: {", "timbre: !!map {"), "r.yaml:6:11: the tag"),
        (
            _replaced("seed: 1", "seed: !!python/object/apply:os.system [ls]"),
            "r.yaml:3:7: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed",
        ),
        ("%YAML 1.1\n---\n" + GOOD, "r.yaml:2:1: directives (%YAML, %TAG) are not allowed"),
        ("%TAG ! tag:x,2000:\n---\n" + GOOD, "r.yaml:2:1: directives"),
        (GOOD + "---\n" + GOOD, "r.yaml:8:1: a recipe is one document; remove the second ---"),
        (GOOD + "settings: " + "[" * 5000 + "]" * 5000, "r.yaml:8:42: nested deeper than 32 levels"),
        (GOOD + "settings: " + "[" * 5000, "r.yaml:8:42: nested deeper than 32 levels"),
        ("{a: " * 5000, "r.yaml:1:129: nested deeper than 32 levels"),
        ("- " * 5000, "r.yaml:1:65: nested deeper than 32 levels"),
        (GOOD + "\ttitle: x\n", "r.yaml:8:1: not YAML: "),
        (GOOD + "title: [1, 2\n", "r.yaml:8:8: not YAML: the bracket that opens here is not closed"),
        (GOOD + "title: a: b\n", "r.yaml:8:9: not YAML: a ':' cannot stand here"),
        (GOOD + "title: \x07\n", "r.yaml:1:1: not YAML: "),
        ("", "r.yaml:1:1: a recipe is a map that starts with name:"),
        ("# only a comment\n", "r.yaml:1:1: a recipe is a map that starts with name:"),
        ("- name\n- seed\n", "r.yaml:1:1: a recipe is a map that starts with name:"),
        ("hello", "r.yaml:1:1: a recipe is a map that starts with name:"),
        (_replaced("seed: 1", f"seed: {'9' * 5000}"), "r.yaml:1:1: a value cannot be read: "),
    ],
)
def test_text_that_hides_everything_else_is_refused_alone(text: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, source="r.yaml")
    (issue,) = caught.value.issues
    assert str(issue).startswith(expected)


def test_depth_is_counted_from_the_top() -> None:
    def nested(depth: int) -> str:
        return GOOD + "settings: " + "[" * depth + "]" * depth

    assert "deeper" not in _problem(nested(MAX_DEPTH - 1))
    assert "deeper" in _problem(nested(MAX_DEPTH))


@pytest.mark.slow
def test_text_of_more_than_a_mebibyte_is_refused() -> None:
    filler = "#" * (MAX_BYTES - len(GOOD))
    assert _problems(GOOD + filler) == []
    assert "larger than 1048576 bytes" in _problem(GOOD + filler + "#")
    # bytes count, not characters
    assert "larger than" in _problem(GOOD + "# " + "é" * (MAX_BYTES // 2))


def test_all_problems_are_reported_at_once_in_their_lines() -> None:
    text = """\
name: Bad Name
synthesizer: tone
seed: x
sedd: 3
audio: {sample_rate: 10, duration: 0.1}
factors:
  timbre: {values: []}
  frequency: {linspace: {start: 100.0, stop: .nan, num: 0}}
sampling: {size: 0}
seed: 4
splits:
  default: {random: {train: 0.5}}
"""
    problems = _problems(text)
    lines = sorted(int(problem.split(":")[1]) for problem in problems)
    assert lines == [1, 3, 4, 5, 7, 8, 8, 9, 10, 12]


def test_what_is_left_of_a_recipe_lacks_its_broken_parts() -> None:
    draft = parse_recipe(_replaced("num: 5", "num: 0") + "sampling: {size: 0}\n", source="r.yaml")
    assert len(draft.issues) == 2
    assert draft.recipe is not None
    assert list(draft.recipe.factors) == ["timbre"]
    assert draft.recipe.sampling.size is None
    assert draft.recipe.broken == {("factors", "frequency"), ("sampling", "size")}


def test_recipe_of_which_too_little_is_left_is_not_kept() -> None:
    draft = parse_recipe("name: a\n", source="r.yaml")
    assert draft.recipe is None
    assert {issue.message for issue in draft.issues} == {
        f"the key {key!r} is missing" for key in ("synthesizer", "seed", "factors")
    }


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30:00", "12:30:00"),
        ("'1'", "1"),
    ],
)
def test_text_is_read_as_yaml_1_2(title: str, expected: str) -> None:
    assert _recipe(_replaced("name: small", f"name: small\ntitle: {title}")).title == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [("1e-3", 0.001), ("1E-3", 0.001), ("+.5", 0.5), ("1.", 1.0), ("3", 3.0), ("0o17", 15.0)],
)
def test_numbers_are_read_as_yaml_1_2(number: str, expected: float) -> None:
    recipe = _recipe(_replaced("duration: 0.1", f"duration: {number}"))
    assert recipe.audio.duration == expected
    assert isinstance(recipe.audio.duration, float)


def test_leading_zeros_do_not_mean_octal() -> None:
    assert _recipe(_replaced("seed: 1", "seed: 010")).seed == 10


def test_values_keep_the_type_they_are_written_in() -> None:
    recipe = _recipe(_replaced("[sine, square]", "[sine, '1', 1, 1.0, no]"))
    values = recipe.factors["timbre"].values
    assert values == ["sine", "1", 1, 1.0, "no"]
    assert [type(value) for value in values or ()] == [str, str, int, float, str]


def test_file_with_a_byte_order_mark_and_dos_line_ends_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert _recipe(read_text(path)).document() == _recipe(GOOD).document()


def test_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(GOOD.encode() + "title: été\n".encode("latin-1"))
    with pytest.raises(RecipeError, match=rf"r\.yaml: byte {len(GOOD) + 7} is not UTF-8; save"):
        read_text(path)


def test_file_of_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(RecipeError, match="larger than 1048576 bytes; use linspace, geomspace"):
        read_text(path)


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="this is a folder; a recipe is a YAML file"):
        read_text(tmp_path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.yaml: cannot be read: No such file"):
        read_text(tmp_path / "none.yaml")


def test_shipped_recipe_is_found_by_its_name_and_any_by_its_path(tmp_path: Path) -> None:
    assert find_recipe("syntone-tiny") == recipe_path("syntone-tiny")
    assert recipe_path("syntone-tiny").is_file()
    path = tmp_path / "r.yaml"
    path.write_text(GOOD, "utf-8")
    assert find_recipe(path) == path
    assert find_recipe(str(path)) == path


def test_unknown_recipe_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"syntone-tny: no .*\(did you mean 'syntone-tiny'\?\); ship"):
        find_recipe("syntone-tny")


def test_issue_without_a_place_of_its_own_is_located_at_what_is_around_it() -> None:
    draft = parse_recipe(GOOD, source="r.yaml")
    places: dict[DocumentPath, tuple[int, int]] = {
        ("factors", "frequency", "values", 3): (7, 3),
        ("factors", "frequency", "linspace", "stop"): (7, 46),
        ("factors", "timbre", "values", 1): (6, 27),
        ("splits", "default"): (1, 1),
    }
    for path, place in places.items():
        issue = draft.located(Issue(path, "wrong"))
        assert (issue.source, issue.line, issue.column) == ("r.yaml", *place)


def test_enormous_hexadecimal_number_is_refused_as_a_recipe_error() -> None:
    assert _problem(_replaced("seed: 1", f"seed: 0x{'f' * 5000}")).startswith("r.yaml:3:7: ")


def test_merge_key_of_yaml_1_1_is_refused() -> None:
    assert any("'<<'" in problem for problem in _problems(GOOD + "<<: {title: x}\n"))


def test_dates_are_refused_where_text_is_needed() -> None:
    problem = _problem(_replaced("name: small", "name: small\ntitle: 2001-01-01"))
    assert problem.startswith("r.yaml:2:8: text is needed")
    assert problem.endswith("put it in quotes")
