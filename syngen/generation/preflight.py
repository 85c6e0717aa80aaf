"""The disk: whether a dataset fits, before its first byte, and what to say when the file system refuses."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import ParameterError, StoreError
from syngen.generation.estimate import sample
from syngen.generation.plan import Plan
from syngen.io.files import human_bytes
from syngen.io.space import check_room
from syngen.storage.layout import Layout
from syngen.storage.shards import BLOCK, END, MemberText

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["check_space", "disk_message"]

_WAV_HEADER = 44
_TABLE_BYTES = 60  # of a row in a manifest, of which 32 are its hash; parts and whole are there together
_REHEARSED = 16
_CERTAIN = 0.7  # share of an estimate that is taken for sure: a run that would fit is never refused
_FLAC_SHARE = 0.5  # of the bytes of WAV, for speech

_HINTS = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "your quota is used up: make room",
    errno.EROFS: "the file system has become read-only: mount it for writing",
    errno.EIO: "the disk fails: look at the system's log",
}


def check_space(
    plan: Plan, layout: Layout, *, kept: Collection[str] = (), freed: int | None = None
) -> None:
    """Refuse a plan that does not fit on the disk; writes nothing.

    For WAV of a known length the need is known to a per mille. Otherwise it is estimated, from the
    shards that are there, a sample, or the typical length of speech; what is refused then is only what
    exceeds the space by far.

    Parameters
    ----------
    plan : Plan
    layout : Layout
    kept : collection of str
        Shards of a smaller dataset that stay as they are.
    freed : int, optional
        Bytes of the shards that will be removed first; by default none are, and what is there counts.

    Raises
    ------
    ParameterError
        With what is needed and what is there.
    """
    sizes = _finished(layout) if freed is None else {}
    missing = [shard for shard in plan.shards if shard.name not in sizes and shard.name not in kept]
    if not missing:
        return
    per_row = _bytes_per_row(plan, sizes)
    most, n_rows = max(shard.n_rows for shard in missing), sum(shard.n_rows for shard in missing)
    _check_file_size(layout, most * per_row + len(END), most)
    need = n_rows * (per_row + 2 * _TABLE_BYTES) + len(END) * len(missing)
    smaller = "--limit or --codec flac" if plan.codec == "wav" else "--limit"
    check_room(
        layout.folder,
        need,
        what=f"{layout.folder} needs {human_bytes(need)} more",
        remedy=f"make room, choose another folder, or make less with {smaller}",
        freed=freed or 0,
    )


def _finished(layout: Layout) -> dict[str, int]:
    """Return the bytes of every shard that has a receipt, and of no other."""
    found = {}
    for path in layout.receipts.glob("*.json") if layout.receipts.is_dir() else ():
        try:
            found[path.stem] = layout.shard(path.stem).stat().st_size
        except OSError:
            continue
    return found


def _bytes_per_row(plan: Plan, sizes: dict[str, int]) -> float:
    audio = plan.resolved.audio
    text = _padded(_text_bytes(plan))
    if audio.n_samples and plan.codec == "wav":
        return 2 * BLOCK + text + _padded(_WAV_HEADER + 2 * audio.n_samples)
    n_known = sum(shard.n_rows for shard in plan.shards if shard.name in sizes)
    if n_known:
        return _CERTAIN * sum(sizes.values()) / n_known
    if not plan.resolved.synthesizer.needs_worker:
        found = sample(plan, _REHEARSED)
        return _CERTAIN * found.n_bytes / found.n_rows
    duration = audio.duration or plan.resolved.synthesizer.typical_s(plan.resolved.request)
    share = 1.0 if plan.codec == "wav" else _FLAC_SHARE
    return 2 * BLOCK + text + _CERTAIN * share * 2 * audio.sample_rate * duration


def _text_bytes(plan: Plan) -> int:
    """Return the length of the JSON of one observation."""
    grid, split = plan.resolved.grid, plan.shards[0].split
    indices = plan.resolved.rows.indices(split, 0, 1)
    (text,) = MemberText(grid).texts(indices, split)
    return len(text)


def _padded(n_bytes: int) -> int:
    return n_bytes + -n_bytes % BLOCK


def _check_file_size(layout: Layout, need: float, n_rows: int) -> None:
    """Refuse shards of so many rows whose bytes may not be in one file."""
    limit = file_size_limit()
    if limit is not None and need > limit:
        at_most = int(limit / need * n_rows)
        remedy = f"with --shard-size {at_most} or less they fit" if at_most else "raise it"
        raise ParameterError(
            f"shards of {n_rows:,} rows in {layout.folder} take {human_bytes(need)}, but files may "
            f"not be larger than {human_bytes(limit)} here (ulimit -f); {remedy}"
        )


def file_size_limit() -> int | None:
    """Return the largest file that this process may write, or None where there is no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit


def _place_of(layout: Layout, error: OSError) -> Path:
    """Return the folder that an error is about: the dataset's, or one of temporary files."""
    named = Path(os.fsdecode(error.filename)) if error.filename else layout.folder
    if named.absolute().is_relative_to(layout.folder.absolute()):
        return layout.folder
    return named if named.is_dir() else named.parent


def disk_message(layout: Layout, error: OSError) -> str:
    """Return what to say when the file system, or a store, refuses in the middle of a run."""
    if isinstance(error, StoreError):
        return f"{error}. The finished shards are kept; run the same command again to go on."
    place = _place_of(layout, error)
    hint = _HINTS.get(error.errno or 0, "")
    if error.errno == errno.EFBIG:
        limit = file_size_limit()
        shown = f" than {human_bytes(limit)}" if limit else ""
        hint = f"files may not be larger{shown} here: raise that limit (ulimit -f)"
    if error.errno == errno.ENOSPC:
        try:
            hint = f"{human_bytes(shutil.disk_usage(place).free)} free: make room"
        except OSError:
            hint = "make room"
    reason = error.strerror or str(error)
    return (
        f"{place}: {reason}{f' ({hint})' if hint else ''}. The finished shards are kept; "
        "run the same command again to go on."
    )
