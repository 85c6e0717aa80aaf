"""Which synthesizers there are: those of installed packages, by entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

from syngen.errors import EngineError, suggestion
from syngen.synth.base import Synthesizer

__all__ = ["ENTRY_POINT_GROUP", "find_synthesizer", "synthesizer_names"]

ENTRY_POINT_GROUP = "syngen.synthesizers"


def synthesizer_names() -> tuple[str, ...]:
    """Return the names of all synthesizers, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=ENTRY_POINT_GROUP)}))


def find_synthesizer(name: str) -> Synthesizer:
    """Return the synthesizer registered under a name.

    Raises
    ------
    EngineError
        If there is none, several, or the one found cannot be used.
    """
    found = {entry.value: entry for entry in entry_points(group=ENTRY_POINT_GROUP, name=name)}
    if not found:
        names = synthesizer_names()
        raise EngineError(
            f"no synthesizer {name!r}{suggestion(name, names)}; installed: {', '.join(names) or 'none'}"
        )
    if len(found) > 1:
        raise EngineError(f"several packages register {name!r}: {', '.join(sorted(found))}")
    (entry,) = found.values()
    try:
        synthesizer = entry.load()()
    except Exception as error:  # whatever the package of somebody else raises
        raise EngineError(f"synthesizer {name!r} ({entry.value}) fails: {error}") from error
    if not isinstance(synthesizer, Synthesizer) or synthesizer.name != name:
        raise EngineError(f"synthesizer {name!r} ({entry.value}) is not a syngen Synthesizer of that name")
    return synthesizer
