from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

from syngen.errors import RecipeError
from syngen.recipe.library import recipe_names, recipe_path
from syngen.recipe.parse import parse_recipe
from syngen.resolving.rendering import Rendering
from syngen.resolving.resolve import ResolvedRecipe, resolve_draft

GOOD = """\
name: small
synthesizer: tone
seed: 1
audio: {sample_rate: 16000, duration: 0.1}
factors:
  timbre: {values: [sine, square]}
  frequency: {linspace: {start: 100.0, stop: 500.0, num: 50}}
"""
LOUD = GOOD + "  amplitude: {values: [%s], unit: dBFS}\nsettings: {level: rms}\n"


def _resolved(text: str) -> ResolvedRecipe:
    return resolve_draft(parse_recipe(text, source="r.yaml"))


def _problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        _resolved(text)
    return [str(issue) for issue in caught.value.issues]


def _problem(text: str) -> str:
    (problem,) = _problems(text)
    return problem


def _replaced(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_good_recipe_resolves() -> None:
    resolved = _resolved(GOOD)
    assert resolved.name == "small"
    assert resolved.size == 100
    assert resolved.grid.names == ("timbre", "frequency")
    assert resolved.grid.kinds == {"timbre": "nominal", "frequency": "continuous"}
    assert resolved.grid["frequency"].unit == "Hz"
    assert resolved.grid["frequency"].values[:2] == (100.0, 100.0 + 400.0 / 49)
    assert resolved.grid["frequency"].values[-1] == 500.0
    assert resolved.audio.n_samples == 1600
    assert [scheme.name for scheme in resolved.schemes] == ["default"]
    assert resolved.rows.split_sizes == {"train": 100}


@pytest.mark.parametrize(
    ("name", "size", "n_points"),
    [("syntone-tiny", 408, 408), ("syntone-small", 32_000, 32_000), ("syntone-paper", 32_000, 32_000)],
)
def test_shipped_recipes_resolve(name: str, size: int, n_points: int) -> None:
    resolved = _resolved(recipe_path(name).read_text("utf-8"))
    assert (resolved.size, resolved.grid.size) == (size, n_points)
    assert [scheme.name for scheme in resolved.schemes] == [
        "default",
        "composition",
        "interpolation",
        "extrapolation",
    ]


def test_every_shipped_recipe_is_among_those_tested() -> None:
    assert set(recipe_names()) >= {"syntone-tiny", "syntone-small", "syntone-paper"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            _replaced("[sine, square]", "[sine, sqare]"),
            "r.yaml:6:27: unknown timbre 'sqare' (did you mean 'square'?); there are sine, triangle",
        ),
        (
            _replaced("frequency:", "frequncy:"),
            "r.yaml:7:3: the tone synthesizer has no factor 'frequncy' (did you mean 'frequency'?)",
        ),
        (
            GOOD + "nuisances: {phas: {uniform: {low: 0.0, high: 1.0}}}\n",
            "r.yaml:8:13: the tone synthesizer has no factor 'phas' (did you mean 'phase'?)",
        ),
        (
            _replaced("num: 50}}", "num: 50}, unit: HHz}"),
            "r.yaml:7:69: 'frequency' has no unit 'HHz' (did you mean 'Hz'?); it has Hz",
        ),
        (
            GOOD + "  amplitude: {values: [-6.0], unit: dBFs}\n",
            "r.yaml:8:37: 'amplitude' has no unit 'dBFs' (did you mean 'dBFS'?); it has none (linear)",
        ),
        (
            _replaced("square]}", "square], unit: Hz}"),
            "r.yaml:6:42: 'timbre' has no unit 'Hz'; its values have none",
        ),
        (
            GOOD + "settings: {antialis: true}\n",
            "r.yaml:8:22: the tone synthesizer has no setting 'antialis' (did you mean 'antialias'?)",
        ),
        (
            GOOD + "settings: {level: rsm}\n",
            "r.yaml:8:19: level cannot be 'rsm' (did you mean 'rms'?); it is one of peak, rms",
        ),
        (
            GOOD + "settings: {antialias: 1}\n",
            "r.yaml:8:23: antialias is true or false, not 1",
        ),
        (GOOD + "settings: {level: 1}\n", "r.yaml:8:19: level is text, not 1"),
        (
            _replaced("synthesizer: tone", "synthesizer: tonne"),
            "r.yaml:2:14: no synthesizer 'tonne' (did you mean 'tone'?); installed: speech, tone",
        ),
        (
            _replaced("num: 50}}", "num: 50}, vlues: [1.0]}"),
            "r.yaml:7:63: unknown key 'vlues' (did you mean 'values'?)",
        ),
        (
            _replaced("num: 50}}", "num: 50}, values: [1.0]}"),
            "r.yaml:7:3: exactly one of values, linspace, geomspace, range is needed; found values and",
        ),
        (
            _replaced("{values: [sine, square]}", "{kind: nominal}"),
            "r.yaml:6:3: exactly one of values, linspace, geomspace, range is needed; found none",
        ),
        (_replaced("[sine, square]", "[sine, 5]"), "r.yaml:6:27: 'timbre' is text; 5 is a number"),
        (
            _replaced("{linspace: {start: 100.0, stop: 500.0, num: 50}}", "{values: ['100']}"),
            "r.yaml:7:24: 'frequency' is a number; '100' is text: remove the quotes",
        ),
        (
            _replaced("{linspace: {start: 100.0, stop: 500.0, num: 50}}", "{values: [low]}"),
            "r.yaml:7:24: 'frequency' is a number; 'low' is text: write a number",
        ),
        (
            _replaced("[sine, square]", "[sine, sine]"),
            "r.yaml:6:12: factor 'timbre' has the value 'sine' more than once",
        ),
        (
            _replaced("stop: 500.0", "stop: 100.0"),
            "r.yaml:7:15: factor 'frequency' has the value 100.0 more than once",
        ),
        (_replaced("start: 100.0", "start: -100.0"), "r.yaml:7:15: frequency -100 is outside 0.001.."),
        (
            _replaced("  frequency: {linspace: {start: 100.0, stop: 500.0, num: 50}}\n", ""),
            "r.yaml:5:1: the tone synthesizer needs 'frequency': add it to factors, nuisances or",
        ),
        (_replaced(", duration: 0.1", ""), "r.yaml:4:1: tones need audio.duration, in seconds"),
        (
            _replaced("[sine, square]", "[sine, pulse]") + "settings: {antialias: false}\n",
            "r.yaml:6:27: timbre 'pulse' is a set of partials and has no ideal waveform; set antialias",
        ),
        (
            _replaced("duration: 0.1", "duration: 0.00001") + "settings: {time_axis: published}\n",
            "r.yaml:4:1: time_axis: published needs at least two samples",
        ),
    ],
)
def test_problem_is_reported_at_its_place_with_what_would_be_right(text: str, expected: str) -> None:
    assert _problem(text).startswith(expected)


