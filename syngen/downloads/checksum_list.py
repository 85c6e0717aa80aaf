"""The files of a release as SHA256SUMS lists them: names that can lie in a folder of any system."""

from __future__ import annotations

import re
from collections.abc import Iterable

from syngen.errors import DownloadError, ManifestError
from syngen.io.names import fault_of, twins_in
from syngen.storage.checksums import parse_checksums
from syngen.storage.description import Description

__all__ = ["MOST_LISTING_BYTES", "check_names", "check_shards", "parse_listing"]

MOST_LISTING_BYTES = 64 << 20

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_MOST_PARTS = 8
_NEEDED = ("dataset.json", "manifest.parquet", "plan.json", "recipe.yaml")


def parse_listing(data: bytes) -> dict[str, str]:
    """Return hexadecimal SHA-256 by name.

    Raises
    ------
    DownloadError
        If it is not in the form of SHA256SUMS, a name is listed twice, may not lie in a folder of every
        system, or differs from another in case alone, or what every dataset has is missing.
    """
    try:
        text = data.decode("utf-8")
        hashes = parse_checksums(text)
    except (UnicodeDecodeError, ManifestError) as error:
        raise DownloadError(f"SHA256SUMS is not a list of hashes: {error}") from error
    if len(hashes) != len(text.removesuffix("\n").split("\n")):
        raise DownloadError("SHA256SUMS lists a name twice")
    check_names(hashes)
    missing = [name for name in _NEEDED if name not in hashes]
    if missing:
        raise DownloadError(
            f"SHA256SUMS lists no {', '.join(missing)}; a release is a dataset that syngen made, with its "
            "hashes"
        )
    return hashes


def check_names(names: Iterable[str]) -> None:
    """Refuse names that lead out of a folder, or that some file system takes for another or for a device.

    Raises
    ------
    DownloadError
        With the name.
    """
    listed = list(names)
    for name in listed:
        fault = fault_of(name, most_parts=_MOST_PARTS)
        if fault or not all(map(_PART.fullmatch, name.split("/"))):
            raise DownloadError(
                f"SHA256SUMS lists {name[:200]!r}{f': {fault}' if fault else ''}; the files of a release "
                "have relative names of ASCII letters, digits and . _ + -"
            )
    twins = twins_in([*listed, "SHA256SUMS"])
    if twins is not None:
        raise DownloadError(
            f"SHA256SUMS lists {twins[0]!r} and {twins[1]!r}, which cannot both be there where case does "
            "not count"
        )


def check_shards(hashes: dict[str, str], description: Description) -> None:
    """Compare the shards that SHA256SUMS lists with those of dataset.json.

    Raises
    ------
    DownloadError
        If they are others, or have other hashes.
    """
    listed = {name: hashes[name] for name in hashes if name.startswith("audio/")}
    described = {f"audio/{shard.name}.tar": shard.sha256 for shard in description.shards}
    if len(described) != len(description.shards):
        raise DownloadError("dataset.json names a shard twice")
    for name in sorted(listed.keys() | described.keys()):
        if listed.get(name) != described.get(name):
            raise DownloadError(
                f"SHA256SUMS and dataset.json disagree about {name}: {_short(listed.get(name))} in the "
                f"one, {_short(described.get(name))} in the other"
            )
    tables = [f"{table}.parquet" for table in description.tables]
    missing = [name for name in tables if name not in hashes]
    if missing:
        raise DownloadError(f"SHA256SUMS lists no {missing[0]}, which dataset.json names")


def _short(digest: str | None) -> str:
    return "not there" if digest is None else f"{digest[:16]}..."
