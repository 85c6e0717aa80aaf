"""Columns of numbers in short, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from syngen.evaluation.statistics.numbers import NumberSummary, summary_of


def summary(values: np.ndarray, codes: np.ndarray | None = None, n_splits: int = 1) -> NumberSummary:
    if codes is None:
        codes = np.zeros(len(values), dtype=np.uint8)
    found = summary_of(values, codes, name="rms_db", unit="dB", n_splits=n_splits)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_moments_and_quantiles_are_those_of_pandas(kind: type, rng: np.random.Generator) -> None:
    values = rng.normal(-20.0, 3.0, size=999).astype(kind)
    found, wanted = summary(values), pd.Series(values.astype(np.float64))
    assert (found.n_rows, found.n_missing) == (999, 0)
    assert (found.least, found.greatest) == (wanted.min(), wanted.max())
    assert found.mean == pytest.approx(wanted.mean(), rel=1e-9)
    assert found.sd == pytest.approx(wanted.std(ddof=0), rel=1e-6)
    np.testing.assert_allclose(found.quantiles, wanted.quantile([0.05, 0.25, 0.5, 0.75, 0.95]), rtol=1e-6)


def test_the_histogram_is_that_of_numpy_by_split(rng: np.random.Generator) -> None:
    values, codes = rng.random(500), rng.integers(3, size=500)
    found = summary(values, codes, n_splits=4)
    counts, edges = np.histogram(values, bins=40)
    np.testing.assert_allclose(found.edges, edges)
    np.testing.assert_array_equal(found.counts.sum(axis=1), counts)
    np.testing.assert_array_equal(found.counts.sum(axis=0), np.bincount(codes, minlength=4))


def test_what_is_not_finite_is_missing(rng: np.random.Generator) -> None:
    values = np.array([1.0, np.nan, 3.0, -np.inf])
    found = summary(values, np.array([0, 1, 1, 1]), n_splits=2)
    assert (found.n_rows, found.n_missing, found.mean) == (2, 2, 2.0)
    assert found.counts.sum(axis=0).tolist() == [1, 1]
    assert summary_of(values[1:2], np.zeros(1, dtype=int), name="x", unit="", n_splits=1) is None


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("steps", [1, 39, 40, 41, 400])
def test_numbers_that_differ_by_rounding_are_counted(kind: type, steps: int) -> None:
    least = kind(-11.0)
    values = np.array([least, least + kind(steps) * np.spacing(-least)], dtype=kind)
    found = summary(values)
    assert len(found.edges) - 1 == len(found.counts) == (40 if steps > 40 else 1)
    assert found.counts.sum() == 2


def test_a_column_of_one_value_has_one_bin() -> None:
    found = summary(np.full(7, 0.25, dtype=np.float32))
    assert (found.counts.tolist(), found.least, found.greatest, found.sd) == ([[7]], 0.25, 0.25, 0.0)
    content = found.to_dict(("train",))
    assert content["counts"] == {"train": [7]}
    assert content["quantiles"]["50 %"] == 0.25
