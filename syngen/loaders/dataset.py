"""`FactorDataset`: observations by row, by value and by factor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from syngen.errors import FactorError, ParameterError
from syngen.factors import FactorGrid
from syngen.loaders.convert.conversions import Conversions
from syngen.loaders.manifest import OfManifest
from syngen.loaders.observation import Observation
from syngen.loaders.sampling.by_factor import ByFactor
from syngen.loaders.selection import (
    Step,
    Taken,
    checked_positions,
    checked_slice,
    compiled,
    rows_after,
    splits_in,
)
from syngen.loaders.sources.rendered import RenderedSource
from syngen.loaders.sources.source import Source, read_only
from syngen.loaders.sources.stored import StoredSource
from syngen.loaders.trajectories import OverTime

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from syngen._typing import Float32Array, IntArray, Json, PcmArray, Value
    from syngen.identities import Identities
    from syngen.storage.description import Description

__all__ = ["FactorDataset"]

_ROWS_SHOWN = 5


class FactorDataset(ByFactor, OfManifest, OverTime, Conversions, Sequence[Observation]):
    """A dataset with known generative factors, or a view of some of its rows.

    Made by `syngen.load`, `syngen.render`, `syngen.from_manifest`, by `select` and by slices. Views are
    made of views without copying, and which rows they have is found out when that is first needed.

    Parameters
    ----------
    source : Source
        Where rows come from.
    steps : sequence of Step
        How the view is chosen; by default all rows.

    Examples
    --------
    >>> import syngen
    >>> ds = syngen.render("syntone-tiny")
    >>> len(ds), ds.n_samples, ds.sample_rate
    (408, 4000, 16000)
    >>> view = ds.select(timbre=["sine", "square"], frequency=(200.0, 400.0))
    >>> sorted(set(view.values["timbre"].tolist()))
    ['sine', 'square']
    >>> i = ds.index_of(timbre="sine", amplitude=-11.0, frequency=440.0)
    >>> [obs.values["timbre"] for obs in ds.traversal(i, factor="timbre")]
    ['sine', 'triangle', 'square', 'sawtooth']
    """

    def __init__(self, source: Source, steps: Sequence[Step] = ()) -> None:
        self._source = source
        self._steps = tuple(steps)

    def __reduce__(self) -> tuple[type[FactorDataset], tuple[Source, tuple[Step, ...]]]:
        return FactorDataset, (self._source, self._steps)

    def _with(self, *steps: Step) -> Self:
        return type(self)(self._source, (*self._steps, *steps))

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
        """What stands for every sample of the dataset; of audio files of one's own they are read for it."""
        return self._source.fingerprint

    @property
    def samples_key(self) -> str:
        """What stands for the samples of these observations, in their order: the name of what is cached."""
        return self._source.samples_key(self.rows)

    @property
    def grid(self) -> FactorGrid:
        """The factors and their values."""
        return self._source.grid

    @property
    def splits(self) -> dict[str, tuple[str, ...]]:
        """Names of the splits by column: ``split``, and ``split_<scheme>`` for other schemes."""
        vocabulary = self._source.vocabulary
        return dict(zip(vocabulary.split_columns, vocabulary.schemes.values(), strict=True))

    @property
    def derived(self) -> dict[str, tuple[str, tuple[Value, ...]]]:
        """Derived factors: the factor by name, and one value for each of its levels."""
        return {name: (factor, values) for name, factor, values in self._source.vocabulary.derived}

    @property
    def nuisances(self) -> tuple[str, ...]:
        """Names of the nuisances: columns of the manifest whose values were drawn."""
        return tuple(name for name, _, _ in self._source.vocabulary.nuisances)

    @property
    def recipe(self) -> Json | None:
        """The document of the recipe, as `load_recipe` takes it; None of audio files of one's own."""
        return self._source.recipe

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self._source.vocabulary.sample_rate

    @property
    def n_samples(self) -> int:
        """Samples of every observation of the whole dataset; 0 where they differ in length."""
        return self._source.n_samples

    @property
    def lengths(self) -> IntArray:
        """Samples of each observation: int64, shape (n,); read-only where they are kept.

        Raises
        ------
        ParameterError
            If they differ and are rendered: they are not known before the waveforms are.
        """
        return self._of_rows(self._source.lengths)

    @cached_property
    def _chosen(self) -> IntArray | None:
        """Rows of the view; None where it is the whole dataset."""
        rows = rows_after(self._source, self._steps)
        return None if rows is None else read_only(rows)

    @property
    def rows(self) -> IntArray:
        """Rows of the whole dataset that this view has: int64, shape (n,); read-only where kept."""
        return np.arange(len(self), dtype=np.int64) if self._chosen is None else self._chosen

    def rows_at(self, positions: IntArray) -> IntArray:
        """Return the rows at `positions`, which count from the front: int64, shape (n,)."""
        return positions if self._chosen is None else self._chosen[positions]

    @property
    def shard_numbers(self) -> IntArray:
        """Which shard each observation is in, counted from 0: shape (n,)."""
        return self._of_rows(self._source.shard_numbers)

    @property
    def shards(self) -> list[Path]:
        """The tar files that these observations are in; empty where they are in none."""
        paths = [self._source.shard_path(int(number)) for number in np.unique(self.shard_numbers)]
        return [path for path in paths if path is not None]

    def _of_rows(self, column: NDArray[Any]) -> NDArray[Any]:
        return column if self._chosen is None else column[self._chosen]

    @property
    def indices(self) -> IntArray:
        """Grid point of each observation: int64, shape (n,); read-only where they are kept."""
        return self._of_rows(self._source.indices)

    def identities(self, positions: ArrayLike | None = None) -> Identities:
        """Return what identifies each observation, in whichever row it stands; codes are joined by it.

        Of a recipe it is the grid point, and ``pcm_sha256`` where a manifest has it: nothing is rendered.
        Of audio files of one's own it is the hash of their content: they are read, again only if size,
        times or inode have changed.

        Parameters
        ----------
        positions : array_like of int, shape (n,), optional
            Positions in this view; by default all.

        Raises
        ------
        ShardError
            If a file cannot be read.
        """
        if positions is None:
            return self._source.identities(self._chosen)
        return self._source.identities(self._checked_rows(positions))

    @property
    def selected_splits(self) -> dict[str, tuple[str, ...]]:
        """Splits that `select` restricted this view to, by column, as in ``{"split": ("test",)}``."""
        return splits_in(self._source, self._steps)

    @property
    def levels(self) -> IntArray:
        """Levels of each observation: int64, shape (n, n_factors); read-only where they are kept."""
        return self._of_rows(self._source.levels)

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """Values of each observation: by factor name, an array of shape (n,)."""
        return {f.name: np.array(f.values)[self.level_column(f.name)] for f in self.grid.factors}

    def level_column(self, factor: str) -> IntArray:
        """Return the level of each observation in `factor`: whole numbers of any width, shape (n,)."""
        return self._of_rows(self._source.level_column(self.grid.position(factor)))

    def __len__(self) -> int:
        return self._source.n_rows if self._chosen is None else len(self._chosen)

    @overload
    def __getitem__(self, position: int) -> Observation: ...

    @overload
    def __getitem__(self, position: slice) -> Self: ...

    def __getitem__(self, position: int | slice) -> Observation | Self:
        if isinstance(position, slice):
            return self._with(checked_slice(position))
        if np.ndim(position):
            raise FactorError(f"position {position!r}; batch() and take() take several")
        row = self._checked_rows([position])
        (waveform,) = self._source.audio(row)
        index = int(self._source.indices[row[0]])
        grid = self.grid
        levels = [int(self._source.level_column(j)[row[0]]) for j in range(len(grid))]
        return Observation(
            waveform=waveform,
            sample_rate=self.sample_rate,
            index=index,
            values={f.name: f.values[level] for f, level in zip(grid.factors, levels, strict=True)},
            levels=dict(zip(grid.names, levels, strict=True)),
        )

    def __iter__(self) -> Iterator[Observation]:
        return (self[position] for position in range(len(self)))

    def take(self, positions: ArrayLike) -> Self:
        """Return a view of the observations at some positions, in the order given.

        Parameters
        ----------
        positions : array_like of int, shape (n,)
            Negative ones count from the end.
        """
        return self._with(Taken(self.checked(positions)))

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

        Raises
        ------
        ParameterError
            If the observations differ in length; `padded` takes them.
        """
        return self._source.waveforms(self._checked_rows(positions))

    def pcm(self, positions: ArrayLike) -> list[PcmArray]:
        """Return the observations at `positions` as 16-bit samples: int16, each of shape (n_samples,)."""
        return self._source.pcm(self._checked_rows(positions))

    def padded(self, positions: ArrayLike, *, length: int | None = None) -> tuple[Float32Array, IntArray]:
        """Return several waveforms of any lengths, with zeros after the shorter ones.

        Parameters
        ----------
        positions : array_like of int, shape (n,)
            Positions in this view; negative ones count from its end.
        length : int, optional
            Samples of every row of the result: longer observations lose their ends. By default the
            longest of them.

        Returns
        -------
        waveforms : ndarray of float32, shape (n, length)
        lengths : ndarray of int64, shape (n,)
            How many samples of each are the observation's.

        Raises
        ------
        ParameterError
            If the length is none.
        PositionError
            If a position is outside the view.
        """
        if length is not None and length < 1:
            raise ParameterError(f"length is {length}; at least 1 sample is needed")
        waveforms = self._source.audio(self._checked_rows(positions))
        lengths = np.array([len(waveform) for waveform in waveforms], dtype=np.int64)
        longest = int(lengths.max(initial=0)) if length is None else length
        lengths = np.minimum(lengths, longest)
        result = np.zeros((len(waveforms), longest), dtype=np.float32)
        for row, waveform, n in zip(result, waveforms, lengths, strict=True):
            row[:n] = waveform[:n]
        return result, lengths

    def select(self, /, *, nearest: bool = False, **conditions: Any) -> Self:
        """Return a view of the observations that meet all conditions; nothing is copied.

        Parameters
        ----------
        nearest : bool
            Whether a number that is no value of its factor stands for the nearest one, and is not refused.
            Of two as near it is the lower. Ends of a range are numbers of any kind anyway.
        **conditions
            By factor name: a value or a list of values (numbers match within 1e-9, relative), or a
            tuple (low, high), a closed range in which None leaves an end open. ``split`` takes a split
            or a list of them; so does ``split_<scheme>`` for another split scheme.

        Raises
        ------
        FactorError
            If there is no such factor, value or split; the message names the nearest.
        ParameterError
            If `nearest` is neither True nor False.

        Examples
        --------
        >>> import syngen
        >>> ds = syngen.render("syntone-tiny")
        >>> {obs.values["frequency"] for obs in ds.select(frequency=450.0, nearest=True, timbre="sine")}
        {440.0}
        """
        return self._with(*compiled(self._source, conditions, nearest=nearest))

    def _grid_point(self, position: int) -> int:
        return int(self._source.indices[self._checked_rows([position])[0]])

    def _waveforms_anywhere(self, indices: IntArray) -> Float32Array | None:
        if self._steps or not isinstance(self._source, RenderedSource):
            return None
        return self._source.waveforms_at(indices)

    def _checked_rows(self, positions: ArrayLike) -> IntArray:
        return self.rows_at(self.checked(positions))

    def checked(self, positions: ArrayLike) -> IntArray:
        """Return `positions` in this view as they count from the front: int64, shape (n,).

        Raises
        ------
        FactorError
            If they are not whole numbers.
        PositionError
            If one is outside the view.
        """
        return checked_positions(positions, len(self))

    def __repr__(self) -> str:
        factors = ", ".join(f"{factor.name}: {factor.size}" for factor in self.grid.factors)
        return f"<FactorDataset {self.name}: {len(self):,} observations of {{{factors}}}>"

    def _repr_html_(self) -> str:
        import html

        columns = [name for name in self.table.column_names if name != "pcm_sha256"]
        head = self.table.slice(0, _ROWS_SHOWN).select(columns).to_pandas()
        note = html.escape(repr(self).strip("<>"))
        return f"<p>{note}</p>{head.to_html(index=False)}"
