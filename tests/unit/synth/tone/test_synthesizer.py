from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.signal

from syngen.errors import EngineError, FactorError
from syngen.recipe.library import recipe_path
from syngen.recipe.parse import parse_recipe
from syngen.resolving.rendering import Rendered, Rendering
from syngen.resolving.resolve import ResolvedRecipe, resolve_draft
from syngen.seeding import Stream
from syngen.synth.tone.synthesizer import ToneSynthesizer
from syngen.synth.tone.timbres import timbres

TIMBRES = ["sine", "triangle", "square", "sawtooth", "pulse", "organ", "comb"]
HEAD = "name: t\nsynthesizer: tone\nseed: 3\naudio: {sample_rate: 16000, duration: %s}\n"


def _resolved(
    factors: str, *, duration: float = 0.1, settings: str = "{}", more: str = ""
) -> ResolvedRecipe:
    text = f"{HEAD % duration}factors: {{{factors}}}\nsettings: {settings}\n{more}\n"
    return resolve_draft(parse_recipe(text, source="r.yaml"))


def _render(resolved: ResolvedRecipe) -> list[Rendered]:
    return list(Rendering(resolved).observations(np.arange(resolved.grid.size)))


def _float_wave(resolved: ResolvedRecipe, values: Mapping[str, Any]) -> np.ndarray:
    """The waveform before it is rounded to 16 bits."""
    render = ToneSynthesizer().prepare(resolved.request)
    parameters = resolved.request.parameters.values()
    fixed = {p.name: p.values[0] for p in parameters if p.role == "fixed"}
    return render({**fixed, **values}, lambda name: Stream(0, name, 0))


def _decibels(ratio: float) -> float:
    return 20.0 * math.log10(max(ratio, 1e-20))


def _additive(timbre: str, frequency: float, phase: float, n_samples: int, rate: int) -> np.ndarray:
    """Sum of the partials below half the sampling rate, made with numpy's sines."""
    time = np.arange(n_samples) / rate
    total = np.zeros(n_samples)
    for n, amplitude in _partials(timbre, frequency, rate):
        total += amplitude * np.sin(2.0 * np.pi * np.fmod(n * (frequency * time + phase), 1.0))
    return total


def _partials(timbre: str, frequency: float, rate: int) -> list[tuple[int, float]]:
    highest = 1 if timbre == "sine" else rate
    below = itertools.takewhile(lambda n: 2 * n * Fraction(frequency) < rate, itertools.count(1))
    return [(n, timbres()[timbre].amplitude(n)) for n in below if n <= highest]


@pytest.mark.parametrize("timbre", TIMBRES)
def test_rms_level_is_met(timbre: str) -> None:
    factors = (
        f"timbre: {{values: [{timbre}]}}, amplitude: {{values: [-30.0, -9.5], unit: dBFS}}, "
        "frequency: {values: [100.0, 440.0, 1234.5, 3000.0]}"
    )
    resolved = _resolved(factors, duration=1.0, settings="{level: rms}")
    for observation in _render(resolved):
        waveform = observation.pcm / 32768.0
        rms_db = _decibels(math.sqrt(np.mean(waveform**2)))
        wanted = float(resolved.grid.values_of(observation.index)["amplitude"])
        assert abs(rms_db - wanted) < 0.01


