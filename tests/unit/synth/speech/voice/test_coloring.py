"""Coloring: the level of each style, the room, and nothing that breaks at any rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from syngen.dsp.active_level import active_rms
from syngen.seeding import Stream
from syngen.synth.speech.voice.coloring import Coloring
from syngen.synth.speech.voice.speakers import find_speaker
from syngen.synth.speech.voice.styles import STYLES, Filter, Style

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)
RESONANCES = find_speaker("s7-f0003").resonances


def streams(name: str) -> Stream:
    return Stream(1, f"test/{name}", 3)


def speech(sample_rate: int, *, seconds: float = 2.0) -> np.ndarray:
    """Something like speech, as 16-bit samples: a buzz in syllables with pauses between them."""
    n = round(seconds * sample_rate)
    time = np.arange(n) / sample_rate
    buzz = sum(np.sin(2 * np.pi * 120.0 * k * time) / k for k in range(1, 25))
    noise = np.random.default_rng(1).normal(size=n)
    envelope = np.sin(np.pi * 3.0 * time) ** 2 * (np.floor(3.0 * time) % 3 != 2)
    return np.asarray(np.rint(4_000.0 * envelope * (buzz + 0.2 * noise)))


def colored(waveform: np.ndarray, style: Style, sample_rate: int, **options: object) -> np.ndarray:
    settings: dict[str, object] = {"resonances": RESONANCES, "room_tone_db": -80.0, "pauses": ()}
    color = str(options.pop("color", "white"))
    settings |= {"streams": streams, **options}
    return Coloring(sample_rate, color).apply(waveform, style, **settings)  # type: ignore[arg-type]


def decibels(gain: float) -> float:
    return 20.0 * math.log10(gain)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("name", STYLES)
def test_every_style_reaches_its_level_without_clipping_at_every_rate(name: str, sample_rate: int) -> None:
    found = colored(speech(sample_rate), STYLES[name], sample_rate)
    assert np.isfinite(found).all()
    peak = np.abs(found).max()
    assert peak <= 0.99 + 1e-12
    level = decibels(active_rms(found, sample_rate=sample_rate))
    if peak < 0.98:
        assert level == pytest.approx(STYLES[name].level, abs=0.3)
    else:
        assert level < STYLES[name].level


@pytest.mark.parametrize("level", [-55.0, -30.0, -16.0])
def test_level_is_what_the_style_says_whatever_the_engine_gave(level: float) -> None:
    for scale in (0.01, 1.0, 8.0):
        found = colored(scale * speech(16_000), Style(level=level), 16_000, room_tone_db=-86.5)
        assert decibels(active_rms(found, sample_rate=16_000)) == pytest.approx(level, abs=0.3)


@pytest.mark.parametrize("edge", [-26.1, -26.04, -26.02, -26.01, -25.99, -25.9])
def test_the_level_counts_the_frames_that_count_when_the_room_is_heard(edge: float) -> None:
    tone = 8_000.0 * np.sin(2 * np.pi * 200.0 * np.arange(16_000) / 16_000)
    tone[8_320:] = 0.0
    tone[8_000:8_320] *= 10.0 ** (edge / 20.0)  # one frame at the threshold of those that count
    for room_tone in (-86.5, -80.0):
        found = rounded(
            colored(tone.copy(), Style(level=-45.0), 16_000, resonances=(), room_tone_db=room_tone)
        )
        assert decibels(active_rms(found, sample_rate=16_000)) == pytest.approx(-45.0, abs=0.05)


def test_a_peak_that_would_clip_lowers_the_level() -> None:
    waveform = np.zeros(16_000)
    waveform[::400] = 30_000.0
    found = colored(waveform, Style(level=-16.0), 16_000, resonances=(), room_tone_db=-86.5)
    assert np.abs(found).max() == pytest.approx(0.99, abs=1e-3)
    assert decibels(active_rms(found, sample_rate=16_000)) < -20.0


def rounded(waveform: np.ndarray) -> np.ndarray:
    """What the level is heard from: the waveform in 16 bits."""
    return np.asarray(np.rint(32_768.0 * waveform) / 32_768.0)


@pytest.mark.parametrize("room_tone", [-86.5, -80.0, -30.0])
@pytest.mark.parametrize("color", ["white", "pink"])
def test_room_tone_is_as_loud_as_declared_in_16_bits(color: str, room_tone: float) -> None:
    found = rounded(colored(np.zeros(40_000), Style(), 16_000, color=color, room_tone_db=room_tone))
    assert decibels(math.sqrt(float((found**2).mean()))) == pytest.approx(room_tone, abs=0.02)
    # and so in every pause, but for chance
    windows = found.reshape(10, 4_000)
    levels = 10.0 * np.log10((windows**2).mean(axis=1))
    assert levels.std() < (0.3 if color == "white" else 1.5)


@pytest.mark.parametrize(("color", "slope"), [("white", 0.0), ("pink", -3.0)])
def test_room_tone_has_the_color_declared(color: str, slope: float) -> None:
    found = colored(np.zeros(160_000), Style(), 16_000, color=color)
    power = np.abs(np.fft.rfft(found)) ** 2
    frequencies = np.fft.rfftfreq(160_000, 1 / 16_000)
    centers = 62.5 * 2.0 ** np.arange(7)
    bands = [power[(frequencies > f / 1.4) & (frequencies <= f * 1.4)].mean() for f in centers]
    fitted = np.polyfit(np.arange(7), 10.0 * np.log10(bands), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.4)


def test_the_settling_of_pink_noise_is_not_heard() -> None:
    starts = [
        colored(np.zeros(8_000), Style(), 16_000, color="pink", streams=stream_of(i))[:400]
        for i in range(200)
    ]
    assert 10.0 * math.log10(float(np.mean(np.square(starts)))) == pytest.approx(-80.0, abs=1.0)


def stream_of(index: int) -> Callable[[str], Stream]:
    return lambda name: Stream(1, f"test/{name}", index)


@pytest.mark.parametrize("name", STYLES)
def test_pauses_hold_the_same_noise_whoever_speaks_and_however(name: str) -> None:
    pauses = [(0, 5_000), (20_000, 24_000), (41_000, 48_000)]
    noise = colored(np.zeros(48_000), STYLES["neutral"], 16_000, resonances=())
    found = colored(speech(16_000, seconds=3.0), STYLES[name], 16_000, pauses=pauses)
    for start, end in pauses:
        assert (found[start:end] == noise[start:end]).all()
    assert (found[5_000:20_000] != noise[5_000:20_000]).mean() > 0.6


def test_speech_ends_and_begins_without_a_click_at_pauses() -> None:
    time = np.arange(32_000) / 16_000
    tone = 8_000.0 * np.sin(2 * np.pi * 200.0 * time)
    pauses = [(10_000, 20_000)]
    found = colored(tone.copy(), Style(), 16_000, resonances=(), pauses=pauses, room_tone_db=-86.5)
    plain = colored(tone, Style(), 16_000, resonances=(), room_tone_db=-86.5)
    scale = np.abs(found[20_100:]).max() / np.abs(plain).max()
    ratio = np.abs(found[9_920:10_000]) / scale - np.abs(plain[9_920:10_000]) * np.linspace(1.0, 0.0, 80)
    assert np.abs(ratio).max() < 0.02 * np.abs(plain).max()
    assert found[:9_900] / scale == pytest.approx(plain[:9_900], abs=2e-4)


def test_pauses_at_the_ends_and_longer_than_everything_are_no_accident() -> None:
    for pauses in ([(0, 3)], [(0, 10)], [(7, 10)], [(2, 4), (5, 6)], [(10, 10)]):
        found = colored(np.linspace(-900.0, 900.0, 10), Style(), 16_000, pauses=pauses)
        assert np.isfinite(found).all()


def test_loud_rooms_make_room_for_themselves_below_the_peak() -> None:
    waveform = np.zeros(16_000)
    waveform[::400] = 30_000.0
    for color in ("white", "pink"):
        found = colored(waveform.copy(), Style(level=-16.0), 16_000, color=color, room_tone_db=-30.0)
        assert 0.8 < np.abs(found).max() <= 0.99 + 1e-12


@pytest.mark.parametrize("drive", [0.0, 1.0, 4.0])
def test_saturation_lowers_peaks(drive: float) -> None:
    def crest(style: Style) -> float:
        found = colored(speech(16_000), style, 16_000, resonances=(), room_tone_db=-86.5)
        return float(np.abs(found).max()) / active_rms(found, sample_rate=16_000)

    assert crest(Style(drive=drive)) <= crest(Style()) * 1.001


def test_tremor_swings_five_times_a_second() -> None:
    waveform = np.tile([8_000.0, -8_000.0], 16_000)
    found = colored(waveform, Style(tremor=0.5), 16_000, resonances=(), room_tone_db=-86.5)
    envelope = np.abs(found)[:16_000] - np.abs(found)[:16_000].mean()
    spectrum = np.abs(np.fft.rfft(envelope))
    assert spectrum.argmax() == 5
    assert (np.abs(found).max() / np.abs(found)[100:].min()) == pytest.approx(3.0, rel=0.05)


def test_breath_lies_above_two_and_a_half_kilohertz() -> None:
    time = np.arange(32_000) / 16_000
    waveform = 8_000.0 * np.sin(2 * np.pi * 200.0 * time)
    found = colored(waveform.copy(), Style(air=-20.0), 16_000, resonances=(), room_tone_db=-86.5)
    plain = colored(waveform, Style(), 16_000, resonances=(), room_tone_db=-86.5)
    power, before = (np.abs(np.fft.rfft(x)) ** 2 for x in (found, plain))
    assert power[6_000:16_000].sum() > 1e3 * before[6_000:16_000].sum()  # 3 to 8 kHz
    assert power[1_000:3_000].sum() < 0.05 * power[6_000:16_000].sum()


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("air", [-60.0, -35.0, -20.0])
def test_breath_is_as_loud_as_declared_beside_the_voice_that_is_heard(air: float, sample_rate: int) -> None:
    style = Style(
        drive=1.0,
        tremor=0.3,
        filters=(Filter("low_shelf", 900.0, 12.0), Filter("high_shelf", 2500.0, -9.0)),
    )
    start, end = sample_rate, 3 * sample_rate // 2
    room = colored(np.zeros(2 * sample_rate), style, sample_rate)
    voice, both = (
        colored(speech(sample_rate), one, sample_rate, pauses=[(start, end)]) - room
        for one in (style, replace(style, air=air))
    )
    scale = float(both @ voice) / float(voice @ voice)
    noise = both - scale * voice
    heard = 10.0 * math.log10(float(noise @ noise) / float(voice @ voice) / scale**2)
    assert heard == pytest.approx(air, abs=0.05)
    assert np.abs(both[start:end]).max() == 0.0


def test_resonances_of_the_speaker_are_heard() -> None:
    noise = np.random.default_rng(3).normal(size=160_000) * 3_000
    plain, own = (
        np.abs(np.fft.rfft(colored(noise.copy(), Style(), 16_000, resonances=r, room_tone_db=-86.5))) ** 2
        for r in ((), RESONANCES)
    )
    frequencies = np.fft.rfftfreq(160_000, 1 / 16_000)

    def gain(center: float) -> float:
        band = np.abs(frequencies - center) < 40.0
        return 10.0 * math.log10(own[band].sum() / plain[band].sum())

    gains = [gain(r.frequency_hz) for r in RESONANCES]
    wanted = [r.gain_db for r in RESONANCES]
    assert np.corrcoef(gains, wanted)[0, 1] > 0.95


@pytest.mark.parametrize("sample_rate", [8_000, 11_025])
def test_filters_beyond_the_rate_are_left_out(sample_rate: int) -> None:
    high = tuple(Filter(shape, 6_000.0, 12.0) for shape in ("peak", "high_shelf", "low_shelf", "high_pass"))  # type: ignore[arg-type]
    with_filters = colored(speech(sample_rate), Style(filters=high), sample_rate)
    without = colored(speech(sample_rate), Style(), sample_rate)
    assert (with_filters == without).all()


def test_the_same_streams_give_the_same_and_every_stream_is_used_where_it_should_be() -> None:
    def opened_by(style: Style) -> set[str]:
        opened: list[str] = []

        def opening(name: str) -> Stream:
            opened.append(name)
            return streams(name)

        first = colored(speech(16_000), style, 16_000, streams=opening)
        assert (colored(speech(16_000), style, 16_000) == first).all()
        assert len(set(opened)) == len(opened)
        return set(opened)

    assert opened_by(Style()) == {"room"}
    assert opened_by(Style(whisper=True, air=-40.0, tremor=0.1)) == {"room", "whisper", "air", "tremor"}


@pytest.mark.parametrize("make", [np.zeros, lambda n: np.eye(1, n)[0], lambda n: np.eye(1, n, n - 1)[0]])
@pytest.mark.parametrize("length", [1, 2, 319, 320, 4_000])
@pytest.mark.parametrize("style", [*STYLES.values(), Style(air=-20.0, tremor=0.9, drive=4.0, whisper=True)])
def test_short_and_empty_speech_is_no_accident(
    make: Callable[[int], np.ndarray], length: int, style: Style
) -> None:
    found = colored(make(length), style, 16_000)
    assert found.shape == (length,)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 0.99 + 1e-12


def test_where_nothing_is_said_the_room_is_as_loud_as_elsewhere() -> None:
    found = colored(np.zeros(16_000), Style(level=-30.0), 16_000, resonances=())
    assert decibels(math.sqrt(float((found**2).mean()))) == pytest.approx(-80.0, abs=0.05)
