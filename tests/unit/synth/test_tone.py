"""The factors beyond timbre, level, frequency and phase, against sums of sines made with numpy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.special import iv

from syngen.dsp.envelopes import envelope, raised_cosine, tremolo
from syngen.dsp.inharmonic import count_stretched, static_partials, stretch
from syngen.dsp.oscillators import phase_increment, phase_of
from syngen.errors import RecipeError
from syngen.recipe.parse import parse_recipe
from syngen.resolving.rendering import Rendering
from syngen.resolving.resolve import ResolvedRecipe, resolve_draft
from syngen.seeding import Stream
from syngen.synth.tone.synthesizer import ToneSynthesizer
from syngen.synth.tone.timbres import timbres

HEAD = "name: t\nsynthesizer: tone\nseed: 3\naudio: {sample_rate: %d, duration: %s}\n"
SQUARE = "frequency: {values: [440.0]}, timbre: {values: [square]}"
TIMBRES = ["sawtooth", "square", "pulse", "organ", "comb"]


def resolved_of(
    factors: str, *, settings: str = "", more: str = "", rate: int = 16_000, duration: float = 0.5
) -> ResolvedRecipe:
    head = HEAD % (rate, duration)
    text = f"{head}factors: {{{factors}}}\nsettings: {{level: rms, {settings}}}\n{more}\n"
    return resolve_draft(parse_recipe(text, source="r.yaml"))


def problem_of(factors: str, **options: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        resolved_of(factors, **options)
    (issue,) = caught.value.issues
    return issue.message


def wave_of(resolved: ResolvedRecipe, **values: Any) -> np.ndarray:
    parameters = resolved.request.parameters.values()
    fixed = {p.name: p.values[0] for p in parameters if p.role == "fixed"}
    render = ToneSynthesizer().prepare(resolved.request)
    return render({**fixed, **resolved.grid.values_of(0), **values}, lambda name: Stream(3, name, 0))


def swung_seconds(time: np.ndarray, rate: float, depth: float) -> np.ndarray:
    """The integral of 2 ** (depth / 1200 * sin(2 pi rate t)), by the Fourier series of exp(k sin a)."""
    k, angle = depth / 1200.0 * math.log(2.0), 2 * np.pi * rate * time
    total = iv(0, k) * angle
    for j in range(1, 30):
        if j % 2:
            total += 2 * (-1) ** (j // 2) * iv(j, k) * (1.0 - np.cos(j * angle)) / j
        else:
            total += 2 * (-1) ** (j // 2) * iv(j, k) * np.sin(j * angle) / j
    return total / (2 * np.pi * rate)


def additive(values: Mapping[str, Any], *, rate: int, n: int, limit: float) -> np.ndarray:
    """A stationary tone of RMS 1 as a sum of numpy's sines."""
    time = np.arange(n) / rate
    depth, swings = values.get("vibrato_depth", 0.0), values.get("vibrato_rate", 6.0)
    frequency = values["frequency"]
    cycles = frequency * swung_seconds(time, swings, depth)
    b = values.get("inharmonicity", 0.0)
    timbre = timbres()[values["timbre"]]
    total, power, k = np.zeros(n), 0.0, 1
    while (ratio := k * math.sqrt((1 + b * k * k) / (1 + b))) * frequency < limit:
        amplitude = timbre.amplitude(k)
        if amplitude and values.get("brightness") is not None:
            amplitude = k ** (values["brightness"] / (20 * math.log10(2)))
        total += amplitude * np.sin(2 * np.pi * np.fmod(ratio * cycles + k * values.get("phase", 0.0), 1))
        power += amplitude**2 / 2
        k += 1
    return total / math.sqrt(power)


def error_db(found: np.ndarray, wanted: np.ndarray) -> float:
    return 10 * math.log10(np.mean((found - wanted) ** 2) / np.mean(wanted**2) + 1e-40)


