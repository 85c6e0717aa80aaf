"""What an export is given, and what exports share: WAV files, plain values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.exports.trajectories import write_trajectories
from syngen.exports.values import check_finite_numbers, plain_cells, structures_as_text
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
    dataset: DatasetView, folder: Path, *, hop: float | None = None, stem: Callable[[int], str] = key_of
) -> Iterator[tuple[int, str, int]]:
    """Write a WAV file for each observation; yield position, file name and number of samples.

    With a hop in seconds, its trajectories are written beside it. `stem` gives the name of the file of a
    row, without a suffix; it may have folders, with slashes.
    """
    codec, rows = find_codec("wav"), dataset.rows
    working_folder(folder, mode=0o777)
    made = {folder}
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        positions = np.arange(start, min(start + _ROWS_AT_ONCE, len(dataset)))
        for position, pcm in zip(positions.tolist(), dataset.pcm(positions), strict=True):
            name = f"{stem(int(rows[position]))}.wav"
            path = folder / name
            if path.parent not in made:
                made.add(working_folder(path.parent, within=folder, mode=0o777))
            path.write_bytes(codec.encode(pcm, dataset.sample_rate))
            if hop is not None:
                write_trajectories(dataset, position, path, hop=hop)
            yield position, name, len(pcm)


def records(
    dataset: DatasetView,
    own: Collection[str] = (),
    *,
    as_text: tuple[type, ...] = (),
    is_json: bool = True,
) -> list[dict[str, Any]]:
    """Return the row of each observation, and its columns of the manifest, as plain values.

    What becomes of dates, categories and the like: see `syngen.exports.values`.

    Parameters
    ----------
    dataset : DatasetView
    own : collection of str
        Columns that the export makes beside ``row``. Those of the manifest that have such names are called
        ``source_<name>``, and those of the storage are left out; see `exported_names`.
    as_text : tuple of type
        ``list`` and ``dict``, where these are to be JSON texts.
    is_json : bool
        Whether NaN is to be None.

    Raises
    ------
    ParameterError
        If the cells of a column cannot be plain values, or are infinite and meant for JSON.
    """
    table = dataset.table
    columns: dict[str, list[Any]] = {"row": [int(row) for row in dataset.rows]}
    for column, name in exported_names(table.column_names, {"row", *own}).items():
        cells = plain_cells(column, table.column(column))
        if is_json:
            cells = check_finite_numbers(column, cells)
        columns[name] = [structures_as_text(cell, as_text) for cell in cells] if as_text else cells
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
