"""What a download is asked for, step by step: a release as it is, in another codec, or a part of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from syngen.downloads.checksum_list import parse_listing
from syngen.downloads.contents import Contents, known_layout, read_contents
from syngen.downloads.fetch import Download, downloading, is_document
from syngen.downloads.staging import staged
from syngen.downloads.subset import SubsetWriter, chosen_rows, segments_of, whole_shards
from syngen.downloads.transfers import NoMirrorError
from syngen.errors import DownloadError, DownloadIncompleteError, ManifestError, ParameterError
from syngen.generation.sources import RangeFile
from syngen.io.files import inside, sha256_of
from syngen.io.http.stalls import TransferLimits
from syngen.io.workspace import remove
from syngen.storage.codec import find_codec
from syngen.storage.description import Description, PartOf, ShardEntry, read_description
from syngen.storage.digests import digest_of
from syngen.storage.layout import Layout
from syngen.storage.tables.columns import integers

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json, Progress
    from syngen.downloads.catalog import Entry
    from syngen.storage.shard_ranges import Shard

__all__ = [
    "Choose",
    "DownloadReport",
    "DownloadRequest",
    "check_kept",
    "check_target",
    "cut_from",
    "fetch_release",
    "known_of",
    "report_of",
]

_PATIENCE_S = 86_400.0

Choose = Callable[[Path], "IntArray"]
"""Takes a folder with the description and the manifest of a release, and returns the rows that are "
"wanted."""


@dataclass(frozen=True)
class DownloadRequest:
    """What to download.

    Attributes
    ----------
    mirrors : tuple of str
        URLs and folders, in the order in which they are tried.
    target : Path
        Absent, or an empty folder.
    name, version, sha256 : str, optional
        Of the dataset, of its release, and of SHA256SUMS, where they are known.
    codec : str, optional
        By default that of the release.
    selection : dict, optional
        For people: which part is wanted.
    connections : int
        Files that come at a time.
    limits : TransferLimits
    is_shared : bool
        Whether whatever is in the target is the release, put there by whoever was first; others wait.
    """

    mirrors: tuple[str, ...]
    target: Path
    name: str | None = None
    version: str | None = None
    sha256: str | None = None
    codec: str | None = None
    selection: Json | None = None
    connections: int = 4
    limits: TransferLimits = field(default_factory=TransferLimits)
    is_shared: bool = False

    @property
    def patience_s(self) -> float:
        """How long to wait for another download into the target."""
        return _PATIENCE_S if self.is_shared else 0.0


@dataclass(frozen=True)
class DownloadReport:
    """What `syngen.download` did.

    Attributes
    ----------
    folder : Path
        The dataset.
    name : str
        Of its recipe.
    outcome : str
        ``downloaded``, ``there already`` or ``made again``.
    observations : int
    compared : int
        Of observations made again, how many were compared with the hashes of the release; 0 where those are
        not known.
    bytes_received : int
        That came over the network, or were copied, in this call.
    """

    folder: Path
    name: str
    outcome: str
    observations: int
    compared: int
    bytes_received: int


def fetch_release(
    order: DownloadRequest, *, choose: Choose | None = None, progress: Progress | None = None
) -> DownloadReport:
    """Download a release, or the rows of it that `choose` returns.

    Raises
    ------
    ParameterError
        If the target cannot be used, or nothing is chosen.
    DownloadError
        See `syngen.download`.
    """
    check_target(order.target)
    with _begun(order, progress, patience_s=order.patience_s) as download:
        staging = download.staging
        if order.is_shared and Layout(order.target).description.is_file():  # while this one waited
            return report_of(order.target, "there already")
        download.read_listing(order.sha256)
        description = download.read_description(order.name, order.version)
        outcome = "there already"
        if not _is_there(download, description, order, is_part=choose is not None):
            outcome = "downloaded"
            if choose is None and order.codec in (None, description.codec):
                _as_it_is(download, description)
                staging.put_in_place(staging.verified, is_private=order.is_shared)
            else:
                _derive_dataset(download, description, order, choose)
                staging.put_in_place(staging.derived, is_private=order.is_shared)
        staging.remove()
        received = download.transfers.n_received
        return report_of(order.target, outcome, bytes_received=received)


