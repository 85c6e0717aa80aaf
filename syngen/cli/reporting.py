"""How the command line talks: progress and errors on stderr, data on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from syngen._files import human_bytes
from syngen.errors import (
    FactorError,
    GenerationIncompleteError,
    ParameterError,
    PlanMismatchError,
    RecipeError,
    SyngenError,
    VerificationError,
)

if TYPE_CHECKING:
    from syngen._typing import Progress, ProgressUpdate

__all__ = ["EXIT_CODES", "echo_json", "fail", "human_bytes", "progress_on_stderr", "say"]

EXIT_CODES: dict[type[BaseException], int] = {
    ParameterError: 2,
    FactorError: 2,
    RecipeError: 2,
    PlanMismatchError: 2,
    GenerationIncompleteError: 3,
    VerificationError: 4,
}
"""Exit codes by exception; any other is 1."""


def fail(ctx: click.Context, error: Exception) -> NoReturn:
    """Print one message and end with the exit code that belongs to the error."""
    if isinstance(error, RecipeError):
        for issue in error.issues:
            click.echo(str(issue), err=True)
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
def progress_on_stderr(verb: str, *, quiet: bool) -> Iterator[Progress | None]:
    """Give a `Progress` that draws a bar on a terminal and else prints a line per tenth."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(verb) as told:
            yield told
    else:
        yield _Lines(verb)


class _Lines:
    """One plain line per 10 %."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
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
            click.echo(f"{self._verb} {_state(update, self._first, self._started)}", err=True)


def _state(update: ProgressUpdate, first: int, started: float) -> str:
    elapsed = max(1e-9, time.monotonic() - started)
    rate = (update.done - first) / elapsed
    left = (update.total - update.done) / rate if rate else 0.0
    return (
        f"{update.done:,}/{update.total:,} ({100 * update.done // max(1, update.total)} %), "
        f"{rate:,.0f}/s, {update.audio_s / elapsed:,.0f} x real time, {left:,.0f} s left"
    )


@contextlib.contextmanager
def _bar(verb: str) -> Iterator[Progress]:
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
            state = _state(update, first, started)
            bar.update(task, completed=update.done, total=update.total, state=state)

        yield told