@pytest.mark.slow
@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize(
    "values",
    [
        {"brightness": -9.0},
        {"brightness": -3.0},
        {"vibrato_depth": 100.0, "vibrato_rate": 6.0},
        {"vibrato_depth": 600.0, "vibrato_rate": 4.0},
        {"inharmonicity": 0.012},
        {"inharmonicity": 0.0005, "brightness": -3.0},
        {"inharmonicity": 0.005, "vibrato_depth": 60.0, "vibrato_rate": 3.5, "brightness": -6.0},
    ],
)
def test_tones_equal_sums_of_sines(timbre: str, values: dict[str, float]) -> None:
    for frequency in (110.0, 431.7, 880.0):
        factors = f"timbre: {{values: [{timbre}]}}, frequency: {{values: [{frequency}]}}"
        limit = 5000.0 if values.get("vibrato_depth", 0.0) > 200.0 else 7300.0
        settings = f"partial_limit: {limit}, amplitude: 0.01, phase: 0.3, " + ", ".join(
            f"{name}: {value}" for name, value in values.items()
        )
        resolved = resolved_of(factors, settings=settings)
        point = {"timbre": timbre, "frequency": frequency, "phase": 0.3, **values}
        wanted = 0.01 * additive(point, rate=16_000, n=8_000, limit=limit)
        assert error_db(wave_of(resolved), wanted) < -110.0


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_other_sample_rates_and_durations(rate: int) -> None:
    nyquist = rate / 2
    settings = (
        f"partial_limit: {nyquist * 0.9}, amplitude: 0.01, brightness: -6.0, vibrato_depth: 50.0, "
        "inharmonicity: 0.0"
    )
    factors = "timbre: {values: [sawtooth]}, frequency: {values: [220.0]}"
    resolved = resolved_of(factors, settings=settings, rate=rate, duration=0.31)
    values = {"timbre": "sawtooth", "frequency": 220.0, "brightness": -6.0, "vibrato_depth": 50.0}
    n = round(0.31 * rate)
    wanted = 0.01 * additive(values, rate=rate, n=n, limit=nyquist * 0.9)
    found = wave_of(resolved)
    assert len(found) == n
    assert error_db(found, wanted) < -110.0


def test_stretched_partials_equal_sums_of_sines_without_vibrato() -> None:
    n = 16_001
    ratios = [stretch(k, 0.003) for k in range(1, 21)]
    amplitudes = [1.0 / k for k in range(1, 21)]
    steps = [phase_increment(200.0 * ratio, Fraction(1, 16_000)) for ratio in ratios]
    found = static_partials(steps, [phase_of(0.1)] * 20, amplitudes, n)
    time = np.arange(n) / 16_000
    wanted = sum(
        a * np.sin(2 * np.pi * np.fmod(200.0 * r * time + 0.1, 1))
        for a, r in zip(amplitudes, ratios, strict=True)
    )
    assert error_db(found, wanted) < -130.0
    assert stretch(1, 0.01) == 1.0
    assert count_stretched(1000.0, 8000.0, 0.0) == 7


def test_envelope_has_onset_attack_decay_and_release() -> None:
    gain = envelope(16_000, 16_000, onset=0.1, attack=0.05, decay=20.0, release=0.1)
    assert (gain[:1_600] == 0.0).all()
    assert (np.diff(gain[1_600:2_300]) > 0).all()
    middle = 20 * np.log10(gain[[4_000, 12_000]])
    np.testing.assert_allclose(middle, [-20 * (4_000 - 1_600) / 16_000, -20 * (12_000 - 1_600) / 16_000])
    assert gain[-1] < 1e-4
    assert gain.max() <= 1.0
    assert (envelope(100, 16_000) == 1.0).all()
    np.testing.assert_allclose(raised_cosine(4), [0.0, 0.5 - math.sqrt(0.125), 0.5, 0.5 + math.sqrt(0.125)])


