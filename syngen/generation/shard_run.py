"""The harness around the making of shards: how many jobs, how far they are, and how a run ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from syngen._typing import ProgressUpdate
from syngen._values import check_whole, is_whole
from syngen.errors import ParameterError
from syngen.generation.plan import Plan
from syngen.generation.workers.log import EventLog
from syngen.generation.workers.pool import default_jobs
from syngen.generation.workers.scheduler import DEFAULT_HANG_LIMIT_S, make_shards
from syngen.generation.workers.shard_task import cause_of
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import Progress

__all__ = ["check_numbers", "logged_run", "n_jobs", "run_shards"]


def check_numbers(jobs: int | None, hang_limit_s: float = DEFAULT_HANG_LIMIT_S) -> None:
    """Refuse a number of workers or a hang limit that there cannot be."""
    if jobs is not None:
        check_whole("jobs", jobs, 1)
    said: object = hang_limit_s
    if not (isinstance(said, float) or is_whole(said)) or not said >= 0.0:
        raise ParameterError(f"the hang limit is {said!r} s; 0 (none) or more is needed")


def n_jobs(jobs: int | None, shards: Sequence[Shard]) -> int:
    """Return how many jobs make some shards: as many as wanted, or one per CPU, and none without work."""
    return min(jobs or default_jobs(), max(1, len(shards)))


@contextmanager
def run_shards(
    plan: Plan,
    layout: Layout,
    shards: Sequence[Shard],
    *,
    among: Sequence[Shard] | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Iterator[Iterator[Receipt]]:
    """Give the receipts of shards that are made while a block runs; workers end with the block.

    Parameters
    ----------
    plan, layout, shards, **options
        See `make_shards`.
    among : sequence of Shard, optional
        All that are wanted, of which `shards` are missing; by default `shards`. Progress counts the rows of
        the others as done.
    jobs : int, optional
        Most worker processes; by default one per CPU.
    progress : callable, optional
        Told at the beginning and after every shard.
    """
    receipts = make_shards(
        plan,
        layout,
        shards,
        n_jobs(jobs, shards),
        _progress_reporter(progress, plan, shards if among is None else among, shards),
        **options,
    )
    with closing(receipts):
        yield receipts


def _progress_reporter(
    progress: Progress | None, plan: Plan, among: Sequence[Shard], shards: Sequence[Shard]
) -> Callable[[Receipt | None], None]:
    """Return a function that adds a receipt up and tells the caller."""
    total = sum(shard.n_rows for shard in among)
    done = total - sum(shard.n_rows for shard in shards)
    audio_s = 0.0

    def tell(receipt: Receipt | None) -> None:
        nonlocal done, audio_s
        if receipt is not None:
            done += receipt.entry.rows
            audio_s += receipt.n_samples / plan.resolved.audio.sample_rate
        if progress is not None:
            progress(ProgressUpdate(done, total, audio_s))

    return tell


@contextmanager
def logged_run(
    events: EventLog,
    *,
    clean_up: Callable[[], None],
    keep: Callable[[BaseException | None], None],
) -> Iterator[None]:
    """Log how a run ends.

    Parameters
    ----------
    events : EventLog
    clean_up : callable
        Called before the last event.
    keep : callable
        Called after it, with what ended the run early, if anything did.
    """
    started, cpu = time.monotonic(), time.process_time()
    outcome = "complete"
    error: BaseException | None = None
    try:
        yield
    except KeyboardInterrupt as caught:
        outcome, error = "interrupted", caught
        raise
    except BaseException as caught:
        outcome, error = "incomplete", caught
        events.write("stopped", cause=cause_of(caught))
        raise
    finally:
        clean_up()
        wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu
        events.write("run ended", outcome=outcome, wall_s=round(wall_s, 4), cpu_s=round(cpu_s, 4))
        keep(error)
        del error  # its traceback holds this frame