@pytest.mark.parametrize("timbre", TIMBRES)
def test_peak_level_is_that_of_the_waveform_in_continuous_time(timbre: str) -> None:
    # fundamentals whose periods the sampling grid meets at 64,000 different places
    factors = f"timbre: {{values: [{timbre}]}}, frequency: {{values: [101.3, 441.7, 2000.3]}}"
    for amplitude in (0.25, 1.0):
        resolved = _resolved(factors, duration=4.0, settings=f"{{amplitude: {amplitude}}}")
        for observation in _render(resolved):
            peak = np.abs(observation.pcm.astype(np.int64)).max() / 32768.0
            assert peak <= amplitude
            assert peak > amplitude * 0.9995 - 1.0 / 32768.0


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize(
    ("frequency", "phase"),
    [(110.0, 0.0), (441.7, 0.3), (1000.0, -0.25), (2666.6666666666665, 0.0), (7999.0, 0.1)],
)
def test_wave_is_the_sum_of_the_partials_below_half_the_sampling_rate(
    timbre: str, frequency: float, phase: float
) -> None:
    factors = f"timbre: {{values: [{timbre}]}}, frequency: {{values: [{frequency!r}]}}"
    settings = f"{{level: rms, amplitude: 0.25, phase: {phase}}}"
    resolved = _resolved(factors, duration=0.5, settings=settings)
    values = {"timbre": timbre, "frequency": frequency, "amplitude": 0.25, "phase": phase}
    wave = _float_wave(resolved, values)
    expected = _additive(timbre, frequency, phase, 8000, 16_000)
    expected *= 0.25 / math.sqrt(sum(a * a for _, a in _partials(timbre, frequency, 16_000)) / 2.0)
    assert _decibels(np.abs(wave - expected).max() / 0.25) < -110.0


@pytest.mark.parametrize("timbre", TIMBRES)
def test_nothing_is_folded_back_from_above_half_the_sampling_rate(timbre: str) -> None:
    # 437 Hz for one second: partials fall on whole bins, aliases would fall on others
    factors = f"timbre: {{values: [{timbre}]}}, frequency: {{values: [437.0]}}"
    resolved = _resolved(factors, duration=1.0)
    values = {"timbre": timbre, "frequency": 437.0, "amplitude": 0.5, "phase": 0.0}
    spectrum = np.abs(np.fft.rfft(_float_wave(resolved, values)))
    is_partial = np.arange(len(spectrum)) % 437 == 0
    assert _decibels(spectrum[~is_partial].max() / spectrum[437]) < -115.0
    naive = timbres()[timbre].naive
    if naive is not None and timbre != "sine":
        aliased = _resolved(factors, duration=1.0, settings="{antialias: false}")
        spectrum = np.abs(np.fft.rfft(_float_wave(aliased, values)))
        assert _decibels(spectrum[~is_partial].max() / spectrum[437]) > -80.0


def test_pcm_is_the_wave_rounded_to_16_bits(tiny_recipe: ResolvedRecipe) -> None:
    for observation in Rendering(tiny_recipe).observations(np.array([0, 200, 407])):
        values = {"phase": 0.0, **tiny_recipe.grid.values_of(observation.index)}
        wave = _float_wave(tiny_recipe, values)
        np.testing.assert_array_equal(observation.pcm, np.rint(wave * 32768.0).astype(np.int16))
        assert observation.pcm.dtype == np.int16
        assert observation.pcm.shape == (4000,)


def test_observation_does_not_depend_on_order_or_neighbours(tiny_recipe: ResolvedRecipe) -> None:
    indices = np.array([5, 400, 17, 5, 123])
    together = [o.pcm for o in Rendering(tiny_recipe).observations(indices)]
    alone = [next(Rendering(tiny_recipe).observations(indices[i : i + 1])).pcm for i in range(5)]
    backwards = [o.pcm for o in Rendering(tiny_recipe).observations(indices[::-1])][::-1]
    for first, second, third in zip(together, alone, backwards, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)


def test_observation_knows_its_index_and_levels(tiny_recipe: ResolvedRecipe) -> None:
    (observation,) = Rendering(tiny_recipe).observations(np.array([300]))
    assert observation.index == 300
    assert observation.levels == tuple(tiny_recipe.grid.levels_of([300])[0].tolist())
    assert observation.nuisances == {}


def test_index_outside_the_grid_is_refused(tiny_recipe: ResolvedRecipe) -> None:
    with pytest.raises(FactorError, match=r"index 408 outside 0\.\.407"):
        next(Rendering(tiny_recipe).observations(np.array([408])))


