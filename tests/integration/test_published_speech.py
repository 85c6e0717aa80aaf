"""The published grids of SynSpeech: their sizes and columns, and how long their sentences take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

import syngen
from syngen.auditing.speech.prosody import PROSODY, voice_features
from syngen.recipe.library import manifest_path
from syngen.synth.speech.text.grammars import GRAMMARS
from syngen.synth.speech.voice.styles import STYLES as STYLES_OF_SYNGEN
from syngen.synth.speech.voice.styles import read_styles
from tests.support import needs_speech

STYLES = ("default", "friendly", "sad", "whispering")
SHAPES = {"small": (50, 500, STYLES[:1]), "medium": (25, 500, STYLES), "large": (249, 110, STYLES)}
N_ROWS = {"small": 25_000, "medium": 50_000, "large": 109_560}


@pytest.mark.parametrize("name", SHAPES)
def test_grids_are_the_published_ones(name: str) -> None:
    resolved = syngen.load_recipe(f"synspeech-paper-{name}")
    n_speakers, n_texts, styles = SHAPES[name]
    grid = resolved.grid
    assert grid.names == ("speaker", "text", "style")
    assert (grid["speaker"].size, grid["text"].size) == (n_speakers, n_texts)
    assert grid["style"].values == styles
    assert resolved.size == grid.size == N_ROWS[name]
    assert resolved.audio.sample_rate == 16_000
    assert resolved.audio.duration is None


@pytest.mark.parametrize("name", SHAPES)
def test_styles_are_those_of_syngen_at_another_pace(name: str) -> None:
    given = syngen.load_recipe(f"synspeech-paper-{name}").request.settings["styles"]
    styles, problems = read_styles(given)
    assert not problems
    assert set(given) == set(SHAPES[name][2])
    assert styles["default"] == STYLES_OF_SYNGEN["neutral"]
    for style in SHAPES[name][2][1:]:
        own = STYLES_OF_SYNGEN[style]
        assert replace(styles[style], tempo=own.tempo, pauses=own.pauses) == own


@pytest.mark.parametrize("name", SHAPES)
def test_speakers_are_distinct_and_half_of_them_women(name: str) -> None:
    resolved = syngen.load_recipe(f"synspeech-paper-{name}")
    derived = {d.name: d for d in resolved.synthesizer.derived(resolved.request)}
    genders, n_speakers = derived["gender"].values, SHAPES[name][0]
    assert len(set(resolved.grid["speaker"].values)) == len(genders) == n_speakers
    assert genders.count("female") == (n_speakers + 1) // 2
    assert genders.count("male") == n_speakers // 2


def test_texts_are_the_same_in_every_version() -> None:
    texts = {name: syngen.load_recipe(f"synspeech-paper-{name}").grid["text"].values for name in SHAPES}
    assert texts["small"] == texts["medium"] == GRAMMARS["clauses-en"].draw(500, seed=7)
    assert texts["large"] == texts["small"][:110]


@pytest.mark.parametrize("name", SHAPES)
def test_every_combination_is_in_the_manifest_once(name: str) -> None:
    manifest = pq.read_table(manifest_path(f"synspeech-paper-{name}"))
    n_speakers, n_texts, styles = SHAPES[name]
    for factor, size in (("speaker", n_speakers), ("text", n_texts), ("style", len(styles))):
        counts = np.bincount(manifest[f"{factor}_level"].to_numpy())
        assert counts.tolist() == [N_ROWS[name] // size] * size
    assert manifest["index"].to_pylist() == list(range(N_ROWS[name]))
    for scheme in ("split", "split_unseen_speakers", "split_unseen_texts"):
        assert set(manifest[scheme].to_pylist()) == {"train", "validation", "test"}


@needs_speech
def test_default_is_neutral_by_another_name() -> None:
    published = syngen.render("synspeech-paper-large")
    document = syngen.load_recipe("synspeech-paper-large").recipe.document()
    document["factors"]["style"] = {"values": ["neutral", *STYLES[1:]]}
    renamed = syngen.render(document)
    assert renamed.values["style"][0] == "neutral"
    assert (published[0].waveform == renamed[0].waveform).all()


@pytest.mark.slow
@needs_speech
@pytest.mark.parametrize("name", SHAPES)
def test_sentences_take_as_long_as_the_published_clips(name: str) -> None:
    """A sample of what the README says: nearly all take 6 to 7.6 s in every style, none is far from it."""
    ds = syngen.render(f"synspeech-paper-{name}")
    rows = np.random.default_rng(17).choice(len(ds), 160, replace=False).tolist()
    seconds = np.array([len(ds[i].waveform) for i in rows]) / ds.sample_rate
    styles = np.array([str(ds.values["style"][i]) for i in rows])
    for style in SHAPES[name][2]:
        of_style = seconds[styles == style]
        assert len(of_style) >= 25
        assert ((of_style >= 6.0) & (of_style <= 7.6)).mean() >= 0.88
        assert 5.7 < of_style.min() < of_style.max() < 7.8
        assert 6.3 < of_style.mean() < 7.0
    if name == "medium":
        assert seconds.mean() == pytest.approx(6.7, abs=0.1)


@pytest.mark.slow
@needs_speech
def test_styles_are_heard_in_long_sentences() -> None:
    ds = syngen.render("synspeech-paper-medium").select(speaker=["s7-f0000", "s7-m0000"])
    rows = [i for i in range(len(ds)) if ds.levels[i, 1] < 2]
    styles = np.array([str(ds.values["style"][i]) for i in rows])
    prosody = np.array([voice_features(ds[i].waveform, ds.sample_rate).prosody for i in rows])
    assert len(rows) == 16
    measured = {
        style: dict(zip(PROSODY, prosody[styles == style].mean(axis=0), strict=True)) for style in STYLES
    }
    plain = measured["default"]
    assert measured["sad"]["f0_median"] < plain["f0_median"] < measured["friendly"]["f0_median"]
    assert measured["whispering"]["voiced"] < 0.3
    assert plain["voiced"] > 0.6
    assert plain["duration"] < measured["sad"]["duration"] < 1.12 * plain["duration"]
