"""A worker process: how it is started, what it runs, and how it ends.

Worker processes are spawned, never forked: a fork inherits locks that other threads hold. They end as
soon as the process that started them does, whatever ended it. Only the process that started them decides
what a signal means: they do not hear SIGINT and SIGTERM.

Each has a pipe of its own, so one that is killed, at whatever moment, costs its own shard and no more. The
workers of Pebble's pool share a pipe and its locks: one that is killed while it takes up a task keeps the
locks. The others wait for them for about two minutes, and then the pool breaks.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, MutableSequence
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from syngen.generation.workers.heartbeats import IDLE, STOP, Heartbeat, StopRequested
from syngen.generation.workers.shard_task import Job, ShardTask, portable
from syngen.storage.receipts import Receipt
from syngen.storage.shard_ranges import Shard

if TYPE_CHECKING:
    from syngen._typing import IntArray

__all__ = ["WorkerDiedError", "WorkerProcess"]

_POLL_S = 1.0
_SHORTEST_START_S = 60.0  # a machine under load takes its time to import
_STACK_S = 5.0
_STACK_PIECE_S = 0.5  # it is written in pieces
_STOP_S = 10.0
_END_S = 30.0
_STACK_BYTES = 1 << 16
_STACK_SIGNAL = getattr(signal, "SIGUSR1", None)
_PR_SET_PDEATHSIG = 1

_START_LOCK = threading.Lock()


class WorkerDiedError(Exception):
    """A worker process ended, or was ended because it hung, with a task in hand.

    Attributes
    ----------
    pid : int
    reason : str
        What ended it.
    row : int
        Row that was being rendered, or `IDLE` if no shard had been taken up.
    stack : str
        What its threads were at, where that could be found out.
    is_hung : bool
        Whether it was ended because it made no progress.
    """

    def __init__(self, pid: int, reason: str, row: int, stack: str = "", *, is_hung: bool = False) -> None:
        self.pid, self.reason, self.row, self.stack, self.is_hung = pid, reason, row, stack, is_hung
        super().__init__(f"worker process {pid} {reason}")


class _Process(SpawnProcess):
    """A spawned process that does not import the caller's script.

    Spawned children usually run the main module again, which in a script without a
    ``__main__`` guard would start the generation once more in every worker. Nothing that a worker
    needs is defined there.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  # the name that multiprocessing calls
        with _START_LOCK, _anonymous_main():
            # the first start of this process releases signals again, and the child would hear them
            resource_tracker.ensure_running()
            with _signals_held():
                return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined,unused-ignore]  # noqa: SLF001


