"""What a recipe may say: the model that the YAML document is checked against.

The model knows the form of a recipe, not which factors a synthesizer has; `syngen.resolving.resolve` joins
the two. The JSON Schema for editors is made from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)

from syngen._typing import DocumentPath
from syngen._values import check_whole
from syngen.recipe.fields import (
    MAX_DURATION_S,
    MAX_LEVELS,
    NAME_PATTERN,
    SCALAR_SCHEMA,
    FactorName,
    Model,
    Number,
    Setting,
    SplitName,
    Values,
    checked_recipe_name,
    checked_scalar,
    shown,
)
from syngen.recipe.hints import in_yaml

__all__ = [
    "VALUE_SOURCES",
    "CorrelationModel",
    "FactorModel",
    "NuisanceModel",
    "Recipe",
    "SamplingModel",
    "SplitModel",
    "json_schema",
]


class AudioModel(Model):
    """Sampling rate in Hz, and length in seconds."""

    sample_rate: Annotated[int, Field(ge=1_000, le=384_000)] = 16_000
    duration: Annotated[float, Field(gt=0.0, le=MAX_DURATION_S)] | None = None


class Linspace(Model):
    """Equal steps: start + i * step; the last value is stop."""

    start: float
    stop: float
    num: Number

    @model_validator(mode="after")
    def _finite_step(self) -> Self:
        if not math.isfinite(self.stop - self.start):
            raise ValueError(f"{self.start:g} and {self.stop:g} are too far apart to be divided")
        return self


class Geomspace(Model):
    """Equal ratios from start to stop, both positive."""

    start: Annotated[float, Field(gt=0.0)]
    stop: Annotated[float, Field(gt=0.0)]
    num: Number


class RangeModel(Model):
    """Whole numbers start, start + step, ... below stop, as in Python."""

    start: int = 0
    stop: int
    step: int = 1

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.step == 0:
            raise ValueError("step is 0; a range needs a step up or down")
        n = max(0, -((self.start - self.stop) // self.step))
        if not 1 <= n <= MAX_LEVELS:
            raise ValueError(f"the range has {n} values; 1 to {MAX_LEVELS} are possible")
        return self


VALUE_SOURCES = ("values", "linspace", "geomspace", "range")


class FactorModel(Model):
    """Values of a factor. Keys that are not listed here are the synthesizer's business."""

    model_config = ConfigDict(
        extra="allow", strict=True, frozen=True, allow_inf_nan=False, defer_build=True
    )

    values: Values | None = None
    linspace: Linspace | None = None
    geomspace: Geomspace | None = None
    range: RangeModel | None = None
    unit: str | None = None
    kind: Literal["nominal", "ordinal", "continuous"] | None = None


