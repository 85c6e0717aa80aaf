"""Factors, nuisances and settings of a recipe against what a synthesizer declares."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from syngen.errors import FactorError, Issue, ParameterError, suggestion
from syngen.factors import Factor
from syngen.nuisances import Choice, Distribution, LogUniform, Normal, Nuisance, Uniform
from syngen.recipe.hints import unknown_key
from syngen.recipe.messages import is_number
from syngen.recipe.schema import VALUE_SOURCES, FactorModel, NuisanceModel, Recipe
from syngen.resolving.values import listed_values, order_message
from syngen.synth.plugin import FactorSpec, SettingSpec, Synthesizer
from syngen.synth.request import Parameter

if TYPE_CHECKING:
    from pathlib import Path

    from syngen._typing import DocumentPath, Kind, Setting, Value

__all__ = ["ResolvedParameters", "resolve_parameters"]


@dataclass(frozen=True)
class ResolvedParameters:
    """What became of the sections factors, nuisances and settings.

    Attributes
    ----------
    factors : tuple of Factor
        Those without problems.
    factor_names : mapping of str to None
        All that the recipe names, in order, sound or not.
    nuisances : tuple of Nuisance
    parameters : mapping of str to Parameter
    settings : mapping of str to value
    is_complete : bool
        Whether every variable and setting of the synthesizer is among them.
    external : mapping of str to tuple
        Values of the factors that the recipe takes from elsewhere.
    """

    factors: tuple[Factor, ...]
    factor_names: Mapping[str, None]
    nuisances: tuple[Nuisance, ...]
    parameters: Mapping[str, Parameter]
    settings: Mapping[str, Setting]
    is_complete: bool
    external: Mapping[str, tuple[Value, ...]]


def resolve_parameters(
    recipe: Recipe, synthesizer: Synthesizer, issues: list[Issue], *, is_new: bool = False
) -> ResolvedParameters:
    """Match the recipe's sections with the synthesizer's declarations; problems go to `issues`.

    Values of ordered factors must ascend where the recipe `is_new`.
    """
    specs = {spec.name: spec for spec in synthesizer.factors}
    broken = {str(path[1]): path[0] for path in recipe.broken if len(path) > 1}
    factor_names = dict.fromkeys(
        [*recipe.factors, *(name for name, section in broken.items() if section == "factors")]
    )
    n_before = len(issues)
    factors: list[Factor] = []
    nuisances: list[Nuisance] = []
    parameters: dict[str, Parameter] = {}
    external: dict[str, tuple[Value, ...]] = {}
    for name, factor_model in recipe.factors.items():
        path: DocumentPath = ("factors", name)
        spec = _spec(specs, name, path, synthesizer, issues)
        if spec is None:  # whoever misspells a factor here names it properly elsewhere, which is no fault
            factor_names |= dict.fromkeys(difflib.get_close_matches(name, specs, n=1))
        found = spec and _factor(spec, factor_model, path, recipe.folder, issues)
        if spec and found:
            factor, source = found
            if is_new and factor.is_ordered and not factor.is_sorted:
                issues.append(Issue((*path, source), order_message(factor, source)))
                continue
            factors.append(factor)
            parameters[name] = Parameter(name, "factor", factor.unit, factor.values, (*path, source))
            if source in spec.sources and spec.sources[source].is_external:
                external[name] = factor.values
    for name, nuisance_model in recipe.nuisances.items():
        path = ("nuisances", name)
        spec = _spec(specs, name, path, synthesizer, issues)
        if name in recipe.factors:
            issues.append(Issue(path, f"{name!r} is a factor already; keep one of the two"))
        elif spec and (drawn := _nuisance(spec, nuisance_model, path, issues)):
            nuisance, parameters[name] = drawn
            nuisances.append(nuisance)
    settings = _settings(recipe, synthesizer, specs, parameters, issues)
    for spec in specs.values():
        if spec.name not in parameters and spec.default is not None:
            parameters[spec.name] = Parameter(
                spec.name, "fixed", spec.default_unit, (spec.default,), ("factors",)
            )
    optional = {spec.name for spec in specs.values() if spec.is_optional}
    missing = [n for n in specs if n not in {*parameters, *factor_names, *broken, *optional}]
    if missing and len(issues) == n_before:
        issues += [
            Issue(
                ("factors",),
                f"the {synthesizer.name} synthesizer needs {name!r}: add it to factors, "
                "nuisances or settings",
            )
            for name in missing
        ]
    _check_columns(recipe, issues)
    is_complete = set(parameters) | optional == set(specs) and not recipe.broken
    return ResolvedParameters(
        tuple(factors), factor_names, tuple(nuisances), parameters, settings, is_complete, external
    )


def _spec(
    specs: Mapping[str, FactorSpec],
    name: str,
    path: DocumentPath,
    synthesizer: Synthesizer,
    issues: list[Issue],
) -> FactorSpec | None:
    if name not in specs:
        issues.append(
            Issue(
                path,
                f"the {synthesizer.name} synthesizer has no factor {name!r}"
                f"{suggestion(name, specs)}; it has {', '.join(specs)}",
            )
        )
    return specs.get(name)


def _factor(
    spec: FactorSpec, model: FactorModel, path: DocumentPath, folder: Path | None, issues: list[Issue]
) -> tuple[Factor, str] | None:
    """Return a factor and the key that gives its values, or None after reporting why there is none."""
    n_before = len(issues)
    extra = model.model_extra or {}
    sources = (*VALUE_SOURCES, *spec.sources)
    options = {option for source in spec.sources.values() for option in source.options}
    for key in set(extra) - set(sources) - options:
        known = (*sources, *options, "unit", "kind")
        issues.append(Issue((*path, key), unknown_key(key, known)))
    given = [s for s in sources if extra.get(s) is not None or getattr(model, s, None) is not None]
    if len(given) != 1:
        if len(issues) == n_before:
            found = " and ".join(given) or "none"
            needed = ", ".join(sources)
            issues.append(Issue(path, f"exactly one of {needed} is needed; found {found}"))
        return None
    taken = spec.sources[given[0]].options if given[0] in spec.sources else ()
    issues += [
        Issue((*path, key), f"{key!r} does not go with {given[0]!r}; leave it out")
        for key in sorted((set(extra) & options) - set(taken))
    ]
    kind = model.kind or spec.kind
    unit = _unit(spec, model.unit, path, issues)
    if unit is None or len(issues) > n_before:
        return None
    if given[0] in spec.sources:
        source = spec.sources[given[0]]
        try:
            values = tuple(source.make({k: extra[k] for k in (given[0], *taken) if k in extra}, folder))
        except (FactorError, ParameterError) as error:
            issues.append(Issue((*path, given[0]), str(error)))
            return None
    else:
        values = listed_values(model)
    is_listed = given[0] == "values"
    checked: list[Value] = []
    for i, value in enumerate(values):
        place = (*path, "values", i) if is_listed else (*path, given[0])
        sound = _checked(spec, value, unit, kind, place, issues)
        if sound is None and not is_listed:
            break  # one message is enough for a formula
        if sound is not None:
            checked.append(sound)
    if len(issues) > n_before:
        return None
    try:
        return Factor(spec.name, tuple(checked), kind, unit), given[0]
    except FactorError as error:
        issues.append(Issue((*path, given[0]), str(error)))
        return None


def _unit(spec: FactorSpec, unit: str | None, path: DocumentPath, issues: list[Issue]) -> str | None:
    """Return the unit that is meant, or None after reporting that there is no such unit."""
    if unit is None:
        return spec.default_unit
    if unit in spec.units:
        return unit
    if unit in spec.former_units:
        issues.append(Issue((*path, "unit"), f"{spec.name} in {unit}: {spec.former_units[unit]}"))
        return None
    options = [name or "none (linear)" for name in spec.units]
    known = f"it has {', '.join(options)}" if options else "its values have none"
    issues.append(
        Issue(
            (*path, "unit"),
            f"{spec.name!r} has no unit {unit!r}{suggestion(unit, spec.units)}; {known}",
        )
    )
    return None


def _checked(
    spec: FactorSpec,
    value: Value,
    unit: str,
    kind: Kind,
    path: DocumentPath,
    issues: list[Issue],
) -> Value | None:
    """Return a value in the type of its kind, or None after reporting why it cannot be one."""
    if not spec.units:
        options = spec.options()
        if not isinstance(value, str):
            problem = f"{spec.name!r} is text; {value!r} is a number"
        elif options and value not in options:
            problem = (
                f"unknown {spec.name} {value!r}{suggestion(value, options)}; there are {', '.join(options)}"
            )
        elif kind == "continuous":
            problem = f"{spec.name!r} is text and cannot be continuous; use nominal or ordinal"
        else:
            return value
        issues.append(Issue(path, problem))
        return None
    if isinstance(value, str):
        hint = "remove the quotes" if is_number(value) else "write a number"
        issues.append(Issue(path, f"{spec.name!r} is a number; {value!r} is text: {hint}"))
        return None
    low, high = spec.units[unit]
    if not _is_within(value, low, high):
        shown = _range(low, high)
        former = "".join(f"; if that is in {name}: {why}" for name, why in spec.former_units.items())
        shown += f" {unit}" if unit else ""
        issues.append(Issue(path, f"{spec.name} {value:g} is outside {shown}{former}"))
        return None
    return float(value) if spec.kind == "continuous" else value


def _range(low: float | None, high: float | None) -> str:
    """Return bounds as text; one that is not there is left out."""
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"


def _is_within(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _nuisance(
    spec: FactorSpec, model: NuisanceModel, path: DocumentPath, issues: list[Issue]
) -> tuple[Nuisance, Parameter] | None:
    unit = _unit(spec, model.unit, path, issues)
    if unit is None:
        return None
    source, distribution = _distribution(model)
    place = (*path, source)
    if source != "choice" and not spec.units:
        issues.append(Issue(place, f"{spec.name!r} is text; use choice: [...]"))
        return None
    n_before = len(issues)
    bounds = [
        _checked(spec, bound, unit, spec.kind, (*place, i) if source == "choice" else place, issues)
        for i, bound in enumerate(distribution.bounds)
    ]
    if len(issues) > n_before:
        return None
    values = tuple(cast("list[Value]", bounds))
    if isinstance(distribution, Choice):
        if len(set(values)) < len(values):
            issues.append(Issue(place, "a choice appears more than once"))
            return None
        distribution = Choice(values)
    return (
        Nuisance(spec.name, distribution, unit),
        Parameter(spec.name, "nuisance", unit, values, place),
    )


def _distribution(model: NuisanceModel) -> tuple[str, Distribution]:
    if model.uniform is not None:
        return "uniform", Uniform(float(model.uniform.low), float(model.uniform.high))
    if model.log_uniform is not None:
        return "log_uniform", LogUniform(model.log_uniform.low, model.log_uniform.high)
    if model.normal is not None:
        normal = model.normal
        return "normal", Normal(normal.mean, normal.sd, normal.low, normal.high)
    return "choice", Choice(tuple(model.choice or ()))


def _settings(
    recipe: Recipe,
    synthesizer: Synthesizer,
    specs: Mapping[str, FactorSpec],
    parameters: dict[str, Parameter],
    issues: list[Issue],
) -> dict[str, Setting]:
    """Return all settings, and add factors that are fixed under settings to `parameters`."""
    known = {spec.name: spec for spec in synthesizer.settings}
    settings = {name: spec.default for name, spec in known.items()}
    for name, value in recipe.settings.items():
        path: DocumentPath = ("settings", name)
        if name in known:
            problem = _setting_problem(known[name], value)
            if problem:
                issues.append(Issue(path, problem))
            else:
                default = known[name].default
                settings[name] = value if isinstance(default, Mapping) else type(default)(value)
        elif name in specs:
            if name in recipe.factors or name in recipe.nuisances:
                issues.append(Issue(path, f"{name!r} varies already; keep one of the two"))
            elif fixed := _fixed(specs[name], value, path, issues):
                parameters[name] = fixed
        else:
            options = [*known, *specs]
            issues.append(
                Issue(
                    path,
                    f"the {synthesizer.name} synthesizer has no setting {name!r}"
                    f"{suggestion(name, options)}; it has {', '.join(options)}",
                )
            )
    return settings


def _fixed(spec: FactorSpec, given: Setting, path: DocumentPath, issues: list[Issue]) -> Parameter | None:
    """Return a factor that settings fix, by a bare value or by ``{value: ..., unit: ...}``."""
    value, unit = given, spec.default_unit
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in ("value", "unit")]
        issues += [
            Issue((*path, key), f"unknown key {key!r}{suggestion(key, ('value', 'unit'))}")
            for key in unknown
        ]
        if "value" not in given and not unknown:
            issues.append(Issue(path, f"a map that fixes {spec.name!r} needs value, and may have unit"))
        if unknown or "value" not in given:
            return None
        value, stated = given["value"], given.get("unit")
        if stated is not None and not isinstance(stated, str):
            issues.append(Issue((*path, "unit"), f"unit is text, not {stated!r}"))
            return None
        found = _unit(spec, stated, path, issues)
        if found is None:
            return None
        unit, path = found, (*path, "value")
    if isinstance(value, bool | list | Mapping):
        issues.append(Issue(path, f"{spec.name!r} cannot be {value}"))
        return None
    sound = _checked(spec, value, unit, spec.kind, path, issues)
    if sound is None and given is value and len(spec.units) > 1 and not isinstance(value, str):
        hint = f"; another unit is given as {{value: {value:g}, unit: {list(spec.units)[1]}}}"
        issues[-1] = replace(issues[-1], message=issues[-1].message + hint)
    return None if sound is None else Parameter(spec.name, "fixed", unit, (sound,), path)


def _setting_problem(spec: SettingSpec, value: Setting) -> str | None:
    wanted = type(spec.default)
    if isinstance(spec.default, Mapping):
        return None if isinstance(value, Mapping) else f"{spec.name} is a map, not {value!r}"
    if wanted is tuple:
        is_texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return None if is_texts else f"{spec.name} is a list of texts, not {value!r}"
    fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and wanted is not bool):
        words = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}
        return f"{spec.name} is {words[wanted]}, not {value!r}"
    if spec.choices and value not in spec.choices:
        return (
            f"{spec.name} cannot be {value!r}{suggestion(value, spec.choices)}; "
            f"it is one of {', '.join(spec.choices)}"
        )
    low, high = spec.bounds
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and not _is_within(float(value), low, high):
        return f"{spec.name} {value:g} is outside {_range(low, high)}"
    return None


def _check_columns(recipe: Recipe, issues: list[Issue]) -> None:
    """Refuse names that would give the manifest the same column twice."""
    levels = {f"{name}_level": name for name in recipe.factors}
    for section, names in (("factors", recipe.factors), ("nuisances", recipe.nuisances)):
        issues += [
            Issue(
                (section, name),
                f"{name!r} is also the column of the levels of {levels[name]!r}; rename one",
            )
            for name in names
            if name in levels
        ]
