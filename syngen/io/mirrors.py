"""Where the files of a release lie: below a URL, or in a folder."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import url2pathname

from syngen.errors import ParameterError
from syngen.io.files import is_url, local_path
from syngen.io.http.connections import HttpClient
from syngen.io.http.responses import CHUNK, InvalidResponseError, NotFoundError, Stream

__all__ = ["FolderMirror", "HttpMirror", "Mirror", "locator", "mirror_of"]


_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Mirror(Protocol):
    """A place that has the files of a release."""

    def open(self, name: str, start: int = 0, stop: int | None = None) -> AbstractContextManager[Stream]:
        """Open a file at byte `start`, up to `stop` or to its end.

        Raises
        ------
        TransferError
        """
        ...


class HttpMirror:
    """Files below a URL.

    Parameters
    ----------
    url : str
        The folder; or a pattern with ``{name}``, the whole relative name of a file, or ``{file}``, the part
        of it after the last slash, for hosts that have no folders.
    client : HttpClient
    """

    def __init__(self, url: str, client: HttpClient) -> None:
        self._url, self._client = url, client

    def __str__(self) -> str:
        return self._url

    def open(self, name: str, start: int = 0, stop: int | None = None) -> AbstractContextManager[Stream]:
        return self._client.get(self.url_of(name), start, stop)

    def url_of(self, name: str) -> str:
        """Return the address of a file."""
        if "{name}" in self._url or "{file}" in self._url:
            file = quote(name.rpartition("/")[2])
            return self._url.replace("{name}", quote(name)).replace("{file}", file)
        return f"{self._url.rstrip('/')}/{quote(name)}"


class FolderMirror:
    """Files in a folder of this machine.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    @contextlib.contextmanager
    def open(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[Stream]:
        path = self._folder / name
        if not self._folder.is_dir():
            raise NotFoundError("there is no such folder")
        try:
            # not waiting for the other end of a pipe; what a link leads to must lie in the folder too
            descriptor = os.open(path, _FLAGS)
        except OSError as error:
            raise NotFoundError(f"{name} cannot be read: {error.strerror or error}") from error
        with open(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise InvalidResponseError(f"{name} is not a file")
            if not path.resolve().is_relative_to(self._folder.resolve()):
                raise InvalidResponseError(f"{name} is a link that leads out of the folder")
            file.seek(start)
            yield _FileStream(file, start, found.st_size, found.st_size if stop is None else stop)


class _FileStream:
    def __init__(self, file: IO[bytes], start: int, total: int, stop: int) -> None:
        self.start = start
        self.total: int | None = total
        self._file, self._left = file, max(0, min(stop, total) - start)

    def read(self) -> bytes:
        data = self._file.read(min(CHUNK, self._left))
        self._left -= len(data)
        return data


def mirror_of(place: str, client: HttpClient) -> Mirror:
    """Return the mirror that a URL or a path means."""
    if place.startswith(("http://", "https://")):
        return HttpMirror(place, client)
    return FolderMirror(Path(place))


def locator(source: str) -> Callable[[str], str]:
    """Return what turns a mirror, as it is written in a file or given by a user, into a URL or a path.

    Parameters
    ----------
    source : str
        URL or path of the catalog that the mirror is written in; a mirror may be relative to it. What comes
        from a URL may not name folders of this machine.
    """
    is_remote = is_url(source)

    def locate(place: str) -> str:
        if is_remote and not is_url(place):
            place = urljoin(source, place)
        if not is_url(place):
            return str(Path(source).absolute().parent / local_path(place))
        scheme = place.partition("://")[0].lower()
        if scheme == "file" and not is_remote:
            return str(Path(url2pathname(urlsplit(place).path)))
        if scheme not in ("http", "https"):
            hint = "; open it directly with syngen.load" if scheme in ("s3", "gs", "abfs") else ""
            raise ParameterError(
                f"{place[:200]!r}: releases come from http, https and folders, not from {scheme!r}{hint}"
            )
        return f"{scheme}{place[len(scheme) :]}"

    return locate
