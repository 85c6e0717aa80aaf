"""Equal error rates of pairs of rows of unseen speakers."""

from __future__ import annotations

import numpy as np
import pytest

from syngen.evaluation.probes.folds import group_folds
from syngen.evaluation.probes.trials import equal_error_rate, verify_unseen


def test_equal_error_rate_is_where_the_roc_meets_the_diagonal(rng: np.random.Generator) -> None:
    is_same = rng.random(4_000) < 0.3
    scores = rng.standard_normal(4_000) + 1.5 * is_same
    accepted = scores >= np.sort(scores)[:, np.newaxis]  # at each threshold
    alarms, misses = accepted[:, ~is_same].mean(axis=1), 1.0 - accepted[:, is_same].mean(axis=1)
    nearest = np.argmin(np.abs(alarms - misses))
    found = equal_error_rate(scores, is_same)
    assert found == pytest.approx((alarms[nearest] + misses[nearest]) / 2.0, abs=2e-3)
    assert found == pytest.approx(0.2266, abs=0.02)  # the normal tail above half the distance


@pytest.mark.parametrize(("scores", "rate"), [([1.0, 0.0], 0.0), ([0.0, 1.0], 1.0), ([1.0, 1.0], 0.5)])
def test_extremes_and_ties(scores: list[float], rate: float) -> None:
    assert equal_error_rate(np.array(scores), np.array([True, False])) == pytest.approx(rate)


@pytest.fixture
def crossed() -> tuple[np.ndarray, np.ndarray]:
    """20 speakers saying 15 texts."""
    speakers, texts = np.meshgrid(np.arange(20), np.arange(15), indexing="ij")
    return speakers.ravel(), texts.ravel()


def test_voices_that_lie_in_a_space_are_told_apart_when_unseen(
    crossed: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    speakers, texts = crossed
    voices = rng.standard_normal((20, 8))
    x = np.hstack([voices[speakers], 2.0 * rng.standard_normal((15, 8))[texts]])
    x += 0.1 * rng.standard_normal(x.shape)
    folds = group_folds(speakers, 5, rng)
    found = verify_unseen(x @ rng.standard_normal((16, 16)), speakers, texts, folds, rng)
    assert found.eer < 0.05
    assert found.eer_unprojected > found.eer + 0.1
    assert found.n_trials == 5 * (60 * 59 // 2 - 15 * 6)
    assert len(found.folds) == 5


def test_noise_and_texts_tell_no_speaker(
    crossed: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    speakers, texts = crossed
    folds = group_folds(speakers, 5, rng)
    for x in (rng.standard_normal((300, 6)), rng.standard_normal((15, 6))[texts]):
        assert verify_unseen(x, speakers, texts, folds, rng).eer == pytest.approx(0.5, abs=0.06)
