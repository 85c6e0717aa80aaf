"""One ``.npz`` of arrays, with the names that dSprites and its descendants use."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError
from syngen.io.atomic import new_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import DatasetView

__all__ = ["write"]

_ROWS_AT_ONCE = 256
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write(dataset: DatasetView, folder: Path, *, hop: float | None = None, name: str | None = None) -> int:
    """Write ``dataset.npz``; return the number of observations.

    It has ``pcm``, int16 (n, n_samples), which divided by 32768 is the waveform; ``latents_classes``, int64
    (n, n_factors), the levels; ``latents_values``, float64 (n, n_factors), the values, of texts the levels;
    ``split``; ``row``; ``index``; ``lengths`` where observations differ in length and are padded; and
    ``metadata``, JSON, which no reader has to unpickle.

    Raises
    ------
    ParameterError
        If trajectories are wanted, which differ in length and kind and have no place in one array; or
        names of files are.
    """
    if hop is not None:
        raise ParameterError(
            "npz takes no trajectories; huggingface has them as lists, wav, jsonl and lhotse as CSV files"
        )
    if name is not None:
        raise ParameterError(
            f"name {name!r}: npz is one file of arrays and names none; leave it out, or take another format"
        )
    longest = dataset.n_samples or int(dataset.lengths.max(initial=0))
    with new_folder(folder) as unfinished, zipfile.ZipFile(unfinished / "dataset.npz", "w") as archive:
        with _member(archive, "pcm", np.dtype("<i2"), (len(dataset), longest)) as file:
            for start in range(0, len(dataset), _ROWS_AT_ONCE):
                pcm = dataset.pcm(np.arange(start, min(start + _ROWS_AT_ONCE, len(dataset))))
                part = np.zeros((len(pcm), longest), dtype="<i2")
                for row, samples in zip(part, pcm, strict=True):
                    row[: len(samples)] = samples
                file.write(part.data)
        for member, array in _arrays(dataset).items():
            with _member(archive, member, array.dtype, array.shape) as file:
                file.write(np.ascontiguousarray(array).tobytes())
    return len(dataset)


@contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, kind: np.dtype[Any], shape: tuple[int, ...]
) -> Iterator[IO[bytes]]:
    """Open a member of an .npz to write an array into, after its header."""
    entry = zipfile.ZipInfo(f"{name}.npy", _LONG_AGO)
    with archive.open(entry, "w", force_zip64=True) as file:
        header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, header)
        yield file


def _arrays(dataset: DatasetView) -> dict[str, NDArray[Any]]:
    levels = dataset.levels
    values = np.empty(levels.shape, dtype=np.float64)
    for j, factor in enumerate(dataset.grid.factors):
        is_text = isinstance(factor.values[0], str)
        values[:, j] = levels[:, j] if is_text else np.array(factor.values, dtype=np.float64)[levels[:, j]]
    arrays: dict[str, NDArray[Any]] = {
        "latents_classes": levels,
        "latents_values": values,
        "index": dataset.indices,
        "row": dataset.rows,
    }
    table = dataset.table
    for column in dataset.splits:
        arrays[column] = np.array(table.column(column).to_pylist(), dtype=np.str_)
    if not dataset.n_samples:
        arrays["lengths"] = dataset.lengths
    factors = dataset.grid.factors
    metadata = {
        "title": dataset.name,
        "fingerprint": dataset.fingerprint,
        "sample_rate": dataset.sample_rate,
        "full_scale": 32768,
        "latents_names": [f.name for f in factors],
        "latents_sizes": [f.size for f in factors],
        "latents_possible_values": {f.name: list(f.values) for f in factors},
        "latents_kinds": {f.name: f.kind for f in factors},
        "latents_units": {f.name: f.unit for f in factors},
    }
    arrays["metadata"] = np.array(json.dumps(metadata, ensure_ascii=False))
    return arrays
