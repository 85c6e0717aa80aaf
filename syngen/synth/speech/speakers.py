"""Speakers: people who do not exist, drawn from a continuous space.

A speaker is a name such as ``s7-f0012``: seed, gender, number. The name alone says everything, so that
equal names are one person in every dataset. What a speaker is made of is chosen so that a listener, or a
classifier, recognises it in every style: the length of the vocal tract and the places of the formants, and
five fixed resonances. Styles leave both alone.

References
----------
R. D. Kent, H. K. Vorperian: "Static measurements of vowel formant frequencies and bandwidths: A review",
J. Commun. Disord. 74 (2018), 74-97, for how far formants of women and men lie apart; H. Traunmüller,
A. Eriksson: "The frequency range of the voice fundamental in the speech of male and female adults"
(Stockholm, 1995), for pitch. Spreads and bands were tuned by experiment for separability.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from syngen.elementary import exp2, log2
from syngen.errors import FactorError, ParameterError
from syngen.seeding import Stream

if TYPE_CHECKING:
    from syngen._typing import FloatArray, Value

__all__ = ["MAX_SPEAKERS", "Resonance", "Speaker", "find_speaker", "speaker_names", "speaker_table"]

Gender: TypeAlias = Literal["female", "male"]

MAX_SPEAKERS = 2_000
"""Most speakers of one dataset."""

_NAME = re.compile(r"s(0|[1-9][0-9]{0,18})-([fm])([0-9]{4})")  # one name a person
_OCTAVES_PER_NEPER = 1.4426950408889634  # log2(e)
_LIMIT = 2.2  # standard deviations
_BANDS = ((550.0, 850.0), (900.0, 1700.0), (1900.0, 2900.0), (3100.0, 4400.0), (4600.0, 6200.0))
# quarters of octaves in Hz, where the resonances of speakers are compared
_PROBES = (
    *(500.0, 595.0, 707.0, 841.0, 1000.0, 1189.0, 1414.0, 1682.0),
    *(2000.0, 2378.0, 2828.0, 3364.0, 4000.0, 4757.0, 5657.0),
)
_NEAREST = 0.62  # of the differences between two speakers, each in the units of `_features`
_MAX_TRIES = 200


@dataclass(frozen=True)
class _Gender:
    """Where the speakers of a gender lie."""

    tract: float
    f0_hz: float
    breath: float
    f0_height: float


_GENDERS: dict[Gender, _Gender] = {
    "male": _Gender(tract=0.957, f0_hz=103.0, breath=2.0, f0_height=95.0),
    "female": _Gender(tract=1.148, f0_hz=193.0, breath=4.0, f0_height=80.0),
}


@dataclass(frozen=True)
class Resonance:
    """A fixed peak of a speaker's spectrum: center in Hz, gain in dB, quality."""

    frequency_hz: float
    gain_db: float
    q: float


@dataclass(frozen=True)
class Speaker:
    """A person.

    Attributes
    ----------
    name : str
    gender : {"female", "male"}
    tract : float
        Factor on all formant frequencies: how short the vocal tract is.
    formants : tuple of float, length 5
        Factors on the frequencies of the first five formants.
    heights : tuple of float, length 8
        Factors on the amplitudes of the formants 1 to 8.
    width : float
        Factor on the formants' bandwidths.
    f0_hz : float
        Median pitch in Hz.
    span_st : float
        How far pitch moves, in semitones.
    breath : float
        Breathiness, in units of the engine.
    roughness, flutter : int
        Irregularities of the voice, in units of the engine.
    tilt_db : float
        Brightness.
    consonants, tempo : float
        Strength of consonants and pace, in percent.
    stress : tuple of float, length 8
        Lengthening of stressed vowels, by degree of stress.
    resonances : tuple of Resonance, length 5
    """

    name: str
    gender: Gender
    tract: float
    formants: tuple[float, ...]
    heights: tuple[float, ...]
    width: float
    f0_hz: float
    span_st: float
    breath: float
    roughness: int
    flutter: int
    tilt_db: float
    consonants: float
    tempo: float
    stress: tuple[float, ...]
    resonances: tuple[Resonance, ...]

    @property
    def f0_height(self) -> float:
        """Amplitude of the lowest resonance, below the first formant, in percent."""
        return _GENDERS[self.gender].f0_height

    @property
    def parameters(self) -> dict[str, Value]:
        """Everything that makes the speaker, by name, as ``speakers.parquet`` has it."""
        columns: dict[str, Value] = {
            "gender": self.gender,
            "tract": self.tract,
            "width": self.width,
            "f0_hz": self.f0_hz,
            "span_st": self.span_st,
            "breath": self.breath,
            "roughness": self.roughness,
            "flutter": self.flutter,
            "tilt_db": self.tilt_db,
            "consonants": self.consonants,
            "tempo": self.tempo,
        }
        for name, values in (("formant", self.formants), ("height", self.heights), ("stress", self.stress)):
            columns |= {f"{name}_{i}": value for i, value in enumerate(values, 1)}
        for i, resonance in enumerate(self.resonances, 1):
            columns[f"resonance_{i}_hz"] = resonance.frequency_hz
            columns[f"resonance_{i}_db"] = resonance.gain_db
            columns[f"resonance_{i}_q"] = resonance.q
        return columns


