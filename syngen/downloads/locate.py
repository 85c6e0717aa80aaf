"""What a user means by a release: a name of the catalog, a URL, or a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from syngen.downloads.catalog import (
    BY_ADDRESS,
    MOST_CATALOG_BYTES,
    Catalog,
    Entry,
    parse_catalog,
    shipped_catalog,
)
from syngen.downloads.transfers import NoMirrorError, Transfers
from syngen.errors import DownloadError, ParameterError
from syngen.io.cache import cache_folder, scratch_folder
from syngen.io.files import is_url, local_path
from syngen.io.http.connections import HttpClient
from syngen.io.http.stalls import TransferLimits
from syngen.io.mirrors import HttpMirror, locator
from syngen.storage.digests import digest_of

__all__ = ["find_release", "place_in_cache", "read_catalog"]

_HERE = os.path.join(".", "x")  # noqa: PTH118  # what is relative on a command line is so to the working folder


def find_release(
    release: str | Path,
    *,
    version: str | None,
    catalog: str | Path | None,
    mirrors: Sequence[str],
    limits: TransferLimits,
) -> Entry:
    """Return what is known of a release.

    Parameters
    ----------
    release : str or Path
        A name of the catalog, which wins; else a URL, or a folder.
    version : str, optional
        Of a name; by default the latest.
    catalog : str or Path, optional
        File or URL; see `read_catalog`.
    mirrors : sequence of str
        URLs and folders that are tried after those that are known.
    limits : TransferLimits

    Raises
    ------
    ParameterError
        If there is no such release.
    """
    if isinstance(mirrors, str):
        raise ParameterError(f"mirrors is a list of places, not {mirrors!r}")
    here = locator(_HERE)
    more = tuple(here(str(mirror)) for mirror in mirrors)
    if isinstance(release, str) and not is_url(release):
        found = read_catalog(catalog, limits)
        if found.has(release) or not local_path(release).is_dir():
            entry = found.find(release, version)
            return replace(entry, mirrors=(*entry.mirrors, *more))
    if version is not None:
        raise ParameterError(
            f"{release} is an address and has the version that lies there; leave out the release version"
        )
    return Entry("", "", (here(str(release)), *more))


def read_catalog(catalog: str | Path | None, limits: TransferLimits) -> Catalog:
    """Read a catalog.

    Parameters
    ----------
    catalog : str or Path, optional
        File or URL; by default what ``SYNGEN_CATALOG`` says, or the catalog that is shipped.
    limits : TransferLimits

    Raises
    ------
    ParameterError
        If it cannot be read, or is no catalog.
    DownloadError
        If it does not come.
    """
    place = str(catalog or os.environ.get("SYNGEN_CATALOG") or "")
    if not place:
        source, data = shipped_catalog()
        return parse_catalog(data, source, locator(source))
    if is_url(place):
        return parse_catalog(_fetched(locator(_HERE)(place), limits), place, locator(place))
    path = local_path(place)
    try:
        if not path.is_file():
            raise ParameterError(f"catalog {path} is no file; give a JSON file or its URL")
        with open(path, "rb") as file:
            data = file.read(MOST_CATALOG_BYTES + 1)
    except OSError as error:
        raise ParameterError(f"catalog {path} cannot be read: {error.strerror or error}") from error
    return parse_catalog(data, str(path), locator(str(path)))


def _fetched(url: str, limits: TransferLimits) -> bytes:
    client = HttpClient(limits)
    try:
        with scratch_folder() as scratch:
            transfers = Transfers([_File(url, client)], limits)
            transfers.fetch("the catalog", scratch / "catalog", most=MOST_CATALOG_BYTES)
            return (scratch / "catalog").read_bytes()
    except NoMirrorError as error:  # another thing than a release that nobody has
        raise DownloadError(str(error)) from error
    finally:
        client.close()


class _File(HttpMirror):
    """A mirror of one file, whatever it is called."""

    def url_of(self, name: str) -> str:
        del name
        return self._url


def place_in_cache(entry: Entry, codec: str | None, selection: object) -> Path:
    """Return where a release, or a part of it, is kept in the cache folder; no two share a place."""
    if entry.name:
        folder = cache_folder() / "releases" / entry.name / entry.version
    else:
        mark = hashlib.sha256(entry.mirrors[0].encode()).hexdigest()[:16]
        folder = cache_folder() / "releases" / BY_ADDRESS / mark
    if codec is None and not selection:
        return folder
    mark = digest_of([codec, selection])[:12]
    return folder.with_name(f"{folder.name}~{mark}")  # which no version has in it
