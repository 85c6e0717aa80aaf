"""Every exception that syngen raises on purpose, and the issue that a recipe error is made of.

A message says what was wrong, the offending value, what would be right, and the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "DownloadError",
    "DownloadIncompleteError",
    "DownloadMismatchError",
    "EngineError",
    "FactorError",
    "GenerationIncompleteError",
    "Issue",
    "ManifestError",
    "MissingExtraError",
    "ParameterError",
    "PlanMismatchError",
    "PositionError",
    "RecipeError",
    "ShardError",
    "SkippedCheckWarning",
    "StoreAccessError",
    "StoreError",
    "SyngenError",
    "SynthesizerVersionError",
    "VerificationError",
    "suggestion",
]

_EXCERPT_WIDTH = 96


class SyngenError(Exception):
    """Root of every exception that syngen raises on purpose."""


class ParameterError(SyngenError, ValueError):
    """An argument, option or path that cannot be used."""


class FactorError(SyngenError, ValueError):
    """A factor, level, value or index that the grid does not have."""


class PositionError(FactorError, IndexError):
    """A position outside a dataset; an IndexError too, so that loops over a dataset end."""


@dataclass(frozen=True)
class Issue:
    """One problem of a recipe, at one place.

    Attributes
    ----------
    path : tuple of str or int
        Keys and positions that lead from the top of the document to the offending value.
    message : str
        What is wrong and what would be right.
    source : str, optional
        File name, or another name for where the document came from.
    line, column : int, optional
        Position in the text, 1-based.
    text : str, optional
        The line itself.
    """

    path: tuple[str | int, ...]
    message: str
    source: str | None = None
    line: int | None = None
    column: int | None = None
    text: str | None = None

    @property
    def excerpt(self) -> str:
        """The line with a caret below the place, as two lines; empty where there is no line to show."""
        if self.text is None or self.column is None or not self.text.strip():
            return ""
        line = "".join(c if c.isprintable() else " " for c in self.text)
        place = min(self.column - 1, len(line))
        start = max(0, place - _EXCERPT_WIDTH // 2) if len(line) > _EXCERPT_WIDTH else 0
        before = "..." if start else ""
        after = "..." if start + _EXCERPT_WIDTH < len(line) else ""
        shown = f"{before}{line[start : start + _EXCERPT_WIDTH].rstrip()}{after}"
        return f"    {shown}\n    {' ' * (len(before) + place - start)}^"

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.source or 'recipe'}:{self.line}:{self.column}: {self.message}"
        place = ".".join(map(str, self.path))
        where = ": ".join(part for part in (self.source, place) if part)
        return f"{where}: {self.message}" if where else self.message


class RecipeError(SyngenError):
    """A recipe that cannot be read or resolved.

    Attributes
    ----------
    issues : tuple of Issue
        Every problem found, in document order.
    """

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        texts = [text for issue in self.issues for text in (str(issue), issue.excerpt) if text]
        super().__init__("\n".join(texts))

    def __reduce__(self) -> tuple[type[RecipeError], tuple[tuple[Issue, ...]]]:
        return type(self), (self.issues,)


class PlanMismatchError(SyngenError):
    """The folder holds a dataset of another plan."""


class ManifestError(SyngenError):
    """A manifest, plan or description that is damaged, contradictory or of a later format."""


class ShardError(SyngenError):
    """A shard that is missing, truncated or damaged."""


class EngineError(SyngenError):
    """A synthesizer or speech engine that is not there, or failed to render an observation."""


class SynthesizerVersionError(EngineError, ParameterError):
    """A dataset of which nothing can be rendered here: another version of its synthesizer made it."""


class SkippedCheckWarning(UserWarning):
    """Something of a dataset that this installation cannot check, and why."""


class GenerationIncompleteError(SyngenError):
    """A generation that ended before every shard was written; the same call resumes it.

    Attributes
    ----------
    failed : dict of str to str
        Reason by shard name.
    """

    def __init__(self, message: str, failed: dict[str, str] | None = None) -> None:
        self.failed = dict(failed or {})
        super().__init__(message)

    def __reduce__(self) -> tuple[type[GenerationIncompleteError], tuple[str, dict[str, str]]]:
        return type(self), (str(self), self.failed)


class VerificationError(SyngenError):
    """A dataset that is not what its manifest says.

    Attributes
    ----------
    problems : tuple of str
        Every mismatch found.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[VerificationError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class DownloadError(SyngenError):
    """A release that no place has, or that is refused: nothing of it was put in place."""


class DownloadIncompleteError(DownloadError):
    """A download that ended before every byte was there; the same call goes on."""


class DownloadMismatchError(DownloadError):
    """A release whose files, or whose observations, are not what its hashes say."""


class StoreError(SyngenError, OSError):
    """An object store that cannot be reached, or does not do what it is asked for."""


class StoreAccessError(StoreError, ParameterError):
    """An object store that refuses: no such bucket, wrong credentials, no permission."""


class MissingExtraError(SyngenError, ImportError):
    """An optional dependency that is not installed."""


def suggestion(value: object, options: Iterable[object]) -> str:
    """Return `` (did you mean 'x'?)`` for the option nearest to `value`, or an empty string.

    Examples
    --------
    >>> suggestion("trinagle", ["sine", "triangle"])
    " (did you mean 'triangle'?)"
    >>> suggestion("xyz", ["sine", "triangle"])
    ''
    """
    import difflib

    # whoever writes hz means Hz
    by_folded = {str(option).casefold(): str(option) for option in options}
    near = difflib.get_close_matches(str(value).casefold(), by_folded, n=1)
    return f" (did you mean {by_folded[near[0]]!r}?)" if near else ""
