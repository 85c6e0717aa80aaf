"""Declared and heard pitch of speech: ``python -m tests.benchmarks.speech_pitch``.

A speaker's ``f0_hz`` is the median of all voiced frames of at least 20 texts said neutrally, and ``pitch``
of a style is by how many semitones the median lies above that: both by the tracker pyin, which knows
nothing of what was declared but the two octaves in which it searches.

Its settings are those for pitch that moves fast in breathy voices. Frames last five periods of the median:
in longer ones a wide pitch moves by semitones, and as the tracker looks at their first half, more of what
is higher is heard. A step takes 16 ms, which holds down octave errors where pitch jumps. Of the three prior
distributions of the paper's threshold it is the one with the largest mean, .2, with which the frames that
are found are as many as those in which the engine has a voice; with the default, of .1, they are a fifth of
them in the breathiest voices. What lies an octave below the median is not found: a range of 3 with a
declination of 12 reaches 16 semitones below, and is heard too high.

References
----------
M. Mauch, S. Dixon: "pYIN: A fundamental frequency estimator using probabilistic threshold distributions",
ICASSP 2014.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

import syngen
from syngen.synth.speech.voice.speakers import find_speaker, speaker_names
from syngen.synth.speech.voice.styles import STYLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

# beside the shipped ones: parameters that move pitch without meaning its median
STYLES_TRIED: dict[str, dict[str, Any]] = {
    "wide": {"pitch": 4.0, "range": 1.8, "alternating_pitch": 3.0},
    "asking": {"pitch": -3.0, "contour": "question"},
    "widest": {"range": 3.0},
    "sinking": {"pitch": 2.0, "range": 0.5, "declination": 6.0, "final_pitch": -4.0},
}
_RATE = 16_000
_TOLERANCE_ST = 0.3
_PERIODS, _HOP, _PRIOR = 5, 256, (2, 8)


def pitch_of(name: str) -> float:
    """Return the declared pitch of a style in semitones."""
    return STYLES[name].pitch if name in STYLES else float(STYLES_TRIED[name].get("pitch", 0.0))


def median_f0(waveforms: Iterable[NDArray[np.float32]], sample_rate: int, *, near_hz: float) -> float:
    """Return the median of pyin over the voiced frames of waveforms, in Hz.

    It is searched for from an octave below to an octave above `near_hz`.
    """
    import librosa

    frames = []
    for waveform in waveforms:
        f0, is_voiced, _ = librosa.pyin(
            waveform,
            sr=sample_rate,
            fmin=near_hz / 2.0,
            fmax=near_hz * 2.0,
            frame_length=round(_PERIODS * sample_rate / near_hz),
            hop_length=_HOP,
            beta_parameters=_PRIOR,
        )
        frames.append(f0[is_voiced])
    return float(np.median(np.concatenate(frames)))


def heard_hz(task: tuple[str, str, int, int]) -> float:
    """Return the median pitch in Hz of a speaker in a style over texts of a seed."""
    speaker, style, n_texts, seed = task
    ds = syngen.render(
        {
            "name": "pitch",
            "synthesizer": "speech",
            "seed": seed,
            "audio": {"sample_rate": _RATE},
            "factors": {
                "speaker": {"values": [speaker]},
                "text": {"grammar": "matrix-en-2", "count": n_texts, "seed": seed},
                "style": {"values": [style]},
            },
            "settings": {"styles": STYLES_TRIED},
        }
    )
    declared = find_speaker(speaker).f0_hz * 2.0 ** (pitch_of(style) / 12.0)
    return median_f0((ds[i].waveform for i in range(len(ds))), _RATE, near_hz=declared)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speakers", type=int, default=40)
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=9_001)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--styles", help="names, by commas; by default all that have a pitch")
    options = parser.parse_args()
    names = speaker_names(count=options.speakers, seed=options.seed)
    voiced = [name for name, style in STYLES.items() if not style.whisper and name != "neutral"]
    styles = options.styles.split(",") if options.styles else [*voiced, *STYLES_TRIED]
    if unknown := set(styles) - {"neutral", *voiced, *STYLES_TRIED}:
        parser.error(
            f"no style with a pitch is called {min(unknown)!r}: {', '.join([*voiced, *STYLES_TRIED])}"
        )
    everything = ["neutral", *(s for s in styles if s != "neutral")]
    tasks = [(name, style, options.texts, options.seed) for style in everything for name in names]
    with ProcessPoolExecutor(options.jobs) as pool:
        heard = np.array(list(pool.map(heard_hz, tasks))).reshape(len(everything), len(names))
    own = np.array([find_speaker(name).f0_hz for name in names])
    rows = [("f0_hz of the speaker", 0.0, 12.0 * np.log2(heard[0] / own))]
    rows += [
        (f"pitch of {style}", pitch_of(style), 12.0 * np.log2(hz / heard[0]))
        for style, hz in zip(everything[1:], heard[1:], strict=True)
    ]
    print("| in semitones | declared | heard, mean | least | most | largest difference | within .3 |")
    print("|---|---|---|---|---|---|---|")
    for what, declared, found in rows:
        worst = float(np.abs(found - declared).max())
        print(
            f"| {what} | {declared:+.2f} | {found.mean():+.2f} | {found.min():+.2f} | {found.max():+.2f} "
            f"| {worst:.2f} | {'yes' if worst <= _TOLERANCE_ST else 'NO'} |"
        )


if __name__ == "__main__":
    main()
