"""The exact engine: one utterance, one waveform, whatever was said before, where and when."""

from __future__ import annotations

import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import espeakng_loader
import pytest

from syngen.errors import EngineError, MissingExtraError, ParameterError
from syngen.synth.speech.engines import espeak, espeak_data, espeak_library
from syngen.synth.speech.engines.base import Utterance
from syngen.synth.speech.engines.espeak import (
    REFERENCE_LIBRARY,
    REFERENCE_VERSION,
    SELF_TEST,
    EspeakEngine,
    _digest,
)
from syngen.synth.speech.engines.espeak_library import Sound
from tests.support import PATIENCE_S, run_python

LIBRARY = Path(espeakng_loader.get_library_path())
DATA = Path(espeakng_loader.get_data_path())
FOX = SELF_TEST[0]
DIGESTS = """
from syngen.synth.speech.engines.espeak import *
from syngen.synth.speech.engines.espeak import _digest
with EspeakEngine() as engine:
    print(engine.self_test().observed, engine.isolation)
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[EspeakEngine]:
    with EspeakEngine() as engine:
        yield engine


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Path]]:
    """Make temporary folders below tmp_path, and return the private folders that are there."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return lambda: sorted(place.glob("syngen-espeak-*"))


def variant(pitch: int) -> str:
    return f"language variant\ngender male\npitch {pitch} {pitch + 30}\nflutter 5\nbreath 4 4 4 3 2 1\n"


JOBS = [
    Utterance(text, variant=variant(80 + 5 * k), rate=100 + 10 * k, gap=k % 3, seed=31 * k)
    for k, text in enumerate(
        [
            "Seven ships sailed.",
            "Who is there?",
            "No!",
            "They measure pressure, slowly.",
            "Six thick sticks.",
        ]
        * 6
    )
]


def test_order_and_repetition_change_nothing(engine: EspeakEngine) -> None:
    assert engine.isolation == "reload"
    first = {job: _digest(engine.render(job)) for job in JOBS}
    shuffled = random.Random(1).sample(JOBS, len(JOBS))
    assert {job: _digest(engine.render(job)) for job in shuffled} == first
    assert len(set(first.values())) == len(JOBS), "every parameter is heard"


@pytest.mark.slow
def test_a_child_process_for_each_utterance_says_the_same(engine: EspeakEngine) -> None:
    with EspeakEngine(isolation="fork") as other:
        assert other.isolation == "fork"
        for job in JOBS[:10]:
            assert _digest(other.render(job)) == _digest(engine.render(job))


def test_two_engines_do_not_disturb_each_other(engine: EspeakEngine) -> None:
    with EspeakEngine() as other:
        for job in JOBS[:6]:
            assert _digest(other.render(job)) == _digest(engine.render(job))


@pytest.mark.parametrize("parameter", ["seed", "rate", "gap", "voice", "variant"])
def test_every_parameter_is_heard(engine: EspeakEngine, parameter: str) -> None:
    plain = Utterance("Six thick sticks lie there.", variant=variant(90))
    other = {"seed": 5, "rate": 200, "gap": 4, "voice": "en-gb", "variant": variant(150)}[parameter]
    assert _digest(engine.render(plain)) != _digest(engine.render(replace(plain, **{parameter: other})))


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="recorded on Linux, x86-64"
)
def test_installed_library_is_the_recorded_one(engine: EspeakEngine) -> None:
    result = engine.self_test()
    assert result.is_reference
    assert result.observed == result.expected
    assert result.library_sha256 == REFERENCE_LIBRARY
    assert engine.version() == REFERENCE_VERSION


@pytest.mark.slow
@pytest.mark.parametrize(
    "tunables",
    ["", "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F,-ERMS", "glibc.cpu.hwcaps=-FMA4,-SSE4_1,-AVX,-XSAVE"],
)
def test_other_processes_with_other_libm_variants_say_the_same(engine: EspeakEngine, tunables: str) -> None:
    done = run_python("-c", DIGESTS, env={"GLIBC_TUNABLES": tunables})
    assert done.stderr == ""
    assert done.stdout.split() == [engine.self_test().observed, "reload"]


