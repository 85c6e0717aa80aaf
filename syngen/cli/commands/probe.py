"""``syngen probe``: what a linear model reads off codes."""

from __future__ import annotations

import time
from pathlib import Path

import click

from syngen.cli.options import LOCAL_PATH, common_option, dataset_argument, json_option
from syngen.cli.reporting import rows_used, say

__all__ = ["probe"]


@click.command()
@click.argument("codes", type=LOCAL_PATH)
@dataset_argument
@click.option(
    "--target",
    multiple=True,
    default=["all"],
    show_default=True,
    metavar="NAME",
    help="A factor, a derived factor or another column; may be repeated. all: every factor and derived "
    "factor.",
)
@click.option(
    "--group-by",
    multiple=True,
    metavar="NAME",
    help="Keep rows with one value of this column together; may be repeated. By default what makes sense "
    "for the target: speakers for gender and style, texts for speakers.",
)
@click.option(
    "--identity",
    "identities",
    multiple=True,
    metavar="NAME",
    help="A target that names speakers, singers or the like: measure the equal error rate of unseen ones; "
    "may be repeated. By default speakers, and nominal factors with two levels a fold.",
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
@common_option
@json_option
def probe(
    codes: Path,
    dataset: Path | str,
    target: tuple[str, ...],
    group_by: tuple[str, ...],
    identities: tuple[str, ...],
    model: str,
    folds: int,
    seed: int,
    common: bool,
    as_json: bool,
) -> None:
    """Measure what a linear model reads off codes, on groups of rows that it has not seen.

    CODES is a file of 'syngen encode', whose codes find their observations in DATASET whatever rows they
    have there, or a plain .npy array of shape (n, d) in the row order of DATASET.

    Example: syngen probe codes.npz data/syntone-tiny --target timbre
    """
    from syngen.api import probe as run_probe

    started = time.monotonic()
    report = run_probe(
        codes,
        dataset,
        target=target,
        group_by=group_by or None,
        identities=identities or None,
        model=model,
        folds=folds,
        seed=seed,
        common=common,
    )
    click.echo(report.to_json() if as_json else report.to_markdown(), nl=as_json)
    n = len(report)
    say(
        f"{codes}: {n} target{'s' if n != 1 else ''}, {rows_used(report.n_rows, report.n_left_out)}, "
        f"in {time.monotonic() - started:.1f} seconds"
    )
