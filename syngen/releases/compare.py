"""What differs between two releases, or two datasets: factors, observations, hashes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.loaders.sources.stored import hash_array
from syngen.storage.description import Description
from syngen.storage.tables.columns import categories

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import BoolArray, DatasetView, IntArray
    from syngen.factors import Factor, FactorGrid

__all__ = ["Difference", "FactorChange", "compare"]

_MOST_VALUES = 20
_EXAMPLES = 5


@dataclass(frozen=True)
class FactorChange:
    """How a factor differs.

    Attributes
    ----------
    factor : str
    change : {"added", "removed", "changed"}
    details : dict
        Of a changed one: old and new kind or unit, values ``added`` and ``removed`` (the first twenty
        with their number), ``reordered``.
    """

    factor: str
    change: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """What differs from A to B.

    Attributes
    ----------
    a, b : dict
        Name, version, version of the recipe, fingerprint, observations, hours, codec, shards and bytes.
    factors : tuple of FactorChange
    only_a, only_b : int
        Observations that the other has not: whose values of factors it has not.
    same : int
        Observations with the same samples in both.
    changed : int
        Observations with other samples.
    moved : int
        Observations of both that are stored by another split.
    changed_by_factor : dict
        For each factor, by value: ``{"changed": n, "common": m}`` of those values of which observations
        changed. Empty unless some changed.
    examples : list of dict
        Values of the first observations that changed.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    factors: tuple[FactorChange, ...]
    only_a: int
    only_b: int
    same: int
    changed: int
    moved: int
    changed_by_factor: dict[str, dict[str, dict[str, int]]]
    examples: list[dict[str, Any]]

    @property
    def is_same_audio(self) -> bool:
        """Whether both have the same observations with the same samples."""
        return not (self.factors or self.only_a or self.only_b or self.changed)

    def lines(self) -> Iterator[str]:
        """Yield the difference for people, a line each."""
        for key in self.a:
            there, here = self.a[key], self.b[key]
            yield f"{key:<13} {there}" + ("" if there == here else f" -> {here}")
        for change in self.factors:
            told = "; ".join(f"{key} {_told(value)}" for key, value in change.details.items())
            yield f"factor {change.factor}: {change.change}{f': {told}' if told else ''}"
        yield (
            f"observations  {self.same:,} the same, {self.changed:,} with other samples, "
            f"{self.only_a:,} only in A, {self.only_b:,} only in B"
        )
        if self.moved:
            yield f"splits        {self.moved:,} observations are in another split"
        for factor, by_value in self.changed_by_factor.items():
            for value, counts in by_value.items():
                yield f"changed       {factor} {value}: {counts['changed']:,} of {counts['common']:,}"
        if self.is_same_audio:
            yield "the audio of both is the same"


def _told(value: object) -> str:
    if isinstance(value, dict):
        return f"{value['count']:,} ({', '.join(map(str, value['values']))})"
    return f"{value[0]} -> {value[1]}" if isinstance(value, list) else str(value)


def compare(a: DatasetView, of_a: Description, b: DatasetView, of_b: Description) -> Difference:
    """Return what differs from a dataset to another.

    Observations are the same if they have the same values of all factors. If the factors have other
    names, no observation of one is an observation of the other.

    Parameters
    ----------
    a, b : DatasetView
    of_a, of_b : Description
    """
    rows_a, rows_b = _common_rows(a, b)
    hashes_a, hashes_b = (hash_array(ds.table.column("pcm_sha256")) for ds in (a, b))
    is_changed = (hashes_a[rows_a] != hashes_b[rows_b]).any(axis=1)
    splits_a, splits_b = _splits(a)[rows_a], _splits(b)[rows_b]
    return Difference(
        a=_summary(of_a),
        b=_summary(of_b),
        factors=tuple(_factor_changes(a.grid, b.grid)),
        only_a=len(a) - len(rows_a),
        only_b=len(b) - len(rows_b),
        same=int((~is_changed).sum()),
        changed=int(is_changed.sum()),
        moved=int((splits_a != splits_b).sum()),
        changed_by_factor=_by_factor(a, rows_a, is_changed),
        examples=_examples(a, rows_a[is_changed][:_EXAMPLES]),
    )


