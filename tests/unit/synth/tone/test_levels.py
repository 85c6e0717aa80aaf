"""What amplitude means, measured on the samples."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy.signal import hilbert

import syngen
from syngen.errors import EngineError, RecipeError
from syngen.loaders.dataset import FactorDataset

RATE = 16_000


def tones(
    settings: dict[str, Any] | None = None,
    duration: float = 1.0,
    more: dict[str, Any] | None = None,
    **factors: Any,
) -> FactorDataset:
    """Tones: each factor has one value, given as it is, or what a recipe says of it."""
    given = {"timbre": "sine", "frequency": 500.0, **factors}
    described = {k: v if isinstance(v, dict) else {"values": [v]} for k, v in given.items()}
    return syngen.render(
        {
            "name": "tones",
            "synthesizer": "tone",
            "seed": 1,
            "audio": {"sample_rate": RATE, "duration": duration},
            "factors": described,
            "settings": settings or {},
            **(more or {}),
        }
    )


def rms_db(ds: FactorDataset, position: int = 0) -> float:
    return 10.0 * math.log10(np.mean(ds[position].waveform.astype(np.float64) ** 2))


def peak_db(ds: FactorDataset) -> float:
    return 20.0 * math.log10(np.abs(ds[0].waveform).max())


def amplitude(value: float, unit: str) -> dict[str, Any]:
    return {"values": [value], "unit": unit}


@pytest.mark.parametrize("level", ["rms", "observation_rms"])
@pytest.mark.parametrize("timbre", ["sine", "square", "sawtooth"])
def test_dbfs_is_relative_to_an_rms_of_one_and_dbfs_sine_to_a_sine_of_full_scale(
    timbre: str, level: str
) -> None:
    plain = tones({"level": level}, timbre=timbre, amplitude=amplitude(-20.0, "dBFS"))
    sine = tones({"level": level}, timbre=timbre, amplitude=amplitude(-20.0, "dBFS (sine)"))
    assert rms_db(plain) == pytest.approx(-20.0, abs=0.01)
    assert rms_db(sine) == pytest.approx(-23.0103, abs=0.01)


def test_a_sine_of_full_scale_has_zero_dbfs_sine_by_peak_and_by_rms() -> None:
    unit = "dBFS (sine)"
    by_peak, by_rms = (
        tones({"level": level}, amplitude=amplitude(0.0, unit), phase=0.1) for level in ("peak", "rms")
    )
    for ds in (by_peak, by_rms):
        assert rms_db(ds) == pytest.approx(-3.0103, abs=0.001)
        assert peak_db(ds) == pytest.approx(0.0, abs=0.05)
    in_peaks = tones({"level": "peak"}, timbre="square", amplitude=amplitude(-6.0, unit))
    assert peak_db(in_peaks) == pytest.approx(-6.0, abs=0.05)


def test_naive_square_may_be_louder_than_a_sine_of_full_scale() -> None:
    settings = {"antialias": False, "level": "rms"}
    ds = tones(settings, timbre="square", amplitude=amplitude(3.0, "dBFS (sine)"))
    assert rms_db(ds) == pytest.approx(3.0 - 3.0103, abs=0.001)


@pytest.mark.parametrize(
    ("settings", "highest"),
    [
        ({"level": "peak"}, r"at most 0\.00 dBFS \(sine\)"),
        ({"level": "rms"}, r"at most 0\.00 dBFS \(sine\)"),
        ({"level": "observation_rms", "onset": 0.5}, r"at most -3\.0[12] dBFS \(sine\)"),
    ],
)
def test_what_clips_is_refused_in_the_unit_it_was_given_in(settings: dict[str, Any], highest: str) -> None:
    with pytest.raises(RecipeError) as caught:
        tones(settings, amplitude=amplitude(2.0, "dBFS (sine)"))
    message = str(caught.value)
    assert "amplitude 2 dBFS (sine) clips: " in message
    assert re.search(highest, message)


@pytest.mark.parametrize("unit", ["", "dBFS", "dBFS (sine)"])
@pytest.mark.parametrize("frequency", [500.0, 520.0, 600.0, 900.0, 1600.0])
def test_highest_amplitude_that_a_message_names_is_accepted(frequency: float, unit: str) -> None:
    given = {"timbre": "sawtooth", "frequency": frequency}
    with pytest.raises(RecipeError) as caught:
        tones({"level": "rms"}, amplitude=amplitude(1.0 if not unit else 0.0, unit), **given)
    highest = float(str(caught.value).split("at most ")[1].split()[0])
    assert (
        np.abs(tones({"level": "rms"}, amplitude=amplitude(highest, unit), **given)[0].waveform).max()
        <= 1.0
    )


SHAPES = [
    {"attack": 0.5},
    {"tremolo_rate": 4.0, "tremolo_depth": 6.0},
    {"tremolo_rate": 3.3, "tremolo_depth": 20.0, "vibrato_depth": 100.0},
    {"onset": 0.3, "attack": 0.1, "decay": 30.0, "release": 0.2},
    {"snr": 6.0, "onset": 0.5},
    {"snr": 0.0, "decay": 40.0},
    {"inharmonicity": 0.002, "timbre": "organ", "decay": 20.0},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("noise", ["white", "pink"])
def test_amplitude_is_the_rms_of_the_observation(shape: dict[str, Any], noise: str) -> None:
    settings = {"level": "observation_rms", "noise": noise}
    for level in (-24.0, -40.0):
        ds = tones(settings, amplitude=amplitude(level, "dBFS"), **shape)
        assert rms_db(ds) == pytest.approx(level, abs=0.001)
    stationary = tones({"level": "rms", "noise": noise}, amplitude=amplitude(-24.0, "dBFS"), **shape)
    assert abs(rms_db(stationary) + 24.0) > 0.3


def test_shape_of_an_observation_is_the_same_at_either_level() -> None:
    shape = {"onset": 0.1, "attack": 0.2, "snr": 20.0}
    one = tones({"level": "rms"}, amplitude=amplitude(-20.0, "dBFS"), **shape)[0].waveform
    other = tones({"level": "observation_rms"}, amplitude=amplitude(-20.0, "dBFS"), **shape)[0].waveform
    scale = np.dot(one, other) / np.dot(one, one)
    assert scale > 1.05
    np.testing.assert_allclose(other, one * scale, atol=2.0 / 32768)


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_gain_over_time_is_that_of_the_tone_in_the_observation(shape: dict[str, Any]) -> None:
    ds = tones(
        {"level": "observation_rms"}, amplitude=amplitude(-24.0, "dBFS"), **{**shape, "frequency": 2000.0}
    )
    found = ds.trajectories(0, hop=0.01)
    waveform = ds[0].waveform.astype(np.float64)
    if "snr" in shape:  # the tone alone, by its frequency
        spectrum = np.fft.rfft(waveform)
        spectrum[: 2000 - 60] = spectrum[2000 + 60 :] = 0.0
        waveform = np.fft.irfft(spectrum)
    envelope_db = 20.0 * np.log10(np.maximum(np.abs(hilbert(waveform)) / math.sqrt(2.0), 1e-9))
    at = np.rint(found.times * RATE).astype(int)
    start = shape.get("onset", 0.0) * RATE + 1_600
    is_clear = (found["gain"] > found["gain"].max() - 12.0) & (at > start) & (at < 14_400)
    assert is_clear.sum() > 5
    difference = (found["gain"] - envelope_db[at])[is_clear]
    assert np.abs(np.median(difference)) < (0.35 if "snr" in shape else 0.05)


def test_amplitude_zero_is_silence_and_silence_has_no_other() -> None:
    quiet = tones({"level": "observation_rms"}, amplitude=0.0)
    assert not quiet[0].waveform.any()
    assert (quiet.trajectories(0)["gain"] == -np.inf).all()
    silent = tones({"level": "observation_rms"}, amplitude=0.1, attack=600.0, decay=1000.0, onset=0.99995)
    with pytest.raises(EngineError, match="the observation is silent: level: observation_rms"):
        _ = silent[0]


def test_levels_that_an_envelope_leaves_no_room_for_are_refused() -> None:
    short = {"onset": 0.9, "snr": {"values": [20.0, 40.0]}}
    with pytest.raises(
        RecipeError, match=r"sine with partials up to 1, with its envelope, and noise at 20 dB"
    ):
        tones({"level": "observation_rms"}, amplitude=0.3, **short)
    assert rms_db(tones({"level": "observation_rms"}, amplitude=0.18, **short)) == pytest.approx(
        -14.89, abs=0.01
    )


@pytest.mark.parametrize("noise", ["white", "pink"])
def test_highest_level_that_is_allowed_does_not_clip(noise: str) -> None:
    shape = {
        "attack": 0.3,
        "decay": 30.0,
        "snr": {"values": [-10.0, 0.0, 10.0, 30.0]},
        "timbre": "sawtooth",
    }
    settings = {"level": "observation_rms", "noise": noise}
    with pytest.raises(RecipeError) as caught:
        tones(settings, amplitude=1.0, **shape)
    highest = float(str(caught.value).split("at most ")[1].split()[0])
    ds = tones(settings, amplitude=math.floor(highest * 1e3) / 1e3, **shape)
    for position in range(len(ds)):
        assert np.abs(ds[position].waveform).max() < 1.0


@pytest.mark.parametrize(
    "rates",
    [{"values": [0.7, 16.0]}, {"values": [0.2, 0.8, 16.0]}, {"uniform": {"low": 0.7, "high": 16.0}}],
)
def test_slow_tremolo_that_leaves_no_room_is_refused_before_it_is_rendered(rates: dict[str, Any]) -> None:
    given: dict[str, Any] = {"amplitude": 0.43, "tremolo_depth": 40.0}
    drawn = {"nuisances": {"tremolo_rate": {**rates, "unit": "Hz"}}} if "uniform" in rates else None
    factors = {} if drawn else {"tremolo_rate": rates}
    with pytest.raises(RecipeError, match="with its envelope, peaks at"):
        tones({"level": "observation_rms"}, more=drawn, **given, **factors)


def test_vibrato_that_leaves_no_room_is_not_told_to_set_no_limit() -> None:
    with pytest.raises(RecipeError, match="side bands .*; lower depth or rate, or raise the sampling rate"):
        tones(
            {"vibrato_rate": 50.0, "vibrato_depth": 1200.0},
            more={"audio": {"sample_rate": 2_000, "duration": 1.0}},
            frequency=90.0,
        )
