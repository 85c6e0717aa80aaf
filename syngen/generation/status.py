"""The state of an unfinished dataset, as anybody sees it who may read its folder.

Nothing is changed and nobody disturbed: whether a run is at work is seen by its lock, what there is by
plan and receipts, and what goes on by the log.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from syngen.errors import ManifestError
from syngen.generation.store.listing import list_store
from syngen.generation.uploads import NAMES, name_of
from syngen.generation.workers.log import read_events
from syngen.generation.workers.members import living_members
from syngen.io.cache import scratch_folder
from syngen.io.locks import is_locked
from syngen.io.names import checked_name
from syngen.storage.description import read_json
from syngen.storage.layout import Layout, shard_name
from syngen.storage.manifest import check_format
from syngen.storage.receipts import read_any_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syngen._typing import Json
    from syngen.io.object_store import Store

__all__ = ["FolderState", "state_of_folder", "state_of_store"]

_FAILURES = ("shard failed", "worker died", "worker hung", "disk error", "stopped")


@dataclass(frozen=True)
class FolderState:
    """How far an unfinished dataset is.

    Attributes
    ----------
    folder : Path or str
    name : str
        Of the recipe.
    rows, rows_finished : int
        Observations of the plan, and those in finished shards.
    shards, shards_finished : int
    bytes : int
        Of the finished shards.
    is_running : bool or None
        Whether a run is at work in the folder now; None where that cannot be known.
    pid : int or None
        Of the run that is at work, or of the last.
    host : str or None
        Where it runs.
    jobs : int or None
        Its worker processes.
    rate : float or None
        Observations per second since it started.
    left_s : float or None
        Seconds until all shards are there, at this rate; None if no run is at work.
    last_event : dict or None
        The last line of the log.
    members : tuple of str
        The members of a job array that are at work, as in ``3/8``.
    failures : tuple of dict
        What failed since the last run started, in the words of the log, without tracebacks.
    """

    folder: Path | str
    name: str
    rows: int
    rows_finished: int
    shards: int
    shards_finished: int
    bytes: int
    is_running: bool | None = None
    pid: int | None = None
    host: str | None = None
    jobs: int | None = None
    rate: float | None = None
    left_s: float | None = None
    last_event: Json | None = None
    members: tuple[str, ...] = ()
    failures: tuple[Json, ...] = ()


def state_of_folder(folder: Path) -> FolderState | None:
    """Return the state of an unfinished dataset, or None if the folder holds no such thing.

    Raises
    ------
    ManifestError
        If the plan in it is damaged.
    """
    layout = Layout(folder)
    if layout.description.exists() or not layout.plan.is_file() or not layout.work.is_dir():
        return None
    names = sorted(path.stem for path in layout.receipts.glob("*.json")) if layout.receipts.is_dir() else ()
    entries = [r.entry for name in names if (r := read_any_receipt(layout, name)) is not None]
    finished = [(entry.rows, entry.bytes) for entry in entries]
    members = living_members(layout)
    is_running = bool(members) or is_locked(layout.lock)
    run = _last_run(layout.log)
    state = _state(folder, _planned(read_json(layout.plan), str(layout.plan)), finished, run)
    started = run[0] if run else {}
    rate = _rate(run)
    return replace(
        state,
        is_running=is_running,
        pid=started.get("pid"),
        host=started.get("host"),
        jobs=started.get("jobs"),
        rate=rate,
        left_s=(state.rows - state.rows_finished) / rate if rate and is_running else None,
        members=tuple(map(str, members)),
    )


def state_of_store(store: Store) -> FolderState | None:
    """Return the state of an unfinished dataset in an object store, or None if there is no such thing.

    Nobody sees whether a run is at work there.

    Raises
    ------
    ManifestError
        If the plan in it is damaged.
    """
    found = list_store(store)
    if found.description is not None or found.plan is None:
        return None
    place = f"{store}/{name_of(NAMES.plan)}"
    try:
        plan = json.loads(found.plan)
    except ValueError as error:
        raise ManifestError(f"{place} is damaged: {error}; run the same command again") from error
    planned = _planned(plan, place)
    finished = [
        (n_rows, found.sizes[name_of(NAMES.shard(shard))])
        for shard, n_rows in planned.shard_rows.items()
        if name_of(NAMES.receipt(shard)) in found.sizes and name_of(NAMES.shard(shard)) in found.sizes
    ]
    with scratch_folder() as folder:
        log = folder / NAMES.log.name
        log.write_bytes(store.get(name_of(NAMES.log)) or b"")
        run = _last_run(log)
    return _state(store.url, planned, finished, run)


class _Planned(NamedTuple):
    """What a plan says: the name of its recipe, its observations, and those of each shard."""

    name: str
    rows: int
    shard_rows: dict[str, int]


def _state(
    folder: Path | str, planned: _Planned, finished: Sequence[tuple[int, int]], run: Sequence[Json]
) -> FolderState:
    """Return what plan, finished shards (their rows and bytes) and the events of the last run say."""
    return FolderState(
        folder=folder,
        name=planned.name,
        rows=planned.rows,
        rows_finished=sum(n_rows for n_rows, _ in finished),
        shards=len(planned.shard_rows),
        shards_finished=len(finished),
        bytes=sum(n_bytes for _, n_bytes in finished),
        last_event=_brief(run[-1]) if run else None,
        failures=tuple(_brief(event) for event in run if event["event"] in _FAILURES),
    )


def _planned(plan: Json, place: str) -> _Planned:
    check_format(plan, place)
    try:
        size = int(plan["shard_size"])
        rows = {
            shard_name(split, number): min(size, int(n) - start)
            for split, n in plan["splits"].items()
            if checked_name(split, "the name of a split")
            for number, start in enumerate(range(0, int(n), size))
        }
        return _Planned(str(plan["recipe"]["name"]), int(plan["rows"]), rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError(f"{place} is damaged: {error!r}; run the same command again") from error


def _last_run(log: Path) -> Sequence[Json]:
    """Return the events since the last run started, or the first of the last runs of a job array."""
    events = list(read_events(log))
    first: dict[str, int] = {}  # by member; a plain run is the only one of its time
    for i, event in enumerate(events):
        if event["event"] == "run started":
            member = str(event.get("member", ""))
            first = {**(first if member and "" not in first else {}), member: i}
    return events[min(first.values()) :] if first else ()


def _brief(event: Json) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in ("traceback", "stack", "versions")}


def _rate(run: Sequence[Json]) -> float | None:
    """Return the observations per second between the first shard's start and the last one's end."""
    finished = [event for event in run if event["event"] == "shard finished"]
    starts = _times([event for event in run if event["event"] == "shard started"])
    ends = _times(finished)
    if not starts or not ends or max(ends) <= min(starts):
        return None
    return sum(int(event.get("rows", 0)) for event in finished) / (max(ends) - min(starts))


def _times(events: Sequence[Json]) -> list[float]:
    times = []
    for event in events:
        with suppress(KeyError, TypeError, ValueError):
            times.append(datetime.fromisoformat(event["time"]).timestamp())
    return times
