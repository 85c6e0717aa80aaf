"""``syngen generate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syngen.cli.options import LOCAL_PATH, PLACE, json_option, permission_options, quiet_option
from syngen.cli.reporting import echo_json, human_bytes, progress_on_stderr, say
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen.generation.run import GenerationReport

__all__ = ["generate"]

_MOST_LEFT = 8  # names that are told


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
@click.option("--overwrite", is_flag=True, help="Remove a dataset's own files, and start again.")
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
    type=LOCAL_PATH,
    metavar="FILE",
    help="Append what was done when and by whom, as JSON lines.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="Where shards are made: on this machine, or by the workers of a Dask cluster.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of the Dask scheduler, as in tcp://host:8786.")
@click.option(
    "--shard-index",
    metavar="I/N",
    help="Make the shards of member I, from 0, of N; a plain run puts the dataset together.",
)
@click.option(
    "--sbatch",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="With --dry-run: print a SLURM script for N members.",
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
    executor: str,
    scheduler: str | None,
    shard_index: str | None,
    sbatch: int | None,
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
    if sbatch is not None:
        others = {"--scheduler": scheduler, "--shard-index": shard_index, "--overwrite": overwrite}
        _check_sbatch(
            dry_run=dry_run, others={**others, "--json": as_json, "--executor dask": executor != "local"}
        )
        plan = {key: value for key, value in options.items() if key != "overwrite"}
        _print_script(recipe, folder, plan, n=sbatch, jobs=jobs, hang_limit=hang_limit, log=log)
        return
    if dry_run:
        _print_estimate(recipe, folder, options, as_json=as_json)
        return
    from syngen.api import generate as make

    with progress_on_stderr("rendered", quiet=quiet) as progress:
        report = make(
            recipe,
            folder,
            jobs=jobs,
            hang_limit_s=hang_limit,
            log=log,
            executor=executor,
            scheduler=scheduler,
            shard_index=shard_index,
            progress=progress,
            **options,
        )
    if as_json:
        echo_json(report)
    if not report.is_complete:
        _tell_part(report, str(shard_index))
        return
    _tell_left(report)
    rate = report.rendered / max(report.wall_s, 1e-9)
    copied = f", {report.copied:,} of a smaller dataset kept" if report.copied else ""
    say(
        f"{report.folder}: {report.rows:,} observations ({report.rendered:,} new, {rate:,.0f}/s{copied}), "
        f"{report.shards} shards, {human_bytes(report.bytes)}, {report.audio_s / 3600:.2f} hours of "
        f"audio, in {report.wall_s:.1f} seconds"
    )


def _tell_left(report: GenerationReport) -> None:
    """Name what is in the folder and not the dataset's."""
    if not report.left:
        return
    shown = ", ".join(report.left[:_MOST_LEFT])
    more = f" and {len(report.left) - _MOST_LEFT:,} more" if len(report.left) > _MOST_LEFT else ""
    say(f"{report.folder}: left, because the plan does not account for it: {shown}{more}")


def _tell_part(report: GenerationReport, shard_index: str) -> None:
    """Say what a member of a job array has done, and what is left."""
    rest = (
        f"of the other members' shards {report.shards_left:,} are missing"
        if report.shards_left
        else "no shard is missing; the same command without --shard-index puts the dataset together"
    )
    say(
        f"{report.folder}: member {shard_index} has its {report.shards:,} shards, {report.rows:,} "
        f"observations ({report.rendered:,} new), {human_bytes(report.bytes)}, in "
        f"{report.wall_s:.1f} seconds; {rest}"
    )


def _check_sbatch(*, dry_run: bool, others: dict[str, Any]) -> None:
    if not dry_run:
        raise ParameterError("--sbatch prints a script and makes nothing; say so with --dry-run")
    for name, value in others.items():
        if value:
            raise ParameterError(f"--sbatch and {name} do not go together; leave out {name}")


def _print_script(
    recipe: str,
    folder: Path | str,
    options: dict[str, Any],
    *,
    n: int,
    jobs: int | None,
    hang_limit: float,
    log: Path | None,
) -> None:
    """Print a script for a job array that makes the dataset with the same options."""
    from syngen.api import estimate, load_recipe
    from syngen.cli.job_arrays import job_array_script

    found = estimate(recipe, folder, **options)
    permissions = {key: options[key] for key in ("allow_other_audio", "allow_programs")}
    words = ["syngen", "generate", "--quiet", f"--shard-size={options['shard_size']}"]
    words += [f"--codec={options['codec']}", f"--hang-limit={hang_limit:g}"]
    words += [f"--limit={options['limit']}"] if options["limit"] is not None else []
    words += [f"--log={log}"] if log is not None else []
    words += ["--allow-other-audio"] if options["allow_other_audio"] else []
    words += [f"--allow-program={name}" for name in options["allow_programs"]]
    script = job_array_script(
        [*words, "--", recipe, str(folder)],
        folder=Path.cwd(),
        name=load_recipe(recipe, **permissions).name,
        n=n,
        jobs=jobs,
    )
    click.echo(script, nl=False)
    say(
        f"{found.observations:,} observations in {found.shards:,} shards for {n:,} members, "
        f"{human_bytes(found.bytes)}, {found.cpu_s:,.0f} seconds of CPU time; nothing was written"
    )


def _print_estimate(recipe: str, folder: Path | str, options: dict[str, Any], *, as_json: bool) -> None:
    from syngen.api import estimate

    found = estimate(recipe, folder, **options)
    if as_json:
        echo_json(found)
        return
    splits = ", ".join(f"{name} {count:,}" for name, count in found.splits.items())
    click.echo(f"observations  {found.observations:,} ({splits})")
    click.echo(f"audio         {found.hours:.2f} hours")
    click.echo(f"shards        {found.shards:,}")
    click.echo(f"bytes         {found.bytes:,} ({human_bytes(found.bytes)})")
    click.echo(f"CPU time      {found.cpu_s:,.0f} seconds, estimated from a few observations")
    say("nothing was written")
