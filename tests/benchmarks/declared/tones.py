"""Factors and settings of tones, measured on rendered tones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.signal import hilbert, welch

import syngen
from tests.benchmarks.declared.instruments import (
    Array,
    decibels,
    frequency_near,
    instantaneous_frequency,
    lowest_frequency,
    oversampled_peak,
    peaks,
    rms,
    sinusoid,
    sinusoids,
)
from tests.benchmarks.declared.rows import Row, compared, measures

__all__ = ["tone"]

RATE = 16_000
TIMBRES = ("sine", "triangle", "square", "sawtooth", "pulse", "organ", "comb")
GAINS = {"": 1.0, "dBFS": 1.0, "dBFS (sine)": math.sqrt(0.5)}
"""RMS at full scale, by the unit of an amplitude."""


def tone(
    settings: dict[str, Any] | None = None,
    *,
    duration: float = 1.0,
    rate: int = RATE,
    seed: int = 1,
    **given: Any,
) -> Array:
    """Return one tone: a factor is given as its value, or as (value, unit)."""
    factors = {"timbre": "sine", "amplitude": 0.5, "frequency": 1000.0, **given}
    described = {
        name: {"values": [value[0]], "unit": value[1]} if isinstance(value, tuple) else {"values": [value]}
        for name, value in factors.items()
    }
    dataset = syngen.render(
        {
            "name": "declared",
            "synthesizer": "tone",
            "seed": seed,
            "audio": {"sample_rate": rate, "duration": duration},
            "factors": described,
            "settings": settings or {},
        }
    )
    return dataset[0].waveform.astype(np.float64)


def some(rng: np.random.Generator, n: int, low: float, high: float, *, digits: int = 4) -> list[float]:
    """Draw numbers, evenly on a logarithmic scale where both ends are positive."""
    if low > 0.0:
        drawn = np.exp(rng.uniform(math.log(low), math.log(high), n))
    else:
        drawn = rng.uniform(low, high, n)
    return [round(float(x), digits) for x in drawn]


def whole_hz(rng: np.random.Generator, n: int, low: float, high: float) -> list[float]:
    """Draw frequencies of which a second holds whole periods."""
    return [float(round(f)) for f in some(rng, n, low, high)]


def cents(measured: float, declared: float) -> float:
    return 1200.0 * math.log2(measured / declared)


def envelope_of(x: Array) -> Array:
    found: Array = np.abs(hilbert(x))
    return found


@measures("audio: sample_rate")
def sample_rate(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    rates = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000][: max(2, n)]
    found = []
    for rate in rates:
        x = tone(rate=rate, frequency=1000.0)
        found.append(rate * 1000.0 / frequency_near(x, rate, 1000.0))
    yield compared(name, rates, found, unit="Hz", how="rate at which 1000 Hz is 1000 Hz")


@measures("audio: duration")
def duration(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared = some(rng, n, 0.05, 3.0)
    found = [len(tone(duration=value)) / RATE for value in declared]
    yield compared(name, declared, found, unit="s", how="samples over rate")


@measures("tone: amplitude", "tone: amplitude [dBFS]", "tone: amplitude [dBFS (sine)]")
def amplitude(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    unit = name.partition("[")[2].removesuffix("]")
    declared = some(rng, n, -60.0, -14.0) if unit else some(rng, n, 0.002, 0.2)
    found, differences = [], []
    for value in declared:
        given = {"frequency": whole_hz(rng, 1, 100, 2000)[0], "timbre": str(rng.choice(TIMBRES))}
        heard = rms(tone({"level": "rms"}, amplitude=(value, unit) if unit else value, **given))
        found.append(decibels(heard / GAINS[unit]) if unit else heard)
        expected = 10.0 ** (value / 20.0) if unit else value
        differences.append(decibels(heard / GAINS[unit] / expected))
    how = "RMS of whole periods, any timbre, level: rms"
    yield compared(name, declared, found, unit=unit, how=how, differences=differences, difference_unit="dB")


@measures("tone: level=peak", "tone: level=rms", "tone: level=observation_rms")
def level(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    kind = name.partition("=")[2]
    shape = {"attack": 0.3, "tremolo_depth": 9.0, "decay": 4.0} if kind == "observation_rms" else {}
    measure = oversampled_peak if kind == "peak" else rms
    declared = [-20.0] * len(TIMBRES)
    found = [
        decibels(
            measure(
                tone(
                    {"level": kind},
                    timbre=timbre,
                    amplitude=(value, "dBFS"),
                    frequency=whole_hz(rng, 1, 100, 900)[0],
                    **shape,
                )
            )
        )
        for value, timbre in zip(declared, TIMBRES, strict=True)
    ]
    how = {
        "peak": "largest value between samples (16 x), all timbres",
        "rms": "RMS, all timbres",
        "observation_rms": "RMS with attack, decay and tremolo, all timbres",
    }[kind]
    yield compared(name, declared, found, unit="dBFS", how=how, difference_unit="dB")


@measures("tone: frequency [Hz]")
def frequency(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared = some(rng, n, 60.0, 3500.0)
    found = [lowest_frequency(tone(frequency=f, timbre=str(rng.choice(TIMBRES))), RATE) for f in declared]
    yield compared(
        name,
        declared,
        found,
        unit="Hz",
        how="phase slope of the lowest peak, any timbre",
        differences=[cents(a, b) for a, b in zip(found, declared, strict=True)],
        difference_unit="cents",
    )


@measures("tone: time_axis=exact", "tone: time_axis=published")
def time_axis(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    kind = name.partition("=")[2]
    stretch = RATE / (RATE - 1) if kind == "published" else 1.0
    played = some(rng, n, 200.0, 3500.0)
    found = [
        frequency_near(tone({"time_axis": kind}, frequency=f), RATE, f) / f * 1e6 - 1e6 for f in played
    ]
    yield compared(
        name, [stretch * 1e6 - 1e6] * n, found, unit="ppm", how="frequency of a second over that declared"
    )


@measures("tone: phase [cycles]")
def phase(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found, differences = some(rng, n, -1.0, 1.0), [], []
    for value in declared:
        f = whole_hz(rng, 1, 100, 3000)[0]
        x = tone(frequency=f, phase=value, timbre=str(rng.choice(TIMBRES)))
        weights, _ = sinusoids(x, RATE, np.array([f]))
        turned = float(np.angle(weights[0]) / (2 * np.pi)) - value
        differences.append(turned - round(turned))
        found.append(value + differences[-1])
    yield compared(name, declared, found, unit="cycles", how="least squares at the first partial")


@measures("tone: brightness [dB/octave]")
def brightness(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = some(rng, n, -18.0, 3.0), []
    for value in declared:
        f = whole_hz(rng, 1, 150, 300)[0]
        x = tone({"level": "rms"}, frequency=f, brightness=value, timbre="sawtooth", amplitude=0.1)
        numbers = np.arange(1, 17)
        weights, _ = sinusoids(x, RATE, f * np.arange(1, math.ceil(RATE / 2 / f)))
        levels = 20.0 * np.log10(np.abs(weights[:16]))
        found.append(float(np.polyfit(np.log2(numbers), levels, 1)[0]))
    how = "slope of 16 partials fitted by least squares"
    yield compared(name, declared, found, unit="dB/octave", how=how)


@measures("tone: inharmonicity")
def inharmonicity(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = some(rng, n, 1e-4, 0.05, digits=6), []
    for value in declared:
        x = tone(
            frequency=some(rng, 1, 80.0, 250.0)[0], inharmonicity=value, timbre="sawtooth", duration=2.0
        )
        heard = peaks(x, RATE, floor_db=-45.0)
        numbers = np.arange(1, len(heard) + 1)
        squares = (heard / numbers / heard[0]) ** 2
        side = numbers**2 - squares
        found.append(float(((squares - 1.0) * side).sum() / (side * side).sum()))
    relative = [b / a - 1.0 for a, b in zip(declared, found, strict=True)]
    how = "all partials of a spectrum, B by least squares"
    yield compared(
        name,
        declared,
        found,
        unit="",
        how=how,
        differences=[100 * r for r in relative],
        difference_unit="%",
    )


def swing_of(curve: Array) -> tuple[float, float, float]:
    """Return frequency, amplitude and mean of a slow sine."""
    return sinusoid(curve[::20], np.arange(0, len(curve), 20) / RATE, 1.0, 15.0)


def vibrato(rng: np.random.Generator, rate: float, depth: float) -> Array:
    """Return the deviation in cents of a tone with vibrato, without the ends."""
    f = some(rng, 1, 1500.0, 2500.0)[0]
    x = tone(frequency=f, vibrato_rate=rate, vibrato_depth=depth, duration=2.0)
    heard = instantaneous_frequency(x, RATE)[RATE // 4 : -RATE // 4]
    deviation: Array = 1200.0 * np.log2(heard / f)
    return deviation


@measures("tone: vibrato_rate [Hz]")
def vibrato_rate(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared = some(rng, n, 2.0, 12.0)
    found = [swing_of(vibrato(rng, rate, 80.0))[0] for rate in declared]
    yield compared(name, declared, found, unit="Hz", how="sine fitted to the instantaneous frequency")


@measures("tone: vibrato_depth [cents]")
def vibrato_depth(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared = [*some(rng, max(1, n - 1), 10.0, 500.0), 600.0]
    curves = [vibrato(rng, some(rng, 1, 3.0, 9.0)[0], depth) for depth in declared]
    how = "instantaneous frequency of a sine (analytic signal)"
    for side, found in (
        ("up", [float(c.max()) for c in curves]),
        ("down", [float(-c.min()) for c in curves]),
    ):
        yield compared(f"{name}, {side}", declared, found, unit="cents", how=how)


@measures("tone: onset [s]")
def onset(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = some(rng, n, 0.001, 0.9), []
    for value in declared:
        x = tone(onset=value, phase=0.25 - (1000.0 * value) % 1.0)
        found.append(float(np.flatnonzero(x)[0] / RATE))
    how = "first sample that is not zero"
    yield compared(name, declared, found, unit="s", how=how)


def rise_of(envelope: Array) -> float:
    """Return the length in seconds of the raised-cosine rise that fits best."""
    envelope = envelope[:-400:4]  # an analytic signal is false at its ends
    t = np.arange(len(envelope)) * (4.0 / RATE)

    def error(length: float) -> float:
        shape = np.where(t < length, 0.5 - 0.5 * np.cos(np.pi * np.minimum(t / length, 1.0)), 1.0)
        gain = (envelope @ shape) / (shape @ shape)
        return float(((envelope - gain * shape) ** 2).sum())

    grid = np.geomspace(0.002, 0.9, 60)
    best = int(np.argmin([error(x) for x in grid]))
    bounds = (grid[max(0, best - 1)], grid[min(59, best + 1)])
    return float(minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x)


@measures("tone: attack [s]", "tone: release [s]")
def attack(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    factor = name.split()[1]
    declared, found = some(rng, n, 0.01, 0.6), []
    for value in declared:
        envelope = envelope_of(tone(frequency=4000.0, **{factor: value}))
        found.append(rise_of(envelope[::-1] if factor == "release" else envelope))
    how = "raised cosine fitted to the analytic signal"
    yield compared(
        name,
        declared,
        found,
        unit="s",
        how=how,
        differences=[1e3 * (b - a) for a, b in zip(declared, found, strict=True)],
        difference_unit="ms",
    )


@measures("tone: decay [dB/s]")
def decay(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    declared, found = some(rng, n, 1.0, 60.0), []
    for value in declared:
        envelope = envelope_of(tone(frequency=2000.0, decay=value))[800:-800]
        t = np.arange(len(envelope)) / RATE
        found.append(-float(np.polyfit(t, 20.0 * np.log10(envelope), 1)[0]))
    yield compared(name, declared, found, unit="dB/s", how="slope of the envelope in dB")


@measures("tone: tremolo_rate [Hz]", "tone: tremolo_depth [dB]")
def tremolo(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    is_rate = "rate" in name
    declared, found = some(rng, n, *((2.0, 12.0) if is_rate else (1.0, 30.0))), []
    for value in declared:
        rate, depth = (value, 12.0) if is_rate else (some(rng, 1, 2.0, 9.0)[0], value)
        x = tone(frequency=4000.0, duration=2.0, tremolo_rate=rate, tremolo_depth=depth)
        envelope = envelope_of(x)[RATE // 4 : -RATE // 4]
        heard, swing, mean = swing_of(envelope)
        found.append(heard if is_rate else decibels((mean + swing) / max(1e-9, mean - swing)))
    how = "sine fitted to the envelope" + ("" if is_rate else ": highest over lowest")
    yield compared(name, declared, found, unit="Hz" if is_rate else "dB", how=how)


def noise_of(color: str, snr: float, rng: np.random.Generator, **given: Any) -> tuple[float, Array]:
    """Return the RMS of the partials of a noisy tone, and its noise, by least squares."""
    f = whole_hz(rng, 1, 400, 900)[0]
    x = tone(
        {"level": "rms", "noise": color},
        seed=int(rng.integers(1 << 31)),
        frequency=f,
        snr=snr,
        amplitude=(-45.0, "dBFS"),
        **given,
    )
    frequencies = f * np.arange(1, math.ceil(RATE / 2 / f))
    _, residual = sinusoids(x, RATE, frequencies)
    # some of the noise was taken for partials
    share = 2 * len(frequencies) / len(x)
    noise = residual / math.sqrt(1.0 - share)
    power = rms(x - residual) ** 2 - share * rms(noise) ** 2
    return math.sqrt(max(power, 0.0)), noise


@measures("tone: snr [dB]")
def snr(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    for color in ("white", "pink"):
        declared, found = some(rng, n, -6.0, 40.0), []
        for value in declared:
            partials, noise = noise_of(color, value, rng, timbre=str(rng.choice(TIMBRES)))
            found.append(decibels(partials / rms(noise)))
        how = "partials fitted by least squares over the rest"
        yield compared(f"{name}, {color}", declared, found, unit="dB", how=how)


@measures("tone: noise=white", "tone: noise=pink")
def noise(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    color = name.partition("=")[2]
    power, offsets = 0.0, []
    for _ in range(n):
        _, residual = noise_of(color, -10.0, rng, duration=2.0)
        frequencies, spectrum = welch(residual, RATE, nperseg=4096, detrend=False)
        power = power + spectrum
        offsets.append(float(residual.mean()) / rms(residual))
    at = np.geomspace(40.0, 6000.0, 40)
    slope = np.polyfit(np.log2(at), 10.0 * np.log10(np.interp(at, frequencies, power)), 1)[0]
    declared = -decibels(2.0) / 2 if color == "pink" else 0.0
    how = "slope of the mean spectrum, 40 Hz to 6 kHz"
    yield compared(name, [declared], [float(slope)], unit="dB/octave", how=how)
    yield compared(
        f"{name}, offset", [0.0] * n, offsets, unit="of its RMS", how="mean of what the partials leave"
    )


@measures("tone: partial_limit")
def partial_limit(name: str, n: int, rng: np.random.Generator) -> Iterator[Row]:
    limits, declared, found = some(rng, n, 900.0, 7500.0), [], []
    for limit in limits:
        f = some(rng, 1, 150.0, 350.0)[0]
        declared.append(math.ceil(limit / f) - 1)
        x = tone({"partial_limit": limit}, frequency=f, timbre="sawtooth", duration=2.0)
        found.append(len(peaks(x, RATE, floor_db=-60.0)))
    how = "partials counted in a spectrum, limits from 900 to 7,500 Hz"
    yield compared(name, declared, found, unit="partials", how=how)
