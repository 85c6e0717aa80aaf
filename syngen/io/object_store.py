"""Object stores: datasets below a URL, by fsspec.

An object is whole or not there, nothing is locked and nothing written on a condition. What fails for the
moment (throttling, time-outs, lost connections) is tried again after growing pauses; what will fail again
(no bucket, no permission) is said at once.
"""

from __future__ import annotations

import errno
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.request import url2pathname

from syngen._distribution import install_command
from syngen.errors import MissingExtraError, ParameterError, StoreAccessError, StoreError, suggestion
from syngen.io.files import is_url, local_path
from syngen.io.workspace import remove

__all__ = ["Range", "Store", "place_of"]

T = TypeVar("T")

Range: TypeAlias = tuple[str, int, int | None]
"""Name of an object, first byte, and the byte after the last; None for its end."""

_TRIES = 7
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_AT_ONCE = 32  # requests under way
_PIECE = 16 << 20  # bytes of a request, where much is fetched or uploaded
_CONNECT_S, _READ_S = 10, 60
_REFUSED = re.compile(
    "AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|Forbidden"
    "|NoCredentials|PartialCredentials|Unable to locate credentials"
)
_NO_BUCKET = re.compile("NoSuchBucket|bucket does not exist", re.IGNORECASE)
_FOREIGN_ERRORS = ("botocore", "aiohttp", "aiobotocore", "urllib3", "requests", "fsspec", "s3fs")
_PERMANENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_PERMANENT_NUMBERS = {errno.EINVAL, errno.ENOSPC, errno.ENAMETOOLONG, errno.EROFS}


def place_of(folder: str | Path) -> Path | Store:
    """Return where a dataset is meant to be: a local folder, or in an object store.

    Raises
    ------
    ParameterError
        If it is no path, or a URL that has gone through `Path`, which takes away one of its slashes.
    """
    if not isinstance(folder, (str, Path)):
        raise ParameterError(f"a dataset of type {type(folder).__name__}; a folder or a URL is needed")
    if isinstance(folder, str) and is_url(folder):
        scheme, _, rest = folder.partition("://")
        return Path(url2pathname(rest)) if scheme.lower() in ("file", "local") else Store(folder)
    scheme, colon, rest = str(folder).partition(":/")
    if colon and rest and scheme in ("s3", "memory") and not Path(f"{scheme}:").exists():
        raise ParameterError(f"{folder} is no URL any more; give {scheme}://{rest.lstrip('/')} as text")
    return local_path(folder)


