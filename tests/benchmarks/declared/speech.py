"""Factors and settings of the speech synthesizer."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.signal import welch

from syngen.errors import EngineError
from syngen.synth.speech.engines.base import EngineSettings, Utterance
from syngen.synth.speech.engines.registry import find_engine
from tests.benchmarks.declared.instruments import Array, decibels, rms
from tests.benchmarks.declared.rows import Row, compared, measures
from tests.benchmarks.declared.voices import RATE, Said, said

__all__: list[str] = []

_MARGIN_S = 0.04


def pauses_of(one: Said) -> list[Array]:
    """Return the pauses inside an utterance, away from speech."""
    margin = round(_MARGIN_S * RATE)
    spans = [(round(s * RATE) + margin, round(e * RATE) - margin) for text, s, e in one.phones if not text]
    return [one.waveform[start:end] for start, end in spans if end - start > margin]


def pause_db(utterances: Sequence[Said]) -> float:
    """Return the RMS of the pauses of all utterances together: that of one alone differs by chance."""
    return decibels(rms(np.concatenate([part for one in utterances for part in pauses_of(one)])))


@measures("speech: room_tone [dBFS]")
def room_tone(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    for what, style in (
        ("neutral", {}),
        ("a dark style", {"filters": [{"shape": "high_shelf", "frequency": 2000.0, "gain": -8.0}]}),
        ("a soft style", {"level": -40.0}),
    ):
        declared, found = [], []
        for value in (-84.0, -75.0, -60.0):
            declared.append(value)
            found.append(pause_db(said({"pauses": 0.5, **style}, n_speakers=n, room_tone=value)))
        how = "RMS of all pauses inside"
        yield compared(f"{name}, {what}", declared, found, unit="dBFS", how=how, difference_unit="dB")


@measures("speech: room_tone_color=white", "speech: room_tone_color=pink")
def room_tone_color(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    color = name.partition("=")[2]
    spoken = said({"pauses": 0.5}, n_speakers=n, room_tone=-50.0, settings={"room_tone_color": color})
    size, power = 4096, 0.0
    for one in spoken:
        for pause in pauses_of(one):
            if len(pause) >= size:
                frequencies, spectrum = welch(pause[:size], RATE, nperseg=size)
                power = power + spectrum
    at = np.geomspace(60.0, 6000.0, 40)
    slope = np.polyfit(np.log2(at), 10.0 * np.log10(np.interp(at, frequencies, power)), 1)[0]
    declared = -decibels(2.0) / 2 if color == "pink" else 0.0
    how = "slope of the mean spectrum of pauses, 60 Hz to 6 kHz"
    yield compared(name, [declared], [float(slope)], unit="dB/octave", how=how)


@measures("speech: timeout")
def timeout(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [1.0, 2.0], []
    for value in declared:
        program = (sys.executable, "-c", "import time; time.sleep(60)", "{text_file}", "{output}")
        settings = EngineSettings(program, frozenset({sys.executable}), (), value)
        with find_engine("command").create(settings) as engine:
            started = time.monotonic()
            try:
                engine.render(Utterance("Nothing will be said."))
            except EngineError:
                found.append(time.monotonic() - started)
    yield compared(name, declared, found, unit="s", how="until a program that sleeps is given up")
