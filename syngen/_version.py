"""The version of the installed package."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of syngen that is installed."""
    from importlib.metadata import version as installed

    return installed("syngen")
