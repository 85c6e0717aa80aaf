"""SHA256SUMS: the hashes of a folder's files, in the form that ``sha256sum --check`` reads."""

from __future__ import annotations

import re
from collections.abc import Mapping

from syngen.errors import ManifestError

__all__ = ["format_checksums", "parse_checksums"]

_LINE = re.compile(r"^([0-9a-f]{64})  ([^\\\0]+)$")


def format_checksums(hashes: Mapping[str, str]) -> str:
    """Return the text of SHA256SUMS.

    Parameters
    ----------
    hashes : mapping of str to str
        Hexadecimal SHA-256 by relative path with forward slashes.
    """
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))


def parse_checksums(text: str) -> dict[str, str]:
    """Return hexadecimal SHA-256 by relative path.

    Raises
    ------
    ManifestError
        If a line has another form.
    """
    hashes = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        match = _LINE.match(line)
        if match is None:
            raise ManifestError(f"SHA256SUMS:{number}: not a hash, two spaces and a name")
        hashes[match.group(2)] = match.group(1)
    return hashes
