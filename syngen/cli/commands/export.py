"""``syngen export``: a dataset in the format of another tool."""

from __future__ import annotations

import time
from pathlib import Path

import click

from syngen.cli.options import LOCAL_PATH, dataset_argument, select_where, where_option
from syngen.cli.reporting import say

__all__ = ["export"]


@click.command()
@click.argument("format_name", metavar="FORMAT")
@dataset_argument
@click.argument("folder", type=LOCAL_PATH)
@where_option
@click.option(
    "--trajectories",
    type=float,
    metavar="SECONDS",
    help="With ground truth over time, every so many seconds: lists in Parquet, or CSV beside each clip.",
)
@click.option(
    "--name",
    metavar="TEMPLATE",
    help="What audio files are called, by columns in braces: {speaker}_{style}_{row}. By default the row.",
)
def export(
    format_name: str,
    dataset: Path,
    folder: Path,
    where: tuple[str, ...],
    split: str | None,
    trajectories: float | None,
    name: str | None,
) -> None:
    """Write a dataset for another tool: huggingface, jsonl, lhotse, wav, webdataset or npz.

    huggingface: Parquet with embedded audio and class labels. jsonl: WAV files and NeMo's lines. lhotse:
    WAV files and cuts. wav: WAV files and metadata.csv. webdataset: tar files of WAV and JSON. npz: arrays
    as dSprites has them.

    Example: syngen export wav data/syntone-tiny exported --where timbre=sine
    """
    from syngen.api import export as write
    from syngen.api import load
    from syngen.exports.formats import find_format

    find_format(format_name)  # before a large manifest is read
    view = select_where(load(dataset), where, split)
    started = time.monotonic()
    n = write(view, folder, to=format_name, trajectories=trajectories, name=name)
    say(f"{n:,} observations as {format_name} in {folder}, in {time.monotonic() - started:.1f} seconds")
