"""Files and names: hashes, places inside of a folder, URLs, sizes for people."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from syngen.errors import ParameterError
from syngen.io.names import fault_of

__all__ = ["human_bytes", "inside", "is_url", "local_path", "sha256_of"]

_CHUNK = 1 << 20

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*::)*[A-Za-z][A-Za-z0-9+.-]+://")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return a path in which ``~`` and ``~user`` at the beginning are home folders.

    As in shells, ``~name`` stays where nobody is called so, and ``./~`` is a folder called ``~``.

    Raises
    ------
    ParameterError
        If nobody knows the home folder.
    """
    text = os.fspath(path)
    # not that of Path, which does not tell ./~ from ~
    expanded = os.path.expanduser(text)  # noqa: PTH111
    if expanded == text and text.partition("/")[0] == "~":
        raise ParameterError(f"{text!r}: no home folder is known; set HOME, or give the path without ~")
    return Path(expanded)


def inside(folder: Path, name: str) -> Path:
    """Return ``folder / name``, refusing a name that leads out of the folder.

    Raises
    ------
    ParameterError
        If `name` is absolute, has a drive or a NUL, or goes up with ``..``.
    """
    if fault_of(name, is_there=True) is not None:
        raise ParameterError(f"{name!r} leads out of {folder}")
    return folder / name


def is_url(place: str | os.PathLike[str]) -> bool:
    """Return whether a place is given by a URL, such as ``s3://bucket/folder``, and not by a path."""
    return isinstance(place, str) and _URL.match(place) is not None


def human_bytes(n: float) -> str:
    """Return a number of bytes for people: ``1.08 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "bytes" else f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} TB"
