"""``syngen info``, ``rows``, ``extract`` and ``verify``: commands on a dataset's folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from syngen.cli.options import (
    LOCAL_PATH,
    check_plot,
    dataset_argument,
    json_option,
    permission_options,
    plot_option,
    quiet_option,
    seed_option,
    select_where,
    where_option,
)
from syngen.cli.reporting import echo_json, human_bytes, notes_on_stderr, progress_on_stderr, say
from syngen.errors import GenerationIncompleteError, ParameterError

if TYPE_CHECKING:
    from syngen.evaluation.statistics.report import Statistics
    from syngen.generation.status import FolderState
    from syngen.loaders.dataset import FactorDataset
    from syngen.storage.description import Description

__all__ = ["extract", "info", "rows", "verify"]


@click.command()
@dataset_argument
@click.option(
    "--statistics",
    "with_statistics",
    is_flag=True,
    help="Count levels, pairs of levels, loudness, lengths and pitch.",
)
@where_option
@plot_option
@json_option
def info(
    dataset: Path | str,
    with_statistics: bool,
    where: tuple[str, ...],
    split: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Say what a dataset holds, or how far an unfinished one is and whether a run is at work.

    With --statistics: how often each level of each factor occurs, by split; whether factors are independent
    (mutual information, and that of shuffled rows); levels in dB, lengths, and the pitch that the recipe
    declares. --where, --split and --plot are about these. No audio is read.

    Example: syngen info data/syntone-tiny --statistics --split train
    """
    from syngen.generation.status import state_of
    from syngen.io.object_store import place_of

    if not with_statistics:
        for name, value in (("--where", where), ("--split", split), ("--plot", plot)):
            if value:
                raise ParameterError(f"{name} is about statistics; add --statistics, or leave it out")
    if plot is not None:
        check_plot(plot)
    state = state_of(place_of(dataset))
    if state is not None:
        if with_statistics:
            raise GenerationIncompleteError(
                f"{dataset} is unfinished, {state.rows_finished:,} of {state.rows:,} observations: there "
                "are no statistics yet; run the same syngen generate command again to finish it"
            )
        if as_json:
            echo_json(state)
        else:
            _tell_state(state)
        return
    ds = _loaded(dataset)
    found = _counted_view(ds, where, split, plot) if with_statistics else None
    if as_json:
        echo_json(_described(ds, dataset) | ({"statistics": found.to_dict()} if found else {}))
        return
    _describe(_described(ds, dataset))
    if found is not None:
        click.echo(f"\n{found.to_markdown()}", nl=False)


def _counted_view(
    ds: FactorDataset, where: tuple[str, ...], split: str | None, plot: Path | None
) -> Statistics:
    """Return, and draw, the statistics of what is asked for."""
    from syngen.api import statistics

    started = time.monotonic()
    found = statistics(select_where(ds, where, split))
    if plot is not None:
        found.plot().savefig(plot, dpi=150)
    say(f"{found.n_rows:,} observations counted in {time.monotonic() - started:.1f} seconds")
    return found


def _tell_state(state: FolderState) -> None:
    """Print how far an unfinished dataset is."""
    click.echo(
        f"{state.name}: unfinished, {state.rows_finished:,} of {state.rows:,} observations in "
        f"{state.shards_finished:,} of {state.shards:,} shards, {human_bytes(state.bytes)}"
    )
    if state.members:
        rate = f"; {state.rate:,.0f}/s together" if state.rate else ""
        left = f", {state.left_s:,.0f} s left if all are" if state.left_s is not None else ""
        shown = ", ".join(state.members[:8]) + (", ..." if len(state.members) > 8 else "")
        click.echo(f"  {_counted(len(state.members), 'member')} at work: {shown}{rate}{left}")
    elif state.is_running:
        rate = f", {state.rate:,.0f}/s" if state.rate else ""
        left = f", {state.left_s:,.0f} s left" if state.left_s is not None else ""
        click.echo(
            f"  a run is at work: process {state.pid} on {state.host}, {state.jobs} jobs{rate}{left}"
        )
    elif state.is_running is None:
        click.echo("  whether a run is at work cannot be seen from here")
    else:
        click.echo("  no run is at work; the same syngen generate command goes on")
    if state.last_event is not None:
        click.echo(f"  last event: {_event_line(state.last_event)}")
    for event in state.failures:
        click.echo(f"  {_event_line(event)}")


def _event_line(event: dict[str, Any]) -> str:
    """Return an event of the log for people: when, what, and of what it was about."""
    told = ("shard", "attempt", "rows", "row", "index", "cause", "outcome")
    about = ", ".join(f"{key} {event[key]}" for key in told if key in event)
    return f"{event.get('time', '')} {event['event']}{': ' if about else ''}{about}"


def _described(ds: FactorDataset, dataset: Path | str) -> dict[str, Any]:
    """Return what a finished dataset is."""
    description = cast("Description", ds.description)  # which is stored
    factors = [
        {
            "name": f.name,
            "kind": f.kind,
            "unit": f.unit,
            "size": f.size,
            "first": f.values[0],
            "last": f.values[-1],
        }
        for f in ds.grid.factors
    ]
    return {
        "name": ds.name,
        "folder": str(dataset),
        "fingerprint": description.fingerprint,
        "observations": description.n_rows,
        "splits": description.counts,
        "hours": description.hours,
        "sample_rate": ds.sample_rate,
        "n_samples": ds.n_samples,
        "codec": description.codec,
        "bytes": sum(shard.bytes for shard in description.shards),
        "shards": len(description.shards),
        "grid_size": ds.grid.size,
        "factors": factors,
        "licence": description.licence,
        "versions": description.versions,
        **({"release": description.release.to_json()} if description.release else {}),
    }


