"""Options that several commands share, as decorators."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from syngen.errors import ParameterError, suggestion
from syngen.io.files import is_url, local_path

if TYPE_CHECKING:
    from syngen.loaders.dataset import FactorDataset

__all__ = [
    "LOCAL_PATH",
    "PLACE",
    "check_plot",
    "common_option",
    "dataset_argument",
    "json_option",
    "permission_options",
    "plot_option",
    "quiet_option",
    "seed_option",
    "select_where",
    "where_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class _LocalPath(click.Path):
    """A local path; the ``~`` of quoted ones, and of ``--option=~/x``, is left to programs by shells."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        # before click makes it a path, which takes ./~ for ~
        return super().convert(local_path(value) if isinstance(value, str) else value, param, ctx)


class _Place(_LocalPath):
    """A local path, or the URL of an object store as it was given: as a path it would lose a slash."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if is_url(value) else super().convert(value, param, ctx)


LOCAL_PATH = _LocalPath(path_type=Path)
PLACE = _Place(path_type=Path)


def json_option(command: Command) -> Command:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")(command)


def quiet_option(command: Command) -> Command:
    """Add ``-q``."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress.")(command)


def seed_option(command: Command) -> Command:
    """Add ``--seed`` of what is chosen at random."""
    return click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Chooses them."
    )(command)


def common_option(command: Command) -> Command:
    """Add ``--common``."""
    return click.option(
        "--common",
        is_flag=True,
        help="Leave observations without codes out, and count them; they are refused otherwise.",
    )(command)


def permission_options(command: Command) -> Command:
    """Add ``--allow-other-audio`` and ``--allow-program``: what a recipe cannot allow itself."""
    command = click.option(
        "--allow-program",
        "allow_programs",
        multiple=True,
        metavar="NAME",
        help="Let the speech engine 'command' run this program; may be repeated.",
    )(command)
    return click.option(
        "--allow-other-audio",
        is_flag=True,
        help="Go on with a speech engine that does not sound as the recorded one.",
    )(command)


def plot_option(command: Command) -> Command:
    """Add ``--plot``; see `check_plot`."""
    return click.option("--plot", type=LOCAL_PATH, metavar="FILE", help="Draw a PNG, PDF or SVG.")(command)


def check_plot(path: Path) -> None:
    """Refuse a picture that could not be written, before anything is computed for it."""
    endings = (".png", ".pdf", ".svg")
    if path.suffix.lower() not in endings:
        raise ParameterError(
            f"--plot {path}: no picture has the ending {path.suffix!r}{suggestion(path.suffix, endings)}; "
            f"give {', '.join(endings)}"
        )
    if not path.absolute().parent.is_dir():
        raise ParameterError(f"--plot {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise ParameterError(f"--plot {path} is a folder; give the name of a file")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise ParameterError(f"--plot {path} cannot be written; give another place")


def dataset_argument(command: Command) -> Command:
    """Add the folder, or the URL, of a dataset."""
    return click.argument("dataset", type=PLACE)(command)


def where_option(command: Command) -> Command:
    """Add ``--where`` and ``--split``."""
    command = click.option("--split", help="Only this split.")(command)
    return click.option(
        "--where",
        multiple=True,
        metavar="FACTOR=VALUES",
        help="Only these values, as in timbre=sine,square or frequency=200..400; may be repeated.",
    )(command)


def select_where(dataset: FactorDataset, where: tuple[str, ...], split: str | None) -> FactorDataset:
    """Return the view that ``--where`` and ``--split`` ask for."""
    from syngen.loaders.selection import conditions_in

    conditions = conditions_in(where, dataset.grid)
    if split is not None:
        if "split" in conditions:
            raise ParameterError("--where split=... and --split are given; keep one")
        conditions["split"] = split
    return dataset.select(**conditions)
