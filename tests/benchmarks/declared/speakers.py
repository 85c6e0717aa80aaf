"""Numeric parameters of speakers, heard in people who differ by them alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from syngen.synth.speech.voice.speakers import Speaker
from tests.benchmarks.declared.instruments import Array, decibels
from tests.benchmarks.declared.rows import Row, compared, measures, responded
from tests.benchmarks.declared.styles import (
    PITCH,
    bandwidth_ratio,
    bump,
    formant_changes,
    jitter,
    lengths,
    low_voices,
    median_semitones,
    plateau,
    spread_semitones,
    strength,
)
from tests.benchmarks.declared.voices import (
    RATE,
    Change,
    Said,
    by_speaker,
    monotonous,
    said,
    semitones,
    transfers,
)

__all__: list[str] = []

_SAME_FRAMES = "voices at 62 Hz, linear prediction in the same frames"


def scaled(parameter: str, factor: float) -> Change:
    return lambda speaker: replace(speaker, **{parameter: getattr(speaker, parameter) * factor})


def raised(parameter: str, value: float) -> Change:
    return lambda speaker: replace(speaker, **{parameter: value})


def with_item(parameter: str, position: int, value: float, *, is_factor: bool = False) -> Change:
    """Return a change of one number of several."""

    def change(speaker: Speaker) -> Speaker:
        items = list(getattr(speaker, parameter))
        items[position] = items[position] * value if is_factor else value
        return replace(speaker, **{parameter: tuple(items)})

    return change


def low(change: Change) -> Change:
    return lambda speaker: change(monotonous(speaker))


@measures("speaker: f0_hz")
def f0(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    groups = list(by_speaker(said(n_speakers=n, n_texts=20)))
    for gender in ("female", "male"):
        of_gender = [group for group in groups if group[0].speaker.gender == gender]
        if not of_gender:
            continue
        declared = [group[0].speaker.f0_hz for group in of_gender]
        found = [float(2.0 ** (median_semitones(group) / 12.0)) for group in of_gender]
        yield compared(
            f"{name}, {gender}",
            declared,
            found,
            unit="Hz",
            how=f"{PITCH}, 20 texts, by speaker",
            differences=[semitones(b / a) for a, b in zip(declared, found, strict=True)],
            difference_unit="st",
        )


@measures("speaker: span_st")
def span(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    groups = list(by_speaker(said(n_speakers=n, n_texts=20)))
    declared = [group[0].speaker.span_st for group in groups]
    found = [spread_semitones(group) for group in groups]
    yield compared(name, declared, found, unit="st", how="5th to 95th percentile of F0 in neutral")


@measures("speaker: formant_scale")
def formant_scale(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter = name.split()[1]
    declared, found = [], []
    for factor in (0.94, 1.08):
        after = by_speaker(said(n_speakers=n, change=low(scaled(parameter, factor))))
        for new, old in zip(after, low_voices({}, n), strict=True):
            ratios = [np.divide(*formant_changes(new, old, number)) for number in (1, 2, 3)]
            declared.append(factor)
            found.append(float(np.median(np.concatenate(ratios))))
    how = f"{_SAME_FRAMES}, first three formants of the speaker over those at 1, median"
    yield compared(f"{name}, as a factor", declared, found, unit="", how=how)


@measures("speaker: bandwidth_scale")
def bandwidth_scale(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for factor in (0.75, 1.3):
        after = by_speaker(said(n_speakers=n, change=low(scaled(name.split()[1], factor))))
        for new, old in zip(after, low_voices({}, n), strict=True):
            declared.append(factor)
            found.append(bandwidth_ratio(new, old))
    how = f"{_SAME_FRAMES}, bandwidths of three formants, median"
    yield compared(f"{name}, as a factor", declared, found, unit="", how=how)


@measures("speaker: formant")
def formant(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    for number in range(1, 6):
        declared, found = [], []
        for factor in (0.94, 1.08):
            after = said(
                n_speakers=n, change=low(with_item("formants", number - 1, factor, is_factor=True))
            )
            for new, old in zip(by_speaker(after), low_voices({}, n), strict=True):
                declared.append(factor)
                found.append(float(np.median(np.divide(*formant_changes(new, old, number)))))
        how = f"{_SAME_FRAMES}, median ratio by speaker"
        yield compared(f"{name}_{number}, as a factor", declared, found, unit="", how=how)


def level_at(after: list[Said], before: list[Said], hz: Array) -> float:
    """Return the median change in dB at frequencies that follow time, less that far from them."""
    found = []
    size = 1024
    frequencies = np.fft.rfftfreq(size, 1.0 / RATE)
    targets = iter(hz.tolist())
    for new, old in zip(after, before, strict=True):
        for time, target in zip(old.vowel_times.tolist(), targets, strict=False):
            start = round(time * RATE) - size // 2
            if not np.isfinite(target) or start < 0 or start + size > len(old.waveform):
                continue
            frames = (x.waveform[start : start + size] * np.hanning(size) for x in (new, old))
            power = [np.convolve(np.abs(np.fft.rfft(x)) ** 2, np.ones(9), "same") + 1e-12 for x in frames]
            change = 10.0 * np.log10(power[0] / power[1])
            far = (np.abs(frequencies - target) > 1_500.0) & (frequencies < 5_000.0)
            found.append(change[np.argmin(np.abs(frequencies - target))] - np.median(change[far]))
    return float(np.median(found))


@measures("speaker: formant_gain")
def formant_gain(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter = name.split()[1]
    for number in range(1, 6):
        declared, found = [], []
        for factor in (0.7, 1.5):
            after = said(n_speakers=n, change=low(with_item(parameter, number - 1, factor, is_factor=True)))
            for new, old in zip(by_speaker(after), low_voices({}, n), strict=True):
                hz = np.concatenate([one.formants[0][:, number - 1] for one in old])
                declared.append(decibels(factor))
                found.append(level_at(new, old, hz))
        how = "spectra at the formant, less those 1.5 kHz from it and farther, by speaker"
        yield compared(f"{name}_{number}, as a factor", declared, found, unit="dB", how=how)


_RESPONSES = {
    "breath": (15.0, strength, "dB", "harmonics to noise by autocorrelation"),
    "roughness": (7, jitter, "cents", "change of F0 from frame to frame"),
    "flutter": (20, jitter, "cents", "change of F0 from frame to frame"),
}


@measures(*(f"speaker: {name}" for name in _RESPONSES))
def response(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    parameter = name.split()[1]
    value, measure, unit, how = _RESPONSES[parameter]
    before = by_speaker(said(n_speakers=n, change=raised(parameter, 0)))
    after = by_speaker(said(n_speakers=n, change=raised(parameter, value)))
    found = [measure(new) - measure(old) for new, old in zip(after, before, strict=True)]
    yield responded(name, f"0 and {value:g}", found, unit=unit, how=f"{how}, change by speaker")


@measures("speaker: tilt_db")
def tilt(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for value in (-3.0, 3.0):
        after = by_speaker(said(n_speakers=n, change=raised("tilt_db", value)))
        before = by_speaker(said(n_speakers=n, change=raised("tilt_db", 0.0)))
        for new, old in zip(after, before, strict=True):
            frequencies, gain = transfers(new, old)
            high, low = (
                plateau(frequencies, gain, 3_300.0, 4_500.0),
                plateau(frequencies, gain, 300.0, 600.0),
            )
            declared.append(value)
            found.append(high - low)
    how = "cross-spectrum with the same voice at 0: 3.3 to 4.5 kHz less 300 to 600 Hz"
    yield compared(name, declared, found, unit="dB", how=how)


def consonant_db(utterances: list[Said]) -> float:
    """Return the level of voiceless phones over that of the others in dB."""
    sums = {True: 0.0, False: 0.0}
    for one in utterances:
        for text, start, end in one.phones:
            if text:
                part = one.waveform[round(start * RATE) : round(end * RATE)]
                sums[text[0] in "ptkfsθʃh"] += float(part @ part)  # letters of IPA
    return 10.0 * np.log10(sums[True] / sums[False])


@measures("speaker: consonants")
def consonants(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    after = by_speaker(said(n_speakers=n, change=raised("consonants", 160.0)))
    before = by_speaker(said(n_speakers=n, change=raised("consonants", 100.0)))
    found = [consonant_db(new) - consonant_db(old) for new, old in zip(after, before, strict=True)]
    declared = [decibels(1.6)] * len(found)
    how = "voiceless phones of the annotations over the others, 160 % against 100 %"
    yield compared(name, declared, found, unit="dB", how=how)


@measures("speaker: tempo")
def tempo(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = [], []
    for value in (90.0, 112.0):
        after = by_speaker(said(n_speakers=n, change=raised("tempo", value)))
        before = by_speaker(said(n_speakers=n, change=raised("tempo", 100.0)))
        for new, old in zip(after, before, strict=True):
            declared.append(value)
            found.append(100.0 * lengths(old) / lengths(new))
    yield compared(name, declared, found, unit="%", how="length of what is heard at 100 over that at it")


@measures("speaker: stress")
def stress(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    for number in range(1, 9):
        after = by_speaker(said(n_speakers=n, change=with_item("stress", number - 1, 20.0)))
        before = by_speaker(said(n_speakers=n, change=with_item("stress", number - 1, 0.0)))
        found = [
            100.0 * (lengths(new) / lengths(old) - 1.0) for new, old in zip(after, before, strict=True)
        ]
        how = "length of what is heard, change by speaker"
        yield responded(f"{name}_{number}", "0 and 20", found, unit="%", how=how)


def without_resonance(position: int) -> Change:
    def change(speaker: Speaker) -> Speaker:
        items = list(speaker.resonances)
        items[position] = replace(items[position], gain_db=0.0)
        return replace(speaker, resonances=tuple(items))

    return change


@measures("speaker: resonance_hz", "speaker: resonance_db", "speaker: resonance_q")
def resonance(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    what = name.rpartition("_")[2]
    position = ("hz", "db", "q").index(what)
    declared, found = [], []
    for number in range(8):
        before = by_speaker(said(n_speakers=n, change=without_resonance(number)))
        for new, old in zip(by_speaker(said(n_speakers=n)), before, strict=True):
            own = new[0].speaker.resonances[number]
            frequencies, gain = transfers(new, old)
            far = (frequencies < own.frequency_hz / 4) | (frequencies > own.frequency_hz * 4)
            inside = (frequencies > 100.0) & (frequencies < 7_500.0)
            heard = bump(frequencies, gain, float(np.median(gain[far & inside])))
            declared.append((own.frequency_hz, own.gain_db, own.q)[position])
            found.append(heard[position])
    unit = {"hz": "Hz", "db": "dB", "q": ""}[what]
    relative = [100.0 * (b / a - 1.0) for a, b in zip(declared, found, strict=True)]
    yield compared(
        name,
        declared,
        found,
        unit=unit,
        how="cross-spectrum with the same voice without it, all eight",
        differences=None if what == "db" else relative,
        difference_unit=None if what == "db" else "%",
    )
