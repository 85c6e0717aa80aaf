"""A folder of WAV files for each split, and ``metadata.csv`` with the factors of each."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, TYPE_CHECKING

from syngen.exports.dataset import filled_splits, records, write_wavs
from syngen.exports.naming import stems
from syngen.exports.trajectories import annotated_folder

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["write"]


def write(dataset: DatasetView, folder: Path, *, hop: float | None = None, name: str | None = None) -> int:
    """Write ``<split>/*.wav`` and ``metadata.csv``; return the number of observations.

    ``syngen.from_manifest(folder, "metadata.csv", factors=...)`` opens it again. A column ``file_name`` or
    ``row`` of the manifest is called ``source_file_name`` or ``source_row``. Lists are written as JSON.
    """
    stem = stems(dataset, name)
    with (
        annotated_folder(dataset, folder, hop=hop) as unfinished,
        open(unfinished / "metadata.csv", "w", encoding="utf-8", newline="") as file,
    ):
        table: csv.DictWriter[str] | None = None
        for split, view in filled_splits(dataset):
            known = records(view, ("file_name",), as_text=(list, dict), is_json=False)
            for position, path, _ in write_wavs(view, unfinished / split, hop=hop, stem=stem):
                record = {"file_name": f"{split}/{path}", **known[position]}
                if table is None:
                    table = csv.DictWriter(_Lines(file), list(record), lineterminator="\r\n")
                    table.writeheader()
                table.writerow(record)
    return len(dataset)


class _Lines:
    """Ends lines with a line feed alone; told to do so, `csv` would leave a carriage return unquoted."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str, /) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")
