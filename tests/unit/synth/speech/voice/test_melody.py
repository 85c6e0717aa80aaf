"""Melody: the median pitch is the declared one, by arithmetic and as an engine says it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from syngen.synth.speech.engines.base import PITCHES, Utterance
from syngen.synth.speech.engines.espeak import EspeakEngine
from syngen.synth.speech.text.texts import grammar_texts
from syngen.synth.speech.trajectories import is_voiced_phone
from syngen.synth.speech.voice.contour import Contour, Contours
from syngen.synth.speech.voice.engine_parameters import median_hz, utterance_of
from syngen.synth.speech.voice.melody import Line, ending_of, line_of, pitch_commands, word_offsets
from syngen.synth.speech.voice.speakers import find_speaker
from syngen.synth.speech.voice.styles import STYLES, Style

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEDIANS = {".": 0.828, "?": 0.765, "!": 0.903, ",": 0.798}
TEXT = "Seven heavy boxes crossed the bridge."


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("Who was that?", "?"),
        ("Who? That one.", "."),
        ('He said: "Go!"', "!"),
        ("(and so on,)", ","),
        ("Wait...", "."),
        ("no sign", "."),
        ("", "."),
        ("one; ", "."),
    ],
)
def test_the_last_sign_of_a_text_decides_how_it_ends(text: str, ending: str) -> None:
    assert ending_of(text) == ending


@pytest.mark.parametrize("ending", MEDIANS)
@pytest.mark.parametrize("span_st", [0.0, 1.3, 4.4, 9.0, 15.0])
def test_the_median_of_a_line_is_the_one_wanted(ending: str, span_st: float) -> None:
    for wanted in np.linspace(50.0, 400.0, 71):
        line = line_of(float(wanted), span_st, ending=ending)
        risen = MEDIANS[ending] * (line.high_hz - line.low_hz)
        heard = line.low_hz - 9.0 + risen
        assert 12.0 * abs(np.log2(heard / wanted)) < 0.15
        assert (line.base_hz, line.span_hz) == (line.low_hz - 9, line.high_hz - line.low_hz)


@pytest.mark.parametrize("span_st", [3.0, 4.4, 9.0])
def test_statements_span_as_many_semitones_as_asked_for(span_st: float) -> None:
    line = line_of(150.0, span_st, ending=".")
    width, base = line.high_hz - line.low_hz, line.low_hz - 9.0
    heard = 12.0 * np.log2((base + 1.175 * width) / (base + 0.26 * width))
    assert heard == pytest.approx(span_st, abs=0.35)


def test_words_are_moved_by_number_place_and_end() -> None:
    assert word_offsets(5, Style(declination=4.0)) == [2.0, 1.0, 0.0, -1.0, -2.0]
    assert word_offsets(4, Style(alternating_pitch=2.0)) == [0.0, 2.0, 0.0, 2.0]
    assert word_offsets(3, Style(final_pitch=-3.0)) == [0.0, 0.0, -3.0]
    assert word_offsets(1, Style(declination=9.0, final_pitch=1.0)) == [1.0]


LINE = Line(89, 139)  # 80 Hz and 50 more
FLAT = Contour(((1.0,) * 10,) * 6)


def frames_of(contour: Contour, commands: list[int], line: Line = LINE) -> list[list[float]]:
    """Pitch in Hz of the frames of every word."""
    gains = [2.0 ** ((command - 50) / 50.0) for command in commands]
    return [
        [line.base_hz * gain + line.span_hz * level for level in word]
        for gain, word in zip(gains, contour.words, strict=True)
    ]


def test_what_all_words_share_does_not_move_them() -> None:
    for offset in (-5.0, 0.0, 0.7, 4.0):
        commands = pitch_commands(FLAT, [offset] * 6, line=LINE, median_hz=130.0)
        assert commands == [50] * 6


def test_words_differ_by_the_semitones_asked_for() -> None:
    offsets = [0.0, 3.0, 0.0, 3.0, 0.0, 3.0]
    for line in (Line(139, 139), LINE, Line(59, 139)):  # the larger the span, the more must the base move
        commands = pitch_commands(FLAT, offsets, line=line, median_hz=130.0)
        low, high = (frames_of(FLAT, commands, line)[i][0] for i in (0, 1))
        assert 12.0 * np.log2(high / low) == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize("seed", range(8))
def test_the_median_over_the_text_is_the_one_wanted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    contour = Contour(tuple(tuple(rng.uniform(0.2, 1.3, rng.integers(5, 40)).tolist()) for _ in range(7)))
    line = line_of(130.0, float(rng.uniform(0.0, 12.0)), ending=".")
    offsets = rng.uniform(-6.0, 6.0, 7).tolist()
    commands = pitch_commands(contour, offsets, line=line, median_hz=130.0)
    median = np.median(np.concatenate(frames_of(contour, commands, line)))
    assert 12.0 * np.log2(median / 130.0) == pytest.approx(0.0, abs=0.15)


def test_what_cannot_be_told_is_told_as_far_as_it_goes() -> None:
    commands = pitch_commands(FLAT, [-40.0, 40.0, 0.0, 0.0, 0.0, 0.0], line=LINE, median_hz=130.0)
    low, high = PITCHES
    assert (commands[0], commands[1]) == (low, high)
    assert commands[2:] == [50] * 4


def test_a_text_without_voice_is_left_as_it_is() -> None:
    assert pitch_commands(Contour(((), ())), [3.0, -3.0], line=LINE, median_hz=90.0) == [50, 50]


def heard_median(name: str, style: Style, texts: tuple[str, ...]) -> float:
    """Semitones of the median of pyin, above the speaker's own pitch."""
    import librosa

    speaker = find_speaker(name)
    center = speaker.f0_hz * 2.0 ** (style.pitch / 12.0)
    frames = []
    with EspeakEngine() as engine:
        contours = Contours(engine)
        for text in texts:
            said = engine.render(
                utterance_of(text, style, seed=1, speaker=speaker, voice="", contour_of=contours)
            )
            f0, is_voiced, _ = librosa.pyin(
                said.pcm / 32_768.0,
                fmin=center / 2.0,
                fmax=center * 2.0,
                sr=said.sample_rate,
                # as in the benchmark speech_pitch, which says why
                frame_length=round(5.0 * said.sample_rate / center),
                hop_length=352,
                beta_parameters=(2, 8),
            )
            frames.append(f0[is_voiced])
    return float(12.0 * np.log2(np.median(np.concatenate(frames)) / speaker.f0_hz))


