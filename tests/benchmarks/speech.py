"""Speed and memory of speech: ``python -m tests.benchmarks.speech [--quick]``.

The *limit program* is the bare loop that nobody can do without: for each observation a fresh instance of
the engine, the resampler, the processing of the style, 16-bit samples, their hash, peak and level, both
members of the tar, and the shard's hash. It runs interleaved with syngen in one process; CPU time is
counted and the best of several rounds is taken.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import syngen
from syngen.dsp.resampling import resample
from syngen.generation.plan import Plan
from syngen.generation.shard_renderer import ShardRenderer
from syngen.resolving.resolve import ResolvedRecipe
from syngen.seeding import Stream
from syngen.storage.codec import find_codec
from syngen.storage.shards import header_of, padding_of
from syngen.synth.speech.engines.espeak import EspeakEngine
from syngen.synth.speech.voice.coloring import Coloring
from syngen.synth.speech.voice.contour import Contours
from syngen.synth.speech.voice.engine_parameters import utterance_of
from syngen.synth.speech.voice.speakers import find_speaker
from syngen.synth.speech.voice.styles import STYLES
from tests.benchmarks.generation import Sink, cpu_seconds, interleaved, memory

N = 300


def all_styles(n_speakers: int = 20, n_texts: int = 50) -> ResolvedRecipe:
    document = syngen.load_recipe("synspeech-large").recipe.document()
    document["factors"]["speaker"]["speakers"]["count"] = n_speakers
    document["factors"]["text"] = {"grammar": "matrix-en", "count": n_texts, "seed": 7}
    for name in ("nuisances", "splits"):
        document.pop(name)
    return syngen.load_recipe(document)


def limit_program(resolved: ResolvedRecipe, indices: np.ndarray, codec: str) -> Callable[[], None]:
    """Return the bare loop over some observations."""
    encode, seed = find_codec(codec).encode, resolved.recipe.seed
    engine, coloring = EspeakEngine(), Coloring(16_000)
    engine.prepare()
    contours = Contours(engine)
    rows = []
    for index in indices.tolist():
        values = resolved.grid.values_of(index)
        speaker, style = find_speaker(str(values["speaker"])), STYLES[str(values["style"])]
        first = int(Stream(seed, "synthesizer/engine", index).raw(1)[0]) & (2**31 - 1)
        utterance = utterance_of(
            str(values["text"]), style, seed=first, speaker=speaker, voice="", contour_of=contours
        )
        text = json.dumps({"index": index, "split": "train", "values": values}).encode()
        rows.append((index, utterance, style, speaker.resonances, text))

    def loop() -> None:
        sink, digest = Sink(), hashlib.sha256()
        for row, (index, utterance, style, resonances, text) in enumerate(rows):
            speech = engine.speak(utterance)
            y = coloring.apply(
                resample(speech.pcm, speech.sample_rate, 16_000),
                style,
                resonances=resonances,
                room_tone_db=-80.0,
                pauses=(),
                streams=lambda name, index=index: Stream(seed, f"synthesizer/{name}", index),
            )
            y *= 32768.0
            np.rint(y, out=y)
            pcm = y.astype(np.int16)
            audio = encode(pcm, 16_000)
            hashlib.sha256(pcm).digest()
            max(int(pcm.max()), -int(pcm.min()))
            sum(float(np.dot(part, part)) for part in np.split(y, range(8000, len(y), 8000)))
            data = b"".join(
                (
                    header_of(f"{row:09d}.{codec}", len(audio)),
                    audio,
                    padding_of(len(audio)),
                    header_of(f"{row:09d}.json", len(text)),
                    text,
                    padding_of(len(text)),
                )
            )
            sink.write(data)
            digest.update(data)

    return loop


def against_the_limit(codec: str) -> tuple[str, str, str]:
    plan = Plan(all_styles(), codec=codec)
    shard, worker = plan.shards[0], ShardRenderer(plan)
    indices = plan.indices(shard)[:N]
    worker.write_sample(Sink(), shard, indices)
    best = interleaved(
        {
            "syngen": lambda: worker.write_sample(Sink(), shard, indices),
            "limit": limit_program(plan.resolved, indices, codec),
        }
    )
    target = ".85" if codec == "wav" else ".88"
    return (
        f"speech of six styles to {codec.upper()}, of the limit program",
        f"{best['limit'] / best['syngen']:.2f} ({N / best['syngen']:,.0f}/s of {N / best['limit']:,.0f}/s)",
        target,
    )


def real_time(style: str | None) -> tuple[str, str, str]:
    resolved = all_styles()
    if style:
        document = resolved.recipe.document()
        document["factors"]["style"] = {"values": [style]}
        resolved = syngen.load_recipe(document)
    plan = Plan(resolved)
    shard, worker = plan.shards[0], ShardRenderer(plan)
    indices = plan.indices(shard)[:N]
    n_samples = worker.write_sample(Sink(), shard, indices)
    seconds = min(cpu_seconds(lambda: worker.write_sample(Sink(), shard, indices)) for _ in range(3))
    return (
        f"{style or 'all styles'}: times real time a core",
        f"{n_samples / 16_000 / seconds:.0f} ({seconds / N * 1000:.1f} ms of CPU an utterance)",
        "350" if style is None else "-",
    )


def two_jobs(folder: Path) -> tuple[str, str, str]:
    walls = {1: float("inf"), 2: float("inf")}
    for round_ in range(2):
        for jobs in (1, 2):
            report = syngen.generate(all_styles(), folder / f"{round_}-{jobs}", jobs=jobs, shard_size=250)
            walls[jobs] = min(walls[jobs], report.wall_s)
    return (
        f"two jobs over one, {all_styles().size:,} observations of speech, wall time",
        f"{walls[1] / walls[2]:.2f} ({walls[1]:.1f} s, {walls[2]:.1f} s)",
        "1.85",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    quick = parser.parse_args().quick
    rows = [against_the_limit("wav"), against_the_limit("flac"), real_time(None)]
    rows += [real_time(style) for style in STYLES]
    if not quick:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            out = repr(str(folder / "memory"))
            megabytes, _ = memory(f"syngen.generate('synspeech-small', {out}, jobs=1)")
            rows.append(("memory of generation, MB", f"{megabytes:.0f}", "450"))
            rows.append(two_jobs(folder / "jobs"))
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    print("\n| | measured | wanted |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
