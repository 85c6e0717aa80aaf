"""The audit of leakage: it finds what tells a factor, and only that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

import syngen
from syngen.auditing.leakage.audit import audit_observations
from syngen.auditing.leakage.draws import draws_of
from syngen.auditing.leakage.observations import Pool
from syngen.auditing.leakage.probing import basis_of, probe_classes
from syngen.auditing.leakage.report import LeakageAudit
from syngen.auditing.leakage.silence import MOST_FRAMES, frames_of, gather, silences_of
from syngen.auditing.leakage.variables import stated_groups, targets_of, ties
from syngen.cli.main import cli
from syngen.errors import ParameterError
from syngen.evaluation.significance import holm
from syngen.factors import Factor, FactorGrid
from syngen.loaders.dataset import FactorDataset
from syngen.loaders.sources.source import Source
from syngen.storage.tables.annotations import annotation_table
from syngen.storage.tables.manifest import Vocabulary

RATE = 8_000
SPEAKERS, TEXTS, STYLES = 6, 20, 4
GRID = FactorGrid(
    [
        Factor("speaker", tuple(f"speaker {i}" for i in range(SPEAKERS)), "nominal", ""),
        Factor("text", tuple(f"text {i}" for i in range(TEXTS)), "nominal", ""),
        Factor("style", tuple(f"style {i}" for i in range(STYLES)), "nominal", ""),
    ]
)
N = GRID.size
PHONES = [(0, 200), (700, 900), (1400, 1700)]
"""Silences before, between and after two phones, in samples."""

Noise = Callable[[tuple[int, ...], np.random.Generator], Any]


def room(levels: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Noise of its own level, which nothing else decides."""
    return rng.uniform(2.0, 50.0) * rng.standard_normal(1700)


def colored(position: int) -> Noise:
    """Noise that is the brighter the higher the level of a factor."""

    def noise(levels: tuple[int, ...], rng: np.random.Generator) -> Any:
        white = room(levels, rng)
        return white + 0.3 * levels[position] * np.concatenate([[0.0], np.diff(white)])

    return noise


@dataclass
class Talk(Source):
    """Speech of noise: loud where phones are, and what a test wants where they are not."""

    noise: Noise = room
    nuisance: Callable[[tuple[int, ...], np.random.Generator], float] | None = None
    silences: Callable[[tuple[int, ...]], Sequence[tuple[int, int]]] = lambda levels: PHONES
    seed: int = 0
    document: dict[str, Any] | None = field(default_factory=lambda: {"name": "talk"})
    chosen: Any = field(default_factory=lambda: np.arange(N))

    def __post_init__(self) -> None:
        names = () if self.nuisance is None else (("drawn", "", False),)
        schemes = {"default": ("train",)}
        gender = ("gender", "speaker", ("f", "m", "m", "f", "f", "m"))
        self.vocabulary = Vocabulary(
            "talk", "1.0.0", "0" * 64, GRID, names, schemes, RATE, derived=(gender,), speaks=True
        )

    def _drawn(self, row: int) -> tuple[tuple[int, ...], np.random.Generator]:
        index = int(self.chosen[row])
        levels = GRID.levels_of(np.array([index]))[0].tolist()
        return tuple(levels), np.random.default_rng([self.seed, index])

    @property
    def table(self) -> pa.Table:
        columns: dict[str, Any] = {"index": pa.array(self.chosen)}
        if self.nuisance is not None:
            columns["drawn"] = [self.nuisance(*self._drawn(row)) for row in range(len(self.chosen))]
        return pa.table(columns)

    @property
    def n_samples(self) -> int:
        return 1700

    @property
    def folder(self) -> None:
        return None

    @property
    def recipe(self) -> dict[str, Any] | None:
        return self.document

    def pcm(self, rows: Any) -> list[Any]:
        return [self._samples(int(row)) for row in rows]

    def _samples(self, row: int) -> Any:
        levels, rng = self._drawn(row)
        samples = self.noise(levels, rng)
        loud = 3_000.0 * rng.standard_normal(1700)
        for start, end in self.silences(levels):
            loud[start:end] = 0.0
        return np.rint(samples + loud).clip(-32768, 32767).astype(np.int16)

    def annotations(self, row: int) -> pa.Table:
        spans: list[tuple[str, str, int, int]] = []
        place = 0
        for start, end in self.silences(self._drawn(row)[0]):
            if start > place:
                spans.append(("phone", "a", place, start))
            spans.append(("phone", "", start, end))
            place = end
        return annotation_table(row, [[*(("word", t, a, b) for _, t, a, b in spans), *spans]])


