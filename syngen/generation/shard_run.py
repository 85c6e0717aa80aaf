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
        Told at the beginning, after every shard, and of rows of shards that workers on this machine have in
        hand.
    """
    reporter = _ProgressReporter(progress, plan, shards if among is None else among, shards)
    receipts = make_shards(
        plan,
        layout,
        shards,
        n_jobs(jobs, shards),
        reporter.add,
        watch=None if progress is None else reporter.watch,
        **options,
    )
    with closing(receipts):
        yield receipts


class _ProgressReporter:
    """Adds receipts and rows up, and tells the caller.

    Parameters
    ----------
    progress : callable or None
    plan : Plan
    among : sequence of Shard
        All that are wanted.
    shards : sequence of Shard
        Those that are to be made.
    """

    def __init__(
        self, progress: Progress | None, plan: Plan, among: Sequence[Shard], shards: Sequence[Shard]
    ) -> None:
        self._progress, self._rate = progress, plan.resolved.audio.sample_rate
        self._total = sum(shard.n_rows for shard in among)
        self._before = self._done = self._told = self._total - sum(shard.n_rows for shard in shards)
        self._audio_s = 0.0
        self._duration_s = plan.resolved.audio.duration

    def add(self, receipt: Receipt | None) -> None:
        """Count a finished shard; None tells where the run begins."""
        if receipt is not None:
            self._done += receipt.entry.rows
            self._audio_s += receipt.n_samples / self._rate
        if receipt is None or self._done > self._told:
            self._tell(0)

    def watch(self, n_rows: int) -> None:
        """Tell of rows of shards that are not finished."""
        n_rows = min(n_rows, self._total - 1 - self._done)  # the last row is told when all is finished
        if self._done + n_rows > self._told:
            self._tell(n_rows)

    def _tell(self, n_rows: int) -> None:
        """Tell how far the run is; a shard that fails does not take it back."""
        if self._progress is None:
            return
        self._told = min(max(self._told, self._done + n_rows), self._total)
        audio_s = self._audio_s + (self._told - self._done) * self._mean_s
        self._progress(ProgressUpdate(self._told, self._total, audio_s))

    @property
    def _mean_s(self) -> float:
        """Seconds of an observation, as far as that is known; rows of unknown length count for nothing."""
        if self._duration_s is not None:
            return self._duration_s
        n_made = self._done - self._before
        return self._audio_s / n_made if n_made else 0.0


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
