"""``syngen release``: build, check and compare what is published."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import click

from syngen.cli.options import LOCAL_PATH, PLACE, json_option, permission_options, quiet_option, seed_option
from syngen.cli.reporting import echo_json, human_bytes, progress_on_stderr, say

__all__ = ["release"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class _Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click only
    """A number of bytes, as in 500MB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?b?)\s*", str(value).lower())
        if match is None:
            self.fail(f"{value!r} is no size; a number and a unit are needed, as in 500MB", param, ctx)
        return int(float(match[1]) * _UNITS[match[2].removesuffix("b")])


@click.group()
def release() -> None:
    """Build, check and compare releases: datasets with all that is published along with them.

    Example: syngen release build data/syntone-tiny dist --release-version 1.0.0
    """


@release.command()
@click.argument("dataset", type=PLACE)
@click.argument("folder", type=LOCAL_PATH)
@click.option(
    "--release-version",
    "version",
    required=True,
    metavar="X.Y.Z",
    help="Version of the release (semver.org).",
)
@click.option(
    "--codec", type=click.Choice(["flac", "wav"]), default="flac", show_default=True, help="Of the audio."
)
@click.option(
    "--size-limit",
    type=_Size(),
    help="Most bytes of a shard, as in 500MB; by default about fifty shards, from 32MB to 2GB.",
)
@click.option(
    "--author",
    "authors",
    multiple=True,
    metavar="NAME",
    help="'Family, Given' or a group; may be repeated.",
)
@click.option("--date", metavar="YYYY-MM-DD", help="Day of publication; no clock is read.")
@click.option("--url", help="Where the release will be at home.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1), help="Worker processes; default SYNGEN_JOBS or one per CPU."
)
@permission_options
@json_option
@quiet_option
def build(dataset: Path | str, folder: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Write the release of a dataset into FOLDER, which is then a dataset too.

    Shards are cut again to a size limit, every observation is compared with its hash, and card,
    croissant.json, CITATION.cff, zenodo.json, a registry for pooch and a page with clips are added.

    Example: syngen release build data/syntone-tiny dist --release-version 1.0.0
    """
    from syngen.api import release as write

    with progress_on_stderr("released", quiet=quiet) as progress:
        report = write(dataset, folder, progress=progress, **options)
    if as_json:
        echo_json(report)
    say(
        f"{folder}: version {report.version}, {report.rows:,} observations in {report.shards:,} shards, "
        f"{human_bytes(report.bytes)} (the dataset has {human_bytes(report.source_bytes)}), "
        f"in {report.wall_s:.1f} seconds"
    )


@release.command()
@click.argument("folder", type=LOCAL_PATH)
@click.option(
    "--rerender", type=click.IntRange(0), default=0, metavar="N", help="Render N observations again."
)
@seed_option
@permission_options
@json_option
@quiet_option
def check(
    folder: Path,
    rerender: int,
    seed: int,
    allow_other_audio: bool,
    allow_programs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Check every byte of a release, and its documents against its dataset; needs no network.

    Example: syngen release check dist
    """
    from syngen.api import check_release

    started = time.monotonic()
    with progress_on_stderr("checked", quiet=quiet) as progress:
        problems = check_release(
            folder,
            rerender=rerender,
            seed=seed,
            allow_other_audio=allow_other_audio,
            allow_programs=allow_programs,
            progress=progress,
        )
    if as_json:
        echo_json({"folder": str(folder), "problems": problems})
    else:
        for problem in problems:
            click.echo(problem)
    n = len(problems)
    state = f"{n:,} problem{'' if n == 1 else 's'}" if problems else "sound"
    say(f"{folder}: {state}, in {time.monotonic() - started:.1f} seconds")
    if problems:
        click.get_current_context().exit(4)


@release.command()
@click.argument("a", type=PLACE)
@click.argument("b", type=PLACE)
@json_option
def diff(a: Path | str, b: Path | str, as_json: bool) -> None:
    """Say what differs from release A to release B: factors, observations, hashes of samples.

    Datasets may be given too. The exit code is 0 whether they differ or not.

    Example: syngen release diff dist data/syntone-tiny
    """
    from syngen.api import compare_releases

    started = time.monotonic()
    found = compare_releases(a, b)
    if as_json:
        from dataclasses import asdict

        echo_json({**asdict(found), "same_audio": found.is_same_audio})
    else:
        for line in found.lines():
            click.echo(line)
    say(
        f"{found.same:,} observations the same, {found.changed:,} changed, "
        f"in {time.monotonic() - started:.1f} seconds"
    )
