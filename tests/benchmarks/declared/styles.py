"""Numeric parameters of styles, heard in voices that differ by them alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tests.benchmarks.declared.instruments import (
    Array,
    active_db,
    decibels,
    rms,
    sinusoid,
)
from tests.benchmarks.declared.rows import Row, compared, measures, responded
from tests.benchmarks.declared.voices import (
    RATE,
    Said,
    by_speaker,
    monotonous,
    pairs,
    said,
    semitones,
    transfers,
)

__all__: list[str] = []

BOTH_GRAMMARS = ("matrix-en", "clauses-en")
SILENT = 10.0 / 32_768  # six times the RMS of the quietest room tone
PITCH = "median F0 of voiced frames by autocorrelation"


def median_semitones(utterances: list[Said]) -> float:
    f0 = np.concatenate([one.pitch[1] for one in utterances])
    return float(np.nanmedian(semitones(f0)))


def spread_semitones(utterances: list[Said]) -> float:
    f0 = np.concatenate([one.pitch[1] for one in utterances])
    low, high = np.nanpercentile(semitones(f0), [5, 95])
    return float(high - low)


@measures("style: pitch")
def style_pitch(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    before = [median_semitones(group) for group in by_speaker(said(n_speakers=n, n_texts=20))]
    moved = {
        "alone": {},
        "with range 1.8": {"range": 1.8},
        "with range 1.8, question": {"range": 1.8, "contour": "question"},
        "with declination 4, final_pitch 3": {"declination": 4.0, "final_pitch": 3.0},
    }
    for what, others in moved.items():
        declared, found = [], []
        for value in (-3.0, 4.0):
            after = said({"pitch": value, **others}, n_speakers=n, n_texts=20)
            for old, group in zip(before, by_speaker(after), strict=True):
                declared.append(value)
                found.append(median_semitones(group) - old)
        how = f"{PITCH}, less that in neutral, by speaker"
        yield compared(f"{name}, {what}", declared, found, unit="st", how=how)


@measures("style: range")
def style_range(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    before = [spread_semitones(group) for group in by_speaker(said(n_speakers=n))]
    declared, found = [], []
    for value in (0.4, 1.6):
        after = said({"range": value}, n_speakers=n)
        for old, group in zip(before, by_speaker(after), strict=True):
            declared.append(value)
            found.append(spread_semitones(group) / old)
    how = "5th to 95th percentile of F0 in semitones, over that in neutral, by speaker"
    yield compared(name, declared, found, unit="", how=how)


def spoken(
    style: Mapping[str, Any], n: int, *, grammars: Sequence[str]
) -> Iterator[list[tuple[Said, Said]]]:
    """Yield what each speaker says in a style, and the same in neutral."""
    both = []
    for grammar in grammars:
        after = by_speaker(said(style, n_speakers=n, n_texts=12, grammar=grammar))
        before = by_speaker(said(n_speakers=n, n_texts=12, grammar=grammar))
        both.append([list(pairs(*groups)) for groups in zip(after, before, strict=True)])
    for groups in zip(*both, strict=True):
        yield [pair for group in groups for pair in group]


def word_change(new: Said, old: Said, *, what: str) -> Array:
    """Return what a style changes in each word of an utterance: semitones, or logarithms of lengths."""
    if what == "pitch":
        return new.word_semitones - old.word_semitones
    return np.log(new.word_lengths / old.word_lengths)


def slope(change: Array) -> float:
    """Return the rise from the first to the last word, by least squares."""
    at, known = np.linspace(-0.5, 0.5, len(change)), np.isfinite(change)
    return float(np.polyfit(at[known], change[known], 1)[0])


def last_less_others(change: Array) -> float:
    return float(change[-1] - np.nanmean(change[:-1]))


def last_over_others(change: Array) -> float:
    return float(np.exp(last_less_others(change)))


def growth(change: Array) -> float:
    return float(np.exp(slope(change)))


def second_less_first(change: Array) -> float:
    return float(np.nanmean(change[1::2]) - np.nanmean(change[::2]))


OF_WORDS = {
    "declination": ((-3.0, 4.0), "pitch", lambda c: -slope(c), "slope over the words"),
    "final_pitch": ((-3.0, 5.0), "pitch", last_less_others, "last word less the others"),
    "alternating_pitch": (
        (-2.0, 4.0),
        "pitch",
        second_less_first,
        "second and fourth word less the others",
    ),
    "final_length": (
        (0.8, 1.5),
        "length",
        last_over_others,
        "last over the others",
    ),
    "slowing": ((0.8, 1.3), "length", growth, "slope over the words"),
}


@measures(*(f"style: {name}" for name in OF_WORDS))
def of_words(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter = name.split()[1]
    values, what, measure, how = OF_WORDS[parameter]
    grammars = ("matrix-en",) if what == "pitch" else BOTH_GRAMMARS
    declared, found = [], []
    for value in values:
        for group in spoken({parameter: value}, n, grammars=grammars):
            changes = [measure(word_change(new, old, what=what)) for new, old in group]
            declared.append(value)
            found.append(float(np.nanmean(changes)))
    source = "median F0 of words" if what == "pitch" else "lengths of words in the annotations"
    yield compared(
        name,
        declared,
        found,
        unit="st" if what == "pitch" else "",
        how=f"{source}, less that in neutral: {how}, mean by speaker",
    )


@measures("style: tempo")
def style_tempo(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for value in (0.75, 1.3):
        for group in spoken({"tempo": value}, n, grammars=BOTH_GRAMMARS):
            declared.append(value)
            found.append(float(np.mean([old.span_s / new.span_s for new, old in group])))
    how = "length of what is heard in neutral over that in the style, short and long texts, by speaker"
    yield compared(name, declared, found, unit="", how=how)


def silences_between_words(one: Said) -> Iterator[float]:
    """Yield the lengths in seconds of stretches around the ends of words that hold noise alone."""
    is_silent = np.abs(one.waveform) < SILENT
    for (_, end), (start, _) in zip(one.words[:-1], one.words[1:], strict=True):
        middle = round((end + start) / 2 * RATE)
        before, after = is_silent[:middle][::-1], is_silent[middle:]
        yield (np.argmin(before) + np.argmin(after)) / RATE


@measures("style: pauses")
def style_pauses(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    shortest = said({"pauses": 0.04}, n_speakers=n)
    declared, found = [], []
    for value in (0.1, 0.3):
        for new, old in pairs(said({"pauses": value}, n_speakers=n), shortest):
            declared.append(value - 0.04)
            found.append((new.span_s - old.span_s) / (len(old.words) - 1))
    how = "length of what is heard, less that with pauses of .04 s"
    yield compared(f"{name}, more than .04", declared, found, unit="s", how=how)
    declared, found = [], []
    for value in (0.04, 0.1, 0.3):
        for group in by_speaker(said({"pauses": value}, n_speakers=n)):
            declared.append(value)
            # a stop begins with a silence of its own
            found.append(min(length for one in group for length in silences_between_words(one)))
    how = "silence around the ends of words, the shortest of a speaker"
    yield compared(name, declared, found, unit="s", how=how)


@measures("style: level")
def style_level(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for value in (-45.0, -24.0):
        for one in said({"level": value}, n_speakers=n):
            declared.append(value)
            found.append(active_db(one.waveform, RATE))
    yield compared(
        name, declared, found, unit="dBFS", how="RMS of frames within 26 dB", difference_unit="dB"
    )


@measures("style: air")
def style_air(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for value in (-45.0, -35.0, -25.0):
        for new, old in pairs(said({"air": value}, n_speakers=n), said(n_speakers=n)):
            voice = old.waveform * ((new.waveform @ old.waveform) / (old.waveform @ old.waveform))
            declared.append(value)
            found.append(decibels(rms(new.waveform - voice) / rms(voice)))
    how = "what is left when the voice is taken away, over the voice"
    yield compared(name, declared, found, unit="dB", how=how)


@measures("style: tremor")
def style_tremor(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for value in (0.15, 0.5):
        for new, old in pairs(said({"tremor": value}, n_speakers=n), said(n_speakers=n)):
            size = RATE // 50
            a, b = (x.waveform[: len(old.waveform) // size * size].reshape(-1, size) for x in (new, old))
            power = (b * b).sum(axis=1)
            loud = np.flatnonzero(power > power.max() * 1e-2)
            ratio = (a * b).sum(axis=1)[loud] / power[loud]
            _, swing, mean = sinusoid(ratio, loud / 50.0, 4.8, 5.2)
            declared.append(value)
            found.append(swing / mean)
    yield compared(
        name, declared, found, unit="", how="5 Hz sine fitted to the gain over the same voice without"
    )


def strength(utterances: list[Said]) -> float:
    """Return the ratio of harmonics to noise in dB."""
    r = np.concatenate([one.pitch[2] for one in utterances])
    r = np.clip(r[np.isfinite(r)], 0.01, 0.9999)
    return float(np.median(10.0 * np.log10(r / (1.0 - r))))


def jitter(utterances: list[Said]) -> float:
    """Return the median change of F0 from frame to frame in cents."""
    steps = np.concatenate([np.abs(np.diff(1200.0 * np.log2(one.pitch[1]))) for one in utterances])
    return float(np.nanmedian(steps))


def crest(utterances: list[Said]) -> float:
    peaks = [np.abs(x.waveform).max() for x in utterances]
    levels = [10.0 ** (active_db(x.waveform, RATE) / 20.0) for x in utterances]
    return float(np.mean([decibels(p / r) for p, r in zip(peaks, levels, strict=True)]))


def lengths(utterances: list[Said]) -> float:
    return sum(x.span_s for x in utterances)


RESPONSES = {
    "breath": (15.0, strength, "dB", "harmonics to noise by autocorrelation"),
    "roughness": (7, jitter, "cents", "change of F0 from frame to frame"),
    "flutter": (20, jitter, "cents", "change of F0 from frame to frame"),
    "drive": (3.0, crest, "dB", "peak over RMS of active frames"),
}


@measures(*(f"style: {name}" for name in RESPONSES))
def style_response(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter = name.split()[1]
    value, measure, unit, how = RESPONSES[parameter]
    before = by_speaker(said(n_speakers=n))
    after = by_speaker(said({parameter: value}, n_speakers=n))
    found = [measure(new) - measure(old) for new, old in zip(after, before, strict=True)]
    yield responded(name, f"0 and {value:g}", found, unit=unit, how=f"{how}, change by speaker")


@measures("style: accent")
def style_accent(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    before, after = by_speaker(said(n_speakers=n)), by_speaker(said({"accent": 40.0}, n_speakers=n))
    found = [100.0 * (lengths(new) / lengths(old) - 1.0) for new, old in zip(after, before, strict=True)]
    how = "length of what is heard, change by speaker"
    yield responded(name, "0 and 40", found, unit="%", how=how)


def low_voices(style: Mapping[str, Any], n: int) -> Iterator[list[Said]]:
    """Yield what each speaker says with a voice at 62 Hz, of which formants can be told from harmonics."""
    return by_speaker(said(style, n_speakers=n, change=monotonous))


def formant_changes(after: list[Said], before: list[Said], number: int) -> tuple[Array, Array]:
    """Return frequencies of a formant in the same frames of two utterances, in Hz."""
    new = np.concatenate([a.formants[0][: len(b.formants[0])] for a, b in zip(after, before, strict=True)])
    old = np.concatenate([b.formants[0][: len(a.formants[0])] for a, b in zip(after, before, strict=True)])
    a, b = new[:, number - 1], old[:, number - 1]
    same = np.abs(np.log(a / b)) < 0.25  # else another formant was found
    return a[same], b[same]


@measures("style: formant_1", "style: formant_2", "style: formant_3")
def style_formant(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter, number = name.split()[1], int(name[-1])
    declared, found = [], []
    for value in (0.92, 1.1):
        before, after = low_voices({}, n), low_voices({parameter: value}, n)
        for new, old in zip(after, before, strict=True):
            a, b = formant_changes(new, old, number)
            declared.append(value)
            found.append(float(np.median(a / b)))
    how = "voices at 62 Hz, linear prediction in the same frames, median ratio by speaker"
    yield compared(name, declared, found, unit="", how=how)


@measures(*(f"style: formant_{number}_shift" for number in (1, 2, 3)))
def style_formant_shift(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter, number = name.split()[1], int(name.split("_")[1])
    declared, found = [], []
    for value in (-80.0, 150.0):
        before, after = low_voices({}, n), low_voices({parameter: value}, n)
        for new, old in zip(after, before, strict=True):
            a, b = formant_changes(new, old, number)
            declared.append(value)
            found.append(float(np.median(a - b)))
    how = "voices at 62 Hz, linear prediction in the same frames, median difference by speaker"
    yield compared(name, declared, found, unit="Hz", how=how)


@measures("style: bandwidth")
def style_bandwidth(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for value in (0.7, 1.6):
        before, after = low_voices({}, n), low_voices({"bandwidth": value}, n)
        for new, old in zip(after, before, strict=True):
            declared.append(value)
            found.append(bandwidth_ratio(new, old))
    how = "linear prediction in the same frames, first three formants, median ratio by speaker"
    yield compared(name, declared, found, unit="", how=how)


def bandwidth_ratio(after: list[Said], before: list[Said]) -> float:
    ratios = []
    for new, old in zip(after, before, strict=True):
        n = min(len(new.formants[1]), len(old.formants[1]))
        ratios.append((new.formants[1][:n, :3] / old.formants[1][:n, :3]).reshape(-1))
    return float(np.nanmedian(np.concatenate(ratios)))


def bump(frequencies: Array, gain: Array, baseline: float) -> tuple[float, float, float]:
    """Return frequency, gain and quality of the strongest peak or dip of a transfer function in dB."""
    curve = gain - baseline
    inside = (frequencies > 150.0) & (frequencies < 7_000.0)
    best = int(np.flatnonzero(inside)[np.abs(curve[inside]).argmax()])
    height = curve[best]
    half = np.abs(curve) > abs(height) / 2
    low = high = best
    while half[low - 1] and low > 1:
        low -= 1
    while half[high + 1] and high < len(curve) - 2:
        high += 1
    edges = []
    for i, order in ((low - 1, 1), (high, -1)):
        curve_of, at = np.abs(curve[i : i + 2])[::order], frequencies[i : i + 2][::order]
        edges.append(float(np.interp(abs(height) / 2, curve_of, at)))
    top = np.arange(low, high + 1)
    top = top[np.abs(curve[low : high + 1]) >= 0.9 * abs(height)]
    a, b, _ = np.polyfit(frequencies[top] - frequencies[best], curve[top], 2)
    center = float(frequencies[best] - b / (2 * a))
    return center, float(height), center / (edges[1] - edges[0])


def half_way(frequencies: Array, gain: Array, low_db: float, high_db: float) -> float:
    """Return the frequency at which a rising shelf is half-way up."""
    inside = (frequencies > 100.0) & (frequencies < 7_500.0)
    curve = np.sign(high_db - low_db) * (gain[inside] - (low_db + high_db) / 2)
    at = int(np.argmax(curve > 0.0))
    return float(np.interp(0.0, curve[at - 1 : at + 1], frequencies[inside][at - 1 : at + 1]))


def plateau(frequencies: Array, gain: Array, low: float, high: float) -> float:
    return float(np.median(gain[(frequencies > low) & (frequencies < high)]))


def filtered_voices(n: int, filters: list[dict[str, Any]]) -> tuple[Array, Array]:
    return transfers(said({"filters": filters}, n_speakers=n), said(n_speakers=n))


@measures("filter: frequency", "filter: gain", "filter: q")
def of_filter(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter = name.split()[1]
    unit = {"frequency": "Hz", "gain": "dB", "q": ""}[parameter]
    declared, found = [], []
    for hz, db, q in ((400.0, 8.0, 1.5), (1300.0, -8.0, 3.0), (2600.0, 6.0, 2.0)):
        given = {"shape": "peak", "frequency": hz, "gain": db, "q": q}
        frequencies, gain = filtered_voices(n, [given])
        base = (
            plateau(frequencies, gain, 5_000.0, 7_000.0)
            if hz < 2_000.0
            else plateau(frequencies, gain, 200.0, 800.0)
        )
        heard = bump(frequencies, gain, base)
        declared.append(given[parameter])
        found.append(heard[("frequency", "gain", "q").index(parameter)])
    how = "cross-spectrum with the same voice without it" + (
        "; center over the width at half the gain" if parameter == "q" else ""
    )
    yield compared(f"{name}, peak", declared, found, unit=unit, how=how)
    if parameter == "q":
        return
    for shape, hz, db in (("low_shelf", 600.0, -8.0), ("high_shelf", 2000.0, -7.0)):
        is_low = shape == "low_shelf"
        frequencies, gain = filtered_voices(n, [{"shape": shape, "frequency": hz, "gain": db, "q": 0.7071}])
        low = plateau(frequencies, gain, 100.0, 170.0 if is_low else 500.0)
        high = plateau(frequencies, gain, 5_000.0 if is_low else 6_500.0, 7_600.0)
        if parameter == "gain":
            wanted, heard_at = db, low - high if is_low else high - low
        else:
            wanted, heard_at = hz, half_way(frequencies, gain, low, high)
        yield compared(f"{name}, {shape}", [wanted], [heard_at], unit=unit, how=how)
