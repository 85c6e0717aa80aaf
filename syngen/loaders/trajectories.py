"""Ground truth over time, of one observation of a dataset."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError
from syngen.resolving.rendering import observation_streams, parameter_values
from syngen.synth.plugin import Moments, Span

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    from syngen._typing import FloatArray, IntArray
    from syngen.loaders.sources.source import Source
    from syngen.resolving.resolve import ResolvedRecipe
    from syngen.synth.plugin import Trajectory

__all__ = ["OverTime", "Trajectories"]


class OverTime(ABC):
    """What happens within an observation; what `FactorDataset` inherits."""

    _source: Source

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def _checked_rows(self, positions: ArrayLike) -> IntArray: ...

    @property
    def is_spoken(self) -> bool:
        """Whether observations are speech, with transcripts and annotations."""
        return self._source.vocabulary.speaks

    def annotations(self, position: int) -> pd.DataFrame:
        """Return the words and phones of an observation.

        Parameters
        ----------
        position : int
            Position in this view; a negative one counts from its end.

        Returns
        -------
        DataFrame
            With the columns ``kind`` (word or phone), ``text`` (empty for silence), ``start`` and ``end``
            in samples; words first, each kind from the first to the last sample without gaps.

        Raises
        ------
        ParameterError
            If the dataset is no speech.
        """
        if not self.is_spoken:
            raise ParameterError(f"{self.name} is no speech: it has no annotations")
        (row,) = self._checked_rows([position])
        frame: pd.DataFrame = self._source.annotations(int(row)).drop_columns("row").to_pandas()
        return frame

    def trajectories(self, position: int, *, hop: float = 0.01) -> Trajectories:
        """Return what an observation does over time, from the formulas that made its samples.

        Of tones ``f0`` (frequency of the first partial, Hz), ``gain`` (amplitude times envelope, dB) and
        ``brightness`` (spectral centroid of the partials, Hz); of speech ``word``, ``phone`` and
        ``voicing``.

        Parameters
        ----------
        position : int
            Position in this view; a negative one counts from its end.
        hop : float
            Time between two moments in seconds.

        Returns
        -------
        Trajectories
            A mapping from name to an array of shape (n,), with ``.times`` in seconds, ``.units`` and
            ``.frame``.

        Raises
        ------
        ParameterError
            If `hop` is shorter than a sample, or the dataset has no trajectories: audio files of one's own,
            a synthesizer that gives none, or samples that another version of it made.
        PositionError
            If the position is outside the view.

        Examples
        --------
        >>> import syngen
        >>> ds = syngen.render("syntone-tiny")
        >>> ds.trajectories(0, hop=0.05)["f0"].round().tolist()
        [1480.0, 1480.0, 1480.0, 1480.0, 1480.0]
        """
        rows = self._checked_rows([position])
        resolved, row = self._source.resolve(), int(rows[0])
        n_samples = self._source.n_samples or len(self._source.pcm(rows)[0])
        return trajectories_at(
            resolved,
            int(self._source.indices[row]),
            hop=hop,
            n_samples=n_samples,
            annotations=self._source.annotations(row) if self.is_spoken else None,
        )

    def median_f0(self, positions: ArrayLike) -> FloatArray:
        """Return the median fundamental frequency of observations, as the recipe declares it.

        Nothing is rendered. Of tones it is their frequency; of speech the median pitch of the speaker,
        raised or lowered by the style.

        Parameters
        ----------
        positions : array_like of int, shape (n,)
            Positions in this view; negative ones count from its end.

        Returns
        -------
        ndarray of float64, shape (n,)
            In Hz; NaN where there is none, as in a whisper, or the synthesizer does not say.

        Raises
        ------
        ParameterError
            If the dataset has no recipe, or another version of the synthesizer made its samples.
        PositionError
            If a position is outside the view.

        Examples
        --------
        >>> import syngen
        >>> syngen.render("syntone-tiny").median_f0([0, 1]).round().tolist()
        [1480.0, 1245.0]
        """
        rows = self._checked_rows(positions)
        resolved = self._source.resolve()
        median_f0, request = resolved.synthesizer.median_f0, resolved.request
        found = [
            median_f0(request, values)
            for _, _, _, values in parameter_values(resolved, self._source.indices[rows])
        ]
        return np.array([math.nan if hz is None else hz for hz in found], dtype=np.float64)


class Trajectories(Mapping[str, "NDArray[Any]"]):
    """What an observation does over time: a mapping from name to an array with one value per moment.

    Parameters
    ----------
    times : ndarray of float64, shape (n,)
        In seconds from the first sample.
    found : mapping of str to Trajectory
        By name.

    Attributes
    ----------
    times : ndarray of float64, shape (n,)
    units : dict of str to str
        Unit of each; empty for what has none.
    """

    def __init__(self, times: FloatArray, found: Mapping[str, Trajectory]) -> None:
        self.times = times
        self.units = {name: trajectory.unit for name, trajectory in found.items()}
        self._values = {name: trajectory.values for name, trajectory in found.items()}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._values:
            raise KeyError(f"there is no trajectory {name!r}, but {', '.join(self._values)}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        names = ", ".join(f"{name} ({unit})" if unit else name for name, unit in self.units.items())
        return f"<Trajectories of {len(self.times):,} moments: {names}>"

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """``time`` and each trajectory, as annotations of music are kept in files.

        Where a tone is silent its ``f0`` is 0 Hz, which readers of such files take for unvoiced.
        """
        found = {"time": self.times, **self._values}
        if {"f0", "gain"} <= set(found):
            found["f0"] = np.where(np.isfinite(found["gain"]), found["f0"], 0.0)
        return found

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All of them as a pandas DataFrame whose index is the time in seconds."""
        import pandas as pd

        return pd.DataFrame(self._values, index=pd.Index(self.times, name="time"))


