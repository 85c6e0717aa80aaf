"""Trajectories of observations, wherever the dataset comes from; and where there are none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import syngen
from syngen.errors import ParameterError, PositionError, SynthesizerVersionError
from syngen.synth.plugin import FactorSpec, Renderer, Request, Synthesizer
from syngen.synth.speech.voice.speakers import find_speaker
from tests.support import needs_speech


def test_a_stored_dataset_has_those_of_the_rendered_one(tiny_dataset: Path) -> None:
    live, stored = syngen.render("syntone-tiny"), syngen.load(tiny_dataset)
    view = stored.select(split="test")
    for i in (0, 5, -1):
        found = view.trajectories(i, hop=0.02)
        same = live.trajectories(live.index_of(**view[i].values), hop=0.02)
        assert found.times.tolist() == same.times.tolist()
        assert list(found) == list(same) == ["f0", "gain", "brightness"]
        assert found.units == {"f0": "Hz", "gain": "dB", "brightness": "Hz"}
        for name in found:
            np.testing.assert_array_equal(found[name], same[name])


def test_moments_are_whole_samples_from_the_first_on() -> None:
    found = syngen.render("syntone-tiny").trajectories(3, hop=0.0333)
    assert found.times[0] == 0.0
    assert found.times[-1] < 0.25
    assert np.array_equal(found.times * 16_000, np.rint(found.times * 16_000))
    assert np.abs(found.times - 0.0333 * np.arange(len(found.times))).max() <= 0.5 / 16_000
    assert found.frame.index.name == "time"
    assert list(found.frame.columns) == list(found)
    assert repr(found) == "<Trajectories of 8 moments: f0 (Hz), gain (dB), brightness (Hz)>"


@pytest.mark.parametrize("hop", [0, -0.1, 1e-6, float("nan"), float("inf"), "0.1", True, None])
def test_a_hop_that_is_none_is_refused(hop: object) -> None:
    with pytest.raises(ParameterError, match="hop is .* seconds are needed"):
        syngen.render("syntone-tiny").trajectories(0, hop=hop)  # type: ignore[arg-type]


def test_a_position_outside_is_refused() -> None:
    with pytest.raises(PositionError):
        syngen.render("syntone-tiny").trajectories(408)


def test_an_unknown_name_is_named_with_what_there_is() -> None:
    found = syngen.render("syntone-tiny").trajectories(0)
    with pytest.raises(KeyError, match="no trajectory 'pitch', but f0, gain, brightness"):
        _ = found["pitch"]


def test_nuisances_are_those_of_the_observation() -> None:
    ds = syngen.render(
        {
            "name": "late",
            "synthesizer": "tone",
            "seed": 4,
            "audio": {"sample_rate": 8000, "duration": 0.5},
            "factors": {"frequency": {"values": [200.0, 300.0], "unit": "Hz"}},
            "nuisances": {"onset": {"uniform": {"low": 0.0, "high": 0.2}, "unit": "s"}},
        }
    )
    for i in range(2):
        first = np.flatnonzero(ds[i].waveform)[0] / 8000
        found = ds.trajectories(i, hop=1 / 8000)
        begins = found.times[np.isfinite(found["gain"])][0]
        assert abs(first - begins) <= 2 / 8000  # a sine begins at zero


def test_audio_files_have_none(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    ds = syngen.from_manifest(tmp_path, {"file": ["a.wav"], "x": [1]})
    with pytest.raises(ParameterError, match=r"consists of audio files.*a dataset from syngen\.load or"):
        ds.trajectories(0)


def test_samples_of_another_version_have_none_here(tiny_dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny_dataset, folder)
    path = folder / "dataset.json"
    content = json.loads(path.read_text("utf-8"))
    content["versions"] |= {"synthesizer tone": "0", "syngen": "0.1.0"}
    path.write_text(json.dumps(content), "utf-8")
    ds = syngen.load(folder)
    assert len(ds[0].waveform)
    wanted = (
        r"version 0 of the synthesizer tone made it, and version \w+ is installed.*syngen 0\.1\.0 is needed"
    )
    with pytest.raises(SynthesizerVersionError, match=wanted):
        ds.trajectories(0)
    del content["versions"]["synthesizer tone"]
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(SynthesizerVersionError, match="do not say which version of the synthesizer 'tone'"):
        syngen.load(folder).trajectories(0)


class Silence(Synthesizer):
    name = "silence"
    version = "1"
    factors = (FactorSpec("n", units={"": (0.0, 9.0)}),)

    def prepare(self, request: Request) -> Renderer:
        return lambda values, streams: np.zeros(request.audio.n_samples)


def test_a_synthesizer_that_gives_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syngen.resolving.resolve.find_synthesizer", lambda name: Silence())
    ds = syngen.render(
        {
            "name": "quiet",
            "synthesizer": "silence",
            "seed": 1,
            "audio": {"sample_rate": 8000, "duration": 0.1},
            "factors": {"n": {"values": [1.0, 2.0]}},
        }
    )
    with pytest.raises(ParameterError, match="the synthesizer silence gives no trajectories"):
        ds.trajectories(0)


@needs_speech
def test_speech_has_words_phones_and_voicing_where_the_annotations_have_them() -> None:
    ds = syngen.render("synspeech-tiny")
    i = next(i for i, style in enumerate(ds.values["style"]) if style == "neutral")
    found, spans = ds.trajectories(i, hop=0.01), ds.annotations(i)
    assert list(found) == ["word", "phone", "voicing"]
    at = np.rint(found.times * ds.sample_rate).astype(int)
    for kind in ("word", "phone"):
        of_kind = spans[spans.kind == kind]
        for sample, text in zip(at, found[kind], strict=True):
            (row,) = of_kind[(of_kind.start <= sample) & (sample < of_kind.end)].itertuples()
            assert row.text == text
    assert 0.2 < found["voicing"].mean() < 0.9
    assert not found["voicing"][found["phone"] == ""].any()


def test_the_median_pitch_of_tones_is_their_frequency_wherever_they_are(tiny_dataset: Path) -> None:
    live, stored = syngen.render("syntone-tiny"), syngen.load(tiny_dataset)
    view = stored.select(timbre="square", split="train")
    expected = view.values["frequency"][[0, 5, -1]]
    np.testing.assert_allclose(view.median_f0([0, 5, -1]), expected, rtol=1e-15)
    assert view.median_f0([]).shape == (0,)
    for i in (0, 7):
        assert live.median_f0([i])[0] == np.median(live.trajectories(i)["f0"])
    with pytest.raises(PositionError):
        view.median_f0([len(view)])


def test_the_median_pitch_is_that_of_the_published_time_axis() -> None:
    ds = syngen.render("syntone-paper")
    assert ds.median_f0([3])[0] == pytest.approx(float(np.median(ds.trajectories(3)["f0"])), rel=1e-12)


def test_a_synthesizer_that_knows_no_pitch_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syngen.resolving.resolve.find_synthesizer", lambda name: Silence())
    recipe = {
        "name": "quiet",
        "synthesizer": "silence",
        "seed": 1,
        "audio": {"sample_rate": 8000, "duration": 0.1},
        "factors": {"n": {"values": [1.0, 2.0]}},
    }
    ds = syngen.render(recipe)
    assert np.isnan(ds.median_f0([0, 1])).all()
    notes = syngen.statistics(ds).notes
    assert "f0, for no observation has a pitch that the recipe declares" in notes


@needs_speech
def test_the_median_pitch_of_speech_is_that_of_the_speaker_moved_by_the_style() -> None:
    ds = syngen.render(
        {
            "name": "pitched",
            "synthesizer": "speech",
            "seed": 1,
            "audio": {"sample_rate": 16_000},
            "settings": {"styles": {"high": {"pitch": 12.0}, "plain": {}}},
            "factors": {
                "speaker": {"speakers": {"count": 3, "seed": 7}},
                "text": {"values": ["One red house."]},
                "style": {"values": ["plain", "high", "whispering"]},
            },
        }
    )
    hz = ds.median_f0(range(len(ds)))
    of = {
        (speaker, style): f0
        for speaker, style, f0 in zip(ds.values["speaker"], ds.values["style"], hz, strict=True)
    }
    for name in ds.grid["speaker"].values:
        assert of[name, "plain"] == pytest.approx(find_speaker(str(name)).f0_hz)
        assert of[name, "high"] == pytest.approx(2.0 * of[name, "plain"])
        assert np.isnan(of[name, "whispering"])