def test_envelope_longer_than_the_observation_is_cut() -> None:
    gain = envelope(100, 1_000, onset=0.05, attack=1.0, release=1.0)
    assert len(gain) == 100
    assert gain.max() < 0.01
    assert (envelope(100, 1_000, onset=5.0) == 0.0).all()


def test_tremolo_swings_between_one_and_its_lowest_gain() -> None:
    gain = tremolo(16_000, 16_000, rate=4.0, min_gain=0.5)
    assert gain[0] == 1.0
    assert gain.max() == 1.0
    assert gain.min() == pytest.approx(0.5)
    assert np.argmin(gain[:4_000]) == 2_000


@pytest.mark.parametrize("color", ["white", "pink"])
@pytest.mark.parametrize("duration", [0.25, 1.0, 4.0])
def test_signal_to_noise_ratio_is_met(color: str, duration: float) -> None:
    factors = "timbre: {values: [sine]}, frequency: {values: [440.0]}, amplitude: {values: [0.1]}"
    quiet = wave_of(resolved_of(factors, duration=duration))
    noisy = wave_of(resolved_of(factors, settings=f"snr: 20.0, noise: {color}", duration=duration))
    noise = noisy - quiet
    # white noise is right on average; pink noise in each draw, and without an offset
    allowed = 0.2 if color == "white" else 1e-5
    assert 10 * math.log10(np.mean(quiet**2) / np.var(noise)) == pytest.approx(20.0, abs=allowed)
    assert abs(noise.mean()) < (1e-3 if color == "white" else 1e-12)


def test_noise_belongs_to_the_index() -> None:
    factors = "timbre: {values: [sine]}, frequency: {values: [440.0, 441.0]}"
    rendering = Rendering(resolved_of(factors, settings="snr: 0.0, amplitude: 0.1"))
    first, second = (o.pcm for o in rendering.observations(np.array([0, 1])))
    (again,) = (o.pcm for o in rendering.observations(np.array([1])))
    assert (second == again).all()
    assert (first != second).any()


NAMES = [
    ("attack", "s", 0.0, 0.2),
    ("decay", "dB/s", 0.0, 40.0),
    ("release", "s", 0.0, 0.2),
    ("onset", "s", 0.0, 0.3),
    ("brightness", "dB/octave", -12.0, -3.0),
    ("vibrato_rate", "Hz", 3.0, 8.0),
    ("vibrato_depth", "cents", 0.0, 100.0),
    ("tremolo_rate", "Hz", 2.0, 8.0),
    ("tremolo_depth", "dB", 0.0, 12.0),
    ("inharmonicity", "", 0.0, 0.01),
    ("snr", "dB", 0.0, 40.0),
]


@pytest.mark.parametrize(("name", "unit", "low", "high"), NAMES)
def test_every_factor_may_vary_be_fixed_or_be_drawn(name: str, unit: str, low: float, high: float) -> None:
    basis = "timbre: {values: [square]}, frequency: {values: [220.0]}"
    rest = "amplitude: 0.02, partial_limit: 7000.0"
    companions = {"vibrato_rate": "vibrato_depth: 50.0", "tremolo_rate": "tremolo_depth: 6.0"}
    settings = ", ".join([rest, companions.get(name, "")]).rstrip(", ")
    given = f", unit: {unit}" if unit else ""
    varied = resolved_of(f"{basis}, {name}: {{values: [{low}, {high}]{given}}}", settings=settings)
    fixed = resolved_of(basis, settings=f"{settings}, {name}: {high}")
    drawn = resolved_of(
        basis,
        settings=settings,
        more=f"nuisances: {{{name}: {{uniform: {{low: {low}, high: {high}}}{given}}}}}",
    )
    at_low, at_high = (o.pcm for o in Rendering(varied).observations(np.array([0, 1])))
    (one,) = Rendering(fixed).observations(np.array([0]))
    (other,) = Rendering(drawn).observations(np.array([0]))
    assert (at_low != at_high).any()
    if name != "snr":  # noise belongs to the index, which differs
        assert (one.pcm == at_high).all()
    assert low <= float(other.nuisances[name]) <= high
    assert (other.pcm != one.pcm).any()


