"""What belongs to a dataset by its plan, and what else is in its folder.

Documents that came with a folder may say anything. What belongs to a dataset is therefore derived: shards
from the sizes of the splits that its recipe gives, tables from the recipe, and all other files have fixed
names. What has another name is somebody's own and stays, whatever a document says of it.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from syngen._values import is_whole
from syngen.errors import SyngenError
from syngen.generation.plan import Plan
from syngen.io.atomic import is_temporary
from syngen.io.files import sha256_of
from syngen.io.workspace import InTheWayError, check_file
from syngen.resolving.load import resolve_document
from syngen.storage.layout import Layout, end_of_table, shard_name, split_of_shard
from syngen.storage.names import RELEASE_FILES, is_dataset_name, is_work_name

if TYPE_CHECKING:
    from syngen._typing import Json
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.synth.request import Permissions

__all__ = [
    "Belongings",
    "Contents",
    "belongings_in",
    "belongings_of",
    "check_free",
    "contents_of",
]

_NAMES = Layout(Path())
_AUDIO = f"{_NAMES.audio.name}/"
_WORK = f"{_NAMES.work.name}/"
_SERIES = re.compile(r"(manifest|annotations)(?:_([0-9]{6,9}))?")
_SPEAKERS = "speakers"  # the one table of the synthesizers that syngen comes with


@dataclass(frozen=True)
class Belongings:
    """The names of the files that belong to a dataset.

    Attributes
    ----------
    files : frozenset of str
        Names at the top of the folder.
    n_shards : mapping of str to int
        Number of shards by split.
    proofs : mapping of str to (int, str)
        Bytes and SHA-256 by the name of a shard's file, where it must have those to belong to the dataset.
    """

    files: frozenset[str]
    n_shards: Mapping[str, int]
    proofs: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a relative name is that of a file of the dataset."""
        if name.startswith(_WORK):
            return is_work_name(name.removeprefix(_WORK))
        if not name.startswith(_AUDIO):
            return name in self.files
        stem = name.removeprefix(_AUDIO).removesuffix(".tar")
        split = split_of_shard(stem)
        if split is None or name != f"{_AUDIO}{stem}.tar":
            return False
        number = int(stem.rpartition("-")[2])
        return number < self.n_shards.get(split, 0) and stem == shard_name(split, number)


