"""Room on the disk: what does not fit is refused before its first byte."""

from __future__ import annotations

import shutil
from pathlib import Path

from syngen.errors import ParameterError, SyngenError
from syngen.io.files import human_bytes

__all__ = ["check_room"]


def check_room(
    folder: Path,
    n_bytes: float,
    *,
    what: str,
    remedy: str,
    freed: int = 0,
    error: type[SyngenError] = ParameterError,
) -> None:
    """Refuse what does not fit on the file system of a folder, which need not exist.

    Parameters
    ----------
    folder : Path
    n_bytes : float
        Bytes that are certainly needed.
    what, remedy : str
        Beginning and end of the message: what needs how much, and what to do.
    freed : int
        Bytes that will be removed first.
    error : type of SyngenError
        What is raised.

    Raises
    ------
    ParameterError
        Or `error`, with what is needed and what is there.
    """
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    disk = shutil.disk_usage(place)
    free = disk.free + freed
    if disk.total and n_bytes > free:  # some network file systems say nothing: 0 of 0 bytes
        raise error(f"{what}, but the file system of {place} has {human_bytes(free)} free; {remedy}")
