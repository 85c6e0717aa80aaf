"""What several kinds of test need: folders as bytes, child processes, damage."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HAS_SPEECH = importlib.util.find_spec("espeakng_loader") is not None
needs_speech = pytest.mark.skipif(not HAS_SPEECH, reason="the extra speech is not installed")

PATIENCE_S = 600.0
"""For what happens at once on a machine that is not busy: only what never happens takes so long."""

RECORDED_SCIPY = "1.17.1"
"""The SciPy that recorded fingerprints of speech name; its audio must be that of every other."""

EVERY_CASE = bool(os.environ.get("SYNGEN_EVERY_CASE"))
"""Whether tests of many like cases take all of them, not a sample; see CONTRIBUTING.md."""

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
"""Whether tests of odd input try thousands of new examples; see CONTRIBUTING.md."""

WHOLE_LOOKING = {
    "name": "whole-looking",
    "licence": "CC0-1.0",
    "synthesizer": "tone",
    "seed": 11,
    "audio": {"sample_rate": 8000, "duration": 0.05},
    "factors": {
        "timbre": {"values": ["sine", "square", "sawtooth"]},
        "amplitude": {"values": [0.0, 0.5, 1.0]},
        "frequency": {"values": [200.0, 250.5]},
    },
    "splits": {"default": {"random": {"train": 0.7, "test": 0.3}}},
}
"""Continuous factors whose first values look like whole numbers, and silence."""

WITH_NUISANCES = {
    "name": "with-nuisances",
    "synthesizer": "tone",
    "seed": 5,
    "audio": {"sample_rate": 8000, "duration": 0.1},
    "factors": {
        "timbre": {"values": ["sine", "triangle", "organ"]},
        "frequency": {"geomspace": {"start": 110.0, "stop": 880.0, "num": 20}, "unit": "Hz"},
    },
    "nuisances": {
        "phase": {"uniform": {"low": 0.0, "high": 1.0}, "unit": "cycles"},
        "amplitude": {"normal": {"mean": -20.0, "sd": 2.0, "low": -30.0, "high": -12.0}, "unit": "dBFS"},
    },
    "settings": {"level": "rms"},
    "splits": {"default": {"random": {"train": 0.8, "test": 0.2}}},
}

SMALL_TALK: dict[str, Any] = {
    "name": "small-talk",
    "licence": "CC0-1.0",
    "synthesizer": "speech",
    "seed": 4,
    "audio": {"sample_rate": 16000},
    "factors": {
        "speaker": {"speakers": {"count": 2, "seed": 7}},
        "text": {"grammar": "matrix-en", "count": 4, "seed": 7},
        "style": {"values": ["neutral", "whispering"]},
    },
    "splits": {"default": {"random": {"train": 0.7, "test": 0.3}}},
}
"""Sixteen utterances, in the order in which syngen writes a recipe that was given as data."""

TALK_IN_ROOMS: dict[str, Any] = SMALL_TALK | {
    "factors": SMALL_TALK["factors"] | {"speaker": {"speakers": {"count": 3, "seed": 7}}},
    "nuisances": {"room_tone": {"uniform": {"low": -86.0, "high": -72.0}, "unit": "dBFS"}},
}

FOUR_THOUSAND_TONES = """\
name: four-thousand-tones
synthesizer: tone
seed: 2402
audio: {sample_rate: 16000, duration: 0.5}
factors:
  timbre:    {values: [sine, triangle, square, sawtooth]}
  amplitude: {linspace: {start: -26.0, stop: -7.0, num: 20}, unit: dBFS}
  frequency: {geomspace: {start: 110.0, stop: 1760.0, num: 400}, unit: Hz}
settings: {level: rms}
sampling: {size: 4000}
splits:
  default: {random: {train: 0.8, validation: 0.1, test: 0.1}}
"""
"""Long enough for runs to be killed in."""


def interrupt_after(n_shards: int, recipe: Any, folder: Path, **options: Any) -> Path:
    """Leave an unfinished folder with so many finished shards; return it."""
    import syngen
    from syngen.generation.shard_renderer import ShardRenderer

    make, made = ShardRenderer.make, []

    def make_some(worker: ShardRenderer, *arguments: Any) -> Any:
        if len(made) == n_shards:
            raise KeyboardInterrupt
        made.append(make(worker, *arguments))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShardRenderer, "make", make_some)
        with pytest.raises(KeyboardInterrupt):
            syngen.generate(recipe, folder, **{"jobs": 1, "shard_size": 7} | options)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, hidden ones too, by relative name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, hidden ones too, by relative name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names_below(folder: Path) -> list[str]:
    """Return the relative names of everything below a folder, folders and hidden files too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def identities(folder: Path) -> tuple[list[int], list[bytes]]:
    """Return the columns index and pcm_sha256 of a dataset's manifest, in row order."""
    table = pq.read_table(folder / "manifest.parquet", columns=["index", "pcm_sha256"])
    return table.column("index").to_pylist(), table.column("pcm_sha256").to_pylist()


def run_python(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run this Python in a child process; `env` is added to the environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        timeout=PATIENCE_S,
    )


def run_syngen(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m syngen`` in a child process; `env` is added to the environment."""
    return run_python("-m", "syngen", *map(str, arguments), cwd=cwd, env=env)


def environment_with(program: str, folder: Path) -> dict[str, str]:
    """Return the environment of Pythons that run a program when they start, from a new folder."""
    import syngen

    folder.mkdir()
    (folder / "sitecustomize.py").write_text(program, "utf-8")
    paths = (str(folder), str(Path(syngen.__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[Any] | None = None) -> None:
    """Poll for an event, which comes before a process ends; how long it takes decides nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if process is not None and process.poll() is not None and not is_so():
            raise RuntimeError(f"the process ended before the event, with {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError("the event never happened")
        time.sleep(0.002)


def flip(path: Path, offset: int, mask: int = 0x01) -> None:
    """Change the bits of `mask` in one byte of a file; once more restores it."""
    with open(path, "r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ mask]))


def edit_json(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file in the form that syngen writes."""
    content = json.loads(path.read_text("utf-8"))
    edit(content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def edit_manifest(folder: Path, column: str, row: int, value: object) -> None:
    """Change one cell of a dataset's manifest."""
    path = folder / "manifest.parquet"
    table = pq.read_table(path)
    position = table.column_names.index(column)
    cells = table.column(column).to_pylist()
    cells[row] = value
    field = table.schema.field(position)
    pq.write_table(table.set_column(position, field, pa.array(cells, field.type)), path)


def renew_checksums(folder: Path) -> None:
    """Make SHA256SUMS fit the files again, as a forger would."""
    names = [path for path in files_of(folder) if path != "SHA256SUMS"]
    digests = digests_of(folder)
    text = "".join(f"{digests[name]}  {name}\n" for name in sorted(names))
    (folder / "SHA256SUMS").write_text(text, "utf-8")


def examples(n: int) -> hypothesis.settings:
    """Return the settings of a test with so many examples, or as many as the nightly profile says."""
    return hypothesis.settings() if NIGHTLY else hypothesis.settings(max_examples=n)
