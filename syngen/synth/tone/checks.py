"""What only the tone synthesizer knows to be wrong with a request, by bounds and not by enumeration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from syngen.dsp.noise import noise_peak
from syngen.dsp.oscillators import MAX_PARTIALS, count_partials
from syngen.dsp.power import root_mean_square
from syngen.elementary import LN2, TAU
from syngen.errors import Issue
from syngen.synth.tone.levels import (
    ENVELOPE_FACTORS,
    gain_of_amplitude,
    gain_over_time,
    shown_amplitude,
)
from syngen.synth.tone.timbres import Timbre, timbres
from syngen.synth.tone.waves import partial_rms, partials_of, period_table
from syngen.units import decibels_to_gain, power

if TYPE_CHECKING:
    from syngen.synth.request import Parameter, Request

__all__ = ["partial_limit", "tone_issues"]

# sum of squared partial counts up to which every table is examined: about a second of work
_EXACT_WORK = 10_000_000
_STEP = 2.0**-15
_SIDE_BANDS = 22.0
_AIRY = 6.5
_WORST_SWING = 0.715  # swings of a tremolo after which its mean gain is lowest: tan x = x, x = 2 pi 0.715


def partial_limit(request: Request) -> float:
    """Return the frequency in Hz that no partial reaches."""
    given = float(request.settings["partial_limit"])
    nyquist = request.audio.sample_rate / 2.0
    return min(given, nyquist) if given else nyquist


def tone_issues(request: Request) -> Iterator[Issue]:
    """Yield everything that is wrong with a request."""
    if request.audio.duration is None:
        yield Issue(("audio",), "tones need audio.duration, in seconds")
        return
    if request.settings["time_axis"] == "published" and request.audio.n_samples < 2:
        yield Issue(("audio",), "time_axis: published needs at least two samples")
        return
    problems = list(_frequency_issues(request))
    yield from problems
    yield from _time_issues(request)
    if not request.settings["antialias"]:
        yield from _naive_issues(request)
    elif not problems:
        yield from _vibrato_issues(request)
        yield from _clipping_issues(request)


def _frequency_issues(request: Request) -> Iterator[Issue]:
    frequency = request.parameters["frequency"]
    nyquist = request.audio.sample_rate / 2.0
    antialias = bool(request.settings["antialias"])
    limit = partial_limit(request)
    lowest = limit / (MAX_PARTIALS + 1)
    is_rich = any(timbres()[str(n)].highest is None for n in request.parameters["timbre"].values)
    for value in frequency.values:
        f = float(value)
        if f > nyquist or (antialias and f == nyquist):
            relation = "at or above" if antialias else "above"
            yield frequency.issue(
                f"frequency {f:g} Hz is {relation} half the sampling rate, {nyquist:g} Hz", value
            )
        elif antialias and f >= limit:
            yield frequency.issue(
                f"frequency {f:g} Hz is at or above partial_limit, {limit:g} Hz: nothing would sound",
                value,
            )
        elif antialias and is_rich and f < lowest:
            yield frequency.issue(
                f"frequency {f:g} Hz has more than {MAX_PARTIALS} partials below {limit:g} Hz; "
                f"{lowest:.4g} Hz is the lowest possible here, or set antialias: false",
                value,
            )


def _time_issues(request: Request) -> Iterator[Issue]:
    """Find onsets after which nothing would be left to hear."""
    onset, duration = request.parameters["onset"], request.audio.duration or 0.0
    for value in onset.values:
        if float(value) >= duration:
            yield onset.issue(
                f"onset {value:g} s is not before the end of the observation, {duration:g} s", value
            )


def _naive_issues(request: Request) -> Iterator[Issue]:
    names = request.parameters["timbre"]
    for name in names.values:
        timbre = timbres()[str(name)]
        if timbre.naive is None:
            ideal = ", ".join(t.name for t in timbres().values() if t.naive is not None)
            yield names.issue(
                f"timbre {name!r} is a set of partials and has no ideal waveform; "
                f"set antialias: true, or use {ideal}",
                name,
            )
        else:
            is_peak = request.settings["level"] == "peak"
            crest = 1.0 if is_peak else 1.0 / timbre.naive_rms
            rms = timbre.naive_rms if is_peak else 1.0
            yield from _too_loud(request, crest, rms, f"a naive {name}")
    for name in ("brightness", "inharmonicity"):
        parameter = request.parameters.get(name)
        if parameter is not None and any(float(value) != 0.0 for value in parameter.values):
            yield parameter.issue(f"{name} needs antialias: true; a naive waveform has no partials to move")


def _vibrato_issues(request: Request) -> Iterator[Issue]:
    """Refuse side bands of vibrato that would reach half the sampling rate.

    A partial at F with a depth of d cents at v Hz reaches to F 2^(d/1200). Above that its spectrum falls
    as an Airy function of f / (pi c)^(1/3), c being the curvature of the frequency at its top in Hz/s^2,
    and not below 22 v, where d is small. Beyond the larger of the two widths less than -119 dB of
    its power were measured, for rates of 0.5 to 50 Hz and depths of 20 to 1200 cents.
    """
    depth, rate = request.parameters["vibrato_depth"], request.parameters["vibrato_rate"]
    deepest = max(float(value) for value in depth.values)
    if deepest == 0.0:
        return
    fastest = max(float(value) for value in rate.values)
    nyquist = request.audio.sample_rate / 2.0
    curvature = nyquist * deepest / 1200.0 * LN2 * (TAU * fastest) * (TAU * fastest)
    width = max(_SIDE_BANDS * fastest, _AIRY * power(TAU / 2.0 * curvature, 1.0 / 3.0) / TAU)
    highest = (nyquist - width) / power(2.0, deepest / 1200.0)
    if _top_partial(request) > highest:
        remedy = "lower depth or rate, or raise the sampling rate"
        if highest >= 1.0:
            remedy = f"set partial_limit: {math.floor(highest)}.0 or lower under settings"
        yield Issue(
            depth.path if depth.role != "fixed" else ("settings",),
            f"vibrato of {deepest:g} cents at {fastest:g} Hz throws side bands above half the sampling "
            f"rate; {remedy}",
        )


def _top_partial(request: Request) -> float:
    """Return a bound of the highest partial's frequency in Hz."""
    limit = partial_limit(request)
    used = [timbres()[str(name)] for name in request.parameters["timbre"].values]
    if any(timbre.highest is None for timbre in used):
        return limit
    top = max(float(f) for f in request.parameters["frequency"].values)
    return min(limit, top * max(timbre.highest or 1 for timbre in used))


