"""Which synthesizers there are: those of installed packages, by entry point.

The same look-up finds the speech engines; see `syngen.synth.speech.engines.registry`.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from syngen.errors import EngineError, suggestion
from syngen.synth.plugin import Synthesizer

__all__ = [
    "ENTRY_POINT_GROUP",
    "find_synthesizer",
    "load_registered",
    "registered_names",
    "synthesizer_names",
]

ENTRY_POINT_GROUP = "syngen.synthesizers"


def registered_names(group: str) -> tuple[str, ...]:
    """Return the names in a group of entry points, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


def load_registered(group: str, name: str, *, noun: str) -> tuple[Any, str]:
    """Return what is registered under a name, and where it is from.

    Parameters
    ----------
    group : str
        Of entry points.
    name : str
    noun : str
        What the group has, for messages.

    Raises
    ------
    EngineError
        If there is none, several, or the one found cannot be imported.
    """
    found = {entry.value: entry for entry in entry_points(group=group, name=name)}
    if not found:
        names = registered_names(group)
        raise EngineError(
            f"no {noun} {name!r}{suggestion(name, names)}; installed: {', '.join(names) or 'none'}"
        )
    if len(found) > 1:
        raise EngineError(f"several packages register {name!r}: {', '.join(sorted(found))}")
    (entry,) = found.values()
    try:
        return entry.load(), entry.value
    except Exception as error:  # whatever the package of somebody else raises
        raise EngineError(f"{noun} {name!r} ({entry.value}) fails: {error}") from error


def synthesizer_names() -> tuple[str, ...]:
    """Return the names of all synthesizers, sorted."""
    return registered_names(ENTRY_POINT_GROUP)


def find_synthesizer(name: str) -> Synthesizer:
    """Return the synthesizer registered under a name.

    Raises
    ------
    EngineError
        If there is none, several, or the one found cannot be used.
    """
    make, origin = load_registered(ENTRY_POINT_GROUP, name, noun="synthesizer")
    try:
        synthesizer = make()
    except Exception as error:  # whatever the package of somebody else raises
        raise EngineError(f"synthesizer {name!r} ({origin}) fails: {error}") from error
    if not isinstance(synthesizer, Synthesizer) or synthesizer.name != name:
        raise EngineError(f"synthesizer {name!r} ({origin}) is not a syngen Synthesizer of that name")
    return synthesizer
