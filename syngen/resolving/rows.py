"""Sampling and splits of a recipe against its grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import FactorError, Issue, suggestion
from syngen.factors import Condition, FactorGrid
from syngen.recipe.schema import Recipe, SplitModel
from syngen.sampling import Correlation, Sampling
from syngen.splits import (
    EVERYTHING_TRAIN,
    REST,
    Scheme,
    between_levels,
    beyond_levels,
    level_condition,
    whole_levels,
)

if TYPE_CHECKING:
    from syngen._typing import DocumentPath

__all__ = ["resolve_sampling", "resolve_splits"]

_USUAL_SPLITS = ("train", "validation", "test", "val", "dev")


def resolve_sampling(
    recipe: Recipe,
    grid: FactorGrid,
    names: Mapping[str, None],
    issues: list[Issue],
    *,
    is_new: bool = False,
) -> Sampling:
    """Compile the section sampling; `names` are all factors of the recipe, sound or not."""
    model = recipe.sampling
    path: DocumentPath = ("sampling",)
    where = _conditions(model.where or (), (*path, "where"), grid, names, issues)
    exclude = _conditions(model.exclude or (), (*path, "exclude"), grid, names, issues)
    correlations: list[Correlation] = []
    for i, pair in enumerate(model.correlations or ()):
        place: DocumentPath = (*path, "correlations", i, "factors")
        first, second = pair.factors
        known = [_is_known(f, (*place, j), grid, names, issues) for j, f in enumerate(pair.factors)]
        if not all(known):
            continue
        if first == second:
            issues.append(Issue(place, f"{first!r} cannot be correlated with itself"))
            continue
        twice = any({c.first, c.second} == {grid.position(f) for f in pair.factors} for c in correlations)
        if is_new and twice:
            message = f"{first!r} and {second!r} are correlated already, in whichever order; keep one"
            issues.append(Issue(place, message))
            continue
        nominal = [name for name in pair.factors if not grid[name].is_ordered]
        if nominal:
            issues.append(Issue(place, f"factor {nominal[0]!r} is nominal; a correlation needs an order"))
            continue
        correlations.append(
            Correlation(grid.position(first), grid.position(second), pair.sigma, f"{first},{second}")
        )
    return Sampling(model.size, where, exclude, tuple(correlations))


def resolve_splits(
    recipe: Recipe,
    grid: FactorGrid,
    names: Mapping[str, None],
    issues: list[Issue],
    *,
    is_new: bool = False,
) -> tuple[Scheme, ...]:
    """Compile the section splits; the default scheme comes first."""
    schemes = {"default": EVERYTHING_TRAIN}
    for name, model in recipe.splits.items():
        if is_new and name in _USUAL_SPLITS:
            message = f"this is a scheme, and {name!r} is the name of a split; call it default, for example"
            issues.append(Issue(("splits", name), message))
            continue
        scheme = _scheme(name, model, recipe.seed, grid, names, issues)
        if scheme is not None:
            schemes[name] = scheme
            if is_new and scheme.is_composition:
                issues += _whole_values_held_out(scheme, grid)
    return tuple(schemes.values())


def _scheme(
    name: str,
    model: SplitModel,
    seed: int,
    grid: FactorGrid,
    names: Mapping[str, None],
    issues: list[Issue],
) -> Scheme | None:
    path: DocumentPath = ("splits", name)
    if model.random is not None:
        return Scheme(name, fractions=tuple((k, float(v)) for k, v in model.random.items()))
    if model.hold_out is not None:
        conditions = _conditions(model.hold_out, (*path, "hold_out"), grid, names, issues)
        held_out = (("test", conditions),)
        return Scheme(name, fixed=held_out, is_composition=True) if conditions else None
    rule = model.interpolation or model.extrapolation or model.by_factor
    kind = next(k for k in ("interpolation", "extrapolation", "by_factor") if getattr(model, k))
    if rule is None or not _is_known(rule.factor, (*path, kind, "factor"), grid, names, issues):
        return None
    factor = grid[rule.factor]
    try:
        if model.interpolation is not None:
            chosen = between_levels(factor, model.interpolation.every)
        elif model.extrapolation is not None:
            below, above = model.extrapolation.below, model.extrapolation.above
            chosen = beyond_levels(factor, below=below, above=above)
        else:
            by_factor = model.by_factor
            shares = [("test", by_factor.test)] if by_factor else []
            if by_factor and by_factor.validation is not None:
                shares.append(("validation", by_factor.validation))
            parts = whole_levels(factor, shares, seed=seed, name=name)
            return Scheme(
                name,
                fixed=tuple((split, (level_condition(grid, factor, c),)) for split, c in parts),
                fractions=REST if len(parts) == 1 else (("train", 1.0),),
            )
    except FactorError as error:
        issues.append(Issue((*path, kind), str(error)))
        return None
    return Scheme(name, fixed=(("test", (level_condition(grid, factor, chosen),)),))


def _whole_values_held_out(scheme: Scheme, grid: FactorGrid) -> list[Issue]:
    """Return what is to be said about conditions on a single factor: no combinations are unseen."""
    issues = []
    for i, condition in enumerate(scheme.fixed[0][1]):
        cut = [(position, table) for position, table in condition.allowed if not table.all()]
        if len(cut) != 1:
            continue
        position, table = cut[0]
        factor = grid.factors[position]
        values = [factor.values[level] for level in np.flatnonzero(table)]
        listed = f"[{', '.join(map(str, values))}]" if len(values) <= 8 else "[...]"
        message = (
            f"holding out values of {factor.name!r} alone leaves train without them; that is by_factor: "
            f"{{factor: {factor.name}, test: {listed}}}. hold_out needs two factors or more"
        )
        issues.append(Issue(("splits", scheme.name, "hold_out", i), message))
    return issues


def _conditions(
    models: Sequence[Mapping[str, object]],
    path: DocumentPath,
    grid: FactorGrid,
    names: Mapping[str, None],
    issues: list[Issue],
) -> tuple[Condition, ...]:
    """Compile a list of conditions; those with problems are reported and left out."""
    compiled = []
    for i, model in enumerate(models):
        n_before = len(issues)
        for name, term in model.items():
            place = (*path, i, name)
            if not _is_known(name, place, grid, names, issues) or name not in grid:
                continue
            try:
                allowed = grid[name].levels_where(term)
                if not allowed.any():
                    raise FactorError(f"no value of factor {name!r} lies in this range")
            except FactorError as error:
                issues.append(Issue(place, str(error)))
        if len(issues) == n_before and all(name in grid for name in model):
            compiled.append(grid.condition(model))
    return tuple(compiled)


def _is_known(
    name: str,
    path: DocumentPath,
    grid: FactorGrid,
    names: Mapping[str, None],
    issues: list[Issue],
) -> bool:
    """Whether a factor is in the grid; reports it unless the recipe names it, with a problem."""
    if name not in grid and name not in names:
        issues.append(
            Issue(path, f"no factor {name!r}{suggestion(name, names)}; there are {', '.join(names)}")
        )
    return name in grid