def test_timbre_may_be_ordinal_but_not_continuous() -> None:
    ordinal = _resolved(_replaced("square]}", "square], kind: ordinal}"))
    assert ordinal.grid["timbre"].is_ordered
    problems = _problems(_replaced("square]}", "square], kind: continuous}"))
    assert "'timbre' is text and cannot be continuous; use nominal or ordinal" in problems[0]


# frequencies and half the sampling rate


def test_fundamental_at_half_the_sampling_rate_is_refused_with_antialiasing() -> None:
    for stop in ("8000.0", "8000.5"):
        problem = _problem(_replaced("stop: 500.0", f"stop: {stop}"))
        assert problem.startswith(f"r.yaml:7:15: frequency {float(stop):g} Hz is at or above half")
    assert _resolved(_replaced("stop: 500.0", "stop: 7999.999")).grid.size == 100


def test_fundamental_at_half_the_sampling_rate_is_taken_without_antialiasing() -> None:
    naive = "settings: {antialias: false}\n"
    assert _resolved(_replaced("stop: 500.0", "stop: 8000.0") + naive).grid.size == 100
    problem = _problem(_replaced("stop: 500.0", "stop: 8000.5") + naive)
    assert problem.startswith("r.yaml:7:15: frequency 8000.5 Hz is above half the sampling rate, 8000 Hz")


def test_values_of_a_list_that_are_too_high_are_each_named() -> None:
    text = _replaced(
        "{linspace: {start: 100.0, stop: 500.0, num: 50}}", "{values: [100.0, 9000.0, 8000.0]}"
    )
    first, second = _problems(text)
    assert first.startswith("r.yaml:7:31: frequency 9000 Hz")
    assert second.startswith("r.yaml:7:39: frequency 8000 Hz")


