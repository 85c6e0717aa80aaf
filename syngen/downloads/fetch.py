"""Downloads: a release as it is, whole or not at all.

SHA256SUMS comes first and says everything: files that are missing or have another hash are asked for, and
none is taken that is not what it should be. How the bytes come is `transfers`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen._typing import ProgressUpdate
from syngen.downloads.checksum_list import MOST_LISTING_BYTES, check_shards, parse_listing
from syngen.downloads.contents import Contents, read_contents
from syngen.downloads.staging import Staging
from syngen.downloads.transfers import NoMirrorError, StoppedError, Transfers
from syngen.errors import (
    DownloadError,
    DownloadIncompleteError,
    DownloadMismatchError,
    ManifestError,
    SyngenError,
)
from syngen.io.files import human_bytes, sha256_of
from syngen.io.http.connections import HttpClient
from syngen.io.http.stalls import TransferLimits
from syngen.io.mirrors import mirror_of
from syngen.io.names import is_name
from syngen.io.space import check_room
from syngen.io.workspace import remove, working_folder
from syngen.recipe.fields import NAME_PATTERN
from syngen.storage.description import Description, read_description

if TYPE_CHECKING:
    from syngen._typing import Progress

__all__ = ["Download", "downloading", "is_document"]

_MOST_DESCRIPTION_BYTES = 1 << 28
_MOST_DOCUMENT_BYTES = 64 << 20
_MOST_DOCUMENTS = 4096
_MOST_ROW_BYTES = 1 << 12
_SPARE_BYTES = 64 << 20
_OFFER = "with --recreate it is made again from its recipe and compared with what is known of it"
_DOCUMENTS = ("dataset.json", "plan.json", "recipe.yaml")


@dataclass
class Download:
    """One download into a staging folder. Use `downloading`.

    Attributes
    ----------
    staging : Staging
    transfers : Transfers
    client : HttpClient
    connections : int
        Files that come at a time.
    counter : _Counter
    sums : str
        SHA-256 of SHA256SUMS.
    hashes : dict of str to str
        What SHA256SUMS lists; empty before `read_listing`.
    """

    staging: Staging
    transfers: Transfers
    client: HttpClient
    connections: int
    counter: _Counter
    sums: str
    hashes: dict[str, str]

    def read_listing(self, expected: str | None) -> None:
        """Fetch SHA256SUMS.

        Parameters
        ----------
        expected : str, optional
            SHA-256 that it must have.
        """
        part = self.staging.parts / "SHA256SUMS"
        remove(part)
        self.sums = self._let_come("SHA256SUMS", part, expected, most=MOST_LISTING_BYTES)
        if expected not in (None, self.sums):
            raise DownloadMismatchError(
                f"SHA256SUMS has the SHA-256 {self.sums[:16]}..., the catalog says "
                f"{expected[:16]}...: the release was changed or is another one"
            )
        self.hashes = parse_listing(part.read_bytes())
        self.staging.prune([*self.hashes, "SHA256SUMS"])
        os.replace(part, self.staging.verified / "SHA256SUMS")

    def read_description(self, name: str | None, version: str | None = None) -> Description:
        """Fetch dataset.json and check it against SHA256SUMS.

        Parameters
        ----------
        name : str, optional
            That the dataset must have.
        version : str, optional
            That the release must have, if it says one.
        """
        self.fetch("dataset.json", most=_MOST_DESCRIPTION_BYTES)
        try:
            description = read_description(self.staging.verified / "dataset.json")
        except ManifestError as error:
            text = str(error).replace(f"{self.staging.verified}{os.sep}", "")
            raise DownloadError(f"the release is refused: {text}") from error
        check_shards(self.hashes, description)
        found = description.recipe.get("name")
        if not isinstance(found, str) or not re.fullmatch(NAME_PATTERN, found) or not is_name(found):
            raise DownloadError(f"the release is refused: {found!r} is no name of a dataset")
        if name is not None and found != name:
            raise DownloadError(f"the release is of {found!r}, not of {name!r}")
        of = description.release.version if description.release is not None else None
        if version is not None and of not in (None, version):
            raise DownloadError(f"the release of {found} has version {of}, the catalog says {version}")
        return description

    def fetch_documents(self, description: Description, names: Sequence[str]) -> Contents:
        """Fetch what is small and the tables, and read them."""
        if len(names) > _MOST_DOCUMENTS:
            raise DownloadError(
                f"the release has {len(names):,} files beside its shards; {_MOST_DOCUMENTS:,} are possible"
            )
        tables = {"manifest.parquet", *(f"{name}.parquet" for name in description.tables)}
        most = {
            name: _MOST_DOCUMENT_BYTES + (description.n_rows * _MOST_ROW_BYTES if name in tables else 0)
            for name in names
        }
        self.each(names, lambda name: self.fetch(name, most=most[name]))
        return read_contents(self.staging.verified)

    def fetch_shards(self, contents: Contents) -> None:
        """Fetch every shard and compare it with the manifest."""

        def one(number: int) -> None:
            entry = contents.description.shards[number]
            name = f"audio/{entry.name}.tar"
            self.fetch(name, size=entry.bytes, most=entry.bytes)
            contents.check_shard(number, self.staging.verified / name)

        self.each(range(len(contents.description.shards)), one)

    def check_room(self, description: Description, n_more: int) -> None:
        """Refuse what the disk has no room for.

        Parameters
        ----------
        description : Description
        n_more : int
            Bytes that are still to come, or to be made.
        """
        check_room(
            self.staging.target.parent,
            n_more + _SPARE_BYTES,
            what=f"{description.recipe['name']} needs {human_bytes(n_more)}",
            remedy="choose another folder with --to, or a part with --split, --where or --limit",
            error=DownloadError,
        )

    def n_there(self) -> int:
        """Return the bytes that earlier tries have left."""
        found = [*self.staging.verified.rglob("*"), *self.staging.parts.rglob("*")]
        return sum(path.stat().st_size for path in found if path.is_file())

    def each(self, items: Sequence[Any], do: Callable[[Any], None]) -> None:
        """Do something for each item, several at a time; the first failure ends the rest."""
        threads = ThreadPoolExecutor(self.connections)
        try:
            futures = [threads.submit(do, item) for item in items]
            for future in as_completed(futures):
                with contextlib.suppress(StoppedError):
                    future.result()
        except BaseException:
            self.transfers.stop()
            threads.shutdown(wait=False, cancel_futures=True)
            self.client.abort()
            raise
        finally:
            threads.shutdown(wait=True, cancel_futures=True)

    def part_of(self, name: str) -> Path:
        """Return where the bytes of a file come together."""
        return self.staging.parts / hashlib.sha256(f"{name} {self.hashes[name]}".encode()).hexdigest()

    def fetch(self, name: str, *, most: int, size: int | None = None) -> None:
        """Let a file come and be verified, unless it is there and is what it should be."""
        path, part, digest = self.staging.verified / name, self.part_of(name), self.hashes[name]
        working_folder(path.parent, within=self.staging.verified, mode=0o777)
        if path.is_file() and sha256_of(path) == digest:
            return
        if self._let_come(name, part, digest, most=most, size=size) != digest:
            places = ", ".join(str(mirror) for mirror in self.transfers.mirrors)
            raise _WrongFileError(
                f"{name} has another SHA-256 than SHA256SUMS says ({digest[:16]}...), from "
                f"{places}: it is damaged or another file, and was not kept"
            )
        os.replace(part, path)

    def _let_come(
        self, name: str, part: Path, digest: str | None, *, most: int, size: int | None = None
    ) -> str:
        """Let the bytes of a file come together, from the first mirror whose have the right SHA-256.

        Returns
        -------
        str
            The SHA-256 of what came; where no mirror has the right one, another, and nothing is kept.
        """
        avoided: frozenset[int] = frozenset()
        while True:
            was_there = part.exists()
            used = self.transfers.fetch(name, part, size=size, most=most, avoided=avoided)
            found = sha256_of(part)
            if digest in (None, found):
                with open(part, "rb") as file:
                    os.fsync(file.fileno())
                return found
            remove(part)
            if not was_there:
                avoided |= {used}
            if len(avoided) == len(self.transfers.mirrors):
                return found


class _WrongFileError(DownloadMismatchError):
    """A file that no mirror has undamaged; the others are what they should be."""


class _Counter:
    """Tells about progress in bytes, from any thread."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self.done, self.total = 0, 0

    def __call__(self, n_bytes: int) -> None:
        with self._lock:
            self.done += n_bytes
            if self._progress is not None and self.total:
                self._progress(ProgressUpdate(min(self.done, self.total), self.total, 0.0))