class Store:
    """Objects below a URL. Nothing is opened before it is asked for, and each process opens its own.

    Credentials, endpoint and region are those of the AWS environment (``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT_URL``, ``AWS_PROFILE``, ...) and of fsspec's configuration.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/folder``; names are relative to it.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") if url.partition("://")[2].strip("/") else url
        self._filesystem: Any = None  # of fsspec, which has no types
        self._root = ""
        self._pid = 0

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (self.url,)

    def __str__(self) -> str:
        return self.url

    @property
    def is_private(self) -> bool:
        """Whether no other process sees the store."""
        return self.url.partition("://")[0].lower() == "memory"

    def sizes(self) -> dict[str, int]:
        """Return the size of every object by name, by one listing of as many pages as it takes."""
        return self._retried("", self._listed)

    def _listed(self) -> dict[str, int]:
        fs = self._opened()
        fs.invalidate_cache()
        found = fs.find(self._root, detail=True)
        start = len(self._root.rstrip("/")) + 1
        named = ((path[start:], int(about.get("size") or 0)) for path, about in found.items())
        # what ends with a slash is a folder of some console
        return {name: size for name, size in named if name and not name.endswith("/")}

    def get(self, name: str) -> bytes | None:
        """Return the content of an object, or None if there is none."""
        return self.ranges([(name, 0, None)])[0]

    def get_all(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Yield names and contents of small objects, several at a time; None where there is no object."""
        waiting = list(names)
        for start in range(0, len(waiting), _AT_ONCE):
            part = waiting[start : start + _AT_ONCE]
            yield from zip(part, self.ranges([(name, 0, None) for name in part]), strict=True)

    def ranges(self, places: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of several places, requested together; None where there is no object.

        Raises
        ------
        StoreError
            If an object ends before its range does, or the store gives up.
        """
        results: list[bytes | None] = [None] * len(places)
        todo = list(range(len(places)))
        for pause in (*_pauses(), None):
            found = self._cat([places[i] for i in todo])
            failed: list[tuple[int, Exception]] = []
            for i, data in zip(todo, found, strict=True):
                error = data if isinstance(data, Exception) else _shortage(places[i], data)
                if error is None:
                    results[i] = bytes(data)  # type: ignore[arg-type]
                elif not isinstance(error, FileNotFoundError) or _chain_has(error, _NO_BUCKET):
                    failed.append((i, error))
            if not failed:
                return results
            for i, error in failed:
                if pause is None or not _is_transient(error):
                    raise self._said(places[i][0], error) from error
            todo = [i for i, _ in failed]
            time.sleep(pause or 0.0)
        raise AssertionError("the last try returns or raises")

    def _cat(self, places: Sequence[Range]) -> Sequence[bytes | Exception]:
        fs = self._opened()
        try:
            names, starts, ends = (list(column) for column in zip(*places, strict=True))
            paths = [self._path(str(name)) for name in names]
            found = fs.cat_ranges(paths, starts, ends, on_error="return")
        except Exception as error:  # noqa: BLE001  # judged by the caller, as those of single places
            found = [error] * len(places)
        # a range of nothing is refused: then there is nothing
        return [
            b"" if end is None and isinstance(data, OSError) and data.errno == errno.EINVAL else data
            for data, (_, _, end) in zip(found, places, strict=True)
        ]

    def fetch(self, name: str, path: Path, size: int) -> bool:
        """Write an object, piece by piece, to a local file that only this user can read.

        Parameters
        ----------
        name : str
        path : Path
        size : int
            Bytes that it has.

        Returns
        -------
        bool
            Whether there is such an object.
        """
        with open(path, "wb", opener=_opened_for_user) as file:
            for start in range(0, size, _PIECE):
                (data,) = self.ranges([(name, start, min(start + _PIECE, size))])
                if data is None:
                    break
                file.write(data)
            else:
                return True
        remove(path)
        return False

    def sizes_of(self, names: Iterable[str]) -> dict[str, int]:
        """Return the size of each object that is there, asked for by name and not by a listing."""
        names = list(names)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            found = zip(names, threads.map(self._size_of, names), strict=True)
            return {name: size for name, size in found if size is not None}

    def _size_of(self, name: str) -> int | None:
        def ask() -> int | None:
            try:
                return int(self._opened().info(self._path(name))["size"])
            except FileNotFoundError as error:
                if _chain_has(error, _NO_BUCKET):
                    raise
                return None

        return self._retried(name, ask)

    def put(self, name: str, data: bytes) -> None:
        """Store an object."""
        self._retried(name, lambda: self._opened().pipe_file(self._path(name), data))

    def put_file(self, name: str, path: Path) -> None:
        """Store a local file as an object."""
        # by default s3fs holds ten pieces of 50 MB in memory
        more = {"chunksize": _PIECE, "max_concurrency": 2} if self._is_s3 else {}
        self._retried(name, lambda: self._opened().put_file(str(path), self._path(name), **more))

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects, as far as they are there."""
        names = list(names)
        if names:
            self._retried(names[0], lambda: self._delete(names))

    def _delete(self, names: Sequence[str]) -> None:
        fs, paths = self._opened(), [self._path(name) for name in names]
        if self._is_s3:
            fs.rm(paths)  # a request for a thousand
            return
        for path in paths:
            with suppress(FileNotFoundError):
                fs.rm_file(path)

    @property
    def _is_s3(self) -> bool:
        return self.url.partition("://")[0].lower() in ("s3", "s3a")

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _opened(self) -> Any:
        """Return the file system, which lives in one process: threads of its own do not survive a fork."""
        if self._filesystem is None or self._pid != os.getpid():
            import fsspec.asyn

            if self._filesystem is not None:
                fsspec.asyn.reset_lock()
            kind = _class_of(self.url)
            self._root = str(kind._strip_protocol(self.url))  # noqa: SLF001  # fsspec's own way
            if not self._root.strip("/"):
                raise ParameterError(f"{self.url}: a bucket is missing, as in s3://bucket/folder")
            self._filesystem, self._pid = kind(**_options(self._is_s3)), os.getpid()
            if self._is_s3:
                self._filesystem.retries = 1  # the pauses are ours
        return self._filesystem

    def _retried(self, name: str, call: Callable[[], T]) -> T:
        for pause in (*_pauses(), None):
            try:
                return call()
            except Exception as error:
                if isinstance(error, ParameterError | MissingExtraError):
                    raise
                if pause is None or not _is_transient(error):
                    raise self._said(name, error) from error
            time.sleep(pause or 0.0)
        raise AssertionError("the last try returns or raises")

    def _said(self, name: str, error: Exception) -> Exception:
        """Return what to raise for an error of the file system."""
        place = f"{self.url}/{name}" if name else self.url
        reason = _reason(error)
        if isinstance(error, StoreError | ParameterError | MissingExtraError):
            return error
        if _chain_has(error, _NO_BUCKET):
            return StoreAccessError(f"{self.url}: there is no such bucket; create it, or correct the URL")
        if isinstance(error, PermissionError) or _chain_has(error, _REFUSED):
            return StoreAccessError(
                f"{place}: access is refused ({reason}); check the credentials (AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY or AWS_PROFILE) and the endpoint (AWS_ENDPOINT_URL)"
            )
        if _is_transient(error):
            return StoreError(
                f"{place}: given up after {_TRIES} tries: {reason}; check the network and the endpoint "
                "(AWS_ENDPOINT_URL), or wait, and run the same command again"
            )
        if "Validation" in type(error).__name__:
            return StoreAccessError(f"{place}: {reason}")
        if _is_foreign(error) or isinstance(error, OSError):
            return StoreError(f"{place}: {reason}")
        return error


def _opened_for_user(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _class_of(url: str) -> Any:
    import fsspec
    from fsspec.registry import known_implementations

    protocol = url.partition("://")[0].lower()
    if "::" in url:
        raise ParameterError(f"{url}: chained URLs are not possible; give that of the store alone")
    try:
        return fsspec.get_filesystem_class(protocol)
    except ValueError as error:
        hint = suggestion(protocol, ["s3", "memory", "gs", "abfs", "file"])
        raise ParameterError(
            f"{url}: no protocol {protocol!r}{hint}; object stores are s3://bucket/folder and others that "
            "fsspec knows"
        ) from error
    except ImportError as error:
        if protocol in ("s3", "s3a"):
            raise MissingExtraError(
                f"{url} needs s3fs, which is not installed; install it with: {install_command('s3')}"
            ) from error
        about = known_implementations.get(protocol, {}).get("err", str(error))
        raise MissingExtraError(f"{url} cannot be opened: {about}") from error


def _options(is_s3: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return how a file system is made: nothing remembered, one try, no checksums that few stores know."""
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if not is_s3:
        return options
    from fsspec.config import conf

    config = {
        "retries": {"total_max_attempts": 1},
        "connect_timeout": _CONNECT_S,
        "read_timeout": _READ_S,
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    return {**options, "config_kwargs": config | dict(conf.get("s3", {}).get("config_kwargs", {}))}


def _pauses() -> Iterator[float]:
    """Yield the pauses between tries, in seconds: growing, and not the same for all."""
    for k in range(_TRIES - 1):
        yield min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**k) * random.uniform(0.5, 1.0)  # noqa: S311


def _shortage(place: Range, data: bytes | Exception) -> Exception | None:
    _, start, stop = place
    if isinstance(data, Exception) or stop is None or len(data) == stop - start:
        return None
    return ConnectionError(f"{len(data)} of {stop - start} bytes came")


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _chain_has(error: BaseException, pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(f"{type(found).__name__} {found}") for found in _chain(error))


def _is_foreign(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _FOREIGN_ERRORS


def _is_transient(error: Exception) -> bool:
    if isinstance(error, _PERMANENT) or _chain_has(error, _REFUSED) or _chain_has(error, _NO_BUCKET):
        return False
    if isinstance(error, OSError):
        return not isinstance(error, StoreError) and error.errno not in _PERMANENT_NUMBERS
    # botocore's own complaints about what it is given are ValueErrors or have such names
    return _is_foreign(error) and "Validation" not in type(error).__name__


def _reason(error: Exception) -> str:
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return " ".join(str(text).split())