def test_values_of_a_formula_that_are_too_high_are_counted() -> None:
    problem = _problem(_replaced("stop: 500.0", "stop: 16000.0"))
    assert re.search(r"frequency 8\d\d\d.*Hz is at or above .* \(and \d\d more here\)$", problem)


def test_fundamental_with_more_partials_than_a_table_holds_is_refused() -> None:
    problem = _problem(_replaced("start: 100.0", "start: 2.5"))
    assert "frequency 2.5 Hz has more than 2730 partials below 8000 Hz; 2.929 Hz is the low" in problem
    assert _resolved(_replaced("start: 100.0", "start: 2.93")).grid.size == 100
    only_sine = _replaced("start: 100.0", "start: 0.01").replace("[sine, square]", "[sine]")
    assert _resolved(only_sine).grid.size == 50


# levels


@pytest.mark.parametrize("timbres", ["sine", "square", "sawtooth", "sine, triangle, pulse, organ"])
def test_highest_possible_rms_level_is_named_and_accepted(timbres: str) -> None:
    text = LOUD.replace("sine, square", timbres)
    problem = _problem(text % "-0.01")
    assert problem.startswith("r.yaml:8:24: amplitude -0.01 dBFS clips: ")
    found = re.search(r"at most (-\d+\.\d\d) dBFS is possible with level: rms$", problem)
    assert found is not None
    highest = float(found[1])
    assert _resolved(text % highest).size == 50 * len(timbres.split(","))
    assert "clips" in _problem(text % round(highest + 0.02, 2))


def test_highest_possible_linear_rms_level_is_named_and_accepted() -> None:
    text = LOUD.replace(", unit: dBFS", "")
    found = re.search(r"at most (0\.\d+) is possible", _problem(text % "0.99"))
    assert found is not None
    assert _resolved(text % found[1]).size == 100
    assert "clips" in _problem(text % (float(found[1]) + 0.001))


def test_naive_waveforms_have_their_own_highest_rms_level() -> None:
    naive = LOUD.replace("level: rms", "level: rms, antialias: false")
    square = naive.replace("sine, square", "square")
    assert _resolved(square % "0.0").size == 50
    problems = _problems(naive.replace("sine, square", "sine, sawtooth") % "-1.0")
    assert any("a naive sine peaks at 1.414 times its RMS; at most -3.02" in p for p in problems)


def test_peak_levels_never_clip() -> None:
    assert _resolved(LOUD.replace("level: rms", "level: peak") % "0.0").size == 100


def test_amplitude_outside_its_range_is_refused() -> None:
    assert _problem(LOUD % "0.5").startswith("r.yaml:8:24: amplitude 0.5 is outside -120..0 dBFS")
    assert "amplitude 1.5 is outside 0..1" in _problem(GOOD + "settings: {amplitude: 1.5}\n")


# sizes


def test_size_above_the_grid_is_refused() -> None:
    assert _problem(GOOD + "sampling: {size: 101}\n") == (
        "r.yaml:8:18: sampling.size is 101, but the grid has only 100 points"
    )
    assert _resolved(GOOD + "sampling: {size: 100}\n").size == 100


LARGE = (
    GOOD.replace("num: 50", "num: 100000")
    + "  amplitude: {linspace: {start: 0.1, stop: 0.9, num: %d}}\n"
    + "  phase: {linspace: {start: 0.0, stop: 0.9, num: %d}}\n"
)


@pytest.mark.slow
def test_large_grid_needs_a_size() -> None:
    problem = _problem(LARGE % (100_000, 3))
    assert problem.startswith("r.yaml:5:1: the whole grid has 60000000000 points; more than 10000000000")
    sampled = _resolved(LARGE % (100_000, 3) + "sampling: {size: 10}\n")
    assert sampled.grid.size == 60_000_000_000
    assert len(sampled.rows.all_indices()) == 10


@pytest.mark.slow
def test_grid_above_2_to_62_points_is_refused_with_the_count() -> None:
    timbres = "sine, triangle, square, sawtooth, pulse"
    text = LARGE.replace("num: 100000}", "num: 1000000}").replace("sine, square", timbres)
    problem = _problem(text % (10**6, 10**6) + "sampling: {size: 10}\n")
    assert problem == ("r.yaml:5:1: the grid has 5000000000000000000 points; at most 2**62 are possible")


