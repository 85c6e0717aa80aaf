"""``syngen audit recipe``, ``syngen audit dataset`` and ``syngen audit leakage``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syngen.cli.options import dataset_argument, json_option, quiet_option, seed_option
from syngen.cli.reporting import echo_json, progress_on_stderr, say

if TYPE_CHECKING:
    from syngen.auditing.leakage.report import LeakageAudit
    from syngen.auditing.report import SignalAudit

__all__ = ["audit"]


@click.group()
def audit() -> None:
    """Measure whether factors can be heard, recovered, and whether anything gives them away.

    Example: syngen audit recipe syntone-small --contexts 100
    """


@audit.command("recipe")
@click.argument("recipe")
@click.option(
    "--contexts",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    metavar="N",
    help="Random contexts, and as many corners of the grid.",
)
@seed_option
@json_option
@quiet_option
def audit_recipe(recipe: str, contexts: int, seed: int, as_json: bool, quiet: bool) -> None:
    """Compare a change of each factor with a new draw of the nuisances; exit 4 if one is inaudible.

    RECIPE is a shipped name or a YAML file. Nobody listens: audible is what a measurement tells from a
    new draw, in every context; of speech, what a probe tells on unseen speakers and texts.

    Example: syngen audit recipe syntone-small --contexts 100
    """
    from syngen.api import audit_recipe as measure

    started = time.monotonic()
    with progress_on_stderr("heard", quiet=quiet) as progress:
        report = measure(recipe, contexts=contexts, seed=seed, progress=progress)
    _conclude(report, report.recipe, started, as_json=as_json)


@audit.command("dataset")
@dataset_argument
@click.option(
    "--rows",
    type=click.IntRange(1),
    default=4_000,
    show_default=True,
    metavar="N",
    help="Rows of train to learn from; a quarter as many of test are scored.",
)
@seed_option
@json_option
def audit_dataset(dataset: Path | str, rows: int, seed: int, as_json: bool) -> None:
    """Learn each factor from log-mel spectrograms and score it on held-out rows; exit 4 if one is lost.

    Example: syngen audit dataset data/syntone-tiny --rows 300
    """
    from syngen.api import audit_dataset as measure

    started = time.monotonic()
    report = measure(dataset, n=rows, seed=seed)
    _conclude(report, str(dataset), started, as_json=as_json)


@audit.command("leakage")
@click.argument("data", metavar="RECIPE|DATASET")
@click.option(
    "-n",
    "--rows",
    type=click.IntRange(1),
    default=2_000,
    show_default=True,
    metavar="N",
    help="Observations to probe; at least 2,000.",
)
@seed_option
@json_option
@quiet_option
def audit_leakage(data: str, rows: int, seed: int, as_json: bool, quiet: bool) -> None:
    """Ask silence and nuisances for the factors, of which they should know nothing; exit 4 if they do.

    A folder that exists, or a URL, is a dataset; everything else a recipe, which is rendered. Of speech
    the pauses and what is before and after it are probed, of tones what is before the onset, with the level
    removed. A leak is an accuracy of more than .03 above chance, significant after Holm's correction.
    Where nothing can be judged, as of audio files of your own, the exit code is 4 too.

    Example: syngen audit leakage syntone-small
    """
    from syngen.api import audit_leakage as measure

    started = time.monotonic()
    with progress_on_stderr("looked at", quiet=quiet) as progress:
        report = measure(data, n=rows, seed=seed, progress=progress)
    _conclude(report, report.dataset, started, as_json=as_json)


def _conclude(report: SignalAudit | LeakageAudit, name: str, started: float, *, as_json: bool) -> None:
    if as_json:
        echo_json(report.to_dict())
    else:
        click.echo(report.to_markdown(), nl=False)
    problems = len(report.problems)
    found = f"{problems} problem{'s' if problems != 1 else ''}" if problems else report.verdict
    n = report.n_observations
    say(f"{name}: {found}, {n:,} observations, in {time.monotonic() - started:.1f} seconds")
    if not report.passed:
        click.get_current_context().exit(4)
