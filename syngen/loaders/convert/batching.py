"""Batches as dicts of arrays: waveforms or what a transform makes of them, levels, rows, targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from syngen._threads import single_threaded
from syngen.errors import FactorError, ParameterError, SyngenError, suggestion
from syngen.loaders.convert.epochs import Epochs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import DatasetView, IntArray

__all__ = ["Arrays", "BatchReader", "Target", "Transform", "iterate_batches", "padded_stack"]

Arrays: TypeAlias = "dict[str, NDArray[Any]]"
Transform: TypeAlias = Callable[[Any], Any]
Target: TypeAlias = str | Sequence[str] | Callable[[dict[str, Any]], Any]


class BatchReader:
    """Reads observations of a dataset as a dict of arrays.

    Parameters
    ----------
    dataset : DatasetView
    transform : callable, optional
        Given each waveform, `wrap` applied to it, and returns an array; or a `Feature`, which takes the
        batch as a whole.
    target : str, sequence of str, or callable, optional
        A factor or derived factor, whose level is the target; several; or a callable that is given the
        values of an observation by factor name.
    wrap : callable, optional
        Makes of a NumPy array what `transform` takes.

    Raises
    ------
    FactorError
        If `target` names no factor.
    """

    def __init__(
        self,
        dataset: DatasetView,
        *,
        transform: Transform | None = None,
        target: Target | None = None,
        wrap: Callable[[NDArray[Any]], Any] | None = None,
    ) -> None:
        self.dataset = dataset
        prepare = getattr(transform, "for_rate", None)
        self.transform = transform if prepare is None else prepare(dataset.sample_rate)
        self.is_batched = prepare is not None
        self.target = target
        self.wrap = wrap
        names = (
            [] if target is None or callable(target) else [target] if isinstance(target, str) else target
        )
        self._targets = [_target_column(dataset, name) for name in names]

    def read(self, positions: IntArray) -> dict[str, Any]:
        """Return observations.

        Parameters
        ----------
        positions : ndarray of int64, shape (n,)

        Returns
        -------
        dict
            ``waveform``, float32 (n, n_samples), or ``features`` where there is a transform; ``length``,
            int64 (n,), where observations differ in length: what follows is padding; ``levels``, int64
            (n, n_factors); ``row``, int64 (n,); and ``target`` where one is wanted.

        Raises
        ------
        ParameterError
            If the transform or the target fails, or what it returns does not fit into one array; the
            message names the row.
        ShardError
            If an observation cannot be read.
        """
        dataset = self.dataset
        levels = dataset.grid.levels_of(dataset.indices[positions])
        rows = dataset.rows_at(positions)
        batch = self._content(positions, rows)
        batch["levels"] = levels
        batch["row"] = rows
        if callable(self.target):
            batch["target"] = self._called_target(levels, rows)
        elif self._targets:
            columns = [
                column if codes is None else codes[column] for column, codes in self._columns(levels)
            ]
            batch["target"] = columns[0] if isinstance(self.target, str) else np.stack(columns, axis=1)
        return batch

    def _columns(self, levels: IntArray) -> Iterator[tuple[IntArray, IntArray | None]]:
        for position, codes in self._targets:
            yield levels[:, position], codes

    def _content(self, positions: IntArray, rows: IntArray) -> dict[str, Any]:
        if self.dataset.n_samples:
            waveforms = self.dataset.batch(positions)
            if self.transform is None:
                return {"waveform": waveforms}
            if self.is_batched:
                return {"features": self._called(self.transform, waveforms, rows, whole=True)}
            made = [self._transformed(w, row) for w, row in zip(waveforms, rows, strict=True)]
            return {"features": _stacked(made, rows)}
        if self.transform is None:
            waveforms, lengths = self.dataset.padded(positions)
            return {"waveform": waveforms, "length": lengths}
        with single_threaded() if self.is_batched else nullcontext():
            made = [
                self._transformed(self.dataset[int(position)].waveform, row)
                for position, row in zip(positions, rows, strict=True)
            ]
        features, lengths = padded_stack(made)
        return {"features": features, "length": lengths}

    def _transformed(self, waveform: NDArray[Any], row: int) -> NDArray[Any]:
        given = waveform if self.wrap is None or self.is_batched else self.wrap(waveform)
        made: NDArray[Any] = self._called(self.transform, given, np.array([row]), whole=False)
        return made

    def _called(self, call: Any, argument: Any, rows: IntArray, *, whole: bool) -> Any:
        try:
            return np.asarray(call(argument))
        except SyngenError:
            raise
        except Exception as error:
            where = f"rows {rows[0]} to {rows[-1]}" if whole and len(rows) > 1 else f"row {rows[0]}"
            name = getattr(call, "__name__", type(call).__name__)
            raise ParameterError(
                f"{where}: the transform {name} fails with {type(error).__name__}: {error}"
            ) from error

    def _called_target(self, levels: IntArray, rows: IntArray) -> NDArray[Any]:
        factors = self.dataset.grid.factors
        made = []
        for row, of_row in zip(rows, levels.tolist(), strict=True):
            values = {f.name: f.values[level] for f, level in zip(factors, of_row, strict=True)}
            made.append(self._called(self.target, values, np.array([row]), whole=False))
        return _stacked(made, rows)


def _target_column(dataset: DatasetView, name: str) -> tuple[int, IntArray | None]:
    """Return the position of a factor, and for a derived one the code of each of its levels."""
    grid, derived = dataset.grid, dataset.derived
    if name in grid:
        return grid.position(name), None
    if name in derived:
        factor, values = derived[name]
        codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
        return grid.position(factor), np.array([codes[value] for value in values], dtype=np.int64)
    options = [*grid.names, *derived]
    raise FactorError(f"no factor {name!r}{suggestion(name, options)}; there are {', '.join(options)}")


def _stacked(made: list[Any], rows: IntArray) -> NDArray[Any]:
    for array, row in zip(made, rows, strict=True):
        if array.shape != made[0].shape:
            raise ParameterError(
                f"row {row}: the transform returns the shape {array.shape}, but {made[0].shape} for row "
                f"{rows[0]}; a batch needs one shape"
            )
    return np.stack(made) if made else np.empty(0, dtype=np.float32)


def padded_stack(made: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], IntArray]:
    """Stack arrays that differ in their last axis, with zeros after the shorter ones, and their lengths."""
    lengths = np.array([array.shape[-1] for array in made], dtype=np.int64)
    if not len(made):
        return np.empty((0, 0), dtype=np.float32), lengths
    result = np.zeros((len(made), *made[0].shape[:-1], lengths.max()), dtype=made[0].dtype)
    for part, array in zip(result, made, strict=True):
        part[..., : array.shape[-1]] = array
    return result, lengths


def iterate_batches(reader: BatchReader, epochs: Epochs, *, n_epochs: int | None) -> Iterator[Arrays]:
    """Yield batches as dicts of NumPy arrays, epoch after epoch; without end if `n_epochs` is None."""
    shards, epoch = reader.dataset.shard_numbers, 0
    while n_epochs is None or epoch < n_epochs:
        for _, positions in epochs.batches(epochs.order(epoch, shards), 0):
            yield reader.read(positions)
        if not epochs.n_batches:
            return
        epoch += 1
