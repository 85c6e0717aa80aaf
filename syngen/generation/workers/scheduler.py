"""Scheduling: which shard is made when, and what becomes of those that fail.

A shard that fails is tried again after the others, three times in all, and every cause is kept. When two
tries have cost a worker its life, the third is made with nothing beside it, so that it has the machine's
memory to itself. An error that comes word for word again will come a third time, and is believed. An
error of the file system is not tried again: nothing more is begun, and what is finished is kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syngen.errors import GenerationIncompleteError
from syngen.generation.plan import Plan
from syngen.generation.preflight import disk_message
from syngen.generation.workers.heartbeats import IDLE, WATCH_S
from syngen.generation.workers.log import EventLog
from syngen.generation.workers.pool import WorkerPool, in_process_pool, process_pool
from syngen.generation.workers.processes import WorkerDiedError
from syngen.generation.workers.remote import WorkerRefusedError
from syngen.generation.workers.shard_task import Job, cause_of
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt, read_receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syngen.io.object_store import Store

__all__ = ["DEFAULT_HANG_LIMIT_S", "Scheduler", "make_shards"]

DEFAULT_HANG_LIMIT_S = 300.0

_TRIES = 3
_STOP_S = 10.0  # for the observations in hand
_MOST_FAILURES = 8  # shown beside the first
_KEPT = "The finished shards are kept; run the same command again to make the others."


def make_shards(
    plan: Plan,
    layout: Layout,
    shards: Sequence[Shard],
    jobs: int,
    tell: Callable[[Receipt | None], None],
    *,
    watch: Callable[[int], None] | None = None,
    hang_limit_s: float = DEFAULT_HANG_LIMIT_S,
    log: EventLog | None = None,
    start_pool: Callable[[Job], WorkerPool] | None = None,
    store: Store | None = None,
    source: Path | None = None,
) -> Generator[Receipt, None, None]:
    """Make shards in this process or in workers, yielding receipts as they come.

    Parameters
    ----------
    plan : Plan
    layout : Layout
        Of a folder that has the folders for shards and receipts.
    shards : sequence of Shard
    jobs : int
        Worker processes. With 1 the work is done in this process, if the synthesizer is known to be tame.
    tell : callable
        Told None at the beginning, and every receipt.
    watch : callable, optional
        Told now and then how many rows of shards that are not finished are made, as far as that is known.
    hang_limit_s : float
        A worker that finishes no observation for so long is ended; 0 for no limit.
    log : EventLog, optional
    start_pool : callable, optional
        Returns the pool that works for a job; by default this machine's.
    store : Store, optional
        Where the shards go instead of the folder.
    source : Path, optional
        Folder of a finished dataset with the same rows that observations are read from, not rendered.

    Raises
    ------
    GenerationIncompleteError
        If shards failed, after all others were made.
    """
    tell(None)
    if not shards:
        return
    log = log or EventLog(None)
    job = Job(plan, store or layout.folder, plan.versions(), log.path, source)
    is_tame = source is not None or not plan.resolved.synthesizer.needs_worker
    if start_pool is None:
        is_here = (jobs == 1 and is_tame) or (store is not None and store.is_private)
        start_pool = (
            partial(in_process_pool, watch=watch)
            if is_here
            else partial(process_pool, jobs=jobs, hang_limit_s=hang_limit_s)
        )
    scheduler = Scheduler(plan, layout, shards, log, watch)
    with closing(scheduler.run(partial(start_pool, job))) as receipts:
        for receipt in receipts:
            tell(receipt)
            yield receipt
    scheduler.check()


class Scheduler:
    """Makes shards with a pool and keeps book of what fails.

    Parameters
    ----------
    plan : Plan
    layout : Layout
    shards : iterable of Shard
    log : EventLog
    watch : callable, optional
        See `make_shards`.
    """

    def __init__(
        self,
        plan: Plan,
        layout: Layout,
        shards: Iterable[Shard],
        log: EventLog,
        watch: Callable[[int], None] | None = None,
    ) -> None:
        self._plan, self._layout, self._log, self._watch = plan, layout, log, watch
        # large ones first: what comes last decides how long the workers wait for one another
        self._queue = deque(sorted(shards, key=lambda shard: -shard.n_rows))
        self._alone: deque[Shard] = deque()
        self._running: dict[Future[Receipt], Shard] = {}
        self._causes: defaultdict[str, list[str]] = defaultdict(list)
        self._n_deaths: Counter[str] = Counter()
        self._n_false_starts = 0
        self._is_broken = False
        self._stop_error: OSError | WorkerRefusedError | None = None
        self.failed: dict[str, str] = {}

    def run(self, start: Callable[[], WorkerPool]) -> Generator[Receipt, None, None]:
        """Yield receipts in the order in which shards are finished.

        Parameters
        ----------
        start : callable
            Returns a pool; called again when the last one breaks as a whole.
        """
        pool = start()
        try:
            while True:
                self._fill(pool)
                if not self._running and not self._is_broken:
                    break
                for future in self._ended(pool):
                    shard = self._running.pop(future, None)
                    receipt = self._outcome(shard, future) if shard else None  # or it was taken back
                    if receipt is not None:
                        self._n_false_starts = 0
                        yield receipt
                if self._is_broken:
                    pool.stop()
                    pool, self._is_broken = start(), False
        except BaseException:
            self._log.write("stopping", shards_in_hand=sorted(s.name for s in self._running.values()))
            pool.stop()
            self._cancel()
            wait(self._running, timeout=_STOP_S)
            pool.close()
            raise
        pool.close()

    def _ended(self, pool: WorkerPool) -> set[Future[Receipt]]:
        """Wait until shards are finished or have failed, and tell meanwhile how far the others are."""
        timeout = None if self._watch is None else WATCH_S
        while True:
            done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
            if done or not self._running or self._watch is None:
                return done
            self._watch(pool.rows_in_hand())

    def check(self) -> None:
        """Raise what has to be said about shards that failed.

        Raises
        ------
        GenerationIncompleteError
            If any did.
        """
        error = self._stop_error
        if isinstance(error, OSError):
            raise GenerationIncompleteError(disk_message(self._layout, error), self.failed) from error
        if error is not None:
            raise GenerationIncompleteError(f"{error}. {_KEPT}", self.failed) from error
        if self.failed:
            raise GenerationIncompleteError(self._failure_text(), self.failed)

    def _fill(self, pool: WorkerPool) -> None:
        """Submit shards, as many as the pool takes."""
        while not self._is_broken and (shard := self._next(pool.width())):
            indices, attempt = self._plan.indices(shard), self._attempt(shard)
            try:
                self._running[pool.submit(shard, indices, attempt)] = shard
            except BrokenExecutor as error:
                self._break(shard, error)

    def _attempt(self, shard: Shard) -> int:
        return len(self._causes[shard.name]) + 1

    def _next(self, width: int) -> Shard | None:
        if self._stop_error is not None or len(self._running) >= width:
            return None
        if self._queue:
            return self._queue.popleft()
        return self._alone.popleft() if self._alone and not self._running else None

    def _outcome(self, shard: Shard, future: Future[Receipt]) -> Receipt | None:
        """Return the receipt of a shard, or see to it that it is tried again or given up."""
        try:
            return future.result()
        except CancelledError:
            self._queue.appendleft(shard)
        except BrokenExecutor as error:
            self._break(shard, error)
        except WorkerDiedError as error:
            return self._died(shard, error)
        except OSError as error:
            self._stop_for(shard, error, "disk error", errno=error.errno)
        except WorkerRefusedError as error:
            self._stop_for(shard, error, "worker refused")
        except Exception as error:  # noqa: BLE001  # whatever a shard raises, it is its own affair
            self._failed(shard, cause_of(error))
        return None

    def _died(self, shard: Shard, error: WorkerDiedError) -> Receipt | None:
        has_begun = error.row != IDLE
        place = self._place(shard, error.row)
        self._log.write(
            "worker hung" if error.is_hung else "worker died",
            worker=error.pid,
            cause=error.reason,
            shard=shard.name,
            attempt=self._attempt(shard),
            rows_rendered=max(0, error.row - shard.row) if has_begun else 0,
            **({"stack": error.stack} if error.stack else {}),
            **place,
        )
        receipt = read_receipt(self._layout, shard)
        if receipt is not None:  # it had just finished
            return receipt
        if not has_begun:
            self._queue.appendleft(shard)  # not to blame
            self._count_false_start(f"its worker process {error.reason} before it began")
            return None
        self._n_deaths[shard.name] += 1
        where = " at " + ", ".join(f"{key} {value}" for key, value in place.items()) if place else ""
        self._failed(shard, f"its worker process {error.reason}{where}", is_death=True)
        return None

    def _place(self, shard: Shard, row: int) -> dict[str, int]:
        """Return row and index of the observation in hand."""
        position = row - shard.row
        if not 0 <= position < shard.n_rows:
            return {}
        return {"row": row, "index": int(self._plan.indices(shard)[position])}

    def _failed(self, shard: Shard, cause: str, *, is_death: bool = False) -> None:
        causes = self._causes[shard.name]
        is_certain = not is_death and cause in causes
        causes.append(cause)
        if is_certain or len(causes) >= _TRIES:
            self.failed[shard.name] = cause
            self._log.write("shard given up", shard=shard.name, causes=causes)
        elif self._n_deaths[shard.name] >= _TRIES - 1:
            self._alone.append(shard)
        else:
            self._queue.append(shard)

    def _break(self, shard: Shard, error: BrokenExecutor) -> None:
        """Queue what a broken pool had, which knows nothing of it any more."""
        self._is_broken = True
        self._queue.extendleft((shard, *self._running.values()))
        self._cancel()
        self._running.clear()
        self._count_false_start(str(error) or type(error).__name__)

    def _count_false_start(self, cause: str) -> None:
        """Give all up when workers keep ending before they begin: it is not the shards."""
        self._n_false_starts += 1
        if self._n_false_starts >= _TRIES:
            self.failed.update((shard.name, cause) for shard in (*self._queue, *self._alone))
            self._queue.clear()
            self._alone.clear()

    def _stop_for(
        self, shard: Shard, error: OSError | WorkerRefusedError, event: str, **details: int | None
    ) -> None:
        """Begin nothing more: neither full disks nor other libraries get better by trying on."""
        self._log.write(event, shard=shard.name, **details, cause=cause_of(error))
        self.failed[shard.name] = getattr(error, "strerror", None) or str(error)
        self._stop_error = self._stop_error or error
        self._cancel()

    def _cancel(self) -> None:
        """Take back what has not begun."""
        for future in self._running:
            future.cancel()

    def _failure_text(self) -> str:
        (first, *others) = (f"{name}: {self._reason(name)}" for name in self.failed)
        n_more = len(others) - _MOST_FAILURES
        is_logged = self._log.path is not None and self._log.path.is_file()
        return "\n".join(
            [
                f"{len(self.failed)} of {len(self._plan.shards)} shards failed, first {first}",
                *others[:_MOST_FAILURES],
                *([f"and {n_more} more"] if n_more > 0 else []),
                *([f"Every try is in {self._log.path}, with tracebacks."] if is_logged else []),
                _KEPT,
            ]
        )

    def _reason(self, name: str) -> str:
        n_tries = len(self._causes[name])
        return self.failed[name] + (f" ({n_tries} tries)" if n_tries > 1 else "")
