"""The state of an unfinished dataset, as anybody sees it who may read its folder.

Nothing is changed and nobody disturbed: whether a run is at work is seen by its lock, what there is by
plan and receipts, and what goes on by the log.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, Strict
from typing_extensions import TypedDict

from syngen.errors import ManifestError
from syngen.generation.targets.listing import list_store
from syngen.generation.uploads import NAMES, name_of
from syngen.generation.workers.log import read_events
from syngen.generation.workers.members import living_members
from syngen.io.cache import scratch_folder
from syngen.io.locks import is_locked
from syngen.storage.description import SplitName, read_json
from syngen.storage.documents import Count, Text, parse_json, validated
from syngen.storage.layout import Layout, shard_name, split_of_shard
from syngen.storage.receipts import read_any_receipt
from syngen.storage.shard_ranges import MAX_SHARD_SIZE
from syngen.storage.tables.manifest import check_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syngen._typing import Json
    from syngen.io.object_store import Store

__all__ = ["FolderState", "state_of"]

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


def state_of(place: Path | Store) -> FolderState | None:
    """Return the state of an unfinished dataset, or None if there is no such thing at a place.

    Raises
    ------
    ManifestError
        If its plan is damaged.
    """
    return _state_of_folder(place) if isinstance(place, Path) else _state_of_store(place)


def _state_of_folder(folder: Path) -> FolderState | None:
    layout = Layout(folder)
    if layout.description.exists() or not layout.plan.is_file() or not layout.work.is_dir():
        return None
    plan = _Plan.read(read_json(layout.plan), str(layout.plan))
    receipts = (read_any_receipt(layout, path.stem) for path in layout.receipts.glob("*.json"))
    sizes = {receipt.entry.name: receipt.entry.bytes for receipt in receipts if receipt is not None}
    members = living_members(layout)
    is_running = True if members else is_locked(layout.lock)
    run = _last_run(layout.log)
    state = plan.state(folder, sizes, run)
    started, rate = run[0] if run else {}, _rate(run)
    n_left = state.rows - state.rows_finished
    return replace(
        state,
        is_running=is_running,
        pid=started.get("pid"),
        host=started.get("host"),
        jobs=started.get("jobs"),
        rate=rate,
        left_s=n_left / rate if rate and is_running else None,
        members=tuple(map(str, members)),
    )


def _state_of_store(store: Store) -> FolderState | None:
    """Return the state of a dataset in an object store; nobody sees whether a run is at work there."""
    found = list_store(store)
    if found.description is not None or found.plan is None:
        return None
    place = f"{store}/{name_of(NAMES.plan)}"
    try:
        plan = _Plan.read(parse_json(found.plan), place)
    except ValueError as error:
        raise ManifestError(f"{place} is damaged: {error}; run the same command again") from error
    receipts = {name for name in map(Path, found.sizes) if name == NAMES.receipt(name.stem)}
    shards = ((name.stem, name_of(NAMES.shard(name.stem))) for name in receipts)
    sizes = {shard: found.sizes[name] for shard, name in shards if name in found.sizes}
    with scratch_folder() as folder:
        log = folder / NAMES.log.name
        log.write_bytes(store.get(name_of(NAMES.log)) or b"")
        return plan.state(store.url, sizes, _last_run(log))


class _Recipe(TypedDict):
    name: Text


@dataclass(frozen=True)
class _Plan:
    """What a plan says of its size, which nothing bounds: shards are never listed."""

    recipe: _Recipe
    rows: Count
    shard_size: Annotated[int, Strict(), Field(ge=1, le=MAX_SHARD_SIZE)]
    splits: dict[SplitName, Count]

    @classmethod
    def read(cls, plan: Json, place: str) -> _Plan:
        check_format(plan, place)
        try:
            return validated(cls, plan, f"{place} is damaged")
        except ManifestError as error:
            raise ManifestError(f"{error}; run the same command again") from error

    def rows_of(self, name: str) -> int:
        """Return the observations of a shard; 0 if the plan has none of that name."""
        split = split_of_shard(name)
        number = int(name.rpartition("-")[2]) if split else 0
        left = self.splits.get(split or "", 0) - number * self.shard_size
        return max(0, min(self.shard_size, left)) if split and name == shard_name(split, number) else 0

    def state(self, place: Path | str, sizes: Mapping[str, int], run: Sequence[Json]) -> FolderState:
        """Return the state of a place, given the bytes of its finished shards and its last run."""
        finished = {name: n_rows for name in sizes if (n_rows := self.rows_of(name))}
        return FolderState(
            folder=place,
            name=self.recipe["name"],
            rows=self.rows,
            rows_finished=sum(finished.values()),
            shards=sum(-(-n_rows // self.shard_size) for n_rows in self.splits.values()),
            shards_finished=len(finished),
            bytes=sum(sizes[name] for name in finished),
            last_event=_brief(run[-1]) if run else None,
            failures=tuple(_brief(event) for event in run if event["event"] in _FAILURES),
        )


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
    starts = _times(event for event in run if event["event"] == "shard started")
    ends = _times(finished)
    if not starts or not ends or max(ends) <= min(starts):
        return None
    return sum(int(event.get("rows", 0)) for event in finished) / (max(ends) - min(starts))


def _times(events: Iterable[Json]) -> list[float]:
    """Return when events happened, as far as their lines say so."""
    found = []
    for event in events:
        with suppress(KeyError, TypeError, ValueError):
            found.append(datetime.fromisoformat(event["time"]).timestamp())
    return found