def moments_every(hop: float, n_samples: int, sample_rate: int) -> IntArray:
    """Return the samples nearest to 0, `hop`, twice `hop` and so on: int64, shape (n,).

    Parameters
    ----------
    hop : float
        In seconds.
    n_samples, sample_rate : int

    Raises
    ------
    ParameterError
        If `hop` is no time, or shorter than a sample.
    """
    is_number = isinstance(hop, int | float | np.integer | np.floating) and not isinstance(hop, bool)
    if not is_number or not math.isfinite(hop) or hop * sample_rate < 1.0:
        raise ParameterError(
            f"hop is {hop!r}; seconds are needed, at least those of a sample, {1.0 / sample_rate:g}"
        )
    n = math.ceil(n_samples / (hop * sample_rate))
    found: IntArray = np.rint(np.arange(n) * (hop * sample_rate)).astype(np.int64)
    return found[found < n_samples]


def trajectories_at(
    resolved: ResolvedRecipe, index: int, *, hop: float, n_samples: int, annotations: pa.Table | None
) -> Trajectories:
    """Return the trajectories of a grid point.

    Parameters
    ----------
    resolved : ResolvedRecipe
        Of the dataset.
    index : int
    hop : float
        Time between moments in seconds.
    n_samples : int
        Length of the observation.
    annotations : pyarrow.Table, optional
        Its words and phones, where it is speech.

    Raises
    ------
    ParameterError
        If `hop` is none, or the synthesizer gives no trajectories.
    """
    samples = moments_every(hop, n_samples, resolved.audio.sample_rate)
    ((_, _, _, values),) = parameter_values(resolved, np.array([index], dtype=np.int64))
    spans = () if annotations is None else tuple(_spans_in(annotations))
    moments = Moments(values, samples, n_samples, spans, observation_streams(resolved, index))
    found = resolved.synthesizer.trajectories(resolved.request, moments)
    if not found:
        raise ParameterError(
            f"the synthesizer {resolved.synthesizer.name} gives no trajectories; its class may define the "
            "method trajectories, see syngen.synth.plugin"
        )
    return Trajectories(samples / resolved.audio.sample_rate, found)


def _spans_in(annotations: pa.Table) -> Iterator[Span]:
    for row in annotations.to_pylist():
        yield Span(row["kind"], row["text"], row["start"], row["end"])