def _clipping_issues(request: Request) -> Iterator[Issue]:
    """Find the highest crest factor that can occur, and the amplitudes it does not leave room for."""
    is_peak = request.settings["level"] == "peak"
    if is_peak and "snr" not in request.parameters:
        yield from _too_loud(request, 1.0, 1.0, "a tone")  # its peak is 1 by definition
        return
    worst, where, rms = 0.0, "", 0.0
    for name in request.parameters["timbre"].values:
        for what, crest in _crests(request, timbres()[str(name)]):
            # with level: peak the wave's peak is 1, and its RMS is highest where the crest is lowest
            rms = max(rms, 1.0 / crest) if is_peak else 1.0
            if crest > worst:
                worst, where = crest, f"{name} {what}"
    yield from _too_loud(request, 1.0 if is_peak else worst, rms, where)


def _crests(request: Request, timbre: Timbre) -> Iterator[tuple[str, float]]:
    """Peak over RMS, exactly where that is little work, else bounded."""
    counts = _partial_counts(request, timbre)
    brightness = request.parameters.get("brightness")
    tilts = [None] if brightness is None else [float(v) for v in brightness.values]
    is_stretched = any(float(v) != 0.0 for v in request.parameters["inharmonicity"].values)
    is_between = brightness is not None and brightness.is_interval
    if is_between or len(tilts) * sum(count * count for count in counts) > _EXACT_WORK:
        # Cauchy-Schwarz: sum |a| <= sqrt(K sum a^2), whatever the amplitudes
        n_partials = len(timbre.partials(counts[-1])[0])
        yield f"with {n_partials} partials", math.sqrt(2.0 * n_partials)
        return
    for count in counts:
        for tilt in tilts:
            if is_stretched:
                _, amplitudes = partials_of(timbre, count, tilt)
                yield (
                    f"with partials up to {count}",
                    math.fsum(map(abs, amplitudes)) / partial_rms(tuple(amplitudes)),
                )
            else:
                table, rms = period_table(timbre, count, tilt)
                yield f"with partials up to {count}", table.peak / rms


