"""How different speech sounds where it should: ``python -m tests.benchmarks.speech_quality``.

Over several draws of speakers and texts: who speaks (shrinkage LDA), what gender and which style (logistic
regression; unseen speakers and unseen texts), whether identity survives each style, and how many words a
recogniser with a closed grammar gets wrong. Nothing here was used for tuning: parameters were chosen on the
speakers of the seeds below 1,000 and with the grammar ``matrix-en``; what is reported are speakers of
seeds from 9,001 on and the grammar ``matrix-en-2``.

``--against REV`` measures the audio of an earlier commit too, on the same draws, and prints both: with the
same noise in all pauses, as there they may hold what gives speaker and style away.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import syngen
from syngen.auditing.speech.prosody import PROSODY, TIMBRE, voice_features
from syngen.synth.speech.text.grammars import GRAMMARS
from syngen.synth.speech.voice.styles import STYLES
from tests.benchmarks.earlier import ROOT, checkout, rendered

Array = NDArray[np.float64]

PARTS = ("style", "speaker", "words", "open")
_FIRST_REPORTED = 1_000  # seeds below are for tuning, with words of their own


@dataclass(frozen=True)
class Sizes:
    """How much is made for one draw."""

    speakers: int = 40
    texts: int = 24
    many_speakers: int = 250
    many_texts: int = 12
    recognised_texts: int = 5
    training_speakers: int = 20


QUICK = Sizes(
    speakers=24, texts=8, many_speakers=40, many_texts=8, recognised_texts=2, training_speakers=12
)


def recipe_of(*, seed: int, speakers: int, texts: int, styles: Sequence[str]) -> dict[str, Any]:
    grammar = "matrix-en" if seed < _FIRST_REPORTED else "matrix-en-2"
    return {
        "name": "quality",
        "synthesizer": "speech",
        "seed": seed,
        "audio": {"sample_rate": 16_000},
        "factors": {
            "speaker": {"speakers": {"count": speakers, "seed": seed}},
            "text": {"grammar": grammar, "count": texts, "seed": seed},
            "style": {"values": list(styles)},
        },
    }


@dataclass(frozen=True)
class Measured:
    """Features and levels of the observations of a draw."""

    timbre: Array
    band_timbre: Array
    level: Array
    prosody: Array
    speaker: NDArray[np.int64]
    text: NDArray[np.int64]
    style: NDArray[np.int64]
    is_female: NDArray[np.bool_]


def band_limited(waveform: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Return a waveform as a telephone hands it on: 300 to 3,400 Hz."""
    from scipy.signal import butter, sosfiltfilt

    sections = butter(4, (300.0, 3_400.0), btype="bandpass", fs=sample_rate, output="sos")
    return np.asarray(sosfiltfilt(sections, waveform), dtype=np.float32)


@dataclass(frozen=True)
class Code:
    """Whose audio is measured: the folder of the code, and whether pauses are masked."""

    folder: Path = ROOT
    masks_pauses: bool = False

    def waveforms(self, document: dict[str, Any], indices: list[int]) -> list[NDArray[np.float32]]:
        found = rendered(self.folder, document, indices)
        if self.masks_pauses:
            return [one.masked(index) for one, index in zip(found, indices, strict=True)]
        return [one.waveform for one in found]


def _features(task: tuple[Code, dict[str, Any], list[int]]) -> Array:
    code, document, indices = task
    rows = []
    for waveform in code.waveforms(document, indices):
        plain = voice_features(waveform, 16_000)
        narrow = voice_features(band_limited(waveform, 16_000), 16_000)
        rows.append(np.concatenate([plain.timbre, narrow.timbre, [plain.level_db], plain.prosody]))
    return np.array(rows)


