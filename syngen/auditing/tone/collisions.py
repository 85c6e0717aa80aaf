"""Whether two timbres are the same tone up to a gain: by arithmetic on their partials."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from syngen.dsp.inharmonic import count_stretched
from syngen.synth.tone.timbres import timbres
from syngen.synth.tone.waves import partials_of

if TYPE_CHECKING:
    from syngen._typing import FloatArray
    from syngen.auditing.tone.recipe_context import RecipeContext
    from syngen.synth.request import Parameter, Request

__all__ = ["MIN_DISTANCE", "TimbrePair", "nearest_timbres"]

MIN_DISTANCE = 0.01
"""Distance of partial amplitudes, each set scaled to length 1, below which two timbres coincide: -40 dB."""


@dataclass(frozen=True)
class TimbrePair:
    """Two timbres and where they come closest.

    Attributes
    ----------
    first, second : str
        Timbres, with their brightness if the recipe gives any.
    frequency : float
        In Hz.
    inharmonicity : float
    distance : float
        Of the amplitudes of their partials, each set scaled to length 1; 0 to sqrt(2).
    """

    first: str
    second: str
    frequency: float
    inharmonicity: float
    distance: float

    @property
    def fact(self) -> str:
        """Where they come closest, in words."""
        return (
            f"nearest timbres: {self.first} and {self.second} at {self.frequency:.5g} Hz, "
            f"distance {self.distance:.3f}"
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """A line if they coincide."""
        if self.distance >= MIN_DISTANCE:
            return ()
        return (
            (
                f"{self.first} and {self.second} are the same tone at {self.frequency:.5g} Hz up to gain "
                f"and phase (distance {self.distance:.2g}, at least {MIN_DISTANCE} is needed)"
            ),
        )


def nearest_timbres(request: Request, recipe_context: RecipeContext) -> TimbrePair | None:
    """Return the two timbres that are most alike at any frequency, brightness and inharmonicity.

    Timbres of different brightness are compared too: a tilt can turn one into another.

    Returns
    -------
    TimbrePair or None
        None where there are no two timbres, or waveforms are naive and have no partials to compare.
    """
    names = [str(value) for value in request.parameters["timbre"].values]
    if len(names) < 2 or not request.settings["antialias"]:
        return None
    brightness = request.parameters.get("brightness")
    tilts: list[float | None] = [None]
    if brightness is not None:
        tilts = [float(value) for value in brightness.values]
    pairs = (
        pair
        for n_max, frequency, bend in _counts(request.parameters["frequency"], recipe_context)
        for pair in _pairs(names, tilts, n_max, frequency, bend)
    )
    return min(pairs, key=lambda pair: pair.distance, default=None)


def _counts(frequencies: Parameter, recipe_context: RecipeContext) -> Iterator[tuple[int, float, float]]:
    """Yield every number of partials that occurs, with a frequency and inharmonicity that has it."""
    seen: set[int] = set()
    for value, bend in itertools.product(frequencies.values, recipe_context.inharmonicities):
        n_max = count_stretched(float(value), recipe_context.partial_limit, bend)
        if n_max not in seen:
            seen.add(n_max)
            yield n_max, float(value), bend


def _pairs(
    names: list[str], tilts: list[float | None], n_max: int, frequency: float, bend: float
) -> Iterator[TimbrePair]:
    vectors = {(name, tilt): _vector(name, n_max, tilt) for name in names for tilt in tilts}
    for (first, a), (second, b) in itertools.combinations(vectors.items(), 2):
        if first[0] != second[0]:
            distance = float(np.linalg.norm(a - b))
            yield TimbrePair(_shown(first), _shown(second), frequency, bend, distance)


def _vector(name: str, n_max: int, tilt: float | None) -> FloatArray:
    numbers, amplitudes = partials_of(timbres()[name], n_max, tilt)
    vector = np.zeros(n_max)
    vector[np.array(numbers) - 1] = np.abs(amplitudes)
    return np.asarray(vector / np.linalg.norm(vector))


def _shown(timbre: tuple[str, float | None]) -> str:
    name, tilt = timbre
    return name if tilt is None else f"{name} at {tilt:g} dB/octave"
