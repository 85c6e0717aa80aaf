from __future__ import annotations

import math

import numpy as np
import pytest

from syngen.dsp.power import absolute_peak, root_mean_square


@pytest.mark.parametrize("n_samples", [1, 7, 16_384, 16_385, 100_000])
@pytest.mark.parametrize("level", [1e-300, 1e-6, 1.0, 1e9])
def test_root_mean_square_is_that_of_the_exact_sum(
    rng: np.random.Generator, n_samples: int, level: float
) -> None:
    waveform = rng.standard_normal(n_samples)
    wanted = math.sqrt(math.fsum(x * x for x in waveform.tolist()) / n_samples)
    assert root_mean_square(waveform * level) == pytest.approx(
        wanted * level, rel=2e-6 if n_samples < 9 else 2e-7, abs=0.0
    )


def test_order_of_samples_makes_no_difference(rng: np.random.Generator) -> None:
    waveform = rng.standard_normal(16_000)
    assert (
        root_mean_square(waveform)
        == root_mean_square(waveform[::-1])
        == root_mean_square(np.sort(waveform))
    )


def test_silence_and_nothing_have_no_power() -> None:
    for waveform in (np.zeros(5), np.zeros(0)):
        assert root_mean_square(waveform) == 0.0
        assert absolute_peak(waveform) == 0.0
    assert absolute_peak(np.array([0.25, -0.5])) == 0.5
