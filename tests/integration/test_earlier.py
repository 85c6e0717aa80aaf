"""Code of another commit, which benchmarks compare with."""

from __future__ import annotations

import pytest

from tests.benchmarks import speech_quality
from tests.benchmarks.earlier import checkout


@pytest.mark.parametrize("revision", ["no-such-commit", "--output=archive.tar"])
def test_what_is_no_commit_is_refused_by_name(revision: str) -> None:
    with pytest.raises(ValueError, match=f"'{revision}' cannot be compared with: "), checkout(revision):
        pass


@pytest.mark.parametrize("arguments", ["--against no-such-commit", "--parts word", "--draws 0"])
def test_a_wrong_option_is_an_error_before_anything_is_measured(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["speech_quality", *arguments.split()])
    with pytest.raises(SystemExit) as raised:
        speech_quality.main()
    assert raised.value.code == 2
    assert "error: " in capsys.readouterr().err
