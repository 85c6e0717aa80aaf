"""Single columns of a dataset's manifest, of a view, and of a large manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import syngen
from syngen.errors import FactorError


@pytest.mark.parametrize("large", [1, 1_000_000])
def test_columns_are_those_of_the_table(
    large: int, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syngen.loaders.sources.stored.LARGE", large)
    ds = syngen.load(tiny_dataset)
    view = ds.select(timbre="sine")[::2]
    assert ds.column_names == view.column_names == tuple(ds.table.column_names)
    for name in ("peak", "split", "frequency", "pcm_sha256"):
        assert ds.column(name).to_pylist() == ds.table.column(name).to_pylist()
        assert view.column(name).to_pylist() == view.table.column(name).to_pylist()
    with pytest.raises(FactorError, match="no column 'peek' .did you mean 'peak'"):
        ds.column("peek")


@pytest.mark.parametrize("large", [1, 1_000_000])
def test_the_split_of_each_observation_is_a_position_among_the_splits(
    large: int, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syngen.loaders.sources.stored.LARGE", large)
    view = syngen.load(tiny_dataset).select(timbre=["sine", "square"])
    for column, names in view.splits.items():
        found = np.array(names)[view.split_column(column)]
        assert found.tolist() == view.table.column(column).to_pylist()
    assert view.split_column().tolist() == view.split_column("split").tolist()
    with pytest.raises(FactorError, match="no split scheme 'split_compositoin' .did you mean"):
        view.split_column("split_compositoin")


def test_a_rendered_dataset_has_no_columns_of_storage() -> None:
    ds = syngen.render("syntone-tiny")
    assert ds.column_names == tuple(ds.table.column_names)
    assert "peak" not in ds.column_names
    assert ds.column("timbre").to_pylist() == ds.values["timbre"].tolist()
