"""Contexts of an audit: grid points, neighbours one level away, and their waveforms under a draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from syngen.auditing.tone.analysis import Analysis
from syngen.auditing.tone.recipe_context import ObservationContext, RecipeContext
from syngen.errors import FactorError
from syngen.resolving.rendering import Rendering
from syngen.sampling import Sampling

if TYPE_CHECKING:
    from syngen._typing import IntArray, Value
    from syngen.factors import Factor, FactorGrid
    from syngen.resolving.rendering import Rendered
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["AuditRenderer", "Context", "ContextKind", "draw_contexts", "moved"]

ContextKind = Literal["random", "corner"]
_TRIES = 200
_SEEDS = 2**63


@dataclass(frozen=True)
class Context:
    """A grid point and, by factor, a neighbour.

    Attributes
    ----------
    kind : {"random", "corner"}
    index : int
        The grid point.
    neighbours : dict of str to int
        Grid point that differs in one factor: by one level where the factor is ordered, else by any.
    """

    kind: ContextKind
    index: int
    neighbours: dict[str, int]


def draw_contexts(
    resolved: ResolvedRecipe, kind: ContextKind, n: int, rng: np.random.Generator
) -> list[Context]:
    """Draw contexts of a recipe, with neighbours where ``where`` and ``exclude`` leave any.

    Random contexts follow the recipe's sampling, correlations included. Corners have every ordered factor
    at its first or last level, and nominal ones anywhere.

    Raises
    ------
    FactorError
        If hardly a point is accepted.
    """
    grid = resolved.grid
    sizes = np.array(grid.sizes)
    # a correlation makes points rare; a condition makes them impossible
    sampling = resolved.sampling if kind == "random" else replace(resolved.sampling, correlations=())
    found = np.empty(0, dtype=np.int64)
    for _ in range(_TRIES):
        levels = rng.integers(sizes, size=(max(256, 4 * n), len(sizes)))
        if kind == "corner":
            ordered = np.array([factor.is_ordered for factor in grid.factors])
            ends = np.where(rng.random(levels.shape) < 0.5, 0, sizes - 1)
            levels = np.where(ordered, ends, levels)
        indices = grid.indices_of(levels)
        found = np.concatenate([found, indices[_accepted(resolved, sampling, indices)]])
        if len(found) >= n:
            break
    else:
        raise FactorError(
            f"only {len(found)} of {_TRIES * max(256, 4 * n)} {kind} points of {resolved.name} are "
            "accepted; relax where, exclude or correlations"
        )
    possible = replace(resolved.sampling, correlations=())
    return [
        Context(kind, int(index), dict(_neighbours(resolved, possible, int(index), rng)))
        for index in found[:n]
    ]


def _accepted(
    resolved: ResolvedRecipe, sampling: Sampling, indices: IntArray
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    grid = resolved.grid
    levels = grid.levels_of(indices)
    return sampling.accepts(indices, levels, sizes=grid.sizes, seed=resolved.recipe.seed)


def _neighbours(
    resolved: ResolvedRecipe, sampling: Sampling, index: int, rng: np.random.Generator
) -> Iterator[tuple[str, int]]:
    grid = resolved.grid
    levels = grid.levels_of([index])[0]
    for position, factor in enumerate(grid.factors):
        candidates = _other_levels(factor, int(levels[position]))
        if not candidates:
            continue
        indices = moved(grid, factor, index, candidates)
        indices = indices[_accepted(resolved, sampling, indices)]
        if len(indices):
            yield factor.name, int(rng.choice(indices))


def moved(grid: FactorGrid, factor: Factor, index: int, levels: list[int]) -> IntArray:
    """Return the grid point of each level of a factor, all else as at `index`."""
    points = np.tile(grid.levels_of([index])[0], (len(levels), 1))
    points[:, grid.position(factor.name)] = levels
    return grid.indices_of(points)


def _other_levels(factor: Factor, level: int) -> list[int]:
    if factor.is_ordered:
        return [near for near in (level - 1, level + 1) if 0 <= near < factor.size]
    return [other for other in range(factor.size) if other != level]


class AuditRenderer:
    """Renders and analyses observations of a recipe under any draw of nuisances and noise.

    Parameters
    ----------
    resolved : ResolvedRecipe
        Of the tone synthesizer, all observations of one length.
    """

    def __init__(self, resolved: ResolvedRecipe) -> None:
        self.resolved = resolved
        self.recipe_context = RecipeContext.of(resolved.request)
        self._kept: dict[int, Rendering] = {}

    @cached_property
    def is_drawn(self) -> bool:
        """Whether another draw gives another waveform."""
        return bool(self.resolved.nuisances) or "snr" in self.resolved.request.parameters

    @cached_property
    def _given(self) -> dict[str, Value]:
        """Value of everything that is no factor; of a nuisance the highest, until one is drawn."""
        return {
            name: max(parameter.values, key=lambda value: (not isinstance(value, str), value))
            for name, parameter in self.resolved.request.parameters.items()
            if parameter.role != "factor"
        }

    def render(self, indices: IntArray | list[int], *, draw: int = 0) -> list[Rendered]:
        """Return observations; every `draw` but 0 is the recipe with another seed."""
        rendering = self._kept.get(draw)
        if rendering is None:
            rendering = Rendering(self._redrawn(draw))
            if draw < 2:
                self._kept[draw] = rendering
        return list(rendering.observations(np.asarray(indices, dtype=np.int64)))

    def _redrawn(self, draw: int) -> ResolvedRecipe:
        resolved = self.resolved
        seed = (resolved.recipe.seed + draw) % _SEEDS
        return replace(
            resolved,
            recipe=resolved.recipe.model_copy(update={"seed": seed}),
            request=replace(resolved.request, seed=seed),
        )

    def frame(self, index: int, rendered: Rendered | None = None) -> ObservationContext:
        """Return the frame of a context; of an observation's nuisances if some concern it."""
        drawn = {} if rendered is None else rendered.nuisances
        values = {**self._given, **self.resolved.grid.values_of(index), **drawn}
        return ObservationContext.of(self.recipe_context, values)

    def analyses(self, index: int, rendered: list[Rendered]) -> list[Analysis]:
        """Return analyses of observations as the frame of one context sees them.

        Where frequencies are so far apart that one frame cannot hold both, each has its own.
        """
        shared: dict[ObservationContext, ObservationContext] = {}
        result = []
        for one in rendered:
            frame = self.frame(index, one)
            own = self.frame(one.index, one)
            if not self.recipe_context.is_in_reach(frame.frequency, own.frequency):
                frame = own
            result.append(Analysis(shared.setdefault(frame, frame), one.pcm))
        return result
