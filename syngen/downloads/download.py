"""A release by name, URL or folder: found, and fetched or made again, as a whole or in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen._values import check_whole
from syngen.downloads.locate import find_release, place_in_cache
from syngen.downloads.request import DownloadReport, DownloadRequest, check_kept, fetch_release, report_of
from syngen.downloads.selection import selected_rows, selection_document
from syngen.io.files import local_path
from syngen.io.http.stalls import TransferLimits
from syngen.storage.codec import find_codec

if TYPE_CHECKING:
    from syngen._typing import Progress

__all__ = ["download_release"]


def download_release(
    release: str | Path,
    *,
    version: str | None,
    to: str | Path | None,
    codec: str | None,
    split: str | None,
    where: Mapping[str, Any] | Sequence[str],
    limit: int | None,
    mirrors: Sequence[str],
    catalog: str | Path | None,
    recreate: bool,
    connections: int,
    jobs: int | None,
    progress: Progress | None,
) -> DownloadReport:
    """Download a release, or a part of it; see `syngen.download`."""
    if codec is not None:
        find_codec(codec)
    limit = None if limit is None else check_whole("limit", limit, 1)
    connections = check_whole("connections", connections, 1, 64)
    limits = TransferLimits()
    entry = find_release(release, version=version, catalog=catalog, mirrors=mirrors, limits=limits)
    selection = selection_document(split, where, limit)
    target = place_in_cache(entry, codec, selection) if to is None else local_path(to).absolute()
    if to is None and (target / "dataset.json").is_file():  # which was put there whole
        check_kept(target, entry)
        return report_of(target, "there already")
    order = DownloadRequest(
        entry.mirrors,
        target,
        name=entry.name or None,
        version=entry.version if entry.name else None,
        sha256=entry.sha256,
        codec=codec,
        selection=selection,
        connections=connections,
        limits=limits,
        is_shared=to is None,
    )
    choose = partial(selected_rows, split=split, where=where, limit=limit) if selection else None
    if recreate:
        from syngen.downloads.recreate import recreate_release  # which generates: slow to import

        return recreate_release(order, entry, choose, jobs=jobs, progress=progress)
    return fetch_release(order, choose=choose, progress=progress)
