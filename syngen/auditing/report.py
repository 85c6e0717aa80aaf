"""What every report of an audit says: its problems, and whether it is passed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["AuditReport"]


@dataclass(frozen=True)
class AuditReport(ABC):
    """The report of an audit. What derives from it is a dataclass."""

    @property
    @abstractmethod
    def problems(self) -> list[str]:
        """Everything that falls short; empty when the audit is passed."""

    @abstractmethod
    def to_markdown(self) -> str:
        """Return the report as Markdown."""

    @property
    def passed(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def to_dict(self) -> Json:
        """Return the report as plain data."""
        return {**asdict(self), "passed": self.passed, "problems": self.problems}