def known_of(order: DownloadRequest, *, progress: Progress | None = None) -> str | None:
    """Fetch description and manifest of a release into the staging folder, as far as mirrors have them.

    Returns
    -------
    str or None
        SHA-256 of SHA256SUMS, where a manifest is known now.
    """
    with _begun(order, progress) as download:
        staging = download.staging
        with contextlib.suppress(NoMirrorError, DownloadIncompleteError):
            download.read_listing(order.sha256)
            description = download.read_description(order.name, order.version)
            _fetch_documents(download, description)
        if known_layout(staging.verified) is None:
            return None
        return sha256_of(staging.verified / "SHA256SUMS")


@contextlib.contextmanager
def _begun(
    order: DownloadRequest, progress: Progress | None, *, patience_s: float = 0.0
) -> Iterator[Download]:
    """Hold the staging folder of a download, and what fetches into it, for the length of a block."""
    with (
        staged(order.target, patience_s=patience_s) as staging,
        downloading(
            staging,
            order.mirrors,
            connections=order.connections,
            limits=order.limits,
            progress=progress,
        ) as download,
    ):
        yield download


def _fetch_documents(download: Download, description: Description) -> Contents:
    """Fetch what a dataset made of rows of a release needs beside its shards."""
    names = [n for n in download.hashes if is_document(n, description.tables) and n != "dataset.json"]
    return download.fetch_documents(description, names)


def report_of(folder: Path, outcome: str, *, compared: int = 0, bytes_received: int = 0) -> DownloadReport:
    """Return a report on the dataset in a folder."""
    description = read_description(Layout(folder).description)
    name, n = str(description.recipe["name"]), description.n_rows
    return DownloadReport(folder, name, outcome, n, compared, bytes_received)


def check_kept(folder: Path, entry: Entry) -> None:
    """Refuse what the cache keeps under the name of a release, if the catalog means another by it.

    Raises
    ------
    ParameterError
    """
    found = read_description(Layout(folder).description).fingerprint
    if entry.fingerprint not in (None, found):
        raise ParameterError(
            f"{folder} holds another release of the name {entry.name} and version {entry.version} (its "
            f"fingerprint is {found[:16]}..., the catalog says {str(entry.fingerprint)[:16]}...); remove "
            "it, or choose a folder with --to"
        )


def check_target(target: Path) -> None:
    """Refuse a target that holds something else than a dataset.

    Raises
    ------
    ParameterError
    """
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise ParameterError(f"{target} is a file or a link; a release becomes a folder")
        if target.exists() and any(target.iterdir()) and not Layout(target).description.is_file():
            raise ParameterError(
                f"{target} is not empty and holds no dataset; choose an empty or new folder"
            )
    except OSError as error:
        raise ParameterError(f"{target} cannot be used: {error.strerror or error}") from error


def _is_there(
    download: Download, description: Description, order: DownloadRequest, *, is_part: bool
) -> bool:
    """Whether the target is what is wanted already; its files are compared with their hashes.

    Raises
    ------
    ParameterError
        If it is another dataset, or is damaged.
    """
    layout = Layout(order.target)
    if not layout.description.exists():
        return False
    try:
        found = read_description(layout.description)
        hashes = parse_listing(layout.checksums.read_bytes())
    except (ManifestError, DownloadError, OSError) as error:
        raise ParameterError(
            f"{order.target} holds something that is not whole: {error}; choose another folder"
        ) from error
    of = part_of(description, download.sums, order.selection) if is_part else None
    is_meant = (
        found.fingerprint == description.fingerprint
        and found.codec == (order.codec or description.codec)
        and found.part_of == of
        and (is_part or found.counts == description.counts)
    )
    if not is_meant:
        raise ParameterError(
            f"{order.target} holds another dataset, or another part of this one; choose another folder"
        )
    for name, digest in hashes.items():
        try:
            is_right = sha256_of(inside(order.target, name)) == digest
        except OSError:
            is_right = False
        if not is_right:
            raise ParameterError(
                f"{order.target} holds this release, and {name} in it is damaged or missing; see syngen "
                "verify, or remove the folder and download it again"
            )
    return True


