"""The distribution that syngen comes from, and its version."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["DISTRIBUTION", "FORMER_DISTRIBUTION", "distribution_of", "version"]

DISTRIBUTION = "syngen-audio"
"""Name on the Python Package Index, where ``syngen`` is another tool."""

FORMER_DISTRIBUTION = "syngen"
"""Name before syngen 0.2, which was in the repository only."""


def distribution_of(version: str) -> str:
    """Return the name of the distribution that a version of syngen comes as."""
    return FORMER_DISTRIBUTION if version.startswith(("0.0.", "0.1.")) else DISTRIBUTION


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of syngen that is installed."""
    from importlib.metadata import version as installed

    return installed(DISTRIBUTION)