def audited(seed: int = 0, **options: Any) -> LeakageAudit:
    return audit_observations([FactorDataset(Talk(**options))], n=N, seed=seed, min_observations=N)


def leaks(report: LeakageAudit) -> set[tuple[str, str]]:
    return {(test.source, test.factor) for test in report.tests if test.problems}


@pytest.mark.slow
def test_silence_that_knows_nothing_passes() -> None:
    report = audited()
    assert report.passed, report.problems
    assert report.n_observations == N
    sources = {test.source for test in report.tests}
    silences = {"silence before speech", "silence in pauses", "silence after speech"}
    assert sources == silences | {"text", "speaker"}  # the factors, from which another one is asked
    assert {t.factor for t in report.tests if t.source in silences} == {
        "speaker",
        "text",
        "style",
        "gender",
    }


@pytest.mark.slow
@pytest.mark.parametrize(("position", "factor"), [(0, "speaker"), (1, "text"), (2, "style")])
def test_the_color_of_silence_tells_a_factor(position: int, factor: str) -> None:
    report = audited(noise=colored(position))
    found = leaks(report)
    for silence in ("before speech", "in pauses", "after speech"):
        assert (f"silence {silence}", factor) in found
    told = {leaked for _, leaked in found}
    assert told <= ({"speaker", "gender"} if factor == "speaker" else {factor})
    (line,) = [p for p in report.problems if p.startswith(f"{factor} leaks into silence after speech")]
    test = next(t for t in report.tests if (t.source, t.factor) == ("silence after speech", factor))
    assert test.score.low < test.score.accuracy < test.score.high
    assert f"right in {test.score.accuracy:.3f} of {N:,} observations" in line
    assert f"by chance in {test.score.chance:.3f}" in line


@pytest.mark.slow
def test_the_level_of_silence_is_reported_and_not_judged() -> None:
    report = audited(noise=lambda levels, rng: 4.0 * 2.0 ** levels[2] * rng.standard_normal(1700))
    assert report.passed, report.problems
    told = {row.measure: row.score.accuracy for row in report.revealed if row.factor == "style"}
    assert told["level after speech"] > 0.95
    assert told["level"] < 0.4  # that of the speech


@pytest.mark.slow
def test_a_level_below_a_step_leaks_through_the_rounding() -> None:
    def quiet(levels: tuple[int, ...], rng: np.random.Generator) -> Any:
        return (0.35 if levels[2] == 0 else 2.0) * rng.standard_normal(1700)

    assert ("silence after speech", "style") in leaks(audited(noise=quiet))


@pytest.mark.slow
def test_how_long_pauses_are_is_no_leak() -> None:
    report = audited(silences=lambda levels: [(0, 200), (700, 900 + 100 * levels[2]), (1400, 1700)])
    assert report.passed, report.problems


@pytest.mark.slow
def test_digital_silence_is_no_leak_unless_only_some_have_it() -> None:
    silent = audited(noise=lambda levels, rng: np.zeros(1700))
    assert silent.passed
    assert {t.score.accuracy for t in silent.tests if t.factor == "gender"} == {0.5}
    mixed = audited(noise=lambda levels, rng: room(levels, rng) * (levels[2] > 0))
    assert ("silence in pauses", "style") in leaks(mixed)


