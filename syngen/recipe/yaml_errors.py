"""What the YAML parser says, in words that do not presuppose its grammar."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["yaml_problem"]

_TOKENS = {
    "<block end>": "the end of the block",
    "<block mapping start>": "a key that is indented otherwise",
    "<block sequence start>": "a list that is indented otherwise",
    "<block entry>": "'-'",
    "<document end>": "the end of the document",
    "<document start>": "the start of a document",
    "<scalar>": "a value",
    "<stream end>": "the end of the file",
    "<stream start>": "the start of the file",
}

# what the parser says: a pattern of it, the explanation, and whether the place where the unfinished thing
# begins is the better one to show
_EXPLAINED: tuple[tuple[str, str, bool], ...] = (
    (r"could not find expected ':'", "a ':' is missing after this key", True),
    (
        r"mapping values are not allowed here",
        "a ':' cannot stand here; the line may be indented too far, or its text needs quotes",
        False,
    ),
    (r"found character '\\t'", "this is a tab; indent with spaces", False),
    (
        r"found character ['\"]?(?P<found>.+?)['\"]? that cannot start any token",
        "a value cannot begin with {found}; put it in quotes",
        False,
    ),
    (
        r"found unexpected end of stream|unexpected document separator",
        "this text has no closing quote",
        True,
    ),
    (r"while parsing a flow .*but got '?<stream end>", "the bracket that opens here is not closed", True),
    (r"but found '(?P<found>[\]}])'$", "{found} closes nothing that is open", False),
    (
        r"while parsing a flow sequence.*expected ',' or '\]', but got (?P<found>.+)",
        "a ',' or the ']' of the list that begins in line {line} is missing before {found}",
        False,
    ),
    (
        r"while parsing a flow mapping.*expected ',' or '}', but got (?P<found>.+)",
        "a ',' or the '}}' of the map that begins in line {line} is missing before {found}",
        False,
    ),
    (
        r"while parsing a block (mapping|collection).*expected <block end>, but found (?P<found>.+)",
        "this does not fit the lines above, which begin with line {line}; look at indentation and brackets",
        False,
    ),
    (r"expected the node content, but found (?P<found>.+)", "a value is missing before {found}", False),
    (r"expected <document start>", "something stands behind the end of the recipe; remove it", False),
)


def yaml_problem(error: Any) -> tuple[str, int, int]:
    """Return what is wrong with a text that is not YAML, and where: message, line and column from 1.

    Parameters
    ----------
    error : ruamel.yaml.error.YAMLError
    """
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    mark, begin = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    mark, begin = mark or begin, begin or mark
    said = f"{context}, {problem}" if context else problem
    for pattern, explanation, is_at_beginning in _EXPLAINED:
        found = re.search(pattern, said)
        if found is not None:
            place = begin if is_at_beginning else mark
            token = _plain(found.groupdict().get("found") or "")
            line = begin.line + 1 if begin is not None else 1
            return f"not YAML: {explanation.format(found=token, line=line)}", *_position(place)
    return f"not YAML: {_plain(said)}", *_position(mark)


def _plain(text: str) -> str:
    """Return a text without the parser's names of tokens."""
    for token, words in _TOKENS.items():
        text = text.replace(f"'{token}'", words).replace(token, words)
    return text


def _position(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
