"""What generation does to a folder beside writing the dataset: look, make room, clean up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import ManifestError, ParameterError
from syngen.io.atomic import is_temporary, name_without_mark, sync_folder
from syngen.io.workspace import (
    InTheWayError,
    check_file,
    check_folder,
    findings,
    remove,
    user_folder,
    working_folder,
)
from syngen.storage.description import read_json
from syngen.storage.layout import Layout
from syngen.storage.names import is_dataset_name, is_work_name

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = [
    "WORK_MODE",
    "check_files",
    "check_usable",
    "check_work",
    "create",
    "documents_in",
    "files_of_shard",
    "foreign_work",
    "is_left_behind",
    "is_part",
    "is_unfinished",
    "looking_at",
    "remove_temporaries",
    "remove_work",
    "temporaries",
]

WORK_MODE = 0o755
"""Of the folder ``.syngen`` and those in it: others may see how far a run is, and change nothing."""


@contextlib.contextmanager
def looking_at(layout: Layout) -> Iterator[None]:
    """Say of what cannot even be looked at that the folder cannot be used."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{layout.folder} cannot be used: {error}") from error


def check_usable(layout: Layout, *, overwrite: bool = False) -> None:
    """Refuse a folder that generation must not touch; changes nothing.

    Raises
    ------
    ParameterError
        If it is a file, cannot be written, or holds files that are not a dataset's.
    """
    folder = layout.folder
    with looking_at(layout):
        if "\0" in str(folder):
            raise ParameterError(f"{str(folder)!r} cannot be used: a name has no NUL character")
        if folder.exists() and not folder.is_dir():
            raise ParameterError(f"{folder} is a file; a dataset needs a folder")
        if not folder.exists():
            parent = next(path for path in folder.absolute().parents if path.exists())
            if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
                raise ParameterError(f"{folder} cannot be created: {parent} cannot be written")
            return
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ParameterError(f"{folder} cannot be written; choose another folder")
        names = {path.name for path in folder.iterdir()}
        is_ours = not names - {layout.work.name} or _has_plan(layout) or _only_starts(layout)
        if not is_ours and not _has_plan(layout):  # which another run may have written meanwhile
            hint = " (--overwrite removes datasets only)" if overwrite else ""
            raise ParameterError(
                f"{folder} is not empty and holds no dataset; choose an empty or new folder{hint}"
            )


def documents_in(layout: Layout) -> Iterator[Json]:
    """Yield the content of the plan, of its copy and of the description, as far as they can be read."""
    for path in (layout.plan, layout.copy(layout.plan), layout.description):
        with contextlib.suppress(ManifestError):
            yield read_json(path)


def _has_plan(layout: Layout) -> bool:
    """Whether the folder has a plan or a description, and it is one of ours."""
    return any({"format", "fingerprint", "recipe"} <= set(found) for found in documents_in(layout))


def _only_starts(layout: Layout) -> bool:
    """Whether the folder holds what a run leaves that ended before its plan was written."""
    own = {layout.recipe.name, layout.audio.name, layout.work.name}
    in_audio = list(layout.audio.iterdir()) if layout.audio.is_dir() else []
    others = [path for path in layout.folder.iterdir() if path.name not in own]
    return layout.work.exists() and all(map(is_temporary, (*others, *in_audio)))


def check_work(layout: Layout) -> None:
    """Refuse what a run, or a repair, would write or remove through; changes nothing.

    Raises
    ------
    InTheWayError
        If the folder of the shards or one that only an unfinished dataset has is a link, is not a folder,
        belongs to another user or lies on another file system, or if a file in the latter is a link.
    """
    if not layout.folder.is_dir():
        return
    with looking_at(layout):
        check_folder(layout.audio)
        if check_folder(layout.work):
            _check_names(layout, layout.work, is_thorough=False)  # there may be a million receipts
        if check_folder(layout.scratch, within=layout.folder):
            _check_names(layout, layout.scratch, is_thorough=True)
        copied = (layout.plan, layout.recipe, layout.checksums)
        check_files([layout.lock, layout.plan_lock, layout.log, *map(layout.copy, copied)])


def _check_names(layout: Layout, folder: Path, *, is_thorough: bool) -> None:
    """Refuse what has a name of ours below ``.syngen`` and is something else."""
    above = folder.relative_to(layout.work)

    def is_ours(name: str) -> bool:
        return is_work_name(f"{(above / name).as_posix()}{'/' if name.endswith('/') else ''}")

    for name, what in findings(folder, is_ours, is_thorough=is_thorough):
        if is_ours(name) or is_ours(f"{name}/"):
            raise InTheWayError(folder / name, what)