@pytest.mark.slow
def test_observations_without_enough_silence_are_left_out_and_counted() -> None:
    report = audited(silences=lambda levels: PHONES if levels[1] < 15 else [PHONES[0], PHONES[2]])
    counts = {t.source: (t.score.n, t.n_left_out) for t in report.tests if t.factor == "speaker"}
    assert counts["silence in pauses"] == (N * 3 // 4, N // 4)
    assert counts["silence after speech"] == (N, 0)
    few = audited(silences=lambda levels: PHONES if levels[1] == 0 else [PHONES[0], PHONES[2]])
    (line,) = few.unprobed
    assert line == f"silence in pauses: only {N // TEXTS} of {N} observations have 8 ms of it"


@pytest.mark.slow
def test_a_nuisance_that_is_a_factor_leaks_even_without_scatter() -> None:
    report = audited(nuisance=lambda levels, rng: float(levels[2]))
    assert leaks(report) == {("drawn", "style")}
    (test,) = [t for t in report.tests if t.problems]
    assert test.score.accuracy == 1.0


@pytest.mark.slow
def test_a_nuisance_that_is_drawn_passes() -> None:
    report = audited(nuisance=lambda levels, rng: float(rng.normal()))
    assert report.passed, report.problems
    assert {t.factor for t in report.tests if t.source == "drawn"} == {"speaker", "text", "style", "gender"}


@pytest.mark.slow
def test_a_nuisance_whose_spread_tells_a_factor_leaks() -> None:
    report = audited(nuisance=lambda levels, rng: float(rng.normal() * (1 + 3 * levels[2])))
    assert ("drawn", "style") in leaks(report)


def tied_rows() -> Any:
    """Grid points whose style goes with their speaker, twice as many as of others."""
    levels = GRID.levels_of(np.arange(N))
    is_kept = (levels[:, 0] % STYLES == levels[:, 2]) | (np.arange(N) % 3 == 0)
    return np.flatnonzero(is_kept)


@pytest.mark.slow
def test_factors_that_the_recipe_does_not_tie_must_be_independent() -> None:
    rows = tied_rows()
    dataset = FactorDataset(Talk(chosen=rows))
    report = audit_observations([dataset], n=len(rows), seed=0, min_observations=len(rows))
    assert leaks(report) == {("speaker", "style")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampling",
    [
        {"correlations": [{"factors": ["speaker", "style"], "sigma": 0.2}]},
        {"exclude": [{"speaker": ["speaker 0"], "style": ["style 1"]}]},
        {"where": [{"speaker": ["speaker 0"]}, {"style": ["style 1"]}]},
    ],
)
def test_a_recipe_that_ties_factors_is_not_at_fault(sampling: dict[str, Any]) -> None:
    rows = tied_rows()
    dataset = FactorDataset(Talk(chosen=rows, document={"name": "talk", "sampling": sampling}))
    report = audit_observations([dataset], n=len(rows), seed=0, min_observations=len(rows))
    assert report.passed, report.problems
    assert report.stated == ("speaker and style",)
    assert "Tied to each other by the recipe, and not judged: speaker and style." in report.to_markdown()


def test_pairs_are_not_judged_without_a_recipe() -> None:
    report = audited(document=None)
    assert report.unprobed == ("pairs of factors: no recipe says which of them are independent",)
    assert {t.source.split()[0] for t in report.tests} == {"silence"}


def test_groups_of_tied_factors_grow_together() -> None:
    pairs = [{"factors": ["a", "b"]}, {"factors": ["c", "d"]}, {"factors": ["b", "c"]}]
    groups = stated_groups({"correlations": pairs, "exclude": [{"e": [1]}]})
    assert ties(groups, "a", "d")
    assert not ties(groups, "a", "e")
    assert stated_groups({}) == []


def test_too_few_observations_are_refused_with_the_remedy() -> None:
    with pytest.raises(ParameterError, match=r"480 observations; at least 2,000 .* Audit the recipe"):
        syngen.audit_leakage(FactorDataset(Talk()))
    with pytest.raises(ParameterError, match="480 .* leak from luck$"):
        syngen.audit_leakage(FactorDataset(Talk(document=None)))
    with pytest.raises(ParameterError, match="n is 100; at least 2,000"):
        syngen.audit_leakage("syntone-tiny", n=100)
    with pytest.raises(ParameterError, match="n is '2000'; a whole number"):
        syngen.audit_leakage("syntone-tiny", n="2000")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="seed is -1; a whole number"):
        syngen.audit_leakage("syntone-tiny", seed=-1)


def test_reports_as_markdown_and_json() -> None:
    report = audited(noise=colored(2))
    text = report.to_markdown()
    assert f"# Leakage of talk\n\n480 observations; seed 0: {report.verdict}." in text
    assert "FAILED" in report.verdict
    assert "| silence in pauses     | style " in text
    assert "level after speech" in text
    content = report.to_dict()
    assert content["passed"] is False
    entry = next(
        t for t in content["tests"] if (t["source"], t["factor"]) == ("silence in pauses", "style")
    )
    assert entry["leaks"] is True
    assert entry["excess"] == pytest.approx(entry["score"]["accuracy"] - entry["score"]["chance"])


def test_the_command_fails_where_something_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    report = audited(noise=colored(2))
    monkeypatch.setattr("syngen.api.audit_leakage", lambda data, **options: report)
    done = CliRunner().invoke(cli, ["audit", "leakage", "talk", "-q"])
    assert done.exit_code == 4, done.output
    assert done.stdout == report.to_markdown()
    assert f"talk: {len(report.problems)} problems, 480 observations" in done.stderr


def test_the_command_is_not_passed_where_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    report = replace(audited(), tests=())
    monkeypatch.setattr("syngen.api.audit_leakage", lambda data, **options: report)
    done = CliRunner().invoke(cli, ["audit", "leakage", "talk", "-q"])
    assert done.exit_code == 4, done.output
    assert "talk: nothing to judge, 480 observations" in done.stderr


