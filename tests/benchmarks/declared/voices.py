"""Utterances to be measured: the same speakers and texts, with one thing changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any
from unittest.mock import patch

import numpy as np

import syngen
from syngen.synth.speech import synthesizer
from syngen.synth.speech.voice.speakers import Speaker, find_speaker
from tests.benchmarks.declared.instruments import Array, active_span, formants, pitch, transfer_db

__all__ = [
    "RATE",
    "Change",
    "Said",
    "by_speaker",
    "monotonous",
    "pairs",
    "quietest_room_tone",
    "said",
    "semitones",
    "transfers",
]

RATE = 16_000
N_TEXTS = 6
VOWELS = frozenset("aeiouæɑɐɒɔəɚɛɜɝɪʊʌ")  # noqa: RUF001  # letters of IPA
Change = Callable[[Speaker], Speaker]


@dataclass(frozen=True, eq=False)
class Said:
    """An utterance with what the annotations say of it."""

    speaker: Speaker
    waveform: Array
    words: tuple[tuple[float, float], ...]
    phones: tuple[tuple[str, float, float], ...]

    @cached_property
    def span_s(self) -> float:
        """Length of what is heard in seconds."""
        start, end = active_span(self.waveform, RATE)
        return end - start

    @cached_property
    def pitch(self) -> tuple[Array, Array, Array]:
        return pitch(self.waveform, RATE)

    @cached_property
    def vowel_times(self) -> Array:
        """Moments inside vowels in seconds: the noise of consonants is recorded, and has no formants."""
        vowels = [(s, e) for text, s, e in self.phones if text and text.strip("ˈˌ")[0] in VOWELS]
        spans = [(start + 0.015, end - 0.015) for start, end in vowels]
        return np.concatenate([np.arange(start, max(start, end), 0.015) for start, end in spans])

    @cached_property
    def formants(self) -> tuple[Array, Array]:
        """Frequencies and bandwidths at each of `vowel_times`."""
        return formants(self.waveform, RATE, self.vowel_times)

    @cached_property
    def word_semitones(self) -> Array:
        """Median pitch of each word in semitones above 1 Hz; NaN where none is voiced."""
        times, f0, _ = self.pitch
        found = []
        for start, end in self.words:
            inside = f0[(times >= start) & (times < end)]
            inside = inside[np.isfinite(inside)]
            found.append(semitones(float(np.median(inside))) if len(inside) else np.nan)
        return np.array(found)

    @cached_property
    def word_lengths(self) -> Array:
        return np.array([end - start for start, end in self.words])


def semitones(hz: Any) -> Any:
    return 12.0 * np.log2(hz)


def quietest_room_tone() -> float:
    """Return the lowest room tone in dBFS."""
    (spec,) = [f for f in synthesizer.SpeechSynthesizer.factors if f.name == "room_tone"]
    low, _ = spec.units["dBFS"]
    if low is None:
        raise ValueError("room_tone has no bound")
    return low


def said(
    style: Mapping[str, Any] | None = None,
    *,
    n_speakers: int,
    n_texts: int = N_TEXTS,
    grammar: str = "matrix-en",
    change: Change | None = None,
    room_tone: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Sequence[Said]:
    """Return what some speakers say in a style, in the same order whatever the style.

    Parameters
    ----------
    style : mapping, optional
        Parameters of the style, as a recipe gives them.
    n_speakers, n_texts : int
    grammar : str
        Of the texts: those of ``matrix-en`` have five words, those of ``clauses-en`` about twenty.
    change : callable, optional
        Turns each speaker into the one who is heard.
    room_tone : float, optional
        By default as quiet as possible.
    settings : mapping, optional
        Further settings.
    """
    quiet = quietest_room_tone() if room_tone is None else room_tone
    given = {
        "styles": {"tried": dict(style or {})},
        "style": "tried",
        "room_tone": quiet,
        **(settings or {}),
    }
    texts = {"grammar": grammar, "count": n_texts, "seed": 93_102}
    return _kept(json.dumps(given), json.dumps(texts), n_speakers, change or _as_they_are)


def _as_they_are(speaker: Speaker) -> Speaker:
    return speaker


def monotonous(speaker: Speaker) -> Speaker:
    """Return the speaker with a voice so low that resonances are not mistaken for its harmonics."""
    return replace(speaker, f0_hz=62.0, span_st=0.5, flutter=0, roughness=0)


@lru_cache(maxsize=8)
def _kept(settings: str, texts: str, n_speakers: int, change: Change) -> Sequence[Said]:
    return tuple(_said(json.loads(settings), json.loads(texts), n_speakers, change))


def _said(
    settings: Mapping[str, Any], texts: Mapping[str, Any], n_speakers: int, heard: Change
) -> Iterator[Said]:
    dataset = syngen.render(
        {
            "name": "declared",
            "synthesizer": "speech",
            "seed": 3,
            "audio": {"sample_rate": RATE},
            "factors": {
                "speaker": {"speakers": {"count": n_speakers, "seed": 93_101}},
                "text": dict(texts),
            },
            "settings": dict(settings),
        }
    )
    with patch.object(synthesizer, "find_speaker", lambda name: heard(find_speaker(name))):
        for i in np.argsort(dataset.indices).tolist():
            observation, spans = dataset[i], dataset.annotations(i)
            spoken = [(kind, text, start / RATE, end / RATE) for kind, text, start, end in spans.to_numpy()]
            yield Said(
                heard(find_speaker(str(observation.values["speaker"]))),
                observation.waveform.astype(np.float64),
                tuple((start, end) for kind, text, start, end in spoken if kind == "word" and text),
                tuple((text, start, end) for kind, text, start, end in spoken if kind == "phone"),
            )


def pairs(after: Sequence[Said], before: Sequence[Said]) -> Iterator[tuple[Said, Said]]:
    """Yield each utterance with that of the same speaker and text, after and before a change."""
    return zip(after, before, strict=True)


def by_speaker(utterances: Sequence[Said]) -> Iterator[list[Said]]:
    """Yield the utterances of each speaker."""
    names = list(dict.fromkeys(one.speaker.name for one in utterances))
    for name in names:
        yield [one for one in utterances if one.speaker.name == name]


def transfers(after: Sequence[Said], before: Sequence[Said]) -> tuple[Array, Array]:
    """Return frequencies in Hz, and the median over utterances of what a linear change did, in dB.

    Each is taken relative to its own median over all frequencies, so that levels do not count.
    """
    found = []
    for new, old in pairs(after, before):
        n = min(len(new.waveform), len(old.waveform))
        frequencies, gain = transfer_db(old.waveform[:n], new.waveform[:n], RATE)
        found.append(gain)
    return frequencies, np.median(found, axis=0)
