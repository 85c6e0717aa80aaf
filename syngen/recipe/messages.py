"""What pydantic says of a document, in the words of syngen."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from syngen._typing import DocumentPath
from syngen.recipe.hints import form_hint, list_hint, meant_key, unknown_key

__all__ = ["abridged", "is_number", "message_of", "path_of", "without_consequences"]

_PATTERN_HINTS: dict[str | int, str] = {
    "fingerprint": "use 64 small hexadecimal digits",
    "name": "use lower-case letters, digits and single - _ . between them, a letter first",
    "sha256": "use 64 small hexadecimal digits",
    "version": "use three numbers, for example 1.0.0",
}

_COLLECTIONS = {
    "dict_type": "a map",
    "dataclass_type": "a map",
    "model_type": "a map",
    "list_type": "a list",
    "tuple_type": "a list",
}
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MOST_SHOWN = 100


def abridged(value: object) -> str:
    """Return what a message shows of a value."""
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."


def path_of(problem: Any, document: object) -> DocumentPath:
    """Return the part of pydantic's location that exists in a document; pydantic adds names of types.

    Parameters
    ----------
    problem : pydantic_core.ErrorDetails
        One of ``ValidationError.errors()``.
    document : object
        What was validated.
    """
    location, kind = problem["loc"], problem["type"]
    path: list[str | int] = []
    node: Any = document
    for step in location:
        is_key = isinstance(node, dict) and step in node
        if is_key or (isinstance(node, list) and isinstance(step, int) and step < len(node)):
            node = node[step]
        else:
            if kind == "missing" and step == location[-1]:
                path.append(step)
            break
        path.append(step)
    return tuple(path)


def message_of(problem: Any, path: DocumentPath, model: object) -> str:
    """Return what is wrong at a path of a document, with the value and what would be right.

    Parameters
    ----------
    problem : pydantic_core.ErrorDetails
        One of ``ValidationError.errors()``.
    path : tuple of str or int
        See `path_of`.
    model : type
        What the document was validated as; its keys are what an unknown one is compared with.
    """
    kind, given, value = problem["type"], problem["input"], abridged(problem["input"])
    if kind in _UNKNOWN:
        return unknown_key(path[-1], _keys_at(path[:-1], model), _sections(model) if len(path) == 1 else {})
    if kind == "missing":
        return f"the key {problem['loc'][-1]!r} is missing"
    text = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return str(text)
    if isinstance(given, str) and kind in ("int_type", "float_type", "int_parsing"):
        if is_number(given):
            return f"{value} is text; write {given} without quotes"
        return f"a number is needed, not {value}"
    if kind in ("finite_number", "float_type", "int_type") and isinstance(given, float):
        needed = "a whole number" if kind == "int_type" else "a finite number"
        return f"{needed} is needed, not {given}"
    if kind in _COLLECTIONS:
        needed = f"{_COLLECTIONS[kind]} is needed"
        if not _is_recipe(model):
            return f"{needed}, not {value}"
        model_name = str(problem.get("ctx", {}).get("class_name", ""))
        is_map = _COLLECTIONS[kind] == "a map"
        hint = form_hint(model_name, path, given) if is_map else list_hint(given)
        seen = "and nothing is there" if given is None else f"not {value}"
        return f"{needed}, {seen}" + (f"; {hint}" if hint else "")
    if kind == "string_type":
        return f"text is needed, not {value}; put it in quotes"
    if kind == "string_pattern_mismatch":
        return f"{value} cannot be a {path[-1]}; {_PATTERN_HINTS.get(path[-1], text)}"
    if kind == "too_short":
        return "this is empty; give at least one entry"
    needed = text[0].lower() + text[1:]
    for opening in ("input should be ", "input should have "):
        needed = needed.removeprefix(opening)
    shown = "" if isinstance(given, (dict, list)) else f", not {value}"
    return f"{needed}{shown}" if "should" in needed else f"this must be {needed}{shown}"


def without_consequences(problems: Sequence[Any], document: object, model: object) -> list[Any]:
    """Return problems without those that follow from others: a key that is missing because it is misspelt.

    Parameters
    ----------
    problems : sequence of pydantic_core.ErrorDetails
    document : object
        What was validated.
    model : type
        What it was validated as.
    """
    unknown: dict[DocumentPath, list[object]] = {}
    for problem in problems:
        if problem["type"] in _UNKNOWN:
            path = path_of(problem, document)
            unknown.setdefault(path[:-1], []).append(path[-1])

    def follows(problem: Any) -> bool:
        path = path_of(problem, document)
        if problem["type"] != "missing" or path[:-1] not in unknown:
            return False
        known = _keys_at(path[:-1], model)
        return any(_meant(key, known) == path[-1] for key in unknown[path[:-1]])

    return [problem for problem in problems if not follows(problem)]


def _meant(key: object, known: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(str(key), known, n=1)
    return meant_key(key, known) or (near[0] if near else None)


def _is_recipe(model: object) -> bool:
    return getattr(model, "__name__", "") == "Recipe"


def _sections(model: Any) -> dict[str, tuple[str, ...]]:
    """Keys of the sections of a recipe by section."""
    return {name: _keys_at((name,), model) for name in ("audio", "sampling")} if _is_recipe(model) else {}


def is_number(text: str) -> bool:
    """Return whether a text is that of a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _keys_at(path: DocumentPath, annotation: Any) -> tuple[str, ...]:
    """Keys that a model has at a path of the document."""
    for step in path:
        model = _unwrapped(annotation)
        fields = _fields_of(model)
        if step in fields:
            annotation = fields[str(step)]
        elif get_origin(model) in (dict, list, tuple):
            annotation = get_args(model)[1 if get_origin(model) is dict else 0]
        else:
            return ()
    return tuple(_fields_of(_unwrapped(annotation)))


def _fields_of(model: Any) -> dict[str, Any]:
    """Annotations of a model or a dataclass by name; none of anything else."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    return get_type_hints(model) if dataclasses.is_dataclass(model) else {}


def _unwrapped(annotation: Any) -> Any:
    """Strip ``Annotated`` and ``| None`` from an annotation."""
    while get_origin(annotation) in (Annotated, Union, types.UnionType):
        annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation
