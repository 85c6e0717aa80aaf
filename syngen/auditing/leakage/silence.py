"""Where nothing should be heard, and what is measured there: color and shape, the level removed.

Every observation gives the same number of frames of the same length. If longer silences gave more, their
spectra would be steadier, and the length of a pause, which a style may decide, would be mistaken for what
is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import ParameterError
from syngen.figures.features import power_spectra

if TYPE_CHECKING:
    import pandas as pd

    from syngen._typing import DatasetView, FloatArray, IntArray, PcmArray

__all__ = ["MOST_FRAMES", "Silence", "frame_length", "frames_of", "gather", "silences_of"]

MOST_FRAMES = 16
"""Frames of a silence that are looked at; more are spread over its length."""
_FRAME_S = 0.008
_HOP_S = 0.001
_SHARE = 0.8
_N_BANDS = 20
_FLOOR = 1e-6

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Silence:
    """One kind of silence in all observations that have enough of it.

    Attributes
    ----------
    name : str
    rows : ndarray of int64, shape (n,)
        Positions of these observations among all.
    features : ndarray of float64, shape (n, d)
        Independent of the level.
    level_db : ndarray of float64, shape (n,)
        RMS in dBFS; that of one step where all is zero.
    """

    name: str
    rows: IntArray
    features: FloatArray
    level_db: FloatArray


def frame_length(sample_rate: int) -> int:
    """Return the samples of a frame: the power of two next to 8 ms.

    Examples
    --------
    >>> frame_length(16_000), frame_length(44_100)
    (128, 256)
    """
    return int(2 ** max(3, round(np.log2(_FRAME_S * sample_rate))))


def silences_of(dataset: DatasetView, position: int, n_samples: int) -> dict[str, Spans]:
    """Return where an observation is silent, by the kind of silence.

    Of speech from its annotations: before the first phone, in pauses, after the last phone. Of others the
    time before the gain, as the synthesizer states it, leaves zero.

    Parameters
    ----------
    dataset : DatasetView
    position : int
    n_samples : int
        Length of the observation.

    Raises
    ------
    ParameterError
        If nothing says when an observation sounds.
    """
    if dataset.is_spoken:
        phones = dataset.annotations(position)
        return _around_phones(phones[phones["kind"] == "phone"], n_samples)
    over_time = dataset.trajectories(position, hop=max(_HOP_S, 1.0 / dataset.sample_rate))
    if "gain" not in over_time:
        raise ParameterError("the synthesizer has no trajectory of gain, which would say when it sounds")
    sounds = np.flatnonzero(over_time["gain"] > -np.inf)
    n_silent = len(over_time["gain"]) if not len(sounds) else int(sounds[0])
    end = int(max(0, n_silent - 1) * max(_HOP_S * dataset.sample_rate, 1.0))  # of the last silent moment
    return {"before the onset": [(0, end)]}


def _around_phones(phones: pd.DataFrame, n_samples: int) -> dict[str, Spans]:
    found: dict[str, list[tuple[int, int]]] = {"before speech": [], "in pauses": [], "after speech": []}
    for text, start, end in zip(phones["text"], phones["start"], phones["end"], strict=True):
        if not text:
            where = "before speech" if start == 0 else "after speech" if end == n_samples else "in pauses"
            found[where].append((int(start), int(end)))
    return dict(found)


def frames_of(pcm: PcmArray, spans: Spans, length: int) -> PcmArray:
    """Return frames of the parts of a waveform: int16, shape (at most MOST_FRAMES, length).

    They do not overlap, and are spread evenly where there are more.
    """
    starts = [
        start
        for first, end in spans
        for start in range(max(0, first), min(end, len(pcm)) - length + 1, length)
    ]
    chosen = _spread(len(starts), min(len(starts), MOST_FRAMES))
    return np.array([pcm[starts[i] : starts[i] + length] for i in chosen], np.int16).reshape(-1, length)


def gather(name: str, frames: Mapping[int, PcmArray], *, min_rows: int) -> Silence | None:
    """Return what is measured in the silences of one kind.

    Parameters
    ----------
    name : str
    frames : mapping of int to ndarray of int16, shape (n_frames, length)
        By observation.
    min_rows : int
        Fewest observations.

    Returns
    -------
    Silence or None
        As many frames of each observation as four fifths of them have; those with fewer are left out. None
        where too few are left.
    """
    counts = np.array([len(own) for own in frames.values() if len(own)])
    if len(counts) < min_rows:
        return None
    n_frames = max(1, int(np.quantile(counts, 1.0 - _SHARE, method="lower")))
    kept = {row: own for row, own in frames.items() if len(own) >= n_frames}
    if len(kept) < min_rows:
        return None
    stacked = np.stack([own[_spread(len(own), n_frames)] for own in kept.values()])
    rms = np.sqrt(np.mean(stacked.astype(np.float64) ** 2, axis=(1, 2)))
    return Silence(
        name=name,
        rows=np.array(list(kept), dtype=np.int64),
        features=_features(stacked.astype(np.float64), rms),
        level_db=20.0 * np.log10(np.maximum(rms, 1.0) / 32768.0),
    )


def _spread(n: int, n_chosen: int) -> IntArray:
    return np.floor(np.linspace(0.0, n, n_chosen, endpoint=False)).astype(np.int64)


def _features(frames: FloatArray, rms: FloatArray) -> FloatArray:
    """Return (n, d) numbers of frames, (n, n_frames, length), that a gain leaves as they are."""
    is_heard = rms > 0.0
    x = frames / np.where(is_heard, rms, 1.0)[:, None, None]
    powers = power_spectra(x, np.hanning(x.shape[-1] + 1)[:-1])
    spectrum = powers.mean(axis=1)
    bands = np.add.reduceat(spectrum, _band_edges(spectrum.shape[1]), axis=1)
    shares = np.log(np.maximum(bands / np.maximum(bands.sum(axis=1, keepdims=True), _FLOOR), _FLOOR))
    moments = [(x**power).mean(axis=(1, 2)) for power in (1, 3, 4)]
    columns = [moments[0], moments[1], np.log(np.maximum(moments[2], 1.0))]
    if x.shape[1] > 1:
        course = np.log(np.maximum((x**2).mean(axis=2), _FLOOR))
        time = np.linspace(-1.0, 1.0, x.shape[1])
        columns += [course.std(axis=1), course @ time / (time @ time)]
    found = np.column_stack([shares, *columns])
    return np.column_stack([np.where(is_heard[:, None], found, 0.0), is_heard])


def _band_edges(n_bins: int) -> IntArray:
    """Return the first bins of bands: the lowest of one bin, then ever wider."""
    edges = np.unique(np.rint(np.geomspace(1.0, n_bins, _N_BANDS + 1)).astype(np.int64))
    return np.concatenate([[0], edges[:-1]])
