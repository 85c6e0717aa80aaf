"""The distribution that syngen comes from, and its version."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["DISTRIBUTION", "version"]

DISTRIBUTION = "syngen-audio"
"""Name on the Python Package Index, where ``syngen`` is another tool."""


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of syngen that is installed."""
    from importlib.metadata import version as installed

    return installed(DISTRIBUTION)
