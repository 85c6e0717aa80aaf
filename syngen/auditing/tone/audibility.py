"""Whether each factor of a recipe can be heard everywhere: the smallest change against a new draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen._typing import ProgressUpdate
from syngen.auditing.signals import SignalTally
from syngen.auditing.tone.factor_metrics import MIN_RATIO
from syngen.dsp.level import dequantise

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.auditing.tone.contexts import AuditRenderer, Context, ContextKind
    from syngen.auditing.tone.factor_metrics import FactorMetric

__all__ = ["Audibility", "measure_audibility"]

_WORST_KEPT = 2


@dataclass(frozen=True)
class Audibility:
    """How audible one factor is, in contexts of one kind.

    Attributes
    ----------
    factor, kind, unit : str
    n_contexts : int
        In which a neighbour exists.
    smallest, first_percentile, median : float
        Changes by one level, in `unit`.
    nuisance_median, nuisance_largest : float
        Distances between two draws of the nuisances in one context.
    smallest_ratio : float or None
        Smallest change over the nuisance distance of the same context; None where no draw differs.
    threshold : float
        Change that is needed.
    worst : tuple of int
        Indices of the contexts in which the factor is hardest to hear, the hardest first.
    """

    factor: str
    kind: str
    unit: str
    n_contexts: int
    smallest: float
    first_percentile: float
    median: float
    nuisance_median: float
    nuisance_largest: float
    smallest_ratio: float | None
    threshold: float
    worst: tuple[int, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What falls short."""
        where = f"{self.factor}, {self.kind} contexts"
        found = []
        if self.smallest < self.threshold:
            found.append(
                f"{where}: the smallest change by one level is {self.smallest:.3g} {self.unit}, "
                f"less than {self.threshold:g}; worst at index {self.worst[0]}"
            )
        if self.smallest_ratio is not None and self.smallest_ratio < MIN_RATIO:
            found.append(
                f"{where}: the smallest change is {self.smallest_ratio:.3g} times the distance between "
                f"two draws of the nuisances, less than {MIN_RATIO}; worst at index {self.worst[0]}"
            )
        return tuple(found)


def measure_audibility(
    renderer: AuditRenderer,
    contexts: Sequence[Context],
    descriptors: Mapping[str, FactorMetric],
    *,
    progress: Progress | None = None,
) -> tuple[tuple[Audibility, ...], SignalTally]:
    """Measure every factor with a descriptor in every context.

    Parameters
    ----------
    renderer : AuditRenderer
    contexts : sequence of Context
    descriptors : mapping of str to FactorMetric
    progress : callable, optional
        Called with a `ProgressUpdate` about contexts.

    Returns
    -------
    rows : tuple of Audibility
        A row per factor and kind of context.
    tally : SignalTally
        Levels and defects of everything that was rendered.
    """
    tally = SignalTally()
    measured: dict[tuple[str, ContextKind], list[tuple[float, float, int]]] = {}
    for done, context in enumerate(contexts, 1):
        for factor, change, nuisance in _measure(renderer, context, descriptors, tally):
            found = measured.setdefault((factor, context.kind), [])
            found.append((change, nuisance, context.index))
        if progress is not None:
            audio_s = tally.n_observations * renderer.recipe_context.duration_s
            progress(ProgressUpdate(done, len(contexts), audio_s))
    order = {name: place for place, name in enumerate(renderer.resolved.grid.names)}
    rows = (
        _summary(factor, kind, found, descriptors[factor], is_drawn=renderer.is_drawn)
        for (factor, kind), found in measured.items()
    )
    return tuple(sorted(rows, key=lambda row: order[row.factor])), tally


def _measure(
    renderer: AuditRenderer, context: Context, descriptors: Mapping[str, FactorMetric], tally: SignalTally
) -> Iterator[tuple[str, float, float]]:
    neighbours = {name: index for name, index in context.neighbours.items() if name in descriptors}
    rendered = renderer.render([context.index, *neighbours.values()])
    redrawn = renderer.render([context.index], draw=1) if renderer.is_drawn else []
    for one in (*rendered, *redrawn):
        tally.add(one.index, dequantise(one.pcm))
    here, *rest = renderer.analyses(context.index, [*rendered, *redrawn])
    for name, there in zip(neighbours, rest, strict=False):
        distance = descriptors[name].distance
        yield name, distance(here, there), distance(here, rest[-1]) if redrawn else 0.0


def _summary(
    factor: str,
    kind: str,
    found: list[tuple[float, float, int]],
    descriptor: FactorMetric,
    *,
    is_drawn: bool,
) -> Audibility:
    changes, nuisances, indices = map(np.array, zip(*found, strict=True))
    ratios = changes / np.maximum(nuisances, 1e-12)
    hardest = np.argsort(ratios if is_drawn else changes, kind="stable")[:_WORST_KEPT]
    return Audibility(
        factor=factor,
        kind=kind,
        unit=descriptor.unit,
        n_contexts=len(found),
        smallest=float(changes.min()),
        first_percentile=float(np.percentile(changes, 1)),
        median=float(np.median(changes)),
        nuisance_median=float(np.median(nuisances)),
        nuisance_largest=float(nuisances.max()),
        smallest_ratio=float(ratios.min()) if is_drawn else None,
        threshold=descriptor.threshold,
        worst=tuple(indices[hardest].tolist()),
    )
