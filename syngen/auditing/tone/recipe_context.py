"""What the analysis of a tone may know beforehand, of the recipe and of each observation.

The factor metrics ask whether one factor can be heard while all others stay where they are, so they may use
the nominal values of the context: where its partials lie, when it starts, how loud its noise is. What they
compare is measured.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen.figures.features import mel_filters

if TYPE_CHECKING:
    from syngen._typing import FloatArray, ValueMapping
    from syngen.synth.request import Request

__all__ = ["FLOOR", "LINE_BINS", "N_MELS", "ObservationContext", "RecipeContext", "mel_bands"]

FLOOR = 1e-6
"""Power below which nothing counts, relative to the whole: -60 dB."""
LINE_BINS = 5
"""Bins that hold a spectral line seen through a Hann window."""
N_MELS = 48
_NOISE_LINES = 3.0  # times the expected noise, from which lines and bands count: below, they are noise
_NOISE_BANDS = 0.5
_MARGIN = 0.05  # of the fundamental's band beyond the frequencies it reaches, relative
_SLOPE = 0.15  # width of that band's edges, relative
_SETTLED_S = 0.02
_WIDEST = 0.25  # a wider band would take in the second partial


@dataclass(frozen=True)
class RecipeContext:
    """What holds for every observation of a recipe.

    Attributes
    ----------
    sample_rate, n_samples : int
    inharmonicities : tuple of float
        Every level that the recipe has.
    partial_limit : float
        In Hz.
    reach : float
        How far, relative to its nominal frequency, the fundamental may lie after a change by one level.
    settled_s, leaving_s : float
        Seconds between which no attack and no release of the recipe is under way.
    """

    sample_rate: int
    n_samples: int
    inharmonicities: tuple[float, ...]
    partial_limit: float
    reach: float
    settled_s: float
    leaving_s: float

    @classmethod
    def of(cls, request: Request) -> RecipeContext:
        """Return the context for a request of the tone synthesizer."""
        n_samples, rate = request.audio.n_samples, request.audio.sample_rate
        nyquist = rate / 2.0
        limit = float(request.settings["partial_limit"]) or nyquist
        deepest = max(_numbers(request, "vibrato_depth"))
        reach = 2.0 ** (deepest / 1200.0) * (1.0 + _widest_step(request)) - 1.0
        start = max(_numbers(request, "onset")) + max(_numbers(request, "attack"))
        end = n_samples / rate - max(_numbers(request, "release"))
        return cls(
            sample_rate=rate,
            n_samples=n_samples,
            inharmonicities=tuple(sorted(set(_numbers(request, "inharmonicity")))),
            partial_limit=min(limit, nyquist),
            reach=min(_WIDEST, reach),
            settled_s=start + _SETTLED_S if start else 0.0,
            leaving_s=end,
        )

    @property
    def duration_s(self) -> float:
        """Length of an observation in seconds."""
        return self.n_samples / self.sample_rate

    def is_in_reach(self, frequency: float, other: float) -> bool:
        """Whether a tone of one frequency can be measured in the frame of another."""
        return abs(other / frequency - 1.0) <= self.reach + _MARGIN

    @property
    def band(self) -> tuple[float, float]:
        """Half widths of the fundamental's band, flat and up to its end, relative to the frequency."""
        flat = self.reach + _MARGIN
        return flat, flat + _SLOPE


def _numbers(request: Request, name: str) -> list[float]:
    return [float(value) for value in request.parameters[name].values]


def _widest_step(request: Request) -> float:
    parameter = request.parameters["frequency"]
    if parameter.role != "factor":
        return 0.0
    values = sorted(_numbers(request, "frequency"))
    return max((b / a - 1.0 for a, b in itertools.pairwise(values)), default=0.0)


