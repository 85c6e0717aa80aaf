"""`FactorDataset`: observations by row, by value and by factor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.dsp.level import dequantise
from syngen.errors import FactorError, ParameterError, PositionError, suggestion
from syngen.factors import FactorGrid
from syngen.loaders.sources import RenderedSource, Source, StoredSource
from syngen.synth.base import Observation

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import ArrayLike

    from syngen._typing import BoolArray, Float32Array, IntArray, RandomState
    from syngen.storage.description import Description

__all__ = ["FactorDataset"]

_ROWS_SHOWN = 5


class FactorDataset(Sequence[Observation]):
    """A dataset with known generative factors, or a view of some of its rows.

    Made by `syngen.load`, `syngen.render` and `select`; nothing is read before it is asked for.

    Parameters
    ----------
    source : Source
        Where rows come from.
    rows : ndarray of int64, shape (n,), optional
        Rows of the source that belong to the view; by default all.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> len(ds), ds.n_samples, ds.sample_rate
    (408, 4000, 16000)
    >>> view = ds.select(timbre=["sine", "square"], frequency=(200.0, 400.0))
    >>> sorted(set(view.manifest["timbre"]))
    ['sine', 'square']
    """

    def __init__(self, source: Source, rows: IntArray | None = None) -> None:
        self._source = source
        self._view = rows

    def __reduce__(self) -> tuple[type[FactorDataset], tuple[Source, IntArray | None]]:
        return FactorDataset, (self._source, self._view)

    @property
    def folder(self) -> Path | str | None:
        """Where the dataset is, if it is stored: a folder, or the URL of an object store."""
        return self._source.folder

    @property
    def description(self) -> Description | None:
        """What its dataset.json says, if it is stored."""
        return self._source.description if isinstance(self._source, StoredSource) else None

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self._source.vocabulary.name

    @property
    def fingerprint(self) -> str:
        """What stands for every sample of the dataset."""
        return self._source.vocabulary.fingerprint

    @property
    def grid(self) -> FactorGrid:
        """The factors and their values."""
        return self._source.grid

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self._source.vocabulary.sample_rate

    @property
    def n_samples(self) -> int:
        """Samples of every observation; 0 where they differ in length."""
        return self._source.n_samples

    @cached_property
    def rows(self) -> IntArray:
        """Rows of the whole dataset that this view has: int64, shape (n,)."""
        if self._view is not None:
            return self._view
        return np.arange(len(self._source.indices), dtype=np.int64)

    @property
    def indices(self) -> IntArray:
        """Grid point of each observation: int64, shape (n,)."""
        return self._source.indices[self.rows]

    @property
    def levels(self) -> IntArray:
        """Levels of each observation: int64, shape (n, n_factors)."""
        return self._source.levels[self.rows]

    @property
    def table(self) -> pa.Table:
        """The manifest of these observations as an Arrow table."""
        table = self._source.table
        return table if self._view is None else table.take(self._view)

    @property
    def manifest(self) -> pd.DataFrame:
        """The manifest of these observations as a pandas DataFrame; its index is the row.

        Its ``attrs`` say whose it is: ``fingerprint``, ``kinds`` (by factor) and ``derived`` (the factor by
        derived factor).
        """
        frame: pd.DataFrame = self.table.to_pandas().set_index(np.asarray(self.rows))
        frame.attrs = {
            "fingerprint": self.fingerprint,
            "kinds": {factor.name: factor.kind for factor in self.grid.factors},
            "derived": {name: factor for name, factor, _ in self._source.vocabulary.derived},
        }
        return frame

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Observation:  # type: ignore[override]
        row = int(self._checked_rows([position])[0])
        (pcm,) = self._source.pcm(np.array([row]))
        index, levels = int(self._source.indices[row]), self._source.levels[row].tolist()
        grid = self.grid
        return Observation(
            waveform=dequantise(pcm),
            sample_rate=self.sample_rate,
            index=index,
            values={f.name: f.values[level] for f, level in zip(grid.factors, levels, strict=True)},
            levels=dict(zip(grid.names, levels, strict=True)),
        )

    def __iter__(self) -> Iterator[Observation]:
        return (self[position] for position in range(len(self)))

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

    def batch(self, positions: ArrayLike) -> Float32Array:
        """Return several waveforms.

        Parameters
        ----------
        positions : array_like of int, shape (n,)
            Positions in this view; negative ones count from its end.

        Returns
        -------
        ndarray of float32, shape (n, n_samples)
            Full scale is 1.0; nothing is normalised, because amplitude may be a factor.
        """
        return self._source.waveforms(self._checked_rows(positions))

    def arrays(
        self, *, split: str | None = None, limit: int | None = None
    ) -> tuple[Float32Array, IntArray]:
        """Return waveforms and levels as two arrays.

        Parameters
        ----------
        split : str, optional
            Only this split.
        limit : int, optional
            At most so many, from the front.

        Returns
        -------
        waveforms : ndarray of float32, shape (n, n_samples)
        levels : ndarray of int64, shape (n, n_factors)
        """
        if limit is not None and limit < 0:
            raise ParameterError(f"limit is {limit}; 0 or more is needed")
        view = self if split is None else self.select(split=split)
        rows = view.rows[:limit]
        return self._source.waveforms(rows), self._source.levels[rows]

    def select(self, **conditions: Any) -> FactorDataset:
        """Return a view of the observations that meet all conditions; nothing is copied.

        Parameters
        ----------
        **conditions
            By factor name: a value or a list of values (numbers match within 1e-9, relative), or a
            tuple (low, high), a closed range in which None leaves an end open. ``split`` takes a split
            or a list of them; so does ``split_<scheme>`` for another split scheme.

        Raises
        ------
        FactorError
            If there is no such factor, value or split; the message names the nearest.
        """
        grid = self.grid
        chosen = np.ones(len(self), dtype=np.bool_)
        for name, wanted in conditions.items():
            if name in self._source.vocabulary.split_columns:
                chosen &= self._in_splits(name, wanted)
            elif name in grid:
                allowed = grid[name].levels_where(_as_condition(wanted))
                chosen &= allowed[self.levels[:, grid.position(name)]]
            else:
                options = [*grid.names, *self._source.vocabulary.split_columns]
                raise FactorError(
                    f"no factor {name!r}{suggestion(name, options)}; there are {', '.join(options)}"
                )
        return FactorDataset(self._source, self.rows[chosen])

    def _in_splits(self, column: str, wanted: Any) -> BoolArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        vocabulary = self._source.vocabulary
        scheme = list(vocabulary.schemes)[vocabulary.split_columns.index(column)]
        splits = [wanted] if isinstance(wanted, str) else list(wanted)
        for split in splits:
            names = vocabulary.schemes[scheme]
            if split not in names:
                raise FactorError(
                    f"no split {split!r}{suggestion(split, names)}; {column} has {', '.join(names)}"
                )
        is_in = pc.is_in(self._source.table.column(column), value_set=pa.array(splits, pa.string()))
        return np.asarray(is_in.to_numpy(), dtype=np.bool_)[self.rows]

    def _checked_rows(self, positions: ArrayLike) -> IntArray:
        numbers = np.asarray(positions)
        if numbers.dtype.kind not in "iu" and numbers.size:
            raise FactorError(f"position of type {numbers.dtype}; whole numbers are needed")
        numbers = numbers.reshape(-1).astype(np.int64)
        n = len(self)
        outside = np.flatnonzero((numbers < -n) | (numbers >= n))
        if len(outside):
            raise PositionError(
                f"position {int(numbers[outside[0]])} outside 0..{n - 1} of {n} observations"
            )
        rows: IntArray = self.rows[numbers]
        return rows

    @property
    def num_factors(self) -> int:
        """Number of factors, in disentanglement_lib's word."""
        return len(self.grid)

    @property
    def factors_num_values(self) -> list[int]:
        """Number of levels per factor, in disentanglement_lib's word."""
        return list(self.grid.sizes)

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one waveform."""
        return (self.n_samples,)

    @property
    def is_complete(self) -> bool:
        """Whether every grid point is in this view."""
        return len(self) == self.grid.size

    def sample_factors(self, num: int, random_state: RandomState) -> IntArray:
        """Draw combinations of levels that this view has, each observation equally likely.

        Parameters
        ----------
        num : int
        random_state : numpy.random.RandomState, numpy.random.Generator or int

        Returns
        -------
        ndarray of int64, shape (num, n_factors)
        """
        if num < 0 or not len(self):
            raise ParameterError(f"{num} combinations of a view of {len(self)} observations")
        return self._source.levels[self.rows[_integers(random_state, len(self), num)]]

    def sample_observations_from_factors(
        self, factors: ArrayLike, random_state: RandomState
    ) -> Float32Array:
        """Return the waveforms of combinations of levels.

        Parameters
        ----------
        factors : array_like of int, shape (n, n_factors)
            Levels.
        random_state : numpy.random.RandomState, numpy.random.Generator or int
            Not used: nuisances belong to the index. It is there for disentanglement_lib.

        Returns
        -------
        ndarray of float32, shape (n, n_samples)

        Raises
        ------
        FactorError
            If a combination is not in this view. A rendered dataset has every combination.
        """
        wanted = self.grid.indices_of(factors)
        if self._view is None and isinstance(self._source, RenderedSource):
            return self._source.waveforms_at(wanted)
        ordered, rows = self._rows_by_index
        found = np.searchsorted(ordered, wanted)
        found = np.minimum(found, max(0, len(ordered) - 1))
        missing = np.flatnonzero(ordered[found] != wanted) if len(ordered) else [0]
        if len(wanted) and len(missing):
            values = self.grid.values_of(int(wanted[missing[0]]))
            raise FactorError(
                f"{len(missing)} of {len(wanted)} combinations are not among these {len(self)} "
                f"observations, first {values}"
            )
        return self._source.waveforms(rows[found])

    @cached_property
    def _rows_by_index(self) -> tuple[IntArray, IntArray]:
        order = np.argsort(self.indices, kind="stable")
        return self.indices[order], self.rows[order]

    def __repr__(self) -> str:
        factors = ", ".join(f"{factor.name}: {factor.size}" for factor in self.grid.factors)
        return f"<FactorDataset {self.name}: {len(self):,} observations of {{{factors}}}>"

    def _repr_html_(self) -> str:
        import html

        columns = [name for name in self.table.column_names if name != "pcm_sha256"]
        head = self.table.slice(0, _ROWS_SHOWN).select(columns).to_pandas()
        note = html.escape(repr(self).strip("<>"))
        return f"<p>{note}</p>{head.to_html(index=False)}"


def _as_condition(wanted: Any) -> Any:
    """Turn a (low, high) tuple into the range that a recipe would write."""
    if isinstance(wanted, Mapping):
        return wanted
    if isinstance(wanted, tuple):
        if len(wanted) != 2:
            raise FactorError(f"{wanted!r} is not a range (low, high); use a list for values")
        return {"min": wanted[0], "max": wanted[1]}
    return wanted


def _integers(random_state: RandomState, high: int, n: int) -> IntArray:
    if isinstance(random_state, np.random.RandomState):
        return np.asarray(random_state.randint(high, size=n), dtype=np.int64)
    if isinstance(random_state, np.random.Generator):
        return np.asarray(random_state.integers(high, size=n), dtype=np.int64)
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return np.asarray(np.random.default_rng(int(random_state)).integers(high, size=n))
    raise ParameterError(
        f"random_state {random_state!r}; a RandomState, a Generator or a whole number is needed"
    )
