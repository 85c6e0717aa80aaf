"""Which observations are audited, and what is kept of each while its samples are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._typing import ProgressUpdate
from syngen.auditing.leakage.silence import frame_length, frames_of, silences_of
from syngen.errors import ParameterError
from syngen.storage.codec import find_codec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, DatasetView, IntArray, PcmArray, Progress

__all__ = ["Heard", "Known", "Pool", "hear", "known_of"]

_BATCH = 64
_MOST_NOMINAL = 50
_CODEC = "flac"


class Pool:
    """Observations in the order in which they are taken: draw by draw, at random in each.

    Of nominal factors with many levels only some levels are in it, so that each has observations enough to
    be learned; fifty, or twice as many and so on where too few observations would be left.

    Parameters
    ----------
    draws : sequence of DatasetView
        Of one grid.
    n : int
        Fewest observations to have, if there are so many.
    rng : numpy.random.Generator

    Attributes
    ----------
    draw, position : ndarray of int64, shape (n,)
        Which draw each observation is of, and where it is there.
    """

    def __init__(self, draws: Sequence[DatasetView], n: int, rng: np.random.Generator) -> None:
        self.draws = draws
        kept = _levels_kept(draws, n, rng)
        positions = [rng.permutation(np.flatnonzero(_has(draw, kept))) for draw in draws]
        self.draw: IntArray = np.repeat(np.arange(len(draws)), [len(own) for own in positions])
        self.position: IntArray = np.concatenate(positions).astype(np.int64)

    def __len__(self) -> int:
        return len(self.position)

    def runs(self, start: int, stop: int) -> Iterator[tuple[DatasetView, IntArray]]:
        """Yield draws, and positions in each, of the observations from `start` to before `stop`."""
        draws = self.draw[start:stop]
        for draw in np.unique(draws).tolist():
            yield self.draws[draw], self.position[start:stop][draws == draw]


def _levels_kept(draws: Sequence[DatasetView], n: int, rng: np.random.Generator) -> dict[str, IntArray]:
    """Return levels of nominal factors that have more than fifty, such that `n` observations have them."""
    kept: dict[str, IntArray] = {}
    for factor in draws[0].grid.factors:
        order, size = rng.permutation(factor.size), _MOST_NOMINAL
        while not factor.is_ordered and size < factor.size:
            tried = kept | {factor.name: order[:size]}
            if sum(int(_has(draw, tried).sum()) for draw in draws) >= n:
                kept = tried
                break
            size *= 2
    return kept


def _has(draw: DatasetView, kept: dict[str, IntArray]) -> BoolArray:
    """Return which observations have one of the levels that are kept of each factor."""
    found: BoolArray = np.ones(len(draw), dtype=bool)
    for name, levels in kept.items():
        is_kept = np.zeros(draw.grid[name].size, dtype=bool)
        is_kept[levels] = True
        found &= is_kept[draw.level_column(name)]
    return found


@dataclass
class Heard:
    """What is kept of the samples of observations, in the order of the pool.

    Attributes
    ----------
    n_samples : list of int
    level_db : list of float
        RMS in dBFS.
    flac_size : list of int
        Bytes of a FLAC file, where no file is stored.
    frames : dict of str to dict of int to ndarray of int16, shape (n_frames, length)
        By kind of silence and number of the observation.
    no_silence : str
        Why it is not known where silence is; empty where it is.
    """

    n_samples: list[int] = field(default_factory=list)
    level_db: list[float] = field(default_factory=list)
    flac_size: list[int] = field(default_factory=list)
    frames: dict[str, dict[int, PcmArray]] = field(default_factory=dict)
    no_silence: str = ""

    def __len__(self) -> int:
        return len(self.n_samples)

    def add(self, dataset: DatasetView, position: int, pcm: PcmArray) -> None:
        """Keep what matters of one observation."""
        number = len(self)
        self.n_samples.append(len(pcm))
        power = float(np.mean(pcm.astype(np.float64) ** 2)) if len(pcm) else 0.0
        self.level_db.append(10.0 * float(np.log10(max(power, 1.0) / 32768.0**2)))
        if not _is_stored(dataset):
            self.flac_size.append(len(find_codec(_CODEC).encode(pcm, dataset.sample_rate)))
        if self.no_silence:
            return
        try:
            silences = silences_of(dataset, position, len(pcm))
        except ParameterError as error:
            self.no_silence = str(error)
            return
        length = frame_length(dataset.sample_rate)
        for name, spans in silences.items():
            self.frames.setdefault(name, {})[number] = frames_of(pcm, spans, length)


def hear(heard: Heard, pool: Pool, stop: int, progress: Progress | None = None) -> None:
    """Add observations of a pool to those that were heard, until there are `stop` or no more.

    Parameters
    ----------
    heard : Heard
        Written to.
    pool : Pool
    stop : int
    progress : callable, optional
        Called with a `ProgressUpdate` about observations.
    """
    stop = min(stop, len(pool))
    audio_s = 0.0
    for first in range(len(heard), stop, _BATCH):
        for dataset, positions in pool.runs(first, min(first + _BATCH, stop)):
            for position, pcm in zip(positions.tolist(), dataset.pcm(positions), strict=True):
                heard.add(dataset, position, pcm)
                audio_s += len(pcm) / dataset.sample_rate
        if progress is not None:
            progress(ProgressUpdate(len(heard), stop, audio_s))


@dataclass(frozen=True, eq=False)
class Known:
    """What the manifest says of the observations that were heard.

    Attributes
    ----------
    indices : ndarray of int64, shape (n,)
        Grid points.
    levels : ndarray of int64, shape (n, n_factors)
    nuisances : dict of str to ndarray, shape (n,)
        Values by name.
    file_kind : str
        What file `file_size` is about.
    file_size : ndarray of int64, shape (n,)
        In bytes.
    n_first : int
        Observations of the first draw; they come first.
    """

    indices: IntArray
    levels: IntArray
    nuisances: dict[str, NDArray[Any]]
    file_kind: str
    file_size: IntArray
    n_first: int


def known_of(heard: Heard, pool: Pool) -> Known:
    """Return what the manifest says of the observations that were heard.

    Parameters
    ----------
    heard : Heard
    pool : Pool
        That they are the first observations of.
    """
    views = [dataset.take(positions) for dataset, positions in pool.runs(0, len(heard))]
    names = views[0].nuisances
    is_stored = _is_stored(views[0])
    sizes = [view.column("size").to_numpy() for view in views] if is_stored else []
    return Known(
        indices=np.concatenate([view.indices for view in views]),
        levels=np.concatenate([_levels(view) for view in views]),
        nuisances={
            name: np.concatenate([view.column(name).to_numpy() for view in views]) for name in names
        },
        file_kind="as stored" if is_stored else _CODEC,
        file_size=np.concatenate(sizes) if is_stored else np.array(heard.flac_size),
        n_first=len(views[0]),
    )


def _levels(view: DatasetView) -> IntArray:
    columns = [view.level_column(name) for name in view.grid.names]  # never those of the whole dataset
    return np.stack(columns, axis=1).astype(np.int64)


def _is_stored(dataset: DatasetView) -> bool:
    return dataset.description is not None