def test_two_recipes_of_one_grid_point_give_the_same_samples() -> None:
    wide = _resolved("timbre: {values: [sine, square]}, frequency: {values: [440.0, 441.0]}")
    narrow = _resolved("timbre: {values: [square]}, frequency: {values: [441.0]}")
    np.testing.assert_array_equal(_render(wide)[3].pcm, _render(narrow)[0].pcm)


# the published generator


def _published_waves(frequency: float, time: np.ndarray) -> dict[str, np.ndarray]:
    angle = 2 * np.pi * frequency * time
    return {
        "sine": np.sin(angle),
        "triangle": scipy.signal.sawtooth(angle, 0.5),
        "sawtooth": scipy.signal.sawtooth(angle),
        "square": scipy.signal.square(angle),
    }


@pytest.fixture(scope="module")
def paper() -> ResolvedRecipe:
    path = recipe_path("syntone-paper")
    return resolve_draft(parse_recipe(path.read_text("utf-8"), source=path.name))


def _assert_published(pcm: np.ndarray, expected: np.ndarray) -> None:
    steps = expected * 32768.0
    is_top = steps > 32767.5  # full scale has no sample above 32767: at 1.0 it is one step low
    assert np.abs(pcm - steps)[~is_top].max(initial=0.0) <= 0.5 + 1e-9 * 32768.0
    assert (pcm[is_top] == 32767).all()


def test_factor_values_of_the_paper_are_those_of_linspace(paper: ResolvedRecipe) -> None:
    assert list(paper.grid) == ["frequency", "amplitude", "timbre"]
    assert list(paper.grid["frequency"].values) == np.linspace(440, 8000, 400).tolist()
    assert list(paper.grid["amplitude"].values) == np.linspace(0.1, 1, 20).tolist()
    assert paper.grid["timbre"].values == ("sine", "triangle", "sawtooth", "square")


@pytest.mark.slow
def test_waves_of_the_paper_are_the_published_formulas_at_full_amplitude(
    paper: ResolvedRecipe,
) -> None:
    time = np.linspace(0, 1, 16_000)
    rendering = Rendering(paper)
    n_compared = 0
    for level, frequency in enumerate(np.linspace(440, 8000, 400).tolist()):
        indices = paper.grid.indices_of([[level, 19, timbre] for timbre in range(4)])
        waves = _published_waves(frequency, time)
        for observation, timbre in zip(rendering.observations(indices), waves, strict=True):
            assert paper.grid.values_of(observation.index)["timbre"] == timbre
            _assert_published(observation.pcm, waves[timbre])
            n_compared += 1
    assert n_compared == 1600


@pytest.mark.slow
def test_waves_of_the_paper_are_the_published_formulas_at_other_amplitudes(
    paper: ResolvedRecipe, rng: np.random.Generator
) -> None:
    time = np.linspace(0, 1, 16_000)
    indices = np.sort(rng.choice(paper.grid.size, 200, replace=False))
    for observation in Rendering(paper).observations(indices):
        frequency, amplitude, timbre = observation.levels
        wave = list(_published_waves(np.linspace(440, 8000, 400)[frequency], time).values())[timbre]
        _assert_published(observation.pcm, np.linspace(0.1, 1, 20)[amplitude] * wave)


@pytest.mark.parametrize(
    ("sample_rate", "duration", "frequency"),
    [
        # 1001 samples half a millisecond apart: most jumps meet a sample, up to the rounding of the angle
        *((2002, 0.5, f) for f in (2.0, 100.0, 125.0, 250.0, 300.0, 500.0, 1000.0)),
        # 49 steps of 1/49 do not add up to 1: the last sample starts a period only because it is set
        (1600, 0.03125, 32.0),
    ],
)
def test_jumps_fall_where_the_published_generator_has_them(
    sample_rate: int, duration: float, frequency: float
) -> None:
    text = HEAD.replace("16000", str(sample_rate)) % duration
    text += f"factors: {{timbre: {{values: [square, sawtooth]}}, frequency: {{values: [{frequency}]}}}}\n"
    text += "settings: {antialias: false, time_axis: published}\n"
    resolved = resolve_draft(parse_recipe(text))
    waves = _published_waves(frequency, np.linspace(0, duration, round(duration * sample_rate)))
    for timbre in ("square", "sawtooth"):
        values = {"timbre": timbre, "frequency": frequency, "amplitude": 1.0, "phase": 0.0}
        np.testing.assert_allclose(_float_wave(resolved, values), waves[timbre], atol=1e-12)