PITCHED = {
    **{name: style for name, style in STYLES.items() if not style.whisper},
    "wide": Style(pitch=4.0, range=1.8, alternating_pitch=3.0),
    "question": Style(pitch=-3.0, contour="question"),
    "falling": Style(pitch=2.0, declination=4.0, range=0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["s41-m0000", "s41-f0000"])
@pytest.mark.parametrize("style", PITCHED)
def test_the_median_pitch_that_is_heard_is_the_declared_one(name: str, style: str) -> None:
    texts = tuple(map(str, grammar_texts("matrix-en-2", count=20, seed=5)))
    assert heard_median(name, PITCHED[style], texts) == pytest.approx(PITCHED[style].pitch, abs=0.3)


def test_a_style_without_pitch_leaves_the_median_of_the_speaker() -> None:
    texts = tuple(map(str, grammar_texts("matrix-en", count=4, seed=5)))
    style = replace(STYLES["excited"], pitch=0.0)
    assert heard_median("s41-f0001", style, texts) == pytest.approx(0.0, abs=0.5)


SINE = "flutter 0\nroughness 0\nformant 0 100 100 100\n" + "".join(
    f"formant {i} 100 0 100\n" for i in range(1, 9)
)
HIGH_HZ = 350.0  # where both what is far below and what is far above is nearly a sine


def pitch_of(utterance: Utterance, declared_hz: float, engine: EspeakEngine) -> NDArray[np.float64]:
    """Semitones above a median, one for each 5 ms in which the voice sounds.

    The same person says the same in the same time, as nearly a sine whose pitch is a multiple.
    """
    times = HIGH_HZ / declared_hz
    kept = [line for line in utterance.variant.splitlines() if line.split()[0] in TIMING]
    ((low, high),) = (
        map(int, line.split()[1:]) for line in utterance.variant.splitlines() if line.startswith("pitch ")
    )
    base, span = round(times * (low - 9)), round(times * (high - low))
    variant = "\n".join(["language variant", *kept, f"pitch {base + 9} {base + 9 + span}", SINE])
    said = engine.render(replace(utterance, variant=variant))
    x = said.pcm.astype(float)
    before = np.flatnonzero((x[:-1] < 0.0) & (x[1:] >= 0.0))
    crossings = before - x[before] / (x[before + 1] - x[before])
    periods = np.diff(crossings)
    is_steady = np.abs(np.diff(periods)) < 0.05 * periods[1:]
    is_steady &= periods[1:] > said.sample_rate / HIGH_HZ / 2.0  # higher by an octave is noise alone
    places, found = crossings[1:-1][is_steady], periods[1:][is_steady]
    phones = [event for event in said.events if event.kind == "phone"]
    is_voiced = np.array([is_voiced_phone(event.text) for event in phones])
    times_5ms = np.arange(phones[0].start, len(x), said.sample_rate / 200.0)
    times_5ms = times_5ms[
        is_voiced[np.searchsorted([event.start for event in phones], times_5ms, "right") - 1]
    ]
    nearest = np.abs(places[:, None] - times_5ms).argmin(axis=0)
    near = np.abs(places[nearest] - times_5ms) < 0.1 * said.sample_rate
    return 12.0 * np.log2(said.sample_rate / found[nearest[near]] / HIGH_HZ)


TIMING = {"gender", "speed", "stressAdd", "consonants"}
EXTREME = [
    STYLES["sad"],
    STYLES["excited"],
    Style(range=0.0),
    Style(range=3.0),
    Style(range=1.8, pitch=4.0, alternating_pitch=3.0),
    Style(range=3.0, contour="question", pitch=-5.0),
    Style(range=2.0, alternating_pitch=-6.0, contour="exclamation"),
    Style(range=3.0, declination=12.0),
    Style(range=0.5, declination=-9.0, final_pitch=-9.0, contour="continuation"),
    Style(
        range=1.5, declination=6.0, alternating_pitch=6.0, final_pitch=9.0, slowing=1.6, final_length=2.0
    ),
]


SPEAKERS = [
    *("s41-f0000", "s41-m0000"),
    *(pytest.param(f"s41-{gender}{i:04d}", marks=pytest.mark.slow) for gender in "fm" for i in (1, 2)),
]


@pytest.mark.parametrize("style", EXTREME)
@pytest.mark.parametrize("name", SPEAKERS)
def test_the_engine_says_the_declared_median_whatever_else_a_style_moves(name: str, style: Style) -> None:
    speaker = find_speaker(name)
    texts = map(str, grammar_texts("matrix-en-2", count=20, seed=8))
    with EspeakEngine() as engine:
        contours = Contours(engine)
        told = [
            utterance_of(text, style, seed=1, speaker=speaker, voice="", contour_of=contours)
            for text in texts
        ]
        heard = [pitch_of(one, median_hz(speaker, style), engine) for one in told]
    assert np.median(np.concatenate(heard)) == pytest.approx(0.0, abs=0.3)
