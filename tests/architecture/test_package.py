"""The package as a whole: its layers, its public names, its shipped files."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import syngen
from syngen.recipe.library import manifest_path, recipe_names
from syngen.recipe.schema import json_schema

ROOT = Path(__file__).resolve().parents[2]
MOST_MODULES, MOST_LINES = 14, 420
HEAVY = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "librosa",
    "platformdirs",
    "soundfile",
    "pydantic",
    "ruamel",
    "sklearn",
    "rich",
    "urllib3",
)


def imported_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.slow
def test_layers_are_kept() -> None:
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout


def test_rooms_stay_small() -> None:
    modules = [path for path in (ROOT / "syngen").rglob("*.py") if "_shipped" not in path.parts]
    in_room = Counter(path.parent for path in modules if path.name != "__init__.py")
    assert {str(room): n for room, n in in_room.items() if n > MOST_MODULES} == {}
    n_lines = {str(path): len(path.read_text("utf-8").splitlines()) for path in modules}
    assert {name: n for name, n in n_lines.items() if n > MOST_LINES} == {}


def test_import_is_light() -> None:
    assert imported_by("import syngen").isdisjoint(HEAVY)


def test_command_line_starts_without_heavy_imports() -> None:
    assert imported_by("import syngen.cli.main").isdisjoint(HEAVY)


def test_stub_has_the_former_names() -> None:
    stub = ast.parse((ROOT / "syngen" / "__init__.pyi").read_text("utf-8"))
    former = [ast.unparse(node) for node in stub.body if isinstance(node, ast.Assign)]
    assert former == [f"{old} = {name}" for old, name in syngen._FORMER_NAMES.items()]


def test_every_name_is_listed() -> None:
    assert {"load", "FactorDataset", "ProgressUpdate", "__version__"} <= set(dir(syngen))
    assert set(dir(syngen)) == {*syngen.__all__, "__version__"}


def test_former_names_warn_and_are_the_same_functions() -> None:
    with pytest.warns(DeprecationWarning, match="rehearse is called syngen.estimate since"):
        assert syngen.rehearse is syngen.estimate
    assert "rehearse" not in dir(syngen)


@pytest.mark.parametrize("name", syngen.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name: str) -> None:
    assert getattr(syngen, name).__doc__


def test_no_public_function_shares_a_name_with_a_module() -> None:
    """Importing a module below `syngen` would put it in the place of the function of that name."""
    modules = {path.stem for path in (ROOT / "syngen").glob("*.py")}
    modules |= {path.name for path in (ROOT / "syngen").iterdir() if path.is_dir()}
    functions = {name for name in syngen.__all__ if name.islower()}
    assert functions.isdisjoint(modules)


MAKERS_AND_REMOVERS = {
    *("mkdir", "makedirs", "mkdtemp", "mkstemp", "NamedTemporaryFile", "TemporaryDirectory", "touch"),
    *("rmdir", "removedirs", "rmtree", "unlink", "symlink_to", "hardlink_to", "symlink", "link", "chmod"),
}


def calls_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {getattr(func, "attr", getattr(func, "id", "")) for func in called}


@pytest.mark.slow
def test_folders_are_made_and_files_removed_in_one_place() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): calls & MAKERS_AND_REMOVERS
        for path in (ROOT / "syngen").rglob("*.py")
        if (calls := calls_in(path)) & MAKERS_AND_REMOVERS
    }
    assert set(found) == {"syngen/io/folders.py", "syngen/io/workspace.py"}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = syngen.nothing  # type: ignore[attr-defined]


def test_shipped_schema_is_current() -> None:
    shipped = json.loads((ROOT / "syngen" / "recipe" / "schema.json").read_text("utf-8"))
    assert shipped == json_schema()


def test_there_are_shipped_recipes() -> None:
    assert {"syntone-tiny", "syntone-small", "syntone-paper"} <= set(recipe_names())


@pytest.mark.slow
@pytest.mark.usefixtures("recorded_scipy")
@pytest.mark.parametrize("name", recipe_names())
def test_factor_manifests_are_what_the_recipes_give(name: str, tmp_path: Path) -> None:
    made = tmp_path / "manifest.parquet"
    n_rows = syngen.expand(name, made)
    expected, found = pq.read_table(manifest_path(name)), pq.read_table(made)
    assert found.num_rows == n_rows > 0
    assert found.equals(expected, check_metadata=True)
    indices = found.column("index").to_numpy()
    assert (indices[1:] > indices[:-1]).all()


@pytest.mark.slow
def test_wheel_carries_recipes_manifests_and_types(tmp_path: Path) -> None:
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(ROOT),
    ]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in recipe_names():
        assert f"syngen/_shipped/recipes/{name}.yaml" in names
        assert f"syngen/_shipped/manifests/{name}.parquet" in names
    assert {"syngen/py.typed", "syngen/__init__.pyi", "syngen/recipe/schema.json"} <= names
    assert "syngen/recipe/template.yaml" in names
    assert "syngen/synth/speech/data/sentences-en.txt" in names


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "unit").rglob("test_*.py")), ids=lambda path: path.stem
)
def test_unit_tests_lie_where_what_they_test_lies(path: Path) -> None:
    """``tests/unit/x/test_y.py`` tests the module ``syngen/x/y.py``, or the package ``syngen/x/y``."""
    folder = ROOT / "syngen" / path.parent.relative_to(ROOT / "tests" / "unit")
    name = path.stem.removeprefix("test_")
    homes = [folder / f"{name}.py", folder / f"_{name}.py", folder / name / "__init__.py"]
    assert any(home.is_file() for home in homes), f"{path} tests none of {', '.join(map(str, homes))}"


@pytest.mark.slow
def test_generation_starts_without_pandas(tmp_path: Path) -> None:
    """pyarrow imports pandas to ask what it was given, which takes a third of the start of a worker."""
    code = f"import syngen\nsyngen.generate('syntone-tiny', {str(tmp_path / 'data')!r}, limit=4, jobs=1)"
    assert "pandas" not in imported_by(code)