@dataclass(frozen=True)
class ObservationContext:
    """What is known of one context.

    Attributes
    ----------
    recipe_context : RecipeContext
    frequency : float
        Nominal, in Hz.
    inharmonicity : float
    vibrato_rate : float
        In Hz; 0.0 where the tone has no vibrato.
    onset_s : float
    attack_s : float
    decay : float
        In dB/s.
    snr_db : float or None
        Of the stationary tone over the noise; None without noise.
    """

    recipe_context: RecipeContext
    frequency: float
    inharmonicity: float
    vibrato_rate: float
    onset_s: float
    attack_s: float
    decay: float
    snr_db: float | None

    @classmethod
    def of(cls, recipe_context: RecipeContext, values: ValueMapping) -> ObservationContext:
        """Return the frame of an observation's nominal values."""
        snr = values.get("snr")
        return cls(
            recipe_context=recipe_context,
            frequency=float(values["frequency"]),
            inharmonicity=float(values["inharmonicity"]),
            vibrato_rate=float(values["vibrato_rate"]) if values["vibrato_depth"] else 0.0,
            onset_s=float(values["onset"]),
            attack_s=float(values["attack"]),
            decay=float(values["decay"]),
            snr_db=None if snr is None else float(snr),
        )

    @cached_property
    def start(self) -> int:
        """Sample at which the tone starts."""
        recipe_context = self.recipe_context
        return min(round(self.onset_s * recipe_context.sample_rate), recipe_context.n_samples // 2)

    @cached_property
    def places(self) -> FloatArray:
        """Where partials may lie, over the fundamental: partial by partial, for every inharmonicity."""
        top = self.recipe_context.partial_limit / self.frequency
        numbers = np.arange(1, max(2, math.ceil(top)), dtype=np.float64)
        stretched = _places(numbers, self.recipe_context.inharmonicities)
        return stretched[stretched < max(top, 1.5)]

    @cached_property
    def lines(self) -> FloatArray:
        """Where every partial of this context's inharmonicity would lie, up to half the sampling rate."""
        top = self.recipe_context.sample_rate / 2.0 / self.frequency
        return _places(np.arange(1, math.ceil(top) + 2, dtype=np.float64), (self.inharmonicity,))

    @cached_property
    def fade(self) -> FloatArray:
        """What to weigh the samples of a noisy tone by: the square root of its nominal envelope."""
        return np.asarray(np.sqrt(self.envelope))

    @cached_property
    def envelope(self) -> FloatArray:
        """Nominal envelope, without release: shape (n_samples,)."""
        seconds = np.arange(self.recipe_context.n_samples - self.start) / self.recipe_context.sample_rate
        rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1.0, seconds / max(self.attack_s, 1e-9)))
        gain = np.zeros(self.recipe_context.n_samples)
        gain[self.start :] = rise * 10.0 ** (-self.decay * seconds / 20.0)
        return gain

    @cached_property
    def line_floor(self) -> float:
        """Relative power from which a spectral line counts."""
        noise = self._noise(np.ones(self.recipe_context.n_samples - self.start))
        n_bins = (self.recipe_context.n_samples - self.start) / 2.0
        return max(FLOOR, _NOISE_LINES * LINE_BINS / n_bins * noise)

    @cached_property
    def band_floors(self) -> FloatArray:
        """Relative power from which each mel band counts: ndarray of float64, shape (N_MELS,)."""
        recipe_context = self.recipe_context
        bands = mel_bands(recipe_context.n_samples, recipe_context.sample_rate)
        shares: FloatArray = bands.mean(axis=1)  # of white noise, which each band gets
        return np.maximum(FLOOR, _NOISE_BANDS * self._noise(self.fade[self.start :]) * shares)

    def _noise(self, weights: FloatArray) -> float:
        """Return the expected power of the noise over that of the tone, samples weighed from the onset."""
        if self.snr_db is None:
            return 0.0
        tone = np.sum((weights * self.envelope[self.start :]) ** 2)
        return float(10.0 ** (-self.snr_db / 10.0) * np.sum(weights**2) / max(tone, 1e-12))


def _places(numbers: FloatArray, inharmonicities: Iterable[float]) -> FloatArray:
    columns = [numbers * np.sqrt((1.0 + b * numbers**2) / (1.0 + b)) for b in inharmonicities]
    return np.stack(columns, axis=1).reshape(-1)


@lru_cache(maxsize=4)
def mel_bands(n_samples: int, sample_rate: int) -> Any:
    """Return the mel bands for the spectrum of a whole observation: sparse, shape (N_MELS, n_bins)."""
    from scipy.sparse import csr_array

    return csr_array(mel_filters(sample_rate, n_samples, N_MELS, is_htk=True).T, dtype=np.float64)
