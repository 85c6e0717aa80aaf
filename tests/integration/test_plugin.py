"""Packages of other people: a synthesizer and a timbre that work, and some that do not."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

import syngen
from tests.support import digests_of, names_below, run_python, run_syngen

PACKAGE = Path(__file__).resolve().parents[1] / "plugins" / "syngen-clicks"
RECIPE = """\
name: clicks
synthesizer: clicks
seed: 3
audio: {sample_rate: 8000, duration: 0.25}
factors:
  rate: {linspace: {start: 10.0, stop: 100.0, num: 46}, unit: Hz}
splits:
  default: {random: {train: 0.5, test: 0.5}}
"""
BELLS = """\
name: bells
synthesizer: tone
seed: 3
audio: {sample_rate: 8000, duration: 0.1}
factors:
  timbre: {values: [bell, sine]}
  frequency: {geomspace: {start: 110.0, stop: 440.0, num: 5}, unit: Hz}
settings: {level: rms, amplitude: 0.1}
"""
BROKEN = """\
import numpy as np
from syngen import FactorSpec, Synthesizer

BROKEN = {broken!r}
if BROKEN == "import":
    raise RuntimeError("this package does not work today")

class Broken(Synthesizer):
    name = "broken"
    version = "1"
    factors = (FactorSpec("rate", units={{"Hz": (1.0, 100.0)}}),)

    def __init__(self):
        if BROKEN == "init":
            raise KeyError("no licence")

    def check(self, request):
        if BROKEN == "check":
            raise ValueError("cannot check")
        return ()

    def identity(self, request):
        if BROKEN == "identity":
            raise ValueError("identity unknown")
        return {{}}

    def prepare(self, request):
        if BROKEN == "prepare":
            raise ValueError("cannot prepare")
        n = request.audio.n_samples

        def render(values, streams):
            if BROKEN == "render":
                raise ZeroDivisionError("no rate")
            return {{
                "shape": lambda: np.zeros(n + 1),
                "two channels": lambda: np.zeros((2, n)),
                "float32": lambda: np.zeros(n, np.float32),
                "a list": lambda: [0.0] * n,
                "nothing": lambda: None,
                "NaN": lambda: np.full(n, np.nan),
                "infinity": lambda: np.full(n, np.inf),
                "clipping": lambda: np.full(n, 1.5),
                "negative clipping": lambda: np.full(n, -1.5),
            }}[BROKEN]()

        return render
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which the example package is installed, as pip does it, without a network."""
    source = tmp_path_factory.mktemp("source") / PACKAGE.name
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("site")
    options = ["--no-index", "--no-build-isolation", "--no-deps", "--quiet", "--disable-pip-version-check"]
    done = run_python("-m", "pip", "install", *options, "--target", str(target), str(source))
    assert done.returncode == 0, done.stderr
    assert (target / "syngen_clicks.py").is_file()
    return python_path(target)


def python_path(folder: Path) -> dict[str, str]:
    """Environment in which modules are looked for in a folder first."""
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


def installed(folder: Path, module: str, text: str, group: str, entry: str) -> dict[str, str]:
    """Put a package of one module into a folder, as pip would leave it."""
    information = folder / f"{module}-1.0.0.dist-info"
    information.mkdir(parents=True)
    (folder / f"{module}.py").write_text(text, "utf-8")
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0.0\n", "utf-8"
    )
    (information / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", "utf-8")
    return python_path(folder)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the recipes of this module."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "clicks.yaml").write_text(RECIPE, "utf-8")
    (folder / "bells.yaml").write_text(BELLS, "utf-8")
    (folder / "broken.yaml").write_text(RECIPE.replace("clicks", "broken"), "utf-8")
    return folder


def test_the_package_is_as_short_as_promised() -> None:
    assert len((PACKAGE / "syngen_clicks.py").read_text("utf-8").splitlines()) <= 40


@pytest.mark.slow
def test_without_the_package_its_synthesizer_is_unknown(here: Path) -> None:
    done = run_syngen("recipe", "check", "clicks.yaml", cwd=here)
    assert done.returncode == 2
    assert "clicks.yaml:2:14: no synthesizer 'clicks'" in done.stderr
    assert "installed: speech, tone" in done.stderr


@pytest.mark.slow
def test_a_synthesizer_of_another_package_works_throughout(here: Path, site: dict[str, str]) -> None:
    done = run_syngen("recipe", "check", "clicks.yaml", cwd=here, env=site)
    assert done.returncode == 0, done.stderr
    assert "46 observations" in done.stdout
    options = ["--shard-size", "10", "-q"]
    for jobs in ("1", "2"):
        done = run_syngen(
            "generate", "clicks.yaml", f"data-{jobs}", "-j", jobs, *options, cwd=here, env=site
        )
        assert done.returncode == 0, done.stderr
    assert digests_of(here / "data-1") == digests_of(here / "data-2")
    done = run_syngen("verify", "data-2", "--rerender", "46", "-q", cwd=here, env=site)
    assert (done.returncode, done.stdout) == (0, "")
    program = (
        "import numpy as np, syngen\n"
        "ds, live = syngen.load('data-2'), syngen.render('clicks.yaml')\n"
        "for stored, rendered in zip(ds, live, strict=True):\n"
        "    assert (stored.waveform == rendered.waveform).all()\n"
        "    step = round(8000 / stored.values['rate'])\n"
        "    assert set(np.flatnonzero(stored.waveform)) == set(range(0, 2000, step))\n"
        "    assert set(stored.waveform) == {0.0, 0.5}\n"
        "print(len(ds), ds.grid['rate'].unit)\n"
    )
    done = run_python("-c", program, cwd=here, env=site)
    assert (done.returncode, done.stdout) == (0, "46 Hz\n"), done.stderr


@pytest.mark.slow
def test_the_bounds_that_a_package_declares_are_checked(here: Path, site: dict[str, str]) -> None:
    (here / "bad.yaml").write_text(RECIPE.replace("stop: 100.0", "stop: 200.0"), "utf-8")
    done = run_syngen("recipe", "check", "bad.yaml", cwd=here, env=site)
    assert done.returncode == 2
    assert "bad.yaml:6:" in done.stderr
    assert "is outside 1..100 Hz" in done.stderr


@pytest.mark.slow
def test_a_dataset_of_a_missing_package_loads_and_its_bytes_are_verified(
    here: Path, site: dict[str, str]
) -> None:
    done = run_syngen("generate", "clicks.yaml", "data", "-j", "1", "-q", cwd=here, env=site)
    assert done.returncode == 0, done.stderr
    assert len(syngen.load(here / "data").select(rate=10.0)) == 1
    done = run_syngen("verify", "data", "-q", cwd=here)
    assert done.returncode == 4
    (line,) = done.stdout.splitlines()
    assert line.startswith("dataset.json: the recipe cannot be resolved, so no row can be checked by it: ")
    assert "no synthesizer 'clicks'" in line


@pytest.mark.slow
def test_a_timbre_of_another_package_is_one_of_the_tone_synthesizer(
    here: Path, site: dict[str, str]
) -> None:
    done = run_syngen("recipe", "check", "bells.yaml", cwd=here)
    assert done.returncode == 2
    assert "bells.yaml:6:21: unknown timbre 'bell'" in done.stderr
    done = run_syngen("generate", "bells.yaml", "data", "-j", "2", "--shard-size", "3", cwd=here, env=site)
    assert done.returncode == 0, done.stderr
    done = run_syngen("verify", "data", "--rerender", "10", "-q", cwd=here, env=site)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("import", r"synthesizer 'broken' \(broken:Broken\) fails: this package does not work today"),
        ("init", r"synthesizer 'broken' \(broken:Broken\) fails: 'no licence'"),
        ("check", r"broken\b.*: cannot check"),
        ("identity", r"broken\b.*: identity unknown"),
    ],
)
def test_a_package_that_fails_before_the_work_writes_nothing(
    broken: str, message: str, here: Path, tmp_path: Path
) -> None:
    text = BROKEN.format(broken=broken)
    site = installed(tmp_path / "site", "broken", text, "syngen.synthesizers", "broken = broken:Broken")
    before = names_below(here)
    done = run_syngen("generate", "broken.yaml", "data", "-j", "2", cwd=here, env=site)
    assert done.returncode in (1, 2), done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert "This should not happen" not in done.stderr
    assert names_below(here) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "jobs", "message"),
    [
        ("prepare", "1", "cannot prepare"),
        ("prepare", "2", "cannot prepare"),
        ("render", "1", "the broken synthesizer fails with ZeroDivisionError: no rate"),
        ("render", "2", "the broken synthesizer fails with ZeroDivisionError: no rate"),
        ("shape", "2", "the waveform has shape (2001,); (2000,) is needed"),
        ("two channels", "1", "the waveform has shape (2, 2000); (2000,) is needed"),
        ("float32", "1", "must return an array of float64"),
        ("a list", "1", "must return an array of float64"),
        ("nothing", "1", "must return an array of float64"),
        ("NaN", "1", "nan"),
        ("NaN", "2", "nan"),
        ("infinity", "1", "inf"),
        ("clipping", "1", "the waveform peaks at 1.5, beyond full scale 1.0"),
        ("negative clipping", "2", "the waveform peaks at 1.5, beyond full scale 1.0"),
    ],
)
def test_a_package_that_fails_at_work_leaves_nothing_half_written(
    broken: str, jobs: str, message: str, here: Path, tmp_path: Path
) -> None:
    text = BROKEN.format(broken=broken)
    site = installed(tmp_path / "site", "broken", text, "syngen.synthesizers", "broken = broken:Broken")
    done = run_syngen("generate", "broken.yaml", "data", "-j", jobs, "-q", cwd=here, env=site)
    assert done.returncode == 3, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "This should not happen" not in done.stderr
    assert "killed for want of memory" not in done.stderr
    left = {path.relative_to(here / "data").as_posix() for path in (here / "data").rglob("*")}
    folders = {"audio", ".syngen", ".syngen/receipts"}
    copies = {f".syngen/{name}" for name in ("plan.json", "recipe.yaml", "SHA256SUMS")}
    assert left - folders <= {"plan.json", "recipe.yaml", ".syngen/lock", ".syngen/log.jsonl", *copies}
    assert json.loads((here / "data" / "plan.json").read_text("utf-8"))["rows"] == 46
    with pytest.raises(syngen.ManifestError, match="data is not finished"):
        syngen.load(here / "data")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("bell = odd:nothing", "timbre 'bell' (odd:nothing) fails: "),
        ("bell = odd:number", "timbre 'bell' (odd:number) is not a Timbre of an unused name"),
        ("sine = odd:sine", "timbre 'sine' (odd:sine) is not a Timbre of an unused name"),
    ],
)
def test_a_broken_timbre_is_named(entry: str, message: str, here: Path, tmp_path: Path) -> None:
    text = "from syngen import Timbre\nnumber = 3\nsine = Timbre('sine', lambda n: 1.0)\n"
    site = installed(tmp_path / "site", "odd", text, "syngen.timbres", entry)
    done = run_syngen("recipe", "check", "bells.yaml", cwd=here, env=site)
    assert done.returncode in (1, 2), done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_packages_that_claim_one_name_are_named(here: Path, tmp_path: Path) -> None:
    text = BROKEN.format(broken="")
    for module in ("first", "second"):
        entry = f"broken = {module}:Broken"
        installed(tmp_path / module, module, text, "syngen.synthesizers", entry)
    site = {"PYTHONPATH": f"{tmp_path / 'first'}:{tmp_path / 'second'}"}
    done = run_syngen("recipe", "check", "broken.yaml", cwd=here, env=site)
    assert done.returncode == 2
    assert "several packages register 'broken': first:Broken, second:Broken" in done.stderr


@pytest.mark.slow
def test_an_entry_that_is_no_synthesizer_is_named(here: Path, tmp_path: Path) -> None:
    site = installed(tmp_path / "s", "odd", "Broken = dict\n", "syngen.synthesizers", "broken = odd:Broken")
    done = run_syngen("recipe", "check", "broken.yaml", cwd=here, env=site)
    assert done.returncode == 2
    assert "synthesizer 'broken' (odd:Broken) is not a syngen Synthesizer of that name" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("syngen.synth.base", "syngen.synth.plugin", "Renderer"),
        ("syngen.synth.timbres", "syngen.synth.tone.timbres", "Timbre"),
    ],
)
def test_the_old_name_of_a_module_for_plugins_works_for_one_release(old: str, new: str, name: str) -> None:
    import importlib
    import sys

    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=rf"^{old} is called {new} since syngen 0\.2"):
        module = importlib.import_module(old)
    assert getattr(module, name) is getattr(importlib.import_module(new), name)
