"""Factors and settings of the speech synthesizer."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np

from syngen.errors import EngineError
from syngen.synth.speech.engines.base import EngineSettings, Utterance
from syngen.synth.speech.engines.registry import find_engine
from tests.benchmarks.declared.instruments import active_db, rms
from tests.benchmarks.declared.rows import Row, compared, measures
from tests.benchmarks.declared.voices import RATE, Said, said

__all__: list[str] = []

_MARGIN_S = 0.04


def pause_db(one: Said) -> float:
    """Return the level of the pauses inside an utterance, away from speech."""
    margin = round(_MARGIN_S * RATE)
    spans = [(round(s * RATE) + margin, round(e * RATE) - margin) for text, s, e in one.phones if not text]
    samples = np.concatenate([one.waveform[start:end] for start, end in spans if end - start > margin])
    return 20.0 * np.log10(rms(samples))


@measures("speech: room_tone [dB]", "speech: room_tone [dBFS]")
def room_tone(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    is_absolute = "dBFS" in name
    values = (-75.0, -60.0) if is_absolute else (30.0, 50.0)
    for what, style in (
        ("neutral", {}),
        ("a dark style", {"filters": [{"shape": "high_shelf", "frequency": 2000.0, "gain": -8.0}]}),
        ("a soft style", {"level": -40.0}),
    ):
        declared, found = [], []
        for value in values:
            for one in said({"pauses": 0.3, **style}, n_speakers=n, room_tone=value):
                level = pause_db(one)
                declared.append(value)
                found.append(level if is_absolute else active_db(one.waveform, RATE) - level)
        how = "RMS of pauses inside" + ("" if is_absolute else ", below that of active frames")
        unit = "dBFS" if is_absolute else "dB"
        yield compared(f"{name}, {what}", declared, found, unit=unit, how=how, difference_unit="dB")


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
