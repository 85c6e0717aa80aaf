"""The instruments of the audit: they measure known signals right, and fail where nothing can be heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import syngen
from syngen.auditing.recovery import log_mel, recover
from syngen.auditing.signals import SignalTally
from syngen.auditing.tone.analysis import Analysis
from syngen.auditing.tone.audit import RecipeAudit
from syngen.auditing.tone.collisions import MIN_DISTANCE, nearest_timbres
from syngen.auditing.tone.contexts import AuditRenderer, draw_contexts
from syngen.auditing.tone.factor_metrics import DESCRIPTORS, descriptors_of
from syngen.auditing.tone.recipe_context import ObservationContext, RecipeContext
from syngen.auditing.tone.separability import told_apart
from syngen.errors import EngineError, ParameterError
from syngen.resolving.resolve import ResolvedRecipe

RATE = 16_000
SECONDS = np.arange(RATE) / RATE
PHASE = {"phase": {"uniform": {"low": 0.0, "high": 1.0}, "unit": "cycles"}}
ENVELOPE = {"onset": 0.05, "attack": 0.02, "release": 0.03}


def a_recipe(factors: dict[str, Any], **settings: Any) -> ResolvedRecipe:
    """Tones at two levels and four frequencies, beside the factors given."""
    grid = {
        "timbre": {"values": ["sawtooth"]},
        "amplitude": {"values": [-30.0, -24.0], "unit": "dBFS"},
        "frequency": {"geomspace": {"start": 110.0, "stop": 880.0, "num": 13}, "unit": "Hz"},
        **factors,
    }
    fixed = {"antialias": True, "level": "rms", "partial_limit": 7300.0, **ENVELOPE, **settings}
    audio = {"sample_rate": RATE, "duration": 1.0}
    document = {"name": "a-test", "synthesizer": "tone", "seed": 2402, "audio": audio, "factors": grid}
    return syngen.load_recipe(
        {**document, "settings": {k: v for k, v in fixed.items() if k not in grid}, "nuisances": PHASE}
    )


def frame(**values: float) -> ObservationContext:
    instrument = RecipeContext(
        sample_rate=RATE,
        n_samples=RATE,
        inharmonicities=(0.0,),
        partial_limit=8000.0,
        reach=0.12,
        settled_s=0.12,
        leaving_s=1.0,
    )
    plain = {"frequency": 440.0, "inharmonicity": 0.0, "onset": 0.0, "attack": 0.0, "decay": 0.0}
    return ObservationContext.of(instrument, {**plain, "vibrato_rate": 5.0, "vibrato_depth": 0.0, **values})


def analysis(waveform: np.ndarray, **values: float) -> Analysis:
    return Analysis(frame(**values), np.rint(32768.0 * waveform).astype(np.int16))


def sine(frequency: float = 440.0, level_db: float = -20.0) -> np.ndarray:
    return 10.0 ** (level_db / 20.0) * np.sqrt(2.0) * np.sin(2.0 * np.pi * frequency * SECONDS + 0.3)


def tone(rng: np.random.Generator, n_partials: int = 16, frequency: float = 220.0) -> np.ndarray:
    partials = (
        np.sin(2.0 * np.pi * n * (frequency * SECONDS + rng.random())) / n for n in range(1, n_partials)
    )
    return 0.1 * np.sum(list(partials), axis=0)


@pytest.mark.parametrize("level_db", [-40.0, -20.0, -6.0])
def test_level_is_rms_in_dbfs(level_db: float) -> None:
    assert analysis(sine(level_db=level_db)).level_db == pytest.approx(level_db, abs=0.01)


@pytest.mark.parametrize("cents", [-100.0, -7.0, 0.0, 3.0, 60.0])
def test_frequency_is_measured_in_cents(cents: float) -> None:
    there = analysis(sine(440.0 * 2.0 ** (cents / 1200.0)))
    assert DESCRIPTORS["frequency"].distance(analysis(sine()), there) == pytest.approx(abs(cents), abs=0.05)


@pytest.mark.parametrize("decay", [0.0, 5.0, 20.0])
def test_decay_is_the_mean_level_of_the_fundamental(decay: float) -> None:
    falling = analysis(sine() * 10.0 ** (-decay * SECONDS / 20.0))
    assert falling.decay_db == pytest.approx(-decay / 2.0, abs=0.02)


def test_decay_does_not_depend_on_the_level() -> None:
    loud, soft = (analysis(sine(level_db=level) * 10.0 ** (-0.5 * SECONDS)) for level in (-10.0, -40.0))
    assert DESCRIPTORS["decay"].distance(loud, soft) < 0.02


def test_attack_is_the_largest_difference_of_the_envelopes() -> None:
    def rising(attack: float) -> Analysis:
        shape = 0.5 - 0.5 * np.cos(np.pi * np.clip(SECONDS / attack, 0.0, 1.0))
        return analysis(sine() * shape)

    # with c = cos(10 pi t), (c - (2 c^2 - 1)) / 2 is largest at c = 1/4; averaging takes a little
    assert DESCRIPTORS["attack"].distance(rising(0.05), rising(0.1)) == pytest.approx(0.5625, abs=0.02)
    assert DESCRIPTORS["attack"].distance(rising(0.05), rising(0.05)) == 0.0


@pytest.mark.parametrize(("rate", "depth"), [(3.0, 15.0), (6.0, 50.0), (8.0, 120.0)])
def test_vibrato_is_measured_in_cents_at_its_rate(rate: float, depth: float) -> None:
    swing = 440.0 * (2.0 ** (depth / 1200.0) - 1.0) / (2.0 * np.pi * rate)
    cycles = 440.0 * SECONDS + swing * (1.0 - np.cos(2.0 * np.pi * rate * SECONDS))
    found = analysis(0.1 * np.sin(2.0 * np.pi * cycles)).vibrato_cents
    assert int(np.argmax(found)) == int(rate) - 2
    assert found.max() == pytest.approx(depth, rel=0.05)


def test_noise_is_measured_between_partials(rng: np.random.Generator) -> None:
    hiss = rng.normal(size=RATE)
    faint, loud = (analysis(tone(rng) + gain * hiss, frequency=220.0, snr=30.0) for gain in (1e-3, 2e-3))
    assert DESCRIPTORS["snr"].distance(faint, loud) == pytest.approx(6.02, abs=0.1)


def test_partials_are_found_at_their_levels_through_a_vibrato(rng: np.random.Generator) -> None:
    still = analysis(tone(rng), frequency=220.0)
    cycles = SECONDS + 0.05 * (1.0 - np.cos(2.0 * np.pi * 5.0 * SECONDS)) / (2.0 * np.pi * 5.0)
    moved = np.interp(cycles, np.arange(2 * RATE) / RATE, np.tile(tone(rng), 2))
    swaying = analysis(moved, frequency=220.0, vibrato_depth=80.0)
    expected = -20.0 * np.log10(np.arange(1, 11))
    for found in (still.places_db, swaying.places_db):
        assert found[:10] - found[0] == pytest.approx(expected, abs=1.0)
    assert still.places_db[20:].max() < -50.0


def test_spectrum_has_no_level(rng: np.random.Generator) -> None:
    wave = tone(rng)
    soft, loud = analysis(0.1 * wave, frequency=220.0), analysis(wave, frequency=220.0)
    for name in ("timbre", "brightness", "inharmonicity"):
        assert DESCRIPTORS[name].distance(soft, loud) < 0.1
    assert DESCRIPTORS["amplitude"].distance(soft, loud) == pytest.approx(20.0, abs=0.01)


BAD_GRIDS: dict[str, tuple[str, Callable[[], ResolvedRecipe]]] = {
    "a sine has no partials to tilt": (
        "brightness",
        lambda: a_recipe(
            {
                "timbre": {"values": ["sine"]},
                "brightness": {"values": [-9.0, -6.0, -3.0], "unit": "dB/octave"},
            },
            snr=24.0,
        ),
    ),
    "a sine has no partials to stretch": (
        "inharmonicity",
        lambda: a_recipe(
            {"timbre": {"values": ["sine"]}, "inharmonicity": {"values": [0.0, 0.005, 0.012]}},
            snr=24.0,
            brightness=-6.0,
        ),
    ),
    "no depth, no rate": (
        "vibrato_rate",
        lambda: a_recipe({"vibrato_rate": {"values": [3.0, 5.0, 8.0], "unit": "Hz"}}, snr=24.0),
    ),
    "noise as loud as a tone that dies away": (
        "vibrato_rate",
        lambda: a_recipe(
            {"vibrato_rate": {"values": [3.0, 6.0], "unit": "Hz"}},
            snr=0.0,
            decay=60.0,
            vibrato_depth=20.0,
        ),
    ),
    "the tilt makes a triangle a square": (
        "timbre",
        lambda: a_recipe({"timbre": {"values": ["triangle", "square"]}}, snr=30.0, brightness=-6.02),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_GRIDS)
def test_instruments_fail_where_nothing_can_be_heard(case: str) -> None:
    factor, recipe = BAD_GRIDS[case]
    report = syngen.audit_recipe(recipe(), contexts=30)
    rows = [row for row in report.audibility if row.factor == factor]
    assert {row.kind for row in rows} == {"random", "corner"}
    assert all(row.problems for row in rows)
    (probe,) = (probe for probe in report.probes if probe.factor == factor)
    assert probe.accuracy < 0.75
    assert probe.problems
    assert not report.passed
    assert not any("amplitude" in problem for problem in report.problems)


def test_twins_without_nuisances_do_not_differ_at_all() -> None:
    report = syngen.audit_recipe(
        {
            "name": "twins",
            "synthesizer": "tone",
            "seed": 1,
            "audio": {"duration": 0.5},
            "factors": {
                "timbre": {"values": ["triangle", "square"]},
                "frequency": {"values": [220.0, 230.0, 240.0, 250.0], "unit": "Hz"},
            },
            "settings": {"brightness": -6.02},
        },
        contexts=5,
    )
    (row,) = (row for row in report.audibility if row.factor == "timbre" and row.kind == "corner")
    assert row.smallest < 0.5
    assert row.smallest_ratio is None
    assert any("same tone" in problem for problem in report.problems)


@pytest.mark.parametrize(
    ("factors", "settings", "coincide"),
    [
        ({"timbre": {"values": ["square", "triangle"]}}, {}, False),
        ({"timbre": {"values": ["square", "triangle"]}}, {"brightness": -6.02}, True),
        (
            {
                "timbre": {"values": ["square", "triangle"]},
                "brightness": {"values": [-12.0, -6.0], "unit": "dB/octave"},
            },
            {},
            True,
        ),
        ({"timbre": {"values": ["square", "sawtooth", "pulse", "organ", "comb"]}}, {}, False),
        # below 3500 Hz only partials 1 and 2 are left of either
        ({"timbre": {"values": ["pulse", "organ"]}}, {"partial_limit": 3500.0}, True),
        ({"timbre": {"values": ["pulse"]}}, {}, None),
    ],
)
def test_timbres_that_are_one_tone_are_found(
    factors: dict[str, Any], settings: dict[str, Any], coincide: bool | None
) -> None:
    resolved = a_recipe(factors, **settings)
    pair = nearest_timbres(resolved.request, RecipeContext.of(resolved.request))
    if coincide is None:
        assert pair is None
    else:
        assert pair is not None
        assert (pair.distance < MIN_DISTANCE) is coincide
        assert bool(pair.problems) is coincide


@pytest.mark.slow
def test_corners_are_corners_and_neighbours_are_one_level_away(rng: np.random.Generator) -> None:
    resolved = syngen.load_recipe("syntone-large")
    grid = resolved.grid
    last = np.array(grid.sizes) - 1
    for context in draw_contexts(resolved, "corner", 50, rng):
        levels = grid.levels_of([context.index])[0]
        assert np.isin(levels[1:], [0, *last]).all()
        assert ((levels[1:] == 0) | (levels[1:] == last[1:])).all()
        assert set(context.neighbours) == set(grid.names)
        for name, index in context.neighbours.items():
            change = grid.levels_of([index])[0] - levels
            assert np.flatnonzero(change).tolist() == [grid.position(name)]
            assert name == "timbre" or np.abs(change).sum() == 1


def test_contexts_keep_to_the_conditions_of_the_recipe(rng: np.random.Generator) -> None:
    document = syngen.load_recipe("syntone-tiny").recipe.document()
    del document["splits"]
    document["sampling"] = {"exclude": [{"timbre": ["sine", "square"]}, {"amplitude": {"min": -20.0}}]}
    resolved = syngen.load_recipe(document)
    contexts = draw_contexts(resolved, "random", 40, rng) + draw_contexts(resolved, "corner", 40, rng)
    for context in contexts:
        for index in (context.index, *context.neighbours.values()):
            values = resolved.grid.values_of(index)
            assert values["timbre"] in {"triangle", "sawtooth"}
            assert float(values["amplitude"]) < -20.0


@pytest.mark.slow
def test_another_draw_is_the_recipe_with_another_seed() -> None:
    resolved = a_recipe({}, snr=24.0)
    stage = AuditRenderer(resolved)
    first, again, other = (stage.render([5], draw=draw)[0] for draw in (0, 0, 1))
    assert np.array_equal(first.pcm, again.pcm)
    assert not np.array_equal(first.pcm, other.pcm)
    assert stage.is_drawn
    assert not AuditRenderer(syngen.load_recipe("syntone-small")).is_drawn


@pytest.mark.parametrize("spread", [0.0, 1e-9])
def test_levels_whose_clips_are_alike_are_told_apart(spread: float, rng: np.random.Generator) -> None:
    clips = [level + spread * rng.standard_normal((8, 50)) for level in range(3)]
    assert told_apart(clips, clips) == 1.0


def test_levels_that_do_not_differ_are_guessed(rng: np.random.Generator) -> None:
    train, test = ([rng.standard_normal((40, 100)) for _ in range(4)] for _ in range(2))
    assert 0.1 < told_apart(train, test) < 0.4


def test_a_factor_without_descriptor_is_named_not_judged() -> None:
    recipe = {
        "name": "phases",
        "synthesizer": "tone",
        "seed": 1,
        "audio": {"duration": 0.5},
        "factors": {
            "frequency": {"values": [220.0, 440.0, 880.0], "unit": "Hz"},
            "phase": {"values": [0.0, 0.5], "unit": "cycles"},
        },
        "settings": {"amplitude": 0.25},
    }
    report = syngen.audit_recipe(recipe, contexts=4)
    assert report.undescribed == ("phase",)
    assert "No descriptor: phase." in report.to_markdown()
    assert report.passed, report.problems


@pytest.mark.slow
def test_octaves_are_told_apart() -> None:
    report = syngen.audit_recipe(
        a_recipe({"frequency": {"values": [110.0, 220.0, 440.0], "unit": "Hz"}}), contexts=10
    )
    (row,) = (row for row in report.audibility if row.factor == "frequency" and row.kind == "corner")
    assert row.smallest == pytest.approx(1200.0, abs=1.0)


@pytest.mark.slow
def test_two_audits_with_one_seed_are_equal() -> None:
    first, again = (syngen.audit_recipe("syntone-tiny", contexts=5, seed=3) for _ in range(2))
    assert first == again
    assert isinstance(first, RecipeAudit)
    assert first.to_dict() == again.to_dict()
    assert first != syngen.audit_recipe("syntone-tiny", contexts=5, seed=4)


def test_a_synthesizer_without_descriptors_is_refused() -> None:
    with pytest.raises(EngineError, match="the clicks synthesizer has no descriptors"):
        descriptors_of("clicks")


def test_an_audit_needs_a_context() -> None:
    with pytest.raises(ParameterError, match="contexts is 0; a whole number from 1 on"):
        syngen.audit_recipe("syntone-tiny", contexts=0)


def test_silence_clipping_and_offsets_are_counted() -> None:
    tally = SignalTally()
    tally.add(1, sine().astype(np.float32))
    assert tally.problems == ()
    tally.add(2, np.zeros(RATE, dtype=np.float32))
    tally.add(3, np.clip(sine(level_db=3.0), -1.0, 1.0).astype(np.float32))
    tally.add(4, (sine() + 0.05).astype(np.float32))
    tally.add(5, np.zeros(0, dtype=np.float32))
    assert (tally.silent, tally.clipped, tally.offset) == ([2, 5], [3], [4])
    assert [problem.split(";")[1] for problem in tally.problems] == [
        " first at index 2, 5",
        " first at index 3",
        " first at index 4",
    ]


@pytest.mark.parametrize("n_samples", [10, 4_000, 16_001])
def test_spectrograms_have_one_shape_whatever_the_length(n_samples: int) -> None:
    found = log_mel(sine()[:1].repeat(n_samples).astype(np.float32)[None], RATE)
    assert found.shape == (1, 15, 48)
    assert np.isfinite(found).all()


@pytest.mark.slow
def test_recovery_finds_what_is_there_and_nothing_where_levels_are_shuffled(
    rng: np.random.Generator,
) -> None:
    class Shuffled:
        """A dataset whose levels have nothing to do with its waveforms."""

        def __init__(self, view: Any, levels: np.ndarray) -> None:
            self._view, self.levels = view, levels
            self.indices = view.indices
            self.name, self.grid = view.name, view.grid
            self.sample_rate, self.n_samples = view.sample_rate, view.n_samples

        def __len__(self) -> int:
            return len(self._view)

        def __getitem__(self, position: int) -> Any:
            return self._view[position]

        def batch(self, positions: Any) -> np.ndarray:
            return self._view.batch(positions)

        def select(self, **conditions: Any) -> Any:
            view = self._view.select(**conditions)
            return Shuffled(view, rng.permutation(view.levels))

    dataset = syngen.render("syntone-tiny")
    found = syngen.audit_dataset(dataset, n=300)
    assert found.passed, found.problems
    assert {row.factor: row.ceiling > 0.75 for row in found.recovery} == dict.fromkeys(dataset.grid, True)
    lost = recover(Shuffled(dataset, dataset.levels), n=300, seed=0)
    assert len(lost.problems) == 3
    assert not lost.passed


def test_recovery_needs_rows() -> None:
    with pytest.raises(ParameterError, match="at least 20 are needed"):
        syngen.audit_dataset(syngen.render("syntone-tiny"), n=10)


SHORT = {"audio": {"duration": 0.25}, "synthesizer": "tone", "seed": 1}
FREQUENCIES = {"values": [220.0, 440.0], "unit": "Hz"}
ODD_RECIPES: dict[str, dict[str, Any]] = {
    "silent": {
        "factors": {"frequency": FREQUENCIES, "amplitude": {"values": [-120.0, -110.0], "unit": "dBFS"}},
        "settings": {"level": "rms"},
    },
    "brief": {
        "audio": {"duration": 0.02},
        "factors": {"frequency": FREQUENCIES, "attack": {"values": [0.001, 0.01], "unit": "s"}},
    },
    "high": {
        "factors": {
            "frequency": {"values": [7000.0, 7900.0], "unit": "Hz"},
            "timbre": {"values": ["sine", "square"]},
        },
    },
    "odd-rate": {
        "audio": {"sample_rate": 11025, "duration": 0.3},
        "factors": {
            "vibrato_depth": {"values": [0.0, 50.0], "unit": "cents"},
            "snr": {"values": [10.0, 20.0], "unit": "dB"},
        },
        "settings": {"frequency": 440.0},
    },
    "frequency-as-nuisance": {
        "factors": {
            "timbre": {"values": ["square", "sawtooth"]},
            "brightness": {"values": [-9.0, -3.0], "unit": "dB/octave"},
        },
        "nuisances": {"frequency": {"log_uniform": {"low": 200.0, "high": 400.0}, "unit": "Hz"}},
    },
    "attack-beyond-the-end": {
        "factors": {
            "frequency": FREQUENCIES,
            "attack": {"values": [0.1, 0.3], "unit": "s"},
            "onset": {"values": [0.0, 0.2], "unit": "s"},
        },
    },
    "one-level": {"factors": {"frequency": {"values": [220.0], "unit": "Hz"}}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD_RECIPES)
def test_odd_recipes_get_a_report(name: str) -> None:
    report = syngen.audit_recipe({"name": name, **SHORT, **ODD_RECIPES[name]}, contexts=3)
    assert report.to_markdown().startswith(f"# Audit of {name}\n")
    assert all(np.isfinite(row.smallest) for row in report.audibility)
    if name in ("silent", "high"):
        assert not report.passed
    assert bool(report.signals.silent) is (name == "silent")