def _summary(description: Description) -> dict[str, Any]:
    release = description.release
    return {
        "name": description.recipe["name"],
        "version": release.version if release else "no release",
        "recipe": description.recipe.get("version", "1.0.0"),
        "fingerprint": description.fingerprint,
        "syngen": description.versions.get("syngen"),
        "licence": description.licence,
        "rows": description.n_rows,
        "hours": round(description.hours, 6),
        "codec": description.codec,
        "shards": len(description.shards),
        "bytes": sum(shard.bytes for shard in description.shards),
    }


def _factor_changes(a: FactorGrid, b: FactorGrid) -> Iterator[FactorChange]:
    for name in (*a.names, *(name for name in b.names if name not in a)):
        if name not in b:
            yield FactorChange(name, "removed")
        elif name not in a:
            yield FactorChange(name, "added")
        elif details := _details(a[name], b[name]):
            yield FactorChange(name, "changed", details)


def _details(old: Factor, new: Factor) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for key in ("kind", "unit"):
        if getattr(old, key) != getattr(new, key):
            details[key] = [getattr(old, key), getattr(new, key)]
    added, removed = set(new.values) - set(old.values), set(old.values) - set(new.values)
    for key, values, among in (("added", added, new.values), ("removed", removed, old.values)):
        if values:
            shown = [value for value in among if value in values][:_MOST_VALUES]
            details[key] = {"count": len(values), "values": shown}
    if not added and not removed and old.values != new.values:
        details["reordered"] = True
    return details


def _common_rows(a: DatasetView, b: DatasetView) -> tuple[IntArray, IntArray]:
    """Return the rows of A and of B that have the same values, int64 of the same length, in A's order."""
    nothing = np.empty(0, dtype=np.int64)
    if set(a.grid.names) != set(b.grid.names):
        return nothing, nothing
    levels_a, levels_b = np.asarray(a.levels), np.asarray(b.levels)
    translated = np.empty_like(levels_a)
    for position, factor in enumerate(b.grid.factors):
        of_a = a.grid[factor.name]
        place = {value: level for level, value in enumerate(factor.values)}
        there = np.array([place.get(value, -1) for value in of_a.values], dtype=np.int64)
        translated[:, position] = there[levels_a[:, a.grid.names.index(factor.name)]]
    is_known = (translated >= 0).all(axis=1)
    known = np.flatnonzero(is_known)
    points_a, points_b = b.grid.indices_of(translated[known]), b.grid.indices_of(levels_b)
    order = np.argsort(points_b, kind="stable")
    if not len(order) or not len(known):
        return nothing, nothing
    found = np.minimum(np.searchsorted(points_b[order], points_a), len(order) - 1)
    is_common = points_b[order][found] == points_a
    return known[is_common], order[found[is_common]]


def _splits(dataset: DatasetView) -> NDArray[Any]:
    names, codes = categories(dataset.table, "split")
    return np.array(names, dtype=str)[codes]


def _by_factor(
    dataset: DatasetView, rows: IntArray, is_changed: BoolArray
) -> dict[str, dict[str, dict[str, int]]]:
    if not is_changed.any():
        return {}
    found: dict[str, dict[str, dict[str, int]]] = {}
    for position, factor in enumerate(dataset.grid.factors):
        levels = np.asarray(dataset.levels)[rows, position]
        common = np.bincount(levels, minlength=factor.size)
        changed = np.bincount(levels[is_changed], minlength=factor.size)
        if np.array_equal(common, changed) and factor.size > 1:
            continue  # all of every value: nothing that this factor explains
        found[factor.name] = {
            str(factor.values[level]): {"changed": int(changed[level]), "common": int(common[level])}
            for level in np.flatnonzero(changed)[:_MOST_VALUES].tolist()
        }
    return found


def _examples(dataset: DatasetView, rows: IntArray) -> list[dict[str, Any]]:
    levels = np.asarray(dataset.levels)
    return [
        {
            "row": int(row),
            **{
                factor.name: factor.values[int(levels[row, position])]
                for position, factor in enumerate(dataset.grid.factors)
            },
        }
        for row in rows
    ]
