"""Coloring: the level of each style, the room, and nothing that breaks at any rate."""

from __future__ import annotations

import math
from collections.abc import Callable

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
    settings: dict[str, object] = {"resonances": RESONANCES, "room_tone_db": 50.0, "streams": streams}
    return Coloring(sample_rate).apply(waveform, style, **(settings | options))  # type: ignore[arg-type]


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


@pytest.mark.parametrize("level", [-60.0, -30.0, -16.0])
def test_level_is_what_the_style_says_whatever_the_engine_gave(level: float) -> None:
    for scale in (0.01, 1.0, 8.0):
        found = colored(scale * speech(16_000), Style(level=level), 16_000)
        assert decibels(active_rms(found, sample_rate=16_000)) == pytest.approx(level, abs=0.3)


def test_a_peak_that_would_clip_lowers_the_level() -> None:
    waveform = np.zeros(16_000)
    waveform[::400] = 30_000.0
    found = colored(waveform, Style(level=-16.0), 16_000, resonances=(), room_tone_db=90.0)
    assert np.abs(found).max() == pytest.approx(0.99, abs=1e-9)
    assert decibels(active_rms(found, sample_rate=16_000)) < -20.0


@pytest.mark.parametrize("room_tone", [30.0, 50.0, 90.0])
@pytest.mark.parametrize("name", ["neutral", "sad", "whispering"])
def test_room_tone_is_as_far_below_the_speech_as_asked(name: str, room_tone: float) -> None:
    sample_rate = 16_000
    style = Style(level=STYLES[name].level, whisper=STYLES[name].whisper, drive=STYLES[name].drive)
    waveform = np.concatenate([np.zeros(8_000), speech(sample_rate), np.zeros(8_000)])
    quiet = colored(waveform, style, sample_rate, resonances=(), room_tone_db=room_tone)
    for silence in (quiet[:7_000], quiet[-7_000:]):
        rms = math.sqrt(float((silence**2).mean()))
        expected = style.level - room_tone
        assert decibels(rms) == pytest.approx(expected, abs=0.5)


def test_loud_rooms_keep_their_distance_to_the_speech() -> None:
    buzz = np.concatenate([np.zeros(16_000), np.tile([8_000.0, -8_000.0], 16_000)])
    found = colored(buzz, Style(level=-30.0), 16_000, resonances=(), room_tone_db=10.0)
    noise, both = (float((part**2).mean()) for part in (found[:16_000], found[16_000:]))
    assert 10.0 * math.log10((both - noise) / noise) == pytest.approx(10.0, abs=0.2)


def test_saturation_breath_and_tremor_follow_the_speech_not_the_room() -> None:
    style = Style(drive=2.0, air=-30.0, tremor=0.5, level=-30.0)
    waveform = np.concatenate([np.zeros(16_000), speech(16_000)])
    found = colored(waveform, style, 16_000, resonances=(), room_tone_db=90.0)
    assert decibels(math.sqrt(float((found[:15_000] ** 2).mean()))) < -110.0


@pytest.mark.parametrize("drive", [0.0, 1.0, 4.0])
def test_saturation_lowers_peaks(drive: float) -> None:
    def crest(style: Style) -> float:
        found = colored(speech(16_000), style, 16_000, resonances=(), room_tone_db=90.0)
        return float(np.abs(found).max()) / active_rms(found, sample_rate=16_000)

    assert crest(Style(drive=drive)) <= crest(Style()) * 1.001


def test_tremor_swings_five_times_a_second() -> None:
    waveform = np.tile([8_000.0, -8_000.0], 16_000)
    found = colored(waveform, Style(tremor=0.5), 16_000, resonances=(), room_tone_db=90.0)
    envelope = np.abs(found)[:16_000] - np.abs(found)[:16_000].mean()
    spectrum = np.abs(np.fft.rfft(envelope))
    assert spectrum.argmax() == 5
    assert (np.abs(found).max() / np.abs(found)[100:].min()) == pytest.approx(3.0, rel=0.05)


def test_breath_lies_above_two_and_a_half_kilohertz() -> None:
    time = np.arange(32_000) / 16_000
    waveform = 8_000.0 * np.sin(2 * np.pi * 200.0 * time)
    found = colored(waveform.copy(), Style(air=-20.0), 16_000, resonances=(), room_tone_db=90.0)
    plain = colored(waveform, Style(), 16_000, resonances=(), room_tone_db=90.0)
    power, before = (np.abs(np.fft.rfft(x)) ** 2 for x in (found, plain))
    assert power[6_000:16_000].sum() > 1e4 * before[6_000:16_000].sum()  # 3 to 8 kHz
    assert power[1_000:3_000].sum() < 0.05 * power[6_000:16_000].sum()


def test_resonances_of_the_speaker_are_heard() -> None:
    noise = np.random.default_rng(3).normal(size=160_000) * 3_000
    plain, own = (
        np.abs(np.fft.rfft(colored(noise.copy(), Style(), 16_000, resonances=r, room_tone_db=90.0))) ** 2
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


def test_where_nothing_is_said_the_room_is_as_quiet_as_elsewhere() -> None:
    found = colored(np.zeros(16_000), Style(level=-30.0), 16_000, resonances=(), room_tone_db=50.0)
    assert decibels(math.sqrt(float((found**2).mean()))) == pytest.approx(-80.0, abs=0.2)