@pytest.mark.slow
def test_other_data_are_noticed(tmp_path: Path, engine: EspeakEngine) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    voice = tmp_path / "data" / "lang" / "gmw" / "en-US"
    voice.write_text(voice.read_text("utf-8") + "pitch 70 130\n", "utf-8")
    with EspeakEngine(data=tmp_path / "data") as other:
        result = other.self_test()
        assert result.is_repeatable
        assert not result.is_reference
        assert other.version()["data_sha256"] != engine.version()["data_sha256"]


def test_events_place_words_and_phones(engine: EspeakEngine) -> None:
    text = "Seven ships, over there."
    speech = engine.render(Utterance(text))
    words = [event for event in speech.events if event.kind == "word"]
    phones = [event for event in speech.events if event.kind == "phone"]
    assert speech.sample_rate == 22_050
    assert [text[w.position : w.position + w.length] for w in words] == ["Seven", "ships", "over", "there"]
    assert [phone.text for phone in phones if phone.text][:6] == ["s", "ˈɛ", "v", "ə", "n", "ʃ"]
    assert "" in [phone.text for phone in phones], "the comma is a pause"
    starts = [event.start for event in speech.events]
    assert starts == sorted(starts)
    assert 0 <= starts[0] <= starts[-1] <= len(speech.pcm)
    assert {(event.text, event.length > 0) for event in words} == {("", True)}
    assert {(event.position, event.length) for event in phones} == {(-1, 0)}


@pytest.mark.parametrize("rate", [80, 200, 449])
def test_speech_does_not_depend_on_the_length_of_the_buffer(
    engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch, rate: int
) -> None:
    utterance = Utterance("Seven heavy boxes were carried over it.", variant=variant(90), rate=rate)
    found = set()
    for length in (30, espeak_library._BUFFER_MS, 500):
        monkeypatch.setattr(espeak_library, "_BUFFER_MS", length)
        found.add(_digest(engine.render(utterance)))
    assert len(found) == 1


def test_sound_is_quiet_enough_and_whole(engine: EspeakEngine) -> None:
    speech = engine.render(FOX)
    assert str(speech.pcm.dtype) == "int16"
    assert 2.0 < len(speech.pcm) / speech.sample_rate < 5.0
    assert 2_000 < abs(speech.pcm).max() < 30_000


def test_unknown_voice_is_refused_with_the_nearest(engine: EspeakEngine) -> None:
    with pytest.raises(EngineError, match="no voice 'en-uss' .*'en-us'"):
        engine.render(replace(FOX, voice="en-uss"))


