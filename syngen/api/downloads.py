"""Releases downloaded, whole or in part, or made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syngen._typing import Progress
    from syngen.downloads.request import DownloadReport

__all__ = ["download"]


def download(
    release: str | Path,
    *,
    version: str | None = None,
    to: str | Path | None = None,
    codec: str | None = None,
    split: str | None = None,
    where: Mapping[str, Any] | Sequence[str] = (),
    limit: int | None = None,
    mirrors: Sequence[str] = (),
    catalog: str | Path | None = None,
    recreate: bool = False,
    connections: int = 4,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> DownloadReport:
    """Download a release, or a part of it: verified, and whole or not at all. The same call goes on.

    Parameters
    ----------
    release : str or Path
        Name in the catalog, URL of the folder of a release, or a local folder. Of hosts without folders the
        URL is a pattern with ``{file}`` for the name of a file, or ``{name}`` for its whole relative name.
    version : str, optional
        Of a name; by default the latest.
    to : str or Path, optional
        Absent, an empty folder, or one that has this release; by default a place in the cache folder
        (``SYNGEN_CACHE``).
    codec : {"wav", "flac"}, optional
        Decode, or encode, on arrival; the result is a dataset like any other.
    split : str, optional
        Only this split. With `where` and `limit`, only the bytes that are wanted are fetched; the result
        is a dataset of these rows, whose description says of what it is a part.
    where : mapping or sequence of str
        Conditions as `FactorDataset.select` takes them, or texts such as ``timbre=sine,square`` and
        ``frequency=200..400``.
    limit : int, optional
        At most so many observations, from the front.
    mirrors : sequence of str
        URLs and folders to be tried when those of the catalog, or `release`, have failed.
    catalog : str or Path, optional
        File or URL; by default ``SYNGEN_CATALOG``, or the catalog that is shipped.
    recreate : bool
        Make it again from its recipe instead, and compare every observation with the hashes of the release,
        where a mirror, or an earlier download, has its manifest.
    connections : int
        Files that come at a time.
    jobs : int, optional
        Worker processes of `recreate`; by default ``SYNGEN_JOBS``, or one per CPU.
    progress : callable, optional
        Called with a `ProgressUpdate` that counts bytes; observations with `recreate`.

    Returns
    -------
    DownloadReport
        With the dataset's ``.folder``.

    Raises
    ------
    ParameterError
        If there is no such release, the folder cannot be used, or nothing is selected.
    FactorError
        If there is no such split, factor or value.
    DownloadIncompleteError
        If mirrors gave up; the same call goes on where this one ended.
    DownloadMismatchError
        If something is not what its hash says.
    DownloadError
        If no mirror has the release, or it is refused.
    """
    from syngen.downloads.download import download_release

    return download_release(
        release,
        version=version,
        to=to,
        codec=codec,
        split=split,
        where=where,
        limit=limit,
        mirrors=mirrors,
        catalog=catalog,
        recreate=recreate,
        connections=connections,
        jobs=jobs,
        progress=progress,
    )