@pytest.mark.parametrize(
    ("factors", "settings", "message"),
    [
        (
            "frequency: {values: [440.0]}, timbre: {values: [square]}",
            "vibrato_depth: 100.0",
            "7426.0 or lower",
        ),
        (
            SQUARE + ", vibrato_depth: {values: [0.0, 120.0], unit: cents}",
            "partial_limit: 7400.0, vibrato_rate: 8.0",
            "partial_limit: 7300.0 or lower",
        ),
        (SQUARE, "vibrato_depth: 1200.0, vibrato_rate: 3.0", "partial_limit: 3905.0 or lower"),
        ("frequency: {values: [440.0]}", "partial_limit: 400.0", "at or above partial_limit, 400 Hz"),
        ("frequency: {values: [440.0]}", "onset: 0.5", "onset 0.5 s is not before the end"),
        ("frequency: {values: [440.0]}", "antialias: false, brightness: -6.0", "needs antialias: true"),
        (
            "frequency: {values: [440.0]}",
            "amplitude: 0.5, snr: 0.0",
            r"noise at 0 dB peaks at .* at most 0\.2",
        ),
        (
            "frequency: {values: [110.0]}, timbre: {values: [sawtooth]}",
            "amplitude: 0.2, inharmonicity: 0.01",
            "clips: sawtooth with partials up to 72",
        ),
    ],
)
def test_what_cannot_be_rendered_is_refused_with_what_can(
    factors: str, settings: str, message: str
) -> None:

    assert re.search(message, problem_of(factors, settings=settings))


def test_a_sine_needs_no_room_for_side_bands() -> None:
    assert resolved_of("frequency: {values: [440.0]}", settings="vibrato_depth: 100.0").size == 1


@pytest.mark.parametrize(("depth", "rate"), [(100.0, 6.0), (1200.0, 3.0), (600.0, 20.0), (300.0, 0.5)])
def test_no_side_band_is_folded_back(depth: float, rate: float) -> None:
    message = problem_of(SQUARE, settings=f"vibrato_depth: {depth}, vibrato_rate: {rate}")
    limit = float(re.search(r"partial_limit: (\S+) or", message)[1])  # type: ignore[index]
    # the highest partial possible, in the middle of a wider band, as one that knows no folding
    time = np.arange(4 * 48_000) / 48_000
    angle = 2 * np.pi * limit * swung_seconds(time, rate, depth)
    spectrum = np.abs(np.fft.fft(np.exp(1j * angle) * np.blackman(len(time)) ** 3)) ** 2
    is_above = np.fft.fftfreq(len(time), 1 / 48_000) > 8_000.0
    assert 10 * math.log10(spectrum[is_above].sum() / spectrum.sum()) < -115.0


def test_highest_allowed_partial_limit_is_accepted() -> None:
    factors = "frequency: {values: [440.0]}, timbre: {values: [square]}"
    settings = "amplitude: 0.1, vibrato_depth: 100.0, partial_limit: 7426.0"
    assert resolved_of(factors, settings=settings).size == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["syntone-medium", "syntone-large"])
def test_no_point_of_the_shipped_grids_comes_near_clipping(name: str) -> None:
    import syngen

    resolved = syngen.load_recipe(name)
    loudest = resolved.grid["amplitude"].size - 1
    levels = resolved.grid.levels_of(resolved.rows.indices("train", 0, 60))
    levels[:, resolved.grid.position("amplitude")] = loudest
    for observation in Rendering(resolved).observations(resolved.grid.indices_of(levels)):
        assert np.abs(observation.pcm.astype(int)).max() < 32_000
