"""What pydantic says of a document, in the words of syngen."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from syngen._typing import DocumentPath
from syngen.errors import suggestion

__all__ = ["message_of", "path_of"]

_PATTERN_HINTS: dict[str | int, str] = {
    "name": "use lower-case letters, digits and single - _ . between them, a letter first",
    "version": "use three numbers, for example 1.0.0",
}


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
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return f"unknown key {path[-1]!r}{suggestion(path[-1], _keys_at(path[:-1], model))}"
    if kind == "missing":
        return f"the key {problem['loc'][-1]!r} is missing"
    text = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return str(text)
    if isinstance(given, str) and kind in ("int_type", "float_type", "int_parsing"):
        if _is_number(given):
            return f"{given!r} is text; write {given} without quotes"
        return f"a number is needed, not {given!r}"
    if kind in ("finite_number", "float_type", "int_type") and isinstance(given, float):
        needed = "a whole number" if kind == "int_type" else "a finite number"
        return f"{needed} is needed, not {given}"
    if kind == "string_type":
        return f"text is needed, not {given!r}; put it in quotes"
    if kind == "string_pattern_mismatch":
        return f"{given!r} cannot be a {path[-1]}; {_PATTERN_HINTS.get(path[-1], text)}"
    if kind == "too_short":
        return "this is empty; give at least one entry"
    needed = text[0].lower() + text[1:]
    for opening in ("input should be ", "input should have "):
        needed = needed.removeprefix(opening)
    shown = "" if isinstance(given, (dict, list)) else f", not {given!r}"
    return f"{needed}{shown}" if "should" in needed else f"this must be {needed}{shown}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _keys_at(path: DocumentPath, annotation: Any) -> tuple[str, ...]:
    """Keys that a model has at a path of the document."""
    for step in path:
        model = _unwrapped(annotation)
        if isinstance(model, type) and issubclass(model, BaseModel):
            fields = model.model_fields
            if step not in fields:
                return ()
            annotation = fields[str(step)].annotation
        elif get_origin(model) in (dict, list):
            annotation = get_args(model)[-1]
        else:
            return ()
    model = _unwrapped(annotation)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return tuple(model.model_fields)
    return ()


def _unwrapped(annotation: Any) -> Any:
    """Strip ``Annotated`` and ``| None`` from an annotation."""
    while get_origin(annotation) in (Annotated, Union, types.UnionType):
        annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation
