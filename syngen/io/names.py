"""Names that come from outside and may end in a path: one rule for all of them.

Tables, manifests, archives, catalogs, listings and recipes are written by anybody. Whatever of them becomes
the name of a file, or a part of one, passes `fault_of` before anything is written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from syngen.errors import ParameterError, SyngenError

__all__ = ["check_names", "checked_name", "fault_of", "is_name", "twins_in"]

MOST_BYTES = 100
"""Of a name: what is put before and after it must fit into the 255 bytes that file systems allow."""

_FORBIDDEN = frozenset('/\\:*?"<>|')
_NUMBERS = "0123456789\u00b9\u00b2\u00b3"
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{kind}{number}" for kind in ("com", "lpt") for number in _NUMBERS}
)
_MOST_SHOWN = 100


def fault_of(name: object, *, most_parts: int = 1, is_there: bool = False) -> str | None:
    """Say why a name cannot be that of a file on every system; None if it can.

    Parameters
    ----------
    name : object
        Anything but a text is at fault.
    most_parts : int
        How many parts, divided by slashes, it may have.
    is_there : bool
        Whether it names a file that is there already, and that is only read: whoever wrote it chose its
        name, of any number of parts, and all that matters is that it stays within its folder.

    Examples
    --------
    >>> fault_of("train-clean-100")
    >>> fault_of("../../escaped")
    "it has the character '/'"
    >>> fault_of("../../escaped", most_parts=3)
    'it begins with a dot'
    >>> fault_of("nul.txt")
    'Windows takes it for a device'
    """
    if not isinstance(name, str):
        return "it is no text"
    if is_there:
        return _way_out(name)
    parts = name.split("/") if most_parts > 1 else [name]
    if len(parts) > most_parts:
        return f"it has more than {most_parts} parts"
    return next((fault for part in parts if (fault := _fault_of_part(part))), None)


def _way_out(name: str) -> str | None:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if "\0" in name:
        return "it has the character U+0000"
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
        return "it leads out of its folder"
    return None


def _fault_of_part(part: str) -> str | None:
    if not part:
        return "it is empty"
    for character in part:
        if character in _FORBIDDEN:
            return f"it has the character {character!r}"
        if not character.isprintable():
            return f"it has the character U+{ord(character):04X}"
    if part[0] in ".-~ ":
        return f"it begins with {_WORDS[part[0]]}"
    if part[-1] in ". ":
        return f"it ends with {_WORDS[part[-1]]}"
    if part.partition(".")[0].rstrip(" ").casefold() in _DEVICES:
        return "Windows takes it for a device"
    if len(part.encode("utf-8")) > MOST_BYTES:
        return f"it is longer than {MOST_BYTES} bytes"
    return None


_WORDS = {".": "a dot", "-": "a dash", "~": "a tilde", " ": "a space"}


def is_name(name: object) -> bool:
    """Whether a name can be that of a file, or a part of one, on every system."""
    return fault_of(name) is None


def checked_name(name: object, what: str, *, error: type[SyngenError] = ParameterError) -> str:
    """Return a name that can be that of a file, or a part of one, on every system.

    Parameters
    ----------
    name : object
    what : str
        What it is the name of, and where it stands.
    error : type
        What is raised.

    Raises
    ------
    SyngenError
        If it cannot, with the name and the reason.

    Examples
    --------
    >>> checked_name("Windspiel", "row 1: split")
    'Windspiel'
    >>> checked_name("a/b", "row 1: split")
    Traceback (most recent call last):
    syngen.errors.ParameterError: row 1: split is 'a/b', which cannot be a name: it has the character '/'; \
use letters, digits, - and _
    """
    fault = fault_of(name)
    if fault is not None or not isinstance(name, str):
        shown = repr(name)
        shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
        raise error(f"{what} is {shown}, which cannot be a name: {fault}; use letters, digits, - and _")
    return name


def check_names(names: Iterable[object], what: str, *, error: type[SyngenError] = ParameterError) -> None:
    """Check names that stand side by side, each by `checked_name`, and that no two are one file.

    Raises
    ------
    SyngenError
        With the name, or the two names.
    """
    checked = [checked_name(name, what, error=error) for name in names]
    twins = twins_in(checked)
    if twins is not None:
        raise error(
            f"{what} is {twins[0]!r} and {twins[1]!r}, which are one name where case does not count; "
            "rename one"
        )


def twins_in(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two names of files, relative to one folder, that cannot both be there on every system.

    They differ in case or in the form of their accents alone, or one is a folder of the other.

    Examples
    --------
    >>> twins_in(["train", "Train"])
    ('train', 'Train')
    >>> twins_in(["audio", "AUDIO/train.tar"])
    ('audio', 'AUDIO/train.tar')
    """
    files: dict[str, str] = {}  # by folded name: the name
    folders: dict[str, tuple[str, str]] = {}  # by folded name: the folder, and the first name in it
    for name in names:
        folded = _folded(name)
        if folded in files:
            return files[folded], name
        if folded in folders:
            return folders[folded][1], name
        files[folded] = name
        parts = name.split("/")
        for k in range(1, len(parts)):
            above = "/".join(parts[:k])
            key = _folded(above)
            if key in files:
                return files[key], name
            there, first = folders.setdefault(key, (above, name))
            if there != above:
                return first, name
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
