"""The catalog: which releases there are, in which versions, and where they lie.

The one that is shipped names the datasets of the shipped recipes. A catalog is a JSON file::

    {"format": 1, "releases": {"NAME": {"1.0.0": {
        "mirrors": ["https://host/folder/", "https://other/files/{file}"],
        "recipe": "NAME", "fingerprint": "...", "sha256": "..."}}}}

Mirrors are tried in their order; those that do not begin with http:// or https:// are relative to the
catalog. ``recipe`` is a shipped recipe that the release can be made again from, ``fingerprint`` that of its
observations, and ``sha256`` that of its SHA256SUMS; all three may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, ConfigDict, Field

from syngen.errors import ParameterError, suggestion
from syngen.io.names import check_names
from syngen.recipe.messages import abridged
from syngen.storage.documents import Text, parse_json, validated

__all__ = ["BY_ADDRESS", "MOST_CATALOG_BYTES", "Catalog", "Entry", "parse_catalog", "shipped_catalog"]

MOST_CATALOG_BYTES = 4 << 20
BY_ADDRESS = "by-address"
"""What is no name of a release: the cache keeps there what has an address and no name."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,49}")


@dataclass(frozen=True)
class Entry:
    """One version of one release.

    Attributes
    ----------
    name, version : str
    mirrors : tuple of str
        Base URLs and folders, in the order in which they are tried.
    recipe, fingerprint, sha256 : str or None
        See the module.
    """

    name: str
    version: str
    mirrors: tuple[str, ...] = ()
    recipe: str | None = None
    fingerprint: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Catalog:
    """Releases by name and version.

    Attributes
    ----------
    source : str
        File or URL that it is from.
    entries : tuple of Entry
    """

    source: str
    entries: tuple[Entry, ...]

    def has(self, name: str) -> bool:
        """Whether there is a release of this name."""
        return any(entry.name == name for entry in self.entries)

    def find(self, name: str, version: str | None = None) -> Entry:
        """Return a release, by default its latest version.

        Raises
        ------
        ParameterError
            If there is none.
        """
        versions = {entry.version: entry for entry in self.entries if entry.name == name}
        if not versions:
            names = sorted({entry.name for entry in self.entries})
            raise ParameterError(
                f"{name!r} is neither a release of the catalog {self.source}{suggestion(name, names)} nor "
                f"a URL nor a folder; the catalog has {', '.join(names)}"
            )
        if version is None:
            return versions[max(versions, key=_order)]
        if version not in versions:
            known = ", ".join(sorted(versions, key=_order))
            raise ParameterError(f"{name} has no release version {version!r}; there are {known}")
        return versions[version]


def shipped_catalog() -> tuple[str, bytes]:
    """Return source and content of the catalog that is shipped."""
    path = Path(__file__).with_name("catalog.json")
    return str(path), path.read_bytes()


def parse_catalog(data: bytes, source: str, locate: Callable[[str], str]) -> Catalog:
    """Read a catalog.

    Parameters
    ----------
    data : bytes
    source : str
        File or URL that it is from.
    locate : callable
        Turns a mirror, as it is written, into a URL or an absolute path; raises ParameterError.

    Raises
    ------
    ParameterError
        If it is not a catalog, with the place in it.
    """
    if len(data) > MOST_CATALOG_BYTES:
        raise ParameterError(f"catalog {source} is larger than {MOST_CATALOG_BYTES:,} bytes")
    try:
        content = parse_json(data)
    except ValueError as error:
        raise ParameterError(f"catalog {source} is no JSON: {error}") from error
    if content.get("format") != 1:
        raise ParameterError(f'catalog {source}: "format": 1 is needed; a later one needs a later syngen')
    releases = validated(_Document, content, f"catalog {source}", error=ParameterError).releases
    try:
        check_names(releases, "releases: the name of a release")
        for name, versions in releases.items():
            check_names(versions, f"releases.{name}: a version")
        entries = [
            Entry(name, version, tuple(map(locate, of.mirrors)), of.recipe, of.fingerprint, of.sha256)
            for name, versions in releases.items()
            for version, of in versions.items()
        ]
    except ParameterError as error:
        raise ParameterError(f"catalog {source}: {error}") from error
    return Catalog(source, tuple(entries))


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name == BY_ADDRESS:
        raise ValueError(f"{abridged(name)} is no name of a release; use small letters, digits and . _ -")
    return name


def _checked_version(version: str) -> str:
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{abridged(version)} is no version; use letters, digits and . + -")
    return version


_Name = Annotated[Text, AfterValidator(_checked_name)]
_Version = Annotated[Text, AfterValidator(_checked_version)]
_Sha256 = Annotated[Text, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class _Places:
    """What a catalog says of a version of a release."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    mirrors: tuple[Text, ...] = ()
    recipe: _Name | None = None
    fingerprint: _Sha256 | None = None
    sha256: _Sha256 | None = None


@dataclass(frozen=True)
class _Document:
    """The content of a catalog."""

    releases: dict[_Name, dict[_Version, _Places]]


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that puts 1.10.0 after 1.9.0, and 1.0.0-rc1 before 1.0.0."""
    release, _, candidate = version.partition("-")
    parts = [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in re.split(r"[.+]", release)]
    return (*parts, (0, 0, candidate) if candidate else (1, 0, ""))