@contextlib.contextmanager
def downloading(
    staging: Staging,
    mirrors: Sequence[str],
    *,
    connections: int,
    limits: TransferLimits,
    progress: Progress | None = None,
) -> Iterator[Download]:
    """Give a download for the length of a block, and clean up after errors.

    What was refused is removed. What was verified is kept only after failures that another try can mend.
    """
    client = HttpClient(limits)
    counter = _Counter(progress)
    transfers = Transfers([mirror_of(mirror, client) for mirror in mirrors], limits, counter)
    try:
        yield Download(staging, transfers, client, connections, counter, "", {})
    except NoMirrorError as error:
        _clean(staging, error)
        raise NoMirrorError(f"{error}; {_OFFER}") from error
    except SyngenError as error:
        _clean(staging, error)
        raise
    finally:
        client.close()


def _clean(staging: Staging, error: SyngenError) -> None:
    if isinstance(error, DownloadIncompleteError):
        return
    staging.clear(staging.parts, staging.derived)
    whole = staging.verified
    is_useful = isinstance(error, _WrongFileError) and any(whole.glob("audio/*.tar"))
    is_known = isinstance(error, NoMirrorError) and (whole / "manifest.parquet").exists()
    if not is_useful and not is_known:
        staging.remove()


def is_document(name: str, tables: Mapping[str, object] | Sequence[str]) -> bool:
    """Whether a part of a release needs this file: description, plan, recipe and tables."""
    return name in _DOCUMENTS or name.removesuffix(".parquet") in ("manifest", *tables)