# conditions


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "sampling: {where: [{timbr: [sine]}]}",
            "r.yaml:8:21: no factor 'timbr' (did you mean 'timbre'?); there are timbre, frequency",
        ),
        (
            "sampling: {where: [{timbre: [sin]}]}",
            "r.yaml:8:21: factor 'timbre' has no value 'sin' (did you mean 'sine'?)",
        ),
        (
            "sampling: {exclude: [{timbre: [sine]}, {frequency: [101.0]}]}",
            "r.yaml:8:41: factor 'frequency' has no value 101.0; the nearest is 100.0",
        ),
        (
            "sampling: {where: [{frequency: {min: 501.0}}]}",
            "r.yaml:8:21: no value of factor 'frequency' lies in this range",
        ),
        (
            "sampling: {where: [{timbre: {min: 1.0}}]}",
            "r.yaml:8:21: factor 'timbre' has no numbers to compare with a range; name its values",
        ),
        (
            "sampling: {correlations: [{factors: [timbre, frequency], sigma: 0.1}]}",
            "r.yaml:8:28: factor 'timbre' is nominal; a correlation needs an order",
        ),
        (
            "sampling: {correlations: [{factors: [frequency, frequency], sigma: 0.1}]}",
            "r.yaml:8:28: 'frequency' cannot be correlated with itself",
        ),
        (
            "sampling: {correlations: [{factors: [frequency, timbr], sigma: 0.1}]}",
            "r.yaml:8:49: no factor 'timbr' (did you mean 'timbre'?)",
        ),
        (
            "splits: {c: {hold_out: [{timbre: [sine]}, {pitch: [1]}]}}",
            "r.yaml:8:44: no factor 'pitch'; there are timbre, frequency",
        ),
        (
            "splits: {c: {interpolation: {factor: freqency, every: 2}}}",
            "r.yaml:8:38: no factor 'freqency' (did you mean 'frequency'?)",
        ),
        (
            "splits: {c: {interpolation: {factor: timbre, every: 2}}}",
            "r.yaml:8:14: interpolation needs an order, and factor 'timbre' is nominal",
        ),
        (
            "splits: {c: {interpolation: {factor: frequency, every: 50}}}",
            "r.yaml:8:14: interpolation of every 50 levels leaves test empty",
        ),
        (
            "splits: {c: {extrapolation: {factor: frequency, above: 500.0}}}",
            "r.yaml:8:14: extrapolation leaves test empty: the values of 'frequency' go from 100.0",
        ),
        (
            "splits: {c: {by_factor: {factor: timbre, test: [sin]}}}",
            "r.yaml:8:14: factor 'timbre' has no value 'sin' (did you mean 'sine'?)",
        ),
        (
            "splits: {c: {hold_out: [{timbre: [sine, square]}]}}",
            "r.yaml:8:10: the rule leaves splits 'train', 'validation' empty; relax it, or leave it out",
        ),
        (
            "splits: {default: {random: {train: 0.99999, test: 0.00001}}}",
            "r.yaml:8:10: the rule leaves split 'test' empty",
        ),
    ],
)
def test_condition_on_what_is_not_there_is_refused(section: str, expected: str) -> None:
    assert _problem(GOOD + section + "\n").startswith(expected)


def test_text_factors_with_an_order_still_have_no_ranges() -> None:
    ordinal = _replaced("square]}", "square], kind: ordinal}")
    section = (
        "splits:\n"
        "  a: {extrapolation: {factor: timbre, above: 1.0}}\n"
        "  b: {hold_out: [{timbre: {min: 1}}]}\n"
    )
    first, second = _problems(ordinal + section)
    assert first.startswith("r.yaml:9:7: extrapolation needs numbers, and the values of 'timbre' are")
    assert second.startswith("r.yaml:10:19: factor 'timbre' has no numbers to compare with a range")


def test_split_that_the_sampling_leaves_empty_is_refused() -> None:
    sampling = "sampling: {exclude: [{timbre: [square]}]}\n"
    split = "splits: {c: {hold_out: [{timbre: [square]}]}}\n"
    assert _problem(GOOD + sampling + split).startswith("r.yaml:9:10: the rule leaves split 'test' empty")


def test_conditions_that_accept_nothing_are_reported_at_the_sampling() -> None:
    sampling = "sampling: {where: [{timbre: [sine]}], exclude: [{timbre: [sine]}]}\n"
    assert all(problem.startswith("r.yaml:8:") for problem in _problems(GOOD + sampling))


# several problems


