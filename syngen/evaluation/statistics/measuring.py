"""From a dataset to its statistics: what is counted, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._values import check_whole
from syngen.errors import ParameterError, SyngenError
from syngen.evaluation.information.mutual_information import table_information
from syngen.evaluation.statistics.chance import shuffled_information
from syngen.evaluation.statistics.counting import joint_table, run_lengths
from syngen.evaluation.statistics.numbers import NumberSummary, summary_of
from syngen.evaluation.statistics.report import Statistics
from syngen.evaluation.statistics.tables import FactorCounts, PairCounts
from syngen.storage.tables.arrays import numpy_array

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from syngen._typing import DatasetView

__all__ = ["statistics_of"]

_MOST_FACTORS = 24
_F0_ROWS = 2_000
_F0_NAMES = ("f0", "f0_hz", "frequency", "pitch")
_LEVELS = {"rms_db": "dB", "peak": "full scale"}


def statistics_of(dataset: DatasetView, *, seed: int = 0, n_shuffles: int = 200) -> Statistics:
    """Count what a dataset holds.

    Parameters
    ----------
    dataset : DatasetView
        A dataset or a view.
    seed : int
        Of the shuffles.
    n_shuffles : int
        At least 20, which a 95 % quantile needs.

    Raises
    ------
    ParameterError
        If there are no observations, or too few shuffles, or `seed` is negative.
    """
    if not len(dataset):
        wanted = ", ".join(name for names in dataset.selected_splits.values() for name in names)
        where = f" in {wanted}" if wanted else ""
        raise ParameterError(f"{dataset.name} has no observations{where}: there is nothing to count")
    n_shuffles, seed = check_whole("n_shuffles", n_shuffles, 20), check_whole("seed", seed, 0)
    splits, codes = _splits(dataset)
    factors = {factor.name: factor for factor in _factors(dataset, codes, len(splits["split"]))}
    varying = [name for name in dataset.grid.names if factors[name].n_used > 1]
    notes = []
    if len(varying) > _MOST_FACTORS:
        notes.append(f"pairs of {', '.join(varying[_MOST_FACTORS:])}, for there are too many factors")
    pairs = {
        names: _pair(dataset, *names, seed=seed, n_shuffles=n_shuffles)
        for names in combinations(varying[:_MOST_FACTORS], 2)
    }
    numbers = {}
    for found in _numbers(dataset, codes, len(splits["split"])):
        if isinstance(found, NumberSummary):
            numbers[found.name] = found
        else:
            notes.append(found)
    return Statistics(
        name=dataset.name,
        n_rows=len(dataset),
        splits=splits,
        factors=factors,
        pairs=pairs,
        numbers=numbers,
        notes=tuple(notes),
        seed=seed,
        n_shuffles=n_shuffles,
    )


def _splits(dataset: DatasetView) -> tuple[dict[str, dict[str, int]], NDArray[Any]]:
    """Return observations by split and column, and each row's split among those of ``split``."""
    splits = {}
    for column, names in dataset.splits.items():
        counts = np.bincount(dataset.split_column(column), minlength=len(names))
        splits[column] = {name: int(count) for name, count in zip(names, counts, strict=True) if count}
    names = dataset.splits["split"]
    numbers = np.cumsum([name in splits["split"] for name in names]) - 1
    return splits, numbers.astype(np.min_scalar_type(len(names)))[dataset.split_column("split")]


def _factors(dataset: DatasetView, codes: NDArray[Any], n_splits: int) -> Iterator[FactorCounts]:
    """Yield the counts of every factor, then of what derives from them."""
    counts = {}
    for factor in dataset.grid.factors:
        levels = dataset.level_column(factor.name)
        counts[factor.name] = joint_table(levels, codes, (factor.size, n_splits))
        yield FactorCounts(factor.name, factor.kind, factor.unit, factor.values, counts[factor.name])
    for name, (parent, by_level) in dataset.derived.items():
        values = tuple(sorted(set(by_level)))
        numbers = {value: number for number, value in enumerate(values)}
        summed = np.zeros((len(values), n_splits), dtype=np.int64)
        np.add.at(summed, [numbers[value] for value in by_level], counts[parent])
        yield FactorCounts(name, "nominal", "", values, summed, parent)


def _pair(dataset: DatasetView, first: str, second: str, *, seed: int, n_shuffles: int) -> PairCounts:
    sizes = (dataset.grid[first].size, dataset.grid[second].size)
    runs = run_lengths(sizes)
    table = joint_table(dataset.level_column(first), dataset.level_column(second), sizes, runs=runs)
    places = [dataset.grid.position(name) for name in (first, second)]
    shuffled = shuffled_information(
        table, n_shuffles=n_shuffles, rng=np.random.default_rng([seed, *places])
    )
    return PairCounts(first, second, table, runs, table_information(table), shuffled)


def _numbers(dataset: DatasetView, codes: NDArray[Any], n_splits: int) -> Iterator[NumberSummary | str]:
    """Yield levels, lengths and pitch in short; a text where one is left out."""
    absent = [name for name in _LEVELS if name not in dataset.column_names]
    if absent:
        yield f"{' and '.join(absent)}, for the manifest has no such column"
    for name, unit in _LEVELS.items():
        if name in absent or name in dataset.grid:
            continue
        values = _as_floats(dataset.column(name))
        found = None
        if values is not None:
            found = summary_of(values, codes, name=name, unit=unit, n_splits=n_splits)
        yield found or f"{name}, for the column has no numbers"
    try:
        seconds = dataset.lengths / dataset.sample_rate
        seconds[seconds == 0.0] = np.nan  # of files that cannot be read
        found = summary_of(seconds, codes, name="seconds", unit="s", n_splits=n_splits)
        yield found or "seconds, for no file can be read"
    except ParameterError as error:
        yield f"seconds: {error}"
    yield _pitch(dataset, codes, n_splits)


def _as_floats(column: pa.ChunkedArray) -> NDArray[Any] | None:
    """Return a column as real numbers, NaN for nulls; None if it holds something else."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type):
        column = column.cast(pa.float64(), safe=False)
    if not pa.types.is_floating(column.type):
        return None
    return numpy_array(pc.fill_null(column, float("nan")) if column.null_count else column)


def _pitch(dataset: DatasetView, codes: NDArray[Any], n_splits: int) -> NumberSummary | str:
    """Return the fundamental frequency in short: of the recipe, or of a factor that is one."""
    n = min(len(dataset), _F0_ROWS)
    positions = np.arange(n) * len(dataset) // n  # rows of a split are in random order already
    try:
        values = dataset.median_f0(positions)
        codes = codes[positions]
        origin = "recipe" if n == len(dataset) else f"recipe, {n:,} rows evenly spaced"
    except SyngenError as error:
        named = [f for f in dataset.grid.factors if f.name in _F0_NAMES and f.unit == "Hz"]
        if not named:
            return f"f0: {error}"
        values = np.array(named[0].values, dtype=np.float64)[dataset.level_column(named[0].name)]
        origin = f"factor {named[0].name}"
    found = summary_of(values, codes, name="f0", unit="Hz", n_splits=n_splits, origin=origin)
    return found or "f0, for no observation has a pitch that the recipe declares"
