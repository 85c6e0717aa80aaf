"""Rows of the table, and the register of what measures them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["MEASUREMENTS", "Row", "compared", "measures", "responded"]


@dataclass(frozen=True)
class Row:
    """One line of the table: what is declared, what was measured, how, and the largest difference."""

    name: str
    declared: str
    measured: str
    how: str
    difference: str

    def __str__(self) -> str:
        return f"| {self.name} | {self.declared} | {self.measured} | {self.how} | {self.difference} |"


Measurement = Callable[[str, int, np.random.Generator], Iterator[Row]]
MEASUREMENTS: dict[str, Measurement] = {}
"""What measures each declared name: called with the name, a number of observations, and a generator."""


def measures(*names: str) -> Callable[[Measurement], Measurement]:
    """Register a function as what measures some names."""

    def register(function: Measurement) -> Measurement:
        for name in names:
            if name in MEASUREMENTS:
                raise ValueError(f"{name} is measured twice")
            MEASUREMENTS[name] = function
        return function

    return register


def compared(
    name: str,
    declared: Sequence[float],
    measured: Sequence[float],
    *,
    unit: str,
    how: str,
    differences: Sequence[float] | None = None,
    difference_unit: str | None = None,
) -> Row:
    """Return the row of numbers that were declared and measured in pairs.

    Parameters
    ----------
    name : str
    declared, measured : sequence of float, the same length
    unit : str
    how : str
        The measurement in a few words.
    differences : sequence of float, optional
        By default measured less declared.
    difference_unit : str, optional
        By default `unit`.
    """
    if len(declared) != len(measured) or not len(declared):
        raise ValueError(f"{name}: {len(declared)} declared, {len(measured)} measured")
    if differences is None:
        differences = np.subtract(measured, declared).tolist()
    largest = max(differences, key=abs)
    unit_of = unit if difference_unit is None else difference_unit
    return Row(name, _span(declared, unit), _span(measured, unit), how, f"{largest:+.3g} {unit_of}".strip())


def responded(name: str, declared: str, measured: Sequence[float], *, unit: str, how: str) -> Row:
    """Return the row of a parameter without a unit of its own: what it does, and no difference."""
    return Row(name, declared, _span(measured, unit), how, "no unit of its own")


def _span(values: Sequence[float], unit: str) -> str:
    low, high = f"{min(values):.4g}", f"{max(values):.4g}"
    return f"{low if low == high else f'{low} to {high}'} {unit}".strip()
