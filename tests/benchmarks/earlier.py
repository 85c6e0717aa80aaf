"""Observations of a recipe as the code of another commit renders them, pauses masked.

Benchmarks that compare two versions of the audio render both in processes of their own, each with the code
of its commit, and measure both with the code of today.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]

_MASK_RMS = 1e-4  # -80 dBFS
# only what has been public since the first commit with annotations
_SCRIPT = """
import json, sys
import numpy as np
import syngen
document, indices, path = json.load(sys.stdin)
ds = syngen.render(document)
pcm, lengths, pauses = [], [], []
for position, i in enumerate(indices):
    waveform = ds[i].waveform
    pcm.append(np.rint(waveform * 32768.0).astype(np.int16))
    lengths.append(len(waveform))
    for row in ds.annotations(i).to_dict("records"):
        if row["kind"] == "phone" and not row["text"]:
            pauses.append((position, row["start"], row["end"]))
np.savez(path, pcm=np.concatenate(pcm), lengths=np.array(lengths), code=np.array(syngen.__file__),
         pauses=np.array(pauses, dtype=np.int64).reshape(-1, 3))
"""


@dataclass(frozen=True)
class Utterance:
    """One observation: its waveform, full scale 1.0, and first and one past last sample of each pause."""

    waveform: NDArray[np.float32]
    pauses: tuple[tuple[int, int], ...]

    def masked(self, seed: int) -> NDArray[np.float32]:
        """Return the waveform with the same noise in all pauses, whatever was there."""
        noise = np.random.default_rng(seed).normal(0.0, _MASK_RMS, len(self.waveform))
        waveform = self.waveform.copy()
        for start, end in self.pauses:
            waveform[start:end] = np.rint(32768.0 * noise[start:end]) / 32768.0
        return waveform


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Yield a folder with the files of a commit.

    Raises
    ------
    ValueError
        If there is no such commit, or it has no such files.
    """
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", "--end-of-options"]
    archive = subprocess.run([*command, revision, "syngen", "recipes"], check=False, capture_output=True)
    if archive.returncode:
        raise ValueError(f"{revision!r} cannot be compared with: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="syngen-earlier-") as name:
        subprocess.run(["tar", "-x", "-C", name], input=archive.stdout, check=True)
        yield Path(name)


def rendered(code: Path, document: dict[str, Any], indices: Sequence[int]) -> list[Utterance]:
    """Return observations as the code in a folder renders them.

    Raises
    ------
    RuntimeError
        If another code than that was imported, or it failed.
    """
    with tempfile.TemporaryDirectory(prefix="syngen-earlier-") as name:
        path = Path(name) / "observations.npz"
        child = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            input=json.dumps([document, list(indices), str(path)]),
            env=os.environ | {"PYTHONPATH": str(code)},
            cwd=name,
            text=True,
            capture_output=True,
            check=False,
        )
        if child.returncode:
            raise RuntimeError(f"rendering with the code in {code} failed: {child.stderr.strip()[-2000:]}")
        with np.load(path) as found:
            if not str(found["code"]).startswith(str(code)):
                raise RuntimeError(f"{found['code']} was imported instead of the code in {code}")
            ends = np.cumsum(found["lengths"])[:-1]
            waveforms = np.split((found["pcm"] / np.float32(32768.0)).astype(np.float32), ends)
            pauses = found["pauses"]
    return [
        Utterance(waveform, tuple((int(a), int(b)) for k, a, b in pauses if k == position))
        for position, waveform in enumerate(waveforms)
    ]