def _as_it_is(download: Download, description: Description) -> None:
    shard_bytes = sum(entry.bytes for entry in description.shards)
    there = download.n_there()
    download.counter.total, download.counter.done = shard_bytes, min(there, shard_bytes)
    download.check_room(description, max(0, shard_bytes - there))
    names = [n for n in download.hashes if not n.startswith("audio/") and n != "dataset.json"]
    download.fetch_shards(download.fetch_documents(description, names))
    download.staging.prune([*download.hashes, "SHA256SUMS"])


def _derive_dataset(
    download: Download, description: Description, order: DownloadRequest, choose: Choose | None
) -> None:
    """Fetch what is needed, and make a dataset of it."""
    staging = download.staging
    contents = _fetch_documents(download, description)
    codec = find_codec(order.codec or description.codec)
    if choose is None:
        rows, files, of = np.arange(description.n_rows, dtype=np.int64), whole_shards(contents), None
    else:
        rows = chosen_rows(contents, choose(staging.verified))
        files = _pieces(download, contents, rows)
        of = part_of(description, download.sums, order.selection)
    n_bytes = sum(file.n_bytes for file in files.values())
    there = download.n_there()
    download.counter.total, download.counter.done = n_bytes, min(there, n_bytes)
    lengths = integers(contents.table, "n_samples")[rows]
    made = 2 * int(lengths.sum()) if codec.name == "wav" else 2 * n_bytes
    download.check_room(description, max(0, n_bytes - there) + made)
    if choose is None:
        download.fetch_shards(contents)
    else:
        _fetch_pieces(download, description, files)
    staging.clear(staging.derived)
    SubsetWriter(contents, rows, files, codec, of).make(staging.derived, download.each)


def _pieces(download: Download, contents: Contents, rows: IntArray) -> dict[str, RangeFile]:
    """Return the files for those parts of shards, by name, that hold some rows."""
    numbers = contents.shard_numbers(rows)
    places = contents.table.select(["offset", "size"]).take(rows)
    offsets, sizes = (integers(places, name) for name in ("offset", "size"))
    pieces = {}
    for number in np.unique(numbers).tolist():
        is_in = numbers == number
        segments, name = segments_of(offsets[is_in], sizes[is_in]), contents.description.shards[number].name
        # another selection of the same shard is another file
        mark = digest_of([download.hashes[f"audio/{name}.tar"], segments])
        pieces[name] = RangeFile(download.staging.parts / f"piece-{mark}", segments)
    return pieces


def _fetch_pieces(download: Download, description: Description, pieces: Mapping[str, RangeFile]) -> None:
    """Fetch parts of shards; that their audio is right is seen when the dataset is made."""
    kept = {piece.path.name for piece in pieces.values()}
    for path in download.staging.parts.glob("piece-*"):
        if path.name not in kept:  # of another selection
            remove(path)

    def one(entry: ShardEntry) -> None:
        piece = pieces[entry.name]
        most = max(entry.bytes, piece.n_bytes)
        name, segments = f"audio/{entry.name}.tar", piece.segments
        download.transfers.fetch(name, piece.path, size=entry.bytes, most=most, segments=segments)

    download.each([entry for entry in description.shards if entry.name in pieces], one)


def part_of(description: Description, sums: str | None, selection: Json | None) -> PartOf:
    """Return what the description of a part says of the release that it is a part of."""
    return {
        "name": description.recipe["name"],
        "rows": description.n_rows,
        "sha256": sums,
        "selection": selection or {},
    }


def cut_from(
    source: Path, folder: Path, rows: IntArray, *, sums: str | None, selection: Json | None
) -> None:
    """Make a part of a whole dataset that is on disk.

    Parameters
    ----------
    source, folder : Path
    rows : ndarray of int64, shape (n,)
    sums : str or None
        SHA-256 of the SHA256SUMS of the release that it is to be a part of.
    selection : dict or None
    """
    contents = read_contents(source)
    of = part_of(contents.description, sums, selection)
    cut = SubsetWriter(contents, chosen_rows(contents, rows), whole_shards(contents), contents.codec, of)

    def each(items: Sequence[Shard], do: Callable[[Shard], None]) -> None:
        for item in items:
            do(item)

    cut.make(folder, each)
