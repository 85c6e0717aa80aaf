"""The examples that Hypothesis draws are the same in every run, whatever was imported before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import run_python

pytestmark = pytest.mark.slow

PROGRAM = """
import importlib, sys
import tests.conftest
from hypothesis import given
from hypothesis import strategies as st

for name in sys.argv[1:]:
    importlib.import_module(name)

@given(st.lists(st.one_of(st.integers(), st.floats(), st.text(), st.binary()), max_size=20))
def draw(values):
    print(ascii(values))

draw()
"""


def test_examples_do_not_depend_on_what_is_imported(tmp_path: Path) -> None:
    numbers = ", ".join(
        f"{number}, {number}.25, 'text {number}', b'{number}'" for number in range(1000, 1200)
    )
    (tmp_path / "module_with_constants.py").write_text(f"VALUES = [{numbers}]\n", "utf-8")
    path = {"PYTHONPATH": str(tmp_path)}
    root = Path(__file__).resolve().parents[2]
    alone, beside_others = (
        run_python("-c", PROGRAM, *names, cwd=root, env=path)
        for names in ([], ["module_with_constants", "syngen.cli.main", "syngen.api"])
    )
    assert alone.returncode == 0, alone.stderr
    assert len(alone.stdout.splitlines()) >= 100
    assert beside_others.stdout == alone.stdout