def test_published_time_axis_holds_with_antialiasing_too() -> None:
    factors = "timbre: {values: [square]}, frequency: {values: [1000.0]}"
    resolved = _resolved(factors, duration=1.0, settings="{time_axis: published}")
    values = {"timbre": "square", "frequency": 1000.0, "amplitude": 0.5, "phase": 0.0}
    spectrum = np.abs(np.fft.rfft(_float_wave(resolved, values) * np.hanning(16_000)))
    expected = _additive("square", 1000.0 * 16_000 / 15_999, 0.0, 16_000, 16_000)
    reference = np.abs(np.fft.rfft(expected * np.hanning(16_000)))
    np.testing.assert_allclose(spectrum / spectrum.max(), reference / reference.max(), atol=1e-5)


# naive waveforms on the exact time axis


def test_naive_waveforms_sample_the_ideal_ones() -> None:
    factors = "timbre: {values: [sine, triangle, sawtooth, square]}, frequency: {values: [123.4, 3999.9]}"
    resolved = _resolved(factors, settings="{antialias: false, amplitude: 0.5}")
    time = np.arange(1600) / 16_000
    for index in range(8):
        values = {"amplitude": 0.5, "phase": 0.0, **resolved.grid.values_of(index)}
        wave = _float_wave(resolved, values)
        expected = 0.5 * _published_waves(float(values["frequency"]), time)[str(values["timbre"])]
        halves = 2.0 * float(values["frequency"]) * time
        # where a jump falls exactly on a sample, the rounding of the time decides its side
        is_clear = np.abs(halves - np.rint(halves)) > 1e-9
        assert is_clear.sum() >= 1580
        np.testing.assert_allclose(wave[is_clear], expected[is_clear], atol=1e-9)


def test_naive_rms_levels_are_met() -> None:
    factors = (
        "timbre: {values: [sine, triangle, sawtooth, square]}, frequency: {values: [97.3]}, "
        "amplitude: {values: [-20.0], unit: dBFS}"
    )
    for observation in _render(_resolved(factors, duration=2.0, settings="{antialias: false, level: rms}")):
        assert abs(_decibels(math.sqrt(np.mean((observation.pcm / 32768.0) ** 2))) + 20.0) < 0.02


# phase


def test_phase_is_the_same_as_factor_fixed_or_nuisance() -> None:
    tone = "timbre: {values: [sawtooth]}, frequency: {values: [440.0]}"
    varied = _resolved(f"{tone}, phase: {{values: [0.0, 0.3]}}")
    fixed = _resolved(tone, settings="{phase: 0.3}")
    drawn = _resolved(tone, more="nuisances: {phase: {choice: [0.3]}}")
    first = _render(varied)[1].pcm
    np.testing.assert_array_equal(first, _render(fixed)[0].pcm)
    np.testing.assert_array_equal(first, _render(drawn)[0].pcm)
    assert _render(drawn)[0].nuisances == {"phase": 0.3}


def test_phase_shifts_the_wave_in_time() -> None:
    tone = "timbre: {values: [sawtooth, square, organ]}, frequency: {values: [1000.0]}"
    phases = [i / 16 for i in range(16)]
    observations = _render(_resolved(f"{tone}, phase: {{values: {phases}}}"))
    for start in (0, 16, 32):
        for shift in range(1, 16):
            shifted = observations[start + shift].pcm[:-shift]
            np.testing.assert_array_equal(shifted, observations[start].pcm[shift:])


