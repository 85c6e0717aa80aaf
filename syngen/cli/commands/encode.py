"""``syngen encode``: codes of a dataset into a file."""

from __future__ import annotations

import time
from pathlib import Path

import click

from syngen.cli.options import LOCAL_PATH, dataset_argument, quiet_option
from syngen.cli.reporting import human_bytes, progress_on_stderr, say
from syngen.errors import ParameterError

__all__ = ["encode"]


@click.command()
@click.argument("encoder")
@dataset_argument
@click.argument("codes", type=LOCAL_PATH)
@click.option("--split", help="Only this split.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N rows, from the front.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    metavar="N",
    help="Observations at a time.",
)
@quiet_option
def encode(
    encoder: str,
    dataset: Path | str,
    codes: Path,
    split: str | None,
    limit: int | None,
    batch_size: int,
    quiet: bool,
) -> None:
    """Encode a dataset and write its codes to the file CODES (.npz).

    ENCODER is factors, random, pca-logmel or mfcc, or the path of a TorchScript file with a method encode,
    as exported RAVE models have. Such a file runs the code that is in it: use none that you do not trust.

    The file says of every row which observation it is of. Codes of --split or --limit can be evaluated with
    the whole dataset: the rows that were asked for are scored.

    Example: syngen encode mfcc data/syntone-tiny codes.npz
    """
    from syngen.api import encode as run_encoder
    from syngen.evaluation.codes.codes import write_codes

    started = time.monotonic()
    # found out before an hour of encoding, not after it
    if codes.suffix != ".npz":
        raise ParameterError(f"{codes}: codes are written as .npz, as in {codes.with_suffix('.npz').name}")
    if not codes.absolute().parent.is_dir():
        raise ParameterError(f"{codes}: there is no folder {codes.parent}; make it first")
    with progress_on_stderr("encoded", quiet=quiet) as progress:
        found = run_encoder(
            encoder, dataset, batch_size=batch_size, split=split, limit=limit, progress=progress
        )
    write_codes(codes, found)
    n, d = found.values.shape
    say(
        f"{codes}: {n:,} rows of {d:,} codes by {found.encoder}, {human_bytes(codes.stat().st_size)}, "
        f"in {time.monotonic() - started:.1f} seconds"
    )
