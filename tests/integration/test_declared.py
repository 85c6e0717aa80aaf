"""The benchmark of what is declared: nothing numeric is left out, and its instruments are right."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pytest
from scipy.signal import lfilter

from syngen.dsp.filters import section
from syngen.synth.plugin import FactorSpec, SettingSpec
from syngen.synth.speech.synthesizer import SpeechSynthesizer
from syngen.synth.speech.voice.styles import Style
from syngen.synth.tone.synthesizer import ToneSynthesizer
from tests.benchmarks.declared import names, rows
from tests.benchmarks.declared.__main__ import main
from tests.benchmarks.declared.instruments import (
    active_db,
    formants,
    frequency_near,
    instantaneous_frequency,
    oversampled_peak,
    peaks,
    pitch,
    sinusoid,
    sinusoids,
    transfer_db,
)
from tests.benchmarks.declared.names import declared_names
from tests.benchmarks.declared.rows import MEASUREMENTS, Row, compared
from tests.benchmarks.declared.styles import bump
from tests.support import needs_speech

RATE = 16_000
T = np.arange(RATE) / RATE


def test_something_measures_every_number_that_is_declared() -> None:
    missing = [name for name in declared_names() if name not in MEASUREMENTS]
    assert missing == [], "add a function with @measures(name) to tests/benchmarks/declared"
    assert set(MEASUREMENTS) <= set(declared_names()), "these are measured, and declared no more"


def test_every_numeric_factor_unit_setting_and_parameter_has_a_name() -> None:
    found = declared_names()
    for synthesizer in (ToneSynthesizer(), SpeechSynthesizer()):
        for factor in synthesizer.factors:
            of_factor = [n for n in found if n.split(" [")[0] == f"{synthesizer.name}: {factor.name}"]
            assert len(of_factor) == len(factor.units)
    of_style = {n.removeprefix("style: ") for n in found if n.startswith("style: ")}
    assert of_style == {f.name for f in fields(Style)} - {"contour", "filters", "whisper"}
    assert {"filter: frequency", "filter: gain", "filter: q"} <= set(found)
    assert {"speaker: f0_hz", "speaker: formant", "speaker: stress", "speaker: resonance_q"} <= set(found)
    assert {"tone: partial_limit", "tone: level=rms", "speech: timeout", "audio: duration"} <= set(found)


def test_what_is_added_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wobble = FactorSpec("wobble", units={"": (0.0, 1.0), "dB": (0.0, 9.0)}, default=0.0)
    limit = SettingSpec("wobble_limit", 0.5)
    color = SettingSpec("wobble_color", "red", choices=("red", "blue"))
    monkeypatch.setattr(ToneSynthesizer, "factors", (*ToneSynthesizer.factors, wobble))
    monkeypatch.setattr(SpeechSynthesizer, "settings", (*SpeechSynthesizer.settings, limit, color))

    @dataclass(frozen=True)
    class Style:
        lilt: float = 0.0
        name: str = ""

    monkeypatch.setattr(names, "Style", Style)
    new = {
        *("tone: wobble", "tone: wobble [dB]", "style: lilt"),
        *("speech: wobble_limit", "speech: wobble_color=red", "speech: wobble_color=blue"),
    }
    assert {name for name in declared_names() if name not in MEASUREMENTS} == new
    assert main(1, 1, ["wobble", "lilt"]) == len(new)
    assert capsys.readouterr().out.count("nothing measures it") == len(new)


def test_nothing_is_measured_twice() -> None:
    def measure(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
        yield from ()

    with pytest.raises(ValueError, match="tone: snr"):
        rows.measures("tone: snr [dB]")(measure)


def test_the_table_of_some_names_has_the_largest_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(2, 1, ["tone: decay", "tone: frequency", "tone: phase"]) == 0
    table = [
        line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| tone")
    ]
    assert [row[0] for row in table] == [
        "| tone: frequency [Hz]",
        "| tone: phase [cycles]",
        "| tone: decay [dB/s]",
    ]
    for row, (bar, unit) in zip(table, ((0.1, "cents"), (1e-4, "cycles"), (0.01, "dB/s")), strict=True):
        number, found = row[-1].removesuffix(" |").split()
        assert found == unit
        assert abs(float(number)) < bar
    row = compared("x", [1.0, 2.0, 3.0], [1.1, 1.5, 3.2], unit="Hz", how="")
    assert (row.declared, row.measured, row.difference) == ("1 to 3 Hz", "1.1 to 3.2 Hz", "-0.5 Hz")


@needs_speech
def test_voices_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(1, 1, ["style: level"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| style")]
    number, unit = row.split(" | ")[-1].removesuffix(" |").split()
    assert unit == "dB"
    assert abs(float(number)) < 0.1


def test_frequencies_and_amplitudes_of_sines_are_found(rng: np.random.Generator) -> None:
    x = 0.3 * np.sin(2 * np.pi * (431.237 * T + 0.1)) + 0.02 * np.sin(2 * np.pi * 1210.7 * T)
    found = peaks(x, RATE)
    np.testing.assert_allclose(found, [431.237, 1210.7], atol=1e-3)
    weights, residual = sinusoids(x + 0.01, RATE, found)
    np.testing.assert_allclose(np.abs(weights), [0.3, 0.02], rtol=1e-3)
    assert np.angle(weights[0]) / (2 * np.pi) == pytest.approx(0.1, abs=1e-3)
    assert residual.mean() == pytest.approx(0.01, abs=1e-4)
    assert frequency_near(x, RATE, 430.0) == pytest.approx(431.237, abs=1e-3)
    assert oversampled_peak(np.sin(2 * np.pi * (4000 * T + 0.125))) == pytest.approx(1.0, abs=1e-3)


def test_swings_are_found() -> None:
    phase = 2 * np.pi * 1000 * T - 5.0 * np.cos(2 * np.pi * 6.0 * T)
    slope = instantaneous_frequency(np.sin(phase), RATE)[2000:-2000]
    frequency, amplitude, mean = sinusoid(slope[::20], T[2000:-2000:20], 1.0, 15.0)
    assert frequency == pytest.approx(6.0, abs=1e-3)
    assert amplitude == pytest.approx(30.0, abs=0.05)
    assert mean == pytest.approx(1000.0, abs=0.05)


@pytest.mark.parametrize("f0", [75.0, 110.0, 220.0, 330.0])
def test_the_pitch_of_a_voice_is_found(f0: float, rng: np.random.Generator) -> None:
    harmonics = sum(np.sin(2 * np.pi * n * f0 * T + n * n) / n for n in range(1, int(4000 / f0)))
    voice = lfilter([1.0], [1.0, -1.6, 0.8], harmonics) + 1e-3 * rng.normal(size=RATE)
    voice[: RATE // 2] *= 1e-3
    times, found, strength = pitch(voice, RATE)
    is_voiced = np.isfinite(found)
    assert times[is_voiced].min() > 0.45
    assert is_voiced.sum() > 40
    assert np.abs(1200 * np.log2(np.median(found[is_voiced]) / f0)) < 10.0
    assert (strength[is_voiced] > 0.6).all()


def test_resonances_are_found() -> None:
    pulses = np.zeros(RATE)
    pulses[::250] = 1.0  # 64 Hz
    for hz, width in ((600.0, 80.0), (1500.0, 100.0), (2600.0, 140.0)):
        radius = math.exp(-math.pi * width / RATE)
        pulses = lfilter([1.0], [1.0, -2 * radius * math.cos(2 * math.pi * hz / RATE), radius**2], pulses)
    frequencies, widths = formants(pulses, RATE, np.arange(0.1, 0.9, 0.02))
    np.testing.assert_allclose(np.median(frequencies[:, :3], axis=0), [600.0, 1500.0, 2600.0], rtol=0.05)
    assert np.isfinite(widths[:, 0]).mean() > 0.9


def test_filters_are_found(rng: np.random.Generator) -> None:
    before = rng.normal(size=4 * RATE)
    b0, b1, b2, a0, a1, a2 = section("peak", 1300.0, 8.0, 3.0, sample_rate=RATE)
    after = lfilter([b0, b1, b2], [a0, a1, a2], before)
    frequencies, gain = transfer_db(before, after, RATE)
    center, height, quality = bump(frequencies, gain, 0.0)
    assert center == pytest.approx(1300.0, rel=0.01)
    assert height == pytest.approx(8.0, abs=0.15)
    assert quality == pytest.approx(3.0, rel=0.1)


def test_pauses_have_no_part_in_the_active_level() -> None:
    loud = 0.1 * np.sign(np.sin(2 * np.pi * 100 * T))
    assert active_db(np.concatenate([loud, loud * 1e-3]), RATE) == pytest.approx(-20.0, abs=0.01)
