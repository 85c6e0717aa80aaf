"""Growing: a folder that holds a smaller dataset of the same recipe becomes one of a larger.

Which points belong to a dataset is decided along a walk, and its size says only where the walk ends;
which split a point belongs to is a function of its index. So every split of the larger dataset begins
with the rows of the smaller one in their order, and a shard of the larger with those of the shard of the
same name. Shards that are the same in both plans stay where they are. The others are moved aside with
their receipts, and their observations are copied from there when the shards of the larger plan are made.

The steps, each of which may be the last of a run that is killed: a finished dataset gets the receipts
that it had while it was made; its description goes, and with it the claim to be whole; what the plans do
not share is moved aside; the plan of the larger dataset takes the place of the smaller one's. Until that
last step the command of the smaller dataset undoes the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from syngen._values import is_whole
from syngen.errors import ManifestError, PlanMismatchError, SyngenError
from syngen.generation.folder.belongings import (
    Belongings,
    belongings_of,
    check_free,
    contents_of,
)
from syngen.generation.folder.lifecycle import WORK_MODE, check_files, files_of_shard
from syngen.generation.folder.restored_manifests import DatasetParts
from syngen.generation.plan import Plan
from syngen.generation.plan_conflicts import plan_conflict
from syngen.generation.sources import smaller_layouts
from syngen.io.atomic import sync_folder, write_atomic
from syngen.io.files import sha256_of
from syngen.io.workspace import check_file, remove, working_folder
from syngen.resolving.makers import other_maker_in
from syngen.storage.checksums import format_checksums
from syngen.storage.description import read_description
from syngen.storage.documents import json_in
from syngen.storage.layout import Layout
from syngen.storage.receipts import read_receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from pathlib import Path

    from syngen._typing import Json

__all__ = ["check_plan", "refuse_other_maker", "write_plan", "write_plan_files"]


def check_plan(plan: Plan, layout: Layout) -> Plan | None:
    """Return the plan of the smaller dataset in the folder, or None if the folder is of this plan.

    Raises
    ------
    PlanMismatchError
        If the folder is of another plan.
    """
    found = layout.plan.read_bytes() if layout.plan.is_file() else b""
    wanted = plan.to_bytes()
    if found == wanted:
        return None
    if _is_noted(layout, wanted):
        return None  # the plan in the folder was damaged, or is about to be replaced
    refuse_other_maker(layout.folder, found)
    smaller = _smaller(plan, found)
    if smaller is not None:
        return smaller
    raise _mismatch(plan, layout, found)


def refuse_other_maker(place: Path | str, plan: bytes) -> None:
    """Refuse to go on with what another version of the synthesizer made.

    Parameters
    ----------
    place : Path or str
        Folder of the dataset, or its URL.
    plan : bytes
        Content of its plan.json.

    Raises
    ------
    PlanMismatchError
        With the version of syngen that can.
    """
    other = other_maker_in(json_in(plan) or {})
    if other is not None:
        raise PlanMismatchError(
            f"{place} holds a dataset that can neither be finished nor grow here: {other}. To make another "
            "one, choose another place, or --overwrite."
        )


def _is_noted(layout: Layout, wanted: bytes) -> bool:
    """Whether the copy of a plan, or its hash, says that an unfinished folder is of this plan."""
    copy, hashes = layout.copy(layout.plan), layout.copy(layout.checksums)
    if copy.is_file() and copy.read_bytes() == wanted:
        return True
    line = f"{hashlib.sha256(wanted).hexdigest()}  {layout.plan.name}\n"
    return hashes.is_file() and line.encode("utf-8") in hashes.read_bytes()


def _mismatch(plan: Plan, layout: Layout, found: bytes) -> PlanMismatchError:
    """Return the error for a folder of another plan."""
    content, wanted = json_in(found), json_in(plan.to_bytes())
    if content is None:
        return PlanMismatchError(
            f"{layout.folder} holds a dataset whose plan.json is damaged or lost; run "
            f"syngen verify {layout.folder} --repair, or choose another folder, or --overwrite."
        )
    n_rows = content.get("rows")
    is_same = _without_size(content) == _without_size(wanted or {})
    if is_same and is_whole(n_rows, plan.resolved.size + 1):
        return PlanMismatchError(
            f"{layout.folder} holds {n_rows:,} observations of this recipe, more than the "
            f"{plan.resolved.size:,} wanted; a dataset can grow, but not shrink: choose another "
            "folder, or --overwrite."
        )
    remedy = "choose another folder, or --overwrite"
    return plan_conflict(layout.folder, found, plan.to_bytes(), remedy=remedy)


def _smaller(plan: Plan, found: bytes) -> Plan | None:
    """Return the plan that differs from another only by a smaller size and has these bytes."""
    content, wanted = json_in(found), json_in(plan.to_bytes())
    if content is None or wanted is None or _without_size(content) != _without_size(wanted):
        return None
    n_rows = content.get("rows")
    if not is_whole(n_rows, 1, plan.resolved.size - 1):
        return None
    try:
        smaller = replace(plan, resolved=plan.resolved.with_size(n_rows))
    except SyngenError:
        return None
    return smaller if smaller.to_bytes() == found else None


def _without_size(content: Json) -> Json:
    """Return the content of a plan without what the size of the dataset decides."""
    kept = {key: value for key, value in content.items() if key not in ("rows", "splits", "tables")}
    recipe = kept.get("recipe")
    if isinstance(recipe, dict):
        sampling = recipe.get("sampling")
        rest = {k: v for k, v in sampling.items() if k != "size"} if isinstance(sampling, dict) else {}
        kept["recipe"] = {**recipe, "sampling": rest}
    return kept


def write_plan(plan: Plan, layout: Layout) -> int:
    """Make a folder one of this plan, moving aside what a smaller dataset has. Call it under the lock.

    Returns
    -------
    int
        Observations of a smaller dataset that stay where they are.

    Raises
    ------
    InTheWayError
        If something that is no dataset's has a name that the plan needs.
    PlanMismatchError
        If the folder is of another plan.
    """
    is_there = layout.plan.exists()
    smaller = check_plan(plan, layout) if is_there else None
    n_kept = 0
    if smaller is not None:
        _check_free(plan, layout, belongings_of(smaller))
        n_kept = _move_aside(plan, smaller, layout)
    elif is_there:
        _move_back(plan, layout)
    elif not _is_noted(layout, plan.to_bytes()):
        _check_free(plan, layout, Belongings(frozenset({layout.recipe.name}), {}))
    write_plan_files(layout, plan.to_bytes(), plan.resolved.recipe.text.encode("utf-8"))
    return n_kept


def _check_free(plan: Plan, layout: Layout, belongings: Belongings) -> None:
    """Refuse to replace what does not belong to the dataset that is there."""
    check_free(layout.folder, belongings_of(plan), contents_of(layout, belongings).left)


def write_plan_files(layout: Layout, plan: bytes, recipe: bytes) -> list[str]:
    """Write plan and recipe of an unfinished dataset, with copies and hashes that tell which is damaged.

    Returns
    -------
    list of str
        Names of the files that were not so before.
    """
    written = []
    hashes = {
        layout.plan.name: hashlib.sha256(plan).hexdigest(),
        layout.recipe.name: hashlib.sha256(recipe).hexdigest(),
    }
    for path, content in (
        (layout.copy(layout.checksums), format_checksums(hashes).encode("utf-8")),
        (layout.copy(layout.recipe), recipe),
        (layout.copy(layout.plan), plan),
        (layout.recipe, recipe),
        (layout.plan, plan),
    ):
        if not path.is_file() or path.read_bytes() != content:
            write_atomic(path, content)
            written.append(path.relative_to(layout.folder).as_posix())
    return written


def _move_aside(plan: Plan, smaller: Plan, layout: Layout) -> int:
    """Move what a smaller dataset has to where it is copied from; return the rows that may stay."""
    larger = set(plan.shards)
    moving = (shard.name for shard in smaller.shards if shard not in larger)
    check_files(chain.from_iterable(files_of_shard(layout, name) for name in moving))
    _restore_receipts(smaller, layout)
    # from here on nobody takes the folder for a finished dataset
    remove(layout.description)
    sync_folder(layout.folder)
    staying = _staying(plan, smaller, layout)
    aside = _aside(smaller, layout)
    for folder in (aside.receipts, aside.audio):
        working_folder(folder, within=layout.folder, mode=WORK_MODE)
    if not aside.plan.is_file():
        write_atomic(aside.plan, smaller.to_bytes())
    _move((shard for shard in smaller.shards if shard not in staying), layout, aside)
    return sum(shard.n_rows for shard in staying)


def _move_back(plan: Plan, layout: Layout) -> None:
    """Undo `_move_aside` where it was interrupted before the larger plan was written."""
    for aside in smaller_layouts(layout)[:1]:
        if aside.plan.is_file() and aside.plan.read_bytes() == plan.to_bytes():
            _move(plan.shards, aside, layout)
            remove(aside.plan)


def _aside(smaller: Plan, layout: Layout) -> Layout:
    """Return where the shards of a smaller dataset go: on, if an earlier run began to move them."""
    found = smaller_layouts(layout)
    if found and (not found[0].plan.is_file() or found[0].plan.read_bytes() == smaller.to_bytes()):
        return found[0]
    return Layout(layout.previous_size / f"{len(found):06d}")


def _move(shards: Iterable[Shard], source: Layout, target: Layout) -> None:
    """Move shards with their receipts from one folder to another, as far as they are there."""
    for shard in shards:
        for path_of in (Layout.receipt, Layout.shard_manifest, Layout.annotations_part, Layout.shard):
            path = path_of(source, shard.name)
            if path.is_file():
                check_file(path_of(target, shard.name))
                path.replace(path_of(target, shard.name))
    for folder in (target.receipts, target.audio, source.receipts, source.audio):
        sync_folder(folder)


def _staying(plan: Plan, smaller: Plan, layout: Layout) -> set[Shard]:
    """Return the shards that are the same in both plans and undamaged."""
    larger = set(plan.shards)
    same = [shard for shard in smaller.shards if shard in larger]

    def is_sound(shard: Shard) -> bool:
        receipt = read_receipt(layout, shard)
        return receipt is not None and sha256_of(layout.shard(shard.name)) == receipt.entry.sha256

    with ThreadPoolExecutor() as threads:
        return {shard for shard, sound in zip(same, threads.map(is_sound, same), strict=True) if sound}


def _restore_receipts(plan: Plan, layout: Layout) -> None:
    """Give the shards of a finished dataset the receipts that they had while it was made."""
    if not layout.description.exists():
        return
    try:
        description = read_description(layout.description)
    except ManifestError:  # without it nothing is known of the shards: they are made again
        return
    entries = {entry.name: entry for entry in description.shards}
    parts = DatasetParts(plan, layout)
    for shard in plan.shards:
        entry = entries.get(shard.name)
        if entry is None or entry.rows != shard.n_rows or read_receipt(layout, shard) is not None:
            continue
        parts.write(shard, entry, layout)