def test_every_voice_speaks(engine: EspeakEngine) -> None:
    voices = engine.voices()
    assert {"en-us", "en-gb", "en-gb-scotland"} <= {voice.name for voice in voices}
    digests = {_digest(engine.render(Utterance("The girl bought a car.", voice=v.name))) for v in voices}
    assert len(digests) == len(voices)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("pitch 80 120", "newline"),
        ("name " + "x" * 45 + "\n", "line 1 .*'name x"),
        ("pitch 80 120\nnonsense 3\n", "line 2 .*'nonsense 3'"),
        ("pitch 80 120\n\n", "line 2"),
        ("pitch 80.5 120\n", "whole numbers"),
        ("pitch ٨٠ 120\n", "line 1"),
        ("pitch 80 120\n" * 2_000, "26,000 characters"),
    ],
)
def test_lines_that_are_no_variant_are_refused(engine: EspeakEngine, lines: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        engine.render(replace(FOX, variant=lines))


def test_variant_files_are_bounded(
    folders: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(espeak_data, "MAX_VARIANT_FILES", 3)
    with EspeakEngine(isolation="reload") as engine:
        said = [_digest(engine.render(replace(FOX, variant=variant(p)))) for p in range(80, 88)]
        (folder,) = folders()
        assert len(list((folder / "data" / "voices" / "!v").iterdir())) == 3
        again = [_digest(engine.render(replace(FOX, variant=variant(p)))) for p in range(80, 88)]
    assert said == again


def test_variant_that_somebody_removed_is_written_again(folders: Callable[[], list[Path]]) -> None:
    utterance = replace(FOX, variant=variant(95))
    with EspeakEngine(isolation="reload") as engine:
        before = _digest(engine.render(utterance))
        (file,) = [
            p for p in (folders()[0] / "data" / "voices" / "!v").iterdir() if "pitch 95" in p.read_text()
        ]
        assert len(file.name) <= 20
        file.unlink()
        assert _digest(engine.render(utterance)) == before
        file.write_text("name x\n")
        assert _digest(engine.render(utterance)) == before


def test_other_threads_are_refused(engine: EspeakEngine) -> None:
    errors: list[BaseException] = []

    def speak() -> None:
        try:
            engine.render(FOX)
        except EngineError as error:
            errors.append(error)

    thread = threading.Thread(target=speak)
    thread.start()
    thread.join()
    assert "another thread" in str(errors[0])


@pytest.mark.slow
def test_private_folder_goes_when_the_engine_is_closed(folders: Callable[[], list[Path]]) -> None:
    engine = EspeakEngine()
    assert folders() == []
    engine.prepare()
    engine.prepare()
    assert len(folders()) == 1
    engine.close()
    assert folders() == []
    assert len(engine.render(FOX).pcm) > 0, "it may be used again"
    del engine
    assert folders() == []


@pytest.mark.slow
def test_private_folder_goes_when_the_process_ends(folders: Callable[[], list[Path]]) -> None:
    place = tempfile.gettempdir()
    done = run_python(
        "-c",
        DIGESTS.replace("with EspeakEngine() as engine:", "engine = EspeakEngine()\nif True:"),
        env={"TMPDIR": place},
    )
    assert done.returncode == 0, done.stderr
    assert folders() == []


@pytest.mark.slow
def test_forked_process_leaves_the_folder_of_its_parent_alone(folders: Callable[[], list[Path]]) -> None:
    program = """
import os, sys
from syngen.synth.speech.engines.espeak import *
from syngen.synth.speech.engines.espeak import _digest
engine = EspeakEngine()
print(_digest(engine.render(SELF_TEST[1])), flush=True)
child = os.fork()
print(_digest(engine.render(SELF_TEST[1])), flush=True)
if child == 0:
    sys.exit()
os.waitpid(child, 0)
print(_digest(engine.render(SELF_TEST[1])))
"""
    done = run_python("-c", program, env={"TMPDIR": tempfile.gettempdir()})
    assert done.stderr == ""
    words = done.stdout.split()
    assert len(words) == 4
    assert len(set(words)) == 1
    assert folders() == []


def test_what_a_killed_process_left_is_removed(folders: Callable[[], list[Path]]) -> None:
    program = (
        "import time; from syngen.synth.speech.engines.espeak import *; e = EspeakEngine(); e.prepare(); "
        "print('ready', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": tempfile.gettempdir()},
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        (left,) = folders()
        os.utime(left, (0, 0))
        espeak_data.remove_stale_folders()
        assert folders() == [left], "it is in use"
        process.send_signal(signal.SIGKILL)
    os.utime(left, None)
    espeak_data.remove_stale_folders()
    assert folders() == [left], "it may be about to be used"
    os.utime(left, (0, 0))
    with EspeakEngine(isolation="reload"):
        assert left not in folders()


def test_links_and_files_of_that_name_are_left_alone(
    folders: Callable[[], list[Path]], tmp_path: Path
) -> None:
    place = Path(tempfile.gettempdir())
    (tmp_path / "precious").mkdir()
    (place / "syngen-espeak-link").symlink_to(tmp_path / "precious")
    (place / "syngen-espeak-file").write_text("x")
    for path in folders():
        os.utime(path, (0, 0), follow_symlinks=False)
    espeak_data.remove_stale_folders()
    assert len(folders()) == 2
    assert (tmp_path / "precious").is_dir()


def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    for call in (EspeakEngine().version, EspeakEngine().voices, EspeakEngine().prepare):
        with pytest.raises(MissingExtraError, match=r'pip install "syngen-audio\[speech\]"'):
            call()


def libm() -> bytes:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return Path(next(line.split()[-1] for line in lines if "/libm" in line)).read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"", "cannot be loaded"),
        (lambda: b"not a library at all" * 100, "cannot be loaded"),
        (lambda: LIBRARY.read_bytes()[:100_000], "cannot be loaded|ended its process"),
        (lambda: LIBRARY.read_bytes()[:500_000], "cannot be loaded|ended its process"),
        (libm, "is not espeak-ng"),
    ],
)
def test_broken_library_is_refused(
    tmp_path: Path, folders: Callable[[], list[Path]], content: Callable[[], bytes], message: str
) -> None:
    path = tmp_path / "broken.so"
    path.write_bytes(content())
    with pytest.raises(EngineError, match=f"{path} ({message}).*install it again: pip"):
        EspeakEngine(library=path).prepare()
    assert folders() == []


