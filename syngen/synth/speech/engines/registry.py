"""Which speech engines there are: those of installed packages, by entry point."""

from __future__ import annotations

from syngen.errors import EngineError
from syngen.synth.registry import load_registered, registered_names
from syngen.synth.speech.engines.base import SpeechEngine

__all__ = ["ENTRY_POINT_GROUP", "engine_names", "find_engine"]

ENTRY_POINT_GROUP = "syngen.speech_engines"


def engine_names() -> tuple[str, ...]:
    """Return the names of all speech engines, sorted."""
    return registered_names(ENTRY_POINT_GROUP)


def find_engine(name: str) -> type[SpeechEngine]:
    """Return the class of the speech engine registered under a name.

    Raises
    ------
    EngineError
        If there is none, several, or the one found cannot be used.
    """
    found, origin = load_registered(ENTRY_POINT_GROUP, name, noun="speech engine")
    if not isinstance(found, type) or not issubclass(found, SpeechEngine) or found.name != name:
        raise EngineError(f"speech engine {name!r} ({origin}) is not a syngen SpeechEngine of that name")
    return found
