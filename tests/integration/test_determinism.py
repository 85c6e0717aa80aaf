"""The same bits whatever the CPU, the C library and the BLAS do.

Child processes recompute everything with parts of the machine switched off: numpy's CPU dispatch, the
FMA and AVX2 variants of the C library, the kernels of OpenBLAS.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration import digests
from tests.integration.digests import MACHINES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return digests.report()


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, dict[str, Any]]:
    children = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.integration.digests"],
            cwd=ROOT,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, variables in MACHINES.items()
    }
    reports = {}
    for name, child in children.items():
        output, _ = child.communicate()
        assert child.returncode == 0, name
        reports[name] = json.loads(output)
    return reports


def test_digests_cover_every_shipped_recipe(here: dict[str, Any]) -> None:
    recipes = ("syntone-tiny", "syntone-small", "syntone-paper", "nuisances", "phases", "levels")
    for what in ("pcm", "values", "fingerprint"):
        assert len({here["exact"][f"{recipe}/{what}"] for recipe in recipes}) == len(recipes)


@pytest.mark.parametrize("machine", MACHINES)
def test_everything_is_the_same_to_the_last_bit(
    here: dict[str, Any], elsewhere: dict[str, dict[str, Any]], machine: str
) -> None:
    assert elsewhere[machine]["exact"] == here["exact"]


def test_dispatch_is_really_off_in_the_children(
    here: dict[str, Any], elsewhere: dict[str, dict[str, Any]]
) -> None:
    assert elsewhere["no dispatch"]["features"] == []
    assert elsewhere["old libm"]["features"] == here["features"]
    if any(name.startswith(("AVX512", "X86_V4")) for name in here["features"]):
        for name in ("exp", "power"):
            assert elsewhere["no dispatch"]["control"][name] != here["control"][name]


def test_c_library_is_really_an_older_one_in_the_children(
    here: dict[str, Any], elsewhere: dict[str, dict[str, Any]]
) -> None:
    has_variants = platform.libc_ver()[0] == "glibc" and "X86_V3" in here["features"]
    differs = elsewhere["old libm"]["control"] != here["control"]
    assert differs >= has_variants


def test_blas_is_really_another_one_in_the_children(elsewhere: dict[str, dict[str, Any]]) -> None:
    assert elsewhere["old BLAS"]["openblas"] in ([], ["Nehalem"])
