"""``syngen generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syngen.cli.options import PLACE, json_option, permission_options, quiet_option
from syngen.cli.reporting import echo_json, human_bytes, progress_on_stderr, say

__all__ = ["generate"]


@click.command()
@click.argument("recipe")
@click.argument("folder", type=PLACE)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    help="Worker processes; default SYNGEN_JOBS or one per CPU.",
)
@click.option(
    "--shard-size",
    type=click.IntRange(1, 1_000_000),
    default=2_000,
    show_default=True,
    metavar="ROWS",
    help="Observations in a shard.",
)
@click.option(
    "--codec",
    type=click.Choice(["wav", "flac"]),
    default="wav",
    show_default=True,
    help="WAV is read faster, FLAC is smaller.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Make N observations instead of all.")
@click.option("--dry-run", is_flag=True, help="Say what it would take; write nothing.")
@click.option("--overwrite", is_flag=True, help="Remove a dataset in the folder and start again.")
@click.option(
    "--hang-limit",
    type=click.FloatRange(0.0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Replace a worker that finishes nothing for so long; 0: never.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Append what was done when and by whom, as JSON lines.",
)
@permission_options
@json_option
@quiet_option
def generate(
    recipe: str,
    folder: Path | str,
    *,
    jobs: int | None,
    shard_size: int,
    codec: str,
    limit: int | None,
    dry_run: bool,
    overwrite: bool,
    hang_limit: float,
    log: Path | None,
    allow_other_audio: bool,
    allow_programs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the dataset of RECIPE, a shipped name or a YAML file, in FOLDER, or at a URL: s3://bucket/name.

    The same command again resumes a run that was interrupted. With a larger --limit it makes only what
    is new.

    Example: syngen generate syntone-tiny data/syntone-tiny
    """
    options: dict[str, Any] = {
        "codec": codec,
        "shard_size": shard_size,
        "limit": limit,
        "overwrite": overwrite,
        "allow_other_audio": allow_other_audio,
        "allow_programs": allow_programs,
    }
    if dry_run:
        _rehearse(recipe, folder, options, as_json=as_json)
        return
    from syngen.api import generate as make

    with progress_on_stderr("rendered", quiet=quiet) as progress:
        report = make(
            recipe, folder, jobs=jobs, hang_limit_s=hang_limit, log=log, progress=progress, **options
        )
    if as_json:
        echo_json(report)
    rate = report.rendered / max(report.wall_s, 1e-9)
    copied = f", {report.copied:,} of a smaller dataset kept" if report.copied else ""
    say(
        f"{report.folder}: {report.rows:,} observations ({report.rendered:,} new, {rate:,.0f}/s{copied}), "
        f"{report.shards} shards, {human_bytes(report.bytes)}, {report.audio_s / 3600:.2f} hours of "
        f"audio, in {report.wall_s:.1f} seconds"
    )


def _rehearse(recipe: str, folder: Path | str, options: dict[str, Any], *, as_json: bool) -> None:
    from syngen.api import rehearse

    estimate = rehearse(recipe, folder, **options)
    if as_json:
        echo_json(estimate)
        return
    splits = ", ".join(f"{name} {count:,}" for name, count in estimate.splits.items())
    click.echo(f"observations  {estimate.observations:,} ({splits})")
    click.echo(f"audio         {estimate.hours:.2f} hours")
    click.echo(f"shards        {estimate.shards:,}")
    click.echo(f"bytes         {estimate.bytes:,} ({human_bytes(estimate.bytes)})")
    click.echo(f"CPU time      {estimate.cpu_s:,.0f} seconds, estimated from a rehearsal")
    say("nothing was written")
