"""The command line: help with examples that run, data on stdout, talk on stderr, exit codes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli
from syngen.evaluation.codes.codes import write_codes
from tests.golden.regenerate import RELEASE
from tests.support import files_of, names_below, run_python, run_syngen


def commands(command: click.Command = cli, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group, the top one as no words."""
    yield names
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from commands(sub, *names, name)


COMMANDS = list(commands())
WITH_JSON = {
    ("audit", "recipe"): ["syntone-tiny", "--contexts", "5"],
    ("audit", "dataset"): ["data/syntone-tiny"],
    ("audit", "leakage"): ["syntone-small"],
    ("evaluate",): ["codes.npz", "data/syntone-tiny"],
    ("recipe", "list"): [],
    ("recipe", "check"): ["syntone-tiny"],
    ("generate",): ["syntone-tiny", "data/again", "--limit", "20", "--jobs", "1"],
    ("download",): ["data/syntone-tiny", "--to", "data/copy"],
    ("info",): ["data/syntone-tiny"],
    ("rows",): ["data/syntone-tiny"],
    ("verify",): ["data/syntone-tiny"],
    ("probe",): ["codes.npz", "data/syntone-tiny", "--target", "timbre"],
    ("compare",): ["a.npz", "b.npz", "data/syntone-tiny", "--metrics", "sap"],
    ("release", "build"): ["data/syntone-tiny", "released", "--release-version", "1.0.0", "--jobs", "1"],
    ("release", "check"): ["dist"],
    ("release", "diff"): ["dist", "data/syntone-tiny"],
    ("voices",): ["--engine", "espeak"],
    ("env",): [],
}


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def help_of(words: tuple[str, ...]) -> str:
    result = run(*words, "-h")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def example_of(words: tuple[str, ...]) -> list[str]:
    return shlex.split(example_text(words))


def example_text(words: tuple[str, ...]) -> str:
    paragraphs = [text.strip() for text in help_of(words).split("\n\n")]
    (text,) = [text for text in paragraphs if text.startswith("Example: ")]
    return text.removeprefix("Example: ")