def speaker_names(*, count: int, seed: int, female: float = 0.5) -> tuple[str, ...]:
    """Return the names of speakers.

    For equal seed and share, speaker k is the same person whatever the count, and any number of speakers
    from the first on holds the share as nearly as whole people can.

    Parameters
    ----------
    count : int
        1 to `MAX_SPEAKERS`.
    seed : int
        0 or more.
    female : float
        Share of women, 0 to 1.

    Raises
    ------
    ParameterError
        If a number is out of range.

    Examples
    --------
    >>> speaker_names(count=4, seed=7)
    ('s7-f0000', 's7-m0000', 's7-f0001', 's7-m0001')
    """
    _check_whole("count", count, 1, MAX_SPEAKERS)
    _check_whole("seed", seed, 0, 2**63 - 1)
    if isinstance(female, bool) or not isinstance(female, int | float) or not 0.0 <= female <= 1.0:
        raise ParameterError(f"female is {female!r}; a share from 0 to 1 is needed")
    names = []
    n_female = n_male = 0
    for k in range(count):
        # as many as the share wants of k + 1, halves upwards
        if n_female < int((k + 1) * female + 0.5):
            names.append(f"s{seed}-f{n_female:04d}")
            n_female += 1
        else:
            names.append(f"s{seed}-m{n_male:04d}")
            n_male += 1
    return tuple(names)


def find_speaker(name: str) -> Speaker:
    """Return the speaker of a name.

    Raises
    ------
    FactorError
        If the name is not of the form ``s7-f0012``.

    Examples
    --------
    >>> find_speaker("s7-f0000").gender
    'female'
    """
    match = _NAME.fullmatch(name)
    if not match or int(match[1]) >= 2**63 or int(match[3]) >= MAX_SPEAKERS:
        raise FactorError(
            f"{name!r} is no speaker; a name is s<seed>-f<number> or s<seed>-m<number>, such as s7-f0012, "
            f"with numbers below {MAX_SPEAKERS}; speakers: {{count: 20, seed: 7}} makes such names"
        )
    gender: Gender = "female" if match[2] == "f" else "male"
    return _people(int(match[1]), gender).speaker(int(match[3]))


def speaker_table(names: tuple[str, ...]) -> Mapping[str, list[Value]]:
    """Return the parameters of speakers as columns, ``speaker`` first."""
    columns: dict[str, list[Value]] = {"speaker": list(names)}
    for name in names:
        for key, value in find_speaker(name).parameters.items():
            columns.setdefault(key, []).append(value)
    return columns


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ParameterError(f"{name} is {value!r}; a whole number from {low} to {high} is needed")


class _People:
    """The speakers of one seed and gender, in order; each is drawn when it is first asked for.

    Nobody resembles one who came before: whoever does is drawn again.
    """

    def __init__(self, seed: int, gender: Gender) -> None:
        self._seed, self._gender = seed, gender
        self._speakers: list[Speaker] = []
        self._features: list[FloatArray] = []

    def speaker(self, number: int) -> Speaker:
        while len(self._speakers) <= number:
            self._draw_next()
        return self._speakers[number]

    def _draw_next(self) -> None:
        number = len(self._speakers)
        name = f"s{self._seed}-{self._gender[0]}{number:04d}"
        known = np.array(self._features) if self._features else None
        for attempt in range(_MAX_TRIES):
            stream = Stream(self._seed, f"speaker/{self._gender}/{attempt}", number)
            speaker = _drawn(name, self._gender, stream)
            features = _features(speaker)
            if known is None or _least_distance(known, features) >= _NEAREST:
                break
        else:
            raise FactorError(f"no room for speaker {name} among {number} others of the same gender")
        self._speakers.append(speaker)
        self._features.append(features)


