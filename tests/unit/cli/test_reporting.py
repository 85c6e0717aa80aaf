"""What a line of progress says."""

from __future__ import annotations

import pytest

from syngen._typing import ProgressUpdate
from syngen.cli import reporting


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Return a function that tells updates, a second after the other, and returns the lines."""

    def told(*updates: ProgressUpdate) -> list[str]:
        clock = iter(range(1_000))
        monkeypatch.setattr(reporting.time, "monotonic", lambda: float(next(clock)))
        with reporting.progress_on_stderr("rendered", quiet=False) as progress:
            assert progress is not None
            for update in updates:
                progress(update)
        return capsys.readouterr().err.splitlines()

    return told


def test_a_line_says_how_long_it_takes_still(lines: object) -> None:
    found = lines(ProgressUpdate(0, 100, 0.0), ProgressUpdate(10, 100, 5.0))  # type: ignore[operator]
    assert found == ["rendered 10/100 (10 %), 10/s, 5 x real time, 9 s left"]


def test_no_time_is_left_only_at_the_end(lines: object) -> None:
    found = lines(  # type: ignore[operator]
        ProgressUpdate(0, 1_000, 0.0), ProgressUpdate(999, 1_000, 1.0), ProgressUpdate(1_000, 1_000, 1.0)
    )
    assert [line.rpartition(", ")[2] for line in found] == ["1 s left", "0.5 x real time"]


def test_a_slow_run_does_not_look_stopped() -> None:
    update = ProgressUpdate(1, 3, 1.0)
    assert reporting._of_observations(update, 0, 4.0) == "1/3 (33 %), 0.25/s, 0.25 x real time, 8 s left"


def test_nothing_is_foretold_from_nothing() -> None:
    update = ProgressUpdate(40, 100, 0.0)
    assert reporting._of_observations(update, 40, 0.001) == "40/100 (40 %)"
    assert reporting._of_bytes(update, 40, 0.001) == "40 bytes of 100 bytes (40 %)"
