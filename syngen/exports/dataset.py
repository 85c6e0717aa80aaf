"""What an export is given, and what exports share: WAV files, plain values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from syngen.factors import FactorGrid
from syngen.io.names import check_names
from syngen.io.workspace import working_folder
from syngen.storage.codec import find_codec
from syngen.storage.columns import exported_names
from syngen.storage.layout import key_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from syngen._typing import IntArray, PcmArray, Value

__all__ = ["Exportable", "filled_splits", "records", "write_wavs"]

_ROWS_AT_ONCE = 64


class Exportable(Protocol):
    """A `FactorDataset`, or anything like one."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def grid(self) -> FactorGrid: ...

    @property
    def derived(self) -> dict[str, tuple[str, tuple[Value, ...]]]: ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def n_samples(self) -> int: ...

    @property
    def is_spoken(self) -> bool: ...

    @property
    def splits(self) -> dict[str, tuple[str, ...]]: ...

    @property
    def rows(self) -> IntArray: ...

    @property
    def indices(self) -> IntArray: ...

    @property
    def levels(self) -> IntArray: ...

    @property
    def lengths(self) -> IntArray: ...

    @property
    def table(self) -> pa.Table: ...

    def __len__(self) -> int: ...

    def pcm(self, positions: Any, /) -> list[PcmArray]: ...

    def annotations(self, position: int, /) -> pd.DataFrame: ...

    def select(self, **conditions: Any) -> Self: ...


def filled_splits(dataset: Exportable) -> Iterator[tuple[str, Exportable]]:
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


def write_wavs(dataset: Exportable, folder: Path) -> Iterator[tuple[int, str, int]]:
    """Write a WAV file for each observation; yield position, file name and number of samples."""
    codec, rows = find_codec("wav"), dataset.rows
    working_folder(folder, mode=0o777)
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        positions = np.arange(start, min(start + _ROWS_AT_ONCE, len(dataset)))
        for position, pcm in zip(positions.tolist(), dataset.pcm(positions), strict=True):
            name = f"{key_of(int(rows[position]))}.wav"
            (folder / name).write_bytes(codec.encode(pcm, dataset.sample_rate))
            yield position, name, len(pcm)


def records(dataset: Exportable, own: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the row of each observation, and its columns of the manifest, as plain values.

    Parameters
    ----------
    dataset : Exportable
    own : collection of str
        Columns that the export makes beside ``row``. Those of the manifest that have such names are called
        ``source_<name>``, and those of the storage are left out; see `exported_names`.
    """
    table = dataset.table
    names = exported_names(table.column_names, {"row", *own})
    found: list[dict[str, Any]] = table.select(list(names)).rename_columns(list(names.values())).to_pylist()
    return [{"row": int(row), **record} for row, record in zip(dataset.rows, found, strict=True)]
