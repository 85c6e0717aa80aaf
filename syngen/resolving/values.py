"""The values of a factor, and the order that they must have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syngen.factors import Factor
from syngen.recipe.schema import FactorModel
from syngen.units import geometric_steps

if TYPE_CHECKING:
    from syngen._typing import Value

__all__ = ["listed_values", "order_message"]

_MOST_LISTED = 40


def order_message(factor: Factor, source: str) -> str:
    """Say that the levels of a factor must be in the order of its numbers."""
    ascending = sorted(factor.values, key=float)
    if source != "values":
        needed = f"give {source} from {ascending[0]:g} up to {ascending[-1]:g}"
    elif factor.size <= _MOST_LISTED:
        needed = f"write [{', '.join(map(repr, ascending))}]"
    else:
        needed = f"sort them, from {ascending[0]:g} to {ascending[-1]:g}"
    return (
        f"the values of {factor.name!r} do not ascend, and its levels have the order of its numbers: "
        f"{needed}; or say kind: nominal, which has no order"
    )


def listed_values(model: FactorModel) -> tuple[Value, ...]:
    """Return the values that linspace, geomspace, range or values of a recipe stand for."""
    if model.linspace is not None:
        start, stop, num = model.linspace.start, model.linspace.stop, model.linspace.num
        step = (stop - start) / max(1, num - 1)
        return (*(start + i * step for i in range(num - 1)), stop) if num > 1 else (start,)
    if model.geomspace is not None:
        return geometric_steps(model.geomspace.start, model.geomspace.stop, model.geomspace.num)
    if model.range is not None:
        return tuple(range(model.range.start, model.range.stop, model.range.step))
    return tuple(model.values or ())
