"""Probes trained at the hardest contexts: whether the levels of a factor can be told apart there at all.

The discriminant is not scikit-learn's, which shrinks a covariance of each level, not the one that they
share: it takes longer, and finds no level where all clips of one are alike to the last bit.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.auditing.tone.contexts import moved
from syngen.auditing.tone.factor_metrics import features

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray
    from syngen.auditing.tone.contexts import AuditRenderer
    from syngen.factors import Factor

__all__ = ["MIN_ACCURACY", "SeparabilityResult", "probe_factor", "told_apart"]

MIN_ACCURACY = 0.98
"""Share of the held-out clips whose level must be found."""
N_CLIPS = 40
"""Clips per level for training, and as many for the test."""
_MAX_LEVELS = 5
_FEWEST_CLIPS = 8
_ENOUGH_CLIPS = 16
_MOST_AROUND = 100_000
_LEAST_VARIANCE = 1e-12
_LEAST_SPREAD = 1e-3  # in dB, cents or full scale: less is rounding, and is not blown up


@dataclass(frozen=True)
class SeparabilityResult:
    """How well a probe tells the levels of a factor apart at one context.

    Attributes
    ----------
    factor : str
    index : int
        The context.
    levels : tuple of int
        Levels told apart: all, or the nearest five.
    n_train, n_test : int
        Clips in all.
    accuracy : float
        On the test clips.
    varied : {"nuisances", "other factors"}
        What differs between clips of one level.
    """

    factor: str
    index: int
    levels: tuple[int, ...]
    n_train: int
    n_test: int
    accuracy: float
    varied: str

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1.0 / len(self.levels)

    @property
    def problems(self) -> tuple[str, ...]:
        """A line if the probe fails."""
        if self.accuracy > MIN_ACCURACY:
            return ()
        return (
            (
                f"{self.factor}: a probe trained at index {self.index} finds {self.accuracy:.3f} "
                f"of the levels (chance {self.chance:.2f}); more than {MIN_ACCURACY} is needed"
            ),
        )


def probe_factor(
    renderer: AuditRenderer, factor: Factor, index: int, rng: np.random.Generator
) -> SeparabilityResult | None:
    """Train a probe at one context and test it there.

    Clips of a level have all other factors where the context has them, and nuisances and noise drawn anew.
    A recipe that draws nothing has one clip per level and context; there the other ordered factors vary
    instead, over as few of the nearest levels as give enough clips, nominal ones too if that is not enough,
    and each clip is analysed in its own frame.

    Parameters
    ----------
    renderer : AuditRenderer
    factor : Factor
        More than five levels: the five around the context's are told apart.
    index : int
        Grid point of the context.
    rng : numpy.random.Generator
        Chooses among the other factors' levels, and which clips are for the test.

    Returns
    -------
    SeparabilityResult or None
        None where nothing is drawn and the other factors have fewer than eight combinations.
    """
    grid = renderer.resolved.grid
    levels = _nearest(factor, int(grid.levels_of([index])[0][grid.position(factor.name)]))
    if renderer.is_drawn:
        groups = _redrawn_clips(renderer, factor, index, levels)
    else:
        groups = _varied_clips(renderer, factor, index, levels, rng)
    n_clips = len(groups[0])
    if n_clips < _FEWEST_CLIPS:
        return None
    order = rng.permutation(n_clips)
    train, test = order[: n_clips // 2], order[n_clips // 2 :]
    accuracy = told_apart([group[train] for group in groups], [group[test] for group in groups])
    return SeparabilityResult(
        factor=factor.name,
        index=index,
        levels=tuple(levels),
        n_train=len(train) * len(levels),
        n_test=len(test) * len(levels),
        accuracy=accuracy,
        varied="nuisances" if renderer.is_drawn else "other factors",
    )


def _nearest(factor: Factor, level: int) -> list[int]:
    if not factor.is_ordered or factor.size <= _MAX_LEVELS:
        return list(range(factor.size))
    first = min(max(0, level - _MAX_LEVELS // 2), factor.size - _MAX_LEVELS)
    return list(range(first, first + _MAX_LEVELS))


def _redrawn_clips(
    renderer: AuditRenderer, factor: Factor, index: int, levels: list[int]
) -> list[FloatArray]:
    points = moved(renderer.resolved.grid, factor, index, levels)
    n_places = len(renderer.frame(index).places)
    # draws 0 and 1 chose this context as a hard one; these are others
    draws = (renderer.render(points, draw=2 + n) for n in range(2 * N_CLIPS))
    return _by_level([[features(a, n_places) for a in renderer.analyses(index, draw)] for draw in draws])


def _varied_clips(
    renderer: AuditRenderer, factor: Factor, index: int, levels: list[int], rng: np.random.Generator
) -> list[FloatArray]:
    around = _surroundings(renderer, factor, index)
    bases = around[rng.permutation(len(around))[: 2 * N_CLIPS]].tolist()
    n_places = min(len(renderer.frame(base).places) for base in bases)
    grid = renderer.resolved.grid
    clips = ((base, renderer.render(moved(grid, factor, base, levels))) for base in bases)
    return _by_level(
        [[features(a, n_places) for a in renderer.analyses(base, some)] for base, some in clips]
    )


def _by_level(clips: list[list[FloatArray]]) -> list[FloatArray]:
    """Turn features listed by draw and level into one array of shape (n_draws, n_features) a level."""
    n_features = min(len(vector) for some in clips for vector in some)
    return [np.stack([vector[:n_features] for vector in some]) for some in zip(*clips, strict=True)]


def _surroundings(renderer: AuditRenderer, factor: Factor, index: int) -> IntArray:
    """Return grid points with other levels of the other factors, no farther away than needed.

    Nominal factors move only where ordered ones have too few levels.
    """
    grid = renderer.resolved.grid
    here = grid.levels_of([index])[0].tolist()
    for moves_nominal in (False, True):
        for radius in range(1, max(grid.sizes) + 1):
            ranges = [
                _levels_around(
                    other, level, 0 if other.name == factor.name else radius, nominal=moves_nominal
                )
                for other, level in zip(grid.factors, here, strict=True)
            ]
            n_points = math.prod(map(len, ranges))
            if n_points >= 2 * N_CLIPS:
                break
        if n_points >= _ENOUGH_CLIPS:
            break
    return grid.indices_of(list(itertools.islice(itertools.product(*ranges), _MOST_AROUND)))


def _levels_around(factor: Factor, level: int, radius: int, *, nominal: bool) -> range:
    if radius and factor.is_ordered:
        return range(max(0, level - radius), min(factor.size, level + radius + 1))
    if radius and nominal:
        return range(factor.size)
    return range(level, level + 1)


def told_apart(train: list[FloatArray], test: list[FloatArray]) -> float:
    """Return how often a linear discriminant finds the level of a test clip, its covariance shrunken.

    Parameters
    ----------
    train, test : list of ndarray of float64, shape (n_clips, n_features)
        Clips of each level.

    Returns
    -------
    float
        From 0 to 1.

    References
    ----------
    O. Ledoit, M. Wolf: "A well-conditioned estimator for large-dimensional covariance matrices", Journal
    of Multivariate Analysis 88 (2004), 365-411.
    """
    from sklearn.covariance import ledoit_wolf

    means = np.stack([group.mean(axis=0) for group in train])
    within = np.concatenate([group - mean for group, mean in zip(train, means, strict=True)])
    scale = within.std(axis=0) + _LEAST_SPREAD
    centres = means / scale
    covariance, _ = ledoit_wolf(within / scale, assume_centered=True)
    covariance[np.diag_indices_from(covariance)] += _LEAST_VARIANCE
    directions = np.linalg.solve(covariance, centres.T)
    offsets = 0.5 * np.sum(centres.T * directions, axis=0)
    hits = [
        np.argmax(group / scale @ directions - offsets, axis=1) == level for level, group in enumerate(test)
    ]
    return float(np.mean(np.concatenate(hits)))
