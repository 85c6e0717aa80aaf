"""Engines of other people that fail in the middle of a dataset: one error, the other shards unharmed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.test_plugin import installed
from tests.support import run_python, run_syngen

pytestmark = pytest.mark.slow

ENGINE = """\
import os, signal, sys, time
import numpy as np
from syngen.errors import EngineError
from syngen.synth.speech.engines.base import Speech, SpeechEngine, Voice

class Robot(SpeechEngine):
    name = "robot"
    is_exact = False

    def version(self):
        return {"engine": "robot", "version": "1"}

    def voices(self):
        return (Voice("marvin", "en", ""), Voice("eve", "en", ""))

    def speak(self, utterance):
        n = 8000 + 700 * len(utterance.text)
        time_s = np.arange(n) / 16000
        pitch = 110.0 if utterance.voice == "marvin" else 190.0
        pcm = (8000 * np.sign(np.sin(2 * np.pi * pitch * time_s))).astype(np.int16)
        how = os.environ.get("ROBOT", "")
        if "trouble" in utterance.text:
            if how == "hangs":
                raise EngineError("the engine took longer than 1 s")
            if how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "raises":
                raise RuntimeError("out of oil")
            if how == "silence":
                pcm[:] = 0
            if how == "nothing":
                pcm = pcm[:0]
            if how == "too short":
                pcm = pcm[:100]
            if how == "too long":
                pcm = np.tile(pcm, 200)
            if how == "garbage":
                return Speech(pcm, 0)
            if how == "float":
                return Speech(pcm / 32768.0, 16000)
            if how == "None":
                return None
            if how == "rate":
                return Speech(pcm, 16001)
        return Speech(pcm, 16000)
"""
RECIPE = """\
name: robots
synthesizer: speech
seed: 3
audio: {sample_rate: 8000}
settings: {engine: robot}
factors:
  speaker: {values: [marvin, eve]}
  text: {values: [One., Two., Three., Four., Five., Six., Seven., Big trouble.]}
"""
OPTIONS = ["--shard-size", "2", "-q"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which the engine is installed."""
    folder = tmp_path_factory.mktemp("robot")
    return installed(folder, "robot", ENGINE, "syngen.speech_engines", "robot = robot:Robot")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "robots.yaml").write_text(RECIPE, "utf-8")
    return tmp_path


def receipts(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / ".syngen" / "receipts").glob("*.json"))


def test_an_engine_without_events_speaks_and_has_annotations(here: Path, site: dict[str, str]) -> None:
    done = run_syngen("generate", "robots.yaml", "data", "-j", "1", *OPTIONS, cwd=here, env=site)
    assert done.returncode == 0, done.stderr
    done = run_syngen("verify", "data", "--rerender", "16", "-q", cwd=here, env=site)
    assert (done.returncode, done.stdout) == (0, "")
    program = (
        "import json, syngen; ds = syngen.load('data'); a = ds.annotations(0)\n"
        "print(json.dumps([a.text.tolist(), a.start.tolist(), a.end.tolist(), ds[0].waveform.size,"
        " ds[0].values['text'], 'gender' in ds.manifest]))"
    )
    done = run_python("-c", program, cwd=here, env=site)
    texts, starts, ends, n_samples, text, has_gender = json.loads(done.stdout)
    assert (texts, starts, ends) == ([text, text], [0, 0], [n_samples, n_samples])
    assert not has_gender


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("hangs", "took longer than 1 s"),
        ("raises", "the speech synthesizer fails with RuntimeError: out of oil"),
        ("silence", "the engine returned silence for 'Big trouble.'"),
        ("nothing", "the engine returned no samples for 'Big trouble.'"),
        ("too short", r"s of audio for 'Big trouble.': between"),
        ("too long", r"s of audio for 'Big trouble.': between"),
        ("garbage", "a sample rate of 0 Hz for 'Big trouble.'"),
        ("float", "Big trouble."),
        ("None", "Big trouble."),
        ("rate", "Big trouble."),
    ],
)
def test_one_text_that_fails_costs_its_shards_and_no_others(
    here: Path, site: dict[str, str], how: str, message: str
) -> None:
    env = {**site, "ROBOT": how}
    done = run_syngen("generate", "robots.yaml", "data", "-j", "1", *OPTIONS, cwd=here, env=env)
    assert done.returncode == 3, done.stderr
    assert message in done.stderr
    assert "Big trouble." in done.stderr
    assert "index " in done.stderr
    assert "of 8 shards failed, first train-00000" in done.stderr
    assert "Traceback" not in done.stderr
    n_failed = int(done.stderr.split(" of 8 shards failed")[0].split()[-1])
    assert n_failed in (1, 2)
    assert done.stderr.count("train-00000") == n_failed, "each is in the list"
    assert len(receipts(here / "data")) == 8 - n_failed
    assert not (here / "data" / "dataset.json").exists()


def test_what_failed_is_made_when_the_engine_works_again(here: Path, site: dict[str, str]) -> None:
    for jobs in ("1", "2"):
        env = {**site, "ROBOT": "silence"}
        done = run_syngen("generate", "robots.yaml", "data", "-j", jobs, *OPTIONS, cwd=here, env=env)
        assert done.returncode == 3, done.stderr
        assert len(receipts(here / "data")) in (6, 7)
    done = run_syngen("generate", "robots.yaml", "data", "-j", "1", *OPTIONS, cwd=here, env=site)
    assert done.returncode == 0, done.stderr
    assert run_syngen("verify", "data", "--rerender", "16", "-q", cwd=here, env=site).returncode == 0


def test_an_engine_that_kills_its_process_costs_its_shards_and_no_others(
    here: Path, site: dict[str, str]
) -> None:
    env = {**site, "ROBOT": "dies"}
    done = run_syngen("generate", "robots.yaml", "data", "-j", "2", *OPTIONS, cwd=here, env=env)
    assert done.returncode == 3, done.stderr
    assert re.search(r"its worker process was ended by signal 9 .* at row \d+.* \(3 tries\)", done.stderr)
    assert "Traceback" not in done.stderr
    assert len(receipts(here / "data")) in (6, 7)


def test_voices_that_the_engine_has_not_are_refused_before_anything_is_written(
    here: Path, site: dict[str, str]
) -> None:
    (here / "robots.yaml").write_text(RECIPE.replace("eve", "eva"), "utf-8")
    done = run_syngen("generate", "robots.yaml", "data", cwd=here, env=site)
    assert done.returncode != 0
    assert "the engine 'robot' has no voice 'eva'" in done.stderr
    assert not list((here / "data").glob("*.json"))
