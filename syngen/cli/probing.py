"""``syngen probe``: what a linear model reads off codes."""

from __future__ import annotations

import time
from pathlib import Path

import click

from syngen.cli.options import dataset_argument, json_option
from syngen.cli.reporting import say

__all__ = ["probe"]


@click.command()
@click.argument("codes", type=click.Path(path_type=Path))
@dataset_argument
@click.option(
    "--target",
    default="all",
    show_default=True,
    metavar="NAME",
    help="A factor, a derived factor or another column; all: every factor and derived factor.",
)
@click.option(
    "--group-by",
    multiple=True,
    metavar="NAME",
    help="Keep rows with one value of this column together; may be repeated. By default what makes sense "
    "for the target: speakers for gender and style, texts for speakers.",
)
@click.option(
    "--model",
    type=click.Choice(["logistic", "ridge"]),
    default="logistic",
    show_default=True,
    help="For classes; above 100 classes it is ridge.",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    metavar="N",
    help="Parts that are tested in turn.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds and shuffled labels."
)
@json_option
def probe(
    codes: Path,
    dataset: Path | str,
    target: str,
    group_by: tuple[str, ...],
    model: str,
    folds: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure what a linear model reads off codes, on groups of rows that it has not seen.

    CODES is a file of 'syngen encode' or a plain .npy array of shape (n, d), DATASET the folder that was
    encoded.

    Example: syngen probe codes.npz data/syntone-tiny --target timbre
    """
    from syngen.api import probe as run_probe

    started = time.monotonic()
    report = run_probe(
        codes, dataset, target=target, group_by=group_by or None, model=model, folds=folds, seed=seed
    )
    click.echo(report.to_json() if as_json else report.to_markdown(), nl=as_json)
    n = len(report)
    say(
        f"{codes}: {n} target{'s' if n != 1 else ''}, {report.n_rows:,} rows, "
        f"in {time.monotonic() - started:.1f} seconds"
    )
