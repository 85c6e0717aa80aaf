"""``syngen voices``: what speaks on this machine, and why something does not."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["voices", *arguments])


@pytest.fixture
def no_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the extra ``speech`` is installed."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)


def test_voices_are_listed_by_engine() -> None:
    result = run("--engine", "espeak")
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["espeak", "en-us", "en-us", "-"] in rows
    assert {row[0] for row in rows} == {"espeak"}
    assert "continuous space of speakers" in result.stderr


def test_all_engines_are_listed_and_talk_stays_off_stdout() -> None:
    result = run("--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert {"espeak", "pyttsx3"} <= {row["engine"] for row in rows}
    assert all(list(row) == ["engine", "voice", "language", "gender"] for row in rows)
    assert "command: the engine 'command' runs a program that you name" in result.stderr


def test_engine_without_its_extra_is_mentioned_with_the_remedy(no_speech: None) -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (0, "")
    assert (
        'espeak: espeakng_loader is not installed; install it with: pip install "syngen-audio[speech]"'
        in result.stderr
    )


def test_engine_that_was_asked_for_and_cannot_speak_is_an_error(no_speech: None) -> None:
    result = run("--engine", "espeak")
    assert result.exit_code == 1
    assert 'pip install "syngen-audio[speech]"' in result.stderr
    assert run("--engine", "command").exit_code == 1


def test_unknown_engine_is_a_wrong_command_line() -> None:
    result = run("--engine", "espaek")
    assert result.exit_code == 2
    assert "did you mean 'espeak'?" in result.stderr


def test_library_gives_the_same_voices() -> None:
    assert syngen.voices("espeak")["espeak"][0] == syngen.Voice("en-029", "en-029", "")
    assert set(syngen.voices()) >= {"espeak", "pyttsx3"}
    with pytest.raises(syngen.EngineError, match="no speech engine 'nobody'"):
        syngen.voices("nobody")


def test_engines_without_their_extra_are_left_out(no_speech: None) -> None:
    assert "espeak" not in syngen.voices()
