"""The formats by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from syngen.errors import ParameterError, suggestion
from syngen.exports import huggingface, jsonl, lhotse, npz, wav, webdataset

if TYPE_CHECKING:
    from syngen._typing import DatasetView

__all__ = ["FORMATS", "find_format"]


class Export(Protocol):
    """Writes a dataset into a folder; returns the number of observations.

    `hop` is that of trajectories in seconds, and `name` a template of names; see `syngen.exports.naming`.
    """

    def __call__(
        self, dataset: DatasetView, folder: Path, /, *, hop: float | None = None, name: str | None = None
    ) -> int: ...


FORMATS: dict[str, Export] = {
    "huggingface": huggingface.write,
    "jsonl": jsonl.write,
    "lhotse": lhotse.write,
    "wav": wav.write,
    "webdataset": webdataset.write,
    "npz": npz.write,
}


def find_format(name: str) -> Export:
    """Return what writes a format.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise ParameterError(
            f"no format {name!r}{suggestion(name, FORMATS)}; there are {', '.join(FORMATS)}"
        )
    return FORMATS[name]
