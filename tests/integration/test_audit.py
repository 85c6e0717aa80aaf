"""Every shipped recipe can be heard everywhere, and the commands say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import syngen
from syngen.auditing.speech.report import SpeechAudit
from syngen.cli.main import cli
from syngen.recipe.library import recipe_names
from tests.support import EVERY_CASE, needs_speech

pytestmark = pytest.mark.slow

# the paper's grid repeats a published one, aliases and all: above 4 kHz its timbres coincide
AUDIBLE = [name for name in recipe_names() if name.startswith("syntone-") and name != "syntone-paper"]
if not EVERY_CASE:
    AUDIBLE.remove("syntone-large-correlated")  # the grid of syntone-large; its rows are drawn otherwise


@pytest.mark.parametrize("name", AUDIBLE)
def test_every_factor_of_a_shipped_recipe_can_be_heard(name: str) -> None:
    """A sample of what ``python -m tests.benchmarks.audibility`` measures in full."""
    report = syngen.audit_recipe(name, contexts=60 if EVERY_CASE else 20)
    assert report.passed, "\n".join(report.problems)
    assert report.undescribed == report.unprobed == ()
    grid = syngen.load_recipe(name).grid
    assert [row.factor for row in report.audibility] == [n for n in grid for _ in range(2)]
    assert [probe.factor for probe in report.probes] == list(grid)
    assert report.nearest_timbres is not None


def test_recipe_command_prints_tables() -> None:
    done = CliRunner().invoke(cli, ["audit", "recipe", "syntone-tiny", "--contexts", "5"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# Audit of syntone-tiny\n")
    assert "| frequency | corner " in done.stdout
    assert "syntone-tiny: passed, 40 observations" in done.stderr


def test_recipe_command_gives_json() -> None:
    done = CliRunner().invoke(
        cli, ["audit", "recipe", "syntone-tiny", "--contexts", "5", "--json", "-q", "--seed", "1"]
    )
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["passed"] is True
    assert {row["factor"] for row in content["audibility"]} == {"timbre", "amplitude", "frequency"}


def test_recipe_command_fails_where_a_factor_is_inaudible(tmp_path: Path) -> None:
    path = tmp_path / "flat.yaml"
    path.write_text(
        "name: flat\nsynthesizer: tone\nseed: 1\naudio: {duration: 0.25}\n"
        "factors:\n  frequency: {values: [440.0, 441.0], unit: Hz}\n",
        "utf-8",
    )
    done = CliRunner().invoke(cli, ["audit", "recipe", str(path), "--contexts", "3"])
    assert done.exit_code == 4, done.output
    assert "FAILED" in done.stdout
    assert "Too few clips for a probe: frequency." in done.stdout
    assert "frequency, corner contexts: the smallest change by one level is 3.93 cents" in done.stdout


def test_dataset_command_prints_and_gives_json(tiny_dataset: Path) -> None:
    done = CliRunner().invoke(cli, ["audit", "dataset", str(tiny_dataset), "--rows", "200"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# Recovery of syntone-tiny\n")
    assert "passed, 24" in done.stderr
    done = CliRunner().invoke(cli, ["audit", "dataset", str(tiny_dataset), "--rows", "200", "--json"])
    content = json.loads(done.stdout)
    assert [row["factor"] for row in content["recovery"]] == ["timbre", "amplitude", "frequency"]


def test_leakage_command_prints_tables_and_refuses_what_is_too_small(
    tiny_dataset: Path, tmp_path: Path
) -> None:
    path = tmp_path / "short.yaml"
    path.write_text(
        "name: short\nsynthesizer: tone\nseed: 1\naudio: {sample_rate: 8000, duration: 0.05}\n"
        "factors:\n  timbre: {values: [sine, organ]}\n"
        "  frequency: {geomspace: {start: 110, stop: 440, num: 1200}, unit: Hz}\n"
        "  snr: {values: [10.0, 20.0, 30.0], unit: dB}\n"
        "nuisances:\n  phase: {uniform: {low: 0.0, high: 1.0}, unit: cycles}\n"
        "settings: {onset: 0.02}\n",
        "utf-8",
    )
    done = CliRunner().invoke(cli, ["audit", "leakage", str(path)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# Leakage of short\n\n2,000 observations; seed 0: passed.\n")
    assert "| silence before the onset | timbre " in done.stdout
    assert "| phase                    | timbre " in done.stdout
    assert "## What one number tells, not judged" in done.stdout
    assert "short: passed, 2,000 observations" in done.stderr
    done = CliRunner().invoke(cli, ["audit", "leakage", str(tiny_dataset)])
    assert done.exit_code == 2, done.output
    assert "at least 2,000 are needed" in done.stderr


@pytest.mark.parametrize("words", [[], ["recipe"], ["dataset"], ["leakage"]])
def test_help_has_an_example(words: list[str]) -> None:
    done = CliRunner().invoke(cli, ["audit", *words, "-h"])
    assert done.exit_code == 0
    assert "Example: syngen audit" in done.stdout


@needs_speech
def test_speech_is_audited_by_probes_and_spectra() -> None:
    report = syngen.audit_recipe("synspeech-medium", contexts=160)
    assert report.passed, "\n".join(report.problems)
    found = {probe.factor: probe for probe in report.probes}
    assert list(found) == ["style", "gender", "speaker", "text"]
    assert found["style"].unseen == "speakers and texts"
    assert all(probe.chance < 0.75 < probe.accuracy for probe in report.probes)
    styles = {style.style: style for style in report.styles}
    assert not styles["whispering"].is_phonated
    assert styles["sad"].pitch_hz < styles["neutral"].pitch_hz < styles["excited"].pitch_hz
    assert styles["whispering"].level_db[1] < styles["neutral"].level_db[0] < styles["shouting"].level_db[0]
    assert set(styles["neutral"].deviation_db) == {0.0}


@needs_speech
def test_an_audit_notices_styles_that_sound_alike(tmp_path: Path) -> None:
    path = tmp_path / "alike.yaml"
    path.write_text(
        "name: alike\nsynthesizer: speech\nseed: 1\naudio: {sample_rate: 16000}\n"
        "settings:\n  styles:\n    same: {}\n"
        "    muffled: {filters: [{shape: high_shelf, frequency: 700, gain: -30}]}\n"
        "factors:\n  speaker: {speakers: {count: 6, seed: 3}}\n"
        "  text: {grammar: matrix-en, count: 6, seed: 3}\n"
        "  style: {values: [neutral, same, muffled]}\n",
        "utf-8",
    )
    done = CliRunner().invoke(cli, ["audit", "recipe", str(path), "--contexts", "20", "-q"])
    assert done.exit_code == 4, done.output
    assert "style: a probe reaches" in done.stdout
    assert "style muffled: its long-term spectrum is" in done.stdout


@needs_speech
def test_an_audit_of_speech_says_why_a_factor_is_not_probed() -> None:
    report = syngen.audit_recipe(
        {
            "name": "one-style",
            "synthesizer": "speech",
            "seed": 1,
            "audio": {"sample_rate": 16000},
            "factors": {
                "speaker": {"speakers": {"count": 3, "seed": 3}},
                "text": {"grammar": "matrix-en", "count": 4, "seed": 3},
                "style": {"values": ["neutral"]},
            },
        },
        contexts=2,
    )
    assert isinstance(report, SpeechAudit)
    assert report.unprobed == (
        "style: it has one level only",
        "gender: fewer than 4 speakers to learn from and ask about",
        "speaker: too few observations",
        "text: fewer than 4 speakers to learn from and ask about",
    )
    assert "Not probed:\n\n- style: it has one level only\n" in report.to_markdown()


@needs_speech
def test_an_audit_of_speech_needs_its_three_factors(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text(
        "name: plain\nsynthesizer: speech\nseed: 1\naudio: {sample_rate: 16000}\n"
        "factors:\n  speaker: {speakers: {count: 6, seed: 3}}\n  text: {values: [One two.]}\n",
        "utf-8",
    )
    done = CliRunner().invoke(cli, ["audit", "recipe", str(path)])
    assert done.exit_code == 1, done.output
    assert "needs the factors speaker, text and style; style is missing" in done.stderr
