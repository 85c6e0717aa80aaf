"""What an engine is told: variants that its whitelist accepts, whoever speaks, however."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from syngen.synth.speech.engines.base import GAPS, PITCHES, RATES, Mark, Utterance, _check
from syngen.synth.speech.engines.espeak_data import check_variant
from syngen.synth.speech.voice.contour import Contour
from syngen.synth.speech.voice.engine_parameters import utterance_of, variant_of
from syngen.synth.speech.voice.pace import rate_of_espeak
from syngen.synth.speech.voice.speakers import find_speaker, speaker_names
from syngen.synth.speech.voice.styles import STYLES, Style

PEOPLE = [find_speaker(name) for name in speaker_names(count=200, seed=11)]
EXTREMES = [
    Style(
        **dict.fromkeys(("formant_1", "formant_2", "formant_3"), (0.8, 1.25)[k]),
        **dict.fromkeys([f"formant_{i}_shift" for i in (1, 2, 3)], (-400.0, 400.0)[m]),
        bandwidth=(0.5, 2.5)[k],
        tempo=(0.5, 2.0)[k],
        pitch=(-12.0, 12.0)[k],
        range=(0.0, 3.0)[k],
        breath=(0.0, 40.0)[k],
        accent=(-60.0, 60.0)[m],
        declination=(-12.0, 12.0)[m],
        final_pitch=(-9.0, 9.0)[k],
        final_length=(0.5, 2.5)[k],
        slowing=(0.5, 2.0)[m],
        alternating_pitch=(-6.0, 6.0)[m],
        pauses=(0.0, 1.0)[k],
        roughness=(0, 7)[k],
        flutter=(0, 20)[k],
        whisper=whisper,
    )
    for k in (0, 1)
    for m in (0, 1)
    for whisper in (False, True)
]


def contour_of(paced: Utterance) -> Contour:
    """A voice that falls evenly through each word."""
    return Contour(tuple(tuple(np.linspace(1.2, 0.6, 12).tolist()) for _ in paced.marks))


def marks(text: str, style: Style) -> tuple[Mark, ...]:
    return utterance_of(text, style, seed=1, speaker=PEOPLE[0], voice="", contour_of=contour_of).marks


def numbers(variant: str, key: str) -> list[int]:
    (line,) = [line for line in variant.splitlines() if line.split()[0] == key]
    return list(map(int, line.split()[1:]))


@pytest.mark.slow
def test_variants_of_everybody_in_every_style_are_accepted() -> None:
    for speaker in PEOPLE:
        for style in (*STYLES.values(), *EXTREMES):
            variant = variant_of(speaker, style, ".")
            check_variant(variant)
            low, high = numbers(variant, "pitch")
            assert 10 <= low < high <= 1_000
            assert all(0 <= value <= 255 for value in numbers(variant, "tone")[1::2])
            assert 0 <= numbers(variant, "roughness")[0] <= 7
            assert 0 <= numbers(variant, "flutter")[0] <= 27
            assert len(re.findall("^formant ", variant, re.MULTILINE)) == 9


def test_no_two_people_and_no_two_styles_are_one_variant() -> None:
    neutral = {variant_of(speaker, STYLES["neutral"], ".") for speaker in PEOPLE}
    assert len(neutral) == len(PEOPLE)
    styles = {variant_of(PEOPLE[0], style, ".") for style in STYLES.values()}
    assert len(styles) == len(STYLES)


def test_range_spreads_pitch_and_none_leaves_a_monotone() -> None:
    spans = []
    for factor in (0.0, 0.5, 1.0, 3.0):
        low, high = numbers(variant_of(PEOPLE[1], Style(range=factor), "."), "pitch")
        spans.append(high - low)
    assert spans == sorted(spans)
    assert spans[0] <= 2


def test_whispers_have_no_breath_no_flutter_and_a_low_even_pitch() -> None:
    style = Style(whisper=True, breath=40.0, flutter=20, roughness=7, pitch=12.0)
    variant = variant_of(PEOPLE[0], style, ".")
    assert "breath" not in variant
    assert numbers(variant, "flutter") == numbers(variant, "roughness") == [0]
    low, high = numbers(variant, "pitch")
    assert 50 < low < high < 65


def formants(style: Style) -> list[list[int]]:
    lines = variant_of(PEOPLE[3], style, ".").splitlines()
    return [list(map(int, line.split()[2:])) for line in lines if line.startswith("formant ")]


def test_voiced_styles_leave_the_upper_formants_of_a_speaker_alone() -> None:
    upper = [
        tuple(tuple(formants(style)[i]) for i in (0, 4, 5, 6, 7, 8))
        for style in STYLES.values()
        if not style.whisper
    ]
    assert len(set(upper)) == 1


def test_gains_of_formants_are_told_as_the_engine_takes_them_which_squares_them() -> None:
    louder = replace(PEOPLE[3], formant_gain=tuple(2.0 * gain for gain in PEOPLE[3].formant_gain))
    heights = [
        [
            int(line.split()[3])
            for line in variant_of(one, Style(), ".").splitlines()
            if line.startswith("formant ")
        ]
        for one in (PEOPLE[3], louder)
    ]
    ratios = [(b / a) ** 2 for a, b in zip(*heights, strict=True)]
    assert ratios == pytest.approx([1.0, *[2.0] * 5, *[1.0] * 3], rel=0.03)


def test_whispering_raises_resonances() -> None:
    voiced, whispered = formants(Style()), formants(STYLES["whispering"])
    assert [line[3:] for line in whispered[:4]] == [[], [255], [115], []]
    assert [line[:3] for line in whispered] == voiced
    wide = formants(Style(bandwidth=1.5))
    assert [a[2] / b[2] for a, b in zip(wide, voiced, strict=True)] == pytest.approx([1.5] * 9, abs=0.01)


@pytest.mark.parametrize(
    ("contour", "expected"),
    [
        ("as_written", "Really, he said."),
        ("question", "Really, he said?"),
        ("exclamation", "Really, he said!"),
        ("statement", "Really, he said."),
        ("continuation", "Really, he said,"),
    ],
)
def test_contours_are_told_by_the_last_sign(contour: str, expected: str) -> None:
    told = utterance_of(
        "Really, he said.",
        Style(contour=contour),
        seed=1,
        speaker=PEOPLE[0],
        voice="",
        contour_of=contour_of,
    )
    assert told.text == expected


@pytest.mark.parametrize("style", [*STYLES.values(), *EXTREMES])
@pytest.mark.parametrize("text", ["No.", "No", "(Yes!)", 'He said: "Go."', "Wait..."])
def test_everything_told_is_in_the_ranges_of_engines(style: Style, text: str) -> None:
    told = utterance_of(text, style, seed=2**31 - 1, speaker=PEOPLE[5], voice="", contour_of=contour_of)
    _check(told)
    assert all(RATES[0] <= mark.rate <= RATES[1] for mark in told.marks)
    assert all(PITCHES[0] <= mark.pitch <= PITCHES[1] for mark in told.marks)
    assert RATES[0] <= told.rate <= RATES[1]
    assert GAPS[0] <= told.gap <= GAPS[1]


def test_engines_with_voices_get_no_variant_and_no_gap() -> None:
    style = replace(STYLES["sad"], pauses=0.5)
    told = utterance_of("Good morning.", style, seed=1, speaker=None, voice="slt", contour_of=contour_of)
    assert (told.voice, told.variant, told.gap) == ("slt", "", 0)


def test_the_pace_is_that_of_speaker_and_style_together() -> None:
    for speaker in PEOPLE[:20]:
        told = utterance_of(
            "Good morning.", Style(tempo=1.2), seed=1, speaker=speaker, voice="", contour_of=contour_of
        )
        assert told.rate == rate_of_espeak(1.2 * speaker.tempo / 100.0)
        assert "speed" not in told.variant
    slow, fast = (replace(PEOPLE[0], tempo=tempo) for tempo in (90.0, 110.0))
    marks = [
        utterance_of(
            "One two.", Style(final_length=1.3), seed=1, speaker=one, voice="", contour_of=contour_of
        ).marks
        for one in (slow, fast)
    ]
    assert all(a.rate < b.rate for a, b in zip(*marks, strict=True))


def test_engines_only_say_where_pauses_are() -> None:
    gaps = [
        utterance_of(
            "One two.", Style(pauses=p), seed=1, speaker=PEOPLE[0], voice="", contour_of=contour_of
        ).gap
        for p in (0.0, 0.004, 0.3)
    ]
    assert gaps == [0, 1, 1]


def test_words_are_marked_where_a_style_moves_them() -> None:
    text = "One two, three four."
    assert marks(text, Style(pitch=3.0, tempo=1.5)) == ()
    falling = marks(text, Style(declination=6.0, slowing=2.0, range=0.0))
    assert [text[mark.position :].partition(" ")[0] for mark in falling] == [
        "One",
        "two,",
        "three",
        "four.",
    ]
    assert [mark.pitch for mark in falling] == sorted((mark.pitch for mark in falling), reverse=True)
    assert [mark.rate for mark in falling] == sorted((mark.rate for mark in falling), reverse=True)
    assert falling[0].pitch - falling[3].pitch == pytest.approx(6.0 / 0.24, abs=1.0)
    last = marks(text, Style(final_pitch=3.0, final_length=2.0))
    assert len({mark.rate for mark in last[:3]}) == 1
    own = PEOPLE[0].tempo / 100.0
    assert (last[0].rate, last[3].rate) == (rate_of_espeak(own), rate_of_espeak(0.5 * own))
    assert marks(text, Style(whisper=True, alternating_pitch=6.0)) == ()
    whispered = marks(text, Style(whisper=True, alternating_pitch=6.0, slowing=1.5))
    assert {mark.pitch for mark in whispered} == {50}
    (alone,) = marks("Yes.", Style(declination=6.0, alternating_pitch=6.0, final_pitch=4.0))
    assert alone.pitch == marks("Yes.", Style(final_pitch=1.0))[0].pitch
    assert marks(text, Style(range=2.0)) != ()