def test_naive_phase_shifts_the_wave_in_time() -> None:
    tone = "timbre: {values: [sawtooth, square]}, frequency: {values: [1000.0]}"
    observations = _render(
        _resolved(f"{tone}, phase: {{values: [0.0, 0.25, -0.75]}}", settings="{antialias: false}")
    )
    for start in (0, 3):
        first, quarter, wrapped = (o.pcm for o in observations[start : start + 3])
        np.testing.assert_array_equal(quarter[:-4], first[4:])
        np.testing.assert_array_equal(wrapped, quarter)


@pytest.mark.parametrize("settings", ["{}", "{antialias: false}"])
def test_phase_nuisance_is_drawn_from_the_stream_of_the_index(settings: str) -> None:
    tone = "timbre: {values: [sine]}, frequency: {linspace: {start: 100.0, stop: 900.0, num: 20}}"
    more = "nuisances: {phase: {uniform: {low: 0.0, high: 1.0}, unit: cycles}}"
    for observation in _render(_resolved(tone, settings=settings, more=more)):
        phase = Stream(3, "nuisance/phase", observation.index).uniform(1)[0]
        assert observation.nuisances == {"phase": phase}
        assert type(observation.nuisances["phase"]) is float
        expected = 0.5 * 32768 * math.sin(2.0 * math.pi * phase)
        assert abs(int(observation.pcm[0]) - expected) <= 0.5 + 1e-6


def test_frequency_and_amplitude_may_be_nuisances() -> None:
    more = (
        "nuisances: {frequency: {log_uniform: {low: 300.0, high: 900.0}}, "
        "amplitude: {normal: {mean: -20.0, sd: 3.0, low: -30.0, high: -12.0}, unit: dBFS}}"
    )
    phases = "phase: {linspace: {start: 0.0, stop: 0.9, num: 10}}"
    observations = _render(_resolved(phases, duration=1.0, settings="{level: rms}", more=more))
    assert len({o.nuisances["frequency"] for o in observations}) == 10
    for observation in observations:
        waveform = observation.pcm / 32768.0
        rms_db = _decibels(math.sqrt(np.mean(waveform**2)))
        assert abs(rms_db - float(observation.nuisances["amplitude"])) < 0.02
        peak_bin = np.abs(np.fft.rfft(waveform)).argmax()
        assert abs(peak_bin - float(observation.nuisances["frequency"])) <= 1.0


def test_amplitude_of_zero_is_silence() -> None:
    observations = _render(_resolved("frequency: {values: [100.0]}, amplitude: {values: [0.0]}"))
    assert not observations[0].pcm.any()


# what a renderer of somebody else may do wrong


def _rendering_of(monkeypatch: pytest.MonkeyPatch, tiny: ResolvedRecipe, wave: object) -> Rendering:
    def render(values: object, streams: object) -> object:
        if isinstance(wave, Exception):
            raise wave
        return wave.copy() if isinstance(wave, np.ndarray) else wave

    monkeypatch.setattr(ToneSynthesizer, "prepare", lambda self, request: render)
    return Rendering(tiny)


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        ([0.0] * 4000, "must return an array of float64"),
        (np.zeros(4000, dtype=np.float32), "must return an array of float64"),
        (np.zeros(3999), r"the waveform has shape \(3999,\); \(4000,\) is needed"),
        (np.zeros((4000, 1)), r"the waveform has shape \(4000, 1\)"),
        (np.zeros(0), r"the waveform has shape \(0,\)"),
        (np.full(4000, 1.001), "index 7 .*the waveform peaks at 1.00101, beyond full scale"),
        (np.full(4000, np.nan), "index 7 .*the waveform"),
        (ZeroDivisionError("oops"), "index 7: the tone synthesizer fails with ZeroDivisionError: oops"),
    ],
)
def test_renderer_that_misbehaves_is_named_with_the_index(
    tiny_recipe: ResolvedRecipe, monkeypatch: pytest.MonkeyPatch, wave: object, message: str
) -> None:
    rendering = _rendering_of(monkeypatch, tiny_recipe, wave)
    with pytest.raises(EngineError, match=message):
        next(rendering.observations(np.array([7])))
