"""What speech engines offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syngen.synth.speech.engines.base import Voice

__all__ = ["voices"]


def voices(engine: str | None = None) -> dict[str, tuple[Voice, ...]]:
    """List the voices of the speech engines on this machine.

    Parameters
    ----------
    engine : str, optional
        Name of one engine. By default those that cannot be used here are left out; ask for one by name
        to be told why.

    Returns
    -------
    dict of str to tuple of Voice
        By name of engine. A voice has ``.name``, ``.language`` and ``.gender``.

    Raises
    ------
    EngineError
        If `engine` is unknown or cannot be used.
    MissingExtraError
        If `engine` needs an extra that is not installed.

    Examples
    --------
    >>> import syngen
    >>> [voice.name for voice in syngen.voices("espeak")["espeak"]][-2:]
    ['en-us', 'en-us-nyc']
    """
    from syngen.errors import EngineError, MissingExtraError
    from syngen.synth.speech.engines.base import EngineSettings
    from syngen.synth.speech.engines.registry import engine_names, find_engine

    found = {}
    for name in engine_names() if engine is None else (engine,):
        try:
            opened = find_engine(name).create(EngineSettings())
            try:
                found[name] = opened.voices()
            finally:
                opened.close()
        except (EngineError, MissingExtraError):
            if engine is not None:
                raise
    return found
