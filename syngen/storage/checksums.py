"""SHA256SUMS: the hashes of a folder's files, in the form that ``sha256sum --check`` reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from syngen.errors import ManifestError
from syngen.io.atomic import write_atomic
from syngen.io.files import sha256_of
from syngen.storage.description import Description
from syngen.storage.layout import Layout
from syngen.storage.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from syngen.storage.description import Description

__all__ = [
    "checksums_for",
    "format_checksums",
    "listed_hashes",
    "listed_tables",
    "parse_checksums",
    "read_checksums",
    "write_documents",
]

_ANY_LINE = re.compile(rb"^[0-9a-f]{64}  [^\\\0\n]+$", re.MULTILINE)

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


def write_documents(
    layout: Layout, description: Description, documents: Mapping[str, bytes]
) -> Description:
    """Write the documents of a dataset that has its tables, their checksums, and at last the description.

    Parameters
    ----------
    layout : Layout
    description : Description
    documents : mapping of str to bytes
        Content of the card, and of the other files that only a release has, by name.
    """
    for name, data in documents.items():
        write_atomic(layout.folder / name, data)
    hashes = {
        path.name: sha256_of(path)
        for path in layout.final_files(description.tables, description.files)
        if path not in (layout.checksums, layout.description)
    }
    write_atomic(layout.checksums, checksums_for(description, hashes))
    write_atomic(layout.description, description.to_bytes())
    return description


def read_checksums(layout: Layout) -> tuple[dict[str, str], list[Problem]]:
    """Return the hashes by name, of those lines that can be read, and what is wrong with the file."""
    name = layout.checksums.name
    try:
        if layout.checksums.exists() and not layout.checksums.is_file():
            raise OSError("not a file")
        text = layout.checksums.read_bytes().decode("utf-8")
        hashes = parse_checksums(text)
    except (OSError, UnicodeDecodeError, ManifestError) as error:
        return listed_hashes(layout.checksums), [Problem(name, f"{name} cannot be read: {error}")]
    if list(hashes) != sorted(hashes) or len(hashes) != text.count("\n"):
        return hashes, [Problem(name, f"{name}: its lines are not sorted by name, each name once")]
    return hashes, []


def listed_hashes(path: Path) -> dict[str, str]:
    """Return the hashes by name, of those lines of a file that have the form of SHA256SUMS."""
    try:
        data = path.read_bytes() if path.is_file() else b""
    except OSError:
        data = b""
    found: dict[str, str] = {}
    for line in _ANY_LINE.findall(data):
        with suppress(ManifestError, UnicodeDecodeError):
            found |= parse_checksums(line.decode("utf-8"))
    return found


def listed_tables(names: Iterable[str]) -> list[str]:
    """Return the Parquet tables among the names of files, without their suffix."""
    return [name.removesuffix(".parquet") for name in names if name.endswith(".parquet")]