def _describe(content: dict[str, Any]) -> None:
    """Print what a finished dataset is."""
    of_release = f", release {content['release']['version']}" if "release" in content else ""
    click.echo(
        f"{content['name']}{of_release}: {content['observations']:,} observations of "
        f"{content['grid_size']:,} grid points"
    )
    for name, count in content["splits"].items():
        click.echo(f"  {name:<12} {count:>10,}")
    for factor in content["factors"]:
        unit = f" {factor['unit']}" if factor["unit"] else ""
        click.echo(
            f"  {factor['name']:<12} {factor['size']:>10,} {factor['kind']} values, "
            f"{factor['first']} to {factor['last']}{unit}"
        )
    click.echo(
        f"  {content['hours']:.2f} hours at {content['sample_rate']:,} Hz, {content['shards']} "
        f"{content['codec'].upper()} shards, {human_bytes(content['bytes'])}, "
        f"licence {content['licence'] or 'not stated'}"
    )


@click.command()
@dataset_argument
@where_option
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="At most so many.")
@json_option
def rows(dataset: Path | str, where: tuple[str, ...], split: str | None, limit: int, as_json: bool) -> None:
    """Print rows of the manifest as tab-separated text.

    Example: syngen rows data/syntone-tiny --where frequency=200..400
    """
    view = select_where(_loaded(dataset), where, split)
    frame = view.manifest.drop(columns="pcm_sha256").head(limit)
    if as_json:
        # silence has no level in dB: NaN would be no JSON
        records = frame.astype(object).where(frame.notna(), None).reset_index(names="row")
        echo_json(records.to_dict(orient="records"))
    else:
        click.echo(frame.to_csv(sep="\t", index_label="row"), nl=False)
    say(f"{len(frame):,} of {len(view):,} rows")


@click.command()
@dataset_argument
@click.argument("folder", type=LOCAL_PATH)
@where_option
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@click.option("--textgrid", is_flag=True, help="Write words and phones of speech as Praat TextGrids too.")
def extract(
    dataset: Path | str, folder: Path, where: tuple[str, ...], split: str | None, limit: int, textgrid: bool
) -> None:
    """Write observations as WAV files, named by row, with a CSV of their factors.

    Example: syngen extract data/syntone-tiny clips --where timbre=sine --limit 3
    """
    from syngen.exports.clips import write_clips

    view = select_where(_loaded(dataset), where, split)
    started = time.monotonic()
    n = write_clips(view, folder, limit=limit, textgrids=textgrid)
    say(f"{n:,} of {len(view):,} observations in {folder}, in {time.monotonic() - started:.1f} seconds")


@click.command()
@dataset_argument
@click.option(
    "--rerender",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Render N observations again.",
)
@seed_option
@click.option("--repair", "is_repair", is_flag=True, help="Make again what is damaged.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    help="Worker processes of --repair; default SYNGEN_JOBS or one per CPU.",
)
@permission_options
@json_option
@quiet_option
def verify(
    dataset: Path | str,
    rerender: int,
    seed: int,
    is_repair: bool,
    jobs: int | None,
    allow_other_audio: bool,
    allow_programs: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Check every hash, row and member of a dataset, finished or not.

    Exit 4 if anything is not as it should be, 3 if the dataset is unfinished. With --repair exactly what is
    damaged is made again, and proven to be what it was.

    Example: syngen verify data/syntone-tiny --rerender 50
    """
    from syngen.api import verify as check

    permissions: dict[str, Any] = {
        "allow_other_audio": allow_other_audio,
        "allow_programs": allow_programs,
    }
    if is_repair:
        if not _repair(dataset, jobs, permissions, as_json=as_json, quiet=quiet) or not rerender:
            return
        as_json = False  # the report was the one document on stdout
    started = time.monotonic()
    with notes_on_stderr(), progress_on_stderr("checked", quiet=quiet) as progress:
        problems = check(dataset, rerender=rerender, seed=seed, progress=progress, **permissions)
    if as_json:
        echo_json(problems)
    else:
        for problem in problems:
            click.echo(problem)
    found = _counted(len(problems), "problem") if problems else "sound"
    again = f", {rerender:,} rendered again" if rerender else ""
    say(f"{dataset}: {found}{again}, in {time.monotonic() - started:.1f} seconds")
    if problems:
        click.get_current_context().exit(4)


def _repair(
    dataset: Path | str, jobs: int | None, permissions: dict[str, Any], *, as_json: bool, quiet: bool
) -> bool:
    """Repair, say what was done, and return True if the dataset is whole and sound."""
    from syngen.api import repair

    with notes_on_stderr(), progress_on_stderr("rendered", quiet=quiet) as progress:
        report = repair(dataset, jobs=jobs, progress=progress, **permissions)
    if as_json:
        echo_json(report)
    else:
        for problem in report.left:
            click.echo(problem)
    done = [
        _counted(len(report.shards), "shard") + f" ({report.rendered:,} observations) made again",
        _counted(len(report.files), "other file") + " written again",
        _counted(len(report.removed), "temporary file") + " removed",
    ]
    state = f"{_counted(len(report.left), 'problem')} left" if report.left else "sound"
    say(f"{dataset}: {state}; {', '.join(done)}, in {report.wall_s:.1f} seconds")
    if report.left:
        click.get_current_context().exit(4)
    if report.unfinished:
        say(report.unfinished)
        click.get_current_context().exit(3)
    return True


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _loaded(dataset: Path | str) -> FactorDataset:
    from syngen.api import load

    return load(dataset)
