"""Examples in docstrings run, and everything public has a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import syngen

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(syngen.__path__, "syngen.")
    if "__main__" not in module.name and module.name not in ("syngen.synth.base", "syngen.synth.timbres")
)
"""Every module but the old names of two, which warn when they are imported."""


EXTRAS = {"syngen.loaders.convert.pytorch": "torch"}
"""Modules that can only be imported with an extra."""


@pytest.mark.parametrize("name", ["syngen", *MODULES])
def test_examples_in_docstrings_run(name: str) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason="its extra is not installed")
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples_at_all() -> None:
    modules = [importlib.import_module(name) for name in ("syngen", *MODULES) if name not in EXTRAS]
    finder = doctest.DocTestFinder()
    n_examples = sum(len(test.examples) for module in modules for test in finder.find(module))
    assert n_examples >= 25


@pytest.mark.parametrize("name", [name for name in syngen.__all__ if name.islower()])
def test_public_functions_document_parameters_and_errors(name: str) -> None:
    function = getattr(syngen, name)
    text = inspect.getdoc(function) or ""
    for parameter in inspect.signature(function).parameters:
        assert parameter in text, f"{name}: {parameter} is not documented"
