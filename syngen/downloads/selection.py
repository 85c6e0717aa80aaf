"""Which part of a release is wanted: as JSON for its description, and as rows of its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.errors import ParameterError

if TYPE_CHECKING:
    from syngen._typing import IntArray, Json

__all__ = ["selected_rows", "selection_document"]


def selection_document(
    split: str | None, where: Mapping[str, Any] | Sequence[str], limit: int | None
) -> Json:
    """Return what is selected in the form of JSON."""
    if isinstance(where, str):
        raise ParameterError(f"where is a mapping or a list of texts, not {where!r}")
    listed: dict[str, Any] = {}
    for condition in where if not isinstance(where, Mapping) else ():
        name, _, values = condition.partition("=")
        listed[name] = values
    if isinstance(where, Mapping):
        listed = {
            name: list(wanted) if isinstance(wanted, tuple) else np.asarray(wanted).tolist()
            for name, wanted in where.items()
        }
    found = {"split": split, "where": listed or None, "limit": limit}
    return {key: value for key, value in found.items() if value is not None}


def selected_rows(
    folder: Path, *, split: str | None, where: Mapping[str, Any] | Sequence[str], limit: int | None
) -> IntArray:
    """Return the rows of a dataset that are selected; its shards need not be there."""
    from syngen.loaders.dataset import FactorDataset
    from syngen.loaders.selection import conditions_in
    from syngen.loaders.sources.stored import StoredSource

    ds = FactorDataset(StoredSource(folder))
    conditions = dict(where) if isinstance(where, Mapping) else conditions_in(where, ds.grid)
    if split is not None:
        if "split" in conditions:
            raise ParameterError("split is given twice, among the conditions too; keep one")
        conditions["split"] = split
    return ds.select(**conditions)[:limit].rows
