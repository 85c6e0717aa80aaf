"""Features of a whole view, computed once and mapped from the cache folder from then on."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError, SyngenError
from syngen.figures.features import Feature
from syngen.io.cache import cached_folder
from syngen.loaders.sources.source import read_only
from syngen.storage.digests import digest_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import DatasetView

__all__ = ["cached_features"]

_ROWS_AT_ONCE = 64
_PATIENCE_S = 3_600.0
"""How long a process waits for another that computes the same features, before it does so itself."""


def cached_features(view: DatasetView, feature: Any) -> NDArray[np.float32]:
    """Return the features of all observations of a view; see `FactorDataset.features`."""
    if not isinstance(feature, Feature):
        raise ParameterError(
            f"{feature!r} is no feature; syngen.LogMel(), syngen.MFCC() and syngen.Spectrogram() are"
        )
    made = feature.for_rate(view.sample_rate)
    if not len(view):
        return read_only(np.empty((0, made.n_bands, 0), dtype=np.float32))
    longest = view.n_samples or int(view.lengths.max())
    shape = (len(view), made.n_bands, int(made.n_frames(longest)))

    def make(folder: Path) -> None:
        kind = np.dtype(np.float32)
        array = np.lib.format.open_memmap(folder / "features.npy", mode="w+", dtype=kind, shape=shape)
        _fill(array, view, made)
        array.flush()
        text = json.dumps({"fingerprint": view.fingerprint, **made.settings()}, indent=2)
        (folder / "settings.json").write_text(text + "\n", "utf-8")

    try:
        folder = cached_folder("features", _name(view, made), make, patience_s=_PATIENCE_S)
        found: NDArray[np.float32] = np.load(
            folder / "features.npy", mmap_mode="r", allow_pickle=False
        ).view(np.ndarray)
        if found.shape == shape:
            return found
    except SyngenError:
        raise
    except (OSError, ValueError):  # a full disk, or a file that is not ours
        pass
    array = np.empty(shape, dtype=np.float32)
    _fill(array, view, made)
    return read_only(array)


def _fill(array: NDArray[np.float32], view: DatasetView, feature: Feature) -> None:
    for start in range(0, len(view), _ROWS_AT_ONCE):
        positions = np.arange(start, min(start + _ROWS_AT_ONCE, len(view)))
        waveforms = view.batch(positions) if view.n_samples else view.padded(positions)[0]
        computed = feature(waveforms)
        array[positions, :, : computed.shape[2]] = computed
        if computed.shape[2] < array.shape[2]:  # as of the silence that would follow
            rest = feature(np.zeros(array.shape[2] * feature.hop_length, dtype=np.float32))
            array[positions, :, computed.shape[2] :] = rest[:, -1:]


def _name(view: DatasetView, feature: Feature) -> str:
    """Return what stands for every number of the features of a view."""
    content = {
        "samples": view.samples_key,
        "libraries": {name: version(name) for name in ("librosa", "numpy", "scipy")},
        **feature.settings(),
    }
    return digest_of(content)[:40]