def test_problems_of_form_and_of_meaning_are_reported_together_in_order() -> None:
    text = _replaced("seed: 1", "seed: x").replace("[sine, square]", "[sine, sqare]")
    problems = _problems(text + "settings: {level: rsm}\nsampling: {size: 0}\n")
    assert [problem.split(" ")[0] for problem in problems] == [
        "r.yaml:3:7:",
        "r.yaml:6:27:",
        "r.yaml:8:19:",
        "r.yaml:9:18:",
    ]


REFERENCES = """\
sampling: {where: [{frequency: {min: 3.0}}], size: 1000000}
splits:
  default: {extrapolation: {factor: frequency, above: 150.0}}
  composition: {hold_out: [{frequency: [100.0], timbre: [sine]}]}
  speakers: {by_factor: {factor: frequency, test: 0.5}}
"""


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("num: 50", "num: 0", "r.yaml:7:58:"),
        ("start: 100.0", "start: -100.0", "r.yaml:7:15:"),
        ("num: 50}}", "num: 50}, unit: kHz}", "r.yaml:7:69:"),
        ("frequency: {linspace: {start: 100.0, stop: 500.0, num: 50}}", "frequency: 5", "r.yaml:7:14:"),
    ],
)
def test_broken_factor_is_not_reported_as_unknown_elsewhere(old: str, new: str, place: str) -> None:
    assert _problem(_replaced(old, new) + REFERENCES).startswith(place)


def test_unknown_factor_is_still_found_beside_a_broken_one() -> None:
    text = _replaced("num: 50", "num: 0") + "splits: {c: {hold_out: [{frequncy: [1]}]}}\n"
    first, second = _problems(text)
    assert first.startswith("r.yaml:7:58:")
    assert second.startswith("r.yaml:8:26: no factor 'frequncy' (did you mean 'frequency'?)")


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (_replaced("sample_rate: 16000", "sample_rate: 1"), "sample_rate"),
        (GOOD + "splits: {c: {random: {train: 0.5}}}\n", "c"),
        (GOOD + "settings: {level: .nan}\n", "level"),
    ],
)
def test_broken_part_that_is_no_factor_does_not_pass_for_one(broken: str, name: str) -> None:
    text = broken + f"sampling: {{where: [{{{name}: [1]}}]}}\n"
    assert any(f"no factor {name!r}; there are timbre, frequency" in p for p in _problems(text))


# fixed values and nuisances


def test_setting_fixes_a_factor_that_is_not_varied() -> None:
    resolved = _resolved(GOOD + "settings: {amplitude: 1, phase: 0.25}\n")
    amplitude = resolved.request.parameters["amplitude"]
    assert (amplitude.role, amplitude.values, amplitude.unit) == ("fixed", (1.0,), "")
    assert isinstance(amplitude.values[0], float)
    assert resolved.request.parameters["phase"].values == (0.25,)


def test_defaults_fix_what_a_recipe_does_not_mention() -> None:
    parameters = _resolved(GOOD).request.parameters
    varied = {"timbre", "frequency"}
    assert {name for name, p in parameters.items() if p.role == "factor"} == varied
    assert {p.role for name, p in parameters.items() if name not in varied} == {"fixed"}
    assert {"amplitude", "phase"} <= set(parameters)
    assert parameters["amplitude"].values == (0.5,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{amplitude: loud}", "r.yaml:8:23: 'amplitude' is a number; 'loud' is text: write a number"),
        ("{amplitude: true}", "r.yaml:8:23: 'amplitude' cannot be True"),
        ("{frequency: 100.0}", "r.yaml:8:23: 'frequency' varies already; keep one of the two"),
        ("{phase: 1.5}", "r.yaml:8:19: phase 1.5 is outside -1..1 cycles"),
    ],
)
def test_values_that_cannot_be_fixed_are_refused(settings: str, message: str) -> None:
    assert _problem(GOOD + f"settings: {settings}\n") == message


def test_nuisance_is_drawn_and_is_no_factor() -> None:
    text = GOOD + "nuisances: {phase: {uniform: {low: 0, high: 1}, unit: cycles}}\n"
    resolved = _resolved(text)
    assert resolved.grid.names == ("timbre", "frequency")
    assert [(n.name, n.unit) for n in resolved.nuisances] == [("phase", "cycles")]
    parameter = resolved.request.parameters["phase"]
    assert (parameter.role, parameter.values, parameter.is_interval) == ("nuisance", (0.0, 1.0), True)


