"""Making a shard wherever a worker lives, with its lines in the log."""

from __future__ import annotations

import contextlib
import pickle
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.errors import EngineError, SyngenError
from syngen.generation.plan import Plan
from syngen.generation.shard_renderer import ShardRenderer, check_versions
from syngen.generation.uploads import make_in_store
from syngen.generation.workers.heartbeats import Heartbeat, RunEndedError, StopRequested
from syngen.generation.workers.log import EventLog
from syngen.io.object_store import Store
from syngen.storage.layout import Layout
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["Job", "ShardTask", "cause_of", "portable"]


@dataclass(frozen=True)
class Job:
    """What is needed to make shards.

    Attributes
    ----------
    plan : Plan
    folder : Path or Store
    versions : dict of str to str
        What a process that makes shards must have; see `check_versions`.
    log : Path or None
    source : Path or None
        Folder of the dataset that observations are read from, where they are not rendered; see
        `ShardRenderer`.
    """

    plan: Plan
    folder: Path | Store
    versions: dict[str, str]
    log: Path | None
    source: Path | None = None


class ShardTask:
    """Makes shards of a job. Lives as long as its process.

    Parameters
    ----------
    job : Job
    heartbeat : Heartbeat
    **about
        Said in every line of the log; see `EventLog`.
    """

    def __init__(self, job: Job, heartbeat: Heartbeat, **about: str) -> None:
        self.log = EventLog(job.log, **about)
        self._folder, self._heartbeat = job.folder, heartbeat
        self._worker: ShardRenderer | SyngenError | OSError
        try:
            check_versions(job.plan, job.versions)
            self._worker = ShardRenderer(job.plan, beat=heartbeat, source=job.source)
        except (SyngenError, OSError) as error:  # raised for each shard: it is then known which are missing
            self._worker = error

    def __call__(self, shard: Shard, indices: IntArray, attempt: int) -> Receipt:
        """Make a shard.

        Parameters
        ----------
        shard : Shard
        indices : ndarray of int64, shape (shard.n_rows,)
        attempt : int
            1 for the first try of this run.
        """
        log, about = self.log, {"shard": shard.name, "attempt": attempt}
        wall, cpu = time.monotonic(), time.process_time()
        if isinstance(self._worker, ShardRenderer):
            log.write("shard started", **about, row=shard.row, rows=shard.n_rows)
        try:
            receipt = self._render_shard(shard, indices)
        except BaseException as error:
            about |= {"rows_rendered": self._n_rendered(shard)} | _spent(wall, cpu)
            if isinstance(error, Exception) and not isinstance(error, RunEndedError):
                log.write("shard failed", **about, cause=cause_of(error), traceback=traceback.format_exc())
            else:
                log.write("shard dropped", **about)
            raise
        finally:
            self._heartbeat.rest()
        done = {"rows": shard.n_rows, "copied": receipt.copied, "bytes": receipt.entry.bytes}
        log.write("shard finished", **about, **done, **_spent(wall, cpu))
        return receipt

    def _render_shard(self, shard: Shard, indices: IntArray) -> Receipt:
        if not isinstance(self._worker, ShardRenderer):
            raise self._worker
        try:
            if isinstance(self._folder, Store):
                return make_in_store(self._worker, self._folder, shard, indices)
            return self._worker.make(Layout(self._folder), shard, indices)
        except SystemExit as error:  # it is not for a synthesizer to end the process
            raise EngineError(f"the synthesizer calls sys.exit({error.code!r})") from error

    def _n_rendered(self, shard: Shard) -> int:
        return max(0, self._heartbeat.row - shard.row)


def cause_of(error: BaseException) -> str:
    """Return what an exception says, with its class where that is not one of ours."""
    if isinstance(error, SyngenError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def portable(error: BaseException) -> BaseException:
    """Return an exception that survives the way to another process."""
    if isinstance(error, StopRequested):
        return error
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))  # noqa: S301  # made here
            return error
    return EngineError(cause_of(error))


def _spent(wall: float, cpu: float) -> dict[str, Any]:
    return {
        "wall_s": round(time.monotonic() - wall, 4),
        "cpu_s": round(time.process_time() - cpu, 4),
    }
