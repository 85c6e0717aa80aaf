"""Docstrings say what functions take and raise: their sections are read, and compared with the code."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import syngen
from syngen import errors
from syngen.io import folders
from syngen.io.http import responses

ROOT = Path(syngen.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__main__.py")

NOT_DOCUMENTED = (
    "AttributeError",
    "StopIteration",
    "IndexError",
    "KeyError",
    "TypeError",
    "NotImplementedError",
    "AssertionError",
)
"""What Python's own protocols ask for, and what never happens."""


def section(text: str, name: str) -> list[str]:
    """Return the lines of a section of a NumPy docstring; none where there is no such section."""
    lines = inspect.cleandoc(text).splitlines()
    heads = [k for k in range(len(lines) - 1) if lines[k + 1] and set(lines[k + 1]) == {"-"}]
    for place, head in enumerate(heads):
        if lines[head] == name:
            end = heads[place + 1] if place + 1 < len(heads) else len(lines)
            return lines[head + 2 : end]
    return []


def terms(lines: list[str]) -> list[str]:
    """Return what the entries of a section are about: ``a, b : int`` is about a and b."""
    heads = [line.partition(" : ")[0] for line in lines if line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def parameters(function: ast.FunctionDef, *, is_method: bool) -> list[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = [argument.arg for argument in (*named, arguments.vararg, arguments.kwarg) if argument]
    is_static = any(ast.unparse(decorator) == "staticmethod" for decorator in function.decorator_list)
    return names[1:] if is_method and not is_static else names


def raised(node: ast.AST) -> Iterator[str]:
    """Yield the names of the classes that a function raises by itself."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            name = ast.unparse(error).rpartition(".")[2]
            if name[0].isupper() and name not in NOT_DOCUMENTED:
                yield name
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from raised(child)


def documented(path: Path) -> Iterator[tuple[str, ast.FunctionDef, str, bool]]:
    """Yield name, definition, docstring, and whether it is a method, of every function of a module."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node, ast.get_docstring(node) or "", False
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    owner = node if method.name == "__init__" else method
                    yield f"{node.name}.{method.name}", method, ast.get_docstring(owner) or "", True


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_parameters_that_a_docstring_lists_are_those_of_the_function(path: Path) -> None:
    for name, function, text, is_method in documented(path):
        if listed := terms(section(text, "Parameters")):
            assert sorted(listed) == sorted(parameters(function, is_method=is_method)), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_docstring_with_errors_lists_all_that_the_function_raises(path: Path) -> None:
    for name, function, text, _ in documented(path):
        if listed := terms(section(text, "Raises")):
            missing = [error for error in raised(function) if not is_covered(error, listed)]
            assert not missing, f"{name} raises {', '.join(missing)}, which its docstring does not say"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_attributes_that_a_docstring_lists_are_fields_or_properties(path: Path) -> None:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            assigned = {
                target.attr
                for part in ast.walk(node)
                for target in ast.walk(part)
                if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store)
            }
            fields = {part.target.id for part in node.body if isinstance(part, ast.AnnAssign)}  # type: ignore[union-attr]
            methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
            listed = terms(section(ast.get_docstring(node) or "", "Attributes"))
            assert set(listed) <= fields | methods | assigned, node.name


def is_covered(error: str, listed: list[str]) -> bool:
    """Whether a class of error, or one that it derives from, is listed."""
    cls = next(
        (getattr(module, error) for module in (errors, responses, folders) if hasattr(module, error)), None
    )
    return error in listed or (cls is not None and any(base.__name__ in listed for base in cls.__mro__))


def members() -> Iterator[tuple[str, Any]]:
    """Yield what a user can call: functions, and methods of classes, by their public names."""
    for name in syngen.__all__:
        value = getattr(syngen, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and not issubclass(value, BaseException):
            for key, member in inspect.getmembers(value, inspect.isroutine):
                if not key.startswith("_") and "syngen" in (getattr(member, "__module__", "") or ""):
                    yield f"{name}.{key}", member


@pytest.mark.parametrize(("name", "function"), list(members()), ids=[name for name, _ in members()])
def test_what_users_call_says_what_it_takes_and_raises(name: str, function: Any) -> None:
    text = inspect.getdoc(function) or ""
    assert text, f"{name} has no docstring"
    taken = [key for key in inspect.signature(function).parameters if key not in ("self", "cls")]
    listed = terms(section(text, "Parameters"))
    for key in taken:
        assert key in listed or (not listed and f"`{key}`" in text), f"{name}: {key} is not documented"
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    for error in raised(definition):
        assert is_covered(error, terms(section(text, "Raises"))), f"{name}: {error} is not documented"


def test_every_package_says_what_it_is_for() -> None:
    packages = [module.name for module in pkgutil.walk_packages([str(ROOT)], "syngen.") if module.ispkg]
    for name in packages:
        path = ROOT.parent.joinpath(*name.split("."), "__init__.py")
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), name