def measured(document: dict[str, Any], jobs: int, code: Code) -> Measured:
    ds = syngen.render(document)
    parts = [part.tolist() for part in np.array_split(np.arange(len(ds)), 4 * jobs)]
    with ProcessPoolExecutor(jobs) as pool:
        rows = np.concatenate(list(pool.map(_features, [(code, document, part) for part in parts])))
    n = len(TIMBRE)
    levels = ds.levels
    female = np.array(["-f" in str(name) for name in ds.grid["speaker"].values])
    return Measured(
        timbre=rows[:, :n],
        band_timbre=rows[:, n : 2 * n],
        level=rows[:, 2 * n : 2 * n + 1],
        prosody=rows[:, 2 * n + 1 :],
        speaker=levels[:, 0],
        text=levels[:, 1],
        style=levels[:, 2],
        is_female=female[levels[:, 0]],
    )


def logistic(train: Array, labels: Array, test: Array) -> NDArray[np.int64]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3_000))
    return np.asarray(model.fit(train, labels).predict(test))


def lda(train: Array, labels: Array, test: Array) -> NDArray[np.int64]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    return np.asarray(model.fit(train, labels).predict(test))


def alternating(n: int, n_train: int, seed: int) -> NDArray[np.bool_]:
    """Which of `n` speakers, women and men taking turns, are for training: as many of each gender."""
    rng = np.random.default_rng(seed)
    is_train = np.zeros(n, dtype=bool)
    for gender in (0, 1):
        is_train[rng.permutation(np.arange(gender, n, 2))[: n_train // 2]] = True
    return is_train


def styles_and_gender(m: Measured, sizes: Sizes) -> tuple[dict[str, float], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    late = m.text >= sizes.texts // 2
    sets = feature_sets(m)
    found: dict[str, list[float]] = {f"{what}, {name}": [] for what in ("style", "gender") for name in sets}
    confusion = np.zeros((len(STYLES), len(STYLES)), dtype=np.int64)
    for _ in range(4):
        is_train = alternating(sizes.speakers, sizes.training_speakers, int(rng.integers(1 << 30)))[
            m.speaker
        ]
        train, test = is_train & ~late, ~is_train & late
        neutral = m.style == 0
        for name, x in sets.items():
            guess = logistic(x[train], m.style[train], x[test])
            found[f"style, {name}"].append(float((guess == m.style[test]).mean()))
            if name == "all features":
                np.add.at(confusion, (m.style[test], guess), 1)
            guess = logistic(x[train & neutral], m.is_female[train & neutral], x[test & neutral])
            found[f"gender, {name}"].append(float((guess == m.is_female[test & neutral]).mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}, confusion


def feature_sets(m: Measured) -> dict[str, Array]:
    """Return what a classifier may look at, by name. The first of the MFCC is the level."""
    return {
        "all features": np.hstack([m.timbre, m.level, m.prosody]),
        "without level": np.hstack([m.timbre[:, 1:], m.prosody]),
        "300-3,400 Hz": np.hstack([m.band_timbre, m.prosody]),
        "prosody alone": m.prosody,
        "MFCC alone": m.timbre,
    }


def retention(m: Measured, sizes: Sizes) -> dict[str, float]:
    """Who speaks, learned from neutral speech and asked of every style, in unseen texts."""
    early, x = m.text < sizes.texts // 2, m.timbre[:, 1:]
    train = early & (m.style == 0)
    return {
        f"speaker, neutral to {style}": float(
            (lda(x[train], m.speaker[train], x[test]) == m.speaker[test]).mean()
        )
        for i, style in enumerate(STYLES)
        for test in [~early & (m.style == i)]
    }


def many_speakers(m: Measured, sizes: Sizes) -> dict[str, float]:
    early, x = m.text < sizes.many_texts // 2, m.timbre[:, 1:]
    half = m.timbre.shape[1] // 2
    return {
        **{
            f"speaker, {sizes.many_speakers} in neutral, {name}": float(
                (lda(of_set[early], m.speaker[early], of_set[~early]) == m.speaker[~early]).mean()
            )
            for name, of_set in feature_sets(m).items()
        },
        "closest pair over the spread of one, MFCC means": closest_pair(x[:, : half - 1], m.speaker),
        "closest pair over the spread of one, MFCC means and sds": closest_pair(x, m.speaker),
    }


def closest_pair(x: Array, speaker: NDArray[np.int64]) -> float:
    """Return the least distance of two speakers' means over the RMS distance of utterances from them.

    Distances are Euclidean, features in units of their standard deviation over all utterances.
    """
    scaled = x / x.std(axis=0)
    centers = np.array([scaled[speaker == s].mean(axis=0) for s in range(int(speaker.max()) + 1)])
    spread = np.sqrt(((scaled - centers[speaker]) ** 2).sum(axis=1).mean())
    distance = np.sqrt(((centers[:, None] - centers[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)
    return float(distance.min() / spread)


def _recogniser(text: dict[str, Any]) -> Any:
    """Return a recogniser that knows the words of a grammar, or English as pocketsphinx brings it."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    if "grammar" in text:
        slots = GRAMMARS[text["grammar"]].slots
        words = " ".join("( " + " | ".join(w.lower() for w in slot) + " )" for slot in slots)
        decoder.add_jsgf_string("matrix", f"#JSGF V1.0;\ngrammar m;\npublic <s> = {words} ;\n")
        decoder.activate_search("matrix")
    return decoder


def _words_wrong(task: tuple[Code, dict[str, Any], list[int]]) -> list[tuple[str, str, int, int]]:
    """Return style, gender, wrong words and words of each observation."""
    code, document, indices = task
    decoder = _recogniser(document["factors"]["text"])
    ds = syngen.render(document)
    counts = []
    for index, waveform in zip(indices, code.waveforms(document, indices), strict=True):
        x = waveform / np.abs(waveform).max() * 0.5
        decoder.start_utt()
        decoder.process_raw((x * 32767.0).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        heard = hypothesis.hypstr.split() if hypothesis else []
        speaker, text, style = (
            str(ds.grid.values_of(index)[name]) for name in ("speaker", "text", "style")
        )
        said = words_of(text)
        gender = "female" if "-f" in speaker else "male"
        counts.append((style, gender, edits(said, heard), len(said)))
    return counts


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return how many words must be replaced, left out or put in (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != other)))
    return row[-1]


def word_errors(
    document: dict[str, Any], sizes: Sizes, jobs: int, code: Code
) -> dict[tuple[str, str], float]:
    """Return the share of wrong words in % by style and gender; every speaker says other texts."""
    ds = syngen.render(document)
    n_speakers, n_texts, n_styles = ds.grid.sizes
    own = np.arange(sizes.recognised_texts)[None] * n_speakers + np.arange(n_speakers)[:, None]
    rows = (np.arange(n_speakers)[:, None] * n_texts + own % n_texts)[..., None] * n_styles
    indices = (rows + np.arange(n_styles)).ravel()
    parts = [part.tolist() for part in np.array_split(indices, 4 * jobs)]
    with ProcessPoolExecutor(jobs) as pool:
        counts = [c for part in pool.map(_words_wrong, [(code, document, p) for p in parts]) for c in part]
    cells: dict[tuple[str, str], list[int]] = {}
    for style, gender, wrong, words in counts:
        cell = cells.setdefault((style, gender), [0, 0])
        cell[0] += wrong
        cell[1] += words
    return {key: 100.0 * wrong / words for key, (wrong, words) in cells.items()}


def summary_of_errors(rate: dict[tuple[str, str], float]) -> dict[str, float]:
    of_style = {s: (rate[s, "female"] + rate[s, "male"]) / 2.0 for s in STYLES}
    voiced = [s for s in STYLES if s != "whispering"]
    return {
        **{f"word errors, {style}, %": of_style[style] for style in STYLES},
        "word errors, mean of voiced styles, %": float(np.mean([of_style[s] for s in voiced])),
        "word errors, worst voiced cell, %": max(rate[s, g] for s in voiced for g in ("female", "male")),
    }


def draw(
    seed: int, sizes: Sizes, jobs: int, parts: set[str], code: Code = Code()
) -> tuple[dict[str, float], Any]:
    found: dict[str, float] = {}
    confusion = None
    if "style" in parts:
        m = measured(
            recipe_of(seed=seed, speakers=sizes.speakers, texts=sizes.texts, styles=list(STYLES)),
            jobs,
            code,
        )
        scores, confusion = styles_and_gender(m, sizes)
        found |= scores | retention(m, sizes)
    if "speaker" in parts:
        document = recipe_of(
            seed=seed + 300, speakers=sizes.many_speakers, texts=sizes.many_texts, styles=["neutral"]
        )
        found |= many_speakers(measured(document, jobs, code), sizes)
    n_texts = sizes.speakers * sizes.recognised_texts
    document = recipe_of(seed=seed, speakers=sizes.speakers, texts=n_texts, styles=list(STYLES))
    if "words" in parts:
        found |= summary_of_errors(word_errors(document, sizes, jobs, code))
    if "open" in parts:
        document["factors"]["text"] = {"sentences": "en", "count": n_texts, "seed": seed}
        rates = word_errors(document, sizes, jobs, code)
        found |= {
            f"open vocabulary, {style}, %": (rates[style, "female"] + rates[style, "male"]) / 2.0
            for style in STYLES
        }
    return found, confusion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--seed", type=int, default=9_001, help="of the first draw; below 1,000 for tuning")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one small draw")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of %(default)s, by commas")
    parser.add_argument("--against", metavar="REV", help="a commit to compare with, pauses masked")
    options = parser.parse_args()
    sizes, draws = (QUICK, 1) if options.quick else (Sizes(), options.draws)
    parts = set(options.parts.split(","))
    if not parts <= set(PARTS):
        parser.error(f"--parts are some of {','.join(PARTS)}, not {options.parts!r}")
    if options.draws < 1:
        parser.error("--draws is 1 or more")
    seeds = [options.seed + i for i in range(draws)]
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(checkout(options.against)) if options.against else None
        except ValueError as error:
            parser.error(str(error))
        codes = {"here": Code(masks_pauses=folder is not None)}
        if folder is not None:
            codes = {options.against: Code(folder, masks_pauses=True), **codes}
        results = {
            name: [draw(seed, sizes, options.jobs, parts, code) for seed in seeds]
            for name, code in codes.items()
        }
    print_scores({name: [found for found, _ in draws] for name, draws in results.items()})
    for name, found in results.items():
        if found[0][1] is not None:
            print(f"\nConfusions over all draws ({name}), rows are the truth:\n")
            print(np.array2string(sum(confusion for _, confusion in found)))
            print(list(STYLES), "prosody:", list(PROSODY))


def print_scores(results: dict[str, list[dict[str, float]]]) -> None:
    """Print every draw and the mean of one version, or the draws and means of two side by side."""
    columns = [f"{name}, draw {i + 1}" for name, draws in results.items() for i in range(len(draws))]
    means = [f"{name}, mean" for name in results]
    header = [*columns, *means, *(["difference"] if len(results) > 1 else [])]
    print("| | " + " | ".join(header) + " |")
    print("|---|" + "---|" * len(header))
    for name in next(iter(results.values()))[0]:
        values = [[found[name] for found in draws] for draws in results.values()]
        averages = [float(np.mean(of_code)) for of_code in values]
        numbers = [*(v for of_code in values for v in of_code), *averages]
        if len(results) > 1:
            numbers.append(averages[-1] - averages[0])
        print(
            f"| {name} | " + " | ".join(f"{v:.1f}" if "%" in name else f"{v:.3f}" for v in numbers) + " |"
        )


if __name__ == "__main__":
    main()
