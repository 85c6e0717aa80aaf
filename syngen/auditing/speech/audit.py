"""The audit of a recipe that speaks: whether speakers, texts and styles are told apart, and how they sound.

On a part of the grid, every factor is learned from measurements of the voice and asked of speakers and
texts that were not learned from. What such a probe reaches is what can be expected of a representation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from syngen._threads import single_threaded
from syngen._typing import ProgressUpdate
from syngen.auditing.signals import SignalTally
from syngen.auditing.speech.prosody import band_powers, voice_features
from syngen.auditing.speech.report import BANDS_HZ, SpeechAudit, StyleSound, VoiceProbe
from syngen.dsp.level import dequantise
from syngen.errors import EngineError
from syngen.resolving.rendering import Rendering

if TYPE_CHECKING:
    from syngen._typing import FloatArray, IntArray, Progress
    from syngen.resolving.resolve import ResolvedRecipe

__all__ = ["audit_speech"]

_MOST_SPEAKERS, _MOST_TEXTS, _FEWEST = 40, 20, 4
_MAX_OFFSET_DB = -20.0  # the pulses of a voice are one-sided, and so is the engine's sum of them
_FEWEST_TO_LEARN = 3  # of each level: the covariance of two is singular, and Ledoit-Wolf leaves it so
_PHONATED = 0.2  # of the frames of a style that is not whispered have a pitch


@dataclass(frozen=True)
class _Voices:
    """Measurements of a part of the grid, observations first."""

    levels: dict[str, IntArray]
    timbre: FloatArray
    level: FloatArray
    prosody: FloatArray
    course: FloatArray
    bands: FloatArray
    peak: FloatArray


@single_threaded()
def audit_speech(
    resolved: ResolvedRecipe, *, contexts: int, seed: int, progress: Progress | None = None
) -> SpeechAudit:
    """Audit a recipe whose factors are speaker, text and style.

    Parameters
    ----------
    resolved : ResolvedRecipe
    contexts : int
        Most observations to render, times six: as many speakers and texts are taken as fit.
    seed : int
    progress : callable, optional
        Called with a `ProgressUpdate` about observations.

    Raises
    ------
    EngineError
        If the recipe lacks one of the three factors.
    """
    missing = {"speaker", "text", "style"} - set(resolved.grid)
    if missing:
        raise EngineError(
            f"{resolved.name}: an audit of speech needs the factors speaker, text and style; "
            f"{', '.join(sorted(missing))} is missing"
        )
    tally = SignalTally(max_offset_db=_MAX_OFFSET_DB)
    indices, chosen = _part_of_grid(resolved, contexts)
    voices = _measured(resolved, indices, chosen, tally, progress)
    rng = np.random.default_rng(seed)
    probes = [
        _probe(resolved, voices, "style", ("speaker", "text"), rng),
        _probe(resolved, voices, "gender", ("speaker", "text"), rng),
        _probe(resolved, voices, "speaker", ("text",), rng),
        _probe(resolved, voices, "text", ("speaker",), rng),
    ]
    return SpeechAudit(
        recipe=resolved.name,
        seed=seed,
        n_speakers=len(np.unique(voices.levels["speaker"])),
        n_texts=len(np.unique(voices.levels["text"])),
        probes=tuple(p for p in probes if isinstance(p, VoiceProbe)),
        closest_speakers=_closest(resolved, voices),
        styles=_style_sounds(resolved, voices),
        signals=tally,
        unprobed=tuple(p for p in probes if isinstance(p, str)),
    )


def _part_of_grid(resolved: ResolvedRecipe, contexts: int) -> tuple[IntArray, dict[str, IntArray]]:
    """Return the indices of as many speakers and texts as fit, with every style, and their levels."""
    grid = resolved.grid
    n_styles = grid["style"].size
    room = max(_FEWEST**2, 6 * contexts // n_styles)
    # twice as many speakers as texts, where there are so many: speakers are harder to generalise to
    n_speakers = min(_MOST_SPEAKERS, grid["speaker"].size, max(_FEWEST, isqrt(2 * room)))
    n_texts = min(_MOST_TEXTS, grid["text"].size, max(_FEWEST, room // n_speakers))
    taken = {"speaker": n_speakers, "text": n_texts, "style": n_styles}
    axes = [np.arange(taken.get(name, 1), dtype=np.int64) for name in grid.names]
    levels = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    return grid.indices_of(levels), {name: levels[:, i] for i, name in enumerate(grid.names)}


def _measured(
    resolved: ResolvedRecipe,
    indices: IntArray,
    levels: dict[str, IntArray],
    tally: SignalTally,
    progress: Progress | None,
) -> _Voices:
    rate = resolved.audio.sample_rate
    rows = []
    audio_s = 0.0
    for done, observation in enumerate(Rendering(resolved).observations(indices), 1):
        waveform = dequantise(observation.pcm)
        tally.add(observation.index, waveform)
        voice = voice_features(waveform, rate)
        bands = band_powers(waveform, rate, BANDS_HZ)
        peak = float(np.abs(waveform).max())
        rows.append((voice.timbre, [voice.level_db], voice.prosody, voice.course, bands, [peak]))
        audio_s += len(waveform) / rate
        if progress is not None:
            progress(ProgressUpdate(done, len(indices), audio_s))
    return _Voices(levels, *map(np.array, zip(*rows, strict=True)))


def _probe(
    resolved: ResolvedRecipe,
    voices: _Voices,
    factor: str,
    unseen: tuple[str, ...],
    rng: np.random.Generator,
) -> VoiceProbe | str:
    """Learn a factor on one half of the speakers, texts or both, and ask it of the other half.

    A line says why if that cannot be done.
    """
    from sklearn.metrics import confusion_matrix

    names, labels = _labels(resolved, voices, factor)
    if len(names) < 2:
        return f"{factor}: {'it has one level only' if names else 'no speaker has one'}"
    is_train, is_test = np.ones(len(labels), dtype=bool), np.ones(len(labels), dtype=bool)
    for other in unseen:
        values = np.unique(voices.levels[other])
        if len(values) < _FEWEST:
            return f"{factor}: fewer than {_FEWEST} {other}s to learn from and ask about"
        half = np.isin(voices.levels[other], rng.permutation(values)[: len(values) // 2])
        is_train, is_test = is_train & half, is_test & ~half
    if np.bincount(labels[is_train], minlength=len(names)).min() < _FEWEST_TO_LEARN or not is_test.any():
        return f"{factor}: too few observations"
    guess = _model(factor).fit(_inputs(voices, factor)[is_train], labels[is_train])
    found = guess.predict(_inputs(voices, factor)[is_test])
    confusions = confusion_matrix(labels[is_test], found, labels=range(len(names)))
    return VoiceProbe(
        factor=factor,
        unseen=" and ".join(f"{other}s" for other in unseen),
        levels=names,
        accuracy=float((found == labels[is_test]).mean()),
        chance=float(confusions.sum(axis=1).max() / confusions.sum()),
        confusions=tuple(map(tuple, confusions.tolist())),
    )


def _labels(resolved: ResolvedRecipe, voices: _Voices, factor: str) -> tuple[tuple[str, ...], IntArray]:
    derived = {d.name: d for d in resolved.synthesizer.derived(resolved.request)}
    if factor in resolved.grid:
        levels = voices.levels[factor]
        return tuple(map(str, resolved.grid[factor].values[: int(levels.max()) + 1])), levels
    if factor not in derived:
        return (), voices.levels["speaker"]
    values = [str(v) for v in derived[factor].values]
    own = [values[level] for level in voices.levels[derived[factor].factor]]
    names, labels = np.unique(own, return_inverse=True)
    return tuple(map(str, names)), labels.astype(np.int64)


def _inputs(voices: _Voices, factor: str) -> FloatArray:
    if factor == "style":
        return np.hstack([voices.timbre, voices.level, voices.prosody])
    if factor == "text":
        return np.hstack([voices.course, voices.prosody])
    return voices.timbre[:, 1:]


def _model(factor: str) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if factor in ("speaker", "text"):
        return LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=3_000))


def _closest(resolved: ResolvedRecipe, voices: _Voices) -> tuple[str, str, float]:
    """Return the two speakers that are most alike in the first style, by the means of their cepstra."""
    from scipy.spatial.distance import pdist

    is_first = voices.levels["style"] == 0
    speaker, names = voices.levels["speaker"][is_first], resolved.grid["speaker"].values
    x = voices.timbre[is_first, 1 : voices.timbre.shape[1] // 2]
    scaled = x / np.maximum(x.std(axis=0), 1e-12)
    centers = np.array([scaled[speaker == s].mean(axis=0) for s in range(int(speaker.max()) + 1)])
    if len(centers) < 2:
        return str(names[0]), str(names[0]), 0.0
    spread = np.sqrt(((scaled - centers[speaker]) ** 2).sum(axis=1).mean())
    distances = pdist(centers)
    first, second = np.transpose(np.triu_indices(len(centers), 1))[distances.argmin()]
    return str(names[first]), str(names[second]), float(distances.min() / max(spread, 1e-12))


def _style_sounds(resolved: ResolvedRecipe, voices: _Voices) -> tuple[StyleSound, ...]:
    sounds = []
    reference: FloatArray | None = None
    for level, style in enumerate(resolved.grid["style"].values):
        own = voices.levels["style"] == level
        powers = voices.bands[own].mean(axis=0)
        spectrum = 10.0 * np.log10(powers / powers.sum() + 1e-12)
        reference = spectrum if reference is None else reference
        prosody = voices.prosody[own].mean(axis=0)
        is_phonated = bool(np.median(voices.prosody[own, 5]) > _PHONATED)
        sounds.append(
            StyleSound(
                style=str(style),
                level_db=(float(voices.level[own].min()), float(voices.level[own].max())),
                peak=float(voices.peak[own].max()),
                pitch_hz=float(2.0 ** np.median(voices.prosody[own, 0])),
                duration_s=float(prosody[6]),
                pauses=float(prosody[7]),
                deviation_db=tuple((spectrum - reference).tolist()),
                is_phonated=is_phonated,
            )
        )
    return tuple(sounds)
