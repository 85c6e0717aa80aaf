"""Speakers: people who do not exist, drawn from a continuous space.

A speaker is a name such as ``s7-f0012``: seed, gender, number. The name alone says everything, so that
equal names are one person in every dataset. What a speaker is made of is chosen so that a classifier
recognises it in every style: the length of the vocal tract, the places of the formants, and eight fixed
resonances, as many peaks as dips, so that nobody is darker or brighter as a whole. Styles leave these
nearly alone; in what styles move, pace and melody and breath, speakers differ little.

References
----------
R. D. Kent, H. K. Vorperian: "Static measurements of vowel formant frequencies and bandwidths: A review",
J. Commun. Disord. 74 (2018), 74-97, for how far formants of women and men lie apart; H. Traunmüller,
A. Eriksson: "The frequency range of the voice fundamental in the speech of male and female adults"
(Stockholm, 1995), for pitch. Spreads and bands were tuned by experiment for separability.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from syngen._values import check_whole
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
# spreads, weak where styles color; the last three are of formants that are hardly heard, and no part of a
# speaker: they are drawn so that a name stands for the same person as before
_FORMANT_GAINS = (0.2, 0.36, 0.36, 0.36, 0.36, 0.2, 0.2, 0.2)
_N_FORMANTS = 5
_N_BANDS = 8
_LOWEST_HZ, _HIGHEST_HZ = 500.0, 5_800.0
_BAND_SHARE = 0.8  # of each band, on a logarithmic scale, is where its resonance may lie
_GAIN_DB, _Q = (5.0, 7.0), (2.0, 3.2)
# sixths of octaves in Hz, where the resonances of speakers are compared
_PROBES = (
    *(500.0, 561.2, 630.0, 707.1, 793.7, 890.9, 1000.0, 1122.5, 1259.9, 1414.2, 1587.4, 1781.8),
    *(2000.0, 2244.9, 2519.8, 2828.4, 3174.8, 3563.6, 4000.0, 4489.8, 5039.7, 5656.9),
)
_N_CANDIDATES = 64


@dataclass(frozen=True)
class _Gender:
    """Where the speakers of a gender lie."""

    formant_scale: float
    f0_hz: float
    breath: float
    f0_gain: float


_GENDERS: dict[Gender, _Gender] = {
    "male": _Gender(formant_scale=0.945, f0_hz=103.0, breath=2.0, f0_gain=95.0),
    "female": _Gender(formant_scale=1.165, f0_hz=193.0, breath=4.0, f0_gain=80.0),
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
    formant_scale : float
        Factor on all formant frequencies: how short the vocal tract is.
    formants : tuple of float, length 5
        Factors on the frequencies of the first five formants.
    formant_gain : tuple of float, length 5
        Factors on the amplitudes of the first five formants; less is heard where two lie close together.
    bandwidth_scale : float
        Factor on the formants' bandwidths.
    f0_hz : float
        Median pitch in Hz.
    span_st : float
        From the 5th to the 95th percentile of pitch over neutral statements, in semitones.
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
    resonances : tuple of Resonance, length 8
    """

    name: str
    gender: Gender
    formant_scale: float
    formants: tuple[float, ...]
    formant_gain: tuple[float, ...]
    bandwidth_scale: float
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
    def f0_gain(self) -> float:
        """Amplitude of the lowest resonance, below the first formant, in percent."""
        return _GENDERS[self.gender].f0_gain

    @property
    def parameters(self) -> dict[str, Value]:
        """Everything that makes the speaker, by name, as ``speakers.parquet`` has it."""
        columns: dict[str, Value] = {
            "gender": self.gender,
            "formant_scale": self.formant_scale,
            "bandwidth_scale": self.bandwidth_scale,
            "f0_hz": self.f0_hz,
            "span_st": self.span_st,
            "breath": self.breath,
            "roughness": self.roughness,
            "flutter": self.flutter,
            "tilt_db": self.tilt_db,
            "consonants": self.consonants,
            "tempo": self.tempo,
        }
        series = {"formant": self.formants, "formant_gain": self.formant_gain, "stress": self.stress}
        for name, values in series.items():
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
    check_whole("count", count, 1, MAX_SPEAKERS)
    check_whole("seed", seed, 0, 2**63 - 1)
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