def belongings_of(plan: Plan) -> Belongings:
    """Return what belongs to the dataset that a plan makes."""
    files = () if plan.release is None else plan.release.files
    return Belongings(
        _top(plan.tables, files),
        {split: -(-n // plan.shard_size) for split, n in plan.resolved.rows.split_sizes.items()},
    )


def belongings_in(documents: Iterable[Json | None], new: ResolvedRecipe) -> Belongings:
    """Return what belongs to the dataset that has these documents.

    Parameters
    ----------
    documents : iterable of dict or None
        Content of plan.json, of its copy, and of dataset.json, as far as they can be read. The first of a
        dataset counts.
    new : ResolvedRecipe
        Of the dataset that is to be written there, with whose permissions the recipe of the documents is
        resolved. Where that is impossible here, the sizes of the splits are taken as they are stated, and
        of the tables only those that syngen knows.
    """
    ours = {"format", "fingerprint", "recipe"}
    content = next((found for found in documents if found is not None and ours <= set(found)), None)
    if content is None:
        return Belongings(_top((), ()), {})
    resolved = _resolved(content, new)
    proofs: dict[str, tuple[int, str]] = {}
    if "shards" in content:
        n_shards, proofs = _described(content)
    else:
        sizes = None if resolved is None else resolved.rows.split_sizes
        n_shards = _planned(content, sizes)
    release = content.get("release")
    stated = release.get("files") if isinstance(release, dict) else None
    files = [name for name in RELEASE_FILES if isinstance(stated, list) and name in stated]
    return Belongings(_top(_tables(content, resolved), files), n_shards, proofs)


@dataclass(frozen=True)
class Contents:
    """What is in a folder.

    Attributes
    ----------
    own : tuple of str
        Relative names of the files of the dataset.
    left : tuple of str
        Of everything else, those of folders with a slash at their end.
    n_bytes : int
        Of the shards.
    """

    own: tuple[str, ...]
    left: tuple[str, ...]
    n_bytes: int


def contents_of(layout: Layout, belongings: Belongings) -> Contents:
    """Tell what in a folder belongs to a dataset from what does not.

    Neither ``.syngen`` nor a folder that no dataset has is looked into.
    """
    own: list[str] = []
    left: list[str] = []
    n_bytes = 0
    for path in _entries(layout):
        name = path.relative_to(layout.folder).as_posix()
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            left.append(f"{name}/")
        elif is_temporary(path) and is_dataset_name(name):
            continue  # of an earlier run, and removed by itself
        elif belongings.has(name) and _is_own(path, status.st_size, belongings.proofs.get(name)):
            own.append(name)
            n_bytes += status.st_size if name.startswith(_AUDIO) else 0
        else:
            left.append(name)
    return Contents(tuple(own), tuple(left), n_bytes)


def check_free(place: Path | str, wanted: Belongings, names: Iterable[str]) -> None:
    """Refuse a plan that would replace one of some files or folders.

    Parameters
    ----------
    place : Path or str
        The folder of the dataset, or its URL.
    wanted : Belongings
        Of the plan.
    names : iterable of str
        Relative names of what belongs to no dataset there.

    Raises
    ------
    InTheWayError
        With the first whose name the plan needs.
    """
    for name in names:
        if wanted.has(name.rstrip("/")):
            raise InTheWayError(
                f"{place}/{name.rstrip('/')}",
                "the dataset needs its name, and it does not belong to the dataset that is there",
            )


def _entries(layout: Layout) -> list[Path]:
    """Return what is in the folder, and in that of the shards; this one and ``.syngen`` are left out."""
    found: list[Path] = []
    for folder in (layout.folder, layout.audio):
        if folder.is_dir():
            with os.scandir(folder) as entries:
                found += sorted(folder / entry.name for entry in entries)
    return [path for path in found if path not in (layout.audio, layout.work)]


def _is_own(path: Path, n_bytes: int, proof: tuple[int, str] | None) -> bool:
    """Whether a file is a plain one of this user's, and has the bytes and the hash that are wanted."""
    try:
        check_file(path)
    except InTheWayError:
        return False
    return proof is None or (n_bytes == proof[0] and sha256_of(path) == proof[1])


def _top(tables: Iterable[str], files: Iterable[str]) -> frozenset[str]:
    return frozenset(path.name for path in _NAMES.final_files(tuple(tables), tuple(files)))


def _resolved(content: Json, new: ResolvedRecipe) -> ResolvedRecipe | None:
    """Return the recipe of a document; None where this installation cannot make anything of it."""
    document = content["recipe"]
    if document == new.recipe.document():
        return new
    try:
        resolved = _resolved_text(json.dumps(document), new.request.permissions)
        _ = resolved.rows.split_sizes
    except (SyngenError, TypeError, ValueError):
        return None
    return resolved


@lru_cache(maxsize=1)  # a run looks twice: before it begins, and under the lock
def _resolved_text(document: str, permissions: Permissions) -> ResolvedRecipe:
    return resolve_document(json.loads(document), permissions)


def _planned(content: Json, most: Mapping[str, int] | None) -> dict[str, int]:
    """Return the number of shards by split that a plan states, for at most so many rows of each split."""
    size, stated = content.get("shard_size"), content.get("splits")
    if not _is_count(size) or not isinstance(stated, dict):
        return {}
    sizes = {split: n for split, n in stated.items() if _is_count(n)}
    if most is not None:
        sizes = {split: min(n, most.get(split, 0)) for split, n in sizes.items()}
    return {split: -(-n // size) for split, n in sizes.items()}


def _described(content: Json) -> tuple[dict[str, int], dict[str, tuple[int, str]]]:
    """Return the number of shards by split that a description lists, and what proves each."""
    n_shards: dict[str, int] = {}
    proofs: dict[str, tuple[int, str]] = {}
    shards = content.get("shards")
    for entry in shards if isinstance(shards, list) else ():
        split, name = (entry.get(key) if isinstance(entry, dict) else None for key in ("split", "name"))
        if isinstance(split, str) and name == shard_name(split, n_shards.get(split, 0)):
            n_shards[split] = n_shards.get(split, 0) + 1
            n_bytes = entry.get("bytes")
            size = n_bytes if _is_count(n_bytes) else -1
            proofs[f"{_AUDIO}{name}.tar"] = size, str(entry.get("sha256"))
    return n_shards, proofs


def _tables(content: Json, resolved: ResolvedRecipe | None) -> list[str]:
    """Return the tables that a document states and that its recipe, or syngen, has too."""
    stated, rows = content.get("tables"), content.get("rows")
    if not isinstance(stated, list):
        return []
    own = {_SPEAKERS} if resolved is None else set(resolved.synthesizer.tables(resolved.request))
    n_rows = rows if _is_count(rows) else 0
    if resolved is not None:
        n_rows = min(resolved.size, n_rows)
    return [name for name in stated if isinstance(name, str) and (name in own or _is_series(name, n_rows))]


def _is_series(name: str, n_rows: int) -> bool:
    """Whether so many rows fill a table of the manifest or of the annotations that has this name."""
    match = _SERIES.fullmatch(name)
    if match is None:
        return False
    number = int(match[2] or 0)
    return number == 0 or end_of_table(number - 1) < n_rows


def _is_count(value: object) -> TypeGuard[int]:
    return is_whole(value, 1, 1 << 62)
