"""The audit of a recipe: every part of it, and one report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen._threads import single_threaded
from syngen.auditing.report import Judged, SignalAudit
from syngen.auditing.tone.audibility import Audibility, measure_audibility
from syngen.auditing.tone.collisions import TimbrePair, nearest_timbres
from syngen.auditing.tone.contexts import AuditRenderer, ContextKind, draw_contexts
from syngen.auditing.tone.factor_metrics import descriptors_of
from syngen.auditing.tone.separability import SeparabilityResult, probe_factor
from syngen.errors import EngineError
from syngen.figures.reporting import markdown_table, shown

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["RecipeAudit", "audit"]

_KINDS: tuple[ContextKind, ...] = ("random", "corner")


@dataclass(frozen=True, kw_only=True)
class RecipeAudit(SignalAudit):
    """Whether the factors of a recipe can be heard, and its waveforms are sound.

    Attributes
    ----------
    recipe : str
    contexts : int
        Of each kind.
    audibility : tuple of Audibility
        A row per factor and kind of context.
    probes : tuple of SeparabilityResult
        A row per factor, at its hardest corner.
    nearest_timbres : TimbrePair or None
        None where there are no two timbres to compare.
    undescribed : tuple of str
        Factors that have no descriptor: nothing is said of them.
    unprobed : tuple of str
        Factors of which too few clips can be made to train a probe.
    is_drawn : bool
        Whether the recipe draws nuisances or noise.

    See Also
    --------
    SignalAudit : `seed`, `signals` and what every report says.
    """

    recipe: str
    contexts: int
    audibility: tuple[Audibility, ...]
    probes: tuple[SeparabilityResult, ...]
    nearest_timbres: TimbrePair | None
    undescribed: tuple[str, ...]
    unprobed: tuple[str, ...]
    is_drawn: bool

    def _findings(self) -> list[Judged]:
        pair = self.nearest_timbres
        return [*self.audibility, *self.probes, *([] if pair is None else [pair])]

    def _sections(self) -> Iterator[str]:
        yield f"# Audit of {self.recipe}\n"
        yield (
            f"{self.contexts:,} random and {self.contexts:,} corner contexts, seed {self.seed}: "
            f"{self.verdict}."
        )
        yield "\n## Audibility: changes by one level\n"
        yield self._audibility_table()
        if not self.is_drawn:
            yield "\nThe recipe draws no nuisance and no noise: two draws are the same waveform."
        if self.undescribed:
            yield f"\nNo descriptor: {', '.join(self.undescribed)}."
        yield "\n## Probes at the hardest corners\n"
        yield self._probe_table()
        if self.unprobed:
            yield f"\nToo few clips for a probe: {', '.join(self.unprobed)}."
        yield "\n## Waveforms\n"
        yield from (f"- {fact}" for fact in self.signals.facts)
        if self.nearest_timbres is not None:
            yield f"- {self.nearest_timbres.fact}"

    def _audibility_table(self) -> str:
        header = ["factor", "contexts", "n", "unit", "smallest change", "1 %", "median", "needed"]
        header += ["nuisance median", "nuisance largest", "smallest ratio", ""]
        rows = [
            [
                *(row.factor, row.kind, f"{row.n_contexts:,}", row.unit),
                *map(shown, (row.smallest, row.first_percentile, row.median, row.threshold)),
                *map(shown, (row.nuisance_median, row.nuisance_largest, row.smallest_ratio)),
                "fails" if row.problems else "passes",
            ]
            for row in self.audibility
        ]
        return markdown_table(header, rows)

    def _probe_table(self) -> str:
        header = ["factor", "index", "levels", "trained on", "tested on", "varied", "found", "chance", ""]
        rows = [
            [
                *(probe.factor, str(probe.index), str(len(probe.levels))),
                *(str(probe.n_train), str(probe.n_test), probe.varied),
                *(f"{probe.accuracy:.3f}", f"{probe.chance:.2f}"),
                "fails" if probe.problems else "passes",
            ]
            for probe in self.probes
        ]
        return markdown_table(header, rows)


@single_threaded()
def audit(
    resolved: ResolvedRecipe, *, contexts: int, seed: int, progress: Progress | None = None
) -> RecipeAudit:
    """Audit a recipe.

    Parameters
    ----------
    resolved : ResolvedRecipe
        Of a synthesizer that has descriptors, all observations of one length.
    contexts : int
        Random contexts, and as many corners.
    seed : int
    progress : callable, optional
        Called with a `ProgressUpdate` about contexts.

    Raises
    ------
    EngineError
        If the synthesizer has no descriptors.
    """
    descriptors = descriptors_of(resolved.synthesizer.name)
    if resolved.audio.duration is None:
        raise EngineError(f"{resolved.name}: only observations of one length can be audited")
    rng = np.random.default_rng(seed)
    renderer = AuditRenderer(resolved)
    chosen = [context for kind in _KINDS for context in draw_contexts(resolved, kind, contexts, rng)]
    audibility, tally = measure_audibility(renderer, chosen, descriptors, progress=progress)
    hardest = {row.factor: row.worst[0] for row in audibility if row.kind == "corner"}
    probed = {
        name: probe_factor(renderer, resolved.grid[name], index, rng) for name, index in hardest.items()
    }
    return RecipeAudit(
        recipe=resolved.name,
        contexts=contexts,
        seed=seed,
        audibility=audibility,
        probes=tuple(probe for probe in probed.values() if probe is not None),
        nearest_timbres=nearest_timbres(resolved.request, renderer.recipe_context),
        signals=tally,
        undescribed=tuple(name for name in resolved.grid if name not in descriptors),
        unprobed=tuple(name for name, probe in probed.items() if probe is None),
        is_drawn=renderer.is_drawn,
    )