@contextlib.contextmanager
def _anonymous_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Hold back signals: the child inherits that until it is ready to ignore them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerProcess:
    """A worker process, seen from the one that starts it. Belongs to one thread.

    Parameters
    ----------
    job : Job
    cells : sequence of int
        In shared memory; see `Heartbeat`.
    slot : int
    hang_limit_s : float
        Longest time without a finished observation; 0 for none.
    """

    def __init__(self, job: Job, cells: MutableSequence[int], slot: int, *, hang_limit_s: float) -> None:
        self._cells, self._slot, self._limit_s = cells, slot, hang_limit_s
        context = get_context("spawn")
        self._line, far_line = context.Pipe()
        self._stack, far_stack = context.Pipe(duplex=False)
        cells[slot] = IDLE
        self._process = _Process(target=_serve, args=(far_line, far_stack, cells, slot, job))
        try:
            self._process.start()
            self._pid = self._process.pid or 0
        except OSError as error:
            self._close()
            raise WorkerDiedError(0, f"cannot be started: {error.strerror or error}", IDLE) from error
        finally:
            far_line.close()
            far_stack.close()
        self._answer(max(hang_limit_s, _SHORTEST_START_S) if hang_limit_s else 0.0, is_starting=True)

    def make(self, shard: Shard, indices: IntArray, attempt: int) -> Receipt:
        """Make a shard in the process; see `ShardTask`.

        Raises
        ------
        WorkerDiedError
            If the process ends, or hangs and is ended. It cannot be used any more.
        StopRequested
            If the workers were asked to stop.
        """
        with contextlib.suppress(OSError):  # it has ended, which is the answer
            self._line.send((shard, indices, attempt))
        answer = self._answer(self._limit_s)
        if isinstance(answer, BaseException):
            raise answer
        return cast("Receipt", answer)

    def end(self) -> None:
        """Let the process end in its own way, or end it if it does not."""
        with contextlib.suppress(OSError):
            self._line.send(None)
        self._process.join(_END_S)
        self._kill()

    def _answer(self, limit_s: float, *, is_starting: bool = False) -> Any:
        poll_s = min(_POLL_S, limit_s / 4) if limit_s else _POLL_S
        idle_s, last, looked = 0.0, self._cells[self._slot], time.monotonic()
        # an end of the line may be open in what the process has started: then its exit code tells
        while not self._line.poll() and self._process.exitcode is None:
            connection.wait([self._line, self._process.sentinel], poll_s)
            now, row = time.monotonic(), self._cells[self._slot]
            # when this process sleeps too, nobody can be blamed for the time
            idle_s = idle_s + min(now - looked, 2 * poll_s) if row == last else 0.0
            last, looked = row, now
            stopped = self._cells[STOP]
            if stopped and (is_starting or now - stopped > _STOP_S):
                self._kill()
                raise StopRequested
            if limit_s and idle_s > limit_s:
                self._fail(f"was ended, because it had finished nothing for {limit_s:g} s")
        with contextlib.suppress(EOFError, OSError):
            if self._line.poll():
                return self._line.recv()
        return self._fail()

    def _fail(self, hung: str = "") -> None:
        """Raise what is known of a process that has ended, or that is now ended because it hung."""
        row = self._cells[self._slot]  # the signal that asks for the stack may wake it up
        stack_s = 0.0
        if not hung:
            self._process.join(_END_S)
        elif _STACK_SIGNAL is not None:
            with contextlib.suppress(OSError):
                os.kill(self._pid, _STACK_SIGNAL)  # it works even inside of a library
            stack_s = _STACK_S
        stack = self._read_stack(stack_s)
        self._kill()
        reason = hung or _how_it_ended(self._process.exitcode)
        raise WorkerDiedError(self._pid, reason, row, stack, is_hung=bool(hung))

    def _read_stack(self, wait_s: float = 0.0) -> str:
        """Return what was written about the threads, or is written soon."""
        found = b""
        with contextlib.suppress(OSError):
            while len(found) < _STACK_BYTES and self._stack.poll(wait_s):
                piece = os.read(self._stack.fileno(), _STACK_BYTES)
                if not piece:
                    break
                found += piece
                wait_s = min(wait_s, _STACK_PIECE_S)
        return found.decode("utf-8", "replace")

    def _kill(self) -> None:
        """End the process, stopped or in a library or not, and what it has started."""
        if self._process.exitcode is None:
            started = _descendants(self._pid)
            self._process.kill()
            for pid in started:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        self._process.join()
        self._close()

    def _close(self) -> None:
        self._line.close()
        self._stack.close()


def _how_it_ended(status: int | None) -> str:
    if status is None or status >= 0:
        return f"ended with exit code {status}"
    name = signal.strsignal(-status) or "unknown"
    memory = "; the system may have ended it for want of memory" if -status == signal.SIGKILL else ""
    return f"was ended by signal {-status} ({name}{memory})"


def _descendants(pid: int) -> list[int]:
    """Return the children of a process and theirs, where the system tells."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError, ValueError):
            for child in map(int, path.read_text().split()):
                found += [child, *_descendants(child)]
    return found


def _serve(line: Connection, stack: Connection, cells: Any, slot: int, job: Job) -> None:
    """Make the shards that the other end of the line asks for, until it asks for nothing more."""
    _settle(stack)
    task = ShardTask(job, Heartbeat(memoryview(cells).cast("B").cast("q"), slot))
    task.log.write("worker started", cpu_s=round(time.process_time(), 4))
    with contextlib.suppress(OSError, EOFError):  # nobody listens any more
        line.send(None)
        while (wanted := line.recv()) is not None:
            try:
                answer: object = task(*wanted)
            except BaseException as error:  # noqa: BLE001  # whatever it is, the other side decides
                answer = portable(error)
            line.send(answer)


def _settle(stack: Connection) -> None:
    """Make this process deaf to signals, end with its parent, and leave a trace when it crashes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    faulthandler.enable(stack.fileno())
    if _STACK_SIGNAL is not None:
        faulthandler.register(_STACK_SIGNAL, stack.fileno())
    parent = parent_process()
    if parent is None:
        return
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if sys.platform == "linux":  # at once, even when stopped or inside of a library
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:
            os._exit(1)


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
