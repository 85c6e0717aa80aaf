"""Imports of optional dependencies, with an error that says how to install them."""

from __future__ import annotations

import importlib
from types import ModuleType

from syngen._version import DISTRIBUTION
from syngen.errors import MissingExtraError

__all__ = ["install_command", "require"]


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
