"""The resampler: its bands, its exactness, its time axis."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from syngen.dsp.resampling import (
    PASS_BAND,
    STOP_BAND,
    _filter_bank,
    _half_taps,
    resample,
    resampled_position,
)
from syngen.errors import ParameterError
from tests.integration.digests import has_feature, of_resampling

ROOT = Path(__file__).resolve().parents[3]
SPEECH = 22050
RATES = (8000, 16000, 24000, 44100, 48000)
RATIOS = [
    *((320, 441), (160, 441), (160, 147), (2, 1), (320, 147)),
    *((1, 2), (1, 3), (3, 2), (7, 64), (999, 1000), (1, 1000), (1000, 1)),
]
OTHER_BLAS = [
    ("SSE42", {"OPENBLAS_CORETYPE": "Nehalem"}),
    ("AVX2", {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}),
    ("AVX512_SKX", {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2"}),
]
"""Kernels of OpenBLAS, each with the CPU feature that it needs."""
DIGEST = "from tests.integration.digests import of_resampling; print(of_resampling())"


def taps_of(up: int, down: int) -> list[int]:
    half = [int(tap) for tap in _half_taps(up, down)[:-1]]
    return half[:0:-1] + half


def resampled_by_big_integers(pcm: list[int], up: int, down: int) -> list[int]:
    """In units of 2**-50, one tap after the other."""
    taps = taps_of(up, down)
    middle = len(taps) // 2
    result = []
    for m in range(-(-len(pcm) * up // down)):
        low = max(0, -((middle - m * down) // up))
        high = min(len(pcm) - 1, (m * down + middle) // up)
        result.append(sum(pcm[i] * taps[middle + m * down - i * up] for i in range(low, high + 1)))
    return result


def gains(up: int, down: int, frequencies: np.ndarray) -> np.ndarray:
    """In dB, at frequencies in units of the lower Nyquist frequency."""
    half = _half_taps(up, down)[:-1] / (2.0**35 * up)
    angles = np.pi / max(up, down) * np.outer(frequencies, np.arange(1, len(half)))
    return 20.0 * np.log10(np.abs(half[0] + 2.0 * np.cos(angles) @ half[1:]) + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_pass_band_is_flat_and_stop_band_is_silent(up: int, down: int) -> None:
    n = 1500 if max(up, down) < 500 else 250
    assert np.abs(gains(up, down, np.linspace(0.0, PASS_BAND, n // 2))).max() < 0.1
    first_lobes = np.linspace(STOP_BAND, 1.4, n)
    rest = np.linspace(1.4, max(up, down), n)
    assert gains(up, down, np.concatenate([first_lobes, rest])).max() < -90.0


def test_tones_keep_level_and_phase_below_and_vanish_above() -> None:
    time = np.arange(SPEECH) / SPEECH
    for frequency in (100.0, 1000.0, 7200.0):
        pcm = np.rint(20000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)
        expected = 20000 / 32768 * np.sin(2 * np.pi * frequency * np.arange(16000) / 16000)
        # 0.01 is the ripple of 0.1 dB, of the tone's .61
        assert np.abs(resample(pcm, SPEECH, 16000) - expected)[100:-100].max() < 0.0071
    pcm = np.rint(20000 * np.sin(2 * np.pi * 8850.0 * time)).astype(np.int16)
    assert np.abs(resample(pcm, SPEECH, 16000))[100:-100].max() < 20000 / 32768 * 10**-4.5 + 2.0**-15


@pytest.mark.slow
@pytest.mark.parametrize(("up", "down"), RATIOS)
def test_sums_stay_below_what_float64_holds(up: int, down: int) -> None:
    for group in _filter_bank(up, down).groups:
        column_sums = [sum(abs(int(tap * 2.0**50)) for tap in column) for column in group.taps.T]
        assert max(column_sums) * 32768 < 2**53
        assert (np.rint(group.taps * 2.0**50) == group.taps * 2.0**50).all()


@pytest.mark.parametrize("rate", [*RATES, 11025, 7350, 22100])
def test_result_is_what_big_integers_give(rng: np.random.Generator, rate: int) -> None:
    common = np.gcd(SPEECH, rate)
    up, down = rate // common, SPEECH // common
    for n in (1, 2, 441, 1000):
        pcm = rng.integers(-32768, 32768, n).astype(np.int16)
        expected = resampled_by_big_integers(pcm.tolist(), int(up), int(down))
        result = resample(pcm, SPEECH, rate)
        assert (result * 2.0**50).astype(object).tolist() == expected
        assert len(result) == -(-n * rate // SPEECH)


@pytest.mark.parametrize("rate", RATES)
def test_loudest_signals_are_exact(rate: int) -> None:
    common = np.gcd(SPEECH, rate)
    up, down = int(rate // common), int(SPEECH // common)
    loud = np.full(600, -32768, dtype=np.int16)
    square = np.where(np.arange(600) // 3 % 2, 32767, -32768).astype(np.int16)
    for pcm in (loud, square):
        expected = resampled_by_big_integers(pcm.tolist(), up, down)
        assert (resample(pcm, SPEECH, rate) * 2.0**50).astype(object).tolist() == expected
    middle = len(expected) // 2
    assert np.abs(resample(loud, SPEECH, rate)[middle - 20 : middle + 20] + 1.0).max() < 1e-2


def test_parts_of_a_long_signal_are_exact(rng: np.random.Generator) -> None:
    pcm = rng.integers(-32768, 32768, 441 * 400 + 13).astype(np.int16)
    result = resample(pcm, SPEECH, 16000)
    start = 441 * 290
    expected = resampled_by_big_integers(pcm[start : start + 882].tolist(), 320, 441)
    first = start // 441 * 320
    # away from the ends of the part, where the whole signal has more to add
    assert (result[first + 60 : first + 580] * 2.0**50).astype(object).tolist() == expected[60:580]


def test_same_rate_is_the_same_signal(rng: np.random.Generator) -> None:
    pcm = rng.integers(-32768, 32768, 100).astype(np.int16)
    assert (resample(pcm, SPEECH, SPEECH) * 32768 == pcm).all()


@pytest.mark.parametrize("rate", [*RATES, SPEECH])
def test_nothing_gives_nothing_and_silence_gives_plain_zeros(rate: int) -> None:
    assert resample(np.zeros(0, dtype=np.int16), SPEECH, rate).shape == (0,)
    silence = resample(np.zeros(999, dtype=np.int16), SPEECH, rate)
    assert not silence.any()
    assert not np.signbit(silence).any()


def test_strided_and_read_only_signals_are_taken(rng: np.random.Generator) -> None:
    stereo = rng.integers(-3000, 3000, (2000, 2)).astype(np.int16)
    stereo.flags.writeable = False
    assert (resample(stereo[:, 1], SPEECH, 16000) == resample(stereo[:, 1].copy(), SPEECH, 16000)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [variables for feature, variables in OTHER_BLAS if has_feature(feature)],
    ids=lambda v: v["OPENBLAS_CORETYPE"],
)
def test_every_blas_gives_the_same_bits(variables: dict[str, str]) -> None:
    child = subprocess.run(
        [sys.executable, "-c", DIGEST],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.strip() == of_resampling()


def test_positions_are_rounded_by_integers() -> None:
    assert [resampled_position(n, 44100, 22050) for n in range(6)] == [0, 1, 1, 2, 2, 3]
    assert resampled_position(10**18 * 441, 22050, 16000) == 10**18 * 320
    assert resampled_position(7, SPEECH, SPEECH) == 7


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros(10),
        np.zeros(10, dtype=np.float32),
        np.zeros(10, dtype=np.int32),
        np.zeros(10, dtype=np.uint16),
        np.zeros(10, dtype=">i2"),
        np.zeros((10, 2), dtype=np.int16),
        np.int16(3),
        [1, 2, 3],
        None,
    ],
)
def test_other_signals_are_refused(pcm: object) -> None:
    with pytest.raises(ParameterError, match=r"int16 of shape \(n,\)"):
        resample(pcm, SPEECH, 16000)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0, -16000, 16000.0, True, None, "16000"])
def test_impossible_rates_are_refused(rate: object) -> None:
    pcm = np.zeros(10, dtype=np.int16)
    with pytest.raises(ParameterError, match="rate_out is"):
        resample(pcm, SPEECH, rate)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="rate_in is"):
        resampled_position(1, rate, SPEECH)  # type: ignore[arg-type]


def test_wild_ratios_and_negative_positions_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"ratio 16001/22050: no side may be above 1000"):
        resample(np.zeros(10, dtype=np.int16), SPEECH, 16001)
    with pytest.raises(ParameterError, match="before the signal"):
        resampled_position(-1, SPEECH, 16000)