def check_files(paths: Iterable[Path]) -> None:
    """Refuse to replace what is not a plain file of this user's; changes nothing.

    Raises
    ------
    InTheWayError
    """
    for path in paths:
        check_file(path)


def files_of_shard(layout: Layout, name: str) -> tuple[Path, ...]:
    """Return the files of a shard in an unfinished dataset: the shard itself first, its receipt last."""
    of = (Layout.shard, Layout.shard_manifest, Layout.annotations_part, Layout.receipt)
    return tuple(path_of(layout, name) for path_of in of)


def is_unfinished(layout: Layout) -> bool:
    """Whether a folder without a description is that of a run that ended early.

    A finished dataset that lost its description has no receipts, and still has its other files.
    """
    if layout.description.exists() or layout.description.is_symlink():
        return False
    return layout.receipts.is_dir() or not (layout.manifest.exists() or layout.checksums.exists())


def is_left_behind(layout: Layout) -> bool:
    """Whether a finished dataset has more in its work folder than a log that was to be kept."""
    if not layout.work.is_dir() or layout.work.is_symlink():
        return True
    names = {path.name for path in layout.work.iterdir()}
    return not names or any(
        is_work_name(name) or is_work_name(f"{name}/") for name in names - {layout.log.name}
    )


def foreign_work(layout: Layout) -> list[str]:
    """Return what is in the folder ``.syngen`` and was not put there by syngen, as relative names."""
    try:
        found = [name for name, _ in findings(layout.work, is_work_name, is_thorough=False)]
    except InTheWayError:
        return []
    names = (name for name in found if not is_work_name(name) and not is_work_name(f"{name}/"))
    return [f"{layout.work.name}/{name}" for name in names]


def create(layout: Layout) -> None:
    """Make the folders of an unfinished dataset.

    Raises
    ------
    ParameterError
        If the file system refuses, or something else is at one of their names.
    """
    try:
        user_folder(layout.folder)
        working_folder(layout.receipts, within=layout.folder, mode=WORK_MODE)
        working_folder(layout.audio, mode=0o777)
    except (OSError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"{layout.folder} cannot be written: {reason}; choose another folder"
        ) from error


def temporaries(layout: Layout, *, shards: Collection[str] | None = None) -> list[Path]:
    """Return what earlier runs left half-written, as far as it can be listed.

    Parameters
    ----------
    layout : Layout
    shards : collection of str, optional
        Of what belongs to a shard, only that of these.
    """
    found = []
    for folder in (layout.folder, layout.audio, layout.work, layout.receipts):
        is_theirs = shards is not None and folder in (layout.audio, layout.receipts)
        with contextlib.suppress(OSError):
            for path in filter(is_temporary, folder.iterdir()):
                is_own = is_dataset_name(path.relative_to(layout.folder).as_posix())
                is_meant = not is_theirs or name_without_mark(path.name).split(".")[0] in (shards or ())
                if is_own and is_meant and not path.is_dir():
                    found.append(path)
    return sorted(found)


def remove_temporaries(layout: Layout, *, shards: Collection[str] | None = None) -> None:
    """Remove what earlier runs left half-written, where the file system lets it. Call it under the lock.

    Parameters
    ----------
    layout : Layout
    shards : collection of str, optional
        Of what belongs to a shard, only that of these.
    """
    for path in temporaries(layout, shards=shards):
        # what stays disturbs nobody, and the next run tries again
        with contextlib.suppress(OSError, InTheWayError):
            remove(path, within=layout.folder)


def remove_work(layout: Layout) -> tuple[str, ...]:
    """Remove what only an unfinished dataset has; return the names of what else is in its folder."""
    remove_temporaries(layout)
    left: tuple[str, ...] = ()
    with contextlib.suppress(OSError, InTheWayError):
        left = remove(layout.work, within=layout.folder, only=is_work_name)
    sync_folder(layout.folder)
    return tuple(f"{layout.work.name}/{name}" for name in left)


def is_part(layout: Layout) -> bool:
    """Whether the folder holds a part of a release, by what its plan or its description says."""
    return any("part_of" in found for found in documents_in(layout))
