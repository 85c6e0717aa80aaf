"""What is measured on an observation is what its manifest says, and what a plain computation gives."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import syngen
from syngen.loaders.measured import Measured, measure
from syngen.loaders.observation import Observation
from syngen.synth.speech.voice.styles import STYLES
from tests.support import needs_speech


def test_levels_are_those_of_the_manifest(tiny_dataset: Path) -> None:
    ds = syngen.load(tiny_dataset)
    manifest = ds.manifest
    for i in range(0, len(ds), 40):
        found = ds[i].measured
        row = manifest.iloc[i]
        assert found.n_samples == row["n_samples"]
        assert found.peak == float(row["peak"])
        assert np.float32(found.rms_db) == np.float32(row["rms_db"])


def test_a_plain_computation_gives_the_same(rng: np.random.Generator) -> None:
    noise = np.rint(rng.normal(size=16_000) * 2_000).astype(np.int16)
    waveform = (np.concatenate([noise, np.zeros(16_000, np.int16)]) / 32768).astype(np.float32)
    found = measure(waveform, sample_rate=16_000)
    rms = math.sqrt(np.mean(waveform.astype(np.float64) ** 2))
    assert found.n_samples == 32_000
    assert found.duration_s == 2.0
    assert found.peak == np.abs(waveform).max()
    assert found.rms_db == pytest.approx(20 * math.log10(rms), abs=1e-5)
    # half of it is a pause
    assert found.active_level_db == pytest.approx(found.rms_db + 10 * math.log10(2), abs=1e-4)


def test_full_scale_has_a_peak_of_one() -> None:
    found = measure(np.array([-1.0, 0.0], dtype=np.float32), sample_rate=8_000)
    assert found.peak == 1.0
    assert found.rms_db == pytest.approx(-10 * math.log10(2), abs=1e-5)


@pytest.mark.parametrize("n_samples", [0, 1, 999])
def test_silence_has_no_level(n_samples: int) -> None:
    found = measure(np.zeros(n_samples, np.float32), sample_rate=8_000)
    assert found == Measured(n_samples, n_samples / 8_000, 0.0, -math.inf, -math.inf)


def test_it_is_computed_once_and_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(waveform: np.ndarray, *, sample_rate: int) -> Measured:
        calls.append(sample_rate)
        return measure(waveform, sample_rate=sample_rate)

    monkeypatch.setattr("syngen.loaders.observation.measure", counted)
    obs = Observation(np.ones(10, np.float32) / 2, 8_000, 0, {}, {})
    assert calls == []
    assert obs.measured is obs.measured
    assert calls == [8_000]


@needs_speech
def test_the_level_of_a_style_is_the_level_without_pauses() -> None:
    ds = syngen.render("synspeech-tiny")
    i = ds.values["style"].tolist().index("neutral")
    found = ds[i].measured
    assert found.active_level_db == pytest.approx(STYLES["neutral"].level, abs=0.1)
    assert found.rms_db < found.active_level_db
