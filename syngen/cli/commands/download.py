"""``syngen download``: a release, or a part of it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syngen.cli.options import LOCAL_PATH, json_option, quiet_option, where_option
from syngen.cli.reporting import echo_json, human_bytes, progress_on_stderr, say

if TYPE_CHECKING:
    from syngen.downloads.request import DownloadReport

__all__ = ["download"]


@click.command()
@click.argument("release")
@click.option("--release-version", "version", metavar="V", help="Of a name; default the latest.")
@click.option("--to", type=LOCAL_PATH, metavar="FOLDER", help="Default: a place in the cache folder.")
@click.option("--codec", type=click.Choice(["wav", "flac"]), help="Decode, or encode, on arrival.")
@where_option
@click.option("--limit", type=click.IntRange(1), help="At most so many observations, from the front.")
@click.option("--mirror", "mirrors", multiple=True, metavar="PLACE", help="Tried next; may be repeated.")
@click.option("--catalog", metavar="PLACE", help="File or URL; default SYNGEN_CATALOG or the shipped one.")
@click.option("--recreate", is_flag=True, help="Make it again from its recipe, compare every hash.")
@click.option("-y", "--yes", is_flag=True, help="Make it again, unasked, if no mirror has it.")
@click.option(
    "--connections",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Files that come at a time.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Worker processes of --recreate.")
@json_option
@quiet_option
def download(
    release: str,
    to: Path | None,
    recreate: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Download a release by its name, its URL or its folder: verified, whole or not at all.

    The same command goes on after an interruption. With --split, --where and --limit only the bytes that
    are wanted are fetched. Exit 1 if the release is refused or nobody has it, 3 if it did not come whole,
    4 if a hash is wrong.

    Example: syngen download syntone-tiny --to data/downloaded --recreate
    """
    from syngen.downloads.transfers import NoMirrorError

    started = time.monotonic()
    options["to"] = to
    try:
        report = _downloaded(release, options, recreate=recreate, quiet=quiet)
    except NoMirrorError as error:
        if not yes:
            if not sys.stdin.isatty():
                raise
            say(str(error))
            if not click.confirm("Make it again from its recipe now?", err=True):
                raise
        say(f"{error}; it is made again from its recipe")
        report = _downloaded(release, options, recreate=True, quiet=quiet)
    if as_json:
        echo_json(report)
    else:
        click.echo(report.folder)
    say(f"{report.name}: {_told(report)}, in {time.monotonic() - started:.1f} seconds")


def _downloaded(release: str, options: dict[str, Any], *, recreate: bool, quiet: bool) -> DownloadReport:
    from syngen.api import download as run

    verb = "rendered" if recreate else "downloaded"
    with progress_on_stderr(verb, quiet=quiet, is_bytes=not recreate) as progress:
        return run(release, recreate=recreate, progress=progress, **options)


def _told(report: DownloadReport) -> str:
    n = f"{report.observations:,} observations"
    if report.outcome == "made again":
        if report.compared:
            return (
                f"{n} made again, {report.compared:,} compared with the hashes of the release, all the same"
            )
        return f"{n} made again; no manifest of the release is known to compare them with"
    return f"{n} {report.outcome}, {human_bytes(report.bytes_received)} received"
