"""Ground truth over time beside exported audio: a CSV file for each quantity, columns of time and value.

The files have no header, times in seconds, and 0 Hz where nothing sounds, as the loaders of mirdata and
``mir_eval.io.load_time_series(path, delimiter=",")`` want them. ``trajectories.json`` has the units.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syngen.errors import ParameterError
from syngen.io.atomic import new_folder

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["annotated_folder", "first_trajectories", "trajectory_texts", "write_trajectories"]


def first_trajectories(dataset: DatasetView, hop: float | None) -> Any:
    """Return the trajectories of the first observation, before anything is written; None without a hop.

    Parameters
    ----------
    dataset : DatasetView
    hop : float or None
        Time between two moments in seconds.

    Raises
    ------
    ParameterError
        If the dataset has none, or `hop` is none.
    """
    if hop is None or not len(dataset):
        return None
    try:
        return dataset.trajectories(0, hop=hop)
    except ParameterError as error:
        raise ParameterError(f"{error}; or export without trajectories") from None


@contextmanager
def annotated_folder(dataset: DatasetView, folder: Path, *, hop: float | None) -> Iterator[Path]:
    """Open a new folder for audio files, as `syngen.io.atomic.new_folder`.

    With a hop it has ``trajectories.json``: the hop in seconds, and the unit of each quantity by name.

    Parameters
    ----------
    dataset : DatasetView
    folder : Path
        Absent or empty; it appears as a whole or not at all.
    hop : float or None
        Time between two moments of trajectories in seconds; None for no trajectories.

    Raises
    ------
    ParameterError
        If the folder is not empty or cannot be written, the dataset has no trajectories, or `hop` is none.
    """
    first = first_trajectories(dataset, hop)
    with new_folder(folder) as unfinished:
        if first is not None:
            content = {"hop": hop, "units": {"time": "s", **first.units}}
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
            (unfinished / "trajectories.json").write_text(text, "utf-8")
        yield unfinished


def write_trajectories(dataset: DatasetView, position: int, audio: Path, *, hop: float) -> None:
    """Write ``<name>.<quantity>.csv`` beside the audio file of an observation."""
    for suffix, text in trajectory_texts(dataset, position, hop=hop):
        audio.with_suffix(f".{suffix}").write_bytes(text.encode("utf-8"))


def trajectory_texts(dataset: DatasetView, position: int, *, hop: float) -> Iterator[tuple[str, str]]:
    """Yield ``<quantity>.csv`` and the text of that file, for each quantity of an observation."""
    columns = dataset.trajectories(position, hop=hop).columns
    times = columns.pop("time").tolist()
    for name, values in columns.items():
        plain = (values.astype(int) if values.dtype == bool else values).tolist()
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows(zip(times, plain, strict=True))
        yield f"{name}.csv", file.getvalue()