class Interval(Model):
    """Numbers from low to high."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"{self.low:g} and {self.high:g} are too far apart")
        return self


class PositiveInterval(Interval):
    """Positive numbers from low to high."""

    low: Annotated[float, Field(gt=0.0)]

    @model_validator(mode="after")
    def _finite_ratio(self) -> Self:
        if not math.isfinite(self.high / self.low):
            raise ValueError(f"{self.low:g} and {self.high:g} are too far apart")
        return self


class NormalModel(Model):
    """Normally distributed numbers, set to low or high where they would lie beyond."""

    mean: float
    sd: Annotated[float, Field(gt=0.0)]
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        return self


class NuisanceModel(Model):
    """Distribution of a nuisance."""

    uniform: Interval | None = None
    log_uniform: PositiveInterval | None = None
    normal: NormalModel | None = None
    choice: Values | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _one_distribution(self) -> Self:
        self.need_one_of(("uniform", "log_uniform", "normal", "choice"))
        return self


def _condition_term(term: object) -> object:
    if isinstance(term, list):
        if not term:
            raise ValueError("the list of values is empty; name at least one")
        return [checked_scalar(value) for value in term]
    if isinstance(term, dict):
        unknown = [key for key in term if key not in ("min", "max")]
        if unknown or not term:
            raise ValueError("a range has the keys min, max or both")
        for bound in term.values():
            if isinstance(checked_scalar(bound), str):
                raise ValueError(f"{bound!r} is text; a bound is a number")
        return term
    hint = f"; write {in_yaml([term])}" if isinstance(term, (str, int, float)) else ""
    raise ValueError(f"a list of values or a range {{min, max}} is needed, not {shown(term)}{hint}")


ConditionTerm = Annotated[
    Any,
    BeforeValidator(_condition_term),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": SCALAR_SCHEMA, "minItems": 1},
                {
                    "type": "object",
                    "properties": {"min": {"type": "number"}, "max": {"type": "number"}},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ]
        }
    ),
]
ConditionModel = Annotated[dict[str, ConditionTerm], Field(min_length=1)]
Conditions = Annotated[list[ConditionModel], Field(min_length=1)]


class CorrelationModel(Model):
    """Two ordered factors whose levels go together."""

    factors: Annotated[list[str], Field(min_length=2, max_length=2)]
    sigma: Annotated[float, Field(gt=0.0)]


class SamplingModel(Model):
    """Which points of the grid belong to the dataset."""

    size: Annotated[int, Field(ge=1, le=10**10)] | None = None
    where: Conditions | None = None
    exclude: Conditions | None = None
    correlations: Annotated[list[CorrelationModel], Field(min_length=1)] | None = None


class Interpolation(Model):
    """Every `every`-th level of a factor is test."""

    factor: str
    every: Annotated[int, Field(ge=2)]


class Extrapolation(Model):
    """Values of a factor below or above a bound are test."""

    factor: str
    below: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.below is None and self.above is None:
            raise ValueError("extrapolation needs below, above or both")
        return self


def _share(share: object) -> object:
    if isinstance(share, list) and share:
        return [checked_scalar(value) for value in share]
    if isinstance(share, float) and 0.0 < share < 1.0:
        return share
    raise ValueError(f"a fraction between 0 and 1, or a list of values, is needed, not {shown(share)}")


Share = Annotated[
    Any,
    BeforeValidator(_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "array", "items": SCALAR_SCHEMA, "minItems": 1},
            ]
        }
    ),
]


class ByFactor(Model):
    """Whole values of a factor are test, and validation if that is given."""

    factor: str
    test: Share
    validation: Share | None = None


_RULES = ("random", "hold_out", "interpolation", "extrapolation", "by_factor")


def _rule(rule: object) -> object:
    """Refuse fractions where a rule is needed, which pydantic would report one by one."""
    if isinstance(rule, dict) and rule and all(isinstance(share, (int, float)) for share in rule.values()):
        raise ValueError(f"a scheme needs a rule; write {in_yaml({'random': rule})}")
    return rule


def _schemes(schemes: object) -> object:
    """Refuse splits where schemes are needed, which pydantic would report one by one."""
    if not isinstance(schemes, dict):
        return schemes
    shares = {name: share for name, share in schemes.items() if isinstance(share, (int, float))}
    if shares:
        scheme: Any = {"default": {"random": shares}}
    else:
        rules = {
            name: rule
            for name, rule in schemes.items()
            if name in _RULES and not (isinstance(rule, dict) and set(rule) & set(_RULES))
        }
        if not rules:
            return schemes
        shares, scheme = rules, {"default": rules}
    raise ValueError(
        f"splits holds schemes by name, and {next(iter(shares))!r} is none; write splits: {in_yaml(scheme)}"
    )


class SplitModel(Model):
    """The rule of one split scheme."""

    random: Annotated[dict[SplitName, float], Field(min_length=1)] | None = None
    hold_out: Conditions | None = None
    interpolation: Interpolation | None = None
    extrapolation: Extrapolation | None = None
    by_factor: ByFactor | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        self.need_one_of(_RULES)
        if self.random is not None:
            empty = [name for name, fraction in self.random.items() if fraction <= 0.0]
            if empty:
                raise ValueError(
                    f"random leaves split {empty[0]!r} empty: its fraction is {self.random[empty[0]]}"
                )
            total = math.fsum(self.random.values())
            if not math.isclose(total, 1.0, abs_tol=1e-9):
                raise ValueError(f"the fractions of random sum to {total}, not to 1")
        return self


class Recipe(Model):
    """A recipe: which factors a dataset has, which values they take, and how it is made.

    Read one with `syngen.load_recipe`; the fields are those of the YAML document.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN, max_length=80), AfterValidator(checked_recipe_name)]
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=40)] = "1.0.0"
    title: Annotated[str, Field(max_length=200)] = ""
    licence: Annotated[str, Field(max_length=80)] | None = None
    synthesizer: Annotated[str, Field(min_length=1, max_length=80)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    audio: AudioModel = AudioModel()
    factors: Annotated[dict[FactorName, FactorModel], Field(min_length=1)]
    nuisances: dict[FactorName, NuisanceModel] = {}  # noqa: RUF012  # pydantic copies it
    settings: dict[str, Setting] = {}  # noqa: RUF012  # pydantic copies it
    sampling: SamplingModel = SamplingModel()
    splits: Annotated[
        dict[SplitName, Annotated[SplitModel, BeforeValidator(_rule)]], BeforeValidator(_schemes)
    ] = {}  # noqa: RUF012  # pydantic copies it

    # not part of the document: its text, and what was left out of it because it could not be read
    _text: str = PrivateAttr(default="")
    _broken: frozenset[DocumentPath] = PrivateAttr(default=frozenset())
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """Where the file is that it was read from; what it names is looked for there."""
        return self._folder

    @property
    def text(self) -> str:
        """The YAML text as given."""
        return self._text

    @property
    def broken(self) -> frozenset[DocumentPath]:
        """Parts of the document that had problems of their own and are missing here."""
        return self._broken

    def with_origin(
        self, *, text: str, broken: frozenset[DocumentPath] = frozenset(), folder: Path | None = None
    ) -> Recipe:
        """Return a copy that remembers its text, its broken parts and its folder."""
        copy = self.model_copy()
        copy._text, copy._broken, copy._folder = text, broken, folder  # noqa: SLF001  # the class's own attributes
        return copy

    def with_values(self, values: Mapping[str, Sequence[Any]]) -> Recipe:
        """Return a copy in which some factors list their values, instead of naming where they are."""
        listed = {}
        for name, given in values.items():
            stated = self.factors[name].model_dump(include={"unit", "kind"}, exclude_none=True)
            listed[name] = FactorModel.model_validate({**stated, "values": list(given)})
        return self.model_copy(update={"factors": {**self.factors, **listed}})

    def with_size(self, size: int) -> Recipe:
        """Return a copy whose ``sampling.size`` is `size`, as ``--limit`` makes it."""
        sampling = self.sampling.model_copy(update={"size": check_whole("size", size, 1)})
        return self.model_copy(update={"sampling": sampling})

    def document(self) -> dict[str, Any]:
        """Return the recipe as plain data, without what was not given."""
        return self.model_dump(mode="json", exclude_none=True, exclude_unset=True)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe document (draft 2020-12)."""
    schema = Recipe.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
