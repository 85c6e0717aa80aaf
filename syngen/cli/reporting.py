"""How the command line talks: progress and errors on stderr, data on stdout."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import click

from syngen.errors import (
    DownloadIncompleteError,
    DownloadMismatchError,
    FactorError,
    GenerationIncompleteError,
    ParameterError,
    PlanMismatchError,
    RecipeError,
    SkippedCheckWarning,
    SyngenError,
    VerificationError,
)
from syngen.io.files import human_bytes

if TYPE_CHECKING:
    from syngen._typing import Progress, ProgressUpdate

__all__ = [
    "EXIT_CODES",
    "echo_json",
    "fail",
    "human_bytes",
    "notes_on_stderr",
    "progress_on_stderr",
    "rows_used",
    "say",
]

EXIT_CODES: dict[type[BaseException], int] = {
    ParameterError: 2,
    FactorError: 2,
    RecipeError: 2,
    PlanMismatchError: 2,
    GenerationIncompleteError: 3,
    DownloadIncompleteError: 3,
    DownloadMismatchError: 4,
    VerificationError: 4,
}
"""Exit codes by exception; any other is 1."""


def rows_used(n_rows: int, n_left_out: int) -> str:
    """Say on how many rows a result stands, and how many are left out."""
    return f"{n_rows:,} rows" + (f" ({n_left_out:,} left out)" if n_left_out else "")


def fail(ctx: click.Context, error: Exception) -> NoReturn:
    """Print one message and end with the exit code that belongs to the error."""
    if isinstance(error, RecipeError):
        click.echo(str(error), err=True)
        n = len(error.issues)
        click.echo(f"error: {n} problem{'s' if n != 1 else ''} in the recipe", err=True)
    elif isinstance(error, SyngenError):
        click.echo(f"error: {error}", err=True)
    elif isinstance(error, OSError):
        click.echo(f"error: {error.strerror or error}: {error.filename or ''}".rstrip(": "), err=True)
    else:
        click.echo(
            f"error: {type(error).__name__}: {error}\n"
            "This should not happen; syngen --debug COMMAND shows where.",
            err=True,
        )
    code = next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
    ctx.exit(code)


def say(message: str, *, quiet: bool = False) -> None:
    """Print a line of talk on stderr."""
    if not quiet:
        click.echo(message, err=True)


@contextlib.contextmanager
def notes_on_stderr() -> Iterator[None]:
    """Print what a block warns could not be checked on stderr, one line each, when the block ends."""
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", SkippedCheckWarning)
        show = warnings.showwarning

        def collect(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, SkippedCheckWarning):
                notes.append(str(message))
            else:
                show(message, category, *place, **more)

        warnings.showwarning = collect
        yield
    for note in dict.fromkeys(notes):
        say(f"note: {note}")


def echo_json(content: Any) -> None:
    """Print one JSON document on stdout."""
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


@contextlib.contextmanager
def progress_on_stderr(verb: str, *, quiet: bool, is_bytes: bool = False) -> Iterator[Progress | None]:
    """Give a `Progress` that draws a bar on a terminal and else prints a line per tenth.

    It counts observations, or bytes.
    """
    state = _of_bytes if is_bytes else _of_observations
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(verb, state) as told:
            yield told
    else:
        yield _Lines(verb, state)


class _Lines:
    """One plain line per 10 %."""

    def __init__(self, verb: str, state: _State) -> None:
        self._verb, self._told = verb, state
        self._started = time.monotonic()
        self._first: int | None = None
        self._tenth = 0

    def __call__(self, update: ProgressUpdate, /) -> None:
        if self._first is None:
            self._first = update.done
            self._tenth = 10 * update.done // max(1, update.total)
            return
        tenth = 10 * update.done // max(1, update.total)
        if tenth > self._tenth:
            self._tenth = tenth
            click.echo(f"{self._verb} {self._told(update, self._first, _since(self._started))}", err=True)


def _since(started: float) -> float:
    return max(1e-9, time.monotonic() - started)


def _of_observations(update: ProgressUpdate, first: int, elapsed: float) -> str:
    count, speed = f"{update.done:,}/{update.total:,}", f"{_rate(update.audio_s / elapsed)} x real time"
    return _state(count, f"{_rate((update.done - first) / elapsed)}/s, {speed}", update, first, elapsed)


def _rate(number: float) -> str:
    """Return a rate; one below 10 with two digits, so that a slow run is not told as a stopped one."""
    return f"{number:,.0f}" if number >= 10.0 else f"{number:.2g}"


def _of_bytes(update: ProgressUpdate, first: int, elapsed: float) -> str:
    count = f"{human_bytes(update.done)} of {human_bytes(update.total)}"
    rate = f"{human_bytes((update.done - first) / elapsed)}/s"
    return _state(count, rate, update, first, elapsed)


def _state(count: str, rate: str, update: ProgressUpdate, first: int, elapsed: float) -> str:
    new, left = update.done - first, update.total - update.done
    state = f"{count} ({100 * update.done // max(1, update.total)} %)"
    if new <= 0:  # no rate, and no time left, can be told from nothing
        return state
    return f"{state}, {rate}" + (f", {math.ceil(left * elapsed / new):,} s left" if left else "")


_State: TypeAlias = Callable[["ProgressUpdate", int, float], str]
"""What a line of progress says of an update, given the first count and the seconds since it."""


@contextlib.contextmanager
def _bar(verb: str, told_of: _State) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    started = time.monotonic()
    first: int | None = None
    columns = (TextColumn(verb), BarColumn(), TextColumn("{task.fields[state]}"))
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(verb, total=None, state="starting")

        def told(update: ProgressUpdate, /) -> None:
            nonlocal first
            first = update.done if first is None else first
            state = told_of(update, first, _since(started))
            bar.update(task, completed=update.done, total=update.total, state=state)

        yield told