@pytest.fixture
def folder(tiny_dataset: Path, tiny_codes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An isolated current folder with data/syntone-tiny in it, codes of it, and a release in dist."""
    shutil.copytree(tiny_dataset, tmp_path / "here" / "data" / "syntone-tiny")
    shutil.copytree(RELEASE, tmp_path / "here" / "dist")
    for name in ("codes.npz", "a.npz", "b.npz"):
        shutil.copy(tiny_codes, tmp_path / "here" / name)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_the_documented_commands_are_there() -> None:
    found = {" ".join(words) for words in COMMANDS}
    assert found >= {
        "",
        *(f"recipe {name}" for name in ("new", "list", "show", "check", "expand", "schema")),
        *("generate", "info", "rows", "extract", "verify", "voices", "env"),
        *("encode", "evaluate", "probe", "compare"),
        *(f"release {name}" for name in ("build", "check", "diff")),
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_one_example_of_itself(words: tuple[str, ...]) -> None:
    assert "\n" not in example_text(words), "it could not be pasted into a shell"
    example = example_of(words)
    assert example[0] == "syngen"
    assert tuple(example[1 : 1 + len(words)]) == words
    assert help_of(words) == run(*words, "--help").stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_and_command_is_explained(words: tuple[str, ...]) -> None:
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_example_of_every_command_runs(words: tuple[str, ...], folder: Path) -> None:
    example = example_of(words)
    if "data/syntone-tiny" in example and example[1] == "generate":
        shutil.rmtree(folder / "data")
    if "--release-version" in example:
        shutil.rmtree(folder / "dist")
    result = run(*example[1:])
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.output
    assert result.stdout or result.stderr


def test_examples_do_what_they_say(folder: Path) -> None:
    for words in (("extract",), ("recipe", "expand"), ("recipe", "new")):
        assert run(*example_of(words)[1:]).exit_code == 0
    assert len(list((folder / "clips").glob("*.wav"))) == 3
    assert pq.read_metadata(folder / "syntone-tiny.parquet").num_rows == 408
    assert syngen.load_recipe(folder / "my-tones.yaml").name == "my-tones"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_that_reports_has_json(words: tuple[str, ...]) -> None:
    assert ("--json" in help_of(words)) == (words in WITH_JSON)


@pytest.mark.slow
@pytest.mark.parametrize("words", WITH_JSON, ids=" ".join)
def test_json_is_one_document_on_stdout(words: tuple[str, ...], folder: Path) -> None:
    result = run(*words, *WITH_JSON[words], "--json")
    assert result.exit_code == 0, result.stderr
    json.loads(result.stdout)


def test_json_of_info_says_what_the_dataset_is(folder: Path) -> None:
    content = json.loads(run("info", "data/syntone-tiny", "--json").stdout)
    ds = syngen.load("data/syntone-tiny")
    assert content["observations"] == len(ds) == sum(content["splits"].values())
    assert content["fingerprint"] == ds.fingerprint
    assert [factor["name"] for factor in content["factors"]] == list(ds.grid.names)
    assert (content["codec"], content["shards"], content["sample_rate"]) == ("wav", 10, 16_000)


def test_json_of_generate_is_the_report(folder: Path) -> None:
    result = run("generate", "syntone-tiny", "data/new", "--limit", "30", "-j", "1", "--json", "-q")
    content = json.loads(result.stdout)
    assert (content["rows"], content["rendered"], content["folder"]) == (30, 30, "data/new")


def test_json_of_rows_has_null_where_there_is_no_level(folder: Path) -> None:
    (folder / "silent.yaml").write_text(
        "{name: silent, synthesizer: tone, seed: 1, audio: {duration: 0.01},\n"
        " factors: {amplitude: {values: [0.0, 0.5]}, frequency: {values: [440.0]}}}",
        "utf-8",
    )
    assert run("generate", "silent.yaml", "data/silent", "-j", "1").exit_code == 0
    rows = json.loads(run("rows", "data/silent", "--json").stdout)
    assert sorted((row["amplitude"], row["rms_db"] is None) for row in rows) == [(0.0, True), (0.5, False)]
    assert {row["row"] for row in rows} == {0, 1}


def test_json_of_a_bad_recipe_lists_the_issues(folder: Path) -> None:
    (folder / "bad.yaml").write_text("name: bad\nsynthesizer: tone\nseed: -1\nfactors: {x: 3}\n", "utf-8")
    result = run("recipe", "check", "bad.yaml", "--json")
    assert result.exit_code == 2
    issues = json.loads(result.stdout)
    assert [(issue["line"], issue["column"]) for issue in issues] == [(3, 7), (4, 14)]
    assert all(issue["message"] for issue in issues)


@pytest.mark.slow
def test_generate_talks_on_stderr_only_and_ends_with_counts_and_seconds(folder: Path) -> None:
    result = run("generate", "syntone-tiny", "data/new", "--shard-size", "20", "-j", "1")
    assert (result.exit_code, result.stdout) == (0, "")
    *progress, last = result.stderr.splitlines()
    assert re.fullmatch(
        r"data/new: 408 observations \(408 new, [\d,]+/s\), 22 shards, [\d.]+ MB, 0\.03 hours of audio, "
        r"in \d+\.\d seconds",
        last,
    )
    line = r"rendered ([\d,]+)/408 \((\d+) %\), [\d.,]+/s, [\d.,]+ x real time(?:, [\d,]+ s left)?"
    found = [re.fullmatch(line, text) for text in progress]
    assert all(found)
    shares = [int(match[2]) for match in found if match]
    assert len(shares) == 10
    assert [share // 10 for share in shares] == list(range(1, 11))


def test_quiet_leaves_the_last_line_only(folder: Path) -> None:
    for arguments in (["generate", "syntone-tiny", "data/new", "-j", "1"], ["verify", "data/syntone-tiny"]):
        result = run(*arguments, "-q")
        assert (result.exit_code, result.stdout) == (0, "")
        (line,) = result.stderr.splitlines()
        assert re.search(r", in \d+\.\d seconds$", line)


def test_resuming_counts_what_is_new(folder: Path) -> None:
    result = run("generate", "syntone-tiny", "data/syntone-tiny", "--shard-size", "50", "-j", "1")
    assert result.exit_code == 0
    assert "408 observations (0 new, 0/s), 10 shards" in result.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["wav", "flac"])
@pytest.mark.parametrize("limit", [None, 57])
def test_a_dry_run_writes_nothing_and_knows_the_size(codec: str, limit: int | None, folder: Path) -> None:
    options = ["--codec", codec, "--shard-size", "50", *(["--limit", str(limit)] if limit else [])]
    before = names_below(folder)
    result = run("generate", "syntone-tiny", "data/new", "--dry-run", *options)
    assert result.exit_code == 0
    assert names_below(folder) == before
    assert result.stderr == "nothing was written\n"
    assert f"observations  {limit or 408:,}" in result.stdout
    estimate = json.loads(
        run("generate", "syntone-tiny", "data/new", "--dry-run", "--json", *options).stdout
    )
    assert names_below(folder) == before
    report = json.loads(run("generate", "syntone-tiny", "data/new", "-j", "1", "--json", *options).stdout)
    assert estimate["observations"] == report["rows"] == sum(estimate["splits"].values())
    assert estimate["shards"] == report["shards"]
    assert estimate["hours"] * 3600 == pytest.approx(report["audio_s"])
    assert estimate["bytes"] == pytest.approx(report["bytes"], rel=0.01 if codec == "wav" else 0.25)


def test_rows_are_tab_separated_with_a_header(folder: Path) -> None:
    result = run("rows", "data/syntone-tiny", "--where", "timbre=sine,square", "--limit", "3")
    header, *lines = result.stdout.splitlines()
    assert header.split("\t")[:6] == [
        "row",
        "index",
        "split",
        "split_composition",
        "split_interpolation",
        "split_extrapolation",
    ]
    assert len(lines) == 3
    assert {line.split("\t")[header.split("\t").index("timbre")] for line in lines} <= {"sine", "square"}
    assert result.stderr == "3 of 204 rows\n"


@pytest.mark.parametrize(
    ("options", "conditions"),
    [
        (["--where", "timbre=sine"], {"timbre": "sine"}),
        (
            ["--where", "timbre=sine,square", "--where", "frequency=200..400"],
            {"timbre": ["sine", "square"], "frequency": (200.0, 400.0)},
        ),
        (["--where", "frequency=..220"], {"frequency": (None, 220.0)}),
        (["--where", "frequency=880..", "--split", "test"], {"frequency": (880.0, None), "split": "test"}),
        (["--where", "amplitude=-26,-11.0"], {"amplitude": [-26.0, -11.0]}),
        (["--where", "amplitude=-20..-14"], {"amplitude": (-20.0, -14.0)}),
        (["--where", "split_composition=test"], {"split_composition": "test"}),
        (["--where", "split=test,validation"], {"split": ["test", "validation"]}),
    ],
)
def test_where_selects_as_the_library_does(
    options: list[str], conditions: dict[str, object], folder: Path
) -> None:
    rows = json.loads(run("rows", "data/syntone-tiny", *options, "--limit", "500", "--json").stdout)
    view = syngen.load("data/syntone-tiny").select(**conditions)
    assert [row["row"] for row in rows] == view.rows.tolist()
    assert 0 < len(rows) < 408


def test_extract_writes_what_the_dataset_holds(folder: Path) -> None:
    result = run("extract", "data/syntone-tiny", "clips", "--where", "timbre=square", "--limit", "4")
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.fullmatch(r"4 of 102 observations in clips, in \d+\.\d seconds\n", result.stderr)
    view = syngen.load("data/syntone-tiny").select(timbre="square")
    lines = (folder / "clips" / "metadata.csv").read_text("utf-8").splitlines()
    assert lines[0].startswith("row,file_name,index,split,")
    assert len(lines) == 5
    for position in range(4):
        name = f"{view.rows[position]:09d}.wav"
        samples, rate = soundfile.read(folder / "clips" / name, dtype="float32")
        assert rate == 16_000
        assert (samples == view[position].waveform).all()
        assert lines[1 + position].startswith(f"{view.rows[position]},{name},{view[position].index},")


def test_show_prints_the_recipe_as_it_stands(folder: Path) -> None:
    shown = run("recipe", "show", "syntone-tiny").stdout
    assert shown == (folder / "data" / "syntone-tiny" / "recipe.yaml").read_text("utf-8")


@pytest.mark.slow
def test_the_list_of_recipes_has_their_sizes() -> None:
    lines = run("recipe", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["synspeech-large", "180,000"],
        ["synspeech-medium", "30,000"],
        ["synspeech-paper-large", "109,560"],
        ["synspeech-paper-medium", "50,000"],
        ["synspeech-paper-small", "25,000"],
        ["synspeech-small", "3,000"],
        ["synspeech-tiny", "40"],
        ["syntone-large", "250,000"],
        ["syntone-large-correlated", "250,000"],
        ["syntone-medium", "70,000"],
        ["syntone-paper", "32,000"],
        ["syntone-small", "32,000"],
        ["syntone-tiny", "408"],
    ]


@pytest.mark.slow
def test_a_new_recipe_can_be_checked_and_generated_and_is_not_replaced(folder: Path) -> None:
    assert run("recipe", "new", "my-tones.yaml").exit_code == 0
    written = files_of(folder)
    result = run("recipe", "check", "my-tones.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("my-tones.yaml: no problems; 400 observations of FactorGrid(")
    again = run("recipe", "new", "my-tones.yaml")
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == "error: my-tones.yaml exists already; choose another name\n"
    assert files_of(folder) == written
    assert run("generate", "my-tones.yaml", "data/my-tones", "-j", "1", "-q").exit_code == 0
    assert run("verify", "data/my-tones", "--rerender", "20", "-q").exit_code == 0


def test_expand_writes_the_shipped_manifest(folder: Path) -> None:
    result = run("recipe", "expand", "syntone-tiny", "rows.parquet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.fullmatch(r"408 rows, [\d.]+ kB in rows\.parquet\n", result.stderr)
    assert pq.read_table("rows.parquet").column_names == [
        "index",
        "split",
        "split_composition",
        "split_interpolation",
        "split_extrapolation",
        "timbre_level",
        "amplitude_level",
        "frequency_level",
    ]


def test_env_says_what_a_bug_report_needs() -> None:
    content = json.loads(run("env", "--json").stdout)
    assert content["syngen"] == syngen.__version__
    assert "tone" in content["synthesizers"]
    assert content["codecs"]["wav"] == "syngen-wav-1"
    text = run("env").stdout
    for key in content:
        assert re.search(rf"^{key} ", text, re.MULTILINE)


def test_the_version_is_printed() -> None:
    assert run("--version").stdout.strip().endswith(syngen.__version__)


@pytest.mark.slow
def test_jobs_come_from_the_environment() -> None:
    for given in ("1", "7"):
        done = run_syngen("env", "--json", env={"SYNGEN_JOBS": given})
        assert json.loads(done.stdout)["jobs"] == int(given)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["nothing"], 2),
        (["generate"], 2),
        (["generate", "syntone-tiny"], 2),
        (["generate", "syntone-tiny", "data/new", "--codec", "mp3"], 2),
        (["generate", "syntone-tiny", "data/new", "--jobs", "0"], 2),
        (["generate", "syntone-tiny", "data/new", "--limit", "0"], 2),
        (["generate", "syntone-tiny", "data/new", "--shard-size", "0"], 2),
        (["rows", "data/syntone-tiny", "--limit", "-1"], 2),
        (["verify", "data/syntone-tiny", "--rerender", "-1"], 2),
        (["generate", "syntone-tiny", "data/syntone-tiny", "-j", "1", "--shard-size", "60"], 2),
        (["info", "data/syntone-tiny"], 0),
        (["verify", "data/syntone-tiny"], 0),
    ],
)
def test_exit_codes(arguments: list[str], code: int, folder: Path) -> None:
    before = names_below(folder)
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert names_below(folder) == before


def test_a_failing_synthesizer_exits_3_and_can_be_resumed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["generate", "syntone-tiny", "data/new", "-j", "1", "-q"]
    with monkeypatch.context() as patch:
        patch.setattr(
            "syngen.generation.shard_renderer.ShardRenderer.make",
            lambda *_: (_ for _ in ()).throw(syngen.EngineError("out of breath")),
        )
        result = run(*arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "3 of 3 shards failed, first train-000000: out of breath" in result.stderr
    assert "run the same command again" in result.stderr
    assert run(*arguments).exit_code == 0


@pytest.mark.slow
def test_debug_shows_the_traceback_that_is_else_hidden(folder: Path) -> None:
    plain = run_syngen("info", "nothing", cwd=folder)
    assert (plain.returncode, plain.stdout) == (2, "")
    assert re.match(r"error: .*\bnothing does not exist", plain.stderr)
    assert len(plain.stderr.splitlines()) == 1
    debug = run_syngen("--debug", "info", "nothing", cwd=folder)
    assert debug.returncode != 0
    assert "Traceback" in debug.stderr
    assert re.search(r"ParameterError: .*\bnothing does not exist", debug.stderr)


def test_errors_that_should_not_happen_are_one_message_and_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("syngen.recipe.library.recipe_names", fail)
    result = run("recipe", "list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ZeroDivisionError: oh\nThis should not happen")


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_traceback(folder: Path) -> None:
    command = [sys.executable, "-m", "syngen", "rows", "data/syntone-tiny", "--limit", "408", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read().decode()
        process.wait()
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


@pytest.mark.slow
def test_the_module_runs_as_the_program_does(folder: Path) -> None:
    script = Path(sys.executable).with_name("syngen")
    program = subprocess.run([script, "--help"], capture_output=True, text=True)
    module = run_syngen("--help")
    assert program.returncode == module.returncode == 0
    assert (
        module.stdout.split(" ", 2)[2].split("\n", 1)[1]
        == program.stdout.split(" ", 2)[2].split("\n", 1)[1]
    )
    assert "Exit codes: 0 done, 1 failed, 2 wrong command line" in " ".join(module.stdout.split())
    assert run_syngen("info", "data/syntone-tiny", cwd=folder).returncode == 0


HEAVY = {
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "librosa",
    "soundfile",
    "pydantic",
    "ruamel",
    "sklearn",
    "rich",
}
MODULES = "print(*sorted({name.split('.')[0] for name in sys.modules}))"


@pytest.mark.parametrize(
    "code",
    [
        "import syngen",
        "import syngen; dir(syngen); syngen.__version__",
        "import syngen; syngen.ParameterError, syngen.load, syngen.generate, syngen.render",
        "sys.argv = ['syngen', '--help']; from syngen.cli.main import main; main()",
        "sys.argv = ['syngen', 'generate', '-h']; from syngen.cli.main import main; main()",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    done = run_python("-c", f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n{MODULES}")
    assert done.returncode == 0, done.stderr
    assert HEAVY.isdisjoint(done.stdout.splitlines()[-1].split())


@pytest.mark.slow
def test_evaluate_prints_a_table_and_draws(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    done = run("evaluate", "codes.npz", "data/syntone-tiny", "--metrics", "mig,sap", "--plot", "scores.png")
    assert done.exit_code == 0, done.stderr
    assert "| MIG    | 1.000 |" in done.stdout
    assert (folder / "scores.png").stat().st_size > 10_000
    assert "3 codes, 408 rows" in done.stderr


def test_evaluate_takes_plain_arrays_of_the_dataset_or_of_a_split(folder: Path) -> None:
    ds = syngen.load("data/syntone-tiny")
    for name, view in (("whole", ds), ("part", ds.select(split="test"))):
        np.save(f"{name}.npy", view.levels.astype(float))
        done = run("evaluate", f"{name}.npy", "data/syntone-tiny", "--split", "test", "--json")
        assert done.exit_code == 0, done.stderr
        content = json.loads(done.stdout)
        assert content["metadata"]["rows"] == len(ds.select(split="test"))
        assert content["factors"][0]["best_code"] == "z0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "mgi"], "did you mean 'mig'"),
        (["--compat", "ubisfot"], "did you mean 'ubisoft'"),
        (["--plot", "scores.pgn"], "did you mean '.png'"),
        (["--plot", "none/scores.png"], "there is no folder"),
        (["--split", "tset"], "did you mean 'test'"),
    ],
)
def test_evaluate_refuses_wrong_options(folder: Path, options: list[str], message: str) -> None:
    done = run("evaluate", "codes.npz", "data/syntone-tiny", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_evaluate_refuses_codes_of_another_dataset(folder: Path) -> None:
    write_codes("other.npz", syngen.Codes(np.ones((408, 2)), np.arange(408), "0" * 64, "x"))
    np.save("short.npy", np.ones((7, 2)))
    for name, message in (("other.npz", "codes of another dataset"), ("short.npy", "has 7 rows")):
        done = run("evaluate", name, "data/syntone-tiny")
        assert done.exit_code == 2
        assert message in done.stderr
