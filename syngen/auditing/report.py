"""What every report of an audit says: its problems, and whether it is passed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

from syngen.auditing.signals import SignalTally

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["AuditReport", "Judged", "SignalAudit"]


class Judged(Protocol):
    """A finding that may fall short."""

    @property
    def problems(self) -> Sequence[str]:
        """What falls short, a line each; empty when all is well."""


@dataclass(frozen=True, kw_only=True)
class AuditReport(ABC):
    """The report of an audit. What derives from it is a dataclass.

    Attributes
    ----------
    seed : int
        Of everything that was drawn: contexts, rows, and what probes learn from.
    """

    seed: int

    @property
    def problems(self) -> list[str]:
        """Everything that falls short; empty when the audit is passed."""
        return [problem for finding in self._findings() for problem in finding.problems]

    @property
    def passed(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    @property
    def verdict(self) -> str:
        """``passed`` or ``FAILED``."""
        return "passed" if self.passed else "FAILED"

    def to_dict(self) -> Json:
        """Return the report as plain data."""
        return {**asdict(self), "passed": self.passed, "problems": self.problems}

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        parts = list(self._sections())
        if self.problems:
            parts += ["\n## Problems\n", *(f"- {problem}" for problem in self.problems)]
        return "\n".join(parts) + "\n"

    @abstractmethod
    def _findings(self) -> Sequence[Judged]:
        """Return what is judged."""

    @abstractmethod
    def _sections(self) -> Iterator[str]:
        """Yield the parts of the Markdown, the problems aside."""


@dataclass(frozen=True, kw_only=True)
class SignalAudit(AuditReport):
    """The report of an audit that judges waveforms too.

    Attributes
    ----------
    signals : SignalTally
        Levels and defects of everything that was rendered.

    See Also
    --------
    AuditReport : `seed` and what every report says.
    """

    signals: SignalTally

    @property
    def n_observations(self) -> int:
        """Observations that were looked at."""
        return self.signals.n_observations

    @property
    def problems(self) -> list[str]:
        """Everything that falls short; empty when the audit is passed."""
        return [*super().problems, *self.signals.problems]