@pytest.mark.parametrize(
    ("nuisance", "message"),
    [
        ("frequency: {uniform: {low: 100.0, high: 200.0}}", "'frequency' is a factor already; keep one"),
        ("phase: {uniform: {low: 0.0, high: 2.0}}", "phase 2 is outside -1..1 cycles"),
        ("amplitude: {normal: {mean: 0.5, sd: 0.1}}", "amplitude -0.33 is outside 0..1"),
        ("phase: {choice: [0.5, 0.5]}", "a choice appears more than once"),
        ("phase: {choice: [0.5, x]}", "'phase' is a number; 'x' is text"),
        ("phase: {uniform: {low: 0.0, high: 1.0}, unit: cycle}", "(did you mean 'cycles'?)"),
    ],
)
def test_nuisance_that_cannot_be_is_refused(nuisance: str, message: str) -> None:
    problem = _problem(GOOD + f"nuisances: {{{nuisance}}}\n")
    assert problem.startswith("r.yaml:8:")
    assert message in problem


def test_text_nuisance_needs_a_choice() -> None:
    text = _replaced("  timbre: {values: [sine, square]}\n", "")
    assert _resolved(text + "nuisances: {timbre: {choice: [sine, pulse]}}\n").size == 50
    problem = _problem(text + "nuisances: {timbre: {uniform: {low: 0.0, high: 1.0}}}\n")
    assert problem.endswith("'timbre' is text; use choice: [...]")
    problem = _problem(text + "nuisances: {timbre: {choice: [sine, puls]}}\n")
    assert problem.startswith("r.yaml:7:37: unknown timbre 'puls' (did you mean 'pulse'?)")


@pytest.mark.parametrize("unit", ["dBFS", "dBFS (sine)"])
def test_setting_fixes_a_factor_in_any_of_its_units(unit: str) -> None:
    fixed = _resolved(GOOD + f"settings: {{level: rms, amplitude: {{value: -20, unit: {unit}}}}}\n")
    parameter = fixed.request.parameters["amplitude"]
    assert (parameter.role, parameter.unit, parameter.values) == ("fixed", unit, (-20.0,))
    varied = _resolved(GOOD + f"  amplitude: {{values: [-20.0], unit: {unit}}}\nsettings: {{level: rms}}\n")
    for one, other in zip(
        Rendering(fixed).observations(np.arange(3)),
        Rendering(varied).observations(np.arange(3)),
        strict=True,
    ):
        np.testing.assert_array_equal(one.pcm, other.pcm)
    # the unit is part of what decides the samples, however the default unit is written
    linear = _resolved(GOOD + "settings: {level: rms, amplitude: {value: 0.1}}\n").fingerprint
    assert linear == _resolved(GOOD + "settings: {level: rms, amplitude: 0.1}\n").fingerprint
    assert (
        linear
        == _resolved(GOOD + "settings: {level: rms, amplitude: {value: 0.1, unit: ''}}\n").fingerprint
    )
    assert fixed.fingerprint != linear


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("-20.0", "8:23: amplitude -20 is outside 0..1; another unit is given as {value: -20, unit: dBFS}"),
        ("{value: -20.0, unit: dB}", "8:44: 'amplitude' has no unit 'dB' (did you mean 'dBFS'?)"),
        ("{value: 1.0, unit: dBFS}", "8:31: amplitude 1 is outside -120..0 dBFS"),
        ("{value: -20.0, unti: dBFS}", "8:44: unknown key 'unti' (did you mean 'unit'?)"),
        ("{unit: dBFS}", "8:12: a map that fixes 'amplitude' needs value, and may have unit"),
        ("{value: -20.0, unit: 3}", "8:44: unit is text, not 3"),
        ("{value: [0.1], unit: dBFS}", "8:24: 'amplitude' cannot be [0.1]"),
        ("{value: true}", "8:31: 'amplitude' cannot be True"),
    ],
)
def test_value_and_unit_that_cannot_be_fixed_are_refused(given: str, message: str) -> None:
    problem = _problem(GOOD + f"settings: {{amplitude: {given}}}\n")
    assert problem.startswith(f"r.yaml:{message}")


def test_nuisance_that_may_clip_is_refused() -> None:
    nuisance = "nuisances: {amplitude: {uniform: {low: -20.0, high: -1.0}, unit: dBFS}}\n"
    problem = _problem(GOOD + nuisance + "settings: {level: rms}\n")
    assert problem.startswith("r.yaml:8:25: amplitude -1 dBFS clips")


