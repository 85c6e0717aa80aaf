"""The level of speech without its pauses, against a plain reference, and exact in any order."""

from __future__ import annotations

import math

import numpy as np
import pytest

from syngen.dsp.active_level import active_rms


def reference(waveform: np.ndarray, sample_rate: int) -> float:
    """The same in the plainest way, with rounding errors."""
    size = round(0.02 * sample_rate)
    frames = [waveform[i : i + size] for i in range(0, len(waveform) - size + 1, size)] or [waveform]
    powers = [float((frame**2).mean()) for frame in frames]
    active = [power for power in powers if power >= max(powers) * 10.0**-2.6]
    return math.sqrt(sum(active) / len(active))


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("scale", [1e-12, 3e-3, 1.0, 700.0])
def test_it_is_the_rms_of_the_active_frames(
    sample_rate: int, scale: float, rng: np.random.Generator
) -> None:
    envelope = np.repeat(rng.uniform(0.0, 1.0, 50) ** 4, sample_rate // 20)
    waveform = scale * envelope * rng.normal(size=len(envelope))
    expected = reference(waveform, sample_rate)
    assert active_rms(waveform, sample_rate=sample_rate) == pytest.approx(expected, rel=1e-4)


def test_a_pause_changes_nothing_and_half_the_speech_neither() -> None:
    tone = np.tile([0.25, -0.25], 8_000)
    quiet = np.zeros(16_000)
    assert active_rms(tone, sample_rate=16_000) == 0.25
    assert active_rms(np.concatenate([quiet, tone, quiet]), sample_rate=16_000) == 0.25
    just_active, not_active = 0.25 * 10 ** (-25.9 / 20), 0.25 * 10 ** (-26.1 / 20)
    ends = np.concatenate([tone, tone / 0.25 * not_active])
    assert active_rms(ends, sample_rate=16_000) == 0.25
    ends = np.concatenate([tone, tone / 0.25 * just_active])
    assert active_rms(ends, sample_rate=16_000) < 0.2


def test_the_order_of_the_samples_of_a_frame_and_of_the_frames_is_nothing_to_it(
    rng: np.random.Generator,
) -> None:
    blocks = rng.normal(size=(100, 320)) * rng.uniform(0.0, 1.0, (100, 1))
    expected = active_rms(blocks.reshape(-1), sample_rate=16_000)
    for _ in range(20):
        blocks = rng.permuted(blocks[rng.permutation(100)], axis=1)
        assert active_rms(blocks.reshape(-1), sample_rate=16_000) == expected
    assert active_rms(-blocks.reshape(-1), sample_rate=16_000) == expected


@pytest.mark.parametrize("exponent", [-1000, -30, 5, 900])
def test_a_power_of_two_scales_it_exactly(exponent: int, rng: np.random.Generator) -> None:
    waveform = rng.normal(size=4_000)
    expected = math.ldexp(active_rms(waveform, sample_rate=16_000), exponent)
    assert active_rms(np.ldexp(waveform, exponent), sample_rate=16_000) == expected


@pytest.mark.parametrize("length", [1, 2, 319, 320, 321, 639, 16_000])
def test_short_waveforms_are_one_frame(length: int) -> None:
    assert active_rms(np.full(length, -0.5), sample_rate=16_000) == 0.5


@pytest.mark.parametrize("length", [0, 1, 1_000])
def test_silence_has_no_level(length: int) -> None:
    assert active_rms(np.zeros(length), sample_rate=16_000) == 0.0


def test_sums_of_the_loudest_and_longest_frames_are_whole_numbers_below_2_to_the_53() -> None:
    frame = round(0.02 * 384_000)  # the highest rate
    assert frame * (2**19) ** 2 < 2**53


def test_the_smallest_numbers_are_as_good_as_silence() -> None:
    assert active_rms(np.full(1_000, 5e-324), sample_rate=16_000) == 0.0
