"""JSON documents that anybody may have written, and the models that they are read as."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

from pydantic import Field, Strict, TypeAdapter, ValidationError

from syngen.errors import ManifestError, SyngenError
from syngen.recipe.messages import abridged, message_of, path_of

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["Amount", "Count", "Text", "json_in", "parse_json", "validated"]

T = TypeVar("T")

Text = Annotated[str, Strict()]
"""A text; no number is taken for one."""

Count = Annotated[int, Strict(), Field(ge=0, lt=1 << 63)]
"""A whole number that an int64 has room for."""

Amount = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
"""A finite number."""

_ADAPTERS: dict[object, TypeAdapter[Any]] = {}
_MOST_SHOWN = 60  # characters of a key, or a number
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(data: bytes) -> Json:
    """Return the JSON object that some bytes are.

    Raises
    ------
    ValueError
        If they are none, are not UTF-8, nest too deeply, name a key twice, or have a number that is not
        finite or a text that UTF-8 cannot hold.
    """
    text = data.decode("utf-8-sig")
    try:
        content = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
        if _ESCAPED_SURROGATE.search(text):  # half of a pair may be written down, and is no character
            json.dumps(content, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    if not isinstance(content, dict):
        raise ValueError(f"an object is needed, not {abridged(content)}")
    return content


def json_in(data: bytes | None) -> Json | None:
    """Return the JSON object that some bytes are, or None if they are none."""
    try:
        return parse_json(data or b"")
    except ValueError:
        return None


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {abridged(twice)} stands twice in one object; keep one")
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON; a finite one is needed")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:_MOST_SHOWN]} is too large; a finite one is needed")
    return number


def validated(model: type[T], content: object, what: str, *, error: type[SyngenError] = ManifestError) -> T:
    """Return the content of a document as what it should be.

    Parameters
    ----------
    model : type
        A dataclass whose annotations say what is possible.
    content : object
    what : str
        Name of the document, for messages.
    error : type
        What is raised.

    Raises
    ------
    SyngenError
        If it cannot be that, with the first place in the document at which it cannot.
    """
    try:
        found: T = _adapter(model).validate_python(content)
    except ValidationError as refused:
        problem = refused.errors()[0]
        path = path_of(problem, content)
        place = ".".join(str(step)[:_MOST_SHOWN] for step in path)
        message = message_of(problem, path, model)
        raise error(f"{what}: {place}: {message}" if place else f"{what}: {message}") from refused
    return found


def _adapter(model: Any) -> TypeAdapter[Any]:
    if model not in _ADAPTERS:
        _ADAPTERS[model] = TypeAdapter(model)
    return _ADAPTERS[model]