def test_nuisance_frequency_is_checked_over_its_whole_range() -> None:
    text = _replaced("  frequency: {linspace: {start: 100.0, stop: 500.0, num: 50}}\n", "")
    nuisance = "nuisances: {frequency: {log_uniform: {low: 100.0, high: %s}}}\n"
    assert _problem(text + nuisance % "8000.0").startswith("r.yaml:7:25: frequency 8000 Hz is at or above")
    assert _resolved(text + nuisance % "7999.0").size == 2


# fingerprints and pickling


def test_fingerprint_of_an_equal_recipe_is_equal() -> None:
    assert _resolved(GOOD).fingerprint == _resolved(GOOD).fingerprint
    assert re.fullmatch("[0-9a-f]{64}", _resolved(GOOD).fingerprint)


@pytest.mark.parametrize(
    "text",
    [
        "# comment\n" + GOOD,
        _replaced("name: small", "name: other\ntitle: Another\nversion: 2.0.0\nlicence: MIT"),
        GOOD + "sampling: {size: 50, where: [{timbre: [sine]}]}\n",
        GOOD + "splits: {default: {random: {train: 0.5, test: 0.5}}}\n",
        _replaced("num: 50}}", "num: 50}, unit: Hz}"),
        GOOD + "settings: {antialias: true, level: peak, amplitude: 0.5, phase: 0}\n",
        _replaced("start: 100.0, stop: 500.0", "start: 100, stop: 500"),
        "synthesizer: tone\n" + GOOD.replace("synthesizer: tone\n", ""),
    ],
)
def test_fingerprint_does_not_change_with_what_does_not_change_the_audio(text: str) -> None:
    assert _resolved(text).fingerprint == _resolved(GOOD).fingerprint


CHANGES = [
    _replaced("seed: 1", "seed: 2"),
    _replaced("stop: 500.0", "stop: 500.0001"),
    _replaced("num: 50", "num: 51"),
    _replaced("[sine, square]", "[square, sine]"),
    _replaced("[sine, square]", "[sine, pulse]"),
    _replaced("duration: 0.1", "duration: 0.2"),
    _replaced("sample_rate: 16000", "sample_rate: 16001"),
    GOOD + "settings: {level: rms, amplitude: 0.2}\n",
    GOOD + "settings: {level: peak, amplitude: 0.2}\n",
    GOOD + "settings: {antialias: false}\n",
    GOOD + "settings: {time_axis: published}\n",
    GOOD + "settings: {phase: 0.1}\n",
    GOOD + "settings: {phase: 0.2}\n",
    GOOD + "  amplitude: {values: [0.0], unit: dBFS}\n",
    GOOD + "  amplitude: {values: [0.0]}\n",
    GOOD + "nuisances: {phase: {uniform: {low: 0.0, high: 1.0}}}\n",
    GOOD + "nuisances: {phase: {uniform: {low: 0.0, high: 0.9}}}\n",
    GOOD + "nuisances: {phase: {choice: [0.0, 0.9]}}\n",
    GOOD + "nuisances: {phase: {normal: {mean: 0.0, sd: 0.05}}}\n",
]


@pytest.mark.slow
def test_fingerprint_changes_with_everything_that_changes_the_audio() -> None:
    fingerprints = [_resolved(text).fingerprint for text in [GOOD, *CHANGES]]
    assert len(set(fingerprints)) == len(fingerprints)


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_pickled_recipe_is_small_and_the_same(name: str) -> None:
    resolved = _resolved(recipe_path(name).read_text("utf-8"))
    data = pickle.dumps(resolved)
    assert len(data) < 10_000
    twin = pickle.loads(data)
    assert twin.fingerprint == resolved.fingerprint
    assert twin.grid == resolved.grid
    assert twin.recipe == resolved.recipe
    assert twin.rows.indices("test", 0, 50).tolist() == resolved.rows.indices("test", 0, 50).tolist()


def test_recipe_can_be_resolved_again_with_another_size() -> None:
    small = _resolved(GOOD).with_size(10)
    assert small.size == 10
    assert small.fingerprint == _resolved(GOOD).fingerprint
    with pytest.raises(RecipeError, match="size is 101, but the grid has only 100 points"):
        small.with_size(101)
