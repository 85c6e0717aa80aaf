"""Everything that is declared in numbers, from the code of both synthesizers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

from syngen.synth.plugin import Audio, Synthesizer
from syngen.synth.speech.synthesizer import SpeechSynthesizer
from syngen.synth.speech.voice.speakers import find_speaker
from syngen.synth.speech.voice.styles import Filter, Style
from syngen.synth.tone.synthesizer import ToneSynthesizer

__all__ = ["declared_names"]


def declared_names() -> tuple[str, ...]:
    """Return the name of every numeric factor in each of its units, setting, and parameter of a voice.

    Settings that decide what a number means are there choice by choice, as ``tone: level=rms``. Numbered
    parameters of a speaker, as ``formant_1``, are one name.
    """
    found = [f"audio: {field.name}" for field in fields(Audio)]
    for synthesizer in (ToneSynthesizer(), SpeechSynthesizer()):
        found += _of_synthesizer(synthesizer)
    for kind in (Style, Filter):
        is_number = {f.name: str(f.type).startswith(("float", "int")) for f in fields(kind)}
        found += [f"{kind.__name__.lower()}: {name}" for name, yes in is_number.items() if yes]
    for name, value in find_speaker("s7-f0000").parameters.items():
        if not isinstance(value, str):
            found.append(f"speaker: {re.sub(r'_[0-9]+', '', name)}")
    return tuple(dict.fromkeys(found))


def _of_synthesizer(synthesizer: Synthesizer) -> Iterator[str]:
    for factor in synthesizer.factors:
        for unit in factor.units:
            yield f"{synthesizer.name}: {factor.name}" + (f" [{unit}]" if unit else "")
    for setting in synthesizer.settings:
        if setting.choices:
            yield from (f"{synthesizer.name}: {setting.name}={choice}" for choice in setting.choices)
        elif isinstance(setting.default, int | float) and not isinstance(setting.default, bool):
            yield f"{synthesizer.name}: {setting.name}"
