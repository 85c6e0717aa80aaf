"""An object store in memory that fails as it is told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

__all__ = ["FaultyFileSystem"]


class FaultyFileSystem(MemoryFileSystem):
    """``faulty://``: every operation asks `fault` first, and listings go through `listed`."""

    protocol = "faulty"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    fault: ClassVar[Callable[[str, str], None]]
    listed: ClassVar[Callable[[dict[str, Any]], dict[str, Any]]]
    calls: ClassVar[list[tuple[str, str]]] = []

    @classmethod
    def reset(cls) -> None:
        """Forget all objects and faults."""
        cls.store.clear()
        cls.heal()

    @classmethod
    def heal(cls) -> None:
        """Fail no more."""
        cls.fault = staticmethod(lambda operation, path: None)
        cls.listed = staticmethod(lambda found: found)
        cls.calls.clear()

    @classmethod
    def content(cls, root: str) -> dict[str, bytes]:
        """Return the objects below a root by relative name."""
        start = f"/{root}/"
        return {k.removeprefix(start): v.getvalue() for k, v in cls.store.items() if k.startswith(start)}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("faulty://"))

    def _ask(self, operation: str, path: str) -> None:
        type(self).calls.append((operation, path))
        type(self).fault(operation, path)

    def find(self, path: str, **options: Any) -> Any:
        self._ask("list", path)
        return type(self).listed(super().find(path, **options))

    def cat_file(self, path: str, start: Any = None, end: Any = None, **options: Any) -> bytes:
        self._ask("get", path)
        return super().cat_file(path, start, end, **options)

    def info(self, path: str, **options: Any) -> Any:
        self._ask("head", path)
        return super().info(path, **options)

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        self._ask("put", path)
        super().pipe_file(path, value, **options)

    def put_file(self, lpath: str, rpath: str, **options: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def rm_file(self, path: str) -> None:
        self._ask("delete", path)
        super().rm_file(path)


fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)
