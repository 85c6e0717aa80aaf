"""Whatever is wrong: one clear message, the documented exit code, nothing written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import syngen
from syngen.cli.main import cli
from tests.support import PATIENCE_S, digests_of, edit_json, flip, names_below

GOOD = """\
name: good
synthesizer: tone
seed: 1
audio: {sample_rate: 16000, duration: 0.05}
factors:
  timbre: {values: [sine, square]}
  amplitude: {values: [0.25, 0.5]}
  frequency: {linspace: {start: 100.0, stop: 200.0, num: 5}}
"""


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def assert_clear(result: Result, code: int, message: str) -> None:
    """Assert that a command ended with a code and said on stderr what was wrong, and no more."""
    assert result.exit_code == code, result.output
    assert re.search(message, result.stderr), result.stderr
    assert "Traceback" not in result.output
    assert "This should not happen" not in result.output
    assert len(result.stderr.splitlines()) <= 12, result.stderr


def replaced(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def data(tiny_dataset: Path, here: Path) -> Path:
    """A dataset in the current folder, which a test may damage: data."""
    return Path(shutil.copytree(tiny_dataset, here / "data"))


RECIPES = {
    "unknown factor": (
        replaced("frequency:", "frequncy:"),
        r"r\.yaml:8:\d+: .*'frequncy' \(did you mean 'frequency'\?\)",
    ),
    "unknown timbre": (
        replaced("square]", "squre]"),
        r"r\.yaml:6:27: .*'squre' \(did you mean 'square'\?\)",
    ),
    "unknown key": (
        replaced("seed: 1", "sed: 1"),
        r"r\.yaml:3:\d+: unknown key 'sed' \(did you mean 'seed'",
    ),
    "unknown synthesizer": (replaced("tone", "tune"), r"r\.yaml:2:14: no synthesizer 'tune' .*'tone'"),
    "unknown unit": (replaced("[0.25, 0.5]}", "[-20.0, -10.0], unit: dB}"), r"r\.yaml:7:\d+: .*dBFS"),
    "unknown setting": (GOOD + "settings: {antialia: true}\n", r"r\.yaml:9:\d+: .*'antialias'"),
    "duplicate key": (GOOD + "seed: 2\n", r"r\.yaml:9:1: duplicate key 'seed'; keep one"),
    "duplicate factor": (
        replaced("  amplitude", "  timbre: {values: [sine]}\n  amplitude"),
        r"r\.yaml:7:3: duplicate key 'timbre'",
    ),
    "duplicate value": (replaced("[sine, square]", "[sine, sine]"), r"r\.yaml:6:\d+: .*sine"),
    "quoted number": (replaced("[0.25, 0.5]", "[0.25, '0.5']"), r"r\.yaml:7:30: .*'0\.5' is text.*quotes"),
    "quoted seed": (replaced("seed: 1", "seed: '1'"), r"r\.yaml:3:7: '1' is text; write 1 without quotes"),
    "NaN": (replaced("[0.25, 0.5]", "[0.25, .nan]"), r"r\.yaml:7:30: a finite number is needed, not nan"),
    "infinity": (replaced("stop: 200.0", "stop: .inf"), r"r\.yaml:8:\d+: .*finite number"),
    "negative size": (GOOD + "sampling: {size: -5}\n", r"r\.yaml:9:18: .*-5"),
    "size 0": (GOOD + "sampling: {size: 0}\n", r"r\.yaml:9:18: .*0"),
    "size above the grid": (GOOD + "sampling: {size: 21}\n", r"r\.yaml:9:18: .*21.*only 20 points"),
    "negative number of values": (replaced("num: 5", "num: -5"), r"r\.yaml:8:\d+: .*-5"),
    "negative seed": (replaced("seed: 1", "seed: -1"), r"r\.yaml:3:7: .*-1"),
    "negative rate": (replaced("16000", "-16000"), r"r\.yaml:4:22: .*-16000"),
    "negative duration": (replaced("0.05", "-0.05"), r"r\.yaml:4:39: .*-0\.05"),
    "a duration of hours": (replaced("0.05", "7200.0"), r"r\.yaml:4:39: .*7200"),
    "no values": (replaced("[sine, square]", "[]"), r"r\.yaml:6:\d+: this is empty"),
    "no factors": (
        "name: good\nsynthesizer: tone\nseed: 1\nfactors: {}\n",
        r"r\.yaml:4:\d+: this is empty",
    ),
    "a frequency above Nyquist": (
        replaced("200.0", "9000.0"),
        r"r\.yaml:8:\d+: frequency 9000 Hz is at or",
    ),
    "an amplitude above full scale": (replaced("0.5]", "1.5]"), r"r\.yaml:7:30: amplitude 1\.5 is outside"),
    "an amplitude that clips": (
        replaced("[0.25, 0.5]}", "[-20.0, -1.0], unit: dBFS}") + "settings: {level: rms}\n",
        r"r\.yaml:7:\d+: amplitude -1 dBFS clips",
    ),
    "a list for a map": ("- name: good\n", r"r\.yaml:1:1: a recipe is a map"),
    "a text": ("just a text\n", r"r\.yaml:1:1: a recipe is a map"),
    "nothing": ("", r"r\.yaml:1:1: a recipe is a map"),
    "no YAML": ("name: [good\n", r"r\.yaml:\d+:\d+: not YAML"),
    "a tab": ("name: good\n\tseed: 1\n", r"r\.yaml:2:\d+: not YAML"),
    "two documents": (GOOD + "---\n" + GOOD, r"r\.yaml:9:1: a recipe is one document"),
    "an alias": (GOOD + "sampling: &a {size: 3}\n", r"r\.yaml:9:\d+: anchors and aliases are not allowed"),
    "a Python tag": (
        replaced("seed: 1", "seed: !!python/object/apply:os.system ['touch owned']"),
        r"r\.yaml:3:7: the tag .*python/object/apply:os\.system is not allowed",
    ),
    "a local tag": (replaced("seed: 1", "seed: !seed 1"), r"r\.yaml:3:7: the tag !seed is not allowed"),
    "a name that is a path": (
        replaced("name: good", "name: ../good"),
        r"r\.yaml:1:7: '\.\./good' cannot be",
    ),
    "a name with a slash": (replaced("name: good", "name: a/b"), r"r\.yaml:1:7: 'a/b' cannot be a name"),
    "a name that is long": (replaced("name: good", f"name: {'a' * 81}"), r"r\.yaml:1:7: .*80"),
    "a split named all": (
        GOOD + "splits: {default: {random: {train: 0.5, all: 0.5}}}\n",
        r"r\.yaml:9:\d+: the split name 'all' is reserved",
    ),
    "a split that is a path": (
        GOOD + "splits: {default: {random: {train: 0.5, ../test: 0.5}}}\n",
        r"r\.yaml:9:\d+: '\.\./test' is not a split name",
    ),
    "fractions that sum to 2": (
        GOOD + "splits: {default: {random: {train: 1.0, test: 1.0}}}\n",
        r"r\.yaml:9:\d+: the fractions of random sum to 2",
    ),
    "a split that stays empty": (
        GOOD + "splits: {default: {extrapolation: {factor: frequency, above: 900.0}}}\n",
        r"r\.yaml:9:\d+: ",
    ),
    "a hold-out of an unknown value": (
        GOOD + "splits: {default: {hold_out: [{timbre: [sqare]}]}}\n",
        r"r\.yaml:9:\d+: .*sqare.*did you mean 'square'",
    ),
    "where that accepts nothing": (
        GOOD + "sampling: {where: [{frequency: {min: 500.0}}]}\n",
        r"r\.yaml:9:\d+: ",
    ),
    "exclude of everything": (
        GOOD + "sampling: {exclude: [{timbre: [sine, square]}]}\n",
        r"r\.yaml:9:\d+: |r\.yaml:1:1: ",
    ),
    "a byte that is not UTF-8": ("name: \udcff\n", r"r\.yaml.*byte 6 is not UTF-8"),
    "a NUL": ("name: good\0\n", r"r\.yaml:1:\d+: not YAML"),
}
RESERVED = ["index", "split", "shard", "offset", "size", "n_samples", "pcm_sha256", "peak", "rms_db"]


@pytest.mark.parametrize("command", ["check", "generate", "dry run", "expand", "show"])
def test_the_good_recipe_is_good(command: str, here: Path) -> None:
    (here / "r.yaml").write_text(GOOD, "utf-8")
    arguments = {
        "check": ["recipe", "check", "r.yaml"],
        "generate": ["generate", "r.yaml", "out", "-j", "1"],
        "dry run": ["generate", "r.yaml", "out", "--dry-run"],
        "expand": ["recipe", "expand", "r.yaml", "out.parquet"],
        "show": ["recipe", "show", "r.yaml"],
    }
    assert run(*arguments[command]).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_bad_recipe_is_refused_at_its_place(name: str, here: Path) -> None:
    text, message = RECIPES[name]
    (here / "r.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    for arguments in (
        ["recipe", "check", "r.yaml"],
        ["recipe", "expand", "r.yaml", "out.parquet"],
        ["generate", "r.yaml", "out", "-j", "1"],
        ["generate", "r.yaml", "out", "--dry-run"],
        ["generate", "r.yaml", "out", "--overwrite"],
    ):
        result = run(*arguments)
        assert_clear(result, 2, message)
        assert result.stdout == ""
        assert re.search(r"^error: \d+ problems? in the recipe$", result.stderr, re.MULTILINE)
    assert names_below(here) == ["r.yaml"]


@pytest.mark.parametrize("section", ["factors", "nuisances"])
@pytest.mark.parametrize("name", [*RESERVED, "split_composition", "transcript", "row", "all"])
def test_names_of_columns_are_refused(name: str, section: str, here: Path) -> None:
    line = f"  {name}: {{values: [1.0, 2.0]}}\n"
    text = GOOD + line
    if section == "nuisances":
        text = GOOD + f"nuisances:\n  {name}: {{uniform: {{low: 0.0, high: 1.0}}}}\n"
    (here / "r.yaml").write_text(text, "utf-8")
    number = len(text.splitlines())
    assert_clear(run("recipe", "check", "r.yaml"), 2, rf"r\.yaml:{number}:\d+: '{name}' is reserved")


def test_all_problems_are_told_at_once(here: Path) -> None:
    text = replaced("seed: 1", "seed: -1").replace("square]", "squre]").replace("0.5]", "'0.5']")
    (here / "r.yaml").write_text(text, "utf-8")
    result = run("recipe", "check", "r.yaml")
    assert_clear(result, 2, "error: 3 problems in the recipe")
    places = re.findall(r"^r\.yaml:(\d+):(\d+): ", result.stderr, re.MULTILINE)
    assert places == [("3", "7"), ("6", "27"), ("7", "30")]


def _bomb(path: Path) -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    path.write_text("\n".join(lines), "utf-8")


def _hundred_megabytes(path: Path) -> None:
    with open(path, "wb") as file:
        for _ in range(100):
            file.write(b"# filling up\n" * (1_000_000 // 13))
        file.write(b"#" * 1_000_000)


DANGEROUS: dict[str, tuple[Callable[[Path], object], str]] = {
    "an alias bomb": (_bomb, r"r\.yaml:1:5: anchors and aliases are not allowed"),
    "5,000 brackets": (
        lambda p: p.write_text("name: " + "[" * 5000),
        r"r\.yaml:1:\d+: nested deeper than 32",
    ),
    "5,000 braces": (lambda p: p.write_text("{a: " * 5000), r"r\.yaml:1:\d+: nested deeper than 32"),
    "5,000 indents": (
        lambda p: p.write_text("\n".join(" " * n + "a:" for n in range(1000))),
        r"r\.yaml:\d+:\d+: nested deeper than 32",
    ),
    "100 MB": (_hundred_megabytes, "larger than 1048576 bytes"),
    "a sparse terabyte": (
        lambda p: p.write_bytes(b"") or subprocess.run(["truncate", "-s", "1T", p], check=True),
        "larger than 1048576 bytes",
    ),
    "a factor of ten million values": (
        lambda p: p.write_text(replaced("num: 5}", "num: 10000000}")),
        r"r\.yaml:8:\d+: .*1000000",
    ),
    "a grid above 2^62": (
        lambda p: p.write_text(
            GOOD.replace("{values: [0.25, 0.5]}", "{linspace: {start: 0.1, stop: 0.5, num: 1000000}}")
            .replace("num: 5}", "num: 1000000}")
            .replace("[sine, square]", "[sine, triangle, square, sawtooth, organ]")
            + "  phase: {linspace: {start: 0.0, stop: 0.5, num: 1000000}}\n"
        ),
        r"r\.yaml:\d+:\d+: .*5,?000,?000,?000,?000,?000,?000",
    ),
    "a whole number of 5,000 digits": (
        lambda p: p.write_text(replaced("seed: 1", f"seed: {'9' * 5000}")),
        r"r\.yaml:\d+:\d+: ",
    ),
    "a range of 10^18 values": (
        lambda p: p.write_text(
            replaced(
                "{linspace: {start: 100.0, stop: 200.0, num: 5}}", "{range: {stop: 1000000000000000000}}"
            )
        ),
        r"r\.yaml:8:\d+: .*10{18}",
    ),
    "a device without an end": (
        lambda p: p.symlink_to("/dev/zero"),
        r"larger than 1048576 bytes|not a file|cannot be read",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DANGEROUS)
def test_a_dangerous_recipe_is_refused_before_it_does_harm(name: str, here: Path) -> None:
    make, message = DANGEROUS[name]
    make(here / "r.yaml")
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30));"
    program = f"{limit} from syngen.cli.main import main; sys.argv[0] = 'syngen'; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "generate", "r.yaml", "out", "-j", "1"],
        capture_output=True,
        text=True,
        cwd=here,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2, done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 5_000
    assert names_below(here) == ["r.yaml"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "syntone-tinny",
            r"no shipped recipe and no file \(did you mean 'syntone-tiny'\?\); shipped: synspeech-large",
        ),
        ("nothing.yaml", r"nothing\.yaml: no shipped recipe and no file"),
        (".", r"this is a folder; a recipe is a YAML file"),
        ("../../../etc/shadow-of-nothing", "no shipped recipe and no file"),
        ("x" * 5000, "no shipped recipe and no file"),
        ("", "no shipped recipe|this is a folder"),
    ],
)
def test_a_recipe_that_is_not_there_is_refused(name: str, message: str, here: Path) -> None:
    for arguments in (
        ["recipe", "check", name],
        ["recipe", "show", name],
        ["recipe", "expand", name, "out.parquet"],
        ["generate", name, "out"],
    ):
        assert_clear(run(*arguments), 2, message)
    assert names_below(here) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("data/new.txt", r"is no YAML file"),
        ("Upper.yaml", r"'Upper' cannot be the name of a recipe; use lower-case"),
        ("nowhere/new.yaml", r"nowhere/new\.yaml cannot be written: No such file or directory"),
        ("/proc/nope/new.yaml", r"cannot be written"),
    ],
)
def test_a_new_recipe_needs_a_usable_name(name: str, message: str, here: Path) -> None:
    assert_clear(run("recipe", "new", name), 2, message)
    assert names_below(here) == []


@pytest.mark.parametrize(
    "name", [".", "nowhere/out.parquet", "/proc/nope.parquet", "/proc/nope/out.parquet"]
)
def test_a_factor_manifest_needs_a_usable_name(name: str, here: Path) -> None:
    assert_clear(run("recipe", "expand", "syntone-tiny", name), 2, "cannot be written")
    assert names_below(here) == []


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("file", r"file is a file; a dataset needs a folder"),
        ("file/below", r"cannot be (used|created)|is a file"),
        ("/dev/null", r"/dev/null is a file"),
        ("foreign", r"foreign is not empty and holds no dataset"),
        ("x" * 300, r"cannot be used"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--overwrite"]], ids=["", "dry", "overwrite"])
def test_a_folder_that_cannot_be_used_is_refused(
    folder: str, message: str, options: list[str], here: Path
) -> None:
    (here / "file").write_text("not a folder", "utf-8")
    (here / "foreign").mkdir()
    (here / "foreign" / "thesis.tex").write_text("precious", "utf-8")
    before = digests_of(here), names_below(here)
    assert_clear(run("generate", "syntone-tiny", folder, "-j", "1", *options), 2, message)
    assert (digests_of(here), names_below(here)) == before


@pytest.mark.parametrize("folder", ["/proc/nope", "/proc/self/nope/deep", "/sys/nope"])
@pytest.mark.parametrize("options", [[], ["--overwrite"]], ids=["", "overwrite"])
def test_a_folder_that_the_system_refuses_is_refused(folder: str, options: list[str]) -> None:
    result = run("generate", "syntone-tiny", folder, "-j", "1", *options)
    assert_clear(result, 2, rf"{folder} cannot be (created|written)")


def test_a_folder_with_another_plan_is_refused(data: Path, here: Path) -> None:
    before = digests_of(here)
    for options, difference in (
        (["--shard-size", "60"], "shard_size is 50, not 60"),
        (["--shard-size", "50", "--codec", "flac"], "codec is 'wav', not 'flac'"),
    ):
        result = run("generate", "syntone-tiny", "data", "-j", "1", *options)
        remedy = "choose another folder, or --overwrite"
        assert_clear(result, 2, rf"data holds another syntone-tiny 2\.0\.0: {difference}; {remedy}")
        assert "- there" not in result.stderr
    result = run("generate", "syntone-small", "data", "-j", "1", "--limit", "9")
    assert_clear(result, 2, r"data holds syntone-tiny 2\.0\.0, not syntone-small 2\.0\.0; choose")
    result = run("--debug", "generate", "syntone-tiny", "data", "-j", "1", "--shard-size", "60")
    notes = "".join(getattr(result.exception, "__notes__", []))
    assert '-   "shard_size": 50' in notes
    assert digests_of(here) == before


@pytest.mark.parametrize(
    "arguments", [["info"], ["rows"], ["extract", "OUT"], ["verify"]], ids=lambda words: words[0]
)
@pytest.mark.parametrize(
    ("folder", "code", "message"),
    [
        ("nothing", 2, r"nothing (does not exist|is not a folder)"),
        ("file", 2, r"file (is a file|is not a folder)"),
        ("empty", 1, r"holds no (finished )?dataset: there is no dataset\.json"),
    ],
)
def test_a_dataset_that_is_not_there_is_refused(
    folder: str, code: int, message: str, arguments: list[str], here: Path
) -> None:
    (here / "file").touch()
    (here / "empty").mkdir()
    command, *rest = arguments
    assert_clear(run(command, folder, *rest), code, message)
    assert names_below(here) == ["empty", "file"]


def _later(folder: Path) -> None:
    edit_json(folder / "dataset.json", lambda c: c.update({"format": 99, "requires": "syngen>=9"}))


def _contradictory(folder: Path) -> None:
    table = pq.read_table(folder / "manifest.parquet")
    pq.write_table(table.slice(0, 400), folder / "manifest.parquet")


def _without_vocabulary(folder: Path) -> None:
    table = pq.read_table(folder / "manifest.parquet").replace_schema_metadata()
    pq.write_table(table, folder / "manifest.parquet")


def _later_vocabulary(folder: Path) -> None:
    table = pq.read_table(folder / "manifest.parquet")
    metadata = table.schema.metadata[b"syngen"].replace(b'"format":2', b'"format":99')
    pq.write_table(table.replace_schema_metadata({"syngen": metadata}), folder / "manifest.parquet")


def _foreign_manifest(folder: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), folder / "manifest.parquet")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "later format": (
        _later,
        r"has format 99; this syngen reads up to 2\. Install a later one: .* \"syngen-audio>=9\"",
    ),
    "later format of the manifest": (_later_vocabulary, r"the manifest has format 99"),
    "fewer rows than shards": (_contradictory, r"\d+ rows"),
    "no vocabulary": (_without_vocabulary, r"no vocabulary; it is not a manifest made by syngen"),
    "foreign manifest": (_foreign_manifest, r"no vocabulary"),
    "no manifest": (lambda p: (p / "manifest.parquet").unlink(), r"manifest\.parquet"),
    "manifest cut": (
        lambda p: (p / "manifest.parquet").write_bytes((p / "manifest.parquet").read_bytes()[:5000]),
        r"manifest\.parquet",
    ),
    "manifest empty": (lambda p: (p / "manifest.parquet").write_bytes(b""), r"manifest\.parquet"),
    "description cut": (
        lambda p: (p / "dataset.json").write_bytes(b'{"format": 1,'),
        r"dataset\.json is dam",
    ),
    "description deep": (
        lambda p: (p / "dataset.json").write_bytes(b"[" * 10**6),
        r"dataset\.json is damaged",
    ),
    "unknown codec": (lambda p: edit_json(p / "dataset.json", lambda c: c.update(codec="mp3")), r"mp3"),
    "not complete": (
        lambda p: edit_json(p / "dataset.json", lambda c: c.update(complete=False)),
        r"not marked complete; run generate again to finish it",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_dataset_exits_1_on_reading_and_4_on_verifying(name: str, data: Path, here: Path) -> None:
    damage, message = DAMAGE[name]
    damage(data)
    before = names_below(here)
    for arguments in (["info", "data"], ["rows", "data"], ["extract", "data", "clips"]):
        assert_clear(run(*arguments), 1, message)
    result = run("verify", "data", "-q")
    assert result.exit_code == 4, result.output
    assert re.search(message, result.stdout)
    assert "Traceback" not in result.output
    assert names_below(here) == before


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda path: flip(path, 600, 0xFF),
        lambda path: flip(path, 515, 0xFF),
        lambda path: path.write_bytes(path.read_bytes()[:700]),
    ],
    ids=["missing", "sample", "header", "cut"],
)
def test_a_damaged_shard_exits_4_on_verifying_and_names_the_shard(
    damage: Callable[[Path], object], data: Path
) -> None:
    damage(data / "audio" / "train-000002.tar")
    result = run("verify", "data", "-q")
    assert result.exit_code == 4
    assert result.stdout.startswith("shard train-000002: ")
    assert "Traceback" not in result.output
    assert run("info", "data").exit_code == 0


def test_a_damaged_shard_exits_1_on_extracting_from_it(data: Path, here: Path) -> None:
    flip(data / "audio" / "train-000000.tar", 512, 0xFF)
    before = names_below(here)
    result = run("extract", "data", "clips", "--limit", "3")
    assert_clear(
        result, 1, r"row 0: shard train-000000 in .*data/audio cannot be read: .*run syngen verify"
    )
    assert names_below(here) == before


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("timbre", r"--where 'timbre': FACTOR=VALUES is needed, as in timbre=sine"),
        ("timbre=", r"FACTOR=VALUES is needed"),
        ("=sine", r"FACTOR|no factor ''"),
        ("timbr=sine", r"no factor 'timbr' \(did you mean 'timbre'\?\); there are timbre, amplitude"),
        ("timbre=sinus", r"sinus.*did you mean 'sine'"),
        ("timbre=sine..square", r"sine\.\.square"),
        ("frequency=441", r"441.*440"),
        ("frequency=high", r"frequency takes numbers"),
        ("frequency=1..2..3", r"frequency takes numbers"),
        ("frequency=400..200", r"400 is above 200"),
        ("frequency=nan", r"nan"),
        ("frequency=1e999", r"inf"),
        ("frequency=1,,2", r"frequency takes numbers"),
        ("split=tset", r"no split 'tset' \(did you mean 'test'\?\); split has train, validation, test"),
        ("split_composition=tset", r"no split 'tset'"),
        ("pcm_sha256=00", r"no factor 'pcm_sha256'"),
        ("frequency==440", r"frequency takes numbers"),
    ],
)
@pytest.mark.parametrize(
    "command", [["rows", "data"], ["extract", "data", "clips"]], ids=["rows", "extract"]
)
def test_nonsense_after_where_is_refused(
    where: str, message: str, command: list[str], tiny_dataset: Path, here: Path
) -> None:
    (here / "data").symlink_to(tiny_dataset)
    assert_clear(run(*command, "--where", where), 2, message)
    assert not (here / "clips").exists()


def test_a_factor_named_twice_is_refused(tiny_dataset: Path) -> None:
    result = run("rows", str(tiny_dataset), "--where", "timbre=sine", "--where", "timbre=square")
    assert_clear(result, 2, "--where names 'timbre' twice; give all its values at once")


def test_a_split_named_twice_is_refused(tiny_dataset: Path) -> None:
    result = run("rows", str(tiny_dataset), "--where", "split=train", "--split", "test")
    assert_clear(result, 2, "split")


@pytest.mark.parametrize("command", ["rows", "extract"])
def test_an_unknown_split_is_refused(command: str, tiny_dataset: Path, here: Path) -> None:
    rest = ["clips"] if command == "extract" else []
    result = run(command, str(tiny_dataset), *rest, "--split", "trian")
    assert_clear(result, 2, r"no split 'trian' \(did you mean 'train'\?\)")
    assert names_below(here) == []


def test_clips_are_not_put_beside_other_files(tiny_dataset: Path, here: Path) -> None:
    (here / "clips").mkdir()
    (here / "clips" / "notes.txt").write_text("precious", "utf-8")
    (here / "file").touch()
    before = digests_of(here)
    for name in ("clips", "file"):
        result = run("extract", str(tiny_dataset), name)
        assert_clear(result, 2, rf"{name} is not an empty folder; choose another")
    assert digests_of(here) == before


def test_clips_need_a_folder_that_can_be_written(tiny_dataset: Path) -> None:
    assert_clear(run("extract", str(tiny_dataset), "/proc/nope"), 2, r"/proc/nope cannot be")


@pytest.mark.parametrize("given", ["0", "-2", "many", "1.5"])
def test_a_number_of_jobs_that_makes_no_sense_is_refused(given: str, here: Path) -> None:
    result = run("generate", "syntone-tiny", "out", "--jobs", given)
    assert result.exit_code == 2
    assert "'-j' / '--jobs'" in result.stderr
    assert names_below(here) == []


def test_positions_and_values_outside_say_what_there_is(tiny_dataset: Path) -> None:
    ds = syngen.load(tiny_dataset)
    with pytest.raises(IndexError, match=r"position 408 outside 0\.\.407 of 408 observations"):
        ds[408]
    with pytest.raises(syngen.FactorError, match=r"index 408 outside 0\.\.407"):
        ds.grid.values_of(408)
    with pytest.raises(syngen.FactorError, match="441"):
        ds.select(frequency=441.0)
