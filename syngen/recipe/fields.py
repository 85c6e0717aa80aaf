"""What the fields of a recipe are made of: names, scalars, and the model that all parts derive from."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from syngen.io.names import checked_name, fault_of

__all__ = [
    "MAX_DURATION_S",
    "MAX_LEVELS",
    "NAME_PATTERN",
    "RESERVED_NAMES",
    "SCALAR_SCHEMA",
    "FactorName",
    "Fraction",
    "Model",
    "Number",
    "Scalar",
    "Setting",
    "SplitName",
    "Values",
    "checked_recipe_name",
    "checked_scalar",
    "shown",
]

NAME_PATTERN = r"^[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*$"
_FACTOR_NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
MAX_LEVELS = 10**6
MAX_DURATION_S = 600.0

RESERVED_NAMES = frozenset(
    {
        "index",
        "split",
        "shard",
        "offset",
        "size",
        "n_samples",
        "pcm_sha256",
        "peak",
        "rms_db",
        "transcript",
        "row",
        "limit",
        "all",
        "nearest",
    }
)
"""Names that columns of the manifest or arguments of the loader already have."""


def checked_scalar(value: object) -> object:
    """Return a text or a finite number; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"a text or a number is needed, not {shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a finite number is needed, not {value}")
    return value


def _setting(value: object) -> object:
    if isinstance(value, list):
        return [_setting(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _setting(item) for key, item in value.items()}
    return value if isinstance(value, bool) else checked_scalar(value)


def shown(value: object) -> str:
    """Return what a message calls a value."""
    if isinstance(value, dict):
        return "a map"
    return "a list" if isinstance(value, list) else repr(value)


def _factor_name(name: object) -> object:
    if not isinstance(name, str) or not re.fullmatch(_FACTOR_NAME_PATTERN, name) or len(name) > 64:
        raise ValueError(
            f"{name!r} is not a name: lower-case letters, digits and _, a letter first, at most 64"
        )
    if name in RESERVED_NAMES or name.startswith("split_"):
        raise ValueError(f"{name!r} is reserved for a column of the manifest; choose another name")
    return name


def _split_name(name: object) -> object:
    if name == "all":
        raise ValueError("the split name 'all' is reserved; choose another")
    if not isinstance(name, str) or not re.fullmatch(_FACTOR_NAME_PATTERN, name) or len(name) > 64:
        raise ValueError(
            f"{name!r} is not a split name: lower-case letters, digits and _, a letter first, at most 64"
        )
    fault = fault_of(name)
    if fault is not None:
        raise ValueError(f"{name!r} is not a split name: {fault}; choose another")
    return name


def checked_recipe_name(name: str) -> str:
    """Return the name of a recipe; ValueError if it could not be that of a folder."""
    return checked_name(name, "name")


SCALAR_SCHEMA = {"type": ["string", "number"]}
Scalar = Annotated[Any, BeforeValidator(checked_scalar), WithJsonSchema(SCALAR_SCHEMA)]
Setting = Annotated[
    Any,
    BeforeValidator(_setting),
    WithJsonSchema({"type": ["string", "number", "boolean", "array", "object"]}),
]
FactorName = Annotated[str, BeforeValidator(_factor_name)]
SplitName = Annotated[str, BeforeValidator(_split_name)]
Values = Annotated[list[Scalar], Field(min_length=1, max_length=MAX_LEVELS)]
Number = Annotated[int, Field(ge=1, le=MAX_LEVELS)]
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]


class Model(BaseModel):
    """What every part of a recipe is: strict, frozen, and without keys that nobody knows."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True
    )

    def need_one_of(self, names: tuple[str, ...]) -> None:
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"exactly one of {', '.join(names)} is needed; found {found}")