@lru_cache(maxsize=16)
def _people(seed: int, gender: Gender) -> _People:
    return _People(seed, gender)


def _drawn(name: str, gender: Gender, stream: Stream) -> Speaker:
    center = _GENDERS[gender]
    z = np.minimum(np.maximum(stream.normal(30), -_LIMIT), _LIMIT).tolist()
    u = stream.uniform(22).tolist()
    normals, uniforms = iter(z), iter(u)

    def around(value: float, spread: float) -> float:
        """Draw a positive number whose logarithm is spread around that of `value`."""
        return value * float(exp2(spread * next(normals) * _OCTAVES_PER_NEPER))

    tract = around(center.tract, 0.02)
    formants = tuple(around(1.0, 0.045 * k) for k in (0.8, 0.8, 1.0, 1.3, 1.3))
    heights = tuple(around(1.0, 0.18) for _ in range(8))
    width, f0_hz, span_st = around(1.55, 0.05), around(center.f0_hz, 0.07), around(5.0, 0.15)
    breath = center.breath + 2.0 * abs(next(normals))
    flutter = min(7, int(2.0 + 2.0 * abs(next(normals))))
    tilt_db = 0.4 * next(normals)
    consonants = min(160.0, max(105.0, around(130.0, 0.08)))
    tempo = min(112.0, max(90.0, around(100.0, 0.05)))
    stress = tuple(8.0 * next(normals) for _ in range(8))
    roughness = int(3.0 * next(uniforms))
    signs = _signs(uniforms)
    resonances = tuple(
        Resonance(
            low * float(exp2(next(uniforms) * float(log2(high / low)))),
            sign * 6.0 * (0.6 + 0.7 * next(uniforms)),
            1.3 + 0.9 * next(uniforms),
        )
        for (low, high), sign in zip(_BANDS, signs, strict=True)
    )
    return Speaker(
        name,
        gender,
        tract,
        formants,
        heights,
        width,
        f0_hz,
        span_st,
        breath,
        roughness,
        flutter,
        tilt_db,
        consonants,
        tempo,
        stress,
        resonances,
    )


def _signs(uniforms: Iterator[float]) -> list[float]:
    """Return two peaks, two dips and one of either, in random order (Fisher and Yates)."""
    draws = [next(uniforms) for _ in range(5)]
    signs = [1.0, 1.0, -1.0, -1.0, 1.0 if draws[4] < 0.5 else -1.0]
    for i in range(4, 0, -1):
        j = int(draws[i - 1] * (i + 1))
        signs[i], signs[j] = signs[j], signs[i]
    return signs


def _features(speaker: Speaker) -> FloatArray:
    """Return what speakers are compared by, in units in which each is about as easy to hear."""
    formants = log2([speaker.tract * f for f in speaker.formants]) / (0.05 * _OCTAVES_PER_NEPER)
    pitch = log2([speaker.f0_hz]) / (0.07 * _OCTAVES_PER_NEPER)
    spectrum = np.zeros(len(_PROBES))
    probes = np.array(_PROBES)
    for resonance in speaker.resonances:
        ratio = np.divide(probes, resonance.frequency_hz)
        detuning = np.multiply(np.subtract(ratio, np.divide(1.0, ratio)), resonance.q)
        width = np.add(1.0, np.multiply(detuning, detuning))
        np.add(spectrum, np.divide(resonance.gain_db, width), out=spectrum)
    return np.concatenate([formants, pitch, spectrum / 4.0])


def _least_distance(known: FloatArray, features: FloatArray) -> float:
    """RMS difference of the features to the nearest of some speakers, summed feature by feature."""
    total = np.zeros(len(known))
    for column, value in zip(known.T, features.tolist(), strict=True):
        difference = np.subtract(column, value)
        np.add(total, np.multiply(difference, difference), out=total)
    return float(np.sqrt(total.min() / len(features)))
