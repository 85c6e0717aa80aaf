"""The operating system's voices: a child process that may hang, die or answer nonsense."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from syngen.errors import EngineError, MissingExtraError
from syngen.synth.speech.engines import pyttsx3_child
from syngen.synth.speech.engines.base import Utterance, Voice
from syngen.synth.speech.engines.pyttsx3 import Pyttsx3Engine
from tests.support import PATIENCE_S

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the voices are those of Linux")

CHILD = """
import json, os, sys, time
import numpy as np, soundfile
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "voices":
        print(json.dumps({"voices": [["ann", "en", "female"], ["bob", "", ""]]}), flush=True)
        continue
    word = request["text"].split()[0]
    if word == "hang":
        time.sleep(600)
    elif word == "die":
        os.kill(os.getpid(), 9)
    elif word == "leave":
        sys.exit(5)
    elif word == "babble":
        print("what?", flush=True)
    elif word == "fail":
        print(json.dumps({"error": "ValueError: no such driver"}), flush=True)
    elif word == "nothing":
        print("{}", flush=True)
    else:
        samples = np.zeros(8000) if word == "silence" else np.sin(np.arange(8000))
        soundfile.write(request["path"], samples, 8000, format="AIFF")
        print("{}", flush=True)
"""


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Pyttsx3Engine]:
    """An engine whose child does what the text says."""
    program = tmp_path / "child.py"
    program.write_text(CHILD, "utf-8")
    with Pyttsx3Engine(child=[sys.executable, str(program)], timeout_s=PATIENCE_S) as engine:
        yield engine


@on_linux
def test_twenty_utterances_with_two_voices_are_spoken() -> None:
    voices = ("gmw/en-us", "gmw/en-gb-scotland")
    with Pyttsx3Engine(timeout_s=PATIENCE_S) as engine:
        assert set(voices) <= {voice.name for voice in engine.voices()}
        said = {}
        for k in range(20):
            text = f"This is sentence number {k % 10}, spoken slowly."
            speech = engine.render(Utterance(text, voice=voices[k // 10]))
            assert 1.0 < len(speech.pcm) / speech.sample_rate < 6.0
            assert abs(speech.pcm).max() > 3_000
            said[text, k // 10] = speech.pcm.tobytes()
    assert len(set(said.values())) == 20


@on_linux
def test_rate_is_that_of_the_utterance_from_the_first_one_on() -> None:
    with Pyttsx3Engine(timeout_s=PATIENCE_S) as engine:
        lengths = [
            len(engine.render(Utterance("This is spoken.", rate=r)).pcm) for r in (300, 120, 440, 165, 300)
        ]
    assert lengths[2] < 0.8 * lengths[0] < 0.64 * lengths[3] < 0.55 * lengths[1]
    assert abs(lengths[0] - lengths[4]) < 500


class SlowDriver:
    """Takes the rate that it was told when it is asked for the tenth time."""

    def __init__(self) -> None:
        self.told, self.n_asked = 0, 0

    def setProperty(self, _: str, rate: int) -> None:  # noqa: N802
        self.told = rate

    def getProperty(self, _: str) -> int:  # noqa: N802
        self.n_asked += 1
        return self.told if self.n_asked >= 10 else 0


@pytest.mark.parametrize(("is_espeak", "n_asked"), [(True, 10), (False, 1)])
def test_espeak_is_waited_for_until_it_has_its_rate_and_others_only_for_a_moment(
    is_espeak: bool, n_asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = SimpleNamespace(IsPlaying=lambda: False) if is_espeak else None
    monkeypatch.setattr(pyttsx3_child, "_RATE_TIMEOUT_S", 0.0)
    monkeypatch.delitem(sys.modules, "pyttsx3.drivers._espeak", raising=False)
    if driver is not None:
        monkeypatch.setitem(sys.modules, "pyttsx3.drivers._espeak", driver)
    engine = SlowDriver()
    pyttsx3_child._set_rate(engine, 300)
    assert engine.n_asked == n_asked


@on_linux
def test_default_voice_is_the_same_after_another() -> None:
    with Pyttsx3Engine(timeout_s=PATIENCE_S) as engine:
        first = engine.render(Utterance("Good morning."))
        engine.render(Utterance("Good morning.", voice="gmw/de"))
        again = engine.render(Utterance("Good morning."))
    assert abs(len(first.pcm) - len(again.pcm)) < 500


@on_linux
def test_version_is_that_of_package_and_library() -> None:
    version = Pyttsx3Engine().version()
    assert version["engine"] == "pyttsx3"
    assert len(version["library_sha256"]) == 64


def test_voices_come_from_the_child(fake: Pyttsx3Engine) -> None:
    assert fake.voices() == (Voice("ann", "en", "female"), Voice("bob", "", ""))


def test_any_format_that_the_driver_writes_is_read(fake: Pyttsx3Engine) -> None:
    speech = fake.render(Utterance("hello", voice="bob"))
    assert (speech.sample_rate, len(speech.pcm), speech.pcm.dtype) == (8_000, 8_000, np.int16)


def test_unknown_voice_is_refused_with_the_nearest(fake: Pyttsx3Engine) -> None:
    with pytest.raises(EngineError, match="no voice 'bobb' .*'bob'"):
        fake.render(Utterance("hello", voice="bobb"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hang on", "pyttsx3 failed at 'hang on': it took longer than 1 s"),
        ("die now", "at 'die now': its process ended with signal 9"),
        ("leave", "ended with status 5"),
        ("babble", "answers 'what"),
        ("fail", "at 'fail': ValueError: no such driver"),
        ("nothing", "no audio was written for 'nothing'"),
        ("silence", "returned silence for 'silence'"),
    ],
)
def test_failure_is_one_error_and_the_next_utterance_is_spoken(
    fake: Pyttsx3Engine, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    fake.prepare()
    with monkeypatch.context() as patch:
        if text == "hang on":
            patch.setattr(fake, "_timeout_s", 1.0)
        with pytest.raises(EngineError, match=message):
            fake.render(Utterance(text))
    assert len(fake.render(Utterance("hello")).pcm) == 8_000


def test_child_that_cannot_start_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be started"):
        Pyttsx3Engine(child=[str(tmp_path / "nothing")]).prepare()
    with pytest.raises(EngineError, match="when asked for its voices: .* status 4"):
        Pyttsx3Engine(child=[sys.executable, "-c", "raise SystemExit(4)"]).prepare()
    silly = "print(input() and '{}', flush=True)"
    with pytest.raises(EngineError, match="without voices"):
        Pyttsx3Engine(child=[sys.executable, "-c", silly]).prepare()


@on_linux
def test_driver_that_does_not_start_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyttsx3.py").write_text("def init(): raise RuntimeError('no audio device')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    with pytest.raises(EngineError, match="pyttsx3 cannot start: RuntimeError: no audio device"):
        Pyttsx3Engine(timeout_s=PATIENCE_S).prepare()


def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "pyttsx3" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    monkeypatch.setitem(sys.modules, "pyttsx3", None)
    for call in (Pyttsx3Engine().version, Pyttsx3Engine().prepare):
        with pytest.raises(MissingExtraError, match=r'pip install "syngen-audio\[speech\]"'):
            call()


def test_child_ends_with_its_parent() -> None:
    import psutil

    engine = Pyttsx3Engine(timeout_s=PATIENCE_S)
    engine.prepare()
    assert engine._child is not None
    process = psutil.Process(engine._child._process.pid)
    assert json.dumps(process.cmdline()).count("pyttsx3_child") == 1
    assert engine._child._process.stdin is not None
    engine._child._process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    engine.close()