@pytest.mark.slow
def test_at_most_one_audit_in_twenty_fails_without_a_leak() -> None:
    """Of 120 audits of noise 6 are expected to fail at most; 14 or more do by chance in .3 %."""
    rng = np.random.default_rng(20)
    n_failed = 0
    for _ in range(120):
        scores = []
        for n_classes in (2, 3, 12):
            labels = rng.permutation(np.arange(144) % n_classes)
            groups = rng.integers(0, 12, 144)
            scores += [probe_classes(rng.standard_normal((144, 4)), labels, groups, rng) for _ in range(2)]
        n_failed += min(holm([score.p for score in scores])) < 0.05
    assert 0 < n_failed < 14


def test_chance_is_that_of_the_answers_given() -> None:
    rng = np.random.default_rng(3)
    labels = (np.arange(1000) % 10 == 0).astype(np.int64)
    score = probe_classes(rng.standard_normal((1000, 3)), labels, np.arange(1000), rng)
    assert score.accuracy == pytest.approx(0.9, abs=0.01)
    assert score.chance == pytest.approx(score.accuracy, abs=0.01)
    assert score.p > 0.05
    # that of the commonest class alone would miss a leak that finds half of a rare one
    told = np.where(rng.random(1000) < 0.5, labels, 0)[:, None].astype(np.float64)
    leak = probe_classes(told, labels, np.arange(1000), rng)
    assert leak.accuracy - leak.chance > 0.05
    assert leak.p < 1e-6


