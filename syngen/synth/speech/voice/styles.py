"""Speaking styles: what changes when the same person says the same words in another way.

A style is a set of named parameters; a recipe may define further ones by the same names::

    settings:
      styles:
        calm: {tempo: 0.9, pitch: -1.0, range: 0.7, level: -33.0}

What is not named is as in ``neutral``. Voiced styles leave the formants and resonances of the speaker
nearly where they are, and color only below 500 Hz, at 1300 Hz, and above 2 kHz, so that the speaker
survives them.

References
----------
K. R. Scherer: "Vocal communication of emotion", Speech Communication 40 (2003), 227-256, and P. N. Juslin,
P. Laukka: "Communication of emotions in vocal expression and music performance", Psychol. Bull. 129 (2003),
770-814, for level, tempo, pitch, range, contour, brightness and irregularity in joy and sadness.
C. W. Wightman et al.: "Segmental durations in the vicinity of prosodic phrase boundaries", JASA 91 (1992),
1707-1717, for final lengthening.
H. Traunmüller, A. Eriksson: "Acoustic effects of variation in vocal effort by men, women, and children",
JASA 107 (2000), 3438-3451, for pitch, first formant, long vowels and brightness in shouting.
Y. Swerdlin, J. Smith, J. Wolfe: "The effect of whisper and creak vocal mechanisms on vocal tract
resonances", JASA 127 (2010), 2590-2598, for how far whispering raises resonances: the first by 255 Hz on
average (standard deviation 90), the second by 115 (105).
K. J. Kallail, F. W. Emanuel: "Formant-frequency differences between isolated whispered and phonated vowel
samples produced by adult female subjects", J. Speech Hear. Res. 27 (1984), 245-251, for the same direction.
S. T. Jovičić: "Formant feature differences between whispered and voiced sustained vowels", Acustica 84
(1998), 739-743, for its wider bandwidths.
V. C. Tartter: "What's in a whisper?", JASA 86 (1989), 1678-1683; S. T. Jovičić, Z. Šarić: "Acoustic
analysis of consonants in whispered speech", J. Voice 22 (2008), 263-274, for its longer sounds.
V. C. Tartter: "Happy talk: Perceptual and acoustic effects of smiling on speech", Percept. Psychophys. 27
(1980), 24-27, for pitch and formants of a smile; J. J. Ohala: "An ethological perspective on common
cross-language utilization of F0 of voice", Phonetica 41 (1984), 1-16, for its raised end.

These give directions. Sizes, and the filters below 500 Hz and above 2 kHz, which only make styles easier
to tell apart, were tuned by experiment for separability and intelligibility.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from syngen.dsp.filters import SHAPES, Shape
from syngen.errors import ParameterError, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CONTOURS", "STYLES", "Filter", "Style", "read_styles"]

CONTOURS: Mapping[str, str] = MappingProxyType(
    {"as_written": "", "statement": ".", "question": "?", "exclamation": "!", "continuation": ","}
)
"""How a sentence ends in pitch, and the sign that makes the engine say it so."""

_MAX_STYLES = 1_000
_MAX_FILTERS = 12
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "tempo": (0.5, 2.0),
        "pitch": (-12.0, 12.0),
        "range": (0.0, 3.0),
        "declination": (-12.0, 12.0),
        "final_pitch": (-9.0, 9.0),
        "final_length": (0.5, 2.5),
        "slowing": (0.5, 2.0),
        "alternating_pitch": (-6.0, 6.0),
        "level": (-60.0, -16.0),
        "breath": (0.0, 40.0),
        "accent": (-60.0, 60.0),
        "pauses": (0.0, 1.0),
        "drive": (0.0, 4.0),
        "tremor": (0.0, 0.9),
        "roughness": (0, 7),
        "flutter": (0, 20),
        "formant_1": (0.8, 1.25),
        "formant_2": (0.8, 1.25),
        "formant_3": (0.8, 1.25),
        "formant_1_shift": (-400.0, 400.0),
        "formant_2_shift": (-400.0, 400.0),
        "formant_3_shift": (-400.0, 400.0),
        "bandwidth": (0.5, 2.5),
    }
)
_FORMER_NAMES = MappingProxyType({"swing": "alternating_pitch"})
_WHOLE = frozenset({"roughness", "flutter"})
_AIR = (-90.0, -20.0)
_FILTER_RANGES = {"frequency": (20.0, 20_000.0), "gain": (-30.0, 30.0), "q": (0.1, 20.0)}


@dataclass(frozen=True)
class Filter:
    """One filter of a style.

    Attributes
    ----------
    shape : {"peak", "low_shelf", "high_shelf", "high_pass"}
    frequency : float
        In Hz, 20 to 20,000; left out where it is beyond .45 of the sampling rate.
    gain : float
        In dB, -30 to 30.
    q : float
        0.1 to 20. Of a peak its frequency over its width, between the points of half the gain in dB; none
        is wider than .45 of the sampling rate.
    """

    shape: Shape
    frequency: float
    gain: float = 0.0
    q: float = 0.7071067811865476


@dataclass(frozen=True)
class Style:
    """A way of speaking.

    Attributes
    ----------
    tempo : float
        Factor on the pace, 0.5 to 2, as a mean over texts: a text differs by 2 % or so at 0.75 and 1.3, by
        the sounds it has. The slowest pace is .52 of that at which a speaker of tempo 100 is neutral.
    pitch : float
        Median pitch above the speaker's own, in semitones, -12 to 12, whatever the other parameters move.
    range : float
        Factor on how far pitch moves, 0 to 3.
    declination : float
        How far pitch falls from the first word to the last, in semitones, -12 to 12.
    final_pitch : float
        Pitch of the last word above that of the others, in semitones, -9 to 9.
    final_length : float
        Factor on the length of the last word, 0.5 to 2.5, as a mean over texts; no word is longer than 1.9
        times its length at the pace of 1.
    slowing : float
        How much longer the words become from the first to the last, as a factor, 0.5 to 2.
    alternating_pitch : float
        Pitch of every second word above that of the others, in semitones, -6 to 6.
    contour : str
        End of the sentence: a key of `CONTOURS`.
    level : float
        RMS of what is not pause, in dBFS, -60 to -16.
    filters : tuple of Filter
    breath : float
        Added breathiness, in the engine's units, 0 to 40.
    air : float or None
        RMS of the noise that follows the voice, in dB of that of the voice as it is heard, -90 to -20; it
        lies above 2.5 kHz.
    accent : float
        Added length and weight of stressed syllables, -60 to 60.
    pauses : float
        Pause after every word in seconds, 0 to 1, beside those that the text has of its own.
    drive : float
        Saturation, as of a strained voice, 0 to 4.
    tremor : float
        Depth of 5 Hz amplitude modulation, 0 to 0.9.
    roughness, flutter : int
        Added irregularity, in the engine's units, 0 to 7 and 0 to 20.
    formant_1, formant_2, formant_3 : float
        Factors on formant frequencies, 0.8 to 1.25.
    formant_1_shift, formant_2_shift, formant_3_shift : float
        What is added to formant frequencies after that, in Hz, -400 to 400.
    bandwidth : float
        Factor on the bandwidths of all formants, 0.5 to 2.5.
    whisper : bool
        Whether the voice has no pitch at all.
    """

    tempo: float = 1.0
    pitch: float = 0.0
    range: float = 1.0
    declination: float = 0.0
    final_pitch: float = 0.0
    final_length: float = 1.0
    slowing: float = 1.0
    alternating_pitch: float = 0.0
    contour: str = "as_written"
    level: float = -30.0
    filters: tuple[Filter, ...] = ()
    breath: float = 0.0
    air: float | None = None
    accent: float = 0.0
    pauses: float = 0.0
    drive: float = 0.0
    tremor: float = 0.0
    roughness: int = 0
    flutter: int = 0
    formant_1: float = 1.0
    formant_2: float = 1.0
    formant_3: float = 1.0
    formant_1_shift: float = 0.0
    formant_2_shift: float = 0.0
    formant_3_shift: float = 0.0
    bandwidth: float = 1.0
    whisper: bool = False

    @property
    def formant_shifts(self) -> tuple[float, ...]:
        """What is added to the first formants, in Hz."""
        return self.formant_1_shift, self.formant_2_shift, self.formant_3_shift


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "neutral": Style(),
        # joy (Scherer; Juslin, Laukka): fast, high, wide, bright, up and down from word to word, hurrying
        "excited": Style(
            level=-25.0,
            tempo=1.28,
            pitch=5.0,
            range=1.9,
            alternating_pitch=3.2,
            declination=-2.2,
            slowing=0.82,
            accent=20.0,
            drive=0.7,
            filters=(Filter("peak", 300.0, -8.0, 1.5), Filter("high_shelf", 6000.0, 8.0)),
        ),
        # sadness (the same): slow, low, narrow, soft, dark, sinking, unsteady, slowing down, with pauses
        "sad": Style(
            level=-38.0,
            tempo=0.8,
            pitch=-3.1,
            range=0.3,
            declination=2.5,
            slowing=1.2,
            final_length=1.1,
            pauses=0.06,
            accent=-15.0,
            breath=2.0,
            flutter=6,
            tremor=0.12,
            filters=(Filter("peak", 300.0, 8.0, 1.5), Filter("high_shelf", 2000.0, -8.0)),
        ),
        # the first resonances above those of the voice by what Swerdlin, Smith and Wolfe measured; how a
        # whisper is made widens bandwidths; the filter keeps the long-term spectrum near that of the voice,
        # so that the speaker is recognised
        "whispering": Style(
            level=-45.0,
            tempo=0.92,
            whisper=True,
            formant_1_shift=255.0,
            formant_2_shift=115.0,
            filters=(Filter("peak", 350.0, 8.0, 1.0),),
        ),
        # effort (Traunmüller, Eriksson): loud, high, first formant raised, long vowels; words set apart
        "shouting": Style(
            level=-22.0,
            tempo=0.88,
            pitch=4.2,
            range=0.6,
            declination=-1.5,
            final_pitch=1.0,
            final_length=1.25,
            pauses=0.055,
            formant_1=1.06,
            accent=30.0,
            roughness=2,
            drive=0.8,
            contour="exclamation",
            filters=(
                Filter("peak", 300.0, -8.0, 1.5),
                Filter("peak", 1300.0, 8.0, 3.0),
                Filter("high_shelf", 6000.0, -4.0),
            ),
        ),
        # friendliness (Tartter 1980; Ohala): higher, a smile in the formants, a long and raised last word
        "friendly": Style(
            level=-28.0,
            tempo=0.95,
            pitch=3.3,
            range=1.2,
            declination=0.7,
            final_pitch=6.2,
            final_length=1.35,
            alternating_pitch=-1.0,
            formant_2=1.03,
            formant_3=1.04,
            air=-37.0,
            filters=(Filter("peak", 300.0, 7.0, 1.5), Filter("high_shelf", 6000.0, 6.0)),
        ),
    }
)
"""The styles that come with syngen."""


def read_styles(given: Mapping[str, Any]) -> tuple[dict[str, Style], list[tuple[tuple[str, ...], str]]]:
    """Read styles that a recipe defines.

    Parameters
    ----------
    given : mapping
        Parameters by name of the style.

    Returns
    -------
    styles : dict of str to Style
        Those that come with syngen and the sound ones of the recipe, which may replace them.
    problems : list of (keys, message)
        What is wrong, and where below ``settings.styles``.
    """
    styles, problems = dict(STYLES), []
    if len(given) > _MAX_STYLES:
        return styles, [((), f"{len(given)} styles; at most {_MAX_STYLES} are possible")]
    for name, parameters in given.items():
        found = list(_problems(parameters))
        problems += [((name, *keys), message) for keys, message in found]
        if not found:
            styles[name] = _style(parameters)
    return styles, problems


def _problems(parameters: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    known = [field.name for field in fields(Style)]
    if not isinstance(parameters, Mapping):
        yield (), f"a style is a map of parameters, not {parameters!r}"
        return
    for key, value in parameters.items():
        if key in _FORMER_NAMES:
            yield (key,), f"{key!r} is called {_FORMER_NAMES[key]!r} from speech version 3 on: rename it"
            continue
        if key not in known:
            yield (key,), f"a style has no {key!r}{suggestion(key, known)}; it has {', '.join(known)}"
            continue
        try:
            _check(key, value)
        except ParameterError as error:
            yield (key,), str(error)


def _check(key: str, value: Any) -> None:
    if key == "whisper":
        if not isinstance(value, bool):
            raise ParameterError(f"whisper is true or false, not {value!r}")
    elif key == "contour":
        if not isinstance(value, str) or value not in CONTOURS:
            raise ParameterError(
                f"contour cannot be {value!r}{suggestion(str(value), CONTOURS)}; it is one of "
                f"{', '.join(CONTOURS)}"
            )
    elif key == "filters":
        _check_filters(value)
    elif key == "air":
        _check_number(key, value, *_AIR)
    else:
        low, high = _RANGES[key]
        _check_number(key, value, low, high, is_whole=key in _WHOLE)


def _check_number(key: str, value: Any, low: float, high: float, *, is_whole: bool = False) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (is_whole and value != int(value)):
        what = "a whole number" if is_whole else "a number"
        raise ParameterError(f"{key} is {value!r}; {what} from {low:g} to {high:g} is needed")


def _check_filters(value: Any) -> None:
    if not isinstance(value, list | tuple) or len(value) > _MAX_FILTERS:
        raise ParameterError(f"filters is a list of at most {_MAX_FILTERS} maps, not {value!r}")
    for one in value:
        if not isinstance(one, Mapping) or not {"shape", "frequency"} <= set(one):
            raise ParameterError(f"a filter is a map with shape and frequency, not {one!r}")
        for key, number in one.items():
            if key == "shape":
                if number not in SHAPES:
                    raise ParameterError(f"no filter has the shape {number!r}; use {', '.join(SHAPES)}")
            elif key in _FILTER_RANGES:
                _check_number(f"{key} of a filter", number, *_FILTER_RANGES[key])
            else:
                names = ("shape", *_FILTER_RANGES)
                raise ParameterError(f"a filter has no {key!r}{suggestion(str(key), names)}")


def _style(parameters: Mapping[str, Any]) -> Style:
    content = {key: _converted(key, value) for key, value in parameters.items() if key != "filters"}
    filters = tuple(
        Filter(one["shape"], **{key: float(number) for key, number in one.items() if key != "shape"})
        for one in parameters.get("filters", ())
    )
    return Style(filters=filters, **content)


def _converted(key: str, value: Any) -> Any:
    if key in ("whisper", "contour"):
        return value
    return int(value) if key in _WHOLE else float(value)
