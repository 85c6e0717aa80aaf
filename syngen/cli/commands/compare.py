"""``syngen compare``: two encoders."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from syngen.cli.options import common_option, dataset_argument, json_option
from syngen.cli.reporting import rows_used, say

__all__ = ["compare"]


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@dataset_argument
@click.option(
    "--metrics",
    default="core",
    show_default=True,
    metavar="NAMES",
    help="core, all, or names of metrics and families with commas between, as in mig,dci.",
)
@click.option("--split", help="Only this split.")
@click.option(
    "--rows",
    "n_samples",
    type=click.IntRange(0),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Rows to use at most, drawn by the seed; 0 uses all.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of every random choice."
)
@click.option("--dci-model", metavar="NAME", help="forest, gbt (takes hours) or lasso.")
@common_option
@json_option
def compare(
    a: Path,
    b: Path,
    dataset: Path | str,
    metrics: str,
    split: str | None,
    n_samples: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Say which of two encoders is better in what, and how sure that is.

    A and B are files of 'syngen encode': both are scored on the same rows of DATASET, and a paired
    bootstrap of these rows gives the interval of each difference. Or they are folders with a file for each
    training seed: the scores are compared by Welch's test, which needs six seeds on each side.

    Example: syngen compare a.npz b.npz data/syntone-tiny --metrics mig,sap
    """
    from syngen.api import compare as run_compare
    from syngen.api import load

    started = time.monotonic()
    whole = load(dataset)
    found = run_compare(
        a,
        b,
        whole if split is None else whole.select(split=split),
        metrics=[name.strip() for name in metrics.split(",") if name.strip()],
        n_samples=n_samples or None,
        **options,
    )
    click.echo(found.to_json() if as_json else found.to_markdown(), nl=as_json)
    used = rows_used(found.n_rows, found.n_left_out)
    n = len(found)
    metrics_compared = f"{n} metric{'s' if n != 1 else ''}"
    say(f"{a} and {b}: {metrics_compared}, {used}, in {time.monotonic() - started:.1f} seconds")
