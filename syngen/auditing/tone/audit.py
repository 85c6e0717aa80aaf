"""The audit of a recipe: every part of it, and one report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen._threads import single_threaded
from syngen.auditing.report import AuditReport
from syngen.auditing.tables import markdown_table, shown
from syngen.auditing.tone.audibility import Audibility, measure_audibility
from syngen.auditing.tone.collisions import TimbrePair, nearest_timbres
from syngen.auditing.tone.contexts import AuditRenderer, Context, ContextKind, draw_contexts
from syngen.auditing.tone.factor_metrics import descriptors_of
from syngen.auditing.tone.separability import SeparabilityResult, probe_factor
from syngen.errors import EngineError, ParameterError

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.auditing.signals import SignalTally
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["RecipeAudit", "audit"]

_KINDS: tuple[ContextKind, ...] = ("random", "corner")


@dataclass(frozen=True)
class RecipeAudit(AuditReport):
    """Whether the factors of a recipe can be heard, and its waveforms are sound.

    Attributes
    ----------
    recipe : str
    contexts : int
        Of each kind.
    seed : int
        Of the contexts and of the probes.
    audibility : tuple of Audibility
        A row per factor and kind of context.
    probes : tuple of ProbeResult
        A row per factor, at its hardest corner.
    nearest_timbres : TimbrePair or None
        None where there are no two timbres to compare.
    signals : SignalTally
        Levels and defects of everything that was rendered for `audibility`.
    undescribed : tuple of str
        Factors that have no descriptor: nothing is said of them.
    unprobed : tuple of str
        Factors of which too few clips can be made to train a probe.
    is_drawn : bool
        Whether the recipe draws nuisances or noise.
    """

    recipe: str
    contexts: int
    seed: int
    audibility: tuple[Audibility, ...]
    probes: tuple[SeparabilityResult, ...]
    nearest_timbres: TimbrePair | None
    signals: SignalTally
    undescribed: tuple[str, ...]
    unprobed: tuple[str, ...]
    is_drawn: bool

    @property
    def problems(self) -> list[str]:
        """Everything that falls short; empty when the audit is passed."""
        found = [problem for row in self.audibility for problem in row.problems]
        found += [problem for probe in self.probes for problem in probe.problems]
        if self.nearest_timbres is not None:
            found += self.nearest_timbres.problems
        return [*found, *self.signals.problems]

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        parts = [
            f"# Audit of {self.recipe}\n",
            (
                f"{self.contexts:,} random and {self.contexts:,} corner contexts, seed {self.seed}: "
                f"{'passed' if self.passed else 'FAILED'}."
            ),
            "\n## Audibility: changes by one level\n",
            self._audibility_table(),
        ]
        if not self.is_drawn:
            parts.append("\nThe recipe draws no nuisance and no noise: two draws are the same waveform.")
        if self.undescribed:
            parts.append(f"\nNo descriptor: {', '.join(self.undescribed)}.")
        parts += ["\n## Probes at the hardest corners\n", self._probe_table()]
        if self.unprobed:
            parts.append(f"\nToo few clips for a probe: {', '.join(self.unprobed)}.")
        parts.append("\n## Waveforms\n")
        parts += [f"- {line}" for line in self._facts()]
        if not self.passed:
            parts += ["\n## Problems\n", *(f"- {problem}" for problem in self.problems)]
        return "\n".join(parts) + "\n"

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

    def _facts(self) -> list[str]:
        tally, pair = self.signals, self.nearest_timbres
        facts = [
            (
                f"{tally.n_observations:,} rendered: {len(tally.silent)} silent, {len(tally.clipped)} "
                f"clipped, {len(tally.offset)} with an offset"
            ),
            (
                f"level {tally.quietest_db:.1f} to {tally.loudest_db:.1f} dBFS, highest peak "
                f"{tally.highest_peak:.3f}, largest offset {tally.largest_offset_db:.0f} dB of the RMS"
            ),
        ]
        if pair is not None:
            facts.append(
                f"nearest timbres: {pair.first} and {pair.second} at {pair.frequency:.5g} Hz, "
                f"distance {pair.distance:.3f}"
            )
        return facts


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
    ParameterError
        If there is no context.
    """
    if contexts < 1:
        raise ParameterError(f"contexts is {contexts}; at least 1 is needed")
    descriptors = descriptors_of(resolved.synthesizer.name)
    if resolved.audio.duration is None:
        raise EngineError(f"{resolved.name}: only observations of one length can be audited")
    rng = np.random.default_rng(seed)
    renderer = AuditRenderer(resolved)
    chosen: dict[ContextKind, list[Context]] = {
        kind: draw_contexts(resolved, kind, contexts, rng) for kind in _KINDS
    }
    heard = measure_audibility(renderer, chosen, descriptors, progress=progress)
    hardest = {row.factor: row.worst[0] for row in heard.rows if row.kind == "corner"}
    probed = {
        name: probe_factor(renderer, resolved.grid[name], index, rng) for name, index in hardest.items()
    }
    return RecipeAudit(
        recipe=resolved.name,
        contexts=contexts,
        seed=seed,
        audibility=heard.rows,
        probes=tuple(probe for probe in probed.values() if probe is not None),
        nearest_timbres=nearest_timbres(resolved.request, renderer.recipe_context),
        signals=heard.tally,
        undescribed=tuple(name for name in resolved.grid if name not in descriptors),
        unprobed=tuple(name for name, probe in probed.items() if probe is None),
        is_drawn=renderer.is_drawn,
    )
