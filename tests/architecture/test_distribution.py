"""The distribution is called syngen-audio; what is called syngen on the package index is another tool."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import syngen
from syngen._distribution import DISTRIBUTION, install_command, require
from syngen.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[2]


def project() -> dict[str, object]:
    content: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return content


def test_every_extra_that_is_suggested_is_one_of_this_distribution() -> None:
    assert project()["name"] == DISTRIBUTION
    suggested = re.compile(r"pip install[^\n`]*\bsyngen(?!-audio)\b|\bsyngen\[[a-z]")
    searched = [*(ROOT / "syngen").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    searched += [ROOT / name for name in ("README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml")]
    assert len(searched) > 200
    lines = [line for path in searched for line in path.read_text("utf-8").splitlines()]
    assert [line for line in lines if suggested.search(line) and "pip uninstall" not in line] == []


def test_the_version_is_that_of_this_distribution() -> None:
    assert syngen.__version__ == project()["version"]


@pytest.mark.parametrize("name", ["infer.py", "sdk.py"])
def test_import_says_that_the_other_package_is_in_the_same_folder(name: str, tmp_path: Path) -> None:
    package = tmp_path / "syngen"
    package.mkdir()
    for names in ("__init__.py", "__init__.pyi"):
        shutil.copy(ROOT / "syngen" / names, package)
    importing = [sys.executable, "-c", "import syngen"]
    alone = subprocess.run(importing, cwd=tmp_path, capture_output=True, text=True)
    assert (alone.returncode, alone.stderr) == (0, "")
    (package / name).touch()
    beside = subprocess.run(importing, cwd=tmp_path, capture_output=True, text=True)
    assert beside.returncode == 0
    assert "'pip uninstall --yes syngen syngen-audio', then 'pip install syngen-audio'" in beside.stderr


def test_a_missing_module_is_named_with_the_extra_that_brings_it() -> None:
    assert install_command("s3") == 'pip install "syngen-audio[s3]"'
    with pytest.raises(MissingExtraError, match=r"^absent is not installed; install it with: pip install"):
        require("absent", extra="plot")
    with pytest.raises(MissingExtraError, match=r"^absent is not installed"):
        require("absent.part", extra="plot")


def test_the_module_that_another_needs_is_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_torch.py").write_text("import torch.absent\n")
    (tmp_path / "broken.py").write_text("raise ImportError('no libabsent.so')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"^torch, which needs_torch needs, .*audio\[torch\]"):
        require("needs_torch", extra="webdataset")
    with pytest.raises(MissingExtraError, match=r"^broken cannot be imported: no libabsent\.so; install"):
        require("broken", extra="webdataset")
