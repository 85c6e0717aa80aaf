"""Verification of a dataset in an object store: its documents in a scratch folder, one shard at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import GenerationIncompleteError, ManifestError, ParameterError
from syngen.generation.targets.listing import StoreListing, list_store
from syngen.generation.uploads import NAMES, name_of
from syngen.io.cache import scratch_folder
from syngen.io.names import is_name
from syngen.io.workspace import remove, working_folder
from syngen.storage.documents import json_in
from syngen.storage.layout import Layout, split_of_shard
from syngen.storage.problems import Problem
from syngen.storage.publication import publication_in
from syngen.verification.finished import abridged, find_problems

if TYPE_CHECKING:
    from syngen.io.object_store import Store
    from syngen.verification.options import VerificationOptions

__all__ = ["verify_store"]

_AUDIO = f"{name_of(NAMES.audio)}/"
_RECEIPTS = f"{name_of(NAMES.receipts)}/"


def verify_store(store: Store, options: VerificationOptions) -> list[str]:
    """Check a dataset in an object store, or as much of it as there is.

    Parameters
    ----------
    store : Store
    options : VerificationOptions

    Returns
    -------
    list of str
        One line per problem; empty if all is well.

    Raises
    ------
    ParameterError
        If nothing is there.
    ManifestError
        If there is no dataset.
    GenerationIncompleteError
        If the dataset is unfinished, and sound as far as it goes.
    StoreError
        If the store gives up.
    """
    found = list_store(store)
    if not found.sizes and found.plan is None and found.description is None:
        raise ParameterError(f"there is nothing at {store}; verify takes the URL of a dataset")
    with scratch_folder() as folder:
        mirror = _Mirror(store, Layout(folder), found)

        def said(text: object) -> str:
            return str(text).replace(str(folder), store.url)

        try:
            mirror.fetch_documents()
            options = replace(options, materialize_shard=mirror.materialize_shard)
            problems = find_problems(mirror.layout, options)
            return [said(text) for text in abridged((*mirror.orphans(), *problems))]
        except GenerationIncompleteError as error:
            raise GenerationIncompleteError(said(error), error.failed) from error
        except ManifestError as error:
            raise ManifestError(said(error)) from error


class _Mirror:
    """The documents of a dataset in a local folder, and one shard of it."""

    def __init__(self, store: Store, layout: Layout, found: StoreListing) -> None:
        self._store, self.layout, self._found = store, layout, found
        self._files: tuple[str, ...] = ()
        with suppress(ParameterError):
            release = publication_in(json_in(found.description) or {})
            self._files = () if release is None else release.files

    def fetch_documents(self) -> None:
        """Get all that is neither a shard nor a part of the manifest."""
        layout, found = self.layout, self._found
        working_folder(layout.audio)
        names = [name for name in found.sizes if "/" not in name and self._is_own(name)]
        if found.description is None:
            working_folder(layout.receipts, within=layout.folder)
            receipts = [name for name in found.sizes if _is_receipt(name)]
            for name, data in self._store.get_all(receipts):
                if data is not None:
                    (layout.folder / name).write_bytes(data)
        for name in names:
            self._fetch(name)
        # whatever the listing says of them
        for path, content in ((layout.plan, found.plan), (layout.description, found.description)):
            if content is not None:
                path.write_bytes(content)

    def _is_own(self, name: str) -> bool:
        path = Path(name)
        return path in NAMES.final_files(files=self._files) or (path.suffix == ".parquet" and is_name(name))

    def _fetch(self, name: str) -> None:
        size = self._store.sizes_of([name]).get(name)  # a listing may be wrong
        if size is not None:
            self._store.fetch(name, self.layout.folder / name, size)

    @contextmanager
    def materialize_shard(self, name: str) -> Iterator[None]:
        """Have a shard and its parts in the folder while a block runs, as far as they are there."""
        paths = [self.layout.shard(name)]
        if self._found.description is None:
            paths += [self.layout.shard_manifest(name), self.layout.annotations_part(name)]
        try:
            for path in paths:
                self._fetch(name_of(path.relative_to(self.layout.folder)))
            yield
        finally:
            for path in paths:
                remove(path)

    def orphans(self) -> Iterator[Problem]:
        """Report what lies there and is no dataset's; the rest is found in the folder."""
        is_finished = self._found.description is not None
        for name in sorted(self._found.sizes):
            if is_finished and name in self._found.work:
                text = "was left by a run that ended early; the same syngen generate command removes it"
                yield Problem(name, f"{name}: {text}")
            elif not self._is_known(name):
                yield Problem(name, f"{name}: is not part of the dataset")

    def _is_known(self, name: str) -> bool:
        if name in self._found.work or self._is_own(name):
            return True  # foreign tables are found in the folder
        path = Path(name)
        is_shard = split_of_shard(path.stem) is not None and path.suffix == ".tar"
        return is_shard and name == f"{_AUDIO}{path.name}" and self._is_listed(path.stem)

    def _is_listed(self, shard: str) -> bool:
        content = self._found.description or self._found.plan or b""
        return f'"{shard}"'.encode() in content or self._found.description is None


def _is_receipt(name: str) -> bool:
    """Whether an object has the name of a receipt, and of nothing outside of their folder."""
    path = Path(name)
    return name == f"{_RECEIPTS}{path.name}" and path.suffix == ".json" and is_name(path.name)
