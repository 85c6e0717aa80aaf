"""What an engine is told so that one speaker says a text in one style."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from syngen.elementary import exp2, log2
from syngen.synth.speech.engines.base import Mark, Utterance
from syngen.synth.speech.voice.contour import MIDDLE_COMMAND, Contour, word_places
from syngen.synth.speech.voice.melody import Line, ending_of, line_of, pitch_commands, word_offsets
from syngen.synth.speech.voice.pace import rate_of_espeak, rate_of_words
from syngen.synth.speech.voice.pauses import ENGINE_GAP
from syngen.synth.speech.voice.speakers import Speaker
from syngen.synth.speech.voice.styles import CONTOURS, Style
from syngen.units import decibels_to_gain

__all__ = ["has_melody", "median_hz", "paced_marks", "utterance_of", "variant_of"]

_OF_PITCH = ("declination", "final_pitch", "alternating_pitch", "range", "contour")
_OF_PACE = ("final_length", "slowing")
_PLAIN = Style()
_WHISPER = Line(59, 60)  # low: harmonics so close that what follows makes one noise of them
_TONE = ((600, 170.0), (1200, 135.0), (2000, 110.0), (3500, 105.0))  # Hz, height


def utterance_of(
    text: str,
    style: Style,
    *,
    seed: int,
    speaker: Speaker | None,
    voice: str,
    contour_of: Callable[[Utterance], Contour],
) -> Utterance:
    """Return what an engine is told.

    Parameters
    ----------
    text : str
    style : Style
    seed : int
        0 to 2^31 - 1.
    speaker : Speaker or None
        For engines that speak variants.
    voice : str
        For the others: name of a voice.
    contour_of : callable
        Returns the contour with which the engine says a text at a pace, as
        `syngen.synth.speech.voice.contour.Contours` does; called for a speaker in a style with a melody of
        its own.
    """
    mark = CONTOURS[style.contour]
    if mark:
        text = text.rstrip(" .!?,;:") + mark
    if speaker is None:
        return Utterance(text, voice=voice, rate=rate_of_words(style.tempo), seed=seed)
    ending, gap = ending_of(text), ENGINE_GAP if style.pauses else 0
    tempo = 0.01 * speaker.tempo * style.tempo
    told = Utterance(
        text,
        voice=voice,
        variant=variant_of(speaker, style, ending),
        rate=rate_of_espeak(tempo),
        gap=gap,
        seed=seed,
    )
    if not has_melody(style) and not _differs(style, _OF_PACE):
        return told
    marks = paced_marks(text, style, tempo=tempo)
    if has_melody(style):
        # at the pace of an average speaker, so that all speakers of a text share it
        paced = paced_marks(text, style, tempo=style.tempo)
        contour = contour_of(Utterance(text, rate=rate_of_espeak(style.tempo), gap=gap, marks=paced))
        offsets = word_offsets(len(marks), style)
        line = _line(speaker, style, ending)
        commands = pitch_commands(contour, offsets, line=line, median_hz=median_hz(speaker, style))
        marks = tuple(replace(mark, pitch=pitch) for mark, pitch in zip(marks, commands, strict=True))
    return replace(told, marks=marks)


def has_melody(style: Style) -> bool:
    """Return whether a style says a text with another melody than neutral speech."""
    return not style.whisper and _differs(style, _OF_PITCH)


def _differs(style: Style, names: tuple[str, ...]) -> bool:
    return any(getattr(style, name) != getattr(_PLAIN, name) for name in names)


@lru_cache(maxsize=16_384)
def paced_marks(text: str, style: Style, *, tempo: float) -> tuple[Mark, ...]:
    """Return the pace of every word, its pitch being left as it is.

    Parameters
    ----------
    text : str
    style : Style
    tempo : float
        Pace of the text as a whole, 1 for that of an average speaker.
    """
    places = word_places(text)
    last = len(places) - 1
    lengths = []
    for i in range(len(places)):
        part = i / last - 0.5 if last else 0.0  # -1/2 at the first word, 1/2 at the last
        length = float(exp2(float(log2(style.slowing)) * part))
        lengths.append(length * style.final_length if i == last else length)
    return tuple(
        Mark(place, rate_of_espeak(tempo / length), MIDDLE_COMMAND)
        for place, length in zip(places, lengths, strict=True)
    )


@lru_cache(maxsize=4096)
def variant_of(speaker: Speaker, style: Style, ending: str) -> str:
    """Return the lines of an espeak voice variant for one speaker in one style.

    Parameters
    ----------
    speaker : Speaker
    style : Style
    ending : {".", "?", "!", ","}
        How the text ends; the median pitch is the same for all.

    References
    ----------
    ``docs/voices.md`` of espeak-ng 1.52.0 for every line and its units.
    """
    is_voiced = not style.whisper
    lines = ["language variant", f"gender {speaker.gender}", _pitch(speaker, style, ending)]
    lines += [_formant(i, speaker, style) for i in range(9)]
    lines.append(_tone(speaker.tilt_db))
    breath = round(speaker.breath + style.breath)
    if breath > 0 and is_voiced:
        parts = (breath, breath, breath, round(0.8 * breath), round(0.5 * breath), round(0.3 * breath))
        lines += ["breath " + " ".join(map(str, parts)), "breathw 150 150 200 200 400 400"]
    lines += [
        f"flutter {speaker.flutter + style.flutter if is_voiced else 0}",
        f"roughness {min(7, speaker.roughness + style.roughness) if is_voiced else 0}",
        f"consonants {round(speaker.consonants)} {round(speaker.consonants)}",
    ]
    weights = (-0.4, -0.4, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0)  # of the style's accent, by degree of stress
    added = [round(own + w * style.accent) for own, w in zip(speaker.stress, weights, strict=True)]
    lines.append("stressAdd " + " ".join(map(str, added)))
    return "\n".join(lines) + "\n"


def median_hz(speaker: Speaker, style: Style) -> float:
    """Return the median pitch of a speaker in a style that has a voice, in Hz."""
    return speaker.f0_hz * float(exp2(style.pitch / 12.0))


def _line(speaker: Speaker, style: Style, ending: str) -> Line:
    if style.whisper:
        return _WHISPER
    return line_of(median_hz(speaker, style), speaker.span_st * style.range, ending=ending)


def _pitch(speaker: Speaker, style: Style, ending: str) -> str:
    line = _line(speaker, style, ending)
    return f"pitch {line.low_hz} {line.high_hz}"


def _formant(number: int, speaker: Speaker, style: Style) -> str:
    """Frequency, gain and bandwidth of a formant in percent, then Hz on top of its frequency.

    Number 0 is the resonance below the first formant.
    """
    is_female = speaker.gender == "female"
    shift_hz = 0.0
    if number == 0:
        # the root: the lowest resonance follows the tract by half
        frequency, gain = math.sqrt(speaker.formant_scale), speaker.f0_gain
    elif number <= 5:
        of_style = {1: style.formant_1, 2: style.formant_2, 3: style.formant_3}.get(number, 1.0)
        frequency = speaker.formant_scale * speaker.formants[number - 1] * of_style
        # the root: the engine squares what it is told
        gain = (
            80.0 * math.sqrt(speaker.formant_gain[number - 1]) * (0.95 if is_female and number > 1 else 1.0)
        )
        shift_hz = style.formant_shifts[number - 1] if number <= len(style.formant_shifts) else 0.0
    else:
        frequency = min(1.10, speaker.formant_scale)
        gain = 70.0 if is_female else 100.0
    bandwidth = 100.0 * speaker.bandwidth_scale * style.bandwidth
    shift = f" {round(shift_hz)}" if shift_hz else ""
    return f"formant {number} {round(100.0 * frequency)} {round(gain)} {round(bandwidth)}{shift}"


def _tone(tilt_db: float) -> str:
    """Heights of the spectrum at four frequencies; brightness tips them over."""
    powers = (-1.0 / 3.0, 0.2, 2.0 / 3.0, 1.3 * 2.0 / 3.0)
    heights = [
        min(255, max(15, int(height * decibels_to_gain(tilt_db * power))))
        for (_, height), power in zip(_TONE, powers, strict=True)
    ]
    return "tone " + " ".join(f"{hz} {height}" for (hz, _), height in zip(_TONE, heights, strict=True))
