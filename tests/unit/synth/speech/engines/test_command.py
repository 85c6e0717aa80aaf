"""Programs that speak: run only when allowed, never in a shell, within a time, and checked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from syngen.errors import EngineError, ParameterError
from syngen.synth.speech.engines.base import EngineSettings, Utterance
from syngen.synth.speech.engines.command import CommandEngine
from tests.support import PATIENCE_S, wait_until

HELLO = Utterance("Hello there, old friend.")
TONE = "np.sin(np.arange(16000) * 0.1)"
FLITE = ("flite", "-voice", "{voice}", "-f", "{text_file}", "-o", "{output}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def python(
    code: str, *arguments: str, timeout_s: float = PATIENCE_S, voices: tuple[str, ...] = ()
) -> CommandEngine:
    """Return an engine that runs Python code with the arguments TEXT_FILE OUTPUT ..."""
    command = (sys.executable, "-c", code, "{text_file}", "{output}", *arguments)
    return CommandEngine(command, allowed=[sys.executable], timeout_s=timeout_s, voices=voices)


def writing(samples: str, *, rate: int = 16_000, how: str = "") -> str:
    call = f"soundfile.write(sys.argv[2], {samples}, {rate}, format='WAV'{how})"
    return f"import sys, numpy as np, soundfile; {call}"


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed: apt-get install flite")
def test_flite_speaks_with_two_voices(place: Path) -> None:
    with CommandEngine(FLITE, allowed=["flite"], voices=["slt", "rms"]) as engine:
        assert [voice.name for voice in engine.voices()] == ["slt", "rms"]
        said = [engine.render(Utterance(HELLO.text, voice=voice)) for voice in ("", "slt", "rms")]
    assert all(0.8 < len(speech.pcm) / speech.sample_rate < 4.0 for speech in said)
    assert all(speech.sample_rate == 16_000 and speech.events == () for speech in said)
    assert np.array_equal(said[0].pcm, said[1].pcm), "the first voice is the default"
    assert not np.array_equal(said[1].pcm, said[2].pcm)
    assert list(place.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed: apt-get install flite")
def test_text_is_never_seen_by_a_shell(place: Path) -> None:
    marker = place / "marker"
    text = f"$(touch {marker}); `touch {marker}` | touch {marker} \" ' # -o /tmp/x"
    with CommandEngine(FLITE, allowed=["flite"], voices=["slt"]) as engine:
        assert len(engine.render(Utterance(text)).pcm) > 0
    assert not marker.exists()


def test_arguments_arrive_as_they_are(place: Path) -> None:
    code = (
        "import sys, pathlib, json, os; text = pathlib.Path(sys.argv[1]).read_text('utf-8'); "
        "sys.stderr.write(json.dumps([text, os.listdir(), *sys.argv[3:]])); sys.exit(3)"
    )
    given = ("$HOME; *", "{braces} {0} {voice} {output", "--rate={rate}", "{voice}{voice}")
    engine = python(code, *given)
    with pytest.raises(EngineError) as raised:
        engine.render(Utterance("Zoë\u2019s.", voice="{output} $(x)", rate=200))
    message = str(raised.value)
    assert r'["Zo\u00eb\u2019s.\n", ["text.txt", "stderr.txt"]' in message.replace(
        '["stderr.txt", "text.txt"]', '["text.txt", "stderr.txt"]'
    )
    assert (
        '"$HOME; *", "{braces} {0} {output} $(x) {output", "--rate=200", "{output} $(x){output} $(x)"'
        in message
    )
    assert "exit status 3" in message


def test_program_that_was_not_allowed_is_refused_with_what_allows_it() -> None:
    for allowed in ([], ["/usr/bin/flite"], ["flite "], {"FLITE"}):
        with pytest.raises(EngineError, match=r"--allow-program flite .* allow_programs=\[\"flite\"\]"):
            CommandEngine(FLITE, allowed=allowed).prepare()
        with pytest.raises(EngineError, match="not allowed"):
            CommandEngine(FLITE, allowed=allowed).render(Utterance("hello"))
    with pytest.raises(EngineError, match="not allowed"):
        CommandEngine.create(EngineSettings(command=FLITE)).prepare()
    settings = EngineSettings(command=FLITE, allowed_programs=frozenset({"flite"}), voices=("slt",))
    assert CommandEngine.create(settings).voices()[0].name == "slt"


@pytest.mark.parametrize("shell", ["sh", "/bin/bash", "cmd.exe", "pwsh"])
def test_shells_are_refused_even_when_allowed(shell: str) -> None:
    with pytest.raises(EngineError, match="is a shell"):
        CommandEngine([shell, "-c", "x {text_file} {output}"], allowed=[shell])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["p", "{text_file}"], "{output} is missing"),
        (["p", "{output}"], "{text_file} is missing"),
        (["p", "-t", "{text}", "{text_file}", "{output}"], "{text} cannot stand .* use {text_file}"),
        (["{voice}", "{text_file}", "{output}"], "must be named"),
        (["p", "{text_file}", "{output}", "a\0b"], "without NUL"),
        ("p {text_file} {output}", "takes lists"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        CommandEngine(arguments, allowed=["p", "{voice}"])


def test_no_arguments_say_what_is_needed() -> None:
    with pytest.raises(EngineError, match="give its arguments, as in flite"):
        CommandEngine.create(EngineSettings())


@pytest.mark.parametrize("voice", ["-x", "a\nb", "x" * 201, "\0"])
def test_voices_that_could_be_something_else_are_refused(voice: str) -> None:
    with pytest.raises(ParameterError, match="cannot be a voice"):
        CommandEngine(FLITE, allowed=["flite"]).render(Utterance("hello", voice=voice))
    with pytest.raises(ParameterError, match="cannot be a voice"):
        CommandEngine(FLITE, allowed=["flite"], voices=[voice])


def test_voice_that_is_not_listed_is_refused_with_the_nearest() -> None:
    with pytest.raises(EngineError, match="no voice 'rmss' .*'rms'"):
        CommandEngine(FLITE, allowed=["flite"], voices=["slt", "rms"]).render(Utterance("hi", voice="rmss"))
    with pytest.raises(EngineError, match="asks for none"):
        CommandEngine(FLITE, allowed=["flite"]).render(Utterance("hi"))
    with pytest.raises(EngineError, match="no {voice} among its arguments"):
        python("").render(Utterance("hi", voice="rms"))
    with pytest.raises(ParameterError, match="no {voice}"):
        python("", voices=("rms",))


def test_missing_program_is_refused() -> None:
    engine = CommandEngine(["no-such-program", "{text_file}", "{output}"], allowed=["no-such-program"])
    assert engine.version()["program_sha256"] is None
    for call in (engine.prepare, lambda: engine.render(HELLO)):
        with pytest.raises(EngineError, match="'no-such-program' is not installed"):
            call()


def test_file_that_is_no_program_is_one_error(place: Path) -> None:
    program = place / "program"
    program.write_bytes(b"\x00\x01nonsense")
    program.chmod(0o755)
    engine = CommandEngine([str(program), "{text_file}", "{output}"], allowed=[str(program)])
    with pytest.raises(EngineError, match="failed at 'Hello there, old friend.': it cannot be started"):
        engine.render(HELLO)


def test_version_names_the_program() -> None:
    version = python("pass").version()
    assert version["arguments"][0] == sys.executable
    assert len(version["program_sha256"]) == 64


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no such\\x1b[31m voice')", r"exit status 1; it said: no such \[31m voice"),
        ("import sys; sys.exit('x' * 100000)", "it said: x{300,400}$"),
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("pass", "no audio was written for 'Hello there"),
        ("import sys; open(sys.argv[2], 'wb').write(b'garbage' * 999)", "cannot be read as audio"),
        ("import sys; open(sys.argv[2], 'wb')", "cannot be read as audio"),
        ("import sys, os; os.mkdir(sys.argv[2])", "not a plain file"),
        ("import sys, os; os.symlink('/dev/zero', sys.argv[2])", "not a plain file"),
        (writing("np.zeros(16000)"), "silence"),
        (writing("np.zeros(0)"), "no samples"),
        (writing("np.arange(100) / 100"), "between 0.08 and"),
        (writing("np.sin(np.arange(90 * 2000))", rate=4_000), "45 s of audio were written .* at most 29 s"),
        (writing("np.arange(100) / 100", rate=100), "audio of 100 Hz"),
        (writing("np.full(16000, np.nan)", how=", subtype='FLOAT'"), "no numbers"),
    ],
)
def test_failures_are_one_clear_error(place: Path, code: str, message: str) -> None:
    engine = python(code)
    with pytest.raises(EngineError, match=message) as raised:
        engine.render(HELLO)
    assert "Hello there, old friend." in str(raised.value)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("how", ["", ", subtype='FLOAT'", ", subtype='PCM_24'"])
def test_any_sample_format_is_read(how: str) -> None:
    speech = python(writing(TONE, how=how)).render(HELLO)
    assert (str(speech.pcm.dtype), speech.pcm.shape, speech.sample_rate) == ("int16", (16_000,), 16_000)
    assert speech.pcm.max() > 32_000


def test_channels_are_averaged() -> None:
    speech = python(writing(f"0.5 * np.stack([{TONE}, 0 * {TONE}], axis=1)")).render(HELLO)
    assert speech.pcm.shape == (16_000,)
    assert 8_000 < speech.pcm.max() < 8_200


@pytest.mark.slow
def test_program_that_hangs_is_killed_with_its_children(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, wait = place / "pid", subprocess.Popen.wait

    def in_time(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if timeout == 1.0:  # which is over when the child runs, not before
            wait_until(started.exists, process)
        return wait(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", in_time)
    code = (
        "import os, subprocess, sys, time, pathlib; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "pathlib.Path('pid').write_text(str(child.pid)); "
        f"os.replace('pid', {str(started)!r}); time.sleep(600)"
    )
    with pytest.raises(EngineError, match="it took longer than 1 s"):
        python(code, timeout_s=1.0).render(HELLO)
    child = int(started.read_text())
    wait_until(
        lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    )
