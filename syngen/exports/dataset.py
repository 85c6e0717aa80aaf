"""What an export is given, and what exports share: WAV files, plain values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.exports.trajectories import write_trajectories
from syngen.io.names import check_names
from syngen.io.workspace import working_folder
from syngen.storage.codec import find_codec
from syngen.storage.layout import key_of
from syngen.storage.tables.columns import exported_names

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["filled_splits", "records", "write_wavs"]

_ROWS_AT_ONCE = 64


def filled_splits(dataset: DatasetView) -> Iterator[tuple[str, DatasetView]]:
    """Yield the splits that have observations, with their views.

    Raises
    ------
    ParameterError
        If one has a name that cannot be that of a file.
    """
    names = dataset.splits["split"]
    check_names(names, "the name of a split")
    for name in names:
        view = dataset.select(split=name)
        if len(view):
            yield name, view


def write_wavs(
    dataset: DatasetView, folder: Path, *, hop: float | None = None
) -> Iterator[tuple[int, str, int]]:
    """Write a WAV file for each observation; yield position, file name and number of samples.

    With a hop in seconds, its trajectories are written beside it.
    """
    codec, rows = find_codec("wav"), dataset.rows
    working_folder(folder, mode=0o777)
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        positions = np.arange(start, min(start + _ROWS_AT_ONCE, len(dataset)))
        for position, pcm in zip(positions.tolist(), dataset.pcm(positions), strict=True):
            name = f"{key_of(int(rows[position]))}.wav"
            (folder / name).write_bytes(codec.encode(pcm, dataset.sample_rate))
            if hop is not None:
                write_trajectories(dataset, position, folder / name, hop=hop)
            yield position, name, len(pcm)


def records(dataset: DatasetView, own: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the row of each observation, and its columns of the manifest, as plain values.

    Parameters
    ----------
    dataset : DatasetView
    own : collection of str
        Columns that the export makes beside ``row``. Those of the manifest that have such names are called
        ``source_<name>``, and those of the storage are left out; see `exported_names`.
    """
    table = dataset.table
    names = exported_names(table.column_names, {"row", *own})
    found: list[dict[str, Any]] = table.select(list(names)).rename_columns(list(names.values())).to_pylist()
    return [{"row": int(row), **record} for row, record in zip(dataset.rows, found, strict=True)]
