"""Nuisances: variation that every observation draws from its own stream, recorded but not a factor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.elementary import exp2, log2
from syngen.seeding import normals, uniforms

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, Value

__all__ = ["Choice", "Distribution", "LogUniform", "Normal", "Nuisance", "Uniform"]

# Stream.normal never leaves this many standard deviations: the quantile of 2**-54
_NORMAL_LIMIT = 8.3


class Distribution(ABC):
    """Where a nuisance's values come from."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Value, ...]:
        """Lowest and highest number that can be drawn, or every choice."""

    @abstractmethod
    def draw(self, seed: int, name: str, indices: IntArray) -> FloatArray | list[Value]:
        """Draw one value per index from the stream (seed, name, index)."""


@dataclass(frozen=True)
class Uniform(Distribution):
    """Numbers in [low, high), all equally likely."""

    low: float
    high: float

    @property
    def bounds(self) -> tuple[Value, ...]:
        return self.low, self.high

    def draw(self, seed: int, name: str, indices: IntArray) -> FloatArray:
        u = uniforms(seed, name, indices)
        values = np.add(np.multiply(u, self.high - self.low), self.low)
        # the sum may be rounded up to the end that does not belong to the interval
        return np.minimum(values, np.nextafter(self.high, self.low))


@dataclass(frozen=True)
class LogUniform(Distribution):
    """Positive numbers in [low, high] whose logarithms are uniform."""

    low: float
    high: float

    @property
    def bounds(self) -> tuple[Value, ...]:
        return self.low, self.high

    def draw(self, seed: int, name: str, indices: IntArray) -> FloatArray:
        octaves = float(log2(self.high / self.low))
        u = uniforms(seed, name, indices)
        values = np.multiply(exp2(np.multiply(u, octaves)), self.low)
        return np.minimum(np.maximum(values, self.low), self.high)


@dataclass(frozen=True)
class Normal(Distribution):
    """Normally distributed numbers; what would lie beyond `low` or `high` is set to it."""

    mean: float
    sd: float
    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> tuple[Value, ...]:
        low, high = self.mean - _NORMAL_LIMIT * self.sd, self.mean + _NORMAL_LIMIT * self.sd
        return (
            low if self.low is None else max(low, self.low),
            high if self.high is None else min(high, self.high),
        )

    def draw(self, seed: int, name: str, indices: IntArray) -> FloatArray:
        values = np.add(np.multiply(normals(seed, name, indices), self.sd), self.mean)
        low, high = self.bounds
        return np.minimum(np.maximum(values, low), high)


@dataclass(frozen=True)
class Choice(Distribution):
    """One of several values, all equally likely."""

    values: tuple[Value, ...]

    @property
    def bounds(self) -> tuple[Value, ...]:
        return self.values

    def draw(self, seed: int, name: str, indices: IntArray) -> list[Value]:
        u = uniforms(seed, name, indices)
        picks = np.floor(np.multiply(u, float(len(self.values)))).astype(np.int64)
        # the product may be rounded up to the number of values
        return [self.values[pick] for pick in np.minimum(picks, len(self.values) - 1)]


@dataclass(frozen=True)
class Nuisance:
    """A named nuisance: a distribution and the unit of its values."""

    name: str
    distribution: Distribution
    unit: str = ""

    def draw(self, seed: int, indices: IntArray) -> FloatArray | list[Value]:
        """Return the value of each index: float64 of shape (n,), or a list of choices."""
        return self.distribution.draw(seed, f"nuisance/{self.name}", indices)
