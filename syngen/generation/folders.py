"""What generation does to a folder beside writing the dataset: look, make room, clean up."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection

from syngen._files import is_temporary, sync_folder
from syngen.errors import ManifestError, ParameterError
from syngen.storage.description import is_table_name, read_json
from syngen.storage.layout import Layout, split_of_shard
from syngen.storage.publication import publication_in

__all__ = [
    "check_usable",
    "clear",
    "create",
    "is_left_behind",
    "is_part",
    "is_unfinished",
    "remove_temporaries",
    "remove_work",
]


def check_usable(layout: Layout, *, overwrite: bool = False) -> None:
    """Refuse a folder that generation must not touch; changes nothing.

    Raises
    ------
    ParameterError
        If it is a file, cannot be written, or holds files that are not a dataset's.
    """
    try:
        _check_usable(layout, overwrite=overwrite)
    except (OSError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{layout.folder} cannot be used: {error}") from error


def _check_usable(layout: Layout, *, overwrite: bool) -> None:
    folder = layout.folder
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


def _has_plan(layout: Layout) -> bool:
    """Whether the folder has a plan or a description, and it is one of ours."""
    for path in (layout.plan, layout.copy(layout.plan), layout.description):
        with contextlib.suppress(ManifestError):
            if {"format", "fingerprint", "recipe"} <= set(read_json(path)):
                return True
    return False


def _only_starts(layout: Layout) -> bool:
    """Whether the folder holds what a run leaves that ended before its plan was written."""
    own = {layout.recipe.name, layout.audio.name, layout.work.name}
    return layout.work.exists() and all(
        path.name in own or is_temporary(path) for path in layout.folder.iterdir()
    )


def is_unfinished(layout: Layout) -> bool:
    """Whether a folder without a description is that of a run that ended early.

    A finished dataset that lost its description has no receipts, and still has its other files.
    """
    if layout.description.exists() or layout.description.is_symlink():
        return False
    return layout.receipts.is_dir() or not (layout.manifest.exists() or layout.checksums.exists())


def is_left_behind(layout: Layout) -> bool:
    """Whether a finished dataset has more in its work folder than a log that was to be kept."""
    return not layout.work.is_dir() or {path.name for path in layout.work.iterdir()} != {layout.log.name}


def create(layout: Layout) -> None:
    """Make the folders of an unfinished dataset.

    Raises
    ------
    ParameterError
        If the file system refuses.
    """
    try:
        layout.receipts.mkdir(parents=True, exist_ok=True)
        layout.audio.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"{layout.folder} cannot be written: {reason}; choose another folder"
        ) from error


def clear(layout: Layout) -> None:
    """Remove a dataset, and nothing else. The description goes first, so no half of it counts as whole."""
    for path in reversed(layout.final_files(_tables(layout), _release_files(layout))):
        if path != layout.plan:
            path.unlink(missing_ok=True)
    for path in layout.audio.iterdir():
        if split_of_shard(path.stem) and path.suffix == ".tar":
            path.unlink()
    for path in layout.receipts.iterdir():
        path.unlink()
    for path in (layout.smaller, layout.scratch):
        shutil.rmtree(path, ignore_errors=True)
    for path in (layout.recipe, layout.plan, layout.checksums):
        layout.copy(path).unlink(missing_ok=True)
    layout.plan.unlink(missing_ok=True)
    sync_folder(layout.folder)


def _tables(layout: Layout) -> list[str]:
    """Return the tables that the plan or the description in the folder names."""
    found: list[str] = []
    for path in (layout.plan, layout.description):
        with contextlib.suppress(ManifestError):
            names = read_json(path).get("tables", [])
            if isinstance(names, list):
                found += [name for name in names if is_table_name(name)]
    return found


def _release_files(layout: Layout) -> list[str]:
    """Return the files of a release that the plan or the description in the folder names."""
    found: list[str] = []
    for path in (layout.plan, layout.description):
        with contextlib.suppress(ManifestError, ParameterError, TypeError):
            release = publication_in(read_json(path))
            found += release.files if release is not None else ()
    return found


def remove_temporaries(layout: Layout, *, shards: Collection[str] | None = None) -> None:
    """Remove what earlier runs left half-written, where the file system lets it. Call it under the lock.

    Parameters
    ----------
    layout : Layout
    shards : collection of str, optional
        Of what belongs to a shard, only that of these.
    """
    for folder in (layout.folder, layout.audio, layout.work, layout.receipts):
        is_theirs = shards is not None and folder in (layout.audio, layout.receipts)
        with contextlib.suppress(OSError):  # they disturb nobody, and the next run tries again
            for path in folder.iterdir():
                if not is_temporary(path) or (is_theirs and path.name.split(".")[1] not in (shards or ())):
                    continue
                path.unlink(missing_ok=True)


def remove_work(layout: Layout) -> None:
    """Remove what only an unfinished dataset has."""
    remove_temporaries(layout)
    shutil.rmtree(layout.work, ignore_errors=True)
    sync_folder(layout.folder)


def is_part(layout: Layout) -> bool:
    """Whether the folder holds a part of a release, by what its plan or its description says."""
    for path in (layout.plan, layout.description):
        with contextlib.suppress(ManifestError):
            if "part_of" in read_json(path):
                return True
    return False
