"""The distribution that syngen comes from: its name, its version, and what its extras bring."""

from __future__ import annotations

import importlib
from functools import lru_cache
from types import ModuleType

from syngen.errors import MissingExtraError

__all__ = [
    "DISTRIBUTION",
    "FORMER_DISTRIBUTION",
    "distribution_of",
    "install_command",
    "require",
    "version",
]

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


def install_command(extra: str) -> str:
    """Return the command that installs an extra: ``pip install "syngen-audio[torch]"``."""
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or raise an error that names the extra which brings it.

    Parameters
    ----------
    module : str
    extra : str
        Name of the extra of this distribution that installs it.

    Raises
    ------
    MissingExtraError
        If the module, or one that it imports, is not installed, or importing it fails.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        wanted = module.partition(".")[0]
        needs = "" if missing == wanted else f", which {wanted} needs,"
        command = install_command("torch" if missing == "torch" else extra)
        raise MissingExtraError(f"{missing}{needs} is not installed; install it with: {command}") from error
    except ImportError as error:
        raise MissingExtraError(
            f"{module} cannot be imported: {error}; install it again with: {install_command(extra)}"
        ) from error