def _partial_counts(request: Request, timbre: Timbre) -> list[int]:
    """Every number of partials that the frequencies of a request leave below the limit."""
    frequency, limit = request.parameters["frequency"], partial_limit(request)
    counts = {max(1, count_partials(float(f), limit)) for f in frequency.values}
    is_stretched = any(float(v) != 0.0 for v in request.parameters["inharmonicity"].values)
    if frequency.is_interval or is_stretched:
        # stretching leaves fewer partials below the limit, any number down to one
        counts = set(range(1 if is_stretched else min(counts), max(counts) + 1))
    if timbre.highest is not None:
        counts = {min(count, timbre.highest) for count in counts}
    return sorted(counts)


def _too_loud(request: Request, peak: float, rms: float, where: str) -> Iterator[Issue]:
    """Report amplitudes whose peak, noise included, would pass full scale.

    `peak` and `rms` are those of a wave of amplitude 1.
    """
    amplitude: Parameter = request.parameters["amplitude"]
    level = str(request.settings["level"])
    noise, noisy = 0.0, ""
    if "snr" in request.parameters:
        lowest = min(float(value) for value in request.parameters["snr"].values)
        noise = rms * decibels_to_gain(-lowest)
        noisy = f" and noise at {lowest:g} dB"
    loudest = peak + noise * noise_peak(str(request.settings["noise"]), request.audio.n_samples)
    if level == "observation_rms":
        loudest = _crest_of_observation(request, peak)
        where = f"{where}, with its envelope,"
    measure = "peak" if level == "peak" else "RMS"
    for value in amplitude.values:
        if gain_of_amplitude(request, float(value)) * loudest > 1.0 + _STEP:
            unit = f" {amplitude.unit}" if amplitude.unit else ""
            yield amplitude.issue(
                f"amplitude {value:g}{unit} clips: {where}{noisy} peaks at {loudest:.4g} times its "
                f"{measure}; at most {shown_amplitude(request, 1.0 / loudest)} is possible with "
                f"level: {level}",
                value,
            )


def _crest_of_observation(request: Request, crest: float) -> float:
    """Return a bound of peak over RMS of whole observations; `crest` is that of the stationary tone.

    Every factor of the envelope but the rate of the tremolo takes power away: at their largest they leave
    the least. A fast tremolo leaves its mean power, the least is left by one that rises but little again
    before the end. That the tone has its mean power wherever the envelope is high is true of tones with
    many periods; others are refused, if need be, when they are rendered.
    """
    largest = {
        name: max(float(value) for value in request.parameters[name].values) for name in ENVELOPE_FACTORS
    }
    envelopes = [largest]
    if largest["tremolo_depth"]:
        rates = request.parameters["tremolo_rate"]
        worst = _WORST_SWING * request.audio.sample_rate / request.audio.n_samples
        values = [float(value) for value in rates.values]
        rate = min(max(worst, min(values)), max(values))
        if not rates.is_interval:
            rate = min(values, key=lambda value: abs(value - worst))
        envelopes.append({**largest, "tremolo_rate": rate})
    least = min(root_mean_square(gain_over_time(request.audio, values)) for values in envelopes)
    if least == 0.0:
        return crest
    crest /= least
    snr = request.parameters.get("snr")
    if snr is None:
        return crest
    bound = noise_peak(str(request.settings["noise"]), request.audio.n_samples)
    ratios = [decibels_to_gain(-float(value)) / least for value in snr.values]
    if snr.is_interval:  # where the sum is highest, if it can be there
        ratios.append(min(max(bound / crest, min(ratios)), max(ratios)))
    # the power of the noise adds to that of the tone
    return max((crest + bound * x) / math.sqrt(1.0 + x * x) for x in ratios)