def test_groups_are_asked_for_by_others_only() -> None:
    """What tells a group tells nothing of groups that were not learned from."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(40), 10)
    labels = rng.permutation(40)[groups] % 2
    features = rng.standard_normal((40, 6))[groups]
    assert probe_classes(features, labels, np.arange(400), rng).accuracy > 0.6
    assert probe_classes(features, labels, groups, rng).p > 0.05


def test_holm_against_a_worked_example() -> None:
    # sorted .005 .01 .03 .04, times 4 3 2 1, never falling
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_basis_has_columns_for_few_values_and_waves_for_many() -> None:
    assert basis_of(["b", "a", "b", "c"]).tolist() == [[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    many = basis_of(np.exp(np.arange(100.0)))
    assert many.shape == (100, 8)
    assert many[:, 0] == pytest.approx(np.cos(np.pi * (np.arange(100) + 0.5) / 100))


def test_frames_are_spread_over_silences_and_do_not_leave_them() -> None:
    pcm = np.arange(2_000, dtype=np.int16)
    few = frames_of(pcm, [(10, 80), (100, 140)], 32)
    assert few[:, 0].tolist() == [10, 42, 100]
    many = frames_of(pcm, [(0, 2_000)], 32)
    assert many.shape == (MOST_FRAMES, 32)
    assert many[0, 0] == 0
    assert many[-1, -1] > 1_800
    assert frames_of(pcm, [(1_980, 2_100)], 32).shape == (0, 32)


def test_every_observation_gives_as_many_frames() -> None:
    frames = {row: np.full((2 + row % 10, 8), 1 + row, np.int16) for row in range(50)}
    silence = gather("x", frames, min_rows=10)
    assert silence is not None
    assert silence.rows.tolist() == [row for row in range(50) if row % 10 >= 1]
    assert silence.level_db == pytest.approx(20.0 * np.log10((1.0 + silence.rows) / 32768.0))
    assert gather("x", frames, min_rows=51) is None


def test_ordered_factors_with_many_levels_are_classes_of_neighbours() -> None:
    dataset = syngen.render("syntone-small")
    targets = {t.name: t for t in targets_of(dataset, dataset.levels)}
    assert [t.n_classes for t in targets.values()] == [4, 10, 10]
    assert np.unique(targets["frequency"].labels[dataset.levels[:, 2] < 40]).tolist() == [0]


def test_a_pool_takes_some_levels_of_large_nominal_factors(rng: np.random.Generator) -> None:
    speaker = Factor("speaker", tuple(f"s{i}" for i in range(400)), "nominal", "")
    grid = FactorGrid([speaker, Factor("style", ("a", "b", "c", "d", "e"), "nominal", "")])
    source = Talk()
    source.vocabulary = replace(source.vocabulary, grid=grid, derived=())
    source.chosen = np.arange(grid.size)
    dataset = FactorDataset(source)
    pool = Pool([dataset], 300, rng)
    assert len(pool) == 500  # a hundred speakers: fifty would have 250 observations
    assert len(np.unique(dataset.levels[pool.position, 0])) == 100
    assert len(Pool([dataset], 2_000, rng)) == 2_000


def test_a_recipe_with_too_few_observations_is_drawn_with_other_seeds(rng: np.random.Generator) -> None:
    resolved = syngen.load_recipe("syntone-tiny")
    draws = draws_of(resolved, 1_000)
    assert [len(draw) for draw in draws] == [408, 408, 408]
    assert draws[0].recipe == resolved.recipe.document()
    assert [draw.recipe["seed"] - draws[0].recipe["seed"] for draw in draws] == [0, 1, 2]  # type: ignore[index]
    pool = Pool(draws, 1_000, rng)
    assert pool.draw.tolist() == [0] * 408 + [1] * 408 + [2] * 408
    first = [positions.tolist() for _, positions in pool.runs(400, 420)]
    assert [len(positions) for positions in first] == [8, 12]


TONES: dict[str, Any] = {
    "name": "tones",
    "synthesizer": "tone",
    "seed": 9,
    "audio": {"sample_rate": 8000, "duration": 0.1},
    "factors": {
        "timbre": {"values": ["sine", "organ"]},
        "amplitude": {"linspace": {"start": -40.0, "stop": -20.0, "num": 5}, "unit": "dBFS"},
        "frequency": {"geomspace": {"start": 110.0, "stop": 880.0, "num": 40}, "unit": "Hz"},
        "snr": {"values": [20.0, 30.0], "unit": "dB"},
    },
    "nuisances": {"phase": {"uniform": {"low": 0.0, "high": 1.0}, "unit": "cycles"}},
    "settings": {"level": "rms", "onset": 0.03, "attack": 0.01},
}


def test_tones_are_silent_before_their_onset() -> None:
    dataset = syngen.render(TONES)
    ((name, ((start, end),)),) = silences_of(dataset, 0, dataset.n_samples).items()
    assert (name, start) == ("before the onset", 0)
    assert 232 <= end <= 240


@pytest.mark.slow
def test_tones_pass() -> None:
    report = audit_observations(draws_of(syngen.load_recipe(TONES), 1), n=600, seed=0, min_observations=600)
    assert report.passed, report.problems
    assert {t.source for t in report.tests} >= {"silence before the onset", "phase", "frequency"}
    told = {row.factor: row.score for row in report.revealed if row.measure == "level"}
    assert told["amplitude"].accuracy > 0.9


def test_own_audio_has_no_silence_that_is_known(tmp_path: Path) -> None:
    import soundfile

    rng = np.random.default_rng(0)
    rows = []
    for number in range(40):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * rng.standard_normal(800), RATE)
        rows.append({"file_name": f"{number}.wav", "bird": ["owl", "wren"][number % 2]})
    dataset = syngen.from_manifest(tmp_path, {k: [row[k] for row in rows] for k in rows[0]})
    report = audit_observations([dataset], n=40, seed=0, min_observations=40)
    assert report.verdict == report.to_dict()["verdict"] == "nothing to judge"
    assert not report.passed
    assert report.tests == ()
    assert report.problems == []
    assert "## Problems" not in report.to_markdown()
    assert report.unprobed[0].startswith("silence: ")
    assert {row.measure for row in report.revealed} == {"level", "file size (flac)"}


def test_an_empty_file_leaves_the_level_of_the_others(tmp_path: Path) -> None:
    import soundfile

    rng = np.random.default_rng(0)
    names = [f"{number}.wav" for number in range(60)]
    for number, name in enumerate(names):
        waveform = (0.1, 0.01)[number % 2] * rng.standard_normal(800 if number else 0)
        soundfile.write(tmp_path / name, waveform, RATE)
    dataset = syngen.from_manifest(tmp_path, {"file_name": names, "bird": ["owl", "wren"] * 30})
    report = audit_observations([dataset], n=60, seed=0, min_observations=60)
    (score,) = [row.score for row in report.revealed if row.measure == "level"]
    assert score.accuracy > 0.9


@pytest.mark.slow
def test_stored_datasets_are_audited_by_their_files(tmp_path: Path) -> None:
    syngen.generate(TONES, tmp_path / "tones", jobs=1)
    report = audit_observations([syngen.load(tmp_path / "tones")], n=600, seed=0, min_observations=600)
    live = audit_observations(draws_of(syngen.load_recipe(TONES), 1), n=600, seed=0, min_observations=600)
    assert [t.score for t in report.tests] == [t.score for t in live.tests]
    assert "file size (flac)" in live.to_markdown()
