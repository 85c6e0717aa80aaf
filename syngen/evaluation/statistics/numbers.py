"""Columns of real numbers: quantiles, moments, and a histogram by split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import FloatArray, IntArray, Json

__all__ = ["QUANTILES", "NumberSummary", "summary_of"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BINS = 40


@dataclass(frozen=True, eq=False)
class NumberSummary:
    """A column of real numbers in short.

    Attributes
    ----------
    name, unit : str
    n_rows, n_missing : int
        Observations with a number, and without: silence has no level in dB, a whisper no pitch.
    least, greatest, mean, sd : float
    quantiles : tuple of float
        5, 25, 50, 75 and 95 %, interpolated.
    edges : ndarray of float64, shape (n_bins + 1,)
    counts : ndarray of int64, shape (n_bins, n_splits)
        Observations by bin and split; a bin holds its lower edge, the last one also its upper edge.
    origin : str
        Where the numbers are from, if it is not the manifest.
    """

    name: str
    unit: str
    n_rows: int
    n_missing: int
    least: float
    greatest: float
    mean: float
    sd: float
    quantiles: tuple[float, ...]
    edges: FloatArray
    counts: IntArray
    origin: str = ""

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def to_dict(self, splits: tuple[str, ...]) -> Json:
        """Return everything as plain values."""
        names = [f"{100 * q:g} %" for q in QUANTILES]
        return {
            "name": self.name,
            "unit": self.unit,
            "rows": self.n_rows,
            "missing": self.n_missing,
            "least": self.least,
            "greatest": self.greatest,
            "mean": self.mean,
            "sd": self.sd,
            "quantiles": dict(zip(names, self.quantiles, strict=True)),
            "edges": self.edges.tolist(),
            "counts": dict(zip(splits, self.counts.T.tolist(), strict=True)),
            "origin": self.origin,
        }


def summary_of(
    values: NDArray[Any], codes: NDArray[Any], *, name: str, unit: str, n_splits: int, origin: str = ""
) -> NumberSummary | None:
    """Return a column in short, or None if it has no number.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        What is not finite is missing.
    codes : ndarray of int, shape (n,)
        Split of each value, numbered from 0.
    name, unit, origin : str
    n_splits : int
    """
    is_there = np.isfinite(values)
    n_rows = int(np.count_nonzero(is_there))
    if not n_rows:
        return None
    if n_rows < len(values):
        values, codes = values[is_there], codes[is_there]
    least, greatest = float(values.min()), float(values.max())
    step = float(np.spacing(max(abs(least), abs(greatest)), dtype=values.dtype))
    n_bins = _BINS if greatest - least > _BINS * step else 1  # bins of rounding would have no width
    counts = [
        np.histogram(values[codes == split], bins=n_bins, range=(least, greatest))[0]
        for split in range(n_splits)
    ]
    quantiles = np.quantile(values, QUANTILES).tolist()
    return NumberSummary(
        name=name,
        unit=unit,
        n_rows=n_rows,
        n_missing=len(is_there) - n_rows,
        least=least,
        greatest=greatest,
        mean=float(values.mean(dtype=np.float64)),
        sd=float(values.std(dtype=np.float64)),
        quantiles=tuple(quantiles),
        edges=np.histogram_bin_edges([], bins=n_bins, range=(least, greatest)),
        counts=np.stack(counts, axis=1).astype(np.int64),
        origin=origin,
    )
