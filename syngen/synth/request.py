"""What is asked of a synthesizer: format, parameters with values, settings, and what the user allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from syngen.errors import Issue

if TYPE_CHECKING:
    from pathlib import Path

    from syngen._typing import (
        DocumentPath,
        Json,
        Setting,
        Value,
    )

__all__ = ["NO_PERMISSIONS", "Audio", "Parameter", "Permissions", "Request", "ValueSource"]


@dataclass(frozen=True)
class Audio:
    """Format of the observations.

    Attributes
    ----------
    sample_rate : int
        Samples per second.
    duration : float or None
        Length in seconds; None where each observation has its own.
    """

    sample_rate: int
    duration: float | None

    @cached_property
    def n_samples(self) -> int:
        """Samples of one observation, at least 1; 0 where each has its own length."""
        if self.duration is None:
            return 0
        return max(1, round(self.duration * self.sample_rate))


@dataclass(frozen=True)
class ValueSource:
    """A way of giving a factor's values that only its synthesizer knows, beside lists and formulas.

    Parameters
    ----------
    make : callable
        Returns the values. Called with what the recipe says, by key, and with the folder of the recipe's
        file, if it has one. What it raises (`FactorError`, `ParameterError`) becomes a problem of the
        recipe.
    options : sequence of str
        Further keys that belong to it.
    is_external : bool
        Whether the values lie outside the recipe, in a file; they are then copied into it, so that a
        dataset can be made again without the file.
    """

    make: Callable[[Json, Path | None], Sequence[Value]]
    options: Sequence[str] = ()
    is_external: bool = False


@dataclass(frozen=True)
class Parameter:
    """How one variable of the synthesizer is used by a recipe.

    Attributes
    ----------
    name : str
    role : {"factor", "nuisance", "fixed"}
    unit : str
        Unit of `values`.
    values : tuple
        All levels of a factor; the one fixed value; the choices of a nuisance, or its lowest and highest
        number.
    path : tuple
        Where the recipe gives the values.
    """

    name: str
    role: Literal["factor", "nuisance", "fixed"]
    unit: str
    values: tuple[Value, ...]
    path: DocumentPath

    @property
    def is_interval(self) -> bool:
        """Whether every number between the two `values` may occur."""
        return self.role == "nuisance" and len(self.values) == 2 and self.path[-1] != "choice"

    def place(self, value: Value) -> DocumentPath:
        """Return the document path of one value, where it stands in a list."""
        if self.path[-1] == "values":
            return (*self.path, self.values.index(value))
        return self.path

    def issue(self, message: str, value: Value | None = None) -> Issue:
        """Return an issue at this parameter, or at one of its values."""
        return Issue(self.path if value is None else self.place(value), message)


@dataclass(frozen=True)
class Permissions:
    """What the user, never a recipe, allows.

    Attributes
    ----------
    other_audio : bool
        Whether to go on with an engine that sounds otherwise than the one recorded.
    programs : frozenset of str
        Programs that an engine may run.
    """

    other_audio: bool = False
    programs: frozenset[str] = frozenset()


NO_PERMISSIONS = Permissions()


@dataclass(frozen=True)
class Request:
    """Everything a recipe says to a synthesizer.

    Attributes
    ----------
    audio : Audio
    parameters : mapping of str to Parameter
        Every variable the synthesizer declares, those by default included.
    settings : mapping of str to bool, str, int or float
        Every setting it declares, defaults filled in.
    seed : int
    """

    audio: Audio
    parameters: Mapping[str, Parameter]
    settings: Mapping[str, Setting]
    seed: int
    permissions: Permissions = NO_PERMISSIONS