def test_missing_library_is_refused(tmp_path: Path) -> None:
    engine = EspeakEngine(library=tmp_path / "none.so")
    with pytest.raises(EngineError, match=r"none.so is missing; install it again"):
        engine.prepare()


def test_missing_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="phontab is missing"):
        EspeakEngine(data=tmp_path).prepare()


def test_broken_data_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    (tmp_path / "data" / "phontab").write_bytes(b"nonsense")
    with pytest.raises(EngineError, match="install it again"):
        EspeakEngine(data=tmp_path / "data").prepare()
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_library_that_carries_state_makes_the_engine_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, parent = espeak_library.say, os.getpid()
    calls: list[int] = []

    def with_state(*arguments: object) -> Sound:
        sound = fresh(*arguments)
        if os.getpid() != parent:
            return sound
        calls.append(1)
        return replace(sound, samples=sound.samples + bytes(2 * len(calls)))

    monkeypatch.setattr(espeak, "say", with_state)
    monkeypatch.setattr(espeak_library, "say", with_state)
    with EspeakEngine() as engine:
        assert engine.isolation == "fork"
        n_calls = len(calls)
        assert engine.self_test().is_repeatable
    assert len(calls) == n_calls > 0
    with EspeakEngine(isolation="reload") as engine:
        assert not engine.self_test().is_repeatable
        assert not engine.self_test().is_reference


@pytest.mark.parametrize(
    ("what_happens", "message"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "ended its process with signal 11"),
        (lambda: os._exit(7), "ended its process with status 7"),
        (lambda: time.sleep(PATIENCE_S), "took longer than 0.3 s"),
        (lambda: Sound(22_050, b"", b""), "no samples"),
        (lambda: Sound(22_050, bytes(60_000), b""), "silence"),
    ],
)
def test_child_that_fails_is_one_error_and_the_next_utterance_is_spoken(
    monkeypatch: pytest.MonkeyPatch, what_happens: Callable[[], Sound], message: str
) -> None:
    with EspeakEngine(isolation="fork", timeout_s=PATIENCE_S) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(espeak_library, "say", lambda *_: what_happens())
            if "took longer" in message:
                patch.setattr(engine, "_timeout_s", 0.3)
            with pytest.raises(EngineError, match=f"{message}.*|'The quick brown.*{message}") as raised:
                engine.render(FOX)
            assert "The quick brown" in str(raised.value)
        assert len(engine.render(FOX).pcm) > 0


def test_library_that_never_ends_is_stopped(engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "longest_s", lambda _: 0.5)
    with pytest.raises(EngineError, match="does not come to an end"):
        engine.render(FOX)


def test_interrupt_inside_the_library_is_not_lost(
    engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(espeak_library.ctypes, "string_at", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.render(FOX)
    assert len(engine.render(FOX).pcm) > 0


def test_library_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    with EspeakEngine() as engine:
        engine.render(JOBS[0])
    assert capfd.readouterr() == ("", "")


def test_wrong_isolation_is_refused() -> None:
    with pytest.raises(ParameterError, match="'thread'; possible are reload, fork"):
        EspeakEngine(isolation="thread")
