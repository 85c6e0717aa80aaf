"""SHA256SUMS: the hashes of a folder's files, in the form that ``sha256sum --check`` reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from syngen.errors import ManifestError

if TYPE_CHECKING:
    from syngen.storage.description import Description

__all__ = ["checksums_for", "format_checksums", "parse_checksums"]

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


def checksums_for(description: Description, hashes: Mapping[str, str]) -> bytes:
    """Return the content of SHA256SUMS.

    Parameters
    ----------
    description : Description
    hashes : mapping of str to str
        Of the files beside the shards but SHA256SUMS and dataset.json, by name.
    """
    listed = {f"audio/{shard.name}.tar": shard.sha256 for shard in description.shards}
    listed |= hashes
    listed["dataset.json"] = hashlib.sha256(description.to_bytes()).hexdigest()
    return format_checksums(listed).encode("utf-8")
