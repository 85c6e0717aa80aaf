"""What an audit of leakage says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syngen.auditing.report import AuditReport
from syngen.figures.reporting import markdown_table

if TYPE_CHECKING:
    from syngen._typing import Json
    from syngen.auditing.leakage.probing import ProbeScore

__all__ = ["MAX_EXCESS", "SIGNIFICANCE", "LeakageAudit", "LeakageTest", "Revealed"]

MAX_EXCESS = 0.03
"""Accuracy above chance that is no leak."""
SIGNIFICANCE = 0.05
"""Of all tests of an audit together, by Holm's correction."""


@dataclass(frozen=True)
class LeakageTest:
    """What something that should know nothing tells of one factor.

    Attributes
    ----------
    source : str
        What is probed: a kind of silence, a nuisance or another factor.
    factor : str
        What it is asked for.
    n_levels : int
        Classes; an ordered factor of more than ten levels has ten.
    n_left_out : int
        Observations without enough silence.
    score : ProbeScore
        Accuracy, chance, interval.
    p_holm : float
        That chance alone makes any test of the audit as good, by Holm's correction.
    """

    source: str
    factor: str
    n_levels: int
    n_left_out: int
    score: ProbeScore
    p_holm: float

    @property
    def excess(self) -> float:
        """Accuracy above chance."""
        return self.score.accuracy - self.score.chance

    @property
    def problems(self) -> tuple[str, ...]:
        """A line if it tells more than it may."""
        if self.excess <= MAX_EXCESS or self.p_holm >= SIGNIFICANCE:
            return ()
        score = self.score
        line = (
            f"{self.factor} leaks into {self.source}: it is told right in {score.accuracy:.3f} of "
            f"{score.n:,} observations (95 %: {score.low:.3f} to {score.high:.3f}), by chance in "
            f"{score.chance:.3f}; at most {MAX_EXCESS:g} more is allowed"
        )
        return (line,)


@dataclass(frozen=True)
class Revealed:
    """What one number of an observation tells of a factor; never a problem.

    Attributes
    ----------
    measure : str
        As ``length``.
    factor : str
    n_levels : int
    score : ProbeScore
    """

    measure: str
    factor: str
    n_levels: int
    score: ProbeScore


@dataclass(frozen=True, kw_only=True)
class LeakageAudit(AuditReport):
    """Whether silence, nuisances and independent factors tell anything of the factors.

    Attributes
    ----------
    dataset : str
        Name of the recipe.
    n_observations : int
        That were looked at.
    n_draws : int
        Seeds that they were drawn with: more than one where the recipe has too few observations.
    tests : tuple of LeakageTest
        What is judged.
    revealed : tuple of Revealed
        What is not.
    stated : tuple of str
        Pairs of factors that depend on each other because the recipe says so.
    unprobed : tuple of str
        What could not be looked at, and why.

    See Also
    --------
    AuditReport : `seed` and what every report says.
    """

    dataset: str
    n_observations: int
    n_draws: int
    tests: tuple[LeakageTest, ...]
    revealed: tuple[Revealed, ...]
    stated: tuple[str, ...]
    unprobed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether something was judged, and no problem found."""
        return bool(self.tests) and super().passed

    @property
    def verdict(self) -> str:
        """``passed``, ``FAILED``, or that there is nothing to judge."""
        return super().verdict if self.tests else "nothing to judge"

    def to_dict(self) -> Json:
        """Return the report as plain data."""
        content = super().to_dict()
        for entry, test in zip(content["tests"], self.tests, strict=True):
            entry.update(excess=test.excess, leaks=bool(test.problems))
        return {**content, "verdict": self.verdict, "max_excess": MAX_EXCESS, "significance": SIGNIFICANCE}

    def _findings(self) -> tuple[LeakageTest, ...]:
        return self.tests

    def _sections(self) -> Iterator[str]:
        draws = f", drawn with {self.n_draws} seeds" if self.n_draws > 1 else ""
        yield f"# Leakage of {self.dataset}\n"
        yield f"{self.n_observations:,} observations{draws}; seed {self.seed}: {self.verdict}."
        if self.tests:
            yield "\n## What should know nothing\n"
            yield self._test_table()
            yield (
                f"\nA leak is an accuracy of more than {MAX_EXCESS:g} above chance that is significant "
                f"after Holm's correction of {len(self.tests)} tests (p < {SIGNIFICANCE:g}). The level is "
                "removed from silence; texts, or speakers, are others than those that were learned from."
            )
        if self.stated:
            yield f"\nTied to each other by the recipe, and not judged: {'; '.join(self.stated)}."
        if self.unprobed:
            yield "\nNot probed:\n"
            yield from (f"- {what}" for what in self.unprobed)
        if self.revealed:
            yield "\n## What one number tells, not judged\n"
            yield self._revealed_table()
            yield "\nAccuracy, and by chance."

    def _test_table(self) -> str:
        header = [
            "probed",
            "factor",
            "levels",
            "n",
            "left out",
            "accuracy",
            "95 %",
            "chance",
            "p (Holm)",
            "",
        ]
        rows = [
            [
                *(test.source, test.factor, str(test.n_levels), f"{test.score.n:,}"),
                *(f"{test.n_left_out:,}", f"{test.score.accuracy:.3f}"),
                *(f"{test.score.low:.3f} to {test.score.high:.3f}", f"{test.score.chance:.3f}"),
                *(f"{test.p_holm:.2g}", "leaks" if test.problems else "passes"),
            ]
            for test in self.tests
        ]
        return markdown_table(header, rows)

    def _revealed_table(self) -> str:
        measures = list(dict.fromkeys(row.measure for row in self.revealed))
        scores = {(row.factor, row.measure): row.score for row in self.revealed}
        levels = {row.factor: row.n_levels for row in self.revealed}
        rows = [
            [factor, str(n_levels), *(_shown(scores.get((factor, measure))) for measure in measures)]
            for factor, n_levels in levels.items()
        ]
        return markdown_table(["factor", "levels", *measures], rows)


def _shown(score: ProbeScore | None) -> str:
    return "-" if score is None else f"{score.accuracy:.3f} ({score.chance:.3f})"
