"""The descriptor of each factor of tones: how far two observations are apart, in a unit of its own.

`DESCRIPTORS` is the one table of thresholds: a change by one level is audible if it is at least so large,
and at least `MIN_RATIO` times the distance between two draws of the nuisances in the same context.
Nobody listened: "audible" says that a measurement tells a change of the factor from a new draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from syngen.errors import EngineError

if TYPE_CHECKING:
    from syngen._typing import FloatArray
    from syngen.auditing.tone.analysis import Analysis

__all__ = ["DESCRIPTORS", "MIN_RATIO", "FactorMetric", "descriptors_of", "features"]

MIN_RATIO = 1.3
"""Least change over the distance between two draws of the nuisances."""
_AFTER_ATTACK_S = 0.05
_ENVELOPE_STEP = 4


@dataclass(frozen=True)
class FactorMetric:
    """How one factor is heard.

    Parameters
    ----------
    distance : callable
        Of two analyses in one frame: how far they are apart.
    unit : str
        Unit of the distance.
    threshold : float
        Least distance that a change by one level must make.
    """

    distance: Callable[[Analysis, Analysis], float]
    unit: str
    threshold: float


def _mel(a: Analysis, b: Analysis) -> float:
    """Return the RMS over mel bands of the long-term spectra, levels removed."""
    return _rms(a.mel_db - b.mel_db)


def _places(a: Analysis, b: Analysis) -> float:
    """Return the RMS over the places where each inharmonicity would have partials, vibrato undone."""
    n_shared = min(len(a.places_db), len(b.places_db))
    return _rms(a.places_db[:n_shared] - b.places_db[:n_shared])


def _timbre(a: Analysis, b: Analysis) -> float:
    """Return the RMS over mel bands and over places alike."""
    return float(np.hypot(_mel(a, b), _places(a, b)) / np.sqrt(2.0))


def _rise(a: Analysis, b: Analysis) -> float:
    """Return the largest difference of the rising envelopes."""
    seconds, first = a.envelope
    _, second = b.envelope
    rising = seconds <= max(a.frame.recipe_context.settled_s, a.frame.onset_s) + _AFTER_ATTACK_S
    return _largest(first - second, rising)


def _fall(a: Analysis, b: Analysis) -> float:
    """Return the largest difference of the final envelopes."""
    seconds, first = a.envelope
    _, second = b.envelope
    return _largest(first - second, seconds >= a.frame.recipe_context.leaving_s - _AFTER_ATTACK_S)


def _vibrato(a: Analysis, b: Analysis) -> float:
    """Return the L2 distance of the swings of the frequency."""
    return float(np.linalg.norm(a.vibrato_cents - b.vibrato_cents))


def _tremolo(a: Analysis, b: Analysis) -> float:
    """Return the L2 distance of the swings of the level."""
    return float(np.linalg.norm(a.tremolo_db - b.tremolo_db))


def _rms(difference: FloatArray) -> float:
    return float(np.sqrt(np.mean(difference**2))) if difference.size else 0.0


def _largest(difference: FloatArray, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(np.max(np.abs(difference[chosen]), initial=0.0))


def _half_risen(analysis: Analysis) -> float:
    """Return the time at which the envelope is half risen, in ms."""
    seconds, envelope = analysis.envelope
    return 1000.0 * float(seconds[int(np.argmax(envelope >= 0.5))])


DESCRIPTORS: Mapping[str, FactorMetric] = MappingProxyType(
    {
        "timbre": FactorMetric(_timbre, "dB", 1.0),
        "amplitude": FactorMetric(lambda a, b: abs(a.level_db - b.level_db), "dB", 0.9),
        "frequency": FactorMetric(lambda a, b: abs(a.pitch_cents - b.pitch_cents), "cents", 10.0),
        "brightness": FactorMetric(_mel, "dB", 0.6),
        "inharmonicity": FactorMetric(_places, "dB", 1.2),
        "attack": FactorMetric(_rise, "of full scale", 0.35),
        "release": FactorMetric(_fall, "of full scale", 0.35),
        "onset": FactorMetric(lambda a, b: abs(_half_risen(a) - _half_risen(b)), "ms", 10.0),
        "decay": FactorMetric(lambda a, b: abs(a.decay_db - b.decay_db), "dB", 1.0),
        "vibrato_rate": FactorMetric(_vibrato, "cents", 10.0),
        "vibrato_depth": FactorMetric(_vibrato, "cents", 10.0),
        "tremolo_rate": FactorMetric(_tremolo, "dB", 1.0),
        "tremolo_depth": FactorMetric(_tremolo, "dB", 1.0),
        "snr": FactorMetric(lambda a, b: abs(a.noise_db - b.noise_db), "dB", 1.5),
    }
)
"""Descriptors of the tone synthesizer's factors; phase has none."""


def descriptors_of(synthesizer: str) -> Mapping[str, FactorMetric]:
    """Return the descriptors of a synthesizer's factors.

    Raises
    ------
    EngineError
        If it has none.
    """
    if synthesizer != "tone":
        raise EngineError(
            f"the {synthesizer} synthesizer has no descriptors; only recipes of tone can be audited"
        )
    return DESCRIPTORS


def features(analysis: Analysis, n_places: int) -> FloatArray:
    """Return all that the descriptors measure as one vector, with so many places of partials."""
    _, envelope = analysis.envelope
    return np.concatenate(
        [
            [analysis.level_db, analysis.pitch_cents, analysis.decay_db, analysis.noise_db],
            analysis.mel_db,
            analysis.places_db[:n_places],
            analysis.vibrato_cents,
            analysis.tremolo_db,
            envelope[::_ENVELOPE_STEP],
        ]
    )