class _People:
    """The speakers of one seed and gender, in order; each is drawn when it is first asked for.

    Nobody resembles one who came before: of several candidates the one is taken that is farthest from the
    nearest of them (D. P. Mitchell: "Spectrally optimal sampling for distribution ray tracing", SIGGRAPH
    1991, 157-164).
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
        stream = Stream(self._seed, f"speaker/{self._gender}", number)
        drawn = _drawn(self._gender, stream)
        features = _features(drawn)
        best = _farthest(features, self._features) if self._features else 0
        name = f"s{self._seed}-{self._gender[0]}{number:04d}"
        self._speakers.append(_speaker(name, self._gender, {key: x[best] for key, x in drawn.items()}))
        self._features.append(features[best])


@lru_cache(maxsize=16)
def _people(seed: int, gender: Gender) -> _People:
    return _People(seed, gender)


def _drawn(gender: Gender, stream: Stream) -> dict[str, FloatArray]:
    """Draw the parameters of `_N_CANDIDATES` people, arrays with people first."""
    center = _GENDERS[gender]
    z = np.minimum(np.maximum(stream.normal(_N_CANDIDATES * 31), -_LIMIT), _LIMIT)
    u = stream.uniform(_N_CANDIDATES * (1 + 4 * _N_BANDS))
    normals, uniforms = iter(z.reshape(-1, _N_CANDIDATES)), iter(u.reshape(-1, _N_CANDIDATES))

    def around(value: float, spread: float) -> FloatArray:
        """Draw positive numbers whose logarithms are spread around that of `value`."""
        return np.multiply(value, exp2(np.multiply(spread * _OCTAVES_PER_NEPER, next(normals))))

    def between(low: float, high: float) -> FloatArray:
        return np.add(low, np.multiply(high - low, next(uniforms)))

    def within(low: float, high: float, x: FloatArray) -> FloatArray:
        return np.minimum(high, np.maximum(low, x))

    return {
        "formant_scale": around(center.formant_scale, 0.02),
        "formants": np.stack([around(1.0, 0.045 * k) for k in (0.8, 0.8, 1.0, 1.3, 1.3)], axis=1),
        "formant_gain": np.stack([around(1.0, spread) for spread in _FORMANT_GAINS], axis=1),
        "bandwidth_scale": around(1.55, 0.05),
        "f0_hz": around(center.f0_hz, 0.07),
        "span_st": around(4.4, 0.08),
        "breath": np.add(center.breath, np.multiply(1.2, np.absolute(next(normals)))),
        "flutter": np.floor(np.minimum(7.0, np.add(2.0, np.multiply(2.0, np.absolute(next(normals)))))),
        "tilt_db": np.multiply(0.4, next(normals)),
        "consonants": within(105.0, 160.0, around(130.0, 0.08)),
        "tempo": within(90.0, 112.0, around(100.0, 0.03)),
        "stress": np.stack([np.multiply(5.0, next(normals)) for _ in range(8)], axis=1),
        "roughness": np.floor(between(0.0, 3.0)),
        **_drawn_resonances(uniforms, between),
    }


def _drawn_resonances(
    uniforms: Iterator[FloatArray], between: Callable[[float, float], FloatArray]
) -> dict[str, FloatArray]:
    """Draw one resonance a band."""
    octaves = float(log2(_HIGHEST_HZ / _LOWEST_HZ)) / _N_BANDS
    hz, gain_db, q = [], [], []
    keys = [next(uniforms) for _ in range(_N_BANDS)]
    for band in range(_N_BANDS):
        center, half = octaves * (band + 0.5), 0.5 * _BAND_SHARE * octaves
        hz.append(np.multiply(_LOWEST_HZ, exp2(between(center - half, center + half))))
        gain_db.append(np.multiply(_sign(keys, band), between(*_GAIN_DB)))
        q.append(between(*_Q))
    return {
        "resonance_hz": np.stack(hz, axis=1),
        "resonance_db": np.stack(gain_db, axis=1),
        "resonance_q": np.stack(q, axis=1),
    }


def _sign(keys: Sequence[FloatArray], band: int) -> FloatArray:
    """Return 1 for a peak, -1 for a dip: every second in the order of the keys, so as many of each."""
    rank = np.zeros(len(keys[band]))
    for key in keys:
        np.add(rank, np.where(key < keys[band], 1.0, 0.0), out=rank)
    return np.where(np.fmod(rank, 2.0) == 0.0, 1.0, -1.0)


def _speaker(name: str, gender: Gender, drawn: Mapping[str, FloatArray]) -> Speaker:
    """Return the speaker of one candidate's parameters."""
    plain: dict[str, Any] = {key: x.tolist() for key, x in drawn.items()}
    resonances = zip(*(plain.pop(f"resonance_{what}") for what in ("hz", "db", "q")), strict=True)
    plain |= {key: int(plain[key]) for key in ("roughness", "flutter")}
    plain |= {key: tuple(plain[key]) for key in ("formants", "stress")}
    plain["formant_gain"] = tuple(plain["formant_gain"][:_N_FORMANTS])
    return Speaker(name, gender, resonances=tuple(Resonance(*one) for one in resonances), **plain)


def _features(drawn: Mapping[str, FloatArray]) -> FloatArray:
    """Return what candidates are compared by, in units in which each moves the cepstrum as far."""
    formants = log2(np.multiply(drawn["formant_scale"][:, None], drawn["formants"]))
    gains, pitch, breath = (
        log2(drawn["formant_gain"]),
        log2(drawn["f0_hz"])[:, None],
        drawn["breath"][:, None],
    )
    spectrum = np.zeros((len(formants), len(_PROBES)))
    probes = np.array(_PROBES)
    columns = (drawn[f"resonance_{what}"].T[..., None] for what in ("hz", "db", "q"))
    for hz, gain_db, q in zip(*columns, strict=True):
        ratio = np.divide(probes, hz)
        detuning = np.multiply(np.subtract(ratio, np.divide(1.0, ratio)), q)
        width = np.add(1.0, np.multiply(detuning, detuning))
        np.add(spectrum, np.divide(gain_db, width), out=spectrum)
    scaled = ((formants, 0.072), (gains, 0.52), (pitch, 0.1), (breath, 1.7), (spectrum, 3.5))
    return np.concatenate([np.divide(x, unit) for x, unit in scaled], axis=1)


def _farthest(candidates: FloatArray, known: Sequence[FloatArray]) -> int:
    """Return which candidate differs most from the one who is nearest to it, summed feature by feature."""
    total = np.zeros((len(candidates), len(known)))
    for column, others in zip(candidates.T, np.array(known).T, strict=True):
        difference = np.subtract(column[:, None], others)
        np.add(total, np.multiply(difference, difference), out=total)
    nearest: list[float] = total.min(axis=1).tolist()
    return nearest.index(max(nearest))
