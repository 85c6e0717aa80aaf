"""Factors, derived factors and what is drawn, as classes that a probe is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from syngen._typing import DatasetView, IntArray, Json
    from syngen.factors import Factor

__all__ = ["Target", "stated_groups", "targets_of", "ties"]

_MOST_ORDERED = 10


@dataclass(frozen=True, eq=False)
class Target:
    """A factor or a derived factor as classes.

    Attributes
    ----------
    name : str
    factor : str
        The factor that it is, or that it is derived from.
    labels : ndarray of int64, shape (n,)
        Classes from 0. An ordered factor of more than ten levels has ten classes of neighbours.
    n_classes : int
        That occur.
    """

    name: str
    factor: str
    labels: IntArray
    n_classes: int

    @property
    def is_derived(self) -> bool:
        return self.name != self.factor


def targets_of(dataset: DatasetView, levels: IntArray) -> list[Target]:
    """Return every factor and derived factor that has two classes or more.

    Parameters
    ----------
    dataset : DatasetView
    levels : ndarray of int64, shape (n, n_factors)
        Of the observations.
    """
    targets = [
        _target(f.name, f.name, _classes(f, levels[:, i])) for i, f in enumerate(dataset.grid.factors)
    ]
    for name, (factor, values) in dataset.derived.items():
        own: NDArray[Any] = np.asarray(values)[levels[:, dataset.grid.position(factor)]]
        targets.append(_target(name, factor, own))
    return [target for target in targets if target.n_classes > 1]


def _classes(factor: Factor, levels: IntArray) -> IntArray:
    if factor.is_ordered and factor.size > _MOST_ORDERED:
        return levels * _MOST_ORDERED // factor.size
    return levels


def _target(name: str, factor: str, values: NDArray[Any]) -> Target:
    found, labels = np.unique(values, return_inverse=True)
    return Target(name, factor, labels.astype(np.int64), len(found))


def stated_groups(sampling: Json) -> list[frozenset[str]]:
    """Return groups of factors that a recipe ties to each other by correlations or conditions.

    Parameters
    ----------
    sampling : dict
        What a recipe has under ``sampling``.
    """
    groups: list[frozenset[str]] = []
    for names in filter(None, map(frozenset, _named_together(sampling))):
        touching = [group for group in groups if group & names]
        groups = [group for group in groups if not group & names] + [names.union(*touching)]
    return groups


def _named_together(sampling: Json) -> Iterator[list[str]]:
    for correlation in sampling.get("correlations") or ():
        yield correlation["factors"]
    # a point must meet one of these: whether it need meet the first depends on what the second names
    yield [name for condition in sampling.get("where") or () for name in condition]
    yield from (list(condition) for condition in sampling.get("exclude") or ())


def ties(groups: list[frozenset[str]], first: str, second: str) -> bool:
    """Return whether a recipe states that two factors depend on each other."""
    return any({first, second} <= group for group in groups)
