"""``syngen evaluate``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syngen.cli.options import (
    LOCAL_PATH,
    check_plot,
    common_option,
    dataset_argument,
    json_option,
    plot_option,
)
from syngen.cli.reporting import echo_json, rows_used, say
from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen.evaluation.codes.codes import Codes
    from syngen.loaders.dataset import FactorDataset

__all__ = ["evaluate"]


@click.command()
@click.argument("codes", type=LOCAL_PATH)
@dataset_argument
@click.option(
    "--metrics",
    default="core",
    show_default=True,
    metavar="NAMES",
    help="core, model_free, all, or names of metrics and families with commas between, as in mig,dci.",
)
@click.option("--split", help="Only this split; a plain .npy may hold its rows alone.")
@click.option(
    "--bins",
    "n_bins",
    type=click.IntRange(2),
    default=20,
    show_default=True,
    metavar="N",
    help="Bins a code.",
)
@click.option(
    "--binning",
    metavar="HOW",
    help="quantile (default): of equal count, which monotone maps do not change; or width.",
)
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
@click.option("--compat", metavar="NAME", help="Numbers of disentanglement_lib or of ubisoft.")
@click.option("--dci-model", metavar="NAME", help="forest, gbt (takes minutes) or lasso.")
@click.option("--intervals", is_flag=True, help="95 % intervals, from random halves of the rows.")
@plot_option
@common_option
@json_option
def evaluate(
    codes: Path,
    dataset: Path | str,
    metrics: str,
    split: str | None,
    n_samples: int,
    plot: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Score the codes of an encoder against the factors of the dataset that was encoded.

    CODES is an .npz that 'syngen encode' wrote: its codes find their observations in the dataset, in a part
    or a larger one, whatever rows they have there; codes of a split go with the whole dataset. Codes of
    another dataset are refused. An .npy of shape (n, codes) must be in the row order of the dataset, or of
    the split.

    Example: syngen evaluate codes.npz data/syntone-tiny --metrics mig,dci
    """
    from syngen.api import evaluate as score
    from syngen.api import load
    from syngen.evaluation.codes.codes import read_codes

    started = time.monotonic()
    if plot is not None:
        check_plot(plot)
    found = read_codes(codes)
    whole = load(dataset)
    view = whole if split is None else whole.select(split=split)
    scores = score(
        _rows_of(found, whole, view, codes),
        view,
        metrics=[name.strip() for name in metrics.split(",") if name.strip()],
        n_samples=n_samples or None,
        **options,
    )
    if plot is not None:
        scores.plot().savefig(plot, dpi=150)
    if as_json:
        echo_json(scores.to_dict())
    else:
        click.echo(scores.to_markdown(), nl=False)
    used = rows_used(scores.metadata["rows"], scores.metadata["left_out"])
    say(f"{codes}: {len(scores.codes)} codes, {used}, in {time.monotonic() - started:.1f} seconds")


def _rows_of(codes: Codes, whole: FactorDataset, view: FactorDataset, path: Path) -> Codes:
    """Return codes of the rows of a view, if they are an array that does not say whose it is."""
    import numpy as np

    from syngen.evaluation.codes.codes import Codes

    if codes.fingerprint or codes.identities is not None or len(codes) == len(view):
        return codes
    if len(codes) == len(whole):
        return Codes(codes.values[view.rows], np.arange(len(view)), encoder=codes.encoder)
    part = "" if view is whole else f" and the split has {len(view):,}"
    raise ParameterError(
        f"{path} has {len(codes):,} rows, the dataset has {len(whole):,}{part}; give codes of one of them, "
        "in row order"
    )
