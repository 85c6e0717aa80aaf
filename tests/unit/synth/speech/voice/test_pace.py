"""Pace: how long espeak takes for what it is told."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.synth.speech.engines.base import RATES, Speech
from syngen.synth.speech.engines.espeak import EspeakEngine
from syngen.synth.speech.text.texts import grammar_texts
from syngen.synth.speech.voice.contour import Contours
from syngen.synth.speech.voice.engine_parameters import utterance_of
from syngen.synth.speech.voice.pace import rate_of_espeak, rate_of_words
from syngen.synth.speech.voice.speakers import find_speaker
from syngen.synth.speech.voice.styles import Style

TEXTS = [str(t) for g in ("matrix-en", "clauses-en") for t in grammar_texts(g, count=12, seed=77)]
SPEAKERS = [find_speaker(name) for name in ("s55-f0000", "s55-m0000")]


def spoken_s(speech: Speech) -> float:
    """Return the time from the first sample that is no silence to the last."""
    sounds = np.flatnonzero(speech.pcm)
    return float(sounds[-1] - sounds[0]) / speech.sample_rate


def test_rates_rise_with_tempo_and_stay_within_those_of_engines() -> None:
    tempi = np.linspace(0.2, 4.0, 400).tolist()
    for rate_of in (rate_of_espeak, rate_of_words):
        rates = [rate_of(tempo) for tempo in tempi]
        assert rates == sorted(rates)
        assert RATES[0] <= rates[0] < rates[-1] <= RATES[1]
        assert rate_of(1.0) == 165


@pytest.mark.parametrize("tempo", [0.6, 0.75, 0.9, 1.15, 1.3, 1.6, 2.0])
def test_words_take_as_long_as_the_tempo_says(tempo: float) -> None:
    ratios = []
    with EspeakEngine() as engine:
        for i, text in enumerate(TEXTS):
            plain, moved = (
                engine.render(
                    utterance_of(
                        text, style, seed=1, speaker=SPEAKERS[i % 2], voice="", contour_of=Contours(engine)
                    )
                )
                for style in (Style(), Style(tempo=tempo))
            )
            ratios.append(spoken_s(plain) / spoken_s(moved))
    assert float(np.exp(np.mean(np.log(ratios)))) == pytest.approx(tempo, rel=0.012)
    assert ratios == pytest.approx([tempo] * len(TEXTS), rel=0.08 if tempo < 2.0 else 0.13)
