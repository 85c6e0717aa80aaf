"""Observations as files for the ear: a folder of WAV files with a CSV of their factors."""

from __future__ import annotations

from pathlib import Path

from syngen.errors import ParameterError
from syngen.exports.dataset import write_wavs
from syngen.exports.textgrids import textgrid_text
from syngen.io.atomic import new_folder
from syngen.loaders.dataset import FactorDataset
from syngen.storage.layout import key_of
from syngen.storage.tables.columns import exported_names

__all__ = ["write_clips"]

_OWN = ("file_name", "row")


def write_clips(dataset: FactorDataset, folder: Path, *, limit: int, textgrids: bool = False) -> int:
    """Write the first observations of a view as WAV files named by row, and ``metadata.csv``.

    Parameters
    ----------
    dataset : FactorDataset
    folder : Path
        Absent or empty; it appears as a whole or not at all.
    limit : int
        At most so many.
    textgrids : bool
        Whether words and phones of speech are written beside each as a TextGrid.

    Returns
    -------
    int
        Number of files.

    Raises
    ------
    ParameterError
        If the folder is not empty or cannot be written, or TextGrids are wanted of what is no speech.
    ShardError
        If an observation cannot be read.
    """
    if textgrids and not dataset.is_spoken:
        raise ParameterError(f"{dataset.name} is no speech: it has no words to write as TextGrids")
    with new_folder(folder) as unfinished:
        return _write(dataset[:limit], unfinished, textgrids=textgrids)


def _write(view: FactorDataset, folder: Path, *, textgrids: bool) -> int:
    for position, name, n_samples in write_wavs(view, folder):
        if textgrids:
            spans = list(view.annotations(position).itertuples())
            text = textgrid_text(spans, n_samples=n_samples, sample_rate=view.sample_rate)
            (folder / name).with_suffix(".TextGrid").write_text(text, "utf-8")
    frame = view.manifest
    names = exported_names(list(frame.columns), _OWN)
    frame = frame[list(names)].rename(columns=names)
    frame.insert(0, "file_name", [f"{key_of(int(row))}.wav" for row in frame.index])
    frame.to_csv(folder / "metadata.csv", index_label="row")
    return len(view)
