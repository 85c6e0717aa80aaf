"""Overwriting: the files of the dataset in a folder are removed, and nothing else."""

from __future__ import annotations

from syngen.generation.folder import lifecycle
from syngen.generation.folder.belongings import (
    Contents,
    belongings_in,
    belongings_of,
    check_free,
    contents_of,
)
from syngen.generation.plan import Plan
from syngen.io.atomic import sync_folder
from syngen.io.workspace import remove
from syngen.storage.layout import Layout
from syngen.storage.names import is_work_name

__all__ = ["clear", "to_overwrite"]


def to_overwrite(layout: Layout, plan: Plan) -> Contents:
    """Return what overwriting removes from a folder, and what it leaves there; changes nothing.

    Parameters
    ----------
    layout : Layout
    plan : Plan
        Of the new dataset.

    Raises
    ------
    InTheWayError
        If the new dataset needs a name of what stays.
    """
    contents = contents_of(layout, belongings_in(lifecycle.documents_in(layout), plan.resolved))
    check_free(layout.folder, belongings_of(plan), contents.left)
    return contents


def clear(layout: Layout, contents: Contents) -> tuple[str, ...]:
    """Remove the files of a dataset. Call it under the lock.

    The description goes first, so that no half of it counts as whole, and the plan last. It stays in
    ``.syngen`` until there is another: what a run leaves that is killed before is still a dataset's folder.

    Returns
    -------
    tuple of str
        Relative names of everything that stays, sorted.
    """
    last = {layout.description.name: -1, layout.plan.name: 1}
    own = sorted(contents.own, key=lambda name: last.get(name, 0))
    for name in (name for name in own if name != layout.plan.name):
        remove(layout.folder / name, within=layout.folder)
    kept = {path.name for path in (layout.lock, layout.plan_lock, layout.log, layout.plan)}
    left = remove(
        layout.work, within=layout.folder, only=lambda name: is_work_name(name) and name not in kept
    )
    lifecycle.create(layout)
    if layout.plan.name in own:
        layout.plan.replace(layout.copy(layout.plan))
    sync_folder(layout.folder)
    in_work = (f"{layout.work.name}/{name}" for name in left if name not in kept)
    return tuple(sorted((*contents.left, *in_work)))
