from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from syngen.dsp.level import FULL_SCALE, dequantise, finish_steps, quantise, to_pcm, write_steps
from syngen.errors import EngineError

if TYPE_CHECKING:
    from syngen._typing import FloatArray

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def test_every_16_bit_sample_comes_back_from_its_real_number() -> None:
    np.testing.assert_array_equal(quantise(EVERY_SAMPLE.astype(np.float64) / 32768.0).pcm, EVERY_SAMPLE)
    np.testing.assert_array_equal(quantise(dequantise(EVERY_SAMPLE).astype(np.float64)).pcm, EVERY_SAMPLE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_full_scale_of_a_file_stays_positive(dtype: type) -> None:
    waveform = np.array([[1.0, 1.5, np.inf], [-1.0, -1.5, 0.25]], dtype=dtype)
    given = waveform.copy()
    assert to_pcm(waveform).tolist() == [[32767, 32767, 32767], [-32768, -32768, 8192]]
    np.testing.assert_array_equal(waveform, given)
    np.testing.assert_array_equal(to_pcm(dequantise(EVERY_SAMPLE).astype(dtype)), EVERY_SAMPLE)
    assert to_pcm(waveform[:0]).shape == (0, 3)


def test_what_is_no_number_is_no_sample() -> None:
    with pytest.raises(EngineError, match="samples that are not numbers"):
        to_pcm(np.array([0.0, np.nan]))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.bool_, np.complex128, np.str_])
def test_samples_that_are_not_real_numbers_are_refused(dtype: type) -> None:
    with pytest.raises(EngineError, match="float32 or float64 is needed"):
        to_pcm(np.ones(2).astype(dtype))


def test_samples_beyond_all_measure_and_single_ones_are_converted() -> None:
    assert to_pcm(np.array([1e308, -1e308])).tolist() == [32767, -32768]
    assert to_pcm(np.array([3e38, -3e38], dtype=np.float32)).tolist() == [32767, -32768]
    assert to_pcm(np.array(0.25)).shape == ()


def test_dequantised_samples_are_exact_float32() -> None:
    waveform = dequantise(EVERY_SAMPLE)
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform.astype(np.float64) * 32768.0, EVERY_SAMPLE)
    assert waveform.min() == -1.0
    assert waveform.max() == 1.0 - 2.0**-15


def test_dequantised_samples_keep_their_shape_and_input() -> None:
    pcm = EVERY_SAMPLE.reshape(256, 256).copy()
    assert dequantise(pcm).shape == (256, 256)
    assert dequantise(pcm[:0]).shape == (0, 256)
    np.testing.assert_array_equal(pcm.reshape(-1), EVERY_SAMPLE)


def test_halves_are_rounded_to_the_even_neighbour() -> None:
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 32766.5, -32767.5])
    expected = [-2, -2, 0, 0, 2, 2, 4, 32766, -32768]
    assert quantise(halves / FULL_SCALE).pcm.tolist() == expected


def test_numbers_beside_a_half_are_rounded_to_the_nearest() -> None:
    x = np.array([np.nextafter(0.5, 0.0), np.nextafter(0.5, 1.0), 1.4999, -1.5001])
    assert quantise(x / FULL_SCALE).pcm.tolist() == [0, 1, 1, -2]


def test_one_step_beyond_full_scale_is_clipped() -> None:
    steps = np.array([32768.0, 32767.4, 32767.6, 32768.4, -32768.4, -32769.0, -32769.4])
    assert quantise(steps / FULL_SCALE).pcm.tolist() == [32767, 32767, 32767, 32767, *[-32768] * 3]


@pytest.mark.parametrize("peak", [32768.6, 32769.0, -32769.6, -32770.0, 1e9, -1e300])
def test_more_than_one_step_beyond_full_scale_is_refused(peak: float) -> None:
    with pytest.raises(EngineError, match="waveform peaks at .*, beyond full scale 1.0; lower"):
        quantise(np.array([0.0, peak / FULL_SCALE, 0.5]))


@pytest.mark.parametrize("sample", [float("nan"), float("inf"), -float("inf")])
def test_samples_that_are_not_finite_are_refused(sample: float) -> None:
    with pytest.raises(EngineError, match="waveform"):
        quantise(np.array([0.0, sample, 0.5]))


def test_type_is_16_bit() -> None:
    assert quantise(np.zeros(3)).pcm.dtype == np.int16


@pytest.mark.parametrize(
    ("steps", "peak"), [([3.2, -7.0], 7), ([32768.0, 1.0], 32767), ([-32769.0, 5.0], 32768), ([0.0], 0)]
)
def test_steps_and_peak_are_those_of_the_samples(steps: list[float], peak: int) -> None:
    found = quantise(np.array(steps) / FULL_SCALE)
    np.testing.assert_array_equal(found.steps, found.pcm)
    assert found.peak == peak / FULL_SCALE


@given(waveform=arrays(np.float64, st.integers(1, 40), elements=st.floats(-1.00001, 1.0)))
def test_writing_float32_is_quantising_and_dequantising(waveform: FloatArray) -> None:
    waveform[0] = [1.0, -1.0, 0.5 / 32768.0, 1.5 / 32768.0][len(waveform) % 4]
    out = np.empty((2, len(waveform)), dtype=np.float32)
    for row in out:
        write_steps(row, waveform.copy())
    finish_steps(out)
    np.testing.assert_array_equal(out, [dequantise(quantise(waveform.copy()).pcm)] * 2)


@pytest.mark.parametrize("worst", [np.nan, np.inf, -np.inf, 1.0001, -1.0001, 1e300])
def test_writing_float32_refuses_what_quantising_refuses(worst: float) -> None:
    waveform = np.array([0.0, worst, 0.25])
    with pytest.raises(EngineError, match="beyond full scale"):
        quantise(waveform.copy())
    out = np.zeros((2, 3), dtype=np.float32)
    with np.errstate(over="ignore"):
        write_steps(out[1], waveform.copy())
    with pytest.raises(EngineError, match="beyond full scale"):
        finish_steps(out)
